"""Where traffic goes, hop by hop in exact fractions: every router by the table that `section16` gives it.

Beyond its table a router delivers what it is connected to, sends out what it redistributes, and where it has no route
uses the next shorter prefix that covers it. Equal parts per next hop. Traffic that stands on a circle ends there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from ospf.lsa import ExternalLsa, Lsa, NetworkLsa, RouterLsa, SummaryLsa
from tests.model.areas import FIRST_MULTIPOINT
from tests.model.section16 import (
    FLAG_B,
    INTRA,
    LS_INFINITY,
    MAX_AGE,
    OPTION_P,
    P2P,
    STUB,
    TRANSIT,
    Entry,
    Prefix,
    RoutingTable,
    covers,
    interface_text,
    length_of,
)

Row = tuple[int, str]  # router, interface text
UNNUMBERED = 1 << 24


class Step(NamedTuple):
    """One next hop; None: no row, no router."""

    out: Row | None
    into: Row | None
    router: int | None


def text(prefix: Prefix) -> str:
    return f"{interface_text(prefix[0]) if prefix[0] >= UNNUMBERED else '0.0.0.0'}/{prefix[1]}"


class Walk:
    """All routers of one network; `databases` as `RoutingTable` takes them."""

    def __init__(self, databases: Mapping[int, Sequence[Lsa]], tables: Mapping[int, RoutingTable]) -> None:
        self.tables = tables
        self.live = [
            (area, lsa) for area, lsas in databases.items() for lsa in lsas if lsa.header.age & 0x7FFF < MAX_AGE
        ]
        self.links = {
            (area, lsa.header.advertising_router): lsa.body.links
            for area, lsa in self.live
            if isinstance(lsa.body, RouterLsa)
        }
        self.borders = {
            lsa.header.advertising_router
            for _, lsa in self.live
            if isinstance(lsa.body, RouterLsa) and lsa.body.flags & FLAG_B
        }
        self.networks = {
            (area, lsa.header.link_state_id): lsa.body for area, lsa in self.live if isinstance(lsa.body, NetworkLsa)
        }
        self.prefixes = {prefix for router in tables for prefix in self.said_by(router)}
        for table in tables.values():
            self.prefixes |= table.routes.keys()
        self._steps: dict[tuple[int, Prefix], list[Step]] = {}

    def said_by(self, router: int) -> set[Prefix]:
        """What it is connected to or redistributes."""
        return {p for p, _ in self._connected(router)} | {p for p, *_ in self._external(router)}

    # What a router does by itself

    def _connected(self, router: int) -> list[tuple[Prefix, tuple[int, Row | None]]]:
        """(prefix, (cost, row it leaves by)) of stubs and of the LANs it is on; LANs are always the nearest."""
        found: list[tuple[Prefix, tuple[int, Row | None]]] = []
        for (area, owner), links in self.links.items():
            if owner != router:
                continue
            own = {link.link_data for link in links if link.type == P2P and link.link_data >= UNNUMBERED}
            for link in links:
                if link.type == STUB:
                    prefix = (link.link_id & link.link_data, length_of(link.link_data))
                    cable = prefix[1] == 32 or any(covers(prefix, address) for address in own)
                    found.append((prefix, (link.metric, None if cable else (router, text(prefix)))))
                elif link.type == TRANSIT:
                    net = self.networks.get((area, link.link_id))
                    if net is not None and router in net.attached:
                        prefix = (link.link_id & net.mask, length_of(net.mask))
                        found.append((prefix, (-1, (router, interface_text(link.link_data)))))
        return found

    def _external(self, router: int) -> list[tuple[Prefix, int]]:
        """(prefix, forwarding address) of what it redistributes, not of what it only passes on or makes up."""
        mine: list[tuple[Prefix, int]] = []
        for _, lsa in self.live:
            body, h = lsa.body, lsa.header
            if not isinstance(body, ExternalLsa) or h.advertising_router != router or body.metric >= LS_INFINITY:
                continue
            prefix = (h.link_state_id & body.mask, length_of(body.mask))
            made_up = h.type == 7 and prefix[1] == 0 and router in self.borders
            passed_on = h.type == 5 and any(
                isinstance(other.body, ExternalLsa)
                and (other.header.type, other.header.link_state_id) == (7, prefix[0])
                and other.header.options & OPTION_P
                and other.header.advertising_router != router
                and (where, router) in self.links
                and body.forwarding_address in (0, other.body.forwarding_address)
                for where, other in self.live
            )
            if not made_up and not passed_on:
                mine.append((prefix, body.forwarding_address))
        return mine

    def _hides(self, router: int, prefix: Prefix) -> bool:
        """It told others of an area range: of what is not in its table it knows no more."""
        return any(
            isinstance(lsa.body, SummaryLsa) and lsa.header.type == 3 and lsa.header.advertising_router == router
            and (lsa.header.link_state_id & lsa.body.mask, length_of(lsa.body.mask)) == prefix
            for _, lsa in self.live
        ) and prefix in {(n, p) for ranges in self.tables[router].ranges.values() for n, p in ranges}  # fmt: skip

    # Next hops

    def steps(self, router: int, prefix: Prefix) -> list[Step]:
        key = router, prefix
        if key not in self._steps:
            wider = [p for p in self.prefixes if p[1] <= prefix[1] and covers(p, prefix[0])]
            found: list[Step] = []
            for each in sorted(wider, key=lambda p: -p[1]):
                found = self._by_itself(router, each) or self._routed(router, each)
                if found:
                    break
            self._steps[key] = sorted(set(found), key=str)
        return self._steps[key]

    def _by_itself(self, router: int, prefix: Prefix) -> list[Step]:
        connected = [way for p, way in self._connected(router) if p == prefix]
        if connected:
            stubs = [cost for cost, _ in connected if cost >= 0]
            return [Step(row, None, None) for cost, row in connected if cost < 0 or cost == min(stubs)]
        aims = [aim for p, aim in self._external(router) if p == prefix]
        if not aims:
            return []
        if not aims[0] or not any(covers(p, aims[0]) for p in self.prefixes) or self._has(router, aims[0]):
            return [Step((router, "external"), None, None)]
        return self._towards(router, aims[0])

    def _has(self, router: int, address: int) -> bool:
        return any(
            (address == link.link_data and link.type in (P2P, TRANSIT))
            or (link.type == STUB and (link.link_id, link.link_data) == (address, 0xFFFFFFFF))
            for (_, owner), links in self.links.items() if owner == router for link in links
        )  # fmt: skip

    def _towards(self, router: int, address: int) -> list[Step]:
        """To a forwarding address: across the subnet it is on, or along the route inside the AS."""
        inside = {p: e for p, e in self.tables[router].routes.items() if e.kind <= 1 and covers(p, address)}
        if not inside:
            return []
        prefix = max(inside, key=lambda p: p[1])
        if any(p == prefix for p, _ in self._connected(router)):
            return self._across(router, prefix, address)
        return self._along(router, inside[prefix].hops) or [Step(None, None, None)]

    def _across(self, router: int, prefix: Prefix, address: int) -> list[Step]:
        rows = [row for p, (_, row) in self._connected(router) if p == prefix]
        for (_, owner), links in self.links.items():
            for link in links:
                if link.type == TRANSIT and link.link_data == address and owner != router:
                    return [Step(row, (owner, interface_text(address)), owner) for row in rows]
        return [Step(row, None, None) for row in rows]

    def _routed(self, router: int, prefix: Prefix) -> list[Step]:
        entry = self.tables[router].routes.get(prefix)
        if entry is None:
            return [Step(None, None, None)] if self._hides(router, prefix) else []
        if entry.kind == INTRA and not entry.hops:
            return [Step(None, None, None)]  # the discard route of a range
        found = self._along(router, frozenset(hop for hop in entry.hops if not self._is_near(router, hop, entry)))
        for address in entry.forwarding:
            found += self._towards(router, address)
        return found or [Step(None, None, None)]

    def _is_near(self, router: int, hop: tuple[str, int], entry: Entry) -> bool:
        addresses = {interface_text(a) for a in entry.forwarding}
        return bool(addresses) and (hop[1] == 0 or (self._landing(router, *hop) or (0, ""))[1] in addresses)

    def _along(self, router: int, hops: frozenset[tuple[str, int]]) -> list[Step]:
        return [Step((router, out), self._landing(router, out, other), other) for out, other in hops]

    def _landing(self, router: int, out: str, other: int) -> Row | None:
        """The interface of the neighbour on the same link; None when it does not tell of it (two others suffice)."""
        for (area, owner), links in self.links.items():
            for link in links:
                if owner != router or interface_text(link.link_data) != out:
                    continue
                there = self.links.get((area, other), ())
                if link.type == TRANSIT:
                    for far in there:
                        if far.type == TRANSIT and far.link_id == link.link_id:
                            return other, interface_text(far.link_data)
                elif link.type == P2P and link.link_id == other:
                    data = link.link_data
                    many = data >> 20 == FIRST_MULTIPOINT >> 20
                    expected = {data ^ 1, data ^ 2, data ^ 3} if many else {data ^ (3 if data >= UNNUMBERED else 1)}
                    exact = [f for f in there if f.type == P2P and f.link_id == router and f.link_data in expected]
                    return (other, interface_text(exact[0].link_data)) if exact else None
        raise AssertionError(f"{router & 255} has no way to {other & 255} by {out}")

    # Traffic

    def shares(self, router: int, prefix: Prefix) -> dict[tuple[str, Row], Fraction]:
        """("out" | "in", row) -> part of the traffic from this router."""
        circle = self._circling(router, prefix)
        total: dict[tuple[str, Row], Fraction] = {}
        standing = {router: Fraction(1)}
        for at in self._order(router, prefix, circle):
            share, steps = standing.pop(at, Fraction(0)), self.steps(at, prefix)
            if at in circle or not steps:
                continue
            part = share / len(steps)
            for out, into, other in steps:
                for direction, row in (("out", out), ("in", into)):
                    if row is not None:
                        total[direction, row] = total.get((direction, row), Fraction(0)) + part
                if other is not None:
                    standing[other] = standing.get(other, Fraction(0)) + part
        return total

    def _next(self, router: int, prefix: Prefix) -> set[int]:
        return {step.router for step in self.steps(router, prefix) if step.router is not None}

    def _reach(self, router: int, prefix: Prefix) -> set[int]:
        """Routers met after leaving this one."""
        seen: set[int] = set()
        todo = self._next(router, prefix)
        while todo:
            at = todo.pop()
            seen.add(at)
            todo |= self._next(at, prefix) - seen
        return seen

    def _circling(self, router: int, prefix: Prefix) -> set[int]:
        return {at for at in {router} | self._reach(router, prefix) if at in self._reach(at, prefix)}

    def _order(self, router: int, prefix: Prefix, circle: set[int]) -> list[int]:
        """Upstream routers first; beyond a circle nothing is sent."""
        done: list[int] = []

        def visit(at: int) -> None:
            if at not in done:
                for other in [] if at in circle else sorted(self._next(at, prefix)):
                    visit(other)
                done.append(at)

        visit(router)
        return done[::-1]
