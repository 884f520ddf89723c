import pytest

from ospf.counters import ListenerStats
from ospf.events import LsaHeard
from ospf.lsa import MAX_AGE, Lsa, RouterLink, RouterLsa, encode_lsa
from ospf.lsdb import Lsdb
from ospf.recorder import MAX_RECORDED, Recorder, outcome


def lsa(sequence: int = 1, metric: int = 1, age: int = 0, router: int = 1) -> Lsa:
    body = RouterLsa(0, (RouterLink(1, 2, 3, metric),))
    return encode_lsa(type=1, link_state_id=router, advertising_router=router, body=body, sequence=sequence, age=age)


def offer(lsdb: Lsdb, each: Lsa) -> str:
    order = lsdb.compare(each.header, 0.0)
    return outcome(lsdb, each, order, lsdb.install(each, 0.0))


def test_every_outcome() -> None:
    lsdb = Lsdb(0, 2)
    assert offer(lsdb, lsa(age=MAX_AGE)) == "duplicate"  # the flush of something not held
    assert offer(lsdb, lsa(2)) == "added"
    assert offer(lsdb, lsa(2)) == "duplicate"
    assert offer(lsdb, lsa(1)) == "older"
    assert offer(lsdb, lsa(3)) == "refreshed"
    assert offer(lsdb, lsa(4, metric=9)) == "changed"
    assert offer(lsdb, lsa(4, metric=9, age=MAX_AGE)) == "removed"
    assert offer(lsdb, lsa(4, metric=9, age=MAX_AGE)) == "duplicate"
    assert offer(lsdb, lsa(5, age=MAX_AGE)) == "duplicate"  # a tombstone's newer flush
    assert offer(lsdb, lsa(router=2)) == "added"
    assert offer(lsdb, lsa(router=3)) == "older"  # no room


def test_what_leaves_by_itself_is_told_with_max_age() -> None:
    recorder = Recorder(ListenerStats())
    lsdb = Lsdb(0)
    lsdb.install(lsa(2), 0.0)
    recorder.note_gone(lsdb.vanish((), 1.0, 5.0), 7)
    assert recorder.pull() is None  # off
    recorder.on = True
    lsdb.install(lsa(3), 0.0)
    recorder.note_gone(lsdb.expire(3600.0), 7)
    assert recorder.pull() == LsaHeard(lsa(3, age=MAX_AGE), 3600.0, "removed", 7, 0)
    assert recorder.pull() is None


def test_a_record_rebuilds_the_database() -> None:
    heard = [lsa(1), lsa(2, 5), lsa(1, router=2), lsa(3, 5), lsa(1, router=3)]
    recorder = Recorder(ListenerStats())
    recorder.on = True
    one, other = Lsdb(0), Lsdb(0)
    for each in heard:
        order = one.compare(each.header, 0.0)
        recorder.note(each, 0.0, outcome(one, each, order, one.install(each, 0.0)), 0, 9)
    recorder.note_gone(one.vanish({(1, 1, 1), (1, 3, 3)}, 1.0, 2.0), 0)
    while (record := recorder.pull()) is not None:
        other.install(record.lsa, record.time)
    assert other.lsas(3.0) == one.lsas(3.0) and len(one) == 2


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospf.recorder.MAX_RECORDED", 3)
    stats = ListenerStats()
    recorder = Recorder(stats)
    for number in range(5):
        recorder.note(lsa(number + 1), float(number), "changed", 0, 1)
    assert stats.lsas_unrecorded == 2 and MAX_RECORDED > 10_000
    assert [recorder.pull() is not None for _ in range(4)] == [True, True, True, False]
