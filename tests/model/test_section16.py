"""`Paths.table` of every router of random networks of several areas, against RFC 2328 section 16 word for word."""

from __future__ import annotations

import pytest

from ospf.areas import AreaDatabase, Options
from ospf.lsa import RouterLsa
from ospf.paths import Paths
from ospf.topology import build_domain
from tests.model.areas import RandomNetwork, random_network
from tests.model.section16 import STUB, TRANSIT, Prefix, RoutingTable
from tests.ospf.lsas import B, asbr_summary, external, ip, network, p2p, router, stub, summary, transit

Told = dict[Prefix, tuple[int, int, int, frozenset[tuple[str, int]]]]


def in_two_areas(databases) -> set[Prefix]:
    """Stub prefixes announced in more than one area."""
    seen: dict[Prefix, set[int]] = {}
    for area, lsas in databases.items():
        for lsa in lsas:
            for link in lsa.body.links if isinstance(lsa.body, RouterLsa) else ():
                if link.type == STUB:
                    seen.setdefault((link.link_id, bin(link.link_data).count("1")), set()).add(area)
    return {prefix for prefix, areas in seen.items() if len(areas) > 1}


def announced(databases, root: int) -> set[Prefix]:
    """Prefixes the router is connected to or redistributes: other programs on it decide about those."""
    found: set[Prefix] = set()
    for lsas in databases.values():
        lans = {lsa.header.link_state_id: lsa.body.mask for lsa in lsas if lsa.header.type == 2}
        for lsa in lsas:
            if lsa.header.advertising_router != root:
                continue
            if isinstance(lsa.body, RouterLsa):
                for link in lsa.body.links:
                    if link.type == STUB:
                        found.add((link.link_id & link.link_data, bin(link.link_data).count("1")))
                    elif link.type == TRANSIT and link.link_id in lans:
                        found.add((link.link_id & lans[link.link_id], bin(lans[link.link_id]).count("1")))
            elif lsa.header.type in (5, 7):
                found.add((lsa.header.link_state_id & lsa.body.mask, bin(lsa.body.mask).count("1")))
    return found


def computed(paths: Paths, root: int) -> Told:
    """The product's table in the oracle's words."""
    links = paths.topology.links
    found: Told = {}
    for route in paths.table(root):
        # A forwarding address on an own stub network: section 16 names no next hop, the product the row.
        ways = [(links.keys[hop.link].interface, hop.router) for hop in route.next_hops]
        hops = frozenset(way for way in ways if "/" not in way[0])
        found[route.network, route.plen] = (route.route_type, route.cost, route.type2_cost, hops)
    return found


def expected(databases, root: int, **switches: bool) -> Told:
    table = RoutingTable(root, databases, **switches)
    return {prefix: (e.kind, e.cost, e.type2, e.hops) for prefix, e in table.routes.items()}


def differences(net: RandomNetwork, *, rfc1583: bool = False) -> list[str]:
    databases = net.databases()
    options = Options(rfc1583_compatibility=rfc1583)
    areas = [AreaDatabase(area, lsas) for area, lsas in databases.items()]
    paths = Paths(build_domain(areas, instance="default", version=1, time=0.0, options=options))
    found = []
    # 16.3 asks for the area of a route; of one with equal paths in two areas it does not say which that is
    unsaid = in_two_areas(databases) if net.virtual else set()
    for root in net.routers:
        own = announced(databases, root) | unsaid
        ours, truth = computed(paths, root), expected(databases, root, rfc1583=rfc1583)
        for prefix in sorted((ours.keys() | truth.keys()) - own):
            if ours.get(prefix) != truth.get(prefix):
                found.append(f"{root & 255} to {prefix}: {ours.get(prefix)}, section 16 {truth.get(prefix)}")
    return found


@pytest.mark.parametrize("block", range(10))
@pytest.mark.parametrize("rfc1583", [False, True])
def test_every_table_of_random_networks(block: int, rfc1583: bool) -> None:
    for seed in range(block * 8, block * 8 + 8):
        found = differences(random_network(seed), rfc1583=rfc1583)
        assert not found, f"seed {seed}:\n" + "\n".join(found[:20])


def test_the_oracle_itself_on_a_network_worked_out_by_hand() -> None:
    """r1 and r2 in the backbone on a LAN, r2 -- r3 in area 1; r3 redistributes."""
    one, two, three = "1.1.1.1", "2.2.2.2", "3.3.3.3"
    external_lsa = external("172.16.0.0/16", three, 20)
    databases = {
        0: [
            router(one, transit("10.0.0.1", "10.0.0.1", 5), stub("192.168.1.0/24", 7)),
            router(two, transit("10.0.0.1", "10.0.0.2", 6), flags=B),
            network("10.0.0.1", 24, one, (one, two)),
            summary("192.168.3.0/24", two, 13),
            asbr_summary(three, two, 10),
            external_lsa,
        ],
        1: [
            router(two, p2p(three, "10.1.0.1", 10), flags=B),
            router(three, p2p(two, "10.1.0.2", 1), stub("192.168.3.0/24", 3), flags=2),
            summary("10.0.0.0/24", two, 6),
            external_lsa,
        ],
    }
    there = frozenset({("10.0.0.1", ip(two))})
    assert expected(databases, ip(one)) == {
        (ip("10.0.0.0"), 24): (0, 5, 0, frozenset({("10.0.0.1", 0)})),
        (ip("192.168.1.0"), 24): (0, 7, 0, frozenset()),
        (ip("192.168.3.0"), 24): (1, 18, 0, there),
        (ip("172.16.0.0"), 16): (3, 15, 20, there),
    }
    assert expected(databases, ip(two))[ip("192.168.3.0"), 24] == (0, 13, 0, frozenset({("10.1.0.1", ip(three))}))
    assert expected(databases, ip(three))[ip("10.0.0.0"), 24] == (1, 7, 0, frozenset({("10.1.0.2", ip(two))}))
