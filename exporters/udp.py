"""`UdpSender`: the thin shell between an exporting process and a UDP socket (standard library only)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SEND_BUFFER_OCTETS: Final = 1 << 20
# what a connected socket answers for ever once the address it sends from has left the host
NO_WAY: Final = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EINVAL))


@dataclass
class SenderStats:
    """Datagrams handed to the kernel and those that were not."""

    sent: int = 0
    octets: int = 0
    dropped_full: int = 0  # the socket's buffer was full
    dropped_error: int = 0  # the kernel refused: unreachable, too long, interface down
    reopened: int = 0  # the host's address or route had changed: a new socket, for the collector a new session


class UdpSender:
    """Connected non-blocking UDP socket. Raises OSError only from the constructor (name not resolvable)."""

    def __init__(self, host: str, port: int) -> None:
        self.stats = SenderStats()
        self.last_error = ""
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self._family = family
        self._socket = _open(family)
        self._address = address
        self._connected = False

    @property
    def local_address(self) -> tuple[str, int]:
        """Address and port that datagrams leave from, ("", 0) before the first one."""
        if not self._connected:
            return "", 0
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    def send(self, datagrams: Sequence[bytes]) -> int:
        """Hand datagrams to the kernel; returns how many it took. What it did not take is dropped and counted.

        An ICMP "port unreachable" for an earlier datagram shows up as an error of a later send; that
        datagram is tried once more. So is one that has no way from the address the socket was connected
        with, on a new socket.
        """
        sent = 0
        for datagram in datagrams:
            if self._one(datagram):
                sent += 1
                self.stats.octets += len(datagram)
        self.stats.sent += sent
        return sent

    def _one(self, datagram: bytes) -> bool:
        for _ in range(2):
            try:
                if not self._connected:  # a network that is not up yet must not stop the start
                    self._socket.connect(self._address)
                    self._connected = True
                self._socket.send(datagram)
                return True
            except BlockingIOError:
                self.stats.dropped_full += 1
                return False
            except ConnectionRefusedError as error:
                self.last_error = str(error)
            except OSError as error:
                self.last_error = str(error)
                if error.errno not in NO_WAY or not self._connected:
                    break
                self._socket.close()
                self._socket, self._connected = _open(self._family), False
                self.stats.reopened += 1
        self.stats.dropped_error += 1
        return False

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()


def _open(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_OCTETS)
    return sock
