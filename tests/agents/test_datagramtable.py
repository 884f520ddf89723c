from __future__ import annotations

import struct

import pytest

from agents.datagramtable import COLLAPSE_FROM, DatagramTable
from agents.records import END_ACTIVE, END_FORCED, END_IDLE, OPENED_LOCAL, OPENED_REMOTE
from tests.agents.frames import HERE, IN, THERE, frame, ipv4, octets, packets, udp

OWN = frozenset([octets(HERE), octets("10.0.0.9")])
COUNTED = {1: False, 2: True}


@pytest.fixture
def table() -> DatagramTable:
    return DatagramTable(most_flows=100, idle_seconds=15.0)


def out(sport: int = 1000, dport: int = 53, length: int = 100, **keys: float) -> bytes:
    return frame(ipv4(HERE, THERE, 17, udp(sport, dport), length=length), **keys)  # type: ignore[arg-type]


def back(sport: int = 53, dport: int = 1000, length: int = 300, **keys: float) -> bytes:
    return frame(ipv4(THERE, HERE, 17, udp(sport, dport), length=length), direction=IN, **keys)  # type: ignore[arg-type]


def test_both_directions_are_one_flow(table: DatagramTable) -> None:
    news = table.add(packets(out(time=100), back(time=101), out(time=102)), OWN, COUNTED, 103.0)
    assert [(flow.endpoints.local_port, flow.endpoints.remote_port, flow.opened) for flow in news] == [
        (1000, 53, OPENED_LOCAL)
    ]
    rows = table.report(105.0)
    assert rows.out_octets.tolist() == [200]
    assert (rows.out_packets.tolist(), rows.in_octets.tolist(), rows.in_packets.tolist()) == ([2], [300], [1])
    assert (rows.start.tolist(), rows.end.tolist()) == ([100.0], [102.0])
    assert (rows.opened.tolist(), rows.end_reason.tolist()) == ([OPENED_LOCAL], [END_ACTIVE])


def test_a_clock_set_back_neither_keeps_flows_nor_dates_them_ahead(table: DatagramTable) -> None:
    table.add(packets(out(time=5000)), OWN, COUNTED, 5001.0)
    table.report(5002.0)
    table.add(packets(out(time=1000)), OWN, COUNTED, 1001.0)
    rows = table.report(1002.0)
    assert (rows.start.tolist(), rows.end.tolist()) == ([1002.0], [1002.0])
    table.report(1018.0)
    assert len(table) == 0


def test_deltas_and_idle_flows(table: DatagramTable) -> None:
    assert table.add(packets(back(time=100)), OWN, COUNTED, 100.0)[0].opened == OPENED_REMOTE
    table.report(105.0)
    assert len(table.report(110.0)) == 0
    assert table.add(packets(back(time=112)), OWN, COUNTED, 112.0) == []
    rows = table.report(115.0)
    assert (rows.start.tolist(), rows.end.tolist(), rows.in_octets.tolist()) == ([100.0], [112.0], [300])
    assert len(table) == 1
    table.report(130.0)
    assert len(table) == 0
    table.add(packets(back(time=131)), OWN, COUNTED, 131.0)
    assert table.report(200.0).end_reason.tolist() == [END_IDLE]
    table.add(packets(back(time=201)), OWN, COUNTED, 201.0)
    assert table.report(201.0, final=True).end_reason.tolist() == [END_FORCED]


def test_what_is_not_this_hosts(table: DatagramTable) -> None:
    strangers = ipv4("10.0.0.3", THERE, 17, udp(1, 2))
    group = ipv4(THERE, "224.0.0.5", 89, bytes(44))
    to_self = ipv4(HERE, "10.0.0.9", 17, udp(1, 2))
    table.add(
        packets(
            frame(strangers), frame(strangers, direction=IN), frame(group, direction=2), frame(to_self),
            out(interface=1), out(vlan=True), frame(ipv4(HERE, THERE, 6, bytes(20))),
        ),
        OWN, COUNTED, 100.0,
    )  # fmt: skip
    assert len(table.report(101.0)) == 0
    stats = table.stats
    assert (stats.foreign_packets, stats.group_packets, stats.repeated_packets, stats.packets) == (2, 1, 2, 0)


def test_fragments_join_their_first(table: DatagramTable) -> None:
    first = ipv4(HERE, THERE, 17, udp(1000, 53), key=5, fragment=0x2000, length=1500)
    rest = ipv4(HERE, THERE, 17, bytes(8), key=5, fragment=185, length=900)
    orphan = ipv4(HERE, THERE, 17, bytes(8), key=6, fragment=185, length=700)
    table.add(packets(frame(first), frame(rest), frame(orphan)), OWN, COUNTED, 100.0)
    rows = table.report(101.0)
    assert dict(zip(rows.local_port.tolist(), rows.out_octets.tolist(), strict=True)) == {1000: 2400, 0: 700}
    assert table.stats.orphan_fragments == 1


def test_echo_flows_by_identifier_which_stays_inside(table: DatagramTable) -> None:
    def echo(kind: int, identity: int, **keys: int) -> bytes:
        ends = (HERE, THERE) if kind == 8 else (THERE, HERE)
        return frame(ipv4(*ends, 1, struct.pack("!BBHHH", kind, 0, 0, identity, 1)), **keys)

    news = table.add(packets(echo(8, 7), echo(0, 7, direction=IN), echo(8, 8)), OWN, COUNTED, 100.0)
    assert [flow.endpoints.local_port for flow in news] == [7, 8]
    rows = table.report(101.0)
    assert (rows.local_port.tolist(), rows.remote_port.tolist()) == ([0, 0], [0, 0])
    assert (rows.out_octets.tolist(), rows.in_octets.tolist()) == ([28, 28], [28, 0])


def test_bound_and_overflow() -> None:
    table = DatagramTable(most_flows=2, idle_seconds=15.0)
    table.add(packets(*[out(sport=port) for port in (1, 2, 3, 3)]), OWN, COUNTED, 100.0)
    assert len(table) == 2
    assert (table.stats.overflow_packets, table.stats.overflow_octets) == (2, 200)


def test_many_packets_count_as_one_by_one(table: DatagramTable) -> None:
    frames = [out(sport=1 + place % 3, length=100 + place) for place in range(4 * COLLAPSE_FROM)]
    table.add(packets(*frames), OWN, COUNTED, 100.0)
    single = DatagramTable(most_flows=100, idle_seconds=15.0)
    for one in frames:
        single.add(packets(one), OWN, COUNTED, 100.0)
    together, apart = table.report(101.0), single.report(101.0)
    assert together.out_octets.tolist() == apart.out_octets.tolist()
    assert together.out_packets.tolist() == apart.out_packets.tolist()
    assert sorted(table.serials()) == sorted(single.serials())
