"""The lines of the drawing: every link once, its two directions together, as nodes and rows of `LinkColumns`.

A node is a router id, or its kind and name: `lan 10.0.100.0/24`, `stub 10.0.0.1:10.1.0.0/24`, `external ...`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.api import link_id
from gateway.published import Published


@dataclass(frozen=True)
class Wire:
    """A line to draw: two node keys and the link row whose Out is the direction a -> b (and back)."""

    a: str
    b: str
    out: int  # row of LinkColumns, its Out
    back: int  # row whose Out is b -> a; -1: the In of `out`


def wires(published: Published) -> list[Wire]:
    """Every link once: the two directions of a point-to-point link are one wire."""
    table = published.links
    opposite = opposites(published)
    behind = set(opposite.values())
    found = []
    for row in range(len(table)):
        router, neighbor, kind = table.router[row], table.neighbor[row], table.kind[row]
        if kind != "transit":
            if row not in behind:
                found.append(Wire(router, f"{kind} {table.id[row]}", row, -1))
        elif "/" in neighbor:
            found.append(Wire(router, f"lan {neighbor}", row, -1))
        elif neighbor and not (row in behind and opposite.get(row, row) < row):
            found.append(Wire(router, neighbor, row, opposite.get(row, -1)))
    return found


def opposites(published: Published) -> dict[int, int]:
    """Row of a point-to-point link -> row of its other direction.

    As the topology says; the rest, links that are down, by order of address.  Where only one end has noticed a failure,
    the other end's router still announces its interface as a stub: the one with the next address is that end.
    """
    table = published.links
    row_of = {link: row for row, link in enumerate(table.id)}
    pairs: dict[int, int] = {}
    topology = published.topology
    if topology is not None:
        ids = [row_of.get(link_id(key), -1) for key in topology.links.keys]
        for i, j in enumerate(topology.links.reverse.tolist()):
            if j >= 0 and ids[i] >= 0 and ids[j] >= 0:
                pairs[ids[i]] = ids[j]
    loose: dict[tuple[str, str], list[int]] = {}
    stubs: dict[tuple[str, int], int] = {}
    for row in range(len(table)):
        if table.kind[row] == "stub" and "/" not in table.interface[row]:
            stubs[table.router[row], _number(table.interface[row])] = row
        elif row not in pairs and table.kind[row] == "transit" and "/" not in table.neighbor[row]:
            loose.setdefault((table.router[row], table.neighbor[row]), []).append(row)
    for (router, neighbor), rows in loose.items():
        others = loose.get((neighbor, router), [])
        by_interface = [sorted(side, key=lambda r: address_order(table.interface[r])) for side in (rows, others)]
        pairs.update(zip(*by_interface, strict=False))
        for row in rows:
            at = _number(table.interface[row])
            near = [stubs[neighbor, at + step] for step in (1, -1) if (neighbor, at + step) in stubs]
            if row not in pairs and near:
                pairs[row] = near[0]
    return pairs


def kind_of(name: str) -> str:
    return name.split(" ")[0] if " " in name else "router"


def address_order(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in text.split("/")[0].removeprefix("if").split("."))


def _number(text: str) -> int:
    """A dotted address as a number; anything else is far from every address."""
    parts = text.split(".")
    return sum(int(p) << s for p, s in zip(parts, (24, 16, 8, 0), strict=True)) if len(parts) == 4 else -10
