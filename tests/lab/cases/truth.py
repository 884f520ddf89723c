"""What a router says of itself: its OSPF routes and its database, from FRR's JSON and text and from BIRD's text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ospf.topology import EXT1, EXT2, INTER, INTRA
from tests.lab import bird
from tests.lab.cases.birdconf import PROTOCOL
from tests.lab.cases.network import CaseNetwork
from tests.ospf.lsas import ip

MAX_AGE = 3600
AS_SCOPE = -1  # stands for the area of types 5 and 11

Key = tuple[int, str, str]  # type, link state id, advertising router
Instance = tuple[int, int]  # sequence as unsigned, checksum
Database = dict[int, dict[Key, Instance]]  # area (or AS_SCOPE) -> its LSAs


class Hop(NamedTuple):
    interface: str
    gateway: str  # address of the neighbour, "" for a network of the router's own


@dataclass(frozen=True)
class Entry:
    """One route: `cost` without a type-2 metric, `type2` 0 when it is none."""

    route_type: int
    cost: int
    type2: int
    hops: frozenset[Hop]
    area: int | None = None  # of the path; None: external, or not told (BIRD)


Table = Mapping[str, Entry]
NULL = Hop("null", "")

FRR_TYPES = {"N": INTRA, "N IA": INTER, "N E1": EXT1, "N E2": EXT2}
BIRD_TYPES = {"OSPF": INTRA, "OSPF-IA": INTER, "OSPF-E1": EXT1, "OSPF-E2": EXT2}
FRR_SECTIONS = {
    "Router": 1,
    "Net": 2,
    "Summary": 3,
    "ASBR-Summary": 4,
    "AS External": 5,
    "NSSA-external": 7,
    "Link-Local Opaque-LSA": 9,
    "Area-Local Opaque-LSA": 10,
    "AS-Opaque": 11,
}
FRR_LSA = re.compile(r"^(\d+\.\d+\.\d+\.\d+)\s+(\d+\.\d+\.\d+\.\d+)\s+(\d+)\s+0x([0-9a-f]{8})\s+0x([0-9a-f]{4})")
FRR_SECTION = re.compile(r"^\s+(\S.*?)(?: Link States)?(?: \(Area (\d+\.\d+\.\d+\.\d+)(?: \[\w+\])?\))?\s*$")
BIRD_LSA = re.compile(r"^ ([0-9a-f]{4})\s+(\S+)\s+(\S+)\s+([0-9a-f]{8})\s+(\d+)\s+([0-9a-f]{4})$")
BIRD_ROUTE = re.compile(r"^(\S+/\d+)?\s+(unicast|unreachable|blackhole|prohibit)\s+\[")
BIRD_HOP = re.compile(r"^\t(?:via (\S+) on (\S+)|dev (\S+))")


def table(network: CaseNetwork, router: str) -> Table:
    """Prefix text -> route; the null route of an area range is an intra-area one with the hop NULL and no cost."""
    if network.plan.routers[router].program == "frr":
        return frr_table(json.loads(network.ask_ospfd(router, "show ip ospf route json") or "{}"))
    return bird_table(bird.birdc(network, router, "show", "route", "all", "protocol", PROTOCOL))


def frr_table(document: dict[str, Any]) -> Table:
    found = {}
    for prefix, route in document.items():
        if route["routeType"].startswith("D"):
            found[prefix] = Entry(INTRA, 0, 0, frozenset({NULL}))
            continue
        kind = FRR_TYPES.get(route["routeType"].strip())
        if kind is None:  # "R": a router
            continue
        hops = frozenset(
            Hop(hop["via"], hop["ip"]) if "via" in hop else Hop(hop.get("directlyAttachedTo", "?"), "")
            for hop in route["nexthops"]
        )
        # beside the real next hop FRR lists the virtual link: without an interface, or as the neighbour through `lo`
        real = frozenset(hop for hop in hops if hop != Hop("?", "") and not (hop.interface == "lo" and hop.gateway))
        hops = real or hops
        area = ip(route["area"]) if kind in (INTRA, INTER) else None
        found[prefix] = Entry(kind, route["cost"], route.get("type2cost", 0) if kind == EXT2 else 0, hops, area)
    return found


def bird_table(text: str) -> Table:
    found: dict[str, Entry] = {}
    prefix, kind, cost, type2, null = "", -1, 0, 0, False
    hops: set[Hop] = set()

    def keep() -> None:
        if null and prefix:
            found[prefix] = Entry(INTRA, 0, 0, frozenset({NULL}))
        elif kind >= 0:
            found[prefix] = Entry(kind, cost, type2, frozenset(hops))

    for line in text.splitlines():
        if match := BIRD_ROUTE.match(line):
            keep()
            prefix, kind, cost, type2, null = match[1] or prefix, -1, 0, 0, match[2] != "unicast"
            hops = set()
        elif match := BIRD_HOP.match(line):
            hops.add(Hop(match[3], "") if match[3] else Hop(match[2], match[1]))
        elif line.startswith("\tType: "):
            kind = BIRD_TYPES[line.split()[1]]
        elif line.startswith("\tOSPF.metric1: "):
            cost = int(line.split()[1])
        elif line.startswith("\tOSPF.metric2: "):
            type2 = int(line.split()[1])
    keep()
    return found


def database(network: CaseNetwork, router: str) -> Database:
    """Every LSA the router holds, those being flushed (MaxAge) left out."""
    if network.plan.routers[router].program == "frr":
        return frr_database(network.ask_ospfd(router, "show ip ospf database"))
    return bird_database(bird.birdc(network, router, "show", "ospf", "lsadb", PROTOCOL))


def frr_database(text: str) -> Database:
    found: Database = {}
    kind, area = 0, AS_SCOPE
    for line in text.splitlines():
        if match := FRR_LSA.match(line):
            if int(match[3]) < MAX_AGE:
                found.setdefault(area, {})[kind, match[1], match[2]] = int(match[4], 16), int(match[5], 16)
        elif (match := FRR_SECTION.match(line)) and match[1] in FRR_SECTIONS:
            kind = FRR_SECTIONS[match[1]]
            area = ip(match[2]) if match[2] else AS_SCOPE
    return found


def bird_database(text: str) -> Database:
    found: Database = {}
    area = AS_SCOPE
    for line in text.splitlines():
        if line.startswith("Area "):
            area = ip(line.split()[1])
        elif line.startswith(("Global", "Link ")):
            area = AS_SCOPE
        elif (match := BIRD_LSA.match(line)) and int(match[5]) < MAX_AGE:
            kind = int(match[1], 16)
            found.setdefault(area, {})[kind, match[2], match[3]] = int(match[4], 16), int(match[6], 16)
    return found


def frr_links(network: CaseNetwork, router: str) -> dict[int, dict[str, tuple[int, int]]]:
    """Area -> router id -> (links to routers and transit networks, virtual links) of its router-LSA."""
    shown = json.loads(network.ask_ospfd(router, "show ip ospf database router json") or "{}")
    found: dict[int, dict[str, tuple[int, int]]] = {}
    for area, entries in shown.get("routerLinkStates", {}).get("areas", {}).items():
        for entry in entries:
            if entry["lsaAge"] >= MAX_AGE:
                continue
            kinds = [link["linkType"] for link in entry["routerLinks"].values()]
            virtual = sum("Virtual" in kind for kind in kinds)
            stub = sum("Stub" in kind for kind in kinds)
            found.setdefault(ip(area), {})[entry["advertisingRouter"]] = len(kinds) - virtual - stub, virtual
    return found
