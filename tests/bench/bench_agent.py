"""The agent on a mix of traffic, beside `ss -tinp` polled as often: CPU, memory, and the short connections seen.

The mix, made in two namespaces: 2,000 idle connections, about 100 short connections and 50 UDP flows a second,
a bulk transfer.  Both look at the namespace that opens the connections, every 5 s, at the same time.  CPU is
user + system of the looking process (for `ss` the sum of its runs) per second of wall time.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.agents.namespaces import Pair, stop
from tests.agents.test_service import read_records

GATEWAY, SHOP, IDLE, STORE, ECHO = 14739, 8080, 8081, 873, 5004
IDLE_CONNECTIONS = 2000
SECONDS = 10.0
INTERVAL = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / TICKS


def resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def poll_with_ss(namespace: str, seen: set[str]) -> float:
    """One `ss -tinp`: CPU seconds; local ends of connections to the shop are added to `seen`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = ("ip", "netns", "exec", namespace, "ss", "-tinpH")
    text = subprocess.run(words, check=True, capture_output=True, text=True, timeout=20).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 4 and fields[4].endswith(f":{SHOP}"):
            seen.add(fields[3])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run() -> list[dict[str, Any]]:
    """Rows of the table; none where namespaces are not to be had."""
    if os.geteuid() != 0:
        return []
    with Pair() as pair:
        records = pair.directory / "records"
        for name, words in (
            ("collector", ("collect", "10.77.0.2", str(GATEWAY), str(records))),
            ("webshop", ("serve", "10.77.0.2", str(SHOP))),
            ("store", ("serve", "10.77.0.2", str(STORE))),
            ("keeper", ("keep", "10.77.0.2", str(IDLE))),
            ("echo", ("echo", "10.77.0.2", str(ECHO))),
        ):
            pair.program(pair.right, name, *words)
            pair.wait_for(name, "ready")
        pair.program(pair.left, "holder", "hold", "10.77.0.2", str(IDLE), str(IDLE_CONNECTIONS // 2))
        pair.program(pair.left, "holder2", "hold", "10.77.0.2", str(IDLE), str(IDLE_CONNECTIONS // 2))
        for name in ("holder", "holder2"):
            pair.wait_for(name, "ready")
        agent = pair.agent(pair.left, f"udp://10.77.0.2:{GATEWAY}", interval_seconds=INTERVAL)
        pair.wait_for(f"{pair.left}.log", "layer 1")
        pair.program(pair.left, "browser", "shop", "10.77.0.2", str(SHOP), "100000", "3000", "0.009")
        pair.program(pair.left, "asker", "ask", "10.77.0.2", str(ECHO), "100000", "0.02")
        pair.program(pair.left, "backup", "upload", "10.77.0.2", str(STORE), "4000000000")
        time.sleep(1.5)
        begun, cpu, peer, seen = time.monotonic(), cpu_seconds(agent.pid), 0.0, set[str]()
        while (elapsed := time.monotonic() - begun) < SECONDS:
            peer += poll_with_ss(pair.left, seen)
            time.sleep(min(INTERVAL, max(0.1, SECONDS - elapsed)))
        elapsed = time.monotonic() - begun
        ours = (cpu_seconds(agent.pid) - cpu) / elapsed
        memory = resident_megabytes(agent.pid)
        stop(agent)
        time.sleep(0.2)
        told = read_records(records)
    shops = [flow for flow in told.flows if flow["destinationTransportPort"] == SHOP]
    owned = sum(told.names[flow["applicationId"]] == "browser" for flow in shops)
    share = len(seen) / max(1, len(shops))
    mix = "2,000 idle + 100 short/s + 50 UDP/s + bulk"
    cost = 100 * peer / elapsed
    return [
        row(f"agent: CPU, {mix}, every 5 s (ss -tinp)", 100 * ours, cost, "% of a core"),
        row(f"agent: {len(shops)} short connections, seen (ss -tinp)", 100.0, 100 * share, "%"),
        row("agent: short connections with their owner (ss -tinp)", 100 * owned / max(1, len(shops)), 100 * share, "%"),
        row("agent: memory", memory, None, "MB resident"),
    ]


def row(what: str, ours: float, peer: float | None, unit: str) -> dict[str, Any]:
    """A row of the table; `ratio` is ours to the peer's."""
    return {"what": what, "ours": ours, "peer": peer, "unit": unit, "ratio": ours / peer if peer else None}


if __name__ == "__main__":
    for row in run():
        print(row, file=sys.stdout)
