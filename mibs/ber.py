"""BER (X.690) as SNMP uses it: definite lengths, low tags, no recursion.

Covered: reading one tag and length at a time inside a window (`read_header`), integers, object
identifiers (in `mibs.oid`), and encoding of every SMIv2 type.  Left out: indefinite lengths, high tag
numbers and constructed strings, which RFC 3417 section 8 forbids.  Nothing recurses, so no nesting can
hurt: what is not looked into is skipped by its length.
"""

from __future__ import annotations

from mibs.errors import BerDecodeError
from mibs.oid import Oid, encode_oid

INTEGER = 0x02
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
IP_ADDRESS = 0x40  # RFC 2578 7.1
COUNTER32 = 0x41
GAUGE32 = 0x42
TIME_TICKS = 0x43
COUNTER64 = 0x46
NO_SUCH_OBJECT = 0x80  # RFC 3416 3
NO_SUCH_INSTANCE = 0x81
END_OF_MIB_VIEW = 0x82

MAX_LENGTH_OCTETS = 4
EMPTY_NULL = b"\x05\x00"


def read_header(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    """Tag, first octet and end of the contents of the element at `position`; all of it lies before `end`.

    Raises BerDecodeError.
    """
    if position + 2 > end:
        raise BerDecodeError("cut before a length", position)
    tag = data[position]
    length = data[position + 1]
    start = position + 2
    if tag & 0x1F == 0x1F:
        raise BerDecodeError("high tag number", position)
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= MAX_LENGTH_OCTETS or start + count > end:
            raise BerDecodeError("indefinite, over-long or cut length", position)
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    stop = start + length
    if stop > end:
        raise BerDecodeError("contents run past their window", position)
    return tag, start, stop


def read_integer(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Value and end of a 32-bit INTEGER.  Raises BerDecodeError."""
    tag, start, stop = read_header(data, position, end)
    if tag != INTEGER:
        raise BerDecodeError("integer expected", position)
    if not 1 <= stop - start <= 4:  # RFC 3416 3: all integers of a message are 32 bits
        raise BerDecodeError("integer empty or over 32 bits", position)
    return int.from_bytes(data[start:stop], "big", signed=True), stop


def encode_length(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def encode(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    return bytes((tag,)) + encode_length(length) + content


def integer_octets(value: int) -> bytes:
    """Shortest two's complement contents."""
    return value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True)


def encode_integer(value: int, tag: int = INTEGER) -> bytes:
    """INTEGER, or any type that is one implicitly (Counter32, Gauge32, TimeTicks, Counter64)."""
    content = integer_octets(value)
    return bytes((tag, len(content))) + content


def encode_oid_element(oid: Oid) -> bytes:
    return encode(OBJECT_IDENTIFIER, encode_oid(oid))


def encode_varbind(name: Oid, value: bytes) -> bytes:
    """`value` is a whole element."""
    return encode(SEQUENCE, encode_oid_element(name) + value)
