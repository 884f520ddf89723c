"""The whole gateway in a network of several areas, instances and versions (`tests/lab/branches`), seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.branches.story import CHAPTERS
from tests.lab.conftest import PROGRAMS
from tests.require import require_programs, require_root

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

Chapters = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def told(measured: list[str]) -> Iterator[Chapters]:
    """The story, told by a process of its own."""
    require_root()
    require_programs(*PROGRAMS, "ospf6d")
    words = [sys.executable, "-m", "tests.lab.branches.story"]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=280, check=False, cwd=Path(__file__).parents[2]
    )
    if not done.stdout.rstrip().endswith("}}"):
        pytest.fail(f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    chapters: Chapters = json.loads(done.stdout.splitlines()[-1])
    measured += [f"branches, {name}: {chapter['saw']}" for name, chapter in chapters.items()]
    yield chapters


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter(told: Chapters, chapter: str) -> None:
    assert told[chapter]["failed"] == ""
