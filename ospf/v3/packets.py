"""OSPFv3 packets: RFC 5340 appendix A.3; the authentication trailer of RFC 7166 is stepped over.

Covered: decode and encode of the five types, the checksum over the IPv6 pseudo-header, the instance id. The bodies
are those of `ospf.packets` but for the Hello, which has the sender's interface id where OSPFv2 has a mask and names
the designated router by its *router id*.

The checksum covers the IPv6 addresses. Who decodes knows them; who encodes does not (the source is the interface's
link-local address), so `encode_packet` leaves the field 0 and whoever sends calls `with_checksum`.

Where an RFC 7166 trailer follows, the packet's checksum says nothing (RFC 7166 4.2; routers send 0 or worse): it is
the trailer that vouches for the packet, and only with a key. The listener learns AUTH_TRAILER and counts; it cannot
speak there. The AT-bit stands in the options of Hello and DD alone, the other types inherit it from their
neighbor (3): their trailer is known by its shape. Left out: verifying the trailer, and IPsec (RFC 4552: the
authentication header is stepped over by `ospf.v3.ip6`, ESP cannot be read).

As in OSPFv2 a Link State Update with a broken LSA keeps its intact ones and names the reasons for the others.
"""

from __future__ import annotations

import struct

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.lsa import HEADER_LENGTH, Lsa, LsaHeader
from ospf.packets import (
    AUTH_NONE,
    DATABASE_DESCRIPTION,
    HELLO,
    LINK_STATE_ACK,
    LINK_STATE_REQUEST,
    LINK_STATE_UPDATE,
    DatabaseDescription,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    PacketBody,
)
from ospf.packets import Hello as HelloOfVersion2
from ospf.packets import Packet as PacketOfVersion2
from ospf.v3.ip6 import packet_checksum
from ospf.v3.lsa import OPTION_AT, decode_header, decode_lsa, encode_header
from ospf.wire import Cursor, Octets

PACKET_HEADER_LENGTH = 16
OPTIONS_MASK = 0xFFFFFF

_PACKET_HEADER = struct.Struct("!BBHIIHBB")
_HELLO = struct.Struct("!IIHHII")
_DD = struct.Struct("!IHBBI")
_REQUEST = struct.Struct("!HHII")
_WORD = struct.Struct("!I")
_TRAILER = struct.Struct("!HHHHQ")  # RFC 7166 4.1, before the digest


class Hello(HelloOfVersion2, frozen=True, gc=False):
    """RFC 5340 A.3.2: a Hello with `mask` 0, the sender's interface id, and router ids for the designated ones."""

    interface: int = 0


AUTH_TRAILER = 7166  # no number of the wire: there is no authentication type in an OSPFv3 header


class Packet(PacketOfVersion2, frozen=True, gc=False):
    """One OSPFv3 packet: `auth_type` AUTH_TRAILER for one with a trailer (that was not verified), else AUTH_NONE."""

    instance_id: int = 0


def decode_packet(payload: Octets, source: int, destination: int) -> Packet:
    """One OSPFv3 packet, i.e. an IPv6 payload of protocol 89 between these addresses. OspfDecodeError otherwise."""
    view = memoryview(payload)
    if len(view) < PACKET_HEADER_LENGTH:
        raise OspfDecodeError(f"packet of {len(view)} octets")
    version, kind, length, router_id, area, _, instance_id, _ = _PACKET_HEADER.unpack_from(view)
    if version != 3:
        raise OspfDecodeError(f"OSPF version {version}")
    if not PACKET_HEADER_LENGTH <= length <= len(view):
        raise OspfDecodeError(f"packet length {length}, {len(view)} octets given")
    behind, view = view[length:], view[:length]
    authenticated = _is_trailer(behind)
    if not authenticated and packet_checksum(view, source, destination) != 0:
        raise OspfDecodeError("packet checksum")
    if router_id == 0:
        raise OspfDecodeError("router id 0.0.0.0")
    body = _decode_body(kind, view[PACKET_HEADER_LENGTH:])
    if authenticated and isinstance(body, Hello | DatabaseDescription) and not body.options & OPTION_AT:
        raise OspfDecodeError("an authentication trailer without the AT-bit")
    return Packet(router_id, area, AUTH_TRAILER if authenticated else AUTH_NONE, body, instance_id)


def _is_trailer(behind: memoryview) -> bool:
    """Whether an RFC 7166 trailer stands behind the packet (perhaps after an LLS block, RFC 5613 2)."""
    for _ in range(2):
        if len(behind) < 4:
            return False
        first, second = struct.unpack_from("!HH", behind)
        # RFC 7166 4.1: authentication type 1, and the length counts the whole trailer
        if first == 1 and _TRAILER.size < second <= len(behind):
            return True
        behind = behind[4 * second :]  # RFC 5613 2.1: checksum, length in words
    return False


def _decode_body(kind: int, data: memoryview) -> PacketBody:
    if kind == HELLO:
        return _decode_hello(data)
    if kind == DATABASE_DESCRIPTION:
        cursor = Cursor(data)
        options, mtu, _, flags, sequence = cursor.pull(_DD, "database description")
        headers = _decode_headers(cursor.take(cursor.remaining, "database description"), "database description")
        return DatabaseDescription(mtu, options & OPTIONS_MASK, flags, sequence, headers)
    if kind == LINK_STATE_REQUEST:
        if len(data) % _REQUEST.size:
            raise OspfDecodeError(f"link state request body of {len(data)} octets")
        return LinkStateRequest(tuple((t, i, r) for _, t, i, r in _REQUEST.iter_unpack(data)))
    if kind == LINK_STATE_UPDATE:
        return _decode_update(data)
    if kind == LINK_STATE_ACK:
        return LinkStateAck(_decode_headers(data, "link state acknowledgment"))
    raise OspfDecodeError(f"packet type {kind}")


def _decode_hello(data: memoryview) -> Hello:
    cursor = Cursor(data)
    interface, word, hello_interval, dead_interval, dr, bdr = cursor.pull(_HELLO, "hello")
    rest = cursor.take(cursor.remaining, "hello")
    if len(rest) & 3:
        raise OspfDecodeError(f"hello with {len(rest)} octets of neighbors")
    neighbors = tuple(router for (router,) in _WORD.iter_unpack(rest))
    return Hello(0, hello_interval, word & OPTIONS_MASK, word >> 24, dead_interval, dr, bdr, neighbors, interface)


def _decode_headers(data: memoryview, what: str) -> tuple[LsaHeader, ...]:
    if len(data) % HEADER_LENGTH:
        raise OspfDecodeError(f"{what}: {len(data)} octets of LSA headers")
    return tuple(decode_header(data[at : at + HEADER_LENGTH]) for at in range(0, len(data), HEADER_LENGTH))


def _decode_update(data: memoryview) -> LinkStateUpdate:
    cursor = Cursor(data)
    (count,) = cursor.pull(_WORD, "link state update")
    lsas: list[Lsa] = []
    refused: list[str] = []
    # Each turn uses up at least a header, so that a count of 2^32 - 1 ends with the octets.
    for _ in range(count):
        if cursor.remaining < HEADER_LENGTH:
            refused.append(f"LSA header: {cursor.remaining} octets left")
            return LinkStateUpdate(tuple(lsas), tuple(refused))
        start = cursor.position
        length = int.from_bytes(data[start + 18 : start + 20], "big")
        if not HEADER_LENGTH <= length <= cursor.remaining:
            refused.append(f"LSA length {length}, {cursor.remaining} octets left")
            return LinkStateUpdate(tuple(lsas), tuple(refused))
        try:
            lsas.append(decode_lsa(cursor.take(length, "LSA")))
        except OspfDecodeError as error:
            refused.append(error.reason)
    if cursor.remaining:
        refused.append(f"link state update: {cursor.remaining} octets left over")
    return LinkStateUpdate(tuple(lsas), tuple(refused))


def encode_packet(body: PacketBody, *, router_id: int, area: int, instance_id: int = 0) -> bytes:
    """A whole OSPFv3 packet whose checksum is still to be set (`with_checksum`)."""
    try:
        kind, octets = _encode_body(body)
        length = PACKET_HEADER_LENGTH + len(octets)
        return _PACKET_HEADER.pack(3, kind, length, router_id, area, 0, instance_id, 0) + octets
    except struct.error as error:
        raise OspfEncodeError(f"{type(body).__name__}: {error}") from error


def with_checksum(payload: bytes, source: int, destination: int) -> bytes:
    """The packet as it leaves `source` for `destination`."""
    bare = payload[:12] + b"\0\0" + payload[14:]
    checksum = packet_checksum(bare, source, destination)
    return bare[:12] + checksum.to_bytes(2, "big") + bare[14:]


def _encode_body(body: PacketBody) -> tuple[int, bytes]:
    if isinstance(body, Hello):
        if not 0 <= body.options <= OPTIONS_MASK:
            raise OspfEncodeError(f"options {body.options:#x} do not fit 24 bits")
        fixed = _HELLO.pack(
            body.interface,
            body.priority << 24 | body.options,
            body.hello_interval,
            body.dead_interval,
            body.designated_router,
            body.backup_designated_router,
        )
        return HELLO, fixed + struct.pack(f"!{len(body.neighbors)}I", *body.neighbors)
    if isinstance(body, DatabaseDescription):
        if not 0 <= body.options <= OPTIONS_MASK:
            raise OspfEncodeError(f"options {body.options:#x} do not fit 24 bits")
        fixed = _DD.pack(body.options, body.mtu, 0, body.flags, body.sequence)
        return DATABASE_DESCRIPTION, fixed + b"".join(map(encode_header, body.headers))
    if isinstance(body, LinkStateRequest):
        return LINK_STATE_REQUEST, b"".join(_REQUEST.pack(0, *key) for key in body.keys)
    if isinstance(body, LinkStateUpdate):
        return LINK_STATE_UPDATE, _WORD.pack(len(body.lsas)) + b"".join(lsa.raw for lsa in body.lsas)
    if isinstance(body, LinkStateAck):
        return LINK_STATE_ACK, b"".join(map(encode_header, body.headers))
    raise OspfEncodeError(f"{type(body).__name__} is none of OSPFv3")
