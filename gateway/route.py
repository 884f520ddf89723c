"""Flows of a window x one topology -> one record per router hop, for export as if every router had NetFlow.

ECMP shares are integers by largest remainder over the hops at the same distance from the source, so that a flow's
octets add up exactly over an equal-cost cut (design: join).  Element 1 carries L3 octets, element 352 adds the L2
overhead; `flowId` is common to all hops of one flow in one bin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exporters.profiles import application_id
from gateway.batch import HopBatch, empty, take
from gateway.join import Placed, Routing
from ospf.paths import HopTable


def hop_records(placed: Placed, routing: Routing, overhead: int, first_flow_id: int) -> HopBatch:
    """HopBatch for the placed flows; `first_flow_id` makes flowId unique over windows."""
    flows, pair = placed.flows, placed.pair
    hops = routing.paths.hops(placed.vertex, placed.prefix, placed.entry)
    if not len(hops.pair) or not len(flows):
        return empty(HopBatch)
    order = np.argsort(hops.pair, kind="stable")
    counts = np.bincount(hops.pair, minlength=len(placed.vertex))
    first = np.concatenate([[0], np.cumsum(counts)])

    placed_flows = np.flatnonzero(pair >= 0)
    per_flow = counts[pair[placed_flows]]
    flow = np.repeat(placed_flows, per_flow)
    within = np.arange(len(flow)) - np.repeat(np.cumsum(per_flow) - per_flow, per_flow)
    hop = order[first[pair[flow]] + within]

    level, fraction = _levels(hops)[hop], hops.fraction[hop]
    octets = split(flows["octets"][flow], fraction, flow, level)
    packets = split(flows["packets"][flow], fraction, flow, level)
    keep = ((octets > 0) | (packets > 0)) & (hops.egress[hop] >= 0)
    flow, hop, octets, packets = flow[keep], hop[keep], octets[keep], packets[keep]

    links = routing.topology.links
    ingress, egress = hops.ingress[hop], hops.egress[hop]
    index = np.append(routing.ifindex, 0)  # -1, unknown, becomes 0
    part = take(flows, flow)
    return HopBatch(
        {
            "start_ms": (part["start"] * 1e3).astype(np.uint64),
            "end_ms": (part["end"] * 1e3).astype(np.uint64),
            **{
                name: part[name]
                for name in ("source", "destination", "source_port", "destination_port", "protocol", "tos")
            },
            "octets": octets,
            "packets": packets,
            "layer2_octets": octets + np.uint64(overhead) * packets,
            "ingress": index[ingress].astype(np.uint32),
            "egress": index[egress].astype(np.uint32),
            "direction": np.ones(len(flow), dtype=np.uint8),
            "application": application_id(0) + part["app"].astype(np.uint32),
            "router": links.router[egress].astype(np.uint32),
            "flow": (first_flow_id + flow).astype(np.uint64),
            "sampling": np.ones(len(flow), dtype=np.uint32),
        }
    )


def _levels(hops: HopTable) -> NDArray[np.int64]:
    """Hops from the first router, for pairs that split; others need no level (each row is a whole cut).

    The longest way counts, so that the branches of an equal-cost diamond meet again at one level.
    """
    parted = np.zeros(int(hops.pair.max(initial=-1)) + 1, dtype=np.bool_)
    parted[hops.pair[hops.fraction < 1 - 1e-9]] = True
    return np.where(parted[hops.pair], hops.depth, hops.vertex).astype(np.int64)


def split(
    whole: NDArray[np.uint64],
    fraction: NDArray[np.float64],
    flow: NDArray[np.int64],
    level: NDArray[np.int64],
) -> NDArray[np.uint64]:
    """Integer shares by largest remainder within each (flow, level).

    All arrays have one row per hop; `whole` is the flow's total repeated.  The shares of one (flow, level) sum to
    round(total x sum of its fractions), so exactly to the total where the level is a full cut.
    """
    exact = whole.astype(np.float64) * fraction
    base = np.floor(exact + 1e-9)
    remainder = exact - base
    group = flow.astype(np.int64) * (int(level.max(initial=0)) + 1) + level
    _, inverse = np.unique(group, return_inverse=True)
    missing = np.rint(np.bincount(inverse, weights=exact) - np.bincount(inverse, weights=base)).astype(
        np.int64
    )
    order = np.lexsort((-remainder, inverse))
    ranked = inverse[order]
    begins = np.concatenate([[0], np.flatnonzero(np.diff(ranked)) + 1]) if len(ranked) else np.zeros(0, int)
    sizes = np.diff(np.append(begins, len(ranked)))
    rank = np.arange(len(ranked)) - np.repeat(begins, sizes)
    shares = base.copy()
    shares[order[rank < missing[ranked]]] += 1
    return shares.astype(np.uint64)
