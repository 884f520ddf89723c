"""exporters/ipfix/held.py"""

from __future__ import annotations

from exporters.ipfix.held import OVERHEAD_OCTETS, HeldSet, HeldSets, HeldStats


def held(octets: int, at: float = 0.0) -> HeldSet:
    return HeldSet(bytes(octets), 5, at)


def test_taken_once_in_order() -> None:
    stats = HeldStats()
    sets = HeldSets(1000, 10.0, stats)
    first, second = held(10), held(20)
    sets.put(1, 256, first)
    sets.put(1, 256, second)
    sets.put(1, 257, held(1))
    assert sets.take(1, 256, 1.0) == [first, second]
    assert sets.take(1, 256, 1.0) == []
    assert sets.take(2, 257, 1.0) == []
    assert len(sets) == 1
    assert stats == HeldStats(missing_template_sets=3, missing_template_octets=31, held_decoded_sets=2)


def test_too_old_is_dropped() -> None:
    stats = HeldStats()
    sets = HeldSets(1000, 10.0, stats)
    sets.put(1, 256, held(10, at=0.0))
    sets.put(1, 256, held(11, at=5.0))
    assert [len(one.body) for one in sets.take(1, 256, 12.0)] == [11]
    assert (stats.held_decoded_sets, stats.held_dropped_sets) == (1, 1)


def test_room_is_bounded_and_the_oldest_goes_first() -> None:
    stats = HeldStats()
    sets = HeldSets(3 * (30 + OVERHEAD_OCTETS), 10.0, stats)
    for template_id in range(256, 270):
        sets.put(1, template_id, held(30))
    assert len(sets) == 3
    assert len(sets.take(1, 269, 0.0)) == 1
    assert sets.take(1, 256, 0.0) == []
    assert stats.held_dropped_sets == 11


def test_many_small_sets_do_not_cost_more_than_allowed() -> None:
    sets = HeldSets(100 * OVERHEAD_OCTETS, 10.0, HeldStats())
    for number in range(5000):
        sets.put(1, 256 + number % 7, held(1))
    assert 90 <= len(sets) <= 100


def test_what_is_larger_than_all_room_pushes_nobody_out() -> None:
    stats = HeldStats()
    sets = HeldSets(1000, 10.0, stats)
    sets.put(1, 256, held(10))
    sets.put(1, 257, held(1001 - OVERHEAD_OCTETS))
    assert (len(sets), stats.held_dropped_sets) == (1, 1)
    sets.put(1, 257, held(1000 - OVERHEAD_OCTETS))
    assert [len(one.body) for one in sets.take(1, 257, 0.0)] == [1000 - OVERHEAD_OCTETS]


def test_no_room_at_all() -> None:
    stats = HeldStats()
    sets = HeldSets(0, 10.0, stats)
    sets.put(1, 256, held(1))
    assert len(sets) == 0
    assert stats.held_dropped_sets == 1
