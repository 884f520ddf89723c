"""Topology versions with the time spans in which they held, and what changed between two of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ospf.links import TRANSIT, prefix_text
from ospf.prefixes import ROUTE_TYPE_NAMES
from ospf.topology import LinkKey, Topology
from ospf.wire import address_text

KINDS = (
    "router_up", "router_down", "link_up", "link_down", "cost_changed", "prefix_added", "prefix_removed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TopologyEvent:
    """One change: `subject` is "router:interface", a router id or a prefix; `detail` is for a human."""

    time: float
    kind: str
    subject: str
    detail: str


class TopologyHistory:
    """The last `max_versions` topologies in order of time; a version holds until the next one begins."""

    def __init__(self, max_versions: int = 256) -> None:
        if max_versions < 1:
            raise ValueError("max_versions must be at least 1")
        self._max_versions = max_versions
        self._versions: list[Topology] = []
        self._times: list[float] = []
        self.forgotten = 0  # versions dropped for the bound; the oldest kept one then stands for their time

    def __len__(self) -> int:
        return len(self._versions)

    def append(self, topology: Topology) -> None:
        """Add a newer version; ValueError when its time lies before the current one's."""
        if self._times and topology.time < self._times[-1]:
            raise ValueError(f"topology version {topology.version} is older than the current one")
        self._versions.append(topology)
        self._times.append(topology.time)
        excess = len(self._versions) - self._max_versions
        if excess > 0:
            del self._versions[:excess]
            del self._times[:excess]
            self.forgotten += excess

    @property
    def versions(self) -> tuple[Topology, ...]:
        return tuple(self._versions)

    @property
    def current(self) -> Topology | None:
        return self._versions[-1] if self._versions else None

    def at(self, time: float) -> Topology | None:
        """The version that held at `time`; before the first, the first."""
        if not self._versions:
            return None
        return self._versions[max(bisect_right(self._times, time) - 1, 0)]

    def between(self, start: float, end: float) -> list[tuple[Topology, float, float]]:
        """(topology, from, to) pieces that cover [start, end] without gap or overlap, in order.

        Pieces of no length are left out, except that an empty span gives the one version that holds there.
        """
        if not self._versions:
            return []
        if end <= start:
            held = self.at(start)
            return [(held, start, start)] if held is not None else []
        first = max(bisect_right(self._times, start) - 1, 0)
        pieces: list[tuple[Topology, float, float]] = []
        begin = start
        for i in range(first, len(self._versions)):
            last = i + 1 == len(self._versions)
            until = end if last else min(end, self._times[i + 1])
            if until > begin:
                pieces.append((self._versions[i], begin, until))
            begin = max(begin, until)
            if begin >= end:
                break
        return pieces


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
    old_links, new_links = _links(old), _links(new)
    for key in sorted({*old_links, *new_links}):
        was, now = old_links.get(key, _ABSENT), new_links.get(key, _ABSENT)
        if now.state < was.state:
            say("link_down", str(key), f"to {was.neighbor}" if was.neighbor else "")
        elif now.state > was.state:
            say("link_up", str(key), f"to {now.neighbor}" if now.neighbor else "")
        if was.state and now.state and was.cost != now.cost:
            say("cost_changed", str(key), f"{was.cost} -> {now.cost}")
    old_prefixes, new_prefixes = _prefixes(old), _prefixes(new)
    for network, plen in sorted(old_prefixes.keys() - new_prefixes.keys()):
        say("prefix_removed", prefix_text(network, plen), old_prefixes[network, plen])
    for network, plen in sorted(new_prefixes.keys() - old_prefixes.keys()):
        say("prefix_added", prefix_text(network, plen), new_prefixes[network, plen])
    return events


def _routers(topology: Topology | None) -> set[int]:
    if topology is None:
        return set()
    return {int(router) for router, alive in zip(topology.routers, topology.alive, strict=False) if alive}


class _LinkState(NamedTuple):
    state: int  # 0 absent or down, 1 up without a neighbour, 2 up with one
    cost: int
    neighbor: str


_ABSENT = _LinkState(0, 0, "")


def _links(topology: Topology | None) -> Mapping[LinkKey, _LinkState]:
    if topology is None:
        return {}
    t = topology.links
    return {
        key: _LinkState((2 if kind == TRANSIT else 1) if up else 0, int(cost), neighbor)
        for key, up, cost, neighbor, kind in zip(t.keys, t.up, t.cost, t.neighbor, t.kind, strict=True)
    }


def _prefixes(topology: Topology | None) -> Mapping[tuple[int, int], str]:
    if topology is None or not len(topology.prefixes):
        return {}
    p = topology.prefixes
    held = np.logical_or.reduceat(topology.alive[p.vertex], p.start[:-1])
    return {
        (int(network), int(plen)): ROUTE_TYPE_NAMES[int(kind)]
        for network, plen, kind, here in zip(p.network, p.plen, p.route_type, held, strict=True)
        if here
    }
