"""OSPFv3 LSAs built from a few words, for the topology tests. Router ids are numbers or dotted quads."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from zlib import crc32

from ospf.areas import AreaDatabase
from ospf.lsa import Lsa
from ospf.v3 import lsa as v3
from ospf.v3.prefix import PREFIX_LA, PREFIX_P, Prefix
from ospf.v3.topology import Topology6, build_domain_v3

B, E, V = v3.FLAG_B, v3.FLAG_E, v3.FLAG_V
DEFAULT_OPTIONS = v3.OPTION_V6 | v3.OPTION_E | v3.OPTION_R


def ip6(text: str) -> int:
    return int(ipaddress.IPv6Address(text))


def net6(text: str, options: int = 0, metric: int = 0) -> Prefix:
    network = ipaddress.IPv6Network(text)
    return Prefix(int(network.network_address), network.prefixlen, options, metric)


def key6(text: str) -> tuple[int, int]:
    prefix = net6(text)
    return prefix.network, prefix.plen


def make(kind: int, lsid: int, router: int, body: v3.Body, age: int = 1) -> Lsa:
    return v3.encode_lsa(type=kind, link_state_id=lsid, advertising_router=router, body=body, age=age)


def router(
    rid: int, *links: v3.RouterLink, flags: int = 0, options: int = DEFAULT_OPTIONS, lsid: int = 0, age: int = 1
) -> Lsa:
    return make(v3.ROUTER, lsid, rid, v3.RouterLsa(flags, options, links), age)


def p2p(interface: int, neighbor: int, neighbor_interface: int, metric: int = 10) -> v3.RouterLink:
    return v3.RouterLink(v3.LINK_P2P, metric, interface, neighbor_interface, neighbor)


def transit(interface: int, dr: int, dr_interface: int, metric: int = 10) -> v3.RouterLink:
    return v3.RouterLink(v3.LINK_TRANSIT, metric, interface, dr_interface, dr)


def virtual(interface: int, neighbor: int, neighbor_interface: int, metric: int = 10) -> v3.RouterLink:
    return v3.RouterLink(v3.LINK_VIRTUAL, metric, interface, neighbor_interface, neighbor)


def network(dr: int, interface: int, *attached: int) -> Lsa:
    return make(v3.NETWORK, interface, dr, v3.NetworkLsa(DEFAULT_OPTIONS, attached))


def of_router(rid: int, *prefixes: tuple[str, int], lsid: int = 0, options: int = 0) -> Lsa:
    listed = tuple(net6(text, options | (PREFIX_LA if text.endswith("/128") else 0), cost) for text, cost in prefixes)
    return make(v3.INTRA_AREA_PREFIX, lsid, rid, v3.IntraAreaPrefixLsa(v3.ROUTER, 0, rid, listed))


def of_network(dr: int, interface: int, *prefixes: str) -> Lsa:
    body = v3.IntraAreaPrefixLsa(v3.NETWORK, interface, dr, tuple(net6(text) for text in prefixes))
    return make(v3.INTRA_AREA_PREFIX, 0x10000 + interface, dr, body)


def link(rid: int, interface: int, address: str, *prefixes: str) -> Lsa:
    body = v3.LinkLsa(1, DEFAULT_OPTIONS, ip6(address), tuple(net6(text) for text in prefixes))
    return make(v3.LINK, interface, rid, body)


def summary(prefix: str, abr: int, metric: int, lsid: int = 0, options: int = 0) -> Lsa:
    lsid = lsid or crc32(prefix.encode()) & 0xFFFFFF
    return make(v3.INTER_AREA_PREFIX, lsid, abr, v3.InterAreaPrefixLsa(metric, net6(prefix, options)))


def asbr_summary(asbr: int, abr: int, metric: int) -> Lsa:
    return make(v3.INTER_AREA_ROUTER, asbr, abr, v3.InterAreaRouterLsa(DEFAULT_OPTIONS, metric, asbr))


def external(
    prefix: str, asbr: int, metric: int, *, type2: bool = True, forward: str = "::", nssa: bool = False,
    options: int = PREFIX_P, lsid: int = 0,
) -> Lsa:  # fmt: skip
    body = v3.ExternalLsa(metric, type2, net6(prefix, options if nssa else 0), ip6(forward))
    return make(v3.NSSA if nssa else v3.AS_EXTERNAL, lsid or crc32(prefix.encode()) & 0xFFFFFF, asbr, body)


def build(
    *areas: Sequence[Lsa] | tuple[int, Sequence[Lsa]], previous: Topology6 | None = None, instance: str = "default"
) -> Topology6:
    """The topology of areas 0, 1, ... or of those named."""
    databases = []
    for number, area in enumerate(areas):
        if len(area) == 2 and isinstance(area[0], int):
            databases.append(AreaDatabase(area[0], tuple(area[1])))  # type: ignore[arg-type]
        else:
            databases.append(AreaDatabase(number, tuple(area)))  # type: ignore[arg-type]
    topology = build_domain_v3(databases, instance=instance, version=1, time=0.0, previous=previous)
    assert isinstance(topology, Topology6)
    return topology
