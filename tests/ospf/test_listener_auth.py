"""The listener with keys, among routers that use them (real ones: tests/lab/test_authentication.py)."""

from typing import Any

import pytest

from ospf.auth import next_boot_count
from ospf.config import AttachConfig
from ospf.events import (
    AuthenticationFailed,
    DuplicateRouterId,
    Event,
    LsaHeard,
    LsdbChanged,
    ParameterMismatch,
    SyncFailed,
    Synchronised,
)
from ospf.keys import AuthKey
from ospf.listener import Listener
from ospf.lsa import MAX_AGE
from ospf.packets import DatabaseDescription, Hello, LinkStateUpdate
from tests.ospf.model_router import LISTENER, ModelRouter, converse, run_until
from tests.ospf.test_listener import A1, R1, database, events, lsa, only

SIMPLE = AuthKey("simple", key="password")
MD5 = AuthKey("md5", 7, "secret")
HMACS = [
    AuthKey("hmac-sha-1", 1, "secret"),
    AuthKey("hmac-sha-256", 2, "secret"),
    AuthKey("hmac-sha-384", 3, "secret"),
    AuthKey("hmac-sha-512", 4, "secret"),
    AuthKey("hmac-sha-256", 70_000, "secret", extended=True),
]
WRONG = [
    (MD5, AuthKey("md5", 7, "Secret"), "bad digest"),
    (MD5, AuthKey("md5", 8, "secret"), "unknown key id"),
    (MD5, AuthKey("hmac-sha-256", 7, "secret"), "bad digest"),
    (MD5, SIMPLE, "authentication type"),
    (SIMPLE, AuthKey("simple", key="passwort"), "bad digest"),
    (AuthKey("none"), MD5, "authentication type"),
]


def listen(*keys: AuthKey, boot_count: int = 0, **config: Any) -> Listener:
    listener = Listener(AttachConfig("lan", authentication=keys, **config), 0.0, boot_count=boot_count)
    listener.attached(address=LISTENER)
    return listener


@pytest.mark.parametrize("key", [SIMPLE, MD5, *HMACS], ids=repr)
@pytest.mark.parametrize("mode", ["burst", "full"])
def test_both_modes_with_every_kind_of_key(key: AuthKey, mode: str) -> None:
    router = ModelRouter(R1, A1, database(), keys=(key,))
    listener = listen(key, mode=mode)
    run_until(listener, router, now=0.0, end=100.0)
    assert set(listener.lsdb.lsas(100.0)) == set(database()) and not router.refused
    assert ("full" in router.reached) is (mode == "full")
    assert only(Synchronised, events(listener)).reason == "attach"
    stats = listener.stats
    assert stats.authenticated == stats.packets and stats.syncs == 1
    assert stats.auth_bad_digest == stats.auth_replayed == stats.auth_unknown_key == stats.auth_wrong_type == 0


@pytest.mark.parametrize(("theirs", "ours", "cause"), WRONG, ids=repr)
def test_a_wrong_key_is_told_and_nothing_believed(theirs: AuthKey, ours: AuthKey, cause: str) -> None:
    router = ModelRouter(R1, A1, database(), keys=(theirs,))
    listener = listen(ours, mode="full")
    run_until(listener, router, now=0.0, end=125.0)
    listener.receive(router.flood(lsa(R1, 9)), 125.0)
    assert not listener.neighbors and not len(listener.lsdb) and not router.heard and not listener.stats.sent
    found: list[Event] = events(listener)
    assert [type(event) for event in found] == [AuthenticationFailed] * 2  # at the first Hello and a minute later
    first = found[0]
    assert isinstance(first, AuthenticationFailed)
    assert (first.router_id, first.address, first.cause) == (R1, A1, cause)
    assert "[[ospf.attach]] authentication" in first.remedy or "octets" in first.remedy


def test_one_without_the_key_among_others_is_not_believed() -> None:
    router = ModelRouter(R1, A1, database(), keys=(MD5,))
    forger = ModelRouter(R1 + 1, A1 + 1, [lsa(R1, sequence=99, metric=1)], designated=A1)
    listener = listen(MD5)
    run_until(listener, router, forger, now=0.0, end=20.0)
    listener.receive(forger.flood(lsa(R1, sequence=100)), 20.0)
    assert set(listener.lsdb.lsas(20.0)) == set(database()) and [n.router_id for n in listener.neighbors] == [R1]
    assert listener.stats.auth_wrong_type >= 2


def test_a_recorded_packet_is_not_believed_again() -> None:
    router = ModelRouter(R1, A1, database(), keys=(MD5,))
    listener = listen(MD5)
    old = router.flood(lsa(R1, sequence=2, metric=5))
    run_until(listener, router, now=0.0, end=20.0)
    listener.receive(old, 20.0)
    assert listener.stats.auth_replayed == 1 and listener.lsdb.get((1, R1, R1)) == lsa(R1, sequence=2, metric=5)
    events(listener)
    listener.receive(old, 100.0)
    assert only(AuthenticationFailed, events(listener)).cause == "replayed sequence number"


def test_a_router_whose_number_starts_anew_is_believed_after_its_dead_interval() -> None:
    router = ModelRouter(R1, A1, database(), keys=(MD5,))
    router.signer.boot_count = 500
    listener = listen(MD5, mode="full")
    now = run_until(listener, router, now=0.0, end=50.0)
    restarted = ModelRouter(R1, A1, database(), keys=(MD5,))
    run_until(listener, restarted, now=now, end=now + 30.0)
    assert restarted.state != "full" and listener.stats.auth_replayed
    run_until(listener, restarted, now=now + 30.0, end=now + 100.0)
    assert restarted.state == "full"


def test_the_listener_restarts_within_the_routers_memory() -> None:
    router = ModelRouter(R1, A1, database(), keys=(MD5,))
    first = listen(MD5, mode="full", boot_count=next_boot_count(0, 1.8e9))
    run_until(first, router, now=0.0, end=50.0)
    second = listen(MD5, mode="full", boot_count=next_boot_count(first.boot_count, 1.8e9))
    run_until(second, router, now=51.0, end=80.0)
    assert not router.refused and second.synchronised
    third = listen(MD5, mode="full", boot_count=first.boot_count)  # as if nothing had been kept
    run_until(third, router, now=81.0, end=100.0)
    assert router.refused and not third.synchronised


def test_a_rollover_does_not_end_an_adjacency() -> None:
    old, new = AuthKey("md5", 1, "old"), AuthKey("hmac-sha-256", 2, "new")
    router = ModelRouter(R1, A1, database(), keys=(old, new))
    listener = listen(old, new, mode="full")
    now = run_until(listener, router, now=0.0, end=50.0)
    router.signer.keys = (new, old)
    run_until(listener, router, now=now, end=200.0)
    assert listener.stats.syncs == 1 and router.state == "full" and not router.refused
    assert router.auth._used[255] is new


@pytest.mark.parametrize("mode", ["passive", "burst", None])
def test_without_a_key_bodies_are_read_and_nothing_said(mode: str | None) -> None:
    router = ModelRouter(R1, A1, database(), keys=(HMACS[1],))
    listener = listen(mode=mode)
    run_until(listener, router, now=0.0, end=50.0)
    listener.receive(router.flood(lsa(R1)), 50.0)
    found = events(listener)
    assert only(LsdbChanged, found) and len(listener.lsdb) == 1 and not listener.stats.sent
    if mode != "passive":
        reason = only(SyncFailed, found).reason
        assert "cryptographic (key_id 2, 32 octets: hmac-sha-256)" in reason and "authentication" in reason


def test_type_3_without_our_address_stays_silent() -> None:
    router = ModelRouter(R1, A1, database(), keys=(HMACS[4],))
    listener = listen(HMACS[4])
    listener.attached()
    run_until(listener, router, now=0.0, end=20.0)
    assert not router.heard and listener.stats.unsent and "address" in listener.last_error


# What else is heard: records, mismatches, doubles


def test_every_lsa_is_recorded_when_asked() -> None:
    router = ModelRouter(R1, A1, database(0))
    listener = listen()
    listener.receive(router.flood(lsa(9)), 0.0)
    assert not any(isinstance(event, LsaHeard) for event in events(listener))
    listener.record_lsas = True
    assert listener.record_lsas
    listener.receive(router.hello(), 1.0)
    converse(listener, router, now=1.0)
    for sequence, metric, age in ((1, 1, 0), (2, 1, 0), (1, 1, 0), (3, 5, 0), (4, 5, MAX_AGE)):
        listener.receive(router.flood(lsa(R1, sequence, metric, age)), 5.0)
    records = [event for event in events(listener) if isinstance(event, LsaHeard)]
    assert {(r.area, r.router_id) for r in records} == {(0, R1)}
    told = [(r.lsa.key, r.outcome) for r in records if r.time == 5.0]
    assert [outcome for _, outcome in told] == ["duplicate", "refreshed", "older", "changed", "removed"]
    assert {r.outcome for r in records if r.time == 1.0} <= {"added", "duplicate"}
    listener.handle_timeout(4000.0)
    gone = [event for event in events(listener) if isinstance(event, LsaHeard)]
    assert {(r.outcome, r.router_id, r.lsa.header.age) for r in gone} == {("removed", 0, MAX_AGE)} and len(gone) == 3


def test_mismatches_are_told() -> None:
    dr = ModelRouter(R1, A1, database())
    other = ModelRouter(R1 + 1, A1 + 1, designated=A1, hello_interval=5, dead_interval=20, options=0x0A)
    listener = listen()
    listener.receive(dr.hello(), 0.0)
    listener.receive(other.hello(), 1.0)
    converse(listener, dr, now=1.0)
    found = [event for event in events(listener) if isinstance(event, ParameterMismatch)]
    assert [(e.router_id, e.field, e.theirs, e.ours_or_others) for e in found] == [
        (R1 + 1, "hello_interval", 5, 10),
        (R1 + 1, "dead_interval", 20, 40),
        (R1 + 1, "options", 0x0A, 0x02),
    ]
    assert listener.stats.mismatches == 3 and listener.synchronised  # nobody is disturbed by it


def test_an_mtu_above_our_own_is_told() -> None:
    router = ModelRouter(R1, A1, database(), mtu=9000)
    listener = listen()
    listener.attached(address=LISTENER, mtu=1500)
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    assert only(ParameterMismatch, events(listener)) == ParameterMismatch(R1, "mtu", 9000, 1500, 0.0)


def test_a_router_with_our_id_is_told() -> None:
    listener = listen()
    listener.receive(ModelRouter(255, A1, database()).hello(), 3.0)
    assert events(listener) == [DuplicateRouterId(255, A1, LISTENER, 3.0)]
    assert "router_id" in listener.last_error


# Several areas on one segment


@pytest.mark.parametrize("area", ["0.0.0.0", "0.0.0.5"])
def test_a_segment_of_two_areas_gives_the_one_asked_for(area: str) -> None:
    backbone = ModelRouter(R1, A1, database(5))
    five = ModelRouter(R1 + 1, A1 + 1, [lsa(77)], area=5)
    listener = listen(area=area)
    run_until(listener, backbone, five, now=0.0, end=20.0)
    mine, other = (backbone, five) if area == "0.0.0.0" else (five, backbone)
    assert set(listener.lsdb.lsas(20.0)) == set(mine.database.values()) and listener.lsdb.area == mine.area
    assert [n.router_id for n in listener.neighbors] == [mine.router_id]
    listener.receive(other.flood(lsa(99)), 20.0)
    assert listener.lsdb.get(lsa(99).key) is None and "full" not in backbone.reached | five.reached
    told = [event for event in events(listener) if isinstance(event, ParameterMismatch)]
    assert [(e.router_id, e.field) for e in told] == [(other.router_id, "area")]
    assert listener.stats.wrong_area == 2 and "attach once per area" in listener.last_error


def test_a_virtual_links_packets_do_not_disturb() -> None:
    """They are unicast, of area 0, from a border router that may be a neighbor here in the transit area."""
    border = ModelRouter(R1, A1, database(5), area=1)
    listener = listen()
    listener.receive(border.hello(), 0.0)
    converse(listener, border, now=0.0)
    before = set(listener.lsdb.lsas(0.0))
    border.area = 0
    for body in (Hello(0, 10, 2, 1, 40, 0, 0, (255,)), DatabaseDescription(0, 2, 7, 5), LinkStateUpdate((lsa(9),))):
        listener.receive(border.say(body, LISTENER), 1.0)
    far = ModelRouter(0x09090909, 0x09090909, area=0)
    listener.receive(far.say(Hello(0, 10, 2, 1, 40, 0, 0), LISTENER), 1.0)
    assert (listener.stats.wrong_area, listener.stats.strangers, listener.area) == (3, 1, 1)
    assert set(listener.lsdb.lsas(1.0)) == before and not listener.adjacencies and not listener.packets_to_send(1.0)


@pytest.mark.parametrize(("heard", "said"), [(0x02, 0x02), (0x00, 0x00), (0x08, 0x08), (0x5A, 0x0A)])
def test_stub_and_nssa_bits_are_answered_as_heard(heard: int, said: int) -> None:
    router = ModelRouter(R1, A1, database(5), options=heard)
    listener = listen()
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    assert {body.options for body in router.heard if isinstance(body, Hello)} == {said}
    descriptions = {body.options for body in router.heard if isinstance(body, DatabaseDescription)}
    assert descriptions == {said | 0x40}  # and the O-bit, or no opaque LSA would come


# The mode nobody configured


def test_unset_is_burst_where_there_is_a_dr() -> None:
    router = ModelRouter(R1, A1, database())
    listener = listen(mode=None)
    run_until(listener, router, now=0.0, end=200.0)
    assert listener.mode == "burst" and listener.synchronised and "full" not in router.reached


@pytest.mark.parametrize("tunnel", [True, False])
def test_unset_is_full_where_there_is_none(tunnel: bool) -> None:
    router = ModelRouter(R1, A1, database(), designated=0, others=())
    listener = listen(mode=None)
    listener.attached(address=LISTENER, point_to_point=tunnel)
    run_until(listener, router, now=0.0, end=11.0)
    assert listener.synchronised is tunnel
    run_until(listener, router, now=11.0, end=200.0)
    assert listener.mode == "full" and router.state == "full" and listener.stats.syncs == 1


def test_a_lone_dr_that_restarts_does_not_make_a_lan_a_point_to_point_link() -> None:
    router = ModelRouter(R1, A1, database(), others=())
    listener = listen(mode=None)
    now = run_until(listener, router, now=0.0, end=200.0)
    router.designated, router.peer_id, router.state = 0, 0, "down"  # Waiting, RFC 2328 9.1
    now = run_until(listener, router, now=now, end=now + 41.0)
    assert listener.mode == "burst"
    router.designated = A1
    run_until(listener, router, now=now, end=now + 200.0)
    assert listener.mode == "burst" and "full" not in router.reached


def test_a_link_found_point_to_point_stays_one_while_its_router_restarts() -> None:
    router = ModelRouter(R1, A1, database(), designated=0, others=())
    listener = listen(mode=None)
    now = run_until(listener, router, now=0.0, end=100.0)
    now = run_until(listener, now=now, end=now + 500.0)
    router.peer_id, router.state = 0, "down"
    listener.receive(router.hello(), now)
    converse(listener, router, now=now)
    assert router.state == "full"


def test_a_dr_that_appears_ends_the_full_adjacency() -> None:
    router = ModelRouter(R1, A1, database(), designated=0, others=())
    listener = listen(mode=None)
    now = run_until(listener, router, now=0.0, end=100.0)
    router.designated = A1
    router.reached.clear()
    run_until(listener, router, now=now, end=now + 100.0)
    assert listener.mode == "burst" and not listener.adjacencies and "full" not in router.reached


def test_on_point_to_multipoint_each_is_spoken_to_at_its_address() -> None:
    one = ModelRouter(R1, A1, database(5), designated=0, others=())
    other = ModelRouter(R1 + 1, A1 + 1, database(5), designated=0, others=())
    listener = listen(mode=None, network="point-to-point")
    listener.receive(one.hello(), 0.0)
    listener.receive(other.hello(), 0.0)
    destinations = set()
    for _ in range(50):
        for destination, payload in listener.packets_to_send(0.0):
            destinations.add((destination, payload[1]))
            for router in (one, other):
                if destination in (router.address, 0xE0000005):
                    router.receive(payload)
                while router.out:
                    listener.receive(router.out.pop(0), 0.0)
    assert one.state == other.state == "full"
    assert {to for to, kind in destinations if kind == 2} == {A1, A1 + 1}
