"""The routing table of one router, in words that compare with what the router itself prints.

`table` is RFC 2328 section 16 to the letter: unlike forwarding it says nothing of redistributed routes, and where the
shortest way to a connected network leads through a neighbour it says so (with `connected` set: packets do not go that
way). A directly attached destination has a next hop without a router. A route whose inside no attached area shows has
no next hops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ospf.forwarding import Forwarding
from ospf.offers import EXT2, INTRA
from ospf.routes import NO_ROUTE, Choice, whole
from ospf.spf import END

I8 = NDArray[np.int64]


class NextHop(NamedTuple):
    """Where a packet goes next."""

    link: int  # own row it leaves by, -1 none or unknown
    router: int  # id of the neighbour, 0: directly attached
    address: int  # its interface address on that link, 0 unnumbered or unknown


@dataclass(frozen=True)
class Route:
    """One entry of a routing table."""

    network: int
    plen: int
    route_type: int  # INTRA, INTER, EXT1, EXT2
    cost: int  # of an EXT2 the internal distance
    type2_cost: int  # metric of an EXT2, else 0
    area: int | None  # area id; None: external, or not seen
    next_hops: tuple[NextHop, ...]  # ascending
    connected: bool  # the router delivers it by itself


def table(forwarding: Forwarding, vertex: int) -> tuple[Route, ...]:
    """Every prefix the router has a route to, ordered by (network, plen)."""
    routes = forwarding.routes
    prefixes = forwarding.topology.prefixes
    everything = np.arange(len(prefixes), dtype=np.int64)
    router = np.full(len(prefixes), vertex, dtype=np.int64)
    inside = routes.inside(everything, router)
    rest = np.flatnonzero(inside.kind == NO_ROUTE)
    outside = routes.outside(rest, router[rest])
    hops: list[set[NextHop]] = [set() for _ in range(len(prefixes))]
    _fill(forwarding, inside, everything, vertex, hops)
    _fill(forwarding, outside, rest, vertex, hops)
    kind, cost, metric2 = inside.kind.copy(), inside.cost.copy(), inside.metric2.copy()
    kind[rest], cost[rest], metric2[rest] = outside.kind, outside.cost, outside.metric2
    _, attached = routes.connected.find(everything, router, forwarding.topology.n_vertices)
    _, own = routes.own.find(everything, router, forwarding.topology.n_vertices)
    most = int(forwarding._most[vertex])
    links = forwarding.topology.links
    found = []
    for p in np.flatnonzero(kind != NO_ROUTE).tolist():
        area = int(inside.area[p])
        chosen = hops[p]
        if len(chosen) > most:
            ranked = sorted(chosen, key=lambda hop: (hop.address, int(links.address[hop.link]), hop.link))
            chosen = set(ranked[:most])
        found.append(
            Route(
                network=prefixes.number(p), plen=int(prefixes.plen[p]), route_type=int(kind[p]),
                cost=int(cost[p]), type2_cost=int(metric2[p]) if kind[p] == EXT2 else 0,
                area=forwarding.topology.areas[area].area if area >= 0 else None,
                next_hops=tuple(sorted(chosen)), connected=bool(attached[p] or own[p]),
            )
        )  # fmt: skip
    return tuple(found)


def _fill(forwarding: Forwarding, choice: Choice, prefix: I8, vertex: int, hops: list[set[NextHop]]) -> None:
    topology, distances = forwarding.topology, forwarding.distances
    router = np.full(len(choice.kind), vertex, dtype=np.int64)
    # What the router is attached to itself: a stub of its own among the chosen ways.
    own = (
        np.flatnonzero((distances.local[choice.way_area, vertex] == choice.way_target) & (choice.way_target >= 0))
        if len(choice.node)
        else np.zeros(0, dtype=np.int64)
    )
    for way in own.tolist():
        p = int(choice.prefix[way])
        if choice.kind[choice.node[way]] == INTRA:
            first, count = routes_rows(forwarding, p, vertex)
            for link in range(first, first + count):
                row = int(forwarding.routes.connected.link[link])
                row = row if row >= 0 else _interface(forwarding, vertex, p)
                hops[int(prefix[choice.node[way]])].add(NextHop(row, 0, 0))
    found, near = forwarding.way_hops(choice, router)
    address = np.append(whole(topology.links.address), 0)
    for node, out, into, other in zip(*(column.tolist() for column in found), strict=True):
        rid = int(topology.routers[other]) if other != END else 0
        hops[int(prefix[node])].add(NextHop(out, rid, int(address[into]) if other != END else 0))
    for node, out, _, other, target in near:
        rid = int(topology.routers[other]) if other != END else 0
        hops[int(prefix[node])].add(NextHop(out, rid, target))


def routes_rows(forwarding: Forwarding, prefix: int, vertex: int) -> tuple[int, int]:
    """(first, number) of the rows by which a router is attached to a prefix."""
    first, count = forwarding.routes.connected.find(
        np.array([prefix]), np.array([vertex]), forwarding.topology.n_vertices
    )
    return int(first[0]), int(count[0])


def _interface(forwarding: Forwarding, vertex: int, prefix: int) -> int:
    """Own row in a point-to-point subnet, which has no row of delivery; -1 none."""
    links, prefixes = forwarding.topology.links, forwarding.topology.prefixes
    rows = np.flatnonzero(
        (links.vertex == vertex)
        & (links.network == prefixes.number(prefix))
        & (links.plen == prefixes.plen[prefix])
        & (prefixes.plen[prefix] < prefixes.host_length)
    )
    return int(rows[0]) if rows.size else -1
