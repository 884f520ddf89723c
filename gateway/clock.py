"""What happens when: drains the queue, closes bins, publishes, exports, flushes.  The pipeline itself is pure."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any

from gateway.attachments import Attachments
from gateway.batch import UsageBatch
from gateway.complaints import Complaints
from gateway.config import GatewayConfig
from gateway.exports import Exports
from gateway.inputs import Inputs
from gateway.pipeline import Pipeline
from gateway.published import Published
from gateway.snmp import SnmpProcess
from gateway.store import Changes, Store

TICK = 0.1  # s
DATAGRAMS_PER_TICK = 20_000
REPUBLISH = 1.0  # s, even when nothing closed: agents, events and statistics move
SNMP_REFRESH = 5.0
FLUSHES_WAITING = 8
log = logging.getLogger(__name__)


class PipelineClock:
    """Drives the pipeline in the reactor's thread; `current` is the newest `Published`."""

    def __init__(
        self,
        reactor: Any,
        config: GatewayConfig,
        pipeline: Pipeline,
        inputs: Inputs,
        attachments: Attachments,
        exports: Exports,
        snmp: SnmpProcess,
        store: Store,
    ) -> None:
        self.current: Published | None = None
        self._reactor = reactor
        self._config = config
        self._pipeline = pipeline
        self._inputs = inputs
        self._attachments = attachments
        self._exports = exports
        self._snmp = snmp
        self._store = store
        self._usage: list[UsageBatch] = []
        self._complaints = Complaints()
        self._published_at = self._snmp_at = self._flushed_at = 0.0
        self._failures = 0
        self._topologies = 0
        self._writes: queue.Queue[Changes | None] = queue.Queue(FLUSHES_WAITING)
        self._writer = threading.Thread(target=self._write, name="store", daemon=True)
        self._call: Any = None

    def start(self) -> None:
        self._writer.start()
        self._tick()

    def stop(self) -> None:
        """Close nothing early, but lose nothing either: flush what is counted."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._flush(time.time())
        self._writes.put(None)
        self._writer.join(15.0)

    def _tick(self) -> None:
        now = time.time()
        try:
            self._work(now)
        except Exception:  # one bad batch must not stop the night; it is counted and told
            self._failures += 1
            line = self._complaints.say("tick", "pipeline failed; this batch is lost, going on", now)
            if line:
                log.exception(line)
        self._call = self._reactor.callLater(TICK, self._tick)

    def _work(self, now: float) -> None:
        pipeline = self._pipeline
        datagrams = self._inputs.take(DATAGRAMS_PER_TICK)
        if datagrams:
            pipeline.receive_flows(datagrams, now)
            self._complain(now)
        closed = pipeline.advance(now)
        if len(closed.usage):
            self._usage.append(closed.usage)
        moved = bool(closed.bins) or len(closed.usage) > 0 or self._attachments.topologies != self._topologies
        if len(closed.usage):  # written before it is shown: what was served must not go back after a crash
            self._flush(now)
        if moved or now - self._published_at >= REPUBLISH:
            self._publish(now, moved)
        if len(closed.hops) and self.current is not None:
            self._exports.send(closed.hops, self.current, now)
        if now - self._flushed_at >= self._config.store.flush_seconds:
            self._flush(now)

    def _publish(self, now: float, moved: bool) -> None:
        self._topologies = self._attachments.topologies
        self._published_at = now
        stats = {
            "udp": self._inputs.stats(),
            **self._attachments.stats(),
            "export": self._exports.stats(),
            "snmp": self._snmp.stats(),
            "store": vars(self._store.stats),
            "pipeline": {"failures": self._failures},
        }
        self.current = self._pipeline.published(now, stats)
        if moved or now - self._snmp_at >= SNMP_REFRESH:
            self._snmp_at = now
            self._snmp.publish(self.current)

    def _complain(self, now: float) -> None:
        for session in self._pipeline.collector.sessions.values():
            stats = session.decoder.stats
            bad = stats.malformed + stats.missing_template_sets
            if bad > session.errors_logged:
                session.errors_logged = bad
                reason = session.decoder.last_error or "data before its template"
                line = self._complaints.say(
                    f"ipfix {session.peer[0]}",
                    f"IPFIX from {session.peer[0]}:{session.peer[1]}: {reason}",
                    now,
                )
                if line:
                    log.warning(line)

    def _flush(self, now: float) -> None:
        if self._writes.full():  # a stuck disk must not stop the view; what is new stays for the next flush
            return
        self._flushed_at = now
        keep = self._config.store.rollup_days * 86400.0
        self._writes.put(self._store.changes(self._pipeline, self._usage, now, keep))
        self._usage = []

    def _write(self) -> None:
        while (changes := self._writes.get()) is not None:
            self._store.write(changes)
