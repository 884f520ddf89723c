"""Versions, spans and events."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.history import KINDS, TopologyHistory, diff
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import E, external, p2p, router, stub

A, B, C = "1.1.1.1", "2.2.2.2", "3.3.3.3"


def version(number: int, time: float) -> Topology:
    return build_topology([], version=number, time=time)


def history(*times: float, max_versions: int = 10) -> TopologyHistory:
    found = TopologyHistory(max_versions)
    for number, time in enumerate(times, 1):
        found.append(version(number, time))
    return found


def spans(h: TopologyHistory, start: float, end: float) -> list[tuple[int, float, float]]:
    return [(t.version, a, b) for t, a, b in h.between(start, end)]


def test_empty() -> None:
    h = TopologyHistory()
    assert h.current is None and h.at(5.0) is None and h.between(0, 1) == [] and len(h) == 0
    with pytest.raises(ValueError, match="at least 1"):
        TopologyHistory(0)


def test_at() -> None:
    h = history(10.0, 20.0)
    found = [h.at(t) for t in (5.0, 10.0, 19.9, 20.0, 99.0)]
    assert [t.version for t in found if t] == [1, 1, 1, 2, 2]
    assert h.current is h.versions[-1]


def test_between() -> None:
    h = history(10.0, 20.0, 30.0)
    assert spans(h, 0.0, 5.0) == [(1, 0.0, 5.0)]  # before the first version the first holds
    assert spans(h, 0.0, 15.0) == [(1, 0.0, 15.0)]
    assert spans(h, 12.0, 18.0) == [(1, 12.0, 18.0)]
    assert spans(h, 15.0, 35.0) == [(1, 15.0, 20.0), (2, 20.0, 30.0), (3, 30.0, 35.0)]
    assert spans(h, 20.0, 30.0) == [(2, 20.0, 30.0)]
    assert spans(h, 40.0, 41.0) == [(3, 40.0, 41.0)]
    assert spans(h, 20.0, 20.0) == [(2, 20.0, 20.0)]


def test_versions_of_one_instant_leave_only_the_last() -> None:
    h = history(10.0, 20.0, 20.0)
    assert spans(h, 15.0, 25.0) == [(1, 15.0, 20.0), (3, 20.0, 25.0)]
    assert spans(h, 20.0, 25.0) == [(3, 20.0, 25.0)]


def test_bounded() -> None:
    h = history(1.0, 2.0, 3.0, 4.0, max_versions=2)
    assert [t.version for t in h.versions] == [3, 4] and h.forgotten == 2
    assert spans(h, 0.0, 5.0) == [(3, 0.0, 4.0), (4, 4.0, 5.0)]


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="older"):
        history(10.0, 9.0)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 20), max_size=8).map(sorted),
    st.integers(-5, 25),
    st.integers(1, 20),
    st.integers(1, 8),
)
def test_pieces_cover_the_span_without_gap_or_overlap(
    times: list[int], start: int, length: int, max_versions: int
) -> None:
    h = history(*map(float, times), max_versions=max_versions)
    pieces = h.between(start, start + length)
    if not times:
        assert pieces == []
        return
    assert pieces[0][1] == start and pieces[-1][2] == start + length
    for (_, _, end), (_, begin, _) in pairwise(pieces):
        assert end == begin
    for topology, begin, end in pieces:
        assert begin < end and h.at(begin) is topology and h.at((begin + end) / 2) is topology


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
