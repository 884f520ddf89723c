import sqlite3
from pathlib import Path

import pytest

from gateway.config import parse
from gateway.errors import GatewayError
from gateway.pipeline import Pipeline
from gateway.store import SCHEMA_VERSION, Store, read_links
from tests.gateway.agentwire import AgentWire
from tests.gateway.small import diamond

T = 1_700_000_040.0  # a whole minute


def fed(remembered=None, start=T):
    pipeline = Pipeline(parse({}), start, remembered) if remembered else Pipeline(parse({}), start)
    pipeline.receive_topology(diamond(1, start))
    h1 = AgentWire("h1", "10.1.1.10")
    pipeline.receive_flows(h1.report(start + 5, (start, start + 5, "10.1.4.9", "web", 1000, 1, 0, 0)), start + 5)
    return pipeline, pipeline.advance(start + 20)


def test_a_restart_continues(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pipeline, closed = fed(store.open())
    store.write(store.changes(pipeline, [closed.usage], T + 20, 1e6))
    store.close()
    second = Store(tmp_path)
    again, closed = fed(second.open(), T + 60)
    before, after = pipeline.published(T + 20), again.published(T + 80)
    assert after.links.id == before.links.id
    assert after.links.ifindex.tolist() == before.links.ifindex.tolist()
    assert after.links.octets.tolist() == (2 * before.links.octets).tolist()
    assert after.apps.name == before.apps.name and after.apps.octets.tolist() == (2 * before.apps.octets).tolist()
    second.close()


def test_two_gateways_on_one_directory_are_refused(tmp_path: Path) -> None:
    one = Store(tmp_path)
    one.open()
    with pytest.raises(GatewayError, match="no other gateway"):
        Store(tmp_path).open()
    one.close()
    two = Store(tmp_path)
    two.open()
    two.close()


def test_minutes_add_up_and_are_read_offline_while_running(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pipeline, closed = fed(store.open())
    half = closed.usage
    store.write(store.changes(pipeline, [half], T + 20, 1e6))
    store.write(store.changes(pipeline, [half], T + 30, 1e6))  # the same minute once more
    for path in (tmp_path, tmp_path / "anemone.sqlite"):
        at = {d["id"]: d for d in read_links(path, T + 30)}
        now = {d["id"]: d for d in read_links(path)}
        stub = "10.255.0.4:10.1.4.0/24"
        assert at[stub]["octets"] == 2 * 1014 and now[stub]["octets"] == 1014
        assert at[stub]["apps"] == {"web": pytest.approx(2 * 1014 * 8 / 60)}
        assert at[stub]["up"] and at[stub]["kind"] == "stub"
    assert read_links(tmp_path, T - 600)[0]["octets"] == 0
    store.close()


def test_nothing_changed_writes_no_counters(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pipeline, _ = fed(store.open())
    assert store.changes(pipeline, [], T, 1e6).counters
    assert not store.changes(pipeline, [], T, 1e6).counters
    store.close()


def test_a_newer_store_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "anemone.sqlite") as conn:
        conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(GatewayError, match="newer version"):
        Store(tmp_path).open()
    with pytest.raises(GatewayError, match="no such store"):
        read_links(tmp_path / "nowhere")


def test_a_full_disk_is_counted_and_not_fatal(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pipeline, closed = fed(store.open())
    changes = store.changes(pipeline, [closed.usage], T, 1e6)
    store._db.conn.execute("DROP TABLE counters")  # any sqlite3.Error stands for the disk
    store.write(changes)
    assert store.stats.failures == 1 and store.stats.flushes == 0
    store.close()
