"""A link changes: from LSA objects to the published view with the rates of the last bin over the new topology.

1,000 routers, 4,000 directed links (`bench_spf`); agents on 1,000 LANs whose last bin holds 300,000 flows of 50,000
pairs of LANs and ten applications. Each link fails, comes back, becomes dearer and cheaper, each from the state the one
before left: build_domain with the version before, receive_topology (ifIndex, events, rows, routing, rates), published.
The peer is the same without anything kept from the version before. CPU seconds of one core; full collections of garbage
stand aside, as in the gateway (`gateway.clock`).
"""

from __future__ import annotations

import gc
import random
from time import process_time
from typing import Any

import numpy as np

from gateway.batch import FlowBatch
from gateway.clock import NEVER
from gateway.config import parse
from gateway.pipeline import Pipeline
from ospf.areas import AreaDatabase
from ospf.topology import Topology, build_domain
from tests.bench.bench_spf import CHORDS, FIRST_LAN, ROUTERS, Network, _part, changes, random_area

FLOWS, PAIRS, APPLICATIONS = 300_000, 50_000, 10
CHANGED_LINKS = 8  # each changes four times
T = 1_700_000_000.0
BIN = 10.0
GATEWAY, HOSTS = 1, 200  # last octets


def flows(rng: np.random.Generator) -> FlowBatch:
    """A bin's flows: what agents on the LANs sent to other LANs."""
    pairs = rng.integers(0, ROUTERS, (PAIRS, 2))
    pair = pairs[rng.integers(0, PAIRS, FLOWS)]
    host = rng.integers(2, HOSTS, (FLOWS, 2))
    start = T + rng.random(FLOWS) * 0.9 * BIN
    octets = rng.integers(100, 1_000_000, FLOWS)
    return FlowBatch(
        {
            "start": start,
            "end": start + 0.5,
            "source": FIRST_LAN + 256 * pair[:, 0] + host[:, 0],
            "destination": FIRST_LAN + 256 * pair[:, 1] + host[:, 1],
            "source_port": rng.integers(1024, 65535, FLOWS),
            "destination_port": np.full(FLOWS, 443),
            "protocol": np.full(FLOWS, 6),
            "tos": np.zeros(FLOWS),
            "app": rng.integers(3, 3 + APPLICATIONS, FLOWS),
            "octets": octets,
            "packets": octets // 1000 + 1,
            "agent": pair[:, 0],
            "sent": np.ones(FLOWS),
        }
    )


def agents(pipeline: Pipeline) -> None:
    """An agent on every LAN, its default gateway the router's address there."""
    for number in range(ROUTERS):
        lan = FIRST_LAN + 256 * number
        agent = pipeline.agents.hear(number.to_bytes(16, "big"), T)
        agent.reports(T + BIN)
        for host in range(2, 12):
            pipeline.agents.attach(agent, lan + host, lan + GATEWAY, T)


class Gateway:
    """Databases in, published views out."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(parse({"view": {"bin_seconds": BIN}}), T)
        self.topology: Topology | None = None
        self.version = 0

    def change(self, network: Network, keep: bool = True) -> dict[str, float]:
        """Seconds by stage."""
        lsas = list(network.lsas.values())
        self.version += 1
        begin = process_time()
        self.topology = build_domain(
            [AreaDatabase(0, lsas)], instance="default", version=self.version, time=T + BIN + self.version / 1000,
            known=self.pipeline.ifindex.known_addresses("default"), previous=self.topology if keep else None,
        )  # fmt: skip
        built = process_time()
        self.pipeline.receive_topology(self.topology)
        received = process_time()
        self.pipeline.published(T + 4 * BIN)
        done = process_time()
        return {"whole": done - begin, "topology": built - begin, "rates": received - built, "view": done - received}


def start(network: Network) -> Gateway:
    gateway = Gateway()
    agents(gateway.pipeline)
    gateway.change(network)
    for number in range(APPLICATIONS):
        gateway.pipeline.applications.id(f"app{number}")
    gateway.pipeline.bins.add(flows(np.random.default_rng(5)), T + BIN)
    gateway.pipeline.advance(T + 2 * BIN)
    assert gateway.pipeline._rates.talkers
    return gateway


def run() -> list[dict[str, Any]]:
    """Rows {"what", "ours", "peer", "unit", "ratio"}; ratio = peer / ours."""
    usual = gc.get_threshold()
    gc.set_threshold(*usual[:2], NEVER)
    try:
        return measured()
    finally:
        gc.set_threshold(*usual)


def measured() -> list[dict[str, Any]]:
    network = Network(random_area())
    gateway = start(network)
    took: dict[str, list[float]] = {"whole": [], "topology": [], "rates": [], "view": []}
    first, *numbers = random.Random(3).sample(range(ROUTERS + CHORDS), CHANGED_LINKS + 1)
    for area in changes(network.area, [first]):  # what is compiled or loaded at first use
        network.become(area)
        gateway.change(network)
    for area in changes(network.area, numbers):
        network.become(area)
        for stage, seconds in gateway.change(network).items():
            took[stage].append(seconds)
    count = len(took["whole"])
    fresh = []
    for area in list(changes(network.area, numbers[:1])):
        network.become(area)
        gateway = start(network)
        gateway.pipeline._routings.clear()
        gateway.pipeline._routed = None
        fresh.append(gateway.change(network, keep=False)["whole"])
    peer = min(fresh)

    def row(what: str, ours: float, other: float | None = None) -> dict[str, Any]:
        ratio = None if other is None else round(other / ours, 1)
        return {"what": what, "ours": round(ours, 4), "peer": other and round(other, 4), "unit": "s", "ratio": ratio}

    what = f"one link changes -> published rates, {ROUTERS:,} routers, {FLOWS:,} flows of {PAIRS:,} pairs"
    return [
        row(f"{what}, p50 of {count} (peer: nothing kept)", _part(took["whole"], 50), peer),
        row(f"{what}, p95 (bar 0.15 s)", _part(took["whole"], 95)),
        *(row(f"  of that {stage}, p50", _part(took[stage], 50)) for stage in ("topology", "rates", "view")),
    ]


if __name__ == "__main__":
    for result in run():
        print(result)
