"""Random networks with everything that section 16 has a special word for; see `SpicedNetwork`.

What `tests.model.areas` makes, and on top of it, each at random: area ranges with their discard route; type 7 LSAs
that are to be translated, by one translator or by all; NSSA defaults as type 7; border routers behind no backbone;
point-to-multipoint; forwarding addresses on LANs; stub routers; what nobody may use (LSInfinity, MaxAge, one-way
links, a designated router's stale network-LSA); the DN-bit; link state ids with host bits (RFC 2328 appendix E).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from ospf.lsa import ExternalLsa, Lsa, NetworkLsa, RouterLink, RouterLsa, SummaryLsa
from tests.model.areas import (
    FIRST_LINK,
    FIRST_MULTIPOINT,
    FIRST_ROUTER,
    FIRST_STUB,
    NORMAL,
    NSSA,
    RandomNetwork,
    make,
    masked,
    random_network,
)
from tests.model.section16 import (
    FLAG_B,
    FLAG_E,
    INTER,
    INTRA,
    LS_INFINITY,
    MAX_AGE,
    OPTION_DN,
    OPTION_P,
    P2P,
    STUB,
    TRANSIT,
    Entry,
    Prefix,
    RoutingTable,
    covers,
)

NT = 0x10  # of a router-LSA: translates always (RFC 3101 3.1)


@dataclass
class SpicedNetwork(RandomNetwork):
    """`databases()` gives the same LSAs every time."""

    ranges: dict[int, list[Prefix]] = field(default_factory=dict)  # area -> ranges of all its border routers
    all_translate: bool = False
    type7_default: dict[int, bool] = field(default_factory=dict)  # NSSA -> metric type 2
    rfc3509: bool = True
    seed: int = 0
    translations: dict[int, list[tuple[int, Prefix, ExternalLsa]]] = field(default_factory=dict)

    def flags(self, router: int) -> int:
        found = super().flags(router)
        for area, external in self.translations.items():
            if area in self.areas_of(router):
                found |= NT if self.all_translate else 0
                found |= FLAG_E if any(origin == router for origin, *_ in external) else 0
        if found & FLAG_B and any(area in self.type7_default for area in self.areas_of(router)):
            found |= FLAG_E
        return found

    def databases(self) -> dict[int, list[Lsa]]:
        self._translate()
        found = super().databases()
        return {area: self._unusable(area, lsas) for area, lsas in found.items()}

    def _translate(self) -> None:
        """Type 7 LSAs with P and a forwarding address, told on by the border router of the highest id, or by all."""
        self.translations = {}
        for area, _, prefix, body, options in self.internals:
            borders = [router for router in self.borders if area in self.areas_of(router) and (0, router) in self.links]
            if options & OPTION_P and body.forwarding_address and borders:
                for border in borders if self.all_translate else borders[-1:]:
                    if not any((border, prefix) == told[:2] for each in self.translations.values() for told in each):
                        self.translations.setdefault(area, []).append((border, prefix, body))

    def table(self, router: int, found: dict[int, list[Lsa]]) -> RoutingTable:
        return RoutingTable(router, found, rfc3509=self.rfc3509, ranges=self.ranges)

    def _summarise(self, found: dict[int, list[Lsa]]) -> None:
        for external in self.translations.values():
            for router, (network, _), body in external:
                for area, kind in self.kinds.items():
                    if kind == NORMAL:
                        found[area].append(make(5, network, router, body))
        into_backbone: list[Lsa] = []
        for border in self.borders:
            table = self.table(border, found)
            for prefix, entry in table.routes.items():
                if entry.kind == INTRA and entry.area and self._tells(prefix, entry):
                    into_backbone.append(self._summary(3, border, prefix, entry, 0))
            for asbr, entries in table.asbrs.items():
                into_backbone += [
                    make(4, asbr, border, SummaryLsa(0, entry.cost))
                    for entry in entries
                    if entry.kind == INTRA and entry.area and self.kinds[entry.area] == NORMAL
                ]
        found[0] += [lsa for lsa in into_backbone if (0, lsa.header.advertising_router) in self.links]
        into_areas: dict[int, list[Lsa]] = {area: [] for area in self.kinds if area}
        for border in self.borders:
            table = self.table(border, found)
            for area in self.areas_of(border):
                if area:
                    into_areas[area] += self._told(border, area, table)
        for area, lsas in into_areas.items():
            found[area] += lsas

    def _told(self, border: int, area: int, table: RoutingTable) -> list[Lsa]:
        told: list[Lsa] = []
        kind = self.kinds[area]
        if area in self.type7_default:
            body = ExternalLsa(0, 7, self.type7_default[area], 0, 0)
            told.append(make(7, 0, border, body, 0))
        elif kind != NORMAL:
            told.append(make(3, 0, border, SummaryLsa(0, 1), self.options(area)))
        if kind not in (NORMAL, NSSA):
            return told
        for prefix, entry in table.routes.items():
            known = entry.kind == INTRA or (entry.kind == INTER and entry.area == 0)
            if known and entry.area != area and self._tells(prefix, entry):
                told.append(self._summary(3, border, prefix, entry, area))
        if kind == NORMAL:
            for asbr in table.asbrs:
                best = table._asbr(asbr, None)
                if best is not None and best.area != area and asbr != border:
                    told.append(make(4, asbr, border, SummaryLsa(0, best.cost)))
        return told

    def _tells(self, prefix: Prefix, entry: Entry) -> bool:
        """Not the parts of a range (12.4.3)."""
        inside = [each for each in self.ranges.get(entry.area, ()) if covers(each, prefix[0]) and each[1] <= prefix[1]]
        return entry.kind != INTRA or not inside or prefix in inside

    def _unusable(self, area: int, lsas: list[Lsa]) -> list[Lsa]:
        """The same, and what nobody may look at; chosen by what an LSA says, so alike in every area."""
        found: list[Lsa] = []
        ranges = {each for several in self.ranges.values() for each in several}
        for lsa in lsas:
            h, body = lsa.header, lsa.body
            dice = hash((self.seed, h.type, h.link_state_id, h.advertising_router, h.type == 5 or area)) % 1000
            mine = isinstance(body, SummaryLsa) and (h.link_state_id, body.mask.bit_count()) in ranges
            if isinstance(body, SummaryLsa | ExternalLsa) and h.type != 7 and not mine:
                if dice < 30:
                    lsa = replace(lsa, body=replace(body, metric=LS_INFINITY))
                elif dice < 60:
                    lsa = replace(lsa, header=replace(h, options=h.options | OPTION_DN))
                elif dice < 80:
                    lsa = replace(lsa, header=replace(h, age=MAX_AGE))
                elif dice < 300 and h.type == 3 and 0 < body.mask.bit_count() < 31:
                    lsa = replace(lsa, header=replace(h, link_state_id=h.link_state_id | ~body.mask & 0xFFFFFFFF))
            elif isinstance(body, RouterLsa) and dice < 50 and not self.virtual and not self.ranges:
                one_way = [link for link in body.links if link.type == P2P][:1]
                lsa = replace(lsa, body=RouterLsa(body.flags, tuple(li for li in body.links if li not in one_way)))
            elif isinstance(body, NetworkLsa) and dice < 300:
                stale = body.attached[dice % len(body.attached)]
                if stale != h.advertising_router:
                    found.append(make(2, h.link_state_id + 40, stale, body))
            found.append(lsa)
            if 500 < dice < 530:
                found.append(lsa)
        return found


def spiced_network(seed: int) -> SpicedNetwork:
    """`random_network`, spiced."""
    plain = random_network(seed)
    rng = plain.rng
    net = SpicedNetwork(**{name: getattr(plain, name) for name in RandomNetwork.__dataclass_fields__})
    net.seed, net.rfc3509, net.all_translate = seed, rng.random() < 0.7, rng.random() < 0.3
    for area, kind in net.kinds.items():
        members = [router for where, router in net.links if where == area]
        if area and rng.random() < 0.5:
            each = rng.choice([(FIRST_STUB, 20), (FIRST_STUB + 4096, 20), (FIRST_STUB + 8192, 20), (FIRST_LINK, 20)])
            if [each] not in net.ranges.values():
                net.ranges[area] = [each]
        if kind == NSSA:
            _nssa(net, area, members)
        if len(members) > 2 and rng.random() < 0.3:
            _multipoint(net, area, rng.sample(members, 3))
        if rng.random() < 0.2 and not net.virtual:
            stub = rng.choice(members)
            links = net.links[area, stub]
            net.links[area, stub] = [li if li.type == STUB else replace(li, metric=65535) for li in links]
    if rng.random() < 0.3:
        _beyond(net)
    lans = [link.link_data for (area, _), links in net.links.items() for link in links if link.type == TRANSIT
            and net.kinds[area] == NORMAL]  # fmt: skip
    normal = sorted({router for area, router in net.links if net.kinds[area] == NORMAL})
    if lans and rng.random() < 0.5:
        body = ExternalLsa(masked(16), rng.choice((1, 10)), rng.random() < 0.5, rng.choice(lans), 0)
        net.externals.append((rng.choice(normal), (0xAC400000, 16), body))
    return net


def _nssa(net: SpicedNetwork, area: int, members: list[int]) -> None:
    rng = net.rng
    if rng.random() < 0.4:
        net.type7_default[area] = rng.random() < 0.5
    for number, router in enumerate(rng.sample(members, min(2, len(members)))):
        if rng.random() < 0.6 and router not in net.borders:
            net.links[area, router].append(RouterLink(router | 0x40000000, 0xFFFFFFFF, STUB, 0))
            prefix = (0xAC200000 + 65536 * rng.randint(0, 1), 16)
            body = ExternalLsa(masked(16), rng.choice((1, 10)), rng.random() < 0.5, router | 0x40000000, 0)
            if not any(r == router and p == prefix for _, r, p, *_ in net.internals):
                net.internals.append((area, router, prefix, body, OPTION_P if rng.random() < 0.8 or number else 0))


def _multipoint(net: SpicedNetwork, area: int, members: list[int]) -> None:
    """One interface each, a link to every other one, host routes instead of a subnet (RFC 2328 12.4.1.4)."""
    base = FIRST_MULTIPOINT + net.subnet()
    cost = net.rng.choice((1, 5, 10))
    for number, router in enumerate(members):
        for other in members:
            if other != router:
                net.links[area, router].append(RouterLink(other, base + number, P2P, cost))
        net.links[area, router].append(RouterLink(base + number, 0xFFFFFFFF, STUB, 0))


def _beyond(net: SpicedNetwork) -> None:
    """An area behind a border router that is not in the backbone and has no virtual link."""
    rng = net.rng
    own = [router for area, router in net.links if area and (0, router) not in net.links]
    if not own:
        return
    border, area = rng.choice(own), max(net.kinds) + 1
    far = FIRST_ROUTER + 200
    net.kinds[area] = NORMAL
    net.links[area, border], net.links[area, far] = [], []
    net.cable(area, border, far)
    net.stub(area, far, (FIRST_STUB + 256 * 98, 24))
