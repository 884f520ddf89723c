"""sock_diag (linux/inet_diag.h) messages as columns: dumps of sockets and their destroy events.

Covered: `inet_diag_req_v2` for TCP and UDP, `inet_diag_msg`, the attributes INFO (tcp_info), TOS, TCLASS,
CGROUP_ID.  tcp_info grows with the kernel, so fields are read by offset and a field the kernel does not
know is zero.  Messages are sorted into buckets of equal length and equal attribute headers; each bucket is
one numpy gather (host-agent.md section 3: 25 ms for 5,000 sockets instead of 640). Left out: the filter
byte code (states are enough) and TIME_WAIT rows, which have no counters and no owner.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from agents.netlink import attribute_windows, messages, request

SOCK_DIAG_BY_FAMILY = 20
AF_INET, AF_INET6 = 2, 10
IPPROTO_TCP, IPPROTO_UDP = 6, 17

INET_DIAG_INFO = 2
INET_DIAG_TOS = 5
INET_DIAG_TCLASS = 6
INET_DIAG_CGROUP_ID = 21

ESTABLISHED, SYN_SENT, SYN_RECV, TIME_WAIT, CLOSE, LISTEN, NEW_SYN_RECV = 1, 2, 3, 6, 7, 10, 12
ALL_STATES = 0x1FFF
TCP_STATES = ALL_STATES & ~(1 << SYN_RECV | 1 << TIME_WAIT | 1 << NEW_SYN_RECV)

OPTION_TIMESTAMPS = 1  # tcpi_options
OPTION_SACK = 2
OPTION_WINDOW_SCALE = 4

MESSAGE_OCTETS = 72  # sizeof(struct inet_diag_msg)
_REQUEST = struct.Struct("=BBBBI")
_INFO = {  # column: (offset in tcp_info, dtype)
    "options": (5, "u1"),
    "unacknowledged": (24, "u4"),
    "smoothed_rtt": (68, "u4"),
    "bytes_acked": (120, "u8"),
    "bytes_received": (128, "u8"),
    "segments_out": (136, "u4"),
    "segments_in": (140, "u4"),
    "minimum_rtt": (148, "u4"),
    "bytes_sent": (200, "u8"),
    "bytes_retransmitted": (208, "u8"),
}
_MESSAGE = {  # column: (offset in inet_diag_msg, dtype)
    "state": (1, "u1"),
    "local_port": (4, ">u2"),
    "remote_port": (6, ">u2"),
    "interface": (40, "u4"),
    "cookie": (44, "u4"),  # two halves, joined below
    "receive_queue": (56, "u4"),
    "uid": (64, "u4"),
    "inode": (68, "u4"),
}

I8 = NDArray[np.int64]


@dataclass(frozen=True)
class Sockets:
    """One row per socket, columns of equal length.

    Ports in host order, addresses 16 octets (IPv4 in the first four).
    """

    version: NDArray[np.uint8]  # 4 or 6; an IPv4-mapped IPv6 socket is 4
    state: NDArray[np.uint8]
    local: NDArray[np.uint8]  # (n, 16)
    remote: NDArray[np.uint8]  # (n, 16)
    local_port: I8
    remote_port: I8
    interface: I8
    cookie: NDArray[np.uint64]
    receive_queue: I8
    uid: I8
    inode: I8
    cgroup: NDArray[np.uint64]
    traffic_class: I8
    has_info: NDArray[np.bool_]
    options: I8
    unacknowledged: I8
    smoothed_rtt: I8  # microseconds
    minimum_rtt: I8
    bytes_acked: I8
    bytes_received: I8
    bytes_sent: I8  # payload with retransmissions
    bytes_retransmitted: I8
    segments_out: I8
    segments_in: I8

    def __len__(self) -> int:
        return len(self.cookie)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Sockets:
        """The rows of an index or a mask."""
        return Sockets(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


def dump_request(family: int, protocol: int, states: int, *, sequence: int = 1) -> bytes:
    """A dump of all sockets of a family and protocol in the given states (bit per state), with tcp_info, TOS."""
    extensions = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_TOS - 1) | 1 << (INET_DIAG_TCLASS - 1)
    payload = _REQUEST.pack(family, protocol, extensions if protocol == IPPROTO_TCP else 0, 0, states) + bytes(48)
    return request(SOCK_DIAG_BY_FAMILY, payload, sequence=sequence)


def get_request(version: int, protocol: int, local: bytes, local_port: int, remote: bytes, remote_port: int) -> bytes:
    """Ask for one socket by its end points (16 octets each, IPv4 in the first four)."""
    family = AF_INET if version == 4 else AF_INET6
    ends = [(local_port, local), (remote_port, remote)]
    if protocol == IPPROTO_UDP:  # udp_dump_one: "src and dst are swapped for historical reasons"
        ends.reverse()
    ports = struct.pack("!HH", ends[0][0], ends[1][0])
    identity = ports + ends[0][1] + ends[1][1] + struct.pack("=I", 0) + b"\xff" * 8  # any cookie
    extensions = 1 << (INET_DIAG_INFO - 1) if protocol == IPPROTO_TCP else 0
    payload = _REQUEST.pack(family, protocol, extensions, 0, ALL_STATES) + identity
    return request(SOCK_DIAG_BY_FAMILY, payload, flags=0)


def decode_sockets(chunks: Sequence[bytes]) -> Sockets:
    """All sock_diag messages of the buffers as one `Sockets`.

    Messages of other types or cut short are left out.
    """
    # every buffer starts aligned: the kernel pads inside, the joint is padded here
    buffer = b"".join(chunk + bytes(-len(chunk) % 4) for chunk in chunks)
    buckets: dict[int, list[int]] = {}
    for kind, _, start, end in messages(buffer):
        if kind == SOCK_DIAG_BY_FAMILY and end - start >= MESSAGE_OCTETS:
            buckets.setdefault(end - start, []).append(start)
    raw = np.frombuffer(buffer, np.uint8)
    parts: list[dict[str, NDArray[np.generic]]] = []
    for length, starts in buckets.items():
        rows = raw[np.asarray(starts, np.intp)[:, None] + np.arange(length)]
        while len(rows):
            alike, layout = _same_layout(rows)
            parts.append(_columns(rows[alike], layout))
            rows = rows[~alike]
    if not parts:
        parts = [_columns(np.zeros((0, MESSAGE_OCTETS), np.uint8), {})]
    return Sockets(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


@dataclass(frozen=True, slots=True)
class OneSocket:
    """What the answer to `get_request` says: enough to find the owner, without the price of columns."""

    state: int
    cookie: int
    uid: int
    inode: int
    connected: bool  # it has a remote port


def decode_one(buffer: bytes) -> OneSocket | None:
    """The first sock_diag message of a buffer; None when there is none."""
    for kind, _, start, end in messages(buffer):
        if kind == SOCK_DIAG_BY_FAMILY and end - start >= MESSAGE_OCTETS:
            low, high = struct.unpack_from("=II", buffer, start + 44)
            uid, inode = struct.unpack_from("=II", buffer, start + 64)
            return OneSocket(buffer[start + 1], low | high << 32, uid, inode, buffer[start + 6 : start + 8] != b"\0\0")
    return None


def _same_layout(rows: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], dict[int, tuple[int, int]]]:
    """Which rows carry the first row's attribute headers, and where those attributes lie."""
    first = rows[0].tobytes()
    layout = {}
    alike = np.ones(len(rows), np.bool_)
    for kind, start, end in attribute_windows(first, MESSAGE_OCTETS, len(first)):
        layout[kind] = (start, end)
        alike &= (rows[:, start - 4 : start] == rows[0, start - 4 : start]).all(axis=1)
    return alike, layout


def _field(rows: NDArray[np.uint8], offset: int, dtype: str) -> NDArray[np.generic]:
    return np.ascontiguousarray(rows[:, offset : offset + np.dtype(dtype).itemsize]).view(dtype).reshape(-1)


def _columns(rows: NDArray[np.uint8], layout: dict[int, tuple[int, int]]) -> dict[str, NDArray[np.generic]]:
    count = len(rows)
    columns: dict[str, NDArray[np.generic]] = {}
    for name, (offset, dtype) in _MESSAGE.items():
        columns[name] = _field(rows, offset, dtype).astype(np.int64)
    low, high = _field(rows, 44, "u4").astype(np.uint64), _field(rows, 48, "u4").astype(np.uint64)
    columns["cookie"] = low | high << np.uint64(32)
    columns["state"] = _field(rows, 1, "u1")
    local, remote = rows[:, 8:24].copy(), rows[:, 24:40].copy()
    family = rows[:, 0]
    mapped = (family == AF_INET6) & _is_mapped(local) & (_is_mapped(remote) | ~remote.any(axis=1))
    for address in (local, remote):
        address[mapped, :4] = address[mapped, 12:16]
        address[mapped, 4:] = 0
        address[family == AF_INET, 4:] = 0
    columns["local"], columns["remote"] = local, remote
    columns["version"] = np.where((family == AF_INET) | mapped, 4, 6).astype(np.uint8)
    start, end = layout.get(INET_DIAG_INFO, (0, 0))
    columns["has_info"] = np.full(count, end > start)
    for name, (offset, dtype) in _INFO.items():
        known = end - start >= offset + np.dtype(dtype).itemsize
        columns[name] = _field(rows, start + offset, dtype).astype(np.int64) if known else np.zeros(count, np.int64)
    start, end = layout.get(INET_DIAG_CGROUP_ID, (0, 0))
    columns["cgroup"] = _field(rows, start, "u8") if end - start >= 8 else np.zeros(count, np.uint64)
    tos, tclass = (layout.get(kind, (0, 0)) for kind in (INET_DIAG_TOS, INET_DIAG_TCLASS))
    traffic = np.zeros(count, np.int64)
    if tos[1] > tos[0]:
        traffic = rows[:, tos[0]].astype(np.int64)
    if tclass[1] > tclass[0]:
        traffic = np.where(columns["version"] == 6, rows[:, tclass[0]], traffic).astype(np.int64)
    columns["traffic_class"] = traffic
    return columns


def _is_mapped(address: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Rows that hold ::ffff:a.b.c.d."""
    prefix = np.frombuffer(bytes(10) + b"\xff\xff", np.uint8)
    alike: NDArray[np.bool_] = (address[:, :12] == prefix).all(axis=1)
    return alike


def concatenate(parts: Sequence[Sockets]) -> Sockets:
    """The rows of several tables below each other (at least one)."""
    return Sockets(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Sockets)})
