"""The pipeline's clock with fakes around it: one bad batch does not stop the night."""

from pathlib import Path
from types import SimpleNamespace

from twisted.internet.task import Clock

from gateway.clock import TICK, PipelineClock
from gateway.config import parse
from gateway.pipeline import Pipeline
from gateway.store import Store


class Fakes:
    def __init__(self, tmp_path: Path) -> None:
        self.reactor = Clock()
        self.config = parse({"state_dir": str(tmp_path), "store": {"flush_seconds": 0.5}})
        self.store = Store(tmp_path)
        self.pipeline = Pipeline(self.config, 0.0, self.store.open())
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
