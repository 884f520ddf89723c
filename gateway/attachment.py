"""Address -> attachment prefix by vectorised longest prefix match.

Prefixes are flattened once into disjoint intervals of the 32-bit address space, each owned by its longest prefix;
a look-up is one binary search over all addresses of a batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

U4 = NDArray[np.uint32]
I4 = NDArray[np.int32]


class LongestPrefixMatch:
    """Rows of a prefix table by address.

    `networks` uint32[n] (host order), `lengths` uint8[n] (0..32).  A prefix given twice keeps its first row.
    """

    def __init__(self, networks: U4, lengths: NDArray[np.uint8]) -> None:
        starts, owners = _flatten(networks.astype(np.uint64), lengths.astype(np.int64))
        self._starts = starts
        self._owners = owners

    def lookup(self, addresses: U4) -> I4:
        """int32[m]: row of the longest prefix that holds each address, -1 where none does."""
        where = np.searchsorted(self._starts, addresses.astype(np.uint64), side="right") - 1
        return self._owners[where]


def _flatten(networks: NDArray[np.uint64], lengths: NDArray[np.int64]) -> tuple[NDArray[np.uint64], I4]:
    """First addresses of disjoint intervals, ascending, and the row that owns each.

    Prefixes nest or are disjoint, so ownership changes only where one begins or ends; there every length is asked in
    turn, the longest last.
    """
    size = np.left_shift(np.uint64(1), (32 - lengths).astype(np.uint64))
    first = networks & ~(size - np.uint64(1)) & np.uint64(0xFFFFFFFF)
    starts = np.unique(np.concatenate([[np.uint64(0)], first, first + size]))
    owners = np.full(len(starts), -1, dtype=np.int32)
    for length in np.unique(lengths).tolist():
        begin, row = np.unique(first[lengths == length], return_index=True)  # given twice: the first row
        place = np.searchsorted(begin, starts, side="right") - 1
        inside = (place >= 0) & (starts - begin[place] < np.uint64(1 << (32 - length)))
        owners[inside] = np.flatnonzero(lengths == length)[row[place[inside]]]
    return starts, owners
