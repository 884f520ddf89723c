"""The LAN's designated router dies and comes back: the listener loses the router it learnt everything from.

Last of the lab by its name, since the LAN has another designated router afterwards.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.lab import frr
from tests.lab.monitored import Monitored
from tests.lab.network import Network

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

OWN = ("r1 lan", "r1 to-r3", "r1 to-r4", "r1 host")


@pytest.fixture
def listening(network: Network) -> Iterator[Monitored]:
    """A gateway alone: no agents are needed to see the topology."""
    monitored = Monitored(network)
    try:
        monitored.start_gateway()
        monitored.wait("every link in the view", monitored.knows_every_link, 60)
        yield monitored
    finally:
        monitored.close()


def topology(monitored: Monitored) -> dict[str, tuple[bool, int, str]]:
    return {name: (link["up"], link["cost"], link["neighbor"]) for name, link in monitored.links().items()}


def test_designated_router_dies_and_returns(network: Network, listening: Monitored, measured: list[str]) -> None:
    (interface,) = frr.show(network, "r1", "ip ospf interface lan")["interfaces"].values()
    assert interface["state"] == "DR"
    before = topology(listening)
    os.kill(int((network.directory / "r1" / "ospfd.pid").read_text()), signal.SIGKILL)
    begin = time.monotonic()
    try:
        listening.wait("r1 down", lambda: not any(topology(listening)[link][0] for link in OWN), 60)
        measured.append(f"dead designated router: its links down after {time.monotonic() - begin:.1f} s (dead 4 s)")
        others = {name for name, (up, _, _) in topology(listening).items() if not up} - set(OWN)
        assert others <= {"r3 to-r1", "r4 to-r1"}
        with pytest.raises(OSError, match="404"):
            listening.api("/api/path?src=10.1.7.10&dst=10.1.1.10")
        assert listening.api("/api/path?src=10.1.7.10&dst=10.1.2.10")["hops"]
    finally:
        frr.start_ospfd(network, "r1")
    begin = time.monotonic()
    listening.wait("the same topology again", lambda: topology(listening) == before, 60)
    measured.append(f"the same topology again {time.monotonic() - begin:.1f} s after its return")
    stats = listening.api("/api/status")["components"]["ospf"]
    assert stats["malformed"] == 0 and stats["syncs_failed"] == 0
