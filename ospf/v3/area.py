"""The inside of one OSPFv3 area: routers, networks, interfaces and usable links (RFC 5340 4.8.1, RFC 2328 16.1).

What OSPFv2 leaves to guessing is said here: a link names the far end's router id *and interface id*, so the two ends
of a point-to-point link are paired exactly, parallel ones too, and a link that is described from one side only, or with
another interface id, is not usable. A network is known by its designated router's id and interface id. Addresses do not
occur; they come in `ospf.v3.prefixes`.

Decisions. All router-LSAs of one router are one, with the flags and options of the one with the lowest link state id
(A.4.3). A router whose V6-bit is clear is not part of the IPv6 topology at all. One whose R-bit is clear is reached but
not crossed: no edge leaves it (erratum 2078 lets it use its own links; so its own table is not computed). A virtual
link passes through the area in which both ends set the V-bit; among several, the lowest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ospf.areas import BACKBONE, NORMAL, NSSA, STUB_AREA, AreaDatabase
from ospf.lsa import MAX_AGE, Lsa, plain_age
from ospf.v3.lsa import (
    LINK_P2P,
    LINK_TRANSIT,
    LINK_VIRTUAL,
    NETWORK,
    OPTION_E,
    OPTION_N,
    OPTION_R,
    OPTION_V6,
    ROUTER,
    NetworkLsa,
    RouterLink,
    RouterLsa,
    body_of,
)

MAX_METRIC = 0xFFFF  # RFC 6987


class Interface(NamedTuple):
    """An interface of a router: what a link row is in OSPFv3."""

    router: int
    interface: int


class Network(NamedTuple):
    """A transit network: its designated router's interface id (the link state id) and router id."""

    interface: int
    router: int


class Edge(NamedTuple):
    """A usable way from one local vertex to another; the interfaces it leaves and enters by, if it has any."""

    src: int
    dst: int
    cost: int
    out: Interface | None
    into: Interface | None
    virtual: bool


@dataclass(slots=True)
class InterfaceState:
    """What an area says of an interface; `target` is a local vertex, -1 unknown."""

    cost: int
    target: int
    neighbor: int  # router id; of a network its DR
    up: bool
    reverse: Interface | None


@dataclass(frozen=True, eq=False)
class Inside:
    """One area by itself; local vertices are its Ra routers in ascending order, then its networks."""

    area: int
    source: str
    lsas: frozenset[int]  # identities of the LSAs it was made from (they are kept alive by `said`)
    said: tuple[Lsa, ...]
    routers: tuple[int, ...]
    flags: tuple[int, ...]  # [Ra]
    kind: int
    networks: tuple[Network, ...]
    interfaces: Mapping[Interface, InterfaceState]
    edges: tuple[Edge, ...]
    alive: NDArray[np.bool_]  # [Va]
    stub_routers: frozenset[int]  # RFC 6987: every link at the largest metric
    one_way: int

    @property
    def n_vertices(self) -> int:
        return len(self.routers) + len(self.networks)


def build_inside(database: AreaDatabase, previous: Inside | None = None) -> Inside:
    """The inside of an area; `previous` itself if it was made from the same LSAs."""
    said = tuple(
        lsa for lsa in database.lsas if lsa.header.type in (ROUTER, NETWORK) and plain_age(lsa.header) < MAX_AGE
    )
    if previous is not None and previous.lsas == frozenset(map(id, said)) and previous.source == database.source:
        return previous
    return _Builder(database, said).build()


def joined_routers(said: Iterable[Lsa]) -> dict[int, RouterLsa]:
    """Router id -> its router-LSAs as one (RFC 5340 A.4.3), ascending."""
    parts: dict[int, list[tuple[int, RouterLsa]]] = {}
    for lsa in said:
        body = body_of(lsa)
        if isinstance(body, RouterLsa):
            parts.setdefault(lsa.header.advertising_router, []).append((lsa.header.link_state_id, body))
    joined: dict[int, RouterLsa] = {}
    for router, bodies in sorted(parts.items()):
        if len(bodies) > 1:
            bodies.sort(key=lambda part: part[0])
        first = bodies[0][1]
        links = first.links if len(bodies) == 1 else tuple(link for _, body in bodies for link in body.links)
        joined[router] = RouterLsa(first.flags, first.options, links)
    return joined


class _Builder:
    """What grows while the router-LSAs of one area are read."""

    def __init__(self, database: AreaDatabase, said: tuple[Lsa, ...]) -> None:
        self.database, self.said = database, said
        everybody = joined_routers(said)
        self.bodies = {router: body for router, body in everybody.items() if body.options & OPTION_V6}
        self.kind = _kind(database, [body.options for body in everybody.values()])
        self.vertex = {router: vertex for vertex, router in enumerate(self.bodies)}
        self.attached: dict[Network, frozenset[int]] = {}
        for lsa in said:
            network = body_of(lsa)
            if isinstance(network, NetworkLsa):
                key = Network(lsa.header.link_state_id, lsa.header.advertising_router)
                self.attached[key] = frozenset(network.attached)
        self.interfaces: dict[Interface, InterfaceState] = {}
        self.edges: list[Edge] = []
        self.one_way = 0

    def build(self) -> Inside:
        used = sorted(
            {
                network
                for router, body in self.bodies.items()
                for link in body.links
                if link.type == LINK_TRANSIT and router in self.attached.get(network := _network(link), ())
            }
        )
        self.network_vertex = {network: len(self.bodies) + i for i, network in enumerate(used)}
        ends = {
            (router, link.interface, link.neighbor, link.neighbor_interface, link.type)
            for router, body in self.bodies.items()
            for link in body.links
        }
        for router, body in self.bodies.items():
            for link in body.links:
                if link.type == LINK_TRANSIT:
                    self._add_transit(router, link)
                elif link.type in (LINK_P2P, LINK_VIRTUAL):
                    back = (link.neighbor, link.neighbor_interface, router, link.interface, link.type)
                    self._add_half(router, link, back in ends and link.neighbor != router)
        routers, n = len(self.bodies), len(self.bodies) + len(used)
        alive = _company(self.edges, routers, n)
        silent = {self.vertex[router] for router, body in self.bodies.items() if not body.options & OPTION_R}
        usable = [e for e in self.edges if alive[e.src] and alive[e.dst] and e.src not in silent]
        return Inside(
            area=self.database.area,
            source=self.database.source,
            lsas=frozenset(map(id, self.said)),
            said=self.said,
            routers=tuple(self.bodies),
            flags=tuple(body.flags for body in self.bodies.values()),
            kind=self.kind,
            networks=tuple(used),
            interfaces=self.interfaces,
            edges=tuple(sorted(usable, key=_edge_order)),
            alive=alive,
            stub_routers=frozenset(
                router
                for router, body in self.bodies.items()
                if {link.metric for link in body.links if link.type != LINK_VIRTUAL} == {MAX_METRIC}
            ),
            one_way=self.one_way,
        )

    def _interface(self, router: int, link: RouterLink, target: int, up: bool) -> Interface:
        """Note the interface; a further description of it (point-to-multipoint) joins the first."""
        key = Interface(router, link.interface)
        known = self.interfaces.get(key)
        if known is None:
            self.interfaces[key] = InterfaceState(link.metric, target, link.neighbor, up, None)
        else:
            known.cost = min(known.cost, link.metric)
            known.up = known.up or up
        return key

    def _add_transit(self, router: int, link: RouterLink) -> None:
        network = _network(link)
        up = router in self.attached.get(network, ())
        target = self.network_vertex[network] if up else -1
        key = self._interface(router, link, target, up)
        if not up:
            self.one_way += 1
            return
        vertex = self.vertex[router]
        self.edges.append(Edge(vertex, target, link.metric, key, None, False))
        self.edges.append(Edge(target, vertex, 0, None, key, False))

    def _add_half(self, router: int, link: RouterLink, two_way: bool) -> None:
        virtual = link.type == LINK_VIRTUAL
        target = self.vertex.get(link.neighbor, -1)
        key = None if virtual else self._interface(router, link, target, two_way)
        if not two_way:
            self.one_way += 1
            return
        far = None if virtual else Interface(link.neighbor, link.neighbor_interface)
        if key is not None and self.interfaces[key].reverse is None:
            self.interfaces[key].reverse = far
        self.edges.append(Edge(self.vertex[router], target, link.metric, key, far, virtual))


def _network(link: RouterLink) -> Network:
    return Network(link.neighbor_interface, link.neighbor)


def _edge_order(edge: Edge) -> tuple[int, int, int, Interface, Interface]:
    none = Interface(-1, -1)
    return edge.src, edge.dst, edge.cost, edge.out or none, edge.into or none


def _kind(database: AreaDatabase, options: Sequence[int]) -> int:
    """By what most routers say in the options of their router-LSAs; the backbone is always normal."""
    without = [each for each in options if not each & OPTION_E]
    if database.area == BACKBONE or 2 * len(without) <= len(options):
        return NORMAL
    return NSSA if 2 * sum(each & OPTION_N > 0 for each in without) > len(without) else STUB_AREA


def _company(edges: Iterable[Edge], routers: int, n: int) -> NDArray[np.bool_]:
    """Vertices that share a connected piece with another router; all, when no piece has two routers."""
    ends = np.array([(edge.src, edge.dst) for edge in edges], dtype=np.int64).reshape(-1, 2)
    matrix = coo_matrix((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(n, n))
    label = connected_components(matrix, directed=False)[1] if n else np.zeros(0, dtype=np.int64)
    alive: NDArray[np.bool_] = np.bincount(label[:routers], minlength=n)[label] >= 2 if n else np.zeros(0, np.bool_)
    return alive if alive.any() else np.ones(n, dtype=np.bool_)
