"""Data sets that came before their template: kept for a while instead of lost.

Over UDP a collector that starts, or starts again, sees data for up to a whole template refresh before it can read
any (RFC 7011 8.4).  Kept sets are decoded as soon as the template arrives.  Octets and age are bounded; the oldest
(domain, set id) goes first, so that ids nobody ever defines cannot shut out the others for long.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

OVERHEAD_OCTETS: Final = 256  # what keeping one set costs besides its octets


class HeldSet(NamedTuple):
    """A data set's octets and where they came from."""

    body: bytes
    export_time: int
    held_at: float


@dataclass
class HeldStats:
    """Data sets that came without a template, and what became of them."""

    missing_template_sets: int = 0  # all of them
    missing_template_octets: int = 0
    held_decoded_sets: int = 0  # the template came in time
    held_dropped_sets: int = 0  # room or patience ran out


class HeldSets:
    """The waiting sets of one transport session. `max_octets` counts their overhead too; 0 keeps nothing."""

    def __init__(self, max_octets: int, max_seconds: float, stats: HeldStats) -> None:
        self._max_octets = max_octets
        self._max_seconds = max_seconds
        self._stats = stats
        self._sets: dict[tuple[int, int], deque[HeldSet]] = {}
        self._octets = 0

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._sets.values())

    def put(self, odid: int, set_id: int, held: HeldSet) -> None:
        """Count and keep one set."""
        self._stats.missing_template_sets += 1
        self._stats.missing_template_octets += len(held.body)
        cost = len(held.body) + OVERHEAD_OCTETS
        if cost > self._max_octets:
            self._stats.held_dropped_sets += 1
            return
        while self._octets + cost > self._max_octets:
            oldest = next(iter(self._sets))
            first = self._sets[oldest].popleft()
            if not self._sets[oldest]:
                del self._sets[oldest]
            self._octets -= len(first.body) + OVERHEAD_OCTETS
            self._stats.held_dropped_sets += 1
        self._sets.setdefault((odid, set_id), deque()).append(held)
        self._octets += cost

    def take(self, odid: int, set_id: int, now: float) -> list[HeldSet]:
        """Remove and return what waited for this template, without what waited too long."""
        waiting = self._sets.pop((odid, set_id), deque())
        self._octets -= sum(len(held.body) + OVERHEAD_OCTETS for held in waiting)
        fresh = [held for held in waiting if now - held.held_at <= self._max_seconds]
        self._stats.held_decoded_sets += len(fresh)
        self._stats.held_dropped_sets += len(waiting) - len(fresh)
        return fresh
