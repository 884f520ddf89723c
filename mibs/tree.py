"""A snapshot as SNMP sees it: exact name, next name, runs of names.

Instances are addressed by row, 0..len-1 in OID order; row == len is the end of the MIB view.  Everything
here is read-only and may be shared; names are looked up by bisection on sort keys.  Live instances
(sysUpTime, times relative to it, the responder's own counters) get their value from the `Live` given with
each question.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable

from mibs import ber
from mibs.columns import LIVE_COUNTER, LIVE_EPOCH, LIVE_UPTIME
from mibs.errors import BerDecodeError
from mibs.oid import Oid, decode_oid, oid_key
from mibs.snapshot import Buffer, decode_snapshot

Live = Callable[[int, float], bytes]  # (kind, stored value) -> whole BER element

LIVE_KINDS = (LIVE_UPTIME, LIVE_EPOCH, LIVE_COUNTER)
REMEMBERED_NAMES = 4096  # where walks go on; bounded


class Tree:
    """Raises SnapshotError when the snapshot is not whole."""

    def __init__(self, buffer: Buffer) -> None:
        parts = decode_snapshot(buffer)
        self._buffer = buffer
        self._parts = parts
        self.created = parts.created
        self.octets_start = parts.octets[0]
        self.offsets = parts.offsets
        self.next_v1 = parts.next_v1
        self._rows = len(parts.offsets) - 1
        self._key_offsets = parts.key_offsets
        self._keys = parts.keys[0]
        self._objects = [
            buffer[parts.objects[0] + a : parts.objects[0] + b]
            for a, b in zip(parts.object_offsets, parts.object_offsets[1:], strict=False)
        ]
        self._live_rows: list[int] = parts.live_rows.tolist()
        self._remembered: dict[bytes, int] = {}

    def __len__(self) -> int:
        return self._rows

    def key(self, row: int) -> bytes:
        a, b = self._key_offsets[row], self._key_offsets[row + 1]
        return self._buffer[self._keys + a : self._keys + b]

    def find(self, key: bytes) -> int:
        """First row whose key is not below `key`."""
        low, high = 0, self._rows
        buffer, offsets, base = self._buffer, self._key_offsets, self._keys
        while low < high:
            middle = (low + high) >> 1
            if buffer[base + offsets[middle] : base + offsets[middle + 1]] < key:
                low = middle + 1
            else:
                high = middle
        return low

    def exact(self, key: bytes) -> int:
        """Row of `key`, or -1."""
        row = self.find(key)
        return row if row < self._rows and self.key(row) == key else -1

    def after(self, name: bytes) -> int:
        """Row that GETNEXT of a name (BER contents) goes to.  Raises BerDecodeError."""
        row = self._remembered.get(name)
        if row is not None:
            return row + 1
        key = oid_key(decode_oid(name))
        row = self.find(key)
        return row + 1 if row < self._rows and self.key(row) == key else row

    def remember(self, name: bytes, row: int) -> None:
        """A walk stopped at this row under this name (BER contents); it will likely go on from it."""
        if len(self._remembered) >= REMEMBERED_NAMES:
            self._remembered.clear()
        self._remembered[name] = row

    def implements(self, key: bytes) -> bool:
        """Does the name lie under an object that has, or could have, instances?  RFC 3416 4.2.1."""
        place = bisect_right(self._objects, key)
        return place > 0 and key.startswith(self._objects[place - 1])

    def has_live(self, row: int, end: int) -> bool:
        place = bisect_left(self._live_rows, row)
        return place < len(self._live_rows) and self._live_rows[place] < end

    def varbind(self, row: int, live: Live) -> bytes:
        base = self.octets_start
        stored = self._buffer[base + self.offsets[row] : base + self.offsets[row + 1]]
        place = bisect_left(self._live_rows, row)
        if place == len(self._live_rows) or self._live_rows[place] != row:
            return stored
        value = live(self._parts.live_kinds[place], self._parts.live_values[place])
        return ber.encode(ber.SEQUENCE, stored + value)

    def run(self, row: int, count: int, budget: int, live: Live) -> tuple[bytes, int]:
        """Varbinds of up to `count` rows from `row` on that fit `budget` octets, and the row after them."""
        end = min(row + count, self._rows)
        if not self.has_live(row, end):
            offsets, base = self.offsets, self.octets_start
            start = offsets[row]
            stop = bisect_right(offsets, start + budget, row, end + 1) - 1
            return self._buffer[base + start : base + offsets[stop]], stop
        pieces = []
        while row < end:
            piece = self.varbind(row, live)
            budget -= len(piece)
            if budget < 0:
                break
            pieces.append(piece)
            row += 1
        return b"".join(pieces), row

    def name(self, row: int) -> bytes:
        """BER contents of the row's name."""
        position = self.octets_start + self.offsets[row]
        end = self.octets_start + self.offsets[row + 1]
        header = self._buffer[position : position + 6]
        if header[0] == ber.SEQUENCE:
            position += 2 + (header[1] & 0x7F if header[1] & 0x80 else 0)
        piece = self._buffer[position:end]
        _, start, stop = ber.read_header(piece, 0, len(piece))
        return piece[start:stop]


def name_key(name: bytes) -> bytes:
    """Sort key of BER contents.  Raises BerDecodeError."""
    return oid_key(decode_oid(name))


def dump(tree: Tree, live: Live) -> list[tuple[Oid, int, bytes]]:
    """The whole tree decoded: (name, tag, contents), in order.  Not for answers."""
    rows = []
    for row in range(len(tree)):
        varbind = tree.varbind(row, live)
        tag, start, stop = ber.read_header(varbind, 0, len(varbind))
        if tag != ber.SEQUENCE or stop != len(varbind):
            raise BerDecodeError("not a varbind")
        _, name_start, name_stop = ber.read_header(varbind, start, stop)
        tag, value_start, value_stop = ber.read_header(varbind, name_stop, stop)
        rows.append((decode_oid(varbind[name_start:name_stop]), tag, varbind[value_start:value_stop]))
    return rows
