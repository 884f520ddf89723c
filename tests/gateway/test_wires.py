"""gateway.wires: every link once, its two directions together."""

from __future__ import annotations

from dataclasses import replace

from gateway.wires import kind_of, opposites, wires
from tests.gateway import published_fake as fake


def test_a_point_to_point_link_is_one_wire_with_two_directions() -> None:
    published = fake.small()
    table, pairs = published.links, opposites(published)
    row = table.id.index("10.255.0.1:10.0.0.5")
    assert table.id[pairs[row]] == "10.255.0.2:10.0.0.6"  # of two parallel ones the right one
    assert pairs[pairs[row]] == row
    drawn = wires(published)
    p2p = [w for w in drawn if w.back >= 0]
    assert len(p2p) == 5
    assert len(drawn) == 5 + 2 + 2 + 1  # LAN twice, stubs, outside


def test_links_that_are_down_are_paired_by_address() -> None:
    published = replace(fake.small(), topology=None)
    assert opposites(published) == opposites(fake.small())


def test_kinds() -> None:
    assert {kind_of(w.b) for w in wires(fake.small())} == {"router", "lan", "stub", "external"}


def test_nothing() -> None:
    assert wires(fake.empty()) == []
