"""Where the names of the drawing go: beside their nodes, where they cover the fewest lines, nodes and other names.

Greedy, in the order given, over eight places around each node; deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CHARACTER = 5.9  # width of one at the drawing's font size
HEIGHT = 12.0
SAMPLES = 24  # points looked at along every line
OVER_NODE, OVER_LABEL, OVER_LINE, OUTSIDE = 6.0, 8.0, 1.0, 50.0
# (x, y) direction, in the order of taste
PLACES = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))

F8 = NDArray[np.float64]
Point = tuple[float, float]


@dataclass(frozen=True)
class Spot:
    """SVG text position: `anchor` is start, middle or end; y is the baseline."""

    x: float
    y: float
    anchor: str


@lru_cache(maxsize=8)
def place(
    nodes: tuple[tuple[str, Point, float], ...],
    lines: tuple[tuple[Point, Point], ...],
    width: float,
    height: float,
    scale: float = 1.0,
) -> tuple[Spot, ...]:
    """A spot for the label of every (label, centre, radius); `scale` enlarges the letters.

    Kept: a page that refreshes asks the same again.
    """
    step = np.linspace(0.0, 1.0, SAMPLES)[:, None]
    along = [np.array(a) + (np.array(b) - np.array(a)) * step for a, b in lines]
    points: F8 = np.concatenate(along) if along else np.zeros((0, 2))
    centres: F8 = np.array([centre for _, centre, _ in nodes], np.float64).reshape(-1, 2)
    taken: list[tuple[float, float, float, float]] = []
    spots = []
    for number, (label, centre, radius) in enumerate(nodes):
        best: tuple[float, Spot, tuple[float, float, float, float]] | None = None
        for taste, direction in enumerate(PLACES):
            spot, box = _at(label, centre, radius, direction, scale)
            others = np.delete(centres, number, axis=0)
            cost = 0.05 * taste + OVER_LINE * _inside(points, box) + OVER_NODE * _inside(others, box, 7.0)
            cost += OVER_LABEL * sum(_overlap(box, other) for other in taken)
            cost += OUTSIDE * (box[0] < 2 or box[1] < 2 or box[2] > width - 2 or box[3] > height - 2)
            if best is None or cost < best[0]:
                best = (cost, spot, box)
        assert best is not None
        spots.append(best[1])
        taken.append(best[2])
    return tuple(spots)


def _at(
    label: str, centre: Point, radius: float, direction: tuple[int, int], scale: float
) -> tuple[Spot, tuple[float, float, float, float]]:
    """Spot and box (left, top, right, bottom) of a label on that side."""
    side, down = direction
    gap = radius + 4
    reach = gap if 0 in direction else gap * 0.75
    wide, high = CHARACTER * scale * len(label), HEIGHT * scale
    x, middle = centre[0] + side * reach, centre[1] + down * (reach + high / 2 - 1)
    left = x if side > 0 else x - wide if side < 0 else x - wide / 2
    anchor = "start" if side > 0 else "end" if side < 0 else "middle"
    box = (left, middle - high / 2, left + wide, middle + high / 2)
    return Spot(x, middle + 4 * scale, anchor), box


def _inside(points: F8, box: tuple[float, float, float, float], margin: float = 0.0) -> int:
    x, y = points[:, 0], points[:, 1]
    within = (x > box[0] - margin) & (x < box[2] + margin) & (y > box[1] - margin) & (y < box[3] + margin)
    return int(within.sum())


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
