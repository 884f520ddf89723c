"""The join: flows of a window x one topology -> octets per link and application.

Flows become (pair, application) sums, a pair being (vertex where the traffic enters, interface it enters by,
destination prefix); the routing matrix R (pair x directed link, fractional ECMP) comes from `ospf.paths`; the loads
are one sparse product, R-transposed times T.  Octets sent by a host with a live agent are authoritative; received
octets count only when the sender has no agent (design, both ends).

What cannot be placed is counted by reason, in octets: see `LOST`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gateway.attachment import LongestPrefixMatch
from gateway.batch import FlowBatch, take
from gateway.registry import AgentRegistry
from ospf.paths import Paths
from ospf.topology import Topology

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]

# reasons: no topology known; source or destination in no prefix; no path; and, placed but worth knowing: not routed
# because both ends share a link; entry guessed because the prefix hangs on several routers or lies outside the area
LOST = ("no_topology", "source_unknown", "destination_unknown", "unreachable")
NOTED = ("on_link", "repeated", "entry_ambiguous", "entry_assumed")


@dataclass(frozen=True)
class Routing:
    """One topology with what is derived from it once."""

    topology: Topology
    paths: Paths
    prefixes: LongestPrefixMatch
    ifindex: I4  # of every link row

    @classmethod
    def of(cls, topology: Topology, ifindex: list[int]) -> Routing:
        table = topology.prefixes
        return cls(
            topology,
            Paths(topology),
            LongestPrefixMatch(table.network, table.plen),
            np.array(ifindex, dtype=np.int32),
        )


@dataclass(frozen=True)
class Placed:
    """Flows of one window with the pair each belongs to (-1: not placed); pairs as columns."""

    flows: FlowBatch
    pair: I4  # per flow
    vertex: I4  # per pair: where it enters
    entry: I4  # per pair: link row it enters by, -1 unknown
    prefix: I4  # per pair: row of the prefix table
    octets: dict[str, int] = field(default_factory=dict)  # by reason


def count_once(flows: FlowBatch, covering: NDArray[np.uint32]) -> tuple[FlowBatch, int]:
    """Without the rows whose sender reports them itself; and the octets left out."""
    repeated = (flows["sent"] == 0) & np.isin(flows["source"], covering)
    if not repeated.any():
        return flows, 0
    return take(flows, ~repeated), int(flows["octets"][repeated].sum())


def place(flows: FlowBatch, routing: Routing, agents: AgentRegistry) -> Placed:
    """Find where each flow enters the network and which prefix it is for."""
    topology, count = routing.topology, len(flows)
    octets = flows["octets"].astype(np.float64)
    source = routing.prefixes.lookup(flows["source"])
    destination = routing.prefixes.lookup(flows["destination"])
    vertex, entry, ambiguous, assumed = _prefix_entry(topology, source)

    sent = (flows["sent"] == 1) & (flows["agent"] >= 0)
    gateways = np.zeros(count, dtype=np.uint32)
    if sent.any():
        gateways[sent] = agents.first_hops(flows["agent"][sent], flows["source"][sent])
    _first_hop_entry(topology, gateways, source, vertex, entry, ambiguous)

    tally: dict[str, int] = {}

    def note(reason: str, mask: NDArray[np.bool_]) -> None:
        tally[reason] = int(octets[mask].sum())

    types = np.append(_route_types(topology), 255)  # 255: no prefix
    on_link = (source == destination) & (types[source] == 0)
    no_source = (vertex < 0) & ~on_link
    no_destination = (destination < 0) & ~no_source & ~on_link
    good = ~(on_link | no_source | no_destination)
    note("on_link", on_link)
    note("source_unknown", no_source)
    note("destination_unknown", no_destination)
    note("entry_ambiguous", good & ambiguous)
    note("entry_assumed", good & assumed)

    key = np.stack([vertex[good], entry[good], destination[good]], axis=1)
    unique, inverse = np.unique(key, axis=0, return_inverse=True)
    pair = np.full(count, -1, dtype=np.int32)
    pair[good] = inverse.reshape(-1)
    columns = unique.astype(np.int32).reshape(-1, 3)
    return Placed(flows, pair, columns[:, 0], columns[:, 1], columns[:, 2], tally)


def _prefix_entry(topology: Topology, prefix: I4) -> tuple[I4, I4, NDArray[np.bool_], NDArray[np.bool_]]:
    """By prefix alone: the cheapest attachment; (vertex, link row, several equally good?, outside the area?)."""
    table = topology.prefixes
    n = len(table.network)
    best = np.full(n + 1, -1, dtype=np.int64)  # one more row so that -1 finds "none"
    ties = np.zeros(n + 1, dtype=bool)
    start = table.start
    for row in range(n):
        low, high = int(start[row]), int(start[row + 1])
        if high > low:
            costs = table.cost[low:high]
            best[row] = low + int(costs.argmin())
            ties[row] = high - low > 1
    chosen = best[prefix]
    found = chosen >= 0
    safe = np.where(found, chosen, 0)
    if not len(table.vertex):
        nothing = np.full(len(prefix), -1, dtype=np.int32)
        return nothing, nothing.copy(), np.zeros(len(prefix), bool), np.zeros(len(prefix), bool)
    vertex = np.where(found, table.vertex[safe], -1).astype(np.int32)
    entry = np.where(found, table.link[safe], -1).astype(np.int32)
    outside = found & (table.route_type[safe] > 0)
    return vertex, entry, ties[prefix] & found & ~outside, outside


def _route_types(topology: Topology) -> NDArray[np.uint8]:
    """Route type of every prefix (all attachments of one prefix have the same); uint8[P]."""
    table = topology.prefixes
    if not len(table.route_type):
        return np.full(len(table.network), 255, dtype=np.uint8)
    return table.route_type[np.minimum(table.start[:-1], len(table.route_type) - 1)]


def _first_hop_entry(
    topology: Topology,
    gateways: NDArray[np.uint32],
    source: I4,
    vertex: I4,
    entry: I4,
    ambiguous: NDArray[np.bool_],
) -> None:
    """Where the host's own default gateway is known, it decides (in place).

    An interface address proven by an LSA names router and interface at once.  A gateway on a stub LAN is proven
    only as an address of that prefix: with one router there the prefix has decided already, and with several an
    address cannot tell them apart, so the choice stays marked ambiguous.
    """
    for gateway in np.unique(gateways[gateways > 0]).tolist():
        owner = topology.interface_owner(gateway)
        rows = gateways == gateway
        if owner is not None:
            vertex[rows], entry[rows] = owner
            ambiguous[rows] = False


@dataclass(frozen=True)
class Load:
    """Sums of one window over one topology.  Cells are (link row, app), COO; pairs as given."""

    link: I4
    app: I4
    octets: F8  # Out, L3 + overhead
    packets: F8
    in_octets: F8
    in_packets: F8
    flows: F8
    pair_app: tuple[I4, I4, F8, F8]  # pair, app, octets, packets: the traffic matrix of the window
    matrix: Any  # csr (pairs, 2 L) routing fractions
    reachable: NDArray[np.bool_]
    unreachable_octets: int


def load(placed: Placed, routing: Routing, overhead: int) -> Load:
    """R^T T for the placed flows; octets include `overhead` octets per packet."""
    flows, good = placed.flows, placed.pair >= 0
    links = len(routing.ifindex)
    pair, app = placed.pair[good], flows["app"][good]
    packets = flows["packets"][good].astype(np.float64)
    octets = flows["octets"][good].astype(np.float64) + overhead * packets
    reachable = routing.paths.reachable(placed.vertex, placed.prefix)
    matrix = routing.paths.fractions(placed.vertex, placed.prefix)
    matrix = matrix + _entries(placed, reachable, links)
    unreachable = ~reachable[pair] if len(pair) else np.zeros(0, dtype=bool)

    apps, app_row = np.unique(app, return_inverse=True)
    shape = (len(placed.vertex), max(len(apps), 1))
    cells = [
        sparse.coo_matrix((values, (pair, app_row)), shape=shape).tocsr()
        for values in (octets, packets, np.ones(len(pair)))
    ]
    turned = matrix.T.tocsr()
    sums = [(turned @ cell).tocoo() for cell in cells]
    dense_key = np.unique(np.concatenate([_key(s, links) for s in sums]) if links else np.zeros(0, np.int64))
    link, column = (dense_key >> 24).astype(np.int32), (dense_key & 0xFFFFFF).astype(np.int32)
    values = np.zeros((5, len(dense_key)))
    for which, total in enumerate(sums):
        out = total.row < links
        where = np.searchsorted(dense_key, _key(total, links))
        np.add.at(values[(0, 1, 4)[which]], where[out], total.data[out])
        if which < 2:
            np.add.at(values[2 + which], where[~out], total.data[~out])
    traffic = cells[0].tocoo()
    traffic_packets = np.asarray(cells[1][traffic.row, traffic.col]).reshape(-1)
    return Load(
        link,
        apps[column].astype(np.int32) if len(apps) else column,
        values[0],
        values[1],
        values[2],
        values[3],
        values[4],
        pair_app=(
            traffic.row.astype(np.int32),
            apps[traffic.col].astype(np.int32) if len(apps) else traffic.col.astype(np.int32),
            traffic.data,
            traffic_packets,
        ),
        matrix=matrix,
        reachable=reachable,
        unreachable_octets=int(octets[unreachable].sum()),
    )


def _key(total: Any, links: int) -> NDArray[np.int64]:
    key: NDArray[np.int64] = (total.row.astype(np.int64) % links << 24) | total.col.astype(np.int64)
    return key


def _entries(placed: Placed, reachable: NDArray[np.bool_], links: int) -> Any:
    """In of the interface a pair enters the network by: 1 in column L + entry."""
    rows = np.flatnonzero((placed.entry >= 0) & reachable)
    return sparse.csr_matrix(
        (np.ones(len(rows)), (rows, links + placed.entry[rows])), shape=(len(placed.vertex), 2 * links)
    )
