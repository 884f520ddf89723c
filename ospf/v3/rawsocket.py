"""The raw IPv6 socket under a listener for OSPFv3 (IO): protocol 89 on one interface.

Like `ospf.rawsocket.RawAttachment` it is bound to its interface, needs CAP_NET_RAW only, joins ff02::5 and ff02::6,
sends from the interface's link-local address (RFC 5340 4.2.1.1) with hop limit 1, and hears nothing of what it sends
itself. A raw IPv6 socket hands over payloads: the header is put back from what the kernel tells beside them, so that
the listener sees whole packets and verifies the checksum itself. What is sent gets its checksum here.

Left out: `udp://` attachments (the demo is an OSPFv2 network).
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Any

from ospf.config import AttachConfig
from ospf.errors import OspfAttachError
from ospf.rawsocket import Ancillary, RawAttachment
from ospf.v3.dialect import check_octets3
from ospf.v3.ip6 import ALL_D_ROUTERS, ALL_SPF_ROUTERS, build_ip6_packet
from ospf.v3.packets import with_checksum
from ospf.v3.prefix import address6_text

ADDRESSES = Path("/proc/thread-self/net/if_inet6")  # those of this thread's network namespace
SCOPE_LINK = 0x20
FLAG_TENTATIVE, FLAG_DAD_FAILED = 0x40, 0x08


class RawAttachment6(RawAttachment):
    """OSPFv3 on a real interface. OspfAttachError says what is missing."""

    family = socket.AF_INET6

    def _own_address(self) -> int:
        found = link_local_address(ADDRESSES.read_text(), self.interface)
        if not found:
            raise OspfAttachError(
                f"{self.interface}: has no IPv6 link-local address; OSPFv3 speaks from it (is IPv6 disabled there?)"
            )
        return found

    def _join(self) -> None:
        s = self._socket
        for group in (ALL_SPF_ROUTERS, ALL_D_ROUTERS):
            request = group.to_bytes(16, "big") + struct.pack("=i", self._index)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self._index)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0xC0)

    def _whole(self, data: bytes, ancillary: Ancillary, sender: Any) -> bytes:
        destination = next(
            (
                int.from_bytes(value[:16], "big")
                for level, kind, value in ancillary
                if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO
            ),
            0,
        )
        source = socket.inet_pton(socket.AF_INET6, sender[0].partition("%")[0])
        return build_ip6_packet(int.from_bytes(source, "big"), destination, data)

    def send(self, destination: int, payload: bytes) -> bool:
        """One OSPFv3 packet from the link-local address; False (and counted) if the kernel refuses it.
        OspfForbiddenSend, unsent, for anything that could carry an LSA."""
        check_octets3(payload)
        octets = with_checksum(payload, self._address, destination)
        source = self._address.to_bytes(16, "big") + struct.pack("=i", self._index)
        ancillary = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, source)]
        try:
            self._socket.sendmsg([octets], ancillary, 0, (address6_text(destination), 0, 0, self._index))
        except OSError:
            self.stats.send_failed += 1
            self._address = link_local_address(ADDRESSES.read_text(), self.interface) or self._address
            return False
        self.stats.sent += 1
        return True


def link_local_address(table: str, interface: str) -> int:
    """The link-local address of an interface in the kernel's if_inet6, 0 for none; one past its detection first."""
    found: list[tuple[bool, int]] = []
    for line in table.splitlines():
        address, _, _, scope, flags, name = line.split()
        if name == interface and int(scope, 16) == SCOPE_LINK and not int(flags, 16) & FLAG_DAD_FAILED:
            found.append((bool(int(flags, 16) & FLAG_TENTATIVE), int(address, 16)))
    return min(found)[1] if found else 0


def open_attachment3(config: AttachConfig) -> RawAttachment6:
    """The socket for one attachment of version 3. OspfAttachError if it cannot be opened."""
    return RawAttachment6(config.interface, config.receive_buffer_octets)
