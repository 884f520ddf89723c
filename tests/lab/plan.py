"""The lab's plan: `campus/network.toml` as frozen values."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

CAMPUS = Path(__file__).parent / "campus"
GATEWAY = "gw"


@dataclass(frozen=True)
class End:
    """One end of a cable: an interface of a node."""

    node: str
    interface: str
    address: IPv4Interface

    def __str__(self) -> str:
        return f"{self.node} {self.interface}"


@dataclass(frozen=True)
class Segment:
    """Ends joined by one cable (`name` empty) or by a bridge of that name."""

    name: str
    prefix: IPv4Network
    ends: tuple[End, ...]

    def joins_routers(self, plan: Plan) -> bool:
        return sum(end.node in plan.routers for end in self.ends) > 1


@dataclass(frozen=True)
class Router:
    name: str
    id: str
    program: str  # frr | bird


@dataclass(frozen=True)
class Host:
    name: str
    default: str
    address: str


@dataclass(frozen=True)
class Plan:
    routers: dict[str, Router]
    hosts: dict[str, Host]
    segments: tuple[Segment, ...]
    equal: dict[str, tuple[str, ...]]  # name of an equal-cost set -> "router interface" members
    directory: Path

    def nodes(self) -> tuple[str, ...]:
        return (*self.routers, *self.hosts)

    def users(self) -> tuple[str, ...]:
        """The hosts that carry an agent and traffic: all but the gateway's own."""
        return tuple(name for name in self.hosts if name != GATEWAY)

    def ends_of(self, node: str) -> tuple[tuple[Segment, End], ...]:
        return tuple((segment, end) for segment in self.segments for end in segment.ends if end.node == node)

    def router_ends(self) -> Iterator[tuple[Segment, End]]:
        """Every router interface: one directed link each, the traffic leaving that router there."""
        for segment in self.segments:
            for end in segment.ends:
                if end.node in self.routers:
                    yield segment, end

    def link_ids(self, end: End) -> tuple[str, ...]:
        """The identities a router interface may have in the view: by its address, or a stub by its prefix."""
        router = self.routers[end.node].id
        return f"{router}:{end.address.ip}", f"{router}:{end.address.network}"

    def neighbors(self, router: str) -> int:
        """OSPF neighbours this router must have."""
        return sum(
            1
            for segment, _ in self.ends_of(router)
            for end in segment.ends
            if end.node in self.routers and end.node != router
        )


def load_plan(directory: Path = CAMPUS) -> Plan:
    """Read `network.toml`; raises KeyError or ValueError when it is not well formed."""
    document = tomllib.loads((directory / "network.toml").read_text())
    segments = tuple(
        Segment(
            name=entry.get("name", ""),
            prefix=IPv4Network(entry["prefix"]),
            ends=tuple(_end(text) for text in entry["ends"]),
        )
        for entry in (*document.get("segment", ()), *document.get("cable", ()))
    )
    addresses = {end.node: str(end.address.ip) for segment in segments for end in segment.ends}
    return Plan(
        routers={name: Router(name, **entry) for name, entry in document["routers"].items()},
        hosts={name: Host(name, entry["default"], addresses[name]) for name, entry in document["hosts"].items()},
        segments=segments,
        equal={name: tuple(members) for name, members in document["equal"].items()},
        directory=directory,
    )


def _end(text: str) -> End:
    node, interface, address = text.split()
    return End(node, interface, IPv4Interface(address))
