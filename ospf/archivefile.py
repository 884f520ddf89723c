"""The archive's folder: appends what is heard and keeps it within its bounds (IO).

`ArchiveFile` is the writer, one per folder. `write`, `begin`, `settled` and `replace` only put into memory and may be
called from any thread; a thread of its own writes every second, so that a slow disk delays nobody. When the disk
refuses, what could not be written is counted, the databases are kept in memory, and the next try begins a new segment
with a snapshot of them: what is read back later is right again from there on. So it is when more waits than
`MAX_WAITING`; whoever knows that the archive missed something calls `replace`.

A segment is closed when it is big or old enough (a sixteenth of what may be kept), when the clock was set, and
never for a restart, which goes on in the newest segment with an empty snapshot. What is held when the clock is set
forward does not grow old by that (a machine without a clock of its own starts in 1970), and what looks too old goes two
segments at a time only, so that a clock that is wrong for a moment costs little of the past. kill -9 costs what was not
yet handed to the system, at most `FLUSH_SECONDS`; a loss of power what the system had not yet written (fsync is at
rotation).

What it writes `ospf.archivereader` reads.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from ospf.archive import (
    BEGUN,
    OUTCOMES,
    SETTLED,
    Databases,
    Item,
    Mark,
    Record,
    Stream,
    differences,
    is_lsa,
)
from ospf.archivereader import (
    FOLDER,
    ArchiveReader,
    begins,
    last_time,
    listed_segments,
    milliseconds,
    scanned,
)
from ospf.errors import OspfArchiveError
from ospf.segment import Scan, SegmentWriter

__all__ = ["DEFAULT_DAYS", "DEFAULT_OCTETS", "FOLDER", "ArchiveFile", "ArchiveReader", "ArchiveStats", "Heard"]

DEFAULT_OCTETS = 256 << 20
DEFAULT_DAYS = 90.0
LEAST_OCTETS = 1 << 20
SEGMENTS = 16  # a full archive consists of about as many
SEGMENT_CEILING = 32 << 20  # octets
FLUSH_SECONDS = 1.0
COMPLAIN_SECONDS = 60.0
MAX_WAITING = 500_000  # records
MAX_WAITING_OCTETS = 256 << 20  # of LSAs
CLOCK_BACK_MS = 1000  # a clock set back by more than this begins a new segment
CLOCK_FORWARD_MS = 60_000  # ... or set forward
AGED_AT_ONCE = 2  # segments that go for their age with each new one
log = logging.getLogger(__name__)


@dataclass(slots=True)
class ArchiveStats:
    """What was written, and what was lost."""

    records: int = 0
    octets: int = 0  # written, snapshots included
    snapshots: int = 0
    segments: int = 0
    segments_removed: int = 0
    torn_octets: int = 0  # cut off behind the last whole piece of a segment that a crash closed
    clock_back: int = 0
    clock_forward: int = 0
    failures: int = 0  # of the disk
    records_lost: int = 0  # not written: the disk refused, or too many waited


class Octets(Protocol):
    """An LSA of either version: what counts here is its octets."""

    @property
    def raw(self) -> bytes: ...


class Heard(Protocol):
    """`LsaHeard` of either version's listener."""

    @property
    def lsa(self) -> Octets: ...

    @property
    def time(self) -> float: ...

    @property
    def outcome(self) -> str: ...

    @property
    def area(self) -> int: ...

    @property
    def router_id(self) -> int: ...


class _Replace(NamedTuple):
    """A whole database, to be compared with what the archive holds."""

    time: int
    stream: Stream
    raws: tuple[bytes, ...]


class ArchiveFile:
    """Appends to a folder; `octets` and `days` bound what it keeps."""

    def __init__(self, directory: str | Path, *, octets: int = DEFAULT_OCTETS, days: float = DEFAULT_DAYS) -> None:
        self.directory = Path(directory)
        self.stats = ArchiveStats()
        self._octets = max(octets, LEAST_OCTETS)
        self._days = days
        self._segment_octets = min(self._octets // SEGMENTS, SEGMENT_CEILING)
        self._segment_ms = int(min(days * 86_400_000 / SEGMENTS, 86_400_000))
        self._databases = Databases()
        self._waiting: list[Item | _Replace] = []
        self._waiting_records = self._waiting_octets = 0
        self._lock = threading.Lock()  # of _waiting
        self._writing = threading.Lock()  # of everything else
        self._file: BinaryIO | None = None
        self._writer = SegmentWriter()
        self._resumed = False  # an earlier run's segment goes on; what it held stands until something is heard
        self._opened = 0  # ms
        self._last = 0  # ms, the newest record's
        self._flushed = 0  # ms
        self._seen = 0  # records of this flush
        self._pruned = -1  # segments begun when the folder was last looked through
        self._complained = float("-inf")
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    # Life

    def open(self) -> None:
        """Go on where the folder ends; OspfArchiveError when it cannot be used."""
        with self._writing:
            try:
                self.directory.mkdir(parents=True, exist_ok=True, mode=0o750)
                self._continue(_now())
            except OSError as error:
                raise OspfArchiveError(f"{self.directory}: {error}") from error

    def start(self) -> None:
        """`open`, and write every second from now on."""
        self.open()
        self._thread = threading.Thread(target=self._run, name="ospf-archive", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits and close the file; a stuck disk holds this up for seconds only."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5.0)
            if self._thread.is_alive():
                log.error("%s: the disk is stuck: the last records are lost", self.directory)
                return
        self.flush(_now() / 1000)
        with self._writing:
            self._close()

    def _run(self) -> None:
        before = time.monotonic()
        while not self._ended.wait(FLUSH_SECONDS):
            try:
                now = time.monotonic()
                elapsed, before = now - before, now
                self.flush(_now() / 1000, elapsed)
            except Exception as error:  # a fault of ours must not end the archive
                self.stats.failures += 1
                self._complain(error)
                with self._writing:
                    self._abandon()

    # Taking

    def begin(self, instance: str, version: int, source: str, now: float) -> None:
        """An attachment starts with an empty database; `now` is seconds since 1970, as everywhere here."""
        self._take([Mark(milliseconds(now), Stream(instance, version, 0, source), BEGUN)])

    def settled(self, instance: str, version: int, source: str, now: float) -> None:
        """An attachment holds its whole database (a listener's `Synchronised`)."""
        self._take([Mark(milliseconds(now), Stream(instance, version, 0, source), SETTLED)])

    def write(self, instance: str, version: int, source: str, heard: Iterable[Heard], offset: float = 0.0) -> None:
        """What a listener heard, in order; `offset` is added to its times (wall clock - the listener's clock)."""
        self._take(
            [
                Record(
                    milliseconds(one.time + offset),
                    Stream(instance, version, one.area, source),
                    one.router_id,
                    OUTCOMES.index(one.outcome),
                    one.lsa.raw,
                )
                for one in heard
            ]
        )

    def replace(self, instance: str, version: int, area: int, source: str, raws: Iterable[bytes], now: float) -> None:
        """The whole database of one area, as polled, or after records were lost: the differences are archived."""
        self._take([_Replace(milliseconds(now), Stream(instance, version, area, source), tuple(raws))])

    def _take(self, items: Sequence[Item | _Replace]) -> None:
        lost = 0
        with self._lock:
            for one in items:
                records, octets = _weight(one)
                full = self._waiting_records + records > MAX_WAITING
                full = full or self._waiting_octets + octets > MAX_WAITING_OCTETS
                if (full and self._waiting) or not _is_whole(one):  # one database always has room
                    lost += 1
                    continue
                self._waiting.append(one)
                self._waiting_records += records
                self._waiting_octets += octets
            self.stats.records_lost += lost

    # Writing

    def flush(self, now: float, elapsed: float | None = None) -> None:
        """Append what waits, and keep the folder within its bounds. Never raises for the disk's sake.

        `elapsed` are the seconds since the last flush by a clock that nobody sets: then it is noticed when `now` was.
        """
        with self._writing:
            with self._lock:
                taken, self._waiting = self._waiting, []
                self._waiting_records = self._waiting_octets = 0
            due = milliseconds(now) if elapsed is None else self._flushed + milliseconds(elapsed)
            step = milliseconds(now) - due if self._flushed else 0
            self._flushed = milliseconds(now)
            pending, written = self._resolved(taken), self.stats.records
            self._seen = 0
            try:
                self._append(pending, milliseconds(now), step if step > CLOCK_FORWARD_MS else 0)
            except (OSError, OspfArchiveError) as error:
                self.stats.failures += 1
                self._complain(error)
                for item in pending:
                    self._hold(item)
                self._abandon()
            self.stats.records_lost += self._seen - (self.stats.records - written)

    def _complain(self, error: Exception) -> None:
        """Once a minute: a full disk stays full."""
        now = time.monotonic()
        if now - self._complained >= COMPLAIN_SECONDS:
            self._complained = now
            fault = None if isinstance(error, OSError | OspfArchiveError) else error
            log.error("%s: the archive cannot be written: %s", self.directory, error, exc_info=fault)

    def _resolved(self, taken: Iterable[Item | _Replace]) -> Iterator[Item]:
        """Items in order; each must be held before the next is asked for."""
        for one in taken:
            if isinstance(one, _Replace):
                held = self._databases.streams.get(one.stream, {})
                yield from differences(held, one.raws, one.stream, one.time)
            else:
                yield one

    def _hold(self, item: Item) -> None:
        """Take it into the databases, whatever the disk says later."""
        self._seen += 1
        self._databases.apply(item)

    def _append(self, items: Iterator[Item], now: int, step: int) -> None:
        if self._file is None:  # a snapshot holds what these led to
            for item in items:
                self._hold(item)
            self._follow_clock(now, step)
            self._new_segment(max(now, self._databases.time))
        run: list[Item] = []
        for item in items:
            if self._resumed:
                self._snapshot(self._last)
            try:
                if item.time < self._last - CLOCK_BACK_MS:
                    self._write_run(run)
                    run = []
                    self.stats.clock_back += 1
                    self._new_segment(item.time)
            finally:
                self._hold(item)
            self._last = max(self._last, item.time)
            run.append(item if item.time == self._last else item._replace(time=self._last))
        self._write_run(run)
        self._follow_clock(now, step)
        if step or now - self._opened >= self._segment_ms:
            self._new_segment(max(now, self._last))
        elif self._writer.length >= self._segment_octets:
            self._new_segment(self._last)
        elif self._writer.due_for_snapshot and not self._resumed:
            self._snapshot(self._last)
        if self.stats.segments != self._pruned:
            self._pruned = self.stats.segments
            self._prune(now)

    def _follow_clock(self, now: int, step: int) -> None:
        if step:
            self.stats.clock_forward += 1
            self._databases.postpone(step, now - step)

    def _write_run(self, run: list[Item]) -> None:
        if run:
            self._put(self._writer.append(run))
            self.stats.records += len(run)

    def _put(self, octets: bytes) -> None:
        assert self._file is not None
        view = memoryview(octets)
        while view:
            view = view[self._file.write(view) :]
        self.stats.octets += len(octets)

    def _snapshot(self, now: int) -> None:
        self._databases.expire(now)
        self._last, self._resumed = now, False
        self._put(self._writer.snapshot(self._databases, now))
        self.stats.snapshots += 1

    def _new_segment(self, now: int) -> None:
        self._close(for_good=True)
        self._databases.expire(now)
        number = max((n for n, _ in listed_segments(self.directory)), default=0) + 1
        text = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now / 1000))
        path = self.directory / f"lsas-{number:08d}-{text}.anemlsa"
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115
        self._writer = SegmentWriter()
        self._opened = self._last = now
        self._resumed = False
        try:
            self._put(self._writer.begin(self._databases, now))
        except OSError:
            path.unlink()  # a full disk must not fill with beginnings
            raise
        self.stats.segments += 1

    def _continue(self, now: int) -> None:
        """The newest segment, its torn tail cut off, goes on; else a new segment.

        A gateway begins with nothing: an empty snapshot says so, with the first that it hears. One that fails to start
        leaves the past as it was.
        """
        listed = listed_segments(self.directory)
        if listed:
            path = listed[-1][1]
            data = path.read_bytes()
            found = scanned(data)
            if found is not None and not found.closed and found.blocks:
                last = last_time(data, found)
                if last <= now + CLOCK_BACK_MS and len(data) < self._segment_octets:
                    self._reopen(path, data, found, max(now, last))
                    return
        self._new_segment(now)

    def _reopen(self, path: Path, data: bytes, found: Scan, now: int) -> None:
        torn = len(data) - found.whole
        if torn:
            os.truncate(path, found.whole)
            self.stats.torn_octets += torn
            log.warning("%s: %d octets of a torn tail cut off", path, torn)
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115
        self._writer = SegmentWriter(found.whole, found.blocks)
        self._opened = found.blocks[0].time
        self._last, self._resumed = now, True

    def _close(self, *, for_good: bool = False) -> None:
        if self._file is None:
            return
        file = self._file
        if for_good:
            self._put(self._writer.close())
        self._file = None
        with file:
            os.fsync(file.fileno())

    def _abandon(self) -> None:
        """Leave a segment that refuses as it is: a reader takes its whole part."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                log.error("%s: %s", self.directory, error)

    def _prune(self, now: int) -> None:
        listed = listed_segments(self.directory)
        sizes = [path.stat().st_size for _, path in listed]
        room = self._octets - self._segment_octets  # the newest may still grow
        oldest = now - int(self._days * 86_400_000)
        aged = 0
        while len(listed) > 1:
            if sum(sizes[:-1]) <= room:
                aged += 1
                if begins(listed[1][1]) >= oldest or aged > AGED_AT_ONCE:
                    break
            listed.pop(0)[1].unlink()
            sizes.pop(0)
            self.stats.segments_removed += 1


def _weight(one: Item | _Replace) -> tuple[int, int]:
    """Records and octets that it may lead to."""
    if isinstance(one, _Replace):
        return len(one.raws), sum(map(len, one.raws))
    return 1, len(one.raw) if isinstance(one, Record) else 0


def _is_whole(one: Item | _Replace) -> bool:
    return not isinstance(one, Record) or is_lsa(one.raw)


def _now() -> int:
    return milliseconds(time.time())
