"""A responder process to ask with real programs."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mibs.snapshotfile import write_snapshot
from tests.mibs.ask import encode_request

START_SECONDS = 60.0


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[str]
    port: int
    snapshot: Path
    stats: Path

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def exchange(self, data: bytes, seconds: float = 20.0) -> bytes | None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(seconds)
            sock.connect(("127.0.0.1", self.port))
            sock.send(data)
            try:
                return sock.recv(65535)
            except (TimeoutError, ConnectionRefusedError):
                return None


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def responder(folder: Path, snapshot: bytes | None, *options: str) -> Iterator[Served]:
    """`python -m mibs.responder` answering community public on a free port; ended and reaped at the end."""
    path, port = folder / "snapshot", free_port()
    if snapshot is not None:
        write_snapshot(path, snapshot)
    command = [sys.executable, "-m", "mibs.responder", "--snapshot", str(path), "--community", "public=127.0.0.0/8"]
    command += ["--listen", f"udp://127.0.0.1:{port}", *options]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stderr=output, text=True)
    served = Served(process, port, path, folder / "snapshot.stats.json")
    try:
        end = time.monotonic() + START_SECONDS
        while not served.stats.exists():
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield served
    finally:
        process.terminate()
        process.wait(60)


def get(name: tuple[int, ...]) -> bytes:
    return encode_request(0xA0, [name])
