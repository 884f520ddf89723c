"""What topology versions give away: flaps, links announced by one end, prefixes of routers nobody reaches, pieces.

A *flap* is a number of down-up cycles of a router, a link or a prefix (`ospf.history.diff` tells them). The two rows of
a point-to-point link are one subject, the lower one's. Where one router's prefixes cycle together by the dozen, the
router is the subject, not every prefix.

*One way*: a row that lacks its other end although its router is reached (RFC 2328 16.1 2b). Left out: a network-LSA
that lists a router which does not list the network; that router's own row is missing then, which is a link down.

*Pieces*: an area whose routers fall apart into several groups of two or more. A single router cut off is told as
router_down; whether it still lives, its LSAs cannot say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from ospf.areas import AreaGraph
from ospf.episodes import (
    AREA_PARTITION,
    FLAP,
    MAX_LINK_METRIC,
    ONE_WAY_LINK,
    UNREACHABLE_PREFIXES,
    Episodes,
)
from ospf.history import TopologyEvent, diff
from ospf.links import TRANSIT, LinkKey, prefix_text
from ospf.thresholds import AnomalyConfig
from ospf.topology import Topology
from ospf.v3.prefix import joined, prefix6_text
from ospf.wire import address_number, address_text

DOWN = frozenset(("router_down", "link_down", "prefix_removed"))
UP = frozenset(("router_up", "link_up", "prefix_added"))
APIECE = 10  # prefixes of one router that flap one by one
NAMED = 5  # routers or prefixes named in a text


class TopologyWatch:
    """One instance's topology versions; `own` are router ids of our listeners, which announce nothing back."""

    def __init__(self, config: AnomalyConfig, episodes: Episodes, own: Set[int] = frozenset()) -> None:
        self._config = config
        self._episodes = episodes
        self._own = own  # may grow
        self._down: dict[str, None] = {}  # subjects that went down and have not come back
        self._pieces: dict[int, tuple[AreaGraph, str]] = {}

    def topology(
        self,
        old: Topology | None,
        new: Topology,
        changes: Sequence[TopologyEvent] | None = None,
        now: float | None = None,
    ) -> frozenset[int]:
        """A new version; `changes` saves the work of `diff(old, new)`. Returns the router ids that are reached.

        `now` is the version's time when not given.
        """
        now = new.time if now is None else now
        if old is not None:
            self._cycles(old, new, diff(old, new) if changes is None else changes, now)
        config, episodes = self._config, self._episodes
        episodes.state(ONE_WAY_LINK, "", self._one_way(new), now, config.one_way_grace_seconds)
        episodes.state(UNREACHABLE_PREFIXES, "", _unreachable(new), now, config.unreachable_grace_seconds)
        episodes.state(AREA_PARTITION, "", self._partitions(new), now, config.partition_grace_seconds)
        stubs = {address_text(r): "every link costs 65535: the router asks not to be crossed" for r in new.stub_routers}
        episodes.state(MAX_LINK_METRIC, "", stubs, now)
        reached = np.asarray(new.alive[: len(new.routers)], dtype=np.bool_)
        return frozenset(new.routers[reached].tolist())

    def _cycles(self, old: Topology, new: Topology, changes: Iterable[TopologyEvent], now: float) -> None:
        back: list[str] = []
        for change in changes:
            if change.kind not in DOWN and change.kind not in UP:
                continue
            subject = change.subject
            if change.kind.startswith("link_"):
                subject = _lower_end(subject, old, new)
            if change.kind in DOWN:
                if len(self._down) >= self._config.max_subjects:
                    del self._down[next(iter(self._down))]
                self._down[subject] = None
            elif subject in self._down:
                del self._down[subject]
                if change.kind == "prefix_added":
                    back.append(subject)
                else:
                    self._cycle(subject, change.detail, now)
        if len(back) <= APIECE:
            for prefix in back:
                self._cycle(prefix, "prefix", now)
            return
        for router, prefixes in _by_router(new, back).items():
            if len(prefixes) <= APIECE:
                for prefix in prefixes:
                    self._cycle(prefix, "prefix", now)
            else:
                self._cycle(f"prefixes of {router}", f"{len(prefixes)} prefixes, {_some(prefixes)}", now)

    def _cycle(self, subject: str, detail: str, now: float) -> None:
        """Down and up again."""
        config = self._config
        self._episodes.strike(
            FLAP, subject, now, detail,
            needed=config.flap_cycles, within=config.flap_seconds, quiet=config.flap_seconds, unit="cycles",
        )  # fmt: skip

    def _one_way(self, new: Topology) -> dict[str, str]:
        links, own = new.links, {address_text(router) for router in self._own}
        rows = np.flatnonzero((links.kind == TRANSIT) & ~links.up & np.asarray(new.alive)[links.vertex])
        return {
            str(links.keys[row]): f"to {links.neighbor[row] or 'a LAN'}, which does not announce it"
            for row in rows.tolist()
            if links.neighbor[row] not in own
        }

    def _partitions(self, new: Topology) -> dict[str, str]:
        wrong = {}
        kept: dict[int, tuple[AreaGraph, str]] = {}
        for area in new.areas:
            before = self._pieces.get(area.area)
            same = before is not None and before[0] is area  # a graph without a change is the same object
            text = before[1] if before is not None and same else _pieces_text(area, new)
            kept[area.area] = (area, text)
            if text:
                wrong[f"area {address_text(area.area)}"] = text
        self._pieces = kept
        return wrong


def _lower_end(subject: str, old: Topology, new: Topology) -> str:
    """Of the two rows of a point-to-point link the lower one; newer knowledge counts. Others are themselves."""
    router, _, interface = subject.partition(":")
    for topology in (new, old):
        key = LinkKey(topology.instance, address_number(router), interface)
        row = topology.link_row.get(key, -1)
        if row >= 0 and topology.links.reverse[row] >= 0:
            return str(min(key, topology.links.keys[int(topology.links.reverse[row])]))
    return subject


def _prefix_text(topology: Topology, row: int) -> str:
    table = topology.prefixes
    network, plen = table.network[row], int(table.plen[row])
    return prefix_text(int(network), plen) if table.network.ndim == 1 else prefix6_text(joined(*network), plen)


def _by_router(topology: Topology, prefixes: Iterable[str]) -> dict[str, list[str]]:
    """Prefixes by the first vertex that announces each."""
    table, wanted = topology.prefixes, set(prefixes)
    found: dict[str, list[str]] = {}
    for row in range(len(table)):
        text = _prefix_text(topology, row)
        if text in wanted:
            found.setdefault(topology.vertex_name(int(table.vertex[int(table.start[row])])), []).append(text)
    return found


def _unreachable(new: Topology) -> dict[str, str]:
    """Routers cut off from all others -> the prefixes that only such routers announce."""
    table = new.prefixes
    if not len(table) or bool(np.all(new.alive)):
        return {}
    dead = ~np.logical_or.reduceat(np.asarray(new.alive)[table.vertex], table.start[:-1])
    by_router: dict[str, list[int]] = {}
    for row in np.flatnonzero(dead).tolist():
        for vertex in set(table.vertex[int(table.start[row]) : int(table.start[row + 1])].tolist()):
            by_router.setdefault(new.vertex_name(vertex), []).append(row)
    return {
        router: f"{len(rows)} prefixes of a router that nobody reaches: "
        f"{_some([_prefix_text(new, row) for row in rows[: NAMED + 1]])}"
        for router, rows in by_router.items()
    }


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _pieces_text(area: AreaGraph, new: Topology) -> str:
    """Which routers of an area are apart from the others; empty when those with a neighbor are together."""
    label = _components(area)[: area.n_routers]
    pieces = [np.flatnonzero(label == piece) for piece in np.unique(label)]
    pieces = sorted((p for p in pieces if len(p) > 1), key=len, reverse=True)
    if len(pieces) < 2:
        return ""
    apart = [new.vertex_name(int(area.vertices[local])) for local in np.concatenate(pieces[1:]).tolist()]
    return f"{' + '.join(str(len(p)) for p in pieces)} routers without a path between them; apart: {_some(apart)}"


def _components(area: AreaGraph) -> NDArray[np.int32]:
    """Smallest local vertex each vertex is connected with."""
    edges = area.edges
    label = np.arange(area.n_vertices, dtype=np.int32)
    while True:
        lower = label.copy()
        np.minimum.at(lower, edges.src, label[edges.dst])
        np.minimum.at(lower, edges.dst, label[edges.src])
        lower = lower[lower]
        if np.array_equal(lower, label):
            return label
        label = lower
