"""ospf.changes: one record per router, link and prefix that differs, beside a slow comparison row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.changes import KINDS, diff
from ospf.links import TRANSIT, prefix_text
from ospf.prefixes import ROUTE_TYPE_NAMES
from ospf.topology import Topology, build_topology
from ospf.wire import address_text
from tests.ospf.lsas import B as ABR
from tests.ospf.lsas import E, external, network, p2p, router, stub, summary, transit

A, B, C = "1.1.1.1", "2.2.2.2", "3.3.3.3"


def line(cost: int = 10, *, cut: bool = False, third: bool = True, time: float = 1.0) -> Topology:
    """A - B - C; `cut`: B no longer points at C."""
    b_links = [p2p(A, "10.0.0.2", cost), *([] if cut else [p2p(C, "10.0.0.5", 10)])]
    lsas = [
        router(A, p2p(B, "10.0.0.1", cost), stub("10.1.0.0/24", 1)),
        router(B, *b_links),
    ]
    if third:
        lsas.append(router(C, p2p(B, "10.0.0.6", 10), stub("10.3.0.0/24", 1)))
    return build_topology(lsas, version=1, time=time)


def events(old: Topology | None, new: Topology) -> list[tuple[str, str, str]]:
    found = diff(old, new)
    assert {event.time for event in found} <= {new.time} and {event.kind for event in found} <= set(KINDS)
    return [(event.kind, event.subject, event.detail) for event in found]


def test_nothing_changed() -> None:
    assert diff(line(), line(time=2.0)) == []


def test_cost_changed() -> None:
    assert events(line(10), line(20, time=2.0)) == [
        ("cost_changed", f"{A}:10.0.0.1", "10 -> 20"),
        ("cost_changed", f"{B}:10.0.0.2", "10 -> 20"),
    ]


CUT = [
    ("router_down", C, ""),
    ("link_down", f"{B}:10.0.0.5", f"to {C}"),
    ("link_down", f"{C}:10.0.0.6", f"to {B}"),
    ("link_down", f"{C}:10.3.0.0/24", ""),
    ("prefix_removed", "10.3.0.0/24", "intra"),
]


def test_router_whose_lsa_lingers_is_down_with_its_prefixes() -> None:
    assert events(line(), line(cut=True)) == CUT


def test_router_that_is_gone_gives_the_same_events() -> None:
    assert events(line(), line(cut=True, third=False)) == CUT


def test_purging_the_lsa_later_adds_nothing() -> None:
    assert events(line(cut=True), line(cut=True, third=False)) == []


def test_up_events_mirror_down_events() -> None:
    flip = {"router_down": "router_up", "link_down": "link_up", "prefix_removed": "prefix_added"}
    assert events(line(cut=True), line()) == [(flip[kind], subject, detail) for kind, subject, detail in CUT]


def test_interface_that_loses_its_neighbour_but_stays_a_stub() -> None:
    net = stub("10.0.0.0/24", 5)
    joined = build_topology(
        [router(A, p2p(B, "10.0.0.1", 5), net), router(B, p2p(A, "10.0.0.2", 5), net)], version=1, time=1.0
    )
    known = {0x01010101: {0x0A000001}, 0x02020202: {0x0A000002}}
    apart = build_topology([router(A, net), router(B, net)], version=2, time=2.0, known=known)
    assert events(joined, apart) == [
        ("link_down", f"{A}:10.0.0.1", f"to {B}"),
        ("link_down", f"{B}:10.0.0.2", f"to {A}"),
    ]
    assert [kind for kind, _, _ in events(apart, joined)] == ["link_up", "link_up"]


def test_first_version_is_all_new() -> None:
    kinds = [kind for kind, _, _ in events(None, line())]
    assert kinds.count("router_up") == 3 and kinds.count("link_up") == 6 and kinds.count("prefix_added") == 2


def test_external_prefixes() -> None:
    plain = [router(A, p2p(B, "10.0.0.1", 1), flags=E), router(B, p2p(A, "10.0.0.2", 1))]
    old = build_topology(plain, version=1, time=1.0)
    new = build_topology([*plain, external("0.0.0.0/0", A, 1)], version=2, time=2.0)
    assert events(old, new) == [("prefix_added", "0.0.0.0/0", "external-2")]


def pair(flags: int = 0, *more: Any, cost: int = 10, time: float = 1.0) -> Topology:
    """A - B; A with `flags`."""
    lsas = [router(A, p2p(B, "10.0.0.1", cost), flags=flags), router(B, p2p(A, "10.0.0.2", cost)), *more]
    return build_topology(lsas, version=1, time=time)


def test_what_a_router_calls_itself() -> None:
    assert events(pair(), pair(ABR)) == [("abr_set", A, "")]
    assert events(pair(ABR), pair(E)) == [
        ("abr_cleared", A, ""), ("asbr_set", A, ""), ("link_up", f"{A}:external", ""),
    ]  # fmt: skip
    stubbed = events(pair(), pair(cost=0xFFFF))
    assert stubbed[:2] == [("stub_router_set", A, ""), ("stub_router_set", B, "")]
    assert [kind for kind, *_ in stubbed[2:]] == ["cost_changed", "cost_changed"]
    assert events(pair(cost=0xFFFF), pair())[0] == ("stub_router_cleared", A, "")


def test_a_router_that_comes_up_is_no_news_about_its_flags() -> None:
    lone = build_topology([router(B)], version=1, time=1.0)
    assert {kind for kind, *_ in events(lone, pair(ABR))} == {"router_up", "link_up"}


def test_external_prefixes_that_change() -> None:
    old = pair(E, external("10.5.0.0/16", A, 20))
    assert events(old, pair(E, external("10.5.0.0/16", A, 30))) == [
        ("prefix_changed", "10.5.0.0/16", "metric 20 -> 30")
    ]
    assert events(old, pair(E, external("10.5.0.0/16", A, 20, type2=False))) == [
        ("prefix_changed", "10.5.0.0/16", "external-2 -> external-1")
    ]
    first = pair(E, external("10.5.0.0/16", A, 20, type2=False))
    assert events(first, pair(E, external("10.5.0.0/16", A, 21, type2=False))) == [
        ("prefix_changed", "10.5.0.0/16", "metric 20 -> 21")
    ]
    ends = [router(A, p2p(B, "10.0.0.1", 10), flags=E), router(B, p2p(A, "10.0.0.2", 10), flags=E)]
    one, other = external("10.5.0.0/16", A, 20), external("10.5.0.0/16", B, 20)
    alone = build_topology([*ends, one], version=1, time=1.0)
    both = build_topology([*ends, one, other], version=2, time=2.0)
    assert events(alone, both) == [("prefix_changed", "10.5.0.0/16", f"from {A} to {A} {B}")]


def test_one_of_two_boundary_routers_dies_and_its_lsas_linger() -> None:
    middle = router(B, p2p(A, "10.0.0.2", 10), p2p(C, "10.0.0.5", 10))
    far = router(C, p2p(B, "10.0.0.6", 10), flags=E)
    near = router(A, p2p(B, "10.0.0.1", 10), flags=E)
    said = [external("10.5.0.0/16", A, 20), external("10.5.0.0/16", C, 20)]
    old = build_topology([near, middle, far, *said], version=1, time=1.0)
    new = build_topology([near, router(B, p2p(A, "10.0.0.2", 10)), far, *said], version=2, time=2.0)
    found = events(old, new)
    assert ("prefix_changed", "10.5.0.0/16", f"from {A} {C} to {A}") in found
    assert ("router_down", C, "") in found and not [event for event in found if event[0].startswith("asbr")]


def test_a_border_router_that_is_gone_is_down_and_nothing_else() -> None:
    both = [router(A, p2p(B, "10.0.0.1", 10)), router(B, p2p(A, "10.0.0.2", 10), flags=ABR)]
    old, new = (build_topology(lsas, version=1, time=1.0) for lsas in (both, both[:1]))
    assert not [event for event in events(old, new) if event[0].startswith("abr")]


def test_inter_area_costs_are_left_out() -> None:
    assert events(pair(ABR, summary("10.7.0.0/16", A, 5)), pair(ABR, summary("10.7.0.0/16", A, 6))) == []


def test_a_host_route_that_moves() -> None:
    def with_host(*owners: str) -> Topology:
        host = stub("10.9.9.9/32", 0)
        return build_topology(
            [
                router(A, p2p(B, "10.0.0.1", 1), *([host] if A in owners else [])),
                router(B, p2p(A, "10.0.0.2", 1), *([host] if B in owners else [])),
            ],
            version=1,
            time=1.0,
        )

    assert events(with_host(A), with_host(B)) == [("prefix_changed", "10.9.9.9/32", f"from {A} to {B}")]
    assert events(with_host(A), with_host(A, B)) == []


def lan(dr: str, *members: str) -> Topology:
    address = {A: "10.0.0.1", B: "10.0.0.2", C: "10.0.0.3"}
    lsas = [router(each, transit(address[dr], address[each], 10)) for each in members]
    return build_topology([*lsas, network(address[dr], 24, dr, members)], version=1, time=1.0)


def test_another_designated_router() -> None:
    assert events(lan(A, A, B, C), lan(B, A, B, C)) == [("dr_changed", "10.0.0.0/24", "10.0.0.1 -> 10.0.0.2")]


def test_a_lan_left_alone_has_not_moved() -> None:
    alone = build_topology(
        [router(A, p2p(C, "10.8.0.1", 1), stub("10.0.0.0/24", 10)), router(C, p2p(A, "10.8.0.2", 1))],
        version=2,
        time=2.0,
    )
    assert not [event for event in events(lan(A, A, B), alone) if event[0] == "prefix_changed"]


def test_traffic_engineering() -> None:
    old = pair()
    links = replace(old.links, delay_us=old.links.delay_us + np.array([7, 0], dtype=np.uint32))
    found = events(old, replace(old, links=links))
    assert found == [("te_changed", f"{A}:10.0.0.1", "delay us 0 -> 7")]


# The oracle: what `diff` was before it compared columns, row by row.


def slowly(old: Topology, new: Topology) -> set[tuple[str, str, str]]:
    found = set()
    before, after = slow_routers(old), slow_routers(new)
    found |= {("router_down", address_text(r), "") for r in before - after}
    found |= {("router_up", address_text(r), "") for r in after - before}
    was, now = slow_links(old), slow_links(new)
    for key in {*was, *now}:
        a, b = was.get(key, (0, 0, "")), now.get(key, (0, 0, ""))
        if b[0] != a[0]:
            kind, neighbor = ("link_down", a[2]) if b[0] < a[0] else ("link_up", b[2])
            found.add((kind, str(key), f"to {neighbor}" if neighbor else ""))
        if a[0] and b[0] and a[1] != b[1]:
            found.add(("cost_changed", str(key), f"{a[1]} -> {b[1]}"))
    gone, come = slow_prefixes(old), slow_prefixes(new)
    found |= {("prefix_removed", prefix_text(*key), gone[key]) for key in gone.keys() - come.keys()}
    found |= {("prefix_added", prefix_text(*key), come[key]) for key in come.keys() - gone.keys()}
    return found


def slow_routers(topology: Topology) -> set[int]:
    return {int(r) for r, alive in zip(topology.routers, topology.alive, strict=False) if alive}


def slow_links(topology: Topology) -> Mapping[Any, tuple[int, int, str]]:
    t = topology.links
    return {
        key: ((2 if kind == TRANSIT else 1) if up else 0, int(cost), neighbor)
        for key, up, cost, neighbor, kind in zip(t.keys, t.up, t.cost, t.neighbor, t.kind, strict=True)
    }


def slow_prefixes(topology: Topology) -> dict[tuple[int, int], str]:
    p = topology.prefixes
    found = {}
    for row in range(len(p)):
        vertices = p.vertex[int(p.start[row]) : int(p.start[row + 1])]
        if topology.alive[vertices].any():
            found[int(p.network[row]), int(p.plen[row])] = ROUTE_TYPE_NAMES[int(p.route_type[row])]
    return found


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Five routers, some of ten links between them, a stub and an external here and there."""
    ids = [f"{n}.{n}.{n}.{n}" for n in range(1, 6)]
    links: dict[str, list[Any]] = {rid: [] for rid in ids}
    for i, a in enumerate(ids):
        for j, b in enumerate(ids[:i]):
            cost = draw(st.sampled_from([0, 0, 5, 10]))
            if cost:
                links[a].append(p2p(b, f"10.{i}.{j}.1", cost))
                links[b].append(p2p(a, f"10.{i}.{j}.2", cost))
        if draw(st.booleans()):
            links[a].append(stub(f"10.20.{draw(st.integers(0, 5))}.0/24", draw(st.integers(1, 2))))
    lsas = [
        router(rid, *links[rid], flags=draw(st.sampled_from([0, E, ABR]))) for rid in ids if draw(st.integers(0, 4))
    ]
    for rid in ids:
        if draw(st.booleans()):
            lsas.append(external(f"172.16.{draw(st.integers(0, 3))}.0/24", rid, draw(st.integers(1, 2))))
    return build_topology(lsas, version=1, time=1.0)


NEW_KINDS = {"abr", "asbr", "stub", "area", "te", "dr"}


@settings(max_examples=50, deadline=None)
@given(topologies(), topologies())
def test_columns_say_what_rows_say(old: Topology, new: Topology) -> None:
    said = diff(old, new)
    assert len(said) == len(set(said))
    plain = {
        (e.kind, e.subject, e.detail)
        for e in said
        if e.kind.split("_")[0] not in NEW_KINDS and e.kind != "prefix_changed"
    }
    assert plain == slowly(old, new)
    assert diff(new, new) == []
    assert {e.kind for e in said} <= set(KINDS)


def test_both_ways_of_naming_prefixes_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (
        line(),
        build_topology(
            [router(A, stub("10.4.0.0/24", 1), p2p(B, "10.0.0.1", 1)), router(B, p2p(A, "10.0.0.2", 1))],
            version=2,
            time=2.0,
        ),
    )
    fast = diff(old, new)
    monkeypatch.setattr("ospf.changes._Held.codes", lambda self: None)  # as for IPv6
    assert diff(old, new) == fast and any(event.kind == "prefix_added" for event in fast)
