"""OSPFv3 beside FRR and BIRD: their databases, untouched, and their routing tables, also after changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ospf.offers import EXT2
from ospf.paths import Paths
from ospf.v3.prefix import address6_text, prefix6_text
from ospf.v3.topology import Topology6, build_domain_v3
from ospf.wire import address_text
from tests.ospf.v3_network import FRR_EXTERNALS, NUMBER, PROGRAMS, Database, Entry, Hop, Six
from tests.require import require_programs, require_root

pytestmark = pytest.mark.lab
# Area -> our segment, an FRR and a BIRD on it, how many routers the area has.
HEARD = {0: ("lan", "r1", "b3", 3), 1: ("s45", "r4", "b5", 4), 2: ("s36", "r6", "b3", 2)}
STABLE_SECONDS = 2.5
# FRR 8.4 hands packets for a forwarding address on its own segment to the ASBR (RFC 2328 16.4 (3): to the address).
HOP_APART = {("r4", "2001:db8:e6::/48")}
# It looks a forwarding address up when the LSA comes and not again when a route to the address does: for what BIRD
# translated out of the NSSA (with a forwarding address inside) BIRD alone is the measure.
NOT_ASKED = {(router, FRR_EXTERNALS["r6"]) for router in ("r1", "r2", "r4")}


class OurSide:
    """What our listeners hold and what follows from it, each version built from the one before."""

    def __init__(self, network: Six) -> None:
        self.network = network
        self.topology: Topology6 | None = None
        self.paths: Paths | None = None
        self.names = {node: network.indexes(node) for node in network.routers()}

    def databases(self) -> dict[int, Database]:
        return {
            each.area: {
                (
                    lsa.header.type,
                    address_text(lsa.header.link_state_id),
                    address_text(lsa.header.advertising_router),
                ): (
                    lsa.header.sequence & 0xFFFFFFFF,
                    lsa.header.checksum,
                )
                for lsa in each.lsas
            }
            for each in self.network.ears.databases()
        }

    def compute(self) -> None:
        version = 1 if self.topology is None else self.topology.version + 1
        built = build_domain_v3(
            self.network.ears.databases(), instance="default", version=version, time=0.0, previous=self.topology
        )
        assert isinstance(built, Topology6)
        self.topology, self.paths = built, Paths(built, self.paths)

    def table(self, node: str) -> dict[str, Entry]:
        assert self.topology is not None and self.paths is not None
        found = {}
        for route in self.paths.table(0x0A000000 + NUMBER[node]):
            hops = set()
            for hop in route.next_hops:
                row = self.topology.links.keys[hop.link].interface if hop.link >= 0 else "-"
                name = self.names[node].get(int(row[4:]), row) if row.startswith("v3if") else row
                gateway = next((n for n, number in NUMBER.items() if hop.router == 0x0A000000 + number), "")
                if not gateway and hop.address:
                    gateway = address6_text(hop.address)
                hops.add(Hop(name, gateway))
            type2 = route.type2_cost if route.route_type == EXT2 else 0
            prefix = prefix6_text(route.network, route.plen)
            found[prefix] = Entry(route.route_type, route.cost, type2, frozenset(hops))
        return found


def same(ours: Entry | None, theirs: Entry | None) -> bool:
    if ours is None or theirs is None or (ours.kind, ours.cost, ours.type2) != (theirs.kind, theirs.cost, theirs.type2):
        return False
    if all(not hop.gateway for hop in (*ours.hops, *theirs.hops)):
        return True  # a network of its own: there is one way to deliver, whatever the interface is called
    return ours.hops == theirs.hops


def lacking(network: Six, ours: OurSide) -> tuple[list[str], int]:
    """(what is not as the routers say, how many routes are)."""
    held, found, right = ours.databases(), [], 0
    for area, (segment, *routers, _) in HEARD.items():
        for router in map(str, routers):
            theirs = network.database(router, area, segment)
            if held.get(area, {}) != theirs:
                differing = held.get(area, {}).items() ^ theirs.items()
                found.append(f"database of area {area} beside {router}: {sorted(key for key, _ in differing)}")
    ours.compute()
    for router in network.routers():
        mine, theirs_too = ours.table(router), network.table(router)
        for prefix in sorted(mine.keys() | theirs_too.keys()):
            one, other = mine.get(prefix), theirs_too.get(prefix)
            if (router, prefix) in NOT_ASKED:
                continue
            if (router, prefix) in HOP_APART and one is not None and other is not None:
                one = replace(one, hops=frozenset(hop._replace(gateway="b5") for hop in one.hops))
            if same(one, other):
                right += 1
            else:
                found.append(f"{router} {prefix}: ours {one}, the router's {other}")
    return found, right


def settle(network: Six, ours: OurSide, seconds: float = 40.0) -> int:
    """Wait until everything is as the routers say and stays so; how many routes agree."""
    end, since, before = time.monotonic() + seconds, time.monotonic(), None
    while True:
        found, right = lacking(network, ours)
        state = (found, ours.databases())
        if found or state != before:
            since, before = time.monotonic(), state
        elif time.monotonic() - since > STABLE_SECONDS:
            return right
        assert time.monotonic() < end, "\n".join(found)
        time.sleep(0.3)


@pytest.fixture(scope="module")
def six() -> Iterator[Six]:
    require_root()
    require_programs(*PROGRAMS)
    made = Six()
    try:
        made.start()
        yield made
    finally:
        made.close()


def instances(network: Six) -> dict[int, Database]:
    return {area: network.database(router, area, segment) for area, (segment, router, _, _) in HEARD.items()}


def quiet(network: Six, seconds: float = 60.0) -> dict[int, Database]:
    """The routers' databases once FRR and BIRD agree and nothing has changed for longer than MinLSInterval."""
    end, since, before = time.monotonic() + seconds, time.monotonic(), None
    while True:
        state = instances(network)
        others = {area: network.database(bird, area, segment) for area, (segment, _, bird, _) in HEARD.items()}
        full = all(sum(key[0] == 0x2001 for key in state[area]) == count for area, (*_, count) in HEARD.items())
        if state != before or state != others or not full:
            since, before = time.monotonic(), state
        elif time.monotonic() - since > 5.5:
            return state
        apart = {area: sorted(key for key, _ in state[area].items() ^ others[area].items()) for area in HEARD}
        assert time.monotonic() < end, f"FRR and BIRD differ in {apart}"
        time.sleep(0.3)


def test_tables_and_databases_are_the_routers_own(six: Six) -> None:
    before = quiet(six)
    six.ears.attach("burst")
    end = time.monotonic() + 30
    while not all(listener.synchronised for listener in six.ears.listeners):
        assert time.monotonic() < end, [listener.last_error for listener in six.ears.listeners]
        time.sleep(0.05)
    time.sleep(1)
    assert instances(six) == before  # not one LSA changed: type, sequence and checksum of every one
    ours = OurSide(six)
    assert ours.databases() == before
    counts = [settle(six, ours)]
    assert instances(six) == before
    kinds = {key[0] for database in before.values() for key in database}
    assert kinds == {0x2001, 0x2002, 0x2003, 0x2004, 0x4005, 0x2007, 0x0008, 0x2009}

    six.set_cost("r2", "c24", 10)  # BIRD has two border routers equally near
    six.set_cost("b3", "lan", 12)
    counts.append(settle(six, ours))
    six.ip("r1", "link", "set", "a14", "down")
    six.ip("r4", "-6", "route", "del", "blackhole", FRR_EXTERNALS["r4"])
    counts.append(settle(six, ours))
    six.ip("r1", "link", "set", "a14", "up")
    six.ip("r1", "link", "set", "b14", "down")
    counts.append(settle(six, ours))
    print(f"\nOSPFv3: routes equal to FRR's and BIRD's, at first and after each step: {counts}, none different")
    check_counters(six)

    six.ears.detach()
    six.ears.attach("full")
    right = settle(six, ours)
    assert right == counts[-1]  # no path leads to a listener
    for router, listener in (("r1", "0.0.0.201"), ("r4", "0.0.0.202")):
        (line,) = [each for each in six.vtysh(router, "show ipv6 ospf6 neighbor").splitlines() if listener in each]
        assert "Full/" in line
    check_counters(six)


def check_counters(network: Six) -> None:
    for listener in network.ears.listeners:
        stats = listener.stats
        assert (stats.malformed, stats.lsas_refused, stats.unsent, stats.syncs_failed) == (0, 0, 0, 0)
