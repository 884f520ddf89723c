"""Traffic engineering link attributes (RFC 3630 section 2, delays of RFC 7471 4.1-4.3), joined to link rows.

Covered: opaque area LSAs (type 10) of opaque type 1 with link TLVs: link type and id, local and remote addresses, TE
metric, maximum, reservable and unreserved bandwidth (octets per second on the wire, bit/s here), administrative group,
average, least and greatest one-way delay; the link-local identifier of unnumbered links (RFC 4203 1.1). Unknown TLVs
and sub-TLVs are skipped, as RFC 3630 2.3.2 wants; a TLV whose lengths lie, or whose bandwidth is no number, is refused
and counted, its neighbours in the LSA still count. Left out: links to other systems (RFC 5392).

A TLV belongs to the row of the originator with its local interface address, whatever came first and whatever it says
of the far end: some routers announce a wrong remote address. Nothing here is used by SPF.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ospf.errors import OspfDecodeError
from ospf.lsa import OPAQUE_AREA, Lsa, OpaqueLsa
from ospf.wire import Cursor

TE_OPAQUE_TYPE = 1  # RFC 3630 2.2
LINK_TLV = 2
LINK_TYPE, LINK_ID, LOCAL_ADDRESS, REMOTE_ADDRESS, TE_METRIC = 1, 2, 3, 4, 5
MAX_BANDWIDTH, MAX_RESERVABLE, UNRESERVED, ADMIN_GROUP = 6, 7, 8, 9
LINK_IDENTIFIERS = 11  # RFC 4203 1.1
DELAY, DELAY_RANGE, DELAY_VARIATION = 27, 28, 29  # RFC 7471 4
BITS = 8  # per octet
MICROSECONDS = 0xFFFFFF

_TLV = struct.Struct("!HH")
_WORD = struct.Struct("!I")


class TeLink(NamedTuple):
    """One link TLV; 0 and () stand for what is not told."""

    router: int  # advertising router
    type: int = 0  # 1 point-to-point, 2 multi-access
    link_id: int = 0
    local: tuple[int, ...] = ()  # interface addresses
    remote: tuple[int, ...] = ()
    identifier: int = 0  # local interface index of an unnumbered link
    metric: int = 0
    bandwidth: float = 0.0  # bit/s
    reservable: float = 0.0  # bit/s
    unreserved: tuple[float, ...] = ()  # bit/s, by priority 0..7
    admin_group: int = 0
    delay_us: int = 0  # average
    delay_range_us: tuple[int, int] = (0, 0)
    variation_us: int = 0


def is_te(lsa: Lsa) -> bool:
    """Whether the LSA carries traffic engineering TLVs."""
    return lsa.header.type == OPAQUE_AREA and lsa.header.link_state_id >> 24 == TE_OPAQUE_TYPE


def te_links(lsa: Lsa) -> tuple[tuple[TeLink, ...], int]:
    """(link TLVs of a TE LSA, number of TLVs refused)."""
    if not isinstance(lsa.body, OpaqueLsa):
        return (), 1
    found: list[TeLink] = []
    refused = 0
    cursor = Cursor(lsa.body.data)
    while cursor.remaining:
        try:
            kind, value = _tlv(cursor)
        except OspfDecodeError:
            return tuple(found), refused + 1  # where the next one begins is not known
        if kind != LINK_TLV:
            continue
        try:
            found.append(_link(lsa.header.advertising_router, value))
        except OspfDecodeError:
            refused += 1
    return tuple(found), refused


def _tlv(cursor: Cursor) -> tuple[int, memoryview]:
    # RFC 3630 2.3.2: the length does not count the padding to 4 octets
    kind, length = cursor.pull(_TLV, "TE TLV")
    value = cursor.take(length, "TE TLV")
    cursor.take(min(-length % 4, cursor.remaining), "TE TLV padding")
    return kind, value


def _link(router: int, value: memoryview) -> TeLink:
    told: dict[str, object] = {}
    cursor = Cursor(value)
    while cursor.remaining:
        kind, data = _tlv(cursor)
        if kind == LINK_TYPE:
            told["type"] = _sized(data, 1)[0]
        elif kind == LINK_ID:
            told["link_id"] = _words(data, 1)[0]
        elif kind in (LOCAL_ADDRESS, REMOTE_ADDRESS):
            if len(data) % 4:
                raise OspfDecodeError(f"TE interface addresses of {len(data)} octets")
            told["local" if kind == LOCAL_ADDRESS else "remote"] = _words(data, len(data) // 4)
        elif kind == LINK_IDENTIFIERS:
            told["identifier"] = _words(data, 2)[0]
        elif kind == TE_METRIC:
            told["metric"] = _words(data, 1)[0]
        elif kind == MAX_BANDWIDTH:
            told["bandwidth"] = _bandwidths(data, 1)[0]
        elif kind == MAX_RESERVABLE:
            told["reservable"] = _bandwidths(data, 1)[0]
        elif kind == UNRESERVED:
            told["unreserved"] = _bandwidths(data, 8)
        elif kind == ADMIN_GROUP:
            told["admin_group"] = _words(data, 1)[0]
        elif kind == DELAY:
            told["delay_us"] = _words(data, 1)[0] & MICROSECONDS
        elif kind == DELAY_RANGE:
            least, greatest = _words(data, 2)
            told["delay_range_us"] = (least & MICROSECONDS, greatest & MICROSECONDS)
        elif kind == DELAY_VARIATION:
            told["variation_us"] = _words(data, 1)[0] & MICROSECONDS
    return TeLink(router, **told)  # type: ignore[arg-type]


def _sized(data: memoryview, size: int) -> memoryview:
    if len(data) != size:
        raise OspfDecodeError(f"TE sub-TLV of {len(data)} octets instead of {size}")
    return data


def _words(data: memoryview, count: int) -> tuple[int, ...]:
    return struct.unpack(f"!{count}I", _sized(data, 4 * count))


def _bandwidths(data: memoryview, count: int) -> tuple[float, ...]:
    numbers = struct.unpack(f"!{count}f", _sized(data, 4 * count))
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise OspfDecodeError("TE bandwidth is no number of octets per second")
    return tuple(number * BITS for number in numbers)


@dataclass(frozen=True, eq=False)
class TeReadings:
    """TE LSAs and what they say, kept by identity of the LSA."""

    lsas: tuple[Lsa, ...] = ()
    links: tuple[TeLink, ...] = ()
    refused: int = 0
    each: Mapping[int, tuple[tuple[TeLink, ...], int]] = field(default_factory=dict)


def read_te(lsas: Sequence[Lsa], previous: TeReadings) -> TeReadings:
    """What the TE LSAs of all areas say; those that `previous` has read are not read again."""
    if len(lsas) == len(previous.lsas) and all(a is b for a, b in zip(lsas, previous.lsas, strict=True)):
        return previous
    each = {id(lsa): previous.each.get(id(lsa)) or te_links(lsa) for lsa in lsas}
    return TeReadings(
        lsas=tuple(lsas),
        links=tuple(link for lsa in lsas for link in each[id(lsa)][0]),
        refused=sum(refused for _, refused in each.values()),
        each=each,
    )


@dataclass(frozen=True, eq=False)
class LinkAttributes:
    """Columns for the rows of a link table."""

    te_metric: NDArray[np.uint32]
    bandwidth: NDArray[np.float64]
    reservable: NDArray[np.float64]
    delay_us: NDArray[np.uint32]
    admin_group: NDArray[np.uint32]


def te_columns(
    told: Iterable[TeLink], router: NDArray[np.int64], address: NDArray[np.int64],
    unnumbered: Mapping[tuple[int, int], int],
) -> tuple[LinkAttributes, int]:  # fmt: skip
    """(columns for the rows given by router id and interface address [L], TLVs that fit no row).

    `unnumbered`: (router id, ifIndex) -> row. The first of several TLVs for one interface counts.
    """
    count = len(router)
    columns = LinkAttributes(
        np.zeros(count, dtype=np.uint32), np.zeros(count), np.zeros(count), np.zeros(count, dtype=np.uint32),
        np.zeros(count, dtype=np.uint32),
    )  # fmt: skip
    links = list(told)
    if not links:
        return columns, 0
    row_of = {key: row for row, key in enumerate(zip(router.tolist(), address.tolist(), strict=True)) if key[1]}
    done: set[int] = set()
    unjoined = 0
    for link in links:
        rows = {row_of.get((link.router, local), -1) for local in link.local}
        if not link.local and link.identifier:
            rows = {unnumbered.get((link.router, link.identifier), -1)}
        rows.discard(-1)
        unjoined += not rows
        for row in rows - done:
            done.add(row)
            columns.te_metric[row] = link.metric
            columns.bandwidth[row] = link.bandwidth
            columns.reservable[row] = link.reservable
            columns.delay_us[row] = link.delay_us
            columns.admin_group[row] = link.admin_group
    return columns, unjoined
