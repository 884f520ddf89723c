"""Random networks said once in OSPFv2 and once in OSPFv3: the routing tables are the same.

The tables of version 2 are held against RFC 2328 section 16 elsewhere (`tests.model`); here they are the truth for the
topology that `ospf.v3` makes of the same network. An IPv4 prefix becomes 2001:db8:PREFIX::, a host address stays one.
"""

from __future__ import annotations

import random

import pytest

from ospf.areas import AreaDatabase, Options
from ospf.lsa import ExternalLsa, Lsa, NetworkLsa, RouterLsa, SummaryLsa
from ospf.paths import Paths
from ospf.tables import Route
from ospf.topology import Topology, build_domain
from ospf.v3 import lsa as v3
from ospf.v3.prefix import PREFIX_LA, PREFIX_P, Prefix
from ospf.v3.topology import Topology6, build_domain_v3
from tests.model.areas import random_network
from tests.ospf.v3_lsas import make

BASE = 0x20010DB8 << 96
VIRTUAL_ID = 0x80000000
P2P, TRANSIT, STUB, VIRTUAL = 1, 2, 3, 4


def wide(network: int, plen: int) -> tuple[int, int]:
    """The IPv6 prefix that stands for an IPv4 one."""
    if plen == 0:
        return 0, 0
    return BASE | network << 64, 128 if plen == 32 else 32 + plen


def length(mask: int) -> int:
    return mask.bit_count()


def options3(options: int) -> int:
    return v3.OPTION_V6 | v3.OPTION_R | options & (v3.OPTION_E | v3.OPTION_N)


def router_lsas(
    lsa: Lsa, body: RouterLsa, designated: dict[int, int], virtual: dict[tuple[int, int], int]
) -> list[Lsa]:
    """A router-LSA in two parts, and its prefixes. Interface ids are the numbers of version 2, the far end's follow
    from how the networks are made: the two addresses of a cable, or the two indexes, differ in the last bits."""
    router = lsa.header.advertising_router
    links: list[v3.RouterLink] = []
    prefixes: list[Prefix] = []
    for link in body.links:
        data = link.link_data
        if link.type == P2P:
            links.append(v3.RouterLink(P2P, link.metric, data, data ^ (3 if data >= 1 << 24 else 1), link.link_id))
        elif link.type == TRANSIT:
            links.append(v3.RouterLink(TRANSIT, link.metric, data, link.link_id, designated.get(link.link_id, 1)))
        elif link.type == VIRTUAL:
            other = virtual.get((link.link_id, router), 1)
            links.append(v3.RouterLink(VIRTUAL, link.metric, data ^ VIRTUAL_ID, other ^ VIRTUAL_ID, link.link_id))
        else:
            network, plen = wide(link.link_id, length(data))
            prefixes.append(Prefix(network, plen, PREFIX_LA if plen == 128 else 0, link.metric))
    options = options3(lsa.header.options)
    half = len(links) // 2
    parts = [v3.RouterLsa(body.flags, options, tuple(part)) for part in (links[:half], links[half:])]
    said = [make(v3.ROUTER, number, router, part) for number, part in enumerate(parts)]
    reference = v3.IntraAreaPrefixLsa(v3.ROUTER, 0, router, tuple(prefixes))
    return [*said, make(v3.INTRA_AREA_PREFIX, 0, router, reference)]


def version3(lsas: list[Lsa]) -> list[Lsa]:
    """The database of an area in the words of OSPFv3."""
    designated = {lsa.header.link_state_id: lsa.header.advertising_router for lsa in lsas if lsa.header.type == 2}
    virtual = {
        (lsa.header.advertising_router, link.link_id): link.link_data
        for lsa in lsas
        if isinstance(lsa.body, RouterLsa)
        for link in lsa.body.links
        if link.type == VIRTUAL
    }
    found: list[Lsa] = []
    for number, lsa in enumerate(lsas):
        body, router, lsid = lsa.body, lsa.header.advertising_router, lsa.header.link_state_id
        if isinstance(body, RouterLsa):
            found += router_lsas(lsa, body, designated, virtual)
        elif isinstance(body, NetworkLsa):
            found.append(make(v3.NETWORK, lsid, router, v3.NetworkLsa(options3(lsa.header.options), body.attached)))
            prefix = Prefix(*wide(lsid & body.mask, length(body.mask)))
            found.append(
                make(v3.INTRA_AREA_PREFIX, lsid, router, v3.IntraAreaPrefixLsa(v3.NETWORK, lsid, router, (prefix,)))
            )
        elif isinstance(body, SummaryLsa) and lsa.header.type == 3:
            prefix = Prefix(*wide(lsid & body.mask, length(body.mask)))
            found.append(make(v3.INTER_AREA_PREFIX, number, router, v3.InterAreaPrefixLsa(body.metric, prefix)))
        elif isinstance(body, SummaryLsa):
            found.append(
                make(v3.INTER_AREA_ROUTER, lsid, router, v3.InterAreaRouterLsa(options3(2), body.metric, lsid))
            )
        elif isinstance(body, ExternalLsa):
            nssa = lsa.header.type == 7
            flags = PREFIX_P if nssa and lsa.header.options & 8 else 0
            prefix = Prefix(*wide(lsid & body.mask, length(body.mask)), flags)
            forwarding = wide(body.forwarding_address, 32)[0] if body.forwarding_address else 0
            external = v3.ExternalLsa(body.metric, body.type2, prefix, forwarding)
            found.append(make(v3.NSSA if nssa else v3.AS_EXTERNAL, lsid, router, external))
    return found


def words(route: Route, topology: Topology) -> tuple[object, ...]:
    """A route in words that are the same in both versions."""
    key = (route.network, route.plen) if isinstance(topology, Topology6) else wide(route.network, route.plen)
    hops = set()
    for hop in route.next_hops:
        where = -1
        if hop.router and hop.link >= 0:
            text = topology.links.keys[hop.link].interface
            if text.startswith("v3if"):
                where = int(text[4:])
            elif text.startswith("if"):
                where = int(text[2:])
            elif text.count(".") == 3 and "/" not in text:
                where = int.from_bytes(bytes(map(int, text.split("."))), "big")
        hops.add((where, hop.router))
    return (key, route.route_type, route.cost, route.type2_cost, route.area, frozenset(hops), route.connected)


def attachments(topology: Topology) -> dict[tuple[int, int], tuple[int, int, set[tuple[int, int]]]]:
    """Prefix -> (route type, type-2 metric, (vertex, cost) of its attachments)."""
    table, found = topology.prefixes, {}
    for row in range(len(table)):
        key = table.number(row), int(table.plen[row])
        here = range(int(table.start[row]), int(table.start[row + 1]))
        places = {(int(table.vertex[i]), int(table.cost[i])) for i in here}
        found[key if table.family == 6 else wide(*key)] = int(table.route_type[row]), int(table.metric[row]), places
    return found


@pytest.mark.parametrize("seeds", [range(n, n + 12) for n in range(0, 60, 12)], ids=str)
def test_tables_are_those_of_version_2(seeds: range) -> None:
    compared = 0
    for seed in seeds:
        dice = random.Random(seed)
        options = Options(rfc1583_compatibility=dice.random() < 0.5, abr=dice.choice(("rfc3509", "rfc2328")))
        whole = random_network(seed).databases()
        databases = {area: lsas for area, lsas in whole.items() if seed % 3 or not area or dice.random() < 0.5}
        two = build_domain(
            [AreaDatabase(area, tuple(lsas)) for area, lsas in databases.items()],
            instance="default", version=1, time=0.0, options=options,
        )  # fmt: skip
        three = build_domain_v3(
            [AreaDatabase(area, tuple(version3(lsas))) for area, lsas in databases.items()],
            instance="default", version=1, time=0.0, options=options,
        )  # fmt: skip
        assert two.routers.tolist() == three.routers.tolist()
        assert [graph.kind for graph in two.areas] == [graph.kind for graph in three.areas]
        assert attachments(three) == attachments(two), f"seed {seed}"
        ours, theirs = Paths(three), Paths(two)
        for router in two.routers.tolist():
            expected = sorted((words(route, two) for route in theirs.table(router)), key=str)
            found = sorted((words(route, three) for route in ours.table(router)), key=str)
            assert found == expected, f"seed {seed}, router {router:#x}"
            compared += len(found)
    assert compared > 300
