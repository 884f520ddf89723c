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
    """Disjoint intervals: their first addresses and the row that owns each.

    A sweep with a stack: prefixes nest or are disjoint, so sorting by (first address, length) visits every parent
    before its children, and closing a child hands the space after it back to the parent.
    """
    size = np.left_shift(np.uint64(1), (32 - lengths).astype(np.uint64))
    first = networks & ~(size - np.uint64(1)) & np.uint64(0xFFFFFFFF)
    starts: list[int] = [0]
    owners: list[int] = [-1]
    stack: list[tuple[int, int]] = []  # (address after the prefix, row)

    def cut(at: int, owner: int) -> None:
        if starts[-1] == at:
            owners[-1] = owner
        else:
            starts.append(at)
            owners.append(owner)

    def close_until(at: int) -> None:
        while stack and stack[-1][0] <= at:
            end, _ = stack.pop()
            cut(end, stack[-1][1] if stack else -1)

    seen: set[tuple[int, int]] = set()
    for row in np.lexsort((lengths, first)):
        begin, length = int(first[row]), int(lengths[row])
        if (begin, length) in seen:
            continue
        seen.add((begin, length))
        close_until(begin)
        cut(begin, int(row))
        stack.append((begin + int(size[row]), int(row)))
    close_until(1 << 33)
    return np.array(starts, dtype=np.uint64), np.array(owners, dtype=np.int32)
