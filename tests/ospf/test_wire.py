import random
import struct

import pytest

from ospf.errors import OspfDecodeError
from ospf.wire import (
    Cursor,
    address_number,
    address_text,
    fletcher16,
    internet_checksum,
    is_lsa_intact,
    length_mask,
    lsa_checksum,
    mask_length,
)

WORD = struct.Struct("!I")


def slow_checksum(data: bytes) -> int:
    """RFC 1071 4.1, word by word."""
    if len(data) % 2:
        data += b"\0"
    total = sum(data[i] << 8 | data[i + 1] for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def test_checksum_equals_the_slow_one() -> None:
    cases = [b"", b"\0", b"\0\0", b"\xff\xff", b"\xff\xfe\0\1", b"\1", b"\xff" * 1000, bytes(range(256)) * 5 + b"x"]
    for data in cases:
        assert internet_checksum(data) == slow_checksum(data), data[:10]


def test_checksum_of_the_example_in_rfc_1071() -> None:
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def test_checksum_over_checked_data_is_zero() -> None:
    data = b"anemone!" + internet_checksum(b"anemone!").to_bytes(2, "big")
    assert internet_checksum(data) == 0


def test_cursor_never_reads_past_the_end() -> None:
    cursor = Cursor(b"\0\0\0\7\1")
    assert cursor.pull(WORD, "word") == (7,)
    with pytest.raises(OspfDecodeError, match="word: 4 octets wanted, 1 left"):
        cursor.pull(WORD, "word")
    with pytest.raises(OspfDecodeError):
        cursor.take(2, "rest")
    with pytest.raises(OspfDecodeError):
        cursor.take(-1, "rest")
    assert bytes(cursor.take(1, "rest")) == b"\1"
    cursor.finish("all")


def test_window_must_be_used_up_and_hides_what_follows() -> None:
    cursor = Cursor(b"\0\0\0\1\0\0\0\2\0\0\0\3")
    with cursor.window(8, "two words"):
        assert cursor.remaining == 8
        cursor.pull(WORD, "word")
        cursor.pull(WORD, "word")
        with pytest.raises(OspfDecodeError):
            cursor.pull(WORD, "word")
    assert cursor.remaining == 4
    with pytest.raises(OspfDecodeError, match="4 octets left over"), cursor.window(4, "unread"):
        pass
    with pytest.raises(OspfDecodeError), cursor.window(9, "too long"):
        pass


def test_masks() -> None:
    for length in range(33):
        assert mask_length(length_mask(length)) == length
    assert mask_length(0xFFFF00FF) == -1
    assert mask_length(1) == -1
    assert length_mask(24) == 0xFFFFFF00


def test_addresses() -> None:
    assert address_text(0x0A620009) == "10.98.0.9"
    assert address_number("10.98.0.9") == 0x0A620009
    for wrong in ("", "10.0.0", "10.0.0.256", "1.2.3.4.5", "a.b.c.d", "1.2.3.-4", "1.2.3.0000", "١.2.3.4"):
        with pytest.raises(ValueError):
            address_number(wrong)


def slow_fletcher(data: bytes) -> tuple[int, int]:
    """RFC 905 annex B, octet by octet."""
    c0 = c1 = 0
    for octet in data:
        c0 = (c0 + octet) % 255
        c1 = (c1 + c0) % 255
    return c0, c1


def test_fletcher_equals_the_slow_one() -> None:
    rng = random.Random(1)
    for length in (0, 1, 2, 18, 34, 255, 256, 257, 258, 512, 513, 1500, 20000, 65533):
        for data in (rng.randbytes(length), b"\xff" * length, bytes(length), b"\xfe" * length):
            assert fletcher16(data) == slow_fletcher(data)
            assert fletcher16(memoryview(data)) == slow_fletcher(data)


@pytest.mark.parametrize("length", [20, 24, 96, 256, 260, 264, 4000])
def test_an_lsa_is_intact_exactly_when_both_sums_are_zero(length: int) -> None:
    rng = random.Random(length)
    for _ in range(20):
        raw = bytearray(rng.randbytes(length))
        raw[16:18] = lsa_checksum(raw).to_bytes(2, "big")
        assert is_lsa_intact(bytes(raw)) and slow_fletcher(raw[2:]) == (0, 0)
        raw[0:2] = rng.randbytes(2)  # RFC 2328 12.1.7: the age is not covered
        assert is_lsa_intact(bytes(raw))
        for _ in range(20):
            broken = bytearray(raw)
            at, other = rng.sample(range(2, length), 2)
            change = rng.randrange(1, 255)
            broken[at] = (broken[at] + change) % 256
            broken[other] = (broken[other] - change) % 256  # the plain sum stays, the weighted one does not
            assert is_lsa_intact(bytes(broken)) == (slow_fletcher(broken[2:]) == (0, 0))
