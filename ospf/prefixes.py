"""Where each prefix is attached: stub and transit networks, summaries and externals (RFC 2328 16.1-16.4).

Covered: intra-area (types 1, 2), inter-area (3), externals (5, 7) through the ASBR, through the ABR that
announces the ASBR (4), or through a forwarding address inside the area. Per prefix only the best route type
is kept (intra > inter > E1 > E2, RFC 2328 11), for E2 only the smallest type-2 metric; which of the
attachments a source uses is the smallest distance plus `cost`, ties share. Announcements of routers that are
cut off give way to others.

Left out, because the attached area alone cannot tell: RFC 1583 compatibility and the preference between
several areas (16.4.1), NSSA translation order (RFC 3101 2.5: types 5 and 7 count alike), area ranges of the
ABR itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ospf.links import Attachment, LinkGraph
from ospf.lsa import (
    AS_EXTERNAL,
    FLAG_B,
    FLAG_E,
    LS_INFINITY,
    NSSA_EXTERNAL,
    SUMMARY_ASBR,
    SUMMARY_NETWORK,
    ExternalLsa,
    Lsa,
    RouterLsa,
    SummaryLsa,
)
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
    ROUTE_TYPE_NAMES,
    AsbrTable,
    OfferTable,
)
from ospf.pairing import HOST_MASK
from ospf.wire import mask_length

__all__ = ["EXT1", "EXT2", "INTER", "INTRA", "ROUTE_TYPE_NAMES", "PrefixStats", "PrefixTable", "build_prefixes"]


@dataclass(frozen=True, eq=False)
class PrefixTable:
    """P prefixes ordered by (network, plen); the attachments of prefix p are rows `start[p]:start[p + 1]`."""

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


@dataclass(slots=True)
class PrefixStats:
    """Announcements that could not be used."""

    bad_masks: int = 0
    no_border: int = 0  # the advertising ABR or ASBR is not one, or is not in the area
    unresolved_forwarding: int = 0  # RFC 2328 16.4 (3)
    infinite: int = 0  # LSInfinity


@dataclass(frozen=True, slots=True)
class _Offer:
    route_type: int
    metric: int
    at: Attachment


def intra_attachments(graph: LinkGraph) -> list[Attachment]:
    """Stub links plus one attachment per transit network, at the network's own vertex."""
    base = len(graph.routers)
    lans = [Attachment(net, plen, base + i, 0, -1) for i, (_, net, plen) in enumerate(graph.networks)]
    return [*graph.stubs, *lans]


def build_prefixes(
    lsas: Iterable[Lsa], graph: LinkGraph, routers: Mapping[int, RouterLsa]
) -> tuple[PrefixTable, OfferTable, AsbrTable, PrefixStats]:
    """The prefix table of one area from its link graph and the types 3, 4, 5 and 7 among `lsas`."""
    lsas = list(lsas)
    stats = PrefixStats()
    vertex_of = {router: vertex for vertex, router in enumerate(graph.routers)}
    intra = intra_attachments(graph)
    offers: dict[tuple[int, int], list[_Offer]] = {}
    for at in intra:
        offers.setdefault((at.network, at.plen), []).append(_Offer(INTRA, 0, at))

    borders: dict[int, list[tuple[int, int]]] = {}  # ASBR outside the area -> (ABR vertex, cost)
    externals: list[tuple[Lsa, ExternalLsa]] = []
    for lsa in lsas:
        kind, lsid, router = lsa.key
        if kind in (AS_EXTERNAL, NSSA_EXTERNAL) and isinstance(lsa.body, ExternalLsa):
            externals.append((lsa, lsa.body))
        if kind not in (SUMMARY_NETWORK, SUMMARY_ASBR) or not isinstance(lsa.body, SummaryLsa):
            continue
        if lsa.body.metric >= LS_INFINITY:
            stats.infinite += 1
        elif router not in vertex_of or not routers[router].flags & FLAG_B:  # RFC 2328 16.2 (4)
            stats.no_border += 1
        elif kind == SUMMARY_ASBR:
            borders.setdefault(lsid, []).append((vertex_of[router], lsa.body.metric))
        else:
            plen = mask_length(lsa.body.mask)
            if plen < 0:
                stats.bad_masks += 1
                continue
            at = Attachment(lsid & lsa.body.mask, plen, vertex_of[router], lsa.body.metric, -1)
            offers.setdefault((at.network, plen), []).append(_Offer(INTER, 0, at))

    inside = _Inside(graph, intra)
    for lsa, body in externals:
        plen = mask_length(body.mask)
        if plen < 0:
            stats.bad_masks += 1
            continue
        if body.metric >= LS_INFINITY:
            stats.infinite += 1
            continue
        router = lsa.header.advertising_router
        sinks = _external_sinks(router, body, graph, routers, vertex_of, borders, inside)
        if not sinks:
            if body.forwarding_address:
                stats.unresolved_forwarding += 1
            else:
                stats.no_border += 1
        network = lsa.header.link_state_id & body.mask
        for vertex, cost, link in sinks:
            at = Attachment(network, plen, vertex, cost + (0 if body.type2 else body.metric), link)
            offer = _Offer(EXT2, body.metric, at) if body.type2 else _Offer(EXT1, 0, at)
            offers.setdefault((network, plen), []).append(offer)
    table = _table(offers, graph.alive)
    said, asbrs = _offers(table, intra, lsas, vertex_of, routers, graph)
    return table, said, asbrs, stats


def _offers(
    table: PrefixTable, intra: list[Attachment], lsas: list[Lsa], vertex_of: Mapping[int, int],
    routers: Mapping[int, RouterLsa], graph: LinkGraph,
) -> tuple[OfferTable, AsbrTable]:  # fmt: skip
    row_of = {key: i for i, key in enumerate(zip(table.network.tolist(), table.plen.tolist(), strict=True))}
    rows = [(row_of[a.network, a.plen], INTRA, 0, a.vertex, a.cost, 0, a.link, 0, 0, 0) for a in intra]
    said: list[tuple[int, int, int, int]] = []
    for lsa in lsas:
        kind, lsid, router = lsa.key
        dn = OFFER_DN if lsa.header.options & 0x80 else 0
        body = lsa.body
        vertex = vertex_of.get(router, OUTSIDE)
        if isinstance(body, SummaryLsa) and kind in (SUMMARY_ASBR, SUMMARY_NETWORK):
            if body.metric >= LS_INFINITY or vertex < 0:
                continue
            if kind == SUMMARY_ASBR:
                said.append((lsid, 0, vertex, body.metric))
                continue
            row = row_of.get((lsid & body.mask, mask_length(body.mask)), -1)
            if row >= 0:
                rows.append((row, INTER, 0, vertex, body.metric, 0, -1, 0, 0, dn))
        elif isinstance(body, ExternalLsa) and kind in (AS_EXTERNAL, NSSA_EXTERNAL):
            row = row_of.get((lsid & body.mask, mask_length(body.mask)), -1)
            if row < 0 or body.metric >= LS_INFINITY:
                continue
            seven = kind == NSSA_EXTERNAL
            flags = dn | (OFFER_TYPE7 if seven else 0)
            flags |= OFFER_P if seven and lsa.header.options & 0x08 else 0
            if seven and not body.mask and vertex >= 0 and routers[router].flags & FLAG_B:
                flags |= OFFER_DEFAULT
            rows.append((
                row, EXT2 if body.type2 else EXT1, 0 if seven else AS_WIDE, vertex, 0 if body.type2 else body.metric,
                body.metric if body.type2 else 0, graph.external_row.get(router, -1), router,
                body.forwarding_address, flags,
            ))  # fmt: skip
    rows.sort()
    said.sort()
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 10).T
    start = np.zeros(len(table) + 1, dtype=np.int32)
    np.cumsum(np.bincount(columns[0], minlength=len(table)), out=start[1:])
    types = (np.uint8, np.int32, np.int32, np.uint32, np.uint32, np.int32, np.uint32, np.uint32, np.uint8)
    asbr = np.array(said, dtype=np.int64).reshape(len(said), 4).T
    return (
        OfferTable(start, *(c.astype(t) for c, t in zip(columns[1:], types, strict=True))),
        AsbrTable(
            asbr[0].astype(np.uint32), asbr[1].astype(np.int32), asbr[2].astype(np.int32), asbr[3].astype(np.uint32)
        ),
    )


def _parents(keys: list[tuple[int, int]]) -> list[int]:
    parent: list[int] = []
    above: list[tuple[int, int, int]] = []  # (last address, plen, row) of the prefixes around
    for row, (network, plen) in enumerate(keys):
        while above and above[-1][0] < network:
            above.pop()
        parent.append(above[-1][2] if above else -1)
        above.append((network | HOST_MASK >> plen, plen, row))
    return parent


def _external_sinks(
    router: int,
    body: ExternalLsa,
    graph: LinkGraph,
    routers: Mapping[int, RouterLsa],
    vertex_of: Mapping[int, int],
    borders: Mapping[int, list[tuple[int, int]]],
    inside: _Inside,
) -> list[tuple[int, int, int]]:
    """(vertex, cost, link) where traffic to this external leaves; empty when the LSA cannot be used."""
    vertex = vertex_of.get(router, -1)
    own = vertex >= 0 and bool(routers[router].flags & FLAG_E)
    if not own and router not in borders:  # RFC 2328 16.4 (3): the ASBR must have a routing table entry
        return []
    if body.forwarding_address:
        return inside.sinks(body.forwarding_address)
    if own and (graph.alive[vertex] or router not in borders):
        return [(vertex, 0, graph.external_row.get(router, -1))]
    return [(abr, cost, -1) for abr, cost in borders.get(router, ())]


class _Inside:
    """Resolves a forwarding address against the area's own prefixes (RFC 2328 16.4 (3))."""

    def __init__(self, graph: LinkGraph, intra: list[Attachment]) -> None:
        self._by_length: dict[int, dict[int, list[Attachment]]] = {}
        for at in intra:
            self._by_length.setdefault(at.plen, {}).setdefault(at.network, []).append(at)
        self._lengths = sorted(self._by_length, reverse=True)
        self._graph = graph
        self._owner = {int(a): row for row, a in enumerate(graph.links.address) if a}

    def sinks(self, address: int) -> list[tuple[int, int, int]]:
        for plen in self._lengths:
            network = address & (HOST_MASK << (32 - plen)) & HOST_MASK
            found = self._by_length[plen].get(network)
            if found:
                return [self._leave(address, at) for at in found]
        return []

    def _leave(self, address: int, at: Attachment) -> tuple[int, int, int]:
        """Out of the subnet's row; where the address is the ASBR's own, out of its external row."""
        external = self._graph.external_row
        if at.plen == 32 and at.vertex < len(self._graph.routers):  # not a LAN that claims the mask of a host
            return at.vertex, at.cost, external.get(self._graph.routers[at.vertex], -1)
        row = self._owner.get(address, -1)
        if row >= 0:
            router = int(self._graph.links.router[row])
            if router in external:
                return int(self._graph.links.vertex[row]), at.cost, external[router]
        return at.vertex, at.cost, at.link


def _table(offers: Mapping[tuple[int, int], list[_Offer]], alive: NDArray[np.bool_]) -> PrefixTable:
    keys = sorted(offers)
    route_type: list[int] = []
    metric: list[int] = []
    start = [0]
    vertex: list[int] = []
    cost: list[int] = []
    link: list[int] = []
    for key in keys:
        found = offers[key]
        best = found[0]
        if len(found) > 1:
            best = min(found, key=lambda o: (not alive[o.at.vertex], o.route_type, o.metric))
            found = [o for o in found if (o.route_type, o.metric) == (best.route_type, best.metric)]
        for at in dict.fromkeys(offer.at for offer in found):
            vertex.append(at.vertex)
            cost.append(at.cost)
            link.append(at.link)
        route_type.append(best.route_type)
        metric.append(best.metric)
        start.append(len(vertex))
    return PrefixTable(
        network=np.array([key[0] for key in keys], dtype=np.uint32),
        plen=np.array([key[1] for key in keys], dtype=np.uint8),
        route_type=np.array(route_type, dtype=np.uint8),
        metric=np.array(metric, dtype=np.uint32),
        start=np.array(start, dtype=np.int32),
        vertex=np.array(vertex, dtype=np.int32),
        cost=np.array(cost, dtype=np.uint32),
        link=np.array(link, dtype=np.int32),
        parent=np.array(_parents(keys), dtype=np.int32),
    )
