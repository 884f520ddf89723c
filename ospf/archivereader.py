"""Reading the archive's folder: any instant, any span of time, also while it is being written (IO).

The newest segment that began by then has what is wanted (the one written last, where a clock was set back): one
snapshot and the tail behind it. A segment that cannot be read is counted and left out; a torn tail is not seen; of one
with a damaged piece (a bad sector) counts what stands before it and what stands behind the next snapshot.
"""

from __future__ import annotations

import calendar
import logging
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from ospf.archive import HELD, Databases, Item, Record, snapshot
from ospf.errors import OspfArchiveError
from ospf.segment import SNAPSHOT, Block, Scan, blocks_for, read, scan

log = logging.getLogger(__name__)
FOLDER = "ospf-archive"  # inside the gateway's state directory
NAME = re.compile(r"lsas-(\d{8})-\d{8}T\d{6}Z\.anemlsa")


class ArchiveReader:
    """Reads a folder of segments, a state directory that has one, or one segment."""

    def __init__(self, path: str | Path) -> None:
        given = Path(path)
        if given.is_dir():
            folder = given / FOLDER if (given / FOLDER).is_dir() else given
            self._paths = [each for _, each in listed_segments(folder)]
            if not self._paths:
                raise OspfArchiveError(f"{path}: no archive of LSAs here; give the gateway's state_dir")
        elif given.is_file():
            self._paths = [given]
        else:
            raise OspfArchiveError(f"{path}: no such file or folder; give the gateway's state_dir")
        self.damaged = 0  # segments, or parts of them, that could not be read

    def at(self, seconds: float) -> Databases | None:
        """The databases as they were at an instant, None when the archive begins later."""
        moment = milliseconds(seconds)
        for path in reversed(self._paths):
            if len(self._paths) > 1 and begins(path) > moment:
                continue
            loaded = self._load(path)
            if loaded is None or not loaded[1].blocks or loaded[1].blocks[0].time > moment:
                continue
            databases = Databases()
            self._build(databases, loaded, moment)
            return databases
        return None

    def span(self) -> tuple[float, float]:
        """Times of the first snapshot and of the last record, seconds since 1970."""
        first: int | None = None
        for path in self._paths:
            loaded = self._load(path)
            if loaded is not None and loaded[1].blocks:
                first = loaded[1].blocks[0].time
                break
        for path in reversed(self._paths):
            loaded = self._load(path)
            if first is not None and loaded is not None and loaded[1].blocks:
                return first / 1000, max(last_time(*loaded), loaded[1].blocks[-1].time) / 1000
        raise OspfArchiveError(f"{self._paths[0]}: no record is whole")

    def items(self, since: float, until: float) -> Iterator[Item]:
        """Records and marks with since < time <= until, in the order archived; snapshots are left out."""
        after, last = milliseconds(since), milliseconds(until)
        for number, path in enumerate(self._paths):
            if number + 1 < len(self._paths) and begins(self._paths[number + 1]) + 1000 <= after:
                continue
            loaded = self._load(path)
            if loaded is None or not loaded[1].blocks or loaded[1].blocks[0].time > last:
                continue
            data, found = loaded
            start = blocks_for(found.blocks, max(after, found.blocks[0].time))[0]
            blocks = found.blocks[found.blocks.index(start) :]
            for item in self._sound(data, blocks, found.whole):
                if after < item.time <= last and not (isinstance(item, Record) and item.outcome == HELD):
                    yield item

    def everything(self) -> Iterator[Item]:
        """What the archive begins with and all that followed; snapshots in between are left out."""
        first, last = self.span()
        databases = self.at(first)
        if databases is not None:
            yield from snapshot(databases)
        yield from self.items(first, last)

    def _build(self, databases: Databases, loaded: tuple[bytes, Scan], moment: int) -> None:
        data, found = loaded
        for item in self._sound(data, blocks_for(found.blocks, moment), found.whole):
            if item.time > moment:
                break
            databases.apply(item)

    def _sound(self, data: bytes, blocks: tuple[Block, ...], whole: int) -> Iterator[Item]:
        """Items of successive blocks, the first of which is a snapshot; what a damaged piece takes along is counted."""
        starts = [n for n, block in enumerate(blocks) if block.kind == SNAPSHOT]
        for first, end in pairwise([*starts, len(blocks)]):
            try:
                yield from read(data, blocks[first:end], whole)
            except OspfArchiveError as error:
                self.damaged += 1
                log.warning("the archive of LSAs is damaged: %s; up to the next snapshot it is left out", error)

    def _load(self, path: Path) -> tuple[bytes, Scan] | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # the writer removed it meanwhile
            return None
        found = scanned(data)
        if found is None:
            if len(self._paths) == 1:
                raise OspfArchiveError(f"{path}: not an archive of LSAs")
            self.damaged += 1
            return None
        return data, found


def scanned(data: bytes) -> Scan | None:
    """What a segment holds, None when it is none."""
    try:
        return scan(data)
    except OspfArchiveError:
        return None


def listed_segments(directory: Path) -> list[tuple[int, Path]]:
    """Segments by number."""
    found = [(NAME.fullmatch(path.name), path) for path in directory.iterdir()]
    return sorted((int(match[1]), path) for match, path in found if match is not None)


def begins(path: Path) -> int:
    """When a segment begins (ms since 1970), from its name."""
    text = path.stem.rpartition("-")[2]
    return calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ")) * 1000


def last_time(data: bytes, found: Scan) -> int:
    """The time of the last record (ms since 1970)."""
    newest = found.blocks[-1].time
    try:
        for item in read(data, blocks_for(found.blocks, newest), found.whole):
            newest = max(newest, item.time)
    except OspfArchiveError:  # a damaged piece: the last one in front of it
        return newest
    return newest


def milliseconds(seconds: float) -> int:
    """Seconds since 1970 as the archive's times; forever is far away."""
    return round(seconds * 1000) if abs(seconds) < 1e15 else int(1e18)
