"""Netlink framing (linux/netlink.h): requests out, messages and attributes in.

Covered: the message header, attributes with their 4-octet alignment, the ends of a dump (DONE, ERROR).
Left out: multi-part bookkeeping (the reader stops at DONE), extended acks and attribute policies, because
the agent only ever asks four questions. All integers are host order, as the kernel writes them; what is
big-endian inside (ports, addresses) is said where it is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
ATTRIBUTE = struct.Struct("=HH")  # length, type

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x1
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLA_TYPE_MASK = 0x3FFF  # the two upper bits say "nested" and "network byte order"


def request(kind: int, payload: bytes, *, flags: int = NLM_F_DUMP, sequence: int = 1) -> bytes:
    """One request message: header and payload."""
    return HEADER.pack(HEADER.size + len(payload), kind, flags | NLM_F_REQUEST, sequence, 0) + payload


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four octets."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(payload), kind) + payload + bytes(-len(payload) % 4)


def messages(buffer: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(type, flags, start of the payload, end of the payload) of every whole message in the buffer.

    Stops silently at the first header that does not fit: the kernel never sends one, a test does.
    """
    offset, total = 0, len(buffer)
    while offset + HEADER.size <= total:
        length, kind, flags, _, _ = HEADER.unpack_from(buffer, offset)
        if length < HEADER.size or offset + length > total:
            return
        yield kind, flags, offset + HEADER.size, offset + length
        offset += (length + 3) & ~3


def attribute_windows(buffer: bytes, offset: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(type, start, end) of every attribute's payload between offset and end."""
    while offset + ATTRIBUTE.size <= end:
        length, kind = ATTRIBUTE.unpack_from(buffer, offset)
        if length < ATTRIBUTE.size or offset + length > end:
            return
        yield kind & NLA_TYPE_MASK, offset + ATTRIBUTE.size, offset + length
        offset += (length + 3) & ~3


def attributes(buffer: bytes, offset: int, end: int) -> dict[int, bytes]:
    """Payloads of the attributes between offset and end, by type; the last one of a type wins."""
    return {kind: bytes(buffer[start:stop]) for kind, start, stop in attribute_windows(buffer, offset, end)}


def error_number(buffer: bytes, start: int, end: int) -> int:
    """errno of an NLMSG_ERROR payload (0 = acknowledgement)."""
    return -int(struct.unpack_from("=i", buffer, start)[0]) if end - start >= 4 else 0
