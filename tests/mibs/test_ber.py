import pytest

from mibs import ber
from mibs.errors import BerDecodeError

# X.690 8.3: shortest two's complement.
INTEGERS = [(0, "00"), (127, "7f"), (128, "0080"), (-1, "ff"), (-128, "80"), (-129, "ff7f"), (256, "0100"),
            (2**31 - 1, "7fffffff"), (-(2**31), "80000000"), (2**64 - 1, "00ffffffffffffffff")]  # fmt: skip


@pytest.mark.parametrize(("value", "octets"), INTEGERS)
def test_integers(value: int, octets: str) -> None:
    assert ber.integer_octets(value).hex() == octets


LENGTHS = [(0, "00"), (127, "7f"), (128, "8180"), (256, "820100"), (70000, "83011170")]


@pytest.mark.parametrize(("length", "octets"), LENGTHS)
def test_lengths(length: int, octets: str) -> None:
    assert ber.encode_length(length).hex() == octets
    element = ber.encode(ber.OCTET_STRING, bytes(length))
    assert ber.read_header(element, 0, len(element)) == (4, len(element) - length, len(element))


def test_long_form_of_a_short_length_is_read() -> None:
    assert ber.read_header(bytes.fromhex("0482000161"), 0, 5) == (4, 4, 5)


@pytest.mark.parametrize(
    "octets",
    ["", "04", "0480", "048500000000010061", "0405616263", "1f0100", "04820001", "3084ffffffff"],
    ids=["empty", "no length", "indefinite", "five length octets", "cut", "high tag", "cut after length", "4 GiB"],
)
def test_headers_refused(octets: str) -> None:
    data = bytes.fromhex(octets)
    with pytest.raises(BerDecodeError):
        ber.read_header(data, 0, len(data))


def test_window_is_closed() -> None:
    data = bytes.fromhex("020101") + b"more"
    with pytest.raises(BerDecodeError):
        ber.read_header(data, 0, 2)


@pytest.mark.parametrize("octets", ["0200", "02050000000001", "040101"], ids=["empty", "40 bits", "no integer"])
def test_integers_refused(octets: str) -> None:
    data = bytes.fromhex(octets)
    with pytest.raises(BerDecodeError):
        ber.read_integer(data, 0, len(data))


def test_integer_read() -> None:
    assert ber.read_integer(bytes.fromhex("0204fffffffe"), 0, 6) == (-2, 6)


def test_varbind() -> None:
    octets = ber.encode_varbind((1, 3, 6, 1, 2, 1, 1, 3, 0), ber.encode_integer(100, ber.TIME_TICKS))
    assert octets.hex() == "300d06082b06010201010300430164"
