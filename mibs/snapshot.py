"""The snapshot: the whole tree as one run of octets that a reader maps and answers from without decoding.

Layout, little endian, every part 8-octet aligned:

    header   magic (8), parts u32, crc32 u32 of all that follows the header, created f64 (epoch seconds)
    parts    (offset u64, length u64) each, in this order:
    0 KEY_OFFSETS u32[n+1]     1 KEYS     sort keys of the n instances, ascending (mibs.oid)
    2 OFFSETS u32[n+1]         3 OCTETS   encoded varbinds (of live instances: only their encoded names)
    4 NEXT_V1 u32[n+1]                    first instance at or after i that is no Counter64 (RFC 3584 4.2.2.1)
    5 LIVE_ROWS u32[m]  6 LIVE_KINDS u32[m]  7 LIVE_VALUES f64[m]   values that the responder makes
    8 OBJECT_OFFSETS u32[k+1]  9 OBJECTS  keys of the objects implemented, ascending, also the empty ones

A run of instances in one column is one slice of OCTETS: that is what makes GETBULK cheap.  A snapshot never
changes once written; a new one replaces it as a whole.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mibs.columns import LIVE_COUNTER, LIVE_EPOCH, LIVE_UPTIME, Section
from mibs.errors import SnapshotError
from mibs.oid import Oid, oid_key

MAGIC = b"ANEMIB\x00\x01"
HEADER = struct.Struct("<8sIId")
PART = struct.Struct("<QQ")
PARTS = 10
BODY = HEADER.size + PARTS * PART.size


class Buffer(Protocol):
    """Octets that can be sliced into bytes and looked at without a copy: bytes, a mapped file."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: slice, /) -> bytes: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...


@dataclass(frozen=True)
class Layout:
    """What depends on the row set only; reused while no row comes or goes."""

    sections: tuple[tuple[Oid, bytes], ...]  # object and keys; equal at once when they are the same octets
    keys: bytes
    key_offsets: bytes
    next_v1: bytes
    live_rows: bytes
    live_kinds: bytes
    objects: bytes
    object_offsets: bytes


@dataclass(frozen=True)
class Parts:
    """A snapshot taken apart; `octets` and `keys` are (start, end) in the buffer, the rest views on it."""

    created: float
    key_offsets: memoryview
    keys: tuple[int, int]
    offsets: memoryview
    octets: tuple[int, int]
    next_v1: memoryview
    live_rows: memoryview
    live_kinds: memoryview
    live_values: memoryview[float]
    object_offsets: memoryview
    objects: tuple[int, int]


def make_layout(sections: Sequence[Section]) -> Layout:
    """`sections` in ascending order of object; one object must not lie inside another."""
    rows = np.array([section.rows for section in sections], dtype=np.int64)
    total = int(rows.sum())
    strides = np.repeat(np.array([section.stride for section in sections], dtype=np.int64), rows)
    counter64 = np.repeat(np.array([section.counter64 for section in sections], dtype=bool), rows)
    kinds = np.repeat(np.array([section.live for section in sections], dtype=np.uint32), rows)
    live = np.flatnonzero(kinds)
    visible = np.where(counter64, total, np.arange(total))
    next_v1 = np.append(np.minimum.accumulate(visible[::-1])[::-1], total)
    object_keys = [oid_key(section.object) for section in sections]
    if any(b.startswith(a) or b <= a for a, b in pairwise(object_keys)):
        raise SnapshotError("objects out of order or one inside another")
    return Layout(
        sections=layout_of(sections),
        keys=b"".join(section.keys for section in sections),
        key_offsets=offsets_of(strides),
        next_v1=next_v1.astype("<u4").tobytes(),
        live_rows=live.astype("<u4").tobytes(),
        live_kinds=kinds[live].astype("<u4").tobytes(),
        objects=b"".join(object_keys),
        object_offsets=offsets_of(np.array([len(key) for key in object_keys], dtype=np.int64)),
    )


def layout_of(sections: Sequence[Section]) -> tuple[tuple[Oid, bytes], ...]:
    return tuple((section.object, section.keys) for section in sections)


def encode_snapshot(sections: Sequence[Section], layout: Layout, created: float) -> bytes:
    lengths = [section.lengths for section in sections]
    live = [section.live_values for section in sections if section.live_values is not None]
    parts = [
        layout.key_offsets,
        layout.keys,
        offsets_of(np.concatenate(lengths) if lengths else np.zeros(0, np.int64)),
        b"".join(section.octets for section in sections),
        layout.next_v1,
        layout.live_rows,
        layout.live_kinds,
        (np.concatenate(live) if live else np.zeros(0)).astype("<f8").tobytes(),
        layout.object_offsets,
        layout.objects,
    ]
    table, padded, position = [], [], BODY
    for part in parts:
        table.append(PART.pack(position, len(part)))
        filled = part + bytes(-len(part) % 8)
        padded.append(filled)
        position += len(filled)
    body = b"".join(table) + b"".join(padded)
    return HEADER.pack(MAGIC, PARTS, zlib.crc32(body), created) + body


def decode_snapshot(buffer: Buffer) -> Parts:
    """Check a snapshot whole and take it apart.  Raises SnapshotError."""
    if len(buffer) < BODY:
        raise SnapshotError(f"only {len(buffer)} octets")
    magic, count, checksum, created = HEADER.unpack_from(buffer)
    if magic != MAGIC or count != PARTS:
        raise SnapshotError("not a snapshot of this version")
    view = memoryview(buffer)
    if zlib.crc32(view[HEADER.size :]) != checksum:
        raise SnapshotError("checksum does not match")
    windows = []
    for i in range(PARTS):
        start, length = PART.unpack_from(buffer, HEADER.size + i * PART.size)
        if start % 8 or start < BODY or start + length > len(buffer):
            raise SnapshotError(f"part {i} outside the file")
        windows.append((start, start + length))

    def column(i: int) -> memoryview:
        start, end = windows[i]
        if (end - start) % 4:
            raise SnapshotError(f"part {i} is no column")
        return view[start:end].cast("I")

    values_start, values_end = windows[7]
    if (values_end - values_start) % 8:
        raise SnapshotError("part 7 is no column")
    parts = Parts(
        created=created,
        key_offsets=column(0),
        keys=windows[1],
        offsets=column(2),
        octets=windows[3],
        next_v1=column(4),
        live_rows=column(5),
        live_kinds=column(6),
        live_values=view[values_start:values_end].cast("d"),
        object_offsets=column(8),
        objects=windows[9],
    )
    _check(parts)
    return parts


def _check(parts: Parts) -> None:
    rows = len(parts.offsets) - 1
    if rows < 0 or len(parts.key_offsets) != rows + 1 or len(parts.next_v1) != rows + 1:
        raise SnapshotError("columns differ in length")
    if not len(parts.live_rows) == len(parts.live_kinds) == len(parts.live_values):
        raise SnapshotError("live columns differ in length")
    for offsets, (start, end) in (
        (parts.offsets, parts.octets),
        (parts.key_offsets, parts.keys),
        (parts.object_offsets, parts.objects),
    ):
        column = np.frombuffer(offsets, dtype="<u4").astype(np.int64)
        if not len(column) or column[0] != 0 or column[-1] != end - start or (np.diff(column) < 0).any():
            raise SnapshotError("offsets do not fit their part")
    kinds = np.frombuffer(parts.live_kinds, dtype="<u4")
    if len(kinds) and not set(kinds.tolist()) <= {LIVE_UPTIME, LIVE_EPOCH, LIVE_COUNTER}:
        raise SnapshotError("unknown kind of live row")
    live = np.frombuffer(parts.live_rows, dtype="<u4").astype(np.int64)
    if len(live) and (live[-1] >= rows or (np.diff(live) <= 0).any()):
        raise SnapshotError("live rows out of order")


def offsets_of(lengths: NDArray[Any]) -> bytes:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if offsets[-1] > 0xFFFFFFFF:
        raise SnapshotError("over 4 GiB")
    return offsets.astype("<u4").tobytes()
