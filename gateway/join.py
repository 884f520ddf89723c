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
from ospf.topology import INTRA, Topology

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]

# reasons: no topology known; source or destination in no prefix; no path; and, placed but worth knowing: not routed
# because both ends share a link; entry guessed because the prefix hangs on several routers or lies outside the area
LOST = ("no_topology", "source_unknown", "destination_unknown", "unreachable")
NOTED = ("on_link", "repeated", "entry_ambiguous", "entry_assumed")


@dataclass(frozen=True)
class Entries:
    """Per prefix row: where a source in it enters when only its prefix is known."""

    vertex: I4
    link: I4
    several: NDArray[np.bool_]  # more than one router announces it
    outside: NDArray[np.bool_]  # not in this area: the cheapest border router is assumed


@dataclass(frozen=True)
class Routing:
    """One topology with what is derived from it once."""

    topology: Topology
    paths: Paths
    prefixes: LongestPrefixMatch
    ifindex: I4  # of every link row
    entries: Entries

    @classmethod
    def of(cls, topology: Topology, ifindex: list[int], previous: Paths | None = None) -> Routing:
        """`previous`: the paths of the version before, from which distances are mended instead of made anew."""
        table = topology.prefixes
        return cls(
            topology,
            Paths(topology, previous),
            LongestPrefixMatch(table.network, table.plen),
            np.array(ifindex, dtype=np.int32),
            _entries_by_prefix(topology),
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


def count_once(flows: FlowBatch, agents: AgentRegistry) -> tuple[FlowBatch, int]:
    """Without the rows whose sender reports them itself; and the octets left out."""
    repeated = (flows["sent"] == 0) & agents.covers(flows["source"], flows["end"])
    if not repeated.any():
        return flows, 0
    return take(flows, ~repeated), int(flows["octets"][repeated].sum())


@dataclass(frozen=True)
class Ends:
    """Where flows begin and end: rows of the prefix table, -1 in none; equal-length columns."""

    source: I4
    destination: I4
    hop: I4  # of the default gateway the sender uses, -1 unknown
    gateway: NDArray[np.uint32]  # its address, 0 unknown


@dataclass(frozen=True)
class Located:
    """The pair each row of `Ends` belongs to, and what is worth knowing of it."""

    vertex: I4  # where it enters, -1 unknown
    entry: I4  # link row it enters by, -1 unknown
    destination: I4
    good: NDArray[np.bool_]  # to be routed
    notes: dict[str, NDArray[np.bool_]]  # by reason


def ends_of(flows: FlowBatch, routing: Routing, agents: AgentRegistry) -> Ends:
    """Look up the addresses of flows; the host is where its gateway is, whatever address it sends from."""
    sent = (flows["sent"] == 1) & (flows["agent"] >= 0)
    gateways = np.zeros(len(flows), dtype=np.uint32)
    if sent.any():
        gateways[sent] = agents.first_hops(flows["agent"][sent], flows["source"][sent])
    lookup = routing.prefixes.lookup
    hop = np.where(gateways > 0, lookup(gateways), -1)
    return Ends(lookup(flows["source"]), lookup(flows["destination"]), hop.astype(np.int32), gateways)


def locate(ends: Ends, routing: Routing) -> Located:
    """Find where traffic enters the network and which prefix it is for (design: attaches at the agent's position)."""
    source, destination, hop = ends.source, ends.destination, ends.hop
    by_prefix = routing.entries
    vertex, entry = by_prefix.vertex[source], by_prefix.link[source]
    ambiguous, assumed = by_prefix.several[source], by_prefix.outside[source]
    moved = (hop >= 0) & (hop != source) & ~by_prefix.outside[hop]
    vertex[moved], entry[moved] = by_prefix.vertex[hop[moved]], by_prefix.link[hop[moved]]
    ambiguous[moved], assumed[moved] = by_prefix.several[hop[moved]], False
    _first_hop_entry(routing.topology, ends.gateway, vertex, entry, ambiguous)

    neighbor = (source == destination) | (moved & (hop == destination))
    on_link = neighbor & (destination >= 0) & ~by_prefix.outside[destination]
    no_source = (vertex < 0) & ~on_link
    no_destination = (destination < 0) & ~no_source & ~on_link
    good = ~(on_link | no_source | no_destination)
    notes = {
        "on_link": on_link,
        "source_unknown": no_source,
        "destination_unknown": no_destination,
        "entry_ambiguous": good & ambiguous,
        "entry_assumed": good & assumed,
    }
    return Located(vertex, entry, destination, good, notes)


def place(flows: FlowBatch, routing: Routing, agents: AgentRegistry) -> Placed:
    """Find where each flow enters the network and which prefix it is for."""
    at = locate(ends_of(flows, routing, agents), routing)
    octets, good = flows["octets"].astype(np.float64), at.good
    tally = {reason: int(octets[mask].sum()) for reason, mask in at.notes.items()}
    # vertex, entry (-1 allowed) and prefix in one integer: sorting rows is ten times slower
    links, prefixes = len(routing.ifindex) + 1, len(routing.topology.prefixes.network)
    key = (at.vertex[good].astype(np.int64) * links + at.entry[good] + 1) * prefixes + at.destination[good]
    unique, inverse = np.unique(key, return_inverse=True)
    pair = np.full(len(flows), -1, dtype=np.int32)
    pair[good] = inverse
    rest, prefix = np.divmod(unique, max(prefixes, 1))
    vertex, by = np.divmod(rest, links)
    return Placed(flows, pair, vertex.astype(np.int32), (by - 1).astype(np.int32), prefix.astype(np.int32), tally)


def _entries_by_prefix(topology: Topology) -> Entries:
    """The cheapest attachment of every prefix; one more row at the end, so that -1 finds "none"."""
    table = topology.prefixes
    count = len(table.network)
    start = table.start.astype(np.int64)
    sizes = np.diff(start)
    order = np.lexsort((table.cost, np.repeat(np.arange(count), sizes)))
    best = np.where(sizes > 0, start[:-1], -1)
    best[sizes > 0] = order[start[:-1][sizes > 0]]
    has = best >= 0
    vertex, link = np.full(count + 1, -1, np.int32), np.full(count + 1, -1, np.int32)
    vertex[:-1][has] = table.vertex[best[has]]
    link[:-1][has] = table.link[best[has]]
    outside = np.append(table.route_type != INTRA, False)
    return Entries(vertex, link, np.append(sizes > 1, False) & ~outside, outside)


def _first_hop_entry(
    topology: Topology,
    gateways: NDArray[np.uint32],
    vertex: I4,
    entry: I4,
    ambiguous: NDArray[np.bool_],
) -> None:
    """Where the host's own default gateway is known, it decides (in place).

    An interface address proven by an LSA names router and interface at once.  A gateway on a stub LAN is proven
    only as an address of that prefix: with one router there the prefix has decided already, and with several an
    address cannot tell them apart, so the choice stays marked ambiguous.
    """
    known, which = np.unique(gateways, return_inverse=True)
    owners = [topology.interface_owner(gateway) if gateway else None for gateway in known.tolist()]
    at = np.array([owner or (-1, -1) for owner in owners], dtype=np.int32).reshape(-1, 2)[which]
    proven = np.array([owner is not None for owner in owners], dtype=np.bool_)[which]
    vertex[proven], entry[proven] = at[proven, 0], at[proven, 1]
    ambiguous[proven] = False


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
    # Wherever there are octets or packets there are flows.
    dense_key = np.unique(_key(sums[2], links) if links else np.zeros(0, np.int64))
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
