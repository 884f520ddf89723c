"""Mended distances against distances computed anew, on areas large enough for changes to stay local."""

from __future__ import annotations

import random

import numpy as np
import pytest

from ospf.lsa import RouterLink, RouterLsa
from ospf.paths import Paths
from ospf.spf import MOST_CHANGED_VERTICES, Distances
from ospf.topology import Topology, build_topology
from tests.bench.bench_spf import as_lsas, random_area

ROUTERS = 60


def topology(area: dict[int, RouterLsa]) -> Topology:
    return build_topology(as_lsas(area), version=1, time=0.0)


def changed(area: dict[int, RouterLsa], rng: random.Random, routers: int) -> dict[int, RouterLsa]:
    """Some links removed or given another cost, each end by itself."""
    result = dict(area)
    for rid in rng.sample(sorted(area), routers):
        rows = list(result[rid].links)
        links_at = [i for i, link in enumerate(rows) if link.type == 1]
        if not links_at:
            continue
        at = rng.choice(links_at)
        if rng.random() < 0.4:
            del rows[at]
        else:
            old = rows[at]
            rows[at] = RouterLink(old.link_id, old.link_data, 1, rng.choice((1, 3, 40, 0xFFFF)))
        result[rid] = RouterLsa(0, tuple(rows))
    return result


@pytest.mark.parametrize("seed", range(12))
def test_mended_equals_anew(seed: int) -> None:
    rng = random.Random(seed)
    area = random_area(ROUTERS, 30, seed)
    paths = Paths(topology(area))
    _ = paths.distances
    for _ in range(6):  # errors would add up along a chain of versions
        area = changed(area, rng, rng.randint(1, 8)) if rng.random() < 0.7 else random_area(ROUTERS, 30, seed)
        new = topology(area)
        paths = Paths(new, paths)
        assert np.array_equal(paths.distances, Paths(new).distances)


def test_area_that_falls_apart_and_heals() -> None:
    area = random_area(ROUTERS, 0, 1)  # a bare ring
    cut = dict(area)
    for rid in (sorted(area)[0], sorted(area)[20]):
        cut[rid] = RouterLsa(0, ())
    whole, apart = topology(area), topology(cut)
    first = Paths(whole)
    _ = first.distances
    second = Paths(apart, first)
    assert np.isinf(second.distances[1, 30]) and np.array_equal(second.distances, Paths(apart).distances)
    assert np.array_equal(Paths(whole, second).distances, first.distances)


def test_only_what_was_known_is_taken_over() -> None:
    area = random_area(ROUTERS, 30, 3)
    old = topology(area)
    table = Distances(old.edges, old.n_vertices)
    table.to(np.array([5]))
    fresh = Distances(old.edges, old.n_vertices)
    fresh.adopt(table)
    assert fresh.have.sum() == 1 and np.array_equal(fresh.to(np.array([5])), table.to(np.array([5])))
    assert np.array_equal(fresh.matrix(), Distances(old.edges, old.n_vertices).matrix())


def test_too_many_changes_are_computed_anew() -> None:
    one, two = (
        topology(random_area(2 * MOST_CHANGED_VERTICES, 9, 1)),
        topology(random_area(2 * MOST_CHANGED_VERTICES, 9, 2)),
    )
    old = Distances(one.edges, one.n_vertices)
    old.matrix()
    new = Distances(two.edges, two.n_vertices)
    new.adopt(old)
    assert not new.have.any()


def test_other_routers_share_nothing() -> None:
    small, large = topology(random_area(10, 3, 1)), topology(random_area(11, 3, 1))
    before = Paths(small)
    _ = before.distances
    assert np.array_equal(Paths(large, before).distances, Paths(large).distances)
