"""The sockets under a listener (IO): protocol 89 on one interface, or UDP on loopback for the demo.

Both attachments have the same face: `fileno()`, `receive()` (every IP packet waiting, never blocks),
`send(destination, payload)`, `close()`, `address`, `point_to_point`, `mtu`, `stats`. A packet that cannot be sent is
counted, not raised: an interface that goes down comes back, and the listener repeats what matters. What must not be
sent is raised: the rim looks once more at every packet (`check_octets`).

`RawAttachment` needs CAP_NET_RAW and nothing else. It is bound to its interface, joins 224.0.0.5 and
224.0.0.6 (RFC 2328 A.1), sends with TTL 1 and precedence internetwork control, and hears nothing of what
it sends itself. `UdpAttachment` carries one whole IP packet per datagram (both ways) between simulated
routers and the listener; it refuses anything but 127.0.0.0/8, and answers the peers it heard.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

from ospf.config import UDP_SCHEME, AttachConfig
from ospf.errors import OspfAttachError, OspfDecodeError
from ospf.interface import check_octets
from ospf.packets import (
    ALL_D_ROUTERS,
    ALL_SPF_ROUTERS,
    IP_PROTOCOL,
    Hello,
    build_ip_packet,
    decode_packet,
    ip_payload,
)
from ospf.wire import address_text, mask_length

# Per receive(), so that a flood cannot hold the caller: 3,500 AS-external LSAs take a quarter of a second.
BATCH_PACKETS, BATCH_OCTETS = 1024, 128 << 10
PACKET_OCTETS = 65536
MAX_PEERS = 4096
SIOCGIFADDR, SIOCGIFFLAGS, SIOCGIFMTU = 0x8915, 0x8913, 0x8921
IFF_POINTOPOINT = 0x10
SO_RXQ_OVFL = 40
SO_RCVBUFFORCE = 33
_ANCILLARY_OCTETS = socket.CMSG_SPACE(4) + socket.CMSG_SPACE(20)
Ancillary = list[tuple[int, int, bytes]]


@dataclass(slots=True)
class AttachmentStats:
    """Packets at the socket; `kernel_dropped` were lost for lack of buffer before we read them."""

    received: int = 0
    sent: int = 0
    send_failed: int = 0
    receive_failed: int = 0
    kernel_dropped: int = 0
    peers_refused: int = 0
    reopened: int = 0  # by the owner, since the interface was another one or had another address


class Attachment(Protocol):
    """What the service needs of either kind."""

    stats: AttachmentStats

    @property
    def address(self) -> int: ...
    @property
    def point_to_point(self) -> bool: ...
    @property
    def mtu(self) -> int: ...
    def is_current(self) -> bool: ...
    def fileno(self) -> int: ...
    def receive(self) -> list[bytes]: ...
    def send(self, destination: int, payload: bytes) -> bool: ...
    def close(self) -> None: ...


class RawAttachment:
    """OSPFv2 on a real interface (OSPFv3 is `ospf.v3.rawsocket`). OspfAttachError says what is missing."""

    family = socket.AF_INET

    def __init__(self, interface: str, receive_buffer_octets: int = 8 << 20) -> None:
        self.interface = interface
        self.stats = AttachmentStats()
        try:
            self._index = socket.if_nametoindex(interface)
        except OSError as error:
            raise OspfAttachError(f"{interface}: no such interface") from error
        try:
            self._socket = socket.socket(self.family, socket.SOCK_RAW, IP_PROTOCOL)
        except PermissionError as error:
            raise OspfAttachError(
                f"{interface}: listening to OSPF needs CAP_NET_RAW (run as root, or give the service"
                " AmbientCapabilities=CAP_NET_RAW)"
            ) from error
        except OSError as error:  # IPv6 switched off altogether
            raise OspfAttachError(f"{interface}: {os.strerror(error.errno or 0)}") from error
        try:
            self._address = self._own_address()
            self._prepare(receive_buffer_octets)
        except OSError as error:
            self._socket.close()
            raise OspfAttachError(f"{interface}: {os.strerror(error.errno or 0)}") from error
        except OspfAttachError:
            self._socket.close()
            raise

    def _prepare(self, receive_buffer_octets: int) -> None:
        s = self._socket
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode() + b"\0")
        try:  # beyond rmem_max only with CAP_NET_ADMIN
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer_octets)
        except PermissionError:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_octets)
        s.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        self._join()

    def _own_address(self) -> int:
        return _interface_address(self._socket, self.interface)

    def _join(self) -> None:
        """Into the groups, and how to send."""
        s = self._socket
        for group in (ALL_SPF_ROUTERS, ALL_D_ROUTERS):
            request = struct.pack("!II", group, self._address) + struct.pack("=i", self._index)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        request = struct.pack("!II", 0, self._address) + struct.pack("=i", self._index)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xC0)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 0)

    @property
    def address(self) -> int:
        """The source of what we send: the interface's first IPv4 address."""
        return self._address

    @property
    def point_to_point(self) -> bool:
        """Whether the kernel knows the interface as a link for two: GRE, IPIP, PPP, WireGuard."""
        flags = struct.unpack("=H", self._ask(SIOCGIFFLAGS)[:2])[0]
        return bool(flags & IFF_POINTOPOINT)

    @property
    def mtu(self) -> int:
        """Octets of the largest IP packet."""
        number: int = struct.unpack("=i", self._ask(SIOCGIFMTU)[:4])[0]
        return number

    def is_current(self) -> bool:
        """Whether the interface is still the one that was opened, with the same address. One that was deleted and made
        again has the name only: this socket hears nothing of it, and the kernel does not say so."""
        try:
            return socket.if_nametoindex(self.interface) == self._index and self._own_address() == self._address
        except (OSError, OspfAttachError):
            return False

    def _ask(self, request: int) -> bytes:
        return fcntl.ioctl(self._socket.fileno(), request, struct.pack("=16s24x", self.interface.encode()[:15]))[16:]

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> list[bytes]:
        """IP packets waiting, at most BATCH_PACKETS or a little over BATCH_OCTETS."""
        packets: list[bytes] = []
        octets = 0
        while len(packets) < BATCH_PACKETS and octets < BATCH_OCTETS:
            try:
                data, ancillary, _, sender = self._socket.recvmsg(PACKET_OCTETS, _ANCILLARY_OCTETS)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                self.stats.receive_failed += 1  # ENETDOWN: the interface went down; it is reported once
                break
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL:
                    self.stats.kernel_dropped = struct.unpack("=I", value[:4])[0]
            packets.append(self._whole(data, ancillary, sender))
            octets += len(data)
        self.stats.received += len(packets)
        return packets

    def _whole(self, data: bytes, ancillary: Ancillary, sender: Any) -> bytes:
        """The IP packet: a raw IPv4 socket hands over just that."""
        return data

    def send(self, destination: int, payload: bytes) -> bool:
        """One OSPF packet from the interface's address; False (and counted) if the kernel refuses it.
        OspfForbiddenSend, unsent, for anything that could carry an LSA."""
        check_octets(payload)
        try:
            self._socket.sendto(payload, (address_text(destination), 0))
        except OSError:
            self.stats.send_failed += 1
            return False
        self.stats.sent += 1
        return True

    def close(self) -> None:
        self._socket.close()


def _interface_address(s: socket.socket, interface: str) -> int:
    request = struct.pack("=16s16x8x", interface.encode()[:15])
    try:
        answer = fcntl.ioctl(s.fileno(), SIOCGIFADDR, request)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise OspfAttachError(
                f"{interface}: has no IPv4 address; the listener needs one in the routers' subnet"
            ) from error
        raise
    return int.from_bytes(answer[20:24], "big")


class UdpAttachment:
    """`udp://127.0.0.1:PORT`: one IP packet per datagram, loopback only, no privileges.

    `address` is the listener's own behind it: as configured, else the last address of the first Hello's subnet
    that its sender does not have.
    """

    def __init__(self, url: str, address: int | None = None) -> None:
        host, port = _loopback(url)
        self.stats = AttachmentStats()
        self._address = address
        self._peers: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._peer_of: dict[int, tuple[str, int]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self._socket.setblocking(False)
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise OspfAttachError(f"{url}: {os.strerror(error.errno or 0)}") from error

    @property
    def port(self) -> int:
        """The port bound (of use after asking for port 0)."""
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def address(self) -> int:
        """Source address of what we send, 0 as long as it is not known."""
        return self._address or 0

    @property
    def point_to_point(self) -> bool:
        return False

    @property
    def mtu(self) -> int:
        """Unknown: 0."""
        return 0

    def is_current(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> list[bytes]:
        """IP packets waiting, at most BATCH_PACKETS or a little over BATCH_OCTETS."""
        packets: list[bytes] = []
        octets = 0
        while len(packets) < BATCH_PACKETS and octets < BATCH_OCTETS:
            try:
                data, peer = self._socket.recvfrom(PACKET_OCTETS)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                self.stats.receive_failed += 1  # ECONNREFUSED of an earlier send: a peer went away
                continue
            octets += len(data)
            if self._learn(data, peer):
                packets.append(data)
        self.stats.received += len(packets)
        return packets

    def _learn(self, data: bytes, peer: tuple[str, int]) -> bool:
        if peer not in self._peers:
            if not peer[0].startswith("127.") or len(self._peers) >= MAX_PEERS:
                self.stats.peers_refused += 1
                return False
            self._peers[peer] = None
        try:
            source, _, payload = ip_payload(data)
            if len(self._peer_of) < MAX_PEERS or source in self._peer_of:
                self._peer_of[source] = peer
            if self._address is None:
                body = decode_packet(payload).body
                if isinstance(body, Hello):
                    self._address = _free_address(source, body.mask)
        except OspfDecodeError:
            return True  # the listener counts it
        return True

    def send(self, destination: int, payload: bytes) -> bool:
        """To the peer that has the address, multicast to every peer heard. OspfForbiddenSend as above."""
        check_octets(payload)
        peer = self._peer_of.get(destination)
        peers = [peer] if peer is not None else list(self._peers)
        packet = build_ip_packet(self.address, destination, payload)
        ok = bool(peers)
        for each in peers:
            try:
                self._socket.sendto(packet, each)
            except OSError:
                ok = False
        if ok:
            self.stats.sent += 1
        else:
            self.stats.send_failed += 1
        return ok

    def close(self) -> None:
        self._socket.close()


def _loopback(url: str) -> tuple[str, int]:
    host, colon, port = url.removeprefix(UDP_SCHEME).rpartition(":")
    if not url.startswith(UDP_SCHEME) or not colon or not port.isdigit() or int(port) > 65535:
        raise OspfAttachError(f"{url}: expected udp://127.0.0.1:PORT")
    if host != "localhost" and not host.startswith("127."):
        raise OspfAttachError(f"{url}: only 127.0.0.0/8, since anybody could announce routes there")
    return ("127.0.0.1" if host == "localhost" else host), int(port)


def _free_address(taken: int, mask: int) -> int:
    length = mask_length(mask)
    if length < 0 or length > 30:
        return taken ^ 1
    last = (taken | (mask ^ 0xFFFFFFFF)) - 1
    return last if last != taken else last - 1


def open_attachment(config: AttachConfig) -> RawAttachment | UdpAttachment:
    """The socket for one attachment. OspfAttachError if it cannot be opened."""
    if config.is_udp:
        return UdpAttachment(config.interface, config.address_number)
    return RawAttachment(config.interface, config.receive_buffer_octets)
