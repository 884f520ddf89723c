from collections.abc import Iterable
from typing import Any

import pytest

from ospf.config import AttachConfig
from ospf.doubt import AUDIT_SECONDS, GRACE_SECONDS, OVERDUE_SECONDS, SILENCE_SECONDS
from ospf.events import Event, LsaHeard, LsdbChanged, NeighborLost, NeighborSeen, SyncFailed, Synchronised
from ospf.listener import Listener
from ospf.lsa import MAX_AGE, ExternalLsa, Lsa, NetworkLsa, RouterLink, RouterLsa, encode_lsa
from ospf.neighbor import State
from ospf.packets import (
    ALL_D_ROUTERS,
    ALL_SPF_ROUTERS,
    DD_MORE,
    DatabaseDescription,
    Hello,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    build_ip_packet,
    decode_packet,
    encode_packet,
)
from ospf.wire import internet_checksum
from tests.ospf.model_router import MASK, ModelRouter, converse, run_until

R1, A1 = 0x0A000001, 0x0A620001


def lsa(router: int, sequence: int = 1, metric: int = 1, age: int = 0) -> Lsa:
    body = RouterLsa(0, (RouterLink(A1, 0x0A620000 | router & 255, 2, metric),))
    return encode_lsa(type=1, link_state_id=router, advertising_router=router, body=body, sequence=sequence, age=age)


def database(count: int = 57) -> list[Lsa]:
    network = encode_lsa(type=2, link_state_id=A1, advertising_router=R1, body=NetworkLsa(MASK, (R1, R1 + 1)))
    externals = [
        encode_lsa(
            type=5, link_state_id=0xAC100000 + (i << 8), advertising_router=R1, body=ExternalLsa(MASK, 20, True, 0, 0)
        )
        for i in range(count)
    ]
    return [lsa(R1), lsa(R1 + 1), network, *externals]


def listen(now: float = 0.0, **config: Any) -> Listener:
    return Listener(AttachConfig("lan", **config), now)


def events(listener: Listener) -> list[Event]:
    found = []
    while (event := listener.next_event()) is not None:
        found.append(event)
    return found


def only(kind: type, found: Iterable[Event]) -> Any:
    (event,) = [event for event in found if isinstance(event, kind)]
    return event


def synchronised(listener: Listener, router: ModelRouter, now: float = 0.0) -> Listener:
    listener.receive(router.hello(), now)
    converse(listener, router, now=now)
    assert listener.synchronised
    events(listener)
    return listener


def contents(listener: Listener, now: float = 0.0) -> set[Lsa]:
    return set(listener.lsdb.lsas(now))


# Burst


@pytest.mark.parametrize("router_id", ["0.0.0.255", "250.0.0.1"])
def test_burst_gets_everything_at_the_first_hello_and_leaves(router_id: str) -> None:
    router = ModelRouter(R1, A1, database())
    listener = listen(router_id=router_id)
    listener.receive(router.hello(), 1.0)
    carried = converse(listener, router, now=1.0)
    assert contents(listener) == set(database())
    assert router.state == "init"  # our last Hello no longer listed it
    assert router.reached == {"exstart", "exchange", "init"}  # never loading, never full
    found = events(listener)
    assert found[0].__class__ is LsdbChanged  # the whole database in one event
    assert set(only(LsdbChanged, found).keys) == {each.key for each in database()}
    assert only(NeighborSeen, found) == NeighborSeen(R1, A1, 1.0)
    assert only(Synchronised, found) == Synchronised(0, 60, 0.0, 1.0, "attach")
    assert carried < 40  # one begin, seven descriptions, twelve updates: no polling


@pytest.mark.parametrize("router_id", ["0.0.0.255", "250.0.0.1"])
def test_nothing_said_in_a_burst_could_change_routing(router_id: str) -> None:
    router = ModelRouter(R1, A1, database())
    synchronised(listen(router_id=router_id), router)
    for body in router.heard:
        assert isinstance(body, Hello | DatabaseDescription | LinkStateRequest | LinkStateAck)
        if isinstance(body, DatabaseDescription):
            assert not body.headers and body.flags & DD_MORE and body.options & 0x40 and body.mtu == router.mtu
        if isinstance(body, Hello):
            assert (body.priority, body.mask, body.hello_interval, body.dead_interval) == (0, MASK, 10, 40)
            assert body.designated_router == A1


def test_everything_received_is_acknowledged() -> None:
    router = ModelRouter(R1, A1, database())
    synchronised(listen(), router)
    assert router.acked == {(each.key, each.header.sequence) for each in database()}


def test_after_the_burst_there_is_silence() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    said = listener.stats.sent
    run_until(listener, router, now=0.0, end=1000.0)
    assert listener.stats.sent == said and listener.stats.syncs == 1 and router.state == "init"


def test_no_conversation_before_there_is_a_dr() -> None:
    router = ModelRouter(R1, A1, database(), designated=0)
    listener = listen()
    now = run_until(listener, router, now=0.0, end=40.0)
    assert listener.stats.hellos and not router.heard
    router.designated = A1
    listener.receive(router.hello(), now)
    converse(listener, router, now=now)
    assert listener.synchronised


def test_a_router_that_is_neither_dr_nor_bdr_is_not_asked() -> None:
    router = ModelRouter(R1, A1, database(), designated=0x0A620063)
    listener = listen()
    run_until(listener, router, now=0.0, end=200.0)
    assert not router.heard


def test_area_and_parameters_are_copied() -> None:
    router = ModelRouter(R1, A1, database(), area=5, hello_interval=0, dead_interval=1)
    listener = listen()
    listener.receive(router.say(LinkStateUpdate((lsa(7),))), 0.0)
    assert listener.area == 5 and len(listener.lsdb) == 1
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    assert listener.synchronised and listener.lsdb.area == 5 and contents(listener) == {*database(), lsa(7)}


def test_what_comes_from_beyond_the_segment_is_refused() -> None:
    """RFC 2328 8.2. Packets to 224.0.0.5 stay on the link, one to the listener's address may come from anywhere."""
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    before, own = contents(listener), 0x0A6200FE
    flush = lsa(R1, sequence=9, age=MAX_AGE)
    for router_id, source in ((0x01020304, 0x08080808), (R1, 0x08080808), (0x01020304, A1)):
        for body in (decode_packet(router.hello()[20:]).body, LinkStateUpdate((lsa(0xDEADBEEF), flush))):
            packet = encode_packet(body, router_id=router_id, area=0)
            listener.receive(build_ip_packet(source, own, packet), 5.0)
    assert listener.stats.strangers == 6 and contents(listener, 5.0) == before
    assert [each.address for each in listener.neighbors] == [A1]
    listener.receive(router.say(LinkStateUpdate((lsa(R1, sequence=2, metric=9),)), own), 5.0)  # a neighbor's
    assert contents(listener, 5.0) != before


def test_other_areas_are_not_heard() -> None:
    router = ModelRouter(R1, A1, database(), area=5)
    listener = listen(area="0.0.0.0")
    listener.receive(router.hello(), 0.0)
    assert listener.stats.wrong_area == 1 and not listener.neighbors and not listener.packets_to_send(0.0)


def test_a_segment_that_is_moved_to_another_area_is_followed() -> None:
    """Unless an area is configured; and nothing of one area stays in the other's database."""
    old, new = ModelRouter(R1, A1, database(), area=5), ModelRouter(R1, A1, [lsa(1), lsa(2)], area=6)
    for area, expected in ((None, 6), ("0.0.0.5", 5)):
        listener = synchronised(listen(area=area), old)
        listener.record_lsas = True
        listener.receive(new.hello(), 10.0)
        assert (listener.area, listener.stats.wrong_area) == (5, 1)
        listener.handle_timeout(45.0)
        events(listener)
        listener.receive(new.hello(), 50.0)
        assert listener.area == expected
        if area is None:
            assert [e.area for e in events(listener) if isinstance(e, LsaHeard)] == [5] * len(database())
            converse(listener, new, now=50.0)
            assert listener.synchronised and listener.lsdb.area == 6 and contents(listener, 50.0) == {lsa(1), lsa(2)}


def test_neighbors_without_end_leave_nothing_behind() -> None:
    listener = listen(mode="full", network="point-to-point")
    for number in range(200):
        router = ModelRouter(0x0B000000 + number, A1 + number % 50, dead_interval=20)
        listener.receive(router.hello(), number * 6.0)
        listener.handle_timeout(number * 6.0)
        events(listener)
        listener.packets_to_send(number * 6.0)
    assert listener.stats.syncs_failed > 50 and len(listener.neighbors) < 5
    assert len(listener._pace._failures) < 5


def test_every_single_packet_may_get_lost() -> None:
    for lost in range(30):
        router = ModelRouter(R1, A1, database(20))
        listener = listen()
        count = [0]

        def lose(_: bytes, count: list[int] = count, lost: int = lost) -> bool:
            count[0] += 1
            return count[0] == lost + 1

        listener.receive(router.hello(), 0.0)
        converse(listener, router, now=0.0, lose=lose)
        now = 0.0
        while not listener.synchronised and now < 100:
            now += 1.0
            if now % 10 == 0:
                listener.receive(router.hello(), now)
            if now % 5 == 0:
                router.retransmit()
            listener.handle_timeout(now)
            converse(listener, router, now=now)
        assert contents(listener, now) == set(router.database.values()), lost
        assert "full" not in router.reached, lost


def test_a_lost_goodbye_is_said_again() -> None:
    router = ModelRouter(R1, A1, database(3))
    listener = synchronised(listen(), router)
    router.state = "exchange"
    listener.receive(router.say(DatabaseDescription(1400, 0x42, 1, 9999), 1), 5.0)
    converse(listener, router, now=5.0)
    assert router.state == "init" and listener.stats.unexpected == 1


def test_a_router_that_does_not_answer_is_tried_again_less_and_less() -> None:
    router = ModelRouter(R1, A1, database(3), hello_interval=1, dead_interval=4)
    listener = listen()
    router.receive = lambda payload: None  # type: ignore[method-assign]
    run_until(listener, router, now=0.0, end=200.0)
    failures = [event for event in events(listener) if isinstance(event, SyncFailed)]
    assert [event.retry_seconds for event in failures[:6]] == [1, 2, 4, 8, 16, 32]
    assert listener.stats.syncs_failed == len(failures) and not listener.synchronised


def test_an_lsa_that_is_described_but_never_comes_does_not_cost_the_others() -> None:
    router = ModelRouter(R1, A1, database(3))
    router.refuses = {database(3)[0].key}
    listener = listen()
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    run_until(listener, router, now=0.0, end=30.0)
    assert listener.synchronised and contents(listener) == set(database(3)[1:])


def test_half_a_database_is_not_told() -> None:
    router = ModelRouter(R1, A1, database(3))
    router.refuses = {database(3)[0].key}
    listener = listen()
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    assert len(listener.lsdb) == 5 and not [e for e in events(listener) if isinstance(e, LsdbChanged)]


# Host mode after the burst


def test_a_flooded_change_is_an_event_a_refresh_is_none() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    listener.receive(router.flood(lsa(R1, sequence=2)), 10.0)
    assert events(listener) == []
    listener.receive(router.flood(lsa(R1, sequence=3, metric=77)), 11.0)
    listener.receive(router.flood(lsa(R1 + 1, sequence=2, metric=5)), 12.0)
    assert events(listener) == [LsdbChanged(0, ((1, R1, R1), (1, R1 + 1, R1 + 1)), 12.0)]
    assert listener.packets_to_send(12.0) == []  # a host does not acknowledge


def test_a_flush_is_an_event() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    listener.receive(router.flood(lsa(R1 + 1, sequence=1, age=MAX_AGE)), 10.0)
    assert events(listener) == [LsdbChanged(0, ((1, R1 + 1, R1 + 1),), 10.0)]


def test_floods_to_the_designated_routers_are_heard() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    body = LinkStateUpdate((lsa(R1 + 1, sequence=2, metric=9),))
    packet = encode_packet(body, router_id=R1 + 1, area=0)
    listener.receive(build_ip_packet(A1 + 1, ALL_D_ROUTERS, packet), 10.0)
    assert only(LsdbChanged, events(listener)).keys == ((1, R1 + 1, R1 + 1),)


def test_lsas_die_of_age_by_timer() -> None:
    router = ModelRouter(R1, A1, [lsa(R1)])
    listener = synchronised(listen(mode="burst"), router)
    listener.handle_timeout(3600.0)
    assert only(LsdbChanged, events(listener)).keys == ((1, R1, R1),)


# Doubt


def resyncs_after(listener: Listener, router: ModelRouter, now: float, seconds: float = 10.0) -> list[str]:
    run_until(listener, router, now=now, end=now + seconds)
    return [event.reason for event in events(listener) if isinstance(event, Synchronised)]


def test_an_unknown_lsa_in_an_acknowledgment() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    missed = lsa(0x0A000009)
    router.database[missed.key] = missed
    ack = router.say(LinkStateAck((missed.header,)), ALL_D_ROUTERS)
    listener.receive(ack, 20.0)
    assert resyncs_after(listener, router, 20.0) == ["an LSA was acknowledged that was not heard"]
    assert missed in contents(listener) and "full" not in router.reached
    assert listener.adjacencies == ()


def test_an_acknowledgment_that_overtakes_its_update_is_no_doubt() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    new = lsa(0x0A000009)
    listener.receive(router.say(LinkStateAck((new.header,))), 20.0)
    listener.receive(router.flood(new), 20.0 + GRACE_SECONDS / 2)
    assert resyncs_after(listener, router, 20.1) == [] and listener.stats.doubts == 0


def test_an_acknowledged_flush_of_something_unknown_is_no_doubt() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    listener.receive(router.say(LinkStateAck((lsa(99, age=MAX_AGE).header,))), 20.0)
    assert resyncs_after(listener, router, 20.0) == []


def test_a_sequence_gap() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    missed = lsa(0x0A000009)
    router.database[missed.key] = missed
    listener.receive(router.flood(lsa(R1, sequence=3)), 20.0)
    assert resyncs_after(listener, router, 20.0) == ["a gap in a sequence number"]
    assert missed in contents(listener)


def test_a_resync_asks_only_for_what_is_newer_and_removes_what_is_gone() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    gone = router.database.pop((1, R1 + 1, R1 + 1))  # flushed while we were deaf
    router.database[(1, R1, R1)] = lsa(R1, sequence=2, metric=9)
    router.heard.clear()
    listener.receive(router.flood(lsa(0x0A000009, sequence=1)), 20.0)
    listener.receive(router.flood(lsa(0x0A000009, sequence=5)), 20.0)
    run_until(listener, router, now=20.0, end=30.0)
    requests = [body for body in router.heard if isinstance(body, LinkStateRequest)]
    assert requests == [LinkStateRequest(((1, R1, R1),))]
    assert gone not in contents(listener) and listener.lsdb.stats.vanished == 1
    changed = {key for event in events(listener) if isinstance(event, LsdbChanged) for key in event.keys}
    assert changed == {(1, 0x0A000009, 0x0A000009), gone.key, (1, R1, R1)}


def test_silence_past_the_refresh_time() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    run_until(listener, router, now=0.0, end=SILENCE_SECONDS - AUDIT_SECONDS)
    assert [e for e in events(listener) if isinstance(e, Synchronised)] == []
    reasons = resyncs_after(listener, router, SILENCE_SECONDS - AUDIT_SECONDS, 3 * AUDIT_SECONDS)
    assert "silence past the refresh time" in reasons


def test_an_lsa_that_misses_its_refresh() -> None:
    router = ModelRouter(R1, A1, database(0))
    listener = synchronised(listen(), router)
    run_until(listener, router, now=0.0, end=1800.0)
    listener.receive(router.flood(lsa(R1, sequence=2)), 1800.0)
    now = run_until(listener, router, now=1800.0, end=OVERDUE_SECONDS - 10)
    assert resyncs_after(listener, router, now, AUDIT_SECONDS + 60) == ["an LSA missed its refresh"]


def test_doubt_that_goes_on_is_paced() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    now, sequence = 100.0, 1
    while now < 1000.0:
        sequence += 2
        listener.receive(router.hello(), now)
        listener.receive(router.flood(lsa(R1, sequence=sequence)), now)
        run_until(listener, router, now=now, end=now + 1.0)
        now += 1.0
    assert 4 <= listener.stats.syncs <= 12  # 900 doubts


def test_an_empty_database_is_doubted() -> None:
    router = ModelRouter(R1, A1, [])
    listener = synchronised(listen(), router)
    router.database = {each.key: each for each in database(3)}
    run_until(listener, router, now=0.0, end=10.0)
    assert contents(listener) == set(database(3))


# Segments where nobody floods


def test_a_lone_router_is_polled() -> None:
    alone = [each for each in database() if each.header.type != 2]  # no Full neighbor, no network-LSA
    router = ModelRouter(R1, A1, alone, others=())
    listener = synchronised(listen(poll_seconds=2.0), router)
    router.database[(1, R1, R1)] = lsa(R1, sequence=2, metric=9)  # it floods nothing on this LAN
    run_until(listener, router, now=0.0, end=2.5)
    assert only(LsdbChanged, events(listener)).keys == ((1, R1, R1),)
    run_until(listener, router, now=2.5, end=20.0)
    assert 8 <= listener.stats.polls <= 10 and "full" not in router.reached
    assert events(listener) == []  # polls are not told


@pytest.mark.parametrize("network", ["auto", "point-to-point"])
def test_bursts_on_a_point_to_point_link(network: str) -> None:
    router = ModelRouter(R1, A1, database(), designated=0, others=())
    listener = listen(network=network, mode="burst")
    run_until(listener, router, now=0.0, end=11.0)
    assert listener.synchronised is (network == "point-to-point")
    run_until(listener, router, now=11.0, end=100.0)
    assert listener.synchronised and listener.stats.polls > 1 and "full" not in router.reached


def test_polling_ends_and_begins_with_the_network_lsa() -> None:
    network = next(each for each in database() if each.header.type == 2)
    router = ModelRouter(R1, A1, [lsa(R1)], others=())
    listener = synchronised(listen(poll_seconds=2.0), router)
    run_until(listener, router, now=0.0, end=9.0)
    assert listener.stats.polls == 4
    listener.receive(router.flood(network), 9.0)  # a second router came, the DR floods from now on
    run_until(listener, router, now=9.0, end=100.0)
    assert listener.stats.polls == 4
    flush = encode_lsa(
        type=2,
        link_state_id=A1,
        advertising_router=R1,
        body=network.body,
        sequence=network.header.sequence,
        age=MAX_AGE,
    )
    listener.receive(router.flood(flush), 100.0)  # and went again
    del router.database[network.key]
    run_until(listener, router, now=100.0, end=130.0)
    assert listener.stats.polls >= 10


def test_the_bdr_is_tried_when_the_dr_does_not_answer() -> None:
    bdr = ModelRouter(R1 + 1, A1 + 1, database(), designated=A1)
    dr = ModelRouter(R1, A1, database())
    dr.receive = lambda payload: None  # type: ignore[method-assign]
    bdr.backup = bdr.address
    listener = listen()
    run_until(listener, dr, bdr, now=0.0, end=60.0)
    assert listener.synchronised and "full" not in bdr.reached
    assert only(SyncFailed, events(listener)).router_id == R1


def test_after_deafness_there_is_doubt() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    run_until(listener, now=0.0, end=100.0)  # our cable was out
    assert resyncs_after(listener, router, 100.0, 20.0) == ["nobody was heard for a while"]


def test_what_a_lost_neighbor_leaves_is_looked_at() -> None:
    """The DR's only other neighbor goes: its new network-LSA is flooded to nobody, and a LAN with one is not polled."""
    router, other = ModelRouter(R1, A1, database()), ModelRouter(R1 + 1, A1 + 1, designated=A1)
    listener = synchronised(listen(), router)
    run_until(listener, router, other, now=1.0, end=30.0)
    assert len(listener.neighbors) == 2
    events(listener)
    gone = (2, A1, R1)
    del router.database[gone]
    assert resyncs_after(listener, router, 30.0, 50.0)[:1] == ["a neighbor was lost"]
    assert gone not in {held.key for held in contents(listener)}


def test_kernel_drops_are_doubt() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    listener.packets_lost(5.0)
    assert resyncs_after(listener, router, 5.0) == ["the kernel dropped packets"]


# Full


@pytest.mark.parametrize("router_id", ["0.0.0.255", "250.0.0.1"])
@pytest.mark.parametrize("network", ["auto", "point-to-point"])
def test_full_mode_stays(router_id: str, network: str) -> None:
    router = ModelRouter(R1, A1, database(), designated=A1 if network == "auto" else 0, others=())
    listener = listen(mode="full", router_id=router_id, network=network)
    run_until(listener, router, now=0.0, end=100.0)
    assert router.state == "full" and contents(listener) == set(database())
    (adjacency,) = listener.adjacencies
    assert adjacency.state is State.FULL
    hellos = [body for body in router.heard if isinstance(body, Hello)]
    assert 9 <= len(hellos) <= 14 and all(h.neighbors == (R1,) and h.priority == 0 for h in hellos)
    assert only(Synchronised, events(listener)).reason == "attach"
    assert not any(isinstance(b, DatabaseDescription) and b.headers for b in router.heard)


def test_full_mode_acknowledges_floods() -> None:
    router = ModelRouter(R1, A1, database())
    listener = listen(mode="full")
    run_until(listener, router, now=0.0, end=50.0)
    router.out.append(router.flood(lsa(R1, sequence=2, metric=9)))
    converse(listener, router, now=50.0)
    assert ((1, R1, R1), 2) in router.acked


def test_full_mode_begins_anew_when_the_router_forgot_us() -> None:
    router = ModelRouter(R1, A1, database())
    listener = listen(mode="full")
    now = run_until(listener, router, now=0.0, end=50.0)
    router.peer_id, router.state = 0, "down"  # restarted
    run_until(listener, router, now=now, end=now + 30.0)
    assert router.state == "full" and listener.stats.syncs == 2


@pytest.mark.parametrize("mode", ["burst", "full"])
def test_after_a_crash_the_router_that_still_holds_us_is_told_first(mode: str) -> None:
    router = ModelRouter(R1, A1, database())
    router.peer_id, router.state = 0x000000FF, "full"  # we died without a word and are back
    listener = listen(mode=mode)
    run_until(listener, router, now=0.0, end=15.0)  # its Hello comes at 10
    assert listener.synchronised and listener.stats.syncs_failed == 0


def test_leave() -> None:
    router = ModelRouter(R1, A1, database())
    listener = listen(mode="full")
    run_until(listener, router, now=0.0, end=50.0)
    listener.leave(50.0)
    converse(listener, router, now=50.0)
    assert router.state == "init" and listener.adjacencies == ()


# Passive, loss, refusals


def test_passive_says_nothing_ever() -> None:
    router = ModelRouter(R1, A1, database())
    listener = listen(mode="passive")
    run_until(listener, router, now=0.0, end=100.0)
    listener.receive(router.flood(*database()[:5]), 100.0)
    listener.receive(router.say(LinkStateAck((lsa(99).header,))), 100.0)
    listener.receive(router.say(DatabaseDescription(1400, 2, 7, 1), 1), 100.0)
    run_until(listener, router, now=100.0, end=5000.0)
    assert not router.heard and listener.stats.sent == 0
    found = events(listener)
    assert only(NeighborSeen, found).router_id == R1
    assert any(isinstance(event, LsdbChanged) for event in found)


def test_a_neighbor_is_lost_after_its_dead_interval() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    assert [n.router_id for n in listener.neighbors] == [R1]
    due = listener.next_timeout()
    assert due == 40.0
    listener.handle_timeout(40.0)
    assert events(listener) == [NeighborLost(R1, A1, 40.0)] and listener.neighbors == ()


def test_the_conversation_ends_when_its_router_is_lost() -> None:
    router = ModelRouter(R1, A1, database())
    listener = listen(mode="full")
    run_until(listener, router, now=0.0, end=50.0)
    events(listener)
    run_until(listener, now=50.0, end=200.0)
    found = events(listener)
    assert only(SyncFailed, found).reason == "neighbor lost" and only(NeighborLost, found).router_id == R1
    assert listener.adjacencies == ()


def test_a_segment_with_authentication_is_heard_but_not_spoken_to() -> None:
    router = ModelRouter(R1, A1, database())
    listener = listen()
    for packet in (router.hello(), router.flood(lsa(R1))):
        payload = bytearray(packet[20:])
        payload[15] = 2  # AuType 2: no checksum, a digest behind
        payload[12:14] = b"\0\0"
        listener.receive(build_ip_packet(A1, ALL_SPF_ROUTERS, bytes(payload) + bytes(16)), 0.0)
    assert listener.stats.authenticated == 2 and len(listener.lsdb) == 1
    found = events(listener)
    assert "authentication" in only(SyncFailed, found).reason and only(LsdbChanged, found)
    assert listener.packets_to_send(0.0) == []


def test_a_router_with_our_router_id_is_counted() -> None:
    router = ModelRouter(255, A1, database())
    listener = listen()
    listener.receive(router.hello(), 0.0)
    assert listener.stats.duplicate_router_id == 1 and not listener.neighbors and listener.last_error


def test_what_is_malformed_is_counted_and_named() -> None:
    listener = listen()
    good = ModelRouter(R1, A1).hello()
    for packet in (b"", b"\0" * 40, good[:-1], good[:-1] + b"\xff"):
        listener.receive(packet, 0.0)
    assert listener.stats.malformed == 4 and listener.stats.packets == 4
    assert listener.last_error == "packet checksum"


def test_broken_lsas_are_counted() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    broken = bytearray(lsa(9).raw)
    broken[-1] ^= 1
    body = (2).to_bytes(4, "big") + bytes(broken) + lsa(8).raw
    whole = encode_packet(LinkStateUpdate((lsa(9), lsa(8))), router_id=R1, area=0)
    head = whole[:12] + b"\0\0" + whole[14:16]
    checksum = internet_checksum(head + body).to_bytes(2, "big")
    payload = head[:12] + checksum + head[14:] + bytes(8) + body
    listener.receive(build_ip_packet(A1, ALL_SPF_ROUTERS, payload), 1.0)
    assert listener.stats.lsas_refused == 1 and listener.last_error == "LSA checksum"
    assert only(LsdbChanged, events(listener)).keys == ((1, 8, 8),)


def test_the_database_ceiling_does_not_stop_the_burst() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(max_lsas=10), router)
    assert len(listener.lsdb) == 10 and "full" not in router.reached


def test_requests_to_us_are_counted_and_not_answered() -> None:
    router = ModelRouter(R1, A1, database())
    listener = synchronised(listen(), router)
    listener.receive(router.say(LinkStateRequest(((1, 255, 255),))), 1.0)
    assert listener.stats.requests == 1 and listener.packets_to_send(1.0) == []


def test_packets_are_addressed_as_the_network_wants_it() -> None:
    for network, expected in (("broadcast", A1), ("point-to-point", ALL_SPF_ROUTERS)):
        router = ModelRouter(R1, A1, database(3), designated=A1 if network == "broadcast" else 0)
        listener = listen(network=network)
        listener.receive(router.hello(), 0.0)
        (hello,) = listener.packets_to_send(0.0)
        assert hello[0] == ALL_SPF_ROUTERS
        router.receive(hello[1])
        listener.receive(router.out.pop(), 0.0)
        (answer,) = listener.packets_to_send(0.0)
        assert answer[0] == expected and isinstance(decode_packet(answer[1]).body, DatabaseDescription)


def test_timers_always_advance() -> None:
    for mode in ("passive", "burst", "full"):
        for designated in (0, A1, A1 + 7):
            router = ModelRouter(R1, A1, database(3), designated=designated)
            run_until(listen(mode=mode), router, now=0.0, end=4000.0)
