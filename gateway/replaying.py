"""A capture or an archive replayed for `anemone topology --pcap`: at full speed or in its own time, showing how far.

The file is read in a stream, whatever its size; what is kept is databases, topologies and events. The human sees a line
on standard error while it lasts, and in real time every event as it happens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway import history_api, network_api, query
from gateway.errors import GatewayError
from gateway.query import NothingFound
from gateway.units import rfc3339
from ospf.archive import BEGUN, OUTCOMES, Mark, Record
from ospf.archivefile import ArchiveReader
from ospf.capture import Progress, read_capture
from ospf.changes import TopologyEvent
from ospf.errors import OspfArchiveError, OspfCaptureError
from ospf.past import Traffic, TrafficKey, traffic
from ospf.replay import SOURCE, Replay, packet_of
from ospf.segment import MAGIC
from ospf.thresholds import AnomalyConfig
from ospf.topology import Topology

PROGRESS_SECONDS = 0.5
LONGEST_PAUSE = 3600.0  # seconds between two packets that real time waits for
Piece = tuple[float, bytes, str, str, Mark | None]  # time, IP packet, instance, source, mark of an archive


@dataclass
class Replayed:
    """What a run led to; `moments` are the topologies at the times asked for."""

    replay: Replay
    events: list[TopologyEvent] = field(default_factory=list)
    moments: list[dict[str, Topology]] = field(default_factory=list)
    traffic: dict[TrafficKey, Traffic] = field(default_factory=dict)
    error: str = ""


def pieces(path: Path, progress: Progress) -> Iterator[Piece]:
    """Packets of a capture, or of an archive's records, with their times."""
    if path.is_dir() or _begins_with(path, MAGIC):
        try:
            yield from _archived(path, progress)
        except OspfArchiveError as error:
            raise GatewayError(str(error)) from error
        return
    for frame in read_capture(path, progress):
        yield frame.time, frame.packet, history_api.MAIN, SOURCE, None


def _archived(path: Path, progress: Progress) -> Iterator[Piece]:
    reader = ArchiveReader(path)
    for item in reader.everything():
        progress.packets += 1
        if isinstance(item, Mark):
            yield item.time / 1000, b"", item.stream.instance, item.stream.source, item
            continue
        packet = packet_of(item)
        yield item.time / 1000, packet or b"", item.stream.instance, item.stream.source, None


def _begins_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise GatewayError(f"--pcap {path}: {error.strerror or error}") from error


def run(
    path: Path,
    *,
    stops: Sequence[float] = (),
    events: bool = True,
    real_time: bool = False,
    tell: Callable[[TopologyEvent], None] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Replayed:
    """Replay until the last of `stops` (seconds since 1970), or to the end; GatewayError when nothing can be read.

    Without `events` no version is cut but at the stops and at the end, which is faster by far.
    """
    thresholds = AnomalyConfig() if events else None
    done = Replayed(Replay(every_version=events, anomalies=thresholds, record_lsas=True))
    replay, progress = done.replay, Progress()
    line = _ProgressLine(path, progress)
    waiting = sorted(stops)
    began: tuple[float, float] | None = None

    def drain() -> None:
        while (event := replay.next_event()) is not None:
            done.events.append(event)
            if tell is not None:
                tell(event)
        traffic(_records(replay), done.traffic)

    try:
        for at, packet, instance, source, mark in pieces(path, progress):
            while waiting and at > waiting[0]:
                _stop(done, waiting.pop(0))
            if stops and not waiting:
                break
            if real_time:
                began = began or (at, time.monotonic())
                pause(min(max(0.0, at - began[0] - (time.monotonic() - began[1])), LONGEST_PAUSE))
            if mark is None:
                replay.receive(packet, at, instance=instance, source=source)
            elif mark.kind == BEGUN:
                replay.advance(at)
                replay.begin(mark.stream)
            drain()
            line.show()
    except OspfCaptureError as error:
        if not replay.stats.packets:
            raise GatewayError(str(error)) from error
        done.error = str(error)
    finally:
        line.clear()
    for at in waiting:
        _stop(done, max(at, replay.now))
    if not stops:
        replay.finish()
        done.moments.append({key.name: topology for key, topology in replay.topologies.items()})
    drain()
    return done


def _records(replay: Replay) -> Iterator[Record]:
    """The LSAs heard since the last time, as an archive has them."""
    while (each := replay.next_heard()) is not None:
        stream, heard = each
        yield Record(round(heard.time * 1000), stream, heard.router_id, OUTCOMES.index(heard.outcome), heard.lsa.raw)


def _stop(done: Replayed, at: float) -> None:
    """Time passes until an instant asked for; what is known then."""
    done.replay.advance(at)
    done.replay.finish()
    done.moments.append({key.name: topology for key, topology in done.replay.topologies.items()})


class _ProgressLine:
    """How far a long file has been read, on standard error when somebody looks at it."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path, self._progress = path, progress
        self._next = time.monotonic() + PROGRESS_SECONDS
        self._shown = False
        self._on = sys.stderr.isatty()

    def show(self) -> None:
        if not self._on or self._progress.packets & 0xFF or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PROGRESS_SECONDS
        self._shown = True
        share = min(1.0, self._progress.octets / self._progress.of) if self._progress.of else 0.0
        how_far = f"{share:4.0%}, " if self._progress.of else ""
        print(f"\r{self._path.name}: {how_far}{self._progress.packets:,} packets", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def last_time(path: Path) -> float:
    """The time of the newest packet: what `-10m` counts from."""
    newest = 0.0
    try:
        for at, *_ in pieces(path, Progress()):
            newest = max(newest, at)
    except OspfCaptureError as error:
        if not newest:
            raise GatewayError(str(error)) from error
    return newest


def _begins(path: Path) -> str:
    first = next((at for at, *_ in pieces(path, Progress())), None)
    return "the file is empty" if first is None else f"{path} begins at {rfc3339(first)}"


def topology(
    path: Path,
    *,
    at: str | None = None,
    diff: Sequence[str] | None = None,
    area: str | None = None,
    instance: str | None = None,
    events: bool = True,
    real_time: bool = False,
    tell: Callable[[TopologyEvent], None] | None = None,
) -> Any:
    """The document of `anemone topology --pcap`; NothingFound when no OSPF was in the file."""
    chosen = None if area is None else history_api.area_id(area)
    asked = list(diff or ()) + ([at] if at is not None else [])
    relative = any(text.strip().startswith(("now", "-")) for text in asked)
    now = last_time(path) if relative else 0.0
    times = [query.moment("--diff" if diff else "--at", text, now) for text in asked]
    done = run(path, stops=times, events=events and not diff, real_time=real_time, tell=tell)
    stats = done.replay.stats
    if not stats.packets and times:
        raise NothingFound("--pcap", f"nothing was heard by {rfc3339(max(times))}", _begins(path))
    if not stats.ospf:
        unread = f", {stats.unread_version} of OSPFv3, which is not read yet" if stats.unread_version else ""
        counted = f"{stats.packets:,} packets: {stats.not_ospf:,} not OSPF, {stats.not_ip:,} not IP{unread}"
        damaged = f"; {done.error}" if done.error else ""
        raise NothingFound("--pcap", f"no OSPF in {path}", f"{counted}{damaged}")
    if diff:
        if not done.moments[0] or not done.moments[1]:
            raise NothingFound("--diff", f"no topology is known as of {rfc3339(min(times))}", _begins(path))
        first, second = (history_api.choose(held, instance)[1] for held in done.moments[:2])
        if times[0] > times[1]:
            first, second = second, first
        return network_api.changes(first, second)
    found = done.moments[-1]
    if instance is not None:
        found = dict([history_api.choose(found, instance)])
    documents = {name: network_api.topology(held, {}, chosen) for name, held in found.items()}
    lsas = history_api.lsas(done.traffic)
    return history_api.replayed(str(path), done.replay, done.events, documents, lsas, done.error)
