"""Link rows and graph edges from router- and network-LSAs (RFC 2328 12.4.1, 12.4.2, 16.1).

Covered: point-to-point (numbered, unnumbered, parallel), transit networks, stub networks, point-to-multipoint
(one interface, several neighbours: one row, several edges), virtual links (edges without a row), the two-way
check. A row is a router *interface*: traffic leaving that router through it. Edges are what SPF walks; they
name the row whose Out counts and the row whose In counts.

The two ends of parallel point-to-point links are paired in `ospf.pairing`. The two-way check is the RFC's:
any link back makes the link usable, so a row may be up and have no opposite row for the moment in which only
one router has announced a change.

Left out: TOS metrics; RFC 8042 two-part metrics (network to router costs 0).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ospf.lsa import LINK_P2P, LINK_TRANSIT, LINK_VIRTUAL, NetworkLsa, RouterLink, RouterLsa
from ospf.pairing import UNNUMBERED_BELOW, Half, StubIndex, pair_ends
from ospf.wire import address_text, mask_length

I4 = NDArray[np.int32]
U4 = NDArray[np.uint32]
U1 = NDArray[np.uint8]
F8 = NDArray[np.float64]

TRANSIT, STUB, EXTERNAL = 0, 1, 2
KIND_NAMES = ("transit", "stub", "external")
FIRST_HOSTLESS_LENGTH = 30  # a point-to-point subnet this long holds the two routers only


def prefix_text(network: int, plen: int) -> str:
    return f"{address_text(network)}/{plen}"


class LinkKey(NamedTuple):
    """Identity of a link row, the same in every topology version.

    `interface` is the dotted interface address, `ifN` (unnumbered), a prefix (a stub whose interface address
    no LSA ever told) or `external`.
    """

    instance: str
    router: int
    interface: str

    def __str__(self) -> str:
        return f"{address_text(self.router)}:{self.interface}"


@dataclass(frozen=True, eq=False)
class LinkTable:
    """One row per router interface, plus one `external` row per ASBR; all columns have L rows."""

    keys: tuple[LinkKey, ...]
    router: U4  # router id
    vertex: I4  # its vertex
    target: I4  # neighbour's vertex (router or network), -1 none or unknown
    cost: U4
    kind: U1  # TRANSIT, STUB, EXTERNAL
    neighbor: tuple[str, ...]  # router id | LAN's prefix | ""
    address: U4  # interface address, 0 unknown or unnumbered
    up: NDArray[np.bool_]  # the router is not cut off, and if transit, both ends say so
    reverse: I4  # opposite row of a point-to-point link, else -1
    network: U4  # subnet of the interface; network 0 and plen 0 when unknown
    plen: U1
    area: U4  # area id; of several the lowest
    te_metric: U4  # traffic engineering (RFC 3630, 7471); 0 everywhere: not told
    bandwidth: F8  # maximum, bit/s
    reservable: F8  # maximum, bit/s
    delay_us: U4  # average one-way, microseconds
    admin_group: U4

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """Usable directed edges, ordered by source vertex; `start[v]:start[v + 1]` are those of vertex v."""

    src: I4
    dst: I4
    cost: I4
    out_link: I4  # row whose Out counts; -1 network -> router and virtual links
    in_link: I4  # row whose In counts; -1 router -> network, virtual links and p2p without an opposite row
    start: I4
    virtual: I4  # area index that a virtual link passes through; -1 no virtual link, -2 one through an area not seen

    def __len__(self) -> int:
        return len(self.src)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A prefix as one LSA announces it: reach `vertex`, pay `cost`, leave by row `link` (-1: no row)."""

    network: int
    plen: int
    vertex: int
    cost: int
    link: int


@dataclass(frozen=True, eq=False)
class LinkGraph:
    """Everything router- and network-LSAs say."""

    routers: tuple[int, ...]  # router ids, ascending; vertex = position
    networks: tuple[tuple[int, int, int], ...]  # (DR address, network, plen); vertex = R + position
    links: LinkTable
    edges: EdgeTable
    alive: NDArray[np.bool_]  # [V] False: a router cut off from all others (its LSAs outlive it by up to an hour)
    stubs: tuple[Attachment, ...]
    external_row: Mapping[int, int]  # ASBR's router id -> row
    one_way: int  # link descriptions that failed the two-way check
    bad_masks: int


@dataclass(slots=True)
class _Rows:
    """Link rows while they are being collected."""

    keys: list[LinkKey] = field(default_factory=list)
    vertex: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    cost: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    neighbor: list[str] = field(default_factory=list)
    address: list[int] = field(default_factory=list)
    up: list[bool] = field(default_factory=list)
    reverse: list[int] = field(default_factory=list)
    network: list[int] = field(default_factory=list)
    plen: list[int] = field(default_factory=list)
    index: dict[LinkKey, int] = field(default_factory=dict)

    def add(
        self, key: LinkKey, vertex: int, cost: int, kind: int, *, target: int = -1, neighbor: str = "",
        address: int = 0, up: bool = True,
    ) -> int:  # fmt: skip
        """The row of `key`, made when new; a further description of the same interface joins it."""
        row = self.index.get(key)
        if row is not None:
            self.cost[row] = min(self.cost[row], cost)
            self.up[row] = self.up[row] or up
            return row
        row = self.index[key] = len(self.keys)
        self.keys.append(key)
        self.vertex.append(vertex)
        self.target.append(target)
        self.cost.append(cost)
        self.kind.append(kind)
        self.neighbor.append(neighbor)
        self.address.append(address)
        self.up.append(up)
        self.reverse.append(-1)
        self.network.append(0)
        self.plen.append(0)
        return row

    def table(self, area: int) -> LinkTable:
        count = len(self.keys)
        return LinkTable(
            keys=tuple(self.keys),
            router=np.array([key.router for key in self.keys], dtype=np.uint32),
            vertex=np.array(self.vertex, dtype=np.int32),
            target=np.array(self.target, dtype=np.int32),
            cost=np.array(self.cost, dtype=np.uint32),
            kind=np.array(self.kind, dtype=np.uint8),
            neighbor=tuple(self.neighbor),
            address=np.array(self.address, dtype=np.uint32),
            up=np.array(self.up, dtype=np.bool_),
            reverse=np.array(self.reverse, dtype=np.int32),
            network=np.array(self.network, dtype=np.uint32),
            plen=np.array(self.plen, dtype=np.uint8),
            area=np.full(count, area, dtype=np.uint32),
            te_metric=np.zeros(count, dtype=np.uint32),
            bandwidth=np.zeros(count),
            reservable=np.zeros(count),
            delay_us=np.zeros(count, dtype=np.uint32),
            admin_group=np.zeros(count, dtype=np.uint32),
        )


def _choose_networks(
    routers: Mapping[int, RouterLsa], networks: Mapping[tuple[int, int], NetworkLsa]
) -> dict[tuple[int, int], tuple[int, int]]:
    """(router id, DR address) -> key of the network-LSA that lists this router back.

    RFC 2328 16.1 2b.  After a change of DR or of router id, two network-LSAs may coexist: the match is by DR
    address, and between two of the same address by whether the originator still says that it owns it.
    """
    by_address: dict[int, list[tuple[int, int]]] = {}
    for key in networks:
        by_address.setdefault(key[0], []).append(key)
    claims = {
        (router, link.link_id)
        for router, body in routers.items()
        for link in body.links
        if link.type == LINK_TRANSIT and link.link_id == link.link_data
    }
    attached = {key: frozenset(body.attached) for key, body in networks.items()}
    chosen: dict[tuple[int, int], tuple[int, int]] = {}
    for router, body in routers.items():
        for link in body.links:
            if link.type != LINK_TRANSIT:
                continue
            candidates = [key for key in by_address.get(link.link_id, ()) if router in attached[key]]
            if candidates:
                chosen[router, link.link_id] = max(candidates, key=lambda key: ((key[1], key[0]) in claims, key[1]))
    return chosen


def _subnet(address: int, mask: int) -> tuple[int, int]:
    """(network, prefix length) of a LAN; one whose mask is none is known by its DR's address only."""
    plen = mask_length(mask)
    return (address & mask, plen) if plen > 0 else (address, 32)


def _interface_text(link_data: int) -> str:
    return f"if{link_data}" if link_data < UNNUMBERED_BELOW else address_text(link_data)


def build_links(
    routers: Mapping[int, RouterLsa],
    networks: Mapping[tuple[int, int], NetworkLsa],
    asbrs: Set[int],
    instance: str,
    known: Mapping[int, Set[int]],
    area: int = 0,
) -> LinkGraph:
    """Rows, edges and stub attachments of one area.

    `networks` is keyed (DR address, advertising router); `asbrs` are the router ids that get an `external`
    row; `known` names interface addresses ever seen per router, so that an interface which lost its
    neighbours (and is now announced as a stub) keeps its key.
    """
    build = _Build(routers, networks, instance)
    external_row: dict[int, int] = {}
    for vertex, router in enumerate(build.ids):
        loose, live = build.add_interfaces(vertex, router, routers[router])
        build.add_stubs(vertex, router, loose, known.get(router, frozenset()) - live)
        if router in asbrs:
            key = LinkKey(instance, router, "external")
            external_row[router] = build.rows.add(key, vertex, 0, EXTERNAL)
    build.join_halves()
    vertices = len(build.ids) + len(build.used)
    edges = _edge_table(build.edges, len(build.ids), vertices)
    alive = _alive(edges, len(build.ids), vertices)
    if not alive.all():  # a cut-off router and the LAN its own network-LSA still describes are on no path
        edges = _edge_table(
            [edge for edge in build.edges if alive[edge[0]] and alive[edge[1]]], len(build.ids), vertices
        )
    rows = build.rows
    for row, vertex in enumerate(rows.vertex):  # also on a LAN: the network-LSA may be the dead router's own
        rows.up[row] = bool(alive[vertex]) and (rows.up[row] or rows.kind[row] != TRANSIT)
    return LinkGraph(
        routers=build.ids,
        networks=tuple((key[0], *build.subnet[key]) for key in build.used),
        links=rows.table(area),
        edges=edges,
        alive=alive,
        stubs=tuple(build.attachments),
        external_row=external_row,
        one_way=build.one_way,
        bad_masks=build.bad_masks,
    )


class _Build:
    """What grows while the router-LSAs are read one after the other."""

    def __init__(
        self,
        routers: Mapping[int, RouterLsa],
        networks: Mapping[tuple[int, int], NetworkLsa],
        instance: str,
    ) -> None:
        self.instance = instance
        self.ids = tuple(sorted(routers))
        self.vertex_of = {router: vertex for vertex, router in enumerate(self.ids)}
        self.chosen = _choose_networks(routers, networks)
        self.used = sorted(set(self.chosen.values()))
        self.network_vertex = {key: len(self.ids) + i for i, key in enumerate(self.used)}
        self.subnet = {key: _subnet(key[0], networks[key].mask) for key in self.used}
        self.rows = _Rows()
        self.stubs = {vertex: StubIndex(routers[router]) for vertex, router in enumerate(self.ids)}
        self.halves: dict[tuple[int, int, bool], list[Half]] = {}
        self.edges: list[tuple[int, int, int, int, int]] = []  # as the columns of EdgeTable
        self.attachments: list[Attachment] = []
        self.one_way = 0
        self.bad_masks = sum(mask_length(body.mask) < 0 for body in networks.values())
        self.bad_masks += sum(index.refused for index in self.stubs.values())

    def add_interfaces(self, vertex: int, router: int, body: RouterLsa) -> tuple[dict[int, int], set[int]]:
        """Rows of one router's transit, point-to-point and virtual links.

        Returns the rows by address of those whose subnet only a stub can tell, and all addresses seen.
        """
        loose: dict[int, int] = {}
        live: set[int] = set()
        for link in body.links:
            if link.type == LINK_TRANSIT:
                row = self._add_transit(vertex, router, link)
                live.add(link.link_data)
                if not self.rows.up[row]:
                    loose[link.link_data] = row
            elif link.type == LINK_P2P:
                row = self._add_point_to_point(vertex, router, link)
                if link.link_data >= UNNUMBERED_BELOW:
                    live.add(link.link_data)
                    loose[link.link_data] = row
            elif link.type == LINK_VIRTUAL:
                self._add_half(vertex, -1, link)
        return loose, live

    def _add_transit(self, vertex: int, router: int, link: RouterLink) -> int:
        key = LinkKey(self.instance, router, _interface_text(link.link_data))
        net = self.chosen.get((router, link.link_id))
        if net is None:
            self.one_way += 1
            return self.rows.add(key, vertex, link.metric, TRANSIT, address=link.link_data, up=False)
        target = self.network_vertex[net]
        network, plen = self.subnet[net]
        row = self.rows.add(
            key, vertex, link.metric, TRANSIT, target=target, neighbor=prefix_text(network, plen),
            address=link.link_data,
        )  # fmt: skip
        self.rows.network[row], self.rows.plen[row] = network, plen
        self.edges.append((vertex, target, link.metric, row, -1))
        self.edges.append((target, vertex, 0, -1, row))
        return row

    def _add_point_to_point(self, vertex: int, router: int, link: RouterLink) -> int:
        numbered = link.link_data >= UNNUMBERED_BELOW
        row = self.rows.add(
            LinkKey(self.instance, router, _interface_text(link.link_data)), vertex, link.metric, TRANSIT,
            target=self.vertex_of.get(link.link_id, -1), neighbor=address_text(link.link_id),
            address=link.link_data if numbered else 0, up=False,
        )  # fmt: skip
        self._add_half(vertex, row, link)
        return row

    def _add_half(self, vertex: int, row: int, link: RouterLink) -> None:
        target = self.vertex_of.get(link.link_id, -1)
        virtual = link.type == LINK_VIRTUAL
        if target < 0 or target == vertex:
            self.one_way += 1
        else:
            self.halves.setdefault((vertex, target, virtual), []).append(Half(vertex, target, row, link))

    def add_stubs(self, vertex: int, router: int, loose: Mapping[int, int], former: Set[int]) -> None:
        """Stub prefixes: subnets of interfaces that have a row, former interfaces, and prefixes of their own.

        `former` are addresses the router is known to have had and shows no more.
        """
        rows = self.rows
        owner: dict[tuple[int, int], tuple[int, int]] = {}  # (network, plen) -> (address, row or -1)
        for address in sorted(loose):
            stub = self.stubs[vertex].longest(address)
            if stub is not None:
                row = loose[address]
                rows.network[row], rows.plen[row] = stub.network, stub.plen
                owner.setdefault(stub[:2], (address, row))
        for address in sorted(former):
            stub = self.stubs[vertex].longest(address)
            if stub is not None:
                owner.setdefault(stub[:2], (address, -1))
        for network, plen, _, cost in self.stubs[vertex].stubs:
            row = -1
            if plen < 32:  # a host route or a loopback has no row
                address, row = owner.get((network, plen), (0, -1))
                if row < 0:
                    text = address_text(address) if address else prefix_text(network, plen)
                    key = LinkKey(self.instance, router, text)
                    row = rows.add(key, vertex, cost, STUB, address=address)
                    rows.network[row], rows.plen[row] = network, plen
                elif plen >= FIRST_HOSTLESS_LENGTH:
                    row = -1
            self.attachments.append(Attachment(network, plen, vertex, cost, row))

    def join_halves(self) -> None:
        """Pair the ends of point-to-point links and make edges of those with a link back (RFC 2328 16.1 2b)."""
        rows = self.rows
        for (vertex, target, virtual), ours in self.halves.items():
            theirs = self.halves.get((target, vertex, virtual))
            if theirs is None:
                self.one_way += len(ours)
            elif vertex < target:
                pair_ends(ours, theirs, self.stubs)
                for half in (*ours, *theirs):
                    self.edges.append((half.vertex, half.target, half.link.metric, half.row, half.peer))
                    if half.row >= 0:
                        rows.up[half.row] = True
                        if rows.reverse[half.row] < 0:
                            rows.reverse[half.row] = half.peer


def _edge_table(edges: list[tuple[int, int, int, int, int]], routers: int, vertices: int) -> EdgeTable:
    columns = np.array(edges, dtype=np.int32).reshape(len(edges), 5)
    columns = columns[np.lexsort((columns[:, 3], columns[:, 1], columns[:, 0]))]
    start = np.zeros(vertices + 1, dtype=np.int32)
    np.cumsum(np.bincount(columns[:, 0], minlength=vertices), out=start[1:])
    src, dst, cost, out_link, in_link = (np.ascontiguousarray(columns[:, i]) for i in range(5))
    # a router's edge without a row is a virtual link; one area alone cannot tell through which it passes
    virtual = np.where((out_link < 0) & (src < routers), -2, -1).astype(np.int32)
    return EdgeTable(src, dst, cost, out_link, in_link, start, virtual)


def _alive(edges: EdgeTable, routers: int, vertices: int) -> NDArray[np.bool_]:
    """Vertices that share a connected piece with another router; all, when no piece has two routers."""
    label = np.arange(vertices, dtype=np.int32)
    while True:
        lower = label.copy()
        np.minimum.at(lower, edges.src, label[edges.dst])
        np.minimum.at(lower, edges.dst, label[edges.src])
        lower = lower[lower]
        if np.array_equal(lower, label):
            break
        label = lower
    alive = np.bincount(label[:routers], minlength=vertices)[label] >= 2
    return alive if alive.any() else np.ones(vertices, dtype=np.bool_)
