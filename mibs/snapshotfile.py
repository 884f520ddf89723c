"""The snapshot's file: written beside and renamed over, so that a reader sees one or the other, whole."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path

from mibs.tree import Tree

Stamp = tuple[int, int, int]  # device, inode, modification time in ns


def write_snapshot(path: str | Path, octets: bytes) -> None:
    """Replace the file at `path` in one step.  The directory must exist.  Raises OSError."""
    replace_file(Path(path), octets)


def replace_file(path: Path, octets: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(octets)
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def map_snapshot(path: str | Path) -> Tree:
    """Raises OSError, SnapshotError."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return Tree(b"")  # nothing to map; Tree says what is wrong
        return Tree(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


@dataclass
class SnapshotWatch:
    """Tells when the file at `path` is another one."""

    path: Path
    _seen: Stamp | None = None

    def changed(self) -> bool:
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return False  # keep answering from the one that is mapped
        stamp = (status.st_dev, status.st_ino, status.st_mtime_ns)
        if stamp == self._seen:
            return False
        self._seen = stamp
        return True
