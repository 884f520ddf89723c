import numpy as np
import pytest

from mibs import ber
from mibs.columns import LIVE_EPOCH, as_u64, live_scalar, row_set, scalar, text_octets
from mibs.errors import TableError
from mibs.oid import oid_key

OBJECT = (1, 3, 6, 1, 4, 1, 32473, 9, 1)


def cut(octets: bytes, lengths: np.ndarray) -> list[bytes]:
    ends = np.cumsum(lengths)
    return [octets[end - length : end] for end, length in zip(ends, lengths, strict=True)]


@pytest.mark.parametrize("tag", [ber.INTEGER, ber.COUNTER32, ber.GAUGE32, ber.COUNTER64])
def test_integers_equal_the_scalar_encoding(tag: int) -> None:
    limit = {ber.COUNTER64: 2**64 - 1, ber.INTEGER: 2**31 - 1}.get(tag, 2**32 - 1)
    edges = sorted({e for bits in range(65) for e in (2**bits - 1, 2**bits, 2**bits + 1) if e <= limit})
    index = [1, 127, 128, 16383, 16384, 2**21, 2**28, 2**32 - 1]
    index += range(200, 200 + len(edges) - len(index))
    rows = row_set(index)
    section = rows.integers(OBJECT, tag, edges)
    expected = [
        ber.encode_varbind((*OBJECT, i), ber.encode_integer(v, tag)) for i, v in sorted(zip(index, edges, strict=True))
    ]
    assert cut(section.octets, section.lengths) == expected
    assert section.keys == b"".join(oid_key((*OBJECT, i)) for i in sorted(index))
    assert section.counter64 == (tag == ber.COUNTER64)


def test_limits_of_32_bit_types() -> None:
    rows = row_set([1, 2])
    values = [2**32 + 5, 2**40]

    def contents(tag: int) -> list[int]:
        section = rows.integers(OBJECT, tag, values)
        varbinds = cut(section.octets, section.lengths)
        return [int.from_bytes(varbind[varbind.index(tag, 10) + 2 :], "big") for varbind in varbinds]

    assert contents(ber.COUNTER32) == [5, 0]  # low half
    assert contents(ber.GAUGE32) == [2**32 - 1] * 2  # held


def test_rows_are_sorted_and_columns_follow() -> None:
    rows = row_set([9, 2, 2], [1, 300, 4])
    section = rows.texts(OBJECT, ["nine", "two-300", "two-4"])
    assert cut(section.octets, section.lengths) == [
        ber.encode_varbind((*OBJECT, *index), ber.encode(ber.OCTET_STRING, text))
        for index, text in [((2, 4), b"two-4"), ((2, 300), b"two-300"), ((9, 1), b"nine")]
    ]
    assert rows.texts(OBJECT, ["nine", "two-300", "two-4"]) is section  # unchanged: not encoded again
    assert rows.texts(OBJECT, ["nine", "two-300", "two-5"]) is not section
    addresses = rows.addresses(OBJECT, [0x0A000001, 0xFFFFFFFF, 1])
    assert [v[-4:] for v in cut(addresses.octets, addresses.lengths)] == [
        b"\0\0\0\1", b"\xff\xff\xff\xff", b"\n\0\0\1"]  # fmt: skip
    live = rows.live(OBJECT, LIVE_EPOCH, [1.5, float("nan"), 3.5])
    assert live.live_values is not None and live.live_values.tolist() == [3.5, 0.0, 1.5]
    assert cut(live.octets, live.lengths)[0] == ber.encode_oid_element((*OBJECT, 2, 4))


def test_empty_table() -> None:
    rows = row_set([], [])
    assert len(rows) == 0
    section = rows.integers(OBJECT, ber.COUNTER64, [])
    assert (section.rows, section.octets, section.keys) == (0, b"", b"")
    assert rows.texts(OBJECT, []).octets == b""


@pytest.mark.parametrize("index", [([1, 1],), ([1, 2], [1]), ([2**32],), ([-1],)])
def test_bad_index(index: tuple[list[int], ...]) -> None:
    with pytest.raises(TableError):
        row_set(*index)


def test_names_have_a_limit() -> None:
    rows = row_set([2**32 - 1])
    longest = (1, 3, *[2**32 - 1] * 20, 1, 1, 1, 1)
    section = rows.integers(longest, ber.COUNTER64, [2**64 - 1])
    assert section.octets == ber.encode_varbind(
        (*longest, 2**32 - 1), ber.encode_integer(2**64 - 1, ber.COUNTER64)
    )
    with pytest.raises(TableError):
        rows.integers((*longest, 1), ber.COUNTER64, [1])


def test_columns_must_fit() -> None:
    rows = row_set([1, 2])
    for encode in (
        lambda: rows.integers(OBJECT, ber.INTEGER, [1]),
        lambda: rows.texts(OBJECT, ["a"]),
        lambda: rows.elements(OBJECT, [b"\5\0"]),
        lambda: rows.live(OBJECT, LIVE_EPOCH, [0.0]),
    ):
        with pytest.raises(TableError):
            encode()


def test_as_u64() -> None:
    assert as_u64([1, 2**63]).tolist() == [1, 2**63]
    assert as_u64([-1, 2**64 + 3]).tolist() == [0, 3]
    assert as_u64(np.array([-5, 7])).tolist() == [0, 7]
    floats = as_u64([0.6, -1.0, float("nan"), float("inf"), 1e30])
    assert floats.tolist() == [1, 0, 0, 2**64 - 2**11, 2**64 - 2**11]
    assert as_u64([True, False]).tolist() == [1, 0]


def test_texts_are_cut_between_characters() -> None:
    assert text_octets("ä" * 200, 255) == ("ä" * 127).encode()
    assert text_octets(b"\xff" * 300, 255) == b"\xff" * 255
    assert text_octets("\ud800", 255) == b"?"


def test_scalars() -> None:
    section = scalar(OBJECT, ber.encode_integer(3, ber.COUNTER64))
    assert section.octets == ber.encode_varbind((*OBJECT, 0), b"\x46\x01\x03") and section.counter64
    assert live_scalar(OBJECT, LIVE_EPOCH, 2.0).octets == ber.encode_oid_element((*OBJECT, 0))
