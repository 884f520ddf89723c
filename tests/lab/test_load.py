"""The proof: what is served per link and application, against the routers' own counters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lab import frr
from tests.lab.comparison import (
    HEADING,
    MEASURABLE,
    TOLERANCE,
    Row,
    compare_applications,
    compare_exported,
    compare_links,
    compare_received,
    compare_reports,
    outside,
)
from tests.lab.counters import Counters
from tests.lab.measurement import measure
from tests.lab.monitored import Monitored, Served
from tests.lab.network import Network
from tests.lab.traffic import Traffic

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

LOAD_SECONDS = 60
SMALL = 100_000  # octets an application must have put on a link to be compared by itself

Database = dict[tuple[str, str, str], tuple[int, int]]


@dataclass(frozen=True)
class Outcome:
    counted: Counters
    counted_later: Counters
    served: Served
    exported: list[Row]
    databases: tuple[Database, Database]  # before the gateway started, after the load
    spf_runs: tuple[dict[str, int], dict[str, int]]


def frr_routers(network: Network) -> list[str]:
    return [name for name, router in network.plan.routers.items() if router.program == "frr"]


@pytest.fixture(scope="module")
def before_the_gateway(network: Network) -> tuple[Database, dict[str, int]]:
    """Read before anything of ours has run, since this is requested ahead of `monitored`."""
    assert network.lacking() == ""
    return frr.database(network, "r1"), {name: frr.spf_runs(network, name) for name in frr_routers(network)}


@pytest.fixture(scope="module")
def outcome(
    network: Network,
    before_the_gateway: tuple[Database, dict[str, int]],
    monitored: Monitored,
    traffic: Traffic,
    measured: list[str],
) -> Iterator[Outcome]:
    """Run the load once; every test looks at a side of it."""
    result = measure(network, monitored, traffic, LOAD_SECONDS)
    counted, served, equal = result.counted, result.served, network.plan.equal
    exported = compare_exported(served, monitored.exported(), equal)
    rows = compare_links(counted, served, equal)
    rows += compare_received(counted, served, equal, counted.received)
    rows += compare_applications(counted, served, equal, SMALL)
    rows += [last for _, last in compare_reports(counted, result.counted_later, served, equal, SMALL)]
    rows += owned_by_nobody(served) + exported
    measured += [f"all links complete {result.when()} after the load stopped", HEADING, *map(str, rows)]
    yield Outcome(
        counted,
        result.counted_later,
        served,
        exported,
        (before_the_gateway[0], frr.database(network, "r1")),
        (before_the_gateway[1], {name: frr.spf_runs(network, name) for name in frr_routers(network)}),
    )


def owned_by_nobody(served: Served) -> list[Row]:
    """What the view could not name, per link; none is best."""
    return [
        Row(link, application, 0, octets)
        for (link, application), octets in served.applications.items()
        if application in ("unattributed", "unknown", "other") and octets
    ]


def test_load_reaches_every_kind_of_link(outcome: Outcome, network: Network) -> None:
    rows = compare_links(outcome.counted, outcome.served, network.plan.equal)
    names = {row.name for row in rows}
    assert names >= set(network.plan.equal)
    assert {"r1 lan", "r2 lan", "r6 to-r2", "r5 to-r7", "r7 to-r5", "r1 host", "r6 host"} <= names


def test_octets_of_every_link_are_those_of_its_router(outcome: Outcome, network: Network) -> None:
    assert outside(compare_links(outcome.counted, outcome.served, network.plan.equal)) == []


def test_octets_of_every_application_are_those_of_the_routers_filters(outcome: Outcome, network: Network) -> None:
    rows = compare_applications(outcome.counted, outcome.served, network.plan.equal, SMALL)
    assert outside(rows) == []


def test_octets_received_are_those_of_the_router(outcome: Outcome, network: Network) -> None:
    """On links between routers: In of a point-to-point link is its peer's Out, In of a LAN what leaves the LAN."""
    between = [str(end) for segment, end in network.plan.router_ends() if segment.joins_routers(network.plan)]
    rows = compare_received(outcome.counted, outcome.served, network.plan.equal, between)
    assert len(rows) > 8
    assert outside(rows) == []


def test_octets_of_agents_own_reports_are_counted_like_any_other(outcome: Outcome, network: Network) -> None:
    rows = compare_reports(outcome.counted, outcome.counted_later, outcome.served, network.plan.equal, SMALL)
    assert rows
    for stopped, read in rows:
        assert stopped.error >= -TOLERANCE, stopped
        assert read.error <= TOLERANCE, read


def test_export_equals_the_view(outcome: Outcome) -> None:
    """What nfdump sums of nfcapd's files: to the octet, but that the view's own sums are rounded once per bin."""
    assert len(outcome.exported) > 15
    assert outside(outcome.exported, 1e-5) == []


def test_applications_of_a_link_add_up_to_the_link(outcome: Outcome) -> None:
    for link, octets in outcome.served.octets.items():
        parts = sum(value for (name, _), value in outcome.served.applications.items() if name == link)
        assert abs(parts - octets) <= max(100, octets // 1000), link


def test_equal_cost_links_share_evenly(outcome: Outcome, network: Network) -> None:
    served = outcome.served.octets
    first, second = (served[member] for member in network.plan.equal["r5>r6 parallel"])
    assert abs(first - second) <= 0.001 * (first + second)


def test_unused_link_stays_unused(outcome: Outcome) -> None:
    assert outcome.counted.octets["r2 to-r6"] < 100_000  # hellos
    assert outcome.served.octets["r2 to-r6"] < MEASURABLE // 100


def test_listener_changed_no_lsa(outcome: Outcome) -> None:
    before, after = outcome.databases
    assert after == before


def test_listener_caused_no_spf(outcome: Outcome) -> None:
    before, after = outcome.spf_runs
    assert after == before
