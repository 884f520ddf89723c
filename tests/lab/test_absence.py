"""A host without an agent: the other ends' received octets stand in for what it sends."""

from __future__ import annotations

import pytest

from tests.lab.comparison import compare_without_reports, outside
from tests.lab.measurement import measure
from tests.lab.monitored import Monitored
from tests.lab.network import Network
from tests.lab.traffic import Traffic

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

ABSENT = "h6"  # talks to h1, h2, h4 and h5, which all have agents
LOAD_SECONDS = 20


def test_links_stay_right_without_one_agent(
    network: Network, monitored: Monitored, traffic: Traffic, measured: list[str]
) -> None:
    network.stop(monitored.agents.pop(ABSENT))
    monitored.wait(
        f"the agent of {ABSENT} given up",
        lambda: not any(agent["live"] for agent in monitored.rows("agents") if agent["name"] == ABSENT),
        60,
    )
    result = measure(network, monitored, traffic, LOAD_SECONDS)
    rows = compare_without_reports(result.counted, result.served, network.plan.equal)
    worst = max(rows, key=lambda row: abs(row.error))
    measured.append(f"without an agent on {ABSENT}: complete {result.when()} after the load stopped, worst {worst}")
    assert outside(rows) == []
