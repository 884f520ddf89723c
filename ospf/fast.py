"""Distances mended by compiled code; imported only where numba is installed, and only for areas that are large.

The same as `Distances.adopt` does with arrays, destination by destination: is it still right at the vertices whose
edges changed; if not, empty what has lost its support, outward from the change; lower what can be lowered, nearest
first. The compiled code is kept in numba's cache; without one the first import takes some seconds.
"""

from __future__ import annotations

from heapq import heappop, heappush

import numba
import numpy as np
from numba import types

_ROWS = types.Array(types.float64, 2, "C")
_FLAGS = types.Array(types.boolean, 2, "C")
_I4, _I8, _F8 = types.int32[::1], types.int64[::1], types.float64[::1]


@numba.njit(types.float64(types.float64[::1], types.int64, _I4, _I4, _F8), cache=True)  # type: ignore[untyped-decorator]
def _best(row, vertex, start, other, cost):  # type: ignore[no-untyped-def]
    """What the edges of a vertex offer it."""
    best = np.inf
    for edge in range(start[vertex], start[vertex + 1]):
        value = row[other[edge]] + cost[edge]
        if value < best:
            best = value
    return best


@numba.njit(  # type: ignore[untyped-decorator]
    types.int64(_ROWS, _ROWS, types.boolean[::1], _I8, _I4, _I4, _F8, _I4, _I4, _F8, _FLAGS), cache=True
)
def mend(  # type: ignore[no-untyped-def]
    rows, before, have, changed, out_start, out_other, out_cost, in_start, in_other, in_cost, differs
):
    """Mend `rows` [V, V], a copy of `before`, in place; mark in `differs` what is not as it was.

    Only rows that `have` marks are looked at. `changed` are the vertices whose leaving edges differ; edges are CSR, as
    they leave and as they enter. Returns how many (destination, vertex) were emptied.
    """
    emptied = 0
    n = rows.shape[0]
    for sink in range(n):
        if not have[sink]:
            continue
        row = rows[sink]
        wrong = False
        for u in changed:
            if u != sink and _best(row, u, out_start, out_other, out_cost) != row[u]:
                wrong = True
                break
        if not wrong:
            continue
        suspects = [types.int64(0) for _ in range(0)]
        seeds = [types.int64(0) for _ in range(0)]
        for u in changed:
            if u != sink:
                suspects.append(u)
                seeds.append(u)
        while len(suspects):
            u = suspects.pop()
            held = row[u]
            if held == np.inf or _best(row, u, out_start, out_other, out_cost) <= held:
                continue
            row[u] = np.inf
            emptied += 1
            seeds.append(u)
            for edge in range(in_start[u], in_start[u + 1]):
                b = types.int64(in_other[edge])
                if b != sink and row[b] != np.inf and row[b] >= held + in_cost[edge]:  # ">": over what became cheaper
                    suspects.append(b)
        heap = [(np.inf, types.int64(0)) for _ in range(0)]
        for u in seeds:
            best = _best(row, u, out_start, out_other, out_cost)
            if best < row[u]:
                row[u] = best
                heappush(heap, (best, u))
        touched = seeds
        while len(heap):
            value, u = heappop(heap)
            if value > row[u]:
                continue
            for edge in range(in_start[u], in_start[u + 1]):
                b = types.int64(in_other[edge])
                lower = value + in_cost[edge]
                if lower < row[b]:
                    row[b] = lower
                    touched.append(b)
                    heappush(heap, (lower, b))
        for u in touched:
            differs[sink, u] = row[u] != before[sink, u]
    return emptied
