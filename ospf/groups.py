"""Prefixes that every router treats alike, so that next hops are worked out once for all of them.

Two prefixes are alike when everything said about them is the same and so is the prefix that covers them. What is said
is compared by a 64-bit sum first and, where that agrees, word by word.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ospf.topology import Topology

I8 = NDArray[np.int64]
U8 = NDArray[np.uint64]

_PRIME = (1 << 61) - 1
_ODD = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64)


def mix(value: U8, salt: int) -> U8:
    """The bits of 64-bit words scattered (splitmix64)."""
    with np.errstate(over="ignore"):
        x = value + np.uint64(salt * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
        x = (x ^ (x >> np.uint64(30))) * _ODD[1]
        x = (x ^ (x >> np.uint64(27))) * _ODD[2]
        mixed: U8 = x ^ (x >> np.uint64(31))
        return mixed


def _numbers(addresses: NDArray[Any]) -> I8:
    """The addresses themselves; of IPv6, which are Python integers, a number for each."""
    if addresses.dtype != object:
        return addresses.astype(np.int64)
    return np.array([int(address) % _PRIME for address in addresses], dtype=np.int64)


def words(topology: Topology, rows: I8 | None = None, vertices: I8 | None = None) -> list[I8]:
    """What every offer says, as columns of integers; link rows and vertices may be given new numbers."""
    t = topology.offers
    vertex = t.vertex if vertices is None else np.append(vertices, -1)[t.vertex]
    link = t.link if rows is None else np.append(rows, -1)[t.link]
    first = t.kind.astype(np.int64) << 56 | t.flags.astype(np.int64) << 48 | t.metric2.astype(np.int64)
    return [
        first,
        (t.area.astype(np.int64) + 1) << 32 | (vertex.astype(np.int64) + 1),
        t.cost.astype(np.int64) << 28 | (link.astype(np.int64) + 1),
        t.asbr.astype(np.int64),
        _numbers(t.forwarding),
    ]


def groups(topology: Topology) -> tuple[I8, I8]:
    """([P] group of each prefix, [G] one prefix of each group)."""
    prefixes, offers = topology.prefixes, topology.offers
    n = len(prefixes)
    if not n:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    said = words(topology)
    start = offers.start.astype(np.int64)
    count = np.diff(start)
    place = np.arange(len(offers)) - np.repeat(start[:-1], count)
    total = mix(place.astype(np.uint64), 1)
    for salt, column in enumerate(said, 2):
        total = mix(total ^ mix(column.astype(np.uint64), salt), salt)
    default = prefixes.plen == 0
    key = mix((prefixes.parent.astype(np.int64) * 2 + default).astype(np.uint64), 9)
    key = mix(key ^ count.astype(np.uint64), 10)
    some = np.flatnonzero(count)
    with np.errstate(over="ignore"):
        key[some] += np.add.reduceat(total, start[:-1][some]) if some.size else np.uint64(0)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    group = group.reshape(-1).astype(np.int64)
    like = first[group]
    same = (count == count[like]) & (prefixes.parent == prefixes.parent[like]) & (default == default[like])
    rows = np.repeat(same, count)
    twin = np.repeat(start[:-1][like], count)[rows] + place[rows]
    equal = np.ones(len(offers), dtype=np.bool_)
    equal[rows] = np.logical_and.reduce([column[rows] == column[twin] for column in said])
    same[some] &= np.logical_and.reduceat(equal, start[:-1][some]) if some.size else True
    odd = np.flatnonzero(~same)  # equal sums of unequal words: never seen, but then they stand alone
    group[odd] = len(first) + np.arange(len(odd))
    return group, np.concatenate([first, odd]).astype(np.int64)
