from __future__ import annotations

import ipaddress
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.conntrack import ConntrackDeltas, decode_entries, dump_request
from agents.datagramtable import DatagramTable
from agents.netlink import attribute, request
from tests.agents.frames import octets

HERE, THERE, OTHER = "10.0.0.1", "10.0.0.2", "192.168.0.9"
OWN = frozenset([octets(HERE), octets("fd00::1")])
NESTED = 0x8000


def ends(source: str, destination: str, protocol: int, ports: tuple[int, int]) -> bytes:
    first = 3 if ":" in source else 1
    addresses = attribute(first, ipaddress.ip_address(source).packed)
    addresses += attribute(first + 1, ipaddress.ip_address(destination).packed)
    numbers = attribute(1, bytes([protocol]))
    if protocol in (1, 58):
        numbers += attribute(4 if protocol == 1 else 7, struct.pack("!H", ports[0]))
    else:
        numbers += attribute(2, struct.pack("!H", ports[0])) + attribute(3, struct.pack("!H", ports[1]))
    return attribute(NESTED | 1, addresses) + attribute(NESTED | 2, numbers)


def counters(octet_count: int, packets: int) -> bytes:
    return attribute(1, struct.pack("!Q", packets)) + attribute(2, struct.pack("!Q", octet_count))


def entry(
    forth: tuple[int, int], back: tuple[int, int], *, identity: int = 1, source: str = HERE, destination: str = THERE,
    reply_to: str = "", protocol: int = 17, ports: tuple[int, int] = (5000, 53), ended: bool = False,
) -> bytes:  # fmt: skip
    reply = ends(destination, reply_to or source, protocol, ports if protocol in (1, 58) else ports[::-1])
    body = bytes(4) + attribute(NESTED | 1, ends(source, destination, protocol, ports)) + attribute(NESTED | 2, reply)
    body += attribute(NESTED | 9, counters(*forth)) + attribute(NESTED | 10, counters(*back))
    return request(0x102 if ended else 0x100, body + attribute(12, struct.pack("!I", identity)))


def counted(*steps: tuple[list[bytes], bool]) -> tuple[DatagramTable, ConntrackDeltas]:
    table, deltas = DatagramTable(most_flows=100, idle_seconds=15.0), ConntrackDeltas()
    for chunks, dump in steps:
        deltas.take(decode_entries(chunks), table, OWN, 100.0, dump=dump)
    return table, deltas


def test_deltas_from_dump_to_event() -> None:
    table, _ = counted(
        ([entry((100, 1), (300, 2))], True), ([entry((150, 2), (300, 2))], True),
        ([entry((170, 3), (310, 3), ended=True)], False),
    )  # fmt: skip
    rows = table.report(101.0)
    assert (rows.out_octets.tolist(), rows.out_packets.tolist()) == ([170], [3])
    assert (rows.in_octets.tolist(), rows.in_packets.tolist()) == ([310], [3])
    assert (rows.local_port.tolist(), rows.remote_port.tolist(), rows.opened.tolist()) == ([5000], [53], [1])


def test_what_was_before_and_what_is_not_ours() -> None:
    table, deltas = DatagramTable(most_flows=100, idle_seconds=15.0), ConntrackDeltas()
    deltas.baseline(decode_entries([entry((1000, 10), (0, 0))]))
    forwarded = entry((50, 1), (0, 0), identity=2, source=OTHER)
    tcp = entry((50, 1), (0, 0), identity=3, protocol=6)
    news = deltas.take(decode_entries([entry((1100, 11), (0, 0)), forwarded, tcp]), table, OWN, 100.0, dump=True)
    assert len(news) == 1
    assert table.report(101.0).out_octets.tolist() == [100]
    assert deltas.stats.foreign == 1


def test_incoming_and_translated() -> None:
    incoming = entry((100, 1), (900, 3), source=THERE, destination=HERE, ports=(6000, 53))
    table, _ = counted(([incoming], True))
    rows = table.report(101.0)
    assert (rows.out_octets.tolist(), rows.in_octets.tolist(), rows.opened.tolist()) == ([900], [100], [2])
    assert (rows.local_port.tolist(), rows.remote_port.tolist()) == ([53], [6000])
    published = ends(THERE, OTHER, 17, (6000, 53))  # a public address translated to our own
    body = bytes(4) + attribute(NESTED | 1, published) + attribute(NESTED | 2, ends(HERE, THERE, 17, (5353, 6000)))
    body += attribute(NESTED | 9, counters(10, 1)) + attribute(NESTED | 10, counters(20, 1))
    table, _ = counted(([request(0x100, body)], True))
    rows = table.report(101.0)
    assert (rows.local_port.tolist(), rows.out_octets.tolist()) == ([5353], [20])


def test_icmp_and_ipv6() -> None:
    six = entry((96, 1), (96, 1), source="fd00::1", destination="fd00::2", protocol=58, ports=(7, 0))
    table, _ = counted(([entry((84, 1), (84, 1), protocol=1, ports=(9, 0)), six], True))
    rows = table.report(101.0)
    assert sorted(zip(rows.version.tolist(), rows.protocol.tolist(), rows.out_octets.tolist(), strict=True)) == [
        (4, 1, 84), (6, 58, 96)]  # fmt: skip
    assert rows.local_port.tolist() == [0, 0]


def test_without_counters_there_is_nothing() -> None:
    body = bytes(4) + attribute(1, ends(HERE, THERE, 17, (1, 2))) + attribute(2, ends(THERE, HERE, 17, (2, 1)))
    assert list(decode_entries([request(0x100, body)])) == []
    assert dump_request()[4:6] == struct.pack("=H", 0x101)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=150))
def test_any_octets_are_data(data: bytes) -> None:
    list(decode_entries([request(0x100, data), request(0x100, bytes(4) + attribute(1, data) + attribute(2, data))]))
