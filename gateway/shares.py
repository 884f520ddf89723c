"""Routing fractions of the pairs that have traffic, kept from window to window and from one topology to the next.

Windows ask for much the same pairs, and a change of the topology moves few of them: what is known is looked up, what is
new is computed, and `follow` recomputes only what a change has moved (`ospf.matrix`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ospf.matrix import RoutingMatrix
from ospf.paths import Paths

I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]
MOST_NEW = 0.25  # of the pairs asked for; with more, or when most that are kept are not asked for, all are computed


class Shares:
    """The fractions of one topology's paths."""

    def __init__(self, paths: Paths, matrix: RoutingMatrix | None = None) -> None:
        self.paths = paths
        self._matrix = matrix
        self._latest = True

    def follow(self, paths: Paths) -> Shares:
        """Those of a later topology; what is kept is given away, and no more is kept here: versions may be many."""
        matrix, self._matrix, self._latest = self._matrix, None, False
        return Shares(paths, matrix.follow(paths) if matrix is not None else None)

    def of(self, vertex: NDArray[np.integer], prefix: NDArray[np.integer]) -> tuple[Any, B1]:
        """(CSR as `Paths.fractions` gives it, whether each pair has a route)."""
        sources, prefixes = np.asarray(vertex, dtype=np.int64), np.asarray(prefix, dtype=np.int64)
        if not self._latest:
            return self.paths.fractions(sources, prefixes), self.paths.reachable(sources, prefixes)
        row = self._rows(sources, prefixes)
        new = row < 0
        many = new.sum() > MOST_NEW * len(new)
        if self._matrix is None or many or len(self._matrix.sources) > 2 * max(len(row), 1000):
            self._matrix = self.paths.matrix(sources, prefixes)
            return self._matrix.csr, self._matrix.reachable
        if not new.any():
            if np.array_equal(row, np.arange(len(self._matrix.sources))):
                return self._matrix.csr, self._matrix.reachable
            return self._matrix.csr[row], self._matrix.reachable[row]
        fresh = self.paths.fractions(sources[new], prefixes[new])
        known = self._matrix.csr.shape[0]
        row[new] = known + np.arange(len(fresh.indptr) - 1)
        both = sparse.vstack([self._matrix.csr, fresh], format="csr")
        reachable = np.append(self._matrix.reachable, self.paths.reachable(sources[new], prefixes[new]))
        return both[row], reachable[row]

    def _rows(self, sources: I8, prefixes: I8) -> I8:
        """Row of each pair in the matrix, -1 when it is not there."""
        matrix, width = self._matrix, len(self.paths.topology.prefixes) + 1
        if matrix is None or not len(matrix.sources) or not len(sources):
            return np.full(len(sources), -1, dtype=np.int64)
        gone = (matrix.sources < 0) | (matrix.prefixes < 0)
        keys = np.where(gone, -1, matrix.sources * width + matrix.prefixes)
        order = np.argsort(keys, kind="stable")
        wanted = sources * width + prefixes
        place = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
        return np.where(keys[order[place]] == wanted, order[place], -1)
