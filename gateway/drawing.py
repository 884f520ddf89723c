"""The topology as a picture: nodes and half arrows with coordinates and colour classes, ready for SVG.

Every link is two half arrows that meet in the middle, each pointing the way its traffic goes and coloured by the
utilisation of that direction (weathermap style).  The half of a LAN, stub or outside pointing at the router is the In
of the router's interface.  The structure drawn is every interface ever seen, so a failure turns a link dashed and moves
nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.labels import Point, place
from gateway.layout import Edges, positions
from gateway.published import Published
from gateway.units import bits_per_second, percent
from gateway.wires import Wire, address_order, kind_of, wires

WIDTH, HEIGHT, MARGIN = 860.0, 560.0, 44.0
MAX_NODES = 240  # drawn; the busiest routers win
MAX_NODES_WITH_STUBS = 90
MAX_FULL_LABELS = 60
MAX_LABELS = 80  # beyond, the busiest routers' only; the rest have their titles
LARGEST_SCALE = 1.8
PARALLEL_GAP = 13.0
HEAD = 9.0
# Percent used: class u1 below the first ... u6 from the last on; u0 idle.
LEVELS = (10, 25, 50, 75, 90)
# Capacity unknown, share of the busiest such link: r1 ... r4; r0 idle.
RELATIVE_LEVELS = (0.05, 0.33, 0.66)
LABEL_FROM = 0.5  # utilisation from which an arrow carries its number
IDEAL = {"router": 1.0, "lan": 0.75, "stub": 0.42, "external": 0.55}
ROOM = {"router": 0.12, "lan": 0.08, "stub": 0.05, "external": 0.07}  # of the canvas height, kept free around
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
    scale: float  # of the canvas: nodes and arrows stay as they are, so that many are drawn smaller
    nodes: tuple[Node, ...]
    halves: tuple[Half, ...]
    omitted_routers: int
    has_relative: bool  # some capacity is unknown
    busiest_relative: float  # bits per second that RELATIVE_LEVELS are a share of


def level_of(rate: float, capacity: float, busiest: float) -> str:
    """CSS class of a rate; by whole percent, so that what prints as 90 % is coloured as 90 %."""
    if capacity > 0:
        used = round(100 * rate / capacity)
        return "u0" if rate <= 0 else f"u{1 + sum(used >= edge for edge in LEVELS)}"
    if rate <= 0 or busiest <= 0:
        return "r0"
    return f"r{1 + sum(rate / busiest >= edge for edge in RELATIVE_LEVELS)}"


def draw(published: Published, names: Mapping[str, str]) -> Drawing:
    """Nodes and half arrows on a canvas of WIDTH x HEIGHT; `names` router id -> label."""
    all_wires = wires(published)
    routers = sorted(set(published.links.router) | {w.b for w in all_wires if " " not in w.b})
    kept, shown = _fit(published, all_wires, routers)
    keys = sorted({end for wire in shown for end in (wire.a, wire.b)} | kept, key=_node_order)
    scale = min(LARGEST_SCALE, max(1.0, math.sqrt(len(keys) / MAX_FULL_LABELS)))
    inside = (WIDTH * scale - 2 * MARGIN, HEIGHT * scale - 2 * MARGIN)
    rooms = tuple(ROOM[kind_of(key)] for key in keys)
    at = {
        key: (MARGIN + x * inside[0], MARGIN + y * inside[1])
        for key, (x, y) in zip(keys, positions(rooms, _edges(keys, shown), inside[0] / inside[1]), strict=True)
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
        round(WIDTH * scale),
        round(HEIGHT * scale),
        scale,
        tuple(_nodes(published, at, shown, names, scale)),
        tuple(halves),
        len(routers) - len(kept),
        bool((table.capacity == 0).any()),
        busiest,
    )


def _edges(keys: Sequence[str], shown: Sequence[Wire]) -> Edges:
    """Ideal lengths: longer between well connected routers and for parallel wires, which need the room."""
    number = {key: i for i, key in enumerate(keys)}
    neighbors: dict[str, set[str]] = {key: set() for key in keys}
    for wire in shown:
        neighbors[wire.a].add(wire.b)
        neighbors[wire.b].add(wire.a)
    counted = Counter((min(wire.a, wire.b), max(wire.a, wire.b)) for wire in shown)
    edges = []
    for (a, b), parallel in counted.items():
        length = IDEAL.get(kind_of(a), 1.0) * IDEAL[kind_of(b)]
        if kind_of(a) == kind_of(b) == "router":
            length = 0.6 + 0.25 * math.sqrt(min(len(neighbors[a]), len(neighbors[b]))) + 0.25 * (parallel > 1)
        edges.append((number[a], number[b], length))
    return tuple(sorted(edges))


def _fit(published: Published, all_wires: list[Wire], routers: list[str]) -> tuple[set[str], list[Wire]]:
    """The routers and wires that can be read on one page: stubs go first, then the least busy routers."""
    kept = set(routers)
    if len(kept) > MAX_NODES:
        load = _loads(published)
        kept = set(sorted(routers, key=lambda r: (-load.get(r, 0.0), r))[:MAX_NODES])
    shown = [w for w in all_wires if w.a in kept and (" " in w.b or w.b in kept)]
    if len({end for w in shown for end in (w.a, w.b)}) > MAX_NODES_WITH_STUBS:
        shown = [w for w in shown if kind_of(w.b) in ("router", "lan")]
    return kept, shown


def _loads(published: Published) -> dict[str, float]:
    """Router id -> bits per second out of it."""
    load: dict[str, float] = {}
    for router, rate in zip(published.links.router, published.links.bits_per_second.tolist(), strict=True):
        load[router] = load.get(router, 0.0) + rate
    return load


def _node_order(name: str) -> tuple[int, tuple[int, ...], str]:
    return " " in name, address_order(name) if " " not in name else (), name


def _parallel_offsets(shown: list[Wire]) -> list[float]:
    groups: dict[tuple[str, str], list[int]] = {}
    for i, wire in enumerate(shown):
        groups.setdefault((min(wire.a, wire.b), max(wire.a, wire.b)), []).append(i)
    offsets = [0.0] * len(shown)
    for members in groups.values():
        for lane, i in enumerate(members):
            sign = 1.0 if shown[i].a < shown[i].b else -1.0
            offsets[i] = sign * PARALLEL_GAP * (lane - (len(members) - 1) / 2)
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
    room = RADIUS[kind_of(wire.b)]
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
    tail: Point,
    tip: Point,
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


def _nodes(
    published: Published, at: Mapping[str, Point], shown: Sequence[Wire], names: Mapping[str, str], scale: float
) -> list[Node]:
    """Every node with its label; routers choose their places for labels first."""
    table = published.links
    wires_of: dict[str, list[Wire]] = {key: [] for key in at}
    for wire in shown:
        wires_of[wire.a].append(wire)
        wires_of[wire.b].append(wire)
    working = dict.fromkeys(at, False)
    for router, up in zip(table.router, table.up.tolist(), strict=True):
        working[router] = working.get(router, False) or up
    keys = sorted(at, key=lambda key: (tuple(RADIUS).index(kind_of(key)), _node_order(key)))
    texts = []
    for key in keys:
        text = key.partition(" ")[2] or key
        if kind_of(key) in ("stub", "external"):
            row = wires_of[key][0].out
            text = "outside" if kind_of(key) == "external" else table.interface[row]
        short = len(at) > MAX_FULL_LABELS and "/" not in text
        texts.append(names.get(text) or ("." + ".".join(text.split(".")[-2:]) if short else text))
    if len(keys) > MAX_LABELS:
        load = _loads(published)
        busiest = set(sorted(keys, key=lambda key: -load.get(key, 0.0))[:MAX_LABELS])
        texts = [text if key in busiest else "" for key, text in zip(keys, texts, strict=True)]
    spots = place(
        tuple(
            (text, at[key], 14.0 if kind_of(key) == "lan" else RADIUS[kind_of(key)])
            for key, text in zip(keys, texts, strict=True)
        ),
        tuple((at[wire.a], at[wire.b]) for wire in shown),
        WIDTH * scale,
        HEIGHT * scale,
        scale,
    )
    return [
        Node(
            kind_of(key),
            text,
            key.partition(" ")[2] or key,
            *at[key],
            up=(working[key] if kind_of(key) == "router" else any(table.up[wire.out] for wire in wires_of[key])),
            anchor=spot.anchor,
            label_x=spot.x,
            label_y=spot.y,
        )
        for key, text, spot in zip(keys, texts, spots, strict=True)
    ]
