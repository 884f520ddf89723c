"""What every router chooses, from its own point of view (RFC 2328 16.1-16.4, RFC 3101 2.5, RFC 3509).

A *subject* is what a routing table entry can be about: a prefix (its row of the prefix table) or an AS boundary router
as one kind of external LSA sees it. `Routes.inside` decides intra- and inter-area routes of many (subject, router) at
once, `Routes.outside` externals. Both return `Choice`: kind and cost, and the *ways* chosen, each an offer made at a
vertex of an area; equal ones stay side by side. Next hops are then those of the ways (`AreaDistances.hops`).

Rules, beside the plain ones. A border router uses summaries of the backbone only; with RFC 3509 one without a live
backbone uses those of all its areas. It skips its own. Summaries of a transit area may replace or add to the next hops
of backbone routes (16.3). An ASBR in several areas is reached through a non-backbone area first unless RFC 1583 rules
(16.4.1), then by cost, then through the largest area id. A forwarding address needs an intra- or inter-area route (of
the longest match), a type 7 one inside its NSSA. Between equal externals: type 7 with P, type 5, type 7 (RFC 3101 2.5).

An area nobody is attached to is behind its border routers. A border router that announces a prefix into an area we
see, and that prefix is in no area that we see, ends the path there: kind and cost are known, the rest is not
("hidden"). Only intra-area routes are ever announced into the backbone (12.4.3), so those come before what others
announce there; an active area range, whose discard route nobody tells, looks the same and is skipped by the same rule
(16.2 (3)). What a router of a backbone we see announces into other areas only, it has from that backbone.

The DN-bit (RFC 4576) warns provider edges of a VPN of what came from one of them. Other routers do not look at it. Who
sets it itself is taken for a provider edge: no LSA says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ospf.areas import BACKBONE, NORMAL
from ospf.links import EXTERNAL
from ospf.lsa import FLAG_B, FLAG_E
from ospf.offers import EXT1, EXT2, INTER, INTRA, OFFER_DEFAULT, OFFER_DN, OFFER_P, OFFER_TYPE7
from ospf.spf import AreaDistances, spread
from ospf.topology import Topology

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]

NO_ROUTE = -1
# Ranks of what is inside the AS, smaller is better; times RANK, plus the cost (below 2**40), exact in float64.
KNOWN_INTRA, HIDDEN_INTRA, HIDDEN_INTER, KNOWN_INTER = range(4)
UNUSABLE = 9
RANK = 2.0**40
PREFERRED, OTHER = KNOWN_INTRA, KNOWN_INTER  # of the entries for an ASBR, 16.4.1


@dataclass(frozen=True, eq=False)
class Choice:
    """What n (subject, router) chose; W ways."""

    kind: I8  # [n] INTRA, INTER, EXT1, EXT2, NO_ROUTE
    cost: F8  # [n] inf without a route
    metric2: I8  # [n] of an EXT2
    area: I8  # [n] area index, -1 external, hidden or none
    hidden: B1  # [n]
    node: I8  # [W] position in the question, ascending
    way_area: I8  # [W]
    way_target: I8  # [W] local vertex
    way_extra: F8  # [W] cost behind it
    prefix: I8  # [W] prefix row that was looked up: the subject's own, or that of a forwarding address
    forwarding: I8  # [W] forwarding address, 0 none


@dataclass(frozen=True, eq=False)
class Attached:
    """Who delivers what by itself; ordered by key = prefix row * V + router vertex."""

    key: I8
    link: I8  # row it leaves by, -1 none
    lan: B1  # over a transit network

    def find(self, prefix: I8, router: I8, vertices: int) -> tuple[I8, I8]:
        """(first row, number of rows) of each."""
        key = prefix * vertices + router
        begin = np.searchsorted(self.key, key, "left")
        return begin.astype(np.int64), np.searchsorted(self.key, key, "right") - begin


class Routes:
    """The choices of all routers of one topology."""

    def __init__(self, topology: Topology, distances: AreaDistances) -> None:
        self.topology, self.distances = topology, distances
        self.options = topology.options
        self.prefixes = len(topology.prefixes)
        self.parent = topology.prefixes.parent.astype(np.int64)
        areas, n = topology.areas, topology.n_vertices
        ids = np.array([graph.area for graph in areas], dtype=np.int64)
        self.area_id = np.append(ids, -1)
        self.backbone = int(np.flatnonzero(ids == BACKBONE)[0]) if BACKBONE in ids else len(areas)
        member = distances.local >= 0  # [A + 1, V]
        self.member = member
        self._border(member)
        normal = np.array([graph.kind == NORMAL for graph in areas] + [False])
        self.normal = normal
        self.takes_type5 = member[normal].any(axis=0) if len(areas) else np.zeros(n, dtype=np.bool_)
        self.transit = np.array([graph.transit and graph.area != BACKBONE for graph in areas] + [False])
        self.transit_at = self.transit[:, None] & member & member[self.backbone]
        self._subjects()
        self.external_row = np.full(n + 1, -1, dtype=np.int64)
        rows = np.flatnonzero(topology.links.kind == EXTERNAL)
        self.external_row[topology.links.vertex[rows]] = rows
        self.connected = self._connected()
        self.own = self._own()

    # Where a router takes summaries from, RFC 2328 16.2 and RFC 3509

    def _border(self, member: B1) -> None:
        n = self.topology.n_vertices
        self.is_border = np.zeros(n, dtype=np.bool_)
        live = np.zeros(n, dtype=np.bool_)
        self.flags = np.zeros((len(self.area_id), n), dtype=np.uint8)
        for a, graph in enumerate(self.topology.areas):
            routers = graph.vertices[: graph.n_routers]
            self.flags[a, routers] = graph.flags
            self.is_border[routers] |= graph.flags & FLAG_B != 0
            if graph.area == BACKBONE:
                live[routers] = np.diff(graph.edges.start)[: graph.n_routers] > 0
        in_backbone = member[self.backbone] if self.backbone < len(member) - 1 else np.zeros(n, dtype=np.bool_)
        self.in_backbone = in_backbone
        only = self.is_border & (live if self.options.abr == "rfc3509" else True)
        self.summaries_of = member & ~only
        self.summaries_of[self.backbone] = in_backbone
        self.summaries_of[-1] = False

    # Subjects and their candidates

    def _subjects(self) -> None:
        """Candidates of prefixes are the rows of the offer table; those of ASBRs follow behind."""
        topology, at = self.topology, self.distances.local
        offers = topology.offers
        kind = offers.kind.astype(np.int64)
        vertex = offers.vertex.astype(np.int64)
        area = offers.area.astype(np.int64)
        in_backbone = area == self.backbone
        rank = np.select([kind == INTRA, kind == INTER], [KNOWN_INTRA, KNOWN_INTER], UNUSABLE)
        known = np.where(in_backbone, HIDDEN_INTRA, HIDDEN_INTER)
        hidden = np.where((kind == INTER) & (offers.flags & OFFER_DEFAULT == 0), known, UNUSABLE)
        no_border = self.flags[area, np.maximum(vertex, 0)] & FLAG_B == 0
        rank[no_border & (kind == INTER)] = UNUSABLE
        self._asbr_subject: dict[tuple[int, int], int] = {}
        rows: list[tuple[int, int, float, int, int]] = []
        begin = [len(kind)]
        vertex_of, said = topology.router_vertex, topology.asbr_offers
        for asbr, scope in sorted(self._asbrs()):
            v = vertex_of.get(asbr, -1)
            for inside in [scope] if scope >= 0 else np.flatnonzero(self.normal).tolist():
                if v >= 0 and at[inside, v] >= 0:
                    better = inside != self.backbone and not self.options.rfc1583_compatibility
                    rank_here = (PREFERRED if better else OTHER) if self.flags[inside, v] & FLAG_E else UNUSABLE
                    rows.append((inside, v, 0.0, rank_here, UNUSABLE))
            if scope < 0:
                for i in range(*np.searchsorted(said.asbr, [asbr, asbr + 1]).tolist()):
                    where = int(said.area[i])
                    if self.normal[where]:
                        veiled = HIDDEN_INTRA if where == self.backbone else HIDDEN_INTER
                        rows.append((where, int(said.abr[i]), float(said.cost[i]), OTHER, veiled))
            self._asbr_subject[asbr, scope] = self.prefixes + len(self._asbr_subject)
            begin.append(len(kind) + len(rows))
        more = np.array(rows, dtype=np.float64).reshape(len(rows), 5).T
        self.row_area = np.concatenate([area, more[0].astype(np.int64)])
        self.row_vertex = np.concatenate([vertex, more[1].astype(np.int64)])
        self.row_cost = np.concatenate([offers.cost.astype(np.float64), more[2]])
        self.row_rank = np.concatenate([rank, more[3].astype(np.int64)])
        self.row_hidden = np.concatenate([hidden, more[4].astype(np.int64)])
        self.row_said = np.concatenate([kind == INTER, more[4] != UNUSABLE])  # by a border router
        self.row_intra = np.concatenate([kind == INTRA, more[4] == UNUSABLE])
        down = offers.flags & OFFER_DN != 0
        self.row_down = np.concatenate([down, np.zeros(len(rows), dtype=np.bool_)])
        self.is_edge = np.zeros(topology.n_vertices, dtype=np.bool_)
        self.is_edge[vertex[down & (vertex >= 0)]] = True
        self.row_target = np.where(self.row_vertex >= 0, at[self.row_area, self.row_vertex], -1)
        start = offers.start.astype(np.int64)
        self.begin = np.concatenate([start[:-1], np.array(begin[:-1], dtype=np.int64)])
        self.end = np.concatenate([start[1:], np.array(begin[1:], dtype=np.int64)])
        self._external_rows()

    def _asbrs(self) -> set[tuple[int, int]]:
        offers = self.topology.offers
        ext = np.flatnonzero(offers.kind >= EXT1)
        scope = np.where(offers.flags[ext] & OFFER_TYPE7 != 0, offers.area[ext], -1).astype(np.int64)
        both = np.unique(offers.asbr[ext].astype(np.int64) << 24 | (scope + 1))
        return set(zip((both >> 24).tolist(), ((both & 0xFFFFFF) - 1).tolist(), strict=True))

    def _external_rows(self) -> None:
        """Of every external offer: the subject of its ASBR, the first prefix that holds its forwarding address."""
        offers, table = self.topology.offers, self.topology.prefixes
        self.row_asbr = np.full(len(offers), -1, dtype=np.int64)
        self.row_match = np.full(len(offers), -1, dtype=np.int64)
        ext = np.flatnonzero(offers.kind >= EXT1)
        scope = np.where(offers.flags[ext] & OFFER_TYPE7 != 0, offers.area[ext], -1).astype(np.int64)
        subjects = {asbr << 24 | scope + 1: subject for (asbr, scope), subject in self._asbr_subject.items()}
        both, which = np.unique(offers.asbr[ext].astype(np.int64) << 24 | (scope + 1), return_inverse=True)
        if ext.size:
            self.row_asbr[ext] = np.array([subjects[key] for key in both.tolist()])[which.reshape(-1)]
        aimed = ext[offers.forwarding[ext] != 0]
        self.row_owner = np.full(len(offers), -1, dtype=np.int64)  # router that has the forwarding address itself
        addresses, which = np.unique(offers.forwarding[aimed], return_inverse=True)
        if aimed.size:
            owners = [self.topology.interface_owner(int(a)) for a in addresses]
            self.row_owner[aimed] = np.array([o[0] if o is not None else -1 for o in owners])[which.reshape(-1)]
            self.row_match[aimed] = np.array([table.longest(int(a)) for a in addresses])[which.reshape(-1)]

    # Who delivers by itself

    def _connected(self) -> Attached:
        """Stub prefixes of the router and prefixes of transit networks it is on (RFC 2328 16.1)."""
        offers, distances = self.topology.offers, self.distances
        n, routers = self.topology.n_vertices, self.topology.n_routers
        prefix = np.repeat(np.arange(self.prefixes), np.diff(offers.start))
        intra = offers.kind == INTRA
        stub = np.flatnonzero(intra & (offers.vertex < routers))
        key = prefix[stub] * n + offers.vertex[stub]
        order = np.lexsort((offers.cost[stub], key))
        stub, key = stub[order], key[order]
        fresh = np.diff(key, prepend=-1) != 0
        least = offers.cost[stub][np.flatnonzero(fresh)][np.cumsum(fresh) - 1] if len(stub) else offers.cost[:0]
        keep = offers.cost[stub] == least
        lan = np.flatnonzero(intra & (offers.vertex >= routers))
        self.lan_keys = prefix[lan] * n + offers.vertex[lan]  # prefixes at their own transit networks
        area = offers.area[lan].astype(np.int64)
        place = distances.first[area] + distances.local[area, offers.vertex[lan]]
        which, edge = spread(distances.edge_start[place], distances.edge_start[place + 1] - distances.edge_start[place])
        router = distances.vertex[distances.first[area][which] + distances.edge_head[edge]]
        keys = np.concatenate([key[keep], prefix[lan][which] * n + router]).astype(np.int64)
        links = np.concatenate([offers.link[stub][keep], distances.edge_in[edge]]).astype(np.int64)
        lans = np.arange(len(keys)) >= int(keep.sum())
        order = np.lexsort((links, keys))
        keys, links, lans = keys[order], links[order], lans[order]
        again = (np.diff(keys, prepend=-1) == 0) & (np.diff(links, prepend=-2) == 0)  # one row serves two areas
        return Attached(keys[~again], links[~again], lans[~again])

    def _own(self) -> Attached:
        """Externals that a router redistributes: it reaches them without OSPF, or it could not announce them.

        Not what a border router translates out of its NSSA, nor the default it makes up for it.
        """
        offers, table = self.topology.offers, self.topology.prefixes
        n = self.topology.n_vertices
        prefix = np.repeat(np.arange(self.prefixes), np.diff(offers.start))
        mine = (offers.kind >= EXT1) & (offers.vertex >= 0)
        seven = offers.flags & OFFER_TYPE7 != 0
        at = np.maximum(offers.vertex, 0)
        mine &= ~(seven & self.is_border[at] & (table.plen[prefix] == 0))
        told: dict[int, list[int]] = {}
        for i in np.flatnonzero(seven & (offers.flags & OFFER_P != 0)).tolist():
            told.setdefault(int(prefix[i]), []).append(i)
        for i in np.flatnonzero(mine & ~seven & self.is_border[at]).tolist():
            v, forwarding = int(offers.vertex[i]), int(offers.forwarding[i])
            for j in told.get(int(prefix[i]), ()):
                if offers.asbr[j] != offers.asbr[i] and self.member[offers.area[j], v]:
                    mine[i] &= forwarding not in (0, int(offers.forwarding[j]))
        rows = np.flatnonzero(mine)
        key, first = np.unique(prefix[rows] * n + offers.vertex[rows], return_index=True)
        rows = rows[first]
        aimed = np.zeros(len(rows), dtype=np.bool_)
        for i in np.flatnonzero(offers.forwarding[rows]).tolist():
            owner = self.topology.interface_owner(int(offers.forwarding[rows[i]]))
            match = int(self.row_match[rows[i]])
            router = int(offers.vertex[rows[i]])
            _, loopback = self.connected.find(np.array([match]), np.array([router]), n)
            mine_too = loopback[0] > 0 and int(table.plen[match]) == table.host_length
            aimed[i] = match >= 0 and not mine_too and (owner is None or owner[0] != router)
        self.aimed_key, self.aimed_row = key[aimed].astype(np.int64), rows[aimed]
        key, rows = key[~aimed], rows[~aimed]
        link = self.external_row[offers.vertex[rows]]
        return Attached(key.astype(np.int64), link, np.zeros(len(key), dtype=np.bool_))

    def aimed(self, prefix: I8, router: I8) -> tuple[I8, Choice]:
        """Of what routers redistribute towards a forwarding address elsewhere: (positions, ways to the address)."""
        key = prefix * self.topology.n_vertices + router
        place = np.minimum(np.searchsorted(self.aimed_key, key), len(self.aimed_key) - 1)
        at = np.flatnonzero(self.aimed_key[place] == key)
        row = self.aimed_row[place[at]]
        found, match = self._resolve(self.row_match[row], router[at])
        address = whole(self.topology.offers.forwarding[row])
        hidden = np.zeros(len(prefix), dtype=np.bool_)
        hidden[at[found.hidden]] = True
        ways = replace(
            found, hidden=hidden, node=at[found.node], prefix=match[found.node], forwarding=address[found.node]
        )
        return at[found.kind != NO_ROUTE], ways

    # RFC 2328 16.1 - 16.3

    def inside(self, subject: I8, router: I8) -> Choice:
        """Intra- and inter-area routes of [n] (subject, router vertex)."""
        n, d = len(subject), self.distances
        begin = self.begin[subject]
        count = self.end[subject] - begin
        node, row = spread(begin, count)
        at_router = router[node]
        area, target = self.row_area[row], self.row_target[row]
        local = d.local[area, at_router]
        own = self.row_vertex[row] == at_router
        said, rank = self.row_said[row], self.row_rank[row]
        inner = (local >= 0) & (target >= 0) & (rank != UNUSABLE) & ~(self.row_down[row] & self.is_edge[at_router])
        usable = inner & ~(said & (own | ~self.summaries_of[area, at_router]))
        key = np.full(len(row), np.inf)
        rows = np.flatnonzero(inner)
        d.ensure(area[rows], target[rows])
        way_cost = np.full(len(row), np.inf)
        way_cost[rows] = d.distance(area[rows], target[rows], local[rows]) + self.row_cost[row[rows]]
        np.copyto(key, rank * RANK + way_cost, where=usable)
        hidden = own & (self.row_hidden[row] != UNUSABLE)
        if hidden.any():
            # What a router tells other areas it has from the backbone, or tells that too; what is in an area that we
            # see is not hidden.
            hidden &= (self.row_hidden[row] == HIDDEN_INTRA) | ~self.in_backbone[at_router]
            hidden &= ~np.isin(node, node[self.row_intra[row]])
            # One outside a backbone that we see has nothing but what is in its areas to tell.
            outlying = (self.backbone < len(self.area_id) - 1) & ~self.in_backbone[at_router]
            veil = np.where(outlying, HIDDEN_INTRA, self.row_hidden[row])
            np.copyto(key, veil * RANK + self.row_cost[row], where=hidden)
        asbr = subject >= self.prefixes
        if asbr.any():
            self._within_area_first(key, node, area, said, hidden, asbr)
        best = _least(key, node, begin, count, n)
        chosen = (key == best[node]) & (key < np.inf)
        route_area = np.full(n, -1, dtype=np.int64)
        firm = np.flatnonzero(chosen & ~hidden)
        if len(self.area_id) == 2:
            route_area[node[firm]] = 0
        else:
            largest = np.full(n, -1, dtype=np.int64)
            np.maximum.at(largest, node[firm], self.area_id[area[firm]])
            chosen &= hidden | ~asbr[node] | (self.area_id[area] == largest[node])
            held = largest >= 0
            route_area[held] = np.searchsorted(self.area_id[:-1], largest[held])
        rank_of = np.full(n, float(UNUSABLE))
        np.floor_divide(best, RANK, out=rank_of, where=best < np.inf)
        if self.transit.any():
            best, chosen = self._through_transit(
                best, chosen, node, area, way_cost, said & ~own & inner, route_area, rank_of, at_router
            )
        hidden_only = np.zeros(n, dtype=np.bool_)
        hidden_only[node[chosen & hidden]] = True
        pick = np.flatnonzero(chosen & ~hidden)
        kind = np.select([rank_of <= HIDDEN_INTRA, rank_of <= KNOWN_INTER], [INTRA, INTER], NO_ROUTE)
        return Choice(
            kind=kind, cost=best - rank_of * RANK, metric2=np.zeros(n, dtype=np.int64),
            area=route_area, hidden=hidden_only, node=node[pick], way_area=area[pick], way_target=target[pick],
            way_extra=self.row_cost[row[pick]], prefix=subject[node[pick]],
            forwarding=np.zeros(len(pick), dtype=np.int64),
        )  # fmt: skip

    def _within_area_first(self, key: F8, node: I8, area: I8, said: B1, hidden: B1, asbr: B1) -> None:
        """An entry for an ASBR is one per area, intra-area paths first (RFC 2328 11, 16.2 (6)); in place."""
        width = len(self.area_id)
        entry = node * width + area
        intra = (key < np.inf) & ~said
        key[asbr[node] & said & ~hidden & np.isin(entry, entry[intra])] = np.inf
        if self.options.rfc1583_compatibility:  # where only cost counts, a router's own words stay the last resort
            key[asbr[node] & hidden & np.isin(node, node[intra])] = np.inf

    def _through_transit(
        self, best: F8, chosen: B1, node: I8, area: I8, way_cost: F8, said: B1, route_area: I8, rank: F8, router: I8
    ) -> tuple[F8, B1]:
        """Shortcuts through transit areas for what the backbone leads to (RFC 2328 16.3)."""
        through = np.flatnonzero(
            said & self.transit_at[area, router] & (route_area[node] == self.backbone) & (way_cost < np.inf)
        )
        if not through.size:
            return best, chosen
        key = rank[node[through]] * RANK + way_cost[through]
        least = best.copy()
        np.minimum.at(least, node[through], key)
        chosen = chosen & (best[node] == least[node])
        chosen[through] |= key == least[node[through]]
        return least, chosen

    # RFC 2328 16.4, RFC 3101 2.5

    def outside(self, prefix: I8, router: I8) -> Choice:
        """External routes of [n] (prefix row, router vertex); they count only where `inside` found none."""
        offers, n = self.topology.offers, len(prefix)
        begin = self.begin[prefix]
        node, row = spread(begin, self.end[prefix] - begin)
        kind, flags, at = offers.kind[row], offers.flags[row], router[node]
        seven = flags & OFFER_TYPE7 != 0
        usable = (kind >= EXT1) & ~((flags & OFFER_DN != 0) & self.is_edge[at]) & (offers.vertex[row] != at)
        usable &= self.row_owner[row] != at  # a forwarding address of its own would lead back to itself
        usable &= np.where(seven, self.member[offers.area[row], at], self.takes_type5[at])
        default = seven & (flags & OFFER_P == 0) & (self.topology.prefixes.plen[prefix[node]] == 0)
        usable &= ~(default & self.is_border[at])  # RFC 3101 2.5 (3)
        keep = np.flatnonzero(usable)
        node, row, at, seven = node[keep], row[keep], at[keep], seven[keep]
        path = self.inside(self.row_asbr[row], at)
        reached = path.kind != NO_ROUTE
        nodes = path.node
        ways: list[I8] = [nodes, path.way_area, path.way_target, prefix[node[nodes]], np.zeros_like(nodes)]
        extra = path.way_extra
        kinds, costs, areas = path.kind.copy(), path.cost.copy(), path.area.copy()
        resolve = np.flatnonzero(reached & (offers.forwarding[row] != 0))
        if resolve.size:
            aside = np.isin(nodes, resolve)
            ways, extra = [column[~aside] for column in ways], extra[~aside]
            found, at_prefix = self._resolve(self.row_match[row[resolve]], at[resolve])
            kinds[resolve], costs[resolve], areas[resolve] = found.kind, found.cost, found.area
            nssa = offers.area[row[resolve]]
            where = found.area
            fits = np.where(seven[resolve], (found.kind == INTRA) & (where == nssa), self.normal[where] | found.hidden)
            costs[resolve[~fits]] = np.inf
            address = whole(offers.forwarding[row[resolve]])
            more = [resolve[found.node], found.way_area, found.way_target, at_prefix[found.node], address[found.node]]
            ways = [np.concatenate(pair) for pair in zip(ways, more, strict=True)]
            extra = np.concatenate([extra, found.way_extra])
        type2 = offers.kind[row] == EXT2
        total = costs + offers.cost[row]
        good = reached & (total < np.inf)
        later = ~((kinds == INTRA) & (areas != self.backbone)) & (not self.options.rfc1583_compatibility)  # 16.4.1
        order = np.where(~seven, 1, np.where(offers.flags[row] & OFFER_P != 0, 0, 2))
        key = type2.astype(np.int64) << 61 | offers.metric2[row].astype(np.int64) << 37 | later.astype(np.int64) << 36
        key |= np.where(good, total, 0).astype(np.int64) << 2 | order
        worst = np.iinfo(np.int64).max
        key[~good] = worst
        best = np.full(n, worst)
        np.minimum.at(best, node, key)
        chosen = (key == best[node]) & good
        has = best < worst
        hidden = np.zeros(n, dtype=np.bool_)
        veiled = path.hidden.copy()
        if resolve.size:
            veiled[resolve] = found.hidden
        hidden[node[chosen & veiled]] = True
        pick = np.flatnonzero(chosen[ways[0]])
        pick = pick[np.argsort(node[ways[0][pick]], kind="stable")]
        which, area, target, looked_up, forwarding = (column[pick] for column in ways)
        added = np.where(type2, 0, offers.cost[row]).astype(np.float64)[which]
        return Choice(
            kind=np.where(has, np.where(best >> 61 == 1, EXT2, EXT1), NO_ROUTE),
            cost=np.where(has, (best >> 2 & (1 << 34) - 1).astype(np.float64), np.inf),
            metric2=np.where(has, best >> 37 & 0xFFFFFF, 0), area=np.full(n, -1, dtype=np.int64), hidden=hidden,
            node=node[which], way_area=area, way_target=target, way_extra=extra[pick] + added, prefix=looked_up,
            forwarding=forwarding,
        )  # fmt: skip

    def _resolve(self, match: I8, router: I8) -> tuple[Choice, I8]:
        """The inside route of the longest match that each router has one for, and its prefix row."""
        current = match.copy()
        while True:
            found = self.inside(np.maximum(current, 0), router)
            missing = (found.kind == NO_ROUTE) & (current >= 0)
            if not missing.any():
                break
            current[missing] = self.parent[current[missing]]
        lost = current < 0
        if lost.any():
            kept = ~lost[found.node]
            found = Choice(
                kind=np.where(lost, NO_ROUTE, found.kind), cost=np.where(lost, np.inf, found.cost),
                metric2=found.metric2, area=found.area, hidden=found.hidden & ~lost, node=found.node[kept],
                way_area=found.way_area[kept], way_target=found.way_target[kept], way_extra=found.way_extra[kept],
                prefix=found.prefix[kept], forwarding=found.forwarding[kept],
            )  # fmt: skip
        return found, current


def whole(addresses: NDArray[Any]) -> I8:
    """A column of addresses to calculate with; those of IPv6 are Python integers and stay so."""
    return addresses if addresses.dtype == object else addresses.astype(np.int64)


def _least(key: F8, node: I8, begin: I8, count: I8, n: int) -> F8:
    best = np.full(n, np.inf)
    some = np.flatnonzero(count)
    if some.size:
        best[some] = np.minimum.reduceat(key, (np.cumsum(count) - count)[some])
    return best
