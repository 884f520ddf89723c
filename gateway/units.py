"""Numbers and times as people read them: `12.3 Mbit/s`, `1 h 02 min`, RFC 3339 UTC.

Three significant digits and decimal (SI) prefixes throughout; an octet is a byte.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

PREFIXES = ("", "k", "M", "G", "T", "P", "E")
SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE = 86_400, 3_600, 60


def scaled(value: float, unit: str) -> str:
    """`12.3 Mbit/s`: three significant digits; not finite -> a dash."""
    if not math.isfinite(value):
        return "-"
    step = 0
    while abs(value) >= 999.5 and step < len(PREFIXES) - 1:
        value /= 1000
        step += 1
    if step == 0:
        text = f"{value:.0f}"
    else:
        text = f"{value:.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f}"
    return f"{text} {PREFIXES[step]}{unit}".rstrip()


def bits_per_second(value: float) -> str:
    return scaled(value, "bit/s")


def octets(value: float) -> str:
    return scaled(value, "B")


def percent(share: float | None) -> str:
    """`7.4 %`, `91 %`; None (capacity unknown) -> a dash."""
    if share is None or not math.isfinite(share):
        return "-"
    return f"{share * 100:.1f} %" if 0 < share < 0.0995 else f"{share * 100:.0f} %"


def counted(number: int, one: str, several: str = "") -> str:
    """`1 packet`, `1,200 packets`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def duration(seconds: float) -> str:
    """`12 s`, `4 min 05 s`, `1 h 02 min`, `3 d 04 h`."""
    whole = max(0, int(seconds))
    if whole < SECONDS_PER_MINUTE:
        return f"{whole} s"
    if whole < SECONDS_PER_HOUR:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < SECONDS_PER_DAY:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // SECONDS_PER_DAY} d {whole % SECONDS_PER_DAY // SECONDS_PER_HOUR:02d} h"


def rfc3339(seconds: float) -> str:
    """RFC 3339 5.6 in UTC; milliseconds only when there are any."""
    millis = round(seconds * 1000)
    moment = datetime.fromtimestamp(millis // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{millis % 1000:03d}Z" if millis % 1000 else f"{moment}Z"


def clock(seconds: float) -> str:
    """`2026-11-21 19:36:30Z`: RFC 3339 with a space (5.6, note), whole seconds, for tables."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
