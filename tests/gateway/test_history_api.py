"""gateway.history_api: routing tables, LSA traffic, choice of instance and of events."""

from __future__ import annotations

import json

import pytest

from gateway import history_api as api
from gateway.published import Event
from gateway.query import NothingFound, QueryError
from ospf.domain import DomainKey
from ospf.past import Traffic, TrafficKey
from ospf.paths import Paths
from ospf.topology import build_topology
from tests.gateway import published_fake as fake

HELD = fake.small().topology
assert HELD is not None


def routes(router: str, prefix: str | None = None) -> api.Document:
    assert HELD is not None
    return api.routes(HELD, Paths(HELD), router, fake.NAMES, prefix)


def test_the_table_a_router_computed() -> None:
    document = routes("10.255.0.3")
    json.dumps(document)
    assert (document["router"], document["name"], document["instance"]) == ("10.255.0.3", "east", "default")
    table = {route["prefix"]: route for route in document["routes"]}
    office = table["10.4.0.0/24"]
    assert (office["type"], office["cost"], office["type2_cost"], office["area"]) == ("intra", 20, None, "0.0.0.0")
    assert office["next_hops"] == [
        {"router": "10.255.0.4", "name": "west", "address": "10.0.0.14", "link": "10.255.0.3:10.0.0.13"}
    ]
    default = table["0.0.0.0/0"]
    assert (default["type"], default["type2_cost"], default["area"]) == ("external-2", 20, None)
    assert table["10.0.0.8/30"]["connected"] and not office["connected"]


def test_equal_costs_are_side_by_side() -> None:
    hops = routes("10.255.0.1", "10.0.0.16/30")["routes"][0]["next_hops"]
    assert [hop["name"] for hop in hops] == ["south", "south"]
    assert len({hop["link"] for hop in hops}) == 2


def test_a_prefix_is_asked_for_exactly_an_address_by_what_it_takes() -> None:
    def prefixes(prefix: str) -> list[str]:
        return [route["prefix"] for route in routes("10.255.0.3", prefix)["routes"]]

    assert prefixes("10.4.0.0/24") == prefixes("10.4.0.77/32") == ["10.4.0.0/24"]
    assert prefixes("192.0.2.1/32") == ["0.0.0.0/0"]
    with pytest.raises(NothingFound, match=r"no route to exactly 10\.4\.0\.0/16; within it: 10\.4\.0\.0/24$"):
        prefixes("10.4.0.0/16")
    with pytest.raises(NothingFound, match=r"10\.0\.0\.0/8; within it: (\S+, ){3}\S+ and \d+ more"):
        prefixes("10.0.0.0/8")
    for none in ("10.4.0.0/25", "2001:db8::1/128"):
        with pytest.raises(NothingFound, match="ask without a prefix"):
            prefixes(none)


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(NothingFound, match=r"no router 10\.9\.9\.9"):
        routes("10.9.9.9")
    with pytest.raises(NothingFound, match="no route to"):
        routes("10.255.0.1", "10.99.0.0/16")


def test_choice_of_instance() -> None:
    one, two = build_topology([], version=1, time=0.0), build_topology([], version=1, time=0.0)
    both = {"default": one, "vrf": two}
    assert api.choose(both, None)[0] == "default" and api.choose(both, None, "vrf")[1] is two
    assert api.choose({"b": one, "a": two}, None)[0] == "a" and api.choose(both, "vrf")[1] is two
    with pytest.raises(NothingFound, match="known then: default, vrf"):
        api.choose(both, "none")
    with pytest.raises(NothingFound):
        api.choose({}, None)


def test_areas() -> None:
    assert [api.area_id(text) for text in ("0", "0.0.0.1", "256", "4294967295")] == [0, 1, 256, 0xFFFFFFFF]
    for text in ("", "x", "1.2.3", "4294967296", "-1"):
        with pytest.raises(QueryError, match="area"):
            api.area_id(text)


def test_lsa_traffic_is_told_busiest_first() -> None:
    key = TrafficKey(DomainKey("default", 2), 0, 0x0AFF0001, 1)
    found = {key._replace(type=5): Traffic(added=1, octets=36), key: Traffic(refreshed=2, duplicate=3, octets=400)}
    first, second = api.lsas(found, fake.NAMES)
    assert (first["router"], first["name"], first["type"], first["lsas"]) == ("10.255.0.1", "north", "router", 5)
    assert first["duplicate"] == 3 and second["type"] == "external" and second["area"] == "0.0.0.0"
    alike = {key._replace(router=0x0AFF0000 + n): Traffic(added=1) for n in (10, 9, 100)}
    assert [d["router"] for d in api.lsas(alike)] == ["10.255.0.9", "10.255.0.10", "10.255.0.100"]


def test_choice_of_events() -> None:
    events = [Event(t, kind, "x", "") for t, kind in ((1, "link_up"), (2, "link_down"), (3, "router_down"))]
    assert [e.time for e in api.select_events(events, 1, 2, None)] == [2]
    assert [e.time for e in api.select_events(events, None, None, "link up, router_down")] == [1, 3]
    assert [e.time for e in api.select_events(events, None, None, None)] == [1, 2, 3]


def test_events_of_the_store_and_those_not_yet_written_are_joined() -> None:
    a, b, c, d = (Event(t, "link_up", s, "") for t, s in ((1, "a"), (2, "b"), (2, "c"), (3, "d")))
    assert api.joined_events([a, b], [b, c, d]) == [a, b, c, d]
    assert api.joined_events([], [c]) == [c] and api.joined_events([a], []) == [a]
