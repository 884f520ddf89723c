"""Served against counted, link by link: pure arithmetic on readings.

A row is one directed link, or an equal-cost set as one sum.  `application` rows compare what one application put
on the link with the routers' nft counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.lab.counters import L2_OVERHEAD, Counters
from tests.lab.monitored import Served

TOLERANCE = 0.02
MEASURABLE = 1_000_000  # octets a link must have carried to be compared
# How the view names what an nft rule finds, where that is not the program's own name.  Echo replies are made by
# the kernel, so nobody owns them.  Routers' own routing packets have no agent.  Agents' reports never stop, so
# they are compared by themselves.  A socket that lives for less than a millisecond is rarely seen alive by an
# agent without eBPF: until it is once, its datagrams go by the name of the service asked.
NAMES: Mapping[str, tuple[str, ...]] = {
    "icmp": ("ping", "icmp"),
    "lookup": ("lookup", "dns"),
    "ipfix": ("anemone-agent",),
    "ospf": (),
}
REPORTS = "ipfix"


@dataclass(frozen=True)
class Row:
    name: str
    application: str  # "" = all
    counted: int
    served: int

    @property
    def error(self) -> float:
        """Relative to what was counted."""
        return (self.served - self.counted) / self.counted if self.counted else float(self.served > 0)

    def __str__(self) -> str:
        return f"{self.name:18} {self.application or 'all':10} {self.counted:11} {self.served:11} {self.error:+8.2%}"


HEADING = f"{'link':18} {'app':10} {'router':>11} {'served':>11} {'error':>8}"


def sets(links: Iterable[str], equal: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Name -> members: the equal-cost sets, then every other link by itself."""
    grouped = {member for members in equal.values() for member in members}
    return dict(equal) | {link: (link,) for link in sorted(links) if link not in grouped}


def compare_links(counted: Counters, served: Served, equal: Mapping[str, tuple[str, ...]]) -> list[Row]:
    """One row per link or set that carried enough, traffic leaving the router."""
    return _compare("", counted.octets, served.octets, sets(counted.octets, equal))


def compare_without_reports(counted: Counters, served: Served, equal: Mapping[str, tuple[str, ...]]) -> list[Row]:
    """The same but for agents' reports, which weigh after a short load because they go on."""
    quiet = {link: octets - counted.applications[link, REPORTS] for link, octets in counted.octets.items()}
    told = {link: octets - _told(served, (link,), NAMES[REPORTS]) for link, octets in served.octets.items()}
    return _compare("", quiet, told, sets(counted.octets, equal))


def compare_received(
    counted: Counters, served: Served, equal: Mapping[str, tuple[str, ...]], links: Iterable[str]
) -> list[Row]:
    """The same for traffic a router receives on these links."""
    wanted = set(links)
    return _compare(
        "in",
        counted.received,
        served.received,
        {name: members for name, members in sets(counted.octets, equal).items() if wanted.issuperset(members)},
    )


def _compare(
    what: str, counted: Mapping[str, int], served: Mapping[str, int], groups: Mapping[str, tuple[str, ...]]
) -> list[Row]:
    rows = [
        Row(name, what, sum(counted[m] for m in members), sum(served.get(m, 0) for m in members))
        for name, members in groups.items()
    ]
    return [row for row in rows if row.counted >= MEASURABLE]


def compare_applications(
    counted: Counters, served: Served, equal: Mapping[str, tuple[str, ...]], smallest: int
) -> list[Row]:
    """One row per application that put at least `smallest` octets on a link or set; without agents' reports."""
    applications = sorted({application for _, application in counted.applications} - {REPORTS})
    rows = []
    for name, members in sets(counted.octets, equal).items():
        for application in applications:
            if names := NAMES.get(application, (application,)):
                seen = sum(counted.applications[member, application] for member in members)
                rows.append(Row(name, application, seen, _told(served, members, names)))
    return [row for row in rows if row.counted >= smallest]


def compare_reports(
    stopped: Counters, ended: Counters, served: Served, equal: Mapping[str, tuple[str, ...]], smallest: int
) -> list[tuple[Row, Row]]:
    """Agents' reports against the counters when the load stopped and when the view was read."""
    rows = []
    for name, members in sets(stopped.octets, equal).items():
        told = _told(served, members, NAMES[REPORTS])
        first, last = (
            Row(name, REPORTS, sum(reading.applications[member, REPORTS] for member in members), told)
            for reading in (stopped, ended)
        )
        if first.counted >= smallest:
            rows.append((first, last))
    return rows


def compare_exported(
    view: Served, exported: Mapping[str, tuple[int, int]], equal: Mapping[str, tuple[str, ...]]
) -> list[Row]:
    """nfdump's sums of the export (layer 3 + 14 per packet) as served, the view as counted; no agents' reports.

    Single packets are not cut in two by an export: only the sum of an equal-cost set is the view's.
    """
    rows = []
    for name, members in sets(view.octets, equal).items():
        total = sum(
            octets
            for (link, application), octets in view.applications.items()
            if link in members and application not in NAMES[REPORTS]
        )
        told = sum(
            octets + L2_OVERHEAD * packets for octets, packets in (exported.get(member, (0, 0)) for member in members)
        )
        rows.append(Row(name, "nfdump", total, told))
    return [row for row in rows if row.counted >= MEASURABLE]


def _told(served: Served, members: Iterable[str], names: Iterable[str]) -> int:
    return sum(served.applications.get((member, name), 0) for member in members for name in names)


def outside(rows: Iterable[Row], tolerance: float = TOLERANCE) -> list[str]:
    """The rows that miss the tolerance, as text."""
    return [str(row) for row in rows if abs(row.error) > tolerance]
