"""A wire without a socket: the simulated routers of a LAN and a real listener, packets handed across."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.demo.area import SimulatedArea
from gateway.demo.network import Network, address
from gateway.demo.routers import SimulatedLan
from ospf.config import AttachConfig
from ospf.events import Event
from ospf.listener import Listener
from ospf.packets import build_ip_packet

LISTENER_ADDRESS = address("10.0.100.254")
MAX_ROUNDS = 10_000


class Wire:
    """Both ends and the time they share."""

    def __init__(
        self,
        network: Network,
        lan: str,
        now: float,
        *,
        mode: str = "burst",
        lose: Callable[[bytes], bool] = lambda packet: False,
    ) -> None:
        self.now = now
        self.area = SimulatedArea(network, now)
        self.lan = SimulatedLan(self.area, lan, now)
        self.listener = Listener(AttachConfig("udp://127.0.0.1:1", mode=mode), now)  # type: ignore[arg-type]
        self.events: list[Event] = []
        self.crossed = 0
        self._lose = lose

    def exchange(self) -> None:
        """Hand packets across until both ends are silent."""
        for _ in range(MAX_ROUNDS):
            spoken = False
            for packet in self.lan.packets_to_send(self.now):
                spoken = True
                self.crossed += 1
                if not self._lose(packet):
                    self.listener.receive(packet, self.now)
            for destination, payload in self.listener.packets_to_send(self.now):
                spoken = True
                packet = build_ip_packet(LISTENER_ADDRESS, destination, payload)
                self.crossed += 1
                if not self._lose(packet):
                    self.lan.receive(packet, self.now)
            if not spoken:
                self.events += self._told()
                return
        raise AssertionError("the two ends never stop talking")

    def _told(self) -> Iterator[Event]:
        while (event := self.listener.next_event()) is not None:
            yield event

    def run_until(self, end: float) -> None:
        """Let time pass, stopping wherever one of the two has something due."""
        for _ in range(MAX_ROUNDS):
            self.exchange()
            due = min(self.lan.next_timeout(), self.listener.next_timeout() or end)
            if due > end:
                self.now = end
                self.exchange()
                return
            self.now = max(self.now, due)
            self.lan.handle_timeout(self.now)
            self.listener.handle_timeout(self.now)
        raise AssertionError("timers never rest")

    def change(self, network: Network) -> None:
        """Another state of the network, flooded now."""
        self.lan.flood(self.area.change(network, self.now), self.now)
        self.exchange()
