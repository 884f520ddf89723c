"""The whole appliance from outside: net-snmp walks it, nfcapd and tshark take its export, bad input and kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.config import parse
from gateway.errors import GatewayError
from gateway.service import run_directory, stop_all
from tests.gateway.running import RunningGateway, wait_for
from tests.require import require_programs

IF_HC_OUT = ".1.3.6.1.2.1.31.1.1.1.10."
IF_NAME = ".1.3.6.1.2.1.31.1.1.1.1."
SECONDS_OF_TRAFFIC = 8


class Sink(threading.Thread):
    """Takes datagrams as they come, so that tshark can read them afterwards."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.datagrams: list[bytes] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(0.2)
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            try:
                self.datagrams.append(self._socket.recv(65535))
            except TimeoutError:
                continue

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()
        self._socket.close()

    def pcap(self, path: Path) -> None:
        """Raw IP (LINKTYPE 101), one UDP packet per datagram."""
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
            for n, data in enumerate(self.datagrams):
                total = 28 + len(data)
                header = struct.pack(
                    ">BBHHHBBH4s4s", 0x45, 0, total, n & 0xFFFF, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
                )
                packet = header + struct.pack(">HHHH", 40000, self.port, 8 + len(data), 0) + data
                out.write(struct.pack("<IIII", 1_700_000_000, n, total, total) + packet)


class Loaded:
    """A gateway that has carried some seconds of the demo's traffic and is at rest."""

    def __init__(self, directory: Path) -> None:
        self.gateway = RunningGateway(directory)
        self.sink = Sink(self.gateway.exports[0])
        self.flows = directory / "nfcapd"
        self.flows.mkdir()
        nfcapd = require_programs("nfcapd")["nfcapd"]
        with open(directory / "nfcapd.log", "wb") as log:
            self.collector = subprocess.Popen(
                [nfcapd, "-b", "127.0.0.1", "-p", str(self.gateway.exports[1]), "-w", str(self.flows), "-t", "3600"],
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def load(self) -> None:
        """Carry some seconds of traffic, then come to rest."""
        self.sink.start()
        self.gateway.start()
        feed = self.gateway.start_feed()
        wait_for(lambda: self.gateway.get("status")["links_up"] > 20, 60, "the LSDB")
        feed.begin()
        time.sleep(SECONDS_OF_TRAFFIC)
        self.gateway.stop_feed()
        self.gateway.settled()
        time.sleep(0.5)
        self.sink.stop()
        self.collector.terminate()
        self.collector.wait(60)

    def close(self) -> None:
        self.gateway.stop_feed()
        if self.collector.poll() is None:
            self.collector.kill()
            self.collector.wait()
        self.gateway.stop()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    require_programs("snmpbulkwalk", "nfcapd", "nfdump", "tshark")
    one = Loaded(tmp_path_factory.mktemp("loaded"))
    try:
        one.load()
        yield one
    finally:
        one.close()


@pytest.mark.peer
def test_the_whole_tree_walks_in_order_and_twice_the_same(loaded: Loaded) -> None:
    own = (".1.3.6.1.2.1.1.3.0", ".1.3.6.1.2.1.11.")  # sysUpTime and the snmp group: the responder's own, they move
    walks = []
    for repetitions in ("10", "50"):
        walk = loaded.gateway.walk(f"-Cr{repetitions}")
        oids = [tuple(int(x) for x in oid[1:].split(".")) for oid, _ in walk]
        assert oids == sorted(set(oids)) and len(oids) > 1000
        walks.append([(o, v) for o, v in walk if not o.startswith(own)])
    # the gateway scalars move with time too: compare everything of the tables
    stable = [[w for w in walk if ".32473." not in w[0] or w[0].count(".") > 11] for walk in walks]
    assert stable[0] == stable[1]


@pytest.mark.peer
def test_snmp_serves_what_the_api_shows(loaded: Loaded) -> None:
    served = {int(o[len(IF_HC_OUT) :]): int(v) for o, v in loaded.gateway.walk(root=IF_HC_OUT[:-1])}
    shown = {link["ifindex"]: link["octets"] for link in loaded.gateway.links().values()}
    assert served == shown and sum(served.values()) > 0
    names = [v for _, v in loaded.gateway.walk(root=IF_NAME[:-1])]
    assert len(names) == len(set(names)) == len(shown)


@pytest.mark.peer
def test_tshark_decodes_the_export_and_its_totals_equal_the_view(loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "export.pcap"
    loaded.sink.pcap(path)
    port = loaded.sink.port
    base = ["tshark", "-r", str(path), "-d", f"udp.port=={port},cflow"]
    bad = "_ws.malformed || _ws.expert.severity >= 4194304 || cflow.template_frame == 0"
    complaints = subprocess.run([*base, "-Y", bad], capture_output=True, text=True, timeout=120, check=True)
    assert complaints.stdout == ""
    done = subprocess.run(
        [*base, "-T", "json", "-Y", "cflow.outputint"], capture_output=True, text=True, timeout=240, check=True
    )
    totals: dict[int, int] = {}
    records = 0
    for record in flow_records(json.loads(done.stdout, object_pairs_hook=list)):
        index = int(record["cflow.outputint"])
        octets = int(record["cflow.layer2_octet_delta_count"])  # element 352
        totals[index] = totals.get(index, 0) + octets
        records += 1
    view = {link["ifindex"]: link["octets"] for link in loaded.gateway.links().values() if link["octets"]}
    assert records > 500
    assert totals.keys() == view.keys()
    for index, octets in view.items():
        assert abs(totals[index] - octets) <= records


def flow_records(tree: object) -> Iterator[dict[str, str]]:
    """Every innermost list of pairs that holds an egress interface."""
    if isinstance(tree, list):
        keys = [p[0] for p in tree if isinstance(p, tuple)]
        if "cflow.outputint" in keys:
            yield {k: v for k, v in tree if isinstance(v, str)}
            return
        for item in tree:
            yield from flow_records(item[1] if isinstance(item, tuple) else item)


@pytest.mark.peer
def test_nfdump_reads_the_export_with_the_same_octets(loaded: Loaded) -> None:
    log = (loaded.flows.parent / "nfcapd.log").read_text()
    # nfcapd 1.7.1 does not count options records (RFC 7011 3.1 does), so every options refresh is a "sequence
    # error" to it; what it must not have is a packet it could not read.
    assert "Bad Packets: 0" in log and "nknown" not in log, log
    done = subprocess.run(
        ["nfdump", "-R", str(loaded.flows), "-q", "-N", "-A", "outif", "-o", "fmt:%out %byt %pkt %fl"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    octets: dict[int, tuple[int, ...]] = {}
    for line in done.stdout.splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[0].isdigit():
            octets[int(parts[0])] = tuple(int(x) for x in parts[1:])
    links = {x["ifindex"]: x for x in loaded.gateway.links().values() if x["octets"]}
    assert octets.keys() == links.keys()
    for index, (layer3, packets, records) in octets.items():
        # element 1 is L3: the view adds 14 octets per packet; within an octet and a packet's overhead per record
        assert abs(layer3 + 14 * packets - links[index]["octets"]) <= 15 * records
    exact = sum(abs(o + 14 * p - links[i]["octets"]) for i, (o, p, _) in octets.items())
    assert exact <= 0.001 * sum(link["octets"] for link in links.values())


@pytest.mark.peer
def test_bad_input_to_every_port_is_counted_and_nothing_stops(loaded: Loaded) -> None:
    gateway = loaded.gateway
    rng = random.Random(1)
    before = {c: gateway.get("status")["components"][c] for c in ("decode", "ospf")}
    real = loaded.sink.datagrams[:20]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for n in range(3000):
            whole = rng.choice(real)
            data = rng.choice(
                [
                    rng.randbytes(rng.randrange(0, 200)),
                    whole[: rng.randrange(len(whole))],
                    whole[:16] + b"\x00\x02\x00\x00" + whole[16:],  # a set of length zero
                    b"\x00\x0a" + rng.randbytes(60),
                    b"\x45\x00" + rng.randbytes(80),
                ]
            )
            s.sendto(data, ("127.0.0.1", (gateway.ospf, gateway.ipfix, gateway.snmp)[n % 3]))
            if n % 200 == 0:
                time.sleep(0.02)
    wait_for(
        lambda: (
            gateway.stat("decode", "malformed") > before["decode"]["malformed"] + 100
            and gateway.stat("ospf", "malformed") > before["ospf"]["malformed"] + 100
        ),
        60,
        "bad datagrams counted",
    )
    assert gateway.walk(root=".1.3.6.1.2.1.1")
    assert gateway.process is not None and gateway.process.poll() is None
    lines = gateway.log.read_text().splitlines()
    assert len(lines) < 200, "the log must be rate-limited"
    assert not [line for line in lines if "Traceback" in line], "\n".join(lines[-40:])


@pytest.mark.peer
def test_kill_nine_and_restart_continue(loaded: Loaded) -> None:
    gateway = loaded.gateway
    before = gateway.links()
    apps = {a["id"]: a["name"] for a in gateway.get("apps")}
    time.sleep(1.5)  # one flush
    process = gateway.process
    assert process is not None
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    gateway.stop(signal.SIGKILL)
    wait_for(lambda: not any(os.path.exists(f"/proc/{c}") for c in children), 60, "the SNMP process to end as well")
    gateway.start()
    gateway.start_feed()
    wait_for(lambda: gateway.get("status")["links_up"] > 20, 60, "the LSDB again")
    after = gateway.links()
    assert {k: v["ifindex"] for k, v in after.items()} == {k: v["ifindex"] for k, v in before.items()}
    assert {k: v["octets"] for k, v in after.items()} == {k: v["octets"] for k, v in before.items()}
    assert {a["id"]: a["name"] for a in gateway.get("apps")} == apps
    assert gateway.feed is not None
    gateway.feed.begin()
    total = sum(v["octets"] for v in before.values())
    wait_for(lambda: sum(v["octets"] for v in gateway.links().values()) > total, 90, "counters to go on")


@pytest.mark.peer
def test_a_clean_stop_leaves_nothing(tmp_path: Path) -> None:
    require_programs("snmpbulkwalk")
    gateway = RunningGateway(tmp_path)
    gateway.start()
    assert gateway.stop() == 0
    assert not list((tmp_path / "run").glob("*"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", gateway.snmp))


def test_what_cannot_start_says_why_and_how(tmp_path: Path) -> None:
    one = RunningGateway(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", one.ipfix))
        with pytest.raises(AssertionError, match=r"ended with 2[\s\S]*collect\.ipfix.*another collector"):
            one.start()
        one.process = None


def test_run_directory(tmp_path: Path) -> None:
    config = parse({"state_dir": str(tmp_path), "run_dir": str(tmp_path / "r")})
    assert run_directory(config) == tmp_path / "r" and (tmp_path / "r").is_dir()
    assert issubclass(GatewayError, Exception)


def test_a_stop_that_fails_does_not_keep_the_others_running(caplog) -> None:
    stopped: list[str] = []

    def component(name: str):
        def stop() -> None:
            stopped.append(name)
            if name == "b":
                raise OSError("no")

        return SimpleNamespace(stop=stop)

    stop_all([component(name) for name in "abc"])
    assert stopped == ["c", "b", "a"] and "stop failed" in caplog.text
