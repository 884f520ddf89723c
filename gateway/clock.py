"""What happens when: drains the queue, closes bins, publishes, exports, flushes.  The pipeline itself is pure."""

from __future__ import annotations

import gc
import logging
import queue
import threading
import time
from collections.abc import Callable
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
WRITTEN_WITHIN = 1.0  # s that showing waits for the disk, so that nothing shown is lost by a crash
STOP_WITHIN = 5.0  # s for each of: the last flush, its place in the queue, the end of the writer
MOST_USAGE = 1_000_000  # rows kept for a stuck disk; the oldest batches go first, counted
TIDY = 60.0  # s between two full collections of garbage: over all objects, some 0.1 s in a large network
NEVER = 1 << 30  # by itself: that would be in the midst of a change, which makes new objects by the thousand
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
        self._turned = threading.Condition()
        self._given = self._taken = 0  # flushes handed to the writer, and done
        self._disk_slow = False
        self._closed = pipeline.nothing()
        self._usage_dropped = 0
        self._tidied_at = 0.0
        self._collected = gc.get_threshold()
        self._call: Any = None

    def start(self) -> None:
        self._writer.start()
        gc.set_threshold(*self._collected[:2], NEVER)
        self._tick()

    def stop(self) -> None:
        """Count what still waits, flush, and end the writer; a stuck disk holds the stop up for seconds only."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        gc.set_threshold(*self._collected)
        now = time.time()
        self._try(self._receive, now)
        self._try(self._finish, now)
        self._try(self._export, now)
        try:
            self._give(now, STOP_WITHIN)
            self._writes.put(None, timeout=STOP_WITHIN)
        except queue.Full:
            log.error("store: the disk is stuck: the last %d flushes are lost", self._writes.qsize() + 1)
        self._writer.join(STOP_WITHIN)

    def _tick(self) -> None:
        now = time.time()
        # In data order.  A step that fails does not keep the next ones from their work.
        for step in (self._receive, self._advance, self._keep, self._show, self._export, self._tidy):
            self._try(step, now)
        self._call = self._reactor.callLater(TICK, self._tick)

    def _try(self, step: Callable[[float], None], now: float) -> None:
        """One bad batch must not stop the night: it is counted and told."""
        try:
            step(now)
        except Exception:
            self._failures += 1
            name = step.__name__.strip("_")
            line = self._complaints.say(name, f"pipeline failed ({name}); this batch is lost, going on", now)
            if line:
                log.exception(line)

    def _receive(self, now: float) -> None:
        datagrams = self._inputs.take(DATAGRAMS_PER_TICK)
        if datagrams:
            self._pipeline.receive_flows(datagrams, now)
            self._complain(now)

    def _advance(self, now: float) -> None:
        self._closed = self._pipeline.nothing()
        self._closed = self._pipeline.advance(now)
        self._remember(self._closed.usage)

    def _finish(self, now: float) -> None:
        self._closed = self._pipeline.finish()
        self._remember(self._closed.usage)

    def _remember(self, usage: UsageBatch) -> None:
        if len(usage):
            self._usage.append(usage)
        while len(self._usage) > 1 and sum(map(len, self._usage)) > MOST_USAGE:
            self._usage_dropped += len(self._usage.pop(0))

    def _keep(self, now: float) -> None:
        """Written before it is shown: what was served must not go back after a crash."""
        counted = len(self._closed.usage) > 0 or bool(self._pipeline.ifindex.dirty)
        if counted or abs(now - self._flushed_at) >= self._config.store.flush_seconds:
            self._flush(now)
        if counted and not self._disk_slow:
            with self._turned:
                self._disk_slow = not self._turned.wait_for(lambda: self._taken >= self._given, WRITTEN_WITHIN)
        elif self._taken >= self._given:
            self._disk_slow = False

    def _show(self, now: float) -> None:
        closed = self._closed
        moved = bool(closed.bins) or len(closed.usage) > 0 or self._attachments.topologies != self._topologies
        if moved or abs(now - self._published_at) >= REPUBLISH:  # abs: the clock may be set back
            self._publish(now, moved)

    def _export(self, now: float) -> None:
        if len(self._closed.hops) and self.current is not None:
            self._exports.send(self._closed.hops, self.current, now)

    def _tidy(self, now: float) -> None:
        """Patient work, best after a bin was shown."""
        passed = abs(now - self._tidied_at)
        if passed >= 2 * TIDY or (passed >= TIDY and self._closed.bins):
            self._tidied_at = now
            gc.collect()

    def _publish(self, now: float, moved: bool) -> None:
        self._topologies = self._attachments.topologies
        self._published_at = now
        stats = {
            "udp": self._inputs.stats(),
            **self._attachments.stats(),
            "export": self._exports.stats(),
            "snmp": self._snmp.stats(),
            "store": vars(self._store.stats),
            "pipeline": {"failures": self._failures, "usage_dropped": self._usage_dropped},
        }
        self.current = self._pipeline.published(now, stats)
        if moved or abs(now - self._snmp_at) >= SNMP_REFRESH:
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
        self._give(now)

    def _give(self, now: float, wait: float | None = None) -> None:
        self._flushed_at = now
        keep = self._config.store.rollup_days * 86400.0
        changes = self._store.changes(self._pipeline, self._usage, now, keep)
        self._usage = []
        self._writes.put(changes, timeout=wait)
        self._given += 1

    def _write(self) -> None:
        while (changes := self._writes.get()) is not None:
            self._store.write(changes)
            with self._turned:
                self._taken += 1
                self._turned.notify_all()
