"""OSPFv3 link state advertisements: RFC 5340 appendix A.4; checksum, ageing and "newer" are RFC 2328's.

Covered: router (0x2001), network (0x2002), inter-area-prefix (0x2003), inter-area-router (0x2004), AS-external
(0x4005), NSSA (0x2007), link (0x0008), intra-area-prefix (0x2009). The type is 16 bits and tells how far the LSA
travels (`flooding_scope`) and what a router does that does not know it (the U-bit); any other type is data
(`UnknownLsa`), never an error, unless its scope is the reserved one (4.5.1 (3)). Left out: the extended LSAs of RFC
8362 and the router information LSA of RFC 7770 (both stay data), the grace-LSA of RFC 5187 (data too).

The header has no options field: in OSPFv3 they stand in the bodies of the LSAs that have any. Otherwise it is the
same 20 octets, so an LSA is the `Lsa` of `ospf.lsa` (with `options` 0 in its header), and the database, the rules of
age and the doubt of `ospf.lsdb` and `ospf.doubt` hold for both versions. What they never look into is the body:
`body_of` gives it with its type.

`decode_lsa` is the door, with the rules of the other version: length, Fletcher checksum and every array must fit.
The bits beyond a prefix's length are cleared; `Lsa.raw` has them as they came.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import starmap
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.structs import replace

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.lsa import HEADER_LENGTH, INITIAL_SEQUENCE, Lsa, LsaHeader, UnknownLsa
from ospf.v3.prefix import Prefix, encode_prefix, prefix_at, prefixes_at
from ospf.wire import Octets, is_lsa_intact, lsa_checksum

if TYPE_CHECKING:
    from ospf.lsa import Body as BodyOfVersion2

ROUTER, NETWORK, INTER_AREA_PREFIX, INTER_AREA_ROUTER = 0x2001, 0x2002, 0x2003, 0x2004
AS_EXTERNAL, NSSA, LINK, INTRA_AREA_PREFIX = 0x4005, 0x2007, 0x0008, 0x2009
KNOWN_TYPES = frozenset((
    ROUTER, NETWORK, INTER_AREA_PREFIX, INTER_AREA_ROUTER, AS_EXTERNAL, NSSA, LINK, INTRA_AREA_PREFIX
))  # fmt: skip
U_BIT = 0x8000
SCOPE_LINK, SCOPE_AREA, SCOPE_AS, SCOPE_RESERVED = 0, 1, 2, 3
LINK_P2P, LINK_TRANSIT, LINK_VIRTUAL = 1, 2, 4
FLAG_B, FLAG_E, FLAG_V, FLAG_NT = 0x01, 0x02, 0x04, 0x10
# RFC 5340 A.2, RFC 5838 (AF), RFC 5613 (L), RFC 7166 (AT)
OPTION_V6, OPTION_E, OPTION_N, OPTION_R, OPTION_DC = 0x01, 0x02, 0x08, 0x10, 0x20
OPTION_AF, OPTION_L, OPTION_AT = 0x0100, 0x0200, 0x0400
LS_INFINITY = 0xFFFFFF
LOW_24 = 0xFFFFFF
LINKS_AT = HEADER_LENGTH + 4  # where a router-LSA's first link begins


class RouterLink(Struct, frozen=True, gc=False):
    """RFC 5340 A.4.3: both ends of the link by interface id, the far one's router id."""

    type: int
    metric: int
    interface: int
    neighbor_interface: int
    neighbor: int


class RouterLsa(Struct, frozen=True, gc=False):
    """One of possibly several router-LSAs of a router (their links belong together, RFC 5340 4.8.1)."""

    flags: int
    options: int
    links: tuple[RouterLink, ...]


class NetworkLsa(Struct, frozen=True, gc=False):
    options: int
    attached: tuple[int, ...]


class InterAreaPrefixLsa(Struct, frozen=True, gc=False):
    metric: int
    prefix: Prefix


class InterAreaRouterLsa(Struct, frozen=True, gc=False):
    options: int
    metric: int
    router: int


class ExternalLsa(Struct, frozen=True, gc=False):
    """Types AS-external and NSSA; `forwarding_address` and `tag` 0 when the LSA has none."""

    metric: int
    type2: bool
    prefix: Prefix
    forwarding_address: int = 0
    tag: int = 0
    referenced_type: int = 0
    referenced_id: int = 0


class LinkLsa(Struct, frozen=True, gc=False):
    priority: int
    options: int
    address: int
    prefixes: tuple[Prefix, ...]


class IntraAreaPrefixLsa(Struct, frozen=True, gc=False):
    """Prefixes of the router or network whose LSA has this type, link state id and advertising router."""

    referenced_type: int
    referenced_id: int
    referenced_router: int
    prefixes: tuple[Prefix, ...]


Body = (
    RouterLsa
    | NetworkLsa
    | InterAreaPrefixLsa
    | InterAreaRouterLsa
    | ExternalLsa
    | LinkLsa
    | IntraAreaPrefixLsa
    | UnknownLsa
)

_HEADER = struct.Struct("!HHIIiHH")
_WORD = struct.Struct("!I")
_THREE_WORDS = struct.Struct("!III")
_LINK = struct.Struct("!BxHIII")
_LINK_LSA = struct.Struct("!I16sI")
_INTRA = struct.Struct("!HHII")
_EXTERNAL_E, _EXTERNAL_F, _EXTERNAL_T = 0x04000000, 0x02000000, 0x01000000


def body_of(lsa: Lsa) -> Body:
    """The body of an LSA made by this module."""
    return cast("Body", lsa.body)


def flooding_scope(kind: int) -> int:
    """SCOPE_LINK, _AREA, _AS or _RESERVED; for an unknown type without U-bit it is the link (RFC 5340 A.4.2.1)."""
    if kind not in KNOWN_TYPES and not kind & U_BIT:
        return SCOPE_LINK
    return kind >> 13 & 3


def decode_header(data: Octets) -> LsaHeader:
    """The 20 octets of RFC 5340 A.4.2, unchecked but for their number."""
    if len(data) < HEADER_LENGTH:
        raise OspfDecodeError(f"LSA header: {len(data)} octets")
    age, kind, link_state_id, router, sequence, checksum, length = _HEADER.unpack_from(data)
    return LsaHeader(age, 0, kind, link_state_id, router, sequence, checksum, length)


def encode_header(header: LsaHeader) -> bytes:
    """20 octets; OspfEncodeError if a number does not fit."""
    h = header
    try:
        return _HEADER.pack(h.age, h.type, h.link_state_id, h.advertising_router, h.sequence, h.checksum, h.length)
    except struct.error as error:
        raise OspfEncodeError(f"LSA header {header}: {error}") from error


def decode_lsa(data: Octets) -> Lsa:
    """One whole LSA; `data` must be exactly as long as the header says. OspfDecodeError otherwise.

    Refuses what `ospf.lsa.decode_lsa` refuses, and a type of the reserved scope (RFC 5340 4.5.1).
    """
    raw = bytes(data)  # the same object if it is bytes already
    size = len(raw)
    if size < HEADER_LENGTH:
        raise OspfDecodeError(f"LSA header: {size} octets")
    age, kind, link_state_id, router, sequence, checksum, length = _HEADER.unpack_from(raw)
    if length != size:
        raise OspfDecodeError(f"LSA length {length}, {size} octets given")
    if length & 3:
        raise OspfDecodeError(f"LSA length {length} is not a multiple of 4")
    if checksum == 0:
        raise OspfDecodeError("LSA checksum 0")
    if not is_lsa_intact(raw):
        raise OspfDecodeError("LSA checksum")
    if sequence == -0x80000000:
        raise OspfDecodeError("LSA sequence number is the reserved one")
    if kind >> 13 & 3 == SCOPE_RESERVED:
        raise OspfDecodeError(f"LSA type {kind:#06x} has the reserved flooding scope")
    decode_body = _BODIES.get(kind)
    body: Body = decode_body(raw) if decode_body else UnknownLsa(raw[HEADER_LENGTH:])
    return _lsa(LsaHeader(age, 0, kind, link_state_id, router, sequence, checksum, length), body, raw)


def _lsa(header: LsaHeader, body: Body, raw: bytes) -> Lsa:
    return Lsa(header, cast("BodyOfVersion2", body), raw)


def _fields(layout: struct.Struct, raw: bytes, what: str) -> tuple[Any, ...]:
    """The fixed part of a body."""
    if layout.size > len(raw) - HEADER_LENGTH:
        raise OspfDecodeError(f"{what}: {layout.size} octets wanted, {len(raw) - HEADER_LENGTH} left")
    return layout.unpack_from(raw, HEADER_LENGTH)


def _finish(raw: bytes, at: int, what: str) -> None:
    if at != len(raw):
        raise OspfDecodeError(f"{what}: {len(raw) - at} octets left over")


def _decode_router(raw: bytes) -> RouterLsa:
    # RFC 5340 A.4.3: no count; the links go on to the end
    size = len(raw) - HEADER_LENGTH
    if size < 4 or (size - 4) % _LINK.size:
        raise OspfDecodeError(f"router-LSA body of {size} octets")
    (word,) = _WORD.unpack_from(raw, HEADER_LENGTH)
    return RouterLsa(word >> 24, word & LOW_24, tuple(starmap(RouterLink, _LINK.iter_unpack(raw[LINKS_AT:]))))


def _decode_network(raw: bytes) -> NetworkLsa:
    # RFC 5340 A.4.4: at least the designated router itself is attached
    size = len(raw) - HEADER_LENGTH
    if size < 8:
        raise OspfDecodeError(f"network-LSA body of {size} octets")
    options, *attached = struct.unpack(f"!{size >> 2}I", raw[HEADER_LENGTH:])
    return NetworkLsa(options & LOW_24, tuple(attached))


def _decode_inter_area_prefix(raw: bytes) -> InterAreaPrefixLsa:
    what = "inter-area-prefix-LSA"
    (metric,) = _fields(_WORD, raw, what)
    prefix, end = prefix_at(raw, HEADER_LENGTH + 4, what)
    _finish(raw, end, what)
    return InterAreaPrefixLsa(metric & LOW_24, _without_metric(prefix))


def _decode_inter_area_router(raw: bytes) -> InterAreaRouterLsa:
    what = "inter-area-router-LSA"
    options, metric, router = _fields(_THREE_WORDS, raw, what)
    _finish(raw, HEADER_LENGTH + _THREE_WORDS.size, what)
    return InterAreaRouterLsa(options & LOW_24, metric & LOW_24, router)


def _decode_external(raw: bytes) -> ExternalLsa:
    # RFC 5340 A.4.7: what follows the prefix is there if its bit, or the referenced type, says so
    (word,) = _fields(_WORD, raw, "external-LSA")
    prefix, at = prefix_at(raw, HEADER_LENGTH + 4, "external-LSA")
    parts = []
    for there, octets, what in (
        (word & _EXTERNAL_F, 16, "forwarding address"),
        (word & _EXTERNAL_T, 4, "tag"),
        (prefix.metric, 4, "referenced link state id"),
    ):
        end = at + octets if there else at
        if end > len(raw):
            raise OspfDecodeError(f"external-LSA {what}: {octets} octets wanted, {len(raw) - at} left")
        parts.append(int.from_bytes(raw[at:end], "big"))
        at = end
    _finish(raw, at, "external-LSA")
    forwarding, tag, referenced = parts
    type2 = bool(word & _EXTERNAL_E)
    return ExternalLsa(word & LOW_24, type2, _without_metric(prefix), forwarding, tag, prefix.metric, referenced)


def _decode_link(raw: bytes) -> LinkLsa:
    if len(raw) < HEADER_LENGTH + _LINK_LSA.size:
        raise OspfDecodeError(f"link-LSA body of {len(raw) - HEADER_LENGTH} octets")
    word, address, count = _LINK_LSA.unpack_from(raw, HEADER_LENGTH)
    prefixes = tuple(map(_without_metric, prefixes_at(raw, HEADER_LENGTH + _LINK_LSA.size, count, "link-LSA")))
    return LinkLsa(word >> 24, word & LOW_24, int.from_bytes(address, "big"), prefixes)


def _decode_intra_area_prefix(raw: bytes) -> IntraAreaPrefixLsa:
    what = "intra-area-prefix-LSA"
    count, kind, link_state_id, router = _fields(_INTRA, raw, what)
    prefixes = prefixes_at(raw, HEADER_LENGTH + _INTRA.size, count, what)
    return IntraAreaPrefixLsa(kind, link_state_id, router, prefixes)


def _without_metric(prefix: Prefix) -> Prefix:
    """Where the 16 bits between mean nothing, or something else."""
    return Prefix(prefix.network, prefix.plen, prefix.options) if prefix.metric else prefix


_BODIES: dict[int, Callable[[bytes], Body]] = {
    ROUTER: _decode_router,
    NETWORK: _decode_network,
    INTER_AREA_PREFIX: _decode_inter_area_prefix,
    INTER_AREA_ROUTER: _decode_inter_area_router,
    AS_EXTERNAL: _decode_external,
    NSSA: _decode_external,
    LINK: _decode_link,
    INTRA_AREA_PREFIX: _decode_intra_area_prefix,
}


def encode_body(body: Body) -> bytes:
    """The octets behind the header; OspfEncodeError if a number does not fit or octets are not 4-aligned."""
    try:
        return _encode_body(body)
    except (struct.error, OverflowError) as error:
        raise OspfEncodeError(f"{type(body).__name__}: {error}") from error


def _encode_body(body: Body) -> bytes:
    if isinstance(body, RouterLsa):
        rows = ((x.type, x.metric, x.interface, x.neighbor_interface, x.neighbor) for x in body.links)
        return _WORD.pack(_word(body.flags, body.options)) + b"".join(_LINK.pack(*row) for row in rows)
    if isinstance(body, NetworkLsa):
        return struct.pack(f"!{1 + len(body.attached)}I", _word(0, body.options), *body.attached)
    if isinstance(body, InterAreaPrefixLsa):
        return _WORD.pack(_word(0, body.metric)) + encode_prefix(body.prefix)
    if isinstance(body, InterAreaRouterLsa):
        return _THREE_WORDS.pack(_word(0, body.options), _word(0, body.metric), body.router)
    if isinstance(body, ExternalLsa):
        return _encode_external(body)
    if isinstance(body, LinkLsa):
        address = body.address.to_bytes(16, "big")
        fixed = _LINK_LSA.pack(_word(body.priority, body.options), address, len(body.prefixes))
        return fixed + b"".join(map(encode_prefix, body.prefixes))
    if isinstance(body, IntraAreaPrefixLsa):
        fixed = _INTRA.pack(len(body.prefixes), body.referenced_type, body.referenced_id, body.referenced_router)
        return fixed + b"".join(map(encode_prefix, body.prefixes))
    if len(body.data) & 3:
        raise OspfEncodeError(f"{type(body).__name__} of {len(body.data)} octets is not a multiple of 4")
    return bytes(body.data)


def _encode_external(body: ExternalLsa) -> bytes:
    word = _word(0, body.metric) | (_EXTERNAL_E if body.type2 else 0)
    rest = b""
    if body.forwarding_address:
        word |= _EXTERNAL_F
        rest += body.forwarding_address.to_bytes(16, "big")
    if body.tag:
        word |= _EXTERNAL_T
        rest += _WORD.pack(body.tag)
    if body.referenced_type:
        rest += _WORD.pack(body.referenced_id)
    return _WORD.pack(word) + encode_prefix(replace(body.prefix, metric=body.referenced_type)) + rest


def _word(octet: int, low: int) -> int:
    """An octet and 24 bits behind it."""
    if not 0 <= low <= 0xFFFFFF or not 0 <= octet <= 0xFF:
        raise OspfEncodeError(f"{low} does not fit 24 bits, or {octet} not an octet")
    return octet << 24 | low


def encode_lsa(
    *,
    type: int,
    link_state_id: int,
    advertising_router: int,
    body: Body,
    sequence: int = INITIAL_SEQUENCE,
    age: int = 0,
) -> Lsa:
    """A whole LSA with its length and checksum computed; what a simulated router originates."""
    octets = encode_body(body)
    length = HEADER_LENGTH + len(octets)
    if length > 0xFFFF:
        raise OspfEncodeError(f"LSA of {length} octets")
    blank = LsaHeader(age, 0, type, link_state_id, advertising_router, sequence, 0, length)
    checksum = lsa_checksum(encode_header(blank) + octets)
    header = LsaHeader(age, 0, type, link_state_id, advertising_router, sequence, checksum, length)
    return _lsa(header, body, encode_header(header) + octets)
