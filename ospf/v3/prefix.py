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


_MASKS = tuple(map(prefix_mask, range(ADDRESS_BITS + 1)))


def prefix_at(raw: bytes, at: int, what: str) -> tuple[Prefix, int]:
    """The prefix that begins at octet `at`, and where it ends; OspfDecodeError if it does not fit."""
    begin = at + _FIXED.size
    if begin > len(raw):
        raise OspfDecodeError(f"{what}: {_FIXED.size} octets wanted, {len(raw) - at} left")
    plen = raw[at]
    octets = (plen + 31 >> 5) << 2
    end = begin + octets
    if plen > ADDRESS_BITS:
        raise OspfDecodeError(f"{what}: prefix length {plen}")
    if end > len(raw):
        raise OspfDecodeError(f"{what}: {octets} octets wanted, {len(raw) - begin} left")
    network = int.from_bytes(raw[begin:end], "big") << (ADDRESS_BITS - 8 * octets) & _MASKS[plen]
    return Prefix(network, plen, raw[at + 1], raw[at + 2] << 8 | raw[at + 3]), end


def prefixes_at(raw: bytes, at: int, count: int, what: str) -> tuple[Prefix, ...]:
    """`count` prefixes from octet `at` to the end, of which each uses up four octets at least."""
    if _FIXED.size * count > len(raw) - at:
        raise OspfDecodeError(f"{what}: {count} prefixes in {len(raw) - at} octets")
    found = []
    for _ in range(count):
        prefix, at = prefix_at(raw, at, what)
        found.append(prefix)
    if at != len(raw):
        raise OspfDecodeError(f"{what}: {len(raw) - at} octets left over")
    return tuple(found)


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
