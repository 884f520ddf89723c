"""The IPv6 packet around OSPFv3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.v3.ip6 import (
    ALL_D_ROUTERS,
    ALL_SPF_ROUTERS,
    behind_headers,
    build_ip6_packet,
    ip6_payload,
    is_ospf,
    packet_checksum,
    to_all_routers,
)
from ospf.v3.packets import Hello, decode_packet, encode_packet, with_checksum
from ospf.v3.prefix import address6_number
from tests.ospf.v3_strategies import address

SOURCE = address6_number("fe80::1")


def wrapped(following: int, octets: bytes) -> bytes:
    """An IPv6 packet whose payload begins with the given next header."""
    packet = bytearray(build_ip6_packet(SOURCE, ALL_SPF_ROUTERS, octets))
    packet[6] = following
    return bytes(packet)


def test_groups() -> None:
    assert address6_number("ff02::5") == ALL_SPF_ROUTERS
    assert address6_number("ff02::6") == ALL_D_ROUTERS


@given(address, address, st.binary(max_size=50))
def test_what_is_built_is_read(source: int, destination: int, payload: bytes) -> None:
    packet = build_ip6_packet(source, destination, payload)
    assert ip6_payload(packet) == (source, destination, payload)
    assert ip6_payload(packet + b"Ethernet's padding") == (source, destination, payload)
    assert packet[7] == 1  # RFC 5340 A.1: hop limit
    assert (packet[0] & 15) << 4 | packet[1] >> 4 == 0xC0


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        (0, bytes([89, 0]) + bytes(6)),
        (60, bytes([89, 1]) + bytes(14)),
        (43, bytes([89, 0]) + bytes(6)),
        (44, bytes([89, 0, 0, 0]) + bytes(4)),  # a fragment that is the whole packet
        (51, bytes([89, 4]) + bytes(22)),  # authentication header with 96 bits
        (0, bytes([51, 0]) + bytes(6) + bytes([89, 4]) + bytes(22)),
    ],
)
def test_extension_headers_are_stepped_over(kind: int, header: bytes) -> None:
    packet = wrapped(kind, header + b"ospf")
    assert ip6_payload(packet)[2] == behind_headers(packet) == b"ospf"
    assert is_ospf(packet)
    assert not is_ospf(packet[:-1])
    assert behind_headers(packet[:-1]) == packet[40:-1]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "IPv6 packet of 0"),
        (bytes(39), "IPv6 packet of 39"),
        (b"\x45" + bytes(39), "IP version 4"),
        (build_ip6_packet(1, 2, b"1234")[:-1], "payload length 4, 3 octets given"),
        (wrapped(17, b"1234"), "IP protocol 17"),
        (wrapped(50, bytes(20)), "IP protocol 50"),
        (wrapped(59, b""), "IP protocol 59"),
        (wrapped(0, bytes(7)), "extension header 0 of 7"),
        (wrapped(60, bytes([89, 2]) + bytes(20)), "extension header 60: length 24, 22 octets left"),
        (wrapped(51, bytes([89, 255]) + bytes(20)), "extension header 51: length 1028"),
        (wrapped(44, bytes([89, 0, 0, 1]) + bytes(4)), "IPv6 fragment"),
        (wrapped(44, bytes([89, 0, 0, 8]) + bytes(4)), "IPv6 fragment"),
        (wrapped(0, bytes(8) * 50), "extension headers without end"),
    ],
)
def test_what_is_no_ospf_is_refused(packet: bytes, reason: str) -> None:
    with pytest.raises(OspfDecodeError, match=reason):
        ip6_payload(packet)


@given(st.binary(max_size=120))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        ip6_payload(b"\x60" + octets)
    except OspfDecodeError:
        return


def test_a_packet_too_long_is_not_built() -> None:
    with pytest.raises(OspfEncodeError):
        build_ip6_packet(1, 2, bytes(65536))


def test_checksum_covers_the_addresses() -> None:
    payload = bytes(16)
    right = packet_checksum(payload, SOURCE, ALL_SPF_ROUTERS)
    filled = payload[:12] + right.to_bytes(2, "big") + payload[14:]
    assert packet_checksum(filled, SOURCE, ALL_SPF_ROUTERS) == 0
    assert packet_checksum(filled, SOURCE + 1, ALL_SPF_ROUTERS) != 0
    assert packet_checksum(filled, SOURCE, ALL_D_ROUTERS) != 0


def test_a_packet_to_one_becomes_a_packet_to_all() -> None:
    here, there = SOURCE, SOURCE + 1
    hello = encode_packet(Hello(0, 10, 0x13, 1, 40, 0, 0), router_id=7, area=0)
    packet = build_ip6_packet(here, there, with_checksum(hello, here, there) + b"behind it")
    source, destination, payload = ip6_payload(to_all_routers(packet))
    assert (source, destination) == (here, ALL_SPF_ROUTERS)
    assert decode_packet(payload, source, destination).router_id == 7
    assert bytes(payload).endswith(b"behind it")
    behind_ah = wrapped(51, bytes([89, 4]) + bytes(22) + with_checksum(hello, here, ALL_SPF_ROUTERS))
    assert decode_packet(ip6_payload(to_all_routers(behind_ah))[2], here, ALL_SPF_ROUTERS).router_id == 7
    for wrong in (b"", packet[:60], build_ip6_packet(here, there, hello), build_ip6_packet(here, there, b"")):
        assert to_all_routers(wrong) == wrong
