"""Link-state databases read from a router's OSPF-MIB (RFC 4750), where no attachment is possible (pure).

    ospfRouterId                  1.3.6.1.2.1.14.1.1.0
    ospfAreaTable                 14.2.1.1 (area id), 14.2.1.3 (whether AS-external LSAs come in)
    ospfLsdbTable                 14.4.1.8   index area, type, link state id, router
    ospfExtLsdbTable              14.12.1.7  index type, link state id, router (deprecated, but what FRR has)
    ospfAsLsdbTable               14.19.1.7  the same, with type 11

Only the advertisement column of each table is read: it holds the whole LSA, header and all, and goes through the same
decoder as one from the wire, checksum included. The index must name the LSA that is in it. The other columns repeat the
header, and not always well (FRR 8.4 gives the sequence number with its octets in reverse).

`PolledDatabases` keeps one `Lsdb` per area. A poll is a complete description, so what it does not hold has gone, as
after a burst; and it is the truth about that router, so an instance that is older than ours replaces it (it was flushed
and begun anew between two polls). A poll that broke off removes nothing. AS-scope LSAs stand in every area that takes
them, so that any of them can do without the others. Between polls LSAs age as everywhere: a router that stops answering
is believed for at most an hour. Ages may be too low, since some agents give an LSA as it was received and not as old as
it is; then it lives here until it is refreshed, or gone from the next poll.

Left out: link-scope LSAs (ospfLocalLsdbTable, 14.17): no topology needs them. OSPFV3-MIB (RFC 5643).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ospf.errors import OspfDecodeError
from ospf.lsa import DO_NOT_AGE, HEADER_LENGTH, MAX_AGE, Key, Lsa, decode_lsa
from ospf.lsdb import ADDED, CHANGED, MAX_LSAS, REMOVED, Lsdb, LsdbChange

Oid = tuple[int, ...]
OSPF_MIB: Oid = (1, 3, 6, 1, 2, 1, 14)
ROUTER_ID: Oid = (*OSPF_MIB, 1, 1, 0)
AREA_ID: Oid = (*OSPF_MIB, 2, 1, 1)
AREA_IMPORT: Oid = (*OSPF_MIB, 2, 1, 3)
LSDB: Oid = (*OSPF_MIB, 4, 1, 8)
EXT_LSDB: Oid = (*OSPF_MIB, 12, 1, 7)
AS_LSDB: Oid = (*OSPF_MIB, 19, 1, 7)
COLUMNS = (AREA_ID, AREA_IMPORT, LSDB, EXT_LSDB, AS_LSDB)  # to walk, in this order
IMPORT_EXTERNAL = 1  # ospfImportAsExtern
AS_SCOPE = -1  # in place of an area id
MAX_AREAS = 1000  # of one router, ever; more is a broken agent
AS_TYPES = (5, 11)

Value = bytes | int
_Lsas = dict[Key, Lsa | None]  # None: there, but not to be read


@dataclass(slots=True)
class PolledStats:
    """Rows that came and what became of them, over all polls."""

    polls: int = 0
    polls_broken_off: int = 0
    rows: int = 0
    rows_unknown: int = 0  # no column of ours
    rows_malformed: int = 0  # an index or a value that is none, an LSA that does not decode
    rows_mismatched: int = 0  # an LSA other than the index says
    rows_refused: int = 0  # above max_lsas or MAX_AREAS
    lsas_decoded: int = 0  # new to us; the rest was as before
    lsas_replaced: int = 0  # by an older instance
    max_age: int = 0  # flushed, waiting to be acknowledged everywhere


@dataclass(frozen=True)
class Poll:
    """What one poll told. `changes` by area, areas without any left out; `new` areas have a database since now."""

    router_id: int | None
    areas: tuple[int, ...]
    new: tuple[int, ...]
    changes: dict[int, list[LsdbChange]]
    lsas: int
    complete: bool
    lingering: tuple[Lsa, ...] = ()  # LSAs with age MaxAge


@dataclass
class _Round:
    """One poll while its rows come in."""

    began: float
    router_id: int | None = None
    imports: dict[int, bool] = field(default_factory=dict)
    lsas: dict[tuple[int, Key], Lsa | None] = field(default_factory=dict)


class PolledDatabases:
    """The databases of one router. `areas` restricts to these area ids, `max_lsas` is a ceiling over all areas."""

    def __init__(self, areas: Iterable[int] = (), max_lsas: int = MAX_LSAS) -> None:
        self.databases: dict[int, Lsdb] = {}
        self.router_id: int | None = None
        self.stats = PolledStats()
        self.last_error = ""
        self._areas = frozenset(areas)
        self._max_lsas = max_lsas
        self._held: dict[tuple[int, Key], Lsa] = {}  # what came last, so that it need not be decoded again
        self._round = _Round(0.0)

    def take(self, rows: Iterable[tuple[Oid, Value]], now: float, *, complete: bool = True) -> Poll:
        """A whole poll at once: (OID, value) of COLUMNS and ROUTER_ID. Octets and addresses are bytes."""
        self.begin(now)
        self.add(rows)
        return self.finish(now, complete=complete)

    def begin(self, now: float) -> None:
        """A poll begins."""
        self._round = _Round(now)

    def add(self, rows: Iterable[tuple[Oid, Value]]) -> None:
        """Rows of the poll, as they come; never raises on them."""
        for oid, value in rows:
            self.stats.rows += 1
            try:
                self._row(oid, value)
            except OspfDecodeError as error:
                self.stats.rows_malformed += 1
                self.last_error = f"{'.'.join(map(str, oid))}: {error.reason}"

    def _row(self, oid: Oid, value: Value) -> None:
        here = self._round
        if oid == ROUTER_ID:
            here.router_id = _address(value)
            return
        column = next((c for c in COLUMNS if oid[: len(c)] == c), None)
        if column is None:
            self.stats.rows_unknown += 1
            return
        index = oid[len(column) :]
        if column == LSDB:
            area, key = _number(index[:4], 4), _key(index[4:])
            if not self._has_room(area):
                return
            here.imports.setdefault(area, True)
        elif column in (EXT_LSDB, AS_LSDB):
            area, key = AS_SCOPE, _key(index)
        else:
            area = _number(index, 4)
            if not self._has_room(area):
                return
            if column == AREA_IMPORT:
                here.imports[area] = value == IMPORT_EXTERNAL
            else:
                here.imports.setdefault(area, True)
            return
        if self._areas and area != AS_SCOPE and area not in self._areas:
            return
        if len(here.lsas) >= self._max_lsas:
            self.stats.rows_refused += 1
            return
        here.lsas[area, key] = None
        here.lsas[area, key] = self._lsa(area, key, value)

    def _has_room(self, area: int) -> bool:
        known, here = self.databases, self._round.imports
        if area in known or area in here or len(here.keys() - known.keys()) + len(known) < MAX_AREAS:
            return True
        self.stats.rows_refused += 1
        return False

    def _lsa(self, area: int, key: Key, value: Value) -> Lsa | None:
        if not isinstance(value, bytes):
            raise OspfDecodeError("the advertisement is no octet string")
        held = self._held.get((area, key))
        if held is not None and held.raw[2:] == value[2:] and value[:2] != MAX_AGE.to_bytes(2, "big"):
            return held  # but for the age, and that goes on here
        lsa = decode_lsa(value)
        if lsa.key != key:
            self.stats.rows_mismatched += 1
            self.last_error = f"the row of {key} holds {lsa.key}"
            return None
        self.stats.lsas_decoded += 1
        return lsa

    def finish(self, now: float, *, complete: bool = True) -> Poll:
        """The poll is over; `complete` False: it broke off, and what is missing is not known to be gone."""
        here, stats = self._round, self.stats
        stats.polls += 1
        stats.polls_broken_off += not complete
        if here.router_id is not None:
            self.router_id = here.router_id
        if complete or len(self._held) > 2 * self._max_lsas:
            self._held = {}
        lsas: dict[int, _Lsas] = {area: {} for area in here.imports if not self._areas or area in self._areas}
        lingering = []
        for (area, key), lsa in here.lsas.items():
            if lsa is None or lsa.header.age & ~DO_NOT_AGE < MAX_AGE:
                lsas.setdefault(area, {})[key] = lsa
                if lsa is not None:
                    self._held[area, key] = lsa
            else:
                stats.max_age += 1
                lingering.append(lsa)
        shared = {key: lsa for key, lsa in lsas.pop(AS_SCOPE, {}).items() if key[0] in AS_TYPES}
        new = tuple(area for area in sorted(lsas) if area not in self.databases)
        for area in new:
            self.databases[area] = Lsdb(area, self._max_lsas)
        changes = {}
        for area, lsdb in self.databases.items():
            found = lsdb.expire(now)
            if area in lsas or complete:
                # RFC 5250 3: type 11 keeps out of the same areas as type 5
                externals = shared if here.imports.get(area, False) else {}
                found += self._replace(lsdb, lsas.get(area, {}), externals, now, complete)
            if merged := list(_merged(found)):
                changes[area] = merged
        self._round = _Round(now)
        count = sum(lsa is not None for lsa in here.lsas.values())
        return Poll(self.router_id, tuple(sorted(lsas)), new, changes, count, complete, tuple(lingering))

    def _replace(self, lsdb: Lsdb, own: _Lsas, shared: _Lsas, now: float, complete: bool) -> list[LsdbChange]:
        """Make the database what the poll says: the area's own LSAs and those of AS scope."""
        news = [lsa for part in (own, shared) for key, lsa in part.items() if lsa is not lsdb.get(key)]
        fresh = [lsa for lsa in news if lsa is not None]
        changes = []
        if complete:
            older = {lsa.key for lsa in fresh if lsdb.compare(lsa.header, now) < 0}
            self.stats.lsas_replaced += sum(lsdb.get(key) is not None for key in older)
            changes = lsdb.vanish((own.keys() | shared.keys()) - older, now, now)
        for lsa in fresh:
            change = lsdb.install(lsa, now)
            if change is not None:
                changes.append(change)
        return changes


def _merged(changes: Iterable[LsdbChange]) -> Iterator[LsdbChange]:
    """One change per LSA: removed and added again is changed, or nothing."""
    first: dict[Key, LsdbChange] = {}
    for change in changes:
        before = first.get(change.key)
        if before is None:
            first[change.key] = change
        else:
            first[change.key] = LsdbChange(change.key, CHANGED, change.time, before.old, change.new)
    for key, change in first.items():
        old, new = change.old, change.new
        if old is None or new is None:
            if old is not new:
                yield LsdbChange(key, ADDED if old is None else REMOVED, change.time, old, new)
        elif old.header.options != new.header.options or old.raw[HEADER_LENGTH:] != new.raw[HEADER_LENGTH:]:
            yield change


def _key(index: Oid) -> Key:
    if len(index) != 9 or not 0 <= index[0] <= 255:
        raise OspfDecodeError(f"an index of {len(index)} numbers")
    return (index[0], _number(index[1:5], 4), _number(index[5:], 4))


def _number(index: Oid, octets: int) -> int:
    if len(index) != octets or not all(0 <= part <= 255 for part in index):
        raise OspfDecodeError(f"{'.'.join(map(str, index))} in an index is no address")
    return int.from_bytes(bytes(index), "big")


def _address(value: Value) -> int:
    if not isinstance(value, bytes) or len(value) != 4:
        raise OspfDecodeError("no IpAddress")
    return int.from_bytes(value, "big")
