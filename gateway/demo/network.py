"""A simulated network: routers, the segments between them, and the hosts behind them.

Everything is immutable; a failure, a repair or a new cost gives another `Network`.  Addresses are integers
in host order, capacities bits per second.  The identity texts are those of the gateway (design: Identity):
an interface is its address, `ifN` when unnumbered, a stub its prefix.  No routing is computed here: the
simulated routers only originate LSAs (`gateway.demo.routers`), and the truth of the model tests is computed
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

P2P, LAN, STUB = "p2p", "lan", "stub"
EXTERNAL = "external"


def address(text: str) -> int:
    """Dotted quad to a host-order integer."""
    octets = [int(part) for part in text.split(".")]
    if len(octets) != 4 or not all(0 <= octet <= 255 for octet in octets):
        raise ValueError(f"not an IPv4 address: {text!r}")
    return octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]


def dotted(value: int) -> str:
    """Host-order integer to a dotted quad."""
    return f"{value >> 24 & 255}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def mask(plen: int) -> int:
    """Netmask of a prefix length."""
    return (0xFFFFFFFF << (32 - plen)) & 0xFFFFFFFF


def prefix(text: str) -> tuple[int, int]:
    """`10.1.0.0/24` to (network, prefix length)."""
    network, _, plen = text.partition("/")
    return address(network) & mask(int(plen)), int(plen)


@dataclass(frozen=True, slots=True)
class Router:
    name: str
    id: int


@dataclass(frozen=True, slots=True)
class Interface:
    """One router's end of a segment; `address` 0 = unnumbered, then `index` is its ifIndex."""

    router: str
    segment: str
    address: int
    index: int
    cost: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A wire: two ends on point-to-point, any number on a LAN, one on a stub; `plen` 0 = unnumbered."""

    name: str
    kind: str
    network: int
    plen: int
    capacity: float
    ends: tuple[Interface, ...]

    @property
    def prefix(self) -> str:
        return f"{dotted(self.network)}/{self.plen}"


@dataclass(frozen=True, slots=True)
class Host:
    """An end-system.  `segment` is empty for one outside the network; `gateway` 0 = none."""

    name: str
    address: int
    segment: str
    plen: int
    gateway: int
    agent: bool


@dataclass(frozen=True, slots=True)
class ExternalRoute:
    """A prefix that an ASBR imports (RFC 2328 type 5)."""

    router: str
    network: int
    plen: int
    metric: int
    type2: bool = True


@dataclass(frozen=True)
class Network:
    """The whole; `down` holds names of segments and of routers, or `router/segment` for one interface."""

    routers: tuple[Router, ...]
    segments: tuple[Segment, ...]
    hosts: tuple[Host, ...]
    externals: tuple[ExternalRoute, ...]
    down: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def router_by_name(self) -> Mapping[str, Router]:
        return {router.name: router for router in self.routers}

    @cached_property
    def segment_by_name(self) -> Mapping[str, Segment]:
        return {segment.name: segment for segment in self.segments}

    @cached_property
    def host_by_name(self) -> Mapping[str, Host]:
        return {host.name: host for host in self.hosts}

    @cached_property
    def interfaces(self) -> Mapping[str, tuple[Interface, ...]]:
        """Router name to its interfaces, in the order of the segments."""
        found: dict[str, list[Interface]] = {router.name: [] for router in self.routers}
        for segment in self.segments:
            for end in segment.ends:
                found[end.router].append(end)
        return {name: tuple(ends) for name, ends in found.items()}

    def without(self, *names: str) -> Network:
        """The network after these have failed."""
        return replace(self, down=self.down | set(names))

    def repaired(self, *names: str) -> Network:
        """The network after these are back."""
        return replace(self, down=self.down - set(names))

    def with_cost(self, router: str, segment: str, cost: int) -> Network:
        """The network after one interface's OSPF cost was changed."""
        changed = []
        for each in self.segments:
            if each.name == segment:
                ends = tuple(replace(end, cost=cost) if end.router == router else end for end in each.ends)
                each = replace(each, ends=ends)
            changed.append(each)
        return replace(self, segments=tuple(changed))

    def is_up(self, end: Interface) -> bool:
        """Whether the interface itself works (its peer may still be dead)."""
        return self.down.isdisjoint((end.router, end.segment, f"{end.router}/{end.segment}"))

    def peers(self, end: Interface) -> tuple[Interface, ...]:
        """The working interfaces at the other side(s) of a working interface."""
        if not self.is_up(end):
            return ()
        others = self.segment_by_name[end.segment].ends
        return tuple(other for other in others if other is not end and self.is_up(other))

    def interface_text(self, end: Interface) -> str:
        segment = self.segment_by_name[end.segment]
        if segment.kind == STUB:
            return segment.prefix
        return dotted(end.address) if end.address else f"if{end.index}"

    def link_id(self, end: Interface) -> str:
        """The gateway's id of the directed link that leaves by this interface."""
        return f"{dotted(self.router_by_name[end.router].id)}:{self.interface_text(end)}"

    def find(self, router: str, segment: str) -> Interface:
        """The interface of a router on a segment."""
        for end in self.segment_by_name[segment].ends:
            if end.router == router:
                return end
        raise KeyError(f"{router} is not on {segment}")


class NetworkBuilder:
    """Collects the parts of a network; addresses within a segment follow the order of the ends, from .1."""

    def __init__(self) -> None:
        self._routers: dict[str, Router] = {}
        self._segments: dict[str, Segment] = {}
        self._hosts: dict[str, Host] = {}
        self._externals: list[ExternalRoute] = []
        self._interface_count: dict[str, int] = {}

    def router(self, name: str, router_id: str) -> None:
        self._routers[name] = Router(name, address(router_id))

    def _interface(self, router: str, segment: str, own: int, cost: int) -> Interface:
        if router not in self._routers:
            raise KeyError(router)
        index = self._interface_count.get(router, 0) + 1
        self._interface_count[router] = index
        return Interface(router, segment, own, index, cost)

    def _segment(self, name: str, kind: str, within: str, ends: Iterable[tuple[str, int]], capacity: float) -> None:
        network, plen = prefix(within) if within else (0, 0)
        made = tuple(
            self._interface(router, name, network + 1 + i if within else 0, cost)
            for i, (router, cost) in enumerate(ends)
        )
        self._segments[name] = Segment(name, kind, network, plen, capacity, made)

    def p2p(
        self,
        a: str,
        b: str,
        within: str,
        cost: int,
        *,
        back: int | None = None,
        capacity: float,
        name: str = "",
    ) -> str:
        """A point-to-point wire; `within` empty = unnumbered; `back` = cost from `b`, when it differs."""
        name = name or f"{a}--{b}"
        self._segment(name, P2P, within, [(a, cost), (b, cost if back is None else back)], capacity)
        return name

    def lan(self, name: str, within: str, routers: Iterable[str], cost: int, *, capacity: float) -> str:
        """A broadcast LAN; the first working router is its DR."""
        self._segment(name, LAN, within, [(router, cost) for router in routers], capacity)
        return name

    def stub(self, name: str, within: str, router: str, cost: int, *, capacity: float) -> str:
        self._segment(name, STUB, within, [(router, cost)], capacity)
        return name

    def host(self, name: str, number: int, segment: str, *, gateway: str = "", agent: bool = True) -> None:
        """A host at `network + number`; `gateway` names its router, default the first there."""
        where = self._segments[segment]
        ends = [end for end in where.ends if not gateway or end.router == gateway]
        self._hosts[name] = Host(name, where.network + number, segment, where.plen, ends[0].address, agent)

    def outside(self, name: str, at: str) -> None:
        """A host beyond the ASBR, without an agent."""
        self._hosts[name] = Host(name, address(at), "", 32, 0, False)

    def external(self, router: str, within: str, metric: int, *, type2: bool = True) -> None:
        network, plen = prefix(within)
        self._externals.append(ExternalRoute(router, network, plen, metric, type2))

    def build(self) -> Network:
        return Network(
            tuple(self._routers.values()),
            tuple(self._segments.values()),
            tuple(self._hosts.values()),
            tuple(self._externals),
        )
