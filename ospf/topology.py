"""One immutable, versioned picture of an OSPFv2 area, made from its LSDB.

Vertices are the area's routers (0..R-1, ascending router id) and its transit networks (R..V-1). `links` are
the rows everybody else speaks of (SNMP, exports, the view); `edges` are what SPF walks; `prefixes` say where
addresses are attached. Rows that fail the two-way check stay in the table with `up` False and are on no path.

Decisions. A destination inside a point-to-point subnet of two addresses (/30, /31) is one of the two routers:
it ends at the nearer one and leaves by no row; in a wider subnet hosts may live, and it leaves by the
interface's row. Host routes (/32 stubs) have no row. Virtual links have no row either, but SPF uses them. An
ASBR of another area has no row here: its externals leave at the ABR.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ospf.links import EXTERNAL, STUB, TRANSIT, EdgeTable, LinkKey, LinkTable, build_links
from ospf.lsa import (
    AS_EXTERNAL,
    FLAG_E,
    MAX_AGE,
    NETWORK,
    NSSA_EXTERNAL,
    ROUTER,
    Lsa,
    NetworkLsa,
    RouterLsa,
)
from ospf.prefixes import EXT1, EXT2, INTER, INTRA, PrefixTable, build_prefixes
from ospf.wire import address_text

__all__ = [
    "EXT1", "EXT2", "EXTERNAL", "INTER", "INTRA", "STUB", "TRANSIT", "EdgeTable", "LinkKey", "LinkTable",
    "PrefixTable", "Topology", "TopologyStats", "build_topology",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class TopologyStats:
    """What the LSDB said that the topology could not use."""

    one_way_links: int = 0
    bad_masks: int = 0
    no_border: int = 0
    unresolved_forwarding: int = 0
    infinite: int = 0


@dataclass(frozen=True, eq=False)
class Topology:
    """The area at one instant; R routers, V vertices, L link rows, E edges, P prefixes."""

    version: int
    time: float  # seconds, when it became true
    area: str
    instance: str
    routers: NDArray[np.uint32]  # [R] router ids, vertex = position
    network_address: NDArray[np.uint32]  # [V-R] DR's address (link state id) of each transit network
    network_prefix: NDArray[np.uint32]  # [V-R]
    network_plen: NDArray[np.uint8]  # [V-R]
    n_vertices: int
    links: LinkTable
    edges: EdgeTable
    prefixes: PrefixTable
    alive: NDArray[np.bool_]  # [V] False: cut off from every other router
    stats: TopologyStats

    @property
    def n_routers(self) -> int:
        return len(self.routers)

    @cached_property
    def router_vertex(self) -> Mapping[int, int]:
        """Router id -> vertex."""
        return {int(router): vertex for vertex, router in enumerate(self.routers)}

    @cached_property
    def link_row(self) -> Mapping[LinkKey, int]:
        """Key -> row of `links`."""
        return {key: row for row, key in enumerate(self.links.keys)}

    @cached_property
    def _owners(self) -> Mapping[int, tuple[int, int]]:
        links = self.links
        return {
            int(address): (int(links.vertex[row]), row)
            for row, address in enumerate(links.address)
            if address
        }

    def interface_owner(self, address: int) -> tuple[int, int] | None:
        """(router vertex, link row) of an interface address that an LSA has proven, else None."""
        return self._owners.get(address)

    def vertex_name(self, vertex: int) -> str:
        """Router id text, or the prefix text of a transit network."""
        if vertex < len(self.routers):
            return address_text(int(self.routers[vertex]))
        i = vertex - len(self.routers)
        return f"{address_text(int(self.network_prefix[i]))}/{int(self.network_plen[i])}"


def build_topology(
    lsas: Iterable[Lsa],
    *,
    area: str = "0.0.0.0",
    instance: str = "default",
    version: int,
    time: float,
    known: Mapping[int, Set[int]] | None = None,
) -> Topology:
    """The topology of one area from its LSDB (MaxAge LSAs are ignored, RFC 2328 16.1).

    `known` maps a router id to interface addresses ever seen on it: a stub prefix that contains one of them
    is that interface, with the same key. Where several known addresses lie in one stub prefix, the lowest
    names it.
    """
    present = [lsa for lsa in lsas if lsa.header.age & 0x7FFF < MAX_AGE]
    routers: dict[int, RouterLsa] = {}
    networks: dict[tuple[int, int], NetworkLsa] = {}
    external_origins: set[int] = set()
    for lsa in present:
        kind, lsid, router = lsa.key
        if kind == ROUTER and isinstance(lsa.body, RouterLsa):
            routers[router] = lsa.body
        elif kind == NETWORK and isinstance(lsa.body, NetworkLsa):
            networks[lsid, router] = lsa.body
        elif kind in (AS_EXTERNAL, NSSA_EXTERNAL):
            external_origins.add(router)
    asbrs = {r for r, body in routers.items() if body.flags & FLAG_E or r in external_origins}
    graph = build_links(routers, networks, asbrs, instance, known or {})
    prefixes, unused = build_prefixes(present, graph, routers)
    return Topology(
        version=version,
        time=time,
        area=area,
        instance=instance,
        routers=np.array(graph.routers, dtype=np.uint32),
        network_address=np.array([n[0] for n in graph.networks], dtype=np.uint32),
        network_prefix=np.array([n[1] for n in graph.networks], dtype=np.uint32),
        network_plen=np.array([n[2] for n in graph.networks], dtype=np.uint8),
        n_vertices=len(graph.routers) + len(graph.networks),
        links=graph.links,
        edges=graph.edges,
        prefixes=prefixes,
        alive=graph.alive,
        stats=TopologyStats(
            one_way_links=graph.one_way,
            bad_masks=graph.bad_masks + unused.bad_masks,
            no_border=unused.no_border,
            unresolved_forwarding=unused.unresolved_forwarding,
            infinite=unused.infinite,
        ),
    )
