"""`Paths` hop by hop over several areas, against the exact walk of `tests.model.walk`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ospf.areas import AreaDatabase, Options
from ospf.links import LinkKey
from ospf.paths import Paths
from ospf.topology import build_domain
from tests.model.areas import RandomNetwork, random_network
from tests.model.section16 import RoutingTable
from tests.model.spice import SpicedNetwork, spiced_network
from tests.model.test_section16 import in_two_areas
from tests.model.walk import Row, Step, Walk
from tests.ospf.lsas import B, ip, p2p, router, stub, summary


class Both:
    """The product and the oracle on one network, and every (router, prefix) of it."""

    def __init__(self, net: RandomNetwork, *, max_paths: int = 64) -> None:
        databases = net.databases()
        rfc3509 = net.rfc3509 if isinstance(net, SpicedNetwork) else True
        ranges = net.ranges if isinstance(net, SpicedNetwork) else {}
        areas = [AreaDatabase(area, lsas) for area, lsas in databases.items()]
        options = Options(abr="rfc3509" if rfc3509 else "rfc2328", max_paths=max_paths)
        self.topology = t = build_domain(areas, instance="default", version=1, time=0.0, options=options)
        self.paths = Paths(t)
        tables = {root: RoutingTable(root, databases, rfc3509=rfc3509, ranges=ranges) for root in net.routers}
        self.walk = Walk(databases, tables)
        self.prefixes = [(int(n), int(p)) for n, p in zip(t.prefixes.network, t.prefixes.plen, strict=True)]
        unsaid = in_two_areas(databases) if net.virtual else set()  # 16.3 does not say which area such a route is of
        rows = [row for row, prefix in enumerate(self.prefixes) if prefix not in unsaid]
        self.pairs = [(router, row) for router in net.routers for row in rows]
        self.sources = np.array([t.router_vertex[router] for router, _ in self.pairs])
        self.rows = np.array([row for _, row in self.pairs])

    def named(self, column: int) -> tuple[str, Row]:
        n = len(self.topology.links)
        key = self.topology.links.keys[column % n]
        return "in" if column >= n else "out", (key.router, key.interface)


def close(ours: dict[object, float], truth: dict[object, Fraction]) -> bool:
    return ours.keys() == truth.keys() and all(abs(ours[key] - float(share)) < 1e-12 for key, share in truth.items())


def check(both: Both) -> int:
    """Fractions, hops and what can be reached; the number of pairs."""
    matrix = both.paths.fractions(both.sources, both.rows)
    reachable = both.paths.reachable(both.sources, both.rows)
    costs = both.paths.costs(both.sources, both.rows)
    hops = both.paths.hops(both.sources, both.rows, np.full(len(both.rows), -1))
    n = len(both.topology.links)
    passed: dict[int, dict[tuple[str, Row], float]] = {}
    for pair, into, out, share in zip(
        hops.pair.tolist(), hops.ingress.tolist(), hops.egress.tolist(), hops.fraction.tolist(), strict=True
    ):
        shares = passed.setdefault(pair, {})
        for column in ([out] if out >= 0 else []) + ([n + into] if into >= 0 else []):
            shares[both.named(column)] = shares.get(both.named(column), 0.0) + share
    for i, (root, row) in enumerate(both.pairs):
        prefix, said = both.prefixes[row], matrix[i]
        truth = both.walk.shares(root, prefix)
        ours = {both.named(c): v for c, v in zip(said.indices.tolist(), said.data.tolist(), strict=True)}
        assert close(ours, truth), (root & 255, prefix, ours, truth)
        assert close(passed.get(i, {}), truth), (root & 255, prefix, passed.get(i), truth)
        assert bool(reachable[i]) == bool(both.walk.steps(root, prefix)), (root & 255, prefix)
        entry = both.walk.tables[root].routes.get(prefix)
        if entry is not None:  # where it also delivers by itself, that is what OSPF says of it all the same
            assert costs[i] == entry.cost, (root & 255, prefix, costs[i], entry)
    return len(both.pairs)


@pytest.mark.parametrize("block", range(5))
def test_shares_of_random_networks(block: int) -> None:
    assert sum(check(Both(random_network(seed))) for seed in range(block * 4, block * 4 + 4)) > 200


@pytest.mark.parametrize("block", range(5))
def test_shares_of_spiced_networks(block: int) -> None:
    assert sum(check(Both(spiced_network(seed))) for seed in range(block * 4, block * 4 + 4)) > 200


@pytest.mark.parametrize("seed", range(8))
def test_traces_are_the_walk(seed: int) -> None:
    both = Both(spiced_network(seed))
    for root, row in both.pairs[::7]:
        truth = both.walk.shares(root, both.prefixes[row])
        ours: dict[tuple[str, Row], float] = {}
        for hop in both.paths.trace(both.topology.router_vertex[root], row):
            if hop.egress >= 0:
                key = both.named(hop.egress)
                ours[key] = ours.get(key, 0.0) + hop.fraction
        assert close(ours, {key: share for key, share in truth.items() if key[0] == "out"})


def cap(both: Both, most: int) -> int:
    """Leave every router of the walk the hops of the lowest addresses; how many had more."""
    links, rows = both.topology.links, both.topology.link_row

    def row(named: Row | None) -> int:
        return rows[LinkKey("default", *named)] if named is not None else -1

    def rank(step: Step) -> tuple[int, int, int]:
        out, into = row(step.out), row(step.into)
        return (*(int(links.address[at]) if at >= 0 else -1 for at in (into, out)), out)

    capped = 0
    for root, at in both.pairs:
        steps = both.walk.steps(root, both.prefixes[at])
        capped += len(steps) > most
        steps.sort(key=rank)
        del steps[most:]
    return capped


@pytest.mark.parametrize(("most", "seeds"), [(1, range(12)), (2, range(150, 165))])
def test_no_more_next_hops_than_the_router_holds(most: int, seeds: range) -> None:
    capped = 0
    for seed in seeds:
        both = Both(spiced_network(seed), max_paths=most)
        capped += cap(both, most)
        check(both)
        rows = both.topology.link_row
        for root in both.walk.tables:
            asked = {both.prefixes[row] for _, row in both.pairs} - both.walk.said_by(root)
            for route in both.paths.table(root):
                assert len(route.next_hops) <= most
                steps = both.walk.steps(root, (route.network, route.plen))
                if (route.network, route.plen) in asked and route.next_hops:
                    assert {hop.link for hop in route.next_hops} == {
                        rows[LinkKey("default", *step.out)] for step in steps if step.out is not None
                    }
    assert capped > 10


def test_the_walk_on_a_network_worked_out_by_hand() -> None:
    """r1 - r2 twice, r2 - r3; r3 has the prefix in area 1, r1 is in the backbone."""
    one, two, three = "1.1.1.1", "2.2.2.2", "3.3.3.3"
    databases = {
        0: [
            router(one, p2p(two, "10.0.0.5", 5), p2p(two, "10.0.0.9", 5)),
            router(two, p2p(one, "10.0.0.6", 5), p2p(one, "10.0.0.10", 5), flags=B),
            summary("192.168.3.0/24", two, 13),
        ],
        1: [
            router(two, p2p(three, "10.1.0.1", 10), flags=B),
            router(three, p2p(two, "10.1.0.2", 10), stub("192.168.3.0/24", 3)),
        ],
    }
    routers = [ip(one), ip(two), ip(three)]
    walk = Walk(databases, {root: RoutingTable(root, databases) for root in routers})
    half, whole = Fraction(1, 2), Fraction(1)
    assert walk.shares(ip(one), (ip("192.168.3.0"), 24)) == {
        ("out", (ip(one), "10.0.0.5")): half,
        ("out", (ip(one), "10.0.0.9")): half,
        ("in", (ip(two), "10.0.0.6")): half,
        ("in", (ip(two), "10.0.0.10")): half,
        ("out", (ip(two), "10.1.0.1")): whole,
        ("in", (ip(three), "10.1.0.2")): whole,
        ("out", (ip(three), "192.168.3.0/24")): whole,
    }
