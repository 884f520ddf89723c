"""LSAs as they came: a bounded queue of `LsaHeard` for whoever keeps history or looks for anomalies.

The database keeps the newest instance only; an archive wants every one, also refreshes and copies. What leaves the
database by itself (age, no longer described) is recorded as an LSA of age MaxAge said by nobody, so that the record
alone rebuilds the database. Whoever switched recording on and does not read loses the newest, counted.
"""

from __future__ import annotations

from collections import deque

from ospf.counters import ListenerStats
from ospf.events import LsaHeard
from ospf.lsa import MAX_AGE, Lsa, plain_age, with_age
from ospf.lsdb import Lsdb, LsdbChange

MAX_RECORDED = 65_536


def outcome(lsdb: Lsdb, lsa: Lsa, order: int, change: LsdbChange | None) -> str:
    """What became of an LSA offered: `order` is `lsdb.compare` before, `change` what `install` returned."""
    if change is not None:
        return change.kind
    if order <= 0:
        return "older" if order < 0 else "duplicate"
    if plain_age(lsa.header) == MAX_AGE:
        return "duplicate"  # the flush of something not held
    return "refreshed" if lsdb.get(lsa.key) is lsa else "older"


class Recorder:
    """The queue; nothing enters it unless `on`."""

    def __init__(self, stats: ListenerStats) -> None:
        self.on = False
        self.stats = stats
        self._queue: deque[LsaHeard] = deque()

    def note(self, lsa: Lsa, now: float, kind: str, area: int, router_id: int) -> None:
        """An LSA was offered."""
        if len(self._queue) >= MAX_RECORDED:
            self.stats.lsas_unrecorded += 1
        else:
            self._queue.append(LsaHeard(lsa, now, kind, area, router_id))

    def note_gone(self, changes: list[LsdbChange], area: int) -> None:
        """LSAs left the database by themselves."""
        if not self.on:
            return
        for change in changes:
            if change.old is not None:
                self.note(with_age(change.old, MAX_AGE), change.time, change.kind, area, 0)

    def pull(self) -> LsaHeard | None:
        """The oldest record, None when there is none."""
        return self._queue.popleft() if self._queue else None
