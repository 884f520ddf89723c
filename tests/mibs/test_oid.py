import pytest

from mibs.errors import BerDecodeError
from mibs.oid import ROOT, decode_oid, encode_oid, format_oid, key_oid, oid_key, parse_oid

# X.690 8.19.5 and well-known encodings, not made by this code.
KNOWN = [
    ((2, 999, 3), "883703"),
    ((1, 3, 6, 1, 2, 1, 1, 3, 0), "2b06010201010300"),
    ((1, 2, 840, 113549), "2a864886f70d"),
    ((1, 3, 6, 1, 4, 1, 32473), "2b0601040181fd59"),
    ((0, 0), "00"),
    ((1, 3, 4294967295), "2b8fffffff7f"),
]


@pytest.mark.parametrize(("oid", "octets"), KNOWN)
def test_known_encodings(oid: tuple[int, ...], octets: str) -> None:
    assert encode_oid(oid).hex() == octets
    assert decode_oid(bytes.fromhex(octets)) == oid


@pytest.mark.parametrize(
    "octets",
    ["", "2b80", "2b8001", "2b9080808000", "2b" + "01" * 127, "2b86"],
    ids=["empty", "cut", "padded arc", "over 32 bits", "129 arcs", "cut arc"],
)
def test_refused(octets: str) -> None:
    with pytest.raises(BerDecodeError):
        decode_oid(bytes.fromhex(octets))


def test_longest() -> None:
    assert len(decode_oid(bytes.fromhex("2b" + "01" * 126))) == 128


@pytest.mark.parametrize("oid", [(1,), (3, 1), (1, 40), (0, 40, 1)])
def test_not_encodable(oid: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        encode_oid(oid)


def test_keys_sort_where_ber_does_not() -> None:
    small, large = (1, 3, 16383), (1, 3, 16384)
    assert encode_oid(small) > encode_oid(large)
    assert oid_key(small) < oid_key(large)
    assert oid_key((1, 3)) < oid_key((1, 3, 0))
    assert key_oid(oid_key(large)) == large


def test_text() -> None:
    assert parse_oid(".1.3.6.1.4.1.32473") == ROOT
    assert format_oid(ROOT) == "1.3.6.1.4.1.32473"
    for bad in ("", "1..3", "1.3.x", "1.3.4294967296", "1." * 128 + "1"):
        with pytest.raises(ValueError):
            parse_oid(bad)
