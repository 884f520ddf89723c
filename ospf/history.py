"""Topology versions with the time spans in which they held; what changed between two is `ospf.changes`."""

from __future__ import annotations

from bisect import bisect_right

from ospf.changes import KINDS, TopologyEvent, diff
from ospf.topology import Topology

__all__ = ["KINDS", "TopologyEvent", "TopologyHistory", "diff"]


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
