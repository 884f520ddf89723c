"""Marks of what a change can have touched; never too few (`tests/properties/test_matrix.py`), seldom many."""

from __future__ import annotations

import numpy as np

from ospf.links import LinkKey
from ospf.paths import Paths
from ospf.topology import build_topology
from ospf.touched import renumbered, same_rules, touched
from tests.bench.bench_spf import Network, random_area, with_cost
from tests.ospf.domains import domain, optioned, stubby, three_areas
from tests.ospf.lsas import B, p2p, router


def keys(*names: str) -> tuple[LinkKey, ...]:
    return tuple(LinkKey("default", 1, name) for name in names)


def test_rows_keep_or_change_their_numbers() -> None:
    assert renumbered(keys("a", "b"), keys("a", "b")) is None

    def rows(old: str, new: str) -> list[int]:
        found = renumbered(keys(*old), keys(*new))
        assert found is not None
        return found.tolist()

    assert rows("abcd", "acd") == [0, -1, 1, 2]
    assert rows("abcd", "abxcd") == [0, 1, 3, 4]
    assert rows("abcd", "adcb") == [0, 3, 2, 1]
    assert rows("abc", "xyz") == [-1, -1, -1]
    assert rows("aa", "aaa"[:1]) == [0, -1] and rows("", "ab") == []


def test_a_change_marks_its_surroundings() -> None:
    area = random_area(60, 40, 4)
    one = build_topology(Network(area).lsas.values(), version=0, time=0.0)
    first = Paths(one)
    _ = first.distances
    two = build_topology(Network(with_cost(area, 3, 77)).lsas.values(), version=1, time=0.0)
    second = Paths(two, first)
    assert second.differs is not None
    marks = touched(first.areas, second.areas, second.differs, None).reshape(60, 60)
    differs = first.distances.T != second.distances.T
    assert marks[differs].all() and 0 < marks.mean() < 0.5
    assert marks.all(axis=0).sum() >= 2  # the routers of the link, towards everything
    nothing = touched(second.areas, second.areas, [np.zeros((60, 60), dtype=np.bool_)], None)
    assert not nothing.any()


def test_rules_are_compared() -> None:
    one = Paths(domain(three_areas())).routes
    assert same_rules(one, Paths(domain(three_areas())).routes)
    assert not same_rules(one, Paths(domain(three_areas(), rfc1583_compatibility=True)).routes)
    areas = three_areas()
    areas[0][0] = router("1.1.1.1", flags=B)  # it loses its live backbone
    assert not same_rules(one, Paths(domain(areas)).routes)
    areas = three_areas()
    areas[2][1] = router("4.4.4.4", p2p("2.2.2.2", "10.2.24.4", 10), flags=2)
    assert not same_rules(one, Paths(domain(areas)).routes)
    areas = three_areas()
    areas[0][2] = optioned(areas[0][2], 0x82)  # R1 is a provider edge now
    assert not same_rules(one, Paths(domain(areas)).routes)
    areas = three_areas()
    areas[2] = stubby(*areas[2])
    assert not same_rules(one, Paths(domain(areas)).routes)
