"""What looking after short flows may cost: a token bucket of CPU seconds, and pauses where looking brings nothing."""

from __future__ import annotations

BURST_SECONDS = 0.04
RESTART_SECONDS = 0.002  # once empty, a bucket stays shut until this much has come back
LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 0.005, 0.16


class CpuBudget:
    """`fraction` of one core, saved up to BURST_SECONDS; times are the caller's monotonic clock."""

    def __init__(self, fraction: float, now: float) -> None:
        self._fraction = fraction
        self._left = BURST_SECONDS if fraction > 0 else 0.0
        self._at = now

    def _refill(self, now: float) -> None:
        self._left = min(BURST_SECONDS, self._left + max(0.0, now - self._at) * self._fraction)
        self._at = now

    def spend(self, seconds: float, now: float) -> None:
        """Take off what was used."""
        self._refill(now)
        self._left -= seconds

    def allows(self, now: float) -> bool:
        """Whether anything is left."""
        self._refill(now)
        return self._left > 0

    def generous(self, now: float) -> bool:
        """Whether more than half of the savings is there."""
        self._refill(now)
        return self._left > BURST_SECONDS / 2

    def open_at(self, now: float) -> float:
        """When work may go on: now, or after enough has come back (never, with fraction 0)."""
        self._refill(now)
        if self._left > 0:
            return now
        if self._fraction <= 0:
            return float("inf")
        return now + (RESTART_SECONDS - self._left) / self._fraction


class Wakefulness:
    """When a source's readiness may wake the agent: within a budget, and ever more seldom while it brings nothing."""

    def __init__(self, fraction: float, now: float) -> None:
        self.budget = CpuBudget(fraction, now)
        self._pause = LEAST_PAUSE_SECONDS
        self._rest_until = now

    def open_at(self, now: float) -> float:
        """When the source may wake the agent next; `now` if it may."""
        return max(self._rest_until, self.budget.open_at(now))

    def woken(self, seconds: float, now: float, *, useful: bool) -> None:
        """A wake-up cost CPU `seconds`; `useful` if there was something to look up."""
        self.budget.spend(seconds, now)
        self._pause = LEAST_PAUSE_SECONDS if useful else min(self._pause * 2, MOST_PAUSE_SECONDS)
        self._rest_until = now if useful else now + self._pause
