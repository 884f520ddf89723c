"""From the databases of all areas to the tables of a `Topology`: reading, numbering, joining.

Each step keeps what the next version can use (`Memory`): what a router-LSA said (`links.InterfaceRows`), an area's
inside (`graph.Inside`), the numbers of summaries and externals (`columns.LsaColumns`), and the tables themselves, which
are handed on when they came out equal, so that whoever follows can tell by identity that nothing changed. The result
never depends on the memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ospf.areas import (
    BACKBONE,
    NORMAL,
    NOT_VIRTUAL,
    UNSEEN_TRANSIT,
    AreaDatabase,
    AreaGraph,
    Border,
)
from ospf.borders import borders, ends_within
from ospf.columns import ORIGIN, LsaColumns, external_numbers, newest, read_columns, summary_numbers
from ospf.graph import Inside, Placed, build_inside, company, pieces, readings
from ospf.links import ADDRESS, MAX_LINK_METRIC, STUB_NETWORK, STUB_PLEN, EdgeTable, LinkTable
from ospf.linktable import Rows, link_table
from ospf.lsa import FLAG_B, FLAG_E, FLAG_V
from ospf.offers import Announced, AsbrTable, OfferTable, offer_table
from ospf.prefixes import PrefixTable, Surroundings, build_prefixes
from ospf.reading import AreaLsas, sort_lsas
from ospf.te import TeReadings, read_te

I8 = NDArray[np.int64]
Flags = NDArray[np.bool_]
T = TypeVar("T")

_NO_COLUMNS = LsaColumns([], np.zeros((0, 10), dtype=np.int64))


@dataclass(slots=True)
class _AreaMemory:
    """What was read of one area."""

    lsas: AreaLsas
    inside: Inside
    summaries: LsaColumns = _NO_COLUMNS
    asbrs: LsaColumns = _NO_COLUMNS
    externals: LsaColumns = _NO_COLUMNS
    internals: LsaColumns = _NO_COLUMNS
    graph: AreaGraph | None = None


@dataclass(slots=True)
class Memory:
    """What one version leaves to the next; only the latest has it, so that a long history stays small."""

    instance: str = ""
    areas: dict[int, _AreaMemory] = field(default_factory=dict)
    rows: Rows = field(default_factory=Rows)
    te: TeReadings = field(default_factory=TeReadings)
    links: LinkTable | None = None
    prefixes: PrefixTable | None = None
    offers: OfferTable | None = None
    asbr_offers: AsbrTable | None = None

    def give(self, instance: str) -> Memory:
        """All of it, to be kept by the caller; nothing when it is of another instance."""
        given = Memory(**{each.name: getattr(self, each.name) for each in fields(self)})
        empty = Memory()
        for each in fields(self):
            setattr(self, each.name, getattr(empty, each.name))
        return given if given.instance == instance else empty


@dataclass(frozen=True, eq=False)
class Assembled:
    """The tables of a topology."""

    routers: I8  # [R] ids
    placed: tuple[Placed, ...]
    areas: tuple[AreaGraph, ...]
    links: LinkTable
    prefixes: PrefixTable
    offers: OfferTable
    asbr_offers: AsbrTable
    alive: Flags  # [V]
    borders: tuple[Border, ...]
    stub_routers: frozenset[int]
    counted: Mapping[str, int]
    memory: Memory


def assemble(
    databases: Sequence[AreaDatabase],
    instance: str,
    known: Mapping[int, Set[int]],
    restarting: Set[int],
    memory: Memory,
) -> Assembled:
    """The tables from the databases, see `ospf.topology.build_domain`; `memory` is used up."""
    areas = _read(databases, instance, known, restarting, memory)
    held = [area for _, area in sorted(areas.items())]
    insides = [area.inside for area in held]
    routers = _union([inside.routers for inside in insides])
    placed_at = _place(routers, insides)
    n_vertices = len(routers) + sum(len(inside.networks) for inside in insides)
    alive = _alive(insides, placed_at, len(routers), n_vertices)
    alive_in = [_alive_inside(inside, alive[at]) for inside, at in zip(insides, placed_at, strict=True)]

    fives = newest([area.externals for area in held])
    flags = np.zeros(len(routers), dtype=np.uint8)
    for inside, at in zip(insides, placed_at, strict=True):
        flags[at[: len(inside.routers)]] |= inside.flags
    origins = np.unique(np.concatenate([fives[:, ORIGIN], *(area.internals.numbers[:, ORIGIN] for area in held)]))
    asbr = (flags & FLAG_E > 0) | np.isin(routers, origins)
    memory.te = read_te([lsa for area in held for lsa in area.lsas.traffic], memory.te)
    ids = [area.lsas.area for area in held]
    links, rows, unjoined = link_table(
        instance, ids, insides, placed_at, routers, asbr, alive, alive_in, memory.te.links, memory.rows
    )
    links = _same(links, memory.links)
    placed = tuple(
        Placed(inside, i, at, row_of, here)
        for i, (inside, at, row_of, here) in enumerate(zip(insides, placed_at, rows.row_of, alive_in, strict=True))
    )
    graphs = tuple(_graph(area, held, placed, n_vertices) for area in placed)

    said = Announced()
    for area, now in zip(held, placed, strict=True):
        said.add_inside(now, alive)
        said.add_asbrs(now, area.asbrs.numbers)
    asbrs = _same(said.asbr_table(), memory.asbr_offers)
    outside = asbrs.asbr.astype(np.int64)
    for area, now in zip(held, placed, strict=True):
        said.add_summaries(now, area.summaries.numbers, default_into_stub=area.lsas.kind != NORMAL)
        said.add_externals(area.internals.numbers, routers, flags, rows.external_row, outside, now)
    said.add_externals(fives, routers, flags, rows.external_row, outside)
    announced = said.everything()
    backbone = ids.index(BACKBONE) if BACKBONE in ids else -1
    around = Surroundings(routers, alive, rows.external_row, asbrs, backbone, lambda: _owners(links))
    table, unresolved, unreachable = build_prefixes(announced, around, memory.prefixes)
    prefixes = _same(table, memory.prefixes)
    codes = prefixes.network.astype(np.int64) << 6 | prefixes.plen
    offers = _same(offer_table(announced, codes), memory.offers)
    counted = {
        "one_way_links": sum(inside.one_way for inside in insides),
        "bad_masks": sum(inside.bad_masks for inside in insides) + said.bad_masks,
        "no_border": said.no_border,
        "unresolved_forwarding": unresolved,
        "infinite": said.infinite,
        "unreachable_prefixes": unreachable,
        "te_unjoined": unjoined,
        "te_refused": memory.te.refused,
    }
    return Assembled(
        routers=routers,
        placed=placed,
        areas=graphs,
        links=links,
        prefixes=prefixes,
        offers=offers,
        asbr_offers=asbrs,
        alive=alive,
        borders=_borders(routers, placed, backbone, offers, prefixes),
        stub_routers=_stub_routers(insides),
        counted=counted,
        memory=Memory(instance, areas, rows, memory.te, links, prefixes, offers, asbrs),
    )


def _read(
    databases: Sequence[AreaDatabase],
    instance: str,
    known: Mapping[int, Set[int]],
    restarting: Set[int],
    memory: Memory,
) -> dict[int, _AreaMemory]:
    """Each area by itself; what an unchanged LSA said is taken over."""
    sorted_lsas: dict[int, AreaLsas] = {}
    for database in databases:
        if database.area in sorted_lsas:
            raise ValueError(f"two databases of area {database.area}")
        before = memory.areas.get(database.area)
        sorted_lsas[database.area] = sort_lsas(database, restarting, before.lsas if before is not None else None)
    said = {}
    for number, lsas in sorted_lsas.items():
        before = memory.areas.get(number)
        said[number] = readings(lsas.router_bodies, before.inside if before is not None else None)
    former: dict[int, frozenset[int]] = {}
    readers = [each.read for each in said.values()]
    for router, addresses in known.items():
        shown = [read[router].live for read in readers if router in read]
        if shown:
            former[router] = frozenset(addresses).difference(*shown)
    found: dict[int, _AreaMemory] = {}
    for number, lsas in sorted_lsas.items():
        before = memory.areas.get(number)
        old = before.inside if before is not None else None
        now = _AreaMemory(lsas, build_inside(said[number], lsas.network_bodies, instance, former, old))
        kept = before if before is not None else now
        now.summaries = read_columns(lsas.summaries, summary_numbers, kept.summaries)
        now.asbrs = read_columns(lsas.asbrs, summary_numbers, kept.asbrs)
        now.externals = read_columns(lsas.externals, external_numbers, kept.externals)
        now.internals = read_columns(lsas.internals, external_numbers, kept.internals)
        now.graph = kept.graph
        found[number] = now
    return found


def _union(several: Sequence[I8]) -> I8:
    if not several:
        return np.zeros(0, dtype=np.int64)
    return several[0] if len(several) == 1 else np.unique(np.concatenate(several))


def _place(routers: I8, insides: Sequence[Inside]) -> list[I8]:
    """Vertex of the topology of each local vertex, per area."""
    placed, base = [], len(routers)
    for inside in insides:
        lans = np.arange(base, base + len(inside.networks))
        placed.append(np.concatenate([np.searchsorted(routers, inside.routers), lans]).astype(np.int64))
        base += len(inside.networks)
    return placed


def _alive(insides: Sequence[Inside], placed_at: Sequence[I8], routers: int, vertices: int) -> Flags:
    """Vertices from which any other router can be reached; all, when no two routers can reach each other."""
    if len(insides) == 1:
        label = insides[0].label
    else:
        none = np.zeros(0, dtype=np.int64)
        src = np.concatenate([none, *(at[inside.src] for inside, at in zip(insides, placed_at, strict=True))])
        dst = np.concatenate([none, *(at[inside.dst] for inside, at in zip(insides, placed_at, strict=True))])
        label = pieces(src, dst, vertices)
    alive = company(label, routers)
    return alive if alive.any() else np.ones(vertices, dtype=np.bool_)


def _alive_inside(inside: Inside, anywhere: Flags) -> Flags:
    """The same within one area; where no two of its routers reach each other, those that are alive elsewhere."""
    alive = company(inside.label, len(inside.routers))
    return alive if alive.any() else anywhere


def _graph(area: Placed, held: Sequence[_AreaMemory], placed: Sequence[Placed], n_vertices: int) -> AreaGraph:
    inside, mine = area.inside, held[area.index]
    usable = area.alive[inside.src] & area.alive[inside.dst]
    row_of = np.append(area.row_of, -1)  # for row -1
    src, dst, cost, out, into, virtual = (
        column[usable] for column in (inside.src, inside.dst, inside.cost, inside.out, inside.into, inside.virtual)
    )
    through = np.full(len(src), NOT_VIRTUAL, dtype=np.int32)
    ends_of: dict[int, tuple[int, int]] = {}
    for edge in np.flatnonzero(virtual).tolist():
        data = int(inside.virtual_data[usable][edge])
        ends_of[edge] = int(inside.routers[src[edge]]), int(inside.routers[dst[edge]])
        through[edge] = _transit_area(ends_of[edge], data, area.index, placed)
    if lost := _without_a_way(ends_of, through, placed):
        keep = np.ones(len(src), dtype=np.bool_)
        keep[lost] = False
        src, dst, cost, out, into = (column[keep] for column in (src, dst, cost, out, into))
        through = through[keep]
    start = np.zeros(inside.n_vertices + 1, dtype=np.int32)
    np.cumsum(np.bincount(src, minlength=inside.n_vertices), out=start[1:])
    edges = EdgeTable(
        src.astype(np.int32), dst.astype(np.int32), cost.astype(np.int32), row_of[out].astype(np.int32),
        row_of[into].astype(np.int32), start, through,
    )  # fmt: skip
    local = np.full(n_vertices, -1, dtype=np.int32)
    local[area.vertices] = np.arange(inside.n_vertices)
    old = mine.graph
    graph = AreaGraph(
        area=mine.lsas.area,
        kind=mine.lsas.kind,
        source=mine.lsas.source,
        vertices=area.vertices.astype(np.int32),
        n_routers=len(inside.routers),
        local=local,
        edges=_same(edges, old.edges if old is not None else None),
        flags=inside.flags,
        transit=bool((inside.flags & FLAG_V)[area.alive[: len(inside.routers)]].any()),  # RFC 2328 16.1 (2)
        alive=area.alive,
    )
    mine.graph = graph = _same(graph, old)
    return graph


def _transit_area(ends: tuple[int, int], data: int, own: int, placed: Sequence[Placed]) -> int:
    """Index of the area a virtual link passes through: where its near end has that interface, else where both ends
    reach each other (RFC 2328 15: the address is that of an interface of the transit area)."""
    joined = UNSEEN_TRANSIT
    for area in placed:
        inside = area.inside
        if area.index == own:
            continue
        at = np.searchsorted(inside.routers, ends)
        if not all(i < len(inside.routers) and inside.routers[i] == end for i, end in zip(at, ends, strict=True)):
            continue
        part = inside.parts[int(at[0])]
        stubs = part.stubs
        loopback = (stubs[:, STUB_NETWORK] == data) & (stubs[:, STUB_PLEN] == 32)
        if np.isin(data, part.rows[:, ADDRESS]) or loopback.any():
            return area.index
        if joined == UNSEEN_TRANSIT and inside.label[at[0]] == inside.label[at[1]]:
            joined = area.index
    return joined


def _without_a_way(
    ends_of: Mapping[int, tuple[int, int]], through: NDArray[np.int32], placed: Sequence[Placed]
) -> list[int]:
    """Virtual links whose ends cannot reach each other in the transit area: LSAs outlive them (RFC 2328 15)."""
    lost = []
    for edge, ends in ends_of.items():
        if through[edge] >= 0:
            inside = placed[through[edge]].inside
            one, other = np.searchsorted(inside.routers, ends)
            if inside.label[one] != inside.label[other]:
                lost.append(edge)
    pairs = {frozenset(ends_of[edge]) for edge in lost}
    back = [e for e, ends in ends_of.items() if through[e] == UNSEEN_TRANSIT and frozenset(ends) in pairs]
    return lost + back


def _owners(links: LinkTable) -> dict[int, tuple[int, int]]:
    """Interface address -> (router's vertex, row)."""
    columns = zip(links.address.tolist(), links.vertex.tolist(), strict=True)
    return {address: (vertex, row) for row, (address, vertex) in enumerate(columns) if address}


def _borders(
    routers: I8, placed: Sequence[Placed], backbone: int, offers: OfferTable, prefixes: PrefixTable
) -> tuple[Border, ...]:
    member = np.zeros((len(routers), len(placed)), dtype=np.bool_)
    border = np.zeros(len(routers), dtype=np.bool_)
    for area in placed:
        at = area.vertices[: len(area.inside.routers)]
        member[at, area.index] = True
        border[at] |= area.inside.flags & FLAG_B > 0
    plen = prefixes.plen.astype(np.int64)
    ends = ends_within(prefixes.network.astype(np.int64), plen)
    return borders(routers, border, member, backbone, offers, plen, ends)


def _stub_routers(insides: Sequence[Inside]) -> frozenset[int]:
    """Routers all of whose links to others have the largest cost (RFC 6987 2)."""
    least: dict[int, int] = {}
    for inside in insides:
        for router, part in zip(inside.routers.tolist(), inside.parts, strict=True):
            if part.least_metric >= 0:
                least[router] = min(part.least_metric, least.get(router, MAX_LINK_METRIC))
    return frozenset(router for router, metric in least.items() if metric == MAX_LINK_METRIC)


def _same(new: T, old: T | None) -> T:
    """The old object when the new one has equal columns; else the new one, with equal long columns of text shared."""
    if old is None:
        return new
    for each in fields(new):  # type: ignore[arg-type]
        a, b = getattr(new, each.name), getattr(old, each.name)
        if a is b:
            continue
        if isinstance(a, np.ndarray):
            if not np.array_equal(a, b):
                return new
        elif isinstance(a, EdgeTable) or a != b:
            return new
    return old
