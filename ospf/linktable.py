"""The rows of all areas as one table: numbering, interfaces that several areas share, external rows, TE columns.

Rows stand router after router (ascending id), within a router by number, its `external` row last. So a row's number
depends on the set of rows alone, and tables of two versions with the same keys have the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ospf.graph import Inside
from ospf.links import (
    ADDRESS,
    COST,
    EXTERNAL,
    KIND,
    NETWORK,
    PLEN,
    TRANSIT,
    Block,
    InterfaceRows,
    LinkKey,
    LinkTable,
    one_block,
)
from ospf.te import TeLink, te_columns
from ospf.wire import address_text

I8 = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rows:
    """How the table was numbered, and what the next one may take over."""

    row_of: tuple[I8, ...] = ()  # per area: row of the table of each of the area's rows
    external_row: I8 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # [R] row of each ASBR, -1
    blocks: Mapping[int, Block] = field(default_factory=dict)  # router id -> rows of one in several areas
    keys: tuple[LinkKey, ...] = ()
    neighbor: tuple[str, ...] = ()


def link_table(
    instance: str, ids: Sequence[int], insides: Sequence[Inside], placed_at: Sequence[I8], routers: I8, asbr: Flags,
    alive: Flags, alive_in: Sequence[Flags], told: Sequence[TeLink], previous: Rows,
) -> tuple[LinkTable, Rows, int]:  # fmt: skip
    """(table, its numbering, TE TLVs that fit no row).

    Per area (in order of `ids`): its inside, the vertex of each local vertex, which local vertices are alive. `routers`
    [R] ids, `asbr` [R], `alive` [V].
    """
    parts: list[list[tuple[int, int, InterfaceRows]]] = [[] for _ in range(len(routers))]
    for number, (inside, at) in enumerate(zip(insides, placed_at, strict=True)):
        for local, (vertex, part) in enumerate(zip(at.tolist(), inside.parts, strict=False)):
            parts[vertex].append((number, local, part))
    keys: list[LinkKey] = []
    neighbor: list[str] = []
    first_of = [np.zeros(len(inside.routers), dtype=np.int64) for inside in insides]
    shared: list[tuple[int, int, I8, Flags]] = []  # (area, local router, row of each of its rows, described by it)
    external_row = np.full(len(routers), -1, dtype=np.int64)
    blocks: dict[int, Block] = {}
    for vertex, (here, boundary) in enumerate(zip(parts, asbr.tolist(), strict=True)):
        base = len(keys)
        if len(here) == 1:
            number, local, part = here[0]
            first_of[number][local] = base
            keys += part.keys
            neighbor += part.neighbor
        else:
            router = int(routers[vertex])
            block = one_block([part for _, _, part in here], previous.blocks.get(router))
            blocks[router] = block
            keys += block.keys
            neighbor += block.neighbor
            for (number, local, _), slots, chosen in zip(here, block.slots, block.chosen, strict=True):
                first_of[number][local] = base
                shared.append((number, local, base + slots, chosen))
        if boundary:
            external_row[vertex] = len(keys)
            keys.append(LinkKey(instance, int(routers[vertex]), "external"))
            neighbor.append("")

    row_of: list[I8] = []
    describes: list[Flags] = []
    for inside, first in zip(insides, first_of, strict=True):
        within = np.arange(len(inside.rows)) - inside.first[inside.owner]
        row_of.append(first[inside.owner] + within)
        describes.append(np.ones(len(inside.rows), dtype=np.bool_))
    for number, local, rows, chosen in shared:
        span = slice(int(insides[number].first[local]), int(insides[number].first[local + 1]))
        row_of[number][span] = rows
        describes[number][span] = chosen
    names = tuple(keys)
    numbering = Rows(
        tuple(row_of), external_row, blocks,
        previous.keys if names == previous.keys else names,
        previous.neighbor if neighbor == list(previous.neighbor) else tuple(neighbor),
    )  # fmt: skip
    columns = _columns(ids, insides, placed_at, routers, alive, alive_in, numbering, describes)
    address, router_id = columns["address"], columns["router"]
    unnumbered = {}
    if any(link.identifier for link in told):
        unnumbered = {
            (key.router, int(key.interface[2:])): row for row, key in enumerate(names) if key.interface.startswith("if")
        }
    te, unjoined = te_columns(told, router_id, address, unnumbered)
    return (
        LinkTable(
            keys=numbering.keys,
            router=router_id.astype(np.uint32),
            vertex=columns["vertex"].astype(np.int32),
            target=columns["target"].astype(np.int32),
            cost=columns["cost"].astype(np.uint32),
            kind=columns["kind"].astype(np.uint8),
            neighbor=numbering.neighbor,
            address=address.astype(np.uint32),
            up=columns["up"].astype(np.bool_),
            reverse=columns["reverse"].astype(np.int32),
            network=columns["network"].astype(np.uint32),
            plen=columns["plen"].astype(np.uint8),
            area=columns["area"].astype(np.uint32),
            te_metric=te.te_metric,
            bandwidth=te.bandwidth,
            reservable=te.reservable,
            delay_us=te.delay_us,
            admin_group=te.admin_group,
        ),
        numbering,
        unjoined,
    )


def believed(links: LinkTable, listeners: Set[int], alive: Flags) -> LinkTable:
    """The same with the interfaces up by which a router has one of our listeners as its neighbor.

    A listener in mode "full" announces nothing back, so such a link fails the two-way check, as it should: no path
    leads there. The interface is up all the same.
    """
    names = {address_text(listener) for listener in listeners}
    rows = [row for row, name in enumerate(links.neighbor) if name in names]
    if not rows:
        return links
    up = links.up.copy()
    up[rows] |= alive[links.vertex[rows]]
    return replace(links, up=up)


def _columns(
    ids: Sequence[int], insides: Sequence[Inside], placed_at: Sequence[I8], routers: I8, alive: Flags,
    alive_in: Sequence[Flags], numbering: Rows, describes: Sequence[Flags],
) -> dict[str, I8]:  # fmt: skip
    count = len(numbering.keys)
    columns = {
        name: np.full(count, blank, dtype=np.int64)
        for name, blank in (
            ("router", 0), ("vertex", 0), ("target", -1), ("cost", 0), ("kind", EXTERNAL), ("address", 0),
            ("up", 0), ("reverse", -1), ("network", 0), ("plen", 0), ("area", 0),
        )
    }  # fmt: skip
    cost = np.full(count, np.iinfo(np.int64).max)
    for i in range(len(insides) - 1, -1, -1):  # backwards: of several areas the lowest names a row's
        inside, at, rows = insides[i], placed_at[i], numbering.row_of[i]
        told, row_of = inside.rows, np.append(rows, -1)
        mine = describes[i]
        vertex = at[inside.owner]
        transit = told[:, KIND] == TRANSIT
        up = np.where(transit, inside.up & alive_in[i][inside.owner], alive[vertex])
        columns["area"][rows] = ids[i]
        columns["vertex"][rows] = vertex
        columns["up"][rows] |= up
        np.minimum.at(cost, rows, told[:, COST])
        for name, values in (
            ("target", np.append(at, -1)[inside.target]),
            ("kind", told[:, KIND]),
            ("address", told[:, ADDRESS]),
            ("network", told[:, NETWORK]),
            ("plen", told[:, PLEN]),
        ):
            columns[name][rows[mine]] = values[mine]
        has = np.flatnonzero(inside.reverse >= 0)
        columns["reverse"][rows[has]] = row_of[inside.reverse[has]]
    outside = numbering.external_row
    asbrs = np.flatnonzero(outside >= 0)
    columns["vertex"][outside[asbrs]] = asbrs
    columns["up"][outside[asbrs]] = alive[asbrs]
    for i in range(len(insides) - 1, -1, -1):
        here = outside[placed_at[i][: len(insides[i].routers)]]
        columns["area"][here[here >= 0]] = ids[i]
    columns["cost"] = np.where(columns["kind"] == EXTERNAL, 0, cost)
    columns["router"] = routers[columns["vertex"]] if count else columns["router"]
    return columns
