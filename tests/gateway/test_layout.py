"""gateway.layout: the same structure gives the same, readable picture."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.layout import positions


def ring(n: int) -> tuple[tuple[int, int, float], ...]:
    return tuple((i, (i + 1) % n, 1.0) for i in range(n))


def test_deterministic_and_inside() -> None:
    first = positions((0.1,) * 12, ring(12), 1.6)
    positions.cache_clear()
    assert positions((0.1,) * 12, ring(12), 1.6) == first
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in first)


def test_neighbours_on_a_ring_are_nearer_than_the_rest() -> None:
    at = np.array(positions((0.05,) * 10, ring(10), 1.0))
    far = np.linalg.norm(at[:, None] - at[None], axis=2)
    for i in range(10):
        near = {(i + 1) % 10, (i - 1) % 10}
        assert max(far[i, j] for j in near) < min(far[i, j] for j in range(10) if j != i and j not in near)


def test_a_chain_lies_along_the_wide_side() -> None:
    at = positions((0.05,) * 6, tuple((i, i + 1, 1.0) for i in range(5)), 1.6)
    xs = [x for x, _ in at]
    assert xs in (sorted(xs), sorted(xs, reverse=True))


def test_crowded_nodes_get_their_room() -> None:
    star = tuple((0, i, 1.0) for i in range(1, 9))
    at = positions((0.1,) * 9, star, 1.0)
    assert min(math.dist(at[i], at[j]) for i in range(9) for j in range(i)) > 0.15


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 14),
    st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13), st.sampled_from([0.4, 1.0, 1.5])), max_size=30),
)
def test_any_graph_in_any_number_of_parts(n: int, edges: list[tuple[int, int, float]]) -> None:
    kept = tuple(sorted({(a, b, length) for a, b, length in edges if a < n and b < n and a != b}))
    at = positions((0.1,) * n, kept, 1.6)
    assert len(at) == n
    assert all(math.isfinite(x) and -1e-9 <= x <= 1 + 1e-9 and -1e-9 <= y <= 1 + 1e-9 for x, y in at)
    assert len({(round(x, 6), round(y, 6)) for x, y in at}) == n
