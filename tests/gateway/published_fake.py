"""`Published` values for tests of the gateway's face: real topologies and paths, traffic given by hand.

`small` is four routers with parallel wires, two equal paths, a LAN, stubs and an outside; `of_network` takes any
simulated network and a list of flows, and puts them on the links by `Paths.fractions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gateway.demo.area import SimulatedArea
from gateway.demo.network import STUB, Network, NetworkBuilder
from gateway.published import (
    Agent,
    AppColumns,
    Event,
    LinkAppColumns,
    LinkColumns,
    MatrixColumns,
    Published,
    Talker,
)
from ospf.links import KIND_NAMES
from ospf.paths import Paths
from ospf.topology import Topology, build_topology
from ospf.wire import address_text

NOW = 1_795_290_600.0  # 2026-11-21T19:50:00Z
STARTED = NOW - 3_725.0
RESERVED = ("unknown", "unattributed", "other")
NAMES = {"10.255.0.1": "north", "10.255.0.2": "south", "10.255.0.3": "east", "10.255.0.4": "west"}


@dataclass(frozen=True)
class Flow:
    source: str  # host name
    destination: str
    app: str
    bits_per_second: float


SMALL_FLOWS = (
    Flow("web", "pc", "https", 70e6),
    Flow("web", "pc", "backup", 22e6),
    Flow("pc", "web", "https", 4e6),
    Flow("probe", "web", "<script>alert(1)</script>", 1e6),
)


def small_network() -> Network:
    """north =2= south, north - east - west and north - south - west at equal cost, a LAN on north and south."""
    build = NetworkBuilder()
    for number, name in enumerate(("north", "south", "east", "west"), 1):
        build.router(name, f"10.255.0.{number}")
    build.lan("lan", "10.0.100.0/24", ("north", "south"), 50, capacity=1e9)
    build.p2p("north", "south", "10.0.0.0/30", 10, capacity=1e9)
    build.p2p("north", "south", "10.0.0.4/30", 10, capacity=1e9, name="north--south#2")
    build.p2p("north", "east", "10.0.0.8/30", 10, capacity=100e6)
    build.p2p("east", "west", "10.0.0.12/30", 10, capacity=100e6)
    build.p2p("south", "west", "10.0.0.16/30", 10, capacity=0)
    build.stub("servers", "10.1.0.0/24", "north", 10, capacity=1e9)
    build.stub("office", "10.4.0.0/24", "west", 10, capacity=100e6)
    build.host("web", 10, "servers")
    build.host("pc", 20, "office")
    build.host("probe", 30, "lan", gateway="south")
    build.external("north", "0.0.0.0/0", 20)
    return build.build()


def small(**changes: Any) -> Published:
    """The small network with its flows; `changes` replace fields of `Published`."""
    return replace(of_network(small_network(), SMALL_FLOWS), **changes)


def topology_of(network: Network, version: int = 7, time: float = NOW - 600) -> Topology:
    """The topology; the gateway has seen every interface address that a working OSPF neighbour proves."""
    inner = {segment.name for segment in network.segments if segment.kind != STUB}
    known = {
        router.id: {end.address for end in network.interfaces[router.name] if end.address and end.segment in inner}
        for router in network.routers
    }
    return build_topology(SimulatedArea(network, time).lsas(time), version=version, time=time, known=known)


def of_network(
    network: Network,
    flows: Sequence[Flow],
    *,
    now: float = NOW,
    names: Mapping[str, str] = NAMES,
    events: tuple[Event, ...] = (),
    stats: Mapping[str, Mapping[str, float]] | None = None,
    seconds: float = 600.0,
) -> Published:
    """The view of a network that carried `flows` for `seconds`; failed parts stay as rows that are down."""
    base, held = topology_of(replace(network, down=frozenset())), topology_of(network)
    paths = Paths(held)
    app_names = (*RESERVED, *dict.fromkeys(flow.app for flow in flows))
    row_of = {key: row for row, key in enumerate(base.links.keys)}
    n_links, n_apps = len(base.links), len(app_names)
    out, into = np.zeros((n_links, n_apps)), np.zeros((n_links, n_apps))
    matrix, talkers, carried = [], [], np.zeros(n_apps)
    for flow in flows:
        source, destination = (network.host_by_name[name] for name in (flow.source, flow.destination))
        app = app_names.index(flow.app)
        owner = held.interface_owner(source.gateway)
        vertex = owner[0] if owner else _router_vertex(network, held, source.segment)
        if vertex < 0:
            continue
        fractions = paths.fractions(np.array([vertex]), np.array([_row(held, destination.address)])).toarray()[0]
        if not fractions.any():
            continue
        carried[app] += flow.bits_per_second
        for row, key in enumerate(held.links.keys):
            out[row_of[key], app] += fractions[row] * flow.bits_per_second
            into[row_of[key], app] += fractions[row + len(held.links)] * flow.bits_per_second
            if fractions[row]:
                rate = fractions[row] * flow.bits_per_second
                ends = address_text(source.address), address_text(destination.address)
                talkers.append(Talker(row_of[key], app, *ends, rate))
        matrix.append((held.vertex_name(vertex), _last_router(paths, held, vertex, destination.address), app, flow))
    links = _links(network, base, held, out, into, names, seconds, now)
    link, app_rows = np.nonzero(out)
    return Published(
        time=now,
        watermark=now - 12,
        started=STARTED,
        bin_seconds=10.0,
        topology=held,
        paths=paths,
        topology_version=held.version,
        links=links,
        apps=AppColumns(
            np.arange(n_apps, dtype=np.int32), app_names, _octets(carried, seconds), _packets(carried, seconds), carried
        ),
        link_apps=LinkAppColumns(
            link.astype(np.int32),
            app_rows.astype(np.int32),
            _octets(out[link, app_rows], seconds),
            _packets(out[link, app_rows], seconds),
            out[link, app_rows],
        ),
        matrix=MatrixColumns(
            tuple(m[0] for m in matrix),
            tuple(m[1] for m in matrix),
            np.array([m[2] for m in matrix], dtype=np.int32),
            np.array([m[3].bits_per_second for m in matrix]),
        ),
        talkers=tuple(talkers),
        agents=_agents(network, now),
        events=events
        or (
            Event(now - 500, "router_up", "10.255.0.4", ""),
            Event(now - 300, "link_down", "10.255.0.1:10.0.0.5", "to 10.255.0.2"),
            Event(now - 240, "link_up", "10.255.0.1:10.0.0.5", "to 10.255.0.2"),
        ),
        stats=stats
        if stats is not None
        else {
            "decode": {"messages": 1200, "records": 48_000, "sequence_lost": 3, "malformed": 0},
            "join_octets": {"destination_unknown": 12_345, "on_link": 99},
            "udp": {"datagrams": 1203, "queue_dropped": 0, "kernel_dropped": 2},
        },
    )


def empty(**changes: Any) -> Published:
    """A gateway that has heard nothing."""
    none, nothing = np.zeros(0, dtype=np.int32), np.zeros(0)
    octets = np.zeros(0, dtype=np.uint64)
    t: tuple[str, ...] = ()
    return replace(
        Published(
            NOW, NOW - 12, STARTED, 10.0, None, None, 0,
            LinkColumns(t, t, t, t, t, t, t, none, none, nothing.astype(bool), octets, octets, octets, octets,
                        nothing, nothing, nothing, nothing),
            AppColumns(none, t, octets, octets, nothing),
            LinkAppColumns(none, none, octets, octets, nothing),
            MatrixColumns(t, t, none, nothing),
        ),
        **changes,
    )  # fmt: skip


def _links(
    network: Network, base: Topology, held: Topology, out: Any, into: Any, names: Mapping[str, str],
    seconds: float, now: float,
) -> LinkColumns:  # fmt: skip
    now_up = {key: bool(held.links.up[row]) for row, key in enumerate(held.links.keys)}
    capacity = {network.link_id(end): segment.capacity for segment in network.segments for end in segment.ends}
    routers = [address_text(key.router) for key in base.links.keys]
    return LinkColumns(
        id=tuple(str(key) for key in base.links.keys),
        kind=tuple(KIND_NAMES[kind] for kind in base.links.kind.tolist()),
        router=tuple(routers),
        interface=tuple(key.interface for key in base.links.keys),
        neighbor=base.links.neighbor,
        area=("0.0.0.0",) * len(base.links),
        name=tuple(f"{names.get(r, r)}:{key.interface}" for r, key in zip(routers, base.links.keys, strict=True)),
        ifindex=np.arange(1, len(base.links) + 1, dtype=np.int32),
        cost=base.links.cost.astype(np.int32),
        up=np.array([now_up.get(key, False) for key in base.links.keys]),
        octets=_octets(out.sum(axis=1), seconds),
        packets=_packets(out.sum(axis=1), seconds),
        in_octets=_octets(into.sum(axis=1), seconds),
        in_packets=_packets(into.sum(axis=1), seconds),
        bits_per_second=out.sum(axis=1),
        in_bits_per_second=into.sum(axis=1),
        capacity=np.array([capacity.get(str(key), 0.0) for key in base.links.keys]),
        last_change=np.full(len(base.links), now - 600),
    )


def _agents(network: Network, now: float) -> tuple[Agent, ...]:
    return tuple(
        Agent(
            id=f"{number:032x}", name=host.name, exporter=f"{address_text(host.address)}:40001",
            addresses=(address_text(host.address),),
            gateway=address_text(host.gateway) if host.gateway else "", layer=1,
            interval_seconds=5.0, last_seen=now - (400 if number == 1 else 3), records=1000 + number,
            lost=7 if number == 1 else 0, live=number != 1,
        )
        for number, host in enumerate(host for host in network.hosts if host.agent)
    )  # fmt: skip


def _octets(rates: Any, seconds: float) -> Any:
    return np.asarray(rates * seconds / 8).astype(np.uint64)


def _packets(rates: Any, seconds: float) -> Any:
    return np.asarray(rates * seconds / 8 / 900).astype(np.uint64)


def _router_vertex(network: Network, held: Topology, segment: str) -> int:
    """The router of a stub, -1 when it is gone; outside hosts enter at the ASBR."""
    name = network.segment_by_name[segment].ends[0].router if segment else network.externals[0].router
    return held.router_vertex.get(network.router_by_name[name].id, -1)


def _row(held: Topology, address: int) -> int:
    table = held.prefixes
    known = enumerate(zip(table.network.tolist(), table.plen.tolist(), strict=True))
    return max((plen, row) for row, (net, plen) in known if address >> (32 - plen) == net >> (32 - plen))[1]


def _last_router(paths: Paths, held: Topology, vertex: int, address: int) -> str:
    return address_text(paths.trace(vertex, _row(held, address))[-1].router)
