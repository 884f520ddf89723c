"""The past of a real gateway: over HTTP while it runs, after kill -9 from its state directory, and after a restart."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from gateway import cli
from tests.gateway.running import RunningGateway, wait_for


def shape(document: dict[str, Any]) -> dict[str, tuple[int, bool]]:
    return {link["id"]: (link["cost"], link["up"]) for link in document["links"]}


def test_the_past_survives_kill_9(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gateway = RunningGateway(tmp_path)
    store = str(tmp_path / "state")
    try:
        gateway.start()
        gateway.start_feed()
        wait_for(lambda: gateway.get("status")["topology_version"] > 0, 60, "a topology")
        wait_for(lambda: gateway.stat("ospf_archive", "records") >= 16, 60, "LSAs in the archive")
        before = gateway.get("topology")
        known = time.time()
        routes = gateway.get(f"routes?router={before['routers'][0]['router']}")["routes"]
        assert len(routes) > 20 and {"intra", "external-2"} >= {route["type"] for route in routes}
        assert sum(row["lsas"] for row in gateway.get("lsas")) >= 16
        with pytest.raises(HTTPError) as refused:
            gateway.get("topology?at=now-1d")
        assert refused.value.code == 404
        process, gateway.process = gateway.process, None
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait(60)

        assert cli.main(["topology", "--store", store, "--json"]) == 0
        assert shape(json.loads(capsys.readouterr().out)) == shape(before)

        gateway.start()
        wait_for(lambda: gateway.get("status")["topology_version"] > 0, 60, "a topology again")
        assert shape(gateway.get(f"topology?at={known}")) == shape(before)
        assert gateway.get(f"topology/diff?from={known}&to=now") == []
    finally:
        gateway.stop_feed()
        gateway.stop()
