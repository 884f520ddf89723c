"""This host's addresses, interfaces and default gateways from rtnetlink dumps (RFC 3549).

Covered: RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE (linux/rtnetlink.h, if_link.h, if_addr.h); default routes of the main
table, with several next hops.  Left out: policy routing and the notifications (the dumps are repeated every interval).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from agents.netlink import attributes, messages, request

RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
IFA_ADDRESS, IFA_LOCAL = 1, 2
IFLA_MASTER = 10
RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_MULTIPATH = 4, 5, 6, 9
RT_TABLE_MAIN, RTN_UNICAST = 254, 1
RT_SCOPE_LINK = 253
IFF_LOOPBACK = 0x8
_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, dst len, src len, tos, table, protocol, scope, type, flags
_NEXTHOP = struct.Struct("=HBBi")  # length, flags, hops, index


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """An address of this host, 16 octets (IPv4 in the first four), and its interface's default gateway (b"" = none)."""

    version: int
    address: bytes
    prefix_length: int
    interface: int
    link_local: bool
    gateway: bytes = b""


@dataclass(frozen=True)
class HostAddresses:
    """What the agent must know of the host's network: addresses, and which interfaces' packets count once."""

    addresses: tuple[OwnAddress, ...]
    counted: dict[int, bool]  # interface index -> its packets count (not loopback, not below a bond, bridge or VRF)

    def own(self) -> frozenset[bytes]:
        """All own addresses, loopback included."""
        return frozenset(a.address for a in self.addresses)

    def reportable(self, version: int) -> list[OwnAddress]:
        """Addresses the gateway can place: neither loopback nor link-local."""
        return [a for a in self.addresses if a.version == version and not a.link_local and not is_loopback(a)]


def is_loopback(own: OwnAddress) -> bool:
    """127/8 or ::1."""
    return own.address[0] == 127 if own.version == 4 else own.address == bytes(15) + b"\x01"


def link_request() -> bytes:
    """All interfaces."""
    return request(RTM_GETLINK, _LINK.pack(AF_UNSPEC, 0, 0, 0, 0))


def address_request() -> bytes:
    """All addresses of both families."""
    return request(RTM_GETADDR, _ADDRESS.pack(AF_UNSPEC, 0, 0, 0, 0))


def route_request(family: int) -> bytes:
    """All routes of a family; the kernel cannot be asked for the default ones only."""
    return request(RTM_GETROUTE, _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))


def decode_host(links: Sequence[bytes], addresses: Sequence[bytes], routes: Sequence[bytes]) -> HostAddresses:
    """The three dumps as one value."""
    counted: dict[int, bool] = {}
    for chunk in links:
        for kind, _, start, end in messages(chunk):
            if kind == RTM_NEWLINK and end - start >= _LINK.size:
                _, _, index, flags, _ = _LINK.unpack_from(chunk, start)
                master = IFLA_MASTER in attributes(chunk, start + _LINK.size, end)
                counted[index] = not flags & IFF_LOOPBACK and not master
    gateways = _default_gateways(routes)
    found: dict[tuple[int, bytes], OwnAddress] = {}
    for chunk in addresses:
        for kind, _, start, end in messages(chunk):
            if kind != RTM_NEWADDR or end - start < _ADDRESS.size:
                continue
            family, length, _, scope, index = _ADDRESS.unpack_from(chunk, start)
            known = attributes(chunk, start + _ADDRESS.size, end)
            octets = known.get(IFA_LOCAL, known.get(IFA_ADDRESS, b""))
            if family not in (AF_INET, AF_INET6) or len(octets) not in (4, 16):
                continue
            version = 4 if family == AF_INET else 6
            padded = octets.ljust(16, b"\0")
            gateway = gateways.get((version, index), b"")
            own = OwnAddress(version, padded, length, index, scope == RT_SCOPE_LINK, gateway)
            found.setdefault((version, padded), own)
    return HostAddresses(tuple(found.values()), counted)


def _default_gateways(routes: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
    """(version, interface) -> gateway of its default route in the main table, the lowest metric first."""
    best: dict[tuple[int, int], tuple[int, bytes]] = {}
    for chunk in routes:
        for kind, _, start, end in messages(chunk):
            if kind != RTM_NEWROUTE or end - start < _ROUTE.size:
                continue
            family, length, _, _, table, _, _, route_type, _ = _ROUTE.unpack_from(chunk, start)
            if length or table != RT_TABLE_MAIN or route_type != RTN_UNICAST or family not in (AF_INET, AF_INET6):
                continue
            known = attributes(chunk, start + _ROUTE.size, end)
            metric = int.from_bytes(known.get(RTA_PRIORITY, b""), sys.byteorder)
            version = 4 if family == AF_INET else 6
            for index, gateway in _next_hops(known):
                if gateway and metric < best.get((version, index), (1 << 32, b""))[0]:
                    best[version, index] = (metric, gateway)
    return {key: gateway for key, (_, gateway) in best.items()}


def _next_hops(known: dict[int, bytes]) -> list[tuple[int, bytes]]:
    if RTA_MULTIPATH not in known:
        return [(int.from_bytes(known.get(RTA_OIF, b""), sys.byteorder), known.get(RTA_GATEWAY, b""))]
    hops, data, offset = [], known[RTA_MULTIPATH], 0
    while offset + _NEXTHOP.size <= len(data):
        length, _, _, index = _NEXTHOP.unpack_from(data, offset)
        if length < _NEXTHOP.size:
            break
        hop = attributes(data, offset + _NEXTHOP.size, min(offset + length, len(data)))
        hops.append((index, hop.get(RTA_GATEWAY, b"")))
        offset += (length + 3) & ~3
    return hops
