"""What the gateway hands to the MIBs: plain frozen dataclasses of equal-length columns.

Columns may be numpy arrays or sequences.  Rows of a table may come in any order; `MibBuilder` sorts them by
index.  Times are seconds since the epoch (UTC), rates bits per second, counters cumulative.  Counters wrap
nowhere here: the wire's Counter32 is the low half of the same number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mibs.oid import ROOT, Oid

Ints = Sequence[int] | NDArray[Any]
Floats = Sequence[float] | NDArray[Any]
Bools = Sequence[bool] | NDArray[Any]

PRODUCT_GATEWAY: Oid = (*ROOT, 3, 1)  # anemoneProductGateway in ANEMONE-MIB

IF_TYPE_OTHER = 1  # IANAifType
IF_TYPE_ETHERNET = 6
IF_TYPE_PPP = 23
IF_TYPE_PROP_VIRTUAL = 53

LINK_KINDS = ("transit", "stub", "external")  # AnemoneKindOfLink 1, 2, 3


@dataclass(frozen=True)
class SystemGroup:
    """SNMPv2-MIB system group; sysUpTime is not here, the responder owns it."""

    descr: str = "Anemone network-management gateway"
    object_id: Oid = PRODUCT_GATEWAY
    name: str = "anemone"
    contact: str = ""
    location: str = ""
    services: int = 72  # RFC 3418: a host offering application services, 2^(4-1) + 2^(7-1)


@dataclass(frozen=True)
class InterfaceTable:
    """IF-MIB: one row per router interface.  Errors, discards, multicast are absent: never measured."""

    ifindex: Ints  # 1..65534, unique
    descr: Sequence[str]  # ifDescr, unique, not empty; see `ifmib.BAD_NAME_PARTS`
    name: Sequence[str]  # ifName, unique
    alias: Sequence[str]  # ifAlias
    type: Ints  # IANAifType
    mtu: Ints
    speed_bps: Floats  # 0 = unknown
    admin_up: Bools
    oper_up: Bools
    last_change_seconds: Floats  # epoch; 0 = before anybody watched
    in_octets: Ints
    out_octets: Ints
    in_packets: Ints
    out_packets: Ints
    discontinuity_seconds: Floats  # epoch; 0 = never

    def __len__(self) -> int:
        return len(self.ifindex)


@dataclass(frozen=True)
class LinkTable:
    """ANEMONE-MIB anemoneLinkTable: the same rows seen as directed links (traffic leaving the router)."""

    ifindex: Ints
    identifier: Sequence[str]  # "router:interface"
    router: Ints  # router id, u32 in host order
    interface: Sequence[str]  # address | ifN | prefix | external
    neighbor: Sequence[str]  # router id | the LAN's prefix | ""
    kind: Sequence[str]  # one of LINK_KINDS
    area: Sequence[str]
    cost: Ints
    up: Bools
    octets: Ints
    packets: Ints
    bits_per_second: Floats

    def __len__(self) -> int:
        return len(self.ifindex)


@dataclass(frozen=True)
class ApplicationTable:
    """ANEMONE-MIB anemoneApplicationTable; id 0 unknown, 1 unattributed, 2 other."""

    id: Ints  # 0..16777215
    name: Sequence[str]
    octets: Ints
    packets: Ints
    bits_per_second: Floats

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True)
class LinkApplicationTable:
    """ANEMONE-MIB anemoneLinkApplicationTable: one row per pair that ever carried traffic."""

    ifindex: Ints
    application: Ints
    octets: Ints
    packets: Ints
    bits_per_second: Floats

    def __len__(self) -> int:
        return len(self.ifindex)


@dataclass(frozen=True)
class GatewayScalars:
    """ANEMONE-MIB anemoneGateway: how fresh and how complete the tables are."""

    watermark_seconds: float = 0.0  # epoch; the view is complete up to here
    bin_seconds: float = 0.0
    topology_version: int = 0
    topology_seconds: float = 0.0  # epoch; when that version began
    routers: int = 0
    agents: int = 0  # agents live now
    flow_records: int = 0  # counters from here on
    lost_flow_records: int = 0  # missing by sequence number or reported lost by an agent
    dropped_datagrams: int = 0  # kernel and queue
    malformed_messages: int = 0
    missing_template_sets: int = 0
    unroutable_octets: int = 0
    unattributed_octets: int = 0
