"""A real gateway as a child process, fed over loopback by the demo's simulated routers and hosts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.demo.enterprise import enterprise
from gateway.demo.feed import Feed


def free_ports(count: int) -> list[int]:
    """UDP ports nobody has now (all held until all are found, so that they differ)."""
    held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The condition's first true value; AssertionError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


class RunningGateway:
    """`python -m gateway.cli gateway` on free ports; two exports, so that two collectors can listen."""

    def __init__(self, directory: Path, bin_seconds: float = 2.0) -> None:
        self.directory = directory
        ports = free_ports(5)
        self.ospf, self.ipfix, self.snmp, *self.exports = ports
        self.http = free_ports(1)[0]
        self.config = directory / "gateway.toml"
        self.log = directory / "gateway.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.feed: Feed | None = None
        self.config.write_text(
            f"""
state_dir = "{directory}/state"
run_dir = "{directory}/run"
[[ospf.attach]]
interface = "udp://127.0.0.1:{self.ospf}"
[collect]
ipfix = ["udp://127.0.0.1:{self.ipfix}"]
[view]
bin_seconds = {bin_seconds}
[store]
flush_seconds = 0.5
[snmp]
listen = ["udp://127.0.0.1:{self.snmp}"]
communities = {{ public = ["127.0.0.0/8"] }}
[http]
listen = "127.0.0.1:{self.http}"
[[export]]
to = "udp://127.0.0.1:{self.exports[0]}"
template_refresh_seconds = 2
[[export]]
to = "udp://127.0.0.1:{self.exports[1]}"
template_refresh_seconds = 2
"""
        )

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "gateway", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).resolve().parent.parent.parent,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        wait_for(lambda: self._answers(), 90, f"the HTTP API; log:\n{self.log.read_text()[-2000:]}")

    def start_feed(self) -> Feed:
        self.feed = Feed(enterprise(), ("127.0.0.1", self.ospf), ("127.0.0.1", self.ipfix), interval=1.0)
        self.feed.start()
        return self.feed

    def stop_feed(self) -> None:
        if self.feed is not None:
            self.feed.stop()
            self.feed = None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the gateway and wait; its exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"gateway ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}")
        try:
            self.get("status")
        except OSError:
            return False
        return True

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/api/{path}", timeout=20) as answer:
            return json.load(answer)

    def links(self) -> dict[str, dict[str, Any]]:
        return {link["id"]: link for link in self.get("links")}

    def stat(self, component: str, counter: str) -> float:
        return float(self.get("status")["components"][component][counter])

    def settled(self) -> None:
        """Wait until no more octets arrive: nothing is sent and every bin with octets has closed."""
        last = [-1, time.monotonic()]

        def still() -> bool:
            total = sum(link["octets"] for link in self.links().values())
            if total != last[0]:
                last[:] = [total, time.monotonic()]
            return time.monotonic() - last[1] > 6.5

        wait_for(still, 120, "counters at rest")

    def walk(self, *options: str, root: str = ".1.3") -> list[tuple[str, str]]:
        """snmpbulkwalk -v2c: (numeric OID, value) in the order answered."""
        done = subprocess.run(
            ["snmpbulkwalk", "-v2c", "-c", "public", "-On", "-Oq", "-m", "", *options, f"127.0.0.1:{self.snmp}", root],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr, done.stderr
        lines = [line for line in done.stdout.splitlines() if "No more variables left" not in line]
        return [tuple(line.split(" ", 1)) for line in lines if line.startswith(".")]  # type: ignore[misc]
