import os
from pathlib import Path

import pytest

from mibs.errors import SnapshotError
from mibs.snapshotfile import SnapshotWatch, map_snapshot, write_snapshot
from tests.mibs.sample import sample_snapshot


def test_written_and_mapped(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    write_snapshot(path, sample_snapshot(links=3))
    old = map_snapshot(path)
    before = [old.key(row) for row in range(len(old))]
    write_snapshot(str(path), sample_snapshot(links=5))
    assert len(map_snapshot(path)) > len(old)
    assert [old.key(row) for row in range(len(old))] == before  # the replaced one lives on while it is mapped
    assert os.listdir(tmp_path) == ["snapshot"]


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "snapshot"
    (target / "in the way").mkdir(parents=True)
    with pytest.raises(OSError):
        write_snapshot(target, b"x")
    assert os.listdir(tmp_path) == ["snapshot"]


@pytest.mark.parametrize("octets", [b"", b"x" * 10_000, sample_snapshot()[:-100]], ids=["empty", "foreign", "torn"])
def test_bad_files(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "snapshot"
    path.write_bytes(octets)
    with pytest.raises(SnapshotError):
        map_snapshot(path)


def test_watch(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    watch = SnapshotWatch(path)
    assert not watch.changed()
    write_snapshot(path, b"1")
    assert watch.changed() and not watch.changed()
    write_snapshot(path, b"2")
    assert watch.changed() and not watch.changed()
    path.unlink()
    assert not watch.changed()
