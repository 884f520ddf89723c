"""Shares pushed over nodes and hops made by hand."""

from __future__ import annotations

import numpy as np

from ospf.mesh import DENSE_NODES, Mesh
from ospf.spf import END, Hops

I8 = np.int64


def decide(ways: dict[int, list[int]]):  # type: ignore[no-untyped-def]
    """Vertex -> next vertices, in every group; the row of a hop is 10 * from + to."""

    def hops(group: np.ndarray, vertex: np.ndarray) -> tuple[Hops, np.ndarray]:
        rows = [
            (node, 10 * v + max(to, 0), 10 * v + max(to, 0) if to >= 0 else -1, to)
            for node, v in enumerate(vertex.tolist())
            for to in ways.get(v, [])
        ]
        columns = np.array(rows, dtype=I8).reshape(len(rows), 4).T
        return Hops(*columns), np.zeros(len(vertex), dtype=np.bool_)

    return hops


def made(ways: dict[int, list[int]], *start: int, vertices: int = 6) -> tuple[Mesh, np.ndarray]:
    mesh = Mesh(vertices, 1)
    keys = np.array(start, dtype=I8)
    mesh.grow(keys, decide(ways))
    mesh.link()
    return mesh, mesh.find(keys)


def ended(mesh: Mesh, node: np.ndarray) -> tuple[dict[int, float], int]:
    """({vertex: share that left or ended there}, circles) of one pair."""
    levels, circles, _ = mesh.push(np.zeros(1, dtype=I8), node[:1], None)
    found: dict[int, float] = {}
    for level in levels:
        out = mesh.next[level.hop] < 0
        where_to = np.concatenate([level.node[level.ended], level.node[level.which[out]]])
        for where, share in zip(where_to, np.concatenate([level.share[level.ended], level.moved[out]]), strict=True):
            vertex = int(mesh.key[where]) % mesh.n_vertices
            found[vertex] = found.get(vertex, 0.0) + float(share)
    return found, circles


def test_only_what_can_be_reached_becomes_a_node() -> None:
    mesh, node = made({0: [1, 2], 1: [3], 2: [3], 3: [END], 4: [3]}, 0)
    assert sorted(mesh.key.tolist()) == [0, 1, 2, 3]
    assert ended(mesh, node) == ({3: 1.0}, 0)


def test_unequal_ways_end_in_parts() -> None:
    mesh, node = made({0: [1, 2, 3], 1: [END], 2: [1], 3: []}, 0)
    found, circles = ended(mesh, node)
    assert circles == 0 and np.isclose([found[1], found[3]], [2 / 3, 1 / 3]).all()


def test_a_circle_ends_at_its_first_router() -> None:
    mesh, node = made({0: [1, 4], 1: [2], 2: [3], 3: [1], 4: [END]}, 0)
    assert ended(mesh, node) == ({1: 0.5, 4: 0.5}, 1)
    _, _, (_, passed) = mesh.push(np.zeros(1, dtype=I8), node, None)
    assert {int(mesh.key[n]) for n in passed} == {0, 1, 2, 3, 4}  # it depends on the whole circle
    mesh, node = made({0: [0]}, 0)
    assert ended(mesh, node) == ({0: 1.0}, 1)


def test_ingress_keeps_shares_apart() -> None:
    mesh, node = made({0: [1, 2], 1: [3], 2: [3], 3: [END]}, 0)
    levels, _, _ = mesh.push(np.zeros(1, dtype=I8), node, np.array([7]))
    assert sorted(levels[-1].ingress.tolist()) == [13, 23] and levels[0].ingress.tolist() == [7]
    levels, _, _ = mesh.push(np.zeros(1, dtype=I8), node, None)
    assert levels[-1].share.tolist() == [1.0]


def test_a_copy_changes_alone() -> None:
    mesh, node = made({0: [1], 1: [END]}, 0)
    other = mesh.copy()
    other.widen(1)
    hops = Hops(np.zeros(1, dtype=I8), np.array([2]), np.array([2]), np.array([2]))
    other.grow(other.put(node, hops), decide({2: [END]}))
    other.link()
    assert ended(other, node) == ({2: 1.0}, 0) and ended(mesh, node) == ({1: 1.0}, 0)
    assert len(mesh.key) == 2 and len(other.key) == 3 and other.groups == 2
    assert other.hops_of(node).router.tolist() == [2]


def test_rows_renamed_and_lost() -> None:
    mesh, _ = made({0: [1], 1: [END]}, 0)
    rows = np.arange(20, dtype=I8)
    rows[1] = 5
    assert not mesh.copy().rename(rows, None, 6).any()
    rows[1] = -1  # row 1 is the hop from 0 to 1
    lost = mesh.rename(rows, None, 6)
    assert [int(key) for key in mesh.key[lost]] == [0]


def test_so_many_nodes_that_they_are_searched() -> None:
    vertices = 6
    groups = DENSE_NODES // vertices + 2
    mesh = Mesh(vertices, groups)
    keys = np.array([0, (groups - 1) * vertices, 0], dtype=I8)
    mesh.grow(keys, decide({0: [1, 2], 1: [2], 2: [END]}))
    mesh.link()
    node = mesh.find(keys)
    assert len(mesh.key) == 6 and node[0] == node[2] and mesh.find(np.array([5])).tolist() == [-1]
    assert ended(mesh, node) == ({2: 1.0}, 0)
    narrow = Mesh(vertices, groups - 3)
    narrow.grow(keys[:1], decide({0: [1], 1: [END]}))
    narrow.widen(10)
    assert narrow.find(np.array([0, 1, 2])).tolist() == [0, 1, -1]


def test_nothing_to_push() -> None:
    mesh = Mesh(0, 0)
    none = np.zeros(0, dtype=I8)
    mesh.grow(none, decide({}))
    mesh.link()
    levels, circles, passed = mesh.push(none, none, None)
    assert (levels, circles, len(passed[0])) == ([], 0, 0)
