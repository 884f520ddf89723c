"""gateway.network_api: topology, its changes, and the path between two addresses."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway import network_api, query
from gateway.query import NothingFound
from tests.gateway import published_fake as fake


def path(source: str, destination: str, published: fake.Published | None = None) -> network_api.Document:
    return network_api.path(
        published or fake.small(), query.address("src", source), query.address("dst", destination), fake.NAMES
    )


def test_path_goes_router_by_router_with_shares() -> None:
    document = path("10.1.0.10", "10.4.0.20")
    json.dumps(document)
    assert document["source"] == {
        "address": "10.1.0.10",
        "prefix": "10.1.0.0/24",
        "at": "10.255.0.1",
        "name": "north",
        "assumed": False,
    }
    assert document["destination"] == {"address": "10.4.0.20", "prefix": "10.4.0.0/24", "type": "intra"}
    hops = document["hops"]
    assert {h["name"] for h in hops} == {"north", "east", "south", "west"}
    out_of_north = [h for h in hops if h["name"] == "north"]
    assert {h["egress"] for h in out_of_north} == {
        "10.255.0.1:10.0.0.1",
        "10.255.0.1:10.0.0.5",
        "10.255.0.1:10.0.0.9",
    }
    assert [h["share"] for h in out_of_north] == pytest.approx([1 / 3] * 3)
    into_west = [h for h in hops if h["name"] == "west"]
    assert sum(h["share"] for h in into_west) == pytest.approx(1)
    assert {h["egress"] for h in into_west} == {"10.255.0.4:10.4.0.0/24"}
    assert {h["cost"] for h in into_west} == {20}


def test_the_agents_gateway_decides_where_a_host_enters() -> None:
    document = path("10.0.100.30", "10.4.0.20")  # probe on the LAN, its gateway is south
    assert document["source"]["at"] == "10.255.0.2"
    assert document["source"]["assumed"] is False
    assert document["hops"][0]["ingress"] == "10.255.0.2:10.0.100.2"


def test_a_host_without_agent_on_a_lan_enters_at_an_assumed_router() -> None:
    document = path("10.0.100.99", "10.4.0.20")
    assert document["source"]["assumed"] is True
    assert document["hops"][-1]["router"] == "10.255.0.4"


def test_a_router_address_starts_at_that_router() -> None:
    document = path("10.0.0.10", "10.1.0.10")  # east's own interface
    assert document["source"]["at"] == "10.255.0.3"
    assert document["hops"][0]["name"] == "east"


def test_to_the_outside_and_back() -> None:
    out = path("10.4.0.20", "198.51.100.7")
    assert out["destination"] == {"address": "198.51.100.7", "prefix": "0.0.0.0/0", "type": "external-2"}
    assert out["hops"][-1]["egress"] == "10.255.0.1:external"
    back = path("198.51.100.7", "10.4.0.20")
    assert back["source"]["assumed"] is True
    assert back["source"]["at"] == "10.255.0.1"


def test_no_answers_say_why() -> None:
    network = replace(fake.small_network(), externals=())
    published = fake.of_network(network, ())
    for source, destination, words in (
        ("192.0.2.1", "10.4.0.20", "192.0.2.1 is in no known prefix"),
        ("10.4.0.20", "192.0.2.1", "192.0.2.1 is in no known prefix"),
        ("10.4.0.20", "10.4.0.21", "share a link"),
    ):
        with pytest.raises(NothingFound, match=words):
            path(source, destination, published)
    split = fake.of_network(network.without("north--east", "south--west"), ())
    with pytest.raises(NothingFound, match=r"no path from 10\.1\.0\.10|no known prefix"):
        path("10.1.0.10", "10.4.0.20", split)
    with pytest.raises(NothingFound, match="no topology"):
        path("10.1.0.10", "10.4.0.20", fake.empty())


def test_topology() -> None:
    document = network_api.topology(fake.small().topology, fake.NAMES)
    json.dumps(document)
    assert [r["name"] for r in document["routers"]] == ["north", "south", "east", "west"]
    assert document["networks"] == [
        {
            "prefix": "10.0.100.0/24",
            "designated_router": "10.0.100.1",
            "area": "0.0.0.0",
            "routers": ["10.255.0.1", "10.255.0.2"],
        }
    ]
    assert {link["id"] for link in document["links"]} == set(fake.small().links.id)
    prefixes = {p["prefix"]: p for p in document["prefixes"]}
    assert prefixes["10.1.0.0/24"] == {"prefix": "10.1.0.0/24", "type": "intra", "at": ["10.255.0.1"], "cost": 10}
    assert prefixes["0.0.0.0/0"]["type"] == "external-2"
    assert prefixes["0.0.0.0/0"]["cost"] == 20
    assert document["version"] == 7
    assert document["time"] == "2026-11-21T19:40:00Z"


def test_changes_between_two_versions() -> None:
    network = fake.small_network()
    old, new = fake.topology_of(network, 1), fake.topology_of(network.without("north--east"), 2, fake.NOW)
    found = network_api.changes(old, new)
    assert {(c["kind"], c["subject"]) for c in found} >= {
        ("link_down", "10.255.0.1:10.0.0.9"),
        ("link_down", "10.255.0.3:10.0.0.10"),
    }
    assert found[0]["time"] == "2026-11-21T19:50:00Z"
    assert network_api.changes(new, new) == []
    with pytest.raises(NothingFound, match="no topology"):
        network_api.changes(None, new)
