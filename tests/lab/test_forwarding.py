"""Every router's kernel forwarding table against the next hops `ospf.paths` computes from the routers' LSAs.

The LSAs come from FRR's own JSON, so that neither our decoder nor our listener is part of the proof; the truth is
what the kernels of FRR and BIRD routers really do, connected routes before OSPF's included.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from ospf.lsa import Lsa, NetworkLsa, RouterLink, RouterLsa
from ospf.paths import Paths
from ospf.topology import STUB, Topology, build_topology
from tests.lab import frr
from tests.lab.namespaces import command
from tests.lab.network import Network
from tests.ospf.lsas import ip, lsa, mask

pytestmark = pytest.mark.lab

SETTLED_SECONDS = 30.0
Shares = dict[str, float]  # interface address (or "" for none) -> share of the next hops


def router_link(link: dict[str, Any]) -> RouterLink:
    kind, metric = link["linkType"], link["tos0Metric"]
    if "point-to-point" in kind:
        return RouterLink(ip(link["neighborRouterId"]), ip(link["routerInterfaceAddress"]), 1, metric)
    if "Transit" in kind:
        return RouterLink(ip(link["designatedRouterAddress"]), ip(link["routerInterfaceAddress"]), 2, metric)
    assert "Stub" in kind, kind
    return RouterLink(ip(link["networkAddress"]), ip(link["networkMask"]), 3, metric)


def database(network: Network, router: str) -> list[Lsa]:
    """Router- and network-LSAs as FRR shows them."""
    found = []
    for kind in ("router", "network"):
        shown = frr.show(network, router, f"ip ospf database {kind}")
        for entry in shown[f"{kind}LinkStates"]["areas"]["0.0.0.0"]:
            origin, identity = ip(entry["advertisingRouter"]), ip(entry["linkStateId"])
            if kind == "router":
                links = tuple(router_link(link) for link in entry["routerLinks"].values())
                found.append(lsa(1, identity, origin, RouterLsa(0, links)))
            else:
                attached = tuple(ip(each["attachedRouterId"]) for each in entry["attchedRouters"].values())
                found.append(lsa(2, identity, origin, NetworkLsa(mask(entry["networkMask"]), attached)))
    return found


def kernel_table(network: Network, router: str) -> dict[str, Shares]:
    """Prefix -> share of each interface, as the kernel forwards."""
    address = {end.interface: str(end.address.ip) for _, end in network.plan.ends_of(router)}
    table: dict[str, Shares] = {}
    for route in json.loads(command("ip", "-n", network.namespace(router), "-j", "route")):
        hops = route.get("nexthops", [route])
        shares: Shares = defaultdict(float)
        for hop in hops:
            shares[address[hop["dev"]]] += 1 / len(hops)
        table[route["dst"]] = dict(shares)
    return table


def computed_table(network: Network, topology: Topology, router: str) -> dict[str, Shares]:
    """The same from `Paths`; a stub row is named by the router's own address in it."""
    count = len(topology.prefixes)
    vertex = topology.router_vertex[ip(network.plan.routers[router].id)]
    hops = Paths(topology).hops(np.full(count, vertex), np.arange(count), np.full(count, -1))
    own = {str(end.address.network): str(end.address.ip) for _, end in network.plan.ends_of(router)}
    table: dict[str, Shares] = defaultdict(lambda: defaultdict(float))
    for pair, at, egress, share in zip(hops.pair, hops.vertex, hops.egress, hops.fraction, strict=True):
        if at == vertex:
            network_, plen = int(topology.prefixes.network[pair]), int(topology.prefixes.plen[pair])
            name = topology.links.keys[egress].interface if egress >= 0 else ""
            if egress >= 0 and topology.links.kind[egress] == STUB:
                name = own.get(name, name)
            table[f"{'.'.join(str(network_ >> s & 255) for s in (24, 16, 8, 0))}/{plen}"][name] += share
    return {prefix: dict(shares) for prefix, shares in table.items()}


def differences(network: Network) -> tuple[list[str], int]:
    """(differences, routes with several next hops); the own end of a cable has no row and is left out."""
    topology = build_topology(database(network, "r1"), version=1, time=0.0)
    found, several = [], 0
    for router in network.plan.routers:
        kernel = kernel_table(network, router)
        for prefix, shares in computed_table(network, topology, router).items():
            if "" in shares:
                continue
            truth = kernel.get(prefix, {})
            several += len(truth) > 1
            if truth != pytest.approx(shares):
                found.append(f"{router} to {prefix}: kernel {truth}, computed {shares}")
    return found, several


def settle(network: Network) -> int:
    """Wait until kernels and computation agree; the routes with several next hops."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while True:
        found, several = differences(network)
        if not found:
            return several
        assert time.monotonic() < deadline, "\n".join(found)
        time.sleep(1)


def test_every_kernel_forwards_as_computed(network: Network) -> None:
    assert settle(network) > 10


def test_connected_networks_come_before_cheaper_ways_round(network: Network) -> None:
    """With a dear LAN interface OSPF would go round, the kernel does not; others follow OSPF's costs."""
    frr.configure(network, "r1", "interface lan", "ip ospf cost 100")
    try:
        deadline = time.monotonic() + SETTLED_SECONDS
        while not any(
            link.metric == 100 for each in database(network, "r2") if isinstance(each.body, RouterLsa)
            for link in each.body.links
        ):  # fmt: skip
            assert time.monotonic() < deadline
            time.sleep(0.2)
        settle(network)
        own = kernel_table(network, "r1")["10.0.100.0/24"]
        assert own == {"10.0.100.1": 1.0}
    finally:
        frr.configure(network, "r1", "interface lan", "ip ospf cost 10")
    settle(network)
