"""The listener on a LAN of real routers: FRR 8 as DR and BDR, BIRD 2 beside them (about 65 s in all).

What it must show: the whole database, equal by key, sequence number and checksum to `show ip ospf database`; no
LSA changed by our coming and going; a change heard at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ospf.lan import EXTERNALS, Lan, ListenerProcess, run
from tests.require import require_programs, require_root

pytestmark = [pytest.mark.lab, pytest.mark.peer]
PROGRAMS = ("ip", "zebra", "ospfd", "vtysh", "bird", "birdc")


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    """r1 FRR (DR, 300 externals), r2 FRR (BDR), b3 BIRD."""
    require_root()
    require_programs(*PROGRAMS)
    made = Lan()
    try:
        made.start()
        made.converge(EXTERNALS + 5)
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def one_listener_at_a_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """Also after a failure: two processes behind one address would answer for each other."""
    yield
    if "lan" in request.fixturenames:
        request.getfixturevalue("lan").close_listeners()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def listed(process: ListenerProcess) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in process.dump()["lsas"]}


def owed_to(lan: Lan, router_id: str) -> list[str]:
    """What r1 still has to retransmit to, request from or describe to a neighbor."""
    rows = lan.vtysh("r1", "show ip ospf neighbor").splitlines()
    return next(row for row in rows if router_id in row).split()[-3:]


@pytest.mark.parametrize("router_id", ["0.0.0.255", "250.0.0.1"], ids=["following", "leading"])
def test_burst_copies_the_database_and_changes_nothing(lan: Lan, router_id: str) -> None:
    before = lan.database("r1")
    listener = lan.listen(router_id=router_id)
    event = listener.wait_for("Synchronised")
    print(f"\nburst of {event['lsas']} LSAs from FRR: {event['seconds'] * 1000:.1f} ms")
    time.sleep(1)  # a router that re-originates does so within MinLSInterval or at once
    dump = listener.dump()
    assert {tuple(row) for row in dump["lsas"]} == lan.database("r1") == before
    assert lan.database("r2") == before
    assert dump["stats"]["lsas_refused"] == dump["stats"]["malformed"] == dump["stats"]["syncs_failed"] == 0
    states = lan.vtysh("r1", "show ip ospf neighbor")
    assert f"{router_id} " in states and "Init" in next(s for s in states.splitlines() if router_id in s)
    listener.close()


def test_changes_are_heard_as_they_happen(lan: Lan) -> None:
    listener = lan.listen()
    listener.wait_for("Synchronised")
    for router, cost in (("r2", 77), ("r1", 88)):
        began = time.time()
        lan.vtysh(router, "configure terminal", "interface e0", f"ip ospf cost {cost}")
        event = listener.wait_for("LsdbChanged")
        print(f"\ncost change at {router}: {(event['wall'] - began) * 1000:.0f} ms")
        assert [key[0] for key in event["keys"]] == [1]
    run("ip", "-n", lan.namespace("r1"), "route", "del", "blackhole", "172.16.7.0/24")
    assert listener.wait_for("LsdbChanged")["keys"] == [[5, 0xAC100700, 0x0A620001]]
    run("ip", "-n", lan.namespace("b3"), "link", "set", "s0", "down")  # BIRD withdraws
    assert listener.wait_for("LsdbChanged")["keys"] == [[5, 0x0A620300, 0x0A620003]]
    lan.converge(EXTERNALS, stable=1)
    assert listed(listener) == lan.database("r1")
    assert listener.dump()["stats"]["doubts"] == 0


def test_passive_fills_from_floods_only(lan: Lan) -> None:
    listener = lan.listen(mode="passive")
    listener.wait_for("listening")
    lan.vtysh("r2", "configure terminal", "interface e0", "ip ospf cost 33")
    assert listener.wait_for("LsdbChanged")["keys"] == [[1, 0x0A620002, 0x0A620002]]
    assert listener.dump()["stats"]["sent"] == 0


def test_full_mode_reaches_full_and_leaves_no_trace(lan: Lan) -> None:
    listener = lan.listen(mode="full")
    listener.wait_for("Synchronised")  # with the DR
    listener.wait_for("Synchronised")  # with the BDR
    lan.vtysh("r2", "configure terminal", "interface e0", "ip ospf cost 44")
    listener.wait_for("LsdbChanged")
    # FRR repeats once what changed again before the ack, to its own kind too
    wait_for(lambda: owed_to(lan, "0.0.0.255") == ["0", "0", "0"], "nothing owed to us")
    assert "0.0.0.255         0 Full/DROther" in lan.vtysh("r1", "show ip ospf neighbor")
    assert listed(listener) == lan.database("r1")
    listener.close()
    time.sleep(1)
    assert "0.0.0.255         0 Init" in lan.vtysh("r1", "show ip ospf neighbor")
    assert not [row for row in lan.database("r1") if row[2] == "0.0.0.255"]  # nothing of ours was ever there


def test_the_next_dr_takes_over(lan: Lan) -> None:
    """The DR dies; the listener hears the BDR's new network-LSA and can synchronise with it."""
    listener = lan.listen()
    listener.wait_for("Synchronised")
    lan.kill("r1")
    listener.wait_for("NeighborLost", router_id=0x0A620001)
    second = 0x0A620002
    while not any([2, second, second] in event.get("keys", ()) for event in listener.events):
        listener.wait_for("LsdbChanged")
    listener.close()
    again = lan.listen()
    assert again.wait_for("Synchronised")["lsas"] > EXTERNALS


@pytest.fixture
def small() -> Iterator[Lan]:
    require_root()
    require_programs(*PROGRAMS)
    made = Lan()
    try:
        yield made
    finally:
        made.close()


def test_bird_as_the_dr(small: Lan) -> None:
    small.start(40, priorities={"b3": 200})
    waiting = small.listen()  # from before there is a DR: it waits and then gets all
    small.converge(45)
    waiting.wait_for("Synchronised")
    assert {tuple(row) for row in waiting.dump()["lsas"]} == small.database()
    waiting.close()
    before = small.database()
    listener = small.listen()
    event = listener.wait_for("Synchronised")
    print(f"\nburst of {event['lsas']} LSAs from BIRD: {event['seconds'] * 1000:.1f} ms")
    time.sleep(1)
    assert listed(listener) == small.database() == before
    assert run("birdc", "-s", str(small.folder / "b3" / "bird.ctl"), "show", "ospf", "neighbors").count("Full") == 2


def test_a_lone_router_is_polled_and_not_disturbed(small: Lan) -> None:
    small.start(20, routers=("r1",))
    listener = small.listen(poll_seconds=0.5)
    listener.wait_for("Synchronised")
    wait_for(lambda: "State DR," in small.vtysh("r1", "show ip ospf interface e0"), "election, with our Hellos in it")
    wait_for(lambda: listed(listener) == small.database(), "a poll after the election")
    before = small.database()
    time.sleep(2)
    assert small.database() == before == listed(listener)
    assert "10.98.0.1" in small.vtysh("r1", "show ip ospf interface e0")
    began = time.time()
    small.vtysh("r1", "configure terminal", "interface e0", "ip ospf cost 5")
    event = listener.wait_for("LsdbChanged")
    print(f"\nlone router, change polled after {(event['wall'] - began) * 1000:.0f} ms")
    wait_for(lambda: listener.dump()["stats"]["polls"] >= 8, "eight polls")
    listener.close()

    # The same router with the link made point-to-point: a burst changes nothing, full mode hears floods.
    small.vtysh("r1", "configure terminal", "interface e0", "ip ospf network point-to-point")
    time.sleep(6)  # MinLSInterval: nothing more is originated for the change
    before = small.database()
    burst = small.listen(network="point-to-point", mode="burst")
    burst.wait_for("Synchronised")
    time.sleep(1)
    assert small.database() == before == listed(burst)
    burst.close()
    full = small.listen(network="point-to-point", router_id="250.0.0.1")  # left to itself, that is full
    full.wait_for("Synchronised")
    assert "250.0.0.1         0 Full/-" in small.vtysh("r1", "show ip ospf neighbor")
    small.vtysh("r1", "configure terminal", "interface e0", "ip ospf cost 6")
    assert full.wait_for("LsdbChanged")["keys"] == [[1, 0x0A620001, 0x0A620001]]
