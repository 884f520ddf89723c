"""What changed between two topology versions: one record per router, link and prefix that differs.

    router_up, router_down              a router is reached, or no longer is
    area_joined, area_left              a router has a router-LSA in an area, or no longer has
    abr_set, abr_cleared                it calls itself an area border router (B-bit)
    asbr_set, asbr_cleared              an AS boundary router (E-bit)
    stub_router_set, ..._cleared        it asks not to be crossed (RFC 6987)
    link_up, link_down                  an interface gained or lost its neighbour, or came or went
    cost_changed, te_changed            of an interface
    dr_changed                          another router is the designated one of a transit network
    prefix_added, prefix_removed        somebody reached announces it, or nobody does any more
    prefix_changed                      its route type, its metric or where it leaves (externals), its router (moved)

Left out: costs of inter-area prefixes, which change by the hundred with every cost of the area they come from, and
costs of intra-area ones, which are their interface's. What a router that is down or has just come up calls itself is
no change of its own, nor what an area says that only one of the two versions knows.

Both versions are compared column by column, so that 50,000 prefixes that stay cost little; only rows that differ are
looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ospf.links import TRANSIT, LinkTable, prefix_text
from ospf.lsa import FLAG_E
from ospf.prefixes import EXT1, EXT2, INTRA, ROUTE_TYPE_NAMES, PrefixTable
from ospf.topology import LinkKey, Topology
from ospf.v3.prefix import joined, prefix6_text
from ospf.wire import address_text

KINDS = (
    "router_up", "router_down", "area_joined", "area_left", "abr_set", "abr_cleared", "asbr_set", "asbr_cleared",
    "stub_router_set", "stub_router_cleared", "link_up", "link_down", "cost_changed", "te_changed", "dr_changed",
    "prefix_added", "prefix_removed", "prefix_changed",
)  # fmt: skip
TE_COLUMNS = ("te_metric", "bandwidth", "reservable", "delay_us", "admin_group")
SHOWN_ORIGINS = 4

I8 = NDArray[np.int64]
U8 = NDArray[np.uint64]
Say = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class TopologyEvent:
    """One change: `subject` is "router:interface", a router id or a prefix; `detail` is for a human."""

    time: float
    kind: str
    subject: str
    detail: str


def diff(old: Topology | None, new: Topology) -> list[TopologyEvent]:
    """What a network operator would say happened between two versions, at the time of the newer one.

    An interface that loses its last neighbour is a link down, even where its subnet stays announced as a
    stub. A row that is missing counts as down; a router whose LSAs linger while nobody is adjacent to it
    counts as down, and so do the prefixes only it announces.
    """
    events: list[TopologyEvent] = []

    def say(kind: str, subject: str, detail: str = "") -> None:
        events.append(TopologyEvent(new.time, kind, subject, detail))

    before, after = _routers(old), _routers(new)
    for router in sorted(before - after):
        say("router_down", address_text(router))
    for router in sorted(after - before):
        say("router_up", address_text(router))
    if old is not None:
        _flag_changes(old, new, before & after, say)
    _link_changes(old, new, say)
    if old is not None:
        _network_changes(old, new, say)
    _prefix_changes(old, new, say)
    return events


def _routers(topology: Topology | None) -> set[int]:
    if topology is None:
        return set()
    return set(topology.routers[topology.alive[: len(topology.routers)]].tolist())


# What routers call themselves


def _flag_changes(old: Topology, new: Topology, both: set[int], say: Say) -> None:
    areas = {area.area for area in old.areas} & {area.area for area in new.areas}
    for number in sorted(areas):
        was, now = _members(old, number), _members(new, number)
        for router in sorted((was - now) & both):
            say("area_left", address_text(router), address_text(number))
        for router in sorted((now - was) & both):
            say("area_joined", address_text(router), address_text(number))
    for name, was, now in (
        ("abr", {border.router for border in old.borders}, {border.router for border in new.borders}),
        ("asbr", _asbrs(old, areas), _asbrs(new, areas)),
        ("stub_router", set(old.stub_routers), set(new.stub_routers)),
    ):
        if was != now:
            for router in sorted((was - now) & both):
                say(f"{name}_cleared", address_text(router), "")
            for router in sorted((now - was) & both):
                say(f"{name}_set", address_text(router), "")


def _members(topology: Topology, area: int) -> set[int]:
    found: set[int] = set()
    for graph in topology.areas:
        if graph.area == area:
            found.update(topology.routers[graph.vertices[: graph.n_routers]].tolist())
    return found


def _asbrs(topology: Topology, areas: set[int]) -> set[int]:
    found: set[int] = set()
    for graph in topology.areas:
        if graph.area in areas:
            own = graph.vertices[: graph.n_routers][(graph.flags & FLAG_E) != 0]
            found.update(topology.routers[own].tolist())
    return found


# Links


class _LinkState(NamedTuple):
    state: int  # 0 absent or down, 1 up without a neighbour, 2 up with one
    cost: int
    neighbor: str
    te: tuple[float, ...]


_ABSENT = _LinkState(0, 0, "", ())


def _link_changes(old: Topology | None, new: Topology, say: Say) -> None:
    for key in sorted(_different_links(old, new)):
        was, now = _link_state(old, key), _link_state(new, key)
        if now.state < was.state:
            say("link_down", str(key), f"to {was.neighbor}" if was.neighbor else "")
        elif now.state > was.state:
            say("link_up", str(key), f"to {now.neighbor}" if now.neighbor else "")
        if was.state and now.state and was.cost != now.cost:
            say("cost_changed", str(key), f"{was.cost} -> {now.cost}")
        if was.state and now.state and was.te != now.te:
            names = zip(TE_COLUMNS, was.te, now.te, strict=True)
            said = [f"{name.replace('_', ' ')} {a:g} -> {b:g}" for name, a, b in names if a != b]
            say("te_changed", str(key), ", ".join(said))


def _different_links(old: Topology | None, new: Topology) -> set[LinkKey]:
    """Keys of rows that may have something to tell."""
    if old is None:
        return set(new.links.keys)
    if old.links is new.links:
        return set()
    was, now = old.links, new.links
    if was.keys == now.keys:
        differ = _states(was) != _states(now)
        for name in ("cost", *TE_COLUMNS):
            differ |= np.asarray(getattr(was, name) != getattr(now, name), dtype=np.bool_)
        return {now.keys[row] for row in np.flatnonzero(differ).tolist()}
    here = new.link_row
    different = set(was.keys) ^ set(now.keys)
    rows = [(row, here[key]) for row, key in enumerate(was.keys) if key in here]
    if not rows:
        return different
    a, b = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    differ = _states(was)[a] != _states(now)[b]
    for name in ("cost", *TE_COLUMNS):
        differ |= np.asarray(getattr(was, name)[a] != getattr(now, name)[b], dtype=np.bool_)
    return different | {was.keys[row] for row in a[differ].tolist()}


def _states(links: LinkTable) -> NDArray[np.int64]:
    return np.where(links.up, np.where(links.kind == TRANSIT, 2, 1), 0)


def _link_state(topology: Topology | None, key: LinkKey) -> _LinkState:
    row = None if topology is None else topology.link_row.get(key)
    if topology is None or row is None:
        return _ABSENT
    links = topology.links
    state = (2 if links.kind[row] == TRANSIT else 1) if links.up[row] else 0
    te = tuple(float(getattr(links, name)[row]) for name in TE_COLUMNS)
    return _LinkState(state, int(links.cost[row]), links.neighbor[row], te)


# Transit networks


def _network_changes(old: Topology, new: Topology, say: Say) -> None:
    if np.array_equal(old.network_address, new.network_address):
        return
    was, now = _designated(old), _designated(new)
    for name in sorted(was.keys() & now.keys()):
        if was[name] != now[name]:
            say("dr_changed", name, f"{_some(was[name])} -> {_some(now[name])}")


def _designated(topology: Topology) -> Mapping[str, frozenset[str]]:
    """Transit network -> addresses of its designated routers (several while two LSAs coexist)."""
    found: dict[str, frozenset[str]] = {}
    for number, address in enumerate(topology.network_address.tolist()):
        name = topology.vertex_name(topology.n_routers + number)
        found[name] = found.get(name, frozenset()) | {address_text(address)}
    return found


# Prefixes


def _prefix_changes(old: Topology | None, new: Topology, say: Say) -> None:
    if old is not None and old.prefixes is new.prefixes and np.array_equal(old.alive, new.alive):
        return
    was, now = _Held(old), _Held(new)
    removed, added, common = _compared(was, now)
    for row in removed:
        say("prefix_removed", was.text(row), was.type_name(row))
    for row in added:
        say("prefix_added", now.text(row), now.type_name(row))
    for a, b in common:
        detail = _prefix_detail(was, a, now, b)
        if detail:
            say("prefix_changed", now.text(b), detail)


class _Held:
    """The prefixes of a version that somebody who is reached announces; without a topology, none."""

    def __init__(self, topology: Topology | None) -> None:
        self.topology = topology
        self.rows: I8 = np.zeros(0, dtype=np.int64)
        if topology is not None and len(topology.prefixes):
            p = topology.prefixes
            held = np.logical_or.reduceat(topology.alive[p.vertex], p.start[:-1])
            self.rows = np.flatnonzero(held)

    @property
    def table(self) -> PrefixTable:
        assert self.topology is not None
        return self.topology.prefixes

    def codes(self) -> I8 | None:
        """A number per prefix that only it has, None for IPv6."""
        if self.topology is None or self.table.network.ndim > 1:
            return None
        return (self.table.network[self.rows].astype(np.int64) << 6) | self.table.plen[self.rows]

    def names(self) -> dict[tuple[int, ...], int]:
        """The same for any family, slower: prefix -> row."""
        if self.topology is None:
            return {}
        words = 1 if self.table.network.ndim == 1 else 2  # of 64 bits and less; said, as a table may have no row
        network, plen = self.table.network[self.rows].reshape(-1, words).tolist(), self.table.plen[self.rows]
        return {(*n, p): row for n, p, row in zip(network, plen.tolist(), self.rows.tolist(), strict=True)}

    def text(self, row: int) -> str:
        return prefix_row_text(self.table, row)

    def type_name(self, row: int) -> str:
        return ROUTE_TYPE_NAMES[int(self.table.route_type[row])]

    def origins(self, row: int) -> frozenset[str]:
        assert self.topology is not None
        table = self.table
        vertices = table.vertex[int(table.start[row]) : int(table.start[row + 1])]
        return frozenset(self.topology.vertex_name(v) for v in vertices.tolist() if self.topology.alive[v])

    def at_routers(self, row: int) -> bool:
        """Whether no transit network has it."""
        assert self.topology is not None
        table = self.table
        vertices = table.vertex[int(table.start[row]) : int(table.start[row + 1])]
        return bool((vertices < self.topology.n_routers).all())

    def cost(self, row: int) -> int:
        table = self.table
        return int(table.cost[int(table.start[row]) : int(table.start[row + 1])].min())

    def marks(self, rows: I8) -> U8:
        """A number per row that differs where type, metric or attachments do (of an intra one: not their costs)."""
        assert self.topology is not None
        table, t = self.table, self.topology
        networks = t.network_address.astype(np.uint64) + np.uint64(1 << 32)
        vertex = np.concatenate([t.routers.astype(np.uint64), networks])
        external = np.repeat(table.route_type >= EXT1, np.diff(table.start))
        each = vertex[table.vertex] * np.uint64(0x9E3779B97F4A7C15)
        each = each + np.where(external, table.cost, 0).astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        each = (each ^ (each >> np.uint64(29))) * t.alive[table.vertex]
        sums: U8 = np.add.reduceat(each, table.start[:-1])
        sums = sums + table.route_type.astype(np.uint64) * np.uint64(0x165667B19E3779F9)
        return (sums + table.metric.astype(np.uint64) * np.uint64(0x27D4EB2F165667C5))[rows]


def prefix_row_text(table: PrefixTable, row: int) -> str:
    """A prefix of a table, IPv4 or IPv6."""
    network, plen = table.network[row], int(table.plen[row])
    return prefix_text(int(network), plen) if network.ndim == 0 else prefix6_text(joined(*network.tolist()), plen)


def _compared(was: _Held, now: _Held) -> tuple[list[int], list[int], Iterator[tuple[int, int]]]:
    """(rows removed, rows added, pairs of rows of prefixes that both have and that may differ)."""
    a, b = was.codes(), now.codes()
    if a is not None and b is not None:  # both ascending
        _, i, j = np.intersect1d(a, b, assume_unique=True, return_indices=True)
        removed, added = np.delete(was.rows, i), np.delete(now.rows, j)
        here, there = was.rows[i], now.rows[j]
    else:
        old, new = was.names(), now.names()
        removed = np.array([old[name] for name in sorted(old.keys() - new.keys())], dtype=np.int64)
        added = np.array([new[name] for name in sorted(new.keys() - old.keys())], dtype=np.int64)
        shared = sorted(old.keys() & new.keys())
        here = np.array([old[name] for name in shared], dtype=np.int64)
        there = np.array([new[name] for name in shared], dtype=np.int64)
    if len(here):
        differ = was.marks(here) != now.marks(there)
        here, there = here[differ], there[differ]
    return removed.tolist(), added.tolist(), zip(here.tolist(), there.tolist(), strict=True)


def _prefix_detail(was: _Held, a: int, now: _Held, b: int) -> str:
    """What changed about a prefix, "" when nothing that counts."""
    kind, before = int(now.table.route_type[b]), int(was.table.route_type[a])
    if kind != before:
        return f"{ROUTE_TYPE_NAMES[before]} -> {ROUTE_TYPE_NAMES[kind]}"
    found = []
    if kind == EXT2 and was.table.metric[a] != now.table.metric[b]:
        found.append(f"metric {int(was.table.metric[a])} -> {int(now.table.metric[b])}")
    if kind == EXT1 and was.cost(a) != now.cost(b):
        found.append(f"metric {was.cost(a)} -> {now.cost(b)}")
    origins, others = was.origins(a), now.origins(b)
    if kind >= EXT1:
        moved = origins != others
    else:  # a LAN that is a router's stub for the moment has not moved
        moved = kind == INTRA and not origins & others and was.at_routers(a) and now.at_routers(b)
    if moved:
        found.append(f"from {_some(origins)} to {_some(others)}")
    return ", ".join(found)


def _some(names: frozenset[str]) -> str:
    shown = sorted(names)[:SHOWN_ORIGINS]
    more = len(names) - len(shown)
    return " ".join(shown) + (f" and {more} more" if more else "")
