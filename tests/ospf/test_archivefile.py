"""ospf.archivefile: what is written survives crashes, stays within its bounds, and gives back any instant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf import archivefile, segment
from ospf.archive import BEGUN, Mark, Record
from ospf.archivefile import ArchiveFile, ArchiveReader
from ospf.errors import OspfArchiveError
from ospf.lsa import Lsa
from tests.ospf.archived import START, Recorded, router_lsa

SECONDS = START / 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the wall clock, seconds after START."""

    def set_to(seconds: float) -> None:
        monkeypatch.setattr(archivefile, "_now", lambda: START + round(seconds * 1000))

    set_to(0)
    return set_to


def heard(lsa: Lsa, at: float, outcome: str = "added", area: int = 0, router: int = 7) -> Any:
    return SimpleNamespace(lsa=lsa, time=at, outcome=outcome, area=area, router_id=router)


def opened(folder: Path, **bounds: Any) -> ArchiveFile:
    archive = ArchiveFile(folder, **bounds)
    archive.open()
    return archive


def raws(folder: Path, at: float) -> list[bytes]:
    databases = ArchiveReader(folder).at(SECONDS + at)
    assert databases is not None
    alive = databases.alive(START + round(at * 1000)).values()
    return sorted(held.raw for lsas in alive for held in lsas.values())


def test_what_is_heard_is_read_back_as_of_any_instant(tmp_path: Path, clock: Any) -> None:
    archive = opened(tmp_path)
    archive.begin("default", 2, "lan", SECONDS)
    one, two, changed = router_lsa(1), router_lsa(2), router_lsa(1, 1, 30)
    # times of a listener's clock that began 1000 s before START
    archive.write("default", 2, "lan", [heard(one, 1001), heard(two, 1002)], SECONDS - 1000)
    archive.write("default", 2, "lan", [heard(changed, 1003, "changed"), heard(two, 1004, "removed")], SECONDS - 1000)
    archive.flush(SECONDS + 5)
    for at, held in ((0.5, []), (1, [one]), (2.5, [one, two]), (3, [changed, two]), (9, [changed])):
        assert raws(tmp_path, at) == sorted(lsa.raw for lsa in held)
    reader = ArchiveReader(tmp_path)
    assert reader.at(SECONDS - 1) is None and reader.span() == (SECONDS, SECONDS + 4)
    items = list(reader.items(SECONDS + 1, SECONDS + 3))
    assert [(item.time - START, type(item)) for item in items] == [(2000, Record), (3000, Record)]
    assert isinstance(next(reader.items(0, SECONDS + 9)), Mark)
    assert archive.stats.records == 5 and archive.stats.records_lost == 0
    archive.stop()
    assert ArchiveReader(next(tmp_path.iterdir())).span()[0] == SECONDS


def test_a_state_directory_will_do_and_what_is_none_is_refused(tmp_path: Path, clock: Any) -> None:
    opened(tmp_path / archivefile.FOLDER).stop()
    assert ArchiveReader(tmp_path).at(SECONDS) is not None
    (tmp_path / "x").write_bytes(b"no archive")
    with pytest.raises(OspfArchiveError, match="x: not an archive"):
        ArchiveReader(tmp_path / "x").at(SECONDS)
    for path, words in ((tmp_path / "none", "no such file"), (tmp_path / "x.d", "state_dir")):
        if path.suffix:
            path.mkdir()
        with pytest.raises(OspfArchiveError, match=words):
            ArchiveReader(path)


def test_a_torn_tail_is_cut_off_and_counted_and_the_file_goes_on(tmp_path: Path, clock: Any) -> None:
    archive = opened(tmp_path)
    archive.write("default", 2, "lan", [heard(router_lsa(1), 1)], SECONDS)
    archive.flush(SECONDS + 1)
    (path,) = tmp_path.iterdir()
    whole = path.stat().st_size
    archive.write("default", 2, "lan", [heard(router_lsa(2), 2)], SECONDS)
    archive.flush(SECONDS + 2)
    os.truncate(path, path.stat().st_size - 3)  # as after kill -9 in the middle of a write
    assert raws(tmp_path, 5) == [router_lsa(1).raw]
    clock(10)
    again = opened(tmp_path)
    assert again.stats.torn_octets > 0 and path.stat().st_size == whole
    again.begin("default", 2, "lan", SECONDS + 10)
    again.write("default", 2, "lan", [heard(router_lsa(3), 11)], SECONDS)
    again.flush(SECONDS + 11)
    assert path.read_bytes()[whole : whole + 1] == b"B"
    assert raws(tmp_path, 9) == [router_lsa(1).raw]  # while nothing ran: what was known last
    assert raws(tmp_path, 10.5) == [] and raws(tmp_path, 12) == [router_lsa(3).raw]
    assert list(tmp_path.iterdir()) == [path]
    again.stop()
    archive._abandon()


def test_a_start_that_fails_leaves_the_past_as_it_was(tmp_path: Path, clock: Any) -> None:
    archive = opened(tmp_path)
    archive.begin("default", 2, "lan", SECONDS)
    archive.write("default", 2, "lan", [heard(router_lsa(1), 1)], SECONDS)
    archive.stop()
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    clock(10)
    failed = opened(tmp_path)  # then an attachment says that it may not open its socket
    failed.flush(SECONDS + 10)
    failed.stop()
    assert path.read_bytes() == before and raws(tmp_path, 20) == [router_lsa(1).raw]
    clock(30)
    again = opened(tmp_path)
    again.begin("default", 2, "other", SECONDS + 31)  # this gateway does not listen on "lan"
    again.stop()
    assert raws(tmp_path, 29) == [router_lsa(1).raw] and raws(tmp_path, 31) == []


def test_nothing_written_is_lost_by_kill_9(tmp_path: Path) -> None:
    script = """
import sys, time
from ospf.archivefile import ArchiveFile
from tests.ospf.archived import router_lsa
from types import SimpleNamespace
archive = ArchiveFile(sys.argv[1])
archive.open()
for n in range(1, 100000):
    heard = SimpleNamespace(lsa=router_lsa(n), time=time.time(), outcome="added", area=0, router_id=7)
    archive.write("default", 2, "lan", [heard])
    archive.flush(time.time())
    print(n, flush=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert child.stdout is not None
    said = 0
    for line in child.stdout:
        said = int(line)
        if said >= 300:
            child.send_signal(signal.SIGKILL)
            break
    rest = child.stdout.read().split()
    child.wait(20)
    child.stdout.close()
    said = int(rest[-1]) if rest else said
    databases = ArchiveReader(tmp_path).at(time.time() + 5)
    assert databases is not None and len(databases) in (said, said + 1)


def test_bounds_of_size_and_age(tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivefile, "LEAST_OCTETS", 0)
    archive = opened(tmp_path, octets=64_000, days=1)
    most = 0
    for step in range(400):
        now = step * 20.0
        lsas = [router_lsa(n, step, metric=(step * 37 + n * 11) % 5000, links=8) for n in range(10)]
        archive.write("default", 2, "lan", [heard(lsa, now, "changed") for lsa in lsas], SECONDS)
        archive.flush(SECONDS + now)
        most = max(most, sum(path.stat().st_size for path in tmp_path.iterdir()))
        assert raws(tmp_path, now) == sorted(lsa.raw for lsa in lsas)
    assert most <= 64_000 and archive.stats.segments_removed > 5 and archive.stats.octets > 100_000
    first, last = ArchiveReader(tmp_path).span()
    assert SECONDS < first < last == SECONDS + 399 * 20
    segments = archive.stats.segments
    for second in range(5):  # days later all that is too old, and a silent network writes no segment every second
        archive.flush(SECONDS + 399 * 20 + 3 * 86_400 + second)
    assert archive.stats.segments == segments + 1
    for step in range(16):  # not all of it at once
        archive.flush(SECONDS + 399 * 20 + 6 * 86_400 + step * 86_400 / 16)
    assert len(list(tmp_path.iterdir())) <= 17
    first, _ = ArchiveReader(tmp_path).span()
    assert first >= SECONDS + 399 * 20 + 3 * 86_400
    archive.stop()


def test_a_clock_that_is_wrong_for_a_moment_costs_little_of_the_past(tmp_path: Path, clock: Any) -> None:
    archive = opened(tmp_path, days=90)
    for day in range(0, 80, 5):
        archive.write("default", 2, "lan", [heard(router_lsa(1, day), day * 86_400)], SECONDS)
        archive.flush(SECONDS + day * 86_400)
    before = len(list(tmp_path.iterdir()))
    for now in (80 * 86_400 + 365 * 86_400, 80 * 86_400):  # next year, and back
        archive.write("default", 2, "lan", [heard(router_lsa(2, now), now)], SECONDS)
        archive.flush(SECONDS + now)
    assert archive.stats.segments_removed <= 2 and len(list(tmp_path.iterdir())) == before
    archive.stop()


def test_what_is_held_does_not_grow_old_by_a_clock_set_forward(tmp_path: Path, clock: Any) -> None:
    """A machine without a clock of its own: routers are heard before the time is known."""
    archive = opened(tmp_path)
    lsas = [router_lsa(n) for n in range(20)]
    archive.write("default", 2, "lan", [heard(lsa, 1) for lsa in lsas], SECONDS)
    archive.flush(SECONDS + 1, 1.0)
    year = 365 * 86_400
    fresh = router_lsa(0, 1)
    archive.write("default", 2, "lan", [heard(fresh, year + 2, "refreshed")], SECONDS)
    archive.flush(SECONDS + year + 2, 1.0)
    assert archive.stats.clock_forward == 1
    assert raws(tmp_path, year + 3) == sorted(lsa.raw for lsa in [fresh, *lsas[1:]])
    assert raws(tmp_path, 2) == sorted(lsa.raw for lsa in lsas)
    archive.flush(SECONDS + year + 3500, 3498.0)
    assert len(raws(tmp_path, year + 3500)) == 20
    assert raws(tmp_path, year + 3602) == []  # no older and no younger than it is
    archive.stop()


def test_a_clock_set_back_begins_a_new_segment(tmp_path: Path, clock: Any) -> None:
    archive = opened(tmp_path)
    for at, number in ((100, 1), (100.5, 2), (100.2, 3), (50, 4), (60, 5)):
        archive.write("default", 2, "lan", [heard(router_lsa(number), at)], SECONDS)
    archive.flush(SECONDS + 100)
    assert archive.stats.clock_back == 1 and len(list(tmp_path.iterdir())) == 2
    assert raws(tmp_path, 61) == sorted(router_lsa(n).raw for n in (1, 2, 3, 4, 5))
    assert raws(tmp_path, 55) == sorted(router_lsa(n).raw for n in (1, 2, 3, 4))
    archive.stop()
    clock(-500)  # while nothing ran
    again = opened(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    again.stop()


def test_a_disk_that_refuses_is_counted_and_the_databases_come_back(
    tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    archive = opened(tmp_path)
    archive.write("default", 2, "lan", [heard(router_lsa(1), 1)], SECONDS)
    archive.flush(SECONDS + 1)

    def full(octets: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_put", full)
    for at in (2, 3):
        archive.write("default", 2, "lan", [heard(router_lsa(at), at)], SECONDS)
        archive.flush(SECONDS + at)
    assert (archive.stats.failures, archive.stats.records_lost) == (2, 2)
    assert len(list(tmp_path.iterdir())) == 1 and caplog.text.count("No space left on device") >= 1
    assert len(caplog.records) == 1
    monkeypatch.undo()
    archive.flush(SECONDS + 4)
    assert raws(tmp_path, 3.5) == [router_lsa(1).raw]
    assert raws(tmp_path, 5) == sorted(router_lsa(n).raw for n in (1, 2, 3))
    monkeypatch.setattr(archive, "_put", full)
    lsas = [(9, router_lsa(4)), (5, router_lsa(5)), (6, router_lsa(6))]  # fails at the second: the clock went back
    archive.write("default", 2, "lan", [heard(lsa, at) for at, lsa in lsas], SECONDS)
    archive.flush(SECONDS + 9)
    monkeypatch.undo()
    archive.flush(SECONDS + 10)
    assert archive.stats.records_lost == 5
    assert raws(tmp_path, 11) == sorted(router_lsa(n).raw for n in range(1, 7))
    archive.stop()


def test_too_much_waiting_is_counted_and_a_whole_database_repairs_it(
    tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archivefile, "MAX_WAITING", 3)
    archive = opened(tmp_path)
    lsas = [router_lsa(n) for n in range(5)]
    no_lsa = heard(SimpleNamespace(raw=b""), 1)
    archive.write("default", 2, "lan", [no_lsa, *(heard(lsa, 1) for lsa in lsas)], SECONDS)
    archive.flush(SECONDS + 1)
    assert archive.stats.records_lost == 3 and len(raws(tmp_path, 1)) == 3
    archive.replace("default", 2, 0, "lan", [lsa.raw for lsa in lsas[1:]], SECONDS + 2)
    archive.flush(SECONDS + 2)
    assert raws(tmp_path, 2) == sorted(lsa.raw for lsa in lsas[1:])
    archive.stop()


def test_octets_that_wait_are_bounded_too(tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stuck disk, and whole databases every second: each counts as what it holds."""
    lsas = [router_lsa(n) for n in range(10)]
    monkeypatch.setattr(archivefile, "MAX_WAITING_OCTETS", 15 * len(lsas[0].raw))
    archive = opened(tmp_path)
    for second in (1, 2, 3):
        archive.replace("default", 2, 0, "lan", [lsa.raw for lsa in lsas], SECONDS + second)
    archive.write("default", 2, "lan", [heard(lsa, 4, "refreshed") for lsa in lsas], SECONDS)
    assert len(archive._waiting) == 6 and archive.stats.records_lost == 7
    archive.flush(SECONDS + 5)
    assert len(raws(tmp_path, 5)) == 10
    archive.replace("default", 2, 0, "lan", [lsa.raw for lsa in lsas] * 9, SECONDS + 6)
    assert len(archive._waiting) == 1  # however big
    archive.stop()


def test_its_own_thread_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivefile, "FLUSH_SECONDS", 0.01)
    archive = ArchiveFile(tmp_path)
    archive.start()
    archive.begin("default", 2, "lan", time.time())
    deadline = time.monotonic() + 30
    while not archive.stats.records:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    archive.settled("default", 2, "lan", time.time())
    archive.stop()
    kinds = [item.kind for item in ArchiveReader(tmp_path).items(0, 1e12) if isinstance(item, Mark)]
    assert kinds[0] == BEGUN and len(kinds) == 2


def test_a_fault_of_ours_does_not_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivefile, "FLUSH_SECONDS", 0.01)
    archive = ArchiveFile(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(archive, "_append", lambda items, now: 1 / 0)
        archive.start()
        deadline = time.monotonic() + 30
        while archive.stats.failures < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    archive.write("default", 2, "lan", [heard(router_lsa(1), time.time())])
    archive.stop()
    databases = ArchiveReader(tmp_path).at(time.time() + 1)
    assert databases is not None and len(databases) == 1


def test_a_folder_that_cannot_be_used_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OspfArchiveError, match="file/x"):
        ArchiveFile(tmp_path / "file" / "x").start()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 700), st.integers(1, 5), st.integers(0, 6), st.integers(0, 3),
                  st.sampled_from([0, 1, 1800, 3590, 3600, 0x8001]), st.booleans()),
        min_size=1, max_size=40,
    ),
    st.lists(st.integers(0, 20_000), min_size=1, max_size=5).map(sorted),
    st.sampled_from([2, 9, 1000]),
    st.sampled_from([300, 2000, 10**6]),
)  # fmt: skip
def test_any_instant_is_what_was_held_live_whatever_the_snapshots_and_segments(
    tmp_path_factory: pytest.TempPathFactory,
    stream: list[tuple[int, int, int, int, int, bool]],
    instants: list[int],
    tail: int,
    octets: int,
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "LEAST_TAIL", tail)
        patch.setattr(segment, "BLOCK_OCTETS", 60)
        patch.setattr(archivefile, "_now", lambda: START)
        archive = opened(folder)
        archive._segment_octets = octets
        live, seen, waiting, now = Recorded(), {}, list(instants), 0
        for step, number, sequence, metric, age, flush in [*stream, (20_000, 1, 0, 0, 1, True)]:
            while waiting and waiting[0] < now + step:
                live.expire(waiting[0])
                seen[waiting[0]] = live.raws(waiting[0])
                waiting.pop(0)
            now += step
            live.expire(now)
            live.offer(router_lsa(number, sequence, metric, age), now)
            if flush:
                archive._take(live.records)
                live.records = []
                archive.flush(SECONDS + now)
        for instant, held in seen.items():
            assert raws(folder, instant) == held
        archive.stop()
