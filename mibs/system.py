"""SNMPv2-MIB (RFC 3418): the system group and the snmp group.

Served: system (sysUpTime by the responder; sysORTable with one row per MIB module), snmp with the
responder's own counters, also those RFC 3418 calls obsolete that cost nothing.  Left out: snmpSetSerialNo
and every SET, since this is a read-only agent.
"""

from __future__ import annotations

from mibs import ber
from mibs.columns import LIVE_COUNTER, LIVE_UPTIME, RowSet, Section, live_scalar, row_set, scalar
from mibs.oid import MIB2, ROOT, SNMP_MODULES
from mibs.tables import SystemGroup

SYSTEM = (*MIB2, 1)
SYS_OR_ENTRY = (*SYSTEM, 9, 1)
SNMP = (*MIB2, 11)

DISABLED = 2  # snmpEnableAuthenTraps: this agent sends none

# sysORID (RFC 3418): the modules this agent implements.
MODULES = (
    ((*SNMP_MODULES, 1), "The MIB module for SNMP entities (RFC 3418)"),
    ((*MIB2, 31), "The MIB module for generic interfaces (RFC 2863)"),
    (ROOT, "The MIB module for load per link and application (ANEMONE-MIB)"),
)

SNMP_COUNTERS = {
    1: "in_packets",
    2: "out_packets",
    3: "bad_versions",
    4: "bad_community_names",
    5: "bad_community_uses",
    6: "parse_errors",
    13: "total_request_variables",
    15: "get_requests",
    16: "get_nexts",
    17: "set_requests",
    28: "get_responses",
    31: "silent_drops",
    32: "proxy_drops",
}
"""Arc under the snmp group -> field of `stats.AgentStats`; a live counter's stored number is the arc."""

OR_ROWS: RowSet = row_set(range(1, len(MODULES) + 1))


def system_sections(group: SystemGroup) -> list[Section]:
    texts = {1: group.descr, 4: group.contact, 5: group.name, 6: group.location}
    sections = [
        scalar((*SYSTEM, arc), ber.encode(ber.OCTET_STRING, text.encode("utf-8")[:255]))
        for arc, text in texts.items()
    ]
    sections.append(scalar((*SYSTEM, 2), ber.encode_oid_element(group.object_id)))
    sections.append(live_scalar((*SYSTEM, 3), LIVE_UPTIME))
    sections.append(scalar((*SYSTEM, 7), ber.encode_integer(group.services)))
    sections.append(scalar((*SYSTEM, 8), ber.encode_integer(0, ber.TIME_TICKS)))  # static since the start
    return sections + _or_table()


def _or_table() -> list[Section]:
    texts = [text for _, text in MODULES]
    return [
        OR_ROWS.elements((*SYS_OR_ENTRY, 2), [ber.encode_oid_element(oid) for oid, _ in MODULES]),
        OR_ROWS.texts((*SYS_OR_ENTRY, 3), texts),
        OR_ROWS.constant((*SYS_OR_ENTRY, 4), ber.encode_integer(0, ber.TIME_TICKS)),
    ]


def snmp_sections() -> list[Section]:
    sections = [live_scalar((*SNMP, arc), LIVE_COUNTER, arc) for arc in SNMP_COUNTERS]
    sections.append(scalar((*SNMP, 30), ber.encode_integer(DISABLED)))
    return sections

