"""Captures of OSPFv3 through the replay, and LSAs of version 3 through archive and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from ospf.archive import Record, Stream
from ospf.capture import read_capture
from ospf.domain import DomainKey
from ospf.replay import Replay, packet_of
from ospf.v3.prefix import prefix6_text
from ospf.v3.topology import Topology6
from ospf.wire import address_text
from tests.ospf.test_v3_topology import LAN, TWO_AREAS
from tests.ospf.v3_words import pcap_frames

CAPTURES = Path(__file__).parents[1] / "captures" / "ospf3-tcpdump"
V3 = DomainKey("default", 3)


def replayed(name: str) -> tuple[Replay, Topology6]:
    replay = Replay()
    for time, packet in pcap_frames(CAPTURES / name):
        replay.receive(bytes(packet), time)
    replay.finish()
    topology = replay.topologies[V3]
    assert isinstance(topology, Topology6)
    return replay, topology


@pytest.mark.parametrize(
    ("name", "routers"),
    [
        ("OSPFv3_broadcast_adjacency.pcap", ["1.1.1.1", "2.2.2.2"]),
        ("OSPFv3_NBMA_adjacencies.pcap", ["1.1.1.1", "2.2.2.2", "3.3.3.3"]),
        ("OSPFv3_multipoint_adjacencies.pcap", ["1.1.1.1", "2.2.2.2", "3.3.3.3"]),
        ("OSPFv3_with_AH.pcap", ["1.1.1.1", "2.2.2.2"]),
    ],
)
def test_captures_become_topologies(name: str, routers: list[str]) -> None:
    replay, topology = replayed(name)
    assert [address_text(int(router)) for router in topology.routers] == routers
    assert topology.alive.all()
    sums = replay.listener_stats()
    assert (sums["malformed"], sums["strangers"], sums["lsas_refused"]) == (0, 0, 0)
    assert sums["packets"] == replay.stats.packets == replay.stats.ospf


def test_the_lan_of_the_capture() -> None:
    replay = Replay()
    for frame in read_capture(CAPTURES / "OSPFv3_broadcast_adjacency.pcap"):
        replay.receive(frame.packet, frame.time)
    replay.finish()
    topology = replay.topologies[V3]
    assert [str(key) for key in topology.links.keys] == ["1.1.1.1:v3if5", "2.2.2.2:v3if5"]
    assert topology.vertex_name(2) == "2001:db8:0:12::/64"
    table = topology.prefixes
    found = [prefix6_text(table.number(row), int(table.plen[row])) for row in range(len(table))]
    assert "2001:db8:0:34::/64" in found


def test_a_record_of_the_archive_is_heard_again() -> None:
    replay = Replay()
    for area, lsas in enumerate((LAN, TWO_AREAS[1])):
        for lsa in lsas:
            record = Record(0, Stream("default", 3, area, "lan"), 9, 0, lsa.raw)
            packet = packet_of(record)
            assert packet is not None
            replay.receive(packet, 1000.0, source="lan")
    replay.finish()
    held = {stream.area: set(one.lsdb.lsas(1000.0)) for stream, one in replay.listeners.items()}
    assert held == {0: set(LAN), 1: set(TWO_AREAS[1])}
