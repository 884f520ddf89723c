"""OSPFv2 packets: RFC 2328 appendix A.3 (the five types), D (authentication fields), and the IPv4 header.

Covered: decode and encode of Hello, Database Description, Link State Request, Update and Acknowledgment;
the packet checksum; authentication type 0. Types 1, 2 and 3 are *parsed* (the bodies are in the clear and a
passive listener needs no key); verifying and producing them is `ospf.auth`'s. Octets behind the packet's own
length (the digest of types 2 and 3, the LLS block of RFC 5613) are ignored. OSPFv3 is another protocol and
lives elsewhere.

One rule is softer than "refuse the packet": a Link State Update with a broken LSA keeps its intact ones
and names the reasons for the others (RFC 2328 13 (1) discards the LSA, not the packet). Only when a
length field leaves no way to find the next LSA is the rest of the packet given up.
"""

from __future__ import annotations

import struct

from msgspec import Struct

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.lsa import HEADER_LENGTH, Key, Lsa, LsaHeader, decode_framed_lsa, decode_headers, encode_header
from ospf.wire import Cursor, Octets, internet_checksum

HELLO, DATABASE_DESCRIPTION, LINK_STATE_REQUEST, LINK_STATE_UPDATE, LINK_STATE_ACK = 1, 2, 3, 4, 5
AUTH_NONE, AUTH_SIMPLE, AUTH_CRYPTOGRAPHIC, AUTH_EXTENDED = 0, 1, 2, 3
DD_MASTER, DD_MORE, DD_INIT = 1, 2, 4
IP_PROTOCOL = 89
ALL_SPF_ROUTERS = 0xE0000005  # 224.0.0.5
ALL_D_ROUTERS = 0xE0000006  # 224.0.0.6
PACKET_HEADER_LENGTH = 24
IP_HEADER_LENGTH = 20

_PACKET_HEADER = struct.Struct("!BBHIIHH")
_HELLO = struct.Struct("!IHBBIII")
_DD = struct.Struct("!HBBI")
_REQUEST = struct.Struct("!III")
_WORD = struct.Struct("!I")
_IP = struct.Struct("!BBHHHBBHII")


class Hello(Struct, frozen=True, gc=False):
    """RFC 2328 A.3.2; times in seconds (hello_interval 0: sub-second hellos), `neighbors` router ids."""

    mask: int
    hello_interval: int
    options: int
    priority: int
    dead_interval: int
    designated_router: int
    backup_designated_router: int
    neighbors: tuple[int, ...] = ()


class DatabaseDescription(Struct, frozen=True, gc=False):
    """RFC 2328 A.3.3; `flags` of DD_INIT, DD_MORE, DD_MASTER, `mtu` in octets."""

    mtu: int
    options: int
    flags: int
    sequence: int
    headers: tuple[LsaHeader, ...] = ()


class LinkStateRequest(Struct, frozen=True, gc=False):
    """RFC 2328 A.3.4."""

    keys: tuple[Key, ...]


class LinkStateUpdate(Struct, frozen=True, gc=False):
    """RFC 2328 A.3.5; `refused` holds one reason per LSA that was not intact (always empty when encoding)."""

    lsas: tuple[Lsa, ...]
    refused: tuple[str, ...] = ()


class LinkStateAck(Struct, frozen=True, gc=False):
    """RFC 2328 A.3.6."""

    headers: tuple[LsaHeader, ...]


PacketBody = Hello | DatabaseDescription | LinkStateRequest | LinkStateUpdate | LinkStateAck


class Packet(Struct, frozen=True, gc=False):
    """One OSPF packet: who sent it in which area, how it was authenticated, and what it says."""

    router_id: int
    area: int
    auth_type: int
    body: PacketBody


def decode_packet(payload: Octets) -> Packet:
    """One OSPF packet, i.e. an IP payload of protocol 89. OspfDecodeError on anything else."""
    octets = bytes(payload)
    if len(octets) < PACKET_HEADER_LENGTH:
        raise OspfDecodeError(f"packet of {len(octets)} octets")
    version, kind, length, router_id, area, _, auth_type = _PACKET_HEADER.unpack_from(octets)
    if version != 2:
        raise OspfDecodeError(f"OSPF version {version}")
    if not PACKET_HEADER_LENGTH <= length <= len(octets):
        raise OspfDecodeError(f"packet length {length}, {len(octets)} octets given")
    said = octets[PACKET_HEADER_LENGTH:length]
    # RFC 2328 D.4: types 0 and 1 carry a checksum that leaves out the 64-bit authentication field.
    if auth_type in (AUTH_NONE, AUTH_SIMPLE):
        if internet_checksum(octets[:16] + said) != 0:
            raise OspfDecodeError("packet checksum")
    elif auth_type not in (AUTH_CRYPTOGRAPHIC, AUTH_EXTENDED):
        raise OspfDecodeError(f"authentication type {auth_type}")
    if router_id == 0:
        raise OspfDecodeError("router id 0.0.0.0")
    return Packet(router_id, area, auth_type, _decode_body(kind, said))


def _decode_body(kind: int, data: bytes) -> PacketBody:
    if kind == HELLO:
        return _decode_hello(data)
    if kind == DATABASE_DESCRIPTION:
        return _decode_dd(data)
    if kind == LINK_STATE_REQUEST:
        if len(data) % _REQUEST.size:
            raise OspfDecodeError(f"link state request body of {len(data)} octets")
        return LinkStateRequest(tuple(_REQUEST.iter_unpack(data)))
    if kind == LINK_STATE_UPDATE:
        return _decode_update(data)
    if kind == LINK_STATE_ACK:
        return LinkStateAck(decode_headers(data, "link state acknowledgment"))
    raise OspfDecodeError(f"packet type {kind}")


def _decode_hello(data: bytes) -> Hello:
    cursor = Cursor(data)
    mask, hello_interval, options, priority, dead_interval, dr, bdr = cursor.pull(_HELLO, "hello")
    rest = cursor.take(cursor.remaining, "hello")
    if len(rest) & 3:
        raise OspfDecodeError(f"hello with {len(rest)} octets of neighbors")
    neighbors = tuple(word for (word,) in _WORD.iter_unpack(rest))
    return Hello(mask, hello_interval, options, priority, dead_interval, dr, bdr, neighbors)


def _decode_dd(data: bytes) -> DatabaseDescription:
    cursor = Cursor(data)
    mtu, options, flags, sequence = cursor.pull(_DD, "database description")
    headers = decode_headers(cursor.take(cursor.remaining, "database description"), "database description")
    return DatabaseDescription(mtu, options, flags, sequence, headers)


def _decode_update(data: bytes) -> LinkStateUpdate:
    if len(data) < _WORD.size:
        raise OspfDecodeError(f"link state update: {_WORD.size} octets wanted, {len(data)} left")
    (count,) = _WORD.unpack_from(data)
    lsas: list[Lsa] = []
    refused: list[str] = []
    at, end = _WORD.size, len(data)
    # Each turn uses up at least a header, so that a count of 2^32 - 1 ends with the octets.
    for _ in range(count):
        if end - at < HEADER_LENGTH:
            refused.append(f"LSA header: {end - at} octets left")
            return LinkStateUpdate(tuple(lsas), tuple(refused))
        length = data[at + 18] << 8 | data[at + 19]
        if not HEADER_LENGTH <= length <= end - at:
            refused.append(f"LSA length {length}, {end - at} octets left")
            return LinkStateUpdate(tuple(lsas), tuple(refused))
        try:
            lsas.append(decode_framed_lsa(data[at : at + length]))
        except OspfDecodeError as error:
            refused.append(error.reason)
        at += length
    if at < end:
        refused.append(f"link state update: {end - at} octets left over")
    return LinkStateUpdate(tuple(lsas), tuple(refused))


def encode_packet(body: PacketBody, *, router_id: int, area: int) -> bytes:
    """A whole OSPF packet with authentication type 0 and its checksum."""
    try:
        kind, octets = _encode_body(body)
        length = PACKET_HEADER_LENGTH + len(octets)
        header = _PACKET_HEADER.pack(2, kind, length, router_id, area, 0, AUTH_NONE)
    except struct.error as error:
        raise OspfEncodeError(f"{type(body).__name__}: {error}") from error
    checksum = internet_checksum(header + octets)
    return header[:12] + checksum.to_bytes(2, "big") + header[14:] + bytes(8) + octets


def _encode_body(body: PacketBody) -> tuple[int, bytes]:
    if isinstance(body, Hello):
        fixed = _HELLO.pack(
            body.mask,
            body.hello_interval,
            body.options,
            body.priority,
            body.dead_interval,
            body.designated_router,
            body.backup_designated_router,
        )
        return HELLO, fixed + struct.pack(f"!{len(body.neighbors)}I", *body.neighbors)
    if isinstance(body, DatabaseDescription):
        fixed = _DD.pack(body.mtu, body.options, body.flags, body.sequence)
        return DATABASE_DESCRIPTION, fixed + b"".join(map(encode_header, body.headers))
    if isinstance(body, LinkStateRequest):
        return LINK_STATE_REQUEST, b"".join(_REQUEST.pack(*key) for key in body.keys)
    if isinstance(body, LinkStateUpdate):
        return LINK_STATE_UPDATE, _WORD.pack(len(body.lsas)) + b"".join(lsa.raw for lsa in body.lsas)
    return LINK_STATE_ACK, b"".join(map(encode_header, body.headers))


def ip_payload(packet: Octets) -> tuple[int, int, memoryview]:
    """(source, destination, payload) of a whole IPv4 packet of protocol 89; OspfDecodeError otherwise."""
    view = memoryview(packet)
    if len(view) < IP_HEADER_LENGTH:
        raise OspfDecodeError(f"IP packet of {len(view)} octets")
    first, _, total, _, fragment, _, protocol, _, source, destination = _IP.unpack_from(view)
    header_length = (first & 15) * 4
    if first >> 4 != 4:
        raise OspfDecodeError(f"IP version {first >> 4}")
    if not IP_HEADER_LENGTH <= header_length <= total <= len(view):
        raise OspfDecodeError(f"IP header length {header_length}, total {total}, {len(view)} octets given")
    if protocol != IP_PROTOCOL:
        raise OspfDecodeError(f"IP protocol {protocol}")
    if fragment & 0x3FFF:
        raise OspfDecodeError("IP fragment")
    if internet_checksum(view[:header_length]) != 0:
        raise OspfDecodeError("IP header checksum")
    return source, destination, view[header_length:total]


def build_ip_packet(source: int, destination: int, payload: bytes, *, ttl: int = 1) -> bytes:
    """An IPv4 packet of protocol 89 (RFC 2328 A.1: precedence internetwork control, TTL 1)."""
    total = IP_HEADER_LENGTH + len(payload)
    if total > 0xFFFF:
        raise OspfEncodeError(f"IP packet of {total} octets")
    header = _IP.pack(0x45, 0xC0, total, 0, 0, ttl, IP_PROTOCOL, 0, source, destination)
    return header[:10] + internet_checksum(header).to_bytes(2, "big") + header[12:] + payload
