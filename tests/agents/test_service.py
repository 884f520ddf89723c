"""The agent on a real kernel: what two agents report of known traffic, against what the interfaces and nft counted."""

from __future__ import annotations

import socket
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exporters.ipfix.decode import SessionDecoder
from exporters.profiles import (
    AGENT_FLOW_V4,
    AGENT_FLOW_V6,
    AGENT_HOST_V4,
    AGENT_STATISTICS,
    AGENT_TEMPLATES,
    APPLICATION_NAMES,
)
from tests.agents.namespaces import Pair, stop
from tests.require import require_programs, require_root

GATEWAY = 14739
SHOP, STORE, VOICE = 8080, 873, 5004
PATIENCE = 60.0  # seconds until a test gives up; nothing is measured


@dataclass
class Told:
    """What a collector received from one agent."""

    flows: list[dict[str, Any]] = field(default_factory=list)
    hosts: list[dict[str, Any]] = field(default_factory=list)
    statistics: list[dict[str, Any]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)  # template ids as they came

    def octets(self, direction: str = "octetDeltaCount", **equal: int) -> int:
        return sum(f[direction] for f in self.flows if all(f[key] == value for key, value in equal.items()))

    def owners(self, direction: str = "octetDeltaCount", **equal: int) -> dict[str, int]:
        result: dict[str, int] = defaultdict(int)
        for flow in self.flows:
            if all(flow[key] == value for key, value in equal.items()):
                result[self.names[flow["applicationId"]]] += flow[direction]
        return dict(result)


def datagrams(path: Path) -> list[bytes]:
    data, found, offset = path.read_bytes(), [], 0
    while offset + 2 <= len(data):
        length = int.from_bytes(data[offset : offset + 2], "big")
        found.append(data[offset + 2 : offset + 2 + length])
        offset += 2 + length
    return found


def templates_again(path: Path) -> int:
    decoder = SessionDecoder()
    decoder.receive(datagrams(path), time.time())
    return decoder.stats.refreshed


def read_records(path: Path) -> Told:
    decoder, told = SessionDecoder(), Told()
    for datagram in datagrams(path):
        for batch in decoder.receive([datagram], time.time()):
            rows = [
                {name: column[row].item() if hasattr(column[row], "item") and column[row].ndim == 0 else column[row]
                 for name, column in batch.columns.items()}
                for row in range(len(batch))
            ]  # fmt: skip
            kind = batch.template.template_id
            told.order.append(kind)
            if kind in (AGENT_FLOW_V4.template_id, AGENT_FLOW_V6.template_id):
                told.flows += rows
            elif kind == AGENT_HOST_V4.template_id:
                told.hosts += rows
            elif kind == AGENT_STATISTICS.template_id:
                told.statistics += rows
            elif kind == APPLICATION_NAMES.template_id:
                told.names.update({row["applicationId"]: row["applicationName"] for row in rows})
    assert (decoder.stats.malformed, decoder.stats.missing_template_sets) == (0, 0), decoder.last_error
    return told


def begun(path: Path) -> None:
    """Wait until an agent has spoken: it has read what existed before, and everything from now on counts."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists() or not path.stat().st_size:
        assert time.monotonic() < deadline, f"no report in {path}"
        time.sleep(0.02)


def read_to_the_end(path: Path) -> Told:
    """Everything of an agent that has ended: as many flow records as its last statistics tell."""
    deadline, size = time.monotonic() + PATIENCE, -1
    while True:
        told, before, size = read_records(path), size, path.stat().st_size
        if size == before and told.statistics[-1]["exportedFlowRecordTotalCount"] == len(told.flows):
            return told
        assert time.monotonic() < deadline, (told.statistics[-1], len(told.flows))
        time.sleep(0.2)


def near(ours: float, theirs: float, share: float = 0.01) -> bool:
    return abs(ours - theirs) <= share * theirs


@pytest.mark.lab
def test_reports_agree_with_the_interfaces_and_name_the_owners() -> None:
    require_root()
    require_programs("ip", "nft", "ethtool", "ping", "sysctl")
    with Pair() as pair:
        left, right = pair.left, pair.right
        for namespace in (left, right):
            pair.count_ports(
                namespace, f"tcp dport {SHOP}", f"tcp sport {SHOP}", f"tcp dport {STORE}", "meta l4proto udp"
            )
        files = {}
        for place, namespace in enumerate((left, right)):
            files[namespace] = pair.directory / f"{namespace}.records"
            collector = f"collector{place}"
            pair.program(right, collector, "collect", "10.77.0.2", str(GATEWAY + place), str(files[namespace]))
            pair.wait_for(collector, "ready")
        for name, words in (
            ("webshop", ("serve", "10.77.0.2", str(SHOP))),
            ("store", ("serve", "fd77::2", str(STORE))),
            ("voiced", ("echo", "10.77.0.2", str(VOICE))),
        ):
            pair.program(right, name, *words)
            pair.wait_for(name, "ready")
        agents = [
            pair.agent(namespace, f"udp://10.77.0.2:{GATEWAY + place}", interval_seconds=1)
            for place, namespace in enumerate((left, right))
        ]
        for namespace in (left, right):
            pair.wait_for(f"{namespace}.log", "nothing missing")
            begun(files[namespace])
        before = {namespace: pair.sent(namespace) for namespace in (left, right)}
        counted_before = {namespace: pair.counted(namespace) for namespace in (left, right)}
        load = [
            pair.program(left, "backup", "upload", "fd77::2", str(STORE), "12000000"),
            pair.program(left, "browser", "shop", "10.77.0.2", str(SHOP), "200", "3000"),
            pair.program(left, "voice", "talk", "10.77.0.2", str(VOICE), "400", "300"),
            pair.start(left, "ping", "-q", "-c", "20", "-i", "0.1", "-s", "600", "10.77.0.2"),
        ]
        assert [child.wait(PATIENCE) for child in load] == [0, 0, 0, 0]
        time.sleep(2.2)
        after = {namespace: pair.sent(namespace) for namespace in (left, right)}
        counted = {
            namespace: [b - a for a, b in zip(counted_before[namespace], pair.counted(namespace), strict=True)]
            for namespace in (left, right)
        }
        assert [stop(agent) for agent in agents] == [0, 0]
        told = {namespace: read_to_the_end(files[namespace]) for namespace in (left, right)}

    for namespace in (left, right):
        octets, packets = (b - a for a, b in zip(before[namespace], after[namespace], strict=True))
        ours = told[namespace].octets(), told[namespace].octets("packetDeltaCount")
        print(namespace, "octets", ours[0], octets, "packets", ours[1], packets)
        assert near(ours[0], octets), (ours, octets)
        assert near(ours[1], packets), (ours, packets)
    # what one end received is what the other sent
    assert near(told[left].octets("reverseOctetDeltaCount"), told[right].octets())
    # each application by itself, short connections too: nft by port
    shopping, _, storing, udp = counted[right]
    browsed, uploaded = (
        told[left].octets(destinationTransportPort=SHOP),
        told[left].octets(destinationTransportPort=STORE),
    )
    print("browser", browsed, shopping, "backup", uploaded, storing)
    assert near(browsed, shopping)
    assert near(uploaded, storing)
    assert near(told[left].octets(protocolIdentifier=17), udp, 0.05)  # our own last reports are under way
    served = told[right].octets(sourceTransportPort=SHOP)
    print("webshop", served, counted[left][1])
    assert near(served, counted[left][1])
    # owners
    assert told[right].owners(sourceTransportPort=SHOP) == {"webshop": served}
    assert set(told[right].owners(sourceTransportPort=STORE)) == {"store"}
    assert set(told[right].owners(sourceTransportPort=VOICE)) == {"voiced"}
    assert set(told[left].owners(destinationTransportPort=STORE)) == {"backup"}
    assert set(told[left].owners(destinationTransportPort=VOICE)) == {"voice"}
    assert told[left].owners(protocolIdentifier=1) == {"ping": 20 * 628}
    assert told[right].owners(protocolIdentifier=1) == {"icmp": 20 * 628}  # the kernel answers
    by_owner = told[left].owners(destinationTransportPort=SHOP)
    print("short connections' owners", by_owner)
    assert by_owner.get("browser", 0) >= 0.97 * browsed
    opened = {f["biflowDirection"] for f in told[left].flows if f["destinationTransportPort"] == SHOP}
    accepted = {f["biflowDirection"] for f in told[right].flows if f["sourceTransportPort"] == SHOP}
    assert (opened, accepted) == ({1}, {2})
    # the host speaks first, and says who it is
    assert told[left].order.index(AGENT_HOST_V4.template_id) < told[left].order.index(AGENT_FLOW_V4.template_id)
    host = told[left].hosts[0]
    assert host["sourceIPv4Address"] == int.from_bytes(socket.inet_aton("10.77.0.1"), "big")
    assert (host["sourceIPv4PrefixLength"], host["hostName"], host["reportIntervalSeconds"]) == (24, left, 1)
    assert host["agentIdentifier"] != told[right].hosts[0]["agentIdentifier"]
    assert told[left].statistics[-1]["kernelEventLostTotalCount"] == 0
    assert told[left].statistics[-1]["ringDroppedTotalCount"] == 0


@pytest.mark.lab
def test_without_a_gateway_and_without_rights_it_goes_on() -> None:
    require_root()
    require_programs("ip", "ethtool", "sysctl", "setpriv")
    with Pair() as pair:
        state = pair.directory / "config.toml"
        state.write_text('gateway = "udp://10.77.0.2:9"\ninterval_seconds = 0.5\nstate_dir = "/proc/none"\n')
        pair.directory.chmod(0o755)
        nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all")
        agent = pair.start(pair.left, *nobody, sys.executable, "-m", "agents.cli", "-c", str(state), log="agent")
        pair.wait_for("agent", "missing: UDP")
        pair.wait_for("agent", "kept trying")
        assert agent.poll() is None
        agent.terminate()
        assert agent.wait(PATIENCE) == 0
        said = (pair.directory / "agent").read_text()
        assert "a lasting agent id" in said
        assert "Traceback" not in said


@pytest.mark.lab
def test_a_host_whose_address_changes_goes_on_reporting() -> None:
    require_root()
    require_programs("ip", "ethtool", "sysctl")
    with Pair() as pair:
        records = pair.directory / "records"
        pair.program(pair.right, "collector", "collect", "10.77.0.2", str(GATEWAY), str(records))
        pair.wait_for("collector", "ready")
        keys = {"interval_seconds": 0.5, "template_refresh_seconds": 3600}
        agent = pair.agent(pair.left, f"udp://10.77.0.2:{GATEWAY}", **keys)
        begun(records)
        for words in (("del", "10.77.0.1/24"), ("add", "10.77.0.9/24")):
            pair.inside(pair.left, "ip", "addr", *words, "dev", "eth0")
        deadline = time.monotonic() + PATIENCE
        while read_records(records).hosts[-1]["sourceIPv4Address"] != 0x0A4D0009:
            assert time.monotonic() < deadline and agent.poll() is None
            time.sleep(0.1)
        while templates_again(records) < len(AGENT_TEMPLATES):  # to the gateway it is a new session
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert stop(agent) == 0


@pytest.mark.lab
def test_the_last_report_comes_at_the_end() -> None:
    """SIGTERM in the middle of a long interval loses nothing."""
    require_root()
    require_programs("ip", "ethtool", "sysctl")
    with Pair() as pair:
        records = pair.directory / "records"
        pair.program(pair.right, "collector", "collect", "10.77.0.2", str(GATEWAY), str(records))
        pair.wait_for("collector", "ready")
        pair.program(pair.right, "store", "serve", "10.77.0.2", str(STORE))
        pair.wait_for("store", "ready")
        agent = pair.agent(pair.left, f"udp://10.77.0.2:{GATEWAY}", interval_seconds=300)
        pair.wait_for(f"{pair.left}.log", "nothing missing")
        begun(records)
        upload = pair.program(pair.left, "backup", "upload", "10.77.0.2", str(STORE), "500000")
        assert upload.wait(PATIENCE) == 0
        assert stop(agent) == 0
        told = read_to_the_end(records)
    assert 500_000 < told.octets(destinationTransportPort=STORE) < 560_000


@pytest.mark.lab
def test_conntrack_counts_the_same() -> None:
    require_root()
    require_programs("ip", "ethtool", "sysctl", "nft", "ping")
    with Pair() as pair:
        records = pair.directory / "records"
        pair.program(pair.right, "collector", "collect", "10.77.0.2", str(GATEWAY), str(records))
        pair.program(pair.right, "voiced", "echo", "10.77.0.2", str(VOICE))
        for name in ("collector", "voiced"):
            pair.wait_for(name, "ready")
        pair.inside(pair.left, "sysctl", "-q", "-w", "net.netfilter.nf_conntrack_acct=1")
        pair.inside(pair.left, "nft", "add table inet t; add chain inet t c { type filter hook output priority 0; }")
        pair.inside(pair.left, "nft", "add rule inet t c ct state new counter")
        pair.inside(pair.left, "ping", "-q", "-c", "1", "-s", "100", "10.77.0.2")  # there is something tracked
        agent = pair.agent(pair.left, f"udp://10.77.0.2:{GATEWAY}", interval_seconds=0.5)
        pair.wait_for(f"{pair.left}.log", "sock_diag, conntrack")
        begun(records)
        voice = pair.program(pair.left, "voice", "talk", "10.77.0.2", str(VOICE), "400", "300")
        pair.inside(pair.left, "ping", "-q", "-c", "5", "-i", "0.1", "-s", "600", "10.77.0.2")
        assert voice.wait(PATIENCE) == 0
        assert stop(agent) == 0
        told = read_to_the_end(records)
    assert told.owners(destinationTransportPort=VOICE) == {"voice": 400 * 328}
    assert told.owners("reverseOctetDeltaCount", destinationTransportPort=VOICE) == {"voice": 200 * 328}
    assert told.octets(protocolIdentifier=1) == 5 * 628
