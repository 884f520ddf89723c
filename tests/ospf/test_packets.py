import struct

import pytest

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.lsa import NetworkLsa, RouterLink, RouterLsa, encode_lsa
from ospf.packets import (
    DatabaseDescription,
    Hello,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    Packet,
    PacketBody,
    build_ip_packet,
    decode_packet,
    encode_packet,
    ip_payload,
)
from ospf.wire import internet_checksum

ROUTER = encode_lsa(
    type=1, link_state_id=1, advertising_router=1, body=RouterLsa(0, (RouterLink(1, 2, 3, 4), RouterLink(5, 6, 1, 8)))
)
NETWORK = encode_lsa(type=2, link_state_id=2, advertising_router=1, body=NetworkLsa(0xFFFFFF00, (1, 2)))
BODIES: list[PacketBody] = [
    Hello(0xFFFFFF00, 10, 2, 1, 40, 1, 2, (3, 4)),
    Hello(0xFFFFFF00, 0, 2, 0, 1, 0, 0),
    DatabaseDescription(1500, 0x42, 7, 0xFFFFFFFF),
    DatabaseDescription(1500, 0x42, 1, 5, (ROUTER.header, NETWORK.header)),
    LinkStateRequest(((1, 2, 3), (5, 6, 7))),
    LinkStateRequest(()),
    LinkStateUpdate((ROUTER, NETWORK)),
    LinkStateUpdate(()),
    LinkStateAck((ROUTER.header,)),
]


def packet(kind: int, body: bytes, auth_type: int = 0, trailer: bytes = b"") -> bytes:
    """An OSPF packet around any octets, with a right checksum."""
    length = 24 + len(body)
    head = struct.pack("!BBHIIHH", 2, kind, length, 9, 0, 0, auth_type)
    checksum = internet_checksum(head + body) if auth_type < 2 else 0
    return head[:12] + checksum.to_bytes(2, "big") + head[14:] + b"password" + body + trailer


def update(*lsas: bytes, count: int | None = None) -> LinkStateUpdate:
    body = (len(lsas) if count is None else count).to_bytes(4, "big") + b"".join(lsas)
    decoded = decode_packet(packet(4, body)).body
    assert isinstance(decoded, LinkStateUpdate)
    return decoded


@pytest.mark.parametrize("body", BODIES)
def test_round_trip(body: PacketBody) -> None:
    payload = encode_packet(body, router_id=0x0A000001, area=0x00000005)
    assert decode_packet(payload) == Packet(0x0A000001, 5, 0, body)
    source, destination, inner = ip_payload(build_ip_packet(0x0A000001, 0xE0000005, payload))
    assert (source, destination, bytes(inner)) == (0x0A000001, 0xE0000005, payload)


@pytest.mark.parametrize("body", BODIES)
def test_every_truncation_is_refused(body: PacketBody) -> None:
    whole = encode_packet(body, router_id=1, area=0)
    for cut in range(len(whole)):
        with pytest.raises(OspfDecodeError):
            decode_packet(whole[:cut])


def test_what_follows_the_packet_is_ignored() -> None:
    # RFC 5613 LLS, or the digest of authentication type 2
    whole = encode_packet(BODIES[0], router_id=1, area=0) + bytes.fromhex("fff600030001000400000001")
    assert decode_packet(whole).body == BODIES[0]


def test_header_fields() -> None:
    whole = bytearray(encode_packet(BODIES[0], router_id=1, area=0))
    for at, value, reason in ((0, 3, "version 3"), (13, whole[13] ^ 1, "checksum"), (15, 4, "authentication type")):
        broken = bytearray(whole)
        broken[at] = value
        with pytest.raises(OspfDecodeError, match=reason):
            decode_packet(bytes(broken))
    with pytest.raises(OspfDecodeError, match="packet type 6"):
        decode_packet(packet(6, b""))
    with pytest.raises(OspfDecodeError, match=r"router id 0\.0\.0\.0"):
        decode_packet(encode_packet(BODIES[0], router_id=0, area=0))
    short = bytearray(whole)
    short[2:4] = b"\0\x17"
    with pytest.raises(OspfDecodeError, match="packet length 23"):
        decode_packet(bytes(short))


def test_authentication_types_1_to_3_are_parsed() -> None:
    hello = encode_packet(BODIES[0], router_id=9, area=0)[24:]
    simple = packet(1, hello, auth_type=1)  # the checksum leaves the password out
    assert decode_packet(simple) == Packet(9, 0, 1, BODIES[0])
    cryptographic = packet(1, hello, auth_type=2, trailer=bytes(16))
    assert decode_packet(cryptographic) == Packet(9, 0, 2, BODIES[0])
    extended = packet(1, hello, auth_type=3, trailer=bytes(8 + 32))  # RFC 7474 3
    assert decode_packet(extended) == Packet(9, 0, 3, BODIES[0])


def test_refused_bodies() -> None:
    for kind, body in (
        (1, bytes(19)),
        (1, bytes(22)),
        (2, bytes(7)),
        (2, bytes(27)),
        (3, bytes(13)),
        (4, bytes(3)),
        (5, bytes(21)),
    ):
        with pytest.raises(OspfDecodeError):
            decode_packet(packet(kind, body))


def test_a_broken_lsa_does_not_take_the_others_with_it() -> None:
    broken = bytearray(ROUTER.raw)
    broken[-1] ^= 1
    got = update(bytes(broken), NETWORK.raw)
    assert got.lsas == (NETWORK,)
    assert got.refused == ("LSA checksum",)


def test_without_a_usable_length_the_rest_is_given_up() -> None:
    for length in (0, 19, 4096):
        broken = ROUTER.raw[:18] + length.to_bytes(2, "big") + ROUTER.raw[20:]
        got = update(NETWORK.raw, broken, NETWORK.raw)
        assert got.lsas == (NETWORK,)
        assert got.refused == (f"LSA length {length}, {len(ROUTER.raw) + len(NETWORK.raw)} octets left",)


def test_counts_that_do_not_fit() -> None:
    assert update(NETWORK.raw, count=0xFFFFFFFF).refused == ("LSA header: 0 octets left",)
    assert update(NETWORK.raw, NETWORK.raw, count=1).refused == (
        f"link state update: {len(NETWORK.raw)} octets left over",
    )


def test_what_does_not_fit_is_not_encoded() -> None:
    with pytest.raises(OspfEncodeError):
        encode_packet(LinkStateRequest(((1 << 32, 1, 1),)), router_id=1, area=0)
    with pytest.raises(OspfEncodeError):
        encode_packet(LinkStateUpdate((NETWORK,) * 3000), router_id=1, area=0)
    with pytest.raises(OspfEncodeError):
        build_ip_packet(1, 2, bytes(65530))


def test_ip_header() -> None:
    whole = build_ip_packet(1, 2, b"payload", ttl=7)
    assert whole[8] == 7 and whole[1] == 0xC0
    assert bytes(ip_payload(whole + b"ethernet padding")[2]) == b"payload"

    def broken(at: int, value: int) -> bytes:
        octets = bytearray(whole)
        octets[at] = value
        octets[10:12] = b"\0\0"
        octets[10:12] = internet_checksum(bytes(octets[:20])).to_bytes(2, "big")
        return bytes(octets)

    for octets, reason in (
        (whole[:19], "IP packet of 19"),
        (whole[:-1], "total 27"),
        (broken(0, 0x65), "IP version 6"),
        (broken(0, 0x44), "IP header length 16"),
        (broken(9, 17), "IP protocol 17"),
        (broken(6, 0x20), "fragment"),
        (broken(7, 1), "fragment"),
        (whole[:8] + b"\x09" + whole[9:], "checksum"),
    ):
        with pytest.raises(OspfDecodeError, match=reason):
            ip_payload(octets)
    options = bytearray(broken(0, 0x46))
    assert bytes(ip_payload(repair(options + b""))[2]) == b"oad"


def repair(packet: bytearray) -> bytes:
    length = (packet[0] & 15) * 4
    packet[10:12] = b"\0\0"
    packet[10:12] = internet_checksum(bytes(packet[:length])).to_bytes(2, "big")
    return bytes(packet)
