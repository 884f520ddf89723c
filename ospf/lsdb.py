"""The link state database of one area as a listener sees it: RFC 2328 sections 12.2, 13.1, 13.2, 14.

Covered: installing by "newer than", ageing (time is an argument, nothing ticks), MaxAge, DoNotAge (RFC
1793), the wrap of the sequence number, and the difference that matters to everybody behind: **a refresh
is not a change**. AS-scoped LSAs (types 5 and 11) are kept beside the area's own: a listener sees one
attachment.

Left out, because nobody depends on a listener: MinLSArrival (every intact newer instance is taken) and
flooding, hence retransmission lists. A flushed LSA stays as a tombstone for a minute so that a late copy
of an older instance cannot raise it again; a tombstone at the last sequence number is dropped at once,
since its originator goes on with the first one (12.1.6).
"""

from __future__ import annotations

import heapq
from collections.abc import Container
from dataclasses import dataclass
from math import inf

from ospf.lsa import (
    DO_NOT_AGE,
    HEADER_LENGTH,
    MAX_AGE,
    MAX_SEQUENCE,
    Key,
    Lsa,
    LsaHeader,
    is_newer_aged,
    plain_age,
    with_age,
)

MAX_LSAS = 100_000
TOMBSTONE_SECONDS = 60.0
ADDED, CHANGED, REMOVED = "added", "changed", "removed"


@dataclass(frozen=True, slots=True)
class LsdbChange:
    """The content of the database changed: `kind` is ADDED, CHANGED or REMOVED."""

    key: Key
    kind: str
    time: float
    old: Lsa | None
    new: Lsa | None


@dataclass(slots=True)
class LsdbStats:
    """What became of the LSAs offered, and what time did to the others."""

    installed: int = 0
    added: int = 0
    changed: int = 0
    refreshes: int = 0
    duplicates: int = 0
    older: int = 0
    flushed: int = 0
    expired: int = 0
    vanished: int = 0
    max_age_unknown: int = 0
    refused_full: int = 0
    sequence_gaps: int = 0


@dataclass(slots=True)
class _Entry:
    lsa: Lsa
    received: float
    due: float  # when the live LSA reaches MaxAge, or the tombstone goes
    live: bool


class Lsdb:
    """LSAs of one area, at most `max_lsas` of them (tombstones included)."""

    def __init__(self, area: int, max_lsas: int = MAX_LSAS) -> None:
        self.area = area
        self.max_lsas = max_lsas
        self.stats = LsdbStats()
        self._entries: dict[Key, _Entry] = {}
        self._due: list[tuple[float, Key]] = []
        self._live = 0

    def __len__(self) -> int:
        """Number of live LSAs."""
        return self._live

    def get(self, key: Key) -> Lsa | None:
        """The live LSA as it was received (its age is the age then)."""
        entry = self._entries.get(key)
        return entry.lsa if entry is not None and entry.live else None

    def aged(self, key: Key, now: float) -> Lsa | None:
        """The live LSA with the age it has now."""
        entry = self._entries.get(key)
        if entry is None or not entry.live:
            return None
        return with_age(entry.lsa, _age(entry, now) | entry.lsa.header.age & DO_NOT_AGE)

    def lsas(self, now: float) -> tuple[Lsa, ...]:
        """Live LSAs by key, without those that have reached MaxAge; ages are those at reception."""
        return tuple(entry.lsa for _, entry in sorted(self._entries.items()) if entry.live and entry.due > now)

    def compare(self, header: LsaHeader, now: float) -> int:
        """1 if `header` describes something newer than what is held (or not held), 0 the same, -1 older."""
        entry = self._entries.get((header.type, header.link_state_id, header.advertising_router))
        if entry is None:
            return 1
        # RFC 2328 13.1: the copy's age counts as it is now.
        return is_newer_aged(header, plain_age(header), entry.lsa.header, _age(entry, now))

    def wants(self, header: LsaHeader, now: float) -> bool:
        """Whether an LSA described by `header` would tell something new (RFC 2328 10.6, 13)."""
        if plain_age(header) == MAX_AGE:
            key = (header.type, header.link_state_id, header.advertising_router)
            return self.get(key) is not None and self.compare(header, now) > 0
        return self.compare(header, now) > 0

    def install(self, lsa: Lsa, now: float) -> LsdbChange | None:
        """Take an LSA if it is newer (RFC 2328 13 (4)-(8)); returns the change of content, if any."""
        entry = self._entries.get(lsa.key)
        dead = plain_age(lsa.header) == MAX_AGE
        if entry is None:
            return self._install_first(lsa, dead, now)
        order = is_newer_aged(lsa.header, plain_age(lsa.header), entry.lsa.header, _age(entry, now))
        if order == 0:
            self.stats.duplicates += 1
            return None
        if order < 0:
            self.stats.older += 1
            return None
        old = entry.lsa if entry.live else None
        if old is not None and lsa.header.sequence > old.header.sequence + 1:
            self.stats.sequence_gaps += 1
        self.stats.installed += 1
        if dead:
            return self._bury(lsa, old, now)
        self._hold(lsa, now)
        if old is None:
            self.stats.added += 1
            return LsdbChange(lsa.key, ADDED, now, None, lsa)
        # RFC 2328 13.2: options or body differ; sequence, checksum and age alone are a refresh.
        if old.header.options == lsa.header.options and old.raw[HEADER_LENGTH:] == lsa.raw[HEADER_LENGTH:]:
            self.stats.refreshes += 1
            return None
        self.stats.changed += 1
        return LsdbChange(lsa.key, CHANGED, now, old, lsa)

    def _install_first(self, lsa: Lsa, dead: bool, now: float) -> LsdbChange | None:
        if dead:  # RFC 2328 13 (4): MaxAge, no copy: nothing to flush
            self.stats.max_age_unknown += 1
            return None
        if len(self._entries) >= self.max_lsas:
            self.stats.refused_full += 1
            return None
        self.stats.installed += 1
        self.stats.added += 1
        self._hold(lsa, now)
        return LsdbChange(lsa.key, ADDED, now, None, lsa)

    def _hold(self, lsa: Lsa, now: float) -> None:
        header = lsa.header
        due = inf if header.age & DO_NOT_AGE else now + MAX_AGE - plain_age(header)
        self._replace(lsa.key, _Entry(lsa, now, due, True))

    def _bury(self, lsa: Lsa, old: Lsa | None, now: float) -> LsdbChange | None:
        if lsa.header.sequence == MAX_SEQUENCE:
            self._replace(lsa.key, None)
        else:
            self._replace(lsa.key, _Entry(lsa, now, now + TOMBSTONE_SECONDS, False))
        if old is None:
            return None
        self.stats.flushed += 1
        return LsdbChange(lsa.key, REMOVED, now, old, None)

    def _replace(self, key: Key, entry: _Entry | None) -> None:
        before = self._entries.get(key)
        self._live += (entry is not None and entry.live) - (before is not None and before.live)
        if entry is None:
            self._entries.pop(key, None)
            return
        self._entries[key] = entry
        if entry.due != inf:
            heapq.heappush(self._due, (entry.due, key))
            # Every refresh leaves a dead item in the heap; sweep when they outnumber the living.
            if len(self._due) > 2 * len(self._entries) + 64:
                self._due = [(e.due, k) for k, e in self._entries.items() if e.due != inf]
                heapq.heapify(self._due)

    def vanish(self, described: Container[Key], before: float, now: float) -> list[LsdbChange]:
        """Remove what a neighbor's complete description does not hold and was received before `before`.

        Such an LSA was flushed while the listener could not hear it.
        """
        gone = [k for k, e in self._entries.items() if e.live and e.received < before and k not in described]
        changes = []
        for key in gone:
            changes.append(LsdbChange(key, REMOVED, now, self._entries[key].lsa, None))
            self._replace(key, None)
        self.stats.vanished += len(gone)
        return changes

    def overdue(self, age: float, now: float) -> int:
        """How many live LSAs are older than `age` seconds, so that a refresh must have been missed."""
        return sum(
            1 for e in self._entries.values() if e.live and _age(e, now) > age and not e.lsa.header.age & DO_NOT_AGE
        )

    def expire(self, now: float) -> list[LsdbChange]:
        """Remove LSAs that reached MaxAge by `now` (RFC 2328 14) and tombstones that served their time."""
        changes = []
        while self._due and self._due[0][0] <= now:
            due, key = heapq.heappop(self._due)
            entry = self._entries.get(key)
            if entry is None or entry.due != due:
                continue
            if entry.live:
                self.stats.expired += 1
                changes.append(LsdbChange(key, REMOVED, now, entry.lsa, None))
            self._replace(key, None)
        return changes

    def next_expiry(self) -> float | None:
        """When `expire` may have something to do."""
        while self._due:
            due, key = self._due[0]
            entry = self._entries.get(key)
            if entry is not None and entry.due == due:
                return due
            heapq.heappop(self._due)  # of an instance since replaced
        return None


def _age(entry: _Entry, now: float) -> int:
    """Age in seconds at `now`, at most MaxAge."""
    header = entry.lsa.header
    if header.age & DO_NOT_AGE:
        return plain_age(header)
    return min(plain_age(header) + max(0, int(now - entry.received)), MAX_AGE)
