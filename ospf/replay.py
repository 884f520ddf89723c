"""Replay: IP packets of another time and place through passive listeners (pure; time is an argument).

One listener per attachment and area, made when the first packet of an area comes by, so that one capture of a border
router's links makes a database for each of its areas. What a live listener must not believe, a replay does: a packet to
an address of its own counts like one to all routers, whether or not its sender was heard saying Hello, and so does one
without the IP header checksum that the sender's hardware puts in. So every intact LSA of any update in the file counts.
Keys are not needed: bodies are in the clear.

Everything behind the listeners is as in the gateway: a `Domain` per instance cuts versions, `ospf.history.diff` says
what changed, `Anomalies` what went wrong. OSPFv3 instance ids other than 0 are instances of their own. Time is that of
the packets and never goes back (`stats.clock_back` counts where the file's does).

An archive is replayed the same way: `packet_of` makes of a record the Link State Update it once came in. An LSA that
reached MaxAge unheard is flushed in nobody's name, with the octets it had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, Protocol

from ospf.anomalies import Anomalies
from ospf.archive import Record, Stream
from ospf.areas import Options
from ospf.config import AttachConfig
from ospf.domain import Domain, DomainKey, Source
from ospf.errors import OspfEncodeError
from ospf.events import (
    Complaint,
    LsaHeard,
    LsdbChanged,
    NeighborLost,
    NeighborSeen,
    ParameterMismatch,
    SyncFailed,
    Synchronised,
)
from ospf.fragments import Fragments
from ospf.history import TopologyEvent, diff
from ospf.listener import Listener
from ospf.lsa import MAX_AGE
from ospf.lsdb import Lsdb
from ospf.packets import ALL_SPF_ROUTERS, IP_PROTOCOL, PACKET_HEADER_LENGTH, build_ip_packet
from ospf.thresholds import AnomalyConfig
from ospf.topology import Topology, build_domain
from ospf.v3.dialect import listener3
from ospf.v3.ip6 import ALL_SPF_ROUTERS as ALL_SPF_ROUTERS_6
from ospf.v3.ip6 import behind_headers, build_ip6_packet, is_ospf, to_all_routers
from ospf.v3.packets import PACKET_HEADER_LENGTH as PACKET_HEADER_LENGTH_3
from ospf.v3.packets import with_checksum
from ospf.v3.prefix import address6_text
from ospf.v3.topology import build_domain_v3
from ospf.wire import address_text, internet_checksum

OWN_ID = "255.255.255.254"  # no router in the file has it, or it would not be heard
SOURCE = "capture"
MAX_STREAMS = 4096  # areas x attachments; hostile files name a new area in every packet
IDLE_SECONDS = 3600.0
INSTANCE_ID = 14  # where it stands in an OSPFv3 packet (RFC 5340 A.3.1)
LEAST_SECONDS = 0.001  # between two looks at a listener's timers
MAX_EVENTS = 1_000_000  # waiting to be read


class Listening(Protocol):
    """What a replay needs of a listener, of either version of OSPF."""

    lsdb: Lsdb
    record_lsas: bool

    @property
    def stats(self) -> Any: ...

    @property
    def last_error(self) -> str: ...

    def receive(self, ip_packet: bytes, now: float) -> None: ...

    def next_timeout(self) -> float | None: ...

    def handle_timeout(self, now: float) -> None: ...

    def next_event(self) -> Any: ...


@dataclass(frozen=True)
class Speech:
    """How one version of OSPF is listened to and built."""

    listener: Callable[[AttachConfig, float], Listening]
    build: Callable[..., Topology]


SPEECHES: dict[int, Speech] = {2: Speech(Listener, build_domain), 3: Speech(listener3, build_domain_v3)}


@dataclass(slots=True)
class ReplayStats:
    """What was in the file."""

    packets: int = 0
    octets: int = 0
    not_ip: int = 0
    not_ospf: int = 0
    fragments: int = 0  # of IPv4 packets, put together when all are there
    malformed: int = 0  # OSPF too short or of an unknown version
    ospf: int = 0
    unread_version: int = 0  # of a version there is no listener for
    streams_refused: int = 0
    clock_back: int = 0
    events_dropped: int = 0


class Replay:
    """Packets in, databases and topology versions out.

    Without `every_version` none is cut before `finish`, and no change is told: a day of a large network has as many
    versions as changes, at several milliseconds each. With `anomalies` what goes wrong is told as well.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        every_version: bool = True,
        record_lsas: bool = False,
        anomalies: AnomalyConfig | None = None,
    ) -> None:
        self.stats = ReplayStats()
        self.listeners: dict[Stream, Listening] = {}
        self.domains: dict[DomainKey, Domain] = {}
        self.now = 0.0
        self.first: float | None = None
        self._options = options or Options()
        self._record = record_lsas
        self._every = every_version
        self._thresholds = anomalies
        self._watches: dict[DomainKey, Anomalies] = {}
        self._due: dict[DomainKey, float] = {}
        self._timeouts: dict[Stream, float] = {}
        self._wake = 0.0  # the soonest of all of these
        self._fragments = Fragments()
        self._events: deque[TopologyEvent] = deque()
        self._heard: deque[tuple[Stream, LsaHeard]] = deque()

    # Packets

    def receive(self, ip_packet: bytes, time: float, *, instance: str = "default", source: str = SOURCE) -> None:
        """One IP packet of `time` (seconds since 1970); b"" is a frame without one. Never raises on its content."""
        self.advance(time)
        if self.first is None:
            self.first = self.now
        self.stats.packets += 1
        self.stats.octets += len(ip_packet)
        version, area, number, packet = self._opened(ip_packet)
        if not version:
            return
        self.stats.ospf += 1
        stream = Stream(f"{instance}.{number}" if number else instance, version, area, source)
        listener = self._listener(stream, number)
        if listener is not None:
            listener.receive(packet, self.now)
            self._drain(stream, listener)

    def advance(self, time: float) -> None:
        """Time passes: what is due until then happens."""
        if time < self.now:
            self.stats.clock_back += 1
            return
        while self._wake <= time:
            self.now = max(self.now, self._wake)
            for stream in [stream for stream, at in self._timeouts.items() if at <= self.now]:
                listener = self.listeners[stream]
                listener.handle_timeout(self.now)
                self._drain(stream, listener)
            self._cut()
            self._look()
            self._wake = min(
                [*self._due.values(), *self._timeouts.values(), *self._looks()], default=time + IDLE_SECONDS
            )
        self.now = time

    def finish(self) -> None:
        """The file is over: what waited for more is cut."""
        for key in self._due:
            self._due[key] = self.now
        self._cut()
        self._look()

    def begin(self, stream: Stream) -> None:
        """An attachment starts anew: its databases are empty (a mark of an archive)."""
        for known in [s for s in self.listeners if s._replace(area=0) == stream._replace(area=0)]:
            lsdb = self.listeners.pop(known).lsdb
            self._timeouts.pop(known, None)
            domain = self.domains[DomainKey(known.instance, known.version)]
            domain.sources = [each for each in domain.sources if each.lsdb is not lsdb]

    def _opened(self, packet: bytes) -> tuple[int, int, int, bytes]:
        """(OSPF version, area, instance id, packet to give to its listener); version 0: nothing to listen to."""
        stats = self.stats
        if len(packet) < 20 or packet[0] >> 4 not in (4, 6):
            stats.not_ip += 1
            return 0, 0, 0, b""
        four = packet[0] >> 4 == 4
        if packet[9 if four else 6] != IP_PROTOCOL and (four or not is_ospf(packet)):
            stats.not_ospf += 1
            return 0, 0, 0, b""
        if four and int.from_bytes(packet[6:8], "big") & 0x3FFF:
            stats.fragments += 1
            whole = self._fragments.add(packet, self.now)
            if whole is None:
                return 0, 0, 0, b""
            packet = whole
        payload = packet[(packet[0] & 15) * 4 :] if four else behind_headers(packet)
        version = payload[0] if payload else 0
        if version != (2 if four else 3) or len(payload) < PACKET_HEADER_LENGTH - 8:
            stats.malformed += 1
            return 0, 0, 0, b""
        area = int.from_bytes(payload[8:12], "big")
        if version not in SPEECHES:
            stats.unread_version += 1
            return 0, 0, 0, b""
        if four:
            return version, area, 0, _to_all_routers(packet)
        return version, area, payload[INSTANCE_ID], to_all_routers(packet)

    def _listener(self, stream: Stream, number: int) -> Listening | None:
        found = self.listeners.get(stream)
        if found is not None:
            return found
        if len(self.listeners) >= MAX_STREAMS:
            self.stats.streams_refused += 1
            return None
        config = AttachConfig(
            stream.source, mode="passive", area=address_text(stream.area), instance=stream.instance,
            router_id=OWN_ID, version=3 if stream.version == 3 else 2, instance_id=number,
        )  # fmt: skip
        speech = SPEECHES[stream.version]
        made = self.listeners[stream] = speech.listener(config, self.now)
        made.record_lsas = self._record or self._thresholds is not None
        key = DomainKey(stream.instance, stream.version)
        if key not in self.domains:
            self.domains[key] = Domain(key, speech.build, self._options)
            if self._thresholds is not None:
                own = frozenset((config.router_id_number,))
                self._watches[key] = Anomalies(self._thresholds, version=key.version, own=own)
        self.domains[key].sources.append(Source(made.lsdb))
        return made

    # What it led to

    def _drain(self, stream: Stream, listener: Listening) -> None:
        key = DomainKey(stream.instance, stream.version)
        watch = self._watches.get(key)
        while (event := listener.next_event()) is not None:
            if watch is not None:
                watch.hear(event, stream.source)
            if isinstance(event, LsdbChanged):
                self._due.setdefault(key, self.domains[key].changed(self.now) if self._every else inf)
            elif isinstance(event, LsaHeard):
                if self._record and len(self._heard) < MAX_EVENTS:
                    self._heard.append((stream, event))
            elif watch is None or not isinstance(event, Complaint):  # the watch tells those in its own words
                self._say(told(event))
        if watch is not None:
            self._tell(watch)
        timeout = listener.next_timeout()
        self._timeouts[stream] = self.now + IDLE_SECONDS if timeout is None else max(timeout, self.now + LEAST_SECONDS)
        self._wake = min(self._wake, self._timeouts[stream], *self._due.values())

    def _cut(self) -> None:
        for key in [key for key, due in self._due.items() if due <= self.now]:
            del self._due[key]
            domain = self.domains[key]
            before = domain.current
            watch = self._watches.get(key)
            after = domain.cut(self.now, self.now, None, None if watch is None else watch.restarting(self.now))
            changes = diff(before, after) if before is not None and self._every else []
            for event in changes:
                self._say(event)
            if watch is not None and self._every:
                watch.topology(before, after, changes, self.now)
                self._tell(watch)

    def _look(self) -> None:
        """What has gone on for long enough, or is over."""
        for watch in self._watches.values():
            due = watch.next_timeout()
            if due is not None and due <= self.now:
                watch.handle_timeout(self.now)
                self._tell(watch)

    def _looks(self) -> list[float]:
        times = (watch.next_timeout() for watch in self._watches.values())
        return [max(at, self.now + LEAST_SECONDS) for at in times if at is not None]

    def _tell(self, watch: Anomalies) -> None:
        while (found := watch.next_event()) is not None:
            self._say(TopologyEvent(found.time, found.kind, found.subject, found.detail))

    def _say(self, event: TopologyEvent) -> None:
        if len(self._events) >= MAX_EVENTS:
            self.stats.events_dropped += 1
        else:
            self._events.append(event)

    def next_event(self) -> TopologyEvent | None:
        """The next thing that happened, None when there is nothing."""
        return self._events.popleft() if self._events else None

    def next_heard(self) -> tuple[Stream, LsaHeard] | None:
        """The next LSA heard (with `record_lsas`), None when there is none."""
        return self._heard.popleft() if self._heard else None

    @property
    def topologies(self) -> Mapping[DomainKey, Topology]:
        """The newest version of every instance."""
        return {key: domain.current for key, domain in self.domains.items() if domain.current is not None}

    @property
    def last_error(self) -> str:
        """Why something was refused, for a person; "" when nothing was."""
        return next((text for one in self.listeners.values() if (text := one.last_error)), "")

    def listener_stats(self) -> dict[str, int]:
        """The listeners' counters, added up."""
        sums: dict[str, int] = {}
        for listener in self.listeners.values():
            for name, value in asdict(listener.stats).items():
                if isinstance(value, int):
                    sums[name] = sums.get(name, 0) + value
        return sums


def told(event: Any) -> TopologyEvent:
    """What a listener tells besides changes, in the words of `anemone events`."""
    if isinstance(event, NeighborSeen | NeighborLost):
        kind = "neighbor_seen" if isinstance(event, NeighborSeen) else "neighbor_lost"
        return TopologyEvent(event.time, kind, address_text(event.router_id), f"at {_any_address(event.address)}")
    if isinstance(event, Synchronised):
        detail = f"{event.lsas} LSAs in {event.seconds:.2f} s ({event.reason})"
        return TopologyEvent(event.time, "synchronised", f"area {address_text(event.area)}", detail)
    if isinstance(event, SyncFailed):
        again = f"; again in {event.retry_seconds:.0f} s" if event.retry_seconds else ""
        return TopologyEvent(event.time, "sync_failed", address_text(event.router_id), event.reason + again)
    if isinstance(event, ParameterMismatch):
        text = address_text if event.field in ("mask", "area") else str
        values = [text(value) for value in (event.theirs, event.ours_or_others)]
        ours = event.field in ("area", "mtu")  # of the others, the attachment's own
        other = f"our attachment's {values[1]}" if ours else f"elsewhere on the segment {values[1]}"
        detail = f"{event.field.replace('_', ' ')} is {values[0]}, {other}"
        return TopologyEvent(event.time, "parameter_mismatch", address_text(event.router_id), detail)
    words = "".join(c if c.islower() else f"_{c.lower()}" for c in type(event).__name__).lstrip("_")
    router = getattr(event, "router_id", 0)
    details = {k: v for k, v in asdict(event).items() if k not in ("time", "router_id")}
    detail = ", ".join(f"{name.replace('_', ' ')} {_value(name, value)}" for name, value in details.items())
    return TopologyEvent(event.time, words, address_text(router), detail)


def _value(name: str, value: Any) -> str:
    return _any_address(value) if name.endswith("address") and isinstance(value, int) else str(value)


def _any_address(address: int) -> str:
    return address_text(address) if address <= 0xFFFFFFFF else address6_text(address)


def packet_of(record: Record) -> bytes | None:
    """The IP packet of a Link State Update that brings an archived LSA; None when it is too large for one."""
    raw = record.raw
    if not record.router:  # nobody said it: it came of age, or was gone at the next look
        raw = MAX_AGE.to_bytes(2, "big") + raw[2:]
    version = record.stream.version
    if version not in SPEECHES:
        return None
    body = (1).to_bytes(4, "big") + raw
    length = (PACKET_HEADER_LENGTH if version == 2 else PACKET_HEADER_LENGTH_3) + len(body)
    router = record.router or int.from_bytes(raw[8:12], "big") or 1
    if length > 0xFFFF:
        return None
    head = bytes((version, 4)) + length.to_bytes(2, "big") + router.to_bytes(4, "big")
    head += record.stream.area.to_bytes(4, "big")
    if version == 3:
        payload = with_checksum(head + bytes(4) + body, router, ALL_SPF_ROUTERS_6)
        return build_ip6_packet(router, ALL_SPF_ROUTERS_6, payload)
    checksum = internet_checksum(head + bytes(4) + body)
    payload = head + checksum.to_bytes(2, "big") + bytes(10) + body
    try:
        return build_ip_packet(router, ALL_SPF_ROUTERS, payload)
    except OspfEncodeError:
        return None


def _to_all_routers(packet: bytes) -> bytes:
    """The same IPv4 packet to 224.0.0.5, with the header checksum that a capture on the sender may lack."""
    length = (packet[0] & 15) * 4
    if not 20 <= length <= len(packet):
        return packet  # the listener says what is wrong with it
    header = packet[:10] + b"\0\0" + packet[12:16] + ALL_SPF_ROUTERS.to_bytes(4, "big") + packet[20:length]
    return header[:10] + internet_checksum(header).to_bytes(2, "big") + header[12:] + packet[length:]
