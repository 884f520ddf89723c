"""`anemone demo` as people start it: the whole program, its end, and what it leaves behind (nothing)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gateway import config
from gateway.client import Client
from gateway.demo import run
from gateway.demo.enterprise import enterprise
from gateway.errors import GatewayError
from tests.require import require_programs

PATIENCE = 60.0  # seconds until a test gives up; nothing is measured
L2_OVERHEAD = 14
NETWORK = enterprise()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def processes_about(text: str) -> list[int]:
    """Processes whose command line or open configuration mentions `text`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if text.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@contextmanager
def demo(directory: Path, ports: run.Ports, seconds: float | None = None) -> Iterator[subprocess.Popen[str]]:
    code = f"import sys; from gateway.demo import run; sys.exit(run.main({seconds}, run.{ports}))"
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
        child.communicate(timeout=PATIENCE)


def works(client: Client) -> bool:
    """Whether octets are published."""
    try:
        return float(client.get("status")["bits_per_second"]) > 1e8
    except GatewayError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    ports = run.free_ports()
    with demo(tmp_path, ports) as child:
        wait_for(lambda: len(processes_about(str(tmp_path))) >= 2, "gateway and its SNMP process")
        if number == signal.SIGINT:
            wait_for(lambda: works(Client(ports.url)), "traffic in the view")
        child.send_signal(number)
        out, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, out
    assert "stopped" in out.splitlines()[-1]
    assert list(tmp_path.iterdir()) == [] and processes_about(str(tmp_path)) == []
    for port in (ports.ospf, ports.ipfix, ports.snmp):
        assert run.is_free(port, socket.SOCK_DGRAM)
    assert run.is_free(ports.http, socket.SOCK_STREAM)


def test_it_ends_by_itself_and_tells_in_plain_lines(tmp_path: Path) -> None:
    with demo(tmp_path, run.free_ports(), 20.0) as child:
        out, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, out
    assert "A normal day" in out and "61 of 61 links up" in out and "\x1b" not in out
    assert list(tmp_path.iterdir()) == [] and processes_about(str(tmp_path)) == []


def test_killed_it_takes_the_gateway_along(tmp_path: Path) -> None:
    with demo(tmp_path, run.free_ports()) as child:
        wait_for(lambda: len(processes_about(str(tmp_path))) >= 2, "gateway and its SNMP process")
        child.kill()
        wait_for(lambda: processes_about(str(tmp_path)) == [], "the end of the gateway")


def test_a_gateway_that_fails_is_told_with_its_log(tmp_path: Path) -> None:
    ports = run.free_ports()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        thief.bind(("127.0.0.1", ports.ipfix))
        with demo(tmp_path, ports) as child:
            out, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert "the gateway failed" in out and str(ports.ipfix) in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.peer
def test_snmpbulkwalk_and_nfdump_agree_on_every_ifindex(tmp_path: Path) -> None:
    programs = require_programs("snmpbulkwalk", "nfcapd", "nfdump")
    ports = run.free_ports()
    flows = tmp_path / "flows"
    flows.mkdir()
    collector = subprocess.Popen(
        [programs["nfcapd"], "-p", str(ports.export), "-b", "127.0.0.1", "-w", str(flows), "-B", "8000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def walk() -> dict[int, int]:
        answer = subprocess.run(
            [programs["snmpbulkwalk"], "-v2c", "-c", "public", "-Onq", f"127.0.0.1:{ports.snmp}",
             "1.3.6.1.2.1.31.1.1.1.10"],
            capture_output=True, text=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
        lines = [line.split() for line in answer.stdout.splitlines()]
        return {int(oid.rpartition(".")[2]): int(value) for oid, value in lines}

    directory = tmp_path / "demo"
    directory.mkdir()
    try:
        with demo(directory, ports):
            client = Client(ports.url)
            wait_for(lambda: works(client), "traffic in the view")
            counters: list[dict[int, int]] = [{}]

            def rests() -> bool:
                """Between two bins: the counters stood still while the last bin's records went out."""
                counters.append(walk())
                time.sleep(1.5)
                return walk() == counters[-1]

            wait_for(rests, "a pause between two bins")
            collector.send_signal(signal.SIGTERM)
            said, _ = collector.communicate(timeout=PATIENCE)
    finally:
        if collector.poll() is None:
            collector.kill()
            collector.communicate()
    table = subprocess.run(
        [programs["nfdump"], "-R", str(flows), "-q", "-N", "-n", "0", "-A", "outif", "-o", "fmt:%out %pkt %byt %fl"],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    ).stdout  # fmt: skip
    rows = [[int(field) for field in line.split()] for line in table.splitlines() if line.split()]
    exported = {index: (packets, octets, records) for index, packets, octets, records in rows}
    served = {index: octets for index, octets in counters[-1].items() if octets}
    assert set(exported) == set(served), said
    for index, octets in served.items():
        packets, layer3, records = exported[index]
        # nfdump drops element 352, so L2 is made from whole packets: one packet's overhead per record (ECMP shares)
        assert abs(layer3 + L2_OVERHEAD * packets - octets) <= records * (1 + L2_OVERHEAD), (index, said)
    assert sum(served.values()) > 1e8


def test_the_configuration_is_one_a_user_could_have_written(tmp_path: Path) -> None:
    tree = run.gateway_tree(NETWORK, run.Ports(5089, 4739, 1161, 8161), tmp_path)
    checked = config.parse(tree)
    (tmp_path / "gateway.toml").write_text(config.dump(checked), encoding="utf-8")
    assert config.load(tmp_path / "gateway.toml") == checked
    assert checked.links.capacity["10.255.0.11:10.0.0.66"] == 1e8
    assert checked.names["10.255.0.1"] == "hq-core-1"
    assert checked.export[0].to == "udp://127.0.0.1:9995" and checked.http.listen == "127.0.0.1:8161"


def test_taken_ports_are_said_and_avoided() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        with suppress(OSError):  # somebody else has it already: the same case
            thief.bind(("127.0.0.1", 4739))
        ports = run.choose_ports()
    assert ports.ipfix != 4739
    assert any("4739/udp (ipfix)" in note and str(ports.ipfix) in note for note in ports.notes)


def test_commands_follow_the_ports_and_the_place() -> None:
    usual = run.commands(run.Ports(5089, 4739, 1161, 8161), Path("/here/.venv/bin"), Path("/here"))
    assert [command.split()[0] for _, command in usual] == ["snmpbulkwalk", ".venv/bin/anemone", "D=$(mktemp"]
    other = run.commands(run.Ports(1, 2, 33, 44, 55), Path("/opt/bin"), Path("/here"))
    assert "127.0.0.1:33" in other[0][1] and "-p 55 " in other[2][1]
    assert other[1][1] == "/opt/bin/anemone links --top 10 --by used --gateway http://127.0.0.1:44"


def test_missing_programs_are_named_with_their_packages() -> None:
    assert run.missing_words({"snmpbulkwalk": "/usr/bin/snmpbulkwalk", "nfcapd": "/usr/bin/nfcapd"}) == ()
    (line,) = run.missing_words({"snmpbulkwalk": None, "nfcapd": None})
    assert "snmpbulkwalk, nfcapd" in line and "apt install snmp nfdump" in line


def test_names_cover_routers_hosts_links_and_lans() -> None:
    names = run.names_of(NETWORK)
    assert names["10.255.0.11"] == "br-paris" and names["10.11.1.10"] == "files-paris"
    assert names["10.2.20.0/24"] == "dc-storage-lan"
    assert names["10.255.0.11:10.0.0.66"] == "br-paris → hq-core-1"
    assert names["10.255.0.1:10.0.100.1"] == "hq-core-1 → noc-lan"
