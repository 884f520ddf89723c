"""The listener speaking OSPFv3 with the model router: the same promises as for OSPFv2."""

from __future__ import annotations

from typing import Any

import pytest

from ospf.config import AttachConfig
from ospf.errors import OspfConfigError, OspfForbiddenSend
from ospf.events import Event, LsdbChanged, NeighborSeen, ParameterMismatch, SyncFailed, Synchronised
from ospf.interface import Neighbor
from ospf.keys import AuthKey
from ospf.listener import Listener
from ospf.lsa import Lsa, UnknownLsa
from ospf.neighbor import State
from ospf.packets import DatabaseDescription, LinkStateAck, LinkStateRequest, LinkStateUpdate
from ospf.v3 import lsa as v3
from ospf.v3.dialect import OWN_INTERFACE_ID, Segment3, check_octets3, listener3, version_3
from ospf.v3.ip6 import ALL_D_ROUTERS, ALL_SPF_ROUTERS, build_ip6_packet
from ospf.v3.packets import Hello, encode_packet, with_checksum
from tests.ospf import v3_lsas as said
from tests.ospf.model_router import converse, run_until
from tests.ospf.v3_lsas import ip6
from tests.ospf.v3_model_router import LISTENER, ModelRouter3

R1, A1 = 0x0A000001, ip6("fe80::1")
LSAS = [
    said.router(R1, said.transit(7, R1, 7)),
    said.router(R1 + 1, said.transit(3, R1, 7)),
    said.network(R1, 7, R1, R1 + 1),
    said.of_network(R1, 7, "2001:db8:1::/64"),
    said.link(R1, 7, "fe80::1", "2001:db8:1::/64"),
    said.make(0xA00C, 1, R1, UnknownLsa(b"\0\1\0\4abcd")),
    *(said.external(f"2001:db8:f{i:02x}::/48", R1, 20, lsid=i + 1) for i in range(40)),
]


def listen(**config: Any) -> Listener:
    return listener3(AttachConfig("lan", version=3, **config), 0.0)


def events(listener: Listener) -> list[Event]:
    found = []
    while (event := listener.next_event()) is not None:
        found.append(event)
    return found


def flooded(router: ModelRouter3, lsa: Lsa, destination: int = ALL_SPF_ROUTERS) -> bytes:
    packet = encode_packet(LinkStateUpdate((lsa,)), router_id=router.router_id, area=router.area)
    return build_ip6_packet(router.address, destination, with_checksum(packet, router.address, destination))


@pytest.mark.parametrize("router_id", ["0.0.0.255", "250.0.0.1"])
def test_burst_gets_everything_and_the_router_is_never_full(router_id: str) -> None:
    router = ModelRouter3(R1, A1, LSAS)
    listener = listen(router_id=router_id)
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    assert set(listener.lsdb.lsas(0.0)) == set(LSAS)
    assert listener.synchronised and not listener.adjacencies
    assert "full" not in router.reached and "exchange" in router.reached
    assert router.state == "init"  # we left with a 1-way Hello
    told = events(listener)
    assert [type(event) for event in told] == [LsdbChanged, NeighborSeen, Synchronised]
    assert told[2].lsas == len(LSAS)  # type: ignore[union-attr]
    kinds = {type(body) for body in router.heard}
    assert kinds <= {Hello, DatabaseDescription, LinkStateRequest, LinkStateAck}
    assert all(not body.headers for body in router.heard if isinstance(body, DatabaseDescription))
    assert router.acked == {(lsa.key, lsa.header.sequence) for lsa in LSAS}


@pytest.mark.parametrize("router_id", ["0.0.0.255", "250.0.0.1"])
def test_full_mode_stays_full(router_id: str) -> None:
    router = ModelRouter3(R1, A1, LSAS)
    listener = listen(router_id=router_id, mode="full")
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    run_until(listener, router, now=0.0, end=200.0)
    assert router.state == "full"
    assert [adjacency.state for adjacency in listener.adjacencies] == [State.FULL]
    change = said.external("2001:db8:abcd::/48", R1, 20, lsid=99)
    listener.receive(router.flood(change), 200.0)
    destinations = [destination for destination, _ in listener.packets_to_send(200.0)]
    assert destinations == [ALL_D_ROUTERS]
    assert listener.lsdb.get(change.key) == change


def test_our_hello_copies_what_must_agree() -> None:
    router = ModelRouter3(R1, A1, LSAS, area=5, hello_interval=3, dead_interval=9)
    router.options = 0x13 | v3.OPTION_N | v3.OPTION_DC | v3.OPTION_AT
    listener = listen()
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    hello = next(body for body in router.heard if isinstance(body, Hello))
    assert hello == Hello(0, 3, v3.OPTION_V6 | v3.OPTION_E | v3.OPTION_N, 0, 9, R1, 0, (R1,), OWN_INTERFACE_ID)
    assert listener.area == listener.lsdb.area == 5
    description = next(body for body in router.heard if isinstance(body, DatabaseDescription))
    assert description.options == hello.options
    assert description.mtu == router.mtu


def test_another_instance_on_the_link_is_not_heard() -> None:
    router, other = ModelRouter3(R1, A1, LSAS, instance_id=7), ModelRouter3(R1 + 9, A1 + 9, instance_id=0)
    listener = listen(instance_id=7)
    listener.receive(other.hello(), 0.0)
    assert listener.stats.wrong_instance == 1
    assert listener.last_error == "a packet of instance id 0"
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    assert len(listener.lsdb) == len(LSAS)
    assert [neighbor.router_id for neighbor in listener.neighbors] == [R1]


def test_floods_are_heard_and_the_checksum_counts() -> None:
    router = ModelRouter3(R1, A1, LSAS)
    listener = listen(mode="passive")
    listener.receive(flooded(router, LSAS[0], ALL_D_ROUTERS), 0.0)
    listener.receive(flooded(router, LSAS[1]), 0.0)
    broken = bytearray(flooded(router, LSAS[2]))
    broken[-1] ^= 1
    listener.receive(bytes(broken), 0.0)
    assert len(listener.lsdb) == 2
    assert (listener.stats.malformed, listener.last_error) == (1, "packet checksum")
    listener.receive(flooded(router, LSAS[3], LISTENER), 0.0)  # to us, from nobody we know
    assert listener.stats.strangers == 1
    assert listener.packets_to_send(0.0) == []


def test_polling_ends_with_the_network_lsa() -> None:
    alone = ModelRouter3(R1, A1, LSAS[:1], others=())
    listener = listen(poll_seconds=5.0)
    listener.receive(alone.hello(), 0.0)
    converse(listener, alone, now=0.0)
    run_until(listener, alone, now=0.0, end=30.0)
    assert listener.stats.polls >= 4
    listener.receive(alone.flood(LSAS[2]), 30.0)
    polls = listener.stats.polls
    run_until(listener, alone, now=30.0, end=60.0)
    assert listener.stats.polls <= polls + 1


def test_a_segment_with_a_trailer_is_heard_but_not_spoken_to() -> None:
    router = ModelRouter3(R1, A1, LSAS)
    router.options |= v3.OPTION_AT
    listener = listen()
    trailer = bytes.fromhex("0001003000000001") + bytes(8 + 32)
    hello = bytearray(router.hello() + trailer)
    hello[4:6] = (int.from_bytes(hello[4:6], "big") + len(trailer)).to_bytes(2, "big")
    listener.receive(bytes(hello), 0.0)
    assert listener.packets_to_send(0.0) == []
    (failed,) = [event for event in events(listener) if isinstance(event, SyncFailed)]
    assert "not supported" in failed.reason
    assert listener.stats.authenticated == 1


def test_keys_are_not_for_version_3() -> None:
    with pytest.raises(OspfConfigError, match="authentication"):
        listen(authentication=AuthKey(type="md5", key_id=1, key="secret"))


def test_what_routers_disagree_about_is_told() -> None:
    one, other = ModelRouter3(R1, A1), ModelRouter3(R1 + 1, A1 + 1, designated=R1)
    other.options |= v3.OPTION_N
    listener = listen(mode="passive")
    for router in (one, other):
        listener.receive(router.hello(), 0.0)
    (told,) = [event for event in events(listener) if isinstance(event, ParameterMismatch)]
    assert (told.router_id, told.field) == (R1 + 1, "options")


def test_the_designated_router_goes_by_its_id() -> None:
    segment = Segment3("auto")
    hello = Hello(0, 10, 0x13, 1, 40, R1, R1 + 1, (), 7)
    for router in (R1 + 2, R1 + 1, R1):
        segment.hear(router, A1 + router - R1, hello, 0, 0.0)
    assert [neighbor.router_id for neighbor in segment.candidates(0.0)] == [R1, R1 + 1]
    assert segment.designated() == [(7, R1)]
    reference = segment.reference()
    assert reference is not None and reference.router_id == R1
    assert segment.identity(Neighbor(5, 6, hello, 0.0)) == 5


def test_the_last_gate() -> None:
    speak = version_3(9).encode
    for body in (LinkStateUpdate((LSAS[0],)), DatabaseDescription(0, 0, 0, 1, (LSAS[0].header,))):
        with pytest.raises(OspfForbiddenSend):
            check_octets3(speak(body, router_id=1, area=0))
    for octets in (b"", bytes(16), b"\2\1" + bytes(30), b"\3\6" + bytes(30)):
        with pytest.raises(OspfForbiddenSend):
            check_octets3(octets)
    for body in (LinkStateAck(()), LinkStateRequest(()), DatabaseDescription(0, 0, 0, 1)):
        check_octets3(speak(body, router_id=1, area=0))
    assert speak(LinkStateAck(()), router_id=1, area=0)[14] == 9


def test_the_database_tells_the_scopes_of_version_3() -> None:
    listener = listen(mode="passive")
    for lsa in LSAS:
        listener.lsdb.install(lsa, 0.0)
    kinds = {scope: {lsa.header.type for lsa in listener.lsdb.lsas(0.0, scope)} for scope in range(3)}
    assert kinds == {
        v3.SCOPE_LINK: {v3.LINK},
        v3.SCOPE_AREA: {v3.ROUTER, v3.NETWORK, v3.INTRA_AREA_PREFIX, 0xA00C},
        v3.SCOPE_AS: {v3.AS_EXTERNAL},
    }
