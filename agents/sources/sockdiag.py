"""Netlink sockets for sock_diag.

Dumps on one, destroy events on another (no capability needed for either).
"""

from __future__ import annotations

import errno
import socket
import sys
from dataclasses import dataclass
from itertools import count

from agents.errors import NetlinkError
from agents.inetdiag import (
    AF_INET,
    AF_INET6,
    ALL_STATES,
    IPPROTO_TCP,
    IPPROTO_UDP,
    TCP_STATES,
    OneSocket,
    Sockets,
    concatenate,
    decode_one,
    decode_sockets,
    dump_request,
    get_request,
)
from agents.netlink import NLMSG_DONE, NLMSG_ERROR, error_number, messages
from agents.packets import Endpoints

NETLINK_SOCK_DIAG = 4
TCP_DESTROY_GROUPS = 1 << (1 - 1) | 1 << (3 - 1)  # SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY
SO_RCVBUFFORCE = 33
READ_OCTETS = 256 * 1024
EVENT_BUFFER_OCTETS = 8 * 1024 * 1024  # more than 6,000 events
EVENTS_PER_DRAIN = 65_536
_sequences = count(1)


def netlink_dump(sock: socket.socket, message: bytes) -> list[bytes]:
    """Send a dump request and read until DONE; answers to an earlier request that was given up are passed over.

    Raises NetlinkError when the kernel refuses, OSError when the socket fails."""
    sequence = _send(sock, message)
    chunks: list[bytes] = []
    while True:
        chunk = _receive(sock, sequence)
        chunks.append(chunk)
        for kind, _, start, end in messages(chunk):
            if kind == NLMSG_DONE:
                return chunks
            if kind == NLMSG_ERROR:
                number = error_number(chunk, start, end)
                if number:
                    raise NetlinkError(number, f"netlink: {errno.errorcode.get(number, number)}")
                return chunks


def _send(sock: socket.socket, message: bytes) -> int:
    """Send a request under a sequence number of its own, which is returned."""
    sequence = next(_sequences) & 0xFFFFFFFF
    sock.send(message[:8] + sequence.to_bytes(4, sys.byteorder) + message[12:])
    return sequence


def _receive(sock: socket.socket, sequence: int) -> bytes:
    """The next buffer that answers a request."""
    while True:
        chunk = sock.recv(READ_OCTETS)
        if int.from_bytes(chunk[8:12], sys.byteorder) == sequence:
            return chunk


@dataclass
class EventStats:
    """Destroy events received.

    And how often the kernel's queue overflowed (each time an unknown number is lost).
    """

    events: int = 0
    overflows: int = 0


class SocketDump:
    """Dumps of this network namespace's TCP and UDP sockets."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
        self._socket.settimeout(5.0)

    def _dump(self, protocol: int, states: int) -> Sockets:
        parts = [
            decode_sockets(netlink_dump(self._socket, dump_request(family, protocol, states)))
            for family in (AF_INET, AF_INET6)
        ]
        return concatenate(parts)

    def tcp(self, states: int = TCP_STATES) -> Sockets:
        """All TCP sockets in the given states, listeners included, TIME_WAIT left out."""
        return self._dump(IPPROTO_TCP, states)

    def udp(self) -> Sockets:
        """All UDP sockets."""
        return self._dump(IPPROTO_UDP, ALL_STATES)

    def one(self, endpoints: Endpoints) -> OneSocket | None:
        """The socket that the end points belong to now; None when there is none."""
        ends = endpoints
        request = get_request(ends.version, ends.protocol, ends.local, ends.local_port, ends.remote, ends.remote_port)
        return decode_one(_receive(self._socket, _send(self._socket, request)))

    def close(self) -> None:
        self._socket.close()


class DestroyEvents:
    """The stream of TCP sockets that ceased to be, with their final counters."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, EVENT_BUFFER_OCTETS)
        except PermissionError:  # CAP_NET_ADMIN
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, EVENT_BUFFER_OCTETS)
        self.buffer_octets = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._socket.bind((0, TCP_DESTROY_GROUPS))
        self._socket.setblocking(False)
        self.stats = EventStats()

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> Sockets:
        """Everything queued since the last call."""
        chunks: list[bytes] = []
        receive = self._socket.recv
        while len(chunks) < EVENTS_PER_DRAIN:
            try:
                chunks.append(receive(8192))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.stats.overflows += 1
        self.stats.events += len(chunks)
        return decode_sockets(chunks)

    def close(self) -> None:
        self._socket.close()
