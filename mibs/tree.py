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
from mibs.errors import BerDecodeError
from mibs.oid import Oid, decode_oid, oid_key
from mibs.snapshot import Buffer, decode_snapshot

Live = Callable[[int, float], bytes]  # (kind, stored value) -> whole BER element

REMEMBERED_NAMES = 4096  # where walks go on; bounded


class Tree:
    """Raises SnapshotError when the snapshot is not whole."""

    def __init__(self, buffer: Buffer) -> None:
        parts = decode_snapshot(buffer)
        self._buffer = buffer
        self.created = parts.created
        self._octets = parts.octets[0]
        self._offsets = parts.offsets
        self.next_v1 = parts.next_v1
        self._rows = len(parts.offsets) - 1
        self._key_offsets = parts.key_offsets
        self._keys = parts.keys[0]
        self._objects = [
            buffer[parts.objects[0] + a : parts.objects[0] + b]
            for a, b in zip(parts.object_offsets, parts.object_offsets[1:], strict=False)
        ]
        self._live_rows: list[int] = parts.live_rows.tolist()
        self._live_kinds: list[int] = parts.live_kinds.tolist()
        self._live_values: list[float] = list(parts.live_values)
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

    def varbind(self, row: int, live: Live) -> bytes:
        place = bisect_left(self._live_rows, row)
        if place < len(self._live_rows) and self._live_rows[place] == row:
            return self._live_varbind(place, live)
        base = self._octets
        return self._buffer[base + self._offsets[row] : base + self._offsets[row + 1]]

    def run(self, row: int, count: int, budget: int, live: Live) -> tuple[bytes, int]:
        """Varbinds of up to `count` rows from `row` on that fit `budget` octets, and the row after them."""
        offsets, base, buffer = self._offsets, self._octets, self._buffer
        end = min(row + count, self._rows)
        place = bisect_left(self._live_rows, row)
        pieces = []
        while row < end:
            live_row = self._live_rows[place] if place < len(self._live_rows) else end
            if row == live_row:
                piece = self._live_varbind(place, live)
                if len(piece) > budget:
                    break
                place += 1
                stop = row + 1
            else:  # stored octets up to the next live row are one slice
                until = min(live_row, end)
                start = offsets[row]
                stop = bisect_right(offsets, start + budget, row, until + 1) - 1
                piece = buffer[base + start : base + offsets[stop]]
                if stop < until:
                    end = stop
            pieces.append(piece)
            budget -= len(piece)
            row = stop
        return b"".join(pieces), row

    def _live_varbind(self, place: int, live: Live) -> bytes:
        row, base = self._live_rows[place], self._octets
        name = self._buffer[base + self._offsets[row] : base + self._offsets[row + 1]]
        return ber.encode(ber.SEQUENCE, name + live(self._live_kinds[place], self._live_values[place]))

    def name(self, row: int) -> bytes:
        """BER contents of the row's name."""
        position = self._octets + self._offsets[row]
        end = self._octets + self._offsets[row + 1]
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
