from __future__ import annotations

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.packets import collapse, decode_frames, opening_endpoints
from tests.agents.frames import FRAME, HERE, IN, OUT, THERE, frame, ipv4, ipv6, octets, packets, udp


def test_udp_both_families() -> None:
    got = packets(
        frame(ipv4(HERE, THERE, 17, udp(1000, 53), length=1500, tos=0xB8), time=12.0, interface=7),
        frame(ipv6("fd00::1", "fd00::2", 17, udp(1001, 54), length=100, tos=0x28), direction=IN),
    )
    assert got.version.tolist() == [4, 6]
    assert got.octets.tolist() == [1500, 140]
    assert got.source_port.tolist() == [1000, 1001]
    assert got.destination_port.tolist() == [53, 54]
    assert got.traffic_class.tolist() == [0xB8, 0x28]
    assert (got.direction.tolist(), got.interface.tolist()) == ([OUT, IN], [7, 2])
    assert got.time.tolist() == [12.0, 100.0]
    assert [row.tobytes() for row in got.source] == [octets(HERE), octets("fd00::1")]
    assert [row.tobytes() for row in got.destination] == [octets(THERE), octets("fd00::2")]


def test_header_options_and_icmp() -> None:
    echo = struct.pack("!BBHHH", 8, 0, 0, 4711, 1)
    unreachable = struct.pack("!BBHI", 3, 3, 0, 0)
    got = packets(
        frame(ipv4(HERE, THERE, 17, udp(5, 6), options=3)),
        frame(ipv4(HERE, THERE, 1, echo)),
        frame(ipv4(HERE, THERE, 1, unreachable)),
        frame(ipv4(HERE, THERE, 89, bytes(24))),
        frame(ipv6("fd00::1", "fd00::2", 58, struct.pack("!BBHHH", 128, 0, 0, 99, 1))),
    )
    assert got.source_port.tolist() == [5, 4711, 0, 0, 99]
    assert got.destination_port.tolist() == [6, 0, 0, 0, 0]
    assert got.octets.tolist() == [40, 28, 28, 44, 48]


def test_fragments() -> None:
    got = packets(
        frame(ipv4(HERE, THERE, 17, udp(5, 6), key=77, fragment=0x2000, length=1500)),
        frame(ipv4(HERE, THERE, 17, bytes(range(8)), key=77, fragment=185, length=600)),
        frame(ipv6("fd00::1", "fd00::2", 44, struct.pack("!BBHI", 17, 0, 1, 0xABCDEF01) + udp(7, 8))),
        frame(ipv6("fd00::1", "fd00::2", 44, struct.pack("!BBHI", 17, 0, 1480, 0xABCDEF01) + bytes(8))),
        frame(ipv6("fd00::1", "fd00::2", 0, bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp(9, 10))),
    )
    assert got.fragment_key.tolist() == [77, 77, 0xABCDEF01, 0xABCDEF01, -1]
    assert got.first_fragment.tolist() == [True, False, True, False, True]
    assert got.source_port.tolist() == [5, 0, 7, 0, 9]
    assert got.protocol.tolist() == [17] * 5


def test_segmentation_offload_counts_what_the_wire_carries() -> None:
    """48,000 octets of payload in segments of 1,200: 40 datagrams, each with 28 octets of headers."""
    whole = ipv4(HERE, THERE, 17, udp(443, 5000), length=48_028)
    got = packets(frame(whole, gso=1200), frame(ipv4(HERE, THERE, 17, udp(443, 5000), length=1228), gso=1200))
    assert got.packets.tolist() == [40, 1]
    assert got.octets.tolist() == [40 * 1228, 1228]


def test_alike_packets_become_one_row_in_order() -> None:
    one, two = ipv4(HERE, THERE, 17, udp(1, 2), length=100), ipv4(HERE, THERE, 17, udp(3, 4), length=50)
    got = collapse(
        packets(frame(two, time=1), frame(one, time=2), frame(two, time=3), frame(one, direction=IN, time=4))
    )
    assert got.source_port.tolist() == [3, 1, 1]
    assert got.octets.tolist() == [100, 100, 100]
    assert got.packets.tolist() == [2, 1, 1]
    assert (got.time.tolist(), got.until.tolist()) == ([1, 2, 4], [3, 2, 4])


def test_openings() -> None:
    segment = struct.pack("!HH", 40000, 80) + bytes(16)
    four = opening_endpoints(ipv4(HERE, THERE, 6, segment, options=2))
    six = opening_endpoints(ipv6("fd00::1", "fd00::2", 6, segment))
    assert four is not None and six is not None
    assert (four.version, four.local, four.remote, four.local_port, four.remote_port) == (
        4, octets(HERE), octets(THERE), 40000, 80)  # fmt: skip
    assert (six.version, six.remote_port) == (6, 80)
    assert opening_endpoints(b"\x45" + bytes(20)) is None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(min_size=FRAME, max_size=FRAME), min_size=1, max_size=4), st.binary(max_size=80))
def test_any_octets_are_data(raw: list[bytes], packet: bytes) -> None:
    got = decode_frames(np.frombuffer(b"".join(raw), np.uint8).reshape(-1, FRAME))
    assert len(got) <= len(raw)
    opening_endpoints(packet)
    decode_frames(np.frombuffer(frame(ipv6("fd00::1", "fd00::2", 0, packet)), np.uint8).reshape(1, FRAME))
