"""The pipeline's clock with fakes around it: one bad batch does not stop the night."""

import gc
import threading
import time
from pathlib import Path
from types import SimpleNamespace

from twisted.internet.task import Clock

from gateway import clock
from gateway.clock import TICK, PipelineClock
from gateway.config import parse
from gateway.pipeline import Pipeline
from gateway.store import Store
from tests.gateway.agentwire import AgentWire
from tests.gateway.small import diamond
from tests.gateway.test_view import usage


class Fakes:
    def __init__(self, tmp_path: Path) -> None:
        self.reactor = Clock()
        self.config = parse({
                "state_dir": str(tmp_path),
                "store": {"flush_seconds": 0.5},
                "export": [{"to": "udp://127.0.0.1:9"}],
            })
        self.store = Store(tmp_path)
        self.pipeline_remembered = self.store.open()
        self.pipeline = Pipeline(self.config, 0.0, self.pipeline_remembered)
        self.datagrams: list = []
        self.snapshots: list = []
        self.inputs = SimpleNamespace(take=self.take, stats=lambda: {"datagrams": 0})
        self.attachments = SimpleNamespace(topologies=0, stats=dict)
        self.exports = SimpleNamespace(send=lambda *a: None, stats=dict)
        self.snmp = SimpleNamespace(publish=self.snapshots.append, stats=dict)
        self.clock = PipelineClock(
            self.reactor, self.config, self.pipeline, self.inputs, self.attachments, self.exports, self.snmp, self.store
        )  # type: ignore[arg-type]

    def take(self, limit: int) -> list:
        out, self.datagrams = self.datagrams, []
        return out


def test_publishes_from_the_start_and_flushes_at_the_end(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path)
    fakes.clock.start()
    assert fakes.clock.current is not None and len(fakes.snapshots) == 1
    fakes.clock.stop()
    assert fakes.store.stats.flushes >= 1 and fakes.store.stats.failures == 0
    assert not fakes.reactor.getDelayedCalls()
    fakes.store.close()


def test_a_failing_batch_is_counted_told_once_and_the_next_one_works(tmp_path: Path, caplog) -> None:
    fakes = Fakes(tmp_path)
    broken = fakes.pipeline.receive_flows
    fakes.pipeline.receive_flows = lambda *a: 1 / 0  # type: ignore[method-assign]
    fakes.clock.start()
    for _ in range(5):
        fakes.datagrams = [(b"x", ("127.0.0.1", 1))]
        fakes.reactor.advance(TICK)
    assert fakes.clock._failures == 5
    assert len([r for r in caplog.records if "pipeline failed" in r.message]) == 1
    fakes.pipeline.receive_flows = broken  # type: ignore[method-assign]
    fakes.datagrams = [(b"x", ("127.0.0.1", 1))]
    fakes.reactor.advance(TICK)
    assert fakes.pipeline.collector.stats.datagrams == 1
    fakes.clock.stop()
    fakes.store.close()


def test_a_page_that_fails_keeps_neither_the_export_nor_the_disk_waiting(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path)
    sent: list = []
    fakes.exports.send = lambda hops, *rest: sent.append(len(hops))
    fakes.clock.start()
    flushes = fakes.store.stats.flushes
    fakes.clock._publish = lambda *a: 1 / 0  # type: ignore[method-assign]
    hops = SimpleNamespace(__len__=lambda: 3)
    fakes.pipeline.advance = lambda now: SimpleNamespace(usage=usage((1, 1, 5.0)), hops=[hops], bins=1)  # type: ignore
    fakes.reactor.advance(TICK)
    assert fakes.clock._failures == 1 and sent == [1]
    assert fakes.store.stats.flushes > flushes
    fakes.clock.stop()
    fakes.store.close()


def test_what_is_shown_is_written_already(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path)
    fakes.clock.start()
    slow, written, shown = fakes.store.write, [], []
    fakes.store.write = lambda changes: (time.sleep(0.1), slow(changes), written.append(len(changes.usage)))  # type: ignore
    fakes.pipeline.advance = lambda now: SimpleNamespace(usage=usage((1, 1, 5.0)), hops=[], bins=1)  # type: ignore
    fakes.snmp.publish = lambda published: shown.append(sum(written))
    fakes.reactor.advance(TICK)
    assert shown == [1]
    fakes.clock.stop()
    fakes.store.close()


def test_a_stuck_disk_holds_up_neither_the_ticks_nor_the_stop(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(clock, "STOP_WITHIN", 0.1)
    monkeypatch.setattr(clock, "WRITTEN_WITHIN", 0.05)
    monkeypatch.setattr(clock, "MOST_USAGE", 5)
    fakes = Fakes(tmp_path)
    fakes.clock.start()
    stuck = threading.Event()
    fakes.store.write = lambda changes: stuck.wait(20)  # type: ignore
    fakes.pipeline.advance = lambda now: SimpleNamespace(usage=usage((1, 1, 5.0)), hops=[], bins=1)  # type: ignore
    for _ in range(30):
        fakes.reactor.advance(TICK)
    assert len(fakes.snapshots) >= 30 and fakes.clock._failures == 0
    assert sum(map(len, fakes.clock._usage)) <= 5 and fakes.clock._usage_dropped > 0
    fakes.clock.stop()  # comes back
    stuck.set()
    fakes.store.close()


def test_a_stop_counts_and_writes_what_has_come(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path)
    now = time.time()
    fakes.pipeline = fakes.clock._pipeline = Pipeline(fakes.config, now, fakes.pipeline_remembered)
    fakes.pipeline.receive_topology(diamond(1, now))
    fakes.clock.start()
    fakes.datagrams = AgentWire("h1", "10.1.1.10").report(now, (now - 2, now, "10.1.4.9", "web", 1000, 1, 0, 0))
    exported: list = []
    fakes.exports.send = lambda hops, *rest: exported.append(hops)
    fakes.clock.stop()
    fakes.store.close()
    assert exported and len(exported[0])
    again = Store(tmp_path)
    assert again.open().counters.octets.max() == 1014
    again.close()


def test_an_ifindex_is_on_disk_before_it_is_shown(tmp_path: Path) -> None:
    """So that a crash right after the first topology does not number the interfaces another way."""
    fakes = Fakes(tmp_path)
    fakes.clock._flushed_at = time.time() + 0.4  # no flush is due
    fakes.pipeline.receive_topology(diamond(1, 1.0))
    fakes.attachments.topologies += 1
    stored: list[int] = []

    def publish(published: object) -> None:
        stored.append(fakes.store.stats.flushes)

    fakes.snmp.publish = publish
    fakes.clock._writer.start()
    fakes.clock._keep(time.time())
    fakes.clock._show(time.time())
    assert stored == [1] and not fakes.pipeline.ifindex.dirty
    fakes.clock.stop()
    fakes.store.close()
    other = Store(tmp_path)
    assert dict(other.open().ifindex) == dict(fakes.pipeline.ifindex.items())
    other.close()


def test_garbage_is_collected_after_a_bin_and_not_when_it_likes(tmp_path: Path, monkeypatch) -> None:
    fakes, usual = Fakes(tmp_path), gc.get_threshold()
    collected: list[int] = []
    monkeypatch.setattr(clock.gc, "collect", lambda: collected.append(1))
    fakes.clock.start()
    assert gc.get_threshold()[2] == clock.NEVER and len(collected) == 1
    now, closed = fakes.clock._tidied_at, SimpleNamespace(bins=1)
    fakes.clock._closed = fakes.pipeline.nothing()
    fakes.clock._tidy(now + clock.TIDY)
    assert len(collected) == 1
    fakes.clock._closed = closed  # type: ignore[assignment]
    fakes.clock._tidy(now + clock.TIDY - 1)
    fakes.clock._tidy(now + clock.TIDY)
    fakes.clock._tidy(now + clock.TIDY + 1)
    assert len(collected) == 2
    fakes.clock._closed = fakes.pipeline.nothing()
    fakes.clock._tidy(now + 3 * clock.TIDY)
    assert len(collected) == 3
    fakes.clock.stop()
    fakes.store.close()
    assert gc.get_threshold() == usual
