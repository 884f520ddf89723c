"""Every case of `tests/lab/cases`: the routers' tables equal ours after each step, and the burst changes no LSA.

Each case runs in a process of its own, three at a time; `python -m tests.lab.cases CASE` shows one by itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.lab.cases import birdconf, frrconf
from tests.lab.cases.casefile import case_names, load_case
from tests.lab.cases.state import State
from tests.lab.conftest import PROGRAMS
from tests.require import require_programs, require_root

AT_ONCE = 3
CASE_SECONDS = 400
ROOT = Path(__file__).parents[2]


class Runs:
    """The processes of the cases asked for."""

    def __init__(self, names: list[str]) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._children: list[subprocess.Popen[str]] = []
        self._ending = False
        self.of: dict[str, Future[tuple[int, str]]] = {name: self._pool.submit(self._run, name) for name in names}

    def _run(self, name: str) -> tuple[int, str]:
        if self._ending:
            return 1, "not begun"
        argv = [sys.executable, "-m", "tests.lab.cases", name, "--check"]
        child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._children.append(child)
        try:
            said, _ = child.communicate(timeout=CASE_SECONDS)
        except subprocess.TimeoutExpired:
            child.terminate()
            said, _ = child.communicate(timeout=60)
        return child.returncode, said

    def close(self) -> None:
        self._ending = True
        for child in self._children:
            if child.poll() is None:
                child.terminate()  # it takes its network down
        self._pool.shutdown()


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    require_root()
    require_programs(*PROGRAMS)
    wanted = [
        item.callspec.params["case"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and "runs" in item.fixturenames
    ]
    runs = Runs(wanted)
    yield runs
    runs.close()


@pytest.mark.lab
@pytest.mark.timeout(CASE_SECONDS + 100)
@pytest.mark.parametrize("case", case_names())
def test_every_table_equals_ours(case: str, runs: Runs, measured: list[str]) -> None:
    code, said = runs.of[case].result()
    lines = said.splitlines()
    assert lines and lines[-1].startswith("{"), said
    summary: dict[str, Any] = json.loads(lines[-1])
    assert summary["sequence_changes"] == []
    assert not summary["failed"] and code == 0, said
    assert summary["unused"] == [], "exceptions that nothing needs any more"
    measured.append(
        f"case {case}: {summary['routers']} routers, {summary['steps']} steps, {summary['compared']} routes equal"
        f" ({summary['explained']} known exceptions) in {summary['seconds']:.0f} s"
    )


@pytest.mark.parametrize("case", case_names())
def test_case_files_are_well_formed(case: str) -> None:
    loaded = load_case(case)
    state = State(loaded)
    segments = {segment.name for segment in loaded.segments}
    assert all(len(name) <= 15 for name in segments)  # they name interfaces
    assert {router.program for router in loaded.routers.values()} == {"frr", "bird"}
    for name, router in loaded.routers.items():
        language = frrconf if router.program == "frr" else birdconf
        text = language.configuration(state, name)
        assert router.id in text and all(segment.name in text for segment, _ in loaded.segments_of(name))
    heard = {segment.area for segment in loaded.segments if segment.listen}
    assert heard >= {segment.area for segment in loaded.segments}
    steps = {step.name for step in loaded.steps} | {"as it began", "*"}
    assert {known.step for known in loaded.known} <= steps
    assert {known.router for known in loaded.known} <= set(loaded.routers)
