"""How archived records lie in a file, so that it can be appended to, cut off anywhere, and read from the middle (pure).

An archive is a folder of *segments*, numbered files of bounded size; the oldest goes when there are too many. Each can
be read alone.

    segment   "ANEMLSA1", then units one after the other
    unit      B  block:  kind, time (ms since 1970), records (of a snapshot), CRC-32 of these   18 octets
              P  piece:  length (3 octets), CRC-32, then that many octets                        8 octets and them
              X  index:  as P; what it holds is kind, time and offset of every block, 17 octets each
    trailer   offset of the index (8 octets), "ANEMIDX1"

A *block* is one zlib stream over the pieces behind its header. Each piece is what one write appended: whole records,
compressed with all of the block before it in sight, and ended by a sync flush whose last four octets are left out, as
RFC 7692 7.2.1 does it. So a second's few records cost their own octets and nine of framing, and after kill -9 the file
holds everything that was written: a torn tail is cut off behind the last whole piece (`scan`).

Blocks are of two kinds. A SNAPSHOT repeats the databases of its time and resets the numbering (`ospf.archive`); one
whose records are not all there counts as torn. A TAIL goes on from there. A new snapshot comes when the tail has
several times as many records as the databases (`due_for_snapshot`), so that any instant costs one snapshot and a tail
of bounded length, and snapshots cost a fraction of what they spare. The index is written when a segment is closed for
good; a segment without one (the newest, or one that a crash closed) is walked from header to header instead.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ospf.archive import Databases, Decoder, Encoder, Item, snapshot
from ospf.errors import OspfArchiveError

MAGIC, INDEX_MAGIC = b"ANEMLSA1", b"ANEMIDX1"
SNAPSHOT, TAIL = 1, 2
BLOCK_OCTETS = 256 << 10  # of records, before compression, after which a new block begins
PIECE_OCTETS = 64 << 10  # of records, before compression, in one piece
MAX_PIECE_OCTETS = 1 << 20  # what a piece may unpack to: the largest record is a tenth of it
LEAST_TAIL = 20_000  # records between snapshots
TAIL_SHARE = 4  # ... or this many times the LSAs held, whichever is more
LEVEL = 6

_BLOCK = struct.Struct("!cBQI")
_BLOCK_LENGTH = _BLOCK.size + 4
_PIECE_LENGTH = 8
_INDEX = struct.Struct("!BQQ")
_TRAILER = struct.Struct("!Q8s")
_FLUSHED = b"\0\0\xff\xff"  # RFC 7692 7.2.1


class Block(NamedTuple):
    """Where a block begins in its segment; `time` is that of its first record (of a snapshot: as of when)."""

    kind: int
    time: int
    offset: int


class Scan(NamedTuple):
    """What a segment holds: its blocks, and how many of its octets are whole."""

    blocks: tuple[Block, ...]
    whole: int
    closed: bool


class SegmentWriter:
    """Items to octets that are appended to a segment; `length` and `blocks` are what it has by now."""

    def __init__(self, length: int = 0, blocks: Iterable[Block] = ()) -> None:
        self.length = length
        self.tail = 0  # records since the snapshot
        self.held = 0  # LSAs in the snapshot
        self.blocks = list(blocks)
        self._encoder = Encoder()
        self._stream = zlib.compressobj(LEVEL)
        self._room = 0  # octets of records the current block still takes

    def begin(self, databases: Databases, now: int) -> bytes:
        """The magic and the first snapshot of a new segment."""
        assert not self.length
        self.length = len(MAGIC)
        return MAGIC + self.snapshot(databases, now)

    def snapshot(self, databases: Databases, now: int) -> bytes:
        """A snapshot of all databases; numbering begins anew."""
        self._encoder.reset()
        records = [self._encoder.encode(record) for record in snapshot(databases)]
        self.held, self.tail, self._room = len(records), 0, 0
        out = bytearray(self._block(SNAPSHOT, now, len(records)))
        for piece in _pieces(records):
            out += self._piece(piece)
        self.length += len(out)
        return bytes(out)

    def append(self, items: Iterable[Item]) -> bytes:
        """Pieces that hold the items, in blocks of TAIL."""
        out = bytearray()
        encoded: list[bytes] = []
        size = 0
        for item in items:
            if self._room <= 0 or size >= PIECE_OCTETS:
                out += self._flush(encoded)
                encoded, size = [], 0
                if self._room <= 0:
                    self._room = BLOCK_OCTETS
                    out += self._block(TAIL, item.time, 0, len(out))
            record = self._encoder.encode(item)
            encoded.append(record)
            size += len(record)
            self._room -= len(record)
            self.tail += 1
        out += self._flush(encoded)
        self.length += len(out)
        return bytes(out)

    def close(self) -> bytes:
        """The index and the trailer: nothing comes after."""
        octets = b"".join(_INDEX.pack(*block) for block in self.blocks)
        out = _framed(b"X", octets) + _TRAILER.pack(self.length, INDEX_MAGIC)
        self.length += len(out)
        return out

    @property
    def due_for_snapshot(self) -> bool:
        return self.tail >= max(LEAST_TAIL, TAIL_SHARE * self.held)

    def _block(self, kind: int, time: int, records: int, ahead: int = 0) -> bytes:
        self.blocks.append(Block(kind, time, self.length + ahead))
        self._stream = zlib.compressobj(LEVEL)
        head = _BLOCK.pack(b"B", kind, time, records)
        return head + zlib.crc32(head).to_bytes(4, "big")

    def _flush(self, records: list[bytes]) -> bytes:
        return self._piece(b"".join(records)) if records else b""

    def _piece(self, octets: bytes) -> bytes:
        packed = self._stream.compress(octets) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        return _framed(b"P", packed[: -len(_FLUSHED)])


def scan(data: bytes | memoryview) -> Scan:
    """Blocks of a segment, and where its whole part ends. OspfArchiveError if it is none."""
    view = memoryview(data)
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise OspfArchiveError("not an archive of LSAs")
    indexed = _indexed(view)
    if indexed is not None:
        return Scan(indexed, len(view), True)
    blocks: list[Block] = []
    whole = at = len(MAGIC)
    promised = records = 0  # of a snapshot
    decoder, unpack = Decoder(), zlib.decompressobj()
    while at < len(view):
        tag = bytes(view[at : at + 1])
        if tag == b"B":
            head = _block_head(view, at)
            if head is None or records != promised:
                break
            kind, time, promised = head
            records = 0
            if kind == SNAPSHOT:
                decoder.reset()
                unpack = zlib.decompressobj()
            blocks.append(Block(kind, time, at))
            at += _BLOCK_LENGTH
        elif tag == b"P" and blocks:
            packed = _unframed(view, at)
            if packed is None:
                break
            if blocks[-1].kind == SNAPSHOT:  # is it complete?
                try:
                    records += sum(1 for _ in decoder.decode(_unpacked(unpack, packed)))
                except OspfArchiveError:
                    break
            at += _PIECE_LENGTH + len(packed)
        else:
            break
        if records == promised:
            whole = at
    while blocks and blocks[-1].offset >= whole:
        blocks.pop()
    return Scan(tuple(blocks), whole, False)


def read(data: bytes | memoryview, blocks: Iterable[Block], whole: int) -> Iterator[Item]:
    """Items of successive blocks, the first of which is a snapshot; `whole` is where the segment's records end."""
    view = memoryview(data)[:whole]
    decoder = Decoder()
    for block in blocks:
        if block.kind == SNAPSHOT:
            decoder.reset()
        unpack = zlib.decompressobj()
        at = block.offset + _BLOCK_LENGTH
        while bytes(view[at : at + 1]) == b"P":
            packed = _unframed(view, at)
            if packed is None:
                raise OspfArchiveError(f"a damaged piece at octet {at}")
            yield from decoder.decode(_unpacked(unpack, packed))
            at += _PIECE_LENGTH + len(packed)


def blocks_for(blocks: tuple[Block, ...], at: int) -> tuple[Block, ...]:
    """The newest snapshot not after `at`, and what follows it up to `at`; nothing when there is none."""
    first = max((n for n, block in enumerate(blocks) if block.kind == SNAPSHOT and block.time <= at), default=None)
    if first is None:
        return ()
    later = (n for n, block in enumerate(blocks) if n > first and block.time > at)
    return blocks[first : next(later, len(blocks))]


def _framed(tag: bytes, octets: bytes) -> bytes:
    return tag + len(octets).to_bytes(3, "big") + zlib.crc32(octets).to_bytes(4, "big") + octets


def _unframed(view: memoryview, at: int) -> memoryview | None:
    """The octets of the piece at `at`, None when it is torn or damaged."""
    size = int.from_bytes(view[at + 1 : at + 4], "big")
    octets = view[at + _PIECE_LENGTH : at + _PIECE_LENGTH + size]
    if len(octets) < size or len(view) < at + _PIECE_LENGTH:
        return None
    return octets if zlib.crc32(octets) == int.from_bytes(view[at + 4 : at + 8], "big") else None


def _block_head(view: memoryview, at: int) -> tuple[int, int, int] | None:
    head = bytes(view[at : at + _BLOCK_LENGTH])
    if len(head) < _BLOCK_LENGTH or zlib.crc32(head[: _BLOCK.size]) != int.from_bytes(head[-4:], "big"):
        return None
    _, kind, time, records = _BLOCK.unpack_from(head)
    return (kind, time, records) if kind in (SNAPSHOT, TAIL) else None


def _unpacked(unpack: zlib._Decompress, packed: memoryview) -> bytes:
    try:
        octets = unpack.decompress(bytes(packed) + _FLUSHED, MAX_PIECE_OCTETS)
    except zlib.error as error:
        raise OspfArchiveError(f"a damaged piece: {error}") from error
    if unpack.unconsumed_tail:
        raise OspfArchiveError(f"a piece of more than {MAX_PIECE_OCTETS} octets")
    return octets


def _indexed(view: memoryview) -> tuple[Block, ...] | None:
    """The blocks as the index of a closed segment has them."""
    if len(view) < len(MAGIC) + _TRAILER.size:
        return None
    offset, magic = _TRAILER.unpack_from(view, len(view) - _TRAILER.size)
    if magic != INDEX_MAGIC or not len(MAGIC) <= offset < len(view) or bytes(view[offset : offset + 1]) != b"X":
        return None
    octets = _unframed(view, offset)
    if octets is None or len(octets) % _INDEX.size:
        return None
    return tuple(Block(*fields) for fields in _INDEX.iter_unpack(octets))


def _pieces(records: list[bytes]) -> Iterator[bytes]:
    piece = bytearray()
    for record in records:
        piece += record
        if len(piece) >= PIECE_OCTETS:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
