import random

import pytest
from msgspec.structs import replace

from ospf.lsa import (
    DO_NOT_AGE,
    INITIAL_SEQUENCE,
    MAX_AGE,
    MAX_SEQUENCE,
    SCOPE_AREA,
    SCOPE_AS,
    SCOPE_LINK,
    ExternalLsa,
    Key,
    Lsa,
    OpaqueLsa,
    RouterLink,
    RouterLsa,
    encode_lsa,
    is_newer,
    plain_age,
    with_age,
)
from ospf.lsdb import ADDED, BORN_LATER_SECONDS, CHANGED, FLUSHING_SECONDS, REMOVED, TOMBSTONE_SECONDS, Lsdb, LsdbChange


def lsa(router: int = 1, sequence: int = 1, metric: int = 1, age: int = 0, options: int = 2) -> Lsa:
    body = RouterLsa(0, (RouterLink(9, 9, 3, metric),))
    return encode_lsa(
        type=1, link_state_id=router, advertising_router=router, body=body, sequence=sequence, age=age, options=options
    )


def kinds(lsdb: Lsdb, *lsas: Lsa, now: float = 0.0) -> list[str | None]:
    changes = [lsdb.install(each, now) for each in lsas]
    return [None if change is None else change.kind for change in changes]


def test_a_refresh_is_not_a_change() -> None:
    lsdb = Lsdb(0)
    assert kinds(lsdb, lsa(sequence=1), lsa(sequence=2), lsa(sequence=3, metric=5)) == [ADDED, None, CHANGED]
    assert lsdb.stats.refreshes == 1 and lsdb.stats.sequence_gaps == 0
    held = lsdb.get((1, 1, 1))
    assert held is not None and held.header.sequence == 3


def test_options_alone_are_a_change() -> None:
    assert kinds(Lsdb(0), lsa(), lsa(sequence=2, options=0x22)) == [ADDED, CHANGED]


def test_a_change_carries_both_instances() -> None:
    lsdb = Lsdb(7)
    first, second = lsa(), lsa(sequence=2, metric=9)
    lsdb.install(first, 1.0)
    change = lsdb.install(second, 2.0)
    assert change is not None
    assert (change.key, change.time, change.old, change.new) == ((1, 1, 1), 2.0, first, second)


def test_older_and_duplicate_instances_are_left() -> None:
    lsdb = Lsdb(0)
    assert kinds(lsdb, lsa(sequence=5), lsa(sequence=4, metric=7), lsa(sequence=5)) == [ADDED, None, None]
    assert (lsdb.stats.older, lsdb.stats.duplicates) == (1, 1)


def test_equal_but_for_age_is_a_duplicate() -> None:
    lsdb = Lsdb(0)
    assert kinds(lsdb, lsa(age=10), lsa(age=600)) == [ADDED, None]
    assert lsdb.stats.duplicates == 1


def test_the_copy_ages_before_it_is_compared() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(age=0), 0.0)
    # 2000 s later the copy is 2000 s old: an instance of age 5 is younger by more than MaxAgeDiff, hence newer
    assert lsdb.install(lsa(age=5), 2000.0) is None
    assert lsdb.stats.refreshes == 1


def test_max_age_flushes() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(), 0.0)
    change = lsdb.install(lsa(age=MAX_AGE), 5.0)
    assert change is not None and change.kind == REMOVED and change.new is None
    assert len(lsdb) == 0 and lsdb.get((1, 1, 1)) is None and lsdb.lsas(5.0) == ()
    assert lsdb.stats.flushed == 1


def test_max_age_without_a_copy_is_nothing() -> None:
    lsdb = Lsdb(0)
    assert lsdb.install(lsa(age=MAX_AGE), 0.0) is None
    assert (len(lsdb), lsdb.stats.max_age_unknown, lsdb.stats.installed) == (0, 1, 0)


def test_a_flushed_lsa_is_not_raised_by_an_older_copy_but_by_a_newer() -> None:
    lsdb = Lsdb(0)
    assert kinds(lsdb, lsa(sequence=5), lsa(sequence=6, age=MAX_AGE), lsa(sequence=5), lsa(sequence=7)) == [
        ADDED,
        REMOVED,
        None,
        ADDED,
    ]
    assert len(lsdb) == 1


def test_an_originator_may_begin_anew_after_its_flush() -> None:
    # FRR flushes a summary and announces it again with the first sequence number, seconds later
    lsdb = Lsdb(0)
    assert kinds(lsdb, lsa(sequence=INITIAL_SEQUENCE), now=100.0) == [ADDED]
    assert kinds(lsdb, lsa(sequence=INITIAL_SEQUENCE, age=MAX_AGE), now=110.0) == [REMOVED]
    reborn = lsa(sequence=INITIAL_SEQUENCE, age=1)
    assert kinds(lsdb, reborn, now=110.1) == [None]  # no router has seen the flush through by then
    late_copies = [lsa(sequence=INITIAL_SEQUENCE, age=age) for age in (10, 11, 12)]
    assert kinds(lsdb, *late_copies, now=111.0) == [None, None, None]
    assert lsdb.wants(reborn.header, 111.0)
    assert kinds(lsdb, reborn, now=111.0) == [ADDED]
    assert kinds(lsdb, lsa(sequence=INITIAL_SEQUENCE, age=15), now=114.0) == [None]


def test_tombstones_go() -> None:
    lsdb = Lsdb(0)
    kinds(lsdb, lsa(sequence=5), lsa(sequence=6, age=MAX_AGE))
    assert lsdb.expire(TOMBSTONE_SECONDS - 1) == []
    assert lsdb.compare(lsa(sequence=5).header, 1.0) == -1
    assert lsdb.expire(TOMBSTONE_SECONDS) == []
    assert lsdb.compare(lsa(sequence=5).header, 100.0) == 1
    assert lsdb.stats.expired == 0 and lsdb.next_expiry() is None


def test_the_wrap_of_the_sequence_number() -> None:
    # RFC 2328 12.1.6: flush the last number, then begin with the first
    lsdb = Lsdb(0)
    last, flush = lsa(sequence=MAX_SEQUENCE), lsa(sequence=MAX_SEQUENCE, age=MAX_AGE)
    assert kinds(lsdb, last, flush, lsa(sequence=INITIAL_SEQUENCE)) == [ADDED, REMOVED, ADDED]
    assert kinds(Lsdb(0), last, lsa(sequence=INITIAL_SEQUENCE)) == [ADDED, None]


def test_lsas_die_of_age() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(1, age=100), 1000.0)
    lsdb.install(lsa(2), 1000.0)
    assert lsdb.next_expiry() == 1000 + 3500
    assert len(lsdb.lsas(4499.0)) == 2
    assert [each.key for each in lsdb.lsas(4500.0)] == [(1, 2, 2)]  # also before expire() is called
    changes = lsdb.expire(4500.0)
    assert [(change.key, change.kind, change.time) for change in changes] == [((1, 1, 1), REMOVED, 4500.0)]
    assert (len(lsdb), lsdb.stats.expired) == (1, 1)


def test_a_refresh_puts_the_death_off() -> None:
    lsdb = Lsdb(0)
    kinds(lsdb, lsa())
    lsdb.install(lsa(sequence=2), 1800.0)
    assert lsdb.expire(3600.0) == []
    assert len(lsdb.expire(5400.0)) == 1


def test_do_not_age() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(age=DO_NOT_AGE | 3599), 0.0)
    assert lsdb.next_expiry() is None and len(lsdb.lsas(1e9)) == 1
    aged = lsdb.aged((1, 1, 1), 1e6)
    assert aged is not None and aged.header.age == DO_NOT_AGE | 3599
    assert lsdb.overdue(100, 1e6) == 0


def test_aged_tells_the_age_now() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(age=7), 100.0)
    assert lsdb.aged((1, 1, 1), 150.9) == with_age(lsa(), 57)
    assert lsdb.aged((1, 1, 1), 1e9) == with_age(lsa(), MAX_AGE)
    assert lsdb.aged((1, 2, 2), 0.0) is None


def test_lsas_come_by_key() -> None:
    lsdb = Lsdb(0)
    kinds(lsdb, lsa(3), lsa(1), lsa(2))
    assert [each.key[1] for each in lsdb.lsas(0.0)] == [1, 2, 3]


def test_the_ceiling_holds_and_is_counted() -> None:
    lsdb = Lsdb(0, max_lsas=2)
    assert kinds(lsdb, lsa(1), lsa(2), lsa(3), lsa(1, sequence=2, metric=3)) == [ADDED, ADDED, None, CHANGED]
    assert (len(lsdb), lsdb.stats.refused_full) == (2, 1)


def test_refreshes_do_not_pile_up_timers() -> None:
    lsdb = Lsdb(0)
    for sequence in range(1, 5000):
        lsdb.install(lsa(sequence=sequence), float(sequence))
    assert len(lsdb._timers) < 200
    assert lsdb.next_expiry() is not None and len(lsdb.expire(4999.0 + 3600)) == 1


def test_sequence_gaps_are_counted() -> None:
    lsdb = Lsdb(0)
    kinds(lsdb, lsa(sequence=1), lsa(sequence=2), lsa(sequence=4), lsa(sequence=5))
    assert lsdb.stats.sequence_gaps == 1


def test_vanish_removes_what_a_neighbor_no_longer_describes() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(1), 1.0)
    lsdb.install(lsa(2), 1.0)
    lsdb.install(lsa(3), 5.0)  # heard after the description began
    changes = lsdb.vanish({(1, 1, 1)}, before=4.0, now=6.0)
    assert [(change.key, change.kind) for change in changes] == [((1, 2, 2), REMOVED)]
    assert len(lsdb) == 2 and lsdb.stats.vanished == 1


def test_vanish_spares_externals_of_the_neighbor_itself() -> None:  # tests/lab/cases/nssa
    def external(router: int) -> Lsa:
        body = ExternalLsa(0xFFFFFF00, 7, True, 9, 0)
        return encode_lsa(type=5, link_state_id=router << 8, advertising_router=router, body=body)

    lsdb = Lsdb(0)
    kinds(lsdb, lsa(1), lsa(2), external(1), external(2))
    gone = lsdb.vanish({(1, 2, 2)}, before=4.0, now=6.0, teller=1)
    assert [change.key for change in gone] == [(1, 1, 1), external(2).key]
    assert lsdb.get(external(1).key) is not None
    assert [change.key for change in lsdb.vanish({(1, 2, 2)}, before=4.0, now=6.0)] == [external(1).key]


def test_wants() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(1, sequence=5), 0.0)
    assert lsdb.wants(lsa(2).header, 0.0)
    assert lsdb.wants(lsa(1, sequence=6).header, 0.0)
    assert not lsdb.wants(lsa(1, sequence=5).header, 0.0)
    assert not lsdb.wants(lsa(1, sequence=4).header, 0.0)
    assert not lsdb.wants(lsa(2, age=MAX_AGE).header, 0.0)
    assert lsdb.wants(replace(lsa(1, sequence=5).header, age=MAX_AGE), 0.0)


def test_overdue() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(1), 0.0)
    lsdb.install(lsa(2), 2000.0)
    assert lsdb.overdue(2400, 2400.0) == 0
    assert lsdb.overdue(2400, 2401.0) == 1


def test_the_three_scopes() -> None:
    lsdb = Lsdb(0)
    of_types = {
        kind: encode_lsa(
            type=kind,
            link_state_id=1,
            advertising_router=1,
            body=ExternalLsa(0, 1, True, 0, 0) if kind in (5, 7) else OpaqueLsa(b"data"),
        )
        for kind in (5, 7, 9, 10, 11, 99)
    }
    for each in (lsa(), *of_types.values()):
        lsdb.install(each, 0.0)
    kinds_of = {
        scope: [each.header.type for each in lsdb.lsas(0.0, scope)] for scope in (SCOPE_LINK, SCOPE_AREA, SCOPE_AS)
    }
    assert kinds_of == {SCOPE_LINK: [9], SCOPE_AREA: [1, 7, 10, 99], SCOPE_AS: [5, 11]}
    assert sum(map(len, kinds_of.values())) == len(lsdb)
    assert lsdb.lsas(MAX_AGE, SCOPE_AS) == ()
    assert lsdb.checksum_sum(SCOPE_LINK) == of_types[9].header.checksum
    assert lsdb.checksum_sum(SCOPE_AS) == of_types[5].header.checksum + of_types[11].header.checksum


def test_equal_databases_have_equal_checksum_sums() -> None:
    one, other = Lsdb(0), Lsdb(0)
    for router in range(1, 50):
        one.install(lsa(router, age=5), 0.0)
        other.install(lsa(50 - router, age=900), 77.0)
    assert one.checksum_sum(SCOPE_AREA) == other.checksum_sum(SCOPE_AREA) > 0xFFFF
    assert one.checksum_sum(SCOPE_AS) == 0
    other.install(lsa(3, sequence=2), 80.0)
    assert one.checksum_sum(SCOPE_AREA) != other.checksum_sum(SCOPE_AREA)
    other.install(lsa(3, sequence=3, age=MAX_AGE), 80.0)  # a tombstone does not count
    one.vanish({each.key for each in other.lsas(80.0)}, before=1.0, now=80.0)
    assert one.checksum_sum(SCOPE_AREA) == other.checksum_sum(SCOPE_AREA)


class SlowLsdb:
    """The database once more, without timers, order or anything else remembered."""

    def __init__(self, max_lsas: int) -> None:
        self.max_lsas = max_lsas
        self.held: dict[Key, tuple[Lsa, float, bool]] = {}  # the LSA, when it came, does it live
        self.born: dict[Key, float] = {}  # the last live one

    def age(self, key: Key, now: float) -> int:
        held, received, _ = self.held[key]
        return (
            held.header.age & 0x7FFF
            if held.header.age & DO_NOT_AGE
            else min(MAX_AGE, held.header.age + int(now - received))
        )

    def due(self, key: Key) -> float:
        held, received, live = self.held[key]
        if not live:
            return received + TOMBSTONE_SECONDS
        return float("inf") if held.header.age & DO_NOT_AGE else received + MAX_AGE - held.header.age

    def install(self, lsa: Lsa, now: float) -> tuple[str, Lsa | None, Lsa | None] | None:
        key, dead = lsa.key, plain_age(lsa.header) == MAX_AGE
        if key not in self.held:
            if dead or len(self.held) >= self.max_lsas:
                return None
            self.held[key] = (lsa, now, True)
            self.born[key] = now - plain_age(lsa.header)
            return ADDED, None, lsa
        held, received, live = self.held[key]
        later = now - plain_age(lsa.header) > self.born[key] + BORN_LATER_SECONDS
        anew = not live and not dead and later and now - received >= FLUSHING_SECONDS
        if not anew and is_newer(lsa.header, replace(held.header, age=self.age(key, now))) <= 0:
            return None
        self.held[key] = (lsa, now, not dead)
        if not dead:
            self.born[key] = now - plain_age(lsa.header)
        if dead and lsa.header.sequence == MAX_SEQUENCE:
            del self.held[key]
        if dead:
            return (REMOVED, held, None) if live else None
        if not live:
            return ADDED, None, lsa
        same = held.body == lsa.body and held.header.options == lsa.header.options
        return None if same else (CHANGED, held, lsa)

    def expire(self, now: float) -> set[Key]:
        gone = {key for key in self.held if self.due(key) <= now}
        alive = {key for key in gone if self.held[key][2]}
        for key in gone:
            del self.held[key]
        return alive


def told(change: LsdbChange | None) -> tuple[str, Lsa | None, Lsa | None] | None:
    return None if change is None else (change.kind, change.old, change.new)


@pytest.mark.parametrize("seed", range(8))
def test_any_course_of_events_ends_as_in_the_slow_database(seed: int) -> None:
    rng = random.Random(seed)
    ages = (0, 1, 100, 1800, 3599, MAX_AGE, DO_NOT_AGE | 5)
    for _ in range(40):
        lsdb, slow, now = Lsdb(0, max_lsas=9), SlowLsdb(9), 0.0
        for _ in range(60):
            now += rng.choice((0, 0, 1, 10, 61, 900, 1800))
            if rng.random() < 0.3:
                assert {change.key for change in lsdb.expire(now)} == slow.expire(now)
            else:
                sequence = rng.choice((1, 2, 3, 4, 5, 6, MAX_SEQUENCE))
                each = lsa(rng.randrange(12), sequence, rng.randrange(2), rng.choice(ages))
                assert told(lsdb.install(each, now)) == slow.install(each, now)
            alive = [held for _, (held, _, live) in sorted(slow.held.items()) if live and slow.due(held.key) > now]
            assert lsdb.lsas(now) == tuple(alive)
            dues = [slow.due(key) for key in slow.held if slow.due(key) != float("inf")]
            assert lsdb.next_expiry() == min(dues, default=None)
            assert len(lsdb) == sum(live for _, _, live in slow.held.values())


def test_octets_are_bounded_as_well_as_lsas() -> None:
    """An LSA may have 64 KB: a few thousand forged ones must not fill the memory."""

    def opaque(number: int, octets: int, sequence: int = 1) -> Lsa:
        return encode_lsa(
            type=10, link_state_id=number, advertising_router=1, body=OpaqueLsa(bytes(octets)), sequence=sequence
        )

    lsdb = Lsdb(0, 100)
    for number in range(50):
        lsdb.install(opaque(number, 60_000), 0.0)
    assert len(lsdb) == 17 and lsdb.stats.refused_full == 33  # a megabyte
    assert lsdb.install(opaque(99, 4), 1.0) is not None
    change = lsdb.install(opaque(99, 60_000, 2), 2.0)  # what it said before holds no longer
    assert change is not None and change.kind == "removed" and lsdb.get(change.key) is None
    lsdb.install(opaque(0, 4, 2), 3.0)
    assert lsdb.install(opaque(99, 40_000, 3), 4.0) is not None
    for number in range(50):
        lsdb.install(with_age(opaque(number, 4, 9), MAX_AGE), 5.0)
    lsdb.vanish((), 6.0, 6.0)
    lsdb.expire(1000.0)
    assert not lsdb._entries and lsdb._octets == 0
