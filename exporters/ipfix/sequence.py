"""Sequence numbers of one observation domain (RFC 7011 3.1): what was lost, what only came late.

The number in a header counts the data records sent before that message, modulo 2^32.  A jump ahead opens a
*gap* that is counted as lost at once and remembered for a while; a message that fits into a remembered gap
came late, and its records are taken off the loss again.  A number that goes back and fits no gap, or jumps
further than any loss could explain, is an exporter that started again under the same domain id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MODULUS: Final = 1 << 32
_HALF: Final = 1 << 31
MAX_GAPS: Final = 32  # how many holes are remembered per domain
MAX_LOSS: Final = 1 << 24  # records; a longer jump is a restart, not a loss


@dataclass
class SequenceStats:
    """Counters of records unless the name says otherwise."""

    sequence_lost: int = 0  # estimate, corrected when late messages fill the hole
    sequence_reordered: int = 0  # came late
    sequence_restarts: int = 0  # times an exporter began a new count


@dataclass
class SequenceCheck:
    """The count expected next and the holes left behind."""

    expected: int | None = None  # None: not known (first message, or records that could not be counted)
    _gaps: list[tuple[int, int]] = field(default_factory=list)  # (first missing, how many), oldest first

    def account(self, sequence: int, records: int, *, exact: bool, stats: SequenceStats) -> None:
        """Take one message with `records` data records; `exact` False when it held some that nobody could count."""
        if self.expected is not None:
            ahead = (sequence - self.expected) % MODULUS
            if ahead >= _HALF:
                if records and self._fill(sequence, records):
                    stats.sequence_reordered += records
                    stats.sequence_lost -= records
                    return
                stats.sequence_restarts += 1
                self._gaps.clear()
            elif ahead > MAX_LOSS:
                stats.sequence_restarts += 1
                self._gaps.clear()
            elif ahead:
                stats.sequence_lost += ahead
                self._gaps.append((self.expected, ahead))
                del self._gaps[:-MAX_GAPS]
        self.expected = (sequence + records) % MODULUS if exact else None

    def _fill(self, sequence: int, records: int) -> bool:
        for index, (first, missing) in enumerate(self._gaps):
            before = (sequence - first) % MODULUS
            if before + records <= missing:
                after = (first + before + records) % MODULUS, missing - before - records
                self._gaps[index : index + 1] = [gap for gap in ((first, before), after) if gap[1]]
                return True
        return False
