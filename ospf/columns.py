"""Numbers of many LSAs as one matrix, kept from version to version: 50,000 externals are not read again for one that
changed.

An LSA is known again by being the same object (they are immutable), so whoever builds topologies passes the objects it
was given. Summaries and externals have different columns; masks with holes and LSInfinity are marked here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import is_not

import numpy as np
from numpy.typing import NDArray

from ospf.lsa import LS_INFINITY, MAX_AGE, Lsa

I8 = NDArray[np.int64]
Flags = NDArray[np.bool_]

LSID, ORIGIN, MASK, METRIC, OPTIONS, TYPE2, FORWARDING, AGE, SEQUENCE, CHECKSUM = range(10)
OPTION_DN = 0x80  # RFC 4576
MOST_REPLACED = 64  # LSAs exchanged one by one; beyond that the matrix is put together anew
_INVERSES = (np.int64(1) << np.arange(33, dtype=np.int64)) - 1  # inverted masks of /32, /31 ... /0

Reader = Callable[[Lsa], tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class LsaColumns:
    """`numbers[i]` are those of `lsas[i]`."""

    lsas: list[Lsa]
    numbers: I8  # [n, 10]

    def __len__(self) -> int:
        return len(self.lsas)


def no_numbers() -> I8:
    """The numbers of no LSA."""
    return np.zeros((0, 10), dtype=np.int64)


def infinite(numbers: I8) -> Flags:
    """Which have LSInfinity: unreachable (RFC 2328 16.2 (1), 16.4 (1))."""
    return numbers[:, METRIC] >= LS_INFINITY


def prefix_lengths(numbers: I8) -> I8:
    """Prefix length of each mask, -1 of one with holes."""
    inverse = numbers[:, MASK] ^ 0xFFFFFFFF
    at = np.searchsorted(_INVERSES, inverse)
    return np.where(_INVERSES[at] == inverse, 32 - at, -1)


def summary_numbers(lsa: Lsa) -> tuple[int, ...]:
    """Of a type 3 or 4."""
    h, body = lsa.header, lsa.body
    return (
        h.link_state_id, h.advertising_router, body.mask, body.metric, h.options, 0, 0,  # type: ignore[union-attr]
        h.age, h.sequence, h.checksum,
    )  # fmt: skip


def external_numbers(lsa: Lsa) -> tuple[int, ...]:
    """Of a type 5 or 7."""
    h, body = lsa.header, lsa.body
    return (
        h.link_state_id, h.advertising_router, body.mask, body.metric, h.options,  # type: ignore[union-attr]
        body.type2, body.forwarding_address, h.age, h.sequence, h.checksum,  # type: ignore[union-attr]
    )  # fmt: skip


def read_columns(lsas: list[Lsa], reader: Reader, previous: LsaColumns | None = None) -> LsaColumns:
    """The columns of `lsas` in their order; rows of LSAs that `previous` has are copied from it."""
    if previous is None or not len(previous):
        return LsaColumns(lsas, _rows(lsas, reader))
    if len(lsas) == len(previous):
        changed = list(compress(count(), map(is_not, lsas, previous.lsas)))
        if not changed:
            return previous
        if len(changed) <= MOST_REPLACED:
            numbers = previous.numbers.copy()
            numbers[changed] = _rows([lsas[i] for i in changed], reader)
            return LsaColumns(lsas, numbers)
    old, new = _identities(previous.lsas), _identities(lsas)
    order = np.argsort(old)
    at = order[np.minimum(np.searchsorted(old, new, sorter=order), len(old) - 1)]
    fresh = old[at] != new
    numbers = previous.numbers[at]
    numbers[fresh] = _rows([lsas[i] for i in np.flatnonzero(fresh).tolist()], reader)
    return LsaColumns(lsas, numbers)


def _identities(lsas: Sequence[Lsa]) -> I8:
    return np.fromiter(map(id, lsas), dtype=np.int64, count=len(lsas))


def _rows(lsas: Sequence[Lsa], reader: Reader) -> I8:
    return np.array([reader(lsa) for lsa in lsas], dtype=np.int64).reshape(len(lsas), 10)


def newest(several: Sequence[LsaColumns]) -> I8:
    """The numbers of the AS-scope LSAs of several databases: of each key the newest instance (RFC 2328 13.1), none
    that is MaxAge. Of copies that are the same instance the first counts.
    """
    present = [columns.numbers for columns in several if len(columns)]
    if not present:
        return no_numbers()
    numbers = np.concatenate(present) if len(present) > 1 else present[0]
    dead = (numbers[:, AGE] & 0x7FFF) >= MAX_AGE
    if len(present) == 1 and not dead.any():
        return numbers
    key = numbers[:, LSID].astype(np.uint64) << np.uint64(32) | numbers[:, ORIGIN].astype(np.uint64)
    instance = numbers[:, SEQUENCE] << 16 | numbers[:, CHECKSUM]
    order = np.lexsort((~dead, -instance, key))  # MaxAge is newer where all else is equal
    key = key[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = key[1:] != key[:-1]
    chosen = order[first]
    found: I8 = numbers[chosen[~dead[chosen]]]
    return found
