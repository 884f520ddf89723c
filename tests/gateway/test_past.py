"""gateway.past: topologies from memory and from the archive, events from the store and from the archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.errors import GatewayError
from gateway.past import STORE, Past, offline
from gateway.published import Event
from gateway.query import NothingFound
from ospf.archive import ADDED, CHANGED, REFRESHED, Mark, Record
from ospf.archivefile import FOLDER, ArchiveFile
from ospf.changes import diff
from ospf.domain import DomainKey
from ospf.history import TopologyHistory
from ospf.lsa import INITIAL_SEQUENCE, RouterLsa, encode_lsa
from ospf.topology import build_topology
from tests.ospf.archived import START, STREAM
from tests.ospf.lsas import ip, stub
from tests.ospf.test_past import ends

T = START / 1000


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory whose archive has two routers, of whom a cost changes after 100 s."""
    monkeypatch.setattr("ospf.archivefile._now", lambda: START)
    archive = ArchiveFile(tmp_path / FOLDER)
    archive.open()
    old, new = ends(10), ends(20, 1)
    items: list[Record | Mark] = [Mark(START, STREAM, 0), Mark(START + 900, STREAM, 1)]
    items += [Record(START + 500, STREAM, 7, ADDED, lsa.raw) for lsa in old]
    items.sort(key=lambda item: item.time)
    items += [Record(START + 100_000, STREAM, 7, CHANGED, lsa.raw) for lsa in new]
    items += [Record(START + 200_000, STREAM, 7, REFRESHED, ends(20, 2)[0].raw)]
    archive._take(items)
    archive.flush(T + 200)
    archive.stop()
    return tmp_path


def costs(past: Past, at: float) -> list[int]:
    return past.topologies(T + at)["default"].links.cost.tolist()


def test_the_archive_gives_any_instant(state: Path) -> None:
    past = offline(state)
    assert costs(past, 50) == [10, 10] and costs(past, 100) == [20, 20] and costs(past, 3600) == [20, 20]
    assert past.newest() == T + 200
    for at in (-5, 9000):
        with pytest.raises(NothingFound, match="the archive begins at"):
            past.topologies(T + at)


def test_memory_comes_before_the_archive(state: Path) -> None:
    remembered = TopologyHistory()
    version = build_topology(ends(77), version=5, time=T + 150)
    remembered.append(version)
    past = Past(state / FOLDER, histories={DomainKey("default", 2): remembered})
    assert past.topologies(T + 160)["default"] is version
    assert costs(past, 120) == [20, 20]  # before the first remembered: made again
    only_memory = Past(None, histories={DomainKey("default", 2): remembered})
    with pytest.raises(NothingFound, match="no archive"):
        only_memory.topologies(T + 120)


def test_events_of_the_archive(state: Path) -> None:
    seen: list[float] = []
    events = list(offline(state).replayed_events(T - 1000, T + 9000, seen.append))
    assert [(e.kind, e.detail) for e in events] == [("cost_changed", "10 -> 20")] * 2
    assert events[0].time == T + 100 and len(seen) >= 2
    assert offline(state).events(T + 100, T + 9000) == []


def test_events_of_the_store_come_first(state: Path) -> None:
    (state / STORE).touch()
    asked: list[Any] = []

    def read(path: Path, since: float, until: float, most: int) -> list[Event]:
        asked.append((path, since, until))
        return [Event(1.0, "link_up", "x", "")]

    for given in (state, state / STORE):
        assert offline(given, read).events(1.0, 2.0)[0].kind == "link_up"
    assert asked == [(state / STORE, 1.0, 2.0)] * 2
    assert offline(state, read).stored_events(5.0)[0].kind == "link_up"
    assert asked[-1] == (state / STORE, 5.0, float("inf"))
    assert Past(None).stored_events(5.0) == []


def test_two_instants_name_interfaces_alike(state: Path) -> None:
    first, second = offline(state).pair(T + 50, T + 150)
    assert first["default"].links.keys == second["default"].links.keys


def test_an_interface_that_lost_its_neighbour_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospf.archivefile._now", lambda: START)
    archive = ArchiveFile(tmp_path)
    archive.open()
    alone = encode_lsa(
        type=1, link_state_id=ip("1.1.1.1"), advertising_router=ip("1.1.1.1"),
        body=RouterLsa(0, (stub("10.0.0.0/30", 10),)), sequence=INITIAL_SEQUENCE + 1,
    )  # fmt: skip
    archive._take([Record(START + 1, STREAM, 7, ADDED, lsa.raw) for lsa in ends(10)])
    archive._take([Record(START + 100_000, STREAM, 7, CHANGED, alone.raw)])
    archive.flush(T + 100)
    archive.stop()
    first, second = offline(tmp_path).pair(T + 50, T + 150)
    changes = {(e.kind, e.subject) for e in diff(first["default"], second["default"])}
    assert ("link_down", "1.1.1.1:10.0.0.1") in changes
    assert second["default"].links.keys[0].interface == "10.0.0.1"


def test_traffic(state: Path) -> None:
    found = offline(state).traffic(T + 99, T + 9000)
    assert sorted((row.changed, row.refreshed) for row in found.values()) == [(1, 0), (1, 1)]


def test_what_is_no_archive_is_said(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="no such file"):
        offline(tmp_path / "none")
    with pytest.raises(NothingFound, match="no archive of LSAs here"):
        offline(tmp_path).topologies(T)
    for past in (offline(tmp_path), Past(None)):
        for ask in (past.newest, lambda past=past: past.traffic(0, 1)):
            with pytest.raises(GatewayError, match="archive"):
                ask()
    with pytest.raises(GatewayError, match="archive"):
        list(offline(tmp_path).replayed_events(0, 1))
