"""The link state database of one area as a listener sees it: RFC 2328 sections 12.2, 13.1, 13.2, 14.

Covered: installing by "newer than", ageing (time is an argument, nothing ticks), MaxAge, DoNotAge (RFC
1793), the wrap of the sequence number, and the difference that matters to everybody behind: **a refresh
is not a change**. A listener sees one attachment, so its database holds what is flooded there, of all three scopes:
the area's own LSAs, those of the whole AS (types 5 and 11), and those of this very segment (type 9).

Left out, because nobody depends on a listener: MinLSArrival (every intact newer instance is taken) and
flooding, hence retransmission lists. A flushed LSA stays as a tombstone for a minute so that a late copy
of an older instance cannot raise it again; a tombstone at the last sequence number is dropped at once,
since its originator goes on with the first one (12.1.6). An originator that has seen its flush through also begins
with the first number again (FRR and BIRD do, a second after the flush): an instance born after the flushed one is no
late copy, and is taken as soon as routers let go of the flushed one themselves.

The database may hold 100,000 LSAs of which a few change per second, so nothing that happens often costs more than
what changed: an entry changes in place, its timer is put off only when it rings (most LSAs are refreshed long before),
and the order by key outlives everything but a new key.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container
from dataclasses import dataclass
from math import inf

from msgspec import Struct

from ospf.lsa import (
    DO_NOT_AGE,
    HEADER_LENGTH,
    MAX_AGE,
    MAX_SEQUENCE,
    SCOPE_AS,
    Key,
    Lsa,
    LsaHeader,
    flooding_scope,
    is_newer_aged,
    plain_age,
    with_age,
)

MAX_LSAS = 100_000
OCTETS_PER_LSA = 640  # on the average; one LSA may have 65,535, which take twenty times as much memory
TOMBSTONE_SECONDS = 60.0
BORN_LATER_SECONDS = 1.5  # two instances closer than that cannot be told apart by ages in whole seconds
FLUSHING_SECONDS = 0.5  # routers, too, hold a flushed LSA until all have acknowledged it, and refuse a new beginning
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


class _Entry(Struct, gc=False):
    key: Key
    lsa: Lsa
    received: float
    due: float  # when the live LSA reaches MaxAge, or the tombstone goes
    timer: float  # when its item in the heap rings, at or before `due`
    live: bool
    born: float  # when the last live instance was originated, by its age


class Lsdb:
    """LSAs of one area, at most `max_lsas` of them (tombstones included), of OCTETS_PER_LSA on the average.

    `scope_of` tells the flooding scope of an LSA type, that of version 2 unless given.
    """

    def __init__(self, area: int, max_lsas: int = MAX_LSAS, *, scope_of: Callable[[int], int] = flooding_scope) -> None:
        self.area = area
        self.max_lsas = max_lsas
        self.stats = LsdbStats()
        self._scope_of = scope_of
        self._entries: dict[Key, _Entry] = {}
        self._timers: list[tuple[float, Key]] = []
        self._live = 0
        self._octets = 0
        self._order: list[_Entry] | None = []  # by key; None: to be sorted anew
        self._all: tuple[Lsa, ...] | None = ()  # the live ones by key; None: to be gathered anew

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

    def lsas(self, now: float, scope: int | None = None) -> tuple[Lsa, ...]:
        """Live LSAs by key, without those that have reached MaxAge; ages are those at reception.

        With `scope` (SCOPE_LINK, SCOPE_AREA, SCOPE_AS) only those that travel so far.
        """
        if self._all is None:
            if self._order is None:
                self._order = sorted(self._entries.values(), key=_key_of)
            self._all = tuple(entry.lsa for entry in self._order if entry.live)
        found = self._all
        due = self.next_expiry()
        if due is not None and due <= now:
            found = tuple(lsa for lsa in found if self._entries[lsa.key].due > now)
        if scope is None:
            return found
        return tuple(lsa for lsa in found if self._scope_of(lsa.header.type) == scope)

    def checksum_sum(self, scope: int) -> int:
        """The 32-bit sum of the checksums of all live LSAs of a scope: equal databases have equal sums.

        So do routers report theirs: ospfAreaLsaCksumSum, ospfAsLsaCksumSum (RFC 4750; without type 11 that is
        ospfExternLsaCksumSum of RFC 1248).
        """
        return sum(lsa.header.checksum for lsa in self.lsas(-inf, scope)) & 0xFFFFFFFF

    def compare(self, header: LsaHeader, now: float) -> int:
        """1 if `header` describes something newer than what is held (or not held), 0 the same, -1 older."""
        entry = self._entries.get((header.type, header.link_state_id, header.advertising_router))
        if entry is None:
            return 1
        return _order(header, entry, now)

    def wants(self, header: LsaHeader, now: float) -> bool:
        """Whether an LSA described by `header` would tell something new (RFC 2328 10.6, 13)."""
        if plain_age(header) == MAX_AGE:
            key = (header.type, header.link_state_id, header.advertising_router)
            return self.get(key) is not None and self.compare(header, now) > 0
        return self.compare(header, now) > 0

    def install(self, lsa: Lsa, now: float) -> LsdbChange | None:
        """Take an LSA if it is newer (RFC 2328 13 (4)-(8)); returns the change of content, if any."""
        key = lsa.key
        entry = self._entries.get(key)
        dead = plain_age(lsa.header) == MAX_AGE
        if entry is None:
            return self._install_first(key, lsa, dead, now)
        order = _order(lsa.header, entry, now)
        if order == 0:
            self.stats.duplicates += 1
            return None
        if order < 0:
            self.stats.older += 1
            return None
        old = entry.lsa if entry.live else None
        if len(lsa.raw) > len(entry.lsa.raw) and self._is_full(len(lsa.raw) - len(entry.lsa.raw)):
            self.stats.refused_full += 1  # and the older instance is not true any more
            self._forget(entry)
            return LsdbChange(key, REMOVED, now, old, None) if old is not None else None
        if old is not None and lsa.header.sequence > old.header.sequence + 1:
            self.stats.sequence_gaps += 1
        self.stats.installed += 1
        if dead:
            return self._bury(entry, lsa, now)
        self._hold(entry, lsa, now)
        if old is None:
            self.stats.added += 1
            return LsdbChange(key, ADDED, now, None, lsa)
        # RFC 2328 13.2: options or body differ; sequence, checksum and age alone are a refresh.
        if old.header.options == lsa.header.options and old.raw[HEADER_LENGTH:] == lsa.raw[HEADER_LENGTH:]:
            self.stats.refreshes += 1
            return None
        self.stats.changed += 1
        return LsdbChange(key, CHANGED, now, old, lsa)

    def _install_first(self, key: Key, lsa: Lsa, dead: bool, now: float) -> LsdbChange | None:
        if dead:  # RFC 2328 13 (4): MaxAge, no copy: nothing to flush
            self.stats.max_age_unknown += 1
            return None
        if len(self._entries) >= self.max_lsas or self._is_full(len(lsa.raw)):
            self.stats.refused_full += 1
            return None
        self.stats.installed += 1
        self.stats.added += 1
        self._entries[key] = entry = _Entry(key, lsa, now, inf, inf, False, now)
        self._octets += len(lsa.raw)
        self._order = None
        self._hold(entry, lsa, now)
        return LsdbChange(key, ADDED, now, None, lsa)

    def _is_full(self, octets: int) -> bool:
        """Whether there is no room for so many more."""
        return self._octets + octets > max(self.max_lsas * OCTETS_PER_LSA, 1 << 20)

    def _hold(self, entry: _Entry, lsa: Lsa, now: float) -> None:
        self._live += not entry.live
        self._octets += len(lsa.raw) - len(entry.lsa.raw)
        self._all = None
        entry.lsa, entry.received, entry.live = lsa, now, True
        header = lsa.header
        entry.born = now - plain_age(header)
        self._set_due(entry, inf if header.age & DO_NOT_AGE else now + MAX_AGE - plain_age(header))

    def _bury(self, entry: _Entry, lsa: Lsa, now: float) -> LsdbChange | None:
        old = entry.lsa if entry.live else None
        self._live -= entry.live
        self._octets += len(lsa.raw) - len(entry.lsa.raw)
        self._all = None
        entry.lsa, entry.received, entry.live = lsa, now, False
        if lsa.header.sequence == MAX_SEQUENCE:
            self._forget(entry)
        else:
            self._set_due(entry, now + TOMBSTONE_SECONDS)
        if old is None:
            return None
        self.stats.flushed += 1
        return LsdbChange(entry.key, REMOVED, now, old, None)

    def _set_due(self, entry: _Entry, due: float) -> None:
        entry.due = due
        if due < entry.timer:  # otherwise the item in the heap rings early enough
            entry.timer = due
            heapq.heappush(self._timers, (due, entry.key))
            # Of entries that are gone or due earlier than before an item stays; sweep when they outnumber the others.
            if len(self._timers) > 2 * len(self._entries) + 64:
                self._timers = [(e.timer, k) for k, e in self._entries.items() if e.timer != inf]
                heapq.heapify(self._timers)

    def _forget(self, entry: _Entry) -> None:
        self._live -= entry.live
        self._octets -= len(entry.lsa.raw)
        del self._entries[entry.key]
        self._all = self._order = None

    def vanish(
        self, described: Container[Key], before: float, now: float, teller: int | None = None
    ) -> list[LsdbChange]:
        """Remove what a neighbor's complete description does not hold and was received before `before`.

        Such an LSA was flushed while the listener could not hear it. What `teller` itself originates for the whole AS
        is kept: FRR leaves externals that it translates out of an NSSA out of its descriptions (frr/issues/23429).
        """
        gone = [
            entry
            for entry in self._entries.values()
            if entry.live
            and entry.received < before
            and entry.key not in described
            and not (entry.key[2] == teller and self._scope_of(entry.key[0]) == SCOPE_AS)
        ]
        for entry in gone:
            self._forget(entry)
        self.stats.vanished += len(gone)
        return [LsdbChange(entry.key, REMOVED, now, entry.lsa, None) for entry in gone]

    def overdue(self, age: float, now: float) -> int:
        """How many live LSAs are older than `age` seconds, so that a refresh must have been missed."""
        return sum(
            1 for e in self._entries.values() if e.live and _age(e, now) > age and not e.lsa.header.age & DO_NOT_AGE
        )

    def expire(self, now: float) -> list[LsdbChange]:
        """Remove LSAs that reached MaxAge by `now` (RFC 2328 14) and tombstones that served their time."""
        changes = []
        while (due := self.next_expiry()) is not None and due <= now:
            entry = self._entries[heapq.heappop(self._timers)[1]]
            if entry.live:
                self.stats.expired += 1
                changes.append(LsdbChange(entry.key, REMOVED, now, entry.lsa, None))
            self._forget(entry)
        return changes

    def next_expiry(self) -> float | None:
        """When `expire` will have something to do."""
        while self._timers:
            rings, key = self._timers[0]
            entry = self._entries.get(key)
            if entry is None or entry.timer != rings:
                heapq.heappop(self._timers)  # of an entry that is gone, or was due earlier
            elif entry.due > rings:
                entry.timer = entry.due
                if entry.due == inf:
                    heapq.heappop(self._timers)
                else:
                    heapq.heapreplace(self._timers, (entry.due, key))
            else:
                return rings
        return None


def _key_of(entry: _Entry) -> Key:
    return entry.key


def _order(header: LsaHeader, entry: _Entry, now: float) -> int:
    """As `is_newer`, against what is held; RFC 2328 13.1: the copy's age counts as it is now."""
    held = entry.lsa.header
    if not entry.live and now - entry.received >= FLUSHING_SECONDS:
        age = plain_age(header)
        if age < MAX_AGE and now - age > entry.born + BORN_LATER_SECONDS:
            return 1
    if header.sequence != held.sequence:
        return 1 if header.sequence > held.sequence else -1
    return is_newer_aged(header, plain_age(header), held, _age(entry, now))


def _age(entry: _Entry, now: float) -> int:
    """Age in seconds at `now`, at most MaxAge."""
    header = entry.lsa.header
    if header.age & DO_NOT_AGE:
        return plain_age(header)
    return min(plain_age(header) + max(0, int(now - entry.received)), MAX_AGE)
