"""The lab leaves nothing behind, whatever ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.conftest import PROGRAMS
from tests.lab.namespaces import RUN, namespaces_of
from tests.require import require_programs, require_root

pytestmark = pytest.mark.lab
REPOSITORY = Path(__file__).parents[2]


def wait(ready: Callable[[], object], what: str) -> None:
    for _ in range(1200):
        if ready():
            return
        time.sleep(0.05)
    raise AssertionError(f"not in 60 s: {what}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_run_leaves_nothing(number: signal.Signals) -> None:
    require_root()
    require_programs(*PROGRAMS)
    run = subprocess.Popen([sys.executable, "-m", "tests.lab.up"], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    try:
        wait((RUN / str(run.pid) / "r7" / "zserv.api").exists, "routers starting")
        assert len(namespaces_of(run.pid)) > 10
        run.send_signal(number)
        run.wait(60)
        wait(lambda: not namespaces_of(run.pid), "namespaces gone")
        wait(lambda: not (RUN / str(run.pid)).exists(), "directory gone")
    finally:
        run.kill()
