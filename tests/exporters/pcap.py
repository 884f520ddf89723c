"""Pcap files of UDP datagrams, written and read by hand (the format is 24 + 16 octets of header)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

_FILE = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")
_RAW_IP = 101  # link types
_ETHERNET = 1


def _checksum(octets: bytes) -> int:
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def ip_packet(protocol: int, payload: bytes, source: bytes, destination: bytes, number: int = 0) -> bytes:
    """An IPv4 packet with its header checksum."""
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number & 0xFFFF, 0, 64, protocol, 0, source, destination
    )
    return header[:10] + _checksum(header).to_bytes(2, "big") + header[12:] + payload


def write_packets(path: Path, packets: Iterable[tuple[float, bytes]]) -> None:
    """A capture of (time, IP packet), link type raw IP."""
    with path.open("wb") as file:
        file.write(_FILE.pack(0xA1B2C3D4, 2, 4, 0, 0, 65535, _RAW_IP))
        for time, packet in packets:
            file.write(_RECORD.pack(int(time), round(time % 1 * 1e6), len(packet), len(packet)) + packet)


def write_datagrams(path: Path, datagrams: Iterable[bytes], port: int, time: float = 1_700_000_000.0) -> None:
    """A capture of UDP datagrams from 127.0.0.1 to 127.0.0.1:port."""
    home = bytes((127, 0, 0, 1))
    packets = []
    for number, datagram in enumerate(datagrams):
        udp = struct.pack(">HHHH", 40000, port, 8 + len(datagram), 0) + datagram
        packets.append((time + number / 1000, ip_packet(17, udp, home, home, number)))
    write_packets(path, packets)


def read_datagrams(path: Path) -> list[bytes]:
    """UDP payloads of a capture as `write_packets` makes it, or of Ethernet."""
    octets = path.read_bytes()
    magic, *_, link = _FILE.unpack_from(octets)
    assert magic == 0xA1B2C3D4
    start = {_RAW_IP: 0, _ETHERNET: 14}[link]
    position, found = _FILE.size, []
    while position < len(octets):
        _, _, captured, _ = _RECORD.unpack_from(octets, position)
        position += _RECORD.size
        packet = octets[position + start : position + captured]
        position += captured
        if packet[0] >> 4 == 4 and packet[9] == 17:
            udp = packet[(packet[0] & 15) * 4 :]
            found.append(udp[8 : int.from_bytes(udp[4:6], "big")])
    return found
