from __future__ import annotations

import pytest

from agents.budget import BURST_SECONDS, MOST_PAUSE_SECONDS, CpuBudget, Wakefulness


def test_a_bucket_empties_and_fills() -> None:
    budget = CpuBudget(0.01, 0.0)
    assert budget.allows(0.0) and budget.generous(0.0)
    budget.spend(BURST_SECONDS + 0.003, 0.0)
    assert not budget.allows(0.0)
    assert budget.open_at(0.0) == pytest.approx(0.5)  # 3 ms owed and 2 ms to begin with, at 1 %
    assert budget.allows(0.5)
    assert not budget.generous(0.5)
    assert budget.generous(1000.0)
    assert budget.open_at(1000.0) == 1000.0


def test_nothing_allowed() -> None:
    budget = CpuBudget(0.0, 0.0)
    assert not budget.allows(1e9)
    assert budget.open_at(5.0) == float("inf")


def test_long_run_share_is_the_fraction() -> None:
    budget, now, used = CpuBudget(0.005, 0.0), 0.0, 0.0
    while now < 1000:
        now = max(now + 0.001, budget.open_at(now))
        budget.spend(0.0004, now)
        used += 0.0004
    assert used < 1000 * 0.005 + BURST_SECONDS + 0.001


def test_pauses_grow_while_nothing_is_found() -> None:
    wakefulness = Wakefulness(0.01, 0.0)
    assert wakefulness.open_at(0.0) == 0.0
    pauses = []
    for _ in range(8):
        wakefulness.woken(0.0, 10.0, useful=False)
        pauses.append(wakefulness.open_at(10.0) - 10.0)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(MOST_PAUSE_SECONDS)
    wakefulness.woken(0.0, 11.0, useful=True)
    assert wakefulness.open_at(11.0) == 11.0
