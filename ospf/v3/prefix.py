"""IPv6 addresses and prefixes as numbers, and as OSPFv3 writes them: RFC 5340 A.4.1.

A prefix on the wire is a length, options, 16 bits whose meaning the LSA gives (a metric, a referenced type, or
nothing) and as many 32-bit words of address as the length needs. Bits beyond the length are padding and are
cleared here, since two spellings of one prefix must be one prefix. An address is a Python integer of 128 bits in
host order; where arrays hold it, it stands as two columns of 64 (`split`).
"""

from __future__ import annotations

import ipaddress
import struct

from msgspec import Struct

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.wire import Cursor

PREFIX_NU, PREFIX_LA, PREFIX_P, PREFIX_DN = 0x01, 0x02, 0x08, 0x10  # RFC 5340 A.4.1.1
ADDRESS_BITS = 128
ALL_ONES = (1 << 128) - 1
HALF = (1 << 64) - 1

_FIXED = struct.Struct("!BBH")


class Prefix(Struct, frozen=True, gc=False):
    """`network` of `plen` bits, its PrefixOptions, and the 16 bits between (`metric`; 0 where they mean nothing)."""

    network: int
    plen: int
    options: int = 0
    metric: int = 0


def prefix_mask(plen: int) -> int:
    """Network mask of a prefix length 0..128."""
    return ALL_ONES ^ (ALL_ONES >> plen)


def pull_prefix(cursor: Cursor, what: str) -> Prefix:
    """The next prefix; OspfDecodeError when it is longer than an address or than what is left."""
    plen, options, between = cursor.pull(_FIXED, what)
    if plen > ADDRESS_BITS:
        raise OspfDecodeError(f"{what}: prefix length {plen}")
    octets = (plen + 31) // 32 * 4
    network = int.from_bytes(cursor.take(octets, what), "big") << (ADDRESS_BITS - 8 * octets)
    return Prefix(network & prefix_mask(plen), plen, options, between)


def pull_prefixes(cursor: Cursor, count: int, what: str) -> tuple[Prefix, ...]:
    """`count` prefixes, of which each uses up four octets at least."""
    if 4 * count > cursor.remaining:
        raise OspfDecodeError(f"{what}: {count} prefixes in {cursor.remaining} octets")
    return tuple(pull_prefix(cursor, what) for _ in range(count))


def encode_prefix(prefix: Prefix) -> bytes:
    """OspfEncodeError for a length beyond 128 or bits set beyond the length."""
    if not 0 <= prefix.plen <= ADDRESS_BITS or prefix.network & ~prefix_mask(prefix.plen):
        raise OspfEncodeError(f"prefix {prefix}")
    octets = (prefix.plen + 31) // 32 * 4
    try:
        fixed = _FIXED.pack(prefix.plen, prefix.options, prefix.metric)
        return fixed + (prefix.network >> (ADDRESS_BITS - 8 * octets)).to_bytes(octets, "big")
    except (struct.error, OverflowError) as error:
        raise OspfEncodeError(f"prefix {prefix}: {error}") from error


def address6_text(address: int) -> str:
    """Canonical text (RFC 5952) of a 128-bit address."""
    return str(ipaddress.IPv6Address(address))


def address6_number(text: str) -> int:
    """Number of an IPv6 address without zone; ValueError if it is none."""
    if "%" in text:
        raise ValueError(f"not an IPv6 address: {text!r}")
    return int(ipaddress.IPv6Address(text))


def prefix6_text(network: int, plen: int) -> str:
    return f"{address6_text(network)}/{plen}"


def split(address: int) -> tuple[int, int]:
    """(high, low) halves of 64 bits, as the columns of a table hold an address."""
    return address >> 64, address & HALF


def joined(high: int, low: int) -> int:
    """The address whose halves these are."""
    return int(high) << 64 | int(low)


def is_link_local(address: int) -> bool:
    return address >> 118 == 0xFE80 >> 6
