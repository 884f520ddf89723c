"""exporters/ipfix/encode.py: columns to octets, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exporters.errors import IpfixEncodeError
from exporters.ipfix.elements import element
from exporters.ipfix.encode import encode_records
from exporters.ipfix.template import Field, Template
from exporters.ipfix.types import VARIABLE


def make(*fields: tuple[str, int]) -> Template:
    return Template(256, tuple(Field(element(name), length) for name, length in fields))


def one(name: str, length: int, value: Any) -> str:
    """The octets of one value as hex."""
    (record,) = encode_records(make((name, length)), {name: [value]})
    return record.hex()


@pytest.mark.parametrize(
    ("name", "length", "value", "octets"),
    [
        ("octetDeltaCount", 8, 1, "0000000000000001"),
        ("octetDeltaCount", 8, (1 << 64) - 1, "ff" * 8),
        ("octetDeltaCount", 3, 0x010203, "010203"),  # RFC 7011 6.2
        ("sourceTransportPort", 2, 443, "01bb"),
        ("sourceIPv4Address", 4, 0x0A000001, "0a000001"),
        ("sourceIPv6Address", 16, bytes(range(16)), bytes(range(16)).hex()),
        ("sourceMacAddress", 6, b"\1\2\3\4\5\6", "010203040506"),
        ("applicationId", 4, 0x06000001, "06000001"),
        ("applicationId", VARIABLE, b"\6\1", "020601"),
        ("samplingProbability", 8, 0.5, "3fe0000000000000"),
        ("samplingProbability", 4, 0.5, "3f000000"),
        ("userName", VARIABLE, "", "00"),
        ("userName", VARIABLE, "ab", "026162"),
        ("userName", VARIABLE, "a" * 254, "fe" + "61" * 254),
        ("userName", VARIABLE, "a" * 255, "ff00ff" + "61" * 255),  # RFC 7011 7
        ("userName", VARIABLE, "a" * 65535, "ffffff" + "61" * 65535),
        ("userName", 4, "ab", "61620000"),
        ("userName", 3, "abcd", "616263"),
        ("userName", 3, "aüü", "61c3bc"),  # cut at a character
        ("userName", 4, "aüü", "61c3bc00"),
        ("userName", VARIABLE, "\udc80", "013f"),  # RFC 7011 6.1.6: never ill-formed UTF-8
        ("userName", VARIABLE, b"\xff", "03efbfbd"),
    ],
)
def test_octets(name: str, length: int, value: Any, octets: str) -> None:
    assert one(name, length, value) == octets


@pytest.mark.parametrize(
    ("name", "length", "value"),
    [
        ("octetDeltaCount", 3, 1 << 24),  # never wrapped
        ("sourceTransportPort", 2, 65536),
        ("sourceTransportPort", 2, -1),
        ("sourceTransportPort", 2, 1.5),
        ("sourceTransportPort", 2, "80"),
        ("sourceTransportPort", 2, True),
        ("sourceIPv6Address", 16, b"short"),
        ("agentIdentifier", 16, b"short"),
        ("agentIdentifier", 16, 7),
        ("userName", VARIABLE, 7),
        ("userName", VARIABLE, "a" * 65536),
        ("sourceIPv4Address", 3, 1),
    ],
)
def test_refused(name: str, length: int, value: Any) -> None:
    with pytest.raises(IpfixEncodeError):
        one(name, length, value)


def test_columns_must_be_there_and_equal() -> None:
    template = make(("sourceTransportPort", 2), ("userName", VARIABLE))
    with pytest.raises(IpfixEncodeError, match="no column userName"):
        encode_records(template, {"sourceTransportPort": [1]})
    with pytest.raises(IpfixEncodeError, match="lengths"):
        encode_records(template, {"sourceTransportPort": [1, 2], "userName": ["a"]})


def test_more_columns_than_the_template_names_are_fine() -> None:
    assert encode_records(make(("ipTTL", 1)), {"ipTTL": [1], "userName": ["a"]}) == [b"\1"]


def test_no_rows() -> None:
    template = make(("sourceTransportPort", 2), ("octetDeltaCount", 3), ("userName", VARIABLE), ("userName", 4))
    empty: list[Any] = []
    assert encode_records(template, {"sourceTransportPort": empty, "octetDeltaCount": empty, "userName": empty}) == []


def test_arrays_and_lists_alike() -> None:
    template = make(("sourceTransportPort", 2), ("sourceIPv6Address", 16))
    ports, addresses = [1, 2], [bytes(16), bytes(range(16))]
    array = np.frombuffer(b"".join(addresses), np.uint8).reshape(2, 16)
    lists = encode_records(template, {"sourceTransportPort": ports, "sourceIPv6Address": addresses})
    arrays = encode_records(template, {"sourceTransportPort": np.array(ports), "sourceIPv6Address": array})
    rows = encode_records(template, {"sourceTransportPort": ports, "sourceIPv6Address": list(array)})
    assert lists == arrays == rows


def test_a_repeated_element_takes_its_own_column_or_the_first() -> None:
    template = make(("ipTTL", 1), ("ipTTL", 1))
    assert encode_records(template, {"ipTTL": [1]}) == [b"\1\1"]
    assert encode_records(template, {"ipTTL": [1], "ipTTL#2": [2]}) == [b"\1\2"]


def test_signed_values() -> None:
    template = make(("natInstanceID", 4))
    assert encode_records(template, {"natInstanceID": np.array([7], np.int64)}) == [b"\0\0\0\7"]
