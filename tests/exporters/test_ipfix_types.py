"""exporters/ipfix/types.py: every abstract type and length to its column."""

from __future__ import annotations

import numpy as np
import pytest

from exporters.ipfix.types import TYPES, VARIABLE, Kind, layout, text, widen


@pytest.mark.parametrize(
    ("kind", "length", "dtype"),
    [
        ("unsigned8", 1, np.uint8),
        ("unsigned16", 1, np.uint16),
        ("unsigned32", 3, np.uint32),
        ("unsigned64", 4, np.uint64),
        ("unsigned64", 8, np.uint64),
        ("signed16", 1, np.int16),
        ("signed64", 5, np.int64),
        ("float64", 4, np.float64),
        ("float32", 4, np.float32),
        ("boolean", 1, np.uint8),
        ("ipv4Address", 4, np.uint32),
        ("dateTimeSeconds", 4, np.uint32),
        ("dateTimeMilliseconds", 8, np.uint64),
        ("dateTimeNanoseconds", 8, np.uint64),
        ("macAddress", 6, np.uint8),
        ("ipv6Address", 16, np.uint8),
        ("unsigned8", 4, np.uint32),  # wider than its type: the column widens
        ("unsigned16", 3, np.uint32),
    ],
)
def test_natural_width(kind: str, length: int, dtype: type) -> None:
    form = layout(kind, length)
    assert form.dtype == np.dtype(dtype)
    assert form.kind is not Kind.SKIP


@pytest.mark.parametrize(
    ("kind", "length"),
    [
        ("ipv4Address", 3),  # RFC 7011 6.2: structured types have one length only
        ("ipv4Address", 16),
        ("ipv6Address", 4),
        ("macAddress", 8),
        ("dateTimeMilliseconds", 4),
        ("dateTimeSeconds", 8),
        ("boolean", 2),
        ("float32", 8),
        ("float64", 2),
        ("unsigned64", 9),
        ("unsigned32", VARIABLE),
        ("unsigned32", 0),
        ("string", 0),
    ],
)
def test_a_length_that_cannot_be_gives_no_column(kind: str, length: int) -> None:
    assert layout(kind, length).kind is Kind.SKIP


def test_application_id_is_a_number_only_when_it_has_four_octets() -> None:
    assert layout("octetArray", 4, packed_identifier=True).kind is Kind.UNSIGNED
    assert layout("octetArray", 5, packed_identifier=True).kind is Kind.OCTETS
    assert layout("octetArray", VARIABLE, packed_identifier=True).kind is Kind.OCTETS


def test_every_layout_has_a_wire_form_of_its_length() -> None:
    for kind in TYPES:
        for length in (1, 2, 3, 4, 5, 6, 7, 8, 16, 40):
            assert np.dtype([("x", layout(kind, length).wire)]).itemsize == length


@pytest.mark.parametrize("width", range(1, 9))
def test_widen(width: int) -> None:
    values = [0, 1, (1 << 8 * width - 1) - 1]
    octets = np.frombuffer(b"".join(v.to_bytes(width, "big") for v in values), np.uint8).reshape(-1, width)
    assert widen(octets, Kind.UNSIGNED, np.dtype(np.uint64)).tolist() == values


@pytest.mark.parametrize("width", range(1, 9))
def test_widen_keeps_the_sign(width: int) -> None:
    values = [-1, -(1 << 8 * width - 1), (1 << 8 * width - 1) - 1, 0]
    octets = np.frombuffer(b"".join(v.to_bytes(width, "big", signed=True) for v in values), np.uint8)
    assert widen(octets.reshape(-1, width), Kind.SIGNED, np.dtype(np.int64)).tolist() == values


def test_text() -> None:
    assert text(b"abc\0\0") == "abc"
    assert text(b"\xff\xfea") == "��a"
    assert text("ü".encode()) == "ü"
