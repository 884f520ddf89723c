"""Flows of everything that is not TCP: packets in, deltas per report interval out.  Bounded, with an idle timeout.

A flow is (protocol, local address and port, remote address and port); ICMP echo flows are told apart by
their identifier, which stays inside.  A packet belongs to this host when it leaves from an own address or
arrives for one: forwarded, bridged and other hosts' packets are counted as foreign; received multicast and
broadcast as group packets, because every member would report them again. Fragments without ports join the
flow of their first fragment.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from agents.packets import ICMP, ICMPV6, PACKET_HOST, PACKET_OUTGOING, TCP, Endpoints, Packets, collapse
from agents.records import (
    END_ACTIVE,
    END_FORCED,
    END_IDLE,
    OPENED_LOCAL,
    OPENED_REMOTE,
    FlowRows,
    no_rows,
)

MOST_FRAGMENTS = 1024  # datagrams whose first fragment is remembered
COLLAPSE_FROM = 16  # packets in a batch from which sorting them pays
ECHO_PROTOCOLS = (ICMP, ICMPV6)


@dataclass(slots=True)
class _Flow:
    endpoints: Endpoints
    serial: int
    opened: int
    traffic_class: int
    since: float
    last: float
    out_octets: int = 0
    out_packets: int = 0
    in_octets: int = 0
    in_packets: int = 0


@dataclass
class DatagramStats:
    """What was counted, and what was not, by cause (packets)."""

    packets: int = 0
    flows: int = 0
    foreign_packets: int = 0
    group_packets: int = 0
    repeated_packets: int = 0  # seen again on a lower or VLAN interface
    orphan_fragments: int = 0  # first fragment not seen: counted in a flow without ports
    overflow_packets: int = 0  # the table was full: not reported
    overflow_octets: int = 0


@dataclass(frozen=True, slots=True)
class NewFlow:
    """A flow not seen before; `serial` is what its rows carry as owner."""

    serial: int
    endpoints: Endpoints
    opened: int


class DatagramTable:
    """The flow table; `add` takes packets, `report` gives the deltas since the last report."""

    def __init__(self, *, most_flows: int, idle_seconds: float) -> None:
        self._most_flows = most_flows
        self._idle_seconds = idle_seconds
        self._flows: dict[Endpoints, _Flow] = {}
        self._fragments: OrderedDict[tuple[int, int, bytes, bytes, int], tuple[int, int]] = OrderedDict()
        self._serial = 0
        self.stats = DatagramStats()

    def __len__(self) -> int:
        return len(self._flows)

    def add(self, packets: Packets, own: frozenset[bytes], counted: Mapping[int, bool], now: float) -> list[NewFlow]:
        """Count packets.

        `own`: this host's addresses as 16 octets; `counted`: which interface indexes count (default: yes).
        """
        news: list[NewFlow] = []
        seen = np.asarray([counted.get(int(index), True) for index in packets.interface], np.bool_)
        seen = seen.astype(np.bool_) & ~packets.tagged
        self.stats.repeated_packets += len(packets) - int(seen.sum())
        packets = packets.take(seen)
        if len(packets) > COLLAPSE_FROM:
            packets = collapse(packets)
        for row in range(len(packets)):
            self._add_one(packets, row, own, now, news)
        return news

    def _add_one(self, packets: Packets, row: int, own: frozenset[bytes], now: float, news: list[NewFlow]) -> None:
        direction = int(packets.direction[row])
        outgoing = direction == PACKET_OUTGOING
        source, destination = packets.source[row].tobytes(), packets.destination[row].tobytes()
        local, remote = (source, destination) if outgoing else (destination, source)
        if local not in own or (not outgoing and direction != PACKET_HOST):
            if not outgoing and direction in (1, 2):
                self.stats.group_packets += 1
            else:
                self.stats.foreign_packets += 1
            return
        if remote in own:
            return  # between two own addresses
        version, protocol = int(packets.version[row]), int(packets.protocol[row])
        ports = int(packets.source_port[row]), int(packets.destination_port[row])
        if protocol == TCP:  # behind extension headers or cut into fragments: sock_diag counts it
            return
        if packets.fragment_key[row] >= 0:
            ports = self._fragment_ports(packets, row, version, protocol, source, destination, ports)
        if protocol in ECHO_PROTOCOLS:
            local_port, remote_port = ports[0], 0
        else:
            local_port, remote_port = ports if outgoing else (ports[1], ports[0])
        endpoints = Endpoints(version, protocol, local, remote, local_port, remote_port)
        octets, count = int(packets.octets[row]), int(packets.packets[row])
        sent, received = ((octets, count), (0, 0)) if outgoing else ((0, 0), (octets, count))
        opened = OPENED_LOCAL if outgoing else OPENED_REMOTE
        times = min(float(packets.time[row]), now), min(float(packets.until[row]), now)
        flow = self.count(endpoints, opened, *sent, *received, *times, int(packets.traffic_class[row]))
        if flow is not None:
            news.append(flow)

    def count(
        self,
        endpoints: Endpoints,
        opened: int,
        out_octets: int,
        out_packets: int,
        in_octets: int,
        in_packets: int,
        first: float,
        last: float,
        traffic_class: int = 0,
    ) -> NewFlow | None:
        """Add to a flow what happened between `first` and `last`; the flow if it is new.

        A new flow beyond the bound is dropped and counted.
        """
        flow, new = self._flows.get(endpoints), None
        if flow is None:
            if len(self._flows) >= self._most_flows:
                self.stats.overflow_packets += out_packets + in_packets
                self.stats.overflow_octets += out_octets + in_octets
                return None
            self._serial += 1
            flow = _Flow(endpoints, self._serial, opened, traffic_class, first, first)
            self._flows[endpoints] = flow
            self.stats.flows += 1
            new = NewFlow(flow.serial, endpoints, opened)
        self.stats.packets += out_packets + in_packets
        flow.last = max(flow.last, last)
        flow.out_octets += out_octets
        flow.out_packets += out_packets
        flow.in_octets += in_octets
        flow.in_packets += in_packets
        return new

    def _fragment_ports(
        self,
        packets: Packets,
        row: int,
        version: int,
        protocol: int,
        source: bytes,
        destination: bytes,
        ports: tuple[int, int],
    ) -> tuple[int, int]:
        key = (version, protocol, source, destination, int(packets.fragment_key[row]))
        if packets.first_fragment[row]:
            self._fragments[key] = ports
            if len(self._fragments) > MOST_FRAGMENTS:
                self._fragments.popitem(last=False)
            return ports
        known = self._fragments.get(key)
        if known is None:
            self.stats.orphan_fragments += 1
            return 0, 0
        return known

    def report(self, now: float, *, final: bool = False) -> FlowRows:
        """Deltas of every flow that moved; `owner` is the flow's serial.

        Idle flows are forgotten afterwards. What lies behind `now` is taken for now: the clock was set back.
        """
        for flow in self._flows.values():
            if flow.last > now:
                flow.since, flow.last = min(flow.since, now), now
        moved = [flow for flow in self._flows.values() if flow.out_packets or flow.in_packets]
        rows = _rows(moved, now, END_FORCED if final else END_ACTIVE, self._idle_seconds) if moved else no_rows()
        for flow in moved:
            flow.out_octets = flow.out_packets = flow.in_octets = flow.in_packets = 0
            flow.since = flow.last
        limit = now - self._idle_seconds
        for flow in [flow for flow in self._flows.values() if flow.last < limit]:
            del self._flows[flow.endpoints]
        return rows

    def serials(self) -> Iterable[int]:
        """Serials of the flows in the table."""
        return (flow.serial for flow in self._flows.values())


def _rows(flows: list[_Flow], now: float, reason: int, idle_seconds: float) -> FlowRows:
    def column(values: Iterable[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.fromiter(values, np.int64, len(flows))

    ends = [f.endpoints for f in flows]
    echo = [e.protocol in ECHO_PROTOCOLS for e in ends]
    zeros = np.zeros(len(flows), np.int64)
    return FlowRows(
        start=np.asarray([f.since for f in flows], np.float64),
        end=np.asarray([f.last for f in flows], np.float64),
        version=np.asarray([e.version for e in ends], np.uint8),
        local=np.frombuffer(b"".join(e.local for e in ends), np.uint8).reshape(-1, 16),
        remote=np.frombuffer(b"".join(e.remote for e in ends), np.uint8).reshape(-1, 16),
        local_port=column(0 if hidden else e.local_port for e, hidden in zip(ends, echo, strict=True)),
        remote_port=column(e.remote_port for e in ends),
        protocol=column(e.protocol for e in ends),
        traffic_class=column(f.traffic_class for f in flows),
        out_octets=column(f.out_octets for f in flows),
        out_packets=column(f.out_packets for f in flows),
        in_octets=column(f.in_octets for f in flows),
        in_packets=column(f.in_packets for f in flows),
        opened=column(f.opened for f in flows),
        end_reason=column(END_IDLE if f.last < now - idle_seconds else reason for f in flows),
        smoothed_rtt=zeros,
        minimum_rtt=zeros,
        retransmitted=zeros,
        owner=column(f.serial for f in flows),
    )
