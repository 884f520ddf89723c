"""Small networks of several areas, for the tests of routes, forwarding and tables."""

from __future__ import annotations

from ospf.areas import AreaDatabase, Options
from ospf.lsa import Lsa, LsaHeader
from ospf.offers import ROUTE_TYPE_NAMES
from ospf.paths import Paths
from ospf.topology import Topology, build_domain
from ospf.wire import address_text
from tests.ospf.lsas import B, ip, net, p2p, router, stub, summary

R1, R2, R3, R4, R5 = "1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4", "5.5.5.5"
OPTION_E, OPTION_NP = 0x02, 0x08

Shown = tuple[str, int, int, int | None, frozenset[str]]


def domain(areas: dict[int, list[Lsa]], **switches: object) -> Topology:
    databases = [AreaDatabase(area, lsas) for area, lsas in areas.items()]
    options = Options(**switches)  # type: ignore[arg-type]
    return build_domain(databases, instance="default", version=1, time=0.0, options=options)


def optioned(lsa: Lsa, options: int, age: int = 1) -> Lsa:
    h = lsa.header
    header = LsaHeader(age, options, h.type, h.link_state_id, h.advertising_router, h.sequence, h.checksum, h.length)
    return Lsa(header, lsa.body, lsa.raw)


def nssa(*lsas: Lsa) -> list[Lsa]:
    """As the LSAs of a not-so-stubby area: E off, N on; of a type 7 that is the P-bit, left as it is."""
    return [lsa if lsa.header.type == 7 else optioned(lsa, OPTION_NP) for lsa in lsas]


def stubby(*lsas: Lsa) -> list[Lsa]:
    return [optioned(lsa, 0) for lsa in lsas]


def table(t: Topology, rid: str) -> dict[str, Shown]:
    """{prefix: (type, cost, type-2 cost, area, next hops as "own interface>neighbour")}"""
    links = t.links
    found: dict[str, Shown] = {}
    for route in Paths(t).table(ip(rid)):
        hops = frozenset(
            (links.keys[hop.link].interface if hop.link >= 0 else "?")
            + ">"
            + (address_text(hop.router) if hop.router else address_text(hop.address) if hop.address else "")
            for hop in route.next_hops
        )
        kind = ROUTE_TYPE_NAMES[route.route_type]
        prefix = f"{address_text(route.network)}/{route.plen}"
        found[prefix] = (kind, route.cost, route.type2_cost, route.area, hops)
    return found


def shares(t: Topology, source: str, prefix: str) -> dict[str, float]:
    """Out shares of one pair, rows as "router:interface"."""
    import numpy as np

    vertex, row = t.router_vertex[ip(source)], t.prefixes.row(*net(prefix))
    assert row >= 0, prefix
    matrix = Paths(t).fractions(np.array([vertex]), np.array([row]))
    keys, n = t.links.keys, len(t.links)
    return {str(keys[c]): float(v) for c, v in zip(matrix.indices, matrix.data, strict=True) if c < n}


def three_areas() -> dict[int, list[Lsa]]:
    """R1 - R2 are the backbone; R3 is in area 1 behind both; R4 in area 2 behind R2.

    R3 has 10.3.0.0/24, R4 10.4.0.0/24; all costs 10, stubs 1; summaries as the border routers would make them.
    """
    return {
        0: [
            router(R1, p2p(R2, "10.0.12.1", 10), flags=B),
            router(R2, p2p(R1, "10.0.12.2", 10), flags=B),
            summary("10.3.0.0/24", R1, 11),
            summary("10.3.0.0/24", R2, 11),
            summary("10.4.0.0/24", R2, 11),
        ],
        1: [
            router(R1, p2p(R3, "10.1.13.1", 10), flags=B),
            router(R2, p2p(R3, "10.1.23.2", 10), flags=B),
            router(R3, p2p(R1, "10.1.13.3", 10), p2p(R2, "10.1.23.3", 10), stub("10.3.0.0/24", 1)),
            summary("10.4.0.0/24", R1, 21),
            summary("10.4.0.0/24", R2, 11),
        ],
        2: [
            router(R2, p2p(R4, "10.2.24.2", 10), flags=B),
            router(R4, p2p(R2, "10.2.24.4", 10), stub("10.4.0.0/24", 1)),
            summary("10.3.0.0/24", R2, 11),
        ],
    }
