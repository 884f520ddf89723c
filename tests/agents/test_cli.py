from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.cli import main
from tests.agents.namespaces import ROOT


def test_check_and_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('gateway = "udp://127.0.0.1:4739"\n')
    bad.write_text('gateway = "udp://127.0.0.1:4739"\nintervals = 5\n')
    assert main(["-c", str(good), "--check"]) == 0
    assert main(["-c", str(bad)]) == 2
    assert "intervals: unknown key; allowed are" in capsys.readouterr().err
    assert main(["-c", str(tmp_path / "none.toml")]) == 2
    with pytest.raises(SystemExit) as raised:
        main(["--colour"])
    assert raised.value.code == 2


def test_it_needs_neither_the_gateway_nor_its_packages() -> None:
    code = (
        "import sys, agents.cli, agents.service\n"
        "loaded = {module.split('.')[0] for module in sys.modules}\n"
        "bad = {'gateway', 'ospf', 'mibs', 'scipy', 'twisted', 'psutil', 'pyroute2'} & loaded\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=30)


def test_a_gateway_without_an_address_is_named(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text('gateway = "udp://gateway.invalid:4739"\n')
    child = subprocess.run(
        [sys.executable, "-m", "agents.cli", "-c", str(config)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert child.returncode == 1
    assert "gateway: udp://gateway.invalid:4739: " in child.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_reports_and_ends_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """In this namespace with whatever rights the tests have; the host's record comes first of all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(20)
        config = tmp_path / "agent.toml"
        config.write_text(f'gateway = "udp://127.0.0.1:{collector.getsockname()[1]}"\nstate_dir = "{tmp_path}"\n')
        child = subprocess.Popen(
            [sys.executable, "-m", "agents.cli", "-c", str(config)], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        try:
            first = collector.recv(65536)
            time.sleep(0.1)
            os.kill(child.pid, number)
            _, said = child.communicate(timeout=20)
        finally:
            child.kill()
    assert child.returncode == 0, said
    assert first[:2] == b"\x00\x0a"  # IPFIX
    assert "layer 1" in said
    assert "Traceback" not in said
