"""Episodes: begin once, end once, nothing grows without bound."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.episodes import ENDED, FLAP, KINDS, MAX_EVENTS, ONE_WAY_LINK, Anomaly, AnomalyStats, Episodes, Window


def drain(episodes: Episodes) -> list[tuple[float, str, str, str]]:
    found = []
    while (event := episodes.next_event()) is not None:
        found.append(dataclasses.astuple(event))
    return found


def strike(episodes: Episodes, now: float, subject: str = "a", needed: int = 3) -> None:
    episodes.strike(FLAP, subject, now, "why", needed=needed, within=10.0, quiet=20.0, unit="cycles")


def test_strikes_begin_and_end_once_with_the_count() -> None:
    episodes = Episodes()
    for now in (0.0, 4.0, 8.0, 15.0, 30.0):
        strike(episodes, now)
    assert drain(episodes) == [(8.0, FLAP, "a", "3 cycles in 8 s: why")]
    assert episodes.active() == ((FLAP, "a", "why"),) and episodes.stats.active == 1
    episodes.handle_timeout(49.9)
    assert drain(episodes) == [] and episodes.next_timeout() is not None
    episodes.handle_timeout(50.0)
    assert drain(episodes) == [(50.0, FLAP + ENDED, "a", "5 cycles in 30 s")]
    assert len(episodes) == 0 and episodes.stats.flap == 1 and episodes.stats.ended == 1 and episodes.stats.active == 0


def test_strikes_too_far_apart_are_none() -> None:
    episodes = Episodes()
    for n in range(20):
        strike(episodes, n * 6.0)  # never three within ten seconds
    assert drain(episodes) == []
    episodes.handle_timeout(1000.0)
    assert len(episodes) == 0 and drain(episodes) == []


def test_a_state_begins_after_its_grace_and_ends_with_it() -> None:
    episodes = Episodes()
    episodes.state(ONE_WAY_LINK, "x", {"a": "1", "b": "2"}, 0.0, 10.0)
    episodes.state(ONE_WAY_LINK, "y", {"a": "other scope"}, 1.0, 10.0)
    episodes.state(ONE_WAY_LINK, "x", {"b": "newer"}, 5.0, 10.0)  # a is right again in time
    assert episodes.next_timeout() == 10.0
    episodes.handle_timeout(10.0)
    assert drain(episodes) == [(10.0, ONE_WAY_LINK, "b", "newer")]
    episodes.handle_timeout(11.0)
    assert drain(episodes) == [(11.0, ONE_WAY_LINK, "a", "other scope")]
    episodes.state(ONE_WAY_LINK, "x", {}, 60.0, 10.0)
    assert drain(episodes) == [(60.0, ONE_WAY_LINK + ENDED, "b", "after 60 s")]
    assert episodes.holds(ONE_WAY_LINK, "a", "y") and not episodes.holds(ONE_WAY_LINK, "b", "x")
    episodes.state(ONE_WAY_LINK, "x", {"b": "again"}, 70.0, 0.0)
    assert drain(episodes) == [(70.0, ONE_WAY_LINK, "b", "again")]


def test_one_strike_is_told_in_its_own_words() -> None:
    episodes = Episodes()
    episodes.strike(FLAP, "a", 5.0, "why", quiet=10.0, unit="complaints")
    episodes.handle_timeout(15.0)
    assert [t[3] for t in drain(episodes)] == ["why", "1 complaint in 0 s"]


def test_begin_and_end() -> None:
    episodes = Episodes()
    for now in (0.0, 1.0):
        episodes.begin(FLAP, "a", now, "why")
    episodes.end(FLAP, "a", 9.0, "because")
    episodes.end(FLAP, "a", 10.0)
    assert drain(episodes) == [(0.0, FLAP, "a", "why"), (9.0, FLAP + ENDED, "a", "because, after 9 s")]


def test_bounds_are_kept_and_counted() -> None:
    episodes = Episodes(10)
    for n in range(1000):
        strike(episodes, float(n % 7), f"subject {n}")
    assert len(episodes) == 10 and episodes.stats.subjects_refused == 990
    episodes.state(ONE_WAY_LINK, "", {"a": ""}, 0.0)
    assert episodes.active() == () and episodes.stats.subjects_refused == 991
    episodes.handle_timeout(1000.0)
    for n in range(MAX_EVENTS):
        episodes.begin(FLAP, "a", float(n), "")
        episodes.end(FLAP, "a", float(n))
    assert len(drain(episodes)) == MAX_EVENTS and episodes.stats.events_dropped == MAX_EVENTS


def test_the_heap_does_not_remember_the_dead() -> None:
    episodes = Episodes()
    for n in range(10_000):
        episodes.state(ONE_WAY_LINK, "", {"a": ""} if n % 2 else {}, n * 0.001, 1000.0)
    assert len(episodes._due) <= 70


def test_every_kind_has_its_counter() -> None:
    fields = {f.name for f in dataclasses.fields(AnomalyStats)}
    assert set(KINDS) <= fields and len(set(KINDS)) == len(KINDS)
    assert Anomaly(0.0, FLAP, "a", "b").kind == "flap"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 5)), max_size=60))
def test_window_counts_at_least_seven_eighths_of_its_span(steps: list[tuple[float, int]]) -> None:
    window, now, past = Window(8.0), 0.0, list[tuple[float, int]]()
    for pause, count in steps:
        now += pause
        past.append((now, count))
        total = window.add(now, count)
        assert sum(c for at, c in past if at > now - 7.0) <= total <= sum(c for at, c in past if at > now - 8.0)


def test_a_window_survives_a_clock_set_back() -> None:
    window = Window(8.0)
    window.add(1000.0, 5)
    assert window.add(10.0, 2) == 2
    assert window.add(11.0, 1) == 3
