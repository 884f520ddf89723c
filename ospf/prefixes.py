"""Where each prefix is attached: stub and transit networks, summaries and externals (RFC 2328 16.1-16.4).

This table answers "where is this address?" for a source, whose own router is not asked: the *native* kind of a prefix,
intra from any area, else inter as the backbone's summaries tell it (as any area's do when nobody is attached to the
backbone), else external, through the ASBR, through the ABR that announces the ASBR (4), or through a forwarding
address. Within the kind an E1 beats an E2, of E2s the smallest type-2 metric stays (RFC 2328 11); which of the
attachments is used is the smallest distance plus `cost`, ties share. Announcements of routers that are cut off give way
to others. What an area other than the backbone is told of the outside (a default route into a stub area) says nothing
of where addresses are and comes last. What each router may use, by its own areas, is in `ospf.offers`.

An NSSA's type 7 and the type 5 made of it (RFC 3101 3.2) are one attachment when the forwarding address leads back to
the ASBR; a translation without one counts as a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ospf.offers import (
    AREA,
    ASBR,
    CODE,
    DEAD,
    EXT1,
    EXT2,
    INTER,
    INTRA,
    KIND,
    LINK,
    METRIC2,
    OFFER_COST,
    OUTSIDE,
    ROUTE_TYPE_NAMES,
    TO,
    USABLE,
    VERTEX,
    AsbrTable,
)
from ospf.pairing import HOST_MASK

__all__ = [
    "EXT1", "EXT2", "INTER", "INTRA", "ROUTE_TYPE_NAMES", "PrefixTable", "Surroundings", "build_prefixes",
    "parents",
]  # fmt: skip

I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
Flags = NDArray[np.bool_]
NOT_NATIVE = 4  # rank behind the externals
METRIC_BITS = 32


@dataclass(frozen=True, eq=False)
class PrefixTable:
    """P prefixes ordered by (network, plen); the attachments of prefix p are rows `start[p]:start[p + 1]`.

    IPv6 has its own (`ospf.v3.prefixes`), of another `family` and with a wider `network`; who asks `number`, `row` and
    `longest` need not know.
    """

    family: ClassVar[int] = 4
    host_length: ClassVar[int] = 32  # of a prefix that is one address

    network: NDArray[np.uint32]  # [P]
    plen: NDArray[np.uint8]  # [P]
    route_type: NDArray[np.uint8]  # [P] INTRA, INTER, EXT1, EXT2
    metric: NDArray[np.uint32]  # [P] type-2 metric of an EXT2 prefix, else 0
    start: NDArray[np.int32]  # [P + 1]
    vertex: NDArray[np.int32]  # [A] router or network vertex
    cost: NDArray[np.uint32]  # [A] added to the distance to the vertex
    link: NDArray[np.int32]  # [A] row the router delivers out of, -1 none
    parent: NDArray[np.int32]  # [P] row of the longest prefix that contains this one, -1 none

    def __len__(self) -> int:
        return len(self.network)

    def row(self, network: int, plen: int) -> int:
        """Row of exactly this prefix, -1 when absent."""
        lo = int(np.searchsorted(self.network, np.uint32(network), "left"))
        while lo < len(self.network) and int(self.network[lo]) == network:
            if int(self.plen[lo]) == plen:
                return lo
            lo += 1
        return -1

    def number(self, row: int) -> int:
        """The network of a row as an integer."""
        return int(self.network[row])

    def longest(self, address: int) -> int:
        """Row of the longest prefix that contains the address, -1 none."""
        row = int(np.searchsorted(self.network, np.uint32(address), "right")) - 1
        while row >= 0 and (address ^ int(self.network[row])) >> (32 - int(self.plen[row])):
            row = int(self.parent[row])
        return row


def parents(codes: I8) -> I4:
    """Row of the longest prefix that contains each one, -1 none; `codes` ascending (`ospf.offers.prefix_code`)."""
    last = (codes >> 6) | (HOST_MASK >> (codes & 63))
    parent = np.full(len(codes), -1, dtype=np.int32)
    around: list[tuple[int, int]] = []  # (last address, row)
    found: list[int] = []
    for row, (code, end) in enumerate(zip(codes.tolist(), last.tolist(), strict=True)):
        while around and around[-1][0] < code >> 6:
            around.pop()
        found.append(around[-1][1] if around else -1)
        around.append((end, row))
    parent[:] = found
    return parent


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is needed beside the announcements; R routers, V vertices."""

    routers: I8  # [R] ids
    alive: Flags  # [V]
    external_row: I8  # [R] row of each ASBR, -1
    asbrs: AsbrTable
    backbone: int  # index of the backbone's area, -1 when it is not attached
    owners: Callable[[], Mapping[int, tuple[int, int]]]  # interface address -> (vertex, row)


@dataclass(frozen=True, eq=False)
class _Attachments:
    """Where announcements lead; columns of equal length, ordered by the announcement."""

    offer: I8  # position of the announcement
    vertex: I8
    cost: I8
    link: I8


def build_prefixes(rows: I8, around: Surroundings, previous: PrefixTable | None = None) -> tuple[PrefixTable, int, int]:
    """(prefix table, announcements whose forwarding address leads nowhere, prefixes advertised that nobody reaches).

    `rows` are `Announced.everything()`.
    """
    codes, first, of_row = _group(rows[:, CODE])
    rank = rows[:, KIND].copy()
    if around.backbone >= 0:
        rank[(rank == INTER) & (rows[:, AREA] != around.backbone)] = NOT_NATIVE
    known = _known_parents(previous)
    at, unresolved = _attach(rows, codes, first, rank, around, known)
    key = rank[at.offer] << METRIC_BITS | rows[at.offer, METRIC2]
    external = rows[at.offer, KIND] >= EXT1
    dead = np.where(external, ~np.append(around.alive, False)[at.vertex], rows[at.offer, DEAD] > 0)
    of_prefix = of_row[at.offer]
    present, begin, _ = _group(of_prefix)
    if len(present):
        held_back = dead.astype(np.int64) << (METRIC_BITS + 4)
        best = np.minimum.reduceat(key | held_back, begin)
        reached = best < 1 << (METRIC_BITS + 4)
        best &= (1 << (METRIC_BITS + 4)) - 1
        keep = key == np.repeat(best, np.diff(np.append(begin, len(key))))
        row = np.repeat(np.arange(len(present)), np.diff(np.append(begin, len(key))))[keep]
        vertex, cost, link = at.vertex[keep], at.cost[keep], at.link[keep]
        order = np.lexsort((link, cost, vertex, row))
        row, vertex, cost, link = row[order], vertex[order], cost[order], link[order]
        new = np.ones(len(row), dtype=np.bool_)
        new[1:] = (np.diff(row) != 0) | (np.diff(vertex) != 0) | (np.diff(cost) != 0) | (np.diff(link) != 0)
        row, vertex, cost, link = row[new], vertex[new], cost[new], link[new]
        chosen = rows[at.offer[begin + _first_of(keep, begin)]]
    else:
        row = vertex = cost = link = np.zeros(0, dtype=np.int64)
        reached, chosen = np.zeros(0, dtype=np.bool_), rows[:0]
    codes_left = codes[present]
    start = np.zeros(len(present) + 1, dtype=np.int32)
    np.cumsum(np.bincount(row, minlength=len(present)), out=start[1:])
    table = PrefixTable(
        network=(codes_left >> 6).astype(np.uint32),
        plen=(codes_left & 63).astype(np.uint8),
        route_type=chosen[:, KIND].astype(np.uint8),
        metric=chosen[:, METRIC2].astype(np.uint32),
        start=start,
        vertex=vertex.astype(np.int32),
        cost=cost.astype(np.uint32),
        link=link.astype(np.int32),
        parent=known(codes_left),
    )
    return table, unresolved, len(codes) - int(reached.sum())


def _first_of(keep: Flags, begin: I8) -> I8:
    """Within each group (starting at `begin`), the offset of the first one kept; every group has one."""
    position = np.flatnonzero(keep)
    first: I8 = position[np.searchsorted(position, begin)] - begin
    return first


def _group(ascending: I8) -> tuple[I8, I8, I8]:
    """(distinct values, first position of each, group of each position)."""
    new = np.ones(len(ascending), dtype=np.bool_)
    new[1:] = ascending[1:] != ascending[:-1]
    first = np.flatnonzero(new)
    return ascending[first], first, np.cumsum(new) - 1


def _known_parents(previous: PrefixTable | None) -> Callable[[I8], I4]:
    """`parents`, except that the answer for the prefixes of `previous` and the last one given are kept."""
    kept: list[tuple[I8, I4]] = []
    if previous is not None:
        kept.append((previous.network.astype(np.int64) << 6 | previous.plen, previous.parent))

    def find(codes: I8) -> I4:
        for known, answer in kept:
            if np.array_equal(known, codes):
                return answer
        answer = parents(codes)
        kept.append((codes, answer))
        return answer

    return find


def _attach(
    rows: I8, codes: I8, first: I8, rank: I8, around: Surroundings, known: Callable[[I8], I4]
) -> tuple[_Attachments, int]:
    """Where each usable announcement leads; and how many externals have a forwarding address that leads nowhere."""
    usable = rows[:, USABLE] > 0
    inner = np.flatnonzero(usable & (rows[:, KIND] <= INTER))
    outer = np.flatnonzero(usable & (rows[:, KIND] >= EXT1))
    plain = _Attachments(inner, rows[inner, VERTEX], rows[inner, OFFER_COST], rows[inner, LINK])
    if not len(outer):
        return plain, 0
    pair = rows[outer, ASBR].astype(np.uint64) << np.uint64(32) | rows[outer, TO].astype(np.uint64)
    _, example, of_outer = np.unique(pair, return_index=True, return_inverse=True)
    of_outer = of_outer.reshape(-1)
    inside = _Inside(rows, codes, first, rank, around, known)
    via = _borders(around)
    sinks = [
        _sinks(vertex, asbr, forwarding, around, via, inside)
        for vertex, asbr, forwarding in rows[outer[example]][:, [VERTEX, ASBR, TO]].tolist()
    ]
    count = np.array([len(found) for found in sinks], dtype=np.int64)
    flat = np.array([sink for found in sinks for sink in found], dtype=np.int64).reshape(-1, 3)
    begin = np.cumsum(count) - count
    each = count[of_outer]
    offer = np.repeat(outer, each)
    slot = np.arange(len(offer)) - np.repeat(np.cumsum(each) - each - begin[of_outer], each)
    cost = flat[slot, 1] + rows[offer, OFFER_COST]
    offers = np.concatenate([inner, offer])
    order = np.argsort(offers, kind="stable")
    at = _Attachments(
        offers[order],
        np.concatenate([plain.vertex, flat[slot, 0]])[order],
        np.concatenate([plain.cost, cost])[order],
        np.concatenate([plain.link, flat[slot, 2]])[order],
    )
    return at, int((each == 0).sum())


def _borders(around: Surroundings) -> Mapping[int, list[tuple[int, int]]]:
    """ASBR -> (border router's vertex, cost) as the backbone tells it, else as any area does."""
    via: dict[int, dict[bool, list[tuple[int, int]]]] = {}
    table = around.asbrs
    for asbr, area, vertex, cost in zip(
        table.asbr.tolist(), table.area.tolist(), table.abr.tolist(), table.cost.tolist(), strict=True
    ):
        via.setdefault(asbr, {}).setdefault(area == around.backbone, []).append((vertex, cost))
    return {asbr: told.get(True) or told[False] for asbr, told in via.items()}


def _sinks(
    vertex: int,
    asbr: int,
    forwarding: int,
    around: Surroundings,
    via: Mapping[int, list[tuple[int, int]]],
    inside: _Inside,
) -> list[tuple[int, int, int]]:
    """(vertex, cost, link) where traffic to the externals of an ASBR leaves; empty when they cannot be used."""
    if forwarding:
        return inside.sinks(forwarding)
    borders = via.get(asbr, [])
    if vertex != OUTSIDE and (around.alive[vertex] or not borders):
        return [(vertex, 0, int(around.external_row[vertex]))]
    return [(abr, cost, -1) for abr, cost in borders]


class _Inside:
    """Resolves forwarding addresses against intra- and inter-area prefixes (RFC 2328 16.4 (3))."""

    def __init__(
        self, rows: I8, codes: I8, first: I8, rank: I8, around: Surroundings, known: Callable[[I8], I4]
    ) -> None:
        self._rows, self._codes, self._rank, self._around = rows, codes, rank, around
        self._start = np.append(first, len(rows))
        self._known = known
        self._parent: I4 | None = None
        self._owners: Mapping[int, tuple[int, int]] | None = None

    def sinks(self, address: int) -> list[tuple[int, int, int]]:
        if self._parent is None:
            self._parent, self._owners = self._known(self._codes), self._around.owners()
        row = int(np.searchsorted(self._codes, address << 6 | 63)) - 1
        while row >= 0:
            code = int(self._codes[row])
            if code >> 6 <= address <= code >> 6 | HOST_MASK >> (code & 63):
                found = self._native(row)
                if found:
                    return [self._leave(address, code & 63, *each) for each in found]
            row = int(self._parent[row])
        return []

    def _native(self, prefix: int) -> list[tuple[int, int, int, int]]:
        """(kind, vertex, cost, link) of the prefix inside the AS."""
        lo, hi = int(self._start[prefix]), int(self._start[prefix + 1])
        here = [i for i in range(lo, hi) if self._rows[i, USABLE] and self._rows[i, KIND] <= INTER]
        if not here:
            return []
        best = min(int(self._rank[i]) for i in here)
        columns = [KIND, VERTEX, OFFER_COST, LINK]
        return [tuple(self._rows[i, columns].tolist()) for i in here if self._rank[i] == best]

    def _leave(self, address: int, plen: int, kind: int, vertex: int, cost: int, link: int) -> tuple[int, int, int]:
        """Out of the subnet's row; where the address is the ASBR's own, out of its external row."""
        external = self._around.external_row
        if kind != INTRA:
            return vertex, cost, link
        if plen == 32 and vertex < len(external):  # not a LAN that claims the mask of a host
            return vertex, cost, int(external[vertex])
        owner = (self._owners or {}).get(address)
        if owner is not None and external[owner[0]] >= 0:
            return owner[0], cost, int(external[owner[0]])
        return vertex, cost, link
