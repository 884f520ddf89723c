"""Rows of the link table: order, identity, columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ospf.areas import AreaDatabase
from ospf.links import EXTERNAL, STUB, TRANSIT
from ospf.lsa import Lsa
from ospf.v3.area import Interface, build_inside
from ospf.v3.rows import Rows, add_external, external_row, interface_row, place_areas, stub_row, wide
from tests.ospf.v3_lsas import key6, network, p2p, router, transit


def test_areas_are_placed_one_after_the_other() -> None:
    zero = build_inside(
        AreaDatabase(0, [router(1, transit(1, 2, 1)), router(2, transit(1, 2, 1)), network(2, 1, 1, 2)])
    )
    one = build_inside(AreaDatabase(1, [router(2, transit(2, 2, 2)), router(9, transit(1, 2, 2)), network(2, 2, 2, 9)]))
    routers, (first, second) = place_areas([zero, one])
    assert routers == (1, 2, 9)
    assert first.vertices.tolist() == [0, 1, 3]
    assert second.vertices.tolist() == [1, 2, 4]


def test_rows_are_ordered_by_router_then_interface_then_prefix() -> None:
    inside = build_inside(AreaDatabase(5, [router(1, p2p(30, 2, 1, 7), p2p(4, 2, 2)), router(2, p2p(1, 1, 30))]))
    _, (area,) = place_areas([inside])
    rows = Rows()
    rows.add_area(area, (), 2)
    rows.add_stub(stub_row(1, key6("2001:db8:2::/64")), 0, 3, 5, key6("2001:db8:2::/64"))
    rows.add_stub(stub_row(1, key6("2001:db8:1::/64")), 0, 3, 5, key6("2001:db8:1::/64"))
    add_external(rows, {1: (0, 5)})
    table, number = rows.table("vrf", np.ones(2, dtype=np.bool_))
    assert [str(key) for key in table.keys] == [
        "0.0.0.1:v3if4",
        "0.0.0.1:v3if30",
        "0.0.0.1:2001:db8:1::/64",
        "0.0.0.1:2001:db8:2::/64",
        "0.0.0.1:v3external",
        "0.0.0.2:v3if1",
    ]
    assert {key.instance for key in table.keys} == {"vrf"}
    assert table.kind.tolist() == [TRANSIT, TRANSIT, STUB, STUB, EXTERNAL, TRANSIT]
    assert table.cost.tolist() == [10, 7, 3, 3, 0, 10]
    assert table.up.tolist() == [False, True, True, True, True, True]
    assert table.reverse.tolist() == [-1, 5, -1, -1, -1, 1]
    assert table.neighbor[:2] == ("0.0.0.2", "0.0.0.2")
    assert table.area.tolist() == [5] * 6
    assert (int(table.network[2]), int(table.plen[2])) == key6("2001:db8:1::/64")
    assert number[external_row(1)] == 4
    assert number[interface_row(Interface(2, 1))] == 5


@pytest.mark.parametrize("areas", [lambda up, down: (up, down), lambda up, down: (down, up)])
def test_an_interface_of_two_areas_is_one_row(areas: Callable[[list[Lsa], list[Lsa]], tuple[list[Lsa], ...]]) -> None:
    up, down = [router(1, p2p(3, 2, 8)), router(2, p2p(8, 1, 3))], [router(1, p2p(3, 2, 8)), router(2)]
    here, there = (build_inside(AreaDatabase(area, lsas)) for area, lsas in enumerate(areas(up, down)))
    _, placed = place_areas([here, there])
    rows = Rows()
    for area in placed:
        rows.add_area(area, (), 2)
    table, _ = rows.table("default", np.ones(2, dtype=np.bool_))
    assert [key.interface for key in table.keys] == ["v3if3", "v3if8"]
    assert (table.cost[0], table.area[0], table.up[0]) == (10, 0, True)


def test_a_stub_whose_interface_is_known_is_that_interface() -> None:
    rows = Rows()
    row = interface_row(Interface(1, 7))
    rows.add_stub(row, 0, 9, 0, key6("2001:db8:2::/64"))
    rows.add_stub(row, 0, 3, 0, key6("2001:db8:1::/64"))
    table, _ = rows.table("default", np.ones(1, dtype=np.bool_))
    assert [(key.interface, cost) for key, cost in zip(table.keys, table.cost, strict=True)] == [("v3if7", 3)]
    assert (int(table.network[0]), int(table.plen[0])) == key6("2001:db8:1::/64")


def test_rows_of_a_router_that_is_cut_off_are_down() -> None:
    rows = Rows()
    rows.add_stub(stub_row(1, (0, 64)), 0, 9, 0, (0, 64))
    table, _ = rows.table("default", np.zeros(1, dtype=np.bool_))
    assert table.up.tolist() == [False]


def test_wide_columns_hold_whole_addresses() -> None:
    column = wide([0, 1 << 127, (1 << 128) - 1])
    assert column.tolist() == [0, 1 << 127, (1 << 128) - 1]
    assert len(wide([])) == 0
