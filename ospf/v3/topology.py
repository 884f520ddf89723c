"""The topology of one OSPFv3 instance: the same `Topology` as for OSPFv2, of IPv6 prefixes (RFC 5340 4.8).

Everybody behind works on vertices, rows and offers and need not know the version. Where they meet addresses:

- `prefixes` is a `PrefixTable6`: networks as two columns of 64 bits, `longest` for the prefix of an address;
- `links.address` is the link-local address of the interface where a link-LSA tells it (link-LSAs stay on their link, so
  that is the segment we are attached to), `links.network` the lowest prefix of its link; both are columns of Python
  integers, as is `offers.forwarding`;
- a row's key is "v3if<interface id>", that of a stub network its prefix.

Decisions. OSPFv3 does not say which interface a router's own prefix belongs to. A prefix that two neighbours over
point-to-point links both have is taken for the subnet of the link between them; it has no row of its own, and traffic
to it ends at the nearer of the two. Any other prefix (a host address aside) is a stub network with a row, that of the
interface where a link-LSA tells which. A network without a prefix is named by its designated router and interface id.

A router that restarts gracefully (RFC 5187) is as it was in the version before, whatever its own LSAs say meanwhile.

Left out: which addresses are a router's own (`interface_owner` knows none), traffic engineering (RFC 5329).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ospf.areas import BACKBONE, NOT_VIRTUAL, NSSA, UNSEEN_TRANSIT, AreaDatabase, AreaGraph, Border, Options
from ospf.borders import borders, ends_within6
from ospf.links import EdgeTable
from ospf.linktable import believed
from ospf.lsa import Lsa
from ospf.offers import AS_WIDE, INTER, INTRA, OFFER_DN, OfferTable
from ospf.topology import Topology, TopologyStats
from ospf.v3.announcements import Announcements, PrefixKey, read_announcements, read_externals
from ospf.v3.area import Inside, Interface, Network, build_inside
from ospf.v3.lsa import FLAG_B, FLAG_E, FLAG_V, INTRA_AREA_PREFIX, NETWORK, ROUTER
from ospf.v3.prefix import ADDRESS_BITS, joined, prefix6_text
from ospf.v3.prefixes import BorderRoute, Offer, PrefixTable6, Surroundings, build_tables, external_offers
from ospf.v3.rows import Placed, RowKey, Rows, add_external, external_row, interface_row, place_areas, stub_row, wide
from ospf.wire import address_text

I4 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Topology6(Topology):
    """A Topology of IPv6 prefixes."""

    insides: tuple[Inside, ...] = ()  # [areas], what the next version may take over
    intra: tuple[tuple[Lsa, ...], ...] = ()  # [areas] intra-area-prefix-LSAs, for the same
    network_names: tuple[str, ...] = ()  # [V-R]

    family: ClassVar[int] = 6

    def interface_owner(self, address: int) -> tuple[int, int] | None:
        """OSPFv3 does not tell whose an address is."""
        return None

    def vertex_name(self, vertex: int) -> str:
        """Router id text, or the prefix text of a transit network."""
        if vertex < len(self.routers):
            return address_text(int(self.routers[vertex]))
        return self.network_names[vertex - len(self.routers)]


_OPTIONS = Options()


def build_domain_v3(
    databases: Sequence[AreaDatabase],
    *,
    instance: str,
    version: int,
    time: float,
    known: Mapping[int, Set[int]] | None = None,
    options: Options = _OPTIONS,
    previous: Topology | None = None,
    restarting: Mapping[int, float] | None = None,
) -> Topology:
    """The topology of all areas of one OSPFv3 instance; arguments as of `ospf.topology.build_domain`.

    `known` is taken for its sake: interface ids stand in the LSAs.
    """
    before = previous if isinstance(previous, Topology6) else None
    now = frozenset(router for router, until in (restarting or {}).items() if until > time)
    if before is not None and now:
        databases = [_held(database, now, before) for database in databases]
    return _Build(databases, instance, before).topology(version, time, options)


def _held(database: AreaDatabase, restarting: frozenset[int], before: Topology6) -> AreaDatabase:
    """The database with what restarting routers said of themselves before (RFC 3623 3)."""
    said: list[Lsa] = []
    for inside, intra in zip(before.insides, before.intra, strict=True):
        if inside.area == database.area:
            said += [lsa for lsa in (*inside.said, *intra) if lsa.header.advertising_router in restarting]
    back = frozenset(lsa.header.advertising_router for lsa in said)
    kept = [
        lsa
        for lsa in database.lsas
        if lsa.header.type not in (ROUTER, NETWORK, INTRA_AREA_PREFIX) or lsa.header.advertising_router not in back
    ]
    return AreaDatabase(database.area, (*kept, *said), database.source)


class _Build:
    """One run; attributes are filled from top to bottom."""

    def __init__(self, databases: Sequence[AreaDatabase], instance: str, previous: Topology6 | None) -> None:
        self.instance, self.previous = instance, previous
        databases = sorted(databases, key=lambda database: database.area)
        kept = {inside.area: inside for inside in previous.insides} if previous is not None else {}
        self.insides = tuple(build_inside(database, kept.get(database.area)) for database in databases)
        self.routers, self.placed = place_areas(self.insides)
        self.vertex = {router: vertex for vertex, router in enumerate(self.routers)}
        self.n_vertices = len(self.routers) + sum(len(inside.networks) for inside in self.insides)
        self.alive = np.zeros(self.n_vertices, dtype=np.bool_)
        for area in self.placed:
            self.alive[area.vertices] |= area.inside.alive
        self.said = [read_announcements(database.lsas) for database in databases]
        self.intra = tuple(
            tuple(lsa for lsa in database.lsas if lsa.header.type == INTRA_AREA_PREFIX) for database in databases
        )
        self.externals, self.infinite, self.unusable = read_externals(database.lsas for database in databases)
        self.infinite += sum(said.infinite for said in self.said)
        self.unusable += sum(said.unusable for said in self.said)
        self.no_border = 0
        self.network_prefix: list[PrefixKey] = [(0, 0)] * (self.n_vertices - len(self.routers))
        self.network_names = self._name_networks()
        self.rows = Rows()
        self.offers: list[Offer] = []

    def topology(self, version: int, time: float, options: Options) -> Topology6:
        """Everything together."""
        asbrs = self._asbrs()
        for area in self.placed:
            self.rows.add_area(area, self.network_names, len(self.routers))
        stubs = [self._stub_rows(area, said) for area, said in zip(self.placed, self.said, strict=True)]
        add_external(self.rows, asbrs)
        links, number = self.rows.table(self.instance, self.alive)
        for area, said, row_of in zip(self.placed, self.said, stubs, strict=True):
            self._offer_intra(area, said, {key: number[row] for key, row in row_of.items()})
        rows_out = {vertex: number[external_row(router)] for router, (vertex, _) in asbrs.items()}
        vertices = {router: vertex for router, (vertex, _) in asbrs.items()}
        routes = self._offer_others(vertices, rows_out)
        backbone = next((area.index for area in self.placed if area.inside.area == BACKBONE), -1)
        around = Surroundings(self.vertex, self.alive, rows_out, backbone, self._nssa_borders())
        prefixes, offers, asbr_offers, unresolved, unreached = build_tables(self.offers, routes, around)
        return Topology6(
            version=version,
            time=time,
            area=address_text(self.insides[0].area if self.insides else BACKBONE),
            instance=self.instance,
            routers=np.array(self.routers, dtype=np.uint32),
            network_address=np.array([n.interface for i in self.insides for n in i.networks], dtype=np.uint32),
            network_prefix=wide([network for network, _ in self.network_prefix]),
            network_plen=np.array([plen for _, plen in self.network_prefix], dtype=np.uint8),
            n_vertices=self.n_vertices,
            links=believed(links, options.listeners, self.alive),
            prefixes=prefixes,
            alive=self.alive,
            stats=TopologyStats(
                one_way_links=sum(inside.one_way for inside in self.insides),
                bad_masks=self.unusable,
                no_border=self.no_border,
                unresolved_forwarding=unresolved,
                infinite=self.infinite,
                unreachable_prefixes=unreached,
            ),
            areas=self._graphs(links.keys, number),
            network_area=np.repeat(
                np.arange(len(self.insides), dtype=np.int32), [len(inside.networks) for inside in self.insides]
            ),
            offers=offers,
            asbr_offers=asbr_offers,
            borders=self._borders(backbone, offers, prefixes),
            stub_routers=frozenset().union(*(inside.stub_routers for inside in self.insides)),
            options=options,
            insides=self.insides,
            intra=self.intra,
            network_names=self.network_names,
        )

    def _name_networks(self) -> tuple[str, ...]:
        names: list[str] = []
        for area, said in zip(self.placed, self.said, strict=True):
            prefixes: dict[Network, list[PrefixKey]] = {}
            for each in said.of_networks:
                prefixes.setdefault(each.network, []).append(each.prefix)
            for network in area.inside.networks:
                found = min(prefixes.get(network, ()), default=None)
                if found is not None:
                    self.network_prefix[len(names)] = found
                text = prefix6_text(*found) if found else f"{address_text(network.router)}:v3if{network.interface}"
                names.append(text)
        return tuple(names)

    def _asbrs(self) -> dict[int, tuple[int, int]]:
        """Router id -> (vertex, area) of the routers that call themselves AS boundary routers."""
        found: dict[int, tuple[int, int]] = {}
        for inside in self.insides:
            for router, flags in zip(inside.routers, inside.flags, strict=True):
                if flags & FLAG_E:
                    found.setdefault(router, (self.vertex[router], inside.area))
        return found

    def _nssa_borders(self) -> frozenset[tuple[int, int]]:
        return frozenset(
            (area.index, self.vertex[router])
            for area in self.placed
            if area.inside.kind == NSSA
            for router, flags in zip(area.inside.routers, area.inside.flags, strict=True)
            if flags & FLAG_B
        )

    def _borders(self, backbone: int, offers: OfferTable, prefixes: PrefixTable6) -> tuple[Border, ...]:
        member = np.zeros((len(self.routers), len(self.insides)), dtype=np.bool_)
        calls_itself = np.zeros(len(self.routers), dtype=np.bool_)
        for index, inside in enumerate(self.insides):
            for router, flags in zip(inside.routers, inside.flags, strict=True):
                member[self.vertex[router], index] = True
                calls_itself[self.vertex[router]] |= bool(flags & FLAG_B)
        plen = prefixes.plen.astype(np.int64)
        ends = ends_within6([joined(*halves) for halves in prefixes.network], plen.tolist())
        routers = np.array(self.routers, dtype=np.int64)
        return borders(routers, calls_itself, member, backbone, offers, plen, ends)

    def _stub_rows(self, area: Placed, said: Announcements) -> dict[tuple[int, PrefixKey], RowKey]:
        """(router, prefix) -> row of each stub network; subnets and link-local addresses of the interfaces noted."""
        inside, rows = area.inside, self.rows.rows
        between: dict[int, dict[int, list[Interface]]] = {}  # router -> neighbour -> interfaces
        for interface, state in inside.interfaces.items():
            key = interface_row(interface)
            rows[key].address = said.link_local.get(interface, 0)
            target = rows[key].target
            if target >= len(self.routers):
                rows[key].subnet = self.network_prefix[target - len(self.routers)]
            elif target >= 0 and state.up:
                between.setdefault(interface.router, {}).setdefault(state.neighbor, []).append(interface)
        announcers: dict[PrefixKey, dict[int, int]] = {}
        for each in said.of_routers:
            if each.router in self.vertex:
                here = announcers.setdefault(each.prefix, {})
                here[each.router] = min(each.cost, here.get(each.router, each.cost))
        found: dict[tuple[int, PrefixKey], RowKey] = {}
        for prefix, routers in sorted(announcers.items()):
            if prefix[1] == ADDRESS_BITS:
                continue
            for router, cost in routers.items():
                toward = between.get(router, {})
                shared = [interface for other in routers for interface in toward.get(other, ())]
                if shared:
                    key = interface_row(shared[0])
                    if len(shared) == 1 and rows[key].subnet == (0, 0):
                        rows[key].subnet = prefix
                    continue
                interface_id = said.on_link.get((router, prefix), -1)
                key = stub_row(router, prefix)
                if interface_id >= 0:
                    key = interface_row(Interface(router, interface_id))
                self.rows.add_stub(key, self.vertex[router], cost, inside.area, prefix)
                found[router, prefix] = key
        return found

    def _offer_intra(self, area: Placed, said: Announcements, row: Mapping[tuple[int, PrefixKey], int]) -> None:
        members = frozenset(area.inside.routers)
        for each in said.of_routers:
            if each.router in members:
                link = row.get((each.router, each.prefix), -1)
                vertex = self.vertex[each.router]
                self.offers.append(Offer(each.prefix, INTRA, area.index, vertex, each.cost, 0, link))
        first = len(area.inside.routers)
        vertex_of = {
            network: int(area.vertices[first + position]) for position, network in enumerate(area.inside.networks)
        }
        for one in said.of_networks:
            if one.network in vertex_of:
                vertex = vertex_of[one.network]
                self.offers.append(Offer(one.prefix, INTRA, area.index, vertex, one.cost, 0, -1))

    def _offer_others(self, asbrs: Mapping[int, int], rows_out: Mapping[int, int]) -> list[BorderRoute]:
        routes: list[BorderRoute] = []
        for area, said in zip(self.placed, self.said, strict=True):
            inside = area.inside
            borders = frozenset(r for r, f in zip(inside.routers, inside.flags, strict=True) if f & FLAG_B)
            for each in said.summaries:
                if each.border not in borders:  # RFC 2328 16.2 (4)
                    self.no_border += 1
                    continue
                flags, vertex = OFFER_DN if each.dn else 0, self.vertex[each.border]
                self.offers.append(Offer(each.prefix, INTER, area.index, vertex, each.cost, 0, -1, flags=flags))
            for one in said.asbrs:
                if one.border not in borders:
                    self.no_border += 1
                    continue
                routes.append(BorderRoute(one.asbr, area.index, self.vertex[one.border], one.cost))
            members = {router: vertex for router, vertex in asbrs.items() if router in inside.routers}
            offered = external_offers(said.nssa, area.index, asbrs=members, external_row=rows_out, borders=borders)
            self._usable_externals(offered, frozenset(members))
        everywhere = frozenset(asbrs) | {route.asbr for route in routes}
        offered = external_offers(self.externals, AS_WIDE, asbrs=asbrs, external_row=rows_out, borders=frozenset())
        self._usable_externals(offered, everywhere)
        return routes

    def _usable_externals(self, offered: Sequence[Offer], asbrs: frozenset[int]) -> None:
        """Those of a router that is known to be an AS boundary router (RFC 2328 16.4 (3))."""
        for offer in offered:
            if offer.asbr in asbrs:
                self.offers.append(offer)
            else:
                self.no_border += 1

    def _graphs(self, keys: Sequence[object], number: Mapping[RowKey, int]) -> tuple[AreaGraph, ...]:
        before = self.previous
        same = before is not None and before.links.keys == keys and np.array_equal(before.routers, self.routers)
        graphs = []
        for area in self.placed:
            if same and before is not None and area.index < len(before.areas):
                old = before.areas[area.index]
                unchanged = before.insides[area.index] is area.inside and old.local.size == self.n_vertices
                if unchanged and np.array_equal(old.vertices, area.vertices):
                    graphs.append(old)
                    continue
            graphs.append(self._graph(area, number))
        return tuple(graphs)

    def _graph(self, area: Placed, number: Mapping[RowKey, int]) -> AreaGraph:
        inside = area.inside
        local = np.full(self.n_vertices, -1, dtype=np.int32)
        local[area.vertices] = np.arange(len(area.vertices), dtype=np.int32)
        rows = []
        for edge in inside.edges:
            out = number[interface_row(edge.out)] if edge.out is not None else -1
            into = number[interface_row(edge.into)] if edge.into is not None else -1
            virtual = self._transit(inside, edge.src, edge.dst) if edge.virtual else NOT_VIRTUAL
            rows.append((edge.src, edge.dst, edge.cost, out, into, virtual))
        columns = np.array(rows, dtype=np.int32).reshape(len(rows), 6)
        columns = columns[np.lexsort((columns[:, 4], columns[:, 3], columns[:, 1], columns[:, 0]))]
        start = np.zeros(inside.n_vertices + 1, dtype=np.int32)
        np.cumsum(np.bincount(columns[:, 0], minlength=inside.n_vertices), out=start[1:])
        src, dst, cost, out_link, in_link, virtual_area = (np.ascontiguousarray(columns[:, i]) for i in range(6))
        flags = np.array(inside.flags, dtype=np.uint8)
        return AreaGraph(
            area=inside.area,
            kind=inside.kind,
            source=inside.source,
            vertices=area.vertices,
            n_routers=len(inside.routers),
            local=local,
            edges=EdgeTable(src, dst, cost, out_link, in_link, start, virtual_area),
            flags=flags,
            transit=bool((flags & FLAG_V).any()),
            alive=inside.alive,
        )

    def _transit(self, backbone: Inside, src: int, dst: int) -> int:
        """Index of the area that a virtual link between two of the backbone's routers passes through."""
        ends = {backbone.routers[src], backbone.routers[dst]}
        for area in self.placed:
            inside = area.inside
            marked = {router for router, flags in zip(inside.routers, inside.flags, strict=True) if flags & FLAG_V}
            if inside.area != BACKBONE and ends <= marked:
                return area.index
        return UNSEEN_TRANSIT
