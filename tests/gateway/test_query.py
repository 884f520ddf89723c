"""gateway.query: parameters as text; refused ones name the field and the remedy."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import query
from gateway.query import QueryError

NOW = 1_795_290_600.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-21T19:50:00Z", NOW),
        ("2026-11-21T20:50:00+01:00", NOW),
        ("2026-11-21T20:50:00 01:00", NOW),  # "+" not quoted in a query string
        ("2026-11-21 19:50:00Z", NOW),
        ("2026-11-21T19:50:00", NOW),
        ("2026-11-21T19:50:00.500Z", NOW + 0.5),
        ("1795290600", NOW),
        ("1795290600.5", NOW + 0.5),
        ("now", NOW),
        ("now-5m", NOW - 300),
        ("-5m", NOW - 300),
        ("now-1.5h", NOW - 5400),
        ("now-2d", NOW - 172_800),
    ],
)
def test_moment(text: str, seconds: float) -> None:
    assert query.moment("at", text, NOW) == seconds


def test_a_time_without_zone_is_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert query.moment("at", "2026-11-21T19:50:00", NOW) == NOW
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "yesterday", "now-5", "now+5m", "-1", "25:00", "1e400", "99999999999999", "\x00"])
def test_moment_refuses(text: str) -> None:
    with pytest.raises(QueryError) as error:
        query.moment("at", text, NOW)
    assert error.value.field == "at"
    assert "RFC 3339" in error.value.remedy


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (
        lambda: query.moment("x", text, NOW),
        lambda: query.whole_number("x", text),
        lambda: query.router_id("x", text),
    ):
        try:
            read()
        except QueryError as error:
            assert error.field == "x"
            assert error.remedy


def test_whole_number() -> None:
    assert query.whole_number("top", "10") == 10
    for text in ("0", "-1", "1.5", "ten", "٣", "", "1000001", "9" * 5000):
        with pytest.raises(QueryError, match="top"):
            query.whole_number("top", text)


def test_prefixes() -> None:
    assert query.prefix("prefix", "10.1.0.0/16") == "10.1.0.0/16"
    assert query.prefix("prefix", "10.1.2.3") == "10.1.2.3/32"
    assert query.prefix("prefix", "2001:DB8::/32") == "2001:db8::/32"
    for text in ("10.1.0.1/16", "10/8", "x", ""):
        with pytest.raises(QueryError, match="not a prefix"):
            query.prefix("prefix", text)


def test_addresses() -> None:
    assert query.address("src", "10.0.0.1") == 0x0A000001
    assert query.router_id("router", "10.255.0.1") == "10.255.0.1"
    for text in ("10.0.0.256", "10.0.0", "::1", "router-1", "10.0.0.1/24"):
        with pytest.raises(QueryError, match="not an IPv4 address"):
            query.address("src", text)
