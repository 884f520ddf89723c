"""Abstract data types of RFC 7012 3.1 and what they become as numpy columns.

A decoded column is native endian and of the type's *natural* width, whatever the reduced-size encoding
(RFC 7011 6.2) on the wire was:

    unsignedN, signedN            uintN, intN, shape (n,)
    float32, float64              float32, float64
    boolean                       uint8 (1 true, 2 false: the wire values, RFC 7011 6.1.5)
    ipv4Address                   uint32
    ipv6Address, macAddress       uint8, shape (n, 16) and (n, 6)
    dateTimeSeconds               uint32, seconds since 1970
    dateTimeMilliseconds          uint64, milliseconds since 1970
    dateTimeMicro/Nanoseconds     uint64, raw NTP timestamp (seconds since 1900 << 32 | fraction)
    string                        object array of str (UTF-8, errors replaced, trailing NULs of fixed fields stripped)
    octetArray and lists          object array of bytes; applicationId of 4 octets: uint32 (engine << 24 | selector)

Left out: the structured types of RFC 6313 are kept as their octets, not taken apart. An integer that is
sent wider than its type (some exporters do) widens the column instead of failing; a length that a type
cannot have at all makes the field *unusable*: its octets are skipped and it gives no column.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

VARIABLE: Final = 65535  # RFC 7011 7: this field length means "variable"


class Kind(Enum):
    """How a field's octets become a column."""

    UNSIGNED = "unsigned"
    SIGNED = "signed"
    FLOAT = "float"
    ADDRESS = "address"  # a fixed row of octets kept as uint8 (n, width)
    STRING = "string"
    OCTETS = "octets"
    SKIP = "skip"  # unusable: the length does not fit the type


# type name -> (kind, natural width in octets; 0 = any)
TYPES: Final[dict[str, tuple[Kind, int]]] = {
    "unsigned8": (Kind.UNSIGNED, 1),
    "unsigned16": (Kind.UNSIGNED, 2),
    "unsigned32": (Kind.UNSIGNED, 4),
    "unsigned64": (Kind.UNSIGNED, 8),
    "signed8": (Kind.SIGNED, 1),
    "signed16": (Kind.SIGNED, 2),
    "signed32": (Kind.SIGNED, 4),
    "signed64": (Kind.SIGNED, 8),
    "float32": (Kind.FLOAT, 4),
    "float64": (Kind.FLOAT, 8),
    "boolean": (Kind.UNSIGNED, 1),
    "macAddress": (Kind.ADDRESS, 6),
    "ipv4Address": (Kind.UNSIGNED, 4),
    "ipv6Address": (Kind.ADDRESS, 16),
    "dateTimeSeconds": (Kind.UNSIGNED, 4),
    "dateTimeMilliseconds": (Kind.UNSIGNED, 8),
    "dateTimeMicroseconds": (Kind.UNSIGNED, 8),
    "dateTimeNanoseconds": (Kind.UNSIGNED, 8),
    "string": (Kind.STRING, 0),
    "octetArray": (Kind.OCTETS, 0),
    "unsigned256": (Kind.OCTETS, 0),
    "basicList": (Kind.OCTETS, 0),
    "subTemplateList": (Kind.OCTETS, 0),
    "subTemplateMultiList": (Kind.OCTETS, 0),
}
# RFC 7011 6.2: only these may be sent shorter than their natural width.
REDUCIBLE: Final = frozenset(name for name in TYPES if name.startswith(("unsigned", "signed", "float64")))


@dataclass(frozen=True, slots=True)
class Layout:
    """One field's way between octets and column: `length` octets on the wire (VARIABLE = counted)."""

    kind: Kind
    length: int
    dtype: np.dtype[np.generic]  # of the decoded column (object for strings and octets)

    @property
    def wire(self) -> np.dtype[np.generic]:
        """Type of the field inside a packed big-endian numpy record."""
        return _wire(self.kind, self.length)


@lru_cache(maxsize=4096)
def _wire(kind: Kind, length: int) -> np.dtype[np.generic]:
    if kind in (Kind.UNSIGNED, Kind.SIGNED) and length in (1, 2, 4, 8):
        return np.dtype(f">{'u' if kind is Kind.UNSIGNED else 'i'}{length}")
    if kind is Kind.FLOAT:
        return np.dtype(f">f{length}")
    return np.dtype((np.uint8, (length,)))


@lru_cache(maxsize=4096)  # bounded: the lengths come from the network
def layout(type_name: str, length: int, *, packed_identifier: bool = False) -> Layout:
    """Layout of a field of this type and wire length.

    `packed_identifier`: an octetArray of four octets that is read as one number (applicationId).
    """
    kind, width = TYPES[type_name]
    objects: np.dtype[np.generic] = np.dtype(object)
    if length == 0:  # a column for free would let a small message cost much memory
        return Layout(Kind.SKIP, 0, objects)
    if kind in (Kind.STRING, Kind.OCTETS):
        if packed_identifier and length == 4:
            return Layout(Kind.UNSIGNED, 4, np.dtype(np.uint32))
        return Layout(kind, length, objects)
    if length == VARIABLE:
        return Layout(Kind.SKIP, length, objects)
    if kind is Kind.ADDRESS:
        return Layout(kind if length == width else Kind.SKIP, length, np.dtype(np.uint8))
    if kind is Kind.FLOAT:
        usable = length == width or (width == 8 and length == 4)
        return Layout(kind if usable else Kind.SKIP, length, np.dtype(f"f{width}"))
    if type_name not in REDUCIBLE and length != width:
        return Layout(Kind.SKIP, length, objects)
    if length > 8:
        return Layout(Kind.SKIP, length, objects)
    stored = max(width, 1 << (length - 1).bit_length())
    return Layout(kind, length, np.dtype(f"{'u' if kind is Kind.UNSIGNED else 'i'}{stored}"))


def widen(octets: NDArray[np.uint8], kind: Kind, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Big-endian integers of any width up to 8: (n, width) octets -> (n,) numbers of `dtype`."""
    rows, width = octets.shape
    room = np.zeros((rows, 8), np.uint8)
    room[:, 8 - width :] = octets
    if kind is Kind.SIGNED:
        room[:, : 8 - width] = np.where(octets[:, :1] >= 0x80, 0xFF, 0).astype(np.uint8)
        return room.view(">i8").ravel().astype(dtype)
    return room.view(">u8").ravel().astype(dtype)


def text(octets: bytes) -> str:
    """A string field's value: UTF-8 with errors replaced, the NUL padding of fixed fields taken off."""
    return octets.rstrip(b"\0").decode("utf-8", "replace")
