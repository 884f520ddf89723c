import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import parse
from gateway.errors import GatewayError
from gateway.pipeline import Pipeline
from gateway.published import Event
from gateway.store import SCHEMA_VERSION, Changes, Store, read_events, read_links
from ospf.topology import LinkKey
from tests.gateway.agentwire import AgentWire
from tests.gateway.small import diamond, rid

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


def test_what_a_full_disk_refused_is_written_when_it_takes_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pipeline, closed = fed(store.open())
    connection = store._db.conn
    connection.execute("ALTER TABLE counters RENAME TO away")
    store.write(store.changes(pipeline, [closed.usage], T, 1e6))
    store.write(store.changes(pipeline, [], T + 5, 1e6))
    connection.execute("ALTER TABLE away RENAME TO counters")
    store.write(store.changes(pipeline, [], T + 10, 1e6))
    assert (store.stats.failures, store.stats.flushes) == (2, 1)
    store.close()
    again = Store(tmp_path)
    remembered = again.open()
    assert remembered.ifindex == dict(pipeline.ifindex.items())
    assert "web" in remembered.applications
    assert remembered.counters.octets.tolist() == pipeline.view.counters().octets.tolist()
    assert {d["id"]: d for d in read_links(tmp_path, T + 10)}["10.255.0.4:10.1.4.0/24"]["octets"] == 1014
    again.close()


def test_counters_above_sqlites_integers_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pipeline = Pipeline(parse({}), T, store.open())
    pipeline.receive_topology(diamond(1, T))
    wire = AgentWire("h1", "10.1.1.10")
    rows = [(T, T + 5, "10.1.4.9", "web", 2**50, 1, 0, 0)] * 9000
    pipeline.receive_flows(wire.report(T + 5, *rows), T + 5)
    closed = pipeline.advance(T + 30)
    store.write(store.changes(pipeline, [closed.usage], T + 30, 1e6))
    assert store.stats.failures == 0
    links = {d["id"]: d["octets"] for d in read_links(tmp_path)}
    assert links["10.255.0.4:10.1.4.0/24"] == pytest.approx(9000 * 2**50) and 9000 * 2**50 > 2**63
    store.close()
    again = Store(tmp_path)
    assert again.open().counters.octets.tolist() == pipeline.view.counters().octets.tolist()
    again.close()


def test_a_renamed_interface_keeps_its_ifindex_over_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pipeline = Pipeline(parse({}), T, store.open())
    pipeline.receive_topology(diamond(1, T))
    index = pipeline.ifindex.get(LinkKey("default", rid(4), "10.1.4.0/24"))
    store.write(store.changes(pipeline, [], T, 1e6))
    [new] = pipeline.ifindex.allocate([LinkKey("default", rid(4), "10.1.4.1")])
    store.write(store.changes(pipeline, [], T, 1e6))
    store.close()
    again = Store(tmp_path)
    known = again.open().ifindex
    assert new == index == known[LinkKey("default", rid(4), "10.1.4.1")]
    assert len(set(known.values())) == len(known) == len(pipeline.ifindex)
    again.close()


def test_rows_nobody_can_write_do_not_stop_the_next_ones(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pipeline, closed = fed(store.open())
    changes = store.changes(pipeline, [closed.usage], T, 1e6)
    store.write(replace(changes, counters=[(1, 1, 2**70, 0, 0, 0)]))
    store.write(changes)
    assert (store.stats.failures, store.stats.flushes) == (1, 1)
    store.close()


def test_agents_alive_before_a_restart_do_not_make_flows_count_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    before = Pipeline(parse({}), T - 60, store.open())
    h1, h4 = AgentWire("h1", "10.1.1.10", "10.1.1.1"), AgentWire("h4", "10.1.4.9", "10.1.4.1")
    for wire in (h1, AgentWire("dead", "10.1.1.66")):
        before.receive_flows(wire.report(T - 60), T - 60)
    before.receive_flows(h1.report(T - 5, (T - 10, T - 5, "192.0.2.1", "web", 1, 0, 0, 0)), T - 5)
    before.advance(T - 1)
    store.write(store.changes(before, [], T, 1e6))
    store.close()
    again = Store(tmp_path)
    pipeline = Pipeline(parse({}), T, again.open())
    pipeline.receive_topology(diamond(1, T))
    assert [(a.name, a.gateway, a.live) for a in pipeline.agents.published()] == [("h1", "10.1.1.1", False)]
    # The receiver's templates come first, the sender's only after the bin has closed.
    seen = [(T, T + 5, "10.1.1.10", "web", 0, 0, 1000, 0), (T, T + 5, "10.1.1.66", "web", 0, 0, 70, 0)]
    pipeline.receive_flows(h1.report(T + 5, (T, T + 5, "10.1.4.9", "web", 1000, 0, 0, 0)), T + 5)
    pipeline.receive_flows(h4.report(T + 5, *seen), T + 5)
    pipeline.advance(T + 30)
    h1.process.handle_timeout(T + 58)
    pipeline.receive_flows([(d, h1.peer) for d in h1.datagrams(T + 58)], T + 58)
    pipeline.advance(T + 100)
    assert pipeline.view.counters().octets.max() == 1070
    again.close()


def test_events_are_read_by_time_the_newest_of_too_many(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    events = [Event(T + n, "link_up", f"x{n}", "") for n in range(5)]
    store.write(Changes(events=events))
    assert read_events(store.path, T, T + 3, 100) == events[1:4]
    assert read_events(store.path, 0.0, float("inf"), 2) == events[3:]
    store.close()
    with pytest.raises(GatewayError, match=r"anemone\.sqlite"):
        read_events(tmp_path / "none", 0.0, 1.0, 9)
