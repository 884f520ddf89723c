"""Flows over time: which octets of which record fall in which bin.

A record's octets are spread evenly over [start, end] (RFC 7015 valueDistributionMethod 4, simple uniform
distribution).  A share is the difference of two cumulative floors, so the integer shares of any partition of the
record's time add up to its octets exactly, whatever the bins and however often the topology changed.

A bin closes at its end plus a grace the caller gives; rows that arrive for closed time come out of `late`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.batch import FlowBatch, concat, empty, replace, take

MAX_PENDING = 4_000_000  # rows; past it the oldest bin closes at once, counted
LATE_GATHER = 1.0  # s
LATE_PIECE = 60.0  # s; late octets are told apart by the minute they belong to
LATE_PIECES = 60  # at most so many pieces, whatever late window is configured
SHORTEST = 1e-3  # s; a record of no duration still needs an instant to be in


@dataclass
class BinStats:
    late_records: int = 0
    too_late_records: int = 0
    too_late_octets: int = 0
    future_records: int = 0
    old_starts: int = 0  # began before the late window: their octets go to what is left of their time
    forced: int = 0
    clock_set_back: int = 0


@dataclass(frozen=True)
class Window:
    """Rows with their octets and packets cut to [start, end) seconds."""

    start: float
    end: float
    flows: FlowBatch


class Bins:
    """Rows waiting for their bins to close."""

    def __init__(self, bin_seconds: float, now: float, late_seconds: float = 600.0) -> None:
        self.seconds = bin_seconds
        self.closed_until = float(np.floor(now / bin_seconds) * bin_seconds)
        self._late_seconds = late_seconds
        self._pending: list[FlowBatch] = []
        self._late: list[FlowBatch] = []
        self._rows = 0
        self._late_due = 0.0
        self.stats = BinStats()

    def add(self, flows: FlowBatch, now: float) -> None:
        """Take rows in; those older than the late window are counted and left out."""
        if not len(flows):
            return
        future = flows["end"] > now + self.seconds
        if future.any():  # a clock ahead of ours: the octets were seen, so they were before now
            self.stats.future_records += int(future.sum())
            end = np.minimum(flows["end"], now)
            flows = replace(flows, start=np.minimum(flows["start"], end), end=end)
        gone = flows["end"] < self.closed_until - self._late_seconds
        if gone.any():
            self.stats.too_late_records += int(gone.sum())
            self.stats.too_late_octets += int(flows["octets"][gone].sum())
            flows = take(flows, ~gone)
        oldest = self.closed_until - self._late_seconds
        early = flows["start"] < oldest
        if early.any():
            self.stats.old_starts += int(early.sum())
            flows = replace(flows, start=np.maximum(flows["start"], oldest))
        late = flows["start"] < self.closed_until
        if late.any():
            self.stats.late_records += int(late.sum())
            self._late.append(take(flows, late))
        still = _ends(flows) > self.closed_until
        if still.any():
            self._pending.append(flows if still.all() else take(flows, still))
            self._rows += int(still.sum())

    def late(self, now: float) -> list[Window]:
        """What arrived for time already closed, once, gathered for a second, by the minute; oldest first."""
        if not self._late or 0 < self._late_due - now <= LATE_GATHER:
            return []
        self._late_due = now + LATE_GATHER
        flows = concat(FlowBatch, self._late)
        self._late = []
        piece = LATE_PIECE * np.ceil(self._late_seconds / LATE_PIECES / LATE_PIECE)
        first = float(flows["start"].min())
        edges = np.arange(first // piece * piece + piece, self.closed_until, piece).tolist()
        out, begin = [], -np.inf
        for end in (*edges, self.closed_until):
            part = share(flows, begin, end)
            if len(part):
                out.append(Window(max(float(begin), first), float(end), part))
            begin = end
        return out

    def close(self, now: float, grace: float) -> list[Window]:
        """The bins that end at least `grace` seconds before `now`, oldest first."""
        out = []
        while self.closed_until + self.seconds + grace <= now or self._rows > MAX_PENDING:
            self.stats.forced += int(self.closed_until + self.seconds + grace > now)
            out.append(self._close_next())
            if not self._rows and now - self.closed_until > 100 * self.seconds:  # the process slept
                self.closed_until = float(np.floor((now - grace) / self.seconds) * self.seconds)
        return out

    def set_back(self, now: float) -> list[Window]:
        """After a step of the clock back by more than a bin: what waits, at once, and closing begins anew."""
        if self.closed_until <= now + self.seconds:
            return []
        out = self.drain()
        self.closed_until = float(np.floor(now / self.seconds) * self.seconds)
        self.stats.clock_set_back += 1
        return out

    def drain(self) -> list[Window]:
        """Everything that waits, at once, late rows first: the process ends."""
        out = self.late(np.inf)
        while self._rows:
            out.append(self._close_next())
        return out

    def _close_next(self) -> Window:
        begin, end = self.closed_until, self.closed_until + self.seconds
        flows = concat(FlowBatch, self._pending)
        inside = flows["start"] < end
        window = Window(float(begin), float(end), share(take(flows, inside), begin, end))
        rest = take(flows, _ends(flows) > end) if len(flows) else empty(FlowBatch)
        self._pending = [rest] if len(rest) else []
        self._rows = len(rest)
        self.closed_until = end
        return window


def _ends(flows: FlowBatch) -> NDArray[np.float64]:
    ends: NDArray[np.float64] = np.maximum(flows["end"], flows["start"] + SHORTEST)
    return ends


def share(flows: FlowBatch, begin: float, end: float) -> FlowBatch:
    """The rows cut to [begin, end): octets and packets by cumulative floors, times clipped, empty rows dropped."""
    start, stop = flows["start"], _ends(flows)
    duration = stop - start
    low = np.clip((begin - start) / duration, 0.0, 1.0)
    high = np.clip((end - start) / duration, 0.0, 1.0)

    def part(column: NDArray[np.uint64]) -> NDArray[np.uint64]:
        total = column.astype(np.float64)
        # The upper edge of the record takes the exact integer, so that nothing is lost to float rounding.
        upper = np.where(high >= 1.0, column, np.floor(total * high).astype(np.uint64))
        lower = np.where(low >= 1.0, column, np.floor(total * low).astype(np.uint64))
        return (upper - lower).astype(np.uint64)

    octets, packets = part(flows["octets"]), part(flows["packets"])
    keep = (octets > 0) | (packets > 0)
    cut = replace(
        flows,
        start=np.maximum(start, begin),
        end=np.minimum(np.maximum(flows["end"], np.maximum(start, begin)), end),
        octets=octets,
        packets=packets,
    )
    return cut if keep.all() else take(cut, keep)
