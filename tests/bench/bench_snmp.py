"""Variable bindings per second of the SNMP responder, beside Debian's snmpd on the same machine in the same
run.

Both serve an IF-MIB of some 400 interfaces on loopback (snmpd: 200 pairs of veth in a network namespace
of its own, so root is needed; without root ours is measured alone).  Recorded GETBULK requests of a whole
walk of ifTable and ifXTable are replayed in lock step by a client that decodes nothing, so that the
server's time is what counts; one row each is the whole `snmpbulkwalk`, client included.  The servers take
turns; each figure is the best of the rounds.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mibs import ber
from mibs.message import GET_BULK, read_envelope, read_request
from mibs.oid import Oid, encode_oid, parse_oid
from mibs.responder import let_receive_wait
from mibs.snapshotfile import write_snapshot
from tests.mibs.sample import sample_snapshot
from tests.require import find_program

PAIRS = 200
REPETITIONS = (10, 25, 50)
SUBTREES = ("1.3.6.1.2.1.2.2", "1.3.6.1.2.1.31.1.1")
ROUNDS = 5
ROUND_SECONDS = 0.25
START_SECONDS = 10.0
PORTS = {"ours": 16161, "peer": 16162}  # inside the namespace; else free ones


def run() -> list[dict[str, Any]]:
    """Rows of what, ours, peer (None where it could not run), unit, ratio."""
    with tempfile.TemporaryDirectory(prefix="anemone-bench-") as folder, _namespace() as inside:
        ports = PORTS if inside else {"ours": _free_port()}
        with contextlib.ExitStack() as stack:
            pids = [stack.enter_context(_ours(Path(folder), ports["ours"], inside))]
            if "peer" in ports and find_program("snmpd"):
                pids.append(stack.enter_context(_snmpd(Path(folder), ports["peer"], inside)))
            else:
                ports = {"ours": ports["ours"]}
            figures = _replay_inside(list(ports.values()), pids, inside)
            walks = _walks(list(ports.values()), inside)
    rows = []
    for r in REPETITIONS:
        rows.append(_row(f"SNMP GETBULK r={r}, lock step", [rate for rate, _ in figures[r]]))
        rows.append(_row(f"SNMP GETBULK r={r}, server CPU", [rate for _, rate in figures[r]], "varbinds/CPU s"))
    return [*rows, _row("snmpbulkwalk -Cr50, client included", walks)]


def _row(what: str, figures: list[float], unit: str = "varbinds/s") -> dict[str, Any]:
    """`figures`: ours, then the peer's if it ran."""
    ours, peer = figures[0], figures[1] if len(figures) > 1 else None
    ratio = ours / peer if peer else None
    return {"what": what, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio}


# -- servers


@contextlib.contextmanager
def _namespace() -> Iterator[list[str]]:
    """Words to put before a command to run it beside 200 pairs of interfaces; none without root."""
    if os.geteuid() != 0 or not find_program("ip"):
        yield []
        return
    name = f"mibbench{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        lines = [f"link add a{i} type veth peer name b{i}" for i in range(PAIRS)]
        batch = "\n".join(["link set lo up", *lines])
        subprocess.run(["ip", "-n", name, "-batch", "-"], input=batch, text=True, check=True)
        yield ["ip", "netns", "exec", name]
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


@contextlib.contextmanager
def _running(command: list[str], port: int, inside: list[str], **options: Any) -> Iterator[int]:
    process = subprocess.Popen([*inside, *command], **options)
    try:
        _await_answer(port, inside)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(port: int, inside: list[str]) -> None:
    command = ["snmpget", "-v2c", "-c", "public", "-r0", "-t0.5", f"127.0.0.1:{port}", ".1.3.6.1.2.1.1.3.0"]
    end = time.monotonic() + START_SECONDS
    while subprocess.run([*inside, *command], capture_output=True, check=False).returncode != 0:
        if time.monotonic() > end:
            raise TimeoutError(f"no answer on port {port}")
        time.sleep(0.05)


@contextlib.contextmanager
def _ours(folder: Path, port: int, inside: list[str]) -> Iterator[int]:
    path = folder / "snapshot"
    write_snapshot(path, sample_snapshot(links=2 * PAIRS + 1, applications=10))
    command = [sys.executable, "-m", "mibs.responder", "--snapshot", str(path)]
    command += ["--listen", f"udp://127.0.0.1:{port}", "--community", "public=127.0.0.0/8"]
    with _running(command, port, inside) as pid:
        yield pid


@contextlib.contextmanager
def _snmpd(folder: Path, port: int, inside: list[str]) -> Iterator[int]:
    config = folder / "snmpd.conf"
    config.write_text(f"agentaddress udp:127.0.0.1:{port}\nrocommunity public 127.0.0.1\n")
    program = find_program("snmpd") or "snmpd"
    command = [program, "-f", "-C", "-c", str(config), "-Lf", "/dev/null", "-I", "-smux"]
    with _running(command, port, inside, env={**os.environ, "SNMP_PERSISTENT_DIR": str(folder)}) as pid:
        yield pid


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


# -- clients


def _walks(ports: list[int], inside: list[str]) -> list[float]:
    best = [0.0] * len(ports)
    for _ in range(ROUNDS):
        for i, port in enumerate(ports):
            start, lines = time.perf_counter(), 0
            for subtree in SUBTREES:
                command = ["snmpbulkwalk", "-v2c", "-c", "public", "-On", "-Cr50", f"127.0.0.1:{port}", subtree]
                done = subprocess.run([*inside, *command], capture_output=True, check=True)
                lines += done.stdout.count(b"\n")
            best[i] = max(best[i], lines / (time.perf_counter() - start))
    return best


def _replay_inside(ports: list[int], pids: list[int], inside: list[str]) -> dict[int, list[list[float]]]:
    servers = [f"{port}:{pid}" for port, pid in zip(ports, pids, strict=True)]
    command = [*inside, sys.executable, "-m", "tests.bench.bench_snmp", "--replay", *servers]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return {int(r): figures for r, figures in json.loads(done.stdout).items()}


def bulk_request(name: bytes, repetitions: int, request_id: int) -> bytes:
    """`name` is BER contents."""
    varbind = ber.encode(ber.SEQUENCE, ber.encode(ber.OBJECT_IDENTIFIER, name) + ber.EMPTY_NULL)
    fields = ber.encode_integer(request_id) + ber.encode_integer(0) + ber.encode_integer(repetitions)
    pdu = ber.encode(GET_BULK, fields + ber.encode(ber.SEQUENCE, varbind))
    head = ber.encode_integer(1) + ber.encode(ber.OCTET_STRING, b"public")
    return ber.encode(ber.SEQUENCE, head + pdu)


def answer_names(answer: bytes) -> list[bytes]:
    """Names (BER contents) in a response; those that are past the end of the MIB view are left out."""
    envelope = read_envelope(answer)
    request = read_request(answer, envelope)
    position, names = 0, []
    for name in request.names:
        _, start, position = ber.read_header(request.varbinds, position, len(request.varbinds))
        _, _, value = ber.read_header(request.varbinds, start, position)
        if request.varbinds[value] != ber.END_OF_MIB_VIEW:
            names.append(name)
    return names


def recorded_walk(sock: socket.socket, subtree: Oid, repetitions: int) -> tuple[list[bytes], int]:
    """Requests of a walk, and the number of variable bindings in the answers."""
    root = encode_oid(subtree)
    name, total = root, 0
    requests: list[bytes] = []
    while True:
        request = bulk_request(name, repetitions, len(requests) + 1)
        sock.send(request)
        names = answer_names(sock.recv(65535))
        if not names:
            return requests, total
        requests.append(request)
        total += len(names)
        if not names[-1].startswith(root):
            return requests, total
        name = names[-1]


def replay(servers: list[tuple[int, int]]) -> dict[int, list[tuple[float, float]]]:
    """Best varbinds per second and per second of the server's CPU, by max-repetitions, for each (port, pid)."""
    sockets = []
    for port, _ in servers:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", port))
        let_receive_wait(sock, 5.0)
        sockets.append(sock)
    figures = {}
    for repetitions in REPETITIONS:
        walks = [
            [recorded_walk(sock, parse_oid(subtree), repetitions) for subtree in SUBTREES] for sock in sockets
        ]
        best = [(0.0, 0.0)] * len(servers)
        for _ in range(ROUNDS):
            for i, sock in enumerate(sockets):
                by_time, by_cpu = _round(sock, walks[i], servers[i][1])
                best[i] = max(best[i][0], by_time), max(best[i][1], by_cpu)
        figures[repetitions] = best
    return figures


def _round(sock: socket.socket, walks: list[tuple[list[bytes], int]], pid: int) -> tuple[float, float]:
    requests = [request for recorded, _ in walks for request in recorded]
    total = sum(count for _, count in walks)
    start, cpu, walked = time.perf_counter(), _cpu_seconds(pid), 0
    while time.perf_counter() - start < ROUND_SECONDS:
        for request in requests:
            sock.send(request)
            sock.recv(65535)
        walked += total
    return walked / (time.perf_counter() - start), walked / (_cpu_seconds(pid) - cpu)


def _cpu_seconds(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _pair(text: str) -> tuple[int, int]:
    port, pid = text.split(":")
    return int(port), int(pid)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--replay"]:
        print(json.dumps(replay([_pair(text) for text in sys.argv[2:]])))
    else:
        assert shutil.which("snmpbulkwalk"), "net-snmp's tools are needed"
        for row in run():
            print(row)
