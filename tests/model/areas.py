"""Random OSPF networks of several areas as LSAs, with the summaries that their border routers would originate.

Border routers are made to tell what RFC 2328 12.4.3 has them tell, from tables computed by `section16`: first what
they reach inside their areas, then what they learn over the backbone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from ospf.lsa import ExternalLsa, Lsa, LsaHeader, NetworkLsa, RouterLink, RouterLsa, SummaryLsa
from tests.model.section16 import (
    FLAG_B,
    FLAG_E,
    FLAG_V,
    INTER,
    INTRA,
    OPTION_E,
    OPTION_P,
    P2P,
    STUB,
    TRANSIT,
    VIRTUAL,
    Entry,
    Prefix,
    RoutingTable,
)

NORMAL, STUB_AREA, NSSA = 0, 1, 2
COSTS = (1, 2, 2, 3, 5, 10, 10, 65535)
FIRST_ROUTER, FIRST_LINK, FIRST_LAN, FIRST_STUB = 0x01010100, 0x0A000000, 0x0A800000, 0xC0A80000
FIRST_MULTIPOINT = 0x0A200000


def masked(plen: int) -> int:
    return (0xFFFFFFFF << (32 - plen)) & 0xFFFFFFFF


def make(kind: int, lsid: int, router: int, body: object, options: int = OPTION_E, age: int = 1) -> Lsa:
    return Lsa(LsaHeader(age, options, kind, lsid, router, -0x7FFFFFFF, 1, 36), body, b"")  # type: ignore[arg-type]


@dataclass
class RandomNetwork:
    """Areas of routers; call `databases()` for the LSAs as they stand."""

    rng: random.Random
    kinds: dict[int, int] = field(default_factory=dict)  # area -> NORMAL, STUB_AREA, NSSA
    links: dict[tuple[int, int], list[RouterLink]] = field(default_factory=dict)  # (area, router)
    lans: dict[int, list[tuple[int, int, tuple[int, ...]]]] = field(default_factory=dict)  # (DR address, DR, attached)
    externals: list[tuple[int, Prefix, ExternalLsa]] = field(default_factory=list)
    internals: list[tuple[int, int, Prefix, ExternalLsa, int]] = field(default_factory=list)  # type 7: area first
    virtual: dict[int, set[int]] = field(default_factory=dict)  # transit area -> ends of virtual links through it
    next_subnet: int = 0

    def areas_of(self, router: int) -> list[int]:
        return sorted(area for area, member in self.links if member == router)

    @property
    def routers(self) -> list[int]:
        return sorted({router for _, router in self.links})

    @property
    def borders(self) -> list[int]:
        return [router for router in self.routers if len(self.areas_of(router)) > 1]

    def flags(self, router: int) -> int:
        asbr = any(origin == router for origin, *_ in self.externals) or any(o == router for _, o, *_ in self.internals)
        return (FLAG_B if router in self.borders else 0) | (FLAG_E if asbr else 0)

    def subnet(self) -> int:
        self.next_subnet += 1
        return 4 * self.next_subnet

    def cable(self, area: int, a: int, b: int, *, numbered: bool = True) -> None:
        base = FIRST_LINK + self.subnet()
        for own, other, address in ((a, b, base + 1), (b, a, base + 2)):
            cost = self.rng.choice(COSTS)
            data = address if numbered else base & 0xFFFF | (own == b)
            self.links[area, own].append(RouterLink(other, data, P2P, cost))
            if numbered:
                self.links[area, own].append(RouterLink(base, masked(30), STUB, cost))

    def lan(self, area: int, members: list[int]) -> None:
        base = FIRST_LAN + 64 * self.subnet()
        designated = base + 1
        for number, router in enumerate(members):
            link = RouterLink(designated, base + 1 + number, TRANSIT, self.rng.choice(COSTS))
            self.links[area, router].append(link)
        self.lans.setdefault(area, []).append((designated, members[0], tuple(members)))

    def stub(self, area: int, router: int, prefix: Prefix) -> None:
        self.links[area, router].append(RouterLink(prefix[0], masked(prefix[1]), STUB, self.rng.choice(COSTS)))

    def options(self, area: int) -> int:
        return {NORMAL: OPTION_E, STUB_AREA: 0, NSSA: OPTION_P}[self.kinds[area]]

    def databases(self) -> dict[int, list[Lsa]]:
        found: dict[int, list[Lsa]] = {area: [] for area in self.kinds}
        for (area, router), links in self.links.items():
            flags = self.flags(router) | (FLAG_V if router in self.virtual.get(area, ()) else 0)
            found[area].append(make(1, router, router, RouterLsa(flags, tuple(links)), self.options(area)))
        for area, lans in self.lans.items():
            for address, designated, attached in lans:
                body = NetworkLsa(masked(26), attached)
                found[area].append(make(2, address, designated, body, self.options(area)))
        self._summarise(found)
        for number, (router, (network, plen), body) in enumerate(self.externals):
            for area, kind in self.kinds.items():
                if kind == NORMAL:
                    found[area].append(make(5, network | number % 2 if plen < 31 else network, router, body))
            assert plen == bin(body.mask).count("1")
        for area, router, (network, _), body, options in self.internals:
            found[area].append(make(7, network, router, body, options))
        return found

    def _summarise(self, found: dict[int, list[Lsa]]) -> None:
        into_backbone: list[Lsa] = []
        for border in self.borders:
            table = RoutingTable(border, found)
            for prefix, entry in table.routes.items():
                if entry.kind == INTRA and entry.area:
                    into_backbone.append(self._summary(3, border, prefix, entry, 0))
            for asbr, entries in table.asbrs.items():
                for entry in entries:
                    if entry.kind == INTRA and entry.area and self.kinds[entry.area] == NORMAL:
                        into_backbone.append(make(4, asbr, border, SummaryLsa(0, entry.cost)))
        found[0] += into_backbone
        into_areas: dict[int, list[Lsa]] = {area: [] for area in self.kinds if area}
        for border in self.borders:
            table = RoutingTable(border, found)
            for area in self.areas_of(border):
                if not area:
                    continue
                if self.kinds[area] != NORMAL:
                    into_areas[area].append(make(3, 0, border, SummaryLsa(0, 1), self.options(area)))
                if self.kinds[area] == STUB_AREA:
                    continue  # totally stubby
                for prefix, entry in table.routes.items():
                    if entry.kind <= INTER and entry.area != area and (entry.kind == INTRA or entry.area == 0):
                        into_areas[area].append(self._summary(3, border, prefix, entry, area))
                if self.kinds[area] != NORMAL:
                    continue
                for asbr in table.asbrs:
                    best = table._asbr(asbr, None)
                    if best is not None and best.area != area and asbr != border:
                        into_areas[area].append(make(4, asbr, border, SummaryLsa(0, best.cost)))
        for area, lsas in into_areas.items():
            found[area] += lsas

    def _summary(self, kind: int, border: int, prefix: Prefix, entry: Entry, area: int) -> Lsa:
        return make(kind, prefix[0], border, SummaryLsa(masked(prefix[1]), entry.cost), self.options(area))


def random_network(seed: int) -> RandomNetwork:
    """2-4 areas of 2-5 routers; two border routers per area as a rule; LANs, cables, stubs, externals."""
    rng = random.Random(seed)
    net = RandomNetwork(rng)
    backbone = [FIRST_ROUTER + n for n in range(rng.randint(2, 4))]
    areas = rng.randint(0, 3)
    net.kinds = {0: NORMAL} | {
        area: rng.choice((NORMAL, NORMAL, STUB_AREA, NSSA)) for area in range(1, areas + 1)
    }
    members = {0: backbone}
    number = len(backbone)
    for area in range(1, areas + 1):
        own = [FIRST_ROUTER + number + n for n in range(rng.randint(1, 4))]
        number += len(own)
        members[area] = rng.sample(backbone, rng.randint(1, min(2, len(backbone)))) + own
    for area, routers in members.items():
        for router in routers:
            net.links[area, router] = []
    for area, routers in members.items():
        _wire(net, area, routers)
        for router in routers:
            for _ in range(rng.randint(0, 2)):
                net.stub(area, router, (FIRST_STUB + 256 * rng.randint(0, 40), 24))
            if rng.random() < 0.3:
                net.stub(area, router, (router, 32))
    if rng.random() < 0.4:
        _virtual_link(net, members, number)
    _externals(net, members)
    return net


def _virtual_link(net: RandomNetwork, members: dict[int, list[int]], number: int) -> None:
    """An area behind another one: its border router reaches the backbone over a virtual link."""
    rng = net.rng
    transits = [area for area in members if area and net.kinds[area] == NORMAL]
    far = [router for area in transits for router in members[area] if router not in members[0]]
    if not far:
        return
    end = rng.choice(far)
    through = next(area for area in transits if end in members[area])
    near = rng.choice([router for router in members[through] if router in members[0]])
    inside = net.databases()[through]
    for one, other in ((end, near), (near, end)):
        table = RoutingTable(one, {through: [lsa for lsa in inside if lsa.header.type < 3]})
        cost = table.trees[through].cost[("router", other)]
        own = [link for link in net.links[through, one] if link.type in (P2P, TRANSIT) and link.link_data >= 1 << 24]
        if cost >= 0xFFFF or not own:
            return
        net.links.setdefault((0, one), []).append(RouterLink(other, own[0].link_data, VIRTUAL, cost))
    net.virtual[through] = {end, near}
    behind = max(members) + 1
    net.kinds[behind] = NORMAL
    members[behind] = [end, *(FIRST_ROUTER + number + n for n in range(rng.randint(1, 2)))]
    members[0] = [*members[0], end]
    for router in members[behind]:
        net.links[behind, router] = []
    _wire(net, behind, members[behind])
    net.stub(behind, members[behind][-1], (FIRST_STUB + 256 * 99, 24))


def _wire(net: RandomNetwork, area: int, routers: list[int]) -> None:
    rng = net.rng
    for position in range(1, len(routers)):
        net.cable(area, routers[position], rng.choice(routers[:position]), numbered=rng.random() < 0.8)
    for _ in range(rng.randint(0, len(routers))):
        if len(routers) > 1:
            a, b = rng.sample(routers, 2)
            net.cable(area, a, b, numbered=rng.random() < 0.8)
    if len(routers) > 1 and rng.random() < 0.6:
        net.lan(area, rng.sample(routers, rng.randint(2, len(routers))))


def _externals(net: RandomNetwork, members: dict[int, list[int]]) -> None:
    rng = net.rng
    normal = sorted({r for area, routers in members.items() if net.kinds[area] == NORMAL for r in routers})
    stubs = [link.link_id for _, links in sorted(net.links.items()) for link in links
             if link.type == STUB and link.link_data == masked(24)]  # fmt: skip
    # of a prefix that two routers announce, section 16 does not say which of equal routes a forwarding address takes
    inside = [network + 2 for network in stubs if stubs.count(network) == 1]
    taken: set[tuple[int, Prefix]] = set()
    for _ in range(rng.randint(0, 5)):
        prefix = (0xAC100000 + 65536 * rng.randint(0, 3), 16)
        router = rng.choice(normal)
        if (router, prefix) in taken:
            continue
        taken.add((router, prefix))
        forward = rng.choice(inside) if inside and rng.random() < 0.3 else 0
        body = ExternalLsa(masked(16), rng.choice((1, 10, 20)), rng.random() < 0.5, forward, 0)
        net.externals.append((router, prefix, body))
    for area, kind in net.kinds.items():
        own = [router for router in members[area] if router not in members[0]]
        if kind == NSSA and own and rng.random() < 0.7:
            prefix = (0xAC200000 + 65536 * rng.randint(0, 1), 16)
            body = ExternalLsa(masked(16), rng.choice((1, 10)), rng.random() < 0.5, 0, 0)
            net.internals.append((area, rng.choice(own), prefix, body, 0))

