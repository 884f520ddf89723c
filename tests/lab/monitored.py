"""The network with our programs in it: a gateway on `gw`, an agent on every other host.

What they serve is read as a user would: over SNMP by snmpbulkwalk, over HTTP as JSON, both from inside the
gateway's namespace, since both listen on loopback.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.lab.namespaces import inside
from tests.lab.network import Network
from tests.lab.plan import GATEWAY

GATEWAY_TOML = """\
state_dir = "{state}"
run_dir = "{run}"
[[ospf.attach]]
interface = "lan"
mode = "burst"
[collect]
ipfix = ["udp://10.0.100.9:4739"]
[view]
bin_seconds = 10
l2_overhead_octets = 14
[snmp]
listen = ["udp://127.0.0.1:1161"]
communities = {{ public = ["127.0.0.0/8"] }}
[http]
listen = "127.0.0.1:8161"
[[export]]
to = "udp://127.0.0.1:9995"
format = "ipfix"
profile = "all-hops"
"""
AGENT_TOML = """\
gateway = "udp://10.0.100.9:4739"
interval_seconds = 5
state_dir = "{state}"
"""
HTTP = "http://127.0.0.1:8161"
SNMP = "127.0.0.1:1161"
IF_OPER_STATUS = "1.3.6.1.2.1.2.2.1.8"
IF_NAME = "1.3.6.1.2.1.31.1.1.1.1"
IF_HC_IN_OCTETS = "1.3.6.1.2.1.31.1.1.1.6"
IF_HC_OUT_OCTETS = "1.3.6.1.2.1.31.1.1.1.10"
LINK_IDENTIFIER = "1.3.6.1.4.1.32473.1.2.1.1"
LINK_BITS_PER_SECOND = "1.3.6.1.4.1.32473.1.2.1.11"
APPLICATION_NAME = "1.3.6.1.4.1.32473.1.3.1.2"
LINK_APPLICATION_OCTETS = "1.3.6.1.4.1.32473.1.4.1.1"
WALK_LINE = re.compile(r"^\.([0-9.]+) (.*)$")


@dataclass(frozen=True)
class Served:
    """One reading over SNMP, by "router interface" of the plan: octets, and octets by application."""

    octets: dict[str, int]
    applications: dict[tuple[str, str], int]
    received: dict[str, int]

    def __sub__(self, earlier: Served) -> Served:
        return Served(
            {key: value - earlier.octets.get(key, 0) for key, value in self.octets.items()},
            {key: value - earlier.applications.get(key, 0) for key, value in self.applications.items()},
            {key: value - earlier.received.get(key, 0) for key, value in self.received.items()},
        )


class Monitored:
    """Start with `start()`; every child dies with the network at the latest."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.gateway: subprocess.Popen[bytes] | None = None
        self.agents: dict[str, subprocess.Popen[bytes]] = {}
        self.nfcapd: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start all and wait until the gateway knows every router interface and hears every agent."""
        self.start_nfcapd()
        self.start_gateway()
        self.wait("every link in the view", self.knows_every_link, 90)
        for host in self.network.plan.users():
            self.start_agent(host)
        self.wait("every agent heard", self.hears_every_agent, 90)

    def start_gateway(self) -> None:
        directory = self.network.directory / GATEWAY
        for name in ("state", "run"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        config = directory / "gateway.toml"
        config.write_text(GATEWAY_TOML.format(state=directory / "state", run=directory / "run"))
        words = [sys.executable, "-m", "gateway.cli", "gateway", "-c", str(config)]
        self.gateway = self.network.start(GATEWAY, *words, name="gateway")

    def start_nfcapd(self) -> None:
        directory = self.network.directory / "nfcapd"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        words = ["nfcapd", "-w", str(directory), "-b", "127.0.0.1", "-p", "9995", "-t", "3600", "-B", "4194304"]
        self.nfcapd = self.network.start(GATEWAY, *words, name="nfcapd")

    def start_agent(self, host: str) -> None:
        directory = self.network.directory / host
        directory.mkdir(exist_ok=True)
        config = directory / "agent.toml"
        config.write_text(AGENT_TOML.format(state=directory))
        words = [sys.executable, "-m", "agents.cli", "-c", str(config)]
        self.agents[host] = self.network.start(host, *words, name=f"{host}-agent")

    def close(self) -> None:
        for child in (*self.agents.values(), self.gateway, self.nfcapd):
            if child is not None:
                self.network.stop(child)
        self.agents, self.gateway, self.nfcapd = {}, None, None

    # -- what it serves

    def api(self, path: str) -> Any:
        """The JSON document at a path; OSError while nobody listens."""

        def fetch() -> bytes:
            with urllib.request.urlopen(HTTP + path, timeout=20) as answer:
                return bytes(answer.read())

        return json.loads(inside(self.network.namespace(GATEWAY), fetch))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The list an API document is, or holds under its own name."""
        document = self.api(f"/api/{name}")
        return list(document[name] if isinstance(document, dict) else document)

    def links(self) -> dict[str, dict[str, Any]]:
        """`/api/links` by "router interface" of the plan; links the plan does not know are left out."""
        try:
            found = {link["id"]: link for link in self.rows("links")}
        except (OSError, urllib.error.URLError):
            return {}
        names = {}
        for _, end in self.network.plan.router_ends():
            for identity in self.network.plan.link_ids(end):
                if identity in found:
                    names[str(end)] = found[identity]
        return names

    def walk(self, oid: str) -> dict[str, str]:
        """What snmpbulkwalk prints below an object: index -> value."""
        words = ["snmpbulkwalk", "-v2c", "-cpublic", "-t2", "-r2", "-Onqe", SNMP, oid]
        found = {}
        for line in self.network.run(GATEWAY, *words).splitlines():
            if (match := WALK_LINE.match(line)) and match[1].startswith(oid + "."):
                found[match[1][len(oid) + 1 :]] = match[2].strip('"')
        return found

    def interface_indexes(self) -> dict[str, str]:
        """ifIndex -> "router interface" of the plan, by the identifier column of the link table."""
        ends = {
            identity: str(end)
            for _, end in self.network.plan.router_ends()
            for identity in self.network.plan.link_ids(end)
        }
        return {index: ends[identity] for index, identity in self.walk(LINK_IDENTIFIER).items() if identity in ends}

    def served(self) -> Served:
        """Octets as SNMP serves them now."""
        names = self.interface_indexes()
        applications = self.walk(APPLICATION_NAME)
        octets = {names[i]: int(v) for i, v in self.walk(IF_HC_OUT_OCTETS).items() if i in names}
        split = {}
        for index, value in self.walk(LINK_APPLICATION_OCTETS).items():
            interface, application = index.split(".")
            if interface in names:
                split[names[interface], applications.get(application, application)] = int(value)
        received = {names[i]: int(v) for i, v in self.walk(IF_HC_IN_OCTETS).items() if i in names}
        return Served(octets, split, received)

    def exported(self) -> dict[str, tuple[int, int]]:
        """End nfcapd and let nfdump sum what it took, agents' reports left out: link -> (octets, packets)."""
        assert self.nfcapd is not None
        names = self.interface_indexes()
        self.network.stop(self.nfcapd)
        words = ["-R", str(self.network.directory / "nfcapd"), "-q", "-N", "-A", "outif", "-o", "fmt:%out %byt %pkt"]
        found = {}
        for line in self.network.run(GATEWAY, "nfdump", *words, "not dst port 4739").splitlines():
            index, octets, packets = line.split()
            found[names[index]] = int(octets), int(packets)
        return found

    # -- waiting

    def wait(self, what: str, ready: Callable[[], object], timeout: float, interval: float = 0.2) -> float:
        """Seconds until `ready()` is true; RuntimeError with the end of the log when it never is."""
        begin = time.monotonic()
        while not ready():
            if time.monotonic() - begin > timeout:
                log = self.network.log("gateway").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"not in {timeout:.0f} s: {what}\ngateway's log ends:\n{log}")
            if self.gateway is not None and self.gateway.poll() is not None:
                log = self.network.log("gateway").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the gateway ended with {self.gateway.returncode}:\n{log}")
            time.sleep(interval)
        return time.monotonic() - begin

    def knows_every_link(self) -> bool:
        links = self.links()
        return all(str(end) in links and links[str(end)]["up"] for _, end in self.network.plan.router_ends())

    def hears_every_agent(self) -> bool:
        try:
            agents = self.rows("agents")
        except (OSError, urllib.error.URLError):
            return False
        live = {agent["name"] for agent in agents if agent["live"]}
        return live >= set(self.network.plan.users())
