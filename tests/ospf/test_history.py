"""Versions and spans."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.history import TopologyHistory
from ospf.topology import Topology, build_topology


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
