"""A case: `<case>/case.toml` as frozen values. Everything that may change during a run is in `tests.lab.cases.state`.

    title, notes        for people
    rfc1583             RFC 1583 compatibility of every router and of ours
    [routers]           name -> program ("frr" | "bird"), and what is its own: loopback (area of 10.255.0.N/32), id,
                        priority, extra (lines of its own configuration language, BIRD also
                        extra_of.AREA), translate ("always" | "never"),
                        abr ("rfc3509" | "rfc2328": what it does without a backbone; BIRD knows the second only)
    [areas.N]           kind ("normal" | "stub" | "nssa"), no_summary, default_cost, and `ranges` of its border routers
    [[segment]]         name, area, type ("broadcast" | "p2p" | "p2mp" | "stub"), prefix or unnumbered, ends
                        ("router cost [address]"), auth, listen ("burst" | "full")
    [[virtual]]         area (the transit area), ends
    [[external]]        router, prefix, metric, type (1 | 2), via (an address of another router: forwarding address)
    [[step]]            name, do (list of actions, see `tests.lab.cases.steps`), and what to expect of it

A router's number is the digits of its name: r7 has id and loopback 10.255.0.7 and address .7 on a LAN. On a /30 or /31
the first end has the first address. A segment's name is the name of its interfaces.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent
LISTENER = "gw"
LISTENER_HOST = 100  # last octet of our listener's address on a /24


@dataclass(frozen=True)
class Router:
    name: str
    program: str
    id: str
    loopback: int | None = None  # area
    priority: int = 1
    extra: str = ""
    extra_of: dict[str, str] = field(default_factory=dict)  # area -> lines of its own (BIRD)
    translate: str = ""
    abr: str = ""  # "rfc3509" | "rfc2328"; the program's own default if left out

    def __post_init__(self) -> None:
        if not self.abr:
            object.__setattr__(self, "abr", "rfc2328" if self.program == "bird" else "rfc3509")


@dataclass(frozen=True)
class AreaRange:
    prefix: IPv4Network
    advertise: bool = True
    cost: int | None = None
    routers: tuple[str, ...] = ()  # empty: every border router of the area


@dataclass(frozen=True)
class Area:
    number: int
    kind: str = "normal"
    no_summary: bool = False
    default_cost: int = 1
    ranges: tuple[AreaRange, ...] = ()


@dataclass(frozen=True)
class Authentication:
    """type: "simple" | "md5" | "hmac-sha-256" ..."""

    type: str
    key: str
    key_id: int = 1


@dataclass(frozen=True)
class End:
    node: str
    cost: int
    address: IPv4Interface


@dataclass(frozen=True)
class Segment:
    name: str
    area: int
    type: str
    prefix: IPv4Network | None  # None: unnumbered
    ends: tuple[End, ...]
    auth: Authentication | None
    listen: str

    @property
    def routers(self) -> tuple[End, ...]:
        return tuple(end for end in self.ends if end.node != LISTENER)

    def end(self, node: str) -> End:
        return next(end for end in self.ends if end.node == node)


@dataclass(frozen=True)
class Virtual:
    area: int
    ends: tuple[str, str]


@dataclass(frozen=True)
class External:
    router: str
    prefix: IPv4Network
    metric: int
    type: int
    via: str
    absent: bool = False  # announced by a step only


@dataclass(frozen=True)
class Step:
    """Actions and how long (seconds) their effects may take; `changes` False: nothing need change."""

    name: str
    do: tuple[str, ...]
    changes: bool = True
    timeout: float = 25.0


@dataclass(frozen=True)
class Known:
    """A difference that is known, with its cause; matches `router prefix` of one step or of all ("*")."""

    step: str
    router: str
    prefix: str
    why: str


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    notes: str
    rfc1583: bool
    routers: dict[str, Router]
    areas: dict[int, Area]
    segments: tuple[Segment, ...]
    virtuals: tuple[Virtual, ...]
    externals: tuple[External, ...]
    steps: tuple[Step, ...]
    known: tuple[Known, ...] = field(default=())

    def of_id(self, router_id: str) -> str:
        return next(name for name, router in self.routers.items() if router.id == router_id)

    def segments_of(self, node: str) -> tuple[tuple[Segment, End], ...]:
        return tuple((segment, end) for segment in self.segments for end in segment.ends if end.node == node)

    def areas_of(self, node: str) -> tuple[int, ...]:
        """Areas a router is configured for, ascending; the backbone too where a virtual link ends."""
        found = {segment.area for segment, _ in self.segments_of(node)}
        if (loopback := self.routers[node].loopback) is not None:
            found.add(loopback)
        if any(node in virtual.ends for virtual in self.virtuals):
            found.add(0)
        return tuple(sorted(found))

    def area(self, number: int) -> Area:
        return self.areas.get(number) or Area(number)


def case_names() -> list[str]:
    return sorted(path.parent.name for path in CASES.glob("*/case.toml"))


def load_case(name: str) -> Case:
    """Read a case; raises KeyError, TypeError or ValueError when its file is not well formed."""
    document = tomllib.loads((CASES / name / "case.toml").read_text())
    unknown = set(document) - {
        *("title", "notes", "rfc1583", "routers", "areas", "segment", "virtual", "external", "step", "known")
    }
    if unknown:
        raise ValueError(f"{name}: unknown keys {sorted(unknown)}")
    routers = {key: Router(name=key, **({"id": f"10.255.0.{number(key)}"} | entry))
               for key, entry in document["routers"].items()}  # fmt: skip
    return Case(
        name=name,
        title=document["title"],
        notes=document.get("notes", ""),
        rfc1583=document.get("rfc1583", False),
        routers=routers,
        areas={int(key): _area(int(key), entry) for key, entry in document.get("areas", {}).items()},
        segments=tuple(_segment(entry, routers) for entry in document["segment"]),
        virtuals=tuple(Virtual(entry["area"], tuple(entry["ends"])) for entry in document.get("virtual", ())),
        externals=tuple(_external(entry) for entry in document.get("external", ())),
        steps=tuple(Step(**(entry | {"do": tuple(entry["do"])})) for entry in document.get("step", ())),
        known=tuple(Known(**entry) for entry in document.get("known", ())),
    )


def number(name: str) -> int:
    """The digits of a router's name."""
    match = re.search(r"\d+$", name)
    if match is None:
        raise ValueError(f"{name}: a router's name ends in its number")
    return int(match[0])


def _area(area: int, entry: dict[str, Any]) -> Area:
    ranges = tuple(
        AreaRange(**(each | {"prefix": IPv4Network(each["prefix"]), "routers": tuple(each.get("routers", ()))}))
        for each in entry.get("ranges", ())
    )
    return Area(area, **(entry | {"ranges": ranges}))


def _segment(entry: dict[str, Any], routers: dict[str, Router]) -> Segment:
    prefix = IPv4Network(entry["prefix"]) if "prefix" in entry else None
    ends = []
    for position, text in enumerate(entry["ends"]):
        node, cost, *address = text.split()
        if address:
            own = IPv4Interface(address[0])
        elif prefix is None:
            own = IPv4Interface(routers[node].id)
        elif prefix.prefixlen >= 30:
            own = IPv4Interface((int(prefix[0]) + position + (prefix.prefixlen == 30), prefix.prefixlen))
        else:
            own = IPv4Interface((int(prefix[0]) + number(node), prefix.prefixlen))
        ends.append(End(node, int(cost), own))
    listen = entry.get("listen", "")
    if listen:
        assert prefix is not None
        position = LISTENER_HOST if prefix.prefixlen <= 24 else prefix.num_addresses - 2
        ends.append(End(LISTENER, 0, IPv4Interface((int(prefix[position]), prefix.prefixlen))))
    auth = Authentication(**entry["auth"]) if "auth" in entry else None
    return Segment(entry["name"], entry.get("area", 0), entry["type"], prefix, tuple(ends), auth, listen)


def _external(entry: dict[str, Any]) -> External:
    return External(
        entry["router"],
        IPv4Network(entry["prefix"]),
        entry.get("metric", 20),
        entry.get("type", 2),
        entry.get("via", ""),
        entry.get("absent", False),
    )
