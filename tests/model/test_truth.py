"""The truth itself, on networks small enough to do by hand."""

from __future__ import annotations

import ast
from fractions import Fraction
from pathlib import Path

import pytest

from gateway.demo.network import NetworkBuilder
from tests.model.truth import Routes, Sent, loads

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)


def square() -> NetworkBuilder:
    """a - b - d and a - c - d at equal cost, two wires between a and b; users behind a and d."""
    build = NetworkBuilder()
    for number, name in enumerate("abcd", 1):
        build.router(name, f"10.255.0.{number}")
    build.p2p("a", "b", "10.0.0.0/30", 10, capacity=1e9, name="ab1")
    build.p2p("a", "b", "10.0.0.4/30", 10, capacity=1e9, name="ab2")
    build.p2p("a", "c", "10.0.0.8/30", 10, capacity=1e9, name="ac")
    build.p2p("b", "d", "10.0.0.12/30", 10, capacity=1e9, name="bd")
    build.p2p("c", "d", "10.0.0.16/30", 10, capacity=1e9, name="cd")
    build.stub("left", "10.1.0.0/24", "a", 10, capacity=1e9)
    build.stub("right", "10.2.0.0/24", "d", 10, capacity=1e9)
    build.host("l", 10, "left")
    build.host("l2", 11, "left")
    build.host("r", 10, "right")
    build.outside("web", "203.0.113.1")
    build.external("c", "0.0.0.0/0", 20)
    return build


def test_truth_imports_nothing_it_judges() -> None:
    tree = ast.parse(Path(__file__).with_name("truth.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {m for m in modules if m and m.startswith(("ospf", "gateway", "mibs", "exporters"))} == {
        "gateway.demo.network"
    }


def test_shares_split_per_next_hop() -> None:
    network = square().build()
    found = Routes(network).fractions(network.host_by_name["l"], network.host_by_name["r"])
    assert found is not None
    out, into = found
    third = Fraction(1, 3)  # three next hops at a: two wires to b, one to c
    assert out == {
        "10.255.0.1:10.0.0.1": third, "10.255.0.1:10.0.0.5": third, "10.255.0.1:10.0.0.9": third,
        "10.255.0.2:10.0.0.13": 2 * third, "10.255.0.3:10.0.0.17": third, "10.255.0.4:10.2.0.0/24": 1,
    }  # fmt: skip
    assert into == {
        "10.255.0.1:10.1.0.0/24": 1, "10.255.0.2:10.0.0.2": third, "10.255.0.2:10.0.0.6": third,
        "10.255.0.3:10.0.0.10": third, "10.255.0.4:10.0.0.14": 2 * third, "10.255.0.4:10.0.0.18": third,
    }  # fmt: skip


def test_external_on_link_and_unreachable() -> None:
    network = square().build()
    hosts = network.host_by_name
    routes = Routes(network)
    outward, inward = (
        routes.fractions(hosts["l"], hosts["web"]),
        routes.fractions(hosts["web"], hosts["l"]),
    )
    assert outward is not None and inward is not None
    assert outward[0] == {"10.255.0.1:10.0.0.9": 1, "10.255.0.3:external": 1}
    assert inward[0] == {"10.255.0.3:10.0.0.10": 1, "10.255.0.1:10.1.0.0/24": 1}
    assert inward[1] == {"10.255.0.3:external": 1, "10.255.0.1:10.0.0.9": 1}
    assert routes.fractions(hosts["l"], hosts["l2"]) == ({}, {})
    cut = Routes(network.without("bd", "cd"))
    assert cut.fractions(hosts["l"], hosts["r"]) == cut.fractions(hosts["l"], hosts["web"])  # by the default route
    assert Routes(network.without("left")).fractions(hosts["l"], hosts["r"]) is None


def test_a_lan_weighs_as_many_next_hops_as_routers_behind_it() -> None:
    build = NetworkBuilder()
    for number, name in enumerate("abcd", 1):
        build.router(name, f"10.255.0.{number}")
    build.lan("lan", "10.0.100.0/24", ("a", "b", "c"), 10, capacity=1e9)
    build.p2p("b", "d", "10.0.0.0/30", 10, capacity=1e9, name="bd")
    build.p2p("c", "d", "10.0.0.4/30", 10, capacity=1e9, name="cd")
    build.p2p("a", "d", "10.0.0.8/30", 20, capacity=1e9, name="ad")
    build.stub("left", "10.1.0.0/24", "a", 1, capacity=1e9)
    build.stub("right", "10.2.0.0/24", "d", 1, capacity=1e9)
    build.host("l", 10, "left")
    build.host("r", 10, "right")
    build.host("noc", 99, "lan", gateway="c")
    network = build.build()
    hosts = network.host_by_name
    found = Routes(network).fractions(hosts["l"], hosts["r"])
    assert found is not None
    third = Fraction(1, 3)
    assert found[0]["10.255.0.1:10.0.100.1"] == 2 * third
    assert found[0]["10.255.0.1:10.0.0.9"] == found[0]["10.255.0.2:10.0.0.1"] == third
    assert found[1]["10.255.0.2:10.0.100.2"] == found[1]["10.255.0.3:10.0.100.3"] == third
    # to a host on the LAN: out of one LAN interface, into none; from it: into its own gateway
    to_noc = Routes(network).fractions(hosts["l"], hosts["noc"])
    assert to_noc == ({"10.255.0.1:10.0.100.1": 1}, {"10.255.0.1:10.1.0.0/24": 1})
    from_noc = Routes(network).fractions(hosts["noc"], hosts["r"])
    assert from_noc is not None and from_noc[1]["10.255.0.3:10.0.100.3"] == 1
    assert from_noc[0] == {"10.255.0.3:10.0.0.5": 1, "10.255.0.4:10.2.0.0/24": 1}


def test_loads_follow_a_change_in_the_middle_of_a_record() -> None:
    network = square().build()
    changed = network.without("ab1", "ab2")
    sent = [Sent(0.0, 10.0, "l", "r", "web", 9000, 10)]
    found = loads([(-100.0, network), (4.0, changed)], sent, 14)
    total = 9000 + 140
    assert found.out["10.255.0.1:10.0.0.9", "web"] == pytest.approx(total * (0.4 / 3 + 0.6))
    assert found.out["10.255.0.1:10.0.0.1", "web"] == pytest.approx(total * 0.4 / 3)
    assert found.carried["web"] == pytest.approx(total)
    cut = loads([(-100.0, network), (5.0, network.without("left"))], sent, 0)
    assert cut.unroutable == pytest.approx(4500) and cut.carried["web"] == pytest.approx(4500)
