"""Our routing table of every router beside the router's own, route by route."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from ospf.areas import AreaDatabase, Options
from ospf.lsa import Lsa
from ospf.paths import Paths
from ospf.prefixes import EXT2, INTER, INTRA, ROUTE_TYPE_NAMES
from ospf.topology import build_domain
from ospf.wire import address_text
from tests.lab.cases.casefile import Case, Known
from tests.lab.cases.network import CaseNetwork
from tests.lab.cases.truth import NULL, Entry, Hop, Table
from tests.model import section16
from tests.ospf.lsas import ip


class Difference(NamedTuple):
    router: str
    prefix: str
    ours: Entry | None
    theirs: Entry | None
    model: str = ""  # which of the two the RFC word for word says

    def __str__(self) -> str:
        both = f"ours {text_of(self.ours)}   router's {text_of(self.theirs)}"
        return f"{self.router:4} {self.prefix:18} {both}   {self.model}"


class Names:
    """What an interface is called that has an address, or an index if unnumbered."""

    def __init__(self, network: CaseNetwork) -> None:
        self.case = network.case
        self._interface: dict[tuple[str, str], str] = {}
        self._address: dict[tuple[str, str], str] = {}
        for segment in network.case.segments:
            for end in segment.routers:
                self._address[end.node, segment.name] = str(end.address.ip)
                # BIRD announces an unnumbered link by its address, FRR by the interface's index (RFC 2328 12.4.1.1)
                self._interface[end.node, str(end.address.ip)] = segment.name
                if segment.prefix is not None:
                    self._interface.setdefault((end.node, str(segment.prefix)), segment.name)
                if segment.prefix is None:
                    self._interface[end.node, f"if{network.interface_index(end.node, segment.name)}"] = segment.name

    def interface(self, router: str, key: str) -> str:
        """Name of the interface with this address text or `ifN`; the text itself if it is none."""
        return self._interface.get((router, key), key)

    def gateway(self, router_id: int, interface: str) -> str:
        """Address of a router on the segment of that name."""
        name = self.case.of_id(address_text(router_id))
        return self._address.get((name, interface), f"{name}?")


class Side(Protocol):
    """Whose tables are compared with the routers'."""

    def update(self, databases: Sequence[AreaDatabase], rfc1583: bool) -> None: ...
    def table(self, router: str) -> Table: ...


class OurSide:
    """`ospf.topology` and `ospf.paths`, each version built from the one before, as the gateway does it."""

    def __init__(self, network: CaseNetwork) -> None:
        self.network, self.names = network, Names(network)
        kinds = {router.abr for router in network.case.routers.values()}
        self.paths: dict[str, Paths | None] = dict.fromkeys(sorted(kinds))  # what border routers do -> paths

    def update(self, databases: Sequence[AreaDatabase], rfc1583: bool) -> None:
        for abr, before in self.paths.items():
            previous = before.topology if before is not None else None
            version = 1 if previous is None else previous.version + 1
            topology = build_domain(
                databases,
                instance="default",
                version=version,
                time=float(version),
                options=Options(rfc1583_compatibility=rfc1583, abr="rfc2328" if abr == "rfc2328" else "rfc3509"),
                previous=previous,
            )
            self.paths[abr] = Paths(topology, before)

    def table(self, router: str) -> Table:
        entry = self.network.case.routers[router]
        paths = self.paths[entry.abr]
        assert paths is not None
        keys = paths.topology.links.keys
        found = {}
        for route in paths.table(ip(entry.id)):
            hops = set()
            for hop in route.next_hops:
                interface = self.names.interface(router, keys[hop.link].interface if hop.link >= 0 else "-")
                if not hop.router:  # a forwarding address on an attached network, or that network
                    hops.add(Hop(interface, address_text(hop.address) if hop.address else ""))
                    continue
                gateway = self.names.gateway(hop.router, interface)
                if hop.address and address_text(hop.address) != gateway:
                    gateway = f"{address_text(hop.address)}?"
                hops.add(Hop(interface, gateway))
            if not hops:
                hops.add(Hop("-", ""))
            type2 = route.type2_cost if route.route_type == EXT2 else 0
            prefix = f"{address_text(route.network)}/{route.plen}"
            found[prefix] = Entry(route.route_type, route.cost, type2, frozenset(hops), route.area)
        return found


class ModelSide:
    """`tests.model.section16`: the RFC word for word, to tell a fault of ours from a habit of a router's."""

    def __init__(self, network: CaseNetwork) -> None:
        self.network, self.names = network, Names(network)
        self.databases: dict[int, Sequence[Lsa]] = {}
        self.rfc1583 = False

    def update(self, databases: Sequence[AreaDatabase], rfc1583: bool) -> None:
        self.databases, self.rfc1583 = {each.area: each.lsas for each in databases}, rfc1583

    def table(self, router: str) -> Table:
        rfc3509 = self.network.case.routers[router].abr != "rfc2328"
        root = ip(self.network.case.routers[router].id)
        computed = section16.RoutingTable(root, self.databases, rfc1583=self.rfc1583, rfc3509=rfc3509)
        found = {}
        for (network, plen), entry in computed.routes.items():
            hops = set()
            for text, neighbor in entry.hops:
                interface = self.names.interface(router, text)
                hops.add(Hop(interface, self.names.gateway(neighbor, interface) if neighbor else ""))
            kept = frozenset(hops or {Hop("-", "")})
            area = entry.area if entry.kind in (INTRA, INTER) else None
            found[f"{address_text(network)}/{plen}"] = Entry(entry.kind, entry.cost, entry.type2, kept, area)
        return found


def differences(router: str, ours: Table, theirs: Table) -> list[Difference]:
    """Routes that differ in type, cost, type-2 cost or the set of next hops, or that one side lacks."""
    found = []
    for prefix in sorted(ours.keys() | theirs.keys(), key=by_prefix):
        one, other = ours.get(prefix), theirs.get(prefix)
        if one is None or other is None or not same(one, other):
            found.append(Difference(router, prefix, one, other))
    return found


def with_model(found: Iterable[Difference], model: Side) -> list[Difference]:
    """The differences, each with whom the model agrees with."""
    tables: dict[str, Table] = {}
    told = []
    for each in found:
        table = tables.get(each.router) or tables.setdefault(each.router, model.table(each.router))
        entry = table.get(each.prefix)
        if entry is None:
            verdict = "none"
        elif each.theirs is not None and same(entry, each.theirs):
            verdict = "as the router's"
        else:
            verdict = "as ours" if each.ours is not None and same(each.ours, entry) else text_of(entry)
        told.append(each._replace(model=f"model {verdict}"))
    return told


def same(ours: Entry, theirs: Entry) -> bool:
    if NULL in theirs.hops:  # the null route of a range, which has no cost that routers agree upon
        return ours.route_type == theirs.route_type and all(not hop.gateway for hop in ours.hops)
    if (ours.route_type, ours.cost, ours.type2) != (theirs.route_type, theirs.cost, theirs.type2):
        return False
    mixed = theirs.route_type == INTER and len(theirs.hops) > 1  # RFC 3509: summaries of several areas, either is right
    if theirs.area is not None and ours.area != theirs.area and not mixed:
        return False
    if all(not hop.gateway for hop in (*ours.hops, *theirs.hops)):
        named = {hop.interface for hop in ours.hops} - {"-"}  # a host route has no interface of ours
        return not named or named == {hop.interface for hop in theirs.hops}
    return ours.hops == theirs.hops


def text_of(entry: Entry | None) -> str:
    if entry is None:
        return "none"
    cost = f"{entry.cost}" if entry.route_type != EXT2 else f"{entry.cost}/{entry.type2}"
    hops = ", ".join(f"{hop.gateway or 'direct'} {hop.interface}" for hop in sorted(entry.hops))
    area = "" if entry.area is None else f" area {entry.area}"
    return f"{ROUTE_TYPE_NAMES[entry.route_type]} {cost}{area} via {hops}"


def by_prefix(prefix: str) -> tuple[int, int]:
    network, plen = prefix.split("/")
    return ip(network), int(plen)


def unexplained(case: Case, step: str, found: Iterable[Difference]) -> tuple[list[Difference], list[Known]]:
    """The differences no exception of the case covers, and the exceptions that covered one."""
    left, used = [], []
    for difference in found:
        known = [
            each
            for each in case.known
            if each.step in ("*", step) and each.router in ("*", difference.router)
            and each.prefix in ("*", difference.prefix)
        ]  # fmt: skip
        if known:
            used.append(known[0])
        else:
            left.append(difference)
    return left, used
