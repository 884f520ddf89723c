"""Questions as text: every parameter of the HTTP API and of the query verbs is read here, once.

What cannot be read raises `QueryError` with the name of the field and the remedy; what can be read but has no answer
raises `NothingFound`.  HTTP turns the two into 400 and 404, the command line into exit codes 2 and 1.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.errors import GatewayError

MAX_TOP = 1_000_000
TIME_FORMS = "RFC 3339 (2026-11-21T19:36:30Z), seconds since 1970, now, now-5m or -5m (s, m, h, d)"
RELATIVE = re.compile(r"now(?:-(\d+(?:\.\d+)?)([smhd]))?")
AGO = re.compile(r"-\d+(?:\.\d+)?[smhd]")  # short for now-...
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LATEST = 253_402_300_800.0  # year 10000


class QueryError(GatewayError):
    """A parameter that cannot be read."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.field, self.problem, self.remedy = field, problem, remedy


class NothingFound(GatewayError):
    """The question is sound, the answer is no."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.field, self.problem, self.remedy = field, problem, remedy


def whole_number(field: str, text: str, *, most: int = MAX_TOP) -> int:
    """A count from 1 to `most`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise QueryError(field, f"{_shown(text)} is not a count", f"give a whole number from 1 to {most}")
    return int(text)


def choice(field: str, text: str, allowed: Sequence[str]) -> str:
    """One of the words allowed."""
    if text not in allowed:
        raise QueryError(field, f"{_shown(text)} is not known", f"give {' or '.join(allowed)}")
    return text


def address(field: str, text: str) -> int:
    """An IPv4 address in host order."""
    try:
        return int(ipaddress.IPv4Address(text))
    except ValueError:
        remedy = "give four numbers 0-255 with dots, as in 10.0.0.1"
        raise QueryError(field, f"{_shown(text)} is not an IPv4 address", remedy) from None


def prefix(field: str, text: str) -> str:
    """A prefix, IPv4 or IPv6, normalised; an address is the prefix of itself alone."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        remedy = "give one as in 10.1.0.0/24, no host bits set"
        raise QueryError(field, f"{_shown(text)} is not a prefix", remedy) from None


def router_id(field: str, text: str) -> str:
    """A dotted router id, normalised."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        remedy = "`anemone routers` lists them: give an id or a name"
        raise QueryError(field, f"{_shown(text)} is neither a router id nor a router's name", remedy) from None


def moment(field: str, text: str, now: float) -> float:
    """A time in seconds since the epoch; `now` is what `now-5m` counts from."""
    text = text.strip()
    if AGO.fullmatch(text):
        text = "now" + text
    relative = RELATIVE.fullmatch(text)
    if relative:
        count, unit = relative.groups()
        return now - float(count) * UNIT_SECONDS[unit] if count else now
    try:
        seconds = float(text) if re.fullmatch(r"\d{1,12}(\.\d+)?", text) else _iso(text)
        if not 0 <= seconds < LATEST:
            raise ValueError("outside the years 1970 to 9999")
    except (ValueError, OverflowError):
        raise QueryError(field, f"{_shown(text)} is not a time", f"give {TIME_FORMS}") from None
    return seconds


def _iso(text: str) -> float:
    if "T" in text:  # an unquoted "+01:00" arrives as " 01:00" through a query string
        text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text)
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
