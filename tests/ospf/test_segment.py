"""ospf.segment: blocks and pieces, torn tails, the index, and where to begin reading for an instant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf import segment
from ospf.archive import HELD, REFRESHED, Databases, Item, Record
from ospf.errors import OspfArchiveError
from ospf.segment import SNAPSHOT, TAIL, Block, SegmentWriter, blocks_for, read, scan
from tests.ospf.archived import START, record, router_lsa


def refreshes(first: int, count: int, step: int = 1000) -> list[Item]:
    return [
        record(router_lsa(n % 20, n), START + n * step, REFRESHED) for n in range(first, first + count)
    ]


def tails(data: bytes) -> list[Item]:
    found = scan(data)
    items = read(data, found.blocks, found.whole)
    return [item for item in items if not (isinstance(item, Record) and item.outcome == HELD)]


def written(*writes: list[Item], snapshots: tuple[int, ...] = ()) -> tuple[SegmentWriter, bytes, list[int]]:
    """A segment of these writes (a snapshot before some of them), and its length after each."""
    writer, held = SegmentWriter(), Databases()
    data = writer.begin(held, START)
    lengths = [len(data)]
    for number, items in enumerate(writes):
        if number in snapshots:
            data += writer.snapshot(held, items[0].time)
        for item in items:
            held.apply(item)
        data += writer.append(items)
        assert writer.length == len(data)
        lengths.append(len(data))
    return writer, data, lengths


def test_what_is_appended_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "BLOCK_OCTETS", 500)
    monkeypatch.setattr(segment, "PIECE_OCTETS", 100)
    parts = [refreshes(0, 50), refreshes(50, 1), refreshes(51, 200)]
    writer, data, _ = written(*parts, snapshots=(1,))
    found = scan(data)
    assert found.whole == len(data) and not found.closed and found.blocks == tuple(writer.blocks)
    assert [block.kind for block in found.blocks].count(SNAPSHOT) == 2 and len(found.blocks) > 6
    assert tails(data) == [item for part in parts for item in part]


def test_the_index_says_what_walking_says() -> None:
    writer, data, _ = written(refreshes(0, 50), refreshes(50, 9), snapshots=(1,))
    closed = data + writer.close()
    assert writer.length == len(closed)
    found = scan(closed)
    assert found.closed and found.blocks == scan(data).blocks and tails(closed) == tails(data)
    broken = closed[:-20] + b"\xff" + closed[-19:]
    assert not scan(broken).closed and tails(broken) == tails(data)  # walked


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.data())
def test_a_torn_tail_loses_what_was_torn_only(sizes: list[int], data: st.DataObject) -> None:
    parts, first = [], 0
    for size in sizes:
        parts.append(refreshes(first, size))
        first += size
    snapshots = tuple(data.draw(st.sets(st.integers(0, len(sizes) - 1))))
    _, octets, lengths = written(*parts, snapshots=snapshots)
    cut = data.draw(st.integers(lengths[0], len(octets)))
    rubbish = data.draw(st.binary(max_size=40))
    torn = octets[:cut] + rubbish
    complete = sum(length <= cut for length in lengths) - 1
    whole = [item for part in parts[:complete] for item in part]
    found = scan(torn)
    assert found.whole <= len(torn)
    got = tails(torn)
    assert got[: len(whole)] == whole
    if not rubbish:
        assert got == whole
    assert tails(torn[: found.whole]) == got


def test_a_snapshot_that_is_not_all_there_is_torn() -> None:
    held = Databases()
    for number in range(3000):
        held.apply(record(router_lsa(number), START))
    writer = SegmentWriter()
    data = writer.begin(held, START)
    assert len(scan(data).blocks) == 1 and writer.held == 3000
    assert scan(data[:-1]) == ((), len(segment.MAGIC), False)
    assert sum(1 for _ in read(data, scan(data).blocks, len(data))) == 3000
    last = data.rindex(b"P")
    while segment._unframed(memoryview(data), last) is None:  # where its last piece begins
        last = data.rindex(b"P", 0, last)
    followed = data[:last] + SegmentWriter().append(refreshes(0, 3))
    assert scan(followed).blocks == ()


@pytest.mark.parametrize("octets", [b"", b"x" * 100, segment.MAGIC[:-1], b"\x0a\x0d\x0d\x0a" * 9])
def test_what_is_no_segment_is_refused(octets: bytes) -> None:
    with pytest.raises(OspfArchiveError, match="not an archive"):
        scan(octets)


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=12), st.integers(0, 10**6), st.booleans())
def test_damage_is_found_or_harmless(damage: bytes, where: int, closed: bool) -> None:
    writer, data, _ = written(refreshes(0, 30), refreshes(30, 30), snapshots=(1,))
    octets = bytearray(data + (writer.close() if closed else b""))
    at = where % len(octets)
    octets[at : at + len(damage)] = damage
    try:
        found = scan(bytes(octets))
        for block in found.blocks:
            list(read(bytes(octets), blocks_for(found.blocks, block.time), found.whole))
    except OspfArchiveError:
        return


def test_a_piece_that_unpacks_to_too_much_is_refused() -> None:
    writer = SegmentWriter()
    data = writer.begin(Databases(), START) + writer._block(TAIL, START, 0)
    data += writer._piece(bytes(segment.MAX_PIECE_OCTETS + 1))
    found = scan(data)
    with pytest.raises(OspfArchiveError, match="more than"):
        list(read(data, found.blocks, found.whole))


def test_the_blocks_for_an_instant() -> None:
    blocks = (Block(1, 10, 0), Block(2, 11, 1), Block(2, 20, 2), Block(1, 30, 3), Block(2, 31, 4))
    found = {at: [block.offset for block in blocks_for(blocks, at)] for at in (9, 10, 11, 19, 25, 30, 99)}
    assert found == {9: [], 10: [0], 11: [0, 1], 19: [0, 1], 25: [0, 1, 2], 30: [3], 99: [3, 4]}


def test_snapshots_come_when_the_tail_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "LEAST_TAIL", 10)
    writer, _, _ = written(refreshes(0, 9))
    assert not writer.due_for_snapshot
    writer.append(refreshes(9, 1))
    assert writer.due_for_snapshot
    held = Databases()
    for number in range(5):
        held.apply(record(router_lsa(number), START))
    writer.snapshot(held, START + 10_000)
    writer.append(refreshes(20, 19))
    assert not writer.due_for_snapshot
    writer.append(refreshes(39, 1))
    assert writer.due_for_snapshot
