"""exporters/ipfix/held.py"""

from __future__ import annotations

from exporters.ipfix.held import HeldSet, HeldSets, HeldStats


def held(octets: int, at: float = 0.0) -> HeldSet:
    return HeldSet(bytes(octets), 5, at)


def test_taken_once_in_order() -> None:
    stats = HeldStats()
    sets = HeldSets(100, 10.0, stats)
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
    sets = HeldSets(100, 10.0, stats)
    sets.put(1, 256, held(10, at=0.0))
    sets.put(1, 256, held(11, at=5.0))
    assert [len(one.body) for one in sets.take(1, 256, 12.0)] == [11]
    assert (stats.held_decoded_sets, stats.held_dropped_sets) == (1, 1)


def test_room_is_bounded_and_the_oldest_goes_first() -> None:
    stats = HeldStats()
    sets = HeldSets(100, 10.0, stats)
    for template_id in range(256, 270):
        sets.put(1, template_id, held(30))
    assert len(sets) == 3
    assert len(sets.take(1, 269, 0.0)) == 1
    assert sets.take(1, 256, 0.0) == []
    assert stats.held_dropped_sets == 11
    sets.put(1, 300, held(101))
    assert sets.take(1, 300, 0.0) == []
    assert len(sets) == 0
    sets.put(1, 300, held(100))
    assert len(sets) == 1


def test_no_room_at_all() -> None:
    stats = HeldStats()
    sets = HeldSets(0, 10.0, stats)
    sets.put(1, 256, held(1))
    assert len(sets) == 0
    assert stats.held_dropped_sets == 1
