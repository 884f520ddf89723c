"""What the simulated routers originate, and when a new instance is made of it."""

from __future__ import annotations

from gateway.demo.area import REFRESH_SECONDS, SimulatedArea, designated, originations
from gateway.demo.network import NetworkBuilder, address, mask
from ospf.lsa import (
    AS_EXTERNAL,
    FLAG_E,
    INITIAL_SEQUENCE,
    MAX_AGE,
    NETWORK,
    ROUTER,
    ExternalLsa,
    NetworkLsa,
    RouterLink,
    RouterLsa,
    decode_lsa,
)

A, B, C = (address(f"10.255.0.{i}") for i in (1, 2, 3))


def build() -> NetworkBuilder:
    made = NetworkBuilder()
    for name, router_id in (("a", "10.255.0.1"), ("b", "10.255.0.2"), ("c", "10.255.0.3")):
        made.router(name, router_id)
    made.p2p("a", "b", "10.0.0.0/30", 10, back=20, capacity=1e9, name="ab")
    made.p2p("b", "c", "", 5, capacity=1e9, name="bc")
    made.lan("lan", "10.0.100.0/24", ("a", "b"), 7, capacity=1e9)
    made.stub("users", "10.1.0.0/24", "a", 3, capacity=1e8)
    made.external("c", "0.0.0.0/0", 20)
    return made


def test_bodies_follow_rfc_2328_12_4() -> None:
    bodies = originations(build().build())
    lan = address("10.0.100.1")
    assert bodies[ROUTER, A, A] == RouterLsa(
        0,
        (
            RouterLink(B, address("10.0.0.1"), 1, 10),
            RouterLink(address("10.0.0.0"), mask(30), 3, 10),
            RouterLink(lan, lan, 2, 7),
            RouterLink(address("10.1.0.0"), mask(24), 3, 3),
        ),
    )
    # an unnumbered wire has its ifIndex as link data and no stub
    assert bodies[ROUTER, C, C] == RouterLsa(FLAG_E, (RouterLink(B, 1, 1, 5),))
    assert bodies[NETWORK, lan, A] == NetworkLsa(mask(24), (A, B))
    assert bodies[AS_EXTERNAL, 0, C] == ExternalLsa(0, 20, True, 0, 0)
    assert len(bodies) == 5


def test_every_lsa_is_sound_on_the_wire() -> None:
    area = SimulatedArea(build().build(), 1000.0)
    for lsa in area.lsas(1000.0):
        assert decode_lsa(lsa.raw) == lsa
        assert lsa.header.sequence == INITIAL_SEQUENCE
        assert 0 <= lsa.header.age < REFRESH_SECONDS


def test_a_failed_wire_changes_both_ends_only() -> None:
    network = build().build()
    area = SimulatedArea(network, 1000.0)
    flooded = area.change(network.without("ab"), 1001.0)
    assert sorted(lsa.key for lsa in flooded) == [(ROUTER, A, A), (ROUTER, B, B)]
    assert all(lsa.header.sequence == INITIAL_SEQUENCE + 1 and lsa.header.age == 0 for lsa in flooded)
    body = next(lsa.body for lsa in flooded if lsa.key[1] == A)
    assert isinstance(body, RouterLsa) and len(body.links) == 2
    assert area.change(network.without("ab"), 1002.0) == ()


def test_a_dead_router_keeps_its_lsas_and_its_neighbours_tell() -> None:
    network = build().build()
    area = SimulatedArea(network, 1000.0)
    flooded = area.change(network.without("c"), 1001.0)
    assert [lsa.key for lsa in flooded] == [(ROUTER, B, B)]
    assert area.get((ROUTER, C, C), 1001.0) is not None
    assert area.get((AS_EXTERNAL, 0, C), 1001.0) is not None


def test_the_last_router_of_a_lan_withdraws_the_network_lsa() -> None:
    network = build().build()
    area = SimulatedArea(network, 1000.0)
    key = (NETWORK, address("10.0.100.1"), A)
    gone = {lsa.key: lsa for lsa in area.change(network.without("b/lan"), 1001.0)}
    assert gone[key].header.age == MAX_AGE and area.get(key, 1001.0) is None
    body = gone[ROUTER, A, A].body
    assert isinstance(body, RouterLsa)
    assert RouterLink(address("10.0.100.0"), mask(24), 3, 7) in body.links
    back = {lsa.key: lsa for lsa in area.change(network, 1002.0)}
    assert back[key].header.sequence == INITIAL_SEQUENCE + 1  # newer than what was flushed


def test_the_dr_is_the_first_that_works() -> None:
    network = build().build()
    first, second = designated(network, "lan"), designated(network.without("a"), "lan")
    assert first is not None and second is not None
    assert (first.router, second.router) == ("a", "b")


def test_refresh_is_a_new_instance_of_the_same_body() -> None:
    network = build().build()
    area = SimulatedArea(network, 0.0)
    before = {lsa.key: lsa for lsa in area.lsas(0.0)}
    fresh = area.refresh(REFRESH_SECONDS)
    assert {lsa.key for lsa in fresh} == set(before)
    for lsa in fresh:
        assert lsa.body == before[lsa.key].body
        assert lsa.header.sequence == before[lsa.key].header.sequence + 1
    assert area.refresh(REFRESH_SECONDS) == ()
