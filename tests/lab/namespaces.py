"""Network namespaces with a name that says whose they are: `lab<pid>-<node>`.

A run holds an exclusive lock in its directory for as long as it lives, so whoever starts later can tell the
leftovers of a dead run from a run next door, and sweeps them.  A guard (`python -m tests.lab.namespaces PID`)
waits for the run's end on a pipe and sweeps at once, so that even kill -9 leaves nothing behind for long.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

RUN = Path("/run/anemone-lab")
NAMESPACES = Path("/run/netns")
NAME = re.compile(r"lab(\d+)-\w+")
CLONE_NEWNET = 0x40000000
T = TypeVar("T")


def command(*argv: str, check: bool = True, stdin: str | None = None, timeout: float = 60) -> str:
    """Standard output of a program; RuntimeError with its words when it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()} {done.stdout.strip()}")
    return done.stdout


def namespace_name(pid: int, node: str) -> str:
    return f"lab{pid}-{node}"


def inside(namespace: str, function: Callable[[], T]) -> T:
    """Call a function on a thread that lives in the namespace: sockets it makes belong there for good."""

    def enter() -> T:
        libc = ctypes.CDLL(None, use_errno=True)
        with (NAMESPACES / namespace).open() as handle:
            if libc.setns(handle.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
        return function()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(enter).result()


def namespaces_of(pid: int) -> list[str]:
    found = sorted(path.name for path in NAMESPACES.glob(f"lab{pid}-*"))
    return [name for name in found if NAME.fullmatch(name)]


def take_lock(pid: int) -> IO[str] | None:
    """The run's lock, or None while another process holds it; the kernel frees it when the holder dies."""
    directory = RUN / str(pid)
    directory.mkdir(parents=True, exist_ok=True)
    lock = (directory / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def sweep(pid: int) -> None:
    """End every process inside the run's namespaces, then remove the namespaces and the run's directory."""
    names = namespaces_of(pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        pids = [int(word) for name in names for word in command("ip", "netns", "pids", name, check=False).split()]
        for member in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, number)
        if not pids:
            break
        time.sleep(0.3)
    command("ip", "-force", "-batch", "-", stdin="".join(f"netns del {name}\n" for name in names), check=False)
    shutil.rmtree(RUN / str(pid), ignore_errors=True)


def sweep_dead_runs() -> list[int]:
    """Remove what dead runs left; returns their pids."""
    candidates = {int(path.name) for path in RUN.glob("*") if path.name.isdigit()}
    candidates |= {int(match[1]) for path in NAMESPACES.glob("lab*") if (match := NAME.fullmatch(path.name))}
    dead = []
    for pid in sorted(candidates - {os.getpid()}):
        if (lock := take_lock(pid)) is None:
            continue
        sweep(pid)
        lock.close()
        dead.append(pid)
    return dead


def start_guard() -> subprocess.Popen[str]:
    """A process that outlives this one by a moment and sweeps behind it."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lab.namespaces", str(os.getpid())],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
    )


def guard(arguments: Sequence[str]) -> None:
    sys.stdin.read()  # ends when the run closes the pipe or dies
    pid = int(arguments[0])
    for _ in range(50):
        if (lock := take_lock(pid)) is not None:
            sweep(pid)
            lock.close()
            return
        time.sleep(0.1)


if __name__ == "__main__":
    guard(sys.argv[1:])
