"""Anomalies on real routers: quiet while nothing is wrong, then MaxLinkMetric, differing Hellos, differing MTUs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.snmprouters import SnmpRouters
from tests.ospf.lan import run
from tests.require import require_programs, require_root

ABR = "10.97.0.3"
QUIET_SECONDS = 2.5


@pytest.fixture
def routers() -> Iterator[SnmpRouters]:
    require_root()
    require_programs("ip", "zebra", "ospfd", "vtysh", "snmpd")
    made = SnmpRouters.up()
    try:
        yield made
    finally:
        made.close()


class Watch:
    """`tests.ospf.watch` on the listener's host."""

    def __init__(self, routers: SnmpRouters, seconds: float, **thresholds: float) -> None:
        words = (json.dumps({"interface": "e0"}), str(seconds), json.dumps(thresholds))
        command = ("ip", "netns", "exec", routers.namespace("ls"), sys.executable, "-m", "tests.ospf.watch", *words)
        folder = Path(__file__).parents[2]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
        self.seen: list[tuple[str, str]] = []

    def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.seen.append((line["kind"], line.get("subject", "")))
        return line

    def wait_for(self, kind: str) -> dict[str, Any]:
        while (line := self.next())["kind"] != kind:
            assert line["kind"] != "end", f"no {kind} among {self.seen}"
        return line


@pytest.mark.lab
def test_what_is_wrong_is_told_and_nothing_else(routers: SnmpRouters) -> None:
    watch = Watch(routers, 25, adjacency_grace_seconds=2)
    begin = time.monotonic()
    time.sleep(QUIET_SECONDS)
    routers.vtysh("abr", "configure terminal", "router ospf", "max-metric router-lsa administrative")
    first = watch.next()
    assert (first["kind"], first["subject"]) == ("max_link_metric", ABR), "nothing before"
    assert time.monotonic() - begin > QUIET_SECONDS
    routers.vtysh("abr", "configure terminal", "router ospf", "no max-metric router-lsa administrative")
    assert watch.next()["kind"] == "max_link_metric_ended"
    routers.vtysh("abr", "configure terminal", "interface e0", "ip ospf hello-interval 2")
    told = watch.wait_for("parameter_mismatch")
    assert "hello interval" in told["detail"] and told["subject"] in (ABR, "10.97.0.1")
    assert {kind for kind, _ in watch.seen} == {"max_link_metric", "max_link_metric_ended", "parameter_mismatch"}
    watch.process.kill()
    watch.process.communicate()
    # The adjacency is gone with the Hellos, and cannot form again: the descriptions say different MTUs. With no other
    # router to flood to, the DR does not say that its network-LSA is gone; a listener that comes now sees it.
    run("ip", "-n", routers.namespace("abr"), "link", "set", "e0", "mtu", "1400")
    time.sleep(2.5)
    routers.vtysh("abr", "configure terminal", "interface e0", "ip ospf hello-interval 1")
    watch = Watch(routers, 15, adjacency_grace_seconds=2)
    stuck = watch.wait_for("mtu_mismatch")
    assert stuck["subject"] in (ABR, "10.97.0.1") and "on e0" in stuck["detail"]
    watch.process.kill()
    watch.process.communicate()
