"""Flow rows and host facts as columns of the templates agents speak (exporters.profiles).

Applications travel as selectors local to the session, their names in an options table; a name keeps its
selector for the agent's lifetime.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.hostaddresses import OwnAddress
from agents.owners import Owner
from agents.records import FlowRows
from exporters.profiles import APPLICATION_NAME_OCTETS, application_id

UNATTRIBUTED, OTHER, FIRST_SELECTOR = 1, 2, 3
RESERVED = {UNATTRIBUTED: "unattributed", OTHER: "other"}
NAME_OCTETS = 255  # of UTF-8; longer names are cut
AGENT_LAYER = 1

Columns = dict[str, Any]


class ApplicationNames:
    """Name -> selector, bounded: names beyond the bound are "other" (counted)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._selectors: dict[str, int] = {}
        self.overflow = 0
        self.changed = True

    def selector(self, name: str) -> int:
        """The selector of a name, a new one when it has none; 1 for no name, 2 when the table is full."""
        if not name:
            return UNATTRIBUTED
        known = self._selectors.get(name)
        if known is not None:
            return known
        if len(self._selectors) >= self._most:
            self.overflow += 1
            return OTHER
        selector = FIRST_SELECTOR + len(self._selectors)
        self._selectors[name] = selector
        self.changed = True
        return selector

    def columns(self) -> Columns:
        """The options table APPLICATION_NAMES."""
        rows = RESERVED | {selector: name for name, selector in self._selectors.items()}
        return {
            "applicationId": [application_id(selector) for selector in rows],
            "applicationName": [cut(name, APPLICATION_NAME_OCTETS) for name in rows.values()],
            "applicationDescription": [""] * len(rows),
        }


def cut(text: str, octets: int = NAME_OCTETS) -> str:
    """At most so many octets of UTF-8, no character cut in two."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= octets else data[:octets].decode("utf-8", "ignore")


def flow_columns(rows: FlowRows, owners: Sequence[Owner], names: ApplicationNames, version: int) -> Columns:
    """Columns of AGENT_FLOW_V4 or _V6 for rows of that IP version."""
    family = f"IPv{version}"
    selectors = [names.selector(owner.application) for owner in owners]
    return {
        "flowStartMilliseconds": (rows.start * 1000).astype(np.uint64),
        "flowEndMilliseconds": (rows.end * 1000).astype(np.uint64),
        f"source{family}Address": _addresses(rows.local, version),
        f"destination{family}Address": _addresses(rows.remote, version),
        "sourceTransportPort": rows.local_port.astype(np.uint16),
        "destinationTransportPort": rows.remote_port.astype(np.uint16),
        "protocolIdentifier": rows.protocol.astype(np.uint8),
        "ipClassOfService": rows.traffic_class.astype(np.uint8),
        "octetDeltaCount": rows.out_octets.astype(np.uint64),
        "packetDeltaCount": rows.out_packets.astype(np.uint64),
        "reverseOctetDeltaCount": rows.in_octets.astype(np.uint64),
        "reversePacketDeltaCount": rows.in_packets.astype(np.uint64),
        "biflowDirection": rows.opened.astype(np.uint8),
        "flowEndReason": rows.end_reason.astype(np.uint8),
        "applicationId": np.asarray([application_id(selector) for selector in selectors], np.uint32),
        "attributionMethod": np.asarray([owner.method for owner in owners], np.uint8),
        "processId": np.asarray([owner.process_id for owner in owners], np.uint32),
        "smoothedRttMicroseconds": rows.smoothed_rtt.astype(np.uint32),
        "minimumRttMicroseconds": rows.minimum_rtt.astype(np.uint32),
        "retransmittedOctetDeltaCount": rows.retransmitted.astype(np.uint64),
        "processName": [cut(owner.process_name) for owner in owners],
        "serviceUnit": [cut(owner.unit) for owner in owners],
        "userName": [cut(owner.user) for owner in owners],
    }


def _addresses(octets: np.ndarray[Any, np.dtype[np.uint8]], version: int) -> np.ndarray[Any, Any]:
    if version == 6:
        return octets
    return np.ascontiguousarray(octets[:, :4]).view(">u4").reshape(-1).astype(np.uint32)


def host_columns(
    addresses: Sequence[OwnAddress],
    *,
    version: int,
    odid: int,
    agent_id: bytes,
    host_name: str,
    interval_seconds: float,
) -> Columns:
    """Columns of AGENT_HOST_V4 or _V6: one row per address."""
    family, count = f"IPv{version}", len(addresses)

    def numbers(values: list[bytes]) -> np.ndarray[Any, np.dtype[np.uint8]]:
        joined = b"".join(value.ljust(16, b"\0") for value in values)
        return np.frombuffer(joined, np.uint8).reshape(-1, 16)

    return {
        "observationDomainId": np.full(count, odid, np.uint32),
        "agentIdentifier": [agent_id] * count,
        f"source{family}Address": _addresses(numbers([a.address for a in addresses]), version),
        f"source{family}PrefixLength": np.asarray([a.prefix_length for a in addresses], np.uint8),
        f"ipNextHop{family}Address": _addresses(numbers([a.gateway for a in addresses]), version),
        "reportIntervalSeconds": np.full(count, max(1, round(interval_seconds)), np.uint32),
        "agentLayer": np.full(count, AGENT_LAYER, np.uint8),
        "hostName": [cut(host_name)] * count,
    }


def statistics_columns(
    *, odid: int, messages: int, records: int, octets: int, events_lost: int, ring_dropped: int, unowned: int
) -> Columns:
    """Columns of AGENT_STATISTICS: one row."""
    return {
        "observationDomainId": [odid],
        "exportedMessageTotalCount": [messages],
        "exportedFlowRecordTotalCount": [records],
        "exportedOctetTotalCount": [octets],
        "kernelEventLostTotalCount": [events_lost],
        "ringDroppedTotalCount": [ring_dropped],
        "unownedFlowTotalCount": [unowned],
    }
