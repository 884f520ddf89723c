"""ospf.capture: every link type and both formats as scapy writes them, and files that are damaged or none."""

from __future__ import annotations

import gzip
import logging
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.capture import Progress, ip_packet, read_capture
from ospf.errors import OspfCaptureError
from ospf.packets import build_ip_packet

CAPTURES = Path(__file__).parents[1] / "captures"
PACKET = build_ip_packet(0x0A000001, 0xE0000005, b"\x02" * 44)
SIX = b"\x60" + bytes(5) + b"\x59\x01" + bytes(32) + b"\x03" * 36


def write_pcap(path: Path, link_type: int, *frames: bytes, magic: int = 0xA1B2C3D4, order: str = "<") -> Path:
    data = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link_type)
    for number, frame in enumerate(frames):
        data += struct.pack(order + "IIII", 1000 + number, 500_000, len(frame), len(frame)) + frame
    path.write_bytes(data)
    return path


def packets(path: Path) -> list[bytes]:
    return [frame.packet for frame in read_capture(path)]


ETHERNET = bytes(12)
FRAMES = [
    (1, ETHERNET + b"\x08\x00" + PACKET),
    (1, ETHERNET + b"\x81\x00\x00\x05\x08\x00" + PACKET),
    (1, ETHERNET + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00" + PACKET),
    (113, bytes(14) + b"\x08\x00" + PACKET),
    (276, b"\x08\x00" + bytes(18) + PACKET),
    (101, PACKET),
    (228, PACKET),
    (0, b"\x02\0\0\0" + PACKET),
    (108, b"\0\0\0\x02" + PACKET),
    (9, b"\xff\x03\x00\x21" + PACKET),
    (9, b"\x00\x21" + PACKET),
    (107, b"\x48\xe1\x08\x00" + PACKET),
    (107, b"\x48\xe1\x03\xcc" + PACKET),
    (107, b"\x48\xe1\x03\x00\x80\0\0\0\x08\x00" + PACKET),
]


@pytest.mark.parametrize(("link_type", "frame"), FRAMES)
def test_link_types(tmp_path: Path, link_type: int, frame: bytes) -> None:
    assert packets(write_pcap(tmp_path / "x.pcap", link_type, frame)) == [PACKET]


def test_what_is_no_ip_is_an_empty_packet() -> None:
    assert ip_packet(1, ETHERNET + b"\x08\x06" + bytes(28)) == b""
    assert ip_packet(1, ETHERNET + b"\x86\xdd" + SIX) == SIX
    assert ip_packet(9999, PACKET) == b"" and ip_packet(1, b"") == b"" and ip_packet(101, b"\x00") == b""


def test_rare_link_types_go_through_scapy() -> None:
    pytest.importorskip("scapy")
    hdlc = b"\x0f\x00\x08\x00" + PACKET  # Cisco HDLC, as scapy knows it
    assert ip_packet(104, hdlc) in (PACKET, b"")
    radio = struct.pack("<BBHI", 0, 0, 8, 0) + b"\x08\x01" + bytes(22) + b"\xaa\xaa\x03\0\0\0\x08\x00" + PACKET
    assert ip_packet(127, radio) == PACKET
    assert ip_packet(127, radio[:20]) == b""


@pytest.mark.parametrize("flags", [0x00, 0x20, 0xB0])
def test_gre_is_taken_off(flags: int) -> None:
    more = bytes(4 * sum(bool(flags & bit) for bit in (0x80, 0x20, 0x10)))
    inner = bytes((flags, 0)) + b"\x08\x00" + more + PACKET
    outer = build_ip_packet(1, 2, inner)
    outer = outer[:9] + bytes((47,)) + outer[10:]
    assert ip_packet(101, outer) == PACKET


@pytest.mark.parametrize(
    ("magic", "order", "time"),
    [(0xA1B2C3D4, "<", 1000.5), (0xA1B2C3D4, ">", 1000.5), (0xA1B23C4D, "<", 1000.0005)],
)
def test_byte_orders_and_nanoseconds(tmp_path: Path, magic: int, order: str, time: float) -> None:
    path = write_pcap(tmp_path / "x.pcap", 101, PACKET, PACKET, magic=magic, order=order)
    found = list(read_capture(path))
    assert [frame.number for frame in found] == [1, 2] and found[0].time == pytest.approx(time)


def test_pcapng_and_gzip(tmp_path: Path) -> None:
    utils = pytest.importorskip("scapy.utils")
    layers: Any = pytest.importorskip("scapy.layers.inet")
    path = tmp_path / "x.pcapng"
    packet = layers.IP(PACKET)
    packet.time = 1_763_760_000.25
    utils.wrpcapng(str(path), packet)
    (frame,) = read_capture(path)
    assert frame.packet == PACKET and frame.time == pytest.approx(1_763_760_000.25)
    plain = write_pcap(tmp_path / "x.pcap", 101, PACKET)
    packed = tmp_path / "x.pcap.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert packets(packed) == [PACKET]


def test_several_interfaces_of_a_pcapng_have_their_own_link_types(tmp_path: Path) -> None:
    def block(kind: int, body: bytes) -> bytes:
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    def packet(interface: int, frame: bytes, ticks: int) -> bytes:
        head = struct.pack("<IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        return block(6, head + frame + bytes(-len(frame) % 4))

    nano = struct.pack("<HHBxxxHH", 9, 1, 9, 0, 0)
    data = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack("<HHI", 1, 0, 0)) + block(1, struct.pack("<HHI", 101, 0, 0) + nano)
    data += packet(0, ETHERNET + b"\x08\x00" + PACKET, 5_000_000) + packet(1, PACKET, 6_000_000_000)
    path = tmp_path / "x.pcapng"
    path.write_bytes(data)
    assert [(frame.time, frame.packet) for frame in read_capture(path)] == [(5.0, PACKET), (6.0, PACKET)]
    for cut in range(1, len(data)):
        path.write_bytes(data[:cut])
        try:
            assert len(packets(path)) <= 1
        except OspfCaptureError as error:
            assert "not a capture" in str(error) or "damaged after packet" in str(error)


@pytest.mark.parametrize("content", [b"", b"hello world, no capture at all", b"\xd4\xc3\xb2\xa1\x02", b"ANEMLSA1" * 9])
def test_what_is_no_capture_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(OspfCaptureError, match="x: not a capture"):
        packets(tmp_path / "x")
    with pytest.raises(OspfCaptureError, match="none: No such file"):
        packets(tmp_path / "none")
    with pytest.raises(OspfCaptureError):
        packets(tmp_path)


def test_a_torn_file_gives_what_is_whole_and_says_where(tmp_path: Path) -> None:
    whole = write_pcap(tmp_path / "x.pcap", 101, PACKET, PACKET, PACKET).read_bytes()
    record = 16 + len(PACKET)
    for cut in (1, 10, len(PACKET) - 1, len(PACKET), len(PACKET) + 3):
        (tmp_path / "x.pcap").write_bytes(whole[:-cut])
        got = []
        with pytest.raises(OspfCaptureError, match="damaged after packet 2"):
            for frame in read_capture(tmp_path / "x.pcap"):
                got.append(frame.packet)
        assert got == [PACKET, PACKET]
    (tmp_path / "x.pcap").write_bytes(whole[:-record])
    assert len(packets(tmp_path / "x.pcap")) == 2


def test_a_block_that_cannot_be_is_said_and_scapy_is_left_as_it_was(tmp_path: Path) -> None:
    utils = pytest.importorskip("scapy.utils")
    layers: Any = pytest.importorskip("scapy.layers.inet")
    path, runtime = tmp_path / "x.pcapng", logging.getLogger("scapy.runtime")
    utils.wrpcapng(str(path), layers.IP(PACKET))
    path.write_bytes(path.read_bytes() + struct.pack("<II", 6, 4))  # shorter than itself
    before = list(runtime.handlers), runtime.propagate
    with pytest.raises(OspfCaptureError, match=r"damaged after packet 1: .*block length"):
        packets(path)
    assert (runtime.handlers, runtime.propagate) == before


def test_progress(tmp_path: Path) -> None:
    path, progress = write_pcap(tmp_path / "x.pcap", 101, PACKET, PACKET), Progress()
    for _ in read_capture(path, progress):
        assert progress.of == path.stat().st_size
    assert progress.packets == 2 and progress.octets == progress.of - 24  # scapy has read the header


def test_scapy_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scapy.utils", None)
    with pytest.raises(OspfCaptureError, match=r"anemone\[replay\]"):
        packets(tmp_path / "x")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([0, 1, 9, 101, 107, 113, 276]), st.binary(max_size=80))
def test_any_frame_is_a_packet_or_none(link_type: int, frame: bytes) -> None:
    found = ip_packet(link_type, frame)
    assert found == b"" or found[0] >> 4 in (4, 6)


def test_hostile_captures_are_read_or_refused() -> None:
    for path in sorted(CAPTURES.glob("ospf*/*.pcap*")):
        try:
            packets(path)
        except OspfCaptureError as error:
            assert str(path) in str(error)
