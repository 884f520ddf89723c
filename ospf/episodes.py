"""Anomalies as events: each begins once and ends once, however often its sign is seen in between (pure; time is given).

Two ways to come about. *Strikes* are signs that come and go (a flap's cycle, a repeated LSA): an episode begins with
the n-th within t seconds and ends when none has come for a while. *States* are conditions that hold or not (a link
announced by one end only): an episode begins when the condition has held for a grace time and ends with it.

Times are seconds of any one clock. Memory is bounded: so many subjects, so many events waiting; the rest is counted.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

FLAP = "flap"
LSA_STORM = "lsa_storm"
DUPLICATES = "duplicates"
REFRESH_EARLY = "refresh_early"
REFRESH_MISSED = "refresh_missed"
MIN_INTERVAL = "min_ls_interval"
DUPLICATE_ROUTER_ID = "duplicate_router_id"
MTU_MISMATCH = "mtu_mismatch"
PARAMETER_MISMATCH = "parameter_mismatch"
MAX_LINK_METRIC = "max_link_metric"
CHECKSUM_FAILURES = "checksum_failures"
AUTHENTICATION_FAILURES = "authentication_failures"
LSDB_INCONSISTENT = "lsdb_inconsistent"
ONE_WAY_LINK = "one_way_link"
UNREACHABLE_PREFIXES = "unreachable_prefixes"
GRACEFUL_RESTART = "graceful_restart"
AREA_PARTITION = "area_partition"
MAX_AGE_LINGERS = "max_age_lingers"
KINDS = (
    FLAP, LSA_STORM, DUPLICATES, REFRESH_EARLY, REFRESH_MISSED, MIN_INTERVAL, DUPLICATE_ROUTER_ID, MTU_MISMATCH,
    PARAMETER_MISMATCH, MAX_LINK_METRIC, CHECKSUM_FAILURES, AUTHENTICATION_FAILURES, LSDB_INCONSISTENT, ONE_WAY_LINK,
    UNREACHABLE_PREFIXES, GRACEFUL_RESTART, AREA_PARTITION, MAX_AGE_LINGERS,
)  # fmt: skip
ENDED = "_ended"  # behind the kind of an anomaly that is over
MAX_EVENTS = 10_000  # waiting for their reader


@dataclass(frozen=True, slots=True)
class Anomaly:
    """What an operator is told: `kind` is one of KINDS, with ENDED behind it when it is over."""

    time: float
    kind: str
    subject: str  # router id, "router:interface", prefix, area or attachment
    detail: str


@dataclass(slots=True)
class AnomalyStats:
    """How often each kind began, and what was looked at or had to be left out."""

    flap: int = 0
    lsa_storm: int = 0
    duplicates: int = 0
    refresh_early: int = 0
    refresh_missed: int = 0
    min_ls_interval: int = 0
    duplicate_router_id: int = 0
    mtu_mismatch: int = 0
    parameter_mismatch: int = 0
    max_link_metric: int = 0
    checksum_failures: int = 0
    authentication_failures: int = 0
    lsdb_inconsistent: int = 0
    one_way_link: int = 0
    unreachable_prefixes: int = 0
    graceful_restart: int = 0
    area_partition: int = 0
    max_age_lingers: int = 0
    ended: int = 0
    active: int = 0  # begun and not ended
    lsas_heard: int = 0
    lsas_refreshed: int = 0
    lsas_repeated: int = 0  # by the neighbor that had sent them before
    lsas_unwatched: int = 0  # above max_lsas
    grace_lsas_malformed: int = 0
    grace_lsas_refused: int = 0  # not of a neighbor
    subjects_refused: int = 0
    events_dropped: int = 0


@dataclass(slots=True)
class _Episode:
    detail: str
    first: float
    last: float
    began: bool = False
    is_state: bool = False
    count: int = 0
    unit: str = ""
    due: float = inf  # when something is to be done about it
    queued: float = inf  # the time of its one entry in the heap
    strikes: deque[float] = field(default_factory=deque)


_Key = tuple[str, str, str]  # kind, scope, subject


class Episodes:
    """All anomalies of one instance that are suspected or going on, and the events not yet read."""

    def __init__(self, max_subjects: int = 10_000) -> None:
        self.stats = AnomalyStats()
        self._max_subjects = max_subjects
        self._all: dict[_Key, _Episode] = {}
        self._states: dict[tuple[str, str], set[str]] = {}
        self._due: list[tuple[float, _Key]] = []
        self._events: deque[Anomaly] = deque()

    def __len__(self) -> int:
        """Suspected and going on."""
        return len(self._all)

    def strike(
        self, kind: str, subject: str, now: float, detail: str = "", *, quiet: float, needed: int = 1,
        within: float = 0.0, weight: int = 1, unit: str = "times",
    ) -> None:  # fmt: skip
        """A sign of the anomaly; it begins with `needed` of them `within` seconds, ends `quiet` s after the last."""
        episode = self._admit((kind, "", subject), detail, now)
        if episode is None:
            return
        episode.unit, episode.last = unit, now
        episode.count += weight
        episode.due = now + (quiet if episode.began else within)
        if not episode.began:
            strikes = episode.strikes
            strikes.append(now)
            while len(strikes) > needed:
                strikes.popleft()
            if len(strikes) == needed and now - strikes[0] <= within:
                episode.first, episode.count = strikes[0], needed - 1 + weight
                episode.detail, episode.due = detail, now + quiet
                strikes.clear()
                self._begin(kind, subject, episode, now, _so_far(episode, detail) if needed > 1 else detail)
        self._queue((kind, "", subject), episode)

    def state(self, kind: str, scope: str, wrong: Mapping[str, str], now: float, grace: float = 0.0) -> None:
        """All subjects of this kind and scope for which the condition holds at `now`, with a detail each."""
        known = self._states.setdefault((kind, scope), set())
        for subject in sorted(known - wrong.keys()):
            self._end((kind, scope, subject), now)
        for subject in wrong.keys() - known:
            episode = self._admit((kind, scope, subject), wrong[subject], now)
            if episode is not None:
                episode.is_state, episode.due = True, now + grace
                known.add(subject)
                self._queue((kind, scope, subject), episode)
        for subject in known:
            self._all[kind, scope, subject].detail = wrong[subject]
        if not known:
            del self._states[kind, scope]
        if grace <= 0:
            self.handle_timeout(now)

    def holds(self, kind: str, subject: str, scope: str = "") -> bool:
        """Whether this anomaly is going on."""
        episode = self._all.get((kind, scope, subject))
        return episode is not None and episode.began

    def begin(self, kind: str, subject: str, now: float, detail: str) -> None:
        """The anomaly begins, unless it is going on."""
        episode = self._admit((kind, "", subject), detail, now)
        if episode is not None and not episode.began:
            episode.is_state = True
            self._begin(kind, subject, episode, now, detail)

    def end(self, kind: str, subject: str, now: float, detail: str = "") -> None:
        """The anomaly is over, if it was going on."""
        self._end((kind, "", subject), now, detail)

    def next_timeout(self) -> float | None:
        """When `handle_timeout` may have something to do."""
        return self._due[0][0] if self._due else None

    def handle_timeout(self, now: float) -> None:
        """Begin what has lasted, end what has gone quiet."""
        while self._due and self._due[0][0] <= now:
            due, key = heapq.heappop(self._due)
            episode = self._all.get(key)
            if episode is None or episode.queued != due:  # it has ended since
                continue
            episode.queued = inf
            if episode.due > now:  # it has moved on since
                self._queue(key, episode)
            elif not episode.is_state:
                self._end(key, now)
            elif not episode.began:
                episode.due = inf
                self._begin(key[0], key[2], episode, now, episode.detail)

    def next_event(self) -> Anomaly | None:
        return self._events.popleft() if self._events else None

    def active(self) -> tuple[tuple[str, str, str], ...]:
        """(kind, subject, detail) of what is going on, sorted."""
        return tuple(sorted((kind, subject, e.detail) for (kind, _, subject), e in self._all.items() if e.began))

    def _admit(self, key: _Key, detail: str, now: float) -> _Episode | None:
        episode = self._all.get(key)
        if episode is None:
            if len(self._all) >= self._max_subjects:
                self.stats.subjects_refused += 1
                return None
            episode = self._all[key] = _Episode(detail, now, now)
        return episode

    def _queue(self, key: _Key, episode: _Episode) -> None:
        # One entry per episode: a later due time waits until the earlier one has come up.
        if episode.queued == inf and episode.due != inf:
            episode.queued = episode.due
            heapq.heappush(self._due, (episode.due, key))
            if len(self._due) > 2 * len(self._all) + 64:  # ended ones leave theirs behind
                self._due = [(e.queued, k) for k, e in self._all.items() if e.queued != inf]
                heapq.heapify(self._due)

    def _begin(self, kind: str, subject: str, episode: _Episode, now: float, detail: str) -> None:
        episode.began = True
        setattr(self.stats, kind, getattr(self.stats, kind) + 1)
        self.stats.active += 1
        self._tell(Anomaly(now, kind, subject, detail))

    def _end(self, key: _Key, now: float, detail: str = "") -> None:
        episode = self._all.pop(key, None)
        if episode is None:
            return
        if episode.is_state and (known := self._states.get(key[:2])) is not None:
            known.discard(key[2])
        if episode.began:
            self.stats.active -= 1
            self.stats.ended += 1
            lasted = f"after {now - episode.first:.0f} s" if episode.is_state else _so_far(episode, "")
            self._tell(Anomaly(now, key[0] + ENDED, key[2], f"{detail}, {lasted}" if detail else lasted))

    def _tell(self, event: Anomaly) -> None:
        if len(self._events) >= MAX_EVENTS:
            self.stats.events_dropped += 1
            return
        self._events.append(event)


def _so_far(episode: _Episode, detail: str) -> str:
    unit = episode.unit if episode.count != 1 else episode.unit.removesuffix("s")
    text = f"{episode.count} {unit} in {episode.last - episode.first:.0f} s"
    return f"{text}: {detail}" if detail else text


class Window:
    """How much happened in about the last `seconds`: eight counters, whatever the rate."""

    __slots__ = ("_at", "_buckets", "_span", "total")
    PARTS = 8

    def __init__(self, seconds: float) -> None:
        self._span = seconds / self.PARTS
        self._buckets = [0] * self.PARTS
        self._at = -1
        self.total = 0

    def add(self, now: float, count: int = 1) -> int:
        """Count; the total of the window."""
        at = int(now // self._span)
        gone = at - self._at
        if gone:
            # The clock may have been set back: then nothing held here is recent.
            for step in range(min(gone, self.PARTS) if gone > 0 else self.PARTS):
                place = (self._at + 1 + step) % self.PARTS
                self.total -= self._buckets[place]
                self._buckets[place] = 0
            self._at = at
        self._buckets[at % self.PARTS] += count
        self.total += count
        return self.total
