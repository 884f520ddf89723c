"""The agents the gateway hears: where each host is attached, and up to when its reports cover it.

An agent is its random 16-octet identifier, whatever address its datagrams come from.  `covers` answers the one
question double counting turns on: was the sender of these octets itself reporting at that time?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest

import numpy as np
from numpy.typing import NDArray

from gateway.published import Agent
from ospf.wire import address_text

U4 = NDArray[np.uint32]
MAX_AGENTS = 50_000
MAX_ADDRESSES = 256  # per agent
LOST_AFTER_INTERVALS = 4.0
ADDRESS_SECONDS = 300.0  # an address its agent has not stated again for so long has moved on
PRESUMED_SECONDS = 75.0  # after a start: the templates an agent refreshes every minute have come by then
EVICTED = 100  # one of so many agents goes when there is no more room: making room must not cost a search each



@dataclass(frozen=True)
class KnownAgent:
    """What survives a restart of an agent that was alive."""

    identifier: bytes
    name: str
    interval: float
    gateways: Mapping[int, int]  # own address -> default gateway


@dataclass
class AgentState:
    """What one agent said of itself; times on the gateway's clock."""

    index: int
    identifier: bytes
    first_seen: float
    name: str = ""
    exporter: str = ""
    interval: float = 5.0
    layer: int = 0
    since: float = 0.0  # what it reports begins here; 0.0 not heard yet
    reported_until: float = 0.0
    presumed_until: float = 0.0  # known from before the gateway's restart: it reports, though not readably yet
    before: tuple[float, float] = (np.inf, -np.inf)  # the time it reported before its last silence
    gateways: dict[int, int] = field(default_factory=dict)  # own address -> default gateway (0 none)
    stated: dict[int, float] = field(default_factory=dict)  # own address -> when it last said so
    records: int = 0
    lost_in_kernel: int = 0
    lost_on_the_way: int = 0
    live: bool = True
    _texts: tuple[tuple[str, ...], str] | None = None

    def texts(self) -> tuple[tuple[str, ...], str]:
        """(addresses, default gateway or "") for people."""
        if self._texts is None:
            gateway = next((address_text(g) for g in self.gateways.values() if g), "")
            self._texts = tuple(address_text(x) for x in sorted(self.gateways)), gateway
        return self._texts

    def gateways_changed(self) -> None:
        self._texts = None

    def reports(self, now: float, start: float = np.inf) -> None:
        """A report came, with records that begin at `start`.

        After a silence a new time of reporting begins, unless its records say that it went on all the while.
        """
        if now - self.reported_until > LOST_AFTER_INTERVALS * self.interval:
            if self.since:
                self.before = (self.since, self.reported_until)
            self.since = now
        self.since = min(self.since, start)
        self.reported_until = now


class AgentRegistry:
    """All agents by identifier; bounded, the longest silent one is forgotten first (counted)."""

    def __init__(self, default_interval: float, known: Iterable[KnownAgent] = (), now: float = 0.0) -> None:
        """`known` were alive before a restart, and are presumed to be until their templates come again.

        Without that, what both ends report of one flow would count twice: the receiver's records as soon as they
        can be read, the sender's later.
        """
        self._agents: dict[bytes, AgentState] = {}
        self._by_index: dict[int, AgentState] = {}
        self._next = 0
        self.default_interval = default_interval
        self.forgotten = 0
        self.addresses_refused = 0
        self.dirty: set[bytes] = set()  # identifiers whose `KnownAgent` the store has not seen yet
        for one in known:
            agent = self.hear(one.identifier, now)
            agent.name, agent.interval, agent.live = one.name, one.interval, False
            agent.presumed_until = now + PRESUMED_SECONDS
            for address, gateway in one.gateways.items():
                self.attach(agent, address, gateway, now)

    def __len__(self) -> int:
        return len(self._agents)

    def hear(self, identifier: bytes, now: float) -> AgentState:
        """The agent of that identifier, made when new."""
        agent = self._agents.get(identifier)
        if agent is None:
            if len(self._agents) >= MAX_AGENTS:
                count = max(MAX_AGENTS // EVICTED, 1)
                for oldest in nsmallest(count, self._agents.values(), key=lambda a: a.reported_until):
                    del self._agents[oldest.identifier], self._by_index[oldest.index]
                    self.dirty.add(oldest.identifier)
                    self.forgotten += 1
            agent = AgentState(self._next, identifier, now, interval=self.default_interval)
            self._next += 1
            self._agents[identifier] = agent
            self._by_index[agent.index] = agent
            self.dirty.add(identifier)
        return agent

    def attach(self, agent: AgentState, address: int, gateway: int, now: float = 0.0) -> None:
        """The agent owns `address` and forwards by way of `gateway` (0: none)."""
        if address not in agent.gateways and len(agent.gateways) >= MAX_ADDRESSES:
            self.addresses_refused += 1
            return
        if agent.gateways.get(address) != gateway:
            agent.gateways_changed()
            self.dirty.add(agent.identifier)
        agent.gateways[address] = gateway
        agent.stated[address] = now

    def forget_addresses(self, agent: AgentState, now: float) -> None:
        """Addresses the agent no longer states: they may belong to a host without an agent by now."""
        oldest = now - max(ADDRESS_SECONDS, 4 * agent.interval)
        for address in [a for a, stated in agent.stated.items() if stated < oldest]:
            del agent.stated[address], agent.gateways[address]
            agent.gateways_changed()
            self.dirty.add(agent.identifier)

    def known(self, identifier: bytes) -> KnownAgent | None:
        """What the store keeps of an agent; None when it is silent or forgotten."""
        agent = self._agents.get(identifier)
        if agent is None or not (agent.live or agent.presumed_until):
            return None
        return KnownAgent(identifier, agent.name, agent.interval, dict(agent.gateways))

    def longest_interval(self) -> float:
        """Seconds; the slowest live agent decides how long a bin waits."""
        return max((a.interval for a in self._agents.values() if a.live), default=self.default_interval)

    def covers(self, addresses: U4, ends: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the owner of each address was itself reporting at `ends` (one interval of slack); bool[n].

        The last two times of reporting count, so that what a receiver saw while the sender's agent was down, or
        before it came, is not taken for a repetition.

        Asked per record, not per bin: the last report before an agent falls silent still covers what it tells.
        """
        spans: dict[int, tuple[float, float, float, float]] = {}
        for agent in self._agents.values():
            slack = agent.interval
            now = (agent.since - slack, max(agent.reported_until + slack, agent.presumed_until))
            then = (agent.before[0] - slack, agent.before[1] + slack)
            for address in agent.gateways:
                other = spans.get(address)
                spans[address] = (
                    (*now, *then)
                    if other is None
                    else (
                        min(now[0], other[0]),
                        max(now[1], other[1]),
                        min(then[0], other[2]),
                        max(then[1], other[3]),
                    )
                )
        if not spans:
            return np.zeros(len(addresses), dtype=bool)
        known = np.fromiter(spans, dtype=np.uint32, count=len(spans))
        order = np.argsort(known)
        limits = np.array(list(spans.values()))[order]
        where = np.minimum(np.searchsorted(known[order], addresses), len(known) - 1)
        low, high, low_before, high_before = limits[where].T
        inside = (low <= ends) & (ends <= high) | (low_before <= ends) & (ends <= high_before)
        covered: NDArray[np.bool_] = (known[order][where] == addresses) & inside
        return covered

    def first_hops(self, agents: NDArray[np.int32], addresses: U4) -> U4:
        """Default gateway each (agent, local address) uses, 0 where unknown; uint32[n].

        An address without one, or that the agent does not list (a virtual address, a container behind it), leaves
        by the agent's own; unless another agent lists it, whose records then came by way of this one's session.
        """
        key = (agents.astype(np.int64) << 32) | addresses.astype(np.int64)
        unique, inverse = np.unique(key, return_inverse=True)
        found = np.zeros(len(unique), dtype=np.uint32)
        owners = {address: agent for agent in self._agents.values() for address in agent.gateways}
        for row, value in enumerate(unique.tolist()):
            agent = self._by_index.get(value >> 32)
            if agent is None:
                continue
            address = value & 0xFFFFFFFF
            if address not in agent.gateways:
                agent = owners.get(address, agent)
            found[row] = agent.gateways.get(address, 0) or next((g for g in agent.gateways.values() if g), 0)
        gateways: U4 = found[inverse]
        return gateways

    def changes(self, now: float) -> list[tuple[str, str, str]]:
        """(kind, subject, detail) of agents that fell silent or came back since the last call."""
        events = []
        for agent in self._agents.values():
            live = now - agent.reported_until <= LOST_AFTER_INTERVALS * agent.interval
            if 0 < agent.presumed_until < now:
                agent.presumed_until = 0.0
                self.dirty.add(agent.identifier)
                if not live:
                    events.append(("agent_lost", agent.name, "not heard since the gateway started"))
            if live != agent.live:
                agent.live = live
                self.dirty.add(agent.identifier)
                silent = f"silent for {now - agent.reported_until:.0f} s"
                events.append(
                    (
                        "agent_up" if live else "agent_lost",
                        agent.name or agent.exporter,
                        "" if live else silent,
                    )
                )
        return events

    def published(self) -> tuple[Agent, ...]:
        return tuple(
            Agent(
                id=a.identifier.hex(),
                name=a.name,
                exporter=a.exporter,
                addresses=a.texts()[0],
                gateway=a.texts()[1],
                layer=a.layer,
                interval_seconds=a.interval,
                last_seen=a.reported_until,
                records=a.records,
                lost=a.lost_in_kernel + a.lost_on_the_way,
                live=a.live,
            )
            for a in self._agents.values()
        )
