"""The simulated routers against a real listener, in memory: burst sync, floods, what must not happen."""

from __future__ import annotations

from itertools import count

import pytest

from gateway.demo.area import SimulatedArea
from gateway.demo.enterprise import LISTENING_LAN, enterprise
from gateway.demo.network import Network, address
from gateway.demo.routers import SimulatedLan, State
from gateway.demo.story import PARIS_LINE
from ospf.events import LsdbChanged, NeighborSeen, Synchronised
from ospf.lsa import OPTION_E, Lsa, encode_lsa
from ospf.packets import (
    ALL_SPF_ROUTERS,
    Hello,
    LinkStateUpdate,
    build_ip_packet,
    decode_packet,
    encode_packet,
    ip_payload,
)
from tests.model.wire import Wire

NETWORK = enterprise()


def contents(lsas: tuple[Lsa, ...]) -> dict[tuple[int, int, int], tuple[int, object]]:
    return {lsa.key: (lsa.header.sequence, lsa.body) for lsa in lsas}


def assert_equal_databases(wire: Wire) -> None:
    assert contents(wire.listener.lsdb.lsas(wire.now)) == contents(wire.area.lsas(wire.now))


def test_burst_gets_the_whole_database_and_leaves() -> None:
    wire = Wire(NETWORK, LISTENING_LAN, 1000.0)
    before = contents(wire.area.lsas(1000.0))
    wire.run_until(1010.0)
    assert any(isinstance(event, Synchronised) for event in wire.events)
    assert len([event for event in wire.events if isinstance(event, NeighborSeen)]) == 3
    assert_equal_databases(wire)
    assert contents(wire.area.lsas(wire.now)) == before  # the listener changed nothing
    assert wire.lan.stats.intruding_updates == wire.lan.stats.refused == 0
    assert wire.lan.stats.adjacencies == 0  # nobody got to Full
    wire.run_until(1025.0)
    assert wire.lan.states == {}  # and it is forgotten after the dead interval


@pytest.mark.parametrize("mode", ["burst", "full"])
def test_a_change_is_flooded_at_once(mode: str) -> None:
    wire = Wire(NETWORK, LISTENING_LAN, 1000.0, mode=mode)
    wire.run_until(1012.0)
    wire.events.clear()
    for network in (NETWORK.without(PARIS_LINE), NETWORK, NETWORK.without("edge-1"), NETWORK):
        wire.change(network)
        assert_equal_databases(wire)
        assert any(isinstance(event, LsdbChanged) and event.time == wire.now for event in wire.events)
        wire.run_until(wire.now + 1.0)
    assert wire.lan.stats.intruding_updates == 0


def test_a_full_adjacency_lasts_and_acknowledges() -> None:
    wire = Wire(NETWORK, LISTENING_LAN, 1000.0, mode="full")
    wire.run_until(1012.0)
    assert State.FULL in wire.lan.states.values()
    wire.change(NETWORK.without(PARIS_LINE))
    wire.run_until(1040.0)
    assert wire.lan.stats.acks_received >= 1 and wire.lan.stats.retransmissions == 0
    assert State.FULL in wire.lan.states.values()


def test_what_a_full_neighbour_missed_is_repeated() -> None:
    numbers = count()
    losing = [False]
    wire = Wire(NETWORK, LISTENING_LAN, 1000.0, mode="full", lose=lambda packet: losing[0] and next(numbers) < 1)
    wire.run_until(1012.0)
    losing[0] = True
    wire.change(NETWORK.without(PARIS_LINE))
    with pytest.raises(AssertionError):
        assert_equal_databases(wire)
    wire.run_until(1025.0)
    assert wire.lan.stats.retransmissions >= 1
    assert_equal_databases(wire)


def test_the_sync_survives_losses() -> None:
    numbers = count()
    wire = Wire(NETWORK, LISTENING_LAN, 1000.0, lose=lambda packet: next(numbers) % 5 == 4)
    wire.run_until(1120.0)
    assert any(isinstance(event, Synchronised) for event in wire.events)
    assert {lsa.key for lsa in wire.listener.lsdb.lsas(wire.now)} == {lsa.key for lsa in wire.area.lsas(wire.now)}


def test_a_refresh_is_flooded_but_is_no_change() -> None:
    wire = Wire(NETWORK, LISTENING_LAN, 1000.0)
    wire.run_until(1012.0)
    wire.events.clear()
    wire.run_until(1012.0 + 1900.0)
    assert wire.lan.stats.lsas_flooded >= len(wire.area)
    assert_equal_databases(wire)
    assert not any(isinstance(event, LsdbChanged) for event in wire.events)


def hello_of(lan: SimulatedLan) -> list[tuple[int, Hello]]:
    found = []
    for packet in lan.packets_to_send(0.0):
        source, destination, payload = ip_payload(packet)
        body = decode_packet(payload).body
        if isinstance(body, Hello):
            assert destination == ALL_SPF_ROUTERS
            found.append((source, body))
    return found


def quiet_lan(network: Network = NETWORK) -> SimulatedLan:
    lan = SimulatedLan(SimulatedArea(network, 0.0), LISTENING_LAN, 0.0)
    lan.handle_timeout(0.0)
    return lan


def test_every_router_says_hello_and_names_dr_and_bdr() -> None:
    hellos = hello_of(quiet_lan())
    assert [source for source, _ in hellos] == [address(f"10.0.100.{i}") for i in (1, 2, 3)]
    for _, hello in hellos:
        assert hello.designated_router == address("10.0.100.1")
        assert hello.backup_designated_router == address("10.0.100.2")
        assert len(hello.neighbors) == 2 and hello.options == OPTION_E
    assert [hello.priority for _, hello in hellos] == [1, 1, 0]


def test_a_dead_dr_is_succeeded() -> None:
    hellos = hello_of(quiet_lan(NETWORK.without("hq-core-1")))
    assert [hello.designated_router for _, hello in hellos] == [address("10.0.100.2")] * 2


def test_garbage_and_foreign_updates_are_counted() -> None:
    lan = quiet_lan()
    me, router_id = address("10.0.100.254"), address("10.255.0.200")

    def say(body: Hello | LinkStateUpdate) -> None:
        lan.receive(build_ip_packet(me, ALL_SPF_ROUTERS, encode_packet(body, router_id=router_id, area=0)), 1.0)

    lan.receive(b"garbage", 1.0)
    assert lan.stats.refused == 1
    say(Hello(0xFFFFFF00, 10, OPTION_E, 0, 40, 0, 0, ()))  # other timers
    assert lan.stats.refused == 4 and lan.states == {}
    say(Hello(0xFFFFFF00, 2, OPTION_E, 0, 8, 0, 0, (address("10.255.0.1"),)))
    assert lan.states["hq-core-1", me] == State.EXSTART
    body = next(iter(lan.area.lsas(0.0))).body
    forged = encode_lsa(type=1, link_state_id=router_id, advertising_router=router_id, body=body)
    before = len(lan.area)
    say(LinkStateUpdate((forged,)))
    assert lan.stats.intruding_updates == 1 and len(lan.area) == before


def test_only_dr_and_bdr_accept_an_adjacency() -> None:
    lan = quiet_lan()
    me, router_id = address("10.0.100.254"), address("10.255.0.200")
    everybody = tuple(address(f"10.255.0.{i}") for i in (1, 2, 9))
    hello = Hello(0xFFFFFF00, 2, OPTION_E, 0, 8, 0, 0, everybody)
    lan.receive(build_ip_packet(me, ALL_SPF_ROUTERS, encode_packet(hello, router_id=router_id, area=0)), 1.0)
    assert {router: state for (router, _), state in lan.states.items()} == {
        "hq-core-1": State.EXSTART,
        "hq-core-2": State.EXSTART,
        "edge-1": State.INIT,
    }
