import random

import pytest

from mibs import ber
from mibs.columns import LIVE_UPTIME, live_scalar, row_set, scalar
from mibs.errors import SnapshotError
from mibs.snapshot import BODY, HEADER, decode_snapshot, encode_snapshot, layout_of, make_layout
from tests.mibs.sample import sample_snapshot

A, B, C = (1, 3, 1), (1, 3, 2), (1, 3, 3)


def small() -> bytes:
    rows = row_set([4, 7])
    sections = [
        live_scalar(A, LIVE_UPTIME),
        rows.integers(B, ber.COUNTER64, [1, 2]),
        scalar(C, ber.encode_integer(5)),
    ]
    return encode_snapshot(sections, make_layout(sections), 12.5)


def test_parts() -> None:
    parts = decode_snapshot(small())
    assert parts.created == 12.5
    assert parts.next_v1.tolist() == [0, 3, 3, 3, 4]  # Counter64 is stepped over; the end stays the end
    assert parts.live_rows.tolist() == [0] and parts.live_kinds.tolist() == [LIVE_UPTIME]
    assert parts.key_offsets.tolist() == [0, 16, 32, 48, 64]
    assert parts.object_offsets.tolist() == [0, 12, 24, 36]


def test_empty() -> None:
    parts = decode_snapshot(encode_snapshot([], make_layout([]), 0.0))
    assert parts.offsets.tolist() == [0] and parts.next_v1.tolist() == [0]


def test_objects_must_ascend_and_not_nest() -> None:
    one, nested = scalar(A, b"\5\0"), scalar((*A, 1), b"\5\0")
    for wrong in ([scalar(B, b"\5\0"), one], [one, one], [one, nested]):
        with pytest.raises(SnapshotError):
            make_layout(wrong)


def test_layout_is_recognised() -> None:
    rows, other = row_set([4, 7]), row_set([4, 8])
    first = [rows.integers(B, ber.INTEGER, [1, 2])]
    assert layout_of(first) == layout_of([rows.integers(B, ber.INTEGER, [3, 400])])
    assert layout_of(first) != layout_of([other.integers(B, ber.INTEGER, [1, 2])])


def test_damage_is_noticed() -> None:
    whole = sample_snapshot(links=3, applications=2)
    rng = random.Random(5)
    for _ in range(300):
        place = rng.randrange(len(whole))
        if HEADER.size - 8 <= place < HEADER.size:
            continue  # the time of creation is not covered, and may be anything
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        with pytest.raises(SnapshotError):
            decode_snapshot(bytes(damaged))
    for length in [0, 1, HEADER.size, BODY - 1, BODY, len(whole) - 8]:
        with pytest.raises(SnapshotError):
            decode_snapshot(whole[:length])
