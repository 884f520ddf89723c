"""The simulated neighbours' IO: routers and agents on loopback UDP, in a thread of their own.

All protocol is in `gateway.demo.routers` and `gateway.demo.hosts`; here are sockets, the clock and the
story's scenes. The routers speak from `start`, the hosts from `begin`, when the gateway is known to listen.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from dataclasses import dataclass

from gateway.demo.area import SimulatedArea
from gateway.demo.enterprise import LISTENING_LAN, conversations
from gateway.demo.hosts import SimulatedAgent, agents_of
from gateway.demo.network import Network
from gateway.demo.routers import SimulatedLan
from gateway.demo.story import Moment, backup_windows, moment, next_change, stage

Endpoint = tuple[str, int]

TELLINGS = 288  # of five minutes: a day
LONGEST_SLEEP = 0.5  # seconds
DATAGRAM = 65535
STOP_SECONDS = 5.0


@dataclass
class FeedStats:
    packets_sent: int = 0
    packets_received: int = 0
    datagrams_sent: int = 0
    refused: int = 0  # by our own kernel: the send buffer was full


class Feed:
    """Everything around the gateway; inert until started."""

    def __init__(self, network: Network, attach: Endpoint, collector: Endpoint, interval: float = 2.0) -> None:
        self.network = network
        self.stats = FeedStats()
        self.failure: Exception | None = None
        self.lan: SimulatedLan | None = None
        self._attach, self._collector = attach, collector
        self._interval = interval
        self._talks = conversations(network, backup_windows(TELLINGS))
        self._agents: list[tuple[SimulatedAgent, socket.socket]] = []
        self._wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._wake, self._waker = socket.socketpair()
        self._stopping = threading.Event()
        self._begun: float | None = None
        self._thread = threading.Thread(target=self._run, name="demo-feed", daemon=True)

    def start(self) -> None:
        """The routers begin to speak."""
        self._wire.bind(("127.0.0.1", 0))
        self._wire.setblocking(False)
        self._wake.setblocking(False)
        self._thread.start()

    def begin(self) -> None:
        """The hosts begin to work, and the story with them."""
        self._begun = time.time()
        self._waker.send(b"!")

    def stop(self) -> None:
        """Stop the thread and close every socket; safe at any time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._waker.send(b"!")
            self._thread.join(STOP_SECONDS)
        for each in (self._wire, self._wake, self._waker, *(sock for _, sock in self._agents)):
            each.close()

    @property
    def story_time(self) -> float:
        """Seconds since the story began, 0 before."""
        return 0.0 if self._begun is None else time.time() - self._begun

    def moment(self) -> Moment:
        return moment(self.story_time)

    # -- the thread ---------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:  # told by whoever runs the feed
            self.failure = error

    def _loop(self) -> None:
        area = SimulatedArea(self.network, time.time())
        lan = self.lan = SimulatedLan(area, LISTENING_LAN, time.time())
        scene_until = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(self._wire, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._stopping.is_set():
                now = time.time()
                if self._begun is not None:
                    if not self._agents:
                        self._hire(self._begun)
                    if now - self._begun >= scene_until:
                        scene = moment(now - self._begun).scene
                        scene_until = next_change(now - self._begun)
                        lan.flood(area.change(stage(self.network, scene), now), now)
                lan.handle_timeout(now)
                self._speak(lan, now)
                self._report(now)
                due = [lan.next_timeout(), *(agent.next_timeout() for agent, _ in self._agents)]
                if self._begun is not None:
                    due.append(self._begun + scene_until)
                selector.select(max(0.0, min(LONGEST_SLEEP, min(due) - time.time())))
                self._hear(lan)
                self._speak(lan, time.time())

    def _hire(self, origin: float) -> None:
        """An agent and a socket for every host."""
        for agent in agents_of(self.network, self._talks, origin=origin, interval=self._interval):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            self._agents.append((agent, sock))

    def _send(self, sock: socket.socket, data: bytes, to: Endpoint) -> bool:
        try:
            sock.sendto(data, to)
        except (BlockingIOError, ConnectionRefusedError):
            self.stats.refused += 1
            return False
        return True

    def _speak(self, lan: SimulatedLan, now: float) -> None:
        for packet in lan.packets_to_send(now):
            self.stats.packets_sent += self._send(self._wire, packet, self._attach)

    def _hear(self, lan: SimulatedLan) -> None:
        for sock in (self._wake, self._wire):
            while True:
                try:
                    packet = sock.recv(DATAGRAM)
                except (BlockingIOError, ConnectionRefusedError):
                    break
                if sock is self._wire:
                    self.stats.packets_received += 1
                    lan.receive(packet, time.time())

    def _report(self, now: float) -> None:
        for agent, sock in self._agents:
            agent.handle_timeout(now)
            for datagram in agent.datagrams_to_send(now):
                self.stats.datagrams_sent += self._send(sock, datagram, self._collector)
