"""A made-up gateway to serve in tests: a deterministic set of tables of any size."""

from __future__ import annotations

import numpy as np

from mibs.builder import MibBuilder
from mibs.tables import (
    IF_TYPE_PROP_VIRTUAL,
    LINK_KINDS,
    ApplicationTable,
    GatewayScalars,
    InterfaceTable,
    LinkApplicationTable,
    LinkTable,
    SystemGroup,
)

CREATED = 1_795_000_000.0
Tables = tuple[
    SystemGroup, InterfaceTable, LinkTable, ApplicationTable, LinkApplicationTable, GatewayScalars
]


def sample_tables(links: int, applications: int, seed: int = 1, since: float = CREATED) -> Tables:
    """`links` rows with gaps in ifIndex (5, 8, 11, ...), every application on every link."""
    rng = np.random.default_rng(seed)

    def counters(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
        return rng.integers(0, 1 << 63, count, dtype=np.uint64) >> rng.integers(0, 63, count).astype(np.uint64)

    index = 5 + 3 * np.arange(links)
    up = rng.random(links) < 0.9
    octets, packets = counters(links), counters(links)
    number = range(links)
    interfaces = InterfaceTable(
        ifindex=index,
        descr=[f"r{i} to r{i + 1} by 10.1.{i // 256}.{i % 256}" for i in number],
        name=[f"r{i}-r{i + 1}" for i in number],
        alias=["" if i % 3 else f"Zürich–Basel №{i}" for i in number],
        type=np.full(links, IF_TYPE_PROP_VIRTUAL),
        mtu=np.full(links, 1500),
        speed_bps=rng.choice([0.0, 64e3, 1e9, 100e9], links),
        admin_up=np.ones(links, dtype=bool),
        oper_up=up,
        last_change_seconds=since + rng.random(links) * 100 - 50,
        in_octets=counters(links),
        out_octets=octets,
        in_packets=counters(links),
        out_packets=packets,
        discontinuity_seconds=np.zeros(links),
    )
    table = LinkTable(
        ifindex=index,
        identifier=[f"10.0.{i // 256}.{i % 256}:10.1.{i // 256}.{i % 256}" for i in number],
        router=0x0A000000 + np.arange(links),
        interface=[f"10.1.{i // 256}.{i % 256}" for i in number],
        neighbor=[f"10.0.{(i + 1) // 256}.{(i + 1) % 256}" for i in number],
        kind=[LINK_KINDS[i % 3] for i in number],
        area=["0.0.0.0"] * links,
        cost=np.full(links, 10),
        up=up,
        octets=octets,
        packets=packets,
        bits_per_second=rng.random(links) * 1e9,
    )
    apps = ApplicationTable(
        id=np.arange(applications),
        name=[f"app-{i}" for i in range(applications)],
        octets=counters(applications),
        packets=counters(applications),
        bits_per_second=rng.random(applications) * 1e9,
    )
    cells = links * applications
    both = LinkApplicationTable(
        ifindex=np.repeat(index, applications),
        application=np.tile(np.arange(applications), links),
        octets=counters(cells),
        packets=counters(cells),
        bits_per_second=rng.random(cells) * 1e9,
    )
    scalars = GatewayScalars(
        watermark_seconds=since,
        bin_seconds=10,
        topology_version=7,
        topology_seconds=since,
        routers=links,
        agents=12,
        flow_records=1 << 40,
    )
    return SystemGroup(name="sample"), interfaces, table, apps, both, scalars


def sample_snapshot(links: int = 10, applications: int = 3, seed: int = 1, since: float = CREATED) -> bytes:
    return MibBuilder().build(*sample_tables(links, applications, seed, since), now=CREATED)
