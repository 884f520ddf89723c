"""The truth of the model tests: which link carries what, worked out slowly and without the product.

A plain Dijkstra towards each destination over the *network itself* (never over LSAs), and a walk that
splits equally per next hop at every router, one branch after another.  Nothing here may import `ospf` or
the gateway proper; it knows `gateway.demo.network` only as the description of what was built.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from gateway.demo.network import EXTERNAL, LAN, P2P, STUB, Host, Interface, Network, dotted, mask

SINK = "(destination)"
E2_WEIGHT = 1 << 24  # an E2 metric outweighs any internal distance


@dataclass(frozen=True)
class Hop:
    """One way on from a vertex: to `vertex`, leaving by link `out`, arriving by `into` (ids, "" = none)."""

    vertex: str
    cost: int
    out: str
    into: str


@dataclass(frozen=True)
class Sent:
    """What really left `source` for `destination` during [start, end]."""

    start: float
    end: float
    source: str
    destination: str
    app: str
    octets: int
    packets: int


@dataclass
class Loads:
    """Octets with L2 overhead per (link id, application), leaving and arriving; `carried` once per flow, if at all."""

    out: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    into: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    records: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    cut_packets: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))  # by a change
    carried: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    unroutable: float = 0.0


def router_hops(network: Network, name: str) -> list[Hop]:
    """The ways on from a router to other routers and LANs; a LAN's own vertex is its segment name."""
    hops = []
    if name in network.down:
        return []
    for end in network.interfaces[name]:
        segment = network.segment_by_name[end.segment]
        if not network.is_up(end):
            continue
        if segment.kind == P2P:
            for peer in network.peers(end):
                hops.append(Hop(peer.router, end.cost, network.link_id(end), network.link_id(peer)))
        elif segment.kind == LAN:
            hops.append(Hop(segment.name, end.cost, network.link_id(end), ""))
    return hops


def lan_hops(network: Network, name: str) -> list[Hop]:
    """The routers behind a LAN."""
    ends = [end for end in network.segment_by_name[name].ends if network.is_up(end)]
    return [Hop(end.router, 0, "", network.link_id(end)) for end in ends]


def covering(network: Network, address: int) -> list[tuple[str, list[tuple[str, Hop]]]]:
    """The prefixes over an address, longest first: name, and the vertices that deliver into it."""
    found: dict[int, dict[str, list[tuple[str, Hop]]]] = defaultdict(lambda: defaultdict(list))
    for segment in network.segments:
        if not segment.plen or address & mask(segment.plen) != segment.network:
            continue
        for end in segment.ends:
            if not network.is_up(end):
                continue
            by_vertex = found[segment.plen][f"intra {segment.prefix}"]
            if segment.kind == LAN:
                if not any(vertex == segment.name for vertex, _ in by_vertex):
                    by_vertex.append((segment.name, Hop(SINK, 0, "", "")))
            else:
                out = network.link_id(end)
                by_vertex.append((end.router, Hop(SINK, end.cost, out if segment.kind == STUB else "", "")))
    for route in network.externals:
        if route.router in network.down or address & mask(route.plen) != route.network:
            continue
        if any(name.startswith("intra") for name in found[route.plen]):
            continue
        out = f"{dotted(network.router_by_name[route.router].id)}:{EXTERNAL}"
        cost = route.metric * E2_WEIGHT if route.type2 else route.metric
        found[route.plen][f"external {dotted(route.network)}/{route.plen}"].append(
            (route.router, Hop(SINK, cost, out, ""))
        )
    return [pair for plen in sorted(found, reverse=True) for pair in found[plen].items()]


class Routes:
    """Where traffic goes in one state of the network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._seen: dict[tuple[str, str], tuple[dict[str, Fraction], dict[str, Fraction]] | None] = {}

    def _hops(self, vertex: str, sinks: Sequence[tuple[str, Hop]]) -> list[Hop]:
        is_lan = vertex in self.network.segment_by_name
        onward = lan_hops(self.network, vertex) if is_lan else router_hops(self.network, vertex)
        return onward + [hop for at, hop in sinks if at == vertex]

    def _distances(self, sinks: Sequence[tuple[str, Hop]]) -> dict[str, int]:
        vertices = [r.name for r in self.network.routers if r.name not in self.network.down]
        vertices += [s.name for s in self.network.segments if s.kind == LAN and s.name not in self.network.down]
        backwards: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for vertex in vertices:
            for hop in self._hops(vertex, sinks):
                backwards[hop.vertex].append((vertex, hop.cost))
        distance = {SINK: 0}
        queue = [(0, SINK)]
        while queue:
            far, vertex = heapq.heappop(queue)
            if far > distance[vertex]:
                continue
            for before, cost in backwards[vertex]:
                if far + cost < distance.get(before, 1 << 62):
                    distance[before] = far + cost
                    heapq.heappush(queue, (far + cost, before))
        return distance

    def entry(self, host: Host) -> tuple[str, str]:
        """Where a host's packets enter: router, and the link whose In counts them; ("", "") if cut off."""
        network = self.network
        if not host.segment:
            around = covering(network, host.address)
            return (around[0][1][0][0], around[0][1][0][1].out) if around else ("", "")
        ends = [end for end in network.segment_by_name[host.segment].ends if network.is_up(end)]
        for end in ends:
            if end.address == host.gateway or network.segment_by_name[host.segment].kind == STUB:
                return end.router, network.link_id(end)
        return "", ""

    def fractions(self, source: Host, destination: Host) -> tuple[dict[str, Fraction], dict[str, Fraction]] | None:
        """Shares leaving and arriving per link id; None = no way, empty = no router crossed."""
        key = (source.name, destination.name)
        if key not in self._seen:
            self._seen[key] = self._walk(source, destination)
        return self._seen[key]

    def _walk(self, source: Host, destination: Host) -> tuple[dict[str, Fraction], dict[str, Fraction]] | None:
        if source.segment and source.segment == destination.segment:
            return {}, {}
        router, first = self.entry(source)
        for _, sinks in covering(self.network, destination.address):
            distance = self._distances(sinks)
            if router in distance:
                break
        else:  # a router without a route to the prefix itself uses the next shorter one over it
            return None
        out: dict[str, Fraction] = defaultdict(Fraction)
        into: dict[str, Fraction] = defaultdict(Fraction)
        into[first] += 1
        stack = [(router, Fraction(1))]
        while stack:
            vertex, share = stack.pop()
            # one entry per next hop: a LAN is not a hop, the routers (or the host) behind it are
            ways: list[tuple[str, list[str], list[str]]] = []
            for hop in self._tight(vertex, sinks, distance):
                if hop.vertex in self.network.segment_by_name:
                    for behind in self._tight(hop.vertex, sinks, distance):
                        ways.append((behind.vertex, [hop.out], [behind.into] if behind.into else []))
                else:
                    ways.append((hop.vertex, [hop.out] if hop.out else [], [hop.into] if hop.into else []))
            for following, leaving, arriving in ways:
                part = share / len(ways)
                for link in leaving:
                    out[link] += part
                for link in arriving:
                    into[link] += part
                if following != SINK:
                    stack.append((following, part))
        return dict(out), dict(into)

    def _tight(self, vertex: str, sinks: Sequence[tuple[str, Hop]], distance: Mapping[str, int]) -> list[Hop]:
        return [
            hop
            for hop in self._hops(vertex, sinks)
            if hop.vertex in distance and distance[hop.vertex] + hop.cost == distance[vertex]
        ]


def loads(history: Sequence[tuple[float, Network]], sent: Iterable[Sent], l2_overhead: int) -> Loads:
    """What every link carried; `history` = (from when, network) in order, the first for all time before."""
    result = Loads()
    states = [(start, Routes(network)) for start, network in history]
    ends = [start for start, _ in states[1:]] + [float("inf")]
    for each in sent:
        octets = each.octets + l2_overhead * each.packets
        for number, ((start, routes), end) in enumerate(zip(states, ends, strict=True)):
            left = each.start if number == 0 else max(each.start, start)
            share = (min(each.end, end) - left) / (each.end - each.start)
            if share <= 0:
                continue
            hosts = routes.network.host_by_name
            found = routes.fractions(hosts[each.source], hosts[each.destination])
            if found is None:
                result.unroutable += octets * share
                continue
            result.carried[each.app] += octets * share if found[0] else 0.0
            for side, links in ((result.out, found[0]), (result.into, found[1])):
                for link, part in links.items():
                    side[link, each.app] += octets * share * float(part)
            for link in {*found[0], *found[1]}:
                result.records[link, each.app] += 1
                result.cut_packets[link, each.app] += share < 1
    return result


def interfaces(network: Network) -> list[Interface]:
    """Every interface of the network."""
    return [end for segment in network.segments for end in segment.ends]
