"""What a change of topology can have touched, seen from the version before.

A router's next hops towards a vertex depend on the distances of itself and of those next to it, and on its own edges.
`touched` marks every (target, vertex) of every area where one of these differs, a superset of the changed next hops and
a small part of all of them: after one link fails, a few thousand in a million.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ospf.groups import mix
from ospf.links import LinkKey
from ospf.routes import Routes
from ospf.spf import AreaDistances, spread

I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


def renumbered(old: Sequence[LinkKey], new: Sequence[LinkKey]) -> I8 | None:
    """New row of each old link row, -1 when it is gone; None when none has moved."""
    if old == new:
        return None
    least = min(len(old), len(new))
    first = next((i for i in range(least) if old[i] != new[i]), least)
    last = next((i for i in range(least - first) if old[-1 - i] != new[-1 - i]), least - first)
    rows = np.arange(len(old), dtype=np.int64)
    rows[len(old) - last :] += len(new) - len(old)
    between = {key: first + i for i, key in enumerate(new[first : len(new) - last])}
    rows[first : len(old) - last] = [between.get(key, -1) for key in old[first : len(old) - last]]
    return rows


def _edges(areas: AreaDistances, rows: I8 | None, numbers: I8 | None) -> NDArray[np.uint64]:
    """[AV] a sum over the edges of each area vertex, as good as equal only when the edges are."""
    out, into, head = areas.edge_out, areas.edge_in, areas.edge_head
    if rows is not None:
        renamed = np.append(rows, -1)
        out, into = renamed[out], renamed[into]
    if numbers is not None:
        each = np.repeat(np.arange(len(areas.areas)), np.diff(areas.edge_start[areas.first]))
        head = numbers[areas.first[each] + head]
    total = np.zeros(len(out), dtype=np.uint64)
    for salt, column in enumerate((head, areas.edge_cost.astype(np.int64), out, into, areas.edge_virtual)):
        total = mix(total ^ mix(column.astype(np.uint64), salt), salt)
    running = np.zeros(len(out) + 1, dtype=np.uint64)
    np.cumsum(total, out=running[1:])
    sums: NDArray[np.uint64] = running[areas.edge_start[1:]] - running[areas.edge_start[:-1]]
    return sums


def touched(
    old: AreaDistances, new: AreaDistances, differs: Sequence[B1], rows: I8 | None, moved: I8 | None = None
) -> B1:
    """Flat as `AreaDistances.cells`: whether next hops of a vertex towards a target may differ.

    Both must have the same areas; `rows` and `moved` are the new numbers of old link rows and of old vertices.
    """
    marks = np.zeros(len(new.cells), dtype=np.bool_)
    now = _edges(new, None, None)
    numbers = [new.numbers_of(old, a, a, moved) for a in range(len(new.areas))]
    if all(n is None for n in numbers):
        changed = np.flatnonzero(_edges(old, rows, None) != now)
    else:
        local = np.concatenate(
            [np.arange(old.width[a], dtype=np.int64) if n is None else n for a, n in enumerate(numbers)]
        )
        place = np.where(local >= 0, local + np.repeat(new.first[:-1], old.width[:-1]), -1)
        then = ~now  # what was not there has changed
        then[place[place >= 0]] = _edges(old, rows, local)[place >= 0]
        changed = np.flatnonzero(then != now)
    owner = np.searchsorted(new.first, changed, "right") - 1
    for a, graph in enumerate(new.areas):
        n = graph.n_vertices
        cells = marks[new.base[a] : new.base[a + 1]].reshape(n, n)
        start, tail = new.tables[a].entering
        here = changed[owner == a] - new.first[a]
        nets = here[here >= graph.n_routers]
        which, edge = spread(start[nets], start[nets + 1] - start[nets])
        cells[:, here] = True
        cells[:, tail[edge]] = True  # a network whose routers changed: they may reach others over it
        flat = cells.reshape(-1)
        at = np.flatnonzero(differs[a].reshape(-1))
        while at.size:
            flat[at] = True
            vertex = at % n
            which, edge = spread(start[vertex], start[vertex + 1] - start[vertex])
            before = at[which] - vertex[which] + tail[edge]
            flat[before] = True
            at = before[tail[edge] >= graph.n_routers]  # through a network to the routers on it
            at = at[:0] if not at.size else np.unique(at)
    _through(new, marks)
    return marks


def _through(areas: AreaDistances, marks: B1) -> None:
    """A virtual link is as its path through the transit area."""
    for edge in np.flatnonzero(areas.edge_virtual >= 0).tolist():
        place = int(np.searchsorted(areas.edge_start, edge, "right")) - 1
        a = int(np.searchsorted(areas.first, place, "right")) - 1
        transit = int(areas.edge_virtual[edge])
        near = int(areas.local[transit, areas.vertex[place]])
        far = int(areas.local[transit, areas.vertex[areas.first[a] + areas.edge_head[edge]]])
        if near < 0 or far < 0 or marks[areas.base[transit] + far * areas.width[transit] + near]:
            n = int(areas.width[a])
            marks[areas.base[a] : areas.base[a + 1]].reshape(n, n)[:, place - int(areas.first[a])] = True


def same_rules(old: Routes, new: Routes, moved: I8 | None = None) -> bool:
    """Whether routers choose by the same rules: areas they are in, flags, what they take from where."""
    if old.options != new.options or not np.array_equal(old.area_id, new.area_id):
        return False
    if not np.array_equal(old.normal, new.normal):
        return False
    was = slice(None) if moved is None else np.flatnonzero(moved >= 0)
    now = slice(None) if moved is None else moved[moved >= 0]
    names = ("member", "flags", "summaries_of", "transit_at")
    if not np.array_equal(old.is_edge[was], new.is_edge[now]):
        return False
    return all(np.array_equal(getattr(old, name)[:, was], getattr(new, name)[:, now]) for name in names)
