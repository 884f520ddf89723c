"""One log line per cause and minute; the rest is counted and told with the next line."""

from __future__ import annotations

from dataclasses import dataclass

INTERVAL = 60.0  # s between two lines of one cause
MAX_CAUSES = 1000


@dataclass
class _Cause:
    last: float
    suppressed: int = 0


class Complaints:
    """Decides which complaints are said; time is an argument."""

    def __init__(self, interval: float = INTERVAL) -> None:
        self._interval = interval
        self._causes: dict[str, _Cause] = {}

    def say(self, cause: str, text: str, now: float) -> str | None:
        """The line to log, or None when this cause was told less than a minute ago."""
        known = self._causes.get(cause)
        if known is None:
            if len(self._causes) >= MAX_CAUSES:
                self._causes.pop(min(self._causes, key=lambda c: self._causes[c].last))
            self._causes[cause] = _Cause(now)
            return text
        if abs(now - known.last) < self._interval:  # abs: the clock may be set back
            known.suppressed += 1
            return None
        more = f" ({known.suppressed} more since)" if known.suppressed else ""
        self._causes[cause] = _Cause(now)
        return text + more


class Budget:
    """So many lines a minute for what the network may bring by the thousand; the rest is counted and told with a later
    one. Time is an argument."""

    def __init__(self, lines: int = 100, interval: float = INTERVAL) -> None:
        self._lines, self._interval = lines, interval
        self._since: float | None = None
        self._said = self._suppressed = 0

    def say(self, text: str, now: float) -> str | None:
        """The line to log, or None when this minute's are used up."""
        if self._since is None or abs(now - self._since) >= self._interval:
            self._since, self._said = now, 0
        if self._said >= self._lines:
            self._suppressed += 1
            return None
        self._said += 1
        more, self._suppressed = self._suppressed, 0
        return f"{text} ({more} lines left out before)" if more else text
