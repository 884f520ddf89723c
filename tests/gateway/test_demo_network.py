"""The description of a simulated network."""

from __future__ import annotations

import pytest

from gateway.demo.network import LAN, P2P, STUB, NetworkBuilder, address, dotted, mask, prefix


def small() -> NetworkBuilder:
    build = NetworkBuilder()
    build.router("a", "10.255.0.1")
    build.router("b", "10.255.0.2")
    build.p2p("a", "b", "10.0.0.0/30", 10, back=20, capacity=1e9, name="ab")
    build.p2p("a", "b", "", 5, capacity=1e9, name="unnumbered")
    build.lan("lan", "10.0.100.0/24", ("a", "b"), 7, capacity=1e9)
    build.stub("users", "10.1.0.0/24", "a", 3, capacity=1e8)
    build.host("pc", 10, "users")
    build.host("noc", 20, "lan", gateway="b", agent=False)
    build.outside("web", "203.0.113.1")
    build.external("b", "0.0.0.0/0", 20)
    return build


def test_addresses() -> None:
    assert address("10.0.1.2") == 0x0A000102
    assert dotted(0x0A000102) == "10.0.1.2"
    assert (mask(24), mask(0), mask(32)) == (0xFFFFFF00, 0, 0xFFFFFFFF)
    assert prefix("10.1.2.3/24") == (address("10.1.2.0"), 24)
    for bad in ("10.0.0", "10.0.0.256", "10.0.0.0.1"):
        with pytest.raises(ValueError):
            address(bad)


def test_segments_and_identity() -> None:
    network = small().build()
    kinds = {segment.name: segment.kind for segment in network.segments}
    assert kinds == {"ab": P2P, "unnumbered": P2P, "lan": LAN, "users": STUB}
    ids = {name: network.link_id(network.find("a", name)) for name in kinds}
    assert ids == {
        "ab": "10.255.0.1:10.0.0.1",
        "unnumbered": "10.255.0.1:if2",
        "lan": "10.255.0.1:10.0.100.1",
        "users": "10.255.0.1:10.1.0.0/24",
    }
    assert [network.find(router, "ab").cost for router in "ab"] == [10, 20]
    assert network.link_id(network.find("b", "ab")) == "10.255.0.2:10.0.0.2"


def test_hosts_know_their_gateway() -> None:
    hosts = small().build().host_by_name
    assert dotted(hosts["pc"].address) == "10.1.0.10"
    assert dotted(hosts["pc"].gateway) == "10.1.0.1"
    assert dotted(hosts["noc"].gateway) == "10.0.100.2"
    assert (hosts["noc"].agent, hosts["web"].segment, hosts["web"].gateway) == (False, "", 0)


def test_failures_are_new_networks() -> None:
    network = small().build()
    end = network.find("a", "ab")
    assert [peer.router for peer in network.peers(end)] == ["b"]
    for name in ("ab", "a", "a/ab"):
        assert not network.without(name).is_up(end)
        assert network.without(name).repaired(name) == network
    dead_peer = network.without("b")
    assert dead_peer.is_up(end) and dead_peer.peers(end) == ()
    assert network.is_up(end)


def test_a_cost_changes_on_one_side_only() -> None:
    network = small().build()
    changed = network.with_cost("a", "ab", 99)
    assert [changed.find(router, "ab").cost for router in "ab"] == [99, 20]
    assert network.find("a", "ab").cost == 10


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        small().p2p("a", "z", "10.9.0.0/30", 1, capacity=1.0)
    with pytest.raises(KeyError):
        small().build().find("b", "users")
