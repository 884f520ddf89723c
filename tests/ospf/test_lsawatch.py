"""Scripted LSA streams: each anomaly told once, healthy streams not at all."""

from __future__ import annotations

import pytest

from ospf.anomalies import Anomalies, AnomalyConfig
from ospf.events import LsaHeard
from ospf.lsa import MAX_AGE, MAX_SEQUENCE, Lsa, NetworkLsa, encode_lsa
from ospf.polled import Poll
from ospf.v3 import lsa as v3
from tests.ospf.heard import Stream, external_lsa, flush, grace_lsa, instance, router_lsa
from tests.ospf.lsas import ip, mask

R1 = "10.0.0.1"
GRACE = bytes.fromhex("00010004 00000078 00020001 01000000")


def test_a_healthy_hour_says_nothing() -> None:
    """200 routers, each with ten externals and a network, refreshed on schedule and heard twice each time."""
    stream = Stream()
    routers = [f"10.1.{n >> 4}.{n & 15}" for n in range(200)]
    at = []
    for turn in range(3):
        for number, router in enumerate(routers):
            at.append((turn * 1800.0 + number, turn, router))
    for now, turn, router in sorted(at):
        lsas = [router_lsa(turn, router, "10.2.0.1"), instance(turn, router, NetworkLsa(mask(24), (1, 2)), kind=2)]
        lsas += [external_lsa(turn, router, n) for n in range(10)]
        for lsa in lsas:
            for sender in ("10.0.0.8", "10.0.0.9"):  # a DROther floods to the DR, the DR to all
                stream.hear(lsa, now, sender)
    stream.until(5400.0)
    assert stream.told() == []
    stats = stream.anomalies.stats
    assert (stats.lsas_heard, stats.lsas_refreshed, stats.lsas_repeated) == (3 * 2 * 2400, 2 * 2400, 0)


def test_a_router_storms() -> None:
    stream = Stream(storm_lsas=50, storm_area_lsas=1000, storm_seconds=10)
    for n in range(200):
        stream.hear(external_lsa(n, R1, 0, metric=n), n * 0.1)
    stream.until(100.0)
    told = [t for t in stream.told() if t[1].startswith("lsa_storm")]
    assert [(kind, subject) for _, kind, subject, _ in told] == [("lsa_storm", R1), ("lsa_storm_ended", R1)]
    assert told[0][0] == pytest.approx(4.9, abs=0.11) and told[0][3].endswith("over 50 LSAs in 10 s")
    assert told[1][0] == pytest.approx(29.9, abs=0.1)
    count = int(told[1][3].split()[0])
    assert 195 <= count <= 200, "every LSA of the storm is counted"


def test_refreshes_on_schedule_are_no_storm_however_many_at_once() -> None:
    stream = Stream(storm_lsas=50, storm_area_lsas=50)
    for turn in range(3):
        for n in range(200):
            stream.hear(external_lsa(turn, R1, n, age=1 if turn else 100), turn * 1800.0 + n * 0.001)
    assert stream.told() == []


def test_an_older_instance_does_not_become_the_newest() -> None:
    stream = Stream()
    newest = router_lsa(5, R1, "10.2.0.1")
    stream.hear(newest, 0.0)
    stream.hear(router_lsa(3, R1, "10.2.0.9"), 1.0)
    stream.hear(newest, 2.0)
    assert stream.anomalies.stats.lsas_repeated == 1 and stream.anomalies.stats.lsas_refreshed == 0


def test_an_area_storms_though_no_router_does() -> None:
    stream = Stream(storm_lsas=50, storm_area_lsas=200, storm_seconds=10)
    for n in range(40):
        for router in range(10):
            stream.hear(router_lsa(n, f"10.0.1.{router}", "10.2.0.1", metric=n + 1), n * 0.5)
    assert ("lsa_storm", "area 0.0.0.0") in stream.kinds()
    for n in range(20):
        for router in range(30):
            stream.hear(external_lsa(n, f"10.0.1.{router}", 1, metric=n + 1), 100 + n * 0.5)
    assert ("lsa_storm", "AS scope") in stream.kinds()


def test_two_attachments_tell_of_one_lsa_once() -> None:
    anomalies = Anomalies(AnomalyConfig(storm_lsas=50, min_interval_lsas=1000))
    one, two = Stream(anomalies, "eth0"), Stream(anomalies, "eth1")
    for n in range(40):
        lsa = external_lsa(n, R1, 0, metric=n)
        one.hear(lsa, n * 0.1)
        two.hear(lsa, n * 0.1 + 0.01)
    assert one.told() == []


def test_a_first_synchronisation_is_no_storm() -> None:
    stream = Stream(storm_lsas=50)
    stream.anomalies = Anomalies(AnomalyConfig(storm_lsas=50))  # nothing told of any synchronisation
    for n in range(500):
        stream.hear(external_lsa(0, R1, n, age=5), n * 0.001)
    assert stream.told() == []
    for n in range(500, 600):
        stream.hear(external_lsa(0, R1, n, age=5), 61.0 + n * 0.001)
    assert stream.kinds() == [("lsa_storm", R1)]


def test_what_a_later_synchronisation_brings_is_no_storm() -> None:
    stream = Stream(storm_lsas=50)
    for n in range(500):
        stream.hear(external_lsa(3, R1, n, age=100 + n), 10.0 + n * 0.001)
    assert stream.told() == []


def test_one_neighbor_repeats_itself() -> None:
    stream = Stream(duplicate_lsas=100)
    for n in range(100):
        lsa = external_lsa(0, R1, n)
        stream.hear(lsa, n * 1.0, "10.0.0.8")
        stream.hear(lsa, n * 1.0 + 0.1, "10.0.0.8")
    told = stream.told()
    assert [t[1:3] for t in told] == [("duplicates", "eth0")]
    assert "50 of 100 LSAs" in told[0][3]
    stream.until(500.0)
    assert stream.kinds() == [("duplicates_ended", "eth0")]


def test_a_database_for_a_router_that_comes_anew_is_no_repetition() -> None:
    stream = Stream(duplicate_lsas=100)
    lsas = [external_lsa(0, R1, n, age=300) for n in range(200)]
    for now in (0.0, 100.0):
        for lsa in lsas:
            stream.hear(lsa, now, "10.0.0.8")
    assert stream.told() == []


def test_a_refresh_far_too_early_again_and_again() -> None:
    stream = Stream(early_refreshes=3)
    for n in range(3):
        stream.hear(router_lsa(n, R1, "10.2.0.1"), n * 60.0)
    assert stream.told() == []
    stream.hear(router_lsa(3, R1, "10.2.0.1"), 180.0)
    told = stream.told()
    assert [t[1:3] for t in told] == [("refresh_early", R1)] and "60 s after" in told[0][3]
    stream.until(180.0 + 900.0)
    assert stream.kinds() == [("refresh_early_ended", R1)]


def test_changes_in_between_are_no_early_refreshes() -> None:
    stream = Stream(early_refreshes=3)
    for n in range(20):
        stream.hear(router_lsa(n, R1, "10.2.0.1", metric=1 + n // 2), n * 60.0)
    assert stream.told() == []


def test_a_missed_refresh() -> None:
    stream = Stream(refresh_margin_seconds=1200)
    stream.hear(router_lsa(0, R1, "10.2.0.1"), 0.0)
    stream.hear(external_lsa(0, R1, 1), 0.0)
    for turn in range(4):
        stream.hear(router_lsa(turn, "10.0.0.2", "10.2.0.2"), turn * 1790.0)
        stream.hear(external_lsa(turn, "10.0.0.2", 2), turn * 1790.0)
        stream.until(turn * 1790.0 + 1789.0)
        told = stream.told()
        if turn == 1:
            assert [t[1:3] for t in told] == [("refresh_missed", R1)]
            assert 3000 <= told[0][0] <= 3060 and "and 1 more" in told[0][3]
        elif turn == 2:  # it has aged out of the database meanwhile
            assert [t[1:3] for t in told] == [("refresh_missed_ended", R1)]
        else:
            assert told == []


def test_an_audit_takes_its_time() -> None:
    stream = Stream()
    for n in range(12_000):
        lsa = external_lsa(0, f"10.1.{n >> 10}.1", n & 1023, age=300)
        stream.anomalies.hear(LsaHeard(lsa, 100.0, "added", 0, 1), "eth0")
    watch = stream.anomalies._lsas
    watch._scope_heard["as"] = 3200.0
    watch.handle_timeout(3200.0)
    assert stream.told() == [] and watch.next_timeout() == pytest.approx(3200.1)
    watch.handle_timeout(3200.1)
    watch.handle_timeout(3200.2)
    told = stream.told()
    assert len(told) == 12 and told[0][1] == "refresh_missed" and "172.16.0.0 of 10.1.0.1 and 1023 more" in told[0][3]
    assert watch.next_timeout() == pytest.approx(3260.2)


def test_a_refresh_missed_by_the_dead_or_by_us_is_no_anomaly() -> None:
    stream = Stream()
    stream.hear(router_lsa(0, R1, "10.2.0.1"), 0.0)
    stream.until(3500.0)  # nothing is heard at all: it is we who are deaf
    assert stream.told() == []
    stream = Stream()
    stream.hear(router_lsa(0, R1, "10.2.0.1"), 0.0)
    stream.anomalies._lsas.alive = frozenset((ip("10.0.0.2"),))
    for turn in range(3):
        stream.hear(router_lsa(turn, "10.0.0.2", "10.2.0.2"), turn * 1700.0)
    stream.until(3500.0)
    assert stream.told() == []


def test_sooner_than_min_ls_interval() -> None:
    stream = Stream(min_interval_lsas=10)
    for n in range(12):
        stream.hear(router_lsa(n, R1, "10.2.0.1", metric=n + 1), n * 1.5)
    told = stream.told()
    assert [t[1:3] for t in told] == [("min_ls_interval", R1)] and "1.5 s after" in told[0][3]
    calm = Stream(min_interval_lsas=10)
    for n in range(100):
        calm.hear(router_lsa(n, R1, "10.2.0.1", metric=n + 1), n * 5.0 - (n % 2) * 0.4)
    assert calm.told() == []


def test_a_flood_after_a_synchronisation_is_not_too_soon() -> None:
    stream = Stream(min_interval_lsas=1)
    stream.hear(router_lsa(0, R1, "10.2.0.1", age=700), 0.0)
    stream.hear(router_lsa(1, R1, "10.2.0.1", metric=7), 0.5)
    assert stream.told() == []


def fight(stream: Stream, rounds: int) -> None:
    """Two routers with one id answer each other's router-LSA, five seconds apart (RFC 2328 13.4)."""
    for n in range(rounds):
        mine = ("10.2.0.1", "10.2.0.5") if n % 2 else ("10.3.0.1",)
        stream.hear(router_lsa(n, R1, *mine), n * 5.0)


def test_two_routers_with_one_id() -> None:
    stream = Stream()
    fight(stream, 10)
    told = stream.told()
    assert [t[1:3] for t in told] == [("duplicate_router_id", R1)] and told[0][0] == 20.0
    stream.until(1000.0)
    assert stream.kinds() == [("duplicate_router_id_ended", R1)]


def test_two_routers_whose_instances_cross() -> None:
    stream = Stream()
    for n in range(5):  # both answer with the same sequence number, or one is behind
        stream.hear(router_lsa(n, R1, "10.2.0.1"), n * 5.0)
        stream.hear(router_lsa(n if n % 2 else max(n - 1, 0), R1, "10.3.0.1", metric=n + 1), n * 5.0 + 0.1)
    assert ("duplicate_router_id", R1) in stream.kinds()


def test_a_flapping_router_is_not_two() -> None:
    for contents in (
        [("10.2.0.1", "10.2.0.5"), ("10.2.0.1",)],  # one link of two
        [("10.2.0.1", "10.2.0.5"), ("10.2.0.5", "10.2.0.9")],  # two of three, in turn
        [("10.2.0.1",), ()],  # the only one
    ):
        stream = Stream()
        for n in range(40):
            lsa = router_lsa(n, R1, *contents[n % 2])
            stream.hear(lsa, n * 5.0)
            stream.hear(lsa, n * 5.0 + 0.2, "10.0.0.8")  # copies that come late, by another way
            if n:
                stream.hear(router_lsa(n - 1, R1, *contents[(n - 1) % 2]), n * 5.0 + 0.3, "10.0.0.7")
        assert stream.told() == [], contents


def test_a_restart_is_not_two_routers() -> None:
    stream = Stream()
    stream.hear(router_lsa(50, R1, "10.2.0.1"), 0.0)
    stream.hear(router_lsa(0, R1), 1000.0)  # it begins anew, is told of the 50th, and goes on from there
    stream.hear(router_lsa(51, R1), 1001.0)
    stream.hear(router_lsa(52, R1, "10.2.0.1"), 1006.0)
    assert stream.told() == []


def test_max_age_that_lingers() -> None:
    stream = Stream(max_age_seconds=60)
    stream.hear(router_lsa(0, R1, "10.2.0.1"), 0.0)
    dead = flush(router_lsa, 1, R1, "10.2.0.1")
    for now in range(100, 160, 5):
        stream.hear(dead, float(now))
    assert stream.told() == []
    for now in range(160, 200, 5):
        stream.hear(dead, float(now))
    assert stream.kinds() == [("max_age_lingers", R1)]
    stream.hear(router_lsa(2, R1, "10.2.0.1"), 205.0)
    stream.until(400.0)
    assert stream.kinds() == [("max_age_lingers_ended", R1)]


def test_max_age_that_a_polled_router_cannot_get_rid_of() -> None:
    anomalies = Anomalies(AnomalyConfig(max_age_seconds=120))
    dead = (flush(external_lsa, 0, R1, 1), flush(external_lsa, 0, R1, 2))

    def poll(now: float, lingering: tuple[Lsa, ...], complete: bool = True) -> list[tuple[str, str, str]]:
        anomalies.handle_timeout(now)
        anomalies.polled(Poll(ip("10.0.0.7"), (0,), (), {}, 9, complete, lingering), now)
        found = []
        while (event := anomalies.next_event()) is not None:
            found.append((event.kind, event.subject, event.detail))
        return found

    assert poll(0.0, dead) == [] == poll(60.0, dead) == poll(100.0, (), complete=False)
    assert poll(120.0, dead) == [("max_age_lingers", R1, "2 LSAs are held with MaxAge by 10.0.0.7")]
    assert poll(180.0, ()) == [("max_age_lingers_ended", R1, "after 60 s")]
    for n in range(20):  # always some, but others each time
        assert poll(240.0 + n * 60, (flush(external_lsa, 0, R1, n),)) == []


def test_a_graceful_restart_begins_and_ends() -> None:
    stream = Stream()
    stream.neighbor(R1)
    stream.hear(grace_lsa(0, R1, GRACE, age=3), 100.0)
    assert stream.told() == [(100.0, "graceful_restart", R1, "software restart, for up to 120 s")]
    assert stream.anomalies.restarting(100.0) == {ip(R1): 217.0}
    stream.hear(flush(grace_lsa, 1, R1, GRACE), 150.0)
    assert stream.told() == [(150.0, "graceful_restart_ended", R1, "the router has flushed its grace-LSA, after 50 s")]
    assert stream.anomalies.restarting(150.0) == {}
    stream.hear(grace_lsa(2, R1, GRACE), 1000.0)
    stream.until(2000.0)
    assert stream.told()[1][:3] == (1119.0, "graceful_restart_ended", R1)
    stream.hear(grace_lsa(3, R1, GRACE, age=121), 3000.0)  # long over when it was heard
    stream.hear(grace_lsa(4, R1, b"\0\1\0\5"), 3001.0)
    assert stream.told() == [] and stream.anomalies.stats.grace_lsas_malformed == 1


def test_a_grace_lsa_is_believed_of_a_neighbor_only() -> None:
    """RFC 3623 3.1; without authentication anybody could otherwise freeze any router of the area."""
    stream = Stream()
    stream.hear(grace_lsa(0, R1, GRACE), 100.0)
    other = Stream(stream.anomalies, "eth1")
    other.neighbor(R1)
    stream.hear(grace_lsa(1, R1, GRACE), 200.0)
    assert stream.told() == [] and stream.anomalies.stats.grace_lsas_refused == 2
    stream.neighbor(R1)
    stream.neighbor(R1, there=False)
    stream.hear(grace_lsa(2, R1, GRACE), 300.0)
    assert stream.anomalies.restarting(300.0) == {} and stream.anomalies.stats.grace_lsas_refused == 3


def test_a_grace_lsa_hides_nothing_that_the_router_says() -> None:
    """RFC 3623 2.1: a router that restarts originates nothing until it has left the restart."""
    stream = Stream()
    stream.neighbor(R1)
    stream.hear(router_lsa(0, R1, "10.1.0.1"), 90.0)
    stream.hear(grace_lsa(0, R1, GRACE), 100.0)
    stream.hear(router_lsa(0, R1, "10.1.0.1", age=12), 101.0, sender="10.0.0.8")  # a copy is nothing new
    assert set(stream.anomalies.restarting(101.0)) == {ip(R1)}
    stream.hear(router_lsa(1, R1), 110.0)
    assert stream.anomalies.restarting(110.0) == {}
    assert stream.kinds() == [("graceful_restart", R1), ("graceful_restart_ended", R1)]


def test_two_attachments_of_one_lan_hear_everything_twice_and_that_is_no_repetition() -> None:
    one = Stream(name="eth0")
    two = Stream(one.anomalies, "eth1")
    for n in range(300):
        for stream in (one, two):
            stream.hear(router_lsa(n, R1, "10.1.0.1", metric=n), 100.0 + n * 2)
    assert "duplicates" not in [kind for kind, _ in one.kinds()] and one.anomalies.stats.lsas_repeated == 0


def test_a_flush_at_the_last_sequence_number_begins_anew() -> None:
    stream = Stream()
    body = router_lsa(0, R1, "10.2.0.1").body
    words = {"type": 1, "link_state_id": ip(R1), "advertising_router": ip(R1), "body": body}
    stream.hear(encode_lsa(**words, sequence=MAX_SEQUENCE, age=1), 0.0)  # type: ignore[arg-type]
    stream.hear(encode_lsa(**words, sequence=MAX_SEQUENCE, age=MAX_AGE), 1800.0)  # type: ignore[arg-type]
    assert stream.hear(router_lsa(0, R1, "10.2.0.1"), 1801.0) == "added"
    assert stream.told() == []


def test_memory_is_bounded() -> None:
    stream = Stream(max_lsas=100, max_subjects=50, storm_lsas=1000, min_interval_lsas=1)
    for n in range(1000):
        router = f"10.1.{n >> 8}.{n & 255}"
        stream.hear(router_lsa(0, router, "10.2.0.1"), n * 0.001)
        stream.hear(router_lsa(1, router, "10.2.0.1", metric=3), n * 0.001 + 1)
    watch = stream.anomalies._lsas
    assert len(watch) == 100 and stream.anomalies.stats.lsas_unwatched == 1800
    assert len(watch._rates) <= 50 and len(watch._contents) <= 50 and len(stream.anomalies._episodes) <= 50
    stream.until(5000.0)
    assert len(watch) == 0


def test_version_3() -> None:
    anomalies = Anomalies(AnomalyConfig(min_interval_lsas=1000), version=3)

    def lsa(n: int, interface: int, neighbor: str) -> LsaHeard:
        link = v3.RouterLink(v3.LINK_P2P, 10, interface, 4, ip(neighbor))
        body = v3.RouterLsa(0, 0x13, (link,))
        made = v3.encode_lsa(
            type=v3.ROUTER, link_state_id=0, advertising_router=ip(R1), body=body, sequence=n - 0x7FFFFFFF, age=1
        )
        return LsaHeard(made, 100.0 + n * 5, "changed", 0, ip("10.0.0.9"))

    for n in range(10):
        anomalies.hear(lsa(n, 1, "10.0.0.2"))  # heard on one attachment only, and the first minute is no news
    for n in range(10, 30):
        anomalies.hear(lsa(n, 1 + n % 2, "10.0.0.2" if n % 2 else "10.0.0.3"))
    event = anomalies.next_event()
    assert event is not None and (event.kind, event.subject) == ("duplicate_router_id", R1)


def test_a_router_of_thousands_of_interfaces_costs_no_memory() -> None:
    """Its contents are not kept: forged ones of 64 KB each would fill it."""
    stream = Stream()
    addresses = [f"10.1.{n >> 8}.{n & 255}" for n in range(300)]
    stream.hear(router_lsa(0, R1, *addresses), 100.0)
    stream.hear(router_lsa(0, "10.0.0.2", *addresses[:200]), 100.0)
    assert {key[3] for key in stream.anomalies._lsas._contents} == {ip("10.0.0.2")}
