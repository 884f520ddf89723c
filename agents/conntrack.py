"""Connection tracking as a source of UDP, ICMP and the rest: entries with counters to deltas of flows.

Covered: ctnetlink entries (linux/netfilter/nfnetlink_conntrack.h) from dumps and destroy events, both
directions' octets (layer 3) and packets.  Where address translation changed an end, the side that is this
host's own counts.  Left out: TCP (sock_diag counts it better), forwarded connections (both ends are
others'), timestamps, zones.  What conntrack itself cannot give: a datagram in fragments counts as one
packet, and entries that the rules exempt (notrack) do not exist.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agents.datagramtable import DatagramTable, NewFlow
from agents.netlink import attributes, messages, request
from agents.packets import ICMP, ICMPV6, TCP, Endpoints
from agents.records import OPENED_LOCAL, OPENED_REMOTE

SUBSYSTEM = 1 << 8  # NFNL_SUBSYS_CTNETLINK
NEW, GET, DELETE = SUBSYSTEM, SUBSYSTEM | 1, SUBSYSTEM | 2
GENERAL_OCTETS = 4  # struct nfgenmsg
TUPLE_ORIGINAL, TUPLE_REPLY, COUNTERS_ORIGINAL, COUNTERS_REPLY, IDENTITY = 1, 2, 9, 10, 12
TUPLE_IP, TUPLE_PROTOCOL = 1, 2
IPV4_ENDS, IPV6_ENDS = (1, 2), (3, 4)  # source, destination

PROTOCOL_NUMBER, SOURCE_PORT, DESTINATION_PORT, ICMP_ID, ICMPV6_ID = 1, 2, 3, 4, 7
COUNTER_PACKETS, COUNTER_OCTETS = 1, 2


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of an entry: who sends to whom, and how much so far."""

    source: bytes  # 16 octets, IPv4 in the first four
    destination: bytes
    source_port: int
    destination_port: int
    octets: int
    packets: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One tracked connection; `ended` when a destroy event told of it."""

    identity: int
    version: int
    protocol: int
    original: Side
    reply: Side
    ended: bool


def dump_request() -> bytes:
    """All entries of both families."""
    return request(GET, bytes(GENERAL_OCTETS))


def decode_entries(chunks: Iterable[bytes]) -> Iterator[Entry]:
    """Entries of dumps and events; those without counters or addresses are left out."""
    for chunk in chunks:
        for kind, _, start, end in messages(chunk):
            if kind not in (NEW, DELETE) or end - start < GENERAL_OCTETS:
                continue
            known = attributes(chunk, start + GENERAL_OCTETS, end)
            original = _side(known.get(TUPLE_ORIGINAL, b""), known.get(COUNTERS_ORIGINAL, b""))
            reply = _side(known.get(TUPLE_REPLY, b""), known.get(COUNTERS_REPLY, b""))
            if original is None or reply is None:
                continue
            version, protocol, forth = original
            identity = int.from_bytes(known.get(IDENTITY, b"")[:4], "big")
            yield Entry(identity, version, protocol, forth, reply[2], kind == DELETE)


def _side(ends: bytes, counters: bytes) -> tuple[int, int, Side] | None:
    parts = attributes(ends, 0, len(ends))
    addresses = attributes(parts.get(TUPLE_IP, b""), 0, len(parts.get(TUPLE_IP, b"")))
    protocol = attributes(parts.get(TUPLE_PROTOCOL, b""), 0, len(parts.get(TUPLE_PROTOCOL, b"")))
    counted = attributes(counters, 0, len(counters))
    packets, octets = counted.get(COUNTER_PACKETS, b""), counted.get(COUNTER_OCTETS, b"")
    if len(packets) != 8 or len(octets) != 8 or len(protocol.get(PROTOCOL_NUMBER, b"")) != 1:
        return None
    version = 4 if len(addresses.get(IPV4_ENDS[0], b"")) == 4 else 6
    source, destination = (addresses.get(kind, b"") for kind in (IPV4_ENDS if version == 4 else IPV6_ENDS))
    if len(source) != len(destination) or len(source) not in (4, 16):
        return None
    number = protocol[PROTOCOL_NUMBER][0]
    echo = protocol.get(ICMP_ID, protocol.get(ICMPV6_ID, b"")) if number in (ICMP, ICMPV6) else b""
    ports = [int.from_bytes(protocol.get(kind, b""), "big") for kind in (SOURCE_PORT, DESTINATION_PORT)]
    if echo:
        ports = [int.from_bytes(echo, "big"), 0]
    side = Side(
        source.ljust(16, b"\0"),
        destination.ljust(16, b"\0"),
        ports[0],
        ports[1],
        struct.unpack("!Q", octets)[0],
        struct.unpack("!Q", packets)[0],
    )
    return version, number, side


@dataclass
class ConntrackStats:
    """Entries seen, and those that concern two other hosts (forwarded)."""

    entries: int = 0
    foreign: int = 0


class ConntrackDeltas:
    """What each entry has been counted for; the rest goes to the datagram table."""

    def __init__(self) -> None:
        self._counted: dict[tuple[int, bytes, int], tuple[int, int, int, int]] = {}
        self.stats = ConntrackStats()

    def baseline(self, entries: Iterable[Entry]) -> None:
        """Entries older than the agent: their history is not reported."""
        for entry in entries:
            self._counted[_key(entry)] = _counters(entry)

    def take(
        self, entries: Iterable[Entry], table: DatagramTable, own: frozenset[bytes], now: float, *, dump: bool
    ) -> list[NewFlow]:
        """Count what is new.

        `dump` when the entries are all there are, so that the others may be forgotten.
        """
        news: list[NewFlow] = []
        alive = set()
        for entry in entries:
            if entry.protocol == TCP:
                continue
            self.stats.entries += 1
            key = _key(entry)
            alive.add(key)
            counters = _counters(entry)
            before = self._counted.get(key, (0, 0, 0, 0))
            delta = tuple(max(0, new - old) for new, old in zip(counters, before, strict=True))
            if entry.ended:
                self._counted.pop(key, None)
            else:
                self._counted[key] = counters
            if not any(delta):
                continue
            placed = _local_view(entry, own)
            if placed is None:
                self.stats.foreign += 1
                continue
            endpoints, opened = placed
            if opened == OPENED_REMOTE:
                delta = (delta[2], delta[3], delta[0], delta[1])
            flow = table.count(endpoints, opened, delta[0], delta[1], delta[2], delta[3], now, now)
            if flow is not None:
                news.append(flow)
        if dump:
            self._counted = {key: value for key, value in self._counted.items() if key in alive}
        return news


def _key(entry: Entry) -> tuple[int, bytes, int]:
    return entry.identity, entry.original.source + entry.original.destination, entry.protocol


def _counters(entry: Entry) -> tuple[int, int, int, int]:
    forth, back = entry.original, entry.reply
    return forth.octets, forth.packets, back.octets, back.packets


def _local_view(entry: Entry, own: frozenset[bytes]) -> tuple[Endpoints, int] | None:
    """The entry from this host's end, None when it has none, or both."""
    forth, back = entry.original, entry.reply
    sends, receives = forth.source in own, back.source in own
    if sends == receives:
        return None
    if sends:
        ends = (forth.source, forth.destination, forth.source_port, forth.destination_port)
        return Endpoints(entry.version, entry.protocol, *ends), OPENED_LOCAL
    ends = (back.source, back.destination, back.source_port, back.destination_port)
    return Endpoints(entry.version, entry.protocol, *ends), OPENED_REMOTE
