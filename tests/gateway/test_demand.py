"""Demands carried from version to version give the rates that flows placed anew give."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demand import Demand, Routed
from gateway.join import Routing, count_once, load, place
from gateway.rates import Rates, rates_of
from gateway.registry import AgentRegistry
from ospf.lsa import FLAG_E, LINK_P2P, LINK_STUB, ROUTER, Lsa, RouterLink, RouterLsa
from ospf.topology import Topology, build_topology
from tests.gateway.small import diamond, flows, ip, lsa, rid

ROUTERS, SECONDS, OVERHEAD = 6, 10.0, 14


def area(gone: set[tuple[int, int]], costs: dict[tuple[int, int], int], extra: set[str]) -> list[Lsa]:
    """A ring with chords, a LAN on every router, one LAN of two routers; `extra` prefixes hang on router 2."""
    ends = [(n, n % ROUTERS + 1) for n in range(1, ROUTERS + 1)] + [(1, 4), (2, 5)]
    links: dict[int, list[RouterLink]] = {n: [] for n in range(1, ROUTERS + 1)}
    for a, b in ends:
        if (a, b) in gone:
            continue
        for me, other, host in ((a, b, 1), (b, a, 2)):
            cost = costs.get((a, b), 10)
            links[me].append(RouterLink(rid(other), ip(f"10.0.{a}{b}.{host}"), LINK_P2P, cost))
            links[me].append(RouterLink(ip(f"10.0.{a}{b}.0"), ip("255.255.255.252"), LINK_STUB, cost))
    for n, mine in links.items():
        mine.append(RouterLink(ip(f"10.1.{n}.0"), ip("255.255.255.0"), LINK_STUB, 10))
    for n in (1, 6):
        links[n].append(RouterLink(ip("10.1.99.0"), ip("255.255.255.0"), LINK_STUB, costs.get((n, 99), 5)))
    for text in sorted(extra):
        network, plen = text.split("/")
        mask = 0xFFFFFFFF << (32 - int(plen)) & 0xFFFFFFFF
        links[2].append(RouterLink(ip(network), mask, LINK_STUB, 3))
    return [lsa(ROUTER, rid(n), rid(n), RouterLsa(FLAG_E if n == 4 else 0, tuple(mine))) for n, mine in links.items()]


def batch(rng: random.Random, count: int = 80):
    hosts = [f"10.1.{n}.{h}" for n in (1, 2, 3, 4, 5, 6, 99) for h in (1, 9, 130)] + ["192.0.2.1", "10.0.12.1"]
    rows = [
        (0.0, 10.0, *rng.sample(hosts, 2), rng.randrange(3, 6), rng.randrange(1, 10_000), rng.randrange(9),
         rng.choice((-1, 0)), rng.choice((0, 1)))
        for _ in range(count)
    ]  # fmt: skip
    return flows(*rows)


def agents() -> AgentRegistry:
    known = AgentRegistry(5.0)
    agent = known.hear(b"a" * 16, 0.0)
    known.attach(agent, ip("10.1.1.9"), ip("10.0.12.1"))
    known.attach(agent, ip("10.1.99.9"), ip("10.1.3.1"))
    return known


def as_numbers(rates: Rates) -> tuple[dict, dict, dict, dict]:
    cells = zip(rates.ifindex.tolist(), rates.app.tolist(), rates.out.tolist(), rates.into.tolist(), strict=True)
    return (
        {(i, a, way): rate for i, a, *ways in cells for way, rate in enumerate(ways) if rate > 0},
        {(s, d, a): rate for s, d, a, rate in rates.matrix},
        {tuple(t[:4]): t[4] for t in rates.talkers},
        rates.app_rates,
    )


class Network:
    def __init__(self) -> None:
        self.numbers: dict[object, int] = {}
        self.routing: Routing | None = None

    def become(self, topology: Topology) -> Routing:
        indices = [self.numbers.setdefault(key, len(self.numbers) + 1) for key in topology.links.keys]
        self.routing = Routing.of(topology, indices, self.routing.paths if self.routing else None)
        return self.routing


@settings(max_examples=35, deadline=None)
@given(st.integers(0, 1 << 30))
def test_rates_followed_are_rates_from_nothing(seed: int) -> None:
    rng = random.Random(seed)
    window, known, network = batch(rng), agents(), Network()
    gone: set[tuple[int, int]] = set()
    costs: dict[tuple[int, int], int] = {}
    extra: set[str] = set()
    routed, before = None, None
    for version in range(1, 7):
        topology = build_topology(area(gone, costs, extra), version=version, time=float(version), previous=before)
        before, routing = topology, network.become(topology)
        routed = routed.follow(routing) if routed is not None else None
        fresh = Routing.of(topology, routing.ifindex.tolist())
        anew = Routed.of(Demand.of(window, fresh, known, OVERHEAD), fresh)
        if routed is None:
            routed = Routed.of(Demand.of(window, routing, known, OVERHEAD), routing)
        both = (as_numbers(rates_of(each, SECONDS)) for each in (routed, anew))
        for ours, theirs in zip(*both, strict=True):
            assert ours == pytest.approx(theirs)
        choice = rng.randrange(4)
        ends = rng.choice([(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 1), (1, 4), (2, 5)])
        if choice == 0:
            gone ^= {ends}
        elif choice == 1:
            costs[ends] = rng.randrange(1, 30)
        elif choice == 2:
            costs[rng.choice((1, 6)), 99] = rng.randrange(1, 30)
        else:
            extra ^= {rng.choice(("10.1.1.128/25", "10.9.0.0/16", "192.0.2.0/24", "0.0.0.0/0", "10.1.200.0/24"))}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 30))
def test_rates_are_the_octets_of_the_join(seed: int) -> None:
    """`load` counts by flows and pairs what `rates_of` counts by demands."""
    rng = random.Random(seed)
    window, known = count_once(batch(rng), agents())[0], agents()
    topology = build_topology(area(set(), {(1, 2): rng.randrange(1, 30)}, set()), version=1, time=1.0)
    routing = Routing.of(topology, list(range(1, len(topology.links) + 1)))
    loads = load(place(window, routing, known), routing, OVERHEAD)
    counted = {
        (int(link) + 1, int(app), way): octets * 8 / SECONDS
        for way, amount in enumerate((loads.octets, loads.in_octets))
        for link, app, octets in zip(loads.link, loads.app, amount, strict=True)
        if octets > 0
    }
    rates = rates_of(Routed.of(Demand.of(window, routing, known, OVERHEAD), routing), SECONDS)
    assert as_numbers(rates)[0] == pytest.approx(counted)


def test_a_link_that_fails_keeps_the_demands_and_a_new_prefix_around_a_host_does_not() -> None:
    network = Network()
    window = flows((0, 10, "10.1.1.10", "10.1.4.10", 7, 1000, 1))
    first = network.become(diamond(1, 1.0))
    routed = Routed.of(Demand.of(window, first, AgentRegistry(5.0), 0), first)
    failed = routed.follow(network.become(diamond(2, 2.0, down=frozenset({(1, 2)}))))
    assert failed is not None and failed.demand.conversations is routed.demand.conversations
    assert np.diff(failed.matrix.csr.indptr).tolist() == [5]  # out of three routers, into two
    lsas = area(set(), {}, {"10.1.4.0/28"})
    assert failed.follow(network.become(build_topology(lsas, version=3, time=3.0))) is None


def test_many_applications_are_multiplied_by_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    window, known = batch(random.Random(3)), agents()
    topology = build_topology(area(set(), {}, set()), version=1, time=1.0)
    routing = Routing.of(topology, list(range(1, len(topology.links) + 1)))
    routed = Routed.of(Demand.of(window, routing, known, OVERHEAD), routing)
    dense = rates_of(routed, SECONDS)
    monkeypatch.setattr("gateway.rates.DENSE_APPLICATIONS", 1)
    sparse = rates_of(routed, SECONDS)
    for ours, theirs in zip(as_numbers(dense), as_numbers(sparse), strict=True):
        assert ours == pytest.approx(theirs)
