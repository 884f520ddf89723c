"""Ring frames made here, for the tests: tpacket2_hdr, sockaddr_ll, virtio header, Ethernet header, packet."""

from __future__ import annotations

import ipaddress
import struct

import numpy as np
from numpy.typing import NDArray

from agents.packets import Packets, decode_frames

HERE, THERE = "10.0.0.1", "10.0.0.2"
OUT, IN = 4, 0
FRAME = 256


def octets(address: str) -> bytes:
    return ipaddress.ip_address(address).packed.ljust(16, b"\0")


def udp(sport: int, dport: int) -> bytes:
    return struct.pack("!HHHH", sport, dport, 0, 0)


def ipv4(
    source: str, destination: str, protocol: int, payload: bytes, *, length: int = 0, key: int = 0, fragment: int = 0,
    tos: int = 0, options: int = 0,
) -> bytes:  # fmt: skip
    header = struct.pack(
        "!BBHHHBBH", 0x45 + options, tos, length or 20 + 4 * options + len(payload), key, fragment, 64, protocol, 0
    )
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    return header + ends + bytes(4 * options) + payload


def ipv6(source: str, destination: str, protocol: int, payload: bytes, *, length: int = 0, tos: int = 0) -> bytes:
    header = struct.pack("!IHBB", 6 << 28 | tos << 20, length or len(payload), protocol, 64)
    return header + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + payload


def frame(
    packet: bytes, *, direction: int = OUT, time: float = 100.0, interface: int = 2, vlan: bool = False, gso: int = 0
) -> bytes:
    net, mac = 90, 76
    ethertype = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    header = struct.pack("=IIIHHII", 1 | (0x10 if vlan else 0), len(packet), len(packet), mac, net, int(time), 0)
    header = header.ljust(32, b"\0") + struct.pack("=H", 17) + struct.pack("!H", ethertype)
    header += struct.pack("=iHBB", interface, 1, direction, 6)
    virtio = struct.pack("=BBHHHH", 0, 5 if gso else 0, 0, gso, 0, 0)
    return (header.ljust(mac - 10, b"\0") + virtio + bytes(14) + packet)[:FRAME].ljust(FRAME, b"\0")


def ring(*frames: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(frames), np.uint8).reshape(-1, FRAME)


def packets(*frames: bytes) -> Packets:
    return decode_frames(ring(*frames))
