"""Simulated host agents: the IPFIX datagrams that an agent on every simulated host would send.

They speak what a real agent speaks (`exporters.profiles`: AGENT_FLOW_V4 with the local end as source,
AGENT_HOST_V4 and APPLICATION_NAMES as options) through the same exporting process.  Both ends of a
conversation report it when both have an agent; every agent numbers its applications in its own way, so only
the names agree.  Left out: IPv6, and the statistics an agent reports of itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from exporters.process import ExportingProcess
from exporters.profiles import AGENT_FLOW_V4, AGENT_HOST_V4, APPLICATION_NAMES, application_id
from gateway.demo.network import Host, Network
from gateway.demo.traffic import TCP, Conversation, FlowPiece, pieces

ACTIVE_TIMEOUT, END_OF_FLOW = 2, 3  # RFC 5102 flowEndReason
OPENED_HERE, OPENED_THERE = 1, 2  # biflowDirection
FIRST_SELECTOR = 10
ATTRIBUTED_BY_PROCESS = 1
LAYER = 1


def received(octets: int, loss: float) -> int:
    """What arrives of `octets` sent."""
    return octets - int(octets * loss)


class SimulatedAgent:
    """The agent of one host; sans-IO, times in seconds since the epoch.

    `origin` is when the conversations' time was 0, `skew` how far this clock is ahead, `loss` what part
    of what is sent to it never arrives.
    """

    def __init__(
        self,
        network: Network,
        host: Host,
        conversations: Iterable[Conversation],
        *,
        origin: float,
        number: int,
        interval: float = 2.0,
        skew: float = 0.0,
        loss: float = 0.0,
    ) -> None:
        self.host = host
        self.interval = interval
        self._network = network
        self._origin, self._skew, self._loss = origin, skew, loss
        self._conversations = tuple(c for c in conversations if host.name in (c.client, c.server))
        apps = sorted({c.app for c in self._conversations})
        self._selectors = {app: FIRST_SELECTOR + 3 * number + i for i, app in enumerate(apps)}
        self._reported = origin
        self._due = origin + interval * (1 + (number % 8) / 8)
        self._process = ExportingProcess(1000 + number, (AGENT_FLOW_V4, AGENT_HOST_V4, APPLICATION_NAMES))
        self._announce(number)

    def _announce(self, number: int) -> None:
        identifier = hashlib.blake2b(self.host.name.encode(), digest_size=16).digest()
        self._process.set_options(
            AGENT_HOST_V4,
            {
                "observationDomainId": [1000 + number],
                "agentIdentifier": [identifier],
                "sourceIPv4Address": [self.host.address],
                "sourceIPv4PrefixLength": [self.host.plen],
                "ipNextHopIPv4Address": [self.host.gateway],
                "reportIntervalSeconds": [max(1, round(self.interval))],
                "agentLayer": [LAYER],
                "hostName": [self.host.name],
            },
        )
        self._process.set_options(
            APPLICATION_NAMES,
            {
                "applicationId": [application_id(selector) for selector in self._selectors.values()],
                "applicationName": list(self._selectors),
                "applicationDescription": [f"{app} (simulated)" for app in self._selectors],
            },
        )

    def next_timeout(self) -> float:
        """When the next report is due."""
        return self._due

    def handle_timeout(self, now: float) -> None:
        """Queue the report of everything since the last one, if it is due."""
        if now < self._due:
            return
        self.report(now)
        while self._due <= now:
            self._due += self.interval

    def report(self, now: float) -> None:
        """Queue the records of [last report, now]."""
        start, end = self._reported - self._origin, now - self._origin
        self._reported = now
        rows = [self._row(piece) for conversation in self._conversations for piece in pieces(conversation, start, end)]
        if rows:
            names = list(rows[0])
            self._process.add(AGENT_FLOW_V4, {name: [row[name] for row in rows] for name in names}, now + self._skew)

    def _row(self, piece: FlowPiece) -> dict[str, Any]:
        talk = piece.conversation
        here_is_client = talk.client == self.host.name
        peer = self._network.host_by_name[talk.server if here_is_client else talk.client]
        process = talk.client_process if here_is_client else talk.server_process
        ports = (piece.client_port, talk.server_port)
        up, down = (piece.up_octets, piece.up_packets), (piece.down_octets, piece.down_packets)
        sent, came = (up, down) if here_is_client else (down, up)
        clock = self._origin + self._skew
        rtt = (800 + sum(map(ord, peer.name)) % 97 * 260) if talk.protocol == TCP else 0
        return {
            "flowStartMilliseconds": round((clock + piece.start) * 1000),
            "flowEndMilliseconds": round((clock + piece.end) * 1000),
            "sourceIPv4Address": self.host.address,
            "destinationIPv4Address": peer.address,
            "sourceTransportPort": ports[0 if here_is_client else 1],
            "destinationTransportPort": ports[1 if here_is_client else 0],
            "protocolIdentifier": talk.protocol,
            "ipClassOfService": 0,
            "octetDeltaCount": sent[0],
            "packetDeltaCount": sent[1],
            "reverseOctetDeltaCount": received(came[0], self._loss),
            "reversePacketDeltaCount": received(came[1], self._loss),
            "biflowDirection": OPENED_HERE if here_is_client else OPENED_THERE,
            "flowEndReason": END_OF_FLOW if piece.ended else ACTIVE_TIMEOUT,
            "applicationId": application_id(self._selectors[talk.app]),
            "attributionMethod": ATTRIBUTED_BY_PROCESS,
            "processId": process.id,
            "smoothedRttMicroseconds": rtt,
            "minimumRttMicroseconds": rtt * 7 // 8,
            "retransmittedOctetDeltaCount": 0,
            "processName": process.name,
            "serviceUnit": process.unit,
            "userName": process.user,
        }

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """IPFIX messages ready for the wire."""
        return self._process.datagrams_to_send(now + self._skew)


def agents_of(
    network: Network, conversations: Sequence[Conversation], *, origin: float, interval: float = 2.0
) -> tuple[SimulatedAgent, ...]:
    """One agent for every host that has one."""
    with_agent = (host for host in network.hosts if host.agent)
    return tuple(
        SimulatedAgent(network, host, conversations, origin=origin, number=i, interval=interval)
        for i, host in enumerate(with_agent)
    )
