"""gateway.drawing: every link twice (once per direction), coloured by its own direction; failures move nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gateway.drawing import HEIGHT, MAX_LABELS, WIDTH, Drawing, draw, level_of
from gateway.wires import opposites
from tests.gateway import published_fake as fake


def halves(drawing: Drawing) -> dict[str, str]:
    return {half.link: half.level for half in drawing.halves if half.link}


@pytest.mark.parametrize(
    ("rate", "capacity", "level"),
    [(0, 100, "u0"), (1, 100, "u1"), (10, 100, "u2"), (25, 100, "u3"), (50, 100, "u4"), (75, 100, "u5"),
     (89.6, 100, "u6"), (89.4, 100, "u5"), (90, 100, "u6"), (900, 100, "u6"), (0, 0, "r0"),
     (4, 0, "r1"), (5, 0, "r2"), (33, 0, "r3"), (100, 0, "r4")],
)  # fmt: skip
def test_levels(rate: float, capacity: float, level: str) -> None:
    assert level_of(rate, capacity, 100.0) == level


def test_colours_follow_the_direction() -> None:
    drawing = draw(fake.small(), fake.NAMES)
    level = halves(drawing)
    assert level["10.255.0.4:10.4.0.0/24"] == "u6"  # 92 %
    assert level["10.255.0.3:10.0.0.13"] == "u3"  # a third of 92 Mbit/s on 100
    assert level["10.255.0.4:10.0.0.14"] == "u1"  # back
    assert level["10.255.0.2:10.0.0.17"] == "r4"  # capacity unknown, the busiest such
    assert drawing.has_relative
    assert drawing.busiest_relative == pytest.approx(92e6 * 2 / 3)
    labels = [h.label for h in drawing.halves if h.label]
    assert labels == ["92 %"]


def test_nodes_have_names_and_lie_on_the_canvas() -> None:
    drawing = draw(fake.small(), fake.NAMES)
    assert {n.label for n in drawing.nodes if n.kind == "router"} == {"north", "south", "east", "west"}
    assert {n.label for n in drawing.nodes if n.kind == "stub"} == {"10.1.0.0/24", "10.4.0.0/24"}
    assert {n.label for n in drawing.nodes if n.kind == "lan"} == {"10.0.100.0/24"}
    assert [n.label for n in drawing.nodes if n.kind == "external"] == ["outside"]
    assert all(0 < n.x < WIDTH and 0 < n.y < HEIGHT for n in drawing.nodes)
    assert all(n.up for n in drawing.nodes)


@pytest.mark.parametrize("failed", ["north--east", "north--south#2", "east", "west"])
def test_a_failure_is_dashed_and_moves_nothing(failed: str) -> None:
    network = fake.small_network()
    before = draw(fake.of_network(network, fake.SMALL_FLOWS), fake.NAMES)
    after = draw(fake.of_network(network.without(failed), fake.SMALL_FLOWS), fake.NAMES)
    assert [(n.label, n.x, n.y) for n in after.nodes] == [(n.label, n.x, n.y) for n in before.nodes]
    assert "down" in halves(after).values()
    assert {n.label for n in after.nodes if n.kind == "router" and not n.up} == {failed} & {"east", "west"}


def test_an_end_that_still_announces_its_interface_as_a_stub_stays_part_of_its_link() -> None:
    published = fake.small()
    table = published.links
    near, dead = table.id.index("10.255.0.1:10.0.0.9"), table.id.index("10.255.0.3:10.0.0.10")
    kind, neighbor, up = list(table.kind), list(table.neighbor), table.up.copy()
    kind[near], neighbor[near] = "stub", ""
    up[dead] = False
    changed = replace(published, topology=None, links=replace(table, kind=tuple(kind), neighbor=tuple(neighbor), up=up))
    assert opposites(changed)[dead] == near
    where = {n.label: (n.x, n.y) for n in draw(published, fake.NAMES).nodes}
    assert {n.label: (n.x, n.y) for n in draw(changed, fake.NAMES).nodes} == where


def test_a_network_too_large_to_draw_shows_its_busiest_routers() -> None:
    n = 400
    small = fake.empty()
    ids = tuple(f"10.9.{i // 250}.{i % 250 + 1}:if{side}" for i in range(n) for side in (1, 2))
    routers = tuple(i.split(":")[0] for i in ids)
    ends = tuple(routers[(i + (1 if i % 2 else -1)) % (2 * n)] for i in range(2 * n))
    rate = np.repeat(np.arange(n, dtype=float), 2)
    zeros, octets = np.zeros(2 * n), np.zeros(2 * n, np.uint64)
    table = replace(
        small.links, id=ids, kind=("transit",) * 2 * n, router=routers, name=ids,
        interface=tuple(i.split(":")[1] for i in ids), neighbor=ends, area=("0.0.0.0",) * 2 * n,
        ifindex=np.arange(1, 2 * n + 1, dtype=np.int32), cost=np.ones(2 * n, np.int32), up=np.ones(2 * n, bool),
        octets=octets, packets=octets, in_octets=octets, in_packets=octets, bits_per_second=rate,
        in_bits_per_second=rate, capacity=zeros, last_change=zeros,
    )  # fmt: skip
    drawing = draw(replace(small, links=table), {})
    assert drawing.omitted_routers == 160
    assert len(drawing.nodes) == 240
    assert sum(bool(node.label) for node in drawing.nodes) == MAX_LABELS
    assert drawing.scale > 1
    assert all(0 < node.x < drawing.width and 0 < node.y < drawing.height for node in drawing.nodes)
    assert routers[-1] in {node.title for node in drawing.nodes}


def test_nothing_to_draw() -> None:
    drawing = draw(fake.empty(), {})
    assert drawing.nodes == drawing.halves == ()
