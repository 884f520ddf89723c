"""The one schema table: every column of every batch, its dtype, information element, store type, unit and meaning.

The dtypes of the batches (`gateway.batch`), the store's tables (`gateway.store`), the exported records
(`gateway.publish`) and the table printed by `python -m gateway.schema` derive from these tuples; a new column is one
edit here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    dtype: str  # numpy, native byte order
    unit: str
    doc: str
    element: str | None = None  # IANA or own information element it is read from or exported as
    store: str | None = None  # SQLite type, None = not stored


FLOW = (
    Column(
        "start", "f8", "s", "first instant the octets were seen, gateway's clock", "flowStartMilliseconds"
    ),
    Column("end", "f8", "s", "last instant", "flowEndMilliseconds"),
    Column("source", "u4", "address", "who sent the octets", "sourceIPv4Address"),
    Column("destination", "u4", "address", "who they are for", "destinationIPv4Address"),
    Column("source_port", "u2", "port", "transport port of the sender", "sourceTransportPort"),
    Column("destination_port", "u2", "port", "transport port of the receiver", "destinationTransportPort"),
    Column("protocol", "u1", "number", "IP protocol", "protocolIdentifier"),
    Column("tos", "u1", "octet", "IP TOS / DSCP octet", "ipClassOfService"),
    Column("app", "i4", "id", "gateway's application id", "applicationId"),
    Column("octets", "u8", "octets", "L3 octets of this direction", "octetDeltaCount"),
    Column("packets", "u8", "packets", "packets of this direction", "packetDeltaCount"),
    Column("agent", "i4", "id", "reporting agent (index), -1 none"),
    Column("sent", "u1", "flag", "1 the reporting host sent them, 0 it received them"),
)

USAGE = (
    Column("time", "f8", "s", "start of the bin", store="INTEGER"),
    Column("ifindex", "i4", "index", "router interface", store="INTEGER"),
    Column("app", "i4", "id", "gateway's application id", store="INTEGER"),
    Column("octets", "f8", "octets", "Out, with L2 overhead", store="REAL"),
    Column("packets", "f8", "packets", "Out", store="REAL"),
    Column("in_octets", "f8", "octets", "In, with L2 overhead", store="REAL"),
    Column("in_packets", "f8", "packets", "In", store="REAL"),
    Column("flows", "f8", "flows", "flows that crossed it", store="REAL"),
)

HOP = (
    Column("start_ms", "u8", "ms", "first instant inside the bin", "flowStartMilliseconds"),
    Column("end_ms", "u8", "ms", "last instant inside the bin", "flowEndMilliseconds"),
    Column("source", "u4", "address", "sender", "sourceIPv4Address"),
    Column("destination", "u4", "address", "receiver", "destinationIPv4Address"),
    Column("source_port", "u2", "port", "sender's port", "sourceTransportPort"),
    Column("destination_port", "u2", "port", "receiver's port", "destinationTransportPort"),
    Column("protocol", "u1", "number", "IP protocol", "protocolIdentifier"),
    Column("tos", "u1", "octet", "IP TOS / DSCP octet", "ipClassOfService"),
    Column("octets", "u8", "octets", "L3 octets on this link", "octetDeltaCount"),
    Column("packets", "u8", "packets", "packets on this link", "packetDeltaCount"),
    Column("layer2_octets", "u8", "octets", "octets with L2 overhead", "layer2OctetDeltaCount"),
    Column("ingress", "u4", "index", "ifIndex it entered the router by, 0 unknown", "ingressInterface"),
    Column("egress", "u4", "index", "ifIndex it left the router by", "egressInterface"),
    Column("direction", "u1", "enum", "1 = egress", "flowDirection"),
    Column("application", "u4", "id", "engine 6 and the gateway's id", "applicationId"),
    Column("router", "u4", "address", "OSPF router id", "exporterIPv4Address"),
    Column("flow", "u8", "id", "common to all hops of one flow", "flowId"),
    Column("sampling", "u4", "packets", "always 1: nothing is sampled", "samplingInterval"),
)

TABLES = {"FlowBatch": FLOW, "UsageBatch": USAGE, "HopBatch": HOP}


def dtypes(table: tuple[Column, ...]) -> dict[str, np.dtype[np.generic]]:
    """Column name -> native numpy dtype."""
    return {column.name: np.dtype(column.dtype) for column in table}


def stored(table: tuple[Column, ...]) -> dict[str, str]:
    """Column name -> SQLite type, of the columns that are kept."""
    return {column.name: column.store for column in table if column.store}


def elements(table: tuple[Column, ...]) -> dict[str, str]:
    """Column name -> information element."""
    return {column.name: column.element for column in table if column.element}


def markdown() -> str:
    """The table for the documentation."""
    lines = []
    for name, table in TABLES.items():
        lines += [
            f"### {name}",
            "",
            "| column | dtype | unit | information element | meaning |",
            "|---|---|---|---|---|",
        ]
        for c in table:
            lines.append(f"| {c.name} | {c.dtype} | {c.unit} | {c.element or ''} | {c.doc} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
