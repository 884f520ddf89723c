"""Our IPFIX before other people's programs: what tshark and nfcapd make of our messages, and we of softflowd's."""

from __future__ import annotations

import contextlib
import csv
import datetime
import ipaddress
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporters import profiles
from exporters.ipfix.decode import SessionDecoder
from exporters.ipfix.template import Template
from exporters.process import ExportingProcess
from exporters.udp import UdpSender
from tests.exporters.pcap import ip_packet, write_datagrams, write_packets
from tests.exporters.samples import sample_columns
from tests.require import require_programs

pytestmark = pytest.mark.peer
PORT = 9995  # only inside capture files
NOW = 1_700_000_000.0
TEMPLATES = tuple(dict.fromkeys((*profiles.AGENT_TEMPLATES, *profiles.LINK_TEMPLATES)))


def plausible(template: Template, rows: int, seed: int = 1) -> dict[str, Any]:
    """Random columns, but times, texts and lengths that a program can print in one way only."""
    columns = sample_columns(template, rows, seed)
    for position, name in enumerate(columns):
        if name.startswith("flowStart") or name.startswith("flowEnd"):
            if name.endswith("Milliseconds"):
                columns[name] = int(NOW * 1000) + np.arange(rows, dtype=np.uint64) * 7 + position
        elif name in ("processName", "serviceUnit", "userName", "hostName") or name.endswith(("Name", "Description")):
            columns[name] = [f"{name[:9]}-{row}" for row in range(rows)]
    return columns


# --- tshark ------------------------------------------------------------------------------------------------------


def moment(milliseconds: int) -> str:
    date = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return f"{date:%b %d, %Y %H:%M:%S}.{milliseconds % 1000:03d}000000 UTC"


def dotted(value: int) -> str:
    return str(ipaddress.IPv4Address(int(value)))


def six(value: np.ndarray) -> str:
    return str(ipaddress.IPv6Address(value.tobytes()))


WIRESHARK: dict[str, tuple[str, Callable[[Any], str]]] = {
    "flowStartMilliseconds": ("cflow.abstimestart", moment),
    "flowEndMilliseconds": ("cflow.abstimeend", moment),
    "sourceIPv4Address": ("cflow.srcaddr", dotted),
    "destinationIPv4Address": ("cflow.dstaddr", dotted),
    "ipNextHopIPv4Address": ("cflow.nexthop", dotted),
    "exporterIPv4Address": ("cflow.exporter_addr", dotted),
    "sourceIPv6Address": ("cflow.srcaddrv6", six),
    "destinationIPv6Address": ("cflow.dstaddrv6", six),
    "ipNextHopIPv6Address": ("cflow.nexthopv6", six),
    "sourceIPv4PrefixLength": ("cflow.srcmask", str),
    "sourceIPv6PrefixLength": ("cflow.srcmaskv6", str),
    "sourceTransportPort": ("cflow.srcport", str),
    "destinationTransportPort": ("cflow.dstport", str),
    "protocolIdentifier": ("cflow.protocol", str),
    "ipClassOfService": ("cflow.tos", "0x{:02x}".format),
    "octetDeltaCount": ("cflow.octets", str),
    "packetDeltaCount": ("cflow.packets", str),
    "reverseOctetDeltaCount": ("cflow.octets", str),
    "reversePacketDeltaCount": ("cflow.packets", str),
    "layer2OctetDeltaCount": ("cflow.layer2_octet_delta_count", str),
    "biflowDirection": ("cflow.biflow_direction", str),
    "flowEndReason": ("cflow.flow_end_reason", str),
    "flowDirection": ("cflow.direction", str),
    "ingressInterface": ("cflow.inputint", str),
    "egressInterface": ("cflow.outputint", str),
    "flowId": ("cflow.flow_id", str),
    "samplingInterval": ("cflow.sampling_interval", str),
    "observationDomainId": ("cflow.od_id", str),
    "exportedMessageTotalCount": ("cflow.packetsexp", str),
    "exportedFlowRecordTotalCount": ("cflow.flowsexp", str),
    "exportedOctetTotalCount": ("cflow.octetsexp", str),
    "applicationId": ("cflow.appl_id.classification_engine_id", lambda value: str(value >> 24)),
    "applicationName": ("cflow.appl_name", str),
    "applicationDescription": ("cflow.appl_desc", str),
    "interfaceName": ("cflow.if_name", str),
    "interfaceDescription": ("cflow.if_descr", str),
    "userName": ("cflow.user_name", str),
}
PRIVATE = "cflow.enterprise_private_entry"
SELECTOR = "cflow.appl_id.selector_id"


def private(value: Any, length: int) -> str:
    """tshark prints elements of enterprises it does not know as octets."""
    octets = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else None
    octets = int(value).to_bytes(length, "big") if octets is None else octets
    return ":".join(f"{octet:02x}" for octet in octets)


def expected_leaves(template: Template, columns: dict[str, Any], row: int) -> list[tuple[str, str]]:
    leaves = []
    for name, field in zip(template.names, template.fields, strict=True):
        value = columns[name.partition("#")[0]][row]
        if field.element.pen == profiles.element("processName").pen:
            leaves.append((PRIVATE, private(value, field.length)))
            continue
        label, form = WIRESHARK[field.element.name]
        leaves.append((label, form(value if isinstance(value, str | np.ndarray) else int(value))))
        if field.element.name == "applicationId":
            leaves.append((SELECTOR, private(int(value) & 0xFFFFFF, 3)))
    return leaves


def leaves_of(node: Any) -> Iterator[tuple[str, str]]:
    for key, value in node:
        if isinstance(value, str):
            yield key, value
        elif value and isinstance(value[0], tuple):
            yield from leaves_of(value)


def flows_of(node: Any) -> Iterator[list[tuple[str, str]]]:
    if isinstance(node, list):
        for child in node:
            if isinstance(child, tuple) and re.match(r"Flow \d+", child[0]):
                yield list(leaves_of(child[1]))
            else:
                yield from flows_of(child[1] if isinstance(child, tuple) else child)


def test_tshark_reads_every_value_of_every_profile(tmp_path: Path) -> None:
    tshark = require_programs("tshark")["tshark"]
    rows = 30
    process = ExportingProcess(9, TEMPLATES)
    expected = []
    for template in TEMPLATES:
        columns = plausible(template, rows)
        process.add(template, columns, NOW)
        expected += [expected_leaves(template, columns, row) for row in range(rows)]
    capture = tmp_path / "ours.pcap"
    write_datagrams(capture, process.datagrams_to_send(NOW), PORT)
    command = [tshark, "-r", str(capture), "-d", f"udp.port=={PORT},cflow"]
    complaints = subprocess.run(
        [*command, "-Y", "_ws.expert || _ws.malformed"], capture_output=True, text=True, timeout=60
    )
    assert complaints.stdout == ""
    dump = subprocess.run([*command, "-T", "json"], capture_output=True, text=True, timeout=60, check=True).stdout
    known = {label for label, _ in WIRESHARK.values()} | {PRIVATE, SELECTOR}
    flows = [[leaf for leaf in flow if leaf[0] in known] for flow in flows_of(json.loads(dump, object_pairs_hook=list))]
    assert len(flows) == len(expected) == rows * len(TEMPLATES)
    for got, want in zip(flows, expected, strict=True):
        assert got == want


# --- nfcapd ------------------------------------------------------------------------------------------------------


class Nfcapd:
    """A real nfcapd on a free loopback port, its directory and its log."""

    def __init__(self, program: str, directory: Path) -> None:
        self.directory = directory
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = directory / "log.txt"
        command = [program, "-b", "127.0.0.1", "-p", str(self.port), "-w", str(directory), "-t", "3600"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        wait_until(lambda: "Startup" in self.log.read_text(), "nfcapd to start")

    def stop(self) -> Path:
        """End it; returns the file it wrote."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        return next(path for path in sorted(self.directory.glob("nfcapd.2*")) if path.stat().st_size)

    def complaints(self) -> list[str]:
        """Log lines that are not about starting and stopping."""
        usual = (
            "Add flow source",
            "Bound to",
            "Init",
            "Startup",
            "New ipfix exporter",
            "Ident",
            "Terminating",
            "Total",
        )
        lines = self.log.read_text().splitlines()
        return [line for line in lines if line.strip() and not any(word in line for word in usual)]


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.fixture
def nfcapd(tmp_path: Path) -> Iterator[Nfcapd]:
    directory = tmp_path / "nfcapd"
    directory.mkdir()
    collector = Nfcapd(require_programs("nfcapd", "nfdump")["nfcapd"], directory)
    yield collector
    with contextlib.suppress(StopIteration):
        collector.stop()


def nfdump(path: Path, *arguments: str) -> str:
    program = require_programs("nfdump")["nfdump"]
    command = [program, "-r", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def table(path: Path) -> list[dict[str, str]]:
    """Flows of a file as nfdump's CSV."""
    text, _, _ = nfdump(path, "-o", "csv").partition("Summary")
    return list(csv.DictReader(text.splitlines()))


def totals(path: Path) -> dict[str, int]:
    """nfdump -I: counters of a file."""
    lines = (line.partition(":") for line in nfdump(path, "-I").splitlines())
    return {name.strip(): int(value) for name, _, value in lines if value.strip().isdigit()}


def link_flows(rows: int) -> dict[str, Any]:
    """TCP flows between private addresses, with counts that sum without overflow."""
    columns = plausible(profiles.LINK_FLOW_V4, rows)
    number = np.arange(rows, dtype=np.uint64)
    selectors = (3 + number % 3).astype(np.uint32)
    columns |= {
        "sourceIPv4Address": (0x0A000001 + number).astype(np.uint32),
        "protocolIdentifier": np.full(rows, 6),
        "octetDeltaCount": number * 100 + 40,
        "packetDeltaCount": number + 1,
        "layer2OctetDeltaCount": number * 114 + 54,
        "ingressInterface": np.full(rows, 11),
        "egressInterface": 12 + number % 2,
        "flowDirection": np.ones(rows, np.uint8),
        "applicationId": selectors + (6 << 24),
        "samplingInterval": np.ones(rows, np.uint32),
    }
    return columns


def sent(collector: Nfcapd, datagrams: list[bytes]) -> Path:
    """Send to the collector, wait until the kernel's queue is empty, stop it."""
    sender = UdpSender("127.0.0.1", collector.port)
    for start in range(0, len(datagrams), 20):
        assert sender.send(datagrams[start : start + 20]) == len(datagrams[start : start + 20])
        wait_until(lambda: queue_of(collector.port) == 0, "nfcapd to read")
    sender.close()
    time.sleep(0.2)
    return collector.stop()


def queue_of(port: int) -> int:
    """Octets waiting in the UDP socket bound to this port."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        columns = line.split()
        if int(columns[1].partition(":")[2], 16) == port:
            return int(columns[4].partition(":")[2], 16)
    return 0


def link_process(rows: int) -> tuple[ExportingProcess, dict[str, Any]]:
    process = ExportingProcess(1, profiles.LINK_TEMPLATES)
    names = {"applicationId": [(6 << 24) + n for n in (3, 4, 5)]}
    names |= {"applicationName": ["postgres", "nginx", "ssh"], "applicationDescription": ["db", "web", "remote"]}
    process.set_options(profiles.APPLICATION_NAMES, names)
    interfaces = {"ingressInterface": [11, 12, 13], "interfaceName": ["r1-eth0", "r1-eth1", "r1-eth2"]}
    interfaces |= {"interfaceDescription": ["r1-eth0 to r2", "r1-eth1 to r3", "r1-eth2 to r4"]}
    process.set_options(profiles.INTERFACE_NAMES, interfaces)
    columns = link_flows(rows)
    process.add(profiles.LINK_FLOW_V4, columns, NOW)
    return process, columns


def test_nfcapd_takes_our_link_flows_without_a_complaint(nfcapd: Nfcapd) -> None:
    process, columns = link_process(1000)
    path = sent(nfcapd, process.datagrams_to_send(time.time()))
    assert nfcapd.complaints() == []
    found = totals(path)
    assert found["Flows"] == 1000
    assert found["Packets"] == int(columns["packetDeltaCount"].sum())
    assert found["Bytes"] == int(columns["octetDeltaCount"].sum())
    assert found["Sequence failures"] == 0
    rows = table(path)
    assert len(rows) == 1000
    for number, row in enumerate(rows):
        assert row["sa"] == dotted(columns["sourceIPv4Address"][number])
        assert row["da"] == dotted(columns["destinationIPv4Address"][number])
        assert (row["sp"], row["dp"]) == (
            str(columns["sourceTransportPort"][number]),
            str(columns["destinationTransportPort"][number]),
        )
        assert (row["ipkt"], row["ibyt"]) == (
            str(columns["packetDeltaCount"][number]),
            str(columns["octetDeltaCount"][number]),
        )
        assert (row["in"], row["out"], row["dir"]) == ("11", str(12 + number % 2), "1")


@pytest.mark.parametrize("tables", [False, True])
def test_nfcapd_and_our_sequence_numbers(tables: bool, nfcapd: Nfcapd) -> None:
    """Over four template refreshes.  nfdump 1.7.1 leaves options records out of its own count (RFC 7011 3.1 counts all
    data records), so each repetition of a table looks like one failure to it; without tables there is none."""
    process = link_process(100)[0] if tables else ExportingProcess(1, profiles.LINK_TEMPLATES)
    datagrams = process.datagrams_to_send(NOW)
    for refresh in range(1, 5):
        for part in range(3):
            process.add(profiles.LINK_FLOW_V4, link_flows(100), NOW)
            datagrams += process.datagrams_to_send(NOW + 60 * refresh + part)
    found = totals(sent(nfcapd, datagrams))
    assert found["Flows"] == 1200 + 100 * tables
    assert found["Sequence failures"] == (4 if tables else 0)
    decoder = SessionDecoder()
    decoder.receive(datagrams, NOW)
    assert decoder.stats.sequence_lost == decoder.stats.sequence_restarts == 0


def test_nfdump_shows_our_interface_names(nfcapd: Nfcapd) -> None:
    process, _ = link_process(3)
    path = sent(nfcapd, process.datagrams_to_send(time.time()))
    shown = nfdump(path, "-q", "-o", "fmt:%in;%inam;%out;%onam").splitlines()
    columns = [[part.strip() for part in line.split(";")] for line in shown]
    assert columns == [
        ["11", "r1-eth0 to r2", "12", "r1-eth1 to r3"],
        ["11", "r1-eth0 to r2", "13", "r1-eth2 to r4"],
        ["11", "r1-eth0 to r2", "12", "r1-eth1 to r3"],
    ]


def test_nfcapd_stores_our_application_names_under_our_ids(nfcapd: Nfcapd) -> None:
    """nfdump 1.7.1 stores the id of the options table as sent but swaps the octets of the one in an IPFIX flow on
    little-endian machines (later versions do not), so it prints the id reversed and joins no name.  What is ours to
    prove is that the table arrives whole: id, name and description of every row lie in its file as it keeps them."""
    process, _ = link_process(3)
    path = sent(nfcapd, process.datagrams_to_send(time.time()))
    octets = path.read_bytes()
    for selector, name, description in ((3, "postgres", "db"), (4, "nginx", "web"), (5, "ssh", "remote")):
        room = profiles.APPLICATION_NAME_OCTETS
        row = bytes((6, 0, 0, selector)) + name.encode().ljust(room, b"\0") + description.encode().ljust(room, b"\0")
        assert row in octets
    ids = [line.split()[0] for line in nfdump(path, "-q", "-o", "fmt:%nbid").splitlines()]
    assert ids in (["3..6", "4..6", "5..6"], ["6..3", "6..4", "6..5"])


def test_nfcapd_takes_our_agents_flows(nfcapd: Nfcapd) -> None:
    rows = 500
    process = ExportingProcess(7, profiles.AGENT_TEMPLATES)
    columns = plausible(profiles.AGENT_FLOW_V4, rows)
    number = np.arange(rows, dtype=np.uint64)
    columns |= {"octetDeltaCount": number + 40, "packetDeltaCount": number + 1, "protocolIdentifier": np.full(rows, 17)}
    columns |= {"reverseOctetDeltaCount": number * 2 + 7, "reversePacketDeltaCount": number + 3}
    process.add(profiles.AGENT_FLOW_V4, columns, NOW)
    process.set_options(profiles.AGENT_HOST_V4, plausible(profiles.AGENT_HOST_V4, 3))
    process.set_options(profiles.AGENT_STATISTICS, plausible(profiles.AGENT_STATISTICS, 1))
    path = sent(nfcapd, process.datagrams_to_send(time.time()))
    assert nfcapd.complaints() == []
    found = totals(path)
    assert found["Flows"] == found["Flows_udp"] == rows
    assert found["Sequence failures"] == 0
    rows_read = table(path)
    assert sum(int(row["ibyt"]) for row in rows_read) == int(columns["octetDeltaCount"].sum())
    assert sum(int(row["obyt"]) for row in rows_read) == int(columns["reverseOctetDeltaCount"].sum())
    assert sum(int(row["opkt"]) for row in rows_read) == int(columns["reversePacketDeltaCount"].sum())


# --- other people's exporters ------------------------------------------------------------------------------------


@pytest.fixture
def traffic(tmp_path: Path) -> Path:
    """A capture of 300 packets of 300 TCP, UDP and ICMP flows, 300 octets and more."""
    packets = []
    for number in range(300):
        ports = (1024 + number).to_bytes(2, "big") + (53).to_bytes(2, "big")
        data = bytes(number)
        payloads = (
            (6, ports + bytes(8) + b"\x50\x18" + bytes(6) + data),
            (17, ports + (8 + number).to_bytes(2, "big") + bytes(2) + data),
            (1, b"\x08" + bytes(7) + data),
        )
        protocol, payload = payloads[number % 3]
        source, destination = bytes((10, 0, number // 250, number % 250 + 1)), bytes((10, 1, 0, number % 7 + 1))
        packets.append((NOW + number / 100, ip_packet(protocol, payload, source, destination, number)))
    path = tmp_path / "traffic.pcap"
    write_packets(path, packets)
    return path


@pytest.fixture
def inlet() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(1)
        yield sock


def collect(inlet: socket.socket, enough: Callable[[int], bool], seconds: float) -> tuple[list[bytes], Any, Any]:
    """Datagrams until `enough` records were decoded one datagram at a time; also the batches and the decoder."""
    decoder, datagrams, batches = SessionDecoder(), [], []
    end = time.monotonic() + seconds
    while time.monotonic() < end and not enough(sum(len(b) for b in batches if not b.template.scope_count)):
        with contextlib.suppress(TimeoutError):
            datagrams.append(inlet.recv(65535))
            batches += decoder.receive(datagrams[-1:], 0.0)
    return datagrams, batches, decoder


def total(batches: Any, name: str) -> int:
    return sum(int(batch.columns[name].sum()) for batch in batches if name in batch.columns)


@pytest.mark.parametrize("options", [["-A", "milli"], ["-A", "micro"], ["-b"], ["-A", "sec", "-t", "maxlife=1"]])
def test_softflowd_as_nfcapd_reads_it(options: list[str], traffic: Path, inlet: socket.socket, nfcapd: Nfcapd) -> None:
    """softflowd 1.1.0 puts the count *after* the message into its header, so its sequence numbers prove nothing."""
    program = require_programs("softflowd")["softflowd"]
    to = f"127.0.0.1:{inlet.getsockname()[1]}"
    subprocess.run([program, "-r", str(traffic), "-n", to, "-v", "10", "-d", *options], check=True, timeout=30)
    datagrams, batches, decoder = collect(inlet, lambda records: records >= 300, 60)
    assert decoder.stats.malformed == decoder.stats.missing_template_sets == decoder.stats.unusable_fields == 0
    assert decoder.stats.messages == len(datagrams)
    path = sent(nfcapd, datagrams)
    theirs = totals(path)
    assert theirs["Flows"] == decoder.stats.records - decoder.stats.options_records == 300
    assert theirs["Packets"] == total(batches, "packetDeltaCount") == 300
    assert theirs["Bytes"] == total(batches, "octetDeltaCount") == sum(20 + (20, 8, 8)[n % 3] + n for n in range(300))
    ours = {
        (dotted(batch.columns["sourceIPv4Address"][row]), int(batch.columns["octetDeltaCount"][row]))
        for batch in batches
        if "octetDeltaCount" in batch.columns
        for row in range(len(batch))
    }
    assert ours == {(row["sa"], int(row["ibyt"])) for row in table(path)}
    together = SessionDecoder().receive(datagrams, 0.0)
    assert sum(map(len, together)) == decoder.stats.records


def test_pmacct_nfprobe(traffic: Path, inlet: socket.socket, tmp_path: Path) -> None:
    """pmacct counts its sequence as RFC 7011 says: ours must agree to the record."""
    program = require_programs("pmacctd")["pmacctd"]
    config = tmp_path / "pmacctd.conf"
    config.write_text(
        f"""daemonize: false
pcap_savefile: {traffic}
plugins: nfprobe[x]
nfprobe_receiver: 127.0.0.1:{inlet.getsockname()[1]}
nfprobe_version: 10
nfprobe_engine: 3
nfprobe_timeouts: tcp=1:udp=1:icmp=1:general=1:maxlife=1:expint=1
aggregate[x]: src_host, dst_host, src_port, dst_port, proto, tos
"""
    )
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([program, "-f", str(config)], stdout=log, stderr=subprocess.STDOUT)
        try:
            _, batches, decoder = collect(inlet, lambda records: records >= 300, 60)
        finally:
            process.terminate()
            process.wait(60)
    stats = decoder.stats
    assert total(batches, "packetDeltaCount") == 300
    assert total(batches, "octetDeltaCount") == sum(20 + (20, 8, 8)[n % 3] + n for n in range(300))
    assert (stats.malformed, stats.missing_template_sets, stats.sequence_lost, stats.sequence_restarts) == (0, 0, 0, 0)
    assert {batch.odid for batch in batches} == {3}
