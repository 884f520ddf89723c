"""Which two link descriptions are the two ends of one point-to-point link; and which stub is which interface.

RFC 2328 leaves the far end of a link unnamed: a router-LSA tells the neighbour's router id and its *own*
interface address or ifIndex. Between two routers with one link that is enough. With several, ends are paired
by what is surest: a subnet that a stub link gives and both addresses lie in; the order of ifIndex when both
ends are unnumbered; nearness of the addresses (stubs suppressed, RFC 6860, or host routes, RFC 2328 12.4.1.1
option 1, which do not say which link they belong to); what is left, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ospf.lsa import LINK_STUB, RouterLink, RouterLsa
from ospf.wire import mask_length

HOST_MASK = 0xFFFFFFFF
UNNUMBERED_BELOW = 1 << 24  # link data 0.x.y.z is an ifIndex (RFC 2328 A.4.2)
MOST_COMPARED = 10_000  # pairs of ends; more parallel links than that are paired in order of address


PairEnds = Callable[[NDArray[np.int64], NDArray[np.int64]], Iterable[tuple[int, int]]]


class Stub(NamedTuple):
    network: int
    plen: int
    mask: int
    cost: int


class StubIndex:
    """The stub links of one router-LSA; `refused` counts those without a contiguous mask."""

    def __init__(self, body: RouterLsa) -> None:
        self.stubs: list[Stub] = []
        self.refused = 0
        self._by_mask: dict[int, dict[int, Stub]] = {}
        for link in body.links:
            if link.type != LINK_STUB:
                continue
            mask = link.link_data
            plen = mask_length(mask)
            if plen < 0:
                self.refused += 1
                continue
            stub = Stub(link.link_id & mask, plen, mask, link.metric)
            self.stubs.append(stub)
            if plen < 32:
                self._by_mask.setdefault(mask, {}).setdefault(stub.network, stub)
        self._masks = sorted(self._by_mask, reverse=True)

    def longest(self, address: int) -> Stub | None:
        """The longest stub prefix (host routes apart) that contains the address."""
        for mask in self._masks:
            stub = self._by_mask[mask].get(address & mask)
            if stub is not None:
                return stub
        return None


@dataclass(slots=True)
class Half:
    """One end of a point-to-point or virtual link, as its router describes it."""

    vertex: int
    target: int
    row: int  # -1 for virtual links
    link: RouterLink
    peer: int = -1  # row of the opposite end


def pair_ends(ours: list[Half], theirs: list[Half], stubs: Mapping[int, StubIndex]) -> None:
    """Set `peer` of the halves between two routers, one to one; `stubs` is by vertex.

    Where the counts differ, the least sure halves stay without a peer.
    """
    if len(ours) == 1 and len(theirs) == 1:
        ours[0].peer, theirs[0].peer = theirs[0].row, ours[0].row
        return
    ours.sort(key=lambda half: half.link.link_data)
    theirs.sort(key=lambda half: half.link.link_data)
    if len(ours) * len(theirs) > MOST_COMPARED:
        order = [(i, i) for i in range(min(len(ours), len(theirs)))]
    else:
        ranked = sorted((*_affinity(a, b, stubs), i, j) for i, a in enumerate(ours) for j, b in enumerate(theirs))
        order = [(i, j) for _, _, i, j in ranked]
    left, right = set(range(len(ours))), set(range(len(theirs)))
    for i, j in order:
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            ours[i].peer, theirs[j].peer = theirs[j].row, ours[i].row


def opposite_ends(
    src: NDArray[np.int64], dst: NDArray[np.int64], sort: NDArray[np.int64], n: int, pair: PairEnds
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """For halves from vertex `src` to vertex `dst` (both below n) of one `sort` (0, 1): (whether any half of the same
    sort leads back, RFC 2328 16.1 2b; position of the opposite half, -1 none).

    Where two vertices have several halves, `pair(ours, theirs)` is asked with their positions and returns the pairs.
    """
    code, back = (src * n + dst) * 2 + sort, (dst * n + src) * 2 + sort
    order = np.argsort(code, kind="stable")
    unique, first, count = np.unique(code[order], return_index=True, return_counts=True)
    peer = np.full(len(src), -1, dtype=np.int64)
    if not len(unique):
        return np.zeros(0, dtype=np.bool_), peer
    at = np.minimum(np.searchsorted(unique, back), len(unique) - 1)
    two_way: NDArray[np.bool_] = unique[at] == back
    own = np.searchsorted(unique, code)
    alone = two_way & (count[own] == 1) & (count[at] == 1)
    peer[alone] = order[first[at[alone]]]
    several = np.unique(own[two_way & ~alone & (src < dst)])
    for group in several.tolist():
        ours = order[first[group] : first[group] + count[group]]
        other = int(at[ours[0]])
        for a, b in pair(ours, order[first[other] : first[other] + count[other]]):
            peer[a], peer[b] = b, a
    return two_way, peer


def _affinity(a: Half, b: Half, stubs: Mapping[int, StubIndex]) -> tuple[int, int]:
    """How surely two halves are one link: smaller is surer (rank, then distance within the rank)."""
    x, y = a.link.link_data, b.link.link_data
    if x < UNNUMBERED_BELOW and y < UNNUMBERED_BELOW:
        return 2, 0  # equal rank: the order of ifIndex decides
    if x < UNNUMBERED_BELOW or y < UNNUMBERED_BELOW:
        return 4, 0
    for vertex, own, other in ((a.vertex, x, y), (b.vertex, y, x)):
        stub = stubs[vertex].longest(own)
        if stub is not None and other & stub.mask == stub.network:
            return 0, 32 - stub.plen
    return 3, x ^ y
