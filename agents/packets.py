"""TPACKET_V2 frames as columns: what the "not tcp" ring saw, with layer 3 octets.

Covered: IPv4 with options and fragments, IPv6 with the extension headers of RFC 8200 (hop-by-hop, routing,
fragment, destination, AH), UDP/UDP-Lite/SCTP/DCCP ports, ICMP echo identifiers, segmentation offload: a
frame that the card (or the kernel, later) cuts into n datagrams counts as n packets with n headers, known
from the virtio header in front of each frame (PACKET_VNET_HDR). Left out: what the snap length cut off (a
chain of extension headers longer than it: ports 0), IPv6 jumbograms, tunnels' inner headers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

I8 = NDArray[np.int64]
Reader = Callable[[I8, str], I8]  # a column at an offset per row
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
PORT_PROTOCOLS = (TCP, UDP, 33, 132, 136)  # TCP, UDP, DCCP, SCTP, UDP-Lite
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
EXTENSIONS = (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION)
MOST_EXTENSIONS = 8
PACKET_HOST, PACKET_OUTGOING = 0, 4  # sll_pkttype
VNET_HEADER_OCTETS = 10
GSO_UDP_L4 = 5
STATUS_VLAN_VALID = 1 << 4
# struct tpacket2_hdr, then struct sockaddr_ll at 32
STATUS, MAC, NET, SECONDS, NANOSECONDS, LINK_LAYER = 0, 12, 14, 16, 20, 32


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What makes a flow one; addresses are 16 octets, ports in host order."""

    version: int
    protocol: int
    local: bytes
    remote: bytes
    local_port: int
    remote_port: int


@dataclass(frozen=True)
class Packets:
    """One row per packet; addresses 16 octets (IPv4 in the first four), octets are the IP total length."""

    time: NDArray[np.float64]
    until: NDArray[np.float64]  # the last packet's time where several were put together
    interface: I8
    direction: I8  # sll_pkttype: 0 to us, 4 outgoing, others broadcast, multicast, somebody else's
    tagged: NDArray[np.bool_]  # a VLAN tag was taken off: the VLAN's own interface shows the packet again
    version: NDArray[np.uint8]
    protocol: I8
    source: NDArray[np.uint8]
    destination: NDArray[np.uint8]
    source_port: I8  # echo identifier for ICMP echo, 0 where there are no ports
    destination_port: I8
    traffic_class: I8
    octets: I8
    packets: I8
    fragment_key: I8  # identification of a fragment, -1 = not fragmented
    first_fragment: NDArray[np.bool_]  # carries the ports

    def __len__(self) -> int:
        return len(self.time)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Packets:
        """The rows of an index or a mask."""
        return Packets(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


def decode_frames(frames: NDArray[np.uint8]) -> Packets:
    """Frames of a ring, uint8 (n, frame octets), each with its tpacket2 header.

    Frames that are not IP are left out.
    """
    frames = np.ascontiguousarray(frames)
    count, width = frames.shape
    rows = np.arange(count)

    def at(offset: I8, dtype: str) -> I8:
        size = np.dtype(dtype).itemsize
        index = np.minimum(offset[:, None] + np.arange(size), width - 1)
        return np.ascontiguousarray(frames[rows[:, None], index]).view(dtype).reshape(-1).astype(np.int64)

    def fixed(offset: int, dtype: str) -> I8:
        return _fixed(frames, offset, dtype)

    mac, net = fixed(MAC, "u2"), fixed(NET, "u2")
    ethertype = fixed(LINK_LAYER + 2, ">u2")
    version = np.where(ethertype == 0x0800, 4, np.where(ethertype == 0x86DD, 6, 0)).astype(np.uint8)
    v4, v6 = version == 4, version == 6
    first = at(net, "u1")
    octets = np.where(v4, at(net + 2, ">u2"), at(net + 4, ">u2") + 40)
    traffic = np.where(v4, at(net + 1, "u1"), at(net, ">u2") >> 4 & 0xFF)
    protocol = np.where(v4, at(net + 9, "u1"), at(net + 6, "u1"))
    transport = net + np.where(v4, (first & 15) * 4, 40)
    flags = at(net + 6, ">u2")
    fragmented = v4 & ((flags & 0x3FFF) != 0)
    leading = (flags & 0x1FFF) == 0
    key = np.where(fragmented, at(net + 4, ">u2"), -1)
    first_fragment = np.where(v4, leading, True)
    for row in np.flatnonzero(v6 & np.isin(protocol, EXTENSIONS)):
        walked = _walk(frames[row], int(net[row]), int(protocol[row]))
        protocol[row], transport[row], key[row], first_fragment[row] = walked
    source, destination = np.zeros((count, 16), np.uint8), np.zeros((count, 16), np.uint8)
    for mask, offset, size in ((v4, 12, 4), (v6, 8, 16)):
        index = net[mask][:, None] + offset + np.arange(size)
        source[mask, :size] = frames[rows[mask][:, None], np.minimum(index, width - 1)]
        destination[mask, :size] = frames[rows[mask][:, None], np.minimum(index + size, width - 1)]
    ports = np.isin(protocol, PORT_PROTOCOLS) & first_fragment
    source_port = np.where(ports, at(transport, ">u2"), 0)
    destination_port = np.where(ports, at(transport + 2, ">u2"), 0)
    kind = at(transport, "u1")
    echo = ((protocol == ICMP) & ((kind == 8) | (kind == 0))) | ((protocol == ICMPV6) & ((kind == 128) | (kind == 129)))
    source_port = np.where(echo & first_fragment, at(transport + 4, ">u2"), source_port)
    octets, packets = _segments(octets, transport - net, mac, at, protocol)
    time = fixed(SECONDS, "u4") + fixed(NANOSECONDS, "u4") * 1e-9
    result = Packets(
        time=time,
        until=time,
        interface=fixed(LINK_LAYER + 4, "u4"),
        direction=fixed(LINK_LAYER + 10, "u1"),
        tagged=(fixed(STATUS, "u4") & STATUS_VLAN_VALID) != 0,
        version=version,
        protocol=protocol,
        source=source,
        destination=destination,
        source_port=source_port,
        destination_port=destination_port,
        traffic_class=traffic,
        octets=octets,
        packets=packets,
        fragment_key=key,
        first_fragment=first_fragment,
    )
    return result.take(version != 0)


def collapse(packets: Packets) -> Packets:
    """Packets alike in everything but time, class and size as one row with the sums, in the order of their first."""
    numbers = [packets.interface, packets.direction, packets.tagged, packets.version, packets.protocol]
    numbers += [packets.source_port, packets.destination_port, packets.fragment_key]
    numbers += [packets.first_fragment]
    table = np.stack([column.astype(np.int64) for column in numbers], axis=1)
    key = np.concatenate([table.view(np.uint8), packets.source, packets.destination], axis=1)
    alike = np.ascontiguousarray(key).view(np.dtype((np.void, key.shape[1]))).reshape(-1)
    _, index, inverse = np.unique(alike, return_index=True, return_inverse=True)
    order = np.argsort(index)
    octets, count = np.zeros(len(index), np.int64), np.zeros(len(index), np.int64)
    until = np.zeros(len(index), np.float64)
    np.add.at(octets, inverse, packets.octets)
    np.add.at(count, inverse, packets.packets)
    np.maximum.at(until, inverse, packets.until)
    chosen = packets.take(index[order])
    return replace(chosen, octets=octets[order], packets=count[order], until=until[order])


def _fixed(frames: NDArray[np.uint8], offset: int, dtype: str) -> I8:
    size = np.dtype(dtype).itemsize
    return np.ascontiguousarray(frames[:, offset : offset + size]).view(dtype).reshape(-1).astype(np.int64)


def _segments(octets: I8, network_header: I8, mac: I8, at: Reader, protocol: I8) -> tuple[I8, I8]:
    """Octets and packets after segmentation: every segment repeats the headers, only the payload is cut."""
    kind = at(mac - VNET_HEADER_OCTETS + 1, "u1") & 0x7F
    size = at(mac - VNET_HEADER_OCTETS + 4, "u2")
    header = network_header + 8
    cut = (protocol == UDP) & (kind == GSO_UDP_L4) & (size > 0) & (octets > header + size)
    segments = np.where(cut, -(-(octets - header) // np.maximum(size, 1)), 1)
    return octets + (segments - 1) * np.where(cut, header, 0), segments


def _walk(frame: NDArray[np.uint8], net: int, protocol: int) -> tuple[int, int, int, bool]:
    """Through IPv6 extension headers: protocol, offset of its header, fragment key, whether the ports are there."""
    octets = frame.tobytes()
    offset, key, first = net + 40, -1, True  # RFC 8200 4
    for _ in range(MOST_EXTENSIONS):
        if protocol not in EXTENSIONS or offset + 8 > len(octets):
            break
        length = octets[offset + 1]
        if protocol == FRAGMENT:  # RFC 8200 4.5
            key = int.from_bytes(octets[offset + 4 : offset + 8], "big")
            first = int.from_bytes(octets[offset + 2 : offset + 4], "big") & 0xFFF8 == 0
            step = 8
        else:
            step = (length + 2) * 4 if protocol == AUTHENTICATION else (length + 1) * 8
        protocol, offset = octets[offset], offset + step
        if not first:
            break
    return protocol, min(offset, len(octets) - 1), key, first


def opening_endpoints(packet: bytes) -> Endpoints | None:
    """End points of a SYN of ours, from its network header on; None when it is cut too short."""
    if len(packet) >= 40 and packet[0] >> 4 == 4:
        transport = (packet[0] & 15) * 4
        version, local, remote = 4, packet[12:16].ljust(16, b"\0"), packet[16:20].ljust(16, b"\0")
    elif len(packet) >= 60 and packet[0] >> 4 == 6:
        transport, version, local, remote = 40, 6, packet[8:24], packet[24:40]
    else:
        return None
    if len(packet) < transport + 4:
        return None
    ports = (int.from_bytes(packet[transport + step : transport + step + 2], "big") for step in (0, 2))
    return Endpoints(version, TCP, local, remote, *ports)
