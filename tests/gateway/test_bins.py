from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.batch import FlowBatch, concat
from gateway.bins import Bins, share
from tests.gateway.small import flows

A, B = "10.1.1.1", "10.1.4.1"


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 40), st.integers(0, 10**13), st.integers(0, 10**7)),
        min_size=1,
        max_size=10,
    ),
    st.lists(st.floats(-10, 160), max_size=6),
)
def test_shares_of_any_partition_add_up_exactly(rows: list[tuple[float, float, int, int]], cuts: list[float]) -> None:
    batch = flows(*[(s, s + d, A, B, n, o, p) for n, (s, d, o, p) in enumerate(rows)])
    edges = [-np.inf, *sorted(cuts), np.inf]
    parts = [share(batch, a, b) for a, b in pairwise(edges)]
    whole = concat(FlowBatch, parts)
    for app, (_, _, octets, packets) in enumerate(rows):
        mine = whole["app"] == app
        assert int(whole["octets"][mine].sum()) == octets
        assert int(whole["packets"][mine].sum()) == packets


def test_even_over_time() -> None:
    part = share(flows((0, 10, A, B, 1, 1000, 10)), 2.0, 5.0)
    assert part["octets"].tolist() == [300]
    assert (part["start"][0], part["end"][0]) == (2.0, 5.0)


def test_a_bin_closes_after_its_grace_and_each_octet_is_in_one() -> None:
    bins = Bins(10.0, 100.0)
    bins.add(flows((103, 117, A, B, 1, 1400, 14), (112, 112, A, B, 2, 5, 1)), 118.0)
    assert bins.close(119.9, 10.0) == []
    first = bins.close(120.0, 10.0)
    assert [(w.start, w.end, w.flows["octets"].tolist()) for w in first] == [(100.0, 110.0, [700])]
    second = bins.close(130.0, 10.0)
    assert sorted(second[0].flows["octets"].tolist()) == [5, 700]
    assert bins.close(1000.0, 10.0)[0].flows["octets"].tolist() == []


def test_late_rows_come_once_and_only_their_closed_part() -> None:
    bins = Bins(10.0, 100.0)
    bins.close(140.0, 10.0)  # closed until 130
    bins.add(flows((125, 135, A, B, 1, 1000, 10)), 140.0)
    late = bins.late(140.0)
    assert [w.flows["octets"].tolist() for w in late] == [[500]]
    assert bins.late(150.0) == []
    assert bins.close(160.0, 10.0)[0].flows["octets"].tolist() == [500]
    assert bins.stats.late_records == 1


def test_too_late_is_counted_and_a_clock_ahead_is_clipped() -> None:
    bins = Bins(10.0, 1000.0, late_seconds=100.0)
    bins.add(flows((100, 110, A, B, 1, 77, 1)), 1000.0)
    assert (bins.stats.too_late_records, bins.stats.too_late_octets) == (1, 77)
    bins.add(flows((1500, 1510, A, B, 1, 88, 1)), 1005.0)
    assert bins.stats.future_records == 1
    assert sum(int(w.flows["octets"].sum()) for w in bins.close(1030.0, 10.0)) == 88


def test_a_long_sleep_does_not_make_a_thousand_bins() -> None:
    bins = Bins(1.0, 0.0)
    assert len(bins.close(1_000_000.0, 2.0)) < 10
    assert bins.closed_until > 999_000


def test_late_rows_keep_their_minute_whatever_comes_with_them() -> None:
    bins = Bins(10.0, 6000.0)
    bins.add(flows((5990, 5995, A, B, 1, 500, 1), (5700, 5700, A, B, 2, 7, 1), (0, 5999, A, B, 3, 600, 1)), 6001.0)
    late = bins.late(6001.0)
    minutes = {w.start // 60 * 60: w.flows["octets"][w.flows["app"] == 1].sum() for w in late}
    assert {m for m, octets in minutes.items() if octets} == {5940}
    assert [w.start // 60 * 60 for w in late if (w.flows["app"] == 2).any()] == [5700]
    whole = concat(FlowBatch, [w.flows for w in late])
    assert whole["octets"].sum() == 1107 and min(w.start for w in late) == 5400
    assert bins.stats.old_starts == 1


def test_a_drain_leaves_nothing() -> None:
    bins = Bins(10.0, 100.0)
    bins.add(flows((95, 125, A, B, 1, 3001, 1), (108, 108, A, B, 2, 5, 1)), 118.0)
    assert sum(int(w.flows["octets"].sum()) for w in bins.drain()) == 3006
    assert bins.drain() == [] == bins.close(400.0, 10.0)[0].flows["octets"].tolist()
