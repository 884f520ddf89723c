"""gateway.offline: the verbs about the past from a store alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from gateway import offline
from gateway.query import NothingFound, QueryError
from tests.gateway import test_past
from tests.gateway.test_past import T

state = test_past.state


def test_topology_and_changes(state: Path) -> None:
    newest = offline.topology(state, at=None, area=None, instance=None, now=T + 10**6)
    assert {link["cost"] for link in newest["links"]} == {20} and newest["instances"] == ["default"]
    then = offline.topology(state, at="-50s", area="0", instance="default", now=T + 100)
    assert {link["cost"] for link in then["links"]} == {10}
    found = offline.changes(state, ("-60s", "now"), None, T + 110)
    assert [(c["kind"], c["detail"]) for c in found] == [("cost_changed", "10 -> 20")] * 2
    with pytest.raises(NothingFound):
        offline.topology(state, at="now", area=None, instance=None, now=T + 10**6)


def test_routes(state: Path) -> None:
    found = offline.routes(state, "1.1.1.1", at="-50s", prefix="10.0.0.0/30", instance=None, now=T + 100)
    assert [(r["prefix"], r["cost"]) for r in found["routes"]] == [("10.0.0.0/30", 10)]
    with pytest.raises(QueryError, match="ROUTER"):
        offline.routes(state, "core", at=None, prefix=None, instance=None, now=T)


def test_events_of_the_archive_and_of_the_store(state: Path) -> None:
    seen: list[float] = []
    found = offline.events(state, since=None, until=None, kind="cost_changed", now=T, progress=seen.append)
    assert seen and max(seen) == T + 100
    assert len(found) == 2 and offline.events(state, since=None, until=None, kind="link_up", now=T) == []
    db = Database(state / "anemone.sqlite")
    kinds = enumerate(("link_up", "agent_lost"))
    db["events"].insert_all([{"time": T + n, "kind": kind, "subject": "x", "detail": ""} for n, kind in kinds])
    db.close()
    assert [e["kind"] for e in offline.events(state, since="-1s", until=None, kind=None, now=T + 1)] == ["agent_lost"]
    assert [e["kind"] for e in offline.events(state, since=None, until="now", kind=None, now=T)] == ["link_up"]


def test_lsas(state: Path) -> None:
    found = offline.lsas(state, since=None, until=None, now=T)
    assert sum(d["lsas"] for d in found) == 5 and sum(d["refreshed"] for d in found) == 1
    assert sum(d["lsas"] for d in offline.lsas(state, since="-60s", until=None, now=T + 210)) == 1
