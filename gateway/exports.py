"""Exporting processes of `[[export]]`, one UDP sender each."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict
from typing import Any

from exporters.process import ExportingProcess
from exporters.profiles import APPLICATION_NAMES, INTERFACE_NAMES, LINK_FLOW_V4, LINK_TEMPLATES
from exporters.udp import UdpSender
from gateway.batch import HopBatch
from gateway.config import Export, endpoint
from gateway.errors import GatewayError
from gateway.publish import application_columns, interface_columns, link_flow_columns
from gateway.published import Published

ODID = 1
BURST = 24  # datagrams
MOST_WAITING = 100_000  # datagrams, some 140 MB; the oldest go first
PAUSE = 0.005  # s: 4,800 datagrams a second, some 70,000 records


class _Destination:
    def __init__(self, reactor: Any, config: Export) -> None:
        scheme, host, port = endpoint(config.to)
        if scheme != "udp":
            raise GatewayError(f"export.to: {config.to}: only udp:// is exported so far")
        self.process = ExportingProcess(
            ODID, LINK_TEMPLATES, template_refresh_seconds=config.template_refresh_seconds
        )
        self.sender = UdpSender(host, port)
        self._reactor = reactor
        self._timer: Any = None
        self._waiting: deque[bytes] = deque()
        self.dropped = 0  # datagrams that came faster than the pace lets go
        self._pump_call: Any = None

    def send(self, hops: HopBatch, published: Published, now: float) -> None:
        """Names first, then the records (a collector that learns a name late shows a number)."""
        self.process.set_options(APPLICATION_NAMES, application_columns(published))
        self.process.set_options(INTERFACE_NAMES, interface_columns(published))
        self.process.add(LINK_FLOW_V4, link_flow_columns(hops), now)
        self._turn(now)

    def _turn(self, now: float) -> None:
        self._waiting.extend(self.process.datagrams_to_send(now))
        while len(self._waiting) > MOST_WAITING:  # the collector sees the gap in the sequence numbers
            self._waiting.popleft()
            self.dropped += 1
        if self._pump_call is None:
            self._pump()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        due = self.process.next_timeout()
        if due is not None:
            self._timer = self._reactor.callLater(max(due - now, 0.005), self._timeout)

    def _pump(self) -> None:
        """A collector's socket holds about a hundred datagrams by default: never more than a burst at once."""
        reopened = self.sender.stats.reopened
        self.sender.send([self._waiting.popleft() for _ in range(min(BURST, len(self._waiting)))])
        if self.sender.stats.reopened != reopened:  # another source address: to the collector a new session
            self.process.begin_session()
        self._pump_call = self._reactor.callLater(PAUSE, self._pump) if self._waiting else None

    def _timeout(self) -> None:
        now = time.time()
        self.process.handle_timeout(now)
        self._turn(now)

    def stop(self) -> None:
        for call in (self._timer, self._pump_call):
            if call is not None and call.active():
                call.cancel()
        self.sender.send(list(self._waiting))
        self.sender.close()


class Exports:
    """All destinations; without `[[export]]` it does nothing and `route` is never asked."""

    def __init__(self, reactor: Any, config: tuple[Export, ...]) -> None:
        self._reactor = reactor
        self._config = config
        self._destinations: list[_Destination] = []

    def start(self) -> None:
        self._destinations = [_Destination(self._reactor, one) for one in self._config]

    def stop(self) -> None:
        for one in self._destinations:
            one.stop()

    def send(self, hops: HopBatch, published: Published, now: float) -> None:
        for one in self._destinations:
            one.send(hops, published, now)

    def stats(self) -> dict[str, float]:
        """Counters of all destinations, summed."""
        sums: dict[str, float] = {"destinations": len(self._destinations)}
        for one in self._destinations:
            for name, value in (*asdict(one.process.stats).items(), *asdict(one.sender.stats).items()):
                sums[name] = sums.get(name, 0) + value
            sums["dropped_waiting"] = sums.get("dropped_waiting", 0) + one.dropped
        return sums
