"""Shortest paths as arrays: distances inside areas, and the equal-cost next hops they imply (RFC 2328 16.1).

Nothing here ever lists paths. Distances are kept *to* a vertex: an edge is on a shortest path when it is *tight*, that
is when the distance at its tail is its cost plus the distance at its head. `Distances` knows one area, `AreaDistances`
all areas of a topology side by side, so that one array operation serves routers and destinations of every area at once.

A next hop is a hop from router to router: (row it leaves by, row it enters by, next router). A LAN edge gives one hop
for each tight router behind it, parallel links one each. A virtual link gives the hops of the path through its transit
area (16.1.1, 16.3); where the transit area is not seen, one hop without rows to its far end.

Costs are integers below 2**24 per hop, so float64 sums are exact and "tight" is an equality. Zero-cost router links
(RFC 2328 allows none, some vendors do) could tie two routers to each other; there a second distance that counts them
breaks the circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from ospf.areas import AreaGraph
from ospf.links import EdgeTable
from ospf.repair import Adjacency, repair

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
B1 = NDArray[np.bool_]

LARGE_AREA = 200  # vertices; from there on compiled code is used where there is any
MOST_CHANGED_VERTICES = 64  # beyond that many, mending may cost more than computing anew
ZERO_COST_STEP = 2.0**-20  # far below 1 / vertices, exactly representable beside 2**32
END = -1  # next router of a hop that leaves the network, or stays in it without crossing another router


@cache
def compiled() -> ModuleType | None:
    """`ospf.fast` where numba is installed."""
    return import_module("ospf.fast") if find_spec("numba") is not None else None


class Distances:
    """Distances *to* chosen vertices, computed when first asked for and kept.

    The edges marked in `raised` (of zero cost) count as a step far below 1. `cells` [V, V], when given, is where
    they are kept.
    """

    def __init__(self, edges: EdgeTable, n_vertices: int, raised: B1 | None = None, cells: F8 | None = None) -> None:
        cost = edges.cost.astype(np.float64)
        if raised is not None:
            cost[raised] = ZERO_COST_STEP
        self._n = n_vertices
        self._forward = _least_cost(edges.src, edges.dst, cost, n_vertices)
        self._backward = _least_cost(edges.dst, edges.src, cost, n_vertices)
        self._to = np.empty((n_vertices, n_vertices)) if cells is None else cells
        self.have = np.zeros(n_vertices, dtype=np.bool_)

    def ensure(self, vertices: NDArray[np.integer]) -> None:
        """Compute what is missing."""
        missing = np.unique(vertices[~self.have[vertices]])
        if missing.size:
            self._to[missing] = dijkstra(self._backward, indices=missing)
            self.have[missing] = True

    def to(self, vertices: NDArray[np.integer]) -> F8:
        """[K, V]: row k holds the distance from every vertex to vertices[k], inf when there is none."""
        self.ensure(vertices)
        rows: F8 = self._to[vertices]
        return rows

    def renumbered(self, numbers: I8, n_vertices: int) -> tuple[Distances, I8]:
        """The same with other numbers for the vertices (-1: gone), and what an edge led away from to such a one.

        Only good for `adopt`.
        """
        kept = np.flatnonzero(numbers >= 0)
        other = copy(self)
        other._n = n_vertices
        other._to = np.full((n_vertices, n_vertices), np.inf)
        other._to[np.ix_(numbers[kept], numbers[kept])] = self._to[np.ix_(kept, kept)]
        other.have = np.zeros(n_vertices, dtype=np.bool_)
        other.have[numbers[kept]] = self.have[kept]
        edges = self._forward.tocoo()
        tail, head = numbers[edges.row], numbers[edges.col]
        stay = (tail >= 0) & (head >= 0)
        other._forward = csr_matrix((edges.data[stay], (tail[stay], head[stay])), shape=(n_vertices, n_vertices))
        other._forward.sort_indices()
        return other, tail[(tail >= 0) & (head < 0)]

    def adopt(self, old: Distances, cut: I8 | None = None) -> B1 | None:
        """Take over what `old` has, mended where edges differ; nothing (None) when they differ in many places.

        Both must number the same vertices, and there must be no circle of zero cost; `cut` are vertices that lost
        edges to others which are not there any more. Returns bool [V, V]: element (target, vertex) tells whether the
        distance differs; rows that `old` did not have are False.
        """
        changed = _changed_rows(old._forward, self._forward)
        if cut is not None:
            changed = np.union1d(changed, cut)
        if len(changed) > MOST_CHANGED_VERTICES:
            return None
        leaving, entering = _adjacency(self._forward), _adjacency(self._backward)
        if old.have.all():
            self._to[:] = old._to
        else:
            self._to[old.have] = old._to[old.have]
        self.have = old.have.copy()
        differs = np.zeros((self._n, self._n), dtype=np.bool_)
        fast = compiled() if self._n >= LARGE_AREA else None
        if fast is not None:
            edges = (*leaving.compiled(), *entering.compiled())
            fast.mend(self._to, old._to, self.have, changed.astype(np.int64), *edges, differs)
            return differs
        # A destination whose distances still solve Bellman's equation at the changed vertices is right as it is.
        wrong = np.zeros(self._n, dtype=np.bool_)
        for u in changed.tolist():
            at = slice(leaving.start[u], leaving.start[u + 1])
            best = (self._to[:, leaving.other[at]] + leaving.cost[at]).min(axis=1, initial=np.inf)
            best[u] = 0.0
            wrong |= best != self._to[:, u]
        sinks = np.flatnonzero(wrong & self.have)
        if sinks.size:
            rows = self._to[sinks]
            repair(rows, sinks, changed, leaving, entering)
            differs[sinks] = rows != self._to[sinks]
            self._to[sinks] = rows
        return differs

    @property
    def entering(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """(start, tail) in CSR: the tails of the edges that enter each vertex, once each."""
        return self._backward.indptr, self._backward.indices

    def source(self, vertex: int) -> F8:
        """[V]: the distance from `vertex` to every vertex."""
        row: F8 = dijkstra(self._forward, indices=vertex)
        return row

    def matrix(self) -> F8:
        """[V, V]: element (i, j) is the distance from i to j."""
        if not self.have.all():
            self.ensure(np.arange(self._n))
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
    if old.nnz == new.nnz and np.array_equal(old.indices, new.indices) and np.array_equal(old.indptr, new.indptr):
        differs = np.flatnonzero(old.data != new.data)
        return np.unique(np.searchsorted(new.indptr, differs, "right") - 1)
    number = np.diff(old.indptr)
    found = number != np.diff(new.indptr)
    same = np.flatnonzero(~found)
    which, there = spread(old.indptr[same], number[same])
    _, here = spread(new.indptr[same], number[same])
    unlike = (old.indices[there] != new.indices[here]) | (old.data[there] != new.data[here])
    found[same[which[unlike]]] = True
    return np.flatnonzero(found)


def spread(begin: NDArray[np.integer], count: NDArray[np.integer]) -> tuple[I8, I8]:
    """(which, position) of every element of the ranges `begin[i]:begin[i] + count[i]`, range by range."""
    count = count.astype(np.int64)
    which = np.repeat(np.arange(len(begin)), count)
    ends = np.cumsum(count)
    return which, np.arange(len(which)) + np.repeat(begin.astype(np.int64) - ends + count, count)


class Towards(NamedTuple):
    """States that look for next hops: routers (or networks), each towards one target of one area."""

    node: I8  # states of the same node are neighbours of each other and share ties
    area: I8  # area index
    target: I8  # local vertex
    at: I8  # local vertex
    extra: F8  # cost behind the target

    def take(self, rows: NDArray[np.generic]) -> Towards:
        return Towards(*(column[rows] for column in self))


class Hops(NamedTuple):
    """Hops from router to router."""

    node: I8
    out: I8  # row it leaves by, -1 none
    into: I8  # row it enters by, -1 none or unknown
    router: I8  # vertex of the topology, END

    @classmethod
    def of(cls, parts: Sequence[tuple[NDArray[np.integer], ...]]) -> Hops:
        """Put together; each part has these columns."""
        none = np.zeros(0, dtype=np.int64)
        if not parts:
            return cls(none, none, none, none)
        return cls(*(np.concatenate([p[i] for p in parts]).astype(np.int64) for i in range(4)))


class AreaDistances:
    """The distances of all areas, addressed by flat position, and the tight edges they imply.

    Local vertex l of area a is *area vertex* `first[a] + l`; the distance from it to local vertex t is
    `cells[base[a] + t * width[a] + l]`, valid after `ensure`.
    """

    def __init__(self, areas: Sequence[AreaGraph], n_vertices: int) -> None:
        self.areas = tuple(areas)
        width = [graph.n_vertices for graph in areas]
        self.width = np.array([*width, 0], dtype=np.int64)  # one more: area -1 is none
        self.first = np.concatenate([[0], np.cumsum(width)]).astype(np.int64)
        self.base = np.concatenate([[0], np.cumsum(np.square(np.array(width, dtype=np.int64)))]).astype(np.int64)
        self.cells = np.empty(int(self.base[-1]))
        self.local = np.full((len(areas) + 1, n_vertices), -1, dtype=np.int64)
        for a, graph in enumerate(areas):
            self.local[a, graph.vertices] = np.arange(graph.n_vertices)
        zero = [(g.edges.cost == 0) & (g.edges.src < g.n_routers) for g in areas]
        self.tables = [self._table(a, self.cells, None) for a in range(len(areas))]
        self._ties: F8 | None = None
        self._tie_tables: list[Distances] = []
        if any(z.any() for z in zero):
            self._ties = np.empty_like(self.cells)
            self._tie_tables = [self._table(a, self._ties, zero[a]) for a in range(len(areas))]
        edges = [graph.edges for graph in areas]
        rows = np.concatenate([[0], np.cumsum([len(e) for e in edges])]).astype(np.int64)

        def joined(name: str) -> I8:
            parts = [getattr(e, name) for e in edges]
            return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, dtype=np.int64)

        self.edge_start = np.concatenate([e.start[:-1] + rows[a] for a, e in enumerate(edges)] + [rows[-1:]])
        self.edge_head = joined("dst")  # local
        self.edge_cost = joined("cost").astype(np.float64)
        self.edge_out, self.edge_in, self.edge_virtual = joined("out_link"), joined("in_link"), joined("virtual")
        vertices = [graph.vertices for graph in areas]
        self.vertex = np.concatenate(vertices).astype(np.int64) if vertices else np.zeros(0, dtype=np.int64)
        self.is_network = np.concatenate(
            [np.arange(g.n_vertices) >= g.n_routers for g in areas] or [np.zeros(0, dtype=np.bool_)]
        )

    def _table(self, a: int, cells: F8, raised: B1 | None) -> Distances:
        n = int(self.width[a])
        view = cells[self.base[a] : self.base[a + 1]].reshape(n, n)
        return Distances(self.areas[a].edges, n, raised, view)

    def ensure(self, area: I8, target: I8) -> None:
        """Compute the distances to all these (area, local vertex)."""
        if len(self.tables) == 1:
            self.tables[0].ensure(target)
            for table in self._tie_tables:
                table.ensure(target)
            return
        wanted = np.unique(self.first[area] + target)
        owner = np.searchsorted(self.first, wanted, "right") - 1
        for a in np.unique(owner).tolist():
            here = wanted[owner == a] - self.first[a]
            self.tables[a].ensure(here)
            if self._tie_tables:
                self._tie_tables[a].ensure(here)

    def distance(self, area: I8, target: I8, at: I8) -> F8:
        """[n] cost from `at` to `target`, both local vertices of `area`; their distances must be known."""
        found: F8 = self.cells[self.base[area] + target * self.width[area] + at]
        return found

    def hops(self, states: Towards) -> Hops:
        """All hops of all states, not yet without duplicates; END where the target is a network it is on."""
        parts: list[tuple[NDArray[np.integer], ...]] = []
        while len(states.node):
            states = self._expand(states, parts)
        return Hops.of(parts)

    def _expand(self, states: Towards, parts: list[tuple[NDArray[np.integer], ...]]) -> Towards:
        """Adds hops to `parts`; what is left are the states of virtual links, in their transit areas."""
        row = self.base[states.area] + states.target * self.width[states.area]
        place = self.first[states.area] + states.at
        begin = self.edge_start[place]
        which, edge = spread(begin, self.edge_start[place + 1] - begin)
        head = self.edge_head[edge]
        here = self.cells[row + states.at][which]
        beyond = row[which]
        tight = here == self.edge_cost[edge] + self.cells[beyond + head]
        tight &= here < np.inf
        if self._ties is not None:
            zero = np.flatnonzero(tight & (self.edge_cost[edge] == 0) & ~self.is_network[place][which])
            tight[zero] = self._lower(states, which[zero], head[zero], strictly=True)
        keep = np.flatnonzero(tight)
        which, edge, head = which[keep], edge[keep], head[keep]
        area = states.area[which]
        vertex = self.vertex[self.first[area] + head]
        lan = self.is_network[self.first[area] + head]
        virtual = self.edge_virtual[edge]
        if not lan.any() and (virtual == -1).all():
            parts.append((states.node[which], self.edge_out[edge], self.edge_in[edge], vertex))
            return states.take(np.zeros(0, dtype=np.int64))
        plain = ~lan & ((virtual == -1) | (virtual == -2))
        parts.append((states.node[which[plain]], self.edge_out[edge[plain]], self.edge_in[edge[plain]], vertex[plain]))
        lans = np.flatnonzero(lan)
        if lans.size:
            self._across(states, which[lans], edge[lans], head[lans], parts)
        through = np.flatnonzero(virtual >= 0)
        which, transit = which[through], virtual[through]
        target = self.local[transit, vertex[through]]
        at = self.local[transit, self.vertex[place[which]]]
        known = (target >= 0) & (at >= 0)
        which, transit, target, at = which[known], transit[known], target[known], at[known]
        if len(which):
            self.ensure(transit, target)
        return Towards(states.node[which], transit, target, at, np.zeros(len(which)))

    def _across(
        self, states: Towards, which: I8, edge: I8, head: I8, parts: list[tuple[NDArray[np.integer], ...]]
    ) -> None:
        """Hops over LANs to the tight routers behind them."""
        ends = head == states.target[which]
        none = np.full(int(ends.sum()), -1, dtype=np.int64)
        parts.append((states.node[which[ends]], self.edge_out[edge[ends]], none, none))
        which, edge, head = which[~ends], edge[~ends], head[~ends]
        place = self.first[states.area[which]] + head
        begin = self.edge_start[place]
        over, far = spread(begin, self.edge_start[place + 1] - begin)
        which, edge, head = which[over], edge[over], head[over]
        router = self.edge_head[far]
        row = self.base[states.area[which]] + states.target[which] * self.width[states.area[which]]
        tight = (self.cells[row + router] == self.cells[row + head]) & (router != states.at[which])
        if self._ties is not None:
            some = np.flatnonzero(tight)
            tight[some] = self._lower(states, which[some], router[some], strictly=False, than=head[some])
        vertex = self.vertex[self.first[states.area[which]] + router]
        parts.append((states.node[which[tight]], self.edge_out[edge[tight]], self.edge_in[far[tight]], vertex[tight]))

    def _lower(self, states: Towards, which: I8, head: I8, *, strictly: bool, than: I8 | None = None) -> B1:
        """Whether the tie-breaking distance at `head` is lower than (or, not strictly, as low as) at the state.

        The lowest over all targets of the node counts, as if they were one.
        """
        here = self._tie(states, which, states.at[which] if than is None else than)
        there = self._tie(states, which, head)
        return there < here if strictly else there <= here

    def _tie(self, states: Towards, which: I8, local: I8) -> F8:
        assert self._ties is not None
        node = states.node
        fresh = np.flatnonzero(np.diff(node, prepend=-1) != 0)
        size = np.diff(np.append(fresh, len(node)))
        group = np.repeat(np.arange(len(fresh)), size)[which]
        over, state = spread(fresh[group], size[group])
        value = np.full(len(over), np.inf)
        same = np.flatnonzero(states.area[state] == states.area[which][over])
        s = state[same]
        at = self.base[states.area[s]] + states.target[s] * self.width[states.area[s]] + local[over[same]]
        value[same] = self._ties[at] + states.extra[s]
        if not len(which):
            return np.zeros(0)
        least: F8 = np.minimum.reduceat(value, np.cumsum(size[group]) - size[group])
        return least

    def adopt(self, old: AreaDistances, moved: I8 | None = None) -> list[B1] | None:
        """Take over what an earlier version knows; per area, which distances differ (see `Distances.adopt`).

        `moved` are the new numbers of its vertices, where they have others. None, and nothing or only some areas taken
        over, when the areas are not the same ones, when one changed in many places, or when there are zero-cost links.
        """
        if self._tie_tables or old._tie_tables:
            return None
        places = {graph.area: a for a, graph in enumerate(old.areas)}
        same = len(self.areas) == len(old.areas)
        found: list[B1] = []
        for a, graph in enumerate(self.areas):
            before = places.get(graph.area, -1)
            if before < 0:
                same = False
                continue
            known, cut = old.tables[before], None
            numbers = self.numbers_of(old, before, a, moved)
            if numbers is not None:
                known, cut = known.renumbered(numbers, graph.n_vertices)
            differs = self.tables[a].adopt(known, cut)
            if differs is None:
                same = False
            else:
                found.append(differs)
        return found if same else None

    def numbers_of(self, old: AreaDistances, before: int, a: int, moved: I8 | None) -> I8 | None:
        """New local number of each vertex of an area, -1 gone; None when they are the same."""
        vertices = old.areas[before].vertices.astype(np.int64)
        if moved is not None:
            vertices = np.append(moved, -1)[vertices]
        if np.array_equal(vertices, self.areas[a].vertices):
            return None
        numbers: I8 = np.append(self.local[a], -1)[vertices]
        return numbers
