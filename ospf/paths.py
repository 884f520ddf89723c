"""Which links the traffic between two places crosses, as fractions (equal-cost multipath included).

A *pair* is a source vertex (router, or transit network) and a prefix row. `Paths.fractions` gives the routing
matrix, `Paths.hops` the same router by router for per-hop export, `Paths.trace` one pair for a human, `Paths.table`
what one router would print as its routing table. `Paths.matrix` is `fractions` that can be followed from one version of
the topology to the next.

Traffic goes hop by hop, every router by its own routing table over all areas (`ospf.routes`, `ospf.forwarding`): it
meets the right border router, the nearest of several that announce a prefix, ties in equal parts per next hop. Where
routers disagree (LSAs are still on their way) traffic may end early or run in a circle; that share ends there and is
counted in `PathsStats`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ospf.forwarding import Forwarding
from ospf.groups import groups
from ospf.matrix import RoutingMatrix, moved_vertices
from ospf.mesh import Decide, Level, Mesh
from ospf.routes import Routes
from ospf.spf import AreaDistances
from ospf.tables import NextHop, Route, table
from ospf.topology import Topology

__all__ = ["HopTable", "NextHop", "Paths", "PathsStats", "Route", "RoutingMatrix", "TraceHop"]

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class HopTable:
    """Router by router; rows of one (pair, vertex) sum to the share of the pair that passes that router."""

    pair: I4  # position in the arguments of `hops`
    vertex: I4  # the router
    ingress: I4  # row it came in by, -1 unknown
    egress: I4  # row it leaves by, -1 ends here without a row (own address, hidden area, no route)
    fraction: F8
    depth: I4  # routers crossed before this one, on the longest way

    def __len__(self) -> int:
        return len(self.pair)


class TraceHop(NamedTuple):
    router: int  # router id
    ingress: int  # link row, -1 unknown
    egress: int  # link row, -1 none
    fraction: float
    distance: float  # cost from the source to this router


@dataclass(slots=True)
class PathsStats:
    """What traffic met on its way; added up over all calls."""

    circles: int = 0  # shares that ran in a circle
    ended: int = 0  # shares that ended at a router without a route
    capped: int = 0  # next hops left out for max_paths


class Paths:
    """Routes over one topology; distances are computed on demand and kept.

    `previous`, the paths of an earlier version, only saves time: distances that a change did not touch are
    taken over from it (no reference to it is kept).
    """

    def __init__(self, topology: Topology, previous: Paths | None = None) -> None:
        self.topology = topology
        self.stats = PathsStats()
        self.areas = AreaDistances(topology.areas, topology.n_vertices)
        self.identity = object()
        self.follows = previous.identity if previous is not None else None
        # Per area, which distances differ from those of `previous`; None when not comparable.
        self.differs: list[NDArray[np.bool_]] | None = None
        # New numbers of the vertices of `previous`, -1 gone; None when they are the same.
        self.moved: I8 | None = None
        if previous is not None:
            self.moved = moved_vertices(previous.topology, topology)
            self.differs = self.areas.adopt(previous.areas, self.moved)
        self._routes: Routes | None = None
        self._forwarding: Forwarding | None = None
        self._groups: tuple[I8, I8] | None = None

    @property
    def routes(self) -> Routes:
        if self._routes is None:
            self._routes = Routes(self.topology, self.areas)
        return self._routes

    @property
    def forwarding(self) -> Forwarding:
        if self._forwarding is None:
            self._forwarding = Forwarding(self.routes)
        return self._forwarding

    @property
    def groups(self) -> tuple[I8, I8]:
        """([P] group of each prefix, [G] one prefix of each): prefixes that all routers treat alike."""
        if self._groups is None:
            self._groups = groups(self.topology)
        return self._groups

    @property
    def distances(self) -> F8:
        """float64 [V, V]: cost from vertex i to vertex j, inf when there is no path; ValueError with several areas."""
        if len(self.areas.tables) > 1:
            raise ValueError(f"{len(self.areas.tables)} areas: each has distances of its own")
        if not self.areas.tables:
            return np.zeros((0, 0))
        return self.areas.tables[0].matrix()

    def table(self, router_id: int) -> tuple[Route, ...]:
        """The routing table of a router, ordered by prefix; empty when its id is not known."""
        vertex = self.topology.router_vertex.get(router_id, -1)
        return table(self.forwarding, vertex) if vertex >= 0 else ()

    def costs(self, sources: NDArray[np.integer], prefixes: NDArray[np.integer]) -> F8:
        """float64 [n]: cost of each pair including the attachment's, inf when unreachable.

        For an EXT2 route this is the distance part only. Where a router has no route to the prefix itself, that of
        the covering prefix it uses counts.
        """
        wanted, at = np.asarray(prefixes, dtype=np.int64), np.asarray(sources, dtype=np.int64)
        return self.forwarding.standing(wanted, at).cost

    def reachable(self, sources: NDArray[np.integer], prefixes: NDArray[np.integer]) -> NDArray[np.bool_]:
        """bool [n]: whether the source has a route to the prefix."""
        return np.isfinite(self.costs(sources, prefixes))

    def mesh(self, sources: NDArray[np.integer], prefixes: NDArray[np.integer]) -> tuple[Mesh, I8, I8]:
        """(mesh, [n] node of each pair, [G] the prefix that stands for each group of the mesh)."""
        of_prefix, like = self.groups
        active, group = np.unique(of_prefix[np.asarray(prefixes, dtype=np.int64)], return_inverse=True)
        like = like[active]
        mesh = Mesh(self.topology.n_vertices, len(active))
        key = group.reshape(-1) * self.topology.n_vertices + np.asarray(sources, dtype=np.int64)
        mesh.grow(key, self.decide(like))
        mesh.link()
        return mesh, mesh.find(key), like

    def decide(self, like: I8) -> Decide:
        """How nodes of a mesh find their hops; `like` is the prefix that stands for each group."""
        return lambda group, vertex: self.forwarding.hops(like[group], vertex)

    def matrix(self, sources: NDArray[np.integer], prefixes: NDArray[np.integer]) -> RoutingMatrix:
        """`fractions` of these pairs, to be followed through later versions of the topology."""
        return RoutingMatrix(self, np.asarray(sources, dtype=np.int64), np.asarray(prefixes, dtype=np.int64))

    def fractions(self, sources: NDArray[np.integer], prefixes: NDArray[np.integer]) -> csr_matrix:
        """float64 CSR [n, 2L]: the part of each pair's traffic that leaves by row l (column l) and that
        enters by row l (column L + l). Rows of unreachable pairs are empty (see `reachable`)."""
        mesh, node, _ = self.mesh(sources, prefixes)
        wanted = np.zeros(len(mesh.key), dtype=np.bool_)
        wanted[node] = True
        unique = np.flatnonzero(wanted)
        matrix, _ = self.shares(mesh, unique)
        if len(unique) != len(node) or not np.array_equal(unique, node):
            matrix = matrix[(np.cumsum(wanted) - 1)[node]]
        return matrix

    def shares(self, mesh: Mesh, nodes: I8) -> tuple[csr_matrix, tuple[I8, I8]]:
        """The rows of `fractions` for traffic that begins at these nodes, and (row, node) of all it passes."""
        n_links = len(self.topology.links)
        pair = np.arange(len(nodes), dtype=np.int64)
        rows: list[I8] = []
        columns: list[I8] = []
        values: list[F8] = []
        levels, passed = self.push(mesh, pair, nodes, None)
        for level in levels:
            moved = level.pair[level.which]
            for column, at in ((mesh.out[level.hop], 0), (mesh.into[level.hop], n_links)):
                keep = np.flatnonzero(column >= 0)
                rows.append(moved[keep])
                columns.append(column[keep].astype(np.int64) + at)
                values.append(level.moved[keep])
        if not rows:
            return csr_matrix((len(nodes), 2 * n_links)), passed
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return csr_matrix(entries, shape=(len(nodes), 2 * n_links)), passed

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
        mesh, node, _ = self.mesh(sources, prefixes)
        n = max(self.topology.n_vertices, 1)
        columns: list[tuple[I8, ...]] = []
        shares: list[F8] = []
        start = np.flatnonzero((mesh.degree[node] > 0) if len(node) else node)
        entry = np.asarray(entry_links, dtype=np.int64)
        levels, _ = self.push(mesh, start, node[start], entry[start])
        for depth, level in enumerate(levels):
            vertex = mesh.key[level.node] % n
            at_router = vertex < self.topology.n_routers
            on = at_router[level.which]
            which, hop = level.which[on], level.hop[on]
            stay = np.flatnonzero(at_router & level.ended)
            for at, egress, share in (
                (which, mesh.out[hop].astype(np.int64), level.moved[on]),
                (stay, np.full(len(stay), -1, dtype=np.int64), level.share[stay]),
            ):
                columns.append((level.pair[at], vertex[at], level.ingress[at], egress, np.full(len(at), depth)))
                shares.append(share)
        return _hop_table(columns, shares, n, len(self.topology.links))

    def exits(self, sources: NDArray[np.integer], prefixes: NDArray[np.integer]) -> I8:
        """[n]: the router where (the largest part of) each pair's traffic leaves or ends, -1 when it has no route."""
        mesh, node, _ = self.mesh(sources, prefixes)
        found = np.full(len(node), -1, dtype=np.int64)
        start = np.flatnonzero((mesh.degree[node] > 0) if len(node) else node)
        levels, _ = self.push(mesh, start, node[start], None)
        parts = []
        for level in levels:
            out = mesh.next[level.hop] < 0
            parts.append((level.pair[level.ended], level.node[level.ended], level.share[level.ended]))
            parts.append((level.pair[level.which[out]], level.node[level.which[out]], level.moved[out]))
        if not parts:
            return found
        pair, at, share = (np.concatenate([part[i] for part in parts]) for i in range(3))
        order = np.lexsort((-at, share, pair))  # the largest share last; of equal ones the lowest node
        found[pair[order]] = mesh.key[at[order]] % self.topology.n_vertices
        return found

    def trace(self, source: int, prefix: int) -> list[TraceHop]:
        """The routers one pair's traffic passes, nearest first."""
        found = self.hops(np.array([source]), np.array([prefix]), np.array([-1]))
        distance = self._along(source, found)
        steps = [
            TraceHop(int(self.topology.routers[v]), int(i), int(o), float(f), distance[int(v)])
            for v, i, o, f in zip(found.vertex, found.ingress, found.egress, found.fraction, strict=True)
        ]
        return sorted(steps, key=lambda hop: (hop.distance, hop.router, hop.egress, hop.ingress))

    def _along(self, source: int, hops: HopTable) -> dict[int, float]:
        """Cost from the source to each router it passes, along the hops taken."""
        if len(self.areas.tables) == 1:
            near = self.areas.tables[0].source(source)
            return {int(v): float(near[v]) for v in hops.vertex}
        links, distance = self.topology.links, {int(v): np.inf for v in hops.vertex}
        first = {int(v) for v, depth in zip(hops.vertex, hops.depth, strict=True) if depth == int(hops.depth.min())}
        distance.update(dict.fromkeys(first, 0.0))
        order = np.argsort(hops.depth, kind="stable").tolist()
        for i in order:
            row, at = int(hops.ingress[i]), int(hops.vertex[i])
            if row < 0:
                continue
            best = distance[at]
            for j in range(len(hops)):
                out = int(hops.egress[j])
                if out < 0 or int(hops.vertex[j]) == at:
                    continue
                facing = out == links.reverse[row] or (
                    links.target[out] == links.target[row] and links.target[out] >= self.topology.n_routers
                )
                if facing:
                    best = min(best, distance[int(hops.vertex[j])] + float(links.cost[out]))
            distance[at] = best
        return distance

    def push(self, mesh: Mesh, pair: I8, node: I8, ingress: I8 | None) -> tuple[list[Level], tuple[I8, I8]]:
        """`Mesh.push`; what was lost on the way is counted."""
        levels, circles, passed = mesh.push(pair, node, ingress)
        self.stats.circles += circles
        for level in levels[1:]:  # a node of a circle has hops, it is stopped there
            self.stats.ended += int((level.ended & (mesh.degree[level.node] == 0)).sum())
        self.stats.capped = self.forwarding.capped
        return levels, passed


def _hop_table(columns: list[tuple[I8, ...]], shares: list[F8], n_vertices: int, n_links: int) -> HopTable:
    none = np.zeros(0, dtype=np.int64)
    parts = [np.concatenate([c[i] for c in columns]).astype(np.int64) if columns else none for i in range(5)]
    pair, vertex, ingress, egress, depth = parts
    share = np.concatenate(shares) if shares else np.zeros(0)
    width = n_links + 1
    place = pair * n_vertices + vertex
    key = (place * width + ingress + 1) * width + egress + 1
    unique, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    fraction: F8 = np.bincount(inverse.reshape(-1), weights=share, minlength=len(unique)).astype(np.float64)
    _, router = np.unique(place, return_inverse=True)
    deepest = np.zeros(len(router), dtype=np.int64)
    np.maximum.at(deepest, router.reshape(-1), depth)
    return HopTable(
        pair=pair[first].astype(np.int32),
        vertex=vertex[first].astype(np.int32),
        ingress=ingress[first].astype(np.int32),
        egress=egress[first].astype(np.int32),
        fraction=fraction,
        depth=deepest[router.reshape(-1)[first]].astype(np.int32),
    )
