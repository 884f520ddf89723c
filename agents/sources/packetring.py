"""The "not tcp" ring: AF_PACKET with TPACKET_V2, mapped, read as numpy (needs CAP_NET_RAW).

The kernel filters (agents.packetfilter), cuts every packet to its headers and writes it into the ring;
reading is one gather per batch.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import struct
from dataclasses import dataclass

import numpy as np

from agents.packetfilter import INSTRUCTION, not_tcp_program, opening_program
from agents.packets import Endpoints, Packets, decode_frames, opening_endpoints

SOL_PACKET = 263
PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_VNET_HDR = 5, 6, 10, 15
TPACKET_V2 = 1
SO_ATTACH_FILTER = 26
ETH_P_ALL = 3
STATUS_USER = 1
FRAME_OCTETS = 256  # header 80, virtio header 10, link header 14 and the snap length
SNAP_OCTETS = 96 + 14
BLOCK_OCTETS = 64 * 1024
FRAMES = 8192  # 2 MB


def _attach(sock: socket.socket, program: bytes) -> None:
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // INSTRUCTION.size, ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, header)


@dataclass
class RingStats:
    """Packets the kernel put in and those it had no room for."""

    packets: int = 0
    dropped: int = 0


class PacketRing:
    """Raises PermissionError without CAP_NET_RAW, OSError when the kernel has no packet sockets."""

    def __init__(self) -> None:
        self.stats = RingStats()
        # what arrives before the ring is in place goes to the socket's queue, which the ring's set-up empties
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_PACKET, kind, socket.htons(ETH_P_ALL))
        try:
            _attach(self._socket, not_tcp_program(SNAP_OCTETS))
            self._socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
            self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            blocks = FRAMES * FRAME_OCTETS // BLOCK_OCTETS
            request = struct.pack("=4I", BLOCK_OCTETS, blocks, FRAME_OCTETS, FRAMES)
            self._socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
            self._map = mmap.mmap(self._socket.fileno(), FRAMES * FRAME_OCTETS, mmap.MAP_SHARED)
        except OSError:
            self._socket.close()
            raise
        self._ring = np.frombuffer(self._map, np.uint8).reshape(FRAMES, FRAME_OCTETS)
        self._status = self._ring[:, :4].view(np.uint32).reshape(-1)
        self._head = 0

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> Packets | None:
        """Everything in the ring; None when it is empty."""
        ready = np.concatenate([self._status[self._head :], self._status[: self._head]]) & STATUS_USER
        count = int(FRAMES if ready.all() else ready.argmin())
        if not count:
            return None
        index = (self._head + np.arange(count)) % FRAMES
        frames = self._ring[index]
        self._status[index] = 0
        self._head = (self._head + count) % FRAMES
        return decode_frames(frames)

    def count_drops(self) -> None:
        """Fetch the kernel's counters (they reset by being read)."""
        packets, drops = struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.stats.packets += packets
        self.stats.dropped += drops

    def close(self) -> None:
        self._socket.close()


class OpeningTap:
    """The SYNs this host sends, as a wake-up: an ordinary packet socket; what does not fit its queue does not matter.

    Raises PermissionError without CAP_NET_RAW, OSError when the kernel has no packet sockets.
    """

    def __init__(self) -> None:
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_PACKET, kind, socket.htons(ETH_P_ALL))
        try:
            _attach(self._socket, opening_program(SNAP_OCTETS))
        except OSError:
            self._socket.close()
            raise
        self.drain()  # what came before the filter

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> list[Endpoints]:
        """End points of every SYN that waits, the oldest first."""
        found: list[Endpoints] = []
        while True:
            try:
                packet = self._socket.recv(SNAP_OCTETS)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise
                continue
            endpoints = opening_endpoints(packet)
            if endpoints is not None:
                found.append(endpoints)

    def close(self) -> None:
        self._socket.close()
