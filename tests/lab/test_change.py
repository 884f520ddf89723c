"""What happens to the network shows in the view: costs, failures, and the gateway's own sudden death."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.lab import frr
from tests.lab.lsu import UpdateWatch
from tests.lab.monitored import (
    HTTP,
    IF_HC_OUT_OCTETS,
    IF_NAME,
    IF_OPER_STATUS,
    LINK_BITS_PER_SECOND,
    Monitored,
)
from tests.lab.network import Network
from tests.lab.plan import GATEWAY
from tests.lab.traffic import Traffic

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

LOAD_SECONDS = 150  # ends with the module at the latest
FOLLOWS_SECONDS = 2.0  # after the LSA
BUSY = 500_000  # bits per second: surely the load, surely not agents' reports
QUIET = 20_000
R1, R3 = "10.255.0.1", "10.255.0.3"


class Watched:
    """The running system and a stop watch that starts at the LSA."""

    def __init__(self, network: Network, monitored: Monitored, updates: UpdateWatch, measured: list[str]) -> None:
        self.network = network
        self.monitored = monitored
        self.updates = updates
        self.measured = measured
        self.index = {name: index for index, name in monitored.interface_indexes().items()}

    def rate(self, link: str) -> float:
        return float(self.monitored.links()[link]["bits_per_second"])

    def served(self, oid: str, link: str) -> int:
        return int(self.monitored.walk(oid)[self.index[link]])

    def routers_on_path(self, source: str, destination: str) -> set[str]:
        addresses = [self.network.plan.hosts[name].address for name in (source, destination)]
        hops = self.monitored.api("/api/path?src={}&dst={}".format(*addresses))["hops"]
        return {hop["router"] for hop in hops}

    def expect(self, change: str, router: str, configure: tuple[str, ...], **signs: Callable[[], bool]) -> None:
        """Configure r1, then see every sign within the time after the router-LSA of `router`."""
        moment = time.monotonic()
        frr.configure(self.network, "r1", *configure)
        flooded = self.updates.first_after(router, moment)
        followed = {}
        for name, sign in signs.items():
            while not sign():
                assert time.monotonic() < flooded + 20, f"{change}: {name} does not follow"
                time.sleep(0.02)
            followed[name] = time.monotonic() - flooded
        times = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in followed.items())
        self.measured.append(f"{change}: LSA {flooded - moment:.2f} s after the command, then {times}")
        late = {name: seconds for name, seconds in followed.items() if seconds > FOLLOWS_SECONDS}
        assert not late, f"{change}: more than {FOLLOWS_SECONDS} s after the LSA"


@pytest.fixture(scope="module")
def watched(network: Network, monitored: Monitored, traffic: Traffic, measured: list[str]) -> Iterator[Watched]:
    """A system under load whose rates are known: both equal paths busy."""
    traffic.start(LOAD_SECONDS)
    updates = UpdateWatch(network)
    watched = Watched(network, monitored, updates, measured)
    monitored.wait(
        "both equal paths busy", lambda: min(watched.rate("r1 to-r3"), watched.rate("r1 to-r4")) > BUSY, 60, 1.0
    )
    yield watched
    updates.close()


@pytest.fixture
def settled(network: Network) -> Iterator[None]:
    """Whatever the test does to r1, the network is whole again afterwards."""
    yield
    frr.configure(network, "r1", "interface to-r3", "no shutdown", "ip ospf cost 10")
    network.wait_converged()


@pytest.mark.usefixtures("settled")
def test_cost_change_moves_paths_and_rates(watched: Watched) -> None:
    assert R3 in watched.routers_on_path("h1", "h5")
    watched.expect(
        "cost of r1 to-r3 raised",
        R1,
        ("interface to-r3", "ip ospf cost 100"),
        cost=lambda: watched.monitored.links()["r1 to-r3"]["cost"] == 100,
        path=lambda: R3 not in watched.routers_on_path("h1", "h5"),
        rate=lambda: watched.rate("r1 to-r3") < QUIET and watched.rate("r1 to-r4") > 2 * BUSY,
        snmp=lambda: watched.served(LINK_BITS_PER_SECOND, "r1 to-r3") < QUIET,
    )


@pytest.mark.usefixtures("settled")
def test_interface_shut_moves_paths_and_takes_it_down(watched: Watched) -> None:
    assert watched.served(IF_OPER_STATUS, "r1 to-r3") == 1
    index = watched.index["r1 to-r3"]
    watched.expect(
        "r1 to-r3 shut",
        R1,
        ("interface to-r3", "shutdown"),
        up=lambda: not watched.monitored.links()["r1 to-r3"]["up"],
        path=lambda: R3 not in watched.routers_on_path("h1", "h5"),
        rate=lambda: watched.rate("r1 to-r3") < QUIET and watched.rate("r1 to-r4") > 2 * BUSY,
        oper_status=lambda: watched.served(IF_OPER_STATUS, "r1 to-r3") == 2,
        snmp=lambda: watched.served(LINK_BITS_PER_SECOND, "r1 to-r3") < QUIET,
    )
    assert watched.index["r1 to-r3"] == index  # the row stays, down


def test_restored_interface_is_the_same_link(watched: Watched) -> None:
    watched.monitored.wait("r1 to-r3 up again", lambda: watched.served(IF_OPER_STATUS, "r1 to-r3") == 1, 60)
    index = {name: index for index, name in watched.monitored.interface_indexes().items()}
    assert index == watched.index


def test_command_line_agrees_with_the_api(watched: Watched) -> None:
    hosts = watched.network.plan.hosts
    words = ["path", hosts["h1"].address, hosts["h5"].address, "--json", "--gateway", HTTP]
    told = json.loads(watched.network.run(GATEWAY, sys.executable, "-m", "gateway.cli", *words))
    assert {hop["router"] for hop in told["hops"]} == watched.routers_on_path("h1", "h5")


def test_killed_gateway_continues_where_it_was(watched: Watched) -> None:
    monitored = watched.monitored
    names, octets = monitored.walk(IF_NAME), monitored.walk(IF_HC_OUT_OCTETS)
    assert monitored.gateway is not None
    watched.network.stop(monitored.gateway, signal.SIGKILL)
    begin = time.monotonic()
    monitored.start_gateway()
    monitored.wait("every link in the view again", monitored.knows_every_link, 60)
    watched.measured.append(f"gateway back with every link {time.monotonic() - begin:.1f} s after kill -9")
    assert monitored.walk(IF_NAME) == names
    after = monitored.walk(IF_HC_OUT_OCTETS)
    backwards = {names[i]: (octets[i], after[i]) for i in octets if int(after[i]) < int(octets[i])}
    assert backwards == {}
    busiest = max(octets, key=lambda index: int(octets[index]))
    monitored.wait(
        "counters growing again", lambda: int(monitored.walk(IF_HC_OUT_OCTETS)[busiest]) > int(after[busiest]), 60
    )
