"""Rates of the last closed bin over the current topology: per link and application, the matrix, the top talkers.

What only a person asks for now and then, the matrix and the talkers, is worked out when somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gateway.demand import Routed
from ospf.wire import address_text

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
TALKERS_PER_LINK = 5
CONVERSATIONS = 5000  # the biggest so many are considered for talkers
DENSE_APPLICATIONS = 64  # so many are multiplied as whole columns, more by cells
T = TypeVar("T")


class Later(Sequence[T]):
    """A sequence that is made when somebody looks."""

    def __init__(self, make: Callable[[], Sequence[T]]) -> None:
        self._make: Callable[[], Sequence[T]] | None = make
        self._made: Sequence[T] = ()

    def _look(self) -> Sequence[T]:
        make = self._make
        if make is not None:
            self._made = make()
            self._make = None
        return self._made

    def __len__(self) -> int:
        return len(self._look())

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        return self._look()[at]

    def __iter__(self) -> Iterator[T]:
        return iter(self._look())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Rates:
    """Bits per second.  Cells (ifindex, app); matrix rows (entry, exit, app); talkers (ifindex, app, ...)."""

    ifindex: I4
    app: I4
    out: F8
    into: F8
    matrix: Sequence[tuple[str, str, int, float]]  # the biggest first
    talkers: Sequence[tuple[int, int, str, str, float]]
    app_rates: dict[int, float]

    @classmethod
    def nothing(cls) -> Rates:
        none = np.zeros(0, dtype=np.int32)
        return cls(none, none, np.zeros(0), np.zeros(0), (), (), {})


def rates_of(routed: Routed, seconds: float) -> Rates:
    """Rates of one window of `seconds`."""
    scale = 8.0 / seconds
    demand = routed.demand
    carried = sparse.diags_array(routed.reached.astype(np.float64)) @ demand.octets
    sums = np.asarray(carried.sum(axis=0)).reshape(-1) * scale
    app_rates = {app: rate for app, rate in zip(demand.apps.tolist(), sums.tolist(), strict=True) if rate > 0}
    link, app, out, into = _cells(routed)
    return Rates(
        routed.routing.ifindex[link],
        demand.apps[app],
        out * scale,
        into * scale,
        Later(lambda: _matrix(routed, scale)),
        Later(lambda: _talkers(routed, scale)),
        app_rates,
    )


def _cells(routed: Routed) -> tuple[I4, I4, F8, F8]:
    """(link row, row of `apps`, octets out, octets in) where there are any, in order."""
    links, octets = len(routed.routing.ifindex), routed.demand.octets
    enters = np.flatnonzero(routed.reached & (routed.at.entry >= 0))
    shape = (len(routed.reached), links)
    entry = sparse.csr_matrix((np.ones(len(enters)), (enters, routed.at.entry[enters])), shape=shape)
    whole = octets.toarray() if octets.shape[1] <= DENSE_APPLICATIONS else octets
    both, first = routed.matrix.csr.T @ whole, entry.T @ whole
    if isinstance(both, np.ndarray):
        out, into = both[:links], both[links:] + first
        link, app = np.nonzero((out > 0) | (into > 0))
        return link.astype(np.int32), app.astype(np.int32), out[link, app], into[link, app]
    both = both.tocsr()
    out, into = both[:links], both[links:] + first
    link, app = (out + into).nonzero()
    values = (np.asarray(each[link, app]).reshape(-1) for each in (out, into))
    order = np.lexsort((app, link))
    first_, second = (value[order] for value in values)
    return link[order].astype(np.int32), app[order].astype(np.int32), first_, second


def _matrix(routed: Routed, scale: float) -> Sequence[tuple[str, str, int, float]]:
    """Sums by (entry vertex, exit vertex, application), the biggest first.  It leaves at the nearest attachment."""
    topology, demand = routed.routing.topology, routed.demand
    names = [topology.vertex_name(v) for v in range(topology.n_vertices)]
    rows = np.flatnonzero(routed.reached)
    vertex, prefix = routed.at.vertex[rows], routed.at.destination[rows]
    table = topology.prefixes
    low = table.start[prefix].astype(np.int64)
    leave = table.vertex[low].astype(np.int64)
    several = np.flatnonzero(table.start[prefix + 1] - low > 1)
    if several.size:
        exits = routed.routing.paths.exits(vertex[several], prefix[several])
        leave[several] = np.where(exits >= 0, exits, leave[several])
    vertices = max(topology.n_vertices, 1)
    cells = demand.octets[rows].tocoo()
    ends = vertex.astype(np.int64) * vertices + leave
    unique, inverse = np.unique((ends[cells.row] << 24) | demand.apps[cells.col], return_inverse=True)
    sums = np.bincount(inverse, weights=cells.data, minlength=len(unique)) * scale
    order = np.argsort(-sums, kind="stable")
    source, exit_ = np.divmod(unique[order] >> 24, vertices)
    columns = (source.tolist(), exit_.tolist(), (unique[order] & 0xFFFFFF).tolist(), sums[order].tolist())
    return tuple((names[s], names[d], a, r) for s, d, a, r in zip(*columns, strict=True))


def _talkers(routed: Routed, scale: float) -> Sequence[tuple[int, int, str, str, float]]:
    """The biggest conversations of each link, with the share that crosses it."""
    told = routed.demand.conversations
    biggest = np.flatnonzero(routed.at.good[told.demand])[:CONVERSATIONS]
    links = len(routed.routing.ifindex)
    cells: Any = routed.matrix.csr[told.demand[biggest]].tocoo()
    out = cells.col < links
    link, row = cells.col[out], cells.row[out]
    value = cells.data[out] * told.octets[biggest[row]]
    order = np.lexsort((-value, link))
    link, conversation, value = link[order], biggest[row[order]], value[order]
    begins = np.flatnonzero(np.diff(link, prepend=-1))
    rank = np.arange(len(link)) - np.repeat(begins, np.diff(np.append(begins, len(link))))
    top = rank < TALKERS_PER_LINK
    link, conversation, value = link[top], conversation[top], value[top]
    columns = (
        routed.routing.ifindex[link].tolist(),
        told.app[conversation].tolist(),
        map(address_text, told.source[conversation].tolist()),
        map(address_text, told.destination[conversation].tolist()),
        (value * scale).tolist(),
    )
    return tuple(zip(*columns, strict=True))
