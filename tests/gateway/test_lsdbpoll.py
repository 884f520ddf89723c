"""Polling: agents that misbehave (scripted), and FRR with snmpd in namespaces, v2c and v3."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.errors import GatewayError
from gateway.lsdbpoll import LsdbPoller, PollError
from gateway.pollconfig import PollConfig
from ospf.lsa import MAX_AGE, with_age
from ospf.polled import AREA_ID, COLUMNS, EXT_LSDB, LSDB, ROUTER_ID, Oid, Poll, Value
from tests.gateway.snmprouters import AGENT, AUTH_KEY, COMMUNITY, PRIV_KEY, USER, SnmpRouters
from tests.ospf.heard import external_lsa, router_lsa
from tests.ospf.test_polled import R1, group, row
from tests.require import require_programs, require_root

ONE = router_lsa(0, R1, "10.2.0.1")
V3 = {
    "user": USER, "auth_protocol": "sha256", "auth_key": AUTH_KEY, "priv_protocol": "aes128", "priv_key": PRIV_KEY,
}  # fmt: skip


class Clockwork:
    """A reactor of which only `callLater` is used."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Any]] = []

    def callLater(self, delay: float, call: Any) -> Clockwork:
        self.calls.append((delay, call))
        return self

    def active(self) -> bool:
        return False


class Agent:
    """Answers from rows in the order of their OIDs, `many` at a time."""

    def __init__(self, rows: list[tuple[Oid, Value]], many: int = 3) -> None:
        self.rows = sorted(rows)
        self.many = many
        self.asked = 0

    async def get(self, oid: Oid) -> list[tuple[Oid, Value]]:
        return [(o, v) for o, v in self.rows if o == oid]

    async def bulk(self, after: Oid) -> list[tuple[Oid, Value]]:
        self.asked += 1
        return [(o, v) for o, v in self.rows if o > after][: self.many]

    def close(self) -> None:
        self.asked = -1


class Polling:
    """A poller before a scripted agent."""

    def __init__(self, agent: Any, **tree: Any) -> None:
        self.reactor = Clockwork()
        self.told: list[Poll] = []
        config = msgspec.convert({"router": "192.0.2.1", "community": "x"} | tree, PollConfig)
        self.poller = LsdbPoller(self.reactor, config, lambda poller, poll: self.told.append(poll))
        self.poller._session = agent

    def poll(self) -> LsdbPoller:
        asyncio.run(self.poller._poll())
        return self.poller


def rows(externals: int = 20) -> list[tuple[Oid, Value]]:
    return [*group(0), row(ONE, 0), *(row(external_lsa(0, R1, n)) for n in range(externals))]


def test_everything_arrives_and_the_next_poll_is_due() -> None:
    more = [((1, 3, 6, 1, 2, 1, 15, n), 0) for n in range(1000)]  # of other MIBs, behind ours
    agent = Agent([*rows(), *more])
    polling = Polling(agent, period_seconds=60)
    poller = polling.poll()
    assert len(poller.databases[0]) == 21 and poller.failures == 0 and poller.last_error == ""
    assert [poll.new for poll in polling.told] == [(0,)]
    assert agent.asked <= 20
    ((delay, _),) = polling.reactor.calls
    assert 50 < delay <= 60
    polling.poll()
    assert len(polling.told) == 1, "nothing changed, nothing told"
    assert poller.stats()["polls"] == 2 and poller.stats()["lsas"] == 21


def test_an_area_that_the_router_is_not_in_is_told(caplog: pytest.LogCaptureFixture) -> None:
    Polling(Agent(rows()), areas=["0.0.0.0", "0.0.0.8"]).poll()
    (line,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert line == "192.0.2.1:161: the router has no database of area 0.0.0.8; is it in it?"


def test_lingering_lsas_are_told_when_they_come_and_go() -> None:
    dead = row(with_age(router_lsa(0, "10.0.0.9", "10.2.0.9"), MAX_AGE), 0)
    polling = Polling(Agent(rows()))
    polling.poll()
    for agent, told in (
        (Agent([*rows(), dead]), 2),
        (Agent([*rows(), dead]), 3),
        (Agent(rows()), 4),
        (Agent(rows()), 4),
    ):
        polling.poller._session = agent  # type: ignore[assignment]
        polling.poll()
        assert len(polling.told) == told
    assert [len(poll.lingering) for poll in polling.told] == [0, 1, 1, 0]


def test_an_agent_without_ospf() -> None:
    poller = Polling(Agent([((1, 3, 6, 1, 2, 1, 1, 1, 0), b"a switch")])).poll()
    assert poller.failures == 1 and "agentx" in poller.last_error and "1.3.6.1.2.1.14" in poller.last_error
    assert "no OSPF area" not in poller.last_error and poller.requests == 1
    poller = Polling(Agent([(ROUTER_ID, b"\x0a\0\0\1")])).poll()
    assert "no OSPF area" in poller.last_error


def test_an_agent_that_goes_round_in_circles(caplog: pytest.LogCaptureFixture) -> None:
    class Circular(Agent):
        async def bulk(self, after: Oid) -> list[tuple[Oid, Value]]:
            found = await super().bulk(after)
            return found if after[: len(EXT_LSDB)] != EXT_LSDB else self.externals[:3]

        externals = sorted(r for r in rows() if r[0][: len(EXT_LSDB)] == EXT_LSDB)

    polling = Polling(Circular(rows()))
    with caplog.at_level(logging.WARNING):
        poller = polling.poll()
    assert "do not increase" in poller.last_error and "do not increase" in caplog.text
    assert len(poller.databases[0]) == 1 + 3, "what came before stays"


def test_a_walk_has_a_ceiling() -> None:
    class Endless(Agent):
        async def bulk(self, after: Oid) -> list[tuple[Oid, Value]]:
            if after[: len(LSDB)] != LSDB:
                return await super().bulk(after)
            self.asked += 1
            return [((*after, 1), b"") if len(after) < 40 else ((*after[:-1], after[-1] + 1), b"")]

    agent = Endless(rows())
    poller = Polling(agent, max_lsas=100).poll()
    assert "max_lsas = 100" in poller.last_error and agent.asked < 120


def test_a_router_that_falls_silent_loses_nothing_at_once(caplog: pytest.LogCaptureFixture) -> None:
    class Silent(Agent):
        async def get(self, oid: Oid) -> list[tuple[Oid, Value]]:
            raise PollError("no answer")

    polling = Polling(Agent(rows()))
    polling.poll()
    polling.poller._session = Silent([])  # type: ignore[assignment]
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            polling.poll()
    assert len(polling.poller.databases[0]) == 21 and polling.poller.failures == 5
    assert caplog.text.count("no answer") == 1, "told once a minute"
    polling.poller._session = Agent(rows(10))  # type: ignore[assignment]
    polling.poll()
    assert len(polling.poller.databases[0]) == 11 and polling.poller.last_error == ""


def test_a_fault_does_not_end_the_polling(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Agent):
        async def bulk(self, after: Oid) -> list[tuple[Oid, Value]]:
            raise RuntimeError("a fault in a library")

    polling = Polling(Faulty(rows()))
    with caplog.at_level(logging.ERROR):
        polling.poll()
    assert len(polling.reactor.calls) == 1 and "a fault in a library" in caplog.text


def test_columns_are_walked_in_the_order_of_their_needs() -> None:
    assert COLUMNS[0] == AREA_ID and tuple(sorted(COLUMNS)) == COLUMNS


def test_keys_that_cannot_be_read(tmp_path: Path) -> None:
    def start(**tree: Any) -> None:
        config = msgspec.convert({"router": "192.0.2.1"} | tree, PollConfig)
        LsdbPoller(Clockwork(), config, lambda poller, poll: None).start()

    with pytest.raises(GatewayError, match="No such file"):
        start(community_file=str(tmp_path / "none"))
    (tmp_path / "empty").write_text("")
    with pytest.raises(GatewayError, match="expected one line"):
        start(community_file=str(tmp_path / "empty"))
    (tmp_path / "good").write_text("from a file\n")
    start(community_file=str(tmp_path / "good"))


# Real routers


@pytest.fixture(scope="module")
def routers() -> Iterator[SnmpRouters]:
    require_root()
    require_programs("ip", "zebra", "ospfd", "vtysh", "snmpd")
    made = SnmpRouters.up()
    try:
        yield made
    finally:
        made.close()


def run(routers: SnmpRouters, module: str, *arguments: str) -> subprocess.Popen[str]:
    """A program of the tests on the listener's host."""
    command = ("ip", "netns", "exec", routers.namespace("ls"), sys.executable, "-m", module, *arguments)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def poll(routers: SnmpRouters, seconds: float, *trees: dict[str, Any]) -> subprocess.Popen[str]:
    configs = [{"router": AGENT, **tree} for tree in trees]
    return run(routers, "tests.gateway.poll", json.dumps(configs), str(seconds))


def ends(process: subprocess.Popen[str], count: int) -> list[Any]:
    """The last lines a program says."""
    out, _ = process.communicate(timeout=60)
    return [json.loads(line) for line in out.splitlines()[-count:]]


def held(end: Any) -> dict[str, set[tuple[Any, ...]]]:
    return {area: {tuple(r) for r in found} for area, found in end["databases"].items()}


@pytest.mark.lab
def test_polled_databases_are_the_routers_own(routers: SnmpRouters) -> None:
    """The border router gives both areas, over v2c and v3; the topology is what an attachment sees."""
    attached = run(routers, "tests.ospf.watch", '{"interface": "e0"}', "3")
    polled = ends(poll(routers, 1.5, {"community": COMMUNITY}, V3), 2)
    (there,) = ends(attached, 1)
    database = routers.database("abr")
    for end in polled:
        assert (end["router"], end["error"]) == (AGENT, "")
        assert held(end) == {area: database[area] | database[""] for area in ("0.0.0.0", "0.0.0.1")}
        assert end["area_links"]["0.0.0.0"] == there["links"] and len(there["links"]) == 3
        assert end["stats"]["lsas_decoded"] == sum(map(len, database.values())) and end["stats"]["rows_malformed"] == 0
    assert there["stats"]["active"] == 0


@pytest.mark.lab
def test_a_poll_follows_the_router_and_errors_tell_the_remedy(routers: SnmpRouters) -> None:
    wrong = {
        "is the community right": {"community": "wrong", "timeout_seconds": 0.5, "retries": 0},
        "does not know this user": V3 | {"user": "nobody"},
        "auth_key or auth_protocol differ": V3 | {"auth_key": "another key"},
        "security level too low": {"user": USER, "auth_protocol": "sha256", "auth_key": AUTH_KEY},
    }
    process = poll(routers, 7, {"community": COMMUNITY, "period_seconds": 5}, V3, *wrong.values())
    assert process.stdout is not None and json.loads(process.stdout.readline())["event"] == "changed"
    routers.vtysh("r2", "configure terminal", "interface e0", "ip ospf cost 77")
    routers.withdraw(3)
    follower, same_user, *failed = ends(process, 6)
    for text, end in zip(wrong, failed, strict=True):
        assert text in end["error"] and end["databases"] == {}
    assert same_user["error"] == "", "others of that name have other keys"
    database = routers.database("abr")
    assert held(follower) == {area: database[area] | database[""] for area in ("0.0.0.0", "0.0.0.1")}
    assert ["10.97.1.2:10.97.1.2", 77, True] in follower["links"]
    assert not [r for r in follower["databases"]["0.0.0.1"] if r[1] == "172.16.3.0"]
