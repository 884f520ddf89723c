"""ospf.archivereader: instants, spans, and folders with damage in them (what is read is in test_archivefile)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ospf import archivereader
from ospf.archive import Mark
from ospf.archivefile import ArchiveFile
from ospf.archivereader import ArchiveReader
from ospf.errors import OspfArchiveError
from ospf.segment import TAIL, scan
from tests.ospf.archived import START, record, router_lsa

SECONDS = START / 1000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three segments of ten records a second each."""
    monkeypatch.setattr("ospf.archivefile._now", lambda: START)
    archive = ArchiveFile(tmp_path)
    archive.open()
    for segment in range(3):
        first = segment * 10
        archive._take([record(router_lsa(n), START + n * 1000) for n in range(first, first + 10)])
        archive.flush(SECONDS + first + 9)
        archive._new_segment(START + (first + 9) * 1000 + 500)
    archive.stop()
    return tmp_path


def times(folder: Path, since: float, until: float) -> list[int]:
    return [(item.time - START) // 1000 for item in ArchiveReader(folder).items(SECONDS + since, SECONDS + until)]


def test_any_span_of_time_is_read_across_segments(folder: Path) -> None:
    assert times(folder, -1, 100) == list(range(30))
    for since, until in ((0, 29), (8, 12), (9.4, 9.6), (9, 10), (19, 20), (25, 25), (40, 50)):
        assert times(folder, since, until) == [n for n in range(30) if since < n <= until]


def test_a_damaged_segment_is_counted_and_left_out(folder: Path) -> None:
    second = sorted(folder.iterdir())[1]
    second.write_bytes(b"rubbish")
    reader = ArchiveReader(folder)
    assert len(list(reader.items(0, 1e12))) == 20 and reader.damaged == 1
    then = reader.at(SECONDS + 15)  # the newest before it that can be read
    assert then is not None and len(then) == 10
    second.unlink()
    assert len(list(reader.items(0, 1e12))) == 20  # as when the writer removes one meanwhile


def test_everything_begins_with_what_was_held_first(folder: Path) -> None:
    alone = sorted(folder.iterdir())[1]
    items = list(ArchiveReader(alone).everything())
    assert len(items) == 20 and not any(isinstance(item, Mark) for item in items)
    with pytest.raises(OspfArchiveError, match="no record is whole"):
        alone.write_bytes(alone.read_bytes()[:20])
        ArchiveReader(alone).span()


def test_names_say_when_a_segment_begins() -> None:
    assert archivereader.begins(Path("lsas-00000007-20251121T212000Z.anemlsa")) == 1_763_760_000_000 == START


def test_forever_is_a_time() -> None:
    assert archivereader.milliseconds(1.5) == 1500
    assert archivereader.milliseconds(float("inf")) > archivereader.milliseconds(1e12)


def test_a_bad_sector_costs_what_stands_behind_it_up_to_the_next_snapshot(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    middle = sorted(folder.iterdir())[1]
    data = bytearray(middle.read_bytes())
    tail = next(block.offset for block in scan(bytes(data)).blocks if block.kind == TAIL)
    data[tail + 40] ^= 0xFF
    middle.write_bytes(data)
    reader = ArchiveReader(folder)
    items = [(item.time - START) // 1000 for item in reader.items(SECONDS - 1, SECONDS + 100)]
    assert items == [*range(10), *range(20, 30)] and reader.damaged == 1
    assert "the archive of LSAs is damaged: a damaged piece at octet" in caplog.text
    for at, count in ((5, 6), (15, 10), (25, 26)):  # what the last sound record led to
        databases = ArchiveReader(folder).at(SECONDS + at)
        assert databases is not None and len(databases) == count
    assert ArchiveReader(folder).span()[1] >= SECONDS + 29
