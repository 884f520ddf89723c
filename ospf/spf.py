"""Shortest paths as arrays: distances, equal-cost next-hop graphs, and shares pushed along them (RFC 2328
16.1).

Nothing here ever lists paths. For a block of *sinks* (a vertex, or several with extra costs) the tight edges
form a directed acyclic graph; traffic starts with share 1 at its source and every router passes it on in
equal parts to its next hops. States of one pair that meet at a vertex are merged at each level, so a 9 x 9
mesh with 12,870 equal paths costs 81 vertices, not 12,870 walks.

A next hop is a (link, neighbouring router): a LAN edge weighs as many next hops as there are tight routers
behind it, parallel links count one each. Costs are integers below 2**24 per hop, so float64 sums are exact
and "tight" is an equality. Zero-cost router links (RFC 2328 allows none, some vendors do) could tie two
routers to each other; there a second distance that counts them breaks the circle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from ospf.errors import OspfError
from ospf.links import EdgeTable
from ospf.repair import Adjacency, repair

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

MOST_CHANGED_VERTICES = 64  # beyond that many, mending may cost more than computing anew
ZERO_COST_STEP = 2.0**-20  # far below 1 / vertices, exactly representable beside 2**32


class Distances:
    """Distances *to* chosen vertices, computed when first asked for and kept.

    The edges marked in `raised` (of zero cost) count as a step far below 1.
    """

    def __init__(self, edges: EdgeTable, n_vertices: int, raised: NDArray[np.bool_] | None = None) -> None:
        cost = edges.cost.astype(np.float64)
        if raised is not None:
            cost[raised] = ZERO_COST_STEP
        self._n = n_vertices
        self._forward = _least_cost(edges.src, edges.dst, cost, n_vertices)
        self._backward = _least_cost(edges.dst, edges.src, cost, n_vertices)
        self._to = np.empty((n_vertices, n_vertices))
        self._have = np.zeros(n_vertices, dtype=np.bool_)

    def to(self, vertices: NDArray[np.integer]) -> F8:
        """[K, V]: row k holds the distance from every vertex to vertices[k], inf when there is none."""
        missing = np.unique(vertices[~self._have[vertices]])
        if missing.size:
            self._to[missing] = dijkstra(self._backward, indices=missing)
            self._have[missing] = True
        rows: F8 = self._to[vertices]
        return rows

    def adopt(self, old: Distances) -> None:
        """Take over what `old` has, mended where edges differ; nothing when they differ in many places.

        Both must number the same vertices, and there must be no circle of zero cost.
        """
        changed = _changed_rows(old._forward, self._forward)
        if len(changed) > MOST_CHANGED_VERTICES:
            return
        leaving, entering = _adjacency(self._forward), _adjacency(self._backward)
        self._to[old._have] = old._to[old._have]
        self._have = old._have.copy()
        # A destination whose distances still solve Bellman's equation at the changed vertices is right as it is.
        wrong = np.zeros(self._n, dtype=np.bool_)
        for u in changed.tolist():
            edges = slice(leaving.start[u], leaving.start[u + 1])
            best = (self._to[:, leaving.other[edges]] + leaving.cost[edges]).min(axis=1, initial=np.inf)
            best[u] = 0.0
            wrong |= best != self._to[:, u]
        sinks = np.flatnonzero(wrong & self._have)
        rows = self._to[sinks]
        repair(rows, sinks, changed, leaving, entering)
        self._to[sinks] = rows

    def source(self, vertex: int) -> F8:
        """[V]: the distance from `vertex` to every vertex."""
        row: F8 = dijkstra(self._forward, indices=vertex)
        return row

    def matrix(self) -> F8:
        """[V, V]: element (i, j) is the distance from i to j."""
        if not self._have.all():
            self.to(np.arange(self._n))
        return self._to.T


def _least_cost(src: I4, dst: I4, cost: F8, n: int) -> csr_matrix:
    """Adjacency with one element per vertex pair: scipy would *add* the costs of parallel links."""
    order = np.lexsort((cost, dst, src))
    src, dst, cost = src[order], dst[order], cost[order]
    first = np.ones(len(src), dtype=np.bool_)
    first[1:] = (src[1:] != src[:-1]) | (dst[1:] != dst[:-1])
    return csr_matrix((cost[first], (src[first], dst[first])), shape=(n, n))


def _adjacency(matrix: csr_matrix) -> Adjacency:
    return Adjacency(matrix.indptr, matrix.indices, matrix.data)


def _changed_rows(old: csr_matrix, new: csr_matrix) -> I8:
    """Vertices whose least-cost edges differ."""
    if old.nnz == new.nnz and np.array_equal(old.indices, new.indices):
        differs = np.flatnonzero(old.data != new.data)
        return np.unique(np.searchsorted(new.indptr, differs, "right") - 1)
    rows = np.arange(old.shape[0])
    there = np.repeat(rows, np.diff(old.indptr)), old.indices, old.data
    here = np.repeat(rows, np.diff(new.indptr)), new.indices, new.data
    both = np.array([np.concatenate(pair) for pair in zip(there, here, strict=True)])
    edges, count = np.unique(both, axis=1, return_counts=True)
    return np.unique(edges[0, count == 1]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Sinks:
    """K destinations; the attachments of sink k are rows `start[k]:start[k + 1]` of vertex and cost."""

    start: I8
    vertex: I8
    cost: F8
    on_lan: NDArray[np.bool_]  # [K] a router on an attached transit network delivers there by itself

    def __len__(self) -> int:
        return len(self.start) - 1

    def block(self, lo: int, hi: int) -> Sinks:
        a, b = self.start[lo], self.start[hi]
        return Sinks(self.start[lo : hi + 1] - a, self.vertex[a:b], self.cost[a:b], self.on_lan[lo:hi])

    def distances(self, table: Distances) -> F8:
        """[K, V] distance from every vertex, attachment cost included."""
        rows = table.to(self.vertex)
        if len(rows) == len(self):
            rows += self.cost[:, None]
            return rows
        rows += self.cost[:, None]
        least: F8 = np.minimum.reduceat(rows, self.start[:-1], axis=0)
        return least


@dataclass(frozen=True, eq=False)
class NextHops:
    """Next hops of every vertex towards each sink of a block, as CSR over node = sink * V + vertex."""

    start: I8  # [K * V + 1]
    edge: I8  # edge of each next hop
    share: F8  # part of the node's traffic that takes it
    n_vertices: int


def next_hops(
    edges: EdgeTable, n_routers: int, sinks: Sinks, distance: F8, broken_ties: F8 | None = None
) -> NextHops:
    """The equal-cost graph towards each sink.

    A vertex that is itself an attachment passes nothing on: a connected (or redistributed) route beats an
    OSPF one in every router's table. `broken_ties` is the distance with zero-cost links counted.
    """
    k_count, n = distance.shape
    src, dst = edges.src, edges.dst
    by_vertex = np.ascontiguousarray(distance.T)  # gathering whole rows is what makes this fast
    head = by_vertex[dst]
    head += edges.cost[:, None]
    usable = by_vertex[src] == head
    if not np.isfinite(by_vertex).all():
        usable &= head < np.inf
    if broken_ties is not None:
        ties = np.ascontiguousarray(broken_ties.T)
        here, there = ties[src], ties[dst]
        usable &= (edges.cost != 0)[:, None] | (there < here) | (src >= n_routers)[:, None] & (there == here)
    tight = np.ascontiguousarray(usable.T)
    for which in np.flatnonzero(sinks.on_lan).tolist():
        for net in sinks.vertex[sinks.start[which] : sinks.start[which + 1]].tolist():
            if net >= n_routers:
                for e in range(int(edges.start[net]), int(edges.start[net + 1])):
                    router = int(dst[e])
                    leaving = slice(edges.start[router], edges.start[router + 1])
                    tight[which, leaving] = dst[leaving] == net
    sunk = np.zeros(k_count * n, dtype=np.bool_)
    owner = np.repeat(np.arange(k_count), np.diff(sinks.start))
    sunk[owner * n + sinks.vertex] = True

    flat = np.flatnonzero(tight)
    k, edge = np.divmod(flat, len(edges))
    node = k * n + src[edge]
    keep = ~sunk[node]
    k, edge, node = k[keep], edge[keep], node[keep]
    count = np.bincount(node, minlength=k_count * n)
    start = np.zeros(k_count * n + 1, dtype=np.int64)
    np.cumsum(count, out=start[1:])
    weight = np.ones(len(edge))
    to_lan = np.flatnonzero(dst[edge] >= n_routers)
    weight[to_lan] = np.maximum(count[k[to_lan] * n + dst[edge[to_lan]]], 1)
    total = np.bincount(node, weights=weight, minlength=k_count * n)
    return NextHops(start, edge, weight / total[node], n)


@dataclass(frozen=True, eq=False)
class Level:
    """Shares that stand at vertices, and the edges they take from there."""

    pair: I8  # states that reached a vertex without next hops: the end of their way
    vertex: I8
    ingress: I8
    share: F8
    moved_pair: I8  # shares leaving over an edge
    moved_edge: I8
    moved_ingress: I8  # row by which they entered the router they now leave
    moved_share: F8


def push(
    edges: EdgeTable, hops: NextHops, pair: I8, sink: I8, vertex: I8, ingress: I8 | None, n_links: int
) -> list[Level]:
    """Send share 1 of each pair from its vertex towards its sink, level by level.

    `sink` [number of pairs] is indexed by pair id; `pair` and `vertex` are the starting states. With
    `ingress` (row per state, -1 unknown) states are kept apart by the row they entered by; with None they are
    not.
    """
    share = np.ones(len(pair))
    track = ingress is not None
    came = ingress if ingress is not None else np.full(len(pair), -1, dtype=np.int64)
    n = hops.n_vertices
    levels: list[Level] = []
    for _ in range(n + 1):
        if not len(pair):
            return levels
        node = sink[pair] * n + vertex
        begin = hops.start[node]
        degree = hops.start[node + 1] - begin
        done = degree == 0
        if degree.max(initial=0) <= 1:
            keep = np.flatnonzero(~done)
            position = begin[keep]
        else:
            keep = np.repeat(np.arange(len(pair)), degree)
            ends = np.cumsum(degree)
            position = np.arange(len(keep)) - np.repeat(ends - degree - begin, degree)
        edge = hops.edge[position]
        moved_share = share[keep] * hops.share[position]
        moved_pair = pair[keep]
        levels.append(
            Level(
                pair[done], vertex[done], came[done], share[done], moved_pair, edge, came[keep], moved_share
            )
        )
        pair, share = moved_pair, moved_share
        vertex = edges.dst[edge].astype(np.int64)
        came = edges.in_link[edge].astype(np.int64) if track else np.full(len(pair), -1, dtype=np.int64)
        pair, vertex, came, share = _merge(pair, vertex, came, share, n, n_links)
    raise OspfError("next hops form a circle")  # never: distances fall, or broken ties do


def _merge(pair: I8, vertex: I8, came: I8, share: F8, n_vertices: int, n_links: int) -> tuple[I8, I8, I8, F8]:
    """Add up states that stand at the same place; a whole share stands alone by construction."""
    split = share < 1.0
    part = np.flatnonzero(split)
    if len(part) < 2:
        return pair, vertex, came, share
    key = (pair[part] * n_vertices + vertex[part]) * (n_links + 1) + came[part] + 1
    unique, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    if len(unique) == len(part):
        return pair, vertex, came, share
    whole = np.flatnonzero(~split)
    chosen = part[first]
    keep = np.concatenate([whole, chosen])
    added = np.concatenate([share[whole], np.bincount(inverse, weights=share[part])])
    return pair[keep], vertex[keep], came[keep], added
