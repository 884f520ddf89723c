"""Columns of a table -> BER variable bindings, a whole column in a few numpy operations.

A `RowSet` is the sorted index of a table.  It caches, per object, the sort keys and the encoded names,
because those change only when rows come or go; values are encoded anew every time.  A `Section` is all
instances of one object: the sections of a tree, ordered by object, are the tree.

Variable-length octets are laid out as a padded matrix (one row per instance) with a mask of the octets that
count; `matrix[mask]` is then the concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mibs import ber
from mibs.errors import TableError
from mibs.oid import Oid, encode_oid, oid_key

U1 = NDArray[np.uint8]
U4 = NDArray[np.uint32]
U8 = NDArray[np.uint64]
F8 = NDArray[np.float64]
Mask = NDArray[np.bool_]

LIVE_NONE = 0  # the value is in the snapshot
LIVE_UPTIME = 1  # sysUpTime now
LIVE_EPOCH = 2  # TimeTicks: sysUpTime at the epoch second stored, 0 if before the responder's start
LIVE_COUNTER = 3  # counter of the responder itself; the stored number says which

LIMIT32 = 0xFFFFFFFF
LIMIT64 = 0xFFFFFFFFFFFFFFFF
LARGEST_FLOAT = float(2**64 - 2**11)  # the largest below 2^64
WIDEST_ARC = 5
WIDEST_INTEGER = 9
LONGEST_NAME = 112  # octets of an OID element, so that with any integer the length of the whole takes one octet
INTEGER_STEPS = np.array([1 << (8 * i - 1) for i in range(1, 9)], dtype=np.uint64)
ARC_STEPS = np.array([1 << (7 * i) for i in range(1, 5)], dtype=np.uint64)


@dataclass(frozen=True)
class Names:
    """Encoded names of one object's instances: whole OID elements, padded, and the sort keys."""

    keys: bytes
    stride: int
    octets: U1  # (n, width)
    mask: Mask
    lengths: NDArray[np.int64]

    def elements(self) -> list[bytes]:
        return _cut(self.octets[self.mask].tobytes(), self.lengths)


@dataclass(frozen=True)
class Section:
    """All instances of one object in order.  For a live object `octets` holds the names only."""

    object: Oid
    rows: int
    keys: bytes
    stride: int
    octets: bytes
    lengths: NDArray[np.int64]
    counter64: bool = False
    live: int = LIVE_NONE
    live_values: F8 | None = None


@dataclass
class RowSet:
    """Sorted unique index of a table; `arcs` is (n, k).  `order` brings input columns into that order."""

    arcs: U4
    order: NDArray[np.intp] | None = None
    _names: dict[Oid, Names] = field(default_factory=dict)
    _texts: dict[Oid, tuple[tuple[str | bytes, ...], Section]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.arcs)

    def names(self, oid: Oid) -> Names:
        found = self._names.get(oid)
        if found is None:
            found = self._names[oid] = encode_names(oid, self.arcs)
        return found

    def sorted(self, column: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
        if len(column) != len(self.arcs):
            raise TableError(f"column of {len(column)} values for {len(self.arcs)} rows")
        values = np.asarray(column)
        return values if self.order is None else values[self.order]

    def integers(self, oid: Oid, tag: int, column: Sequence[int] | NDArray[Any]) -> Section:
        """INTEGER (0 or more), Counter32 (low 32 bits), Gauge32 (held at its limit), TimeTicks, Counter64."""
        values = self.sorted(as_u64(column))
        if tag == ber.COUNTER32:
            values = values & np.uint64(LIMIT32)
        elif tag in (ber.GAUGE32, ber.INTEGER):
            values = np.minimum(values, np.uint64(LIMIT32 if tag == ber.GAUGE32 else 0x7FFFFFFF))
        octets, mask = integer_elements(values, tag)
        return self._section(oid, octets, mask, counter64=tag == ber.COUNTER64)

    def addresses(self, oid: Oid, column: Sequence[int] | NDArray[Any]) -> Section:
        """IpAddress from u32 in host order."""
        octets = np.empty((len(self), 6), dtype=np.uint8)
        octets[:, 0] = ber.IP_ADDRESS
        octets[:, 1] = 4
        octets[:, 2:] = self.sorted(as_u64(column)).astype(">u4").view(np.uint8).reshape(-1, 4)
        return self._section(oid, octets, np.ones_like(octets, dtype=bool))

    def constant(self, oid: Oid, element: bytes) -> Section:
        """The same value in every row."""
        octets = np.broadcast_to(np.frombuffer(element, dtype=np.uint8), (len(self), len(element)))
        return self._section(oid, octets, np.ones(octets.shape, dtype=bool))

    def texts(self, oid: Oid, column: Sequence[str | bytes], limit: int = 255) -> Section:
        """OCTET STRING, UTF-8, cut to `limit` octets.  Unchanged columns are taken from the last time."""
        if len(column) != len(self.arcs):
            raise TableError(f"column of {len(column)} values for {len(self.arcs)} rows")
        values = tuple(column)
        cached = self._texts.get(oid)
        if cached is not None and cached[0] == values:
            return cached[1]
        ordered = values if self.order is None else tuple(values[i] for i in self.order)
        section = self._elements(oid, [ber.encode(ber.OCTET_STRING, text_octets(v, limit)) for v in ordered])
        self._texts[oid] = (values, section)
        return section

    def elements(self, oid: Oid, column: Sequence[bytes]) -> Section:
        """Whole BER elements of any type."""
        if len(column) != len(self.arcs):
            raise TableError(f"column of {len(column)} values for {len(self.arcs)} rows")
        return self._elements(oid, column if self.order is None else [column[i] for i in self.order])

    def _elements(self, oid: Oid, ordered: Sequence[bytes]) -> Section:
        names = self.names(oid)
        varbinds = [
            ber.encode(ber.SEQUENCE, name + element)
            for name, element in zip(names.elements(), ordered, strict=True)
        ]
        return Section(
            object=oid,
            rows=len(self),
            keys=names.keys,
            stride=names.stride,
            octets=b"".join(varbinds),
            lengths=np.fromiter(map(len, varbinds), dtype=np.int64, count=len(varbinds)),
        )

    def live(self, oid: Oid, kind: int, column: Sequence[float] | NDArray[Any]) -> Section:
        """Values the responder makes at the time of the answer."""
        names = self.names(oid)
        return Section(
            object=oid,
            rows=len(self),
            keys=names.keys,
            stride=names.stride,
            octets=names.octets[names.mask].tobytes(),
            lengths=names.lengths,
            live=kind,
            live_values=np.nan_to_num(np.asarray(self.sorted(column), dtype=np.float64), posinf=0.0, neginf=0.0),
        )

    def _section(self, oid: Oid, values: U1, mask: Mask, counter64: bool = False) -> Section:
        names = self.names(oid)
        rows = len(self)
        width = names.octets.shape[1]
        octets = np.empty((rows, 2 + width + values.shape[1]), dtype=np.uint8)
        keep = np.ones(octets.shape, dtype=bool)
        lengths = names.lengths + mask.sum(axis=1)
        octets[:, 0] = ber.SEQUENCE
        octets[:, 1] = lengths  # below 128, see LONGEST_NAME
        octets[:, 2 : 2 + width] = names.octets
        octets[:, 2 + width :] = values
        keep[:, 2 : 2 + width] = names.mask
        keep[:, 2 + width :] = mask
        return Section(
            object=oid,
            rows=rows,
            keys=names.keys,
            stride=names.stride,
            octets=octets[keep].tobytes(),
            lengths=lengths + 2,
            counter64=counter64,
        )


def row_set(*index: Sequence[int] | NDArray[Any]) -> RowSet:
    """Rows of a table from its index columns, the most significant first.  A repeated row: TableError."""
    columns = [as_u64(column) for column in index]
    if any(len(column) and np.min(column) < 0 for column in index):
        raise TableError("negative index")
    if len({len(column) for column in columns}) != 1:
        raise TableError("index columns differ in length")
    arcs = np.stack(columns, axis=1) if len(columns[0]) else np.zeros((0, len(columns)), np.uint64)
    if arcs.size and arcs.max() > LIMIT32:
        raise TableError("index over 2^32-1")
    order = np.lexsort(tuple(arcs[:, i] for i in range(arcs.shape[1] - 1, -1, -1)))
    ordered = arcs[order]
    if len(ordered) > 1 and bool((ordered[1:] == ordered[:-1]).all(axis=1).any()):
        raise TableError("the same row twice")
    in_order = bool((order == np.arange(len(order))).all())
    return RowSet(ordered.astype(np.uint32), None if in_order else order)


def scalar(oid: Oid, element: bytes) -> Section:
    """`oid` without its .0; `element` a whole BER element."""
    varbind = ber.encode_varbind((*oid, 0), element)
    key = oid_key((*oid, 0))
    return Section(
        oid, 1, key, len(key), varbind, np.array([len(varbind)]), counter64=element[0] == ber.COUNTER64
    )


def live_scalar(oid: Oid, kind: int, value: float = 0.0) -> Section:
    name = ber.encode_oid_element((*oid, 0))
    key = oid_key((*oid, 0))
    stored = np.array([value], dtype=np.float64)
    return Section(oid, 1, key, len(key), name, np.array([len(name)]), live=kind, live_values=stored)


def as_u64(column: Sequence[Any] | NDArray[Any]) -> U8:
    """Counters and rates as u64: negatives and NaN 0, rates rounded and held below 2^64, integers modulo 2^64."""
    values = np.asarray(column)
    if values.dtype.kind in "fO" and not isinstance(column, np.ndarray) and _are_integers(column):
        # numpy makes floats of a list that needs both signs of 64 bits
        values = np.array([max(value, 0) & LIMIT64 for value in column], dtype=np.uint64)
    if values.dtype.kind == "f":
        values = np.nan_to_num(np.rint(values), nan=0.0, posinf=LARGEST_FLOAT, neginf=0.0)
        values = np.clip(values, 0.0, LARGEST_FLOAT)
    elif values.dtype.kind == "i":
        values = np.maximum(values, 0)
    return np.asarray(values, dtype=np.uint64)


def _are_integers(column: Sequence[Any]) -> bool:
    return all(isinstance(value, int) for value in column)


def text_octets(value: str | bytes, limit: int) -> bytes:
    """UTF-8, cut at a character boundary."""
    if isinstance(value, bytes):
        return value[:limit]
    octets = value.encode("utf-8", "replace")
    if len(octets) <= limit:
        return octets
    return octets[:limit].decode("utf-8", "ignore").encode("utf-8")


def integer_elements(values: U8, tag: int) -> tuple[U1, Mask]:
    """(n, 11) octets of tag, length, shortest contents, and the mask of those that count."""
    sizes = np.searchsorted(INTEGER_STEPS, values, side="right") + 1
    octets = np.zeros((len(values), 2 + WIDEST_INTEGER), dtype=np.uint8)
    octets[:, 0] = tag
    octets[:, 1] = sizes
    octets[:, 3:] = values.astype(">u8").view(np.uint8).reshape(-1, 8)
    mask = np.ones(octets.shape, dtype=bool)
    mask[:, 2:] = np.arange(WIDEST_INTEGER) >= WIDEST_INTEGER - sizes[:, None]
    return octets, mask


def encode_names(oid: Oid, arcs: U4) -> Names:
    """Names of the instances `oid`.`arcs[i]`, arc by arc over all rows."""
    prefix = np.frombuffer(encode_oid(oid), dtype=np.uint8)
    rows, count = arcs.shape
    start = 2 + len(prefix)
    octets = np.zeros((rows, start + WIDEST_ARC * count), dtype=np.uint8)
    mask = np.ones(octets.shape, dtype=bool)
    octets[:, 0] = ber.OBJECT_IDENTIFIER
    octets[:, 2:start] = prefix
    for i in range(count):
        column = arcs[:, i].astype(np.uint64)
        sizes = np.searchsorted(ARC_STEPS, column, side="right") + 1
        for j in range(WIDEST_ARC):
            place = start + WIDEST_ARC * i + j
            shift = np.uint64(7 * (WIDEST_ARC - 1 - j))
            more = 0x80 if j < WIDEST_ARC - 1 else 0
            octets[:, place] = (column >> shift & np.uint64(0x7F)) | np.uint64(more)
            mask[:, place] = j >= WIDEST_ARC - sizes
    lengths = mask.sum(axis=1)
    if rows and lengths.max() > LONGEST_NAME:
        raise TableError(f"names of over {LONGEST_NAME} octets")
    octets[:, 1] = lengths - 2
    key = np.empty((rows, 4 * (len(oid) + count)), dtype=np.uint8)
    key[:, : 4 * len(oid)] = np.frombuffer(oid_key(oid), dtype=np.uint8)
    key[:, 4 * len(oid) :] = np.ascontiguousarray(arcs).astype(">u4").view(np.uint8).reshape(rows, 4 * count)
    return Names(key.tobytes(), key.shape[1], octets, mask, lengths)


def _cut(blob: bytes, lengths: NDArray[np.int64]) -> list[bytes]:
    ends = np.cumsum(lengths).tolist()
    return [blob[a:b] for a, b in zip([0, *ends], ends, strict=False)]
