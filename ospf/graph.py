"""The inside of one area: which links are usable, and what SPF walks (RFC 2328 16.1).

`Inside` is made from the rows of the area's routers alone and numbers everything by itself: routers ascending, then
transit networks; rows as they stand router after router. So it can be kept while the area's types 1 and 2 stay,
whatever happens elsewhere. The two ends of parallel point-to-point links are paired in `ospf.pairing`. The two-way
check is the RFC's: any link back makes the link usable, so a row may be up and have no opposite row for the moment in
which only one router has announced a change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ospf.links import (
    DATA,
    DR_ADDRESS,
    HALF_ROW,
    LAN,
    LAN_METRIC,
    LAN_ROW,
    METRIC,
    NEIGHBOR,
    ORIGIN,
    STUB_ROW,
    TARGET,
    UP,
    VIRTUAL,
    InterfaceRows,
    Network,
    Reading,
    interface_rows,
    read_links,
    same_objects,
)
from ospf.lsa import LINK_P2P, NetworkLsa, RouterLink, RouterLsa
from ospf.pairing import Half, opposite_ends, pair_ends
from ospf.wire import mask_length

I8 = NDArray[np.int64]
U1 = NDArray[np.uint8]
Flags = NDArray[np.bool_]

NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class Inside:
    """One area by itself: Ra routers, Va local vertices, n rows, e edges."""

    routers: I8  # [Ra] ids, ascending
    parts: tuple[InterfaceRows, ...]  # [Ra]
    networks: tuple[Network, ...]  # local vertex = Ra + position
    flags: U1  # [Ra]
    first: I8  # [Ra + 1] first row of each router
    owner: I8  # [n] local router of each row
    rows: I8  # [n, 8] columns of `ospf.links`
    target: I8  # [n] local vertex of the neighbour, -1 none or unknown
    up: Flags  # [n] the link is there, from both ends
    reverse: I8  # [n] opposite row, -1
    src: I8  # [e] usable edges, ordered by (src, dst, out)
    dst: I8
    cost: I8
    out: I8  # [e] row, -1
    into: I8  # [e] row, -1
    virtual: Flags  # [e]
    virtual_data: I8  # [e] interface address of a virtual link's near end, else 0
    label: I8  # [Va] number of the connected piece
    stubs: I8  # [s, 4] STUB_ROW counts in the area's rows
    stub_owner: I8  # [s]
    one_way: int
    bad_masks: int  # of stubs and networks
    bad_lan_masks: int  # of networks

    @property
    def n_vertices(self) -> int:
        return len(self.routers) + len(self.networks)


@dataclass(frozen=True, eq=False)
class Placed:
    """An area's inside in the numbers of the whole topology."""

    inside: Inside
    index: int  # of the area
    vertices: I8  # [Va] vertex of the topology
    row_of: I8  # [n] row of the topology's links
    alive: Flags  # [Va] not cut off from every other router of the area


@dataclass(frozen=True, eq=False)
class Readings:
    """The router-LSAs of one area with what each says by itself."""

    bodies: Mapping[int, RouterLsa]  # router id -> body, ascending
    read: Mapping[int, Reading]


def readings(bodies: Mapping[int, RouterLsa], previous: Inside | None) -> Readings:
    """Read what was not read for `previous`; `bodies` in any order."""
    kept = dict(zip(previous.routers.tolist(), previous.parts, strict=True)) if previous is not None else {}
    ordered = {router: bodies[router] for router in sorted(bodies)}
    read: dict[int, Reading] = {}
    for router, body in ordered.items():
        part = kept.get(router)
        read[router] = part.reading if part is not None and part.says(body) else read_links(body)
    return Readings(ordered, read)


def build_inside(
    said: Readings,
    networks: Mapping[tuple[int, int], NetworkLsa],
    instance: str,
    former: Mapping[int, frozenset[int]],
    previous: Inside | None = None,
) -> Inside:
    """The inside of an area from its router-LSAs and its network-LSAs, keyed (DR address, advertising router).

    `former`: router id -> interface addresses it once had. What `previous` (of the same area and instance) has of an
    LSA that is still the same object is taken over.
    """
    kept = dict(zip(previous.routers.tolist(), previous.parts, strict=True)) if previous is not None else {}
    chosen = _choose_networks(said, networks)
    parts: list[InterfaceRows] = []
    for router, body in said.bodies.items():
        reading, gone = said.read[router], former.get(router, NONE)
        meant = tuple(chosen.get((router, address)) for address in reading.transits)
        part = kept.get(router)
        if part is None or not part.holds(body, meant, gone):
            part = interface_rows(instance, router, body, reading, meant, gone)
        parts.append(part)
    bad_masks = sum(mask_length(body.mask) < 0 for body in networks.values())
    if previous is not None and bad_masks == previous.bad_lan_masks and same_objects(parts, previous.parts):
        return previous
    return _assemble(
        np.array(list(said.bodies), dtype=np.int64), tuple(parts), tuple(sorted(set(chosen.values()))), bad_masks
    )


def _choose_networks(said: Readings, networks: Mapping[tuple[int, int], NetworkLsa]) -> dict[tuple[int, int], Network]:
    """(router id, DR address) -> the network whose network-LSA lists this router back.

    RFC 2328 16.1 2b.  After a change of DR or of router id, two network-LSAs may coexist: the match is by DR
    address, and between two of the same address by whether the originator still says that it owns it.
    """
    by_address: dict[int, list[tuple[int, Network, frozenset[int]]]] = {}
    for (address, origin), body in networks.items():
        net = Network(address, origin, *_subnet(address, body.mask))
        by_address.setdefault(address, []).append((origin, net, frozenset(body.attached)))
    chosen: dict[tuple[int, int], Network] = {}
    if not by_address:
        return chosen
    nothing = Reading((), NONE, NONE)
    for router, reading in said.read.items():
        for address in reading.transits:
            found = [(origin, net) for origin, net, listed in by_address.get(address, ()) if router in listed]
            if found:
                chosen[router, address] = max(
                    found, key=lambda each: (each[1].address in said.read.get(each[0], nothing).claims, each[0])
                )[1]
    return chosen


def _subnet(address: int, mask: int) -> tuple[int, int]:
    """(network, prefix length) of a LAN; one whose mask is none is known by its DR's address only."""
    plen = mask_length(mask)
    return (address & mask, plen) if plen > 0 else (address, 32)


def _assemble(routers: I8, parts: tuple[InterfaceRows, ...], networks: tuple[Network, ...], bad_masks: int) -> Inside:
    count, n = len(routers), len(routers) + len(networks)
    first = _offsets([len(part.rows) for part in parts])
    rows, owner = _stacked([part.rows for part in parts], 8)
    halves, half_owner = _stacked([part.halves for part in parts], 5)
    lans, lan_owner = _stacked([part.lans for part in parts], 4)
    stubs, stub_owner = _stacked([part.stubs for part in parts], 4)
    for matrix, column, whose in ((halves, HALF_ROW, half_owner), (lans, LAN_ROW, lan_owner)):
        matrix[:, column] += np.where(matrix[:, column] >= 0, first[whose], 0)
    stubs[:, STUB_ROW] += np.where(stubs[:, STUB_ROW] >= 0, first[stub_owner], 0)

    lan_vertex = count + _network_position(lans, networks)
    first_lan = _offsets([len(part.lans) for part in parts])
    on_lan = rows[:, LAN] >= 0
    target = position(routers, rows[:, TARGET])
    target[on_lan] = lan_vertex[(first_lan[owner] + rows[:, LAN])[on_lan]]

    halves_to = position(routers, halves[:, NEIGHBOR])
    usable = (halves_to >= 0) & (halves_to != half_owner)
    unknown = len(halves) - int(usable.sum())
    halves, src, dst = halves[usable], half_owner[usable], halves_to[usable]
    two_way, peer = opposite_ends(src, dst, halves[:, VIRTUAL], count, _Pairing(parts, halves, src, dst))
    one_way = unknown + len(two_way) - int(two_way.sum()) + sum(part.one_way for part in parts)
    peer_row = np.where(peer >= 0, halves[peer, HALF_ROW], -1) if len(halves) else peer
    halves, src, dst, peer_row = halves[two_way], src[two_way], dst[two_way], peer_row[two_way]
    row = halves[:, HALF_ROW]

    up = rows[:, UP].astype(np.bool_)
    up[row[row >= 0]] = True
    reverse = np.full(len(rows), -1, dtype=np.int64)
    joined = np.flatnonzero((row >= 0) & (peer_row >= 0))[::-1]  # the first description of an interface counts
    reverse[row[joined]] = peer_row[joined]

    none = np.full(len(lans), -1, dtype=np.int64)
    zero = np.zeros(len(lans), dtype=np.int64)
    edges = np.concatenate(
        [
            np.stack([src, dst, halves[:, METRIC], row, peer_row, halves[:, VIRTUAL], halves[:, DATA]]),
            np.stack([lan_owner, lan_vertex, lans[:, LAN_METRIC], lans[:, LAN_ROW], none, zero, zero]),
            np.stack([lan_vertex, lan_owner, zero, none, lans[:, LAN_ROW], zero, zero]),
        ],
        axis=1,
    )
    edges = edges[:, np.lexsort((edges[4], edges[3], edges[1], edges[0]))]
    virtual = edges[5] == 1
    return Inside(
        routers=routers,
        parts=parts,
        networks=networks,
        flags=np.array([part.body.flags for part in parts], dtype=np.uint8),
        first=first,
        owner=owner,
        rows=rows,
        target=target,
        up=up,
        reverse=reverse,
        src=edges[0],
        dst=edges[1],
        cost=edges[2],
        out=edges[3],
        into=edges[4],
        virtual=virtual,
        virtual_data=np.where(virtual, edges[6], 0),
        label=pieces(edges[0], edges[1], n),
        stubs=stubs,
        stub_owner=stub_owner,
        one_way=one_way,
        bad_masks=bad_masks + sum(part.index.refused for part in parts),
        bad_lan_masks=bad_masks,
    )


def pieces(src: NDArray[np.integer], dst: NDArray[np.integer], n: int) -> I8:
    """Number of the connected piece of each of n vertices."""
    if not n:
        return np.zeros(0, dtype=np.int64)
    matrix = coo_matrix((np.ones(len(src)), (src, dst)), shape=(n, n))
    label: I8 = connected_components(matrix, directed=False)[1].astype(np.int64)
    return label


def company(label: I8, routers: int) -> Flags:
    """Vertices that share a connected piece with another router; the first `routers` vertices are routers."""
    alive: Flags = np.bincount(label[:routers], minlength=len(label))[label] >= 2
    return alive


class _Pairing:
    """Pairs the halves between two routers that have several links (`ospf.pairing.pair_ends`)."""

    def __init__(self, parts: tuple[InterfaceRows, ...], halves: I8, src: I8, dst: I8) -> None:
        self._stubs = [part.index for part in parts]
        self._halves, self._src, self._dst = halves, src, dst

    def __call__(self, ours: I8, theirs: I8) -> Iterator[tuple[int, int]]:
        left, right = [self._half(i) for i in ours.tolist()], [self._half(i) for i in theirs.tolist()]
        stubs = {half.vertex: self._stubs[half.vertex] for half in (left[0], right[0])}
        pair_ends(left, right, stubs)
        for half in left:
            if half.peer >= 0:
                yield half.row, half.peer

    def _half(self, position: int) -> Half:
        _, neighbor, data, metric, _ = self._halves[position].tolist()
        link = RouterLink(neighbor, data, LINK_P2P, metric)
        return Half(int(self._src[position]), int(self._dst[position]), position, link)


def _offsets(counts: list[int]) -> I8:
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def _stacked(matrices: list[I8], width: int) -> tuple[I8, I8]:
    """(all rows, number of the matrix each came from)."""
    if not matrices:
        return np.zeros((0, width), dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(matrices), np.repeat(np.arange(len(matrices)), [len(m) for m in matrices])


def position(ascending: I8, wanted: I8) -> I8:
    """Position of each wanted value, -1 when it is not there."""
    if not len(ascending):
        return np.full(len(wanted), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return np.where(ascending[at] == wanted, at, -1)


def _network_position(lans: I8, networks: tuple[Network, ...]) -> I8:
    """Position among the networks (ascending) of those the transit links mean."""
    code = np.array([net.address << 32 | net.origin for net in networks], dtype=np.uint64)
    wanted = lans[:, DR_ADDRESS].astype(np.uint64) << np.uint64(32) | lans[:, ORIGIN].astype(np.uint64)
    return np.searchsorted(code, wanted).astype(np.int64)
