"""gateway.labels: names keep clear of lines, nodes, each other and the edge."""

from __future__ import annotations

from gateway.labels import place


def test_a_free_node_gets_its_name_below() -> None:
    (spot,) = place((("core", (100.0, 100.0), 9.0),), (), 400, 300)
    assert (spot.x, spot.anchor) == (100.0, "middle")
    assert spot.y > 109


def test_a_line_below_sends_the_name_elsewhere() -> None:
    (spot,) = place((("core", (100.0, 100.0), 9.0),), (((100.0, 100.0), (100.0, 200.0)),), 400, 300)
    assert spot.y < 100


def test_names_stay_on_the_canvas() -> None:
    spots = place((("a-long-name-here", (395.0, 295.0), 9.0), ("another-long-one", (5.0, 5.0), 9.0)), (), 400, 300)
    assert spots[0].anchor == "end"
    assert spots[1].anchor == "start"


def test_two_names_side_by_side_do_not_overlap() -> None:
    left, right = place((("left-router", (100.0, 100.0), 9.0), ("right-router", (140.0, 100.0), 9.0)), (), 400, 300)
    assert left.y != right.y or abs(left.x - right.x) > 70
