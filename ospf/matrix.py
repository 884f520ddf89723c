"""Routing fractions of many pairs, followed from one version of the topology to the next.

After a change few pairs take another way, though the link that failed was on the shortest-path graphs of half of all
destinations. So the work goes by what changed: distances that differ (`Distances.adopt`) mark the (target, vertex)
they can matter to (`ospf.touched`); nodes of the mesh so marked decide again; the pairs that pass a node whose next
hops came out different are pushed again; all other rows are taken over.

Nodes that depended on more than the offers for their own prefix (externals, covering prefixes, traffic that begins at a
network) decide again every time: they are few, since externals that every router treats alike are one group.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ospf.groups import mix, words
from ospf.routes import UNUSABLE
from ospf.spf import Hops, spread
from ospf.topology import Topology
from ospf.touched import renumbered, same_rules, touched

if TYPE_CHECKING:
    from ospf.paths import Paths

I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

FEW_ROWS = 2000  # so many rows are cut in between slices, more by masks
MOST_GROWTH = 3  # times the nodes of the first version; then everything is made anew


class RoutingMatrix:
    """`csr` as `Paths.fractions` gives it; row i is pair i of `sources` and `prefixes` (numbers of `paths.topology`).

    A source or prefix that is gone has number -1 and an empty row. `changed` [n] tells which rows `follow` has computed
    again; the others hold what they held, under the new numbers of the link rows.
    """

    def __init__(self, paths: Paths, sources: I8, prefixes: I8) -> None:
        self.paths, self.sources, self.prefixes = paths, sources, prefixes
        self.changed: B1 = np.ones(len(sources), dtype=np.bool_)
        self._build()

    def _build(self) -> None:
        known = np.flatnonzero((self.sources >= 0) & (self.prefixes >= 0))
        self._mesh, node, self._like = self.paths.mesh(self.sources[known], self.prefixes[known])
        self._node = np.full(len(self.sources), -1, dtype=np.int64)
        self._node[known] = node
        rows, (row, at) = self.paths.shares(self._mesh, node)
        if len(known) < len(self.sources):
            count = np.zeros(len(self.sources), dtype=np.int64)
            count[known] = np.diff(rows.indptr)
            start = np.concatenate([[0], np.cumsum(count)])
            rows = csr_matrix((rows.data, rows.indices, start), shape=(len(count), rows.shape[1]))
            row = known[row]
        self.csr: csr_matrix = rows
        self._row, self._at = row.astype(np.int32), at.astype(np.int32)  # every node that each row's traffic passes
        self._first_nodes = len(self._mesh.key)

    @property
    def reachable(self) -> B1:
        """[n] whether the source has a route to the prefix, as `Paths.reachable` says."""
        found: B1 = (self._node >= 0) & (np.append(self._mesh.degree, 0)[self._node] > 0)
        return found

    def follow(self, paths: Paths) -> RoutingMatrix:
        """The same pairs over a later topology; quick when `paths` was made with this matrix's paths as `previous`."""
        old, new = self.paths.topology, paths.topology
        moved = _moved_prefixes(old, new)
        related = paths.follows is self.paths.identity
        vertices = paths.moved if related else moved_vertices(old, new)
        sources = self.sources if vertices is None else np.append(vertices, -1)[self.sources]
        prefixes = self.prefixes if moved is None else np.append(moved, -1)[self.prefixes]
        if not related or paths.differs is None or len(self._mesh.key) > MOST_GROWTH * max(self._first_nodes, 1000):
            return RoutingMatrix(paths, sources, prefixes)
        if not len(self._mesh.key) or not new.n_vertices or not same_rules(self.paths.routes, paths.routes, vertices):
            return RoutingMatrix(paths, sources, prefixes)
        return _Follow(self, paths, sources, prefixes, moved).result()


def moved_vertices(old: Topology, new: Topology) -> I8 | None:
    """New number of each vertex, -1 gone; None when none has moved. Networks are known by their DR's address."""
    before, after = _network_keys(old), _network_keys(new)
    if np.array_equal(old.routers, new.routers) and before == after:
        return None
    networks = {key: new.n_routers + i for i, key in enumerate(after)}  # never two old ones to one new one
    moved = [new.router_vertex.get(router, -1) for router in old.routers.tolist()]
    moved += [networks.get(key, -1) for key in before]
    return np.array(moved, dtype=np.int64)


def _network_keys(topology: Topology) -> list[tuple[int, int, int]]:
    """(DR's address or interface id, area id, which of those of the same)."""
    seen: Counter[tuple[int, int]] = Counter()
    keys = []
    for address, a in zip(topology.network_address.tolist(), topology.network_area.tolist(), strict=True):
        key = (address, topology.areas[a].area)
        keys.append((*key, seen[key]))
        seen[key] += 1
    return keys


def _moved_prefixes(old: Topology, new: Topology) -> I8 | None:
    """New row of each prefix, -1 gone; None when none has moved."""
    before, after = old.prefixes, new.prefixes
    if np.array_equal(before.network, after.network) and np.array_equal(before.plen, after.plen):
        return None
    if before.network.ndim == 1 == after.network.ndim:
        keys, wanted = (t.network.astype(np.int64) << 8 | t.plen for t in (after, before))
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        return np.where(keys[place] == wanted, place, -1) if len(keys) else np.full(len(wanted), -1, dtype=np.int64)
    rows = {(after.number(row), int(after.plen[row])): row for row in range(len(after))}
    moved = [rows.get((before.number(row), int(before.plen[row])), -1) for row in range(len(before))]
    return np.array(moved, dtype=np.int64)


class _Follow:
    """One step of a matrix."""

    def __init__(self, before: RoutingMatrix, paths: Paths, sources: I8, prefixes: I8, moved: I8 | None) -> None:
        self.before, self.paths, self.moved = before, paths, moved
        self.sources, self.prefixes = sources, prefixes
        self.old, self.new = before.paths.topology, paths.topology
        self.rows = renumbered(self.old.links.keys, self.new.links.keys)
        self.mesh = before._mesh.copy()
        self.lost = np.zeros(len(self.mesh.key), dtype=np.bool_)
        if self.rows is not None or paths.moved is not None:
            self.lost = self.mesh.rename(self.rows, paths.moved, self.new.n_vertices)

    def result(self) -> RoutingMatrix:
        kept = self._groups()
        moved = self._nodes(kept)
        return self._pairs(moved)

    # Groups

    def _groups(self) -> B1:
        """Gives every pair its group; [G] groups of the mesh about which the same is said as before."""
        before, n = self.before, self.mesh.n_vertices
        alike = self._alike(np.arange(len(self.old.prefixes)) if self.moved is None else self.moved)
        live = (self.sources >= 0) & (self.prefixes >= 0)
        group = np.where(before._node >= 0, self.mesh.key[before._node] // max(n, 1), -1)
        settled = live & (group >= 0)
        settled[settled] = alike[before.prefixes[settled]]
        kept = np.zeros(self.mesh.groups, dtype=np.bool_)
        kept[group[settled]] = True
        self.like = before._like.copy()
        self.like[~kept] = 0  # nobody asks for them any more
        self.like[group[settled]] = self.prefixes[settled]
        of_prefix, like = self.paths.groups
        astray = np.flatnonzero(live & ~settled)
        fresh, which = np.unique(of_prefix[self.prefixes[astray]], return_inverse=True)
        group[astray] = self.mesh.groups + which.reshape(-1)
        if len(fresh):
            self.mesh.widen(len(fresh))
            self.like = np.concatenate([self.like, like[fresh]])
        self.group, self.live, self.astray = group, live, astray
        return kept

    def _alike(self, moved: I8) -> B1:
        """[old P] whether the same is said about a prefix as before, in the new numbers."""
        old, new = self.old, self.new
        here = np.flatnonzero(moved >= 0)
        alike = np.zeros(len(moved), dtype=np.bool_)
        parent = np.append(moved, -1)[old.prefixes.parent[here]]
        there = moved[here]
        size = np.diff(old.offers.start)[here]
        same = (parent == new.prefixes.parent[there]) & (size == np.diff(new.offers.start)[there])
        here, there, size = here[same], there[same], size[same]
        which, row = spread(old.offers.start[here], size)
        twin = spread(new.offers.start[there], size)[1]
        equal = np.ones(len(row), dtype=np.bool_)
        for ours, theirs in zip(words(old, self.rows, self.paths.moved), words(new), strict=True):
            equal &= ours[row] == theirs[twin]
        wrong = np.bincount(which[~equal], minlength=len(here)) > 0
        alike[here[~wrong]] = True
        return alike

    # Nodes

    def _nodes(self, kept: B1) -> B1:
        """Decides again where it may matter; [N] nodes whose next hops differ."""
        mesh, n = self.mesh, self.mesh.n_vertices
        group, vertex = np.divmod(mesh.key, max(n, 1))
        alive = np.zeros(mesh.groups, dtype=np.bool_)
        alive[: len(kept)] = kept
        moved = np.zeros(len(mesh.key), dtype=np.bool_)
        self.keys = np.zeros(0, dtype=np.int64)
        if not kept.any():
            return moved
        asked = alive[group] & (mesh.key >= 0)
        doubtful = np.flatnonzero(asked & (mesh.far | self.lost | self._touched(group, vertex)))
        if doubtful.size:
            was = mesh.hops_of(doubtful)
            now, far = self.paths.decide(self.like)(group[doubtful], vertex[doubtful])
            mesh.far[doubtful] = far
            differ = _signature(was, len(doubtful)) != _signature(now, len(doubtful))
            differ |= self.lost[doubtful]
            number = np.cumsum(differ) - 1
            keep = differ[now.node]
            self.keys = mesh.put(
                doubtful[differ], Hops(number[now.node[keep]], now.out[keep], now.into[keep], now.router[keep])
            )
            moved[doubtful[differ]] = True
        return moved

    def _touched(self, group: I8, vertex: I8) -> B1:
        """[N] whether distances or edges that a node's choice is made from differ."""
        routes, areas = self.paths.routes, self.paths.areas
        assert self.paths.differs is not None
        marks = touched(self.before.paths.areas, areas, self.paths.differs, self.rows, self.paths.moved)
        begin, end = routes.begin[self.like], routes.end[self.like]
        which, row = spread(begin, end - begin)
        inner = np.flatnonzero((routes.row_target[row] >= 0) & (routes.row_rank[row] != UNUSABLE))
        which, row = which[inner], row[inner]
        area = routes.row_area[row]
        found = np.zeros(len(group), dtype=np.bool_)
        for a in range(len(areas.areas)):
            base, width = int(areas.base[a]), int(areas.width[a])
            if not marks[base : base + width * width].any():
                continue  # most changes stay in one area
            here = np.flatnonzero(area == a)
            count = np.bincount(which[here], minlength=len(self.like))
            start = np.cumsum(count) - count
            target = base + routes.row_target[row[here]] * width
            local = areas.local[a][vertex]
            for nth in range(int(count.max(initial=0))):
                nodes = np.flatnonzero((count[group] > nth) & (local >= 0))
                found[nodes] |= marks[target[(start + nth)[group[nodes]]] + local[nodes]]
        return found

    # Pairs

    def _pairs(self, moved: B1) -> RoutingMatrix:
        before, mesh, paths = self.before, self.mesh, self.paths
        decide = paths.decide(self.like)
        key = self.group * mesh.n_vertices + self.sources
        mesh.grow(np.concatenate([self.keys, key[self.astray]]), decide)
        mesh.link()
        n = len(self.sources)
        changed = np.zeros(n, dtype=np.bool_)
        changed[before._row[moved[before._at]]] = True
        changed[self.astray] = True
        changed[(before._node >= 0) & ~self.live] = True
        node = np.where(self.live, before._node, -1)
        node[self.astray] = mesh.find(key[self.astray])
        rows = np.flatnonzero(changed)
        pushed = rows[self.live[rows]]
        fresh, (row, at) = paths.shares(mesh, node[pushed])
        result = RoutingMatrix.__new__(RoutingMatrix)
        result.paths, result.sources, result.prefixes, result.changed = paths, self.sources, self.prefixes, changed
        result._mesh, result._like, result._node = mesh, self.like, node
        result._first_nodes = before._first_nodes
        keep = ~changed[before._row]
        result._row = np.concatenate([before._row[keep], pushed[row].astype(np.int32)])
        result._at = np.concatenate([before._at[keep], at.astype(np.int32)])
        result.csr = _spliced(before.csr, changed, pushed, fresh, self.rows, 2 * len(self.new.links))
        return result


def _signature(hops: Hops, nodes: int) -> NDArray[np.uint64]:
    """[nodes] a sum over the hops of each node, as good as equal only when they are the same hops."""
    total = np.zeros(len(hops.node), dtype=np.uint64)
    for salt, column in enumerate(hops[1:]):
        total = mix(total ^ mix(column.astype(np.uint64), salt), salt)
    order = np.argsort(hops.node, kind="stable")
    count = np.bincount(hops.node, minlength=nodes)
    running = np.zeros(len(total) + 1, dtype=np.uint64)
    np.cumsum(total[order], out=running[1:])
    ends = np.cumsum(count)
    sums: NDArray[np.uint64] = running[ends] - running[ends - count] + count.astype(np.uint64)
    return sums


def _spliced(old: csr_matrix, changed: B1, pushed: I8, fresh: csr_matrix, rows: I8 | None, width: int) -> csr_matrix:
    """`old` with the changed rows replaced, those of `fresh` being rows `pushed`, and its columns renumbered."""
    count = np.diff(old.indptr).astype(np.int64)
    count[changed] = 0
    count[pushed] = np.diff(fresh.indptr)
    start = np.concatenate([[0], np.cumsum(count)])
    source = old.indices
    if rows is not None:
        half = old.shape[1] // 2
        columns = np.concatenate([rows, np.where(rows >= 0, rows + width // 2, -1)]).astype(source.dtype)
        assert half == len(rows)
        source = columns[source]
    indices, data = np.empty(start[-1], dtype=source.dtype), np.empty(start[-1])
    cut = np.flatnonzero(changed)
    if len(cut) <= FEW_ROWS:
        at = 0
        for row in [*cut.tolist(), len(count)]:
            a, b, to = old.indptr[at], old.indptr[row], start[at]
            indices[to : to + b - a], data[to : to + b - a] = source[a:b], old.data[a:b]
            at = row + 1
    else:
        kept = np.repeat(~changed, np.diff(old.indptr))
        stay = np.repeat(~changed, count)
        indices[stay], data[stay] = source[kept], old.data[kept]
    place = spread(start[pushed], count[pushed])[1]
    indices[place], data[place] = fresh.indices, fresh.data
    matrix = csr_matrix((data, indices, start), shape=(len(count), width))
    matrix.has_canonical_format = rows is None or bool((np.diff(rows[rows >= 0]) > 0).all())
    if not matrix.has_canonical_format:
        matrix.sort_indices()
    return matrix
