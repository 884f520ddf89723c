"""One load from a quiet start until the view must be complete: the routers' counters and what was served."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.lab import counters
from tests.lab.comparison import compare_links, outside
from tests.lab.counters import Counters
from tests.lab.monitored import Monitored, Served
from tests.lab.network import Network
from tests.lab.traffic import Traffic

COMPLETE_SECONDS = 30  # after the load stops; the last reading begins a second before


@dataclass(frozen=True)
class Measurement:
    """Growth since the start of the load."""

    counted: Counters  # when the load had stopped
    counted_later: Counters  # when the view was read
    served: Served
    complete_after: float | None  # seconds after the load's end until all links were within the tolerance

    def when(self) -> str:
        return "never" if self.complete_after is None else f"{self.complete_after:.0f} s"


def measure(network: Network, monitored: Monitored, traffic: Traffic, seconds: int) -> Measurement:
    """Run the load and wait for the view; takes about 32 s longer than the load."""
    served_before, counted_before = monitored.served(), counters.read(network)
    traffic.start(seconds)
    traffic.wait(seconds + 30)
    counted = counters.read(network) - counted_before
    stopped = time.monotonic()
    complete_after = None
    while (passed := time.monotonic() - stopped) < COMPLETE_SECONDS - 1:
        if complete_after is None:
            served = monitored.served() - served_before
            if not outside(compare_links(counted, served, network.plan.equal)):
                complete_after = passed
        time.sleep(min(1.0, COMPLETE_SECONDS - 1 - passed))
    served = monitored.served() - served_before
    return Measurement(counted, counters.read(network) - counted_before, served, complete_after)
