"""UDP input: a thread that only receives, into a bounded queue; decoding is somebody else's and may be late.

SO_RCVBUF is raised as far as the kernel lets (the size obtained is a statistic); datagrams the kernel dropped
(SO_RXQ_OVFL) and those the full queue refused are counted.
"""

from __future__ import annotations

import logging
import select
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass

from gateway.config import endpoint
from gateway.errors import GatewayError

SO_RXQ_OVFL = 40  # linux/socket.h; not in the socket module
SO_RCVBUFFORCE = 33
DATAGRAM = 65535
BURST = 256  # datagrams per wake-up before the stop flag is looked at

Peer = tuple[str, int]
log = logging.getLogger(__name__)


@dataclass
class UdpStats:
    datagrams: int = 0
    queue_dropped: int = 0
    kernel_dropped: int = 0
    receive_buffer_octets: int = 0
    errors: int = 0


class UdpInput:
    """One listening socket and its thread.  Inert until `start`."""

    def __init__(self, url: str, queue: deque[tuple[bytes, Peer]], limit: int, receive_buffer: int) -> None:
        self.url = url
        self._queue = queue
        self._limit = limit
        self._receive_buffer = receive_buffer
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self.stats = UdpStats()

    def start(self) -> None:
        """Bind and begin to receive; GatewayError names the address and the remedy."""
        scheme, host, port = endpoint(self.url)
        if scheme != "udp":
            raise GatewayError(f"collect.ipfix: {self.url}: only udp:// is received so far")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
            try:
                sock.setsockopt(socket.SOL_SOCKET, option, self._receive_buffer)
                break
            except PermissionError:
                continue
        sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        sock.settimeout(0.0)
        try:
            sock.bind((host, port))
        except OSError as error:
            sock.close()
            raise GatewayError(
                f"collect.ipfix: {self.url}: {error.strerror}; is another collector running, is the address ours?"
            ) from error
        self.stats.receive_buffer_octets = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._socket = sock
        self._thread = threading.Thread(target=self._run, name=f"receive {self.url}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2.0)
        if self._socket is not None:
            self._socket.close()

    def _run(self) -> None:
        sock = self._socket
        assert sock is not None
        while not self._stop.is_set():
            if not select.select([sock], [], [], 0.25)[0]:
                continue
            for _ in range(BURST):
                try:
                    data, ancillary, _, peer = sock.recvmsg(DATAGRAM, 64)
                except BlockingIOError:
                    break
                except OSError:
                    self.stats.errors += 1
                    break
                for level, kind, value in ancillary:
                    if level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL:
                        self.stats.kernel_dropped = struct.unpack("I", value[:4])[0]
                self.stats.datagrams += 1
                if len(self._queue) >= self._limit:
                    self.stats.queue_dropped += 1
                else:
                    self._queue.append((data, (peer[0], peer[1])))
