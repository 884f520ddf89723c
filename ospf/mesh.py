"""Traffic pushed along next hops, level by level, for many (destination, source) at once.

A *node* is a (destination, vertex) that some traffic passes; destinations are groups of prefixes that every router
treats alike. `Mesh` holds the nodes that can be reached from the sources asked for, with their hops; states of one pair
that meet at a node are merged at each level, so a 9 x 9 mesh with 12,870 equal paths costs 81 nodes, not 12,870 walks.

A router passes traffic on in equal parts to its next hops. Routers decide by themselves, so while a change spreads they
may send traffic in a circle. It ends, counted, at the first router of the circle that it meets.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from ospf.spf import END, Hops, spread

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
B1 = NDArray[np.bool_]

DENSE_NODES = 1 << 24  # so many possible nodes are looked up in a table, more by search

Decide = Callable[[I8, I8], tuple[Hops, B1]]  # (group, vertex) -> hops, and whether more than the group decided


class Level(NamedTuple):
    """Shares that stand at nodes, and the hops they take from there."""

    pair: I8
    node: I8  # where every share of this level stands
    ingress: I8  # row by which it entered the router, -1 unknown
    share: F8
    ended: B1  # it goes no further
    which: I8  # position in the columns above of each share that moves
    hop: I8
    moved: F8


class Mesh:
    """Nodes and hops; both only grow, a node whose hops change points to new ones."""

    def __init__(self, n_vertices: int, groups: int) -> None:
        none = np.zeros(0, dtype=np.int64)
        self.n_vertices, self.groups = n_vertices, groups
        self.key = none  # [N] group * n_vertices + vertex
        self.begin, self.degree = none, none  # [N] into the columns of hops
        self.far = np.zeros(0, dtype=np.bool_)  # [N] more decided about it than what is said about the group
        self.out, self.into, self.router = none, none, none  # [H] int32
        self.next = none  # [H] node, END
        self._table: I4 | None = None
        self._order: I8 | None = none
        if n_vertices * groups <= DENSE_NODES:
            self._table = np.full(n_vertices * groups, -1, dtype=np.int32)

    def find(self, key: I8) -> I8:
        """[n] node of each key, -1 absent."""
        if self._table is not None:
            return self._table[key].astype(np.int64)
        if self._order is None:
            self._order = np.argsort(self.key, kind="stable")
        if not len(self.key):
            return np.full(len(key), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.key, key, sorter=self._order), len(self.key) - 1)
        node = self._order[place]
        return np.where(self.key[node] == key, node, -1)

    def copy(self) -> Mesh:
        """One that may grow and change without this one."""
        other = copy(self)
        other.begin, other.degree, other.far = self.begin.copy(), self.degree.copy(), self.far.copy()
        other._table = None if self._table is None else self._table.copy()
        return other

    def widen(self, groups: int) -> None:
        """Room for so many more groups."""
        self.groups += groups
        if self.n_vertices * self.groups > DENSE_NODES:
            self._table, self._order = None, None
        elif self._table is not None:
            self._table = np.concatenate([self._table, np.full(groups * self.n_vertices, -1, dtype=np.int32)])

    def grow(self, key: I8, decide: Decide) -> None:
        """Add the nodes of these keys and all that can be reached from them; their hops are named by `link`."""
        found: list[Hops] = []
        beyond: list[B1] = []
        first = count = len(self.key)
        parts = [self.key]
        while True:
            fresh = self._fresh(key)
            if not len(fresh):
                break
            if self._table is not None:
                self._table[fresh] = np.arange(count, count + len(fresh))
                parts.append(fresh)
            else:
                self.key, self._order = np.concatenate([self.key, fresh]), None
            group, vertex = np.divmod(fresh, self.n_vertices)
            hops, far = decide(group, vertex)
            moving = np.flatnonzero(hops.router >= 0)
            key = group[hops.node[moving]] * self.n_vertices + hops.router[moving]
            found.append(hops._replace(node=hops.node + count))
            beyond.append(far)
            count += len(fresh)
        if count == first:
            return
        if self._table is not None:
            self.key = np.concatenate(parts)
        none = np.zeros(count - first, dtype=np.int64)
        self.begin, self.degree = np.concatenate([self.begin, none]), np.concatenate([self.degree, none])
        self.far = np.concatenate([self.far, *beyond])
        hops = Hops.of(found)
        self.put(np.arange(first, count), hops._replace(node=hops.node - first))

    def _fresh(self, key: I8) -> I8:
        """The keys without a node, once each."""
        key = key[self.find(key) < 0]
        if self._table is None or not len(key):
            return np.unique(key)
        place = np.arange(len(key))
        self._table[key] = place
        fresh: I8 = key[self._table[key] == place]
        self._table[key] = -1
        return fresh

    def put(self, nodes: I8, hops: Hops) -> I8:
        """These hops for these nodes; keys of where they lead."""
        degree = np.bincount(hops.node, minlength=len(nodes)).astype(np.int64)
        self.degree[nodes] = degree
        self.begin[nodes] = len(self.out) + np.cumsum(degree) - degree
        self.out = np.concatenate([self.out, hops.out.astype(np.int32)])
        self.into = np.concatenate([self.into, hops.into.astype(np.int32)])
        self.router = np.concatenate([self.router, hops.router.astype(np.int32)])
        moving = np.flatnonzero(hops.router >= 0)
        group = self.key[nodes[hops.node[moving]]] // max(self.n_vertices, 1)
        return np.asarray(group * self.n_vertices + hops.router[moving], dtype=np.int64)

    def link(self) -> None:
        """Name the next node of every hop that was added."""
        at = len(self.next)
        recent = np.flatnonzero((self.begin >= at) & (self.degree > 0))
        which, place = spread(self.begin[recent], self.degree[recent])
        router = self.router[place]
        on = np.flatnonzero(router >= 0)
        group = self.key[recent[which[on]]] // max(self.n_vertices, 1)
        more = np.full(len(self.out) - at, END, dtype=np.int64)
        more[place[on] - at] = self.find(group * self.n_vertices + router[on])
        self.next = np.concatenate([self.next, more])

    def rename(self, rows: I8 | None, vertices: I8 | None, n_vertices: int) -> B1:
        """Give link rows and vertices new numbers, -1 for what is gone; bool [N]: nodes that had hops of such.

        A node of a vertex that is gone has key -1.
        """
        lost = np.zeros(len(self.out) + 1, dtype=np.bool_)
        for name, numbers in (("out", rows), ("into", rows), ("router", vertices)):
            if numbers is not None:
                old = getattr(self, name)
                new = np.append(numbers, -1)[old].astype(np.int32)
                lost[:-1] |= (new < 0) & (old >= 0)
                setattr(self, name, new)
        if vertices is not None:
            group, vertex = np.divmod(self.key, self.n_vertices)
            vertex = np.where(self.key >= 0, vertices[vertex], -1)
            self.key = np.where(vertex >= 0, group * n_vertices + vertex, -1)
            self.n_vertices, self._table, self._order = n_vertices, None, None
            if n_vertices * self.groups <= DENSE_NODES:
                self._table = np.full(n_vertices * self.groups, -1, dtype=np.int32)
                live = np.flatnonzero(self.key >= 0)
                self._table[self.key[live]] = live
        nodes = np.zeros(len(self.key), dtype=np.bool_)
        if lost.any():
            which, place = spread(self.begin, self.degree)
            nodes[which[lost[place]]] = True
        return nodes

    def hops_of(self, nodes: I8) -> Hops:
        """The hops of these nodes as they are."""
        which, place = spread(self.begin[nodes], self.degree[nodes])
        columns = (column[place].astype(np.int64) for column in (self.out, self.into, self.router))
        return Hops(which, *columns)

    def push(self, pair: I8, node: I8, ingress: I8 | None) -> tuple[list[Level], int, tuple[I8, I8]]:
        """Send share 1 of each pair from its node on.

        Returns the levels, how many shares ended in circles, and (pair, node) of all they depend on. With `ingress`
        (row per state, -1 unknown) states are kept apart by the row they entered by.
        """
        levels = self._walk(pair, node, ingress, None)
        passed = np.concatenate([v.pair for v in levels] or [pair]), np.concatenate([v.node for v in levels] or [node])
        if len(levels) <= self.n_vertices:
            return levels, 0, passed
        circling = self._circling()
        levels = self._walk(pair, node, ingress, circling)
        return levels, sum(int((circling[level.node] & level.ended).sum()) for level in levels), passed

    def _walk(self, pair: I8, node: I8, ingress: I8 | None, circling: B1 | None) -> list[Level]:
        share = np.ones(len(pair))
        track = ingress is not None
        came = ingress if ingress is not None else np.full(len(pair), -1, dtype=np.int64)
        levels: list[Level] = []
        while len(pair) and len(levels) <= self.n_vertices:
            degree = self.degree[node]
            if circling is not None:
                degree = np.where(circling[node], 0, degree)
            begin = self.begin[node]
            if degree.max() <= 1:
                which = np.flatnonzero(degree)
                hop, moved = begin[which], share[which]
            else:
                which, hop = spread(begin, degree)
                moved = share[which] / degree[which]
            levels.append(Level(pair, node, came, share, degree == 0, which, hop, moved))
            onward = self.next[hop]
            keep = np.flatnonzero(onward >= 0)
            node, pair, share = onward[keep], pair[which[keep]], moved[keep]
            came = self.into[hop[keep]].astype(np.int64) if track else np.full(len(pair), -1, dtype=np.int64)
            pair, node, came, share = _merge(pair, node, came, share, len(self.key))
        return levels

    def _circling(self) -> B1:
        """[N] nodes that can reach themselves."""
        which, place = spread(self.begin, self.degree)
        on = self.next[place] >= 0
        tail, head = which[on], self.next[place][on]
        graph = csr_matrix((np.ones(len(tail), dtype=np.int8), (tail, head)), shape=(len(self.key), len(self.key)))
        _, part = connected_components(graph, directed=True, connection="strong")
        circling: B1 = np.bincount(part)[part] > 1
        circling[tail[tail == head]] = True
        return circling


def _merge(pair: I8, node: I8, came: I8, share: F8, n_nodes: int) -> tuple[I8, I8, I8, F8]:
    """Add up states that stand at the same place; a whole share stands alone by construction."""
    split = share < 1.0
    part = np.flatnonzero(split)
    if len(part) < 2:
        return pair, node, came, share
    key = pair[part] * n_nodes + node[part]
    order = np.lexsort((came[part], key))
    fresh = np.ones(len(part), dtype=np.bool_)
    fresh[1:] = (np.diff(key[order]) != 0) | (np.diff(came[part][order]) != 0)
    if fresh.all():
        return pair, node, came, share
    first = np.flatnonzero(fresh)
    keep = np.concatenate([np.flatnonzero(~split), part[order[first]]])
    added = np.concatenate([share[~split], np.add.reduceat(share[part][order], first)])
    return pair[keep], node[keep], came[keep], added
