import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mibs import responder as module
from mibs.oid import Oid
from mibs.snapshotfile import write_snapshot
from tests.mibs.ask import decode_answer
from tests.mibs.sample import sample_snapshot
from tests.mibs.served import free_port, get, responder

IF_NUMBER: Oid = (1, 3, 6, 1, 2, 1, 2, 1, 0)
UP_TIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
WAIT_SECONDS = 60.0


def number(octets: bytes | None) -> int:
    assert octets is not None
    answer = decode_answer(octets)
    assert answer.status == 0
    return int.from_bytes(answer.varbinds[0][2], "big")


def test_arguments() -> None:
    assert module.parse_listen("udp://127.0.0.1:1161") == ("127.0.0.1", 1161)
    assert module.parse_listen("udp://[::1]:161") == ("::1", 161)
    for bad in ("tcp://127.0.0.1:1", "udp://127.0.0.1", "127.0.0.1:161", "udp://:161", "udp://h:1/x", "udp://h:99999"):
        with pytest.raises(ValueError):
            module.parse_listen(bad)
    assert module.parse_community("a=b=10.0.0.0/8, ::1/128") == ("a=b", ["10.0.0.0/8", "::1/128"])
    for bad in ("public", "=10.0.0.0/8", "public="):
        with pytest.raises(ValueError):
            module.parse_community(bad)


def test_boots_are_counted(tmp_path: Path) -> None:
    assert [module.count_boot(tmp_path) for _ in range(3)] == [1, 2, 3]
    (tmp_path / "responder-boots.json").write_text("damaged")
    assert module.count_boot(tmp_path) == 1


def test_log_is_limited(capsys: pytest.CaptureFixture[str]) -> None:
    log = module.Log()
    for i in range(100):
        log.line("cause", f"line {i}", now=i * 0.01)
    log.line("other", "another cause", now=1.0)
    log.line("cause", "later", now=50.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["responder: line 0", "responder: another cause", "responder: later (99 more like it)"]


def test_usage_errors() -> None:
    listen = ["--listen", "udp://127.0.0.1:0"]
    for options in (["--listen", "udp://127.0.0.1"], [*listen, "--community", "public=10.0.0.1/8"]):
        command = [sys.executable, "-m", "mibs.responder", "--snapshot", "/nonexistent", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and done.stderr.startswith("responder: ")


def test_answers_and_follows_the_snapshot(tmp_path: Path) -> None:
    with responder(tmp_path, sample_snapshot(links=4), "--state", str(tmp_path)) as served:
        assert number(served.exchange(get(IF_NUMBER))) == 4
        write_snapshot(served.snapshot, sample_snapshot(links=6))
        end = time.monotonic() + WAIT_SECONDS
        while number(served.exchange(get(IF_NUMBER))) != 6:
            assert time.monotonic() < end
        up = number(served.exchange(get(UP_TIME)))
        write_snapshot(served.snapshot, b"damaged")
        while json.loads(served.stats.read_text())["snapshots_refused"] == 0:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert number(served.exchange(get(IF_NUMBER))) == 6  # the last good one stays
        assert number(served.exchange(get(UP_TIME))) >= up
    stats = json.loads(served.stats.read_text())
    assert stats["boots"] == 1 and stats["snapshot_swaps"] == 2 and stats["out_packets"] >= 5
    assert served.process.returncode == 0
    assert "damaged" not in (tmp_path / "log").read_text() and "snapshot" in (tmp_path / "log").read_text()


def test_silent_before_the_first_snapshot(tmp_path: Path) -> None:
    with responder(tmp_path, None) as served:
        assert served.exchange(get(IF_NUMBER), seconds=0.3) is None
        write_snapshot(served.snapshot, sample_snapshot(links=2))
        end = time.monotonic() + WAIT_SECONDS
        while (answer := served.exchange(get(IF_NUMBER), seconds=0.3)) is None:
            assert time.monotonic() < end
        assert number(answer) == 2
    assert json.loads(served.stats.read_text())["not_ready"] >= 1


def test_several_addresses(tmp_path: Path) -> None:
    other = free_port()
    with responder(tmp_path, sample_snapshot(links=4), "--listen", f"udp://127.0.0.2:{other}") as served:
        assert number(served.exchange(get(IF_NUMBER))) == 4
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20.0)
            sock.sendto(get(IF_NUMBER), ("127.0.0.2", other))
            answer, peer = sock.recvfrom(65535)
            assert number(answer) == 4 and peer == ("127.0.0.2", other)


def test_the_address_asked_is_the_address_answering(tmp_path: Path) -> None:
    port = free_port()
    with responder(tmp_path, sample_snapshot(links=4), "--listen", f"udp://0.0.0.0:{port}"):
        for host in ("127.0.0.1", "127.0.0.77"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(20.0)
                sock.sendto(get(IF_NUMBER), (host, port))
                answer, peer = sock.recvfrom(65535)
                assert number(answer) == 4 and peer == (host, port)


def test_hostile_datagrams_over_the_socket(tmp_path: Path) -> None:
    rng = random.Random(4)
    good = get(IF_NUMBER)
    with responder(tmp_path, sample_snapshot()) as served:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", served.port))
            sock.setblocking(False)
            for i in range(3000):
                data = rng.randbytes(rng.randint(0, 1500)) if i % 2 else good[: rng.randrange(len(good))]
                sock.send(data)
                if i % 100 == 0:
                    number(served.exchange(good, seconds=20.0))  # keeps the socket's queue short
        assert number(served.exchange(good)) == 10
    stats = json.loads(served.stats.read_text())
    assert stats["parse_errors"] + stats["out_packets"] == stats["in_packets"]
    assert stats["parse_errors"] > 2500
    assert len((tmp_path / "log").read_text().splitlines()) < 40


def test_ends_with_its_parent(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "snapshot", sample_snapshot())
    script = (
        "import os, subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'mibs.responder', '--snapshot', sys.argv[1], '--parent', str(os.getpid())]\n"
        "process = subprocess.Popen([*command, '--listen', 'udp://127.0.0.1:0'])\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "snapshot")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        end = time.monotonic() + WAIT_SECONDS
        while not (tmp_path / "snapshot.stats.json").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().rsplit(")")[1][:3]:
        assert time.monotonic() < end, "the responder outlived its parent"
        time.sleep(0.05)
    assert os.path.exists(tmp_path / "snapshot")
