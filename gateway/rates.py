"""Rates of the last closed bin over the current topology: per link and application, the matrix, the top talkers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gateway.join import Load, Placed, Routing
from gateway.registry import dotted

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
TALKERS_PER_LINK = 5
CONVERSATIONS = 5000  # the biggest so many are considered for talkers


@dataclass(frozen=True)
class Rates:
    """Bits per second.  Cells (ifindex, app); matrix rows (entry, exit, app); talkers (ifindex, app, ...)."""

    ifindex: I4
    app: I4
    out: F8
    into: F8
    matrix: tuple[tuple[str, str, int, float], ...]
    talkers: tuple[tuple[int, int, str, str, float], ...]
    app_rates: dict[int, float]

    @classmethod
    def nothing(cls) -> Rates:
        none = np.zeros(0, dtype=np.int32)
        return cls(none, none, np.zeros(0), np.zeros(0), (), (), {})


def rates_of(placed: Placed, loads: Load, routing: Routing, seconds: float, overhead: int) -> Rates:
    """Rates of one window of `seconds`."""
    scale = 8.0 / seconds
    pair, app, octets, _ = loads.pair_app
    reached = loads.reachable[pair] if len(pair) else np.zeros(0, dtype=bool)
    pair, app, octets = pair[reached], app[reached], octets[reached]
    app_rates = {
        int(number): float(octets[app == number].sum()) * scale for number in np.unique(app).tolist()
    }
    return Rates(
        routing.ifindex[loads.link] if len(loads.link) else np.zeros(0, dtype=np.int32),
        loads.app,
        loads.octets * scale,
        loads.in_octets * scale,
        _matrix(placed, routing, pair, app, octets * scale),
        _talkers(placed, loads, routing, scale, overhead),
        app_rates,
    )


def _matrix(
    placed: Placed, routing: Routing, pair: I4, app: I4, rate: F8
) -> tuple[tuple[str, str, int, float], ...]:
    topology = routing.topology
    sums: dict[tuple[str, str, int], float] = {}
    names = [topology.vertex_name(v) for v in range(topology.n_vertices)]
    start, vertex = topology.prefixes.start, topology.prefixes.vertex
    for p, a, r in zip(pair.tolist(), app.tolist(), rate.tolist(), strict=True):
        prefix = int(placed.prefix[p])
        low, high = int(start[prefix]), int(start[prefix + 1])
        source = int(placed.vertex[p])
        costs = routing.paths.distances[source, vertex[low:high]] + topology.prefixes.cost[low:high]
        leave = int(vertex[low + int(np.argmin(costs))])
        key = (names[source], names[leave], a)
        sums[key] = sums.get(key, 0.0) + r
    return tuple((s, d, a, r) for (s, d, a), r in sorted(sums.items(), key=lambda item: -item[1]))


def _talkers(
    placed: Placed, loads: Load, routing: Routing, scale: float, overhead: int
) -> tuple[tuple[int, int, str, str, float], ...]:
    flows, good = placed.flows, placed.pair >= 0
    if not good.any():
        return ()
    columns = [placed.pair[good], flows["app"][good], flows["source"][good], flows["destination"][good]]
    key = np.stack([c.astype(np.int64) for c in columns], axis=1)
    unique, inverse = np.unique(key, axis=0, return_inverse=True)
    amount = flows["octets"][good].astype(np.float64) + overhead * flows["packets"][good]
    octets = np.bincount(inverse.reshape(-1), weights=amount)
    biggest = np.argsort(-octets, kind="stable")[:CONVERSATIONS]
    unique, octets = unique[biggest], octets[biggest]
    links = len(routing.ifindex)
    select = sparse.csr_matrix(
        (octets, (np.arange(len(unique)), unique[:, 0])), shape=(len(unique), loads.matrix.shape[0])
    )
    cells = (select @ loads.matrix[:, :links]).tocoo()
    order = np.lexsort((-cells.data, cells.col))
    link, conversation, value = cells.col[order], cells.row[order], cells.data[order]
    begins = np.flatnonzero(np.diff(link, prepend=-1))
    rank = np.arange(len(link)) - np.repeat(begins, np.diff(np.append(begins, len(link))))
    top = rank < TALKERS_PER_LINK
    return tuple(
        (
            int(routing.ifindex[row]),
            int(unique[c, 1]),
            dotted(unique[c, 2]),
            dotted(unique[c, 3]),
            float(v) * scale,
        )
        for row, c, v in zip(link[top].tolist(), conversation[top].tolist(), value[top].tolist(), strict=True)
    )
