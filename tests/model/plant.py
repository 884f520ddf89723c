"""The whole gateway without a socket: simulated routers and agents in, `Published` out, and the truth beside it.

Time is virtual.  LSAs go through a real listener, datagrams through the real collector; the truth is computed from
what the conversations really did (`tests.model.truth`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.config import parse
from gateway.demo.hosts import SimulatedAgent, received
from gateway.demo.network import Network
from gateway.demo.traffic import Conversation, pieces
from gateway.pipeline import Pipeline
from gateway.published import Published
from ospf.events import LsdbChanged
from ospf.topology import build_topology
from tests.model.truth import Loads, Sent, loads
from tests.model.wire import Wire

OVERHEAD = 14
STEP = 0.25  # virtual seconds


@dataclass
class Change:
    """From `time` (seconds since the start) the network is another one."""

    time: float
    network: Network


@dataclass
class Plant:
    """Runs a network and its conversations for a while; `options` are keyword arguments of single agents."""

    network: Network
    lan: str
    conversations: Sequence[Conversation]
    changes: Sequence[Change] = ()
    interval: float = 2.0
    bin_seconds: float = 5.0
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    deliver: Callable[[str, bytes], Sequence[bytes]] = lambda host, datagram: (datagram,)
    start: float = 1_000_000.0
    mode: str = "burst"

    def __post_init__(self) -> None:
        self.now = self.start
        view = {"bin_seconds": self.bin_seconds, "l2_overhead_octets": OVERHEAD}
        self.pipeline = Pipeline(parse({"view": view}), self.now)
        self.wire = Wire(self.network, self.lan, self.now, mode=self.mode)
        self.sync_seconds = 6.0  # the agents begin when the topology is known
        self.origin = self.start + self.sync_seconds
        with_agent = [host for host in self.network.hosts if host.agent]
        self.agents = [
            SimulatedAgent(
                self.network, host, self.conversations, origin=self.origin, number=i, interval=self.interval,
                **self.options.get(host.name, {}),
            )
            for i, host in enumerate(with_agent)
        ]  # fmt: skip
        self._reported = dict.fromkeys((agent.host.name for agent in self.agents), 0.0)
        self._losses = {name: options.get("loss", 0.0) for name, options in self.options.items()}
        self._version = 0
        self._waiting = sorted(self.changes, key=lambda change: change.time)
        self.sent: list[Sent] = []
        self._pump()
        self._until(self.origin)

    # -- driving ------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Let the hosts work for `seconds`, then report at once what is left and go silent for 60 s."""
        end = self.origin + seconds
        while self.now < end:
            following = min(self.now + STEP, end, *(a.next_timeout() for a in self.agents))
            if self._waiting:
                following = min(following, max(self.now, self.origin + self._waiting[0].time))
            self._until(following)
            if self._waiting and self.now >= self.origin + self._waiting[0].time:
                self.wire.change(self._waiting.pop(0).network)
                self._pump()
            for number, agent in enumerate(self.agents):
                if agent.next_timeout() <= self.now:
                    self._report(number, agent)
                    agent.handle_timeout(self.now)
                    self._send(number, agent)
        for number, agent in enumerate(self.agents):
            self._report(number, agent)
            agent.report(self.now)
            self._send(number, agent)
        for _ in range(60):
            self._until(self.now + 1.0)

    def _until(self, time: float) -> None:
        self.wire.run_until(time)
        self.now = time
        self._pump()
        self.pipeline.advance(self.now)

    def _pump(self) -> None:
        events, self.wire.events = self.wire.events, []
        changed = [event for event in events if isinstance(event, LsdbChanged)]
        if changed:
            self._version += 1
            topology = build_topology(
                self.wire.listener.lsdb.lsas(self.wire.now),
                version=self._version,
                time=changed[-1].time,
                known=self.pipeline.ifindex.known_addresses(),
            )
            self.pipeline.receive_topology(topology)

    def _send(self, number: int, agent: SimulatedAgent) -> None:
        peer = ("127.0.0.1", 20000 + number)
        datagrams = [
            each for datagram in agent.datagrams_to_send(self.now) for each in self.deliver(agent.host.name, datagram)
        ]
        self.pipeline.receive_flows([(datagram, peer) for datagram in datagrams], self.now)

    # -- truth --------------------------------------------------------------------------------------

    def _report(self, number: int, agent: SimulatedAgent) -> None:
        """Note what this host sent, and what it got from hosts without an agent, since its last report."""
        name = agent.host.name
        start, end = self._reported[name], self.now - self.origin
        self._reported[name] = end
        loss = self._losses.get(name, 0.0)
        for talk in self.conversations:
            if name not in (talk.client, talk.server):
                continue
            peer = talk.server if name == talk.client else talk.client
            for p in pieces(talk, start, end):
                up, down = (p.up_octets, p.up_packets), (p.down_octets, p.down_packets)
                ours, theirs = (up, down) if name == talk.client else (down, up)
                when = (self.origin + p.start, self.origin + p.end)
                if ours[0]:
                    self.sent.append(Sent(*when, name, peer, talk.app, *ours))
                if theirs[0] and not self.network.host_by_name[peer].agent:
                    came = (received(theirs[0], loss), received(theirs[1], loss))
                    self.sent.append(Sent(*when, peer, name, talk.app, *came))

    def truth(self) -> Loads:
        """What every link carried."""
        history = [(self.start, self.network)]
        history += [(self.origin + change.time, change.network) for change in self.changes]
        return loads(history, self.sent, OVERHEAD)

    def published(self) -> Published:
        return self.pipeline.published(self.now)


@dataclass(frozen=True)
class Difference:
    link: str
    app: str
    seen: float
    true: float
    allowed: float


def cells(published: Published, *, into: bool = False) -> dict[tuple[str, str], float]:
    """(link id, application) to octets, as published."""
    table, names = published.link_apps, published.apps.name
    if into:
        raise ValueError("In is published per link only")
    return {
        (published.links.id[link], names[app]): float(octets)
        for link, app, octets in zip(table.link.tolist(), table.app.tolist(), table.octets.tolist(), strict=True)
    }


def differences(published: Published, truth: Loads, *, per_record: float = 1.0) -> list[Difference]:
    """Every cell and every link's In that is further off than rounding allows."""
    found = []
    seen = cells(published)
    for key in seen.keys() | truth.out.keys():
        allowed = 1.0 + per_record * truth.records.get(key, 0) + truth.cut_packets.get(key, 0) * OVERHEAD
        a, b = seen.get(key, 0.0), truth.out.get(key, 0.0)
        if abs(a - b) > allowed:
            found.append(Difference(*key, a, b, allowed))
    into: dict[str, float] = {}
    allowance: dict[str, float] = {}
    for (link, app), octets in truth.into.items():
        into[link] = into.get(link, 0.0) + octets
        allowance[link] = (
            allowance.get(link, 1.0)
            + 1.0
            + per_record * truth.records[link, app]
            + truth.cut_packets.get((link, app), 0) * OVERHEAD
        )
    for row, link in enumerate(published.links.id):
        a, b = float(published.links.in_octets[row]), into.get(link, 0.0)
        if abs(a - b) > allowance.get(link, 1.0):
            found.append(Difference(link, "(In)", a, b, allowance.get(link, 1.0)))
    return found
