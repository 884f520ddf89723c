"""The lab itself: what the other tests stand on."""

from __future__ import annotations

import json
import socket
import struct

import pytest

from tests.lab import counters, frr
from tests.lab.counters import L2_OVERHEAD
from tests.lab.namespaces import command, inside
from tests.lab.network import Network
from tests.lab.plan import GATEWAY

OSPF, HELLO = 89, 1

pytestmark = pytest.mark.lab


def test_has_what_the_proof_needs(network: Network) -> None:
    programs = [router.program for router in network.plan.routers.values()]
    assert programs.count("frr") >= 5
    assert programs.count("bird") >= 1
    assert len(network.plan.users()) >= 4


def test_comes_up_in_time(network: Network) -> None:
    assert network.seconds_to_converge < 60  # under 30 s on an idle machine; printed at the end of the run


def test_every_router_has_every_route_and_neighbour(network: Network) -> None:
    assert network.lacking() == ""


def test_every_host_reaches_every_host(network: Network) -> None:
    for source in network.plan.hosts:
        targets = [host.address for name, host in network.plan.hosts.items() if name != source]
        script = " && ".join(f"ping -q -c 1 -W 2 {target}" for target in targets)
        network.run(source, "sh", "-c", script)


def test_lan_has_a_designated_router_and_a_backup(network: Network) -> None:
    (interface,) = frr.show(network, "r1", "ip ospf interface lan")["interfaces"].values()
    assert interface["networkType"] == "BROADCAST"
    assert interface["state"] == "DR"
    (interface,) = frr.show(network, "r2", "ip ospf interface lan")["interfaces"].values()
    assert interface["state"] == "Backup"
    names = {(kind, identity) for kind, identity, _ in frr.database(network, "r1")}
    assert {identity for kind, identity in names if kind.startswith("Net")} == {"10.0.100.1", "10.0.57.5"}


def next_hops(network: Network, router: str, prefix: str) -> set[str]:
    (route,) = json.loads(command("ip", "-n", network.namespace(router), "-j", "route", "show", prefix))
    return {hop["dev"] for hop in route.get("nexthops", (route,))}


def test_equal_cost_paths_and_parallel_links_are_in_use(network: Network) -> None:
    assert next_hops(network, "r1", "10.1.5.0/24") == {"to-r3", "to-r4"}
    assert next_hops(network, "r5", "10.1.1.0/24") == {"to-r3", "to-r4"}
    assert next_hops(network, "r5", "10.1.6.0/24") == {"to-r6a", "to-r6b"}
    assert next_hops(network, "r6", "10.1.5.0/24") == {"to-r5a", "to-r5b"}


def test_costs_differ_by_direction(network: Network) -> None:
    assert next_hops(network, "r2", "10.1.6.0/24") == {"lan"}
    assert next_hops(network, "r6", "10.1.2.0/24") == {"to-r2"}


def test_interface_counters_equal_nft_plus_layer_two(network: Network) -> None:
    before = counters.read(network)
    network.run("h2", "ping", "-q", "-c", "50", "-i", "0.01", "-s", "1000", network.plan.hosts["h6"].address)
    grown = counters.read(network) - before
    icmp = 50 * (20 + 8 + 1000 + L2_OVERHEAD)
    assert grown.applications["r2 lan", "icmp"] == icmp  # requests leave r2 over the LAN
    assert grown.applications["r6 to-r2", "icmp"] == icmp  # replies take the cheap cable
    routing = grown.applications["r2 lan", "ospf"]
    assert grown.octets["r2 lan"] - icmp - routing < 500  # nothing but ARP besides


def test_frames_are_not_merged_by_offloads(network: Network) -> None:
    for node in network.plan.nodes():
        for _, end in network.plan.ends_of(node):
            features = network.run(node, "ethtool", "-k", end.interface)
            for feature in (
                "tcp-segmentation-offload",
                "generic-segmentation-offload",
                "generic-receive-offload",
            ):
                assert f"{feature}: off" in features, (end, feature)


def test_gateway_hears_hellos_of_both_routers(network: Network) -> None:
    def listen() -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_RAW, OSPF)
        membership = struct.pack("4s4s", *map(socket.inet_aton, ("224.0.0.5", "10.0.100.9")))
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        opened.settimeout(10)
        return opened

    with inside(network.namespace(GATEWAY), listen) as opened:
        packets = [opened.recv(65536) for _ in range(8)]  # a hello a second from each of two
    hellos = {socket.inet_ntoa(packet[12:16]) for packet in packets if packet[21] == HELLO}
    assert hellos == {"10.0.100.1", "10.0.100.2"}
