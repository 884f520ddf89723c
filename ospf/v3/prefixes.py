"""Prefix table and offers of an OSPFv3 topology, as `ospf.prefixes` and `ospf.offers` make them of the other version.

The rules are those of RFC 2328 16.1-16.4, which RFC 5340 4.8 takes over; so are the columns. Only addresses are wider:
the network of a prefix stands as two columns of 64 bits (`PrefixTable6.network`), a forwarding address as a Python
integer (the column of offers is of objects; most are 0).

The table of prefixes answers "where is this address?": the best native kind of a prefix (intra from any area, inter as
the backbone's borders tell it, then external), of externals E1 before E2 and the smallest type-2 metric. An NSSA's own
announcement stands before what its border routers made of it for the others (RFC 3101 3.2), since traffic ends there.
Announcements of routers that are cut off give way to others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ospf.offers import (
    AS_WIDE,
    EXT1,
    EXT2,
    INTER,
    INTRA,
    OFFER_DEFAULT,
    OFFER_DN,
    OFFER_P,
    OFFER_TYPE7,
    OUTSIDE,
    AsbrTable,
    OfferTable,
)
from ospf.prefixes import PrefixTable
from ospf.v3.announcements import External, PrefixKey
from ospf.v3.prefix import ADDRESS_BITS, ALL_ONES, joined, prefix_mask, split

U4 = NDArray[np.uint32]

NOT_NATIVE = 4  # rank of what an area other than the backbone is told of the outside


@dataclass(frozen=True, eq=False)
class PrefixTable6(PrefixTable):
    """A PrefixTable whose `network` is uint64 [P, 2]: the high and the low half of each."""

    family: ClassVar[int] = 6
    host_length: ClassVar[int] = ADDRESS_BITS

    def row(self, network: int, plen: int) -> int:
        """Row of exactly this prefix, -1 when absent."""
        at = self._position(network, plen) - 1
        if at >= 0 and int(self.plen[at]) == plen and self.number(at) == network:
            return at
        return -1

    def number(self, row: int) -> int:
        """The network of a row as an integer."""
        return joined(*self.network[row])

    def longest(self, address: int) -> int:
        """Row of the longest prefix that contains the address, -1 when there is none."""
        at = self._position(address, ADDRESS_BITS) - 1
        while at >= 0:
            if address & prefix_mask(int(self.plen[at])) == self.number(at):
                return at
            at = int(self.parent[at])
        return -1

    def _position(self, network: int, plen: int) -> int:
        """How many rows are not above (network, plen)."""
        high, low = (np.uint64(half) for half in split(network))
        lo = int(np.searchsorted(self.network[:, 0], high, "left"))
        hi = int(np.searchsorted(self.network[:, 0], high, "right"))
        begin = lo + int(np.searchsorted(self.network[lo:hi, 1], low, "left"))
        end = lo + int(np.searchsorted(self.network[lo:hi, 1], low, "right"))
        return begin + int(np.searchsorted(self.plen[begin:end], plen, "right"))


class Offer(NamedTuple):
    """One row of the offers, before they are columns (see `ospf.offers.OfferTable`)."""

    prefix: PrefixKey
    kind: int
    area: int
    vertex: int
    cost: int
    metric2: int
    link: int
    asbr: int = 0
    forwarding: int = 0
    flags: int = 0


class BorderRoute(NamedTuple):
    """A row of the AsbrTable."""

    asbr: int
    area: int
    vertex: int
    cost: int


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is needed beside the offers; R routers, V vertices."""

    vertex: Mapping[int, int]  # router id -> vertex
    alive: NDArray[np.bool_]  # [V]
    external_row: Mapping[int, int]  # ASBR's vertex -> row
    backbone: int  # index of the backbone's area, -1 when nothing is attached there
    nssa_borders: frozenset[tuple[int, int]]  # (area index, vertex) of the border routers of NSSAs


class _Sink(NamedTuple):
    vertex: int
    cost: int
    link: int


def external_offers(
    externals: Iterable[External], area: int, *, asbrs: Mapping[int, int], external_row: Mapping[int, int],
    borders: frozenset[int],
) -> list[Offer]:  # fmt: skip
    """Offers of AS-external-LSAs (`area` AS_WIDE) or of the NSSA-LSAs of one area.

    `asbrs`: router id -> vertex of the routers that call themselves AS boundary routers; `borders` are router ids of
    the area's border routers, whose default route into their NSSA is marked.
    """
    found = []
    for each in externals:
        vertex = asbrs.get(each.asbr, OUTSIDE)
        flags = OFFER_DN if each.dn else 0
        if area != AS_WIDE:
            flags |= OFFER_TYPE7 | (OFFER_P if each.propagate else 0)
            if each.prefix[1] == 0 and each.asbr in borders:
                flags |= OFFER_DEFAULT
        cost, metric2 = (0, each.metric) if each.type2 else (each.metric, 0)
        kind, link = EXT2 if each.type2 else EXT1, external_row.get(vertex, -1)
        found.append(Offer(each.prefix, kind, area, vertex, cost, metric2, link, each.asbr, each.forwarding, flags))
    return found


def build_tables(
    offers: Iterable[Offer], routes: Sequence[BorderRoute], around: Surroundings
) -> tuple[PrefixTable6, OfferTable, AsbrTable, int, int]:
    """(prefixes, offers, AS boundary routers, forwarding addresses that lead nowhere, prefixes nobody reaches)."""
    by_prefix: dict[PrefixKey, list[Offer]] = {}
    for offer in offers:
        by_prefix.setdefault(offer.prefix, []).append(offer)
    resolver = _Resolver(by_prefix, routes, around)
    keys: list[PrefixKey] = []
    chosen: list[tuple[Offer, list[_Sink]]] = []
    kept: list[Offer] = []
    unreached = 0
    for key in sorted(by_prefix):
        best = _native(by_prefix[key], resolver, around)
        if best is None:
            continue
        keys.append(key)
        chosen.append(best)
        kept += sorted(by_prefix[key], key=lambda offer: offer[1:])
        unreached += not any(around.alive[sink.vertex] for sink in best[1])
    table = _prefix_table(keys, chosen)
    return table, _offer_table(keys, kept), _asbr_table(routes), resolver.unresolved, unreached


def _native(found: list[Offer], resolver: _Resolver, around: Surroundings) -> tuple[Offer, list[_Sink]] | None:
    """The best kind among the offers of one prefix and where it leads, None when nowhere."""
    translated = {offer.area for offer in found if offer.flags & OFFER_TYPE7}
    ranked: list[tuple[tuple[bool, int, int], Offer, list[_Sink]]] = []
    for offer in found:
        if any((area, offer.vertex) in around.nssa_borders for area in translated) and offer.area == AS_WIDE:
            continue
        for sink in resolver.sinks(offer):
            order = (not around.alive[sink.vertex], _rank(offer, around), offer.metric2)
            ranked.append((order, offer, [sink]))
    if not ranked:
        return None
    best, offer, _ = min(ranked, key=lambda each: each[0])
    sinks = {sink for order, _, here in ranked if order[1:] == best[1:] for sink in here}
    return offer, sorted(sinks)


def _rank(offer: Offer, around: Surroundings) -> int:
    """How near to the truth about a place an offer is: its kind, but summaries count as the backbone has them."""
    return NOT_NATIVE if offer.kind == INTER and around.backbone not in (-1, offer.area) else offer.kind


class _Resolver:
    """Where offers lead: externals through their AS boundary router or a forwarding address (RFC 2328 16.4 (3))."""

    def __init__(
        self, offers: Mapping[PrefixKey, list[Offer]], routes: Sequence[BorderRoute], around: Surroundings
    ) -> None:
        self.unresolved = 0
        self._around = around
        self._inner: dict[int, dict[int, list[Offer]]] = {}
        for (network, plen), found in offers.items():
            inner = [offer for offer in found if offer.kind <= INTER]
            if inner:
                self._inner.setdefault(plen, {})[network] = inner
        self._lengths = sorted(self._inner, reverse=True)
        self._known: dict[tuple[int, int, int], list[_Sink]] = {}
        told: dict[int, dict[bool, list[_Sink]]] = {}
        for route in routes:
            of = told.setdefault(route.asbr, {})
            of.setdefault(route.area == around.backbone, []).append(_Sink(route.vertex, route.cost, -1))
        self._borders = {asbr: of.get(True) or of[False] for asbr, of in told.items()}

    def sinks(self, offer: Offer) -> list[_Sink]:
        if offer.kind <= INTER:
            return [_Sink(offer.vertex, offer.cost, offer.link)]
        place = (offer.asbr, offer.vertex, offer.forwarding)
        found = self._known.get(place)
        if found is None:
            found = self._known[place] = self._leaving(offer)
        if not found:
            self.unresolved += bool(offer.forwarding)
        return [_Sink(sink.vertex, sink.cost + offer.cost, sink.link) for sink in found]

    def _leaving(self, offer: Offer) -> list[_Sink]:
        borders = self._borders.get(offer.asbr, [])
        if offer.vertex == OUTSIDE and not borders:
            return []
        if offer.forwarding:
            return self._toward(offer.forwarding)
        if offer.vertex != OUTSIDE and (self._around.alive[offer.vertex] or not borders):
            return [_Sink(offer.vertex, 0, offer.link)]
        return borders

    def _toward(self, address: int) -> list[_Sink]:
        """Out of the subnet's row; where the address is the ASBR's own, out of its external row."""
        for plen in self._lengths:
            inner = self._inner[plen].get(address & prefix_mask(plen))
            if not inner:
                continue
            least = min(_rank(offer, self._around) for offer in inner)
            found = []
            for offer in inner:
                if _rank(offer, self._around) == least:
                    own = self._around.external_row.get(offer.vertex, -1) if plen == ADDRESS_BITS else -1
                    found.append(_Sink(offer.vertex, offer.cost, own if own >= 0 else offer.link))
            return found
        return []


def _prefix_table(keys: list[PrefixKey], chosen: list[tuple[Offer, list[_Sink]]]) -> PrefixTable6:
    sinks = [sink for _, found in chosen for sink in found]
    start = np.zeros(len(keys) + 1, dtype=np.int32)
    np.cumsum([len(found) for _, found in chosen], out=start[1:])
    return PrefixTable6(
        network=cast(U4, np.array([split(network) for network, _ in keys], dtype=np.uint64).reshape(-1, 2)),
        plen=np.array([plen for _, plen in keys], dtype=np.uint8),
        route_type=np.array([offer.kind for offer, _ in chosen], dtype=np.uint8),
        metric=np.array([offer.metric2 for offer, _ in chosen], dtype=np.uint32),
        start=start,
        vertex=np.array([sink.vertex for sink in sinks], dtype=np.int32),
        cost=np.array([sink.cost for sink in sinks], dtype=np.uint32),
        link=np.array([sink.link for sink in sinks], dtype=np.int32),
        parent=np.array(_parents(keys), dtype=np.int32),
    )


def _parents(keys: list[PrefixKey]) -> list[int]:
    parent: list[int] = []
    around: list[tuple[int, int]] = []  # (last address, row) of the prefixes around
    for row, (network, plen) in enumerate(keys):
        while around and around[-1][0] < network:
            around.pop()
        parent.append(around[-1][1] if around else -1)
        around.append((network | ALL_ONES >> plen, row))
    return parent


def _offer_table(keys: list[PrefixKey], kept: list[Offer]) -> OfferTable:
    row_of = {key: row for row, key in enumerate(keys)}
    start = np.zeros(len(keys) + 1, dtype=np.int32)
    at = np.array([row_of[offer.prefix] for offer in kept], dtype=np.int64)
    np.cumsum(np.bincount(at, minlength=len(keys)), out=start[1:])
    forwarding = np.zeros(len(kept), dtype=object)
    forwarding[:] = [offer.forwarding for offer in kept]
    return OfferTable(
        start=start,
        kind=np.array([offer.kind for offer in kept], dtype=np.uint8),
        area=np.array([offer.area for offer in kept], dtype=np.int32),
        vertex=np.array([offer.vertex for offer in kept], dtype=np.int32),
        cost=np.array([offer.cost for offer in kept], dtype=np.uint32),
        metric2=np.array([offer.metric2 for offer in kept], dtype=np.uint32),
        link=np.array([offer.link for offer in kept], dtype=np.int32),
        asbr=np.array([offer.asbr for offer in kept], dtype=np.uint32),
        forwarding=forwarding,
        flags=np.array([offer.flags for offer in kept], dtype=np.uint8),
    )


def _asbr_table(routes: Sequence[BorderRoute]) -> AsbrTable:
    rows = sorted(routes)
    return AsbrTable(
        asbr=np.array([row.asbr for row in rows], dtype=np.uint32),
        area=np.array([row.area for row in rows], dtype=np.int32),
        abr=np.array([row.vertex for row in rows], dtype=np.int32),
        cost=np.array([row.cost for row in rows], dtype=np.uint32),
    )


__all__ = ["INTRA", "BorderRoute", "Offer", "PrefixTable6", "Surroundings", "build_tables", "external_offers"]
