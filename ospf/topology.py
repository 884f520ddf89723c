"""One immutable, versioned picture of an OSPF instance, made from the databases of its areas.

Vertices are the routers of all areas (0..R-1, ascending router id; a router in several areas is one vertex) and the
transit networks, area by area (R..V-1). `links` are the rows everybody else speaks of (SNMP, exports, the view);
`areas` hold what SPF walks; `prefixes` say where addresses are attached, `offers` what each LSA says of reaching them.
Rows that fail the two-way check stay in the table with `up` False and are on no path.

Decisions. A destination inside a point-to-point subnet of two addresses (/30, /31) is one of the two routers:
it ends at the nearer one and leaves by no row; in a wider subnet hosts may live, and it leaves by the
interface's row. Host routes (/32 stubs) have no row. Virtual links have no row either, but SPF uses them. An
ASBR of an area nobody is attached to has no row here: its externals leave at the ABR. A router that restarts
gracefully (RFC 3623) is as it was in the version before, whatever its own LSAs say meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ospf.areas import AreaDatabase, AreaGraph, Border, Options
from ospf.assembly import Assembled, Memory, assemble
from ospf.links import EXTERNAL, STUB, TRANSIT, EdgeTable, LinkKey, LinkTable
from ospf.linktable import believed
from ospf.lsa import Lsa
from ospf.offers import AsbrTable, OfferTable
from ospf.prefixes import EXT1, EXT2, INTER, INTRA, PrefixTable
from ospf.wire import address_number, address_text

__all__ = [
    "EXT1", "EXT2", "EXTERNAL", "INTER", "INTRA", "STUB", "TRANSIT", "AreaDatabase", "AreaGraph", "AsbrTable",
    "Border", "EdgeTable", "LinkKey", "LinkTable", "OfferTable", "Options", "PrefixTable", "Topology",
    "TopologyStats", "build_domain", "build_topology",
]  # fmt: skip

_OPTIONS = Options()


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
    te_refused: int = 0  # traffic engineering LSAs and TLVs that could not be read


@dataclass(frozen=True, eq=False)
class Topology:
    """The instance at one instant; R routers, V vertices, L link rows, P prefixes."""

    version: int
    time: float  # seconds, when it became true
    area: str  # the only area, or the backbone, or the first of several
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
    options: Options = field(default_factory=Options)  # what routers make of what was said
    memory: Memory = field(default_factory=Memory, repr=False)  # what the next version may take over

    @property
    def n_routers(self) -> int:
        return len(self.routers)

    @property
    def edges(self) -> EdgeTable:
        """The edges of the only area; ValueError when there are several (then ask `areas`)."""
        if len(self.areas) != 1:
            raise ValueError(f"{len(self.areas)} areas: each has its own edges")
        return self.areas[0].edges

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
    """The topology of one area from its LSDB: `build_domain` with one database."""
    database = AreaDatabase(address_number(area), tuple(lsas))
    return build_domain(
        [database], instance=instance, version=version, time=time, known=known, options=options, previous=previous
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
    """The topology of all areas of one instance from their databases (one per area; MaxAge LSAs are ignored, RFC
    2328 16.1; of an AS-scope LSA in several databases the newest instance counts).

    `known` maps a router id to interface addresses ever seen on it: a stub prefix that contains one of them
    is that interface, with the same key. Where several known addresses lie in one stub prefix, the lowest
    names it. `previous`, an earlier version, saves time: what its LSAs (the same objects) said is taken over from it,
    and it gives that memory away. `restarting` maps a router id to the time until which it restarts gracefully: its
    own router- and network-LSAs then stay as they were in `previous`. `options` do not change what is said, only
    what routers make of it. ValueError when two databases are of one area.
    """
    now = frozenset(router for router, until in (restarting or {}).items() if until > time)
    memory = previous.memory.give(instance) if previous is not None else Memory()
    found: Assembled = assemble(databases, instance, known or {}, now, memory)
    networks = np.array([net for area in found.placed for net in area.inside.networks], dtype=np.int64).reshape(-1, 4)
    backbone = next((graph for graph in found.areas if graph.area == 0), None)
    shown = backbone or (found.areas[0] if found.areas else None)
    return Topology(
        version=version,
        time=time,
        area=address_text(shown.area) if shown is not None else "0.0.0.0",
        instance=instance,
        routers=found.routers.astype(np.uint32),
        network_address=networks[:, 0].astype(np.uint32),
        network_prefix=networks[:, 2].astype(np.uint32),
        network_plen=networks[:, 3].astype(np.uint8),
        n_vertices=len(found.alive),
        links=believed(found.links, options.listeners, found.alive),
        prefixes=found.prefixes,
        alive=found.alive,
        stats=TopologyStats(**found.counted),
        areas=found.areas,
        network_area=np.array([area.index for area in found.placed for _ in area.inside.networks], dtype=np.int32),
        offers=found.offers,
        asbr_offers=found.asbr_offers,
        borders=found.borders,
        stub_routers=found.stub_routers,
        options=options,
        memory=found.memory,
    )
