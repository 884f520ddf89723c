"""ANEMONE-MIB: load per link and application, as `ANEMONE-MIB.txt` defines it (a test compares the two).

Arcs under ROOT: 0 notifications (none yet), 1 objects, 2 conformance, 3 products.  Published numbers and
meanings never change; what is wrong gets deprecated.  Levels that need 64 bits are CounterBasedGauge64
(HCNUM-TC), which is a Counter64 on the wire, so SNMPv1 does not see them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from mibs import ber
from mibs.columns import LIVE_EPOCH, RowSet, Section, live_scalar, scalar
from mibs.errors import TableError
from mibs.oid import ROOT
from mibs.tables import LINK_KINDS, ApplicationTable, GatewayScalars, LinkApplicationTable, LinkTable

OBJECTS = (*ROOT, 1)
GATEWAY = (*OBJECTS, 1)
LINK_ENTRY = (*OBJECTS, 2, 1)
APPLICATION_ENTRY = (*OBJECTS, 3, 1)
LINK_APPLICATION_ENTRY = (*OBJECTS, 4, 1)

TRUTH = {True: 1, False: 2}
KIND_NUMBER = {kind: number for number, kind in enumerate(LINK_KINDS, 1)}
GAUGE32_LIMIT = 0xFFFFFFFF


def date_and_time(seconds: float) -> bytes:
    """SNMPv2-TC DateAndTime in UTC with deciseconds; the epoch itself when out of range."""
    if not 0 <= seconds < 4e9:
        seconds = 0.0
    t = datetime.fromtimestamp(seconds, UTC)
    date = struct.pack(">H6B", t.year, t.month, t.day, t.hour, t.minute, t.second, t.microsecond // 100_000)
    return date + b"+\x00\x00"


def gateway_sections(
    scalars: GatewayScalars, links: LinkTable, applications: ApplicationTable
) -> list[Section]:
    def gauge(arc: int, value: float) -> Section:
        held = min(max(int(value), 0), GAUGE32_LIMIT)
        return scalar((*GATEWAY, arc), ber.encode_integer(held, ber.GAUGE32))

    def counter(arc: int, value: int) -> Section:
        return scalar((*GATEWAY, arc), ber.encode_integer(max(int(value), 0) & (1 << 64) - 1, ber.COUNTER64))

    def small_counter(arc: int, value: int) -> Section:
        return scalar((*GATEWAY, arc), ber.encode_integer(max(int(value), 0) & GAUGE32_LIMIT, ber.COUNTER32))

    def moment(arc: int, seconds: float) -> Section:
        return scalar((*GATEWAY, arc), ber.encode(ber.OCTET_STRING, date_and_time(seconds)))

    return [
        moment(1, scalars.watermark_seconds),
        live_scalar((*GATEWAY, 2), LIVE_EPOCH, scalars.watermark_seconds),
        gauge(3, scalars.bin_seconds),
        gauge(4, scalars.topology_version),
        live_scalar((*GATEWAY, 5), LIVE_EPOCH, scalars.topology_seconds),
        gauge(6, scalars.routers),
        gauge(7, len(links)),
        gauge(8, int(np.count_nonzero(np.asarray(links.up)))),
        gauge(9, len(applications)),
        gauge(10, scalars.agents),
        counter(11, scalars.flow_records),
        counter(12, scalars.lost_flow_records),
        small_counter(13, scalars.dropped_datagrams),
        small_counter(14, scalars.malformed_messages),
        small_counter(15, scalars.missing_template_sets),
        counter(16, scalars.unroutable_octets),
        counter(17, scalars.unattributed_octets),
    ]


def link_sections(table: LinkTable, rows: RowSet) -> list[Section]:
    up = np.where(np.asarray(table.up, dtype=bool), TRUTH[True], TRUTH[False])
    return [
        rows.texts((*LINK_ENTRY, 1), table.identifier),
        rows.addresses((*LINK_ENTRY, 2), table.router),
        rows.texts((*LINK_ENTRY, 3), table.interface),
        rows.texts((*LINK_ENTRY, 4), table.neighbor),
        rows.integers((*LINK_ENTRY, 5), ber.INTEGER, _kinds(table.kind)),
        rows.texts((*LINK_ENTRY, 6), table.area),
        rows.integers((*LINK_ENTRY, 7), ber.GAUGE32, table.cost),
        rows.integers((*LINK_ENTRY, 8), ber.INTEGER, up),
        rows.integers((*LINK_ENTRY, 9), ber.COUNTER64, table.octets),
        rows.integers((*LINK_ENTRY, 10), ber.COUNTER64, table.packets),
        rows.integers((*LINK_ENTRY, 11), ber.COUNTER64, np.asarray(table.bits_per_second)),
    ]


def application_sections(table: ApplicationTable, rows: RowSet) -> list[Section]:
    return [
        rows.texts((*APPLICATION_ENTRY, 2), table.name),
        rows.integers((*APPLICATION_ENTRY, 3), ber.COUNTER64, table.octets),
        rows.integers((*APPLICATION_ENTRY, 4), ber.COUNTER64, table.packets),
        rows.integers((*APPLICATION_ENTRY, 5), ber.COUNTER64, np.asarray(table.bits_per_second)),
    ]


def link_application_sections(table: LinkApplicationTable, rows: RowSet) -> list[Section]:
    return [
        rows.integers((*LINK_APPLICATION_ENTRY, 1), ber.COUNTER64, table.octets),
        rows.integers((*LINK_APPLICATION_ENTRY, 2), ber.COUNTER64, table.packets),
        rows.integers((*LINK_APPLICATION_ENTRY, 3), ber.COUNTER64, np.asarray(table.bits_per_second)),
    ]


def _kinds(kinds: Sequence[str]) -> list[int]:
    try:
        return [KIND_NUMBER[kind] for kind in kinds]
    except KeyError as error:
        raise TableError(f"link kind {error.args[0]!r} is not one of {', '.join(LINK_KINDS)}") from None
