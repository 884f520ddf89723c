"""Numbers for everything in an OSPFv3 instance: vertices of all areas, and the rows of the link table.

A row is a router interface ("v3if7"), a stub network of a router (named by its prefix until an interface is known for
it), or the `v3external` row of an AS boundary router. Rows are ordered by router, then interface id, then prefix, so
that row numbers hold as long as the set of interfaces does. An interface that serves several areas (RFC 5185) is one
row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ospf.links import EXTERNAL, STUB, TRANSIT, LinkKey, LinkTable
from ospf.v3.announcements import PrefixKey
from ospf.v3.area import Inside, Interface
from ospf.v3.prefix import prefix6_text
from ospf.wire import address_text

I4 = NDArray[np.int32]
U4 = NDArray[np.uint32]

_INTERFACE, _STUB, _EXTERNAL = 0, 1, 2  # order within a router
RowKey = tuple[int, int, int, int]  # router, class, then interface id or (network, plen)


@dataclass(frozen=True, eq=False)
class Placed:
    """An area among the others: `vertices` are those of the topology for its local ones."""

    index: int
    inside: Inside
    vertices: I4


def place_areas(insides: Sequence[Inside]) -> tuple[tuple[int, ...], list[Placed]]:
    """(router ids of all areas, ascending: their position is their vertex; the areas, networks numbered in turn)."""
    routers = tuple(sorted({router for inside in insides for router in inside.routers}))
    vertex = {router: position for position, router in enumerate(routers)}
    placed = []
    first = len(routers)
    for index, inside in enumerate(insides):
        after = first + len(inside.networks)
        here = [*(vertex[router] for router in inside.routers), *range(first, after)]
        placed.append(Placed(index, inside, np.array(here, dtype=np.int32)))
        first = after
    return routers, placed


def interface_row(interface: Interface) -> RowKey:
    return (interface.router, _INTERFACE, interface.interface, 0)


def stub_row(router: int, prefix: PrefixKey) -> RowKey:
    return (router, _STUB, *prefix)


def external_row(router: int) -> RowKey:
    return (router, _EXTERNAL, 0, 0)


@dataclass(slots=True)
class Row:
    """One row while rows are being collected."""

    vertex: int
    cost: int
    kind: int
    area: int
    target: int = -1
    neighbor: str = ""
    up: bool = True
    reverse: RowKey | None = None
    address: int = 0
    subnet: PrefixKey = (0, 0)


@dataclass(slots=True)
class Rows:
    """The rows of an instance by key."""

    rows: dict[RowKey, Row] = field(default_factory=dict)

    def add_area(self, area: Placed, network_names: Sequence[str], n_routers: int) -> None:
        """The interfaces that an area's router-LSAs describe."""
        inside = area.inside
        local = {router: position for position, router in enumerate(inside.routers)}
        for interface, state in inside.interfaces.items():
            place = local[interface.router]
            target = int(area.vertices[state.target]) if state.target >= 0 else -1
            neighbor = address_text(state.neighbor) if target < n_routers else network_names[target - n_routers]
            up = state.up and bool(inside.alive[place])
            row = Row(int(area.vertices[place]), state.cost, TRANSIT, inside.area, target, neighbor, up)
            row.reverse = interface_row(state.reverse) if state.reverse is not None else None
            known = self.rows.setdefault(interface_row(interface), row)
            if known is not row and row.up:
                known.up = True

    def add_stub(self, key: RowKey, vertex: int, cost: int, area: int, subnet: PrefixKey) -> None:
        """A stub network; where its interface is known it is that interface's row."""
        known = self.rows.get(key)
        if known is None:
            self.rows[key] = Row(vertex, cost, STUB, area, subnet=subnet)
        elif known.kind == STUB:
            known.cost = min(known.cost, cost)
            known.subnet = min(known.subnet, subnet)

    def table(self, instance: str, alive: NDArray[np.bool_]) -> tuple[LinkTable, dict[RowKey, int]]:
        """The link table, and the number of each row."""
        ordered = sorted(self.rows.items())
        number = {key: position for position, (key, _) in enumerate(ordered)}
        rows = [row for _, row in ordered]
        count = len(rows)
        reverse = [number.get(row.reverse, -1) if row.reverse is not None else -1 for row in rows]
        zeros = np.zeros(count, dtype=np.uint32)
        table = LinkTable(
            keys=tuple(LinkKey(instance, key[0], _text(key)) for key, _ in ordered),
            router=np.array([key[0] for key, _ in ordered], dtype=np.uint32),
            vertex=np.array([row.vertex for row in rows], dtype=np.int32),
            target=np.array([row.target for row in rows], dtype=np.int32),
            cost=np.array([row.cost for row in rows], dtype=np.uint32),
            kind=np.array([row.kind for row in rows], dtype=np.uint8),
            neighbor=tuple(row.neighbor for row in rows),
            address=wide([row.address for row in rows]),
            up=np.array([row.up and bool(alive[row.vertex]) for row in rows], dtype=np.bool_),
            reverse=np.array(reverse, dtype=np.int32),
            network=wide([row.subnet[0] for row in rows]),
            plen=np.array([row.subnet[1] for row in rows], dtype=np.uint8),
            area=np.array([row.area for row in rows], dtype=np.uint32),
            te_metric=zeros,
            bandwidth=np.zeros(count),
            reservable=np.zeros(count),
            delay_us=zeros,
            admin_group=zeros,
        )
        return table, number


def add_external(rows: Rows, asbrs: Mapping[int, tuple[int, int]]) -> None:
    """An `external` row per AS boundary router; `asbrs`: router id -> (vertex, area)."""
    for router, (vertex, area) in asbrs.items():
        rows.rows[external_row(router)] = Row(vertex, 0, EXTERNAL, area)


def wide(addresses: Sequence[int]) -> U4:
    """A column of Python integers of 128 bits (typed as the narrow one it stands for)."""
    column = np.zeros(len(addresses), dtype=object)
    column[:] = addresses
    return cast("U4", column)


def _text(key: RowKey) -> str:
    _, kind, first, second = key
    if kind == _INTERFACE:
        return f"v3if{first}"
    return prefix6_text(first, second) if kind == _STUB else "v3external"
