"""An agent's datagrams, made with the exporting process every agent uses."""

from __future__ import annotations

from typing import Any

import numpy as np

from exporters.process import ExportingProcess
from exporters.profiles import AGENT_FLOW_V4, AGENT_HOST_V4, AGENT_TEMPLATES, APPLICATION_NAMES, application_id
from tests.gateway.small import ip


class AgentWire:
    """One simulated agent: `report` gives the datagrams of one interval."""

    def __init__(self, name: str, address: str, gateway: str = "0.0.0.0", interval: int = 5) -> None:
        self.address = ip(address)
        self.peer = (address, 50000)
        self.process = ExportingProcess(1, AGENT_TEMPLATES)
        self._host = {
            "observationDomainId": [1],
            "agentIdentifier": [name.encode().ljust(16, b".")[:16]],
            "sourceIPv4Address": [self.address],
            "sourceIPv4PrefixLength": [24],
            "ipNextHopIPv4Address": [ip(gateway)],
            "reportIntervalSeconds": [interval],
            "agentLayer": [1],
            "hostName": [name],
        }
        self._apps: dict[str, int] = {}

    def report(self, now: float, *flows: tuple[Any, ...]) -> list[tuple[bytes, tuple[str, int]]]:
        """Flows are (start, end, remote, app, sent octets, sent packets, received octets, received packets)."""
        for flow in flows:
            self._apps.setdefault(flow[3], len(self._apps) + 1)
        self.process.set_options(AGENT_HOST_V4, self._host)
        names = list(self._apps)
        if names:
            self.process.set_options(
                APPLICATION_NAMES,
                {
                    "applicationId": [application_id(self._apps[n]) for n in names],
                    "applicationName": names,
                    "applicationDescription": names,
                },
            )
        if flows:
            zeros = [0] * len(flows)
            self.process.add(
                AGENT_FLOW_V4,
                {
                    "flowStartMilliseconds": np.array([f[0] * 1000 for f in flows], dtype=np.uint64),
                    "flowEndMilliseconds": np.array([f[1] * 1000 for f in flows], dtype=np.uint64),
                    "sourceIPv4Address": [self.address] * len(flows),
                    "destinationIPv4Address": [ip(f[2]) for f in flows],
                    "sourceTransportPort": [40000] * len(flows),
                    "destinationTransportPort": [80] * len(flows),
                    "protocolIdentifier": [6] * len(flows),
                    "ipClassOfService": zeros,
                    "octetDeltaCount": [f[4] for f in flows],
                    "packetDeltaCount": [f[5] for f in flows],
                    "reverseOctetDeltaCount": [f[6] for f in flows],
                    "reversePacketDeltaCount": [f[7] for f in flows],
                    "biflowDirection": [1] * len(flows),
                    "flowEndReason": zeros,
                    "applicationId": [application_id(self._apps[f[3]]) for f in flows],
                    "attributionMethod": [1] * len(flows),
                    "processId": [1] * len(flows),
                    "smoothedRttMicroseconds": zeros,
                    "minimumRttMicroseconds": zeros,
                    "retransmittedOctetDeltaCount": zeros,
                    "processName": [f[3] for f in flows],
                    "serviceUnit": [""] * len(flows),
                    "userName": [""] * len(flows),
                },
                now,
            )
        return [(d, self.peer) for d in self.datagrams(now)]

    def datagrams(self, now: float) -> list[bytes]:
        """Everything due, pauses between bursts of options skipped."""
        out: list[bytes] = []
        while chunk := self.process.datagrams_to_send(now):
            out += chunk
            now += 0.05
        return out
