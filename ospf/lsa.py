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
from dataclasses import dataclass, replace
from itertools import accumulate

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.wire import Cursor, Octets, mask_length

ROUTER, NETWORK, SUMMARY_NETWORK, SUMMARY_ASBR, AS_EXTERNAL, NSSA_EXTERNAL = 1, 2, 3, 4, 5, 7
OPAQUE_LINK, OPAQUE_AREA, OPAQUE_AS = 9, 10, 11
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

Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class LsaHeader:
    """RFC 2328 A.4.1; addresses as host-order integers, `sequence` signed."""

    age: int
    options: int
    type: int
    link_state_id: int
    advertising_router: int
    sequence: int
    checksum: int
    length: int


@dataclass(frozen=True, slots=True)
class RouterLink:
    link_id: int
    link_data: int
    type: int
    metric: int


@dataclass(frozen=True, slots=True)
class RouterLsa:
    flags: int
    links: tuple[RouterLink, ...]


@dataclass(frozen=True, slots=True)
class NetworkLsa:
    mask: int
    attached: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SummaryLsa:
    mask: int
    metric: int


@dataclass(frozen=True, slots=True)
class ExternalLsa:
    mask: int
    metric: int
    type2: bool
    forwarding_address: int
    tag: int


@dataclass(frozen=True, slots=True)
class OpaqueLsa:
    data: bytes


@dataclass(frozen=True, slots=True)
class UnknownLsa:
    data: bytes


Body = RouterLsa | NetworkLsa | SummaryLsa | ExternalLsa | OpaqueLsa | UnknownLsa


@dataclass(frozen=True, slots=True)
class Lsa:
    header: LsaHeader
    body: Body
    raw: bytes

    @property
    def key(self) -> Key:
        h = self.header
        return (h.type, h.link_state_id, h.advertising_router)


_HEADER = struct.Struct("!HBBIIiHH")
_LINK = struct.Struct("!IIBBH")
_ROUTER = struct.Struct("!BBH")
_WORD = struct.Struct("!I")
_TWO_WORDS = struct.Struct("!II")
_EXTERNAL = struct.Struct("!IIII")


def fletcher16(data: Octets) -> tuple[int, int]:
    """The two sums of RFC 905 annex B over `data`, modulo 255; both 0 over an intact LSA minus its age."""
    return sum(data) % 255, sum(accumulate(data)) % 255


def lsa_checksum(raw: Octets | bytearray) -> int:
    """The checksum that belongs into a whole LSA (header included); octets 16-17 themselves are ignored."""
    # RFC 2328 12.1.7: everything but the age field; RFC 905 annex B.
    body = bytes(raw[2:16]) + b"\0\0" + bytes(raw[18:])
    c0, c1 = fletcher16(body)
    x = ((len(body) - 15) * c0 - c1) % 255
    y = (510 - c0 - x) % 255
    return (x or 255) << 8 | (y or 255)


def decode_header(data: Octets) -> LsaHeader:
    """The 20 octets of RFC 2328 A.4.1, unchecked but for their number."""
    if len(data) < HEADER_LENGTH:
        raise OspfDecodeError(f"LSA header: {len(data)} octets")
    return _decode_header(data)


def _decode_header(data: Octets) -> LsaHeader:
    age, options, kind, link_state_id, router, sequence, checksum, length = _HEADER.unpack_from(data)
    return LsaHeader(age, options, kind, link_state_id, router, sequence, checksum, length)


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
    header = decode_header(data)
    length = header.length
    if length != len(data):
        raise OspfDecodeError(f"LSA length {length}, {len(data)} octets given")
    if length & 3:
        raise OspfDecodeError(f"LSA length {length} is not a multiple of 4")
    if header.checksum == 0:
        raise OspfDecodeError("LSA checksum 0")
    raw = bytes(data)
    if fletcher16(raw[2:]) != (0, 0):
        raise OspfDecodeError("LSA checksum")
    if header.sequence == -0x80000000:
        raise OspfDecodeError("LSA sequence number is the reserved one")
    return Lsa(header, _decode_body(header, memoryview(raw)[HEADER_LENGTH:]), raw)


def _decode_body(header: LsaHeader, data: memoryview) -> Body:
    kind = header.type
    if kind == ROUTER:
        return _decode_router(data)
    if kind == NETWORK:
        return _decode_network(data)
    if kind in (SUMMARY_NETWORK, SUMMARY_ASBR):
        return _decode_summary(kind, data)
    if kind in (AS_EXTERNAL, NSSA_EXTERNAL):
        return _decode_external(data)
    if kind in (OPAQUE_LINK, OPAQUE_AREA, OPAQUE_AS):
        return OpaqueLsa(bytes(data))
    return UnknownLsa(bytes(data))


def _decode_router(data: memoryview) -> RouterLsa:
    # RFC 2328 A.4.2
    cursor = Cursor(data)
    flags, _, count = cursor.pull(_ROUTER, "router-LSA")
    if count * _LINK.size == cursor.remaining:
        # The usual case: no TOS metrics, so the links are one array.
        rows = list(_LINK.iter_unpack(cursor.take(cursor.remaining, "router links")))
        if not any(tos for _, _, _, tos, _ in rows):
            return RouterLsa(flags, tuple(RouterLink(i, d, kind, metric) for i, d, kind, _, metric in rows))
        raise OspfDecodeError("router-LSA: TOS metrics run past the end")
    links = []
    for _ in range(count):
        link_id, link_data, kind, tos, metric = cursor.pull(_LINK, "router link")
        cursor.take(4 * tos, "router link TOS metrics")
        links.append(RouterLink(link_id, link_data, kind, metric))
    cursor.finish("router-LSA")
    return RouterLsa(flags, tuple(links))


def _decode_network(data: memoryview) -> NetworkLsa:
    # RFC 2328 A.4.3: at least the designated router itself is attached
    if len(data) < 8:
        raise OspfDecodeError(f"network-LSA body of {len(data)} octets")
    mask = _checked_mask(_WORD.unpack_from(data)[0], "network-LSA")
    return NetworkLsa(mask, tuple(word for (word,) in _WORD.iter_unpack(data[4:])))


def _decode_summary(kind: int, data: memoryview) -> SummaryLsa:
    # RFC 2328 A.4.4: mask, metric, then TOS metrics of 4 octets
    if len(data) < 8:
        raise OspfDecodeError(f"summary-LSA body of {len(data)} octets")
    mask, metric = _TWO_WORDS.unpack_from(data)
    if kind == SUMMARY_NETWORK:  # in type 4 the mask means nothing
        _checked_mask(mask, "summary-LSA")
    return SummaryLsa(mask, metric & 0xFFFFFF)


def _decode_external(data: memoryview) -> ExternalLsa:
    # RFC 2328 A.4.5: mask, then one or more entries of 12 octets, the first for TOS 0
    if len(data) < 16 or (len(data) - 4) % 12:
        raise OspfDecodeError(f"external-LSA body of {len(data)} octets")
    mask, metric, forwarding, tag = _EXTERNAL.unpack_from(data)
    _checked_mask(mask, "external-LSA")
    return ExternalLsa(mask, metric & 0xFFFFFF, bool(metric & 0x80000000), forwarding, tag)


def _checked_mask(mask: int, what: str) -> int:
    if mask_length(mask) < 0:
        raise OspfDecodeError(f"{what}: mask {mask:#010x} has holes")
    return mask


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
    header = LsaHeader(age, options, type, link_state_id, advertising_router, sequence, 0, length)
    raw = bytearray(encode_header(header) + octets)
    checksum = lsa_checksum(raw)
    raw[16:18] = checksum.to_bytes(2, "big")
    return Lsa(replace(header, checksum=checksum), body, bytes(raw))


def with_age(lsa: Lsa, age: int) -> Lsa:
    """The same instance at another age (seconds); the checksum does not cover the age."""
    if age == lsa.header.age:
        return lsa
    return Lsa(replace(lsa.header, age=age), lsa.body, age.to_bytes(2, "big") + lsa.raw[2:])


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
