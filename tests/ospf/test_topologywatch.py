"""Topology versions: flaps, one-way links, unreachable prefixes, pieces, MaxLinkMetric; quiet otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from ospf.anomalies import Anomalies, AnomalyConfig
from ospf.history import diff
from ospf.lsa import Lsa
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import E, external, ip, network, p2p, router, stub, transit


class Versions:
    """Cuts versions from LSAs and tells them to an `Anomalies`."""

    def __init__(self, own: Iterable[str] = (), **thresholds: float) -> None:
        ids: set[int] = set()
        self.anomalies = Anomalies(AnomalyConfig(**thresholds), own=ids)  # type: ignore[arg-type]
        ids.update(ip(r) for r in own)  # a further listener may come later
        self.current: Topology | None = None

    def cut(self, now: float, *lsas: Lsa, give_changes: bool = False) -> None:
        while (due := self.anomalies.next_timeout()) is not None and due <= now:
            self.anomalies.handle_timeout(due)
        new = build_topology(lsas, version=1 if self.current is None else self.current.version + 1, time=now)
        changes = diff(self.current, new) if give_changes and self.current is not None else None
        self.anomalies.topology(self.current, new, changes)
        self.current = new

    def told(self, until: float | None = None) -> list[tuple[str, str, str]]:
        if until is not None:
            while (due := self.anomalies.next_timeout()) is not None and due <= until:
                self.anomalies.handle_timeout(due)
        found = []
        while (event := self.anomalies.next_event()) is not None:
            found.append((event.kind, event.subject, event.detail))
        return found

    def kinds(self, until: float | None = None) -> list[tuple[str, str]]:
        return [(kind, subject) for kind, subject, _ in self.told(until)]


# r1 -- r2 -- r3, and r4 -- r5 behind r3
R12 = p2p("10.0.0.2", "10.0.12.1", 10), stub("10.0.12.0/30", 10)
R21 = p2p("10.0.0.1", "10.0.12.2", 10), stub("10.0.12.0/30", 10)
R23 = p2p("10.0.0.3", "10.0.23.2", 10), stub("10.0.23.0/30", 10)
R32 = p2p("10.0.0.2", "10.0.23.3", 10), stub("10.0.23.0/30", 10)
R34 = p2p("10.0.0.4", "10.0.34.3", 10), stub("10.0.34.0/30", 10)
R43 = p2p("10.0.0.3", "10.0.34.4", 10), stub("10.0.34.0/30", 10)
R45 = p2p("10.0.0.5", "10.0.45.4", 10), stub("10.0.45.0/30", 10)
R54 = p2p("10.0.0.4", "10.0.45.5", 10), stub("10.0.45.0/30", 10)
HOSTS = stub("10.9.1.0/24", 5)
R1, R2, R3 = router("10.0.0.1", *R12, HOSTS), router("10.0.0.2", *R21, *R23), router("10.0.0.3", *R32, *R34)
R4, R5 = router("10.0.0.4", *R43, *R45), router("10.0.0.5", *R54, HOSTS)
ALL = (R1, R2, R3, R4, R5)


def test_changes_of_every_day_say_nothing() -> None:
    versions = Versions()
    versions.cut(0.0, *ALL)
    versions.cut(100.0, router("10.0.0.1", p2p("10.0.0.2", "10.0.12.1", 44), HOSTS), *ALL[1:])
    versions.cut(200.0, router("10.0.0.1", HOSTS), *ALL[1:])  # one end, for a moment
    versions.cut(200.1, router("10.0.0.1", HOSTS), router("10.0.0.2", *R23), *ALL[2:])
    versions.cut(260.0, *ALL)
    assert versions.told(10_000.0) == []


def test_a_flapping_link_is_one_subject() -> None:
    versions = Versions(flap_cycles=3, flap_seconds=300, partition_grace_seconds=60)
    down = router("10.0.0.2", *R21), router("10.0.0.3", *R34)
    versions.cut(0.0, *ALL)
    for n in range(5):
        versions.cut(20.0 + n * 40, R1, *down, R4, R5, give_changes=bool(n % 2))
        versions.cut(40.0 + n * 40, *ALL, give_changes=bool(n % 2))
        told = versions.told()
        if n == 2:
            assert told == [
                ("flap", "10.0.0.2:10.0.23.2", "3 cycles in 80 s: to 10.0.0.3"),
                ("flap", "10.0.23.0/30", "3 cycles in 80 s: prefix"),
            ]
        else:
            assert told == [], n
    told = versions.told(1000.0)
    assert told == [
        ("flap_ended", "10.0.0.2:10.0.23.2", "5 cycles in 160 s"),
        ("flap_ended", "10.0.23.0/30", "5 cycles in 160 s"),
    ]


def test_a_router_and_its_prefix_flap() -> None:
    versions = Versions(flap_cycles=2, flap_seconds=300)
    versions.cut(0.0, *ALL)
    for n in range(2):
        versions.cut(20.0 + n * 40, *ALL[:3], router("10.0.0.4", *R43), R5)  # r5 is cut off
        versions.cut(40.0 + n * 40, *ALL)
    assert {s for k, s in versions.kinds() if k == "flap"} >= {"10.0.0.5", "10.0.0.4:10.0.45.4"}


def test_slow_changes_are_no_flap() -> None:
    versions = Versions(flap_cycles=3, flap_seconds=300)
    versions.cut(0.0, *ALL)
    for n in range(10):
        versions.cut(200.0 + n * 400, R1, router("10.0.0.2", *R21), router("10.0.0.3", *R34), R4, R5)
        versions.cut(400.0 + n * 400, *ALL)
    assert [kind for kind in versions.kinds(1e6) if kind[0].startswith("flap")] == []


def test_many_prefixes_of_one_router_are_one_subject() -> None:
    versions = Versions(flap_cycles=3)
    asbr = router("10.0.0.5", *R54, HOSTS, flags=E)
    externals = [external(f"172.16.{n}.0/24", "10.0.0.5", 20) for n in range(100)]
    versions.cut(0.0, *ALL[:4], asbr, *externals)
    for n in range(3):
        versions.cut(20.0 + n * 40, *ALL[:4], asbr)
        versions.cut(40.0 + n * 40, *ALL[:4], asbr, *externals)
    told = versions.told()
    assert [t[:2] for t in told] == [("flap", "prefixes of 10.0.0.5")]
    assert told[0][2].startswith("3 cycles in 80 s: 100 prefixes, 172.16.0.0/24, ")
    for n in range(3):
        versions.cut(1000.0 + n * 40, *ALL[:4], asbr, *externals[5:])
        versions.cut(1020.0 + n * 40, *ALL[:4], asbr, *externals)
    assert versions.kinds()[-5:] == [("flap", f"172.16.{n}.0/24") for n in range(5)]


def test_a_link_that_one_end_announces() -> None:
    versions = Versions(one_way_grace_seconds=90)
    half = router("10.0.0.1", HOSTS, *R12), router("10.0.0.2", *R23)
    # r1 still has another way into the area, or it would count as cut off
    more = p2p("10.0.0.3", "10.0.13.1", 10), p2p("10.0.0.1", "10.0.13.3", 10)
    r1 = router("10.0.0.1", *R12, HOSTS, more[0])
    r3 = router("10.0.0.3", *R32, *R34, more[1])
    versions.cut(0.0, r1, R2, r3, R4, R5)
    versions.cut(100.0, r1, half[1], r3, R4, R5)
    assert versions.told(189.9) == []
    told = versions.told(190.0)
    assert told == [("one_way_link", "10.0.0.1:10.0.12.1", "to 10.0.0.2, which does not announce it")]
    versions.cut(300.0, r1, R2, r3, R4, R5)
    assert versions.told() == [("one_way_link_ended", "10.0.0.1:10.0.12.1", "after 200 s")]


def test_a_link_to_our_own_listener_is_no_anomaly() -> None:
    to_us = p2p("0.0.0.255", "10.0.99.1", 10)
    r1 = router("10.0.0.1", *R12, HOSTS, to_us)
    own, others = Versions(own=["0.0.0.255"]), Versions()
    for versions in (own, others):
        versions.cut(0.0, r1, *ALL[1:])
    assert own.told(1000.0) == []
    assert others.kinds(1000.0) == [("one_way_link", "10.0.0.1:10.0.99.1")]


def test_prefixes_of_a_router_nobody_reaches() -> None:
    versions = Versions(unreachable_grace_seconds=60)
    r5 = router("10.0.0.5", *R54, stub("10.9.5.0/24", 1), stub("10.9.6.0/24", 1))
    versions.cut(0.0, *ALL[:4], r5)
    versions.cut(100.0, *ALL[:3], router("10.0.0.4", *R43), r5)
    told = versions.told(1000.0)
    assert [t[:2] for t in told] == [("unreachable_prefixes", "10.0.0.5")]
    assert told[0][2].startswith("3 prefixes of a router that nobody reaches: 10.0.45.0/30, 10.9.5.0/24, 10.9.6.0/24")
    versions.cut(2000.0, *ALL[:3], router("10.0.0.4", *R43))  # its LSAs are gone
    assert versions.kinds() == [("unreachable_prefixes_ended", "10.0.0.5")]


def test_an_area_in_two_pieces() -> None:
    versions = Versions(partition_grace_seconds=10)
    versions.cut(0.0, *ALL)
    versions.cut(100.0, R1, router("10.0.0.2", *R21), router("10.0.0.3", *R34), R4, R5)
    assert [k for k in versions.kinds(109.0) if k[0] == "area_partition"] == []
    told = [t for t in versions.told(111.0) if t[0] == "area_partition"]
    text = "3 + 2 routers without a path between them; apart: 10.0.0.1, 10.0.0.2"
    assert told == [("area_partition", "area 0.0.0.0", text)]
    versions.cut(200.0, *ALL)
    assert ("area_partition_ended", "area 0.0.0.0") in versions.kinds()


def test_a_router_cut_off_is_no_partition() -> None:
    versions = Versions()
    versions.cut(0.0, *ALL)
    versions.cut(100.0, *ALL[:3], router("10.0.0.4", *R43), R5)
    assert "area_partition" not in {kind for kind, _ in versions.kinds(1000.0)}


def test_max_link_metric() -> None:
    versions = Versions()
    high = p2p("10.0.0.1", "10.0.12.2", 0xFFFF), p2p("10.0.0.3", "10.0.23.2", 0xFFFF)
    versions.cut(0.0, *ALL)
    versions.cut(10.0, R1, router("10.0.0.2", *high), *ALL[2:])
    assert versions.kinds() == [("max_link_metric", "10.0.0.2")]
    versions.cut(20.0, *ALL)
    assert versions.kinds() == [("max_link_metric_ended", "10.0.0.2")]


def test_a_lan_and_who_is_reached() -> None:
    lan = [router(f"10.0.0.{n}", transit("10.5.0.1", f"10.5.0.{n}", 10)) for n in (1, 2, 3)]
    net = network("10.5.0.1", 24, "10.0.0.1", ["10.0.0.1", "10.0.0.2"])  # r3 is not in it
    versions = Versions()
    versions.cut(0.0, *lan, net)
    assert versions.anomalies._lsas.alive == {ip("10.0.0.1"), ip("10.0.0.2")}
    assert versions.told(1000.0) == []  # r3 is cut off: told as router_down, by others
