"""Where the nodes of the drawing go: a deterministic stress layout (Kamada-Kawai's aim, by majorisation).

Classical scaling of the hop distances gives the start, weighted majorisation (Gansner, Koren, North 2004) the result,
then the picture is turned along its widest axis and crowded neighbours are pushed apart.  No randomness: the same
structure always gives the same picture, so a page that refreshes does not dance.  Meant for some hundreds of nodes
(time grows with the square); who draws more draws the busiest part.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, shortest_path

ITERATIONS = 150
PUSH_ITERATIONS = 60
F8 = NDArray[np.float64]

Edges = tuple[tuple[int, int, float], ...]  # node, node, ideal length


@lru_cache(maxsize=32)
def positions(rooms: tuple[float, ...], edges: Edges, aspect: float) -> tuple[tuple[float, float], ...]:
    """Coordinates in the unit square, one per node.

    `rooms` is what each node wants free around itself, in canvas heights; `aspect` the canvas' width over its height.
    """
    n = len(rooms)
    if n < 2:
        return ((0.5, 0.5),) * n
    ideal = _distances(n, edges)
    at = _turned(_majorise(_classical(ideal), ideal))
    low, high = at.min(axis=0), at.max(axis=0)
    # Fill the canvas, but never stretch one axis more than twice the other: a chain stays a chain.
    scale = 1.0 / np.maximum(high - low, 1e-9) * [aspect, 1.0]
    scale = np.minimum(scale, 2.0 * scale.min())
    spread = (at - (low + high) / 2) * scale / [aspect, 1.0] + 0.5
    return tuple((float(x), float(y)) for x, y in _apart(spread, np.array(rooms), aspect))


def _distances(n: int, edges: Edges) -> F8:
    """Shortest distances over the ideal lengths; separate parts are set beside each other."""
    rows = [a for a, _, _ in edges]
    columns = [b for _, b, _ in edges]
    lengths = [length for _, _, length in edges]
    dense = np.full((n, n), np.inf)
    np.minimum.at(dense, (rows, columns), lengths)
    dense = np.minimum(dense, dense.T)
    graph = coo_matrix(np.where(np.isfinite(dense), dense, 0.0)).tocsr()
    found: F8 = np.asarray(shortest_path(graph, directed=False), np.float64)
    parts, _ = connected_components(graph, directed=False)
    if parts > 1:
        finite = found[np.isfinite(found)]
        found[~np.isfinite(found)] = float(finite.max(initial=1.0)) * 0.6 + 1.0
    np.fill_diagonal(found, 0.0)
    return found


def _classical(ideal: F8) -> F8:
    """Classical multidimensional scaling, signs fixed, exact ties broken by a fixed spiral."""
    n = len(ideal)
    centred = ideal**2 - (ideal**2).mean(axis=0) - (ideal**2).mean(axis=1)[:, None] + (ideal**2).mean()
    values, vectors = np.linalg.eigh(-0.5 * centred)
    at = vectors[:, [-1, -2]] * np.sqrt(np.maximum(values[[-1, -2]], 1e-6))
    for axis in range(2):
        if at[np.argmax(np.abs(at[:, axis])), axis] < 0:
            at[:, axis] *= -1
    turn = np.arange(n) * 2.399963
    spiral: F8 = np.column_stack([np.cos(turn), np.sin(turn)]) * 0.05 * np.sqrt(np.arange(n) / n + 0.1)[:, None]
    found: F8 = at + spiral
    return found


def _majorise(at: F8, ideal: F8) -> F8:
    """Lower the weighted stress; weights are distance^-2."""
    n = len(ideal)
    weight = 1.0 / np.maximum(ideal, 1e-9) ** 2
    np.fill_diagonal(weight, 0.0)
    laplacian = np.diag(weight.sum(axis=1)) - weight
    inverse = np.linalg.pinv(laplacian + np.full((n, n), 1.0 / n)) - np.full((n, n), 1.0 / n)
    for _ in range(ITERATIONS):
        apart = np.linalg.norm(at[:, None] - at[None], axis=2)
        pull = weight * ideal / np.maximum(apart, 1e-9)
        np.fill_diagonal(pull, 0.0)
        moved: F8 = inverse @ ((np.diag(pull.sum(axis=1)) - pull) @ at)
        done = float(np.abs(moved - at).max()) < 1e-4
        at = moved
        if done:
            break
    return at


def _turned(at: F8) -> F8:
    """The widest direction becomes the x axis."""
    at = at - at.mean(axis=0)
    _, vectors = np.linalg.eigh(at.T @ at)
    turned: F8 = at @ vectors[:, ::-1]
    for axis in range(2):
        if turned[np.argmax(np.abs(turned[:, axis])), axis] < 0:
            turned[:, axis] *= -1
    return turned


def _apart(at: F8, rooms: F8, aspect: float) -> F8:
    """Push nodes that crowd each other apart, and keep all inside."""
    n = len(at)
    least = (rooms[:, None] + rooms[None]) * min(1.0, 4.6 / np.sqrt(n))
    scale = np.array([aspect, 1.0])
    for _ in range(PUSH_ITERATIONS):
        between = (at[:, None] - at[None]) * scale
        distance = np.linalg.norm(between, axis=2)
        np.fill_diagonal(distance, np.inf)
        short = np.maximum(least - distance, 0.0)
        if not short.any():
            break
        push = (between / np.maximum(distance, 1e-9)[:, :, None] * short[:, :, None]).sum(axis=1) * 0.4
        at = np.clip(at + push / scale, 0.0, 1.0)
    return at
