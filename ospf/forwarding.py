"""Next hops of every (prefix, router), as packets take them: hop by hop, each router by its own table.

Beyond the routing table of section 16 a router that announces a prefix keeps it (a connected or redistributed route
beats what OSPF says), one on the prefix's own LAN hands it to the LAN, and where there is no route for the prefix the
next shorter one that covers it decides: areas without externals live by their default, and of a range announced by a
border router only that router knows the parts. A network vertex, where traffic of hosts begins, uses those of its
routers that are nearest.

A forwarding address on a connected subnet is the next hop itself (16.4 (3)): traffic crosses to the router that owns
it, or leaves the network there. So it does where the shortest way to the subnet is the router's own interface; where
another router is the shorter way, traffic goes there first, as FRR and BIRD do.

Vendors differ in which next hops they keep when there are more than they can hold; here those with the lowest
(neighbour's interface address, own interface address) are kept, so that the result is the same every time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ospf.offers import EXT2
from ospf.routes import NO_ROUTE, Attached, Choice, Routes
from ospf.spf import END, AreaDistances, Hops, Towards, spread

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


class Standing(NamedTuple):
    """How good the route of each (prefix, router) is; compare (depth, kind, metric2, cost), smaller first."""

    depth: I8  # covering prefixes tried before one was found
    kind: I8
    metric2: I8
    cost: F8  # inf without a route


class Forwarding:
    """Next hops on one topology."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self.topology = routes.topology
        self.distances: AreaDistances = routes.distances
        topology = self.topology
        self.capped = 0  # next hops left out for max_paths
        options = topology.options
        self._most = np.full(topology.n_vertices, max(1, options.max_paths), dtype=np.int64)
        for router, most in options.max_paths_of.items():
            if router in topology.router_vertex:
                self._most[topology.router_vertex[router]] = max(1, most)
        self._edge_of_row: dict[int, int] | None = None

    def hops(self, prefix: I8, vertex: I8) -> tuple[Hops, B1]:
        """Next hops of [n] (prefix row, vertex), ordered by node, without duplicates.

        And which of them more decided about than what is said inside the AS about the prefix itself: externals,
        covering prefixes, other routers of a network.
        """
        network = vertex >= self.topology.n_routers
        if not network.any():
            hops, far = self._routers(prefix, vertex)
            return self._finish(hops, vertex), far
        routers, nets = np.flatnonzero(~network), np.flatnonzero(network)
        first, beyond = self._routers(prefix[routers], vertex[routers])
        second = self._networks(prefix[nets], vertex[nets])
        parts = [(routers[first.node], *first[1:]), (nets[second.node], *second[1:])]
        far = network.copy()
        far[routers] = beyond
        return self._finish(Hops.of(parts), vertex), far

    def standing(self, prefix: I8, vertex: I8) -> Standing:
        """How good the routes are; of a network vertex, that of its best router."""
        n, routers = len(prefix), self.topology.n_routers
        network = vertex >= routers
        if not network.any():
            return self._standing(prefix, vertex)
        found = Standing(np.zeros(n, np.int64), np.full(n, NO_ROUTE), np.zeros(n, np.int64), np.full(n, np.inf))
        at = np.flatnonzero(~network)
        for column, values in zip(found, self._standing(prefix[at], vertex[at]), strict=True):
            column[at] = values
        nets = np.flatnonzero(network)
        node, member, _ = self._members(vertex[nets])
        there = self._standing(prefix[nets][node], member)
        order = np.lexsort((there.cost, there.metric2, there.kind, there.depth, there.cost == np.inf, node))
        first = order[np.flatnonzero(np.diff(node[order], prepend=-1))]
        for column, values in zip(found, there, strict=True):
            column[nets[node[first]]] = values[first]
        here = self._on_link(prefix[nets], vertex[nets])
        found.cost[nets[here]], found.kind[nets[here]] = 0.0, 0
        return found

    def members(self, network: I8) -> tuple[I8, I8]:
        """(position, router vertex) of the routers on transit networks."""
        node, router, _ = self._members(network)
        return node, router

    # Routers

    def _routers(self, prefix: I8, router: I8) -> tuple[Hops, B1]:
        routes = self.routes
        parts: list[tuple[NDArray[np.integer], ...]] = []
        pending, current = np.arange(len(prefix)), prefix
        several = False
        far = np.zeros(len(prefix), dtype=np.bool_)
        while len(pending):
            at = router[pending]
            left = self._keep(routes.connected, pending, current, at, parts)
            if len(left) < len(pending):
                pending, current, at = pending[left], current[left], at[left]
            if len(routes.own.key):
                left = self._keep(routes.own, pending, current, at, parts)
                far[np.delete(pending, left)] = True  # where a forwarding address is may decide about them
                pending, current, at = pending[left], current[left], at[left]
            if len(routes.aimed_key) and len(pending):
                sent, choice = routes.aimed(current, at)
                several |= self._ways(choice, pending, at, parts, direct=True)
                left = np.setdiff1d(np.arange(len(pending)), sent)
                far[pending[sent]] = True
                pending, current, at = pending[left], current[left], at[left]
            choice = routes.inside(current, at)
            several |= self._ways(choice, pending, at, parts)
            rest = np.flatnonzero(choice.kind == NO_ROUTE)
            pending, current = pending[rest], current[rest]
            if not rest.size:
                break
            far[pending] = True
            at = router[pending]
            choice = routes.outside(current, at)
            several |= self._ways(choice, pending, at, parts)
            rest = np.flatnonzero(choice.kind == NO_ROUTE)
            pending, current = pending[rest], routes.parent[current[rest]]
            covered = current >= 0
            pending, current = pending[covered], current[covered]
        hops = Hops.of(parts)
        return (_distinct(hops) if several else hops), far

    def _keep(
        self, attached: Attached, node: I8, prefix: I8, router: I8, parts: list[tuple[NDArray[np.integer], ...]]
    ) -> I8:
        """Adds what the routers deliver by themselves; the positions of the others."""
        first, count = attached.find(prefix, router, self.topology.n_vertices)
        if not count.any():
            return np.arange(len(node))
        which, row = spread(first, count)
        none = np.full(len(which), END)
        parts.append((node[which], attached.link[row], none, none))
        return np.flatnonzero(count == 0)

    def _ways(
        self,
        choice: Choice,
        node: I8,
        router: I8,
        parts: list[tuple[NDArray[np.integer], ...]],
        direct: bool = False,
    ) -> bool:
        """Adds the hops of the ways chosen; whether some node has several."""
        hidden = node[np.flatnonzero(choice.hidden)]
        if len(hidden):
            none = np.full(len(hidden), END)
            parts.append((hidden, none, none, none))
        if not len(choice.node):
            return False
        hops, near = self.way_hops(choice, router, direct)
        parts.append((node[hops.node], *hops[1:]))
        if near:
            rows = np.array([hop[:4] for hop in near], dtype=np.int64).T
            parts.append((node[rows[0]], *rows[1:]))
        return bool(near) or bool((np.diff(choice.node) == 0).any()) or bool(len(hidden))

    def way_hops(
        self, choice: Choice, router: I8, direct: bool = False
    ) -> tuple[Hops, list[tuple[int, int, int, int, int]]]:
        """Hops along the ways; and, apart, (node, out, in, router, address) to forwarding addresses close by.

        With `direct` a connected subnet is crossed even if another router is a shorter way to it: so does the router
        that redistributes a route of its own.
        """
        keep = np.ones(len(choice.node), dtype=np.bool_)
        near: list[tuple[int, int, int, int, int]] = []
        some = np.flatnonzero(choice.forwarding)
        detours: tuple[NDArray[np.integer], ...] | None = None
        if some.size:
            at = router[choice.node[some]]
            first, count = self.routes.connected.find(choice.prefix[some], at, self.topology.n_vertices)
            some, at, first, count = (column[count > 0] for column in (some, at, first, count))
            keep[some] = False
            crosses = np.ones(len(some), dtype=np.bool_)
            if not direct and some.size:
                beside = self._towards(choice, some, at, np.arange(len(some)))
                hops = self.distances.hops(beside)
                crosses = beside.at == beside.target
                crosses[hops.node[hops.router == END]] = True
                around = hops.router != END
                detours = (choice.node[some[hops.node[around]]], *(column[around] for column in hops[1:]))
            for i in np.flatnonzero(crosses).tolist():
                way, rows = int(some[i]), range(int(first[i]), int(first[i] + count[i]))
                address = int(choice.forwarding[way])
                for out, into, other in self._cross(int(at[i]), int(choice.prefix[way]), rows, address):
                    near.append((int(choice.node[way]), out, into, other, address))
        ways = np.flatnonzero(keep)
        node = choice.node[ways]
        hops = self.distances.hops(self._towards(choice, ways, router[node], node))
        if detours is not None and len(detours[0]):
            hops = Hops.of([tuple(hops), detours])
        return hops, sorted(set(near))

    def _towards(self, choice: Choice, ways: I8, router: I8, node: I8) -> Towards:
        """The routers at the beginning of these ways."""
        area = choice.way_area[ways]
        return Towards(node, area, choice.way_target[ways], self.distances.local[area, router], choice.way_extra[ways])

    def _cross(self, router: int, prefix: int, rows: range, address: int) -> list[tuple[int, int, int]]:
        """(out, in, next router) from a router to a forwarding address on a subnet it is connected to."""
        attached, topology = self.routes.connected, self.topology
        owner = topology.interface_owner(address)
        external = int(self.routes.external_row[router])
        loopback = owner is None and int(topology.prefixes.plen[prefix]) == topology.prefixes.host_length
        if loopback or (owner is not None and owner[0] == router):
            return [(external, -1, END)]
        if owner is None:
            return [(int(attached.link[i]), -1, END) for i in rows]
        vertex, row = owner
        lans = [(int(attached.link[i]), row, vertex) for i in rows if attached.lan[i]]
        if lans:
            return lans
        if self._edge_of_row is None:
            self._edge_of_row = {int(into): e for e, into in enumerate(self.distances.edge_in.tolist()) if into >= 0}
        edge = self._edge_of_row.get(row, -1)
        out = int(self.distances.edge_out[edge]) if edge >= 0 else -1
        if out >= 0 and int(topology.links.vertex[out]) == router:
            return [(out, row, vertex)]
        return [(int(attached.link[i]), -1, END) for i in rows]

    def _standing(self, prefix: I8, router: I8) -> Standing:
        routes, n = self.routes, len(prefix)
        found = Standing(np.zeros(n, np.int64), np.full(n, NO_ROUTE), np.zeros(n, np.int64), np.full(n, np.inf))
        pending, current, depth = np.arange(n), prefix, 0
        while len(pending):
            choice = routes.inside(current, router[pending])
            rest = np.flatnonzero(choice.kind == NO_ROUTE)
            if rest.size:
                other = routes.outside(current[rest], router[pending[rest]])
                if len(routes.own.key):
                    _, kept = routes.own.find(current[rest], router[pending[rest]], self.topology.n_vertices)
                    alone = (kept > 0) & (other.kind == NO_ROUTE)
                    other.kind[alone], other.cost[alone] = EXT2, 0.0
                if len(routes.aimed_key):
                    sent, _ = routes.aimed(current[rest], router[pending[rest]])
                    sent = sent[other.kind[sent] == NO_ROUTE]
                    other.kind[sent], other.cost[sent] = EXT2, 0.0
                choice.kind[rest], choice.cost[rest], choice.metric2[rest] = other.kind, other.cost, other.metric2
            found.kind[pending], found.cost[pending] = choice.kind, choice.cost
            found.metric2[pending], found.depth[pending] = choice.metric2, depth
            rest = np.flatnonzero(choice.kind == NO_ROUTE)
            current = routes.parent[current[rest]]
            pending, current = pending[rest][current >= 0], current[current >= 0]
            depth += 1
        return found

    # Networks

    def _members(self, network: I8) -> tuple[I8, I8, I8]:
        """(position, router vertex, its row) for every router on each transit network."""
        topology, d = self.topology, self.distances
        area = topology.network_area[network - topology.n_routers].astype(np.int64)
        place = d.first[area] + d.local[area, network]
        node, edge = spread(d.edge_start[place], d.edge_start[place + 1] - d.edge_start[place])
        return node, d.vertex[d.first[area[node]] + d.edge_head[edge]], d.edge_in[edge]

    def _on_link(self, prefix: I8, network: I8) -> B1:
        """Whether the prefix is that of the network itself."""
        return np.isin(prefix * self.topology.n_vertices + network, self.routes.lan_keys)

    def _networks(self, prefix: I8, network: I8) -> Hops:
        here = np.flatnonzero(self._on_link(prefix, network))
        none = np.full(len(here), END)
        away = np.flatnonzero(~self._on_link(prefix, network))
        node, router, row = self._members(network[away])
        there = self._standing(prefix[away][node], router)
        order = np.lexsort((there.cost, there.metric2, there.kind, there.depth, there.cost == np.inf, node))
        first = np.zeros(len(away), dtype=np.int64)
        fresh = order[np.flatnonzero(np.diff(node[order], prepend=-1))]
        first[node[fresh]] = fresh
        good = there.cost < np.inf
        for column in there:
            good &= column == column[first[node]]
        keep = np.flatnonzero(good)
        outside = np.full(len(keep), -1)
        return Hops.of([(here, none, none, none), (away[node[keep]], outside, row[keep], router[keep])])

    def _finish(self, hops: Hops, vertex: I8) -> Hops:
        """Ordered by node, no more of one node than its router holds."""
        order = np.argsort(hops.node, kind="stable")
        hops = Hops(*(column[order] for column in hops))
        count = np.bincount(hops.node, minlength=len(vertex))
        over = count > self._most[vertex]
        if not over.any():
            return hops
        rows = np.flatnonzero(over[hops.node])
        address = np.append(np.unique(self.topology.links.address, return_inverse=True)[1].reshape(-1), -1)
        rank = np.lexsort((hops.out[rows], address[hops.out[rows]], address[hops.into[rows]], hops.node[rows]))
        rows = rows[rank]
        node = hops.node[rows]
        begin = np.flatnonzero(np.diff(node, prepend=-1))
        place = np.arange(len(rows)) - np.repeat(begin, np.diff(np.append(begin, len(rows))))
        gone = rows[place >= self._most[vertex[node]]]
        self.capped += len(gone)
        keep = np.ones(len(hops.node), dtype=np.bool_)
        keep[gone] = False
        return Hops(*(column[keep] for column in hops))


def _distinct(hops: Hops) -> Hops:
    """Without repeated hops of one node."""
    order = np.lexsort((hops.router, hops.into, hops.out, hops.node))
    sorted_ = Hops(*(column[order] for column in hops))
    fresh = np.ones(len(order), dtype=np.bool_)
    if len(order):
        fresh[1:] = np.logical_or.reduce([c[1:] != c[:-1] for c in sorted_])
    return Hops(*(column[fresh] for column in sorted_))
