"""Distances with parallel and zero-cost edges; the mesh that kills path listing."""

from __future__ import annotations

import numpy as np

from ospf.lsa import Lsa
from ospf.paths import Paths
from ospf.spf import END, AreaDistances, Distances, Hops, Towards, spread
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import ip, network, p2p, router, stub, transit, virtual

A, B, C = "1.1.1.1", "2.2.2.2", "3.3.3.3"


def build(*lsas: Lsa) -> Topology:
    return build_topology(lsas, version=1, time=0.0)


def towards(t: Topology, target: int, *at: int) -> Hops:
    """The hops of these vertices towards one target of the only area."""
    table = AreaDistances(t.areas, t.n_vertices)
    n, zero = len(at), np.zeros(len(at), dtype=np.int64)
    targets = zero + target
    table.ensure(zero, targets)
    return table.hops(Towards(np.arange(n), zero, targets, np.array(at, dtype=np.int64), np.zeros(n)))


def test_ranges_are_spread_range_by_range() -> None:
    which, position = spread(np.array([5, 0, 9]), np.array([2, 0, 3]))
    assert which.tolist() == [0, 0, 2, 2, 2] and position.tolist() == [5, 6, 9, 10, 11]


def test_parallel_costs_are_not_added_up() -> None:
    t = build(
        router(A, p2p(B, "10.0.0.1", 5), p2p(B, "10.0.0.5", 7)),
        router(B, p2p(A, "10.0.0.2", 5), p2p(A, "10.0.0.6", 7)),
    )
    table = Distances(t.edges, t.n_vertices)
    assert table.matrix().tolist() == [[0, 5], [5, 0]]
    assert towards(t, 1, 0).out.tolist() == [0]


def test_distances_are_directed() -> None:
    t = build(router(A, p2p(B, "10.0.0.1", 5)), router(B, p2p(A, "10.0.0.2", 9)))
    table = Distances(t.edges, t.n_vertices)
    assert table.matrix()[0, 1] == 5 and table.matrix()[1, 0] == 9
    assert table.to(np.array([1])).tolist() == [[5, 0]] and table.source(1).tolist() == [9, 0]


def test_network_edges_cost_nothing_and_survive_as_explicit_zeros() -> None:
    t = build(
        router(A, transit("10.5.0.1", "10.5.0.1", 3)),
        router(B, transit("10.5.0.1", "10.5.0.2", 4)),
        network("10.5.0.1", 24, A, [A, B]),
    )
    assert Distances(t.edges, 3).matrix().tolist() == [[0, 3, 3], [4, 0, 4], [0, 0, 0]]


def test_unreachable_is_infinite() -> None:
    t = build(router(A, p2p(B, "10.0.0.1", 5)), router(B, p2p(A, "10.0.0.2", 5)), router(C))
    assert np.isinf(Distances(t.edges, 3).matrix()[0, 2])


def test_max_link_metric_is_usable() -> None:  # RFC 6987; RFC 2328 against RFC 1247
    t = build(router(A, p2p(B, "10.0.0.1", 0xFFFF)), router(B, p2p(A, "10.0.0.2", 0xFFFF)))
    assert Distances(t.edges, 2).matrix()[0, 1] == 0xFFFF


def test_a_lan_gives_a_hop_for_each_tight_router_behind_it() -> None:
    t = build(
        router(A, transit("10.5.0.1", "10.5.0.1", 3)),
        router(B, transit("10.5.0.1", "10.5.0.2", 4), p2p("4.4.4.4", "10.0.0.1", 5)),
        router(C, transit("10.5.0.1", "10.5.0.3", 4), p2p("4.4.4.4", "10.0.0.5", 5)),
        router("4.4.4.4", p2p(B, "10.0.0.2", 5), p2p(C, "10.0.0.6", 5)),
        network("10.5.0.1", 24, A, [A, B, C]),
    )
    hops = towards(t, 3, 0)
    keys = t.links.keys
    assert [str(keys[row]) for row in hops.out] == [f"{A}:10.5.0.1"] * 2
    assert sorted(str(keys[row]) for row in hops.into) == [f"{B}:10.5.0.2", f"{C}:10.5.0.3"]
    assert sorted(hops.router.tolist()) == [1, 2]
    assert towards(t, 4, 3).router.tolist() == [1, 2]  # to the LAN: over the routers on it
    assert towards(t, 4, 0).router.tolist() == [END] and towards(t, 4, 4).router.tolist() == []


def test_zero_cost_virtual_links_do_not_circle() -> None:
    a, b = p2p(C, "10.0.1.1", 5), p2p(C, "10.0.2.1", 5)
    t = build(
        router(A, virtual(B, "10.0.0.1", 0), a),
        router(B, virtual(A, "10.0.0.2", 0), b),
        router(C, p2p(A, "10.0.1.2", 5), p2p(B, "10.0.2.2", 5), stub("10.3.0.0/24", 1)),
    )
    row = Paths(t).fractions(np.array([0]), np.array([t.prefixes.row(ip("10.3.0.0"), 24)]))
    assert np.isclose(row.toarray()[0, : len(t.links)][t.links.kind == 1].sum(), 1)


def mesh(side: int) -> Topology:
    """A grid of routers, every link of cost 1; the last corner holds a LAN."""

    def rid(x: int, y: int) -> str:
        return f"10.255.{x}.{y}"

    lsas = []
    for x in range(side):
        for y in range(side):
            links = [
                p2p(rid(x + dx, y + dy), 10 * (x + 1) + 100 * (y + 1) + 3 * dx + dy + 5, 1)
                for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
                if 0 <= x + dx < side and 0 <= y + dy < side
            ]
            if x == y == side - 1:
                links.append(stub("10.1.0.0/24", 1))
            lsas.append(router(rid(x, y), *links))
    return build(*lsas)


def test_mesh_of_12870_equal_paths_costs_its_links_only() -> None:
    t = mesh(9)
    prefix = t.prefixes.row(ip("10.1.0.0"), 24)
    paths = Paths(t)
    row = paths.fractions(np.array([0]), np.array([prefix]))
    # all 144 links are on some shortest path, each in one direction, seen as Out and as In; plus the delivery
    assert row.nnz == 2 * 144 + 1
    share = row.toarray()[0, : len(t.links)]
    assert share.max() == 1.0 and np.isclose(share[t.links.vertex == 0].sum(), 1)
    # states never outnumber the vertices: what makes it polynomial
    graph, node, _ = paths.mesh(np.array([0]), np.array([prefix]))
    levels, circles, _ = graph.push(np.zeros(1, dtype=np.int64), node, None)
    assert circles == 0 and len(graph.key) == 81
    assert len(levels) == 17 and max(len(level.pair) for level in levels) <= 16
