"""Which links the traffic between two places crosses, as fractions (equal-cost multipath included).

A *pair* is a source vertex (router, or transit network) and a prefix row. `Paths.fractions` gives the routing
matrix, `Paths.hops` the same router by router for per-hop export, `Paths.trace` one pair for a human.

The router that delivers is the one that announces the prefix: among several (anycast) the nearest by distance
plus announced cost, ties in equal parts per next hop; on the way, a router that announces the prefix itself
keeps it, and a router on the prefix's own LAN hands it to the LAN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ospf.prefixes import INTRA
from ospf.spf import Distances, Level, NextHops, Sinks, next_hops, push
from ospf.topology import Topology

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

BLOCK_CELLS = 1 << 20  # sinks x edges examined at once


@dataclass(frozen=True, eq=False)
class HopTable:
    """Router by router; rows of one (pair, vertex) sum to the share of the pair that passes that router."""

    pair: I4  # position in the arguments of `hops`
    vertex: I4  # the router
    ingress: I4  # row it came in by, -1 unknown
    egress: I4  # row it leaves by, -1 ends here without a row (own address, inter-area, virtual link)
    fraction: F8

    def __len__(self) -> int:
        return len(self.pair)


class TraceHop(NamedTuple):
    router: int  # router id
    ingress: int  # link row, -1 unknown
    egress: int  # link row, -1 none
    fraction: float
    distance: float  # cost from the source to this router


@dataclass(frozen=True, eq=False)
class _Sinks:
    """Distinct destinations of a set of pairs, and how each delivers."""

    sinks: Sinks
    of_pair: I8  # [n] sink of each pair
    single_link: I8  # [n] delivery row of pairs whose prefix has one attachment, -1 none or several
    single_cost: F8  # [n] that attachment's cost, which the shared sink leaves out; 0 when several
    deliver_start: I8  # CSR over sink * V + vertex, for sinks with several attachments
    deliver_key: I8
    deliver_link: I8
    deliver_share: F8
    several: NDArray[np.bool_]  # [K]


class Paths:
    """Shortest paths over one topology; distances are computed on demand and kept.

    `previous`, the paths of an earlier version, only saves time: distances that a change did not touch are
    taken over from it (no reference to it is kept).
    """

    def __init__(self, topology: Topology, previous: Paths | None = None) -> None:
        self.topology = topology
        n = topology.n_vertices
        self._to = Distances(topology.edges, n)
        zero = (topology.edges.cost == 0) & (topology.edges.src < topology.n_routers)
        self._ties = Distances(topology.edges, n, zero) if zero.any() else None
        if previous is not None and self._ties is None and _same_vertices(previous.topology, topology):
            self._to.adopt(previous._to)

    @property
    def distances(self) -> F8:
        """float64 [V, V]: cost from vertex i to vertex j, inf when there is no path."""
        return self._to.matrix()

    def costs(self, sources: NDArray[np.integer], prefixes: NDArray[np.integer]) -> F8:
        """float64 [n]: cost of each pair including the attachment's, inf when unreachable.

        For an EXT2 prefix this is the distance part only; its type-2 metric is `prefixes.metric`.
        """
        found = self._sinks(prefixes)
        out = np.full(len(found.of_pair), np.inf)
        for lo, hi in self._blocks(found.sinks):
            here = np.flatnonzero((found.of_pair >= lo) & (found.of_pair < hi))
            distance = found.sinks.block(lo, hi).distances(self._to)
            out[here] = distance[found.of_pair[here] - lo, np.asarray(sources)[here]]
        return out + found.single_cost

    def reachable(self, sources: NDArray[np.integer], prefixes: NDArray[np.integer]) -> NDArray[np.bool_]:
        """bool [n]: whether the source has any path to the prefix."""
        return np.isfinite(self.costs(sources, prefixes))

    def fractions(self, sources: NDArray[np.integer], prefixes: NDArray[np.integer]) -> csr_matrix:
        """float64 CSR [n, 2L]: the part of each pair's traffic that leaves by row l (column l) and that
        enters by row l (column L + l). Rows of unreachable pairs are empty (see `reachable`)."""
        n_links, n = len(self.topology.links), len(sources)
        found = self._sinks(prefixes)
        key = found.of_pair * self.topology.n_vertices + np.asarray(sources, dtype=np.int64)
        unique, inverse = np.unique(key, return_inverse=True)
        sink, source = np.divmod(unique, self.topology.n_vertices)
        rows: list[I8] = []
        columns: list[I8] = []
        values: list[F8] = []
        ends = np.zeros(len(unique), dtype=np.bool_)
        edges = self.topology.edges
        for level in self._push(found, sink, source, None):
            out = edges.out_link[level.moved_edge]
            into = edges.in_link[level.moved_edge]
            for column, at in ((out, 0), (into, n_links)):
                keep = np.flatnonzero(column >= 0)
                rows.append(level.moved_pair[keep])
                columns.append(column[keep].astype(np.int64) + at)
                values.append(level.moved_share[keep])
            ends[level.pair] = True
            which, link, share = self._deliver(found, sink, level)
            rows.append(level.pair[which])
            columns.append(link)
            values.append(level.share[which] * share)
        matrix = _matrix(rows, columns, values, (len(unique), 2 * n_links))
        if len(unique) != n or not np.array_equal(inverse, np.arange(n)):
            matrix = matrix[inverse]
        last = np.flatnonzero((found.single_link >= 0) & ends[inverse])
        if last.size:
            ones = np.ones(len(last))
            matrix = matrix + _matrix([last], [found.single_link[last]], [ones], (n, 2 * n_links))
        return matrix

    def hops(
        self,
        sources: NDArray[np.integer],
        prefixes: NDArray[np.integer],
        entry_links: NDArray[np.integer],
    ) -> HopTable:
        """Every (router, ingress row, egress row) each pair's traffic passes, ordered by pair, merged.

        `entry_links[i]` is the row by which pair i's traffic enters its first router, -1 unknown. Summed over
        ingress, the fractions with egress l equal column l of `fractions`.
        """
        edges = self.topology.edges
        n_routers = self.topology.n_routers
        found = self._sinks(prefixes)
        columns: list[tuple[NDArray[np.integer], ...]] = []
        shares: list[F8] = []
        start = np.asarray(sources, dtype=np.int64)
        for level in self._push(found, found.of_pair, start, np.asarray(entry_links, dtype=np.int64)):
            router = edges.src[level.moved_edge] < n_routers
            edge = level.moved_edge[router]
            columns.append(
                (level.moved_pair[router], edges.src[edge], level.moved_ingress[router], edges.out_link[edge])
            )
            shares.append(level.moved_share[router])
            which, link, share = self._deliver(found, found.of_pair, level)
            columns.append((level.pair[which], level.vertex[which], level.ingress[which], link))
            shares.append(level.share[which] * share)
            alone = np.flatnonzero(~found.several[found.of_pair[level.pair]] & (level.vertex < n_routers))
            pair = level.pair[alone]
            columns.append((pair, level.vertex[alone], level.ingress[alone], found.single_link[pair]))
            shares.append(level.share[alone])
        return _hop_table(columns, shares, self.topology.n_vertices, len(self.topology.links))

    def trace(self, source: int, prefix: int) -> list[TraceHop]:
        """The routers one pair's traffic passes, nearest first."""
        table = self.hops(np.array([source]), np.array([prefix]), np.array([-1]))
        distance = self._to.source(source)
        steps = [
            TraceHop(int(self.topology.routers[v]), int(i), int(o), float(f), float(distance[v]))
            for v, i, o, f in zip(table.vertex, table.ingress, table.egress, table.fraction, strict=True)
        ]
        return sorted(steps, key=lambda hop: (hop.distance, hop.router, hop.egress, hop.ingress))

    def _sinks(self, prefixes: NDArray[np.integer]) -> _Sinks:
        """Group the prefixes by destination: all that one vertex alone announces share its next hops."""
        table = self.topology.prefixes
        n = self.topology.n_vertices
        wanted = np.asarray(prefixes, dtype=np.int64)
        begin = table.start[wanted].astype(np.int64)
        alone = table.start[wanted + 1] - begin == 1
        single_link = np.full(len(wanted), -1, dtype=np.int64)
        single_link[alone] = table.link[begin[alone]]
        single_cost = np.where(alone, table.cost[begin], 0).astype(np.float64)
        on_lan = (table.vertex[begin] >= self.topology.n_routers) & (table.route_type[wanted] == INTRA)
        # key: 2 * vertex + on_lan for the single ones, beyond that the prefix row
        key = np.where(alone, 2 * table.vertex[begin].astype(np.int64) + on_lan, 2 * n + wanted)
        unique, of_pair = np.unique(key, return_inverse=True)
        few = unique < 2 * n
        start, vertex, cost = [0], [], []
        deliver_key: list[int] = []
        deliver_link: list[int] = []
        deliver_share: list[float] = []
        lan: list[bool] = []
        for k, (value, is_single) in enumerate(zip(unique.tolist(), few.tolist(), strict=True)):
            if is_single:
                vertex.append(value // 2)
                cost.append(0)
                lan.append(bool(value % 2))
            else:
                p = value - 2 * n
                rows = range(int(table.start[p]), int(table.start[p + 1]))
                lan.append(int(table.route_type[p]) == INTRA)
                least: dict[int, int] = {}
                for a in rows:
                    v, c = int(table.vertex[a]), int(table.cost[a])
                    least[v] = min(c, least.get(v, c))
                for v, c in least.items():
                    vertex.append(v)
                    cost.append(c)
                    tied = [
                        int(table.link[a])
                        for a in rows
                        if int(table.vertex[a]) == v and int(table.cost[a]) == c
                    ]
                    for link in tied:
                        deliver_key.append(k * n + v)
                        deliver_link.append(link)
                        deliver_share.append(1 / len(tied))
            start.append(len(vertex))
        keys = np.array(deliver_key, dtype=np.int64)
        order = np.argsort(keys, kind="stable")
        distinct, first = np.unique(keys[order], return_index=True)
        return _Sinks(
            sinks=Sinks(
                np.array(start, dtype=np.int64),
                np.array(vertex, dtype=np.int64),
                np.array(cost, dtype=np.float64),
                np.array(lan, dtype=np.bool_),
            ),
            of_pair=of_pair.reshape(-1).astype(np.int64),
            single_link=single_link,
            single_cost=single_cost,
            deliver_start=np.append(first, len(keys)).astype(np.int64),
            deliver_key=distinct,
            deliver_link=np.array(deliver_link, dtype=np.int64)[order],
            deliver_share=np.array(deliver_share, dtype=np.float64)[order],
            several=~few,
        )

    def _blocks(self, sinks: Sinks) -> Iterator[tuple[int, int]]:
        size = max(1, BLOCK_CELLS // max(1, len(self.topology.edges), self.topology.n_vertices))
        for lo in range(0, len(sinks), size):
            yield lo, min(lo + size, len(sinks))

    def _next_hops(self, sinks: Sinks) -> tuple[NextHops, F8]:
        distance = sinks.distances(self._to)
        ties = sinks.distances(self._ties) if self._ties is not None else None
        edges = self.topology.edges
        return next_hops(edges, self.topology.n_routers, sinks, distance, ties), distance

    def _push(self, found: _Sinks, sink: I8, source: I8, ingress: I8 | None) -> Iterator[Level]:
        """Levels of all pairs, block by block of sinks; pair ids are positions in `sink`."""
        order = np.argsort(sink, kind="stable")
        sorted_sink = sink[order]
        n_links = len(self.topology.links)
        for lo, hi in self._blocks(found.sinks):
            a, b = np.searchsorted(sorted_sink, [lo, hi])
            pair = order[a:b]
            hops, distance = self._next_hops(found.sinks.block(lo, hi))
            pair = pair[np.isfinite(distance[sink[pair] - lo, source[pair]])]
            came = None if ingress is None else ingress[pair]
            yield from push(self.topology.edges, hops, pair, sink - lo, source[pair], came, n_links)

    def _deliver(self, found: _Sinks, sink: I8, level: Level) -> tuple[I8, I8, F8]:
        """Which ended states of sinks with several attachments leave by which row: (state, link, share)."""
        empty = np.zeros(0, dtype=np.int64)
        candidates = np.flatnonzero(
            found.several[sink[level.pair]] & (level.vertex < self.topology.n_routers)
        )
        if not candidates.size:
            return empty, empty, np.zeros(0)
        key = sink[level.pair[candidates]] * self.topology.n_vertices + level.vertex[candidates]
        slot = np.searchsorted(found.deliver_key, key)
        begin = found.deliver_start[slot]
        count = found.deliver_start[slot + 1] - begin
        which = np.repeat(candidates, count)
        position = np.arange(len(which)) - np.repeat(np.cumsum(count) - count - begin, count)
        return which, found.deliver_link[position], found.deliver_share[position]


def _same_vertices(old: Topology, new: Topology) -> bool:
    return np.array_equal(old.routers, new.routers) and np.array_equal(
        old.network_address, new.network_address
    )


def _matrix(rows: list[I8], columns: list[I8], values: list[F8], shape: tuple[int, int]) -> csr_matrix:
    """CSR with duplicates added up and rows without a link column (-1) left out."""
    if not rows:
        return csr_matrix(shape)
    row, column, value = np.concatenate(rows), np.concatenate(columns), np.concatenate(values)
    keep = column >= 0
    if not keep.all():
        row, column, value = row[keep], column[keep], value[keep]
    return csr_matrix((value, (row, column)), shape=shape)


def _hop_table(
    columns: list[tuple[NDArray[np.integer], ...]], shares: list[F8], n_vertices: int, n_links: int
) -> HopTable:
    none = np.zeros(0, dtype=np.int64)
    parts = [np.concatenate([c[i] for c in columns]).astype(np.int64) if columns else none for i in range(4)]
    pair, vertex, ingress, egress = parts
    share = np.concatenate(shares) if shares else np.zeros(0)
    width = n_links + 1
    key = ((pair * n_vertices + vertex) * width + ingress + 1) * width + egress + 1
    unique, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    fraction: F8 = np.bincount(inverse, weights=share, minlength=len(unique)).astype(np.float64)
    return HopTable(
        pair=pair[first].astype(np.int32),
        vertex=vertex[first].astype(np.int32),
        ingress=ingress[first].astype(np.int32),
        egress=egress[first].astype(np.int32),
        fraction=fraction,
    )
