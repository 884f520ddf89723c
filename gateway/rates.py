"""Rates of the last closed bin over the current topology: per link and application, the matrix, the top talkers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gateway.join import Load, Placed, Routing
from ospf.wire import address_text

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
    apps, inverse = np.unique(app, return_inverse=True)
    sums = np.bincount(inverse, weights=octets, minlength=len(apps)) * scale
    app_rates = dict(zip(apps.tolist(), sums.tolist(), strict=True))
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
    """Sums by (entry vertex, exit vertex, application), the biggest first.  It leaves at the nearest attachment."""
    topology = routing.topology
    names = [topology.vertex_name(v) for v in range(topology.n_vertices)]
    table = topology.prefixes
    low = table.start[placed.prefix].astype(np.int64)
    leave = table.vertex[low].astype(np.int64)  # per pair
    several = np.flatnonzero(table.start[placed.prefix + 1] - low > 1)
    if several.size:
        exits = routing.paths.exits(placed.vertex[several], placed.prefix[several])
        leave[several] = np.where(exits >= 0, exits, leave[several])
    vertices = topology.n_vertices
    key = ((placed.vertex[pair].astype(np.int64) * vertices + leave[pair]) << 24) | app
    unique, inverse = np.unique(key, return_inverse=True)
    sums = np.bincount(inverse, weights=rate, minlength=len(unique))
    order = np.argsort(-sums, kind="stable")
    source, exit_ = np.divmod(unique >> 24, max(vertices, 1))
    columns = (source[order].tolist(), exit_[order].tolist(), (unique[order] & 0xFFFFFF).tolist(), sums[order].tolist())
    return tuple((names[s], names[d], a, r) for s, d, a, r in zip(*columns, strict=True))


def _talkers(
    placed: Placed, loads: Load, routing: Routing, scale: float, overhead: int
) -> tuple[tuple[int, int, str, str, float], ...]:
    flows, good = placed.flows, placed.pair >= 0
    if not good.any():
        return ()
    # The four key columns in two integers: sorting rows is ten times slower.
    first = (placed.pair[good].astype(np.int64) << 24) | flows["app"][good]
    ends = (flows["source"][good].astype(np.uint64) << np.uint64(32)) | flows["destination"][good]
    order = np.lexsort((ends, first))
    first, ends = first[order], ends[order]
    new = np.append(True, (first[1:] != first[:-1]) | (ends[1:] != ends[:-1]))
    amount = flows["octets"][good].astype(np.float64) + overhead * flows["packets"][good]
    octets = np.add.reduceat(amount[order], np.flatnonzero(new))
    first, ends = first[new], ends[new]
    columns = [first >> 24, first & 0xFFFFFF, ends >> np.uint64(32), ends & np.uint64(0xFFFFFFFF)]
    unique = np.stack([c.astype(np.int64) for c in columns], axis=1)
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
            address_text(unique[c, 2]),
            address_text(unique[c, 3]),
            float(v) * scale,
        )
        for row, c, v in zip(link[top].tolist(), conversation[top].tolist(), value[top].tolist(), strict=True)
    )
