"""The filters, run by an interpreter of what they use (and by the kernel in test_sources_packetring)."""

from __future__ import annotations

import struct

import pytest

from agents.packetfilter import AD_OFF, NET_OFF, PACKET_OUTGOING, not_tcp_program, opening_program

HOST = 0


def execute(program: bytes, packet: bytes, ethertype: int, direction: int) -> int:
    code = [struct.unpack_from("=HBBI", program, offset) for offset in range(0, len(program), 8)]
    place = a = x = 0

    def load(offset: int, size: int) -> int:
        if offset >= AD_OFF:
            return {0: ethertype, 4: direction}[offset - AD_OFF]
        start = offset - NET_OFF
        return int.from_bytes(packet[start : start + size], "big")

    while True:
        operation, true, false, constant = code[place]
        place += 1
        if operation == 0x06:
            return constant
        if operation in (0x20, 0x28, 0x30):
            a = load(constant, {0x20: 4, 0x28: 2, 0x30: 1}[operation])
        elif operation == 0x50:
            a = load(constant + x, 1)
        elif operation == 0x54:
            a &= constant
        elif operation == 0x64:
            a <<= constant
        elif operation == 0x07:
            x = a
        else:
            holds = a == constant if operation == 0x15 else bool(a & constant)
            place += true if holds else false


def ipv4(protocol: int, payload: bytes, *, fragment: int = 0, options: int = 0) -> bytes:
    words = 5 + options
    header = struct.pack("!BBHHHBBH", 0x40 | words, 0, 20 + len(payload), 1, fragment, 64, protocol, 0) + bytes(8)
    return header + bytes(4 * options) + payload


def ipv6(protocol: int, payload: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + bytes(32) + payload


def tcp(flags: int) -> bytes:
    return bytes(13) + bytes([flags]) + bytes(6)


@pytest.mark.parametrize(
    ("packet", "ethertype", "kept"),
    [
        (ipv4(17, bytes(8)), 0x0800, True),
        (ipv4(1, bytes(8)), 0x0800, True),
        (ipv4(17, bytes(8), fragment=100), 0x0800, True),
        (ipv4(6, tcp(0x10)), 0x0800, False),
        (ipv6(58, bytes(8)), 0x86DD, True),
        (ipv6(6, tcp(0x10)), 0x86DD, False),
        (bytes(28), 0x0806, False),
    ],
)
def test_all_but_tcp(packet: bytes, ethertype: int, kept: bool) -> None:
    assert execute(not_tcp_program(110), packet, ethertype, HOST) == (110 if kept else 0)


@pytest.mark.parametrize(
    ("packet", "ethertype", "direction", "kept"),
    [
        (ipv4(6, tcp(0x02)), 0x0800, PACKET_OUTGOING, True),
        (ipv4(6, tcp(0xC2), options=3), 0x0800, PACKET_OUTGOING, True),
        (ipv4(6, tcp(0x02)), 0x0800, HOST, False),
        (ipv4(6, tcp(0x12)), 0x0800, PACKET_OUTGOING, False),
        (ipv4(6, tcp(0x10)), 0x0800, PACKET_OUTGOING, False),
        (ipv4(6, tcp(0x02), fragment=1), 0x0800, PACKET_OUTGOING, False),
        (ipv4(17, tcp(0x02)), 0x0800, PACKET_OUTGOING, False),
        (ipv6(6, tcp(0x02)), 0x86DD, PACKET_OUTGOING, True),
        (ipv6(6, tcp(0x12)), 0x86DD, PACKET_OUTGOING, False),
        (bytes(40), 0x0806, PACKET_OUTGOING, False),
    ],
)
def test_own_openings(packet: bytes, ethertype: int, direction: int, kept: bool) -> None:
    assert execute(opening_program(64), packet, ethertype, direction) == (64 if kept else 0)
