from collections import deque

import pytest

from ospf.auth import Cause, Refusal
from ospf.counters import ListenerStats
from ospf.events import AuthenticationFailed, DuplicateRouterId, Event, ParameterMismatch
from ospf.interface import Segment
from ospf.packets import Hello
from ospf.scrutiny import MAX_REMEMBERED, REPEAT_SECONDS, Scrutiny

MASK = 0xFFFFFF00


def made() -> tuple[Scrutiny, deque[Event], Segment]:
    events: deque[Event] = deque()
    return Scrutiny(events, ListenerStats()), events, Segment("auto")


def hear(scrutiny: Scrutiny, segment: Segment, router: int, hello: Hello, now: float = 0.0, auth: int = 0) -> None:
    neighbor, _ = segment.hear(router, 100 + router, hello, auth, now)
    assert neighbor is not None
    scrutiny.hello(neighbor, segment, now)


def hello(mask: int = MASK, interval: int = 10, options: int = 2, dead: int = 40, dr: int = 101) -> Hello:
    return Hello(mask, interval, options, 1, dead, dr, 0)


@pytest.mark.parametrize(
    ("field", "other", "auth", "theirs", "ours"),
    [
        ("mask", hello(mask=0xFFFFFE00), 0, 0xFFFFFE00, MASK),
        ("hello_interval", hello(interval=5), 0, 5, 10),
        ("dead_interval", hello(dead=20), 0, 20, 40),
        ("options", hello(options=0x4A), 0, 0x0A, 0x02),
        ("authentication", hello(), 2, 2, 0),
    ],
)
def test_hellos_that_disagree_with_the_dr(field: str, other: Hello, auth: int, theirs: int, ours: int) -> None:
    scrutiny, events, segment = made()
    hear(scrutiny, segment, 2, other, auth=auth)  # alone there is nothing to disagree with
    hear(scrutiny, segment, 1, hello(options=0x42))  # the DR's own never does: 101 is its address
    assert not events
    hear(scrutiny, segment, 2, other, 10.0, auth)
    assert list(events) == [ParameterMismatch(2, field, theirs, ours, 10.0)]
    for at in range(20, 131, 10):
        hear(scrutiny, segment, 2, other, float(at), auth)
    assert len(events) == 3 and scrutiny.stats.mismatches == 13  # once a minute
    hear(scrutiny, segment, 2, hello(), 1000.0)
    assert len(events) == 3


def test_masks_may_differ_on_a_point_to_point_link() -> None:
    scrutiny, events, segment = made()
    segment.tunnel = True
    hear(scrutiny, segment, 1, hello(dr=0))
    hear(scrutiny, segment, 2, hello(dr=0, mask=0))
    assert not events


def test_two_systems_with_one_router_id() -> None:
    scrutiny, events, segment = made()
    for number, address in enumerate((100, 200, 100, 200)):
        neighbor, _ = segment.hear(7, address, hello(dr=0), 0, float(number))
        assert neighbor is not None
        scrutiny.hello(neighbor, segment, float(number))
    assert list(events) == [DuplicateRouterId(7, 100, 200, 2.0)] and scrutiny.stats.duplicate_router_id == 2


def test_a_router_that_gets_another_address_is_none() -> None:
    scrutiny, events, segment = made()
    for now, address in ((0.0, 100), (10.0, 200), (20.0, 200), (100.0, 100)):
        neighbor, _ = segment.hear(7, address, hello(dr=0), 0, now)
        assert neighbor is not None
        scrutiny.hello(neighbor, segment, now)
    assert not events


def test_mtu() -> None:
    scrutiny, events, _ = made()
    scrutiny.description(1, 1500, 0.0)
    scrutiny.description(1, 0, 0.0)
    scrutiny.description(2, 9000, 1.0)
    assert events.popleft() == ParameterMismatch(2, "mtu", 9000, 1500, 1.0)
    scrutiny.forget(1)
    scrutiny.description(2, 9000, 100.0)
    assert not events
    scrutiny.mtu = 1500
    scrutiny.description(2, 9000, 200.0)
    assert events.popleft() == ParameterMismatch(2, "mtu", 9000, 1500, 200.0)
    scrutiny.mtu = 9216  # ours may be greater
    scrutiny.description(2, 9000, 300.0)
    assert not events


def test_causes_are_told_apart_and_once_a_minute() -> None:
    scrutiny, events, _ = made()
    for now in (0.0, 30.0, REPEAT_SECONDS):
        for cause in (Cause.BAD_DIGEST, Cause.UNKNOWN_KEY):
            scrutiny.refused(7, 0x0A000001, Refusal(cause, "do this"), now)
        scrutiny.other_area(7, 1, 0, now)
        scrutiny.own_router_id(9, 0x0A000001, 0, now)
    told = list(events)
    assert told[:2] == [
        AuthenticationFailed(7, 0x0A000001, "bad digest", "do this", 0.0),
        AuthenticationFailed(7, 0x0A000001, "unknown key id", "do this", 0.0),
    ]
    assert told[2:4] == [ParameterMismatch(7, "area", 1, 0, 0.0), DuplicateRouterId(9, 0x0A000001, 0, 0.0)]
    assert len(told) == 8 and scrutiny.stats.mismatches == 3


def test_texts_name_the_remedy() -> None:
    scrutiny, _, _ = made()
    scrutiny.refused(7, 0x0A000001, Refusal(Cause.BAD_DIGEST, "do this"), 0.0)
    assert scrutiny.last_error == "10.0.0.1: bad digest: do this"
    scrutiny.other_area(7, 1, 0, 0.0)
    assert "area 0.0.0.1" in scrutiny.last_error and 'area = "..."' in scrutiny.last_error
    scrutiny.own_router_id(9, 0x0A000001, 0, 0.0)
    assert "another router_id" in scrutiny.last_error


def test_memory_is_bounded() -> None:
    scrutiny, events, _ = made()
    for router in range(MAX_REMEMBERED + 50):
        scrutiny.refused(router, 1, Refusal(Cause.BAD_DIGEST, ""), 0.0)
        scrutiny.description(router, 1500 + router % 2, 0.0)
    assert scrutiny.stats.complaints_untold >= 50 and len(scrutiny._told) == MAX_REMEMBERED
    assert len(scrutiny._mtus) == MAX_REMEMBERED
    before = len(events)
    scrutiny.refused(0, 1, Refusal(Cause.BAD_DIGEST, ""), REPEAT_SECONDS)
    scrutiny.refused(MAX_REMEMBERED + 60, 1, Refusal(Cause.BAD_DIGEST, ""), REPEAT_SECONDS)
    assert len(events) == before + 2 and len(scrutiny._told) < 10
