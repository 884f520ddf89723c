"""Areas of an OSPF instance: their databases, their graphs, and the switches that vendors differ in.

An area is the unit of flooding and of SPF: its router- and network-LSAs say everything about its inside and nothing
about any other. `AreaGraph` is one such inside, numbered by itself so that SPF touches only it; `vertices` and `local`
translate to the numbers of the whole `Topology`, where a router that is in several areas is one vertex.

An area nobody is attached to has no graph. What its border routers announce into the areas we see is known (offers of
kind INTER); its inside is not invented. `Border` lists the border routers and whether all we can tell of them is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ospf.links import EdgeTable
from ospf.lsa import Lsa

I4 = NDArray[np.int32]
U1 = NDArray[np.uint8]

BACKBONE = 0
NORMAL, STUB_AREA, NSSA = 0, 1, 2
AREA_KIND_NAMES = ("normal", "stub", "nssa")
NOT_VIRTUAL, UNSEEN_TRANSIT = -1, -2  # values of `EdgeTable.virtual` that name no area


class AreaDatabase(NamedTuple):
    """The LSAs of one area, as it was seen; AS-scope LSAs (types 5, 11) may stand in any of them."""

    area: int
    lsas: Sequence[Lsa]
    source: str = "attached"  # or "polled"


@dataclass(frozen=True)
class Options:
    """Where RFCs leave a choice and vendors made different ones."""

    rfc1583_compatibility: bool = False  # RFC 2328 16.4.1 is left out, only cost counts
    abr: Literal["rfc3509", "rfc2328"] = "rfc3509"  # what a border router without a live backbone may use
    max_paths: int = 64  # equal-cost next hops per route
    max_paths_of: Mapping[int, int] = field(default_factory=dict)  # router id -> its own
    listeners: frozenset[int] = frozenset()  # router ids of ours: who says to have one as its neighbor is believed


class Border(NamedTuple):
    """A router that calls itself an area border router."""

    router: int
    area_known: bool  # False: one of its areas nobody is attached to (`ospf.borders`)


@dataclass(frozen=True, eq=False)
class AreaGraph:
    """The inside of one area; Va local vertices: its Ra routers in ascending order, then its transit networks."""

    area: int
    kind: int  # NORMAL, STUB_AREA, NSSA
    source: str  # "attached" or "polled"
    vertices: I4  # [Va] vertex of the topology
    n_routers: int  # Ra
    local: I4  # [V] local vertex of each vertex of the topology, -1 when it is not in this area
    edges: EdgeTable  # between local vertices; rows are those of the topology's links
    flags: U1  # [Ra] flags of the router-LSAs (B 1, E 2, V 4, Nt 0x10)
    transit: bool  # TransitCapability: a virtual link passes through (RFC 2328 16.1)
    alive: NDArray[np.bool_]  # [Va] False: cut off from every other router of the area

    @property
    def n_vertices(self) -> int:
        return len(self.vertices)
