"""What the rest of the world may read of the gateway: one immutable value, replaced as a whole.

The view process makes a `Published` at every bin and at every topology change; SNMP, HTTP, the CLI's API and
`/metrics` read it and nothing else.  Columns of one group have equal length; octets include the configured L2
overhead; times are seconds since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ospf.paths import Paths
from ospf.topology import Topology

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
U8 = NDArray[np.uint64]


@dataclass(frozen=True)
class LinkColumns:
    """One row per router interface ever seen (directed: traffic leaving that router); row order = ifIndex order."""

    id: tuple[str, ...]  # "router:interface"
    kind: tuple[str, ...]  # transit | stub | external
    router: tuple[str, ...]  # dotted router id
    interface: tuple[str, ...]  # address | ifN | prefix | external
    neighbor: tuple[str, ...]  # router id | LAN's prefix | ""
    area: tuple[str, ...]
    name: tuple[str, ...]  # human name (ifName), unique
    ifindex: I4
    cost: I4
    up: NDArray[np.bool_]
    octets: U8  # Out, counter
    packets: U8
    in_octets: U8
    in_packets: U8
    bits_per_second: F8  # last closed bin's traffic over the current topology, Out
    in_bits_per_second: F8
    capacity: F8  # bits per second, 0 = unknown
    last_change: F8

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True)
class AppColumns:
    """One row per application id; 0 unknown, 1 unattributed, 2 other."""

    id: I4
    name: tuple[str, ...]
    octets: U8  # carried end to end (each flow once, not once per link)
    packets: U8
    bits_per_second: F8


@dataclass(frozen=True)
class LinkAppColumns:
    """Link x application cells that ever carried traffic, ordered by (link, application)."""

    link: I4  # row of LinkColumns
    app: I4  # row of AppColumns
    octets: U8
    packets: U8
    bits_per_second: F8


@dataclass(frozen=True)
class Talker:
    """One of the biggest conversations on a link in the last closed bin."""

    link: int  # row of LinkColumns
    app: int  # row of AppColumns
    source: str
    destination: str
    bits_per_second: float


@dataclass(frozen=True)
class MatrixColumns:
    """Router x router x application, last closed bin."""

    source: tuple[str, ...]  # router id where the traffic enters
    destination: tuple[str, ...]  # router id where it leaves, or the LAN's prefix
    app: I4  # row of AppColumns
    bits_per_second: F8


@dataclass(frozen=True)
class Agent:
    id: str
    name: str
    exporter: str  # "address:port" the reports come from
    addresses: tuple[str, ...]
    gateway: str  # default gateway the host uses, "" none
    layer: int
    interval_seconds: float
    last_seen: float
    records: int
    lost: int  # records lost on the way (sequence) or in the host's kernel
    live: bool


@dataclass(frozen=True)
class Event:
    time: float
    kind: str  # link_up link_down cost_changed router_up router_down prefix_added prefix_removed agent_lost ...
    subject: str
    detail: str


@dataclass(frozen=True)
class Published:
    time: float
    watermark: float  # the view is complete up to here
    started: float
    bin_seconds: float
    topology: Topology | None
    paths: Paths | None
    topology_version: int
    links: LinkColumns
    apps: AppColumns
    link_apps: LinkAppColumns
    matrix: MatrixColumns
    talkers: Sequence[Talker] = ()
    agents: tuple[Agent, ...] = ()
    events: tuple[Event, ...] = ()  # newest last, bounded
    topologies: Mapping[str, Topology] = field(default_factory=dict)  # of every OSPF instance, by domain name
    stats: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # component -> counter -> value
