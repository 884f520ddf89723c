"""Distances after a small change, mended instead of computed anew.

After one link fails a typical destination loses the distance of a handful of vertices, although the link lay
on its shortest-path graph: only those are touched (the idea of Ramalingam and Reps 1996, done here for all
destinations at once with arrays). First every (destination, vertex) whose support is gone is emptied, outward
from the change; then distances are lowered from what is left until none can be lowered further.

Right only without circles of zero cost: there two vertices could support each other for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Adjacency:
    """Edges in CSR: those of vertex v are `start[v]:start[v + 1]`."""

    start: NDArray[np.integer]
    other: NDArray[np.integer]
    cost: F8

    def compiled(self) -> tuple[NDArray[np.int32], NDArray[np.int32], F8]:
        """As compiled code takes them."""
        return self.start.astype(np.int32), self.other.astype(np.int32), self.cost

    def of(self, vertices: I8) -> tuple[I8, I8]:
        """(position in `vertices`, edge) of every edge of the given vertices."""
        begin = self.start[vertices].astype(np.int64)
        degree = self.start[vertices + 1] - begin
        which = np.repeat(np.arange(len(vertices)), degree)
        edge = np.arange(len(which)) - np.repeat(np.cumsum(degree) - degree - begin, degree)
        return which, edge


def repair(distance: F8, sinks: I8, changed: I8, leaving: Adjacency, entering: Adjacency) -> int:
    """Mend `distance` in place; the number of (sink, vertex) cells that were emptied.

    Row k of `distance` [K, V] held the distances to vertex sinks[k] before the edges that leave the `changed`
    vertices became what `leaving` and `entering` (the same edges seen from their heads) say now.
    """
    n = distance.shape[1]
    cells = distance.reshape(-1)
    start = (np.arange(len(sinks))[:, None] * n + changed).reshape(-1)
    start = start[start % n != sinks[start // n]]
    emptied = [start[:0]]
    suspect = start
    while suspect.size:
        lost = suspect[(_best(cells, suspect, n, leaving) > cells[suspect])]
        held = cells[lost]
        cells[lost] = np.inf
        emptied.append(lost)
        which, edge = entering.of(lost % n)
        before = lost[which] // n * n + entering.other[edge]
        leaned = cells[before] >= held[which] + entering.cost[edge]  # ">": over a link that became cheaper
        suspect = np.unique(before[leaned])
    gone = np.concatenate(emptied)
    open_cells = np.unique(np.concatenate([start, gone]))
    while open_cells.size:
        best = _best(cells, open_cells, n, leaving)
        better = best < cells[open_cells]
        lower, value = open_cells[better], best[better]
        cells[lower] = value
        which, edge = entering.of(lower % n)
        before = lower[which] // n * n + entering.other[edge]
        open_cells = np.unique(before[cells[before] > value[which] + entering.cost[edge]])
    return len(gone)


def _best(cells: F8, at: I8, n: int, leaving: Adjacency) -> F8:
    """What the edges of each cell's vertex offer it now."""
    which, edge = leaving.of(at % n)
    best = np.full(len(at), np.inf)
    np.minimum.at(best, which, cells[at[which] // n * n + leaving.other[edge]] + leaving.cost[edge])
    return best
