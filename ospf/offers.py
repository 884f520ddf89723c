"""Everything any LSA says about how to reach a prefix or an AS boundary router, before any router chooses.

A router's table (RFC 2328 16.1-16.4) is a choice among offers, and the choice depends on the router: its areas, its
distances. `OfferTable` lists the offers themselves, once for all routers. Nothing is left out for being worse; what
cannot be an offer at all (MaxAge, LSInfinity, a mask with holes) is not in it. A border router's own summaries are:
it is the router that ignores what it said itself (16.2 (2)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I4 = NDArray[np.int32]
U4 = NDArray[np.uint32]
U1 = NDArray[np.uint8]

INTRA, INTER, EXT1, EXT2 = 0, 1, 2, 3
ROUTE_TYPE_NAMES = ("intra", "inter", "external-1", "external-2")
OFFER_P, OFFER_TYPE7, OFFER_DN, OFFER_DEFAULT = 1, 2, 4, 8
AS_WIDE = -1  # area of a type 5
OUTSIDE = -1  # vertex of an ASBR that is in no area we see


@dataclass(frozen=True, eq=False)
class OfferTable:
    """O offers ordered by prefix; those of prefix p (a row of the prefix table) are rows `start[p]:start[p + 1]`."""

    start: I4  # [P + 1]
    kind: U1  # [O] INTRA, INTER, EXT1, EXT2
    area: I4  # [O] index of the area, AS_WIDE for a type 5
    vertex: I4  # [O] of the topology: router or transit network (INTRA), border router (INTER), ASBR or OUTSIDE (EXT)
    cost: U4  # [O] stub cost, summary metric, metric of an E1; 0 for E2
    metric2: U4  # [O] metric of an E2, else 0
    link: I4  # [O] row of delivery, -1 none
    asbr: U4  # [O] router id of the ASBR (EXT), else 0
    forwarding: U4  # [O] forwarding address, 0 none
    flags: U1  # [O] OFFER_P | OFFER_TYPE7 | OFFER_DN (RFC 4576) | OFFER_DEFAULT (an ABR's own, into its stub area)

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, eq=False)
class AsbrTable:
    """What type-4 LSAs say, ordered by (asbr, area, abr)."""

    asbr: U4  # router id
    area: I4  # index of the area it is said in
    abr: I4  # vertex of the border router that says it
    cost: U4

    def __len__(self) -> int:
        return len(self.asbr)
