"""The IPv6 packet around an OSPFv3 packet: RFC 8200 (headers, pseudo-header checksum), RFC 5340 A.1, RFC 4302.

A raw IPv6 socket gives and takes the payload alone; a capture file, the demo's datagrams and the listener speak of
whole packets, so that there is one door for all of them. Extension headers that may stand before OSPF are stepped
over: hop-by-hop and destination options, routing, and the authentication header of RFC 4302, *unverified* (who only
listens has no key, and the body is in the clear). Fragments and ESP are refused: their octets cannot be read.
"""

from __future__ import annotations

import struct

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.wire import Octets, internet_checksum

IP6_HEADER_LENGTH = 40
IP_PROTOCOL = 89
ALL_SPF_ROUTERS = 0xFF02 << 112 | 5  # ff02::5
ALL_D_ROUTERS = 0xFF02 << 112 | 6  # ff02::6
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS = 0, 43, 44, 51, 60
EXTENSION_HEADERS = 8  # in one packet; more is no honest packet

_IP6 = struct.Struct("!IHBB16s16s")
_FRAGMENT = struct.Struct("!BBHI")


def ip6_payload(packet: Octets) -> tuple[int, int, memoryview]:
    """(source, destination, payload) of a whole IPv6 packet of protocol 89; OspfDecodeError otherwise."""
    view = memoryview(packet)
    if len(view) < IP6_HEADER_LENGTH:
        raise OspfDecodeError(f"IPv6 packet of {len(view)} octets")
    word, length, following, _, source, destination = _IP6.unpack_from(view)
    if word >> 28 != 6:
        raise OspfDecodeError(f"IP version {word >> 28}")
    if length > len(view) - IP6_HEADER_LENGTH:
        raise OspfDecodeError(f"IPv6 payload length {length}, {len(view) - IP6_HEADER_LENGTH} octets given")
    payload = view[IP6_HEADER_LENGTH : IP6_HEADER_LENGTH + length]
    for _ in range(EXTENSION_HEADERS):
        if following == IP_PROTOCOL:
            return int.from_bytes(source, "big"), int.from_bytes(destination, "big"), payload
        following, payload = _step_over(following, payload)
    raise OspfDecodeError("IPv6 extension headers without end")


def _step_over(kind: int, payload: memoryview) -> tuple[int, memoryview]:
    if kind not in (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS):
        raise OspfDecodeError(f"IP protocol {kind}")
    if len(payload) < 8:
        raise OspfDecodeError(f"IPv6 extension header {kind} of {len(payload)} octets")
    following, size = payload[0], payload[1]
    if kind == FRAGMENT:
        if _FRAGMENT.unpack_from(payload)[2] & 0xFFF9:  # RFC 8200 4.5: an offset or the M flag
            raise OspfDecodeError("IPv6 fragment")
        return following, payload[8:]
    octets = (size + 2) * 4 if kind == AUTHENTICATION else (size + 1) * 8  # RFC 4302 2.2 counts otherwise
    if octets > len(payload):
        raise OspfDecodeError(f"IPv6 extension header {kind}: length {octets}, {len(payload)} octets left")
    return following, payload[octets:]


def build_ip6_packet(source: int, destination: int, payload: bytes, *, hop_limit: int = 1) -> bytes:
    """An IPv6 packet of protocol 89 (RFC 5340 A.1: hop limit 1, traffic class internetwork control)."""
    if len(payload) > 0xFFFF:
        raise OspfEncodeError(f"IPv6 payload of {len(payload)} octets")
    word = 6 << 28 | 0xC0 << 20
    ends = source.to_bytes(16, "big"), destination.to_bytes(16, "big")
    return _IP6.pack(word, len(payload), IP_PROTOCOL, hop_limit, *ends) + payload


def packet_checksum(payload: Octets, source: int, destination: int) -> int:
    """Upper-layer checksum of RFC 8200 8.1 over pseudo-header and payload, as it stands in the header.

    Over a payload that holds its own checksum the result is 0 when it is right.
    """
    pseudo = source.to_bytes(16, "big") + destination.to_bytes(16, "big")
    return internet_checksum(pseudo + struct.pack("!II", len(payload), IP_PROTOCOL) + payload)


def to_all_routers(packet: bytes) -> bytes:
    """The same OSPFv3 packet to ff02::5, if its checksum was right (else as it was: the listener counts it).

    Octets behind the OSPF packet (an LLS block, a trailer) stay; extension headers go.
    """
    try:
        source, destination, payload = ip6_payload(packet)
    except OspfDecodeError:
        return packet
    length = int.from_bytes(payload[2:4], "big")
    if not 14 <= length <= len(payload) or packet_checksum(payload[:length], source, destination):
        return packet
    said = bytes(payload)
    checksum = packet_checksum(said[:12] + b"\0\0" + said[14:length], source, ALL_SPF_ROUTERS)
    return build_ip6_packet(source, ALL_SPF_ROUTERS, said[:12] + checksum.to_bytes(2, "big") + said[14:])


def is_ospf(packet: bytes) -> bool:
    """Whether the packet carries OSPF, perhaps behind extension headers."""
    try:
        ip6_payload(packet)
    except OspfDecodeError:
        return False
    return True


def behind_headers(packet: bytes) -> bytes:
    """What stands behind the IPv6 header and the extension headers that can be stepped over; no error for anything."""
    if packet[6] == IP_PROTOCOL:
        return packet[IP6_HEADER_LENGTH:]
    try:
        return bytes(ip6_payload(packet)[2])
    except OspfDecodeError:
        return packet[IP6_HEADER_LENGTH:]
