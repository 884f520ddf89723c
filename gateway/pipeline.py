"""The gateway without its rim: datagrams and topologies in, `Published` and `HopBatch`es out; time is an argument.

    receive_flows     datagrams -> Collector -> normalise -> Bins
    receive_topology  Topology  -> ifIndex, TopologyHistory, rates over the new paths
    advance           closed bins x topology versions -> join -> LinkView; -> route -> HopBatch

`advance` returns what the bins that closed produced; `published` is the value everybody else reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from gateway.batch import FlowBatch, HopBatch, UsageBatch, concat, empty, take
from gateway.bins import Bins, Window, share
from gateway.collector import Collector, Peer
from gateway.config import GatewayConfig
from gateway.demand import Demand, Routed
from gateway.identity import ApplicationIds, IfIndexMap
from gateway.join import LOST, NOTED, Load, Routing, count_once, load, place
from gateway.normalize import Normalizer
from gateway.published import Event, Published
from gateway.rates import Rates, rates_of
from gateway.registry import AgentRegistry, KnownAgent
from gateway.route import hop_records
from gateway.rows import LinkRows, domain_of, publish
from gateway.view import Counters, LinkView
from ospf.domain import DomainKey
from ospf.history import TopologyEvent, TopologyHistory, diff
from ospf.topology import LinkKey, Topology

MAX_EVENTS = 2000
MAX_NEW_EVENTS = 100_000  # waiting for the store
NO_IFINDEX = "interfaces after 65534 are not counted: split the network over several gateways"
KEPT_OCTETS = 512 << 20  # of distances (V x V x 8 per version) kept for bins not yet closed


@dataclass(frozen=True)
class Remembered:
    """What a restart continues from."""

    ifindex: Mapping[LinkKey, int]
    attributes: Mapping[LinkKey, tuple[str, str, str, int]]  # kind, neighbor, area, cost when last seen
    applications: Mapping[str, int]
    counters: Counters | None
    app_totals: Mapping[int, tuple[float, float]]
    agents: Sequence[KnownAgent] = ()


NOTHING = Remembered({}, {}, {}, None, {})


@dataclass(frozen=True)
class Closed:
    """What one call of `advance` produced."""

    usage: UsageBatch
    hops: HopBatch
    bins: int


class Pipeline:
    """All pure state of the gateway."""

    def __init__(self, config: GatewayConfig, now: float, remembered: Remembered = NOTHING) -> None:
        self.config = config
        view = config.view
        self.collector = Collector(config.collect.sessions)
        self.agents = AgentRegistry(view.agent_interval_seconds, remembered.agents, now)
        self.applications = ApplicationIds(remembered.applications, view.applications)
        self.normalizer = Normalizer(self.applications, self.agents, view.bin_seconds / 2)
        self.bins = Bins(view.bin_seconds, now, config.collect.late_seconds)
        # Flows are joined with the first attachment's instance; the others are kept, shown and never merged with it.
        instances = [a.instance for a in config.ospf.attach] + [poll.instance for poll in config.ospf.poll]
        first = instances[0] if instances else "default"
        self.main = DomainKey(first, 2)
        self.history = TopologyHistory()
        self.histories = {self.main: self.history}
        self.ifindex = IfIndexMap(remembered.ifindex)
        self.rows = LinkRows(config, self.ifindex, remembered.attributes, now)
        self.view = LinkView()
        if remembered.counters is not None:
            self.view.restore(remembered.counters)
        self.app_totals = {k: list(v) for k, v in remembered.app_totals.items()}
        self.events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self.new_events: deque[Event] = deque(maxlen=MAX_NEW_EVENTS)
        self.octets = dict.fromkeys((*LOST, *NOTED), 0)
        self._routings: dict[int, Routing] = {}
        self._indices: dict[int, list[int]] = {}  # ifIndex of every link row, by version: names may change later
        self._refused = 0
        self._shown: Published | None = None  # the last one published, None when a number has moved since
        self._stepped: list[Window] = []  # what waited when the clock was set back
        self._last_window: Window | None = None
        self._routed: Routed | None = None  # what the last window asks, over the current topology
        self._rates = Rates.nothing()
        self._flow_id = 1
        self.started = now

    # -- in ----------------------------------------------------------------------------------------

    def receive_flows(self, datagrams: Iterable[tuple[bytes, Peer]], now: float) -> None:
        """Decode, normalise and keep until their bins close."""
        self._stepped += self.bins.set_back(now)
        received = self.collector.receive(datagrams, now)
        # Options first: who reports, and the names, hold for the records that waited for the same templates.
        for session, records in sorted(received, key=lambda pair: pair[1].template.scope_count == 0):
            self.bins.add(self.normalizer.normalize(session, records, now), now)

    def receive_topology(self, topology: Topology) -> Sequence[TopologyEvent]:
        """A new version: it holds from `topology.time`; rates follow at once, counters are never re-routed. Returns
        what changed, nothing for the first version."""
        domain = domain_of(topology)
        history = self.histories.setdefault(domain, TopologyHistory())
        previous = history.current
        indices, refused = self.ifindex.allocate(topology.links.keys), len(self.ifindex.refused)
        if refused > self._refused:
            self._event(Event(topology.time, "interfaces_refused", f"{refused}", NO_IFINDEX))
            self._refused = refused
        history.append(topology)
        self.rows.follow(topology, indices)
        self._shown = None
        changes = [] if previous is None else diff(previous, topology)
        before_subject = "" if domain.instance == "default" else f"{domain.instance}/"
        for e in changes:
            self._event(Event(e.time, e.kind, before_subject + e.subject, e.detail))
        if domain == self.main:
            self._follow(previous, topology, indices)
        return changes

    def _follow(self, previous: Topology | None, topology: Topology, indices: list[int]) -> None:
        """The instance that flows are joined with has a new version."""
        self._indices[topology.version] = indices
        while len(self._indices) > len(self.history):
            del self._indices[min(self._indices)]
        before = self._routings.get(previous.version) if previous is not None else None
        self._routings[topology.version] = Routing.of(
            topology, indices, before.paths if before is not None else None
        )
        kept = max(2, KEPT_OCTETS // (8 * max(topology.n_vertices, 1) ** 2))
        while len(self._routings) > min(kept, 256):
            del self._routings[min(self._routings)]
        if self._last_window is not None:
            followed = self._routed.follow(self._routings[topology.version]) if self._routed is not None else None
            self._rates = self._rate(self._last_window, followed)

    # -- out ---------------------------------------------------------------------------------------

    def grace(self) -> float:
        """Seconds a bin waits after its end: two report intervals of the slowest live agent."""
        return 2.0 * self.agents.longest_interval()

    def advance(self, now: float) -> Closed:
        """Close what is due; counters move only here."""
        for kind, subject, detail in self.agents.changes(now):
            self._event(Event(now, kind, subject, detail))
        late = self._stepped + self.bins.set_back(now) + self.bins.late(now)
        self._stepped = []
        closed = self.bins.close(now, self.grace())
        done = self._count(late + closed, len(closed))
        if closed:
            self._shown = None
            self._last_window = closed[-1]
            self._rates = self._rate(closed[-1])
        return done

    @staticmethod
    def nothing() -> Closed:
        return Closed(empty(UsageBatch), empty(HopBatch), 0)

    def finish(self) -> Closed:
        """Count what still waits for its bin to close: before a stop, so that a restart loses nothing."""
        late, self._stepped = self._stepped, []
        return self._count(late + self.bins.drain(), 0)

    def _count(self, windows: list[Window], bins: int) -> Closed:
        usage: list[UsageBatch] = []
        hops: list[HopBatch] = []
        for window in windows:
            self._account(window, usage, hops)
        return Closed(concat(UsageBatch, usage), concat(HopBatch, hops), bins)

    def next_timeout(self) -> float:
        """When the next bin is due."""
        return self.bins.closed_until + self.bins.seconds + self.grace()

    def _account(self, window: Window, usage: list[UsageBatch], hops: list[HopBatch]) -> None:
        flows, repeated = count_once(window.flows, self.agents)
        self.octets["repeated"] += repeated
        current = self.history.current
        if current is None:
            self.octets["no_topology"] += int(flows["octets"].sum())
            return
        for topology, begin, end in self.history.between(window.start, window.end):
            # The first and last version also take what a window's edge leaves over: a record of no duration
            # stands for a millisecond, which may reach past it.
            begin, end = (-np.inf if begin <= window.start else begin), (np.inf if end >= window.end else end)
            part = flows if (begin, end) == (-np.inf, np.inf) else share(flows, begin, end)
            self._account_part(window, part, self._routing(topology), usage, hops)

    def _account_part(
        self,
        window: Window,
        flows: FlowBatch,
        routing: Routing,
        usage: list[UsageBatch],
        hops: list[HopBatch],
    ) -> None:
        if not len(flows):
            return
        overhead = self.config.view.l2_overhead_octets
        placed = place(flows, routing, self.agents)
        loads = load(placed, routing, overhead)
        for reason, octets in placed.octets.items():
            self.octets[reason] += octets
        self.octets["unreachable"] += loads.unreachable_octets
        batch = _usage(loads, routing, window.start)
        self.view.add(batch)
        self._shown = None
        usage.append(batch)
        pair, app, octets_, packets = loads.pair_app
        carried = loads.reachable[pair]
        app, octets_, packets = app[carried], octets_[carried], packets[carried]
        for number in np.unique(app).tolist():
            total = self.app_totals.setdefault(number, [0.0, 0.0])
            total[0] += float(octets_[app == number].sum())
            total[1] += float(packets[app == number].sum())
        if self.config.export:
            hops.append(hop_records(placed, routing, overhead, self._flow_id))
            self._flow_id += len(placed.flows)

    def _routing(self, topology: Topology) -> Routing:
        routing = self._routings.get(topology.version)
        if routing is None:  # so old that it was let go; rare: late records only
            routing = Routing.of(topology, self._indices[topology.version])
        return routing

    def _rate(self, window: Window, followed: Routed | None = None) -> Rates:
        """Rates of a window over the current topology (design: `bits_per_second`)."""
        current = self.history.current
        if current is None:
            return Rates.nothing()
        if followed is None:
            routing = self._routing(current)
            flows, _ = count_once(window.flows, self.agents)
            demand = Demand.of(flows, routing, self.agents, self.config.view.l2_overhead_octets)
            followed = Routed.of(demand, routing)
        self._routed = followed
        return rates_of(followed, window.end - window.start)

    def note(self, event: Event) -> None:
        """Something happened that the pipeline did not see itself."""
        self._event(event)

    def _event(self, event: Event) -> None:
        self.events.append(event)
        self.new_events.append(event)

    def published(self, now: float, stats: Mapping[str, Mapping[str, float]] = {}) -> Published:
        """Everything the world may read, as one value.

        As long as no number moved the big columns are those of the last call: agents, events and statistics
        are new every time.
        """
        moving: dict[str, Any] = {
            "time": now,
            "watermark": self.bins.closed_until,
            "agents": self.agents.published(),
            "events": tuple(self.events),
            "stats": {**self.stats(), **stats},
        }
        if self._shown is not None and len(self._shown.apps.id) == len(self.applications):
            return replace(self._shown, **moving)
        current = self.history.current
        self._shown = publish(
            self.rows,
            self.view.counters(),
            self._rates,
            self.applications.names(),
            {k: (v[0], v[1]) for k, v in self.app_totals.items()},
            started=self.started,
            topology=current,
            topologies={key.name: h.current for key, h in self.histories.items() if h.current is not None},
            paths=self._routing(current).paths if current is not None else None,
            **moving,
        )
        return self._shown

    def stats(self) -> dict[str, dict[str, float]]:
        """Counters of every stage, nothing lost uncounted."""
        return {
            "collector": {**asdict(self.collector.stats), "sessions": len(self.collector.sessions)},
            "decode": dict(self.collector.decode_stats()),
            "normalize": asdict(self.normalizer.stats),
            "bins": asdict(self.bins.stats),
            "join_octets": dict(self.octets),
            "view": {"cells_to_other": self.view.cells_to_other},
            "applications": {"overflowed": self.applications.overflowed},
            "agents": {
                "known": len(self.agents),
                "forgotten": self.agents.forgotten,
                "addresses_refused": self.agents.addresses_refused,
            },
        }


def _usage(loads: Load, routing: Routing, time: float) -> UsageBatch:
    if not len(loads.link):
        return empty(UsageBatch)
    usage = UsageBatch(
        {
            "time": np.full(len(loads.link), time),
            "ifindex": routing.ifindex[loads.link],
            "app": loads.app,
            "octets": loads.octets,
            "packets": loads.packets,
            "in_octets": loads.in_octets,
            "in_packets": loads.in_packets,
            "flows": loads.flows,
        }
    )
    return usage if routing.ifindex.all() else take(usage, usage["ifindex"] > 0)
