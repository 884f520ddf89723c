"""Routing fractions against a slow oracle in exact arithmetic, over random small areas.

The oracle knows nothing of `ospf`: it works on the drawn network (not on LSAs), with a heap Dijkstra and a recursion
that splits equally per next hop in `Fraction`s.  Distances are compared with networkx as well.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.lsa import Lsa, RouterLink
from ospf.paths import Paths
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import ip, network, p2p, router, stub, transit

Node = tuple[str, int]
Key = tuple[int, str]  # router number, interface text


@dataclass
class Area:
    """A drawn network: numbers only."""

    routers: int
    links: list[tuple[int, int, int, int, bool]]  # a, b, cost at a, cost at b, numbered
    lans: list[dict[int, int]]  # router -> cost
    stubs: list[dict[int, int]]  # prefix s: router -> cost
    interfaces: dict[tuple[int, int], str] = field(default_factory=dict)

    def rid(self, i: int) -> str:
        return f"9.9.9.{i + 1}"

    def end(self, number: int, side: int) -> str:
        """Interface text of link `number` at side 0 or 1."""
        return f"10.1.{number}.{side + 1}" if self.links[number][4] else f"if{number + 1}"

    def lan_address(self, j: int, i: int) -> str:
        return f"10.2.{j}.{i + 1}"

    def lsas(self) -> list[Lsa]:
        rows: list[list[RouterLink]] = [[] for _ in range(self.routers)]
        for number, (a, b, cost_a, cost_b, numbered) in enumerate(self.links):
            for own, other, cost, side in ((a, b, cost_a, 0), (b, a, cost_b, 1)):
                address: str | int = self.end(number, side) if numbered else number + 1
                rows[own].append(p2p(self.rid(other), address, cost))
                if numbered:
                    rows[own].append(stub(f"10.1.{number}.0/30", cost))
        found = []
        for j, members in enumerate(self.lans):
            dr = min(members)
            for i, cost in members.items():
                rows[i].append(transit(self.lan_address(j, dr), self.lan_address(j, i), cost))
            attached = [self.rid(i) for i in members]
            found.append(network(self.lan_address(j, dr), 24, self.rid(dr), attached))
        for s, holders in enumerate(self.stubs):
            for i, cost in holders.items():
                rows[i].append(stub(f"10.3.{s}.0/24", cost))
        return [router(self.rid(i), *links) for i, links in enumerate(rows)] + found

    def neighbors(self, node: Node) -> list[tuple[Node, int, Key | None, Key | None]]:
        """(neighbour, cost, row out, row in)."""
        kind, i = node
        if kind == "n":
            return [(("r", m), 0, None, (m, self.lan_address(i, m))) for m in self.lans[i]]
        out: list[tuple[Node, int, Key | None, Key | None]] = []
        for number, (a, b, cost_a, cost_b, _) in enumerate(self.links):
            for own, other, cost, side in ((a, b, cost_a, 0), (b, a, cost_b, 1)):
                if own == i:
                    out.append(
                        (("r", other), cost, (i, self.end(number, side)), (other, self.end(number, 1 - side)))
                    )
        for j, members in enumerate(self.lans):
            if i in members:
                out.append((("n", j), members[i], (i, self.lan_address(j, i)), None))
        return out

    def nodes(self) -> list[Node]:
        return [("r", i) for i in range(self.routers)] + [("n", j) for j in range(len(self.lans))]


def oracle_distances(area: Area, source: Node) -> dict[Node, int]:
    done: dict[Node, int] = {}
    heap = [(0, source)]
    while heap:
        distance, node = heapq.heappop(heap)
        if node in done:
            continue
        done[node] = distance
        for other, cost, _, _ in area.neighbors(node):
            if other not in done:
                heapq.heappush(heap, (distance + cost, other))
    return done


class Oracle:
    """Exact shares towards one prefix: a LAN ("n", j) or a stub prefix ("s", s)."""

    def __init__(self, area: Area, prefix: Node) -> None:
        self.area, self.prefix = area, prefix
        sinks = {("r", i): c for i, c in area.stubs[prefix[1]].items()} if prefix[0] == "s" else {prefix: 0}
        self.sinks = sinks
        self.to: dict[Node, int] = {}
        for node in area.nodes():
            reach = oracle_distances(area, node)
            offers = [reach[sink] + cost for sink, cost in sinks.items() if sink in reach]
            if offers:
                self.to[node] = min(offers)
        self.shares = cache(self._shares)

    def _shares(self, node: Node) -> dict[tuple[str, Key], Fraction]:
        """("out" | "in", row) -> share for traffic that stands at `node`."""
        if node in self.sinks:
            if self.prefix[0] == "n":
                return {}
            return {("out", (node[1], f"10.3.{self.prefix[1]}.0/24")): Fraction(1)}
        total: dict[tuple[str, Key], Fraction] = {}
        hops: list[tuple[Key | None, Key | None, Node]] = []
        for other, cost, out, into in self.area.neighbors(node):
            if other == self.prefix:  # on the prefix's own LAN
                assert out is not None
                return {("out", out): Fraction(1)}
            if node[0] == "n":
                if self.to[other] == self.to[node]:
                    hops.append((None, into, other))
            elif other[0] == "r":
                if other in self.to and cost + self.to[other] == self.to[node]:
                    hops.append((out, into, other))
            else:  # across a LAN, straight to each router behind it
                for member, _, _, row in self.area.neighbors(other):
                    if member != node and cost + self.to[member] == self.to[node]:
                        hops.append((out, row, member))
        for out, into, other in hops:
            part = Fraction(1, len(hops))
            for direction, row in (("out", out), ("in", into)):
                if row is not None:
                    total[direction, row] = total.get((direction, row), Fraction(0)) + part
            for row_key, share in self.shares(other).items():
                total[row_key] = total.get(row_key, Fraction(0)) + part * share
        return total


@st.composite
def areas(draw: st.DrawFn) -> Area:
    n = draw(st.integers(2, 7))
    cost = st.sampled_from([1, 1, 1, 2, 3, 4])
    one = st.integers(0, n - 1)
    links = []
    for _ in range(draw(st.integers(1, 10))):
        a, b = draw(one), draw(one)
        if a != b:
            same = draw(cost)
            back = draw(cost) if draw(st.booleans()) else same
            links.append((a, b, same, back, draw(st.booleans())))
    members = st.dictionaries(one, cost, min_size=2, max_size=min(n, 4))
    lans = draw(st.lists(members, max_size=2))
    holders = st.dictionaries(one, st.sampled_from([0, 1, 1, 2]), min_size=1, max_size=3)
    stubs = draw(st.lists(holders, min_size=1, max_size=3))
    return Area(n, links, lans, stubs)


def prefix_row(topology: Topology, prefix: Node) -> int:
    base = f"10.2.{prefix[1]}.0" if prefix[0] == "n" else f"10.3.{prefix[1]}.0"
    return topology.prefixes.row(ip(base), 24)


def vertex(topology: Topology, area: Area, node: Node) -> int:
    if node[0] == "r":
        return topology.router_vertex[ip(area.rid(node[1]))]
    address = ip(area.lan_address(node[1], min(area.lans[node[1]])))
    return topology.n_routers + int(np.flatnonzero(topology.network_address == address)[0])


def all_pairs(area: Area, topology: Topology) -> list[tuple[Node, Node, int, int]]:
    prefixes = [("s", s) for s in range(len(area.stubs))] + [("n", j) for j in range(len(area.lans))]
    return [
        (node, prefix, vertex(topology, area, node), prefix_row(topology, prefix))
        for node in area.nodes()
        for prefix in prefixes
    ]


@settings(max_examples=200, deadline=None)
@given(areas())
def test_fractions_equal_the_exact_oracle(area: Area) -> None:
    topology = build_topology(area.lsas(), version=1, time=0.0)
    pairs = all_pairs(area, topology)
    paths = Paths(topology)
    sources = np.array([pair[2] for pair in pairs])
    prefixes = np.array([pair[3] for pair in pairs])
    matrix = paths.fractions(sources, prefixes)
    reachable = paths.reachable(sources, prefixes)
    n_links = len(topology.links)
    names: dict[Key, int] = {
        (topology.router_vertex[key.router], key.interface): row
        for row, key in enumerate(topology.links.keys)
    }
    oracles = {prefix: Oracle(area, prefix) for _, prefix, _, _ in pairs}
    for i, (node, prefix, _, _) in enumerate(pairs):
        oracle = oracles[prefix]
        assert bool(reachable[i]) == (node in oracle.to)
        expected = {}
        if node in oracle.to:
            for (direction, key), share in oracle.shares(node).items():
                expected[names[key] + (n_links if direction == "in" else 0)] = float(share)
        row = matrix[i]
        got = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        assert got.keys() == expected.keys()
        assert np.allclose([got[c] for c in expected], list(expected.values()), atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(areas())
def test_hops_sum_to_the_fractions_and_are_conserved(area: Area) -> None:
    topology = build_topology(area.lsas(), version=1, time=0.0)
    pairs = all_pairs(area, topology)
    paths = Paths(topology)
    sources = np.array([pair[2] for pair in pairs])
    prefixes = np.array([pair[3] for pair in pairs])
    n_links = len(topology.links)
    matrix = paths.fractions(sources, prefixes).toarray()
    table = paths.hops(sources, prefixes, np.full(len(pairs), -1))
    out = np.zeros((len(pairs), n_links))
    into = np.zeros((len(pairs), n_links))
    leaves, enters = table.egress >= 0, table.ingress >= 0
    np.add.at(out, (table.pair[leaves], table.egress[leaves]), table.fraction[leaves])
    np.add.at(into, (table.pair[enters], table.ingress[enters]), table.fraction[enters])
    assert np.allclose(out, matrix[:, :n_links], atol=1e-12)
    assert np.allclose(into, matrix[:, n_links:], atol=1e-12)
    assert leaves.all()  # stubs and LANs: every router on the way has a row to leave by
    assert (topology.links.vertex[table.egress[leaves]] == table.vertex[leaves]).all()
    assert (topology.links.vertex[table.ingress[enters]] == table.vertex[enters]).all()
    reachable = paths.reachable(sources, prefixes)
    stub_rows = topology.links.kind == 1
    for i, (node, prefix, _, _) in enumerate(pairs):
        if not reachable[i] or node == prefix:
            assert not matrix[i].any()
        elif prefix[0] == "s":
            assert np.isclose(matrix[i, :n_links][stub_rows].sum(), 1)
        else:
            lan = topology.links.target == vertex(topology, area, prefix)
            assert np.isclose((matrix[i, :n_links] - matrix[i, n_links:])[lan].sum(), 1)


@settings(max_examples=100, deadline=None)
@given(areas())
def test_distances_equal_networkx(area: Area) -> None:
    topology = build_topology(area.lsas(), version=1, time=0.0)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(area.nodes())
    for node in area.nodes():
        for other, cost, _, _ in area.neighbors(node):
            graph.add_edge(node, other, weight=cost)
    distances = Paths(topology).distances
    for node in area.nodes():
        lengths = nx.single_source_dijkstra_path_length(graph, node)
        for other in area.nodes():
            got = distances[vertex(topology, area, node), vertex(topology, area, other)]
            assert got == lengths.get(other, np.inf)


@settings(max_examples=100, deadline=None)
@given(areas(), st.data())
def test_zero_cost_links_neither_loop_nor_lose(area: Area, data: st.DataObject) -> None:
    zero = st.sampled_from([0, 0, 1])
    area.links = [(a, b, data.draw(zero), data.draw(zero), numbered) for a, b, _, _, numbered in area.links]
    area.lans = [{i: data.draw(zero) for i in members} for members in area.lans]
    topology = build_topology(area.lsas(), version=1, time=0.0)
    pairs = [pair for pair in all_pairs(area, topology) if pair[1][0] == "s"]
    sources = np.array([pair[2] for pair in pairs])
    prefixes = np.array([pair[3] for pair in pairs])
    paths = Paths(topology)
    matrix = paths.fractions(sources, prefixes).toarray()
    delivered = matrix[:, : len(topology.links)][:, topology.links.kind == 1].sum(axis=1)
    assert np.allclose(delivered, paths.reachable(sources, prefixes))
