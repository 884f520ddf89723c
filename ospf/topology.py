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

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ospf.areas import NORMAL, NSSA, STUB_AREA, AreaDatabase, AreaGraph, Border, Options
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
from ospf.offers import AsbrTable, OfferTable
from ospf.prefixes import EXT1, EXT2, INTER, INTRA, PrefixTable, build_prefixes
from ospf.wire import address_number, address_text

__all__ = [
    "EXT1",
    "EXT2",
    "EXTERNAL",
    "INTER",
    "INTRA",
    "STUB",
    "TRANSIT",
    "AreaDatabase",
    "AreaGraph",
    "AsbrTable",
    "Border",
    "EdgeTable",
    "LinkKey",
    "LinkTable",
    "OfferTable",
    "Options",
    "PrefixTable",
    "Topology",
    "TopologyStats",
    "build_domain",
    "build_topology",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class TopologyStats:
    """What the LSDB said that the topology could not use."""

    one_way_links: int = 0
    bad_masks: int = 0
    no_border: int = 0
    unresolved_forwarding: int = 0
    infinite: int = 0
    unreachable_prefixes: int = 0  # advertised, and only by routers that nobody can reach
    te_unjoined: int = 0  # traffic engineering TLVs of interfaces that no router-LSA describes


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
    prefixes: PrefixTable
    alive: NDArray[np.bool_]  # [V] False: cut off from every other router
    stats: TopologyStats
    areas: tuple[AreaGraph, ...]  # ascending area id
    network_area: NDArray[np.int32]  # [V-R] area index
    offers: OfferTable
    asbr_offers: AsbrTable
    borders: tuple[Border, ...]  # ascending router id
    stub_routers: frozenset[int]  # router ids that ask not to be crossed (RFC 6987)

    @property
    def edges(self) -> EdgeTable:
        """The edges of the only area; ValueError when there are several (then ask `areas`)."""
        if len(self.areas) != 1:
            raise ValueError(f"{len(self.areas)} areas: each has its own edges")
        return self.areas[0].edges

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
        return {int(address): (int(links.vertex[row]), row) for row, address in enumerate(links.address) if address}

    def interface_owner(self, address: int) -> tuple[int, int] | None:
        """(router vertex, link row) of an interface address that an LSA has proven, else None."""
        return self._owners.get(address)

    def vertex_name(self, vertex: int) -> str:
        """Router id text, or the prefix text of a transit network."""
        if vertex < len(self.routers):
            return address_text(int(self.routers[vertex]))
        i = vertex - len(self.routers)
        return f"{address_text(int(self.network_prefix[i]))}/{int(self.network_plen[i])}"


_OPTIONS = Options()


def build_topology(
    lsas: Iterable[Lsa],
    *,
    area: str = "0.0.0.0",
    instance: str = "default",
    version: int,
    time: float,
    known: Mapping[int, Set[int]] | None = None,
    options: Options = _OPTIONS,
    previous: Topology | None = None,
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
    graph = build_links(routers, networks, asbrs, instance, known or {}, address_number(area))
    prefixes, offers, asbr_offers, unused = build_prefixes(present, graph, routers)
    n_vertices = len(graph.routers) + len(graph.networks)
    flags = np.array([routers[r].flags for r in graph.routers], dtype=np.uint8)
    everything = np.arange(n_vertices, dtype=np.int32)
    kinds = [lsa.header.options for lsa in present if lsa.header.type == ROUTER]
    kind = NSSA if any(o & 8 for o in kinds) else NORMAL if any(o & 2 for o in kinds) or not kinds else STUB_AREA
    inside = AreaGraph(
        area=address_number(area), kind=kind, source="attached", vertices=everything, n_routers=len(graph.routers),
        local=everything, edges=graph.edges, flags=flags, transit=bool((flags & 4).any()), alive=graph.alive,
    )  # fmt: skip
    held = np.logical_or.reduceat(graph.alive[prefixes.vertex], prefixes.start[:-1]) if len(prefixes) else [True]
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
        areas=(inside,),
        network_area=np.zeros(len(graph.networks), dtype=np.int32),
        offers=offers,
        asbr_offers=asbr_offers,
        borders=tuple(Border(r, False) for r in graph.routers if routers[r].flags & 1),
        stub_routers=frozenset(
            r for r, body in routers.items() if {link.metric for link in body.links if link.type in (1, 2)} == {0xFFFF}
        ),
        prefixes=prefixes,
        alive=graph.alive,
        stats=TopologyStats(
            one_way_links=graph.one_way,
            bad_masks=graph.bad_masks + unused.bad_masks,
            no_border=unused.no_border,
            unresolved_forwarding=unused.unresolved_forwarding,
            infinite=unused.infinite,
            unreachable_prefixes=len(held) - int(np.sum(held)),
        ),
    )


def build_domain(
    databases: Sequence[AreaDatabase],
    *,
    instance: str,
    version: int,
    time: float,
    known: Mapping[int, Set[int]] | None = None,
    options: Options = _OPTIONS,
    previous: Topology | None = None,
    restarting: Mapping[int, float] | None = None,
) -> Topology:
    """The topology of all areas of one instance."""
    if len(databases) != 1:
        raise ValueError("several areas: in the next commit")
    return build_topology(
        databases[0].lsas, area=address_text(databases[0].area), instance=instance, version=version, time=time,
        known=known, options=options, previous=previous,
    )  # fmt: skip
