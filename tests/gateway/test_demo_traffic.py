"""The conversations' octets: the same integers at both ends, whatever instants are asked about."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.traffic import Conversation, Process, active_seconds, pieces

OWNER = Process("p", 1, "p.service", "user")
STEADY = Conversation("web", "pc", "server", 6, 40000, 443, 800_000.0, 8_000_000.0, 100, 1000, OWNER, OWNER, swing=0.0)


def total(conversation: Conversation, start: float, end: float) -> tuple[int, int]:
    found = list(pieces(conversation, start, end))
    return sum(p.up_octets for p in found), sum(p.down_octets for p in found)


def test_a_steady_rate_is_exact() -> None:
    assert total(STEADY, 0.0, 10.0) == (1_000_000, 10_000_000)
    (piece,) = pieces(STEADY, 0.0, 10.0)
    assert (piece.up_packets, piece.down_packets) == (10_000, 10_000)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.0, 500.0), min_size=2, max_size=8), st.floats(0.0, 6.2), st.floats(0.0, 0.9))
def test_cutting_time_loses_nothing(instants: list[float], phase: float, swing: float) -> None:
    windows = ((30.0, 90.0), (120.0, 400.0))
    conversation = replace(STEADY, phase=phase, swing=swing, windows=windows, lifetime=25.0)
    instants.sort()
    parts = [total(conversation, a, b) for a, b in pairwise(instants)]
    whole = total(conversation, instants[0], instants[-1])
    assert (sum(up for up, _ in parts), sum(down for _, down in parts)) == whole


def test_the_swing_stays_around_the_base() -> None:
    swinging = replace(STEADY, swing=0.5, period=60.0)
    assert abs(active_seconds(swinging, 600.0) - 600.0) < 1e-6
    assert active_seconds(swinging, 30.0) > 35.0


def test_windows_and_ports_cut_the_pieces() -> None:
    conversation = replace(STEADY, windows=((10.0, 50.0),), lifetime=20.0)
    found = list(pieces(conversation, 0.0, 100.0))
    assert [(p.start, p.end, p.ended) for p in found] == [
        (10.0, 20.0, True), (20.0, 40.0, True), (40.0, 50.0, True),
    ]  # fmt: skip
    assert len({p.client_port for p in found}) == 3
    assert total(conversation, 50.0, 100.0) == (0, 0)


def test_octets_never_come_without_packets() -> None:
    slow = replace(STEADY, up=100.0, down=0.0, up_packet=1400)
    found = list(pieces(slow, 0.0, 2.0))
    assert [(p.up_octets, p.up_packets, p.down_packets) for p in found] == [(25, 1, 0)]
