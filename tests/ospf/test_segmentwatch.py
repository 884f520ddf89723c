"""Looking at listeners: adjacencies, designated routers, bad packets, databases that differ; complaints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from ospf.anomalies import Anomalies, AnomalyConfig
from ospf.counters import ListenerStats
from ospf.events import AuthenticationFailed, DuplicateRouterId, Event, ParameterMismatch
from ospf.interface import Neighbor
from ospf.lsa import NetworkLsa
from ospf.lsdb import Lsdb
from ospf.packets import Hello
from tests.ospf.heard import Stream, external_lsa, flush, grace_lsa, instance, router_lsa
from tests.ospf.lsas import ip, mask

DR, X, Y = "10.0.0.1", "10.0.0.2", "10.0.0.3"


def neighbor(router: str, *, dr: str = DR, hears: tuple[str, ...] = (DR, X, Y)) -> Neighbor:
    """A router at 10.5.x.y of its id 10.0.x.y, which hears the others."""
    listed = tuple(ip(r) for r in hears if r != router)
    hello = Hello(mask(24), 10, 2, 1, 40, ip(dr.replace("10.0.", "10.5.")), 0, listed)
    return Neighbor(ip(router), ip(router.replace("10.0.", "10.5.")), hello, 0.0)


@dataclass
class Listened:
    """What `look` sees of a listener."""

    lsdb: Lsdb = field(default_factory=lambda: Lsdb(0))
    neighbors: list[Any] = field(default_factory=list)
    stats: Any = field(default_factory=ListenerStats)
    synchronised: bool = True
    last_error: str = "packet checksum"


def kinds(anomalies: Anomalies) -> list[tuple[str, str]]:
    found = []
    while (event := anomalies.next_event()) is not None:
        found.append((event.kind, event.subject))
    return found


def look(anomalies: Anomalies, begin: float, end: float, **listeners: Any) -> list[tuple[str, str]]:
    """Look every second; (kind, subject) of what was told."""
    now = begin
    while now <= end:
        anomalies.handle_timeout(now)
        anomalies.look(listeners, now)
        now += 1.0
    return kinds(anomalies)


def lan(*attached: str) -> Listened:
    """Three routers on a LAN; the DR's network-LSA lists these."""
    listened = Listened(neighbors=[neighbor(r) for r in (DR, X, Y)])
    if attached:
        lsa = instance(0, DR, NetworkLsa(mask(24), tuple(map(ip, attached))), kind=2, lsid="10.5.0.1")
        listened.lsdb.install(lsa, 0.0)
    return listened


def test_adjacencies_that_form_say_nothing() -> None:
    anomalies = Anomalies()
    assert look(anomalies, 0.0, 300.0, eth0=lan(DR, X, Y)) == []
    alone = Listened(neighbors=[neighbor(DR, hears=())])  # a router without a neighbor has no network-LSA
    assert look(anomalies, 300.0, 600.0, eth0=alone) == []
    deaf = lan(DR, X)
    deaf.neighbors[2] = neighbor(Y, hears=())  # it does not hear: no adjacency is due
    assert look(anomalies, 600.0, 900.0, eth0=deaf) == []


def test_an_adjacency_that_does_not_form() -> None:
    anomalies = Anomalies(AnomalyConfig(adjacency_grace_seconds=120))
    stuck = lan(DR, X)
    assert look(anomalies, 0.0, 119.0, eth0=stuck) == []
    assert look(anomalies, 120.0, 300.0, eth0=stuck) == [("mtu_mismatch", Y)]
    assert look(anomalies, 301.0, 301.0, eth0=lan(DR, X, Y)) == [("mtu_mismatch_ended", Y)]
    assert look(anomalies, 400.0, 600.0, eth0=lan()) == [("mtu_mismatch", X), ("mtu_mismatch", Y)]
    unknown = lan()
    unknown.synchronised = False  # a database not yet complete proves nothing
    assert look(Anomalies(), 0.0, 600.0, eth0=unknown) == []


def test_two_designated_routers() -> None:
    anomalies = Anomalies(AnomalyConfig(mismatch_grace_seconds=30))
    split = Listened(neighbors=[neighbor(DR, hears=(X,)), neighbor(X, hears=(DR,)), neighbor(Y, dr=Y, hears=())])
    assert look(anomalies, 0.0, 29.0, eth0=split) == []
    assert look(anomalies, 30.0, 60.0, eth0=split) == [("parameter_mismatch", "eth0")]
    assert look(anomalies, 61.0, 61.0, eth0=lan(DR, X, Y)) == [("parameter_mismatch_ended", "eth0")]


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        (ParameterMismatch(ip(X), "hello_interval", 5, 10, 0.0), "parameter_mismatch", "hello interval 5, others 10"),
        (ParameterMismatch(ip(X), "area", 1, 0, 0.0), "parameter_mismatch", "area 0.0.0.1, our attachment's 0.0.0.0"),
        (ParameterMismatch(ip(X), "options", 8, 2, 0.0), "parameter_mismatch", "options 0x08, others 0x02"),
        (ParameterMismatch(ip(X), "mtu", 1500, 1400, 0.0), "mtu_mismatch", "mtu 1500, our attachment's 1400"),
        (DuplicateRouterId(ip(X), 1, 2, 0.0), "duplicate_router_id", "heard from 0.0.0.1 and 0.0.0.2"),
        (DuplicateRouterId(ip(X), 1 << 127, 2, 0.0), "duplicate_router_id", "heard from 8000:: and 0.0.0.2"),
    ],
)
def test_complaints_become_episodes(event: Event, kind: str, text: str) -> None:
    anomalies = Anomalies()
    for now in (0.0, 60.0, 120.0):
        anomalies.hear(type(event)(*[getattr(event, f) for f in event.__slots__[:-1]], now), "eth0")  # type: ignore[arg-type,attr-defined]
    told = anomalies.next_event()
    assert told is not None and (told.kind, told.subject) == (kind, X)
    assert told.detail == f"{text} on eth0"
    assert kinds(anomalies) == []
    anomalies.handle_timeout(270.0)
    assert kinds(anomalies) == [(kind + "_ended", X)]


def test_bad_packets() -> None:
    anomalies = Anomalies(AnomalyConfig(failure_packets=5, failure_seconds=60))
    listened = Listened()
    listened.stats.malformed = 1000  # from before we looked
    assert look(anomalies, 0.0, 10.0, eth0=listened) == []
    for now in range(11, 500, 30):  # two a minute: a bit error now and then
        listened.stats.malformed += 1
        assert look(anomalies, float(now), float(now), eth0=listened) == []
    listened.stats.lsas_refused += 7
    anomalies.look({"eth0": listened}, 600.0)
    told = anomalies.next_event()
    assert told is not None and (told.kind, told.subject) == ("checksum_failures", "eth0")
    assert told.detail == "7 packets in 60 s, last: packet checksum"
    assert look(anomalies, 601.0, 700.0, eth0=listened) == [("checksum_failures_ended", "eth0")]


def test_wrong_authentication() -> None:
    anomalies = Anomalies()
    listened = Listened()
    anomalies.look({"eth0": listened}, 0.0)
    anomalies.hear(AuthenticationFailed(ip(X), 1, "bad digest", "is the key the same?", 1.0), "eth0")
    listened.stats.auth_bad_digest += 3
    listened.stats.auth_unknown_key += 3
    anomalies.look({"eth0": listened}, 2.0)
    told = anomalies.next_event()
    assert told is not None and (told.kind, told.subject) == ("authentication_failures", "eth0")
    assert told.detail == "6 packets in 60 s, last: 10.0.0.2: bad digest; is the key the same?"


def test_databases_of_one_area() -> None:
    one, two = Lsdb(0), Lsdb(0)
    for lsdb in (one, two):
        lsdb.install(router_lsa(0, DR, "10.5.0.1"), 0.0)
        lsdb.install(external_lsa(3, DR, 1), 0.0)
    one.install(grace_lsa(0, DR, bytes.fromhex("0001000400000078")), 0.0)  # link scope: no matter
    anomalies = Anomalies(AnomalyConfig(compare_seconds=10, compare_grace_seconds=60))
    here, there = Listened(one), Listened(two)
    assert look(anomalies, 0.0, 200.0, eth0=here, eth1=there) == []
    one.install(router_lsa(1, DR, "10.5.0.1", metric=3), 200.0)
    one.install(external_lsa(0, DR, 2), 200.0)
    two.install(external_lsa(0, DR, 3), 200.0)
    two.install(external_lsa(4, DR, 1), 200.0)
    assert look(anomalies, 201.0, 255.0, eth0=here, eth1=there) == []
    anomalies.handle_timeout(281.0)
    anomalies.look({"eth0": here, "eth1": there}, 281.0)
    told = anomalies.next_event()
    assert told is not None and (told.kind, told.subject) == ("lsdb_inconsistent", "area 0.0.0.0: eth0 and eth1")
    assert told.detail == (
        "4 LSAs differ: type 1 10.0.0.1 of 10.0.0.1 newer on eth0, type 5 172.16.1.0 of 10.0.0.1 newer on eth1, "
        "type 5 172.16.2.0 of 10.0.0.1 only on eth0, type 5 172.16.3.0 of 10.0.0.1 only on eth1"
    )
    for lsdb in (one, two):
        for lsa in (router_lsa(1, DR, "10.5.0.1", metric=3), external_lsa(0, DR, 2), external_lsa(0, DR, 3)):
            lsdb.install(lsa, 300.0)
        lsdb.install(external_lsa(4, DR, 1), 300.0)
    assert look(anomalies, 301.0, 320.0, eth0=here, eth1=there) == [
        ("lsdb_inconsistent_ended", "area 0.0.0.0: eth0 and eth1")
    ]


def test_databases_in_motion_do_not_differ() -> None:
    """One LSA changes all the time and one attachment is always a moment behind."""
    one, two = Lsdb(0), Lsdb(0)
    anomalies = Anomalies(AnomalyConfig(compare_seconds=5, compare_grace_seconds=20))
    for n in range(200):
        one.install(router_lsa(n + 1, DR, "10.5.0.1", metric=n + 1), float(n))
        two.install(router_lsa(n, DR, "10.5.0.1", metric=n), float(n))
        anomalies.look({"eth0": Listened(one), "eth1": Listened(two)}, float(n))
    assert kinds(anomalies) == []


def test_other_areas_and_passive_attachments_are_not_compared() -> None:
    one, two, three = Lsdb(0), Lsdb(1), Lsdb(0)
    one.install(router_lsa(0, DR, "10.5.0.1"), 0.0)
    passive = Listened(three, synchronised=False)
    assert look(Anomalies(), 0.0, 300.0, eth0=Listened(one), eth1=Listened(two), eth2=passive) == []


def test_a_flush_missed_by_one_attachment() -> None:
    anomalies = Anomalies()
    one, two = Stream(anomalies, "eth0"), Stream(anomalies, "eth1")
    for stream in (one, two):
        stream.hear(external_lsa(0, DR, 1), 0.0)
    one.hear(flush(external_lsa, 1, DR, 1), 10.0)
    found = look(anomalies, 11.0, 200.0, eth0=Listened(one.lsdb), eth1=Listened(two.lsdb))
    assert found == [("lsdb_inconsistent", "area 0.0.0.0: eth0 and eth1")]
