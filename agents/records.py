"""What every source hands on: flow rows as equal-length columns, both directions of one flow in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

I8 = NDArray[np.int64]

OPENED_UNKNOWN, OPENED_LOCAL, OPENED_REMOTE = 0, 1, 2  # RFC 5103 biflowDirection as seams use it
END_IDLE, END_ACTIVE, END_DETECTED, END_FORCED, END_RESOURCES = 1, 2, 3, 4, 5  # RFC 7011 flowEndReason (136)


@dataclass(frozen=True)
class FlowRows:
    """Deltas of flows for [start, end] each; octets are layer 3, local is always this host's end.

    Addresses are 16 octets, IPv4 in the first four.  `owner` is the source's own key for the owner of the
    flow.
    """

    start: NDArray[np.float64]  # seconds since the epoch
    end: NDArray[np.float64]
    version: NDArray[np.uint8]  # 4 | 6
    local: NDArray[np.uint8]  # (n, 16)
    remote: NDArray[np.uint8]  # (n, 16)
    local_port: I8
    remote_port: I8
    protocol: I8
    traffic_class: I8
    out_octets: I8
    out_packets: I8
    in_octets: I8
    in_packets: I8
    opened: I8
    end_reason: I8
    smoothed_rtt: I8  # microseconds, 0 = unknown
    minimum_rtt: I8
    retransmitted: I8  # octets sent again
    owner: I8

    def __len__(self) -> int:
        return len(self.start)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> FlowRows:
        """The rows of an index or a mask."""
        return FlowRows(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


def no_rows() -> FlowRows:
    """A table of no rows."""
    columns: dict[str, NDArray[np.generic]] = {f.name: np.zeros(0, np.int64) for f in fields(FlowRows)}
    columns["start"] = columns["end"] = np.zeros(0, np.float64)
    columns["version"] = np.zeros(0, np.uint8)
    columns["local"] = columns["remote"] = np.zeros((0, 16), np.uint8)
    return FlowRows(**columns)  # type: ignore[arg-type]


def concatenate(parts: Sequence[FlowRows]) -> FlowRows:
    """The rows of several tables below each other."""
    if not parts:
        return no_rows()
    return FlowRows(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(FlowRows)})
