"""ospf.past: topologies of an archive, its versions and events, and the traffic it saw."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from ospf.archive import (
    ADDED,
    BEGUN,
    CHANGED,
    DUPLICATE,
    HELD,
    OLDER,
    REFRESHED,
    REMOVED,
    SETTLED,
    Databases,
    Item,
    Mark,
    Record,
    Stream,
)
from ospf.archivefile import ArchiveFile, ArchiveReader
from ospf.areas import AreaDatabase
from ospf.domain import DomainKey
from ospf.history import diff
from ospf.lsa import INITIAL_SEQUENCE, OPAQUE_LINK, Lsa, OpaqueLsa, RouterLink, RouterLsa, encode_lsa
from ospf.past import POLLED, Rebuild, TrafficKey, traffic, type_name, versions
from ospf.paths import Paths
from ospf.topology import Topology, build_domain
from tests.model.areas import random_network
from tests.ospf.archived import START, STREAM
from tests.ospf.lsas import ip, p2p, stub

A, B = "1.1.1.1", "2.2.2.2"
T = START / 1000
MAIN = DomainKey("default", 2)


def end(me: str, other: str, address: str, cost: int = 10, sequence: int = 0, age: int = 1) -> Lsa:
    return encode_lsa(
        type=1,
        link_state_id=ip(me),
        advertising_router=ip(me),
        body=RouterLsa(0, (p2p(other, address, cost), stub("10.0.0.0/30", cost))),
        sequence=INITIAL_SEQUENCE + sequence,
        age=age,
    )


def ends(cost: int = 10, sequence: int = 0) -> list[Lsa]:
    return [end(A, B, "10.0.0.1", cost, sequence), end(B, A, "10.0.0.2", cost, sequence)]


def at(seconds: float, lsa: Lsa, outcome: int = ADDED, stream: Stream = STREAM, router: int = 7) -> Record:
    return Record(START + round(seconds * 1000), stream, router, outcome, lsa.raw)


def databases(*items: Item) -> Databases:
    found = Databases()
    for item in items:
        found.apply(item)
    return found


def costs(topology: Topology) -> list[int]:
    return topology.links.cost.tolist()


def test_a_topology_of_an_instant() -> None:
    held = databases(*(at(0, lsa) for lsa in ends()))
    rebuild = Rebuild()
    found = rebuild.topologies(held, T + 5)
    assert list(found) == [MAIN] and found[MAIN].n_routers == 2 and found[MAIN].time == T + 5
    assert found[MAIN].links.up.all() and found[MAIN].version == 1
    later = rebuild.topologies(held, T + 9, found)[MAIN]
    assert later.version == 2 and diff(found[MAIN], later) == []
    assert rebuild.topologies(held, T + 3600) == {}  # everything has come of age
    assert rebuild.topologies(Databases(), T) == {}


def test_lsas_that_stay_are_the_same_objects() -> None:
    held = databases(*(at(0, lsa) for lsa in ends()))
    rebuild = Rebuild()
    first = rebuild.areas(held, T)[MAIN][0].lsas
    held.apply(at(1, end(A, B, "10.0.0.1", 20, 1), CHANGED))
    second = rebuild.areas(held, T + 1)[MAIN][0].lsas
    assert [a is b for a, b in zip(first, second, strict=True)] == [False, True]


def test_attachments_of_an_area_are_merged_and_instances_are_not() -> None:
    other, vrf = STREAM._replace(source="wan"), STREAM._replace(instance="vrf")
    old, new = ends(10), ends(20, 1)
    held = databases(
        at(0, old[0]), at(0, old[1]), at(0, new[0], stream=other), at(0, new[1], stream=other),
        at(0, old[0], stream=vrf), at(0, old[1], stream=vrf),
    )  # fmt: skip
    found = Rebuild().topologies(held, T + 1)
    assert {key.instance: costs(topology) for key, topology in found.items()} == {
        "default": [20, 20],
        "vrf": [10, 10],
    }


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_every_routers_table_at_any_instant_is_the_one_it_had(seed: int, tmp_path: Path) -> None:
    """A random network of several areas loses a cost or an LSA at a time; archived, and asked for all instants."""
    draw, rebuild = random.Random(seed), Rebuild()
    live = {area: {lsa.key: anew(lsa, 0) for lsa in lsas} for area, lsas in random_network(seed).databases().items()}
    archive = ArchiveFile(tmp_path)
    archive.open()
    began = time.time() + 1
    tables: dict[float, dict[int, Any]] = {}
    for step in range(8):
        now = began + step * 10
        records = []
        if step == 0:
            records = [
                Record(round(now * 1000), STREAM._replace(area=area), 7, ADDED, lsa.raw)
                for area, lsas in live.items()
                for lsa in lsas.values()
            ]
        else:
            area = draw.choice(sorted(live))
            key = draw.choice(sorted(live[area]))
            old = live[area].pop(key)
            outcome = REMOVED
            if draw.random() < 0.7 and isinstance(old.body, RouterLsa) and old.body.links:
                outcome, link = CHANGED, draw.randrange(len(old.body.links))
                links = list(old.body.links)
                was = links[link]
                links[link] = RouterLink(was.link_id, was.link_data, was.type, draw.randrange(1, 50))
                old = anew(Lsa(old.header, RouterLsa(old.body.flags, tuple(links)), b""), step)
                live[area][key] = old
            records = [Record(round(now * 1000), STREAM._replace(area=area), 7, outcome, old.raw)]
        archive._take(records)
        archive.flush(now)
        areas = [AreaDatabase(area, tuple(lsas.values())) for area, lsas in sorted(live.items()) if lsas]
        paths = Paths(build_domain(areas, instance="default", version=1, time=now))
        tables[now + draw.choice([0, 5])] = {r: paths.table(r) for r in paths.topology.routers.tolist()}
    archive.stop()
    for instant, expected in tables.items():
        held = ArchiveReader(tmp_path).at(instant)
        assert held is not None
        paths = Paths(rebuild.topologies(held, instant)[MAIN])
        assert {r: paths.table(r) for r in paths.topology.routers.tolist()} == expected
    assert len({str(sorted(each.items())) for each in tables.values()}) > 2  # something did change


def anew(lsa: Lsa, sequence: int) -> Lsa:
    """The LSA with its octets."""
    h = lsa.header
    return encode_lsa(
        type=h.type, link_state_id=h.link_state_id, advertising_router=h.advertising_router, body=lsa.body,
        options=h.options, sequence=INITIAL_SEQUENCE + sequence, age=1,
    )  # fmt: skip


def test_polled_databases_stand_in_only_where_nothing_is_attached() -> None:
    polled = STREAM._replace(source=POLLED + "10.0.0.1")
    held = databases(*(at(0, lsa, stream=polled) for lsa in ends(30, 5)))
    (area,) = Rebuild().areas(held, T + 1)[MAIN]
    assert area.source == "polled" and len(area.lsas) == 2
    for lsa in ends(10):
        held.apply(at(1, lsa))
    (area,) = Rebuild().areas(held, T + 1)[MAIN]
    assert area.source == "attached" and {lsa.header.sequence for lsa in area.lsas} == {INITIAL_SEQUENCE}
    held.unsettled[STREAM._replace(area=0)] = START  # it was still on its way: the newest of either counts
    (area,) = Rebuild().areas(held, T + 1)[MAIN]
    assert area.source == "attached" and {lsa.header.sequence for lsa in area.lsas} == {INITIAL_SEQUENCE + 5}


def test_what_cannot_be_read_is_counted() -> None:
    broken = end(A, B, "10.0.0.1").raw[:-1] + b"\xff"
    held = databases(at(0, end(B, A, "10.0.0.2")), Record(START, STREAM, 7, ADDED, broken))
    rebuild = Rebuild()
    assert rebuild.topologies(held, T)[MAIN].n_routers == 1 and rebuild.refused == 1


def test_known_addresses_name_stubs() -> None:
    alone = encode_lsa(
        type=1, link_state_id=ip(A), advertising_router=ip(A), body=RouterLsa(0, (stub("10.0.0.0/24", 10),))
    )
    held = databases(at(0, alone))
    rebuild = Rebuild(known=lambda instance: {ip(A): {ip("10.0.0.1")}})
    (key,) = rebuild.topologies(held, T)[MAIN].links.keys
    assert key.interface == "10.0.0.1"


def run(*items: Item, held: Databases | None = None, since: float = 0, until: float = 1000) -> list[Any]:
    found = []
    for version in versions(held or Databases(), items, Rebuild(), since=T + since, until=T + until):
        changes = [] if version.old is None else diff(version.old, version.new)
        found.append((version.new.time - T, [(e.kind, e.subject) for e in changes]))
    return found


def test_versions_and_events_follow_the_records() -> None:
    held = databases(*(at(0, lsa) for lsa in ends()))
    new = ends(20, 1)
    found = run(
        at(10, new[0], CHANGED), at(10.02, new[1], CHANGED), at(11, new[0], REFRESHED), at(12, new[0], DUPLICATE),
        at(50, end(B, A, "10.0.0.2", 20, 1, 3600), REMOVED), held=held,
    )  # fmt: skip
    assert found[0] == (0, [])
    assert found[1] == (
        pytest.approx(10.02),
        [("cost_changed", f"{A}:10.0.0.1"), ("cost_changed", f"{B}:10.0.0.2")],
    )
    assert found[2][0] == pytest.approx(50) and ("router_down", B) in found[2][1] and len(found) == 3


def test_changes_without_a_pause_still_make_versions() -> None:
    held = databases(*(at(0, lsa) for lsa in ends()))
    changes = [at(1 + n * 0.02, end(A, B, "10.0.0.1", 20 + n, 1 + n), CHANGED) for n in range(50)]
    assert len(run(*changes, held=held)) > 10


def test_an_attachment_that_fetches_its_database_makes_no_versions() -> None:
    old, new = ends(10), ends(20, 1)
    held = databases(*(at(0, lsa) for lsa in old))
    found = run(
        Mark(START + 100_000, STREAM._replace(area=0), BEGUN), at(101, new[0]), at(105, new[1]),
        Mark(START + 106_000, STREAM._replace(area=0), SETTLED), held=held,
    )  # fmt: skip
    assert [(time, len(events)) for time, events in found] == [(0, 0), (pytest.approx(106), 2)]


def test_a_passive_attachment_never_settles_and_makes_versions_after_a_while() -> None:
    found = run(
        Mark(START, STREAM._replace(area=0), BEGUN), at(1, ends()[0]), at(30, ends()[1]), at(90, ends()[0], DUPLICATE)
    )
    assert [time for time, _ in found] == [pytest.approx(30)]


def test_a_router_that_announced_a_restart_is_known_to_the_builder(monkeypatch: pytest.MonkeyPatch) -> None:
    body = OpaqueLsa(struct.pack("!HHI", 1, 4, 120) + struct.pack("!HHBxxx", 2, 1, 1))
    grace = encode_lsa(type=OPAQUE_LINK, link_state_id=3 << 24, advertising_router=ip(A), body=body, age=20)
    told = []
    from ospf import past

    def build(*args: Any, restarting: Any, **more: Any) -> Topology:
        told.append(dict(restarting))
        return past.build_domain(*args, **more)

    monkeypatch.setitem(past.PROTOCOLS, 2, past.Protocol(past.decode_lsa, build))
    held = databases(at(0, ends()[0]), at(0, ends()[1]), at(10, grace))
    for moment in (50, 200):
        Rebuild().topologies(held, T + moment)
    assert told == [{ip(A): T + 110}, {}]


def test_traffic_is_split_by_router_and_type_and_fate() -> None:
    lsa = end(A, B, "10.0.0.1")
    items: list[Item] = [
        Mark(START, STREAM, BEGUN), at(0, lsa, HELD), at(0, lsa), at(1, lsa, REFRESHED), at(2, lsa, REFRESHED),
        at(3, lsa, DUPLICATE), at(4, lsa, OLDER), at(5, lsa, CHANGED), at(6, lsa, REMOVED),
        at(7, lsa, REMOVED, router=0),
    ]  # fmt: skip
    ((key, row),) = traffic(items).items()
    assert key == TrafficKey(MAIN, 0, ip(A), 1)
    assert (row.added, row.changed, row.refreshed, row.duplicate, row.older, row.removed) == (1, 1, 2, 1, 1, 1)
    assert row.total == 7 and row.octets == 7 * len(lsa.raw)


def test_types_have_names() -> None:
    assert type_name(2, 1) == "router" and type_name(2, 99) == "type 99"
    assert type_name(3, 0x2009) == "intra-area-prefix" and type_name(3, 0x1234) == "type 0x1234"
