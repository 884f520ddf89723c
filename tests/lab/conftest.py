"""One network for the whole session; what the lab measured is printed at the end of the run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import counters, segments
from tests.lab.board import Board
from tests.lab.monitored import Monitored
from tests.lab.network import Network
from tests.lab.traffic import Traffic
from tests.require import require_programs, require_root

PROGRAMS = (
    "ip",
    "ethtool",
    "sysctl",
    "nft",
    "ping",
    "zebra",
    "ospfd",
    "vtysh",
    "bird",
    "birdc",
    "snmpbulkwalk",
)
MEASURED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASURED] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash[MEASURED]:
        terminalreporter.section("measured in the lab")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> list[str]:
    """Lines to print at the end of the run."""
    return request.config.stash[MEASURED]


@pytest.fixture(scope="session")
def network(measured: list[str]) -> Iterator[Network]:
    """The routers, converged, with their counters in place."""
    require_root()
    require_programs(*PROGRAMS)
    with Network() as network:
        measured.append(f"network of {len(network.plan.routers)} routers up in {network.seconds_to_converge:.1f} s")
        counters.install(network)
        yield network


@pytest.fixture(scope="session")
def board() -> Iterator[Board]:
    """The segments of the listener's own tests, converged."""
    require_root()
    require_programs("ip", "zebra", "ospfd", "vtysh", "bird", "birdc", "snmpd")
    with Board(segments.LANS, segments.frr(), segments.bird()) as board:
        board.converge("f", segments.FULL)
        yield board


@pytest.fixture(scope="module")
def traffic(network: Network) -> Iterator[Traffic]:
    """The servers of the known traffic."""
    traffic = Traffic(network)
    traffic.start_servers()
    yield traffic
    traffic.close()


@pytest.fixture(scope="module")
def monitored(network: Network, traffic: Traffic) -> Iterator[Monitored]:
    """A gateway and agents, synchronised; started anew for every test file."""
    monitored = Monitored(network)
    try:
        monitored.start()
        yield monitored
    finally:
        monitored.close()
