"""Object identifiers: tuples of arcs, their text, their BER contents and their sort keys.

BER contents of OIDs do not sort like OIDs (16383 is ff 7f, 16384 is 81 80 00), so order is kept on a *key*:
every arc as four big-endian octets.  Byte order of keys is the lexicographic order SNMP walks by; a prefix
sorts before what it begins.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from mibs.errors import BerDecodeError

Oid = tuple[int, ...]

ROOT: Oid = (1, 3, 6, 1, 4, 1, 32473)  # RFC 5612: the enterprise number for documentation
MIB2: Oid = (1, 3, 6, 1, 2, 1)
SNMP_MODULES: Oid = (1, 3, 6, 1, 6, 3)

MAX_ARCS = 128  # RFC 2578 3.5
MAX_ARC = 0xFFFFFFFF


def parse_oid(text: str) -> Oid:
    """Dotted text, with or without a leading dot.  Raises ValueError."""
    arcs = tuple(int(part) for part in text.strip().lstrip(".").split("."))
    if len(arcs) > MAX_ARCS or any(not 0 <= arc <= MAX_ARC for arc in arcs):
        raise ValueError(f"not an object identifier: {text!r}")
    return arcs


def format_oid(oid: Iterable[int]) -> str:
    return ".".join(map(str, oid))


def encode_arcs(arcs: Iterable[int]) -> bytes:
    """Base-128 arcs without the joined first pair: what follows the first octet of the BER contents."""
    out = bytearray()
    for arc in arcs:
        if arc < 0x80:
            out.append(arc)
            continue
        groups = [arc & 0x7F]
        arc >>= 7
        while arc:
            groups.append(0x80 | arc & 0x7F)
            arc >>= 7
        out.extend(reversed(groups))
    return bytes(out)


def encode_oid(oid: Oid) -> bytes:
    """BER contents octets (X.690 8.19), at least two arcs.  Raises ValueError."""
    if len(oid) < 2 or oid[0] > 2 or (oid[0] < 2 and oid[1] > 39):
        raise ValueError(f"not encodable: {format_oid(oid)}")
    return encode_arcs((oid[0] * 40 + oid[1], *oid[2:]))


def decode_oid(content: bytes) -> Oid:
    """Arcs of BER contents octets.  Raises BerDecodeError (empty, cut, over-long arc, more than 128 arcs).

    Empty contents are refused although some managers send them for 0.0; `snmpbulkwalk` does not.
    """
    if not content:
        raise BerDecodeError("empty object identifier")
    if content[-1] & 0x80:
        raise BerDecodeError("object identifier cut inside an arc", len(content))
    arcs: list[int] = []
    arc = 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if octet & 0x80:
            if not arc:  # X.690 8.19.2: no leading 0x80
                raise BerDecodeError("padded arc in object identifier")
            if arc > MAX_ARC:  # at once, before it grows any further
                raise BerDecodeError("arc over 2^32-1")
            continue
        arcs.append(arc)
        arc = 0
    first = arcs[0]
    if first < 80:
        arcs[0:1] = divmod(first, 40)
    else:
        arcs[0:1] = (2, first - 80)
    if len(arcs) > MAX_ARCS or max(arcs) > MAX_ARC:
        raise BerDecodeError("object identifier out of range")
    return tuple(arcs)


def oid_key(oid: Oid) -> bytes:
    """Sort key: four big-endian octets per arc."""
    return struct.pack(f">{len(oid)}I", *oid)


def key_oid(key: bytes) -> Oid:
    return struct.unpack(f">{len(key) // 4}I", key)
