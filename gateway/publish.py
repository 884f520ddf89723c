"""`Published` -> MIB tables, and `HopBatch` -> records: the only module that knows both ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exporters.profiles import application_id
from gateway.batch import HopBatch
from gateway.config import GatewayConfig
from gateway.published import Published
from gateway.schema import HOP, elements
from mibs.tables import (
    ApplicationTable,
    GatewayScalars,
    InterfaceTable,
    LinkApplicationTable,
    LinkTable,
    SystemGroup,
)
from ospf.wire import address_number

MTU = 1500  # served as ifMtu: OSPF's LSAs do not say, and NMS expect a number


def system_group(config: GatewayConfig) -> SystemGroup:
    snmp = config.snmp
    return SystemGroup(name=snmp.name, contact=snmp.contact, location=snmp.location)


def interface_table(published: Published, config: GatewayConfig) -> InterfaceTable:
    """IF-MIB rows, in ifIndex order."""
    links, count = published.links, len(published.links)
    return InterfaceTable(
        ifindex=links.ifindex,
        descr=links.id,
        name=links.name,
        alias=tuple(_alias(n, k) for n, k in zip(links.neighbor, links.kind, strict=True)),
        type=np.full(count, config.snmp.interface_type, dtype=np.int32),
        mtu=np.full(count, MTU, dtype=np.int32),
        speed_bps=links.capacity,
        admin_up=np.ones(count, dtype=bool),
        oper_up=links.up,
        last_change_seconds=links.last_change,
        in_octets=links.in_octets,
        out_octets=links.octets,
        in_packets=links.in_packets,
        out_packets=links.packets,
        discontinuity_seconds=np.zeros(count),
    )


def _alias(neighbor: str, kind: str) -> str:
    return f"to {neighbor}" if neighbor else kind


def link_table(published: Published) -> LinkTable:
    links = published.links
    return LinkTable(
        ifindex=links.ifindex,
        identifier=links.id,
        router=[address_number(r) for r in links.router],
        interface=links.interface,
        neighbor=links.neighbor,
        kind=links.kind,
        area=links.area,
        cost=links.cost,
        up=links.up,
        octets=links.octets,
        packets=links.packets,
        bits_per_second=links.bits_per_second,
    )


def application_table(published: Published) -> ApplicationTable:
    apps = published.apps
    return ApplicationTable(apps.id, apps.name, apps.octets, apps.packets, apps.bits_per_second)


def link_application_table(published: Published) -> LinkApplicationTable:
    cells = published.link_apps
    return LinkApplicationTable(
        published.links.ifindex[cells.link],
        published.apps.id[cells.app],
        cells.octets,
        cells.packets,
        cells.bits_per_second,
    )


def gateway_scalars(published: Published) -> GatewayScalars:
    def stat(component: str, counter: str) -> int:
        return int(published.stats.get(component, {}).get(counter, 0))

    topology = published.topology
    return GatewayScalars(
        watermark_seconds=published.watermark,
        bin_seconds=published.bin_seconds,
        topology_version=published.topology_version,
        topology_seconds=topology.time if topology is not None else 0.0,
        routers=topology.n_routers if topology is not None else 0,
        agents=sum(agent.live for agent in published.agents),
        flow_records=stat("normalize", "records"),
        lost_flow_records=stat("decode", "sequence_lost") + sum(a.lost for a in published.agents),
        dropped_datagrams=stat("udp", "queue_dropped") + stat("udp", "kernel_dropped"),
        malformed_messages=stat("decode", "malformed"),
        missing_template_sets=stat("decode", "missing_template_sets"),
        unroutable_octets=sum(
            stat("join_octets", reason)
            for reason in ("no_topology", "source_unknown", "destination_unknown", "unreachable")
        ),
    )


def link_flow_columns(hops: HopBatch) -> Mapping[str, Any]:
    """Columns of LINK_FLOW_V4, named by information element, as the schema table says."""
    return {element: hops[name] for name, element in elements(HOP).items()}


def application_columns(published: Published) -> Mapping[str, Any]:
    """Columns of the options table applicationId -> name."""
    apps = published.apps
    return {
        "applicationId": np.array([application_id(n) for n in apps.id.tolist()], dtype=np.uint32),
        "applicationName": list(apps.name),
        "applicationDescription": list(apps.name),
    }


def interface_columns(published: Published) -> Mapping[str, Any]:
    """Columns of the options table ifIndex -> name; nfdump shows the description, so that one is readable too."""
    links = published.links
    return {
        "ingressInterface": links.ifindex.astype(np.uint32),
        "interfaceName": list(links.name),
        "interfaceDescription": [
            f"{name} {_alias(n, k)}" for name, n, k in zip(links.name, links.neighbor, links.kind, strict=True)
        ],
    }
