"""gateway.units: three significant digits, SI prefixes, RFC 3339."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 bit/s"),
        (999, "999 bit/s"),
        (999.6, "1.00 kbit/s"),
        (12_345_678, "12.3 Mbit/s"),
        (9_996_000, "10.0 Mbit/s"),
        (99_960_000, "100 Mbit/s"),
        (10e9, "10.0 Gbit/s"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_bits_per_second(value: float, text: str) -> None:
    assert units.bits_per_second(value) == text


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1e20))
def test_scaled_is_within_half_a_percent_and_short(value: float) -> None:
    number, _, unit = units.scaled(value, "B").partition(" ")
    size = 1000 ** units.PREFIXES.index(unit.removesuffix("B"))
    assert len(number) <= 5 if value < 9.99e20 else True
    assert float(number) * size == pytest.approx(value, rel=0.0051, abs=0.5)


@pytest.mark.parametrize(
    ("share", "text"), [(None, "-"), (0, "0 %"), (0.074, "7.4 %"), (0.0999, "10 %"), (0.914, "91 %"), (1.2, "120 %")]
)
def test_percent(share: float | None, text: str) -> None:
    assert units.percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (59.9, "59 s"), (245, "4 min 05 s"), (3725, "1 h 02 min"), (3 * 86400 + 4 * 3600, "3 d 04 h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


def test_times_are_utc_rfc_3339() -> None:
    assert units.rfc3339(1_795_290_600) == "2026-11-21T19:50:00Z"
    assert units.rfc3339(1_795_290_600.25) == "2026-11-21T19:50:00.250Z"
    assert units.rfc3339(1_795_290_600.9999) == "2026-11-21T19:50:01Z"
    assert units.clock(1_795_290_600.9) == "2026-11-21 19:50:00Z"


def test_one_is_one() -> None:
    assert [units.counted(n, "LSA") for n in (0, 1, 1200)] == ["0 LSAs", "1 LSA", "1,200 LSAs"]
    assert [units.counted(n, "prefix", "prefixes") for n in (1, 2)] == ["1 prefix", "2 prefixes"]
