"""Border routers, and which of them have an area that nobody is attached to.

An LSA never names the other areas of the border router that originates it, but they show in what it tells: a summary
comes of a prefix inside another area of the router (into the backbone only so), or of the backbone (RFC 2328 12.4.3).
One that none of its areas we see explains, by that prefix or by one within it (a range, 12.4.3 too), comes of an area
we do not see. A default is no sign: it is made, not found, in stub areas. A border router seen in one area only has
another by definition.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from ospf.areas import Border
from ospf.offers import INTER, INTRA, OfferTable

I8 = NDArray[np.int64]
Flags = NDArray[np.bool_]


def borders(
    routers: I8, calls_itself: Flags, member: Flags, backbone: int, offers: OfferTable, plen: I8, ends: I8
) -> tuple[Border, ...]:
    """The routers [R] that call themselves border routers [R].

    `member` [R, A]: is router r in area a; `backbone` its index or -1; `plen` [P] of the prefix table and `ends` [P],
    the row behind the last prefix within each.
    """
    known = member.sum(axis=1) > 1
    if known.any():
        known[_of_areas_unseen(member, backbone, offers, plen, ends)] = False
    return tuple(Border(int(routers[i]), bool(known[i])) for i in np.flatnonzero(calls_itself).tolist())


def _of_areas_unseen(member: Flags, backbone: int, offers: OfferTable, plen: I8, ends: I8) -> I8:
    """The routers that tell of a prefix which none of the areas we see them in explains."""
    row_of = np.repeat(np.arange(len(plen)), np.diff(offers.start))
    told = np.flatnonzero((offers.kind == INTER) & (plen[row_of] > 0))
    if backbone >= 0:  # into other areas a border router of the backbone also tells what the backbone tells
        told = told[(offers.area[told] == backbone) | ~member[offers.vertex[told], backbone]]
    rows, vertex = row_of[told], offers.vertex[told].astype(np.int64)
    explained = np.zeros(len(told), dtype=np.bool_)
    inside = offers.kind == INTRA
    for area, of_it in enumerate(member.T):
        here = np.flatnonzero(of_it[vertex] & ~explained & (offers.area[told] != area))
        found = np.zeros(len(plen) + 1, dtype=np.int64)
        found[row_of[inside & (offers.area == area)] + 1] = 1
        upto = found.cumsum()  # [P + 1] prefixes of the area before a row
        explained[here] = upto[ends[rows[here]]] > upto[rows[here]]
    unseen: I8 = np.unique(vertex[~explained])
    return unseen


def ends_within(network: I8, plen: I8) -> I8:
    """[P] the row behind the last prefix within each, of IPv4 prefixes in ascending order."""
    last = network | (0xFFFFFFFF >> plen)
    return np.searchsorted(network, last, side="right").astype(np.int64)


def ends_within6(network: list[int], plen: list[int]) -> I8:
    """The same of IPv6 prefixes; networks as numbers."""
    full = (1 << 128) - 1
    found = [bisect_right(network, each | (full >> length)) for each, length in zip(network, plen, strict=True)]
    return np.array(found, dtype=np.int64)
