"""Link rows and graph edges from router- and network-LSAs (RFC 2328 12.4.1, 12.4.2, 16.1).

Covered: point-to-point (numbered, unnumbered, parallel), transit networks, stub networks, point-to-multipoint
(one interface, several neighbours: one row, several edges), virtual links (edges without a row), the two-way
check. A row is a router *interface*: traffic leaving that router through it. Edges are what SPF walks; they
name the row whose Out counts and the row whose In counts.

Two ends of parallel point-to-point links are paired by the subnet a stub link gives, by the host route of RFC
2328 12.4.1.1 option 1, by ifIndex order for unnumbered links, and by nearness of address where the stubs are
suppressed (RFC 6860). The two-way check is the RFC's: any link back makes the link usable, so a row may be up
and have no opposite row for the moment in which only one router has announced a change.

Left out: TOS metrics; RFC 8042 two-part metrics (network to router costs 0).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ospf.lsa import LINK_P2P, LINK_STUB, LINK_TRANSIT, LINK_VIRTUAL, NetworkLsa, RouterLink, RouterLsa

I4 = NDArray[np.int32]
U4 = NDArray[np.uint32]
U1 = NDArray[np.uint8]

TRANSIT, STUB, EXTERNAL = 0, 1, 2
KIND_NAMES = ("transit", "stub", "external")
HOST_MASK = 0xFFFFFFFF
UNNUMBERED_BELOW = 1 << 24  # link data 0.x.y.z is an ifIndex (RFC 2328 A.4.2)


def dotted(address: int) -> str:
    """The dotted quad of a host-order address or router id."""
    return f"{address >> 24 & 255}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def prefix_text(network: int, plen: int) -> str:
    return f"{dotted(network)}/{plen}"


def mask_length(mask: int) -> int:
    """Prefix length of a contiguous mask, -1 for any other 32-bit pattern."""
    inverse = ~mask & HOST_MASK
    return 32 - inverse.bit_length() if inverse & (inverse + 1) == 0 else -1


class LinkKey(NamedTuple):
    """Identity of a link row, the same in every topology version.

    `interface` is the dotted interface address, `ifN` (unnumbered), a prefix (a stub whose interface address
    no LSA ever told) or `external`.
    """

    instance: str
    router: int
    interface: str

    def __str__(self) -> str:
        return f"{dotted(self.router)}:{self.interface}"


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
    up: NDArray[np.bool_]  # two-way (transit); the router is not cut off (stub, external)
    reverse: I4  # opposite row of a point-to-point link, else -1
    network: U4  # subnet of the interface; network 0 and plen 0 when unknown
    plen: U1

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
    alive: NDArray[
        np.bool_
    ]  # [V] False: a router cut off from all others (its LSAs outlive it by up to an hour)
    stubs: tuple[Attachment, ...]
    external_row: Mapping[int, int]  # ASBR's router id -> row
    one_way: int  # link descriptions that failed the two-way check
    bad_masks: int


@dataclass(slots=True)
class _Half:
    """One end of a point-to-point link description."""

    vertex: int
    target: int
    row: int  # -1 for virtual links
    link: RouterLink
    peer: int = -1  # opposite row


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

    def table(self) -> LinkTable:
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
        )


Stub = tuple[int, int, int, int]  # network, plen, mask, cost


def _stubs_of(body: RouterLsa) -> tuple[list[Stub], int]:
    """Stub links with a contiguous mask, and the number refused."""
    stubs: list[Stub] = []
    refused = 0
    for link in body.links:
        if link.type != LINK_STUB:
            continue
        plen = mask_length(link.link_data)
        if plen < 0:
            refused += 1
        else:
            stubs.append((link.link_id & link.link_data, plen, link.link_data, link.metric))
    return stubs, refused


def _longest(stubs: Iterable[Stub], address: int) -> Stub | None:
    """The longest stub prefix (host routes apart) that contains the address."""
    best: Stub | None = None
    for stub in stubs:
        if stub[1] < 32 and address & stub[2] == stub[0] and (best is None or stub[1] > best[1]):
            best = stub
    return best


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
    chosen: dict[tuple[int, int], tuple[int, int]] = {}
    for router, body in routers.items():
        for link in body.links:
            if link.type != LINK_TRANSIT:
                continue
            candidates = [key for key in by_address.get(link.link_id, ()) if router in networks[key].attached]
            if candidates:
                chosen[router, link.link_id] = max(
                    candidates, key=lambda key: ((key[1], key[0]) in claims, key[1])
                )
    return chosen


def _pair_ends(ours: list[_Half], theirs: list[_Half], stubs: Mapping[int, list[Stub]]) -> None:
    """Give each half of the links between two routers its opposite row."""
    if len(ours) == 1 and len(theirs) == 1:
        ours[0].peer, theirs[0].peer = theirs[0].row, ours[0].row
        return
    pairs: list[tuple[int, int, int, int]] = []
    for i, a in enumerate(ours):
        for j, b in enumerate(theirs):
            pairs.append((*_affinity(a, b, stubs), i, j))
    left, right = set(range(len(ours))), set(range(len(theirs)))
    for _, _, i, j in sorted(pairs):
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            ours[i].peer, theirs[j].peer = theirs[j].row, ours[i].row


def _affinity(a: _Half, b: _Half, stubs: Mapping[int, list[Stub]]) -> tuple[int, int]:
    """How surely two halves are one link: smaller is surer (rank, then distance within the rank)."""
    x, y = a.link.link_data, b.link.link_data
    numbered = x >= UNNUMBERED_BELOW and y >= UNNUMBERED_BELOW
    if numbered:
        for vertex, own, other in ((a.vertex, x, y), (b.vertex, y, x)):
            stub = _longest(stubs[vertex], own)
            if stub is not None and other & stub[2] == stub[0]:
                return 0, 32 - stub[1]
        if any(s[1] == 32 and s[0] == y for s in stubs[a.vertex]):  # RFC 2328 12.4.1.1 option 1
            return 1, 0
        return 3, x ^ y
    if x < UNNUMBERED_BELOW and y < UNNUMBERED_BELOW:
        return 2, 0  # callers hand the halves over in ifIndex order
    return 4, 0


def _interface_text(link_data: int) -> str:
    return f"if{link_data}" if link_data < UNNUMBERED_BELOW else dotted(link_data)


def build_links(
    routers: Mapping[int, RouterLsa],
    networks: Mapping[tuple[int, int], NetworkLsa],
    asbrs: Set[int],
    instance: str,
    known: Mapping[int, Set[int]],
) -> LinkGraph:
    """Rows, edges and stub attachments of one area.

    `networks` is keyed (DR address, advertising router); `asbrs` are the router ids that get an `external`
    row; `known` names interface addresses ever seen per router, so that an interface which lost its
    neighbours (and is now announced as a stub) keeps its key.
    """
    ids = tuple(sorted(routers))
    vertex_of = {router: vertex for vertex, router in enumerate(ids)}
    chosen = _choose_networks(routers, networks)
    used = sorted(set(chosen.values()))
    network_vertex = {key: len(ids) + position for position, key in enumerate(used)}
    plens = {key: max(mask_length(networks[key].mask), 0) for key in networks}
    bad_masks = sum(mask_length(body.mask) < 0 for body in networks.values())

    rows = _Rows()
    stubs_of: dict[int, list[Stub]] = {}
    halves: dict[tuple[int, int, bool], list[_Half]] = {}
    lan_edges: list[tuple[int, int, int, int]] = []  # router vertex, network vertex, cost, row
    attachments: list[Attachment] = []
    external_row: dict[int, int] = {}
    one_way = 0

    for vertex, router in enumerate(ids):
        body = routers[router]
        stubs, refused = _stubs_of(body)
        stubs_of[vertex] = stubs
        bad_masks += refused
        loose: dict[int, int] = {}  # address -> row, for interfaces whose subnet only a stub can tell
        live: set[int] = set()
        for link in body.links:
            if link.type == LINK_TRANSIT:
                live.add(link.link_data)
                net = chosen.get((router, link.link_id))
                key = LinkKey(instance, router, _interface_text(link.link_data))
                if net is None:
                    one_way += 1
                    row = rows.add(key, vertex, link.metric, TRANSIT, address=link.link_data, up=False)
                    loose[link.link_data] = row
                    continue
                network, plen = net[0] & networks[net].mask, plens[net]
                row = rows.add(
                    key, vertex, link.metric, TRANSIT, target=network_vertex[net],
                    neighbor=prefix_text(network, plen), address=link.link_data,
                )  # fmt: skip
                rows.network[row], rows.plen[row] = network, plen
                lan_edges.append((vertex, network_vertex[net], link.metric, row))
            elif link.type in (LINK_P2P, LINK_VIRTUAL):
                target = vertex_of.get(link.link_id, -1)
                virtual = link.type == LINK_VIRTUAL
                row = -1
                if not virtual:
                    numbered = link.link_data >= UNNUMBERED_BELOW
                    key = LinkKey(instance, router, _interface_text(link.link_data))
                    row = rows.add(
                        key, vertex, link.metric, TRANSIT, target=target, neighbor=dotted(link.link_id),
                        address=link.link_data if numbered else 0, up=False,
                    )  # fmt: skip
                    if numbered:
                        loose[link.link_data] = row
                        live.add(link.link_data)
                if target < 0 or target == vertex:
                    one_way += not virtual
                else:
                    halves.setdefault((vertex, target, virtual), []).append(_Half(vertex, target, row, link))
        owner: dict[tuple[int, int], tuple[int, int]] = {}  # (network, plen) -> (address, row or -1)
        for address in sorted(loose):
            stub = _longest(stubs, address)
            if stub is not None:
                row = loose[address]
                rows.network[row], rows.plen[row] = stub[0], stub[1]
                owner.setdefault(stub[:2], (address, row))
        for address in sorted(known.get(router, ())):
            if address not in live:
                stub = _longest(stubs, address)
                if stub is not None:
                    owner.setdefault(stub[:2], (address, -1))
        for stub in stubs:
            network, plen, _, cost = stub
            if plen == 32:  # a host route or a loopback: no row
                attachments.append(Attachment(network, plen, vertex, cost, -1))
                continue
            address, row = owner.get((network, plen), (0, -1))
            if row < 0:
                text = dotted(address) if address else prefix_text(network, plen)
                row = rows.add(LinkKey(instance, router, text), vertex, cost, STUB, address=address)
                rows.network[row], rows.plen[row] = network, plen
                attachments.append(Attachment(network, plen, vertex, cost, row))
            else:
                # A point-to-point subnet with room for hosts is delivered out of the interface; one of two
                # addresses holds the routers' own addresses only, and ends at the router.
                attachments.append(Attachment(network, plen, vertex, cost, row if plen < 30 else -1))
        if router in asbrs:
            external_row[router] = rows.add(LinkKey(instance, router, "external"), vertex, 0, EXTERNAL)

    edges: list[tuple[int, int, int, int, int]] = []
    for vertex, net_vertex, cost, row in lan_edges:
        edges.append((vertex, net_vertex, cost, row, -1))
        edges.append((net_vertex, vertex, 0, -1, row))
    for (vertex, target, virtual), ours in halves.items():
        theirs = halves.get((target, vertex, virtual), [])
        if not theirs:
            one_way += 0 if virtual else len(ours)
            continue
        if vertex < target:
            ours.sort(key=lambda half: half.link.link_data)
            theirs.sort(key=lambda half: half.link.link_data)
            _pair_ends(ours, theirs, stubs_of)
    for (vertex, target, virtual), ours in halves.items():
        if (target, vertex, virtual) in halves:
            for half in ours:
                edges.append((vertex, target, half.link.metric, half.row, half.peer))
                if half.row >= 0:
                    rows.up[half.row] = True
                    if rows.reverse[half.row] < 0:
                        rows.reverse[half.row] = half.peer
    vertices = len(ids) + len(used)
    edge_table = _edge_table(edges, vertices)
    alive = _alive(edge_table, len(ids), vertices)
    for row, kind in enumerate(rows.kind):
        if kind != TRANSIT:
            rows.up[row] = bool(alive[rows.vertex[row]])
    return LinkGraph(
        routers=ids,
        networks=tuple((key[0], key[0] & networks[key].mask, plens[key]) for key in used),
        links=rows.table(),
        edges=edge_table,
        alive=alive,
        stubs=tuple(attachments),
        external_row=external_row,
        one_way=one_way,
        bad_masks=bad_masks,
    )


def _edge_table(edges: list[tuple[int, int, int, int, int]], vertices: int) -> EdgeTable:
    columns = np.array(edges, dtype=np.int32).reshape(len(edges), 5)
    columns = columns[np.lexsort((columns[:, 3], columns[:, 1], columns[:, 0]))]
    start = np.zeros(vertices + 1, dtype=np.int32)
    np.cumsum(np.bincount(columns[:, 0], minlength=vertices), out=start[1:])
    src, dst, cost, out_link, in_link = (np.ascontiguousarray(columns[:, i]) for i in range(5))
    return EdgeTable(src, dst, cost, out_link, in_link, start)


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
