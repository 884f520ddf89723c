"""IPv6 prefixes on the wire and as numbers."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.v3.prefix import (
    Prefix,
    address6_number,
    address6_text,
    encode_prefix,
    is_link_local,
    joined,
    prefix6_text,
    prefix_at,
    prefix_mask,
    prefixes_at,
    split,
)
from tests.ospf.v3_strategies import address, prefixes, short


@given(prefixes(short))
def test_what_is_encoded_decodes(prefix: Prefix) -> None:
    octets = encode_prefix(prefix)
    assert len(octets) == 4 + 4 * -(-prefix.plen // 32)
    assert prefix_at(b"before" + octets + b"behind", 6, "prefix") == (prefix, 6 + len(octets))
    assert prefixes_at(octets + octets, 0, 2, "prefix") == (prefix, prefix)


def test_bits_beyond_the_length_are_padding() -> None:
    prefix, _ = prefix_at(bytes([33, 0, 0, 7]) + bytes.fromhex("20010db8ffffffff"), 0, "prefix")
    assert prefix == Prefix(address6_number("2001:db8:8000::"), 33, 0, 7)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\x81\0\0\0" + bytes(20), "prefix length 129"),
        (b"\x40\0\0\0" + bytes(7), "8 octets wanted, 7 left"),
        (b"\0\0\0", "4 octets wanted"),
    ],
)
def test_what_does_not_fit_is_refused(octets: bytes, reason: str) -> None:
    with pytest.raises(OspfDecodeError, match=reason):
        prefix_at(octets, 0, "prefix")


def test_a_count_beyond_the_octets_is_refused_before_any_work() -> None:
    with pytest.raises(OspfDecodeError, match="4294967295 prefixes in 8 octets"):
        prefixes_at(bytes(8), 0, 0xFFFFFFFF, "link-LSA")
    with pytest.raises(OspfDecodeError, match="4 octets left over"):
        prefixes_at(bytes(8), 0, 1, "link-LSA")


@pytest.mark.parametrize("prefix", [Prefix(1, 64), Prefix(0, 129), Prefix(0, 0, 256), Prefix(0, 0, 0, 65536)])
def test_impossible_prefixes_are_not_encoded(prefix: Prefix) -> None:
    with pytest.raises(OspfEncodeError):
        encode_prefix(prefix)


@given(address, st.integers(0, 128))
def test_masks_and_texts_are_those_of_ipaddress(number: int, plen: int) -> None:
    network = ipaddress.IPv6Network((number, plen), strict=False)
    assert prefix_mask(plen) == int(network.netmask)
    assert prefix6_text(number & prefix_mask(plen), plen) == str(network)
    assert address6_number(address6_text(number)) == number
    assert joined(*split(number)) == number


@pytest.mark.parametrize("text", ["", "10.0.0.1", "fe80::1%eth0", "::g"])
def test_other_texts_are_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=r"IPv6|permitted|expected|Expected|Only|empty"):
        address6_number(text)


def test_link_local() -> None:
    assert is_link_local(address6_number("fe80::1"))
    assert is_link_local(address6_number("febf::1"))
    assert not is_link_local(address6_number("fec0::1"))
    assert not is_link_local(address6_number("2001:db8::1"))
