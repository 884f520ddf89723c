"""RFC 2328 section 16 word for word, for one router at a time, in plain Python: the slow truth about routing tables.

It knows LSAs as `ospf.lsa` decodes them and nothing else of the product. Every step carries its number in the RFC.
No arrays, no sharing between routers, no cleverness: one Dijkstra per router and area, then 16.2, 16.3, 16.4 and
RFC 3101 2.5 in order. A next hop is (text of the own interface, id of the neighbouring router; 0 where the destination
is on the attached network itself).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ospf.lsa import ExternalLsa, Lsa, NetworkLsa, RouterLsa, SummaryLsa

P2P, TRANSIT, STUB, VIRTUAL = 1, 2, 3, 4
FLAG_B, FLAG_E, FLAG_V = 1, 2, 4
INTRA, INTER, EXT1, EXT2 = 0, 1, 2, 3
MAX_AGE, LS_INFINITY = 3600, 0xFFFFFF
OPTION_E, OPTION_P, OPTION_DN = 0x02, 0x08, 0x80

Prefix = tuple[int, int]  # network, length
Hop = tuple[str, int]
Hops = frozenset[Hop]
Vertex = tuple[str, int]  # ("router", id) or ("network", DR's address)


@dataclass(frozen=True)
class Entry:
    """One destination of a routing table."""

    kind: int
    cost: int
    type2: int
    hops: Hops
    area: int = 0  # of the path: intra- and inter-area routes, ASBRs
    forwarding: frozenset[int] = frozenset()  # forwarding addresses on subnets the router itself is on


@dataclass
class Tree:
    """One area's shortest-path tree as the router sees it (16.1)."""

    cost: dict[Vertex, int] = field(default_factory=dict)
    hops: dict[Vertex, Hops] = field(default_factory=dict)
    transit: bool = False  # TransitCapability


def length_of(mask: int) -> int:
    return bin(mask).count("1")


def interface_text(data: int) -> str:
    return f"if{data}" if data < 1 << 24 else ".".join(str(data >> shift & 255) for shift in (24, 16, 8, 0))


def covers(prefix: Prefix, address: int) -> bool:
    network, plen = prefix
    return plen == 0 or address >> (32 - plen) == network >> (32 - plen)


class Database:
    """The live LSAs of one area."""

    def __init__(self, area: int, lsas: Sequence[Lsa]) -> None:
        self.area = area
        live = [lsa for lsa in lsas if lsa.header.age & 0x7FFF < MAX_AGE]
        self.routers: dict[int, RouterLsa] = {}
        self.networks: dict[int, NetworkLsa] = {}
        self.summaries: list[tuple[Lsa, SummaryLsa]] = []
        self.externals: list[tuple[Lsa, ExternalLsa]] = []
        self.options: dict[int, int] = {}
        for lsa in live:
            if isinstance(lsa.body, RouterLsa):
                self.routers[lsa.header.advertising_router] = lsa.body
                self.options[lsa.header.advertising_router] = lsa.header.options
            elif isinstance(lsa.body, NetworkLsa):
                self.networks[lsa.header.link_state_id] = lsa.body
            elif isinstance(lsa.body, SummaryLsa):
                self.summaries.append((lsa, lsa.body))
            elif isinstance(lsa.body, ExternalLsa):
                self.externals.append((lsa, lsa.body))

    @property
    def takes_externals(self) -> bool:
        return all(options & OPTION_E for options in self.options.values())

    def edges(self, vertex: Vertex) -> Iterator[tuple[Vertex, int, str, int]]:
        """(neighbour, cost, own interface, type) of every link whose other end points back (16.1 2 (b))."""
        kind, number = vertex
        if kind == "network":
            for router in self.networks[number].attached:
                links = self.routers[router].links if router in self.routers else ()
                if any(link.type == TRANSIT and link.link_id == number for link in links):
                    yield ("router", router), 0, "", 0
            return
        for link in self.routers[number].links:
            if link.type == TRANSIT:
                there = self.networks.get(link.link_id)
                if there is not None and number in there.attached:
                    yield ("network", link.link_id), link.metric, interface_text(link.link_data), TRANSIT
            elif link.type in (P2P, VIRTUAL):
                there_links = self.routers[link.link_id].links if link.link_id in self.routers else ()
                if any(back.type == link.type and back.link_id == number for back in there_links):
                    text = interface_text(link.link_data)
                    yield ("router", link.link_id), link.metric, text, link.type


class RoutingTable:
    """What the router `root` computes from the databases of the areas it is in."""

    def __init__(
        self,
        root: int,
        databases: Mapping[int, Sequence[Lsa]],
        *,
        rfc1583: bool = False,
        rfc3509: bool = True,
        ranges: Mapping[int, Sequence[Prefix]] | None = None,  # area -> ranges its border routers are told of
    ) -> None:
        self.root, self.rfc1583, self.rfc3509 = root, rfc1583, rfc3509
        everywhere = {area: Database(area, lsas) for area, lsas in databases.items()}
        self.areas = {area: db for area, db in everywhere.items() if root in db.routers}
        self.ranges = ranges or {}
        self.edge = any(  # a provider's, RFC 4577 4.2.5.1: it ignores what another one marked
            lsa.header.advertising_router == root and lsa.header.type in (3, 5, 7) and lsa.header.options & OPTION_DN
            for lsas in databases.values()
            for lsa in lsas
        )
        self.trees: dict[int, Tree] = {}
        self.routes: dict[Prefix, Entry] = {}
        self.asbrs: dict[int, list[Entry]] = {}  # candidates; 16.4.1 chooses
        for area in sorted(self.areas, key=lambda number: number == 0):  # the backbone last: for virtual links
            self.trees[area] = self._tree(area)
        for area in sorted(self.areas):
            self._intra(area)
        if self._is_border():
            self._discard()
        for area in self._summary_areas():
            self._inter(area)
        for area in sorted(self.areas):
            if area and self.trees[area].transit and 0 in self.areas:
                self._transit_area(area)
        self._externals()

    # 16.1

    def _tree(self, area: int) -> Tree:
        db, tree = self.areas[area], Tree()
        start: Vertex = ("router", self.root)
        hops: dict[Vertex, set[Hop]] = {start: set()}
        queue: list[tuple[int, int, Vertex]] = [(0, 1, start)]
        best: dict[Vertex, int] = {start: 0}
        while queue:
            cost, _, vertex = heapq.heappop(queue)
            if vertex in tree.cost:
                continue
            tree.cost[vertex], tree.hops[vertex] = cost, frozenset(hops[vertex])
            if vertex[0] == "router" and db.routers[vertex[1]].flags & FLAG_V:
                tree.transit = True
            for neighbor, step, text, kind in db.edges(vertex):
                if neighbor in tree.cost:
                    continue
                if vertex == start:
                    new = self._first_hops(neighbor, text, kind, start, db)
                elif vertex[0] == "network" and any(hop[1] == 0 for hop in tree.hops[vertex]):
                    # 16.1.1: the parent is a network that connects the destination directly to the root
                    new = {(hop[0], neighbor[1]) if hop[1] == 0 else hop for hop in tree.hops[vertex]}
                else:
                    new = set(tree.hops[vertex])
                if kind == VIRTUAL and vertex == start and not new:
                    continue
                total = cost + step
                if neighbor not in best or total < best[neighbor]:
                    best[neighbor], hops[neighbor] = total, set(new)
                    heapq.heappush(queue, (total, neighbor[0] == "router", neighbor))  # networks first, 16.1 (3)
                elif total == best[neighbor]:
                    hops[neighbor] |= new
        return tree

    def _first_hops(self, neighbor: Vertex, text: str, kind: int, start: Vertex, db: Database) -> set[Hop]:
        if kind == TRANSIT:
            return {(text, 0)}
        if kind == P2P:
            return {(text, neighbor[1])}
        # 16.1 (4), 16.1.1: of a virtual link those of the path through the transit area
        for area, tree in self.trees.items():
            if area and neighbor in tree.cost and self._owns(area, text):
                return set(tree.hops[neighbor])
        return set()

    def _owns(self, area: int, text: str) -> bool:
        links = self.areas[area].routers[self.root].links
        return any(interface_text(link.link_data) == text and link.type != STUB for link in links)

    def _intra(self, area: int) -> None:
        db, tree = self.areas[area], self.trees[area]
        for vertex, cost in tree.cost.items():
            if vertex[0] == "network":
                mask = db.networks[vertex[1]].mask
                hops = tree.hops[vertex]
                self._offer_intra((vertex[1] & mask, length_of(mask)), Entry(INTRA, cost, 0, hops, area))
                continue
            body = db.routers[vertex[1]]
            if body.flags & FLAG_E and vertex[1] != self.root:
                self.asbrs.setdefault(vertex[1], []).append(Entry(INTRA, cost, 0, tree.hops[vertex], area))
            for link in body.links:
                if link.type == STUB:
                    prefix = (link.link_id & link.link_data, length_of(link.link_data))
                    entry = Entry(INTRA, cost + link.metric, 0, tree.hops[vertex], area)
                    self._offer_intra(prefix, entry)

    def _offer_intra(self, prefix: Prefix, new: Entry) -> None:
        old = self.routes.get(prefix)
        if old is None or new.cost < old.cost:
            self.routes[prefix] = new
        elif new.cost == old.cost:
            self.routes[prefix] = replace(old, hops=old.hops | new.hops)

    def _discard(self) -> None:
        """11.1, 12.4.3: a range is active when a component of it is reached in its area; what is not known is dropped.

        The cost is that of the farthest component, as it is announced. 16.2 (3) follows: intra-area routes come first.
        """
        for area in self.areas:
            for network, plen in self.ranges.get(area, ()):
                costs = [
                    entry.cost
                    for prefix, entry in self.routes.items()
                    if entry.area == area and prefix[1] >= plen and covers((network, plen), prefix[0])
                ]
                if costs:
                    self.routes[network, plen] = Entry(INTRA, max(costs), 0, frozenset(), area)

    # 16.2

    def _summary_areas(self) -> list[int]:
        border = any(db.routers[self.root].flags & FLAG_B for db in self.areas.values())
        if not border:
            return sorted(self.areas)
        live = 0 in self.areas and len(self.trees[0].cost) > 1
        if self.rfc3509 and not live:
            return sorted(self.areas)
        return [0] if 0 in self.areas else []

    def _inter(self, area: int) -> None:
        db, tree = self.areas[area], self.trees[area]
        for lsa, body in db.summaries:
            border: Vertex = ("router", lsa.header.advertising_router)
            if body.metric >= LS_INFINITY or border[1] == self.root:  # (1), (2)
                continue
            if lsa.header.type == 3 and self._is_marked(lsa):
                continue
            if border not in tree.cost or not db.routers[border[1]].flags & FLAG_B:  # (4)
                continue
            entry = Entry(INTER, tree.cost[border] + body.metric, 0, tree.hops[border], area)
            if lsa.header.type == 4:
                if lsa.header.link_state_id != self.root:
                    self.asbrs.setdefault(lsa.header.link_state_id, []).append(entry)
                continue
            plen = length_of(body.mask)
            prefix = (lsa.header.link_state_id & body.mask, plen)
            old = self.routes.get(prefix)
            if old is None or (old.kind == INTER and entry.cost < old.cost):  # (5), (6)
                self.routes[prefix] = entry
            elif old.kind == INTER and entry.cost == old.cost:
                self.routes[prefix] = replace(old, hops=old.hops | entry.hops)

    # 16.3

    def _transit_area(self, area: int) -> None:
        db, tree = self.areas[area], self.trees[area]
        for lsa, body in db.summaries:
            border: Vertex = ("router", lsa.header.advertising_router)
            if body.metric >= LS_INFINITY or border[1] == self.root or border not in tree.cost:
                continue
            if lsa.header.type == 3 and self._is_marked(lsa):
                continue
            if lsa.header.type == 4:
                self._transit_asbr(lsa.header.link_state_id, tree.cost[border] + body.metric, tree.hops[border])
                continue
            prefix = (lsa.header.link_state_id & body.mask, length_of(body.mask))
            old = self.routes.get(prefix)
            if old is None or old.kind > INTER or old.area != 0:  # (2), (3)
                continue
            cost = tree.cost[border] + body.metric
            if cost < old.cost:  # (4): the entry stays of the backbone
                self.routes[prefix] = replace(old, cost=cost, hops=tree.hops[border])
            elif cost == old.cost:
                self.routes[prefix] = replace(old, hops=old.hops | tree.hops[border])

    def _transit_asbr(self, asbr: int, cost: int, hops: Hops) -> None:
        entries = self.asbrs.get(asbr, [])
        backbone = [entry for entry in entries if entry.area == 0]
        if not backbone:
            return
        kind = min(entry.kind for entry in backbone)
        least = min(entry.cost for entry in backbone if entry.kind == kind)
        held = frozenset[Hop]().union(*(e.hops for e in backbone if (e.kind, e.cost) == (kind, least)))
        if cost <= least:
            new = Entry(kind, cost, 0, hops if cost < least else held | hops, 0)
            self.asbrs[asbr] = [entry for entry in entries if entry.area] + [new]

    # 16.4 and RFC 3101 2.5

    def _externals(self) -> None:
        inside = dict(self.routes)
        chosen: dict[Prefix, tuple[tuple[int, ...], Entry]] = {}
        for lsa, body, area in self._visible_externals():
            router = lsa.header.advertising_router
            if body.metric >= LS_INFINITY or router == self.root or self._is_marked(lsa):  # (1), (2)
                continue
            prefix = (lsa.header.link_state_id & body.mask, length_of(body.mask))
            path = self._asbr(router, area)
            if path is None:  # (3)
                continue
            if area is not None and prefix == (0, 0) and self._is_border() and not lsa.header.options & OPTION_P:
                continue  # RFC 3101 2.5 (3)
            near = False
            if body.forwarding_address:
                if self._has_address(body.forwarding_address):  # nowhere in the RFC; FRR and BIRD agree
                    continue
                path = self._forwarding(body.forwarding_address, inside, area)
                if path is None:
                    continue
                near = not path.hops or any(hop[1] == 0 for hop in path.hops)
                owner = self._owner(body.forwarding_address)
                path = replace(path, hops=frozenset((hop[0], hop[1] or owner) for hop in path.hops))
            if prefix in inside:  # (6) (a)
                continue
            entry = Entry(
                EXT2 if body.type2 else EXT1,
                path.cost if body.type2 else path.cost + body.metric,
                body.metric if body.type2 else 0,
                path.hops,
                forwarding=frozenset([body.forwarding_address] if near else []),
            )
            order = 1 if area is None else 0 if lsa.header.options & OPTION_P else 2  # RFC 3101 2.5 (6) (e)
            rank = (entry.kind, entry.type2, self._preference(path), entry.cost, order)  # (6) (b)-(d)
            if prefix not in chosen or rank < chosen[prefix][0]:
                chosen[prefix] = (rank, entry)
            elif rank == chosen[prefix][0]:
                old = chosen[prefix][1]
                forwarding = old.forwarding | entry.forwarding
                chosen[prefix] = (rank, replace(old, hops=old.hops | entry.hops, forwarding=forwarding))
        self.routes.update({prefix: entry for prefix, (_, entry) in chosen.items()})

    def _has_address(self, address: int) -> bool:
        mine = [db.routers[self.root].links for db in self.areas.values()]
        return any(link.link_data == address and link.type in (P2P, TRANSIT) for links in mine for link in links)

    def _owner(self, address: int) -> int:
        """The router of an interface on a network that the root is on too: 16.4 (3) makes it the next hop; else 0."""
        for db in self.areas.values():
            for router, body in db.routers.items():
                if any(link.type == TRANSIT and link.link_data == address for link in body.links):
                    return router
        return 0

    def _visible_externals(self) -> Iterator[tuple[Lsa, ExternalLsa, int | None]]:
        """Type 5 once, though every normal area's database holds it; type 7 with its NSSA."""
        seen: set[tuple[int, int]] = set()
        for area, db in sorted(self.areas.items()):
            for lsa, body in db.externals:
                if lsa.header.type == 7:
                    yield lsa, body, area
                elif db.takes_externals and (key := lsa.key[1:]) not in seen:
                    seen.add(key)
                    yield lsa, body, None

    def _is_marked(self, lsa: Lsa) -> bool:
        return self.edge and bool(lsa.header.options & OPTION_DN)

    def _is_border(self) -> bool:
        return any(db.routers[self.root].flags & FLAG_B for db in self.areas.values())

    def _asbr(self, router: int, area: int | None) -> Entry | None:
        candidates = self.asbrs.get(router, [])
        if area is not None:
            candidates = [c for c in candidates if c.kind == INTRA and c.area == area]
        else:  # RFC 3101 2.5 (3): non-NSSA entries; a stub area's routers could not pass such traffic on either
            candidates = [c for c in candidates if self.areas[c.area].takes_externals]
        # 16.2 (5): an entry per area, and an inter-area path only where the area has no intra-area one
        inside = {c.area for c in candidates if c.kind == INTRA}
        candidates = [c for c in candidates if c.kind == INTRA or c.area not in inside]
        if not candidates:
            return None
        best = min((self._preference(c), c.cost, -c.area) for c in candidates)  # 16.4.1
        tied = [c for c in candidates if (self._preference(c), c.cost, -c.area) == best]
        return replace(tied[0], hops=frozenset[Hop]().union(*(c.hops for c in tied)))

    def _preference(self, path: Entry) -> int:
        """16.4.1: intra-area paths through other areas than the backbone come first."""
        if self.rfc1583:
            return 0
        return 0 if path.kind == INTRA and path.area else 1

    def _forwarding(self, address: int, inside: Mapping[Prefix, Entry], area: int | None) -> Entry | None:
        matching = [prefix for prefix in inside if covers(prefix, address)]
        if not matching:
            return None
        found = inside[max(matching, key=lambda prefix: prefix[1])]
        if area is not None and (found.kind != INTRA or found.area != area):  # RFC 3101 2.5 (3)
            return None
        if area is None and not self.areas[found.area].takes_externals:  # through a type 5 capable area
            return None
        return found
