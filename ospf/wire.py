"""Octets on the wire: a bounds-checked cursor, the two checksums, masks.

A length field opens a window and the window must be used up: `Cursor.window(n)` forbids reading past it
and `finish()` demands that nothing is left. Whatever is wrong leaves as `OspfDecodeError`, never as
`struct.error` or `IndexError`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from ospf.errors import OspfDecodeError

Octets = bytes | memoryview


class Cursor:
    """Reads big-endian fields from octets, never past the end of the innermost window."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: Octets) -> None:
        self._data = memoryview(data)
        self._position = 0
        self._end = len(self._data)

    @property
    def position(self) -> int:
        return self._position

    @property
    def remaining(self) -> int:
        """Octets left in the current window."""
        return self._end - self._position

    def pull(self, layout: struct.Struct, what: str) -> tuple[int, ...]:
        """The fields of `layout`, all integers."""
        if layout.size > self._end - self._position:
            raise OspfDecodeError(f"{what}: {layout.size} octets wanted, {self.remaining} left")
        values = layout.unpack_from(self._data, self._position)
        self._position += layout.size
        return values

    def take(self, count: int, what: str) -> memoryview:
        """`count` octets as a view (no copy)."""
        if count < 0 or count > self.remaining:
            raise OspfDecodeError(f"{what}: {count} octets wanted, {self.remaining} left")
        start = self._position
        self._position += count
        return self._data[start : self._position]

    @contextmanager
    def window(self, count: int, what: str) -> Iterator[None]:
        """Restrict reading to the next `count` octets; all of them must be read inside the block."""
        if count < 0 or count > self.remaining:
            raise OspfDecodeError(f"{what}: length {count}, {self.remaining} left")
        outer = self._end
        self._end = self._position + count
        try:
            yield
            self.finish(what)
        finally:
            self._end = outer

    def finish(self, what: str) -> None:
        """Refuse octets that are left over."""
        if self.remaining:
            raise OspfDecodeError(f"{what}: {self.remaining} octets left over")


def internet_checksum(data: Octets) -> int:
    """RFC 1071 checksum of `data` (padded to even length), as it stands in a header."""
    # 2^16 is congruent to 1 modulo 0xffff, so the one's complement sum is one big-integer remainder.
    number = int.from_bytes(data, "big")
    if len(data) & 1:
        number <<= 8
    if number == 0:
        return 0xFFFF
    return 0xFFFF - (number % 0xFFFF or 0xFFFF)


def fletcher16(data: Octets) -> tuple[int, int]:
    """The two sums of RFC 905 annex B over `data`, modulo 255; both 0 over an intact LSA minus its age."""
    total = octet_sum(data)
    return total % 255, (total + _moment(data, total)) % 255


def is_lsa_intact(raw: bytes) -> bool:
    """Whether the checksum of a whole LSA (version 2 or 3, header included) is right."""
    covered = raw[2:]  # RFC 2328 12.1.7: everything but the age
    total = zlib.adler32(covered, 0) & 0xFFFF if len(covered) <= SHORT else octet_sum(covered)
    return total % 255 == 0 and (int.from_bytes(covered) - total) % 65025 == 0


def lsa_checksum(raw: Octets | bytearray) -> int:
    """The checksum that belongs into a whole LSA (header included); octets 16-17 themselves are ignored."""
    body = bytes(raw[2:16]) + b"\0\0" + bytes(raw[18:])
    c0, c1 = fletcher16(body)
    x = ((len(body) - 15) * c0 - c1) % 255
    y = (510 - c0 - x) % 255
    return (x or 255) << 8 | (y or 255)


# Fletcher's second sum weighs every octet with its distance from the end. Read the octets as one number N in
# base 256 = 1 + 255: since 256^k is 1 + 255 k modulo 255^2, N is (sum of octets) + 255 (sum of octet times k)
# there, so that one division of a large integer does what a loop over the octets would. The plain sum must be
# known exactly for that; the low half of Adler-32 is it, as long as it stays below its modulus of 65521.
SHORT = 256  # octets whose sum cannot reach 65521


def octet_sum(data: Octets) -> int:
    """The plain sum of all octets."""
    return sum(zlib.adler32(data[at : at + SHORT], 0) & 0xFFFF for at in range(0, len(data), SHORT))


def _moment(data: Octets, total: int) -> int:
    """Sum of every octet times the number of octets behind it, modulo 255; `total` is their plain sum."""
    return (int.from_bytes(data, "big") - total) % 65025 // 255


def mask_length(mask: int) -> int:
    """Prefix length of a network mask, -1 if the mask has holes."""
    inverted = mask ^ 0xFFFFFFFF
    if inverted & (inverted + 1):
        return -1
    return 32 - inverted.bit_length()


def length_mask(length: int) -> int:
    """Network mask of a prefix length 0..32."""
    return (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF


def address_text(address: int) -> str:
    """Dotted quad of a host-order address or router id."""
    return f"{address >> 24 & 255}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def address_number(text: str) -> int:
    """Host-order integer of a dotted quad; ValueError if it is none."""
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        raise ValueError(f"not a dotted quad: {text!r}")
    numbers = [int(part) for part in parts]
    if max(numbers) > 255:
        raise ValueError(f"not a dotted quad: {text!r}")
    return numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3]
