"""IF-MIB (RFC 2863): one row per router interface the gateway knows, as if it were an interface of the
gateway.

Served: ifNumber, ifTable, ifXTable with the 64-bit counters (RFC 2863 3.1.6; the 32-bit columns are their
low halves), ifTableLastChange, ifStackLastChange, ifStackTable (every interface stands alone: `0.i` and
`i.0`).  All packets are served as unicast, since end-systems report conversations.  Left out, because
nobody measured them and a zero would be a lie: errors, discards, unknown protocols, multicast and
broadcast counts; and what RFC 2863 deprecates.

Names.  LibreNMS drops a port whose ifDescr contains one of `BAD_NAME_PARTS` in any case, or is empty, so
a link called "virtual link to brasilia" would never be drawn: `is_name_accepted` tells,
`link_description` makes good ones.  ifDescr and ifName must be unique and stable (Cacti keys on them).
"""

from __future__ import annotations

import re

import numpy as np

from mibs import ber
from mibs.columns import LIVE_EPOCH, RowSet, Section, live_scalar, scalar
from mibs.oid import MIB2
from mibs.tables import InterfaceTable

IF_NUMBER = (*MIB2, 2, 1)
IF_ENTRY = (*MIB2, 2, 2, 1)
IF_X_ENTRY = (*MIB2, 31, 1, 1, 1)
IF_STACK_STATUS = (*MIB2, 31, 1, 2, 1, 3)
IF_TABLE_LAST_CHANGE = (*MIB2, 31, 1, 5)
IF_STACK_LAST_CHANGE = (*MIB2, 31, 1, 6)

UP, DOWN = 1, 2
ROW_ACTIVE = 1
TRUTH_FALSE = 2
TRAPS_DISABLED = 2
MEGABIT = 1e6

# LibreNMS config_definitions.json, `bad_if`: case-insensitive parts of ifDescr that make it ignore a port.
BAD_NAME_PARTS = (
    "voip-null", "virtual-", "irtual", "unrouted", "eobc", "lp0", "-atm", "faith0", "container", "async",
    "plip", "-physical", "bluetooth", "isatap", "ras", "qos", "span rp", "span sp", "sslvpn", "pppoe-",
)  # fmt: skip
# Zabbix "Network Generic Device by SNMP", {$NET.IF.IFNAME.NOT_MATCHES}: ifName that its discovery leaves out.
BAD_NAMES = re.compile(
    r"^Software Loopback|^NULL[0-9.]*$|^[Ll]o[0-9.]*$|^[Ss]ystem$|^Nu[0-9.]*$|^veth|docker|^br-[a-z0-9]{12}$"
)


def is_name_accepted(name: str) -> bool:
    """Would LibreNMS and Zabbix, with their defaults, show a port of this ifDescr and ifName?"""
    folded = name.casefold()
    if not folded.strip() or BAD_NAMES.search(name):
        return False
    return not any(part in folded for part in BAD_NAME_PARTS)


def link_description(router: str, interface: str, neighbor: str) -> str:
    """An ifDescr from dotted identities: unique as (router, interface) is, and accepted by every manager known."""
    return f"{router} by {interface}" + (f" to {neighbor}" if neighbor else "")


def interface_sections(table: InterfaceTable, rows: RowSet, stack: RowSet, changed: float) -> list[Section]:
    """`stack` is the row set of ifStackTable (higher, lower), `changed` when rows came or went (epoch)."""
    speed = np.maximum(np.nan_to_num(np.asarray(table.speed_bps, dtype=np.float64)), 0.0)
    last_change = table.last_change_seconds

    def status(up: object) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return np.where(np.asarray(up, dtype=bool), UP, DOWN)

    def entry(arc: int, tag: int, column: object) -> Section:
        return rows.integers((*IF_ENTRY, arc), tag, np.asarray(column))

    def x_entry(arc: int, tag: int, column: object) -> Section:
        return rows.integers((*IF_X_ENTRY, arc), tag, np.asarray(column))

    return [
        scalar(IF_NUMBER, ber.encode_integer(len(table))),
        entry(1, ber.INTEGER, table.ifindex),
        rows.texts((*IF_ENTRY, 2), table.descr),
        entry(3, ber.INTEGER, table.type),
        entry(4, ber.INTEGER, table.mtu),
        entry(5, ber.GAUGE32, speed),  # RFC 2863 3.1.5: held at its limit, more is told by ifHighSpeed
        rows.constant((*IF_ENTRY, 6), ber.encode(ber.OCTET_STRING, b"")),  # no such address: zero length
        entry(7, ber.INTEGER, status(table.admin_up)),
        entry(8, ber.INTEGER, status(table.oper_up)),
        rows.live((*IF_ENTRY, 9), LIVE_EPOCH, last_change),
        entry(10, ber.COUNTER32, table.in_octets),
        entry(11, ber.COUNTER32, table.in_packets),
        entry(16, ber.COUNTER32, table.out_octets),
        entry(17, ber.COUNTER32, table.out_packets),
        rows.texts((*IF_X_ENTRY, 1), table.name),
        x_entry(6, ber.COUNTER64, table.in_octets),
        x_entry(7, ber.COUNTER64, table.in_packets),
        x_entry(10, ber.COUNTER64, table.out_octets),
        x_entry(11, ber.COUNTER64, table.out_packets),
        rows.constant((*IF_X_ENTRY, 14), ber.encode_integer(TRAPS_DISABLED)),
        x_entry(15, ber.GAUGE32, np.rint(speed / MEGABIT)),  # RFC 2863: "'n' means n-500,000 to n+499,999"
        rows.constant((*IF_X_ENTRY, 16), ber.encode_integer(TRUTH_FALSE)),
        rows.constant((*IF_X_ENTRY, 17), ber.encode_integer(TRUTH_FALSE)),
        rows.texts((*IF_X_ENTRY, 18), table.alias, limit=64),  # RFC 2863: DisplayString (SIZE(0..64))
        rows.live((*IF_X_ENTRY, 19), LIVE_EPOCH, table.discontinuity_seconds),
        stack.constant(IF_STACK_STATUS, ber.encode_integer(ROW_ACTIVE)),
        live_scalar(IF_TABLE_LAST_CHANGE, LIVE_EPOCH, changed),
        live_scalar(IF_STACK_LAST_CHANGE, LIVE_EPOCH, changed),
    ]
