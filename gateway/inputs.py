"""Everything that receives flow datagrams, and the one bounded queue they share."""

from __future__ import annotations

from collections import deque

from gateway.config import Collect
from gateway.udp import Peer, UdpInput


class Inputs:
    """The listening sockets of `[collect]`."""

    def __init__(self, config: Collect) -> None:
        self._queue: deque[tuple[bytes, Peer]] = deque()
        self._inputs = [
            UdpInput(url, self._queue, config.queue_datagrams, config.receive_buffer_octets)
            for url in config.ipfix
        ]

    def start(self) -> None:
        for one in self._inputs:
            one.start()

    def stop(self) -> None:
        for one in self._inputs:
            one.stop()

    def take(self, limit: int) -> list[tuple[bytes, Peer]]:
        """Up to `limit` datagrams, oldest first."""
        count = min(limit, len(self._queue))
        return [self._queue.popleft() for _ in range(count)]

    def stats(self) -> dict[str, float]:
        """Counters of all sockets, summed."""
        names = ("datagrams", "queue_dropped", "kernel_dropped", "receive_buffer_octets", "errors")
        sums: dict[str, float] = {n: sum(getattr(i.stats, n) for i in self._inputs) for n in names}
        sums["queued"] = len(self._queue)
        return sums
