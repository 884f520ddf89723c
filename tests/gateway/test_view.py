import numpy as np
import pytest

from gateway.batch import UsageBatch
from gateway.identity import OTHER
from gateway.view import LinkView


def usage(*rows: tuple[int, int, float]) -> UsageBatch:
    return UsageBatch(
        {
            "time": np.zeros(len(rows)),
            "ifindex": [r[0] for r in rows],
            "app": [r[1] for r in rows],
            "octets": [r[2] for r in rows],
            "packets": np.ones(len(rows)),
            "in_octets": np.zeros(len(rows)),
            "in_packets": np.zeros(len(rows)),
            "flows": np.ones(len(rows)),
        }
    )


def test_cells_add_and_fractions_are_kept() -> None:
    view = LinkView()
    for _ in range(3):
        view.add(usage((2, 5, 0.5), (1, 5, 10), (2, 5, 0.25)))
    counters = view.counters()
    assert list(zip(counters.ifindex.tolist(), counters.app.tolist(), counters.octets.tolist(), strict=True)) == [
        (1, 5, 30),
        (2, 5, 2),
    ]


def test_a_restart_continues() -> None:
    view = LinkView()
    view.add(usage((1, 5, 10), (9, 3, 4)))
    again = LinkView()
    again.restore(view.counters())
    again.add(usage((1, 5, 1)))
    assert again.counters().octets.tolist() == [11, 4]


def test_never_backwards() -> None:
    with pytest.raises(ValueError, match="negative"):
        LinkView().add(usage((1, 1, -1.0)))


def test_the_tail_goes_to_other_and_totals_stay() -> None:
    view = LinkView(max_cells=3)
    view.add(usage((1, 5, 1), (1, 6, 2)))
    view.add(usage((1, 7, 4), (1, 8, 8)))
    counters = view.counters()
    assert int(counters.octets.sum()) == 15
    assert counters.octets[counters.app == OTHER].tolist() == [12]
    assert view.cells_to_other == 2


def test_what_nobody_believes_wraps_and_disturbs_nothing_else() -> None:
    view = LinkView()
    view.add(usage((1, 1, 2.0**63), (2, 1, 7)))
    view.add(usage((1, 1, 2.0**63), (1, 1, 2.0**70), (2, 1, 1)))
    view.add(usage((1, 1, 5), (2, 1, 1)))
    assert view.counters().octets.tolist() == [5, 9]


def test_a_counter_past_the_floats_still_counts_single_octets() -> None:
    view = LinkView()
    view.add(usage((1, 1, 2.0**62)))
    for _ in range(3):
        view.add(usage((1, 1, 1 / 3)))
    again = LinkView()
    again.restore(view.counters())
    assert again.counters().octets.tolist() == [2**62 + 1]
