"""The topology as a picture: nodes and half arrows with coordinates and colour classes, ready for SVG.

Every link is two half arrows that meet in the middle, each pointing the way its traffic goes and coloured by the
utilisation of that direction (weathermap style).  The half of a LAN, stub or outside pointing at the router is the In
of the router's interface.  The structure drawn is every interface ever seen, so a failure turns a link dashed and moves
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.api import link_id
from gateway.layout import Edges, positions
from gateway.published import Published
from gateway.units import bits_per_second, percent

WIDTH, HEIGHT, MARGIN = 860.0, 560.0, 44.0
MAX_NODES = 240  # drawn; the busiest routers win
MAX_NODES_WITH_STUBS = 90
MAX_FULL_LABELS = 60
PARALLEL_GAP = 13.0
HEAD = 9.0
LEVELS = (
    0.10,
    0.25,
    0.50,
    0.75,
    0.90,
)  # utilisation: class u1 below the first ... u6 from the last on; u0 idle
RELATIVE_LEVELS = (0.05, 0.33, 0.66)  # capacity unknown, share of the busiest such link: r1 ... r4; r0 idle
LABEL_FROM = 0.5  # utilisation from which an arrow carries its number
IDEAL = {"router": 1.0, "lan": 0.75, "stub": 0.42, "external": 0.55}
RADIUS = {"router": 9.0, "lan": 6.0, "stub": 4.0, "external": 7.0}


@dataclass(frozen=True)
class Node:
    kind: str  # router | lan | stub | external
    label: str
    title: str
    x: float
    y: float
    up: bool
    anchor: str  # SVG text-anchor
    label_x: float
    label_y: float


@dataclass(frozen=True)
class Half:
    """One direction of a link, from its sender's node to the middle."""

    link: str  # id, "" for a direction nobody counts
    points: str  # SVG polygon
    level: str  # css class: u0-u6, r0-r4, down
    title: str
    label: str
    label_x: float
    label_y: float


@dataclass(frozen=True)
class Drawing:
    width: float
    height: float
    nodes: tuple[Node, ...]
    halves: tuple[Half, ...]
    omitted_routers: int
    has_relative: bool  # some capacity is unknown
    busiest_relative: float  # bits per second that RELATIVE_LEVELS are a share of


@dataclass(frozen=True)
class Wire:
    """A line to draw: two node keys and the link row whose Out is the direction a -> b (and back)."""

    a: str
    b: str
    out: int  # row of LinkColumns, its Out
    back: int  # row whose Out is b -> a; -1: the In of `out`


def level_of(rate: float, capacity: float, busiest: float) -> str:
    """CSS class of a rate."""
    if capacity > 0:
        return "u0" if rate <= 0 else f"u{1 + sum(rate / capacity >= edge for edge in LEVELS)}"
    if rate <= 0 or busiest <= 0:
        return "r0"
    return f"r{1 + sum(rate / busiest >= edge for edge in RELATIVE_LEVELS)}"


def wires(published: Published) -> list[Wire]:
    """Every link once: the two directions of a point-to-point link are one wire."""
    table = published.links
    opposite = _opposites(published)
    found = []
    for row in range(len(table)):
        router, neighbor, kind = table.router[row], table.neighbor[row], table.kind[row]
        if kind != "transit":
            found.append(Wire(router, f"{kind} {table.id[row]}", row, -1))
        elif "/" in neighbor:
            found.append(Wire(router, f"lan {neighbor}", row, -1))
        elif neighbor and row < opposite.get(row, len(table)):
            found.append(Wire(router, neighbor, row, opposite.get(row, -1)))
    return found


def draw(published: Published, names: Mapping[str, str]) -> Drawing:
    """Nodes and half arrows on a canvas of WIDTH x HEIGHT; `names` router id -> label."""
    all_wires = wires(published)
    routers = sorted(set(published.links.router) | {w.b for w in all_wires if " " not in w.b})
    kept, shown = _fit(published, all_wires, routers)
    keys = sorted({end for wire in shown for end in (wire.a, wire.b)} | kept, key=_node_order)
    number = {name: i for i, name in enumerate(keys)}
    edges: Edges = tuple(sorted({(number[w.a], number[w.b], IDEAL[_kind(w.b)]) for w in shown}))
    inside = (WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN)
    at = {
        name: (MARGIN + x * inside[0], MARGIN + y * inside[1])
        for name, (x, y) in zip(keys, positions(len(keys), edges, inside[0] / inside[1]), strict=True)
    }
    table = published.links
    busiest = max(
        (max(out, into) for out, into, capacity in zip(
            table.bits_per_second.tolist(), table.in_bits_per_second.tolist(), table.capacity.tolist(), strict=True
        ) if not capacity),
        default=0.0,
    )  # fmt: skip
    halves: list[Half] = []
    offsets = _parallel_offsets(shown)
    for wire, offset in zip(shown, offsets, strict=True):
        halves.extend(_halves(published, wire, at[wire.a], at[wire.b], offset, busiest))
    return Drawing(
        WIDTH,
        HEIGHT,
        tuple(_node(published, key, at, shown, len(keys), names) for key in keys),
        tuple(halves),
        len(routers) - len(kept),
        bool((table.capacity == 0).any()),
        busiest,
    )


def _opposites(published: Published) -> dict[int, int]:
    """Row -> row of the other direction: as the topology says, the rest (down links) by order of address."""
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
    for row in range(len(table)):
        if row not in pairs and table.kind[row] == "transit" and "/" not in table.neighbor[row]:
            loose.setdefault((table.router[row], table.neighbor[row]), []).append(row)
    for (router, neighbor), rows in loose.items():
        others = loose.get((neighbor, router), [])
        by_interface = [sorted(side, key=lambda r: _address_order(table.interface[r])) for side in (rows, others)]
        pairs.update(zip(*by_interface, strict=False))
    return pairs


def _fit(published: Published, all_wires: list[Wire], routers: list[str]) -> tuple[set[str], list[Wire]]:
    """The routers and wires that can be read on one page: stubs go first, then the least busy routers."""
    kept = set(routers)
    if len(kept) > MAX_NODES:
        load: dict[str, float] = {}
        for router, rate in zip(published.links.router, published.links.bits_per_second.tolist(), strict=True):
            load[router] = load.get(router, 0.0) + rate
        kept = set(sorted(routers, key=lambda r: (-load.get(r, 0.0), r))[:MAX_NODES])
    shown = [w for w in all_wires if w.a in kept and (" " in w.b or w.b in kept)]
    if len({end for w in shown for end in (w.a, w.b)}) > MAX_NODES_WITH_STUBS:
        shown = [w for w in shown if _kind(w.b) in ("router", "lan")]
    return kept, shown


def _kind(name: str) -> str:
    return name.split(" ")[0] if " " in name else "router"


def _node_order(name: str) -> tuple[int, tuple[int, ...], str]:
    return " " in name, _address_order(name) if " " not in name else (), name


def _address_order(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in text.split("/")[0].removeprefix("if").split("."))


def _parallel_offsets(shown: list[Wire]) -> list[float]:
    groups: dict[tuple[str, str], list[int]] = {}
    for i, wire in enumerate(shown):
        groups.setdefault((min(wire.a, wire.b), max(wire.a, wire.b)), []).append(i)
    offsets = [0.0] * len(shown)
    for members in groups.values():
        for place, i in enumerate(members):
            sign = 1.0 if shown[i].a < shown[i].b else -1.0
            offsets[i] = sign * PARALLEL_GAP * (place - (len(members) - 1) / 2)
    return offsets


def _halves(
    published: Published,
    wire: Wire,
    a: tuple[float, float],
    b: tuple[float, float],
    offset: float,
    busiest: float,
) -> list[Half]:
    table = published.links
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    start = (a[0] + ux * RADIUS["router"] - uy * offset, a[1] + uy * RADIUS["router"] + ux * offset)
    room = RADIUS[_kind(wire.b)]
    end = (b[0] - ux * room - uy * offset, b[1] - uy * room + ux * offset)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    row = wire.out
    capacity = float(table.capacity[row])
    name = f"{table.name[row]} ({table.id[row]})"
    target = wire.b.partition(" ")[2] or wire.b
    made = [
        _half(
            table.id[row], start, middle, float(table.bits_per_second[row]), capacity, bool(table.up[row]), busiest,
            f"{name}: {wire.a} → {table.neighbor[row] or target}",
        )
    ]  # fmt: skip
    if wire.back >= 0:
        row = wire.back
        made.append(
            _half(
                table.id[row], end, middle, float(table.bits_per_second[row]), float(table.capacity[row]),
                bool(table.up[row]), busiest, f"{table.name[row]} ({table.id[row]}): {table.router[row]} → {wire.a}",
            )
        )  # fmt: skip
    else:
        into = float(table.in_bits_per_second[row])
        made.append(_half("", end, middle, into, capacity, bool(table.up[row]), busiest, f"{name}: into {wire.a}"))
    return made


def _half(
    link: str,
    tail: tuple[float, float],
    tip: tuple[float, float],
    rate: float,
    capacity: float,
    up: bool,
    busiest: float,
    title: str,
) -> Half:
    utilisation = rate / capacity if capacity else None
    level = level_of(rate, capacity, busiest) if up else "down"
    dx, dy = tip[0] - tail[0], tip[1] - tail[1]
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    thick = 1.2 if level in ("down", "u0", "r0") else 1.6 + 0.45 * int(level[1])
    head = min(HEAD, length * 0.6)
    neck = (tip[0] - ux * head, tip[1] - uy * head)
    wide = thick + 2.2
    corners = [
        (tail[0] - uy * thick, tail[1] + ux * thick),
        (neck[0] - uy * thick, neck[1] + ux * thick),
        (neck[0] - uy * wide, neck[1] + ux * wide),
        tip,
        (neck[0] + uy * wide, neck[1] - ux * wide),
        (neck[0] + uy * thick, neck[1] - ux * thick),
        (tail[0] + uy * thick, tail[1] - ux * thick),
    ]
    of = f" of {bits_per_second(capacity)} ({percent(utilisation)})" if capacity else ""
    state = f"{bits_per_second(rate)}{of}" if up else "down"
    busy = up and utilisation is not None and utilisation >= LABEL_FROM
    return Half(
        link,
        " ".join(f"{x:.1f},{y:.1f}" for x, y in corners),
        level,
        f"{title}: {state}",
        percent(utilisation) if busy else "",
        tail[0] + dx * 0.5 - uy * 12,
        tail[1] + dy * 0.5 + ux * 12 + 4,
    )


def _node(
    published: Published,
    name: str,
    at: dict[str, tuple[float, float]],
    shown: list[Wire],
    total: int,
    names: Mapping[str, str],
) -> Node:
    table = published.links
    kind = _kind(name)
    x, y = at[name]
    own = [w for w in shown if name in (w.a, w.b)]
    up = any(bool(table.up[w.out]) for w in own) or not own
    text = name.partition(" ")[2] or name
    if kind in ("stub", "external"):
        row = own[0].out
        text = table.interface[row] if "/" in table.interface[row] else table.name[row]
        text = "outside" if kind == "external" else text
    short = "." + ".".join(text.split(".")[-2:])
    label = names.get(text) or (text if total <= MAX_FULL_LABELS or kind == "lan" else short)
    # The label goes where the fewest wires are: to the side away from the neighbours' centre of gravity.
    others = [at[w.b if w.a == name else w.a] for w in own] or [(x, y - 1)]
    mean_x = sum(p[0] for p in others) / len(others) - x
    mean_y = sum(p[1] for p in others) / len(others) - y
    room = RADIUS[kind] + 4
    if abs(mean_x) > abs(mean_y) * 1.3 and 90 < x < WIDTH - 90:
        return Node(kind, label, name, x, y, up, "start" if mean_x < 0 else "end",
                    x + (room if mean_x < 0 else -room), y + 4)  # fmt: skip
    below = mean_y <= 0
    edge = "start" if x < 60 else "end" if x > WIDTH - 60 else "middle"
    return Node(kind, label, name, x, y, up, edge, x, y + (room + 10 if below else -room - 1))
