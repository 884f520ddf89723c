"""sock_diag messages made here, for the tests: the kernel's layout, written independently of the decoder."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

ESTABLISHED, LISTEN, CLOSED = 1, 10, 7


def octets(address: str) -> bytes:
    return ipaddress.ip_address(address).packed.ljust(16, b"\0")


def tcp_info(length: int = 280, **fields: int) -> bytes:
    layout = {
        "options": (5, "B"),
        "unacked": (24, "I"),
        "rtt": (68, "I"),
        "acked": (120, "Q"),
        "received": (128, "Q"),
        "segs_out": (136, "I"),
        "segs_in": (140, "I"),
        "min_rtt": (148, "I"),
        "sent": (200, "Q"),
        "retrans": (208, "Q"),
    }
    info = bytearray(280)
    for name, value in fields.items():
        offset, kind = layout[name]
        struct.pack_into("=" + kind, info, offset, value)
    return bytes(info[:length])


def message(
    local: str,
    local_port: int,
    remote: str,
    remote_port: int,
    *,
    cookie: int = 1,
    state: int = ESTABLISHED,
    uid: int = 0,
    inode: int = 0,
    tos: int | None = None,
    info: bytes | None = b"",
    **fields: Any,
) -> bytes:
    family = 10 if ":" in local else 2
    body = struct.pack("=BBBB", family, state, 0, 0)
    body += struct.pack("!HH", local_port, remote_port) + octets(local) + octets(remote)
    body += struct.pack("=III", 0, cookie & 0xFFFFFFFF, cookie >> 32)
    body += struct.pack("=IIIII", 0, 0, 0, uid, inode)
    assert len(body) == 72
    if tos is not None:
        body += struct.pack("=HHBxxx", 5, 5, tos)
    if info is not None:
        data = info or tcp_info(**fields)
        body += struct.pack("=HH", len(data) + 4, 2) + data + bytes(-len(data) % 4)
    return struct.pack("=IHHII", len(body) + 16, 20, 2, 1, 1) + body
