"""Distances with parallel and zero-cost edges; the mesh that kills path listing."""

from __future__ import annotations

import numpy as np
import pytest

from ospf.errors import OspfError
from ospf.lsa import Lsa
from ospf.paths import Paths
from ospf.spf import Distances, NextHops, Sinks, next_hops, push
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import ip, network, p2p, router, stub, transit, virtual

A, B, C = "1.1.1.1", "2.2.2.2", "3.3.3.3"


def build(*lsas: Lsa) -> Topology:
    return build_topology(lsas, version=1, time=0.0)


def one_sink(vertex: int) -> Sinks:
    return Sinks(np.array([0, 1]), np.array([vertex]), np.zeros(1), np.zeros(1, dtype=np.bool_))


def test_parallel_costs_are_not_added_up() -> None:
    t = build(
        router(A, p2p(B, "10.0.0.1", 5), p2p(B, "10.0.0.5", 7)),
        router(B, p2p(A, "10.0.0.2", 5), p2p(A, "10.0.0.6", 7)),
    )
    table = Distances(t.edges, t.n_vertices)
    assert table.matrix().tolist() == [[0, 5], [5, 0]]
    hops = next_hops(t.edges, 2, one_sink(1), table.to(np.array([1])))
    assert hops.share.tolist() == [1.0] and t.edges.out_link[hops.edge].tolist() == [0]


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


def test_a_circle_of_next_hops_is_refused_instead_of_running_for_ever() -> None:
    t = build(router(A, p2p(B, "10.0.0.1", 5)), router(B, p2p(A, "10.0.0.2", 5)))
    circle = NextHops(np.array([0, 1, 2]), np.array([0, 1]), np.ones(2), 2)
    zero = np.zeros(1, dtype=np.int64)
    with pytest.raises(OspfError):
        push(t.edges, circle, zero, zero, zero, None, 2)


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
    found = one_sink(t.n_vertices - 1)
    hops = next_hops(t.edges, t.n_routers, found, Distances(t.edges, t.n_vertices).to(found.vertex))
    zero = np.zeros(1, dtype=np.int64)
    levels = push(t.edges, hops, zero, zero, zero, None, len(t.links))
    assert len(levels) == 17 and max(len(level.moved_pair) for level in levels) <= 16
