"""The SNMP process: given a new snapshot when the view changed, started again when it ends."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gateway.config import GatewayConfig
from gateway.publish import (
    application_table,
    gateway_scalars,
    interface_table,
    link_application_table,
    link_table,
    system_group,
)
from gateway.published import Published
from mibs.builder import MibBuilder
from mibs.snapshotfile import write_snapshot

CHECK = 1.0  # s between two looks at the process
BACKOFF = (1.0, 2.0, 5.0, 15.0, 60.0)  # s before it is started again
log = logging.getLogger("anemone.snmp")


class SnmpProcess:
    """`python -m mibs.responder` under supervision; nothing listens without a community configured."""

    def __init__(self, reactor: Any, config: GatewayConfig, run_dir: Path) -> None:
        self._reactor = reactor
        self._config = config
        self._path = run_dir / "snmp.snapshot"
        self._stats_path = run_dir / "snmp.snapshot.stats.json"
        self._builder = MibBuilder()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._check: Any = None
        self._not_before = 0.0
        self._restarts = 0
        self._failures_in_a_row = 0

    @property
    def enabled(self) -> bool:
        return bool(self._config.snmp.communities and self._config.snmp.listen)

    def start(self) -> None:
        if not self.enabled:
            log.info("snmp.communities is empty: SNMP is not served")
            return
        self._path.unlink(missing_ok=True)
        self._spawn()
        self._check = self._reactor.callLater(CHECK, self._watch)

    def stop(self) -> None:
        if self._check is not None and self._check.active():
            self._check.cancel()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(3.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        for path in (self._path, self._stats_path):
            path.unlink(missing_ok=True)

    def _spawn(self) -> None:
        command = [sys.executable, "-m", "mibs.responder", "--snapshot", str(self._path)]
        for url in self._config.snmp.listen:
            command += ["--listen", url]
        for community, sources in self._config.snmp.communities.items():
            command += [f"--community={community}={','.join(sources)}"]
        command += ["--state", self._config.state_dir, "--parent", str(os.getpid())]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._started_at = time.monotonic()

    def _watch(self) -> None:
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            lived = now - self._started_at
            self._failures_in_a_row = 0 if lived > BACKOFF[-1] else self._failures_in_a_row + 1
            pause = BACKOFF[min(self._failures_in_a_row, len(BACKOFF) - 1)]
            log.error("SNMP process ended with %s; again in %.0f s", self._process.returncode, pause)
            self._process = None
            self._not_before = now + pause
        elif self._process is None and now >= self._not_before:
            self._restarts += 1
            self._spawn()
        self._check = self._reactor.callLater(CHECK, self._watch)

    def publish(self, published: Published) -> None:
        """Write a new snapshot; the process maps it when it sees it."""
        if not self.enabled:
            return
        octets = self._builder.build(
            system_group(self._config),
            interface_table(published, self._config),
            link_table(published),
            application_table(published),
            link_application_table(published),
            gateway_scalars(published),
            now=published.time,
        )
        write_snapshot(self._path, octets)

    def stats(self) -> dict[str, float]:
        """The responder's own counters (it writes them beside the snapshot), and restarts."""
        stats: dict[str, float] = {"restarts": self._restarts, "rows": self._builder.stats.rows}
        if self.enabled and self._stats_path.exists():
            try:
                told = json.loads(self._stats_path.read_text())
            except (OSError, ValueError):
                return stats  # between two renames; the next second has it
            stats |= {k: v for k, v in told.items() if isinstance(v, int | float)}
        return stats
