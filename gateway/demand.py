"""What the flows of a window ask of the network, made once and carried from one topology version to the next.

Flows become *demands*: (prefix of the source, default gateway, prefix of the destination), with their octets by
application. Hundreds of thousands of flows are some ten thousand demands, and only those are placed and routed again
when the topology changes; their paths are followed (`ospf.matrix`). Where a prefix that holds one of the window's
addresses came or went, the flows are looked up anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gateway.batch import FlowBatch
from gateway.join import Ends, Located, Routing, ends_of, locate
from gateway.registry import AgentRegistry
from ospf.matrix import RoutingMatrix
from ospf.topology import Topology

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
U4 = NDArray[np.uint32]
B1 = NDArray[np.bool_]


@dataclass(frozen=True)
class Conversations:
    """(demand, application, source, destination) with its octets, the biggest first."""

    demand: I8
    app: I8
    source: U4
    destination: U4
    octets: F8


@dataclass(frozen=True, eq=False)
class Demand:
    """D demands and A applications of one window."""

    ends: Ends  # [D]
    apps: NDArray[np.int32]  # [A] application ids
    octets: Any  # csr [D, A], with L2 overhead
    conversations: Conversations
    addresses: U4  # every address looked up, ascending

    @classmethod
    def of(cls, flows: FlowBatch, routing: Routing, agents: AgentRegistry, overhead: int) -> Demand:
        """From the flows of a window, each counted once."""
        ends = ends_of(flows, routing, agents)
        gateways, via = np.unique(ends.gateway, return_inverse=True)
        rows = len(routing.topology.prefixes) + 1
        key = ((ends.source + 1).astype(np.int64) * len(gateways) + via) * rows + ends.destination + 1
        unique, first, demand = np.unique(key, return_index=True, return_inverse=True)
        apps, app = np.unique(flows["app"], return_inverse=True)
        amount = flows["octets"].astype(np.float64) + overhead * flows["packets"].astype(np.float64)
        octets = sparse.coo_matrix((amount, (demand, app)), shape=(len(unique), len(apps))).tocsr()
        return cls(
            Ends(ends.source[first], ends.destination[first], ends.hop[first], ends.gateway[first]),
            apps.astype(np.int32),
            octets,
            _conversations(demand, flows, amount),
            np.unique(np.concatenate([flows["source"], flows["destination"], gateways[gateways > 0]])),
        )

    def moved(self, old: Topology, new: Topology) -> Demand | None:
        """The same with the rows of a later prefix table; None when one of its addresses may lie elsewhere now."""
        before, after = old.prefixes, new.prefixes
        if np.array_equal(before.network, after.network) and np.array_equal(before.plen, after.plen):
            return self
        ours, theirs = (t.network.astype(np.int64) << 8 | t.plen for t in (before, after))
        for table, lone in ((before, ~np.isin(ours, theirs)), (after, ~np.isin(theirs, ours))):
            first = table.network[lone].astype(np.int64)
            last = first + (np.int64(1) << (32 - table.plen[lone].astype(np.int64))) - 1
            inside = np.searchsorted(self.addresses, last, side="right") - np.searchsorted(self.addresses, first)
            if inside.any():
                return None
        row = np.append(np.searchsorted(theirs, ours), -1).astype(np.int32)  # of those that are gone nothing is asked
        ends = self.ends
        moved = Ends(row[ends.source], row[ends.destination], row[ends.hop], ends.gateway)
        return replace(self, ends=moved)


def _conversations(demand: NDArray[np.integer[Any]], flows: FlowBatch, amount: F8) -> Conversations:
    """Sums of flows; the four key columns are sorted as two integers, which is ten times quicker."""
    first = (demand.astype(np.int64) << 24) | flows["app"]
    ends = (flows["source"].astype(np.uint64) << np.uint64(32)) | flows["destination"]
    order = np.lexsort((ends, first))
    first, ends = first[order], ends[order]
    new = np.ones(len(first), dtype=np.bool_)
    new[1:] = (first[1:] != first[:-1]) | (ends[1:] != ends[:-1])
    octets = np.add.reduceat(amount[order], np.flatnonzero(new)) if len(first) else amount
    first, ends = first[new], ends[new]
    biggest = np.argsort(-octets, kind="stable")
    first, ends = first[biggest], ends[biggest]
    source, destination = ends >> np.uint64(32), ends & np.uint64(0xFFFFFFFF)
    return Conversations(
        first >> 24, first & 0xFFFFFF, source.astype(np.uint32), destination.astype(np.uint32), octets[biggest]
    )


@dataclass(frozen=True, eq=False)
class Routed:
    """A window's demand over one topology."""

    demand: Demand
    routing: Routing
    at: Located  # [D]
    matrix: RoutingMatrix  # row i is demand i, empty where it is not placed
    reached: B1  # [D] placed, and there is a way

    @classmethod
    def of(cls, demand: Demand, routing: Routing, before: Routed | None = None) -> Routed:
        """`before`, the same demands over the version before, saves time."""
        at = locate(demand.ends, routing)
        vertex = np.where(at.good, at.vertex, -1).astype(np.int64)
        prefix = np.where(at.good, at.destination, -1).astype(np.int64)
        matrix = before.matrix.follow(routing.paths) if before is not None else None
        if matrix is None or not _same(matrix, vertex, prefix):
            matrix = routing.paths.matrix(vertex, prefix)
        return cls(demand, routing, at, matrix, matrix.reachable)

    def follow(self, routing: Routing) -> Routed | None:
        """Over the next version; None when the flows must be looked up anew."""
        demand = self.demand.moved(self.routing.topology, routing.topology)
        return None if demand is None else Routed.of(demand, routing, self)


def _same(matrix: RoutingMatrix, vertex: I8, prefix: I8) -> bool:
    return np.array_equal(matrix.sources, vertex) and np.array_equal(matrix.prefixes, prefix)
