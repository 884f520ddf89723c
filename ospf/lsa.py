"""OSPFv2 link state advertisements: RFC 2328 appendix A.4, section 12.1.7 (checksum), 13.1 (which is newer).

Covered: types 1-5 (RFC 2328), 7 (RFC 3101, same body as 5), 9-11 (RFC 5250, kept as octets). Any other
type is data (`UnknownLsa`), never an error. TOS metrics (RFC 1583) are checked for their length and
skipped: nobody routes by them since RFC 2328 dropped TOS routing.

`decode_lsa` is the door: it checks the length, the Fletcher checksum and the body's arrays, each of which
must use up exactly the octets its count or length promises. Behind it the program trusts the objects. All
numbers are host order; `Lsa.raw` is the whole LSA as it came, header included, so that it can be flooded,
hashed or archived byte for byte. A stub link's mask inside a router-LSA is *not* checked for holes here,
since one bad stub must not hide a router: whoever turns it into a prefix asks `ospf.wire.mask_length`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import starmap
from zlib import adler32

from msgspec import Struct
from msgspec.structs import replace

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.wire import SHORT, Cursor, Octets, length_mask, octet_sum
from ospf.wire import fletcher16 as fletcher16
from ospf.wire import lsa_checksum as lsa_checksum

ROUTER, NETWORK, SUMMARY_NETWORK, SUMMARY_ASBR, AS_EXTERNAL, NSSA_EXTERNAL = 1, 2, 3, 4, 5, 7
OPAQUE_LINK, OPAQUE_AREA, OPAQUE_AS = 9, 10, 11
SCOPE_LINK, SCOPE_AREA, SCOPE_AS = 0, 1, 2
LINK_P2P, LINK_TRANSIT, LINK_STUB, LINK_VIRTUAL = 1, 2, 3, 4
FLAG_B, FLAG_E, FLAG_V = 1, 2, 4
MAX_AGE = 3600  # seconds
MAX_AGE_DIFF = 900  # seconds
LS_REFRESH_TIME = 1800  # seconds
DO_NOT_AGE = 0x8000  # RFC 1793 2.2
LS_INFINITY = 0xFFFFFF
INITIAL_SEQUENCE = -0x7FFFFFFF  # 0x80000001
MAX_SEQUENCE = 0x7FFFFFFF
OPTION_E, OPTION_MC, OPTION_NP, OPTION_L, OPTION_DC, OPTION_O = 0x02, 0x04, 0x08, 0x10, 0x20, 0x40
HEADER_LENGTH = 20
LINKS_AT = 24  # where a router-LSA's first link begins

Key = tuple[int, int, int]


class LsaHeader(Struct, frozen=True, gc=False):
    """RFC 2328 A.4.1; addresses as host-order integers, `sequence` signed."""

    age: int
    options: int
    type: int
    link_state_id: int
    advertising_router: int
    sequence: int
    checksum: int
    length: int


class RouterLink(Struct, frozen=True, gc=False):
    link_id: int
    link_data: int
    type: int
    metric: int


class RouterLsa(Struct, frozen=True, gc=False):
    flags: int
    links: tuple[RouterLink, ...]


class NetworkLsa(Struct, frozen=True, gc=False):
    mask: int
    attached: tuple[int, ...]


class SummaryLsa(Struct, frozen=True, gc=False):
    mask: int
    metric: int


class ExternalLsa(Struct, frozen=True, gc=False):
    mask: int
    metric: int
    type2: bool
    forwarding_address: int
    tag: int


class OpaqueLsa(Struct, frozen=True, gc=False):
    data: bytes


class UnknownLsa(Struct, frozen=True, gc=False):
    data: bytes


Body = RouterLsa | NetworkLsa | SummaryLsa | ExternalLsa | OpaqueLsa | UnknownLsa


class Lsa(Struct, frozen=True, gc=False):
    header: LsaHeader
    body: Body
    raw: bytes

    @property
    def key(self) -> Key:
        h = self.header
        return (h.type, h.link_state_id, h.advertising_router)


_HEADER = struct.Struct("!HBBIIiHH")
_LINK = struct.Struct("!IIBBH")
_LINK_NO_TOS = struct.Struct("!IIBxH")
_TOS_COUNTS = slice(LINKS_AT + 9, None, _LINK.size)  # of the links, in a router-LSA without TOS metrics
_ROUTER = struct.Struct("!BBH")
_TWO_WORDS = struct.Struct("!II")
_EXTERNAL = struct.Struct("!IIII")
_number = int.from_bytes
_MASKS = frozenset(map(length_mask, range(33)))


# By LSA length: unpacks header, flags and every link but its TOS count; the number of links; their TOS counts.
_PLAIN_ROUTERS: dict[int, tuple[Callable[[bytes], tuple[int, ...]], int, bytes]] = {
    LINKS_AT + 12 * count: (struct.Struct("!HBBIIiHHBxH" + "IIBxH" * count).unpack, count, bytes(count))
    for count in range(33)
}


def decode_header(data: Octets) -> LsaHeader:
    """The 20 octets of RFC 2328 A.4.1, unchecked but for their number."""
    if len(data) < HEADER_LENGTH:
        raise OspfDecodeError(f"LSA header: {len(data)} octets")
    return LsaHeader(*_HEADER.unpack_from(data))


def decode_headers(data: Octets, what: str) -> tuple[LsaHeader, ...]:
    """LSA headers one behind the other; OspfDecodeError, beginning with `what`, if the last one is cut."""
    if len(data) % HEADER_LENGTH:
        raise OspfDecodeError(f"{what}: {len(data)} octets of LSA headers")
    return tuple(starmap(LsaHeader, _HEADER.iter_unpack(data)))


def encode_header(header: LsaHeader) -> bytes:
    """20 octets; OspfEncodeError if a number does not fit."""
    try:
        return _HEADER.pack(
            header.age,
            header.options,
            header.type,
            header.link_state_id,
            header.advertising_router,
            header.sequence,
            header.checksum,
            header.length,
        )
    except struct.error as error:
        raise OspfEncodeError(f"LSA header {header}: {error}") from error


def decode_lsa(data: Octets) -> Lsa:
    """One whole LSA; `data` must be exactly as long as the header says. OspfDecodeError otherwise.

    Refuses a broken length or checksum (also checksum 0: RFC 2328 12.1.7 knows no LSA without one), and the
    sequence number 0x80000000, which is reserved (12.1.6).
    """
    raw = bytes(data)
    if len(raw) < HEADER_LENGTH:
        raise OspfDecodeError(f"LSA header: {len(raw)} octets")
    length = raw[18] << 8 | raw[19]
    if length != len(raw):
        raise OspfDecodeError(f"LSA length {length}, {len(raw)} octets given")
    return decode_framed_lsa(raw)


def decode_framed_lsa(raw: bytes) -> Lsa:
    """`decode_lsa` of octets that are known to be as many as their length field says, at least a header."""
    size = len(raw)
    if size & 3:
        raise OspfDecodeError(f"LSA length {size} is not a multiple of 4")
    covered = raw[2:]  # what follows is `ospf.wire.is_lsa_intact`: a call would cost a tenth of all
    total = adler32(covered, 0) & 0xFFFF if size <= SHORT else octet_sum(covered)
    if total % 255 or _number(covered) % 65025 != total % 65025:
        raise OspfDecodeError("LSA checksum" if raw[16] or raw[17] else "LSA checksum 0")
    body: Body | None = None
    if raw[3] == ROUTER and size in _PLAIN_ROUTERS:
        # The usual router-LSA, without TOS metrics, in one unpacking: twice as fast as field by field.
        unpack, count, no_tos = _PLAIN_ROUTERS[size]
        fields = unpack(raw)
        if fields[9] == count and raw[_TOS_COUNTS] == no_tos:
            header = LsaHeader(*fields[:8])
            field = iter(fields[10:])
            body = RouterLsa(fields[8], tuple(map(RouterLink, field, field, field, field)))
    if body is None:
        header = LsaHeader(*_HEADER.unpack_from(raw))
        decode_body = _BODIES.get(header.type)
        body = decode_body(raw) if decode_body else UnknownLsa(raw[HEADER_LENGTH:])
    if header.checksum == 0:
        raise OspfDecodeError("LSA checksum 0")
    if header.sequence == -0x80000000:
        raise OspfDecodeError("LSA sequence number is the reserved one")
    return Lsa(header, body, raw)


def _decode_router(raw: bytes) -> RouterLsa:
    # RFC 2328 A.4.2
    cursor = Cursor(memoryview(raw)[HEADER_LENGTH:])
    flags, _, count = cursor.pull(_ROUTER, "router-LSA")
    if count * _LINK.size != cursor.remaining:
        return RouterLsa(flags, _links_with_tos(cursor, count))
    if any(raw[_TOS_COUNTS]):
        raise OspfDecodeError("router-LSA: TOS metrics run past the end")
    return RouterLsa(flags, tuple(starmap(RouterLink, _LINK_NO_TOS.iter_unpack(raw[LINKS_AT:]))))


def _links_with_tos(cursor: Cursor, count: int) -> tuple[RouterLink, ...]:
    links = []
    for _ in range(count):
        link_id, link_data, kind, tos, metric = cursor.pull(_LINK, "router link")
        cursor.take(4 * tos, "router link TOS metrics")
        links.append(RouterLink(link_id, link_data, kind, metric))
    cursor.finish("router-LSA")
    return tuple(links)


def _decode_network(raw: bytes) -> NetworkLsa:
    # RFC 2328 A.4.3: at least the designated router itself is attached
    size = len(raw)
    if size < HEADER_LENGTH + 8:
        raise OspfDecodeError(f"network-LSA body of {size - HEADER_LENGTH} octets")
    words = struct.unpack_from(f"!{size - HEADER_LENGTH >> 2}I", raw, HEADER_LENGTH)
    if words[0] not in _MASKS:
        raise OspfDecodeError(f"network-LSA: mask {words[0]:#010x} has holes")
    return NetworkLsa(words[0], words[1:])


def _decode_summary_network(raw: bytes) -> SummaryLsa:
    # RFC 2328 A.4.4: mask, metric, then TOS metrics of 4 octets
    if len(raw) < HEADER_LENGTH + 8:
        raise OspfDecodeError(f"summary-LSA body of {len(raw) - HEADER_LENGTH} octets")
    mask, metric = _TWO_WORDS.unpack_from(raw, HEADER_LENGTH)
    if mask not in _MASKS:
        raise OspfDecodeError(f"summary-LSA: mask {mask:#010x} has holes")
    return SummaryLsa(mask, metric & 0xFFFFFF)


def _decode_summary_asbr(raw: bytes) -> SummaryLsa:
    if len(raw) < HEADER_LENGTH + 8:
        raise OspfDecodeError(f"summary-LSA body of {len(raw) - HEADER_LENGTH} octets")
    mask, metric = _TWO_WORDS.unpack_from(raw, HEADER_LENGTH)  # the mask means nothing
    return SummaryLsa(mask, metric & 0xFFFFFF)


def _decode_external(raw: bytes) -> ExternalLsa:
    # RFC 2328 A.4.5: mask, then one or more entries of 12 octets, the first for TOS 0
    size = len(raw)
    if size < HEADER_LENGTH + 16 or (size - HEADER_LENGTH - 4) % 12:
        raise OspfDecodeError(f"external-LSA body of {size - HEADER_LENGTH} octets")
    mask, metric, forwarding, tag = _EXTERNAL.unpack_from(raw, HEADER_LENGTH)
    if mask not in _MASKS:
        raise OspfDecodeError(f"external-LSA: mask {mask:#010x} has holes")
    return ExternalLsa(mask, metric & 0xFFFFFF, metric >= 0x80000000, forwarding, tag)


def _decode_opaque(raw: bytes) -> OpaqueLsa:
    return OpaqueLsa(raw[HEADER_LENGTH:])


_BODIES: dict[int, Callable[[bytes], Body]] = {
    ROUTER: _decode_router,
    NETWORK: _decode_network,
    SUMMARY_NETWORK: _decode_summary_network,
    SUMMARY_ASBR: _decode_summary_asbr,
    AS_EXTERNAL: _decode_external,
    NSSA_EXTERNAL: _decode_external,
    OPAQUE_LINK: _decode_opaque,
    OPAQUE_AREA: _decode_opaque,
    OPAQUE_AS: _decode_opaque,
}


def encode_body(body: Body) -> bytes:
    """The octets behind the header; OspfEncodeError if a number does not fit or octets are not 4-aligned."""
    try:
        if isinstance(body, RouterLsa):
            rows = ((link.link_id, link.link_data, link.type, 0, link.metric) for link in body.links)
            return _ROUTER.pack(body.flags, 0, len(body.links)) + b"".join(_LINK.pack(*row) for row in rows)
        if isinstance(body, NetworkLsa):
            return struct.pack(f"!I{len(body.attached)}I", body.mask, *body.attached)
        if isinstance(body, SummaryLsa):
            return _TWO_WORDS.pack(body.mask, _metric24(body.metric))
        if isinstance(body, ExternalLsa):
            metric = _metric24(body.metric) | (0x80000000 if body.type2 else 0)
            return _EXTERNAL.pack(body.mask, metric, body.forwarding_address, body.tag)
    except struct.error as error:
        raise OspfEncodeError(f"{type(body).__name__}: {error}") from error
    if len(body.data) & 3:
        raise OspfEncodeError(f"{type(body).__name__} of {len(body.data)} octets is not a multiple of 4")
    return bytes(body.data)


def _metric24(metric: int) -> int:
    if not 0 <= metric <= LS_INFINITY:
        raise OspfEncodeError(f"metric {metric} does not fit 24 bits")
    return metric


def encode_lsa(
    *,
    type: int,
    link_state_id: int,
    advertising_router: int,
    body: Body,
    sequence: int = INITIAL_SEQUENCE,
    age: int = 0,
    options: int = OPTION_E,
) -> Lsa:
    """A whole LSA with its length and checksum computed; what a simulated router originates."""
    octets = encode_body(body)
    length = HEADER_LENGTH + len(octets)
    if length > 0xFFFF:
        raise OspfEncodeError(f"LSA of {length} octets")
    blank = LsaHeader(age, options, type, link_state_id, advertising_router, sequence, 0, length)
    checksum = lsa_checksum(encode_header(blank) + octets)
    header = LsaHeader(age, options, type, link_state_id, advertising_router, sequence, checksum, length)
    return Lsa(header, body, encode_header(header) + octets)


def with_age(lsa: Lsa, age: int) -> Lsa:
    """The same instance at another age (seconds); the checksum does not cover the age."""
    if age == lsa.header.age:
        return lsa
    return Lsa(replace(lsa.header, age=age), lsa.body, age.to_bytes(2, "big") + lsa.raw[2:])


def flooding_scope(kind: int) -> int:
    """How far an LSA type travels (RFC 2328 13.3, RFC 5250 3): SCOPE_LINK, SCOPE_AREA or SCOPE_AS."""
    if kind in (AS_EXTERNAL, OPAQUE_AS):
        return SCOPE_AS
    return SCOPE_LINK if kind == OPAQUE_LINK else SCOPE_AREA


def plain_age(header: LsaHeader) -> int:
    """Age in seconds without the DoNotAge bit, never above MaxAge."""
    return min(header.age & ~DO_NOT_AGE, MAX_AGE)


def is_newer(a: LsaHeader, b: LsaHeader) -> int:
    """1 if instance `a` is more recent than `b`, -1 if `b` is, 0 if they are the same instance."""
    return is_newer_aged(a, plain_age(a), b, plain_age(b))


def is_newer_aged(a: LsaHeader, age_a: int, b: LsaHeader, age_b: int) -> int:
    """`is_newer` with ages other than those in the headers: a database copy grows older in place."""
    # RFC 2328 13.1
    if a.sequence != b.sequence:
        return 1 if a.sequence > b.sequence else -1
    if a.checksum != b.checksum:
        return 1 if a.checksum > b.checksum else -1
    if (age_a == MAX_AGE) != (age_b == MAX_AGE):
        return 1 if age_a == MAX_AGE else -1
    if abs(age_a - age_b) > MAX_AGE_DIFF:
        return 1 if age_a < age_b else -1
    return 0
