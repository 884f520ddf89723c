"""OSPFv3 packets: round trips, the trailer of RFC 7166, and what is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.packets import (
    AUTH_NONE,
    DatabaseDescription,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    PacketBody,
)
from ospf.packets import Hello as HelloOfVersion2
from ospf.v3.ip6 import ALL_SPF_ROUTERS
from ospf.v3.lsa import NETWORK, OPTION_AT, ROUTER, NetworkLsa, RouterLsa, encode_lsa
from ospf.v3.packets import AUTH_TRAILER, Hello, decode_packet, encode_packet, with_checksum
from ospf.v3.prefix import address6_number
from tests.ospf.v3_strategies import bodies, octet, word

SOURCE = address6_number("fe80::1")
HELLO = Hello(0, 10, 0x13, 1, 40, 1, 2, (3, 4), 7)
AT_HELLO = Hello(0, 10, 0x13 | OPTION_AT, 1, 40, 1, 2, (3, 4), 7)


def said(body: PacketBody, **fields: int) -> bytes:
    packet = encode_packet(body, **{"router_id": 9, "area": 5} | fields)
    return with_checksum(packet, SOURCE, ALL_SPF_ROUTERS)


def trailer(octets: int = 32) -> bytes:
    return struct.pack("!HHHHQ", 1, 16 + octets, 0, 1, 77) + bytes(octets)


@given(bodies, word.filter(bool), word, octet)
def test_what_is_encoded_decodes(body: PacketBody, router_id: int, area: int, instance_id: int) -> None:
    packet = decode_packet(said(body, router_id=router_id, area=area, instance_id=instance_id), SOURCE, ALL_SPF_ROUTERS)
    assert (packet.router_id, packet.area, packet.instance_id) == (router_id, area, instance_id)
    assert packet.body == body
    assert packet.auth_type == AUTH_NONE


@given(bodies, st.data())
def test_a_changed_octet_costs_the_checksum(body: PacketBody, data: st.DataObject) -> None:
    raw = said(body)
    at = data.draw(st.integers(4, len(raw) - 1))
    changed = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    with pytest.raises(OspfDecodeError):
        decode_packet(changed, SOURCE, ALL_SPF_ROUTERS)


@given(st.integers(0, 6), st.binary(max_size=80))
def test_any_body_is_read_or_refused(kind: int, octets: bytes) -> None:
    raw = struct.pack("!BBHIIHBB", 3, kind, 16 + len(octets), 9, 5, 0, 0, 0) + octets
    try:
        decode_packet(with_checksum(raw, SOURCE, ALL_SPF_ROUTERS), SOURCE, ALL_SPF_ROUTERS)
    except OspfDecodeError:
        return


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "packet of 0 octets"),
        (b"\2" + said(HELLO)[1:], "OSPF version 2"),
        (said(HELLO)[:-1], "packet length 44, 43 octets given"),
        (said(HELLO)[:2] + b"\0\x0f" + said(HELLO)[4:], "packet length 15"),
        (said(HELLO)[:-1] + b"\xff", "packet checksum"),
        (said(HELLO, router_id=0), "router id 0.0.0.0"),
        (with_checksum(b"\3\x06" + said(HELLO)[2:], SOURCE, ALL_SPF_ROUTERS), "packet type 6"),
    ],
)
def test_broken_packets_are_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(OspfDecodeError, match=reason):
        decode_packet(raw, SOURCE, ALL_SPF_ROUTERS)


@pytest.mark.parametrize(
    ("kind", "octets", "reason"),
    [
        (1, 18, "hello: 20 octets wanted"),
        (1, 22, "hello with 2 octets"),
        (2, 11, "database description: 12 octets wanted"),
        (2, 31, "database description: 19 octets"),
        (3, 13, "link state request body of 13"),
        (4, 3, "link state update: 4 octets wanted"),
        (5, 21, "link state acknowledgment: 21 octets"),
    ],
)
def test_bodies_of_a_wrong_size_are_refused(kind: int, octets: int, reason: str) -> None:
    raw = struct.pack("!BBHIIHBB", 3, kind, 16 + octets, 9, 5, 0, 0, 0) + bytes(octets)
    with pytest.raises(OspfDecodeError, match=reason):
        decode_packet(with_checksum(raw, SOURCE, ALL_SPF_ROUTERS), SOURCE, ALL_SPF_ROUTERS)


def test_the_checksum_is_of_these_addresses() -> None:
    with pytest.raises(OspfDecodeError, match="checksum"):
        decode_packet(said(HELLO), SOURCE + 1, ALL_SPF_ROUTERS)


def test_a_broken_lsa_does_not_cost_the_others() -> None:
    good = encode_lsa(type=ROUTER, link_state_id=0, advertising_router=9, body=RouterLsa(0, 0x13, ()))
    other = encode_lsa(type=NETWORK, link_state_id=1, advertising_router=9, body=NetworkLsa(0x13, (9,)))
    broken = good.raw[:-1] + b"\xff"
    raw = encode_packet(LinkStateUpdate((good, other)), router_id=9, area=5)
    raw = raw[:2] + struct.pack("!H", len(raw) + len(broken)) + raw[4:19] + b"\3" + good.raw + broken + other.raw
    body = decode_packet(with_checksum(raw, SOURCE, ALL_SPF_ROUTERS), SOURCE, ALL_SPF_ROUTERS).body
    assert body == LinkStateUpdate((good, other), ("LSA checksum",))
    for count, reason in ((b"\xff\xff\xff\xff", "0 octets left"), (b"\0\0\0\1", "left over")):
        counted = raw[:16] + count + raw[20:]
        body = decode_packet(with_checksum(counted, SOURCE, ALL_SPF_ROUTERS), SOURCE, ALL_SPF_ROUTERS).body
        assert isinstance(body, LinkStateUpdate)
        assert reason in body.refused[-1]


@pytest.mark.parametrize(
    "body",
    [AT_HELLO, DatabaseDescription(1500, OPTION_AT, 7, 1), LinkStateRequest(((ROUTER, 0, 1),)), LinkStateAck(())],
)
def test_a_trailer_stands_for_the_checksum(body: PacketBody) -> None:
    raw = encode_packet(body, router_id=9, area=5)  # checksum 0, RFC 7166 4.2
    packet = decode_packet(raw + trailer(), SOURCE, ALL_SPF_ROUTERS)
    assert packet.auth_type == AUTH_TRAILER
    assert packet.body == body
    lls = b"\0\0\0\3" + bytes(8)
    assert decode_packet(raw + lls + trailer(), SOURCE, ALL_SPF_ROUTERS).auth_type == AUTH_TRAILER
    for behind in (b"", trailer()[:-1], b"\0\1", b"\0\2" + trailer()[2:], lls):
        with pytest.raises(OspfDecodeError, match="checksum"):
            decode_packet(raw + behind, SOURCE, ALL_SPF_ROUTERS)


def test_a_trailer_without_the_at_bit_is_refused() -> None:
    with pytest.raises(OspfDecodeError, match="AT-bit"):
        decode_packet(encode_packet(HELLO, router_id=9, area=5) + trailer(), SOURCE, ALL_SPF_ROUTERS)


@pytest.mark.parametrize(
    "body",
    [
        Hello(0, 0, 0, 0, 0, 0, 0, (), 1 << 32),
        Hello(0, 0, 0, 256, 0, 0, 0),
        Hello(0, 0, 1 << 24, 0, 0, 0, 0),
        HelloOfVersion2(0, 10, 0x13, 1, 40, 1, 2),
        DatabaseDescription(1500, 1 << 24, 0, 0),
        DatabaseDescription(65536, 0, 0, 0),
        LinkStateRequest(((65536, 0, 0),)),
    ],
)
def test_impossible_values_are_not_encoded(body: PacketBody) -> None:
    with pytest.raises(OspfEncodeError):
        encode_packet(body, router_id=9, area=5)
