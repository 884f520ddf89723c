"""Records as they came -> one direction of one flow per row, in the gateway's words.

Every record is split into its two directions (design: the sender's report is authoritative, so the two must be told
apart); the exporter's application ids become the gateway's by name; times move to the gateway's clock.  Options
records feed the session's tables instead: application names, the agent's own addresses and default gateway, its
losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporters.ipfix.batch import RecordBatch
from gateway.batch import FlowBatch, concat, empty
from gateway.collector import Session
from gateway.identity import UNKNOWN, ApplicationIds
from gateway.registry import AgentRegistry

MAX_APPLICATIONS_PER_SESSION = 8192
SKEW_SMOOTHING = 0.2
IDENTIFIER_OCTETS = 16
LONGEST_NAME = 255  # characters
MOST_LOST = 1 << 40  # events one agent is believed to have lost
MAX_OCTETS = 1 << 50  # of one record: 400 Gbit/s for six hours; beyond it a counter is broken or a lie


@dataclass
class NormalizeStats:
    records: int = 0
    options: int = 0
    flows: int = 0
    octets: int = 0
    unnamed_applications: int = 0  # records whose applicationId had no name yet
    application_table_full: int = 0
    not_flows: int = 0  # data records without addresses or octets
    ipv6: int = 0  # IPv6 records: no OSPFv3 topology yet, not routed
    skew_corrected: int = 0
    times_reversed: int = 0
    bad_identifiers: int = 0  # host records whose agentIdentifier has not 16 octets
    implausible: int = 0  # rows of more than MAX_OCTETS octets or packets: left out


def clean(text: str) -> str:
    """A name from the network as it may be shown: no control characters, no more than `LONGEST_NAME` characters."""
    text = text[:LONGEST_NAME]
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


class Normalizer:
    """Holds what normalisation needs to know of the world: application ids and agents."""

    def __init__(self, applications: ApplicationIds, agents: AgentRegistry, max_skew: float) -> None:
        """`max_skew` seconds (half a bin): a clock further off is corrected."""
        self.applications = applications
        self.agents = agents
        self.max_skew = max_skew
        self.stats = NormalizeStats()

    def normalize(self, session: Session, records: RecordBatch, now: float) -> FlowBatch:
        """Rows for `records` (none for options records, which only update tables)."""
        if records.template.scope_count:
            self.stats.options += len(records)
            self._options(session, records, now)
            return empty(FlowBatch)
        self.stats.records += len(records)
        return self._flows(session, records, now)

    # -- options ---------------------------------------------------------------------------------

    def _options(self, session: Session, records: RecordBatch, now: float) -> None:
        columns = records.columns
        if "applicationName" in columns and "applicationId" in columns:
            self._application_names(session, records)
        elif "agentIdentifier" in columns and "sourceIPv4Address" in columns:
            self._host(session, records, now)
        elif "kernelEventLostTotalCount" in columns and session.agent is not None:
            lost = columns["kernelEventLostTotalCount"]
            dropped = columns.get("ringDroppedTotalCount", np.zeros(len(records), dtype=np.uint64))
            session.agent.lost_in_kernel = min(int(lost[-1]) + int(dropped[-1]), MOST_LOST)
            session.agent.lost_on_the_way = session.decoder.stats.sequence_lost

    def _application_names(self, session: Session, records: RecordBatch) -> None:
        ids, names = records.columns["applicationId"], records.columns["applicationName"]
        for number, name in zip(ids.tolist(), names.tolist(), strict=True):
            known = number in session.applications
            if not known and len(session.applications) >= MAX_APPLICATIONS_PER_SESSION:
                self.stats.application_table_full += 1
                continue
            session.applications[number] = self._application(session, clean(name)) if name else UNKNOWN

    def _application(self, session: Session, name: str) -> int:
        if not self.applications.knows(name):
            if session.new_names >= self.applications.share:
                return self.applications.refuse()
            session.new_names += 1
        return self.applications.id(name)

    def _host(self, session: Session, records: RecordBatch, now: float) -> None:
        columns = records.columns
        gateways = columns.get("ipNextHopIPv4Address", np.zeros(len(records), dtype=np.uint32))
        for row in range(len(records)):
            identifier = bytes(columns["agentIdentifier"][row])
            if len(identifier) != IDENTIFIER_OCTETS:
                self.stats.bad_identifiers += 1
                continue
            agent = self.agents.hear(identifier, now)
            session.agent = agent
            agent.exporter = f"{session.peer[0]}:{session.peer[1]}"
            if "hostName" in columns:
                agent.name = clean(str(columns["hostName"][row]))
            if "agentLayer" in columns:
                agent.layer = int(columns["agentLayer"][row])
            if "reportIntervalSeconds" in columns:
                agent.interval = min(max(float(columns["reportIntervalSeconds"][row]), 0.5), 300.0)
            agent.reports(now)
            self.agents.attach(agent, int(columns["sourceIPv4Address"][row]), int(gateways[row]), now)
        if session.agent is not None:
            self.agents.forget_addresses(session.agent, now)

    # -- flows -----------------------------------------------------------------------------------

    def _flows(self, session: Session, records: RecordBatch, now: float) -> FlowBatch:
        columns = records.columns
        if "sourceIPv6Address" in columns:
            self.stats.ipv6 += len(records)
            return empty(FlowBatch)
        if not {"sourceIPv4Address", "destinationIPv4Address", "octetDeltaCount"} <= columns.keys():
            self.stats.not_flows += len(records)
            return empty(FlowBatch)
        start, end = self._times(session, records, now)
        zeros = np.zeros(len(records), dtype=np.uint64)
        app = self._applications(session, columns.get("applicationId"), len(records))
        agent = session.agent.index if session.agent is not None else -1
        # Only an agent says who the owner was: its record is authoritative even before it has told who it is.
        vouched = agent >= 0 or "attributionMethod" in columns
        forward = {
            "start": start,
            "end": end,
            "source": columns["sourceIPv4Address"],
            "destination": columns["destinationIPv4Address"],
            "source_port": columns.get("sourceTransportPort", zeros),
            "destination_port": columns.get("destinationTransportPort", zeros),
            "protocol": columns.get("protocolIdentifier", zeros),
            "tos": columns.get("ipClassOfService", zeros),
            "app": app,
            "octets": columns["octetDeltaCount"],
            "packets": columns.get("packetDeltaCount", zeros),
            "agent": np.full(len(records), agent, dtype=np.int32),
            # Without an agent nobody vouches for the sender: such a record only fills in (design, both ends).
            "sent": np.full(len(records), int(vouched), dtype=np.uint8),
        }
        backward = {
            **forward,
            "source": forward["destination"],
            "destination": forward["source"],
            "source_port": forward["destination_port"],
            "destination_port": forward["source_port"],
            "octets": columns.get("reverseOctetDeltaCount", zeros),
            "packets": columns.get("reversePacketDeltaCount", zeros),
            "sent": np.zeros(len(records), dtype=np.uint8),
        }
        out = concat(FlowBatch, [self._plausible(forward), self._plausible(backward)])
        if session.agent is not None:
            session.agent.records += len(records)
            session.agent.reports(now, float(start.min()))
        self.stats.flows += len(out)
        self.stats.octets += int(out["octets"].sum())
        return out

    def _times(
        self, session: Session, records: RecordBatch, now: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Start and end, seconds on the gateway's clock; the skew is export time against arrival, smoothed."""
        columns = records.columns
        exported = records.export_time.astype(np.float64)
        held = session.decoder.stats.held_decoded_sets
        waited, session.held_sets = held != session.held_sets, held
        if len(records) and not waited:  # sets that waited for their template say nothing of the clock
            behind = now - float(exported.max()) - 0.5  # whole seconds on the wire
            session.skew = behind if session.skew is None else session.skew + SKEW_SMOOTHING * (behind - session.skew)
        milliseconds = columns.get("flowEndMilliseconds")
        end = exported if milliseconds is None else milliseconds.astype(np.float64) / 1e3
        milliseconds = columns.get("flowStartMilliseconds")
        start = end.copy() if milliseconds is None else milliseconds.astype(np.float64) / 1e3
        if session.skew is not None and abs(session.skew) > self.max_skew:
            self.stats.skew_corrected += len(records)
            start, end = start + session.skew, end + session.skew
        reversed_ = end < start
        self.stats.times_reversed += int(reversed_.sum())
        return np.where(reversed_, end, start), end

    def _plausible(self, columns: dict[str, NDArray[np.generic]]) -> FlowBatch:
        """Rows with octets; those no wire could have carried are counted and left out."""
        octets = np.asarray(columns["octets"], dtype=np.uint64)
        absurd = (octets > MAX_OCTETS) | (np.asarray(columns["packets"], dtype=np.uint64) > MAX_OCTETS)
        self.stats.implausible += int(absurd.sum())
        keep = (octets > 0) & ~absurd
        return FlowBatch({name: np.asarray(column)[keep] for name, column in columns.items()})

    def _applications(self, session: Session, ids: NDArray[np.uint32] | None, count: int) -> NDArray[np.int32]:
        if ids is None or ids.dtype == object:
            return np.full(count, UNKNOWN, dtype=np.int32)
        unique, inverse = np.unique(ids, return_inverse=True)
        known = np.array([session.applications.get(n, -1) for n in unique.tolist()], dtype=np.int32)
        mapped = known[inverse]
        missing = mapped < 0
        self.stats.unnamed_applications += int(missing.sum())
        return np.where(missing, UNKNOWN, mapped).astype(np.int32)
