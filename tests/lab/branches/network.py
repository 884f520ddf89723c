"""The routers of `case.toml` with hosts behind r5 and r6, OSPFv3 on r1 and r3, and the gateway on node `gw`."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab import frr
from tests.lab.cases import truth
from tests.lab.cases.casefile import LISTENER, End, Segment, load_case
from tests.lab.cases.network import CaseNetwork
from tests.lab.namespaces import command
from tests.lab.plan import Host

HOSTS = {"h5": "net5", "h6": "net6"}  # host -> the stub network it is on
V3_NODES = ("r1", "r3")
V3_LAN = "lan0"
COLLECTOR = "10.0.0.100:4739"
HTTP = "http://127.0.0.1:8161"
SNMP = "127.0.0.1:1161"
OTHER = "other"  # the instance r8 belongs to
ROUTERS = ("r1", "r2", "r3", "r4", "r5", "r6")  # of the main instance
GATEWAY_TOML = """\
state_dir = "{folder}/state"
run_dir = "{folder}/run"
[[ospf.attach]]
interface = "lan0"
mode = "burst"
authentication = {{ type = "md5", key_id = 7, key = "kerfuffle" }}
[[ospf.attach]]
interface = "lan1"
mode = "burst"
[[ospf.attach]]
interface = "mon"
mode = "full"
network = "point-to-point"
[[ospf.attach]]
interface = "lan8"
instance = "other"
[[ospf.attach]]
interface = "lan0"
version = 3
[collect]
ipfix = ["udp://10.0.0.100:4739"]
[view]
bin_seconds = 2
agent_interval_seconds = 1
[ospf.anomalies]
min_interval_seconds = 0.5
[snmp]
listen = ["udp://127.0.0.1:1161"]
communities = {{ public = ["127.0.0.0/8"] }}
"""
AGENT_TOML = """\
gateway = "udp://10.0.0.100:4739"
interval_seconds = 1
state_dir = "{folder}"
"""
OSPF6D_CONF = """\
hostname {name}
interface lan0
 ipv6 ospf6 area 0
 ipv6 ospf6 cost 10
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
interface lo
 ipv6 ospf6 area 0
router ospf6
 ospf6 router-id {id}
 timers throttle spf 20 50 200
 timers lsa min-arrival 100
"""
TRAFFIC = Path(__file__).parents[1] / "program.py"


class Branches(CaseNetwork):
    """`with Branches() as network:`; the routers are started, nothing is waited for."""

    def __init__(self) -> None:
        super().__init__(load_case("../branches"))
        hosts = {name: Host(name, "", "") for name in (LISTENER, *HOSTS)}
        self.plan = dataclasses.replace(self.plan, hosts=hosts)
        self.gateway: subprocess.Popen[bytes] | None = None

    def _set_sysctls(self, node: str) -> None:
        super()._set_sysctls(node)
        if node in (*V3_NODES, LISTENER):
            words = (f"net.ipv6.conf.{scope}.{key}=0" for scope in ("all", "default")
                     for key in ("disable_ipv6", "accept_dad"))  # fmt: skip
            self.run(node, "sysctl", "-q", "-w", *words)

    def _wire(self, segment: Segment, root: list[str], inside: dict[str, list[str]]) -> None:
        host = next((name for name, network in HOSTS.items() if network == segment.name), None)
        if host is None:
            super()._wire(segment, root, inside)
        else:
            router, name = segment.ends[0], segment.name
            root.append(self._cable(router.node, name, host, name))
            inside[router.node] += [f"address add {router.address} dev {name}", f"link set {name} up"]
            inside[host] += [f"address add {address(host)}/24 dev {name}", f"link set {name} up"]
        if segment.name == V3_LAN:
            for node in V3_NODES:
                number = node[1:]
                inside[node] += [
                    f"address add 2001:db8:100::{number}/64 dev {V3_LAN} nodad",
                    f"address add 2001:db8:ff::{number}/128 dev lo nodad",
                ]

    def _configure_node(self, node: str, lines: list[str]) -> None:
        super()._configure_node(node, lines)
        if node in (*self.plan.routers, *HOSTS) and lines:  # frames as a wire would carry them
            links = json.loads(command("ip", "-n", self.namespace(node), "-j", "link", "show", "type", "veth"))
            offloads = "tso off gso off gro off"
            script = "; ".join(f"ethtool -K {link['ifname']} {offloads}" for link in links)
            self.run(node, "sh", "-e", "-c", script)

    def _build(self) -> None:
        super()._build()
        for host, name in HOSTS.items():
            router = next(segment for segment in self.case.segments if segment.name == name).ends[0]
            command("ip", "-n", self.namespace(host), "route", "add", "default", "via", str(router.address.ip))

    def _start_ospfd(self, name: str, timeout: float = 60.0) -> None:
        super()._start_ospfd(name, timeout)
        if name in V3_NODES:
            text = OSPF6D_CONF.format(name=name, id=self.case.routers[name].id)
            (self.directory / name / "ospf6d.conf").write_text(text)
            self._start_frr(name, "ospf6d")

    # -- the routers

    def write_configuration(self, name: str) -> None:
        super().write_configuration(name)
        path = self.directory / name / "bird.conf"
        if path.exists():  # traffic takes the routes between areas too
            text = path.read_text().replace("source = RTS_OSPF;", "source ~ [ RTS_OSPF, RTS_OSPF_IA ];")
            path.write_text(text)

    def wait_converged(self, timeout: float = 40.0) -> None:
        """Until every router has a route to every prefix of its instance and nothing has changed for two seconds."""
        wanted = {str(each.prefix) for each in self.case.segments if each.name not in ("lan8", "net8")}
        before: object = None
        since = time.monotonic()
        deadline = since + timeout
        while True:
            try:
                tables = {name: truth.table(self, name) for name in ROUTERS}
                state: object = (tables, [self.sequences(name) for name in ROUTERS], self.v3_routes())
                lacking: object = {name: missing for name in ROUTERS if (missing := wanted - set(tables[name]))}
            except (RuntimeError, ValueError) as error:  # a daemon does not answer yet, or not in JSON
                lacking, state = str(error), None
            if lacking or state != before or not self.v3_converged():
                before, since = state, time.monotonic()
            elif time.monotonic() - since > 2.0:
                return
            if time.monotonic() > deadline:
                logs = {name: self.log(f"{name}-ospfd").read_text()[-400:] for name in ("r1", "r3", "r5")}
                raise RuntimeError(f"no convergence in {timeout:.0f} s: {lacking or 'still changing'}; {logs}")
            time.sleep(0.25)

    def sequences(self, router: str) -> dict[tuple[int, truth.Key], int]:
        """(area, key) -> sequence number of the router- and network-LSAs a router holds."""
        held = truth.database(self, router)
        return {
            (area, key): instance[0]
            for area, lsas in held.items()
            for key, instance in lsas.items()
            if key[0] in (1, 2)
        }

    def v3_routes(self) -> str:
        return "\n".join(
            "\n".join(line.rsplit(" ", 1)[0] for line in self.vtysh6(name, "show ipv6 ospf6 route").splitlines())
            for name in V3_NODES
        )

    def v3_converged(self) -> bool:
        shown = self.v3_routes()
        return shown.count("2001:db8:ff::1/128") == shown.count("2001:db8:ff::3/128") == len(V3_NODES)

    def vtysh6(self, router: str, line: str) -> str:
        try:
            return command("vtysh", "--vty_socket", str(self.directory / router), "-d", "ospf6d", "-c", line)
        except RuntimeError:  # not up yet
            return ""

    def configure(self, router: str, *lines: str) -> None:
        frr.configure(self, router, *lines)

    # -- our programs

    def start_gateway(self) -> None:
        folder = self.directory / LISTENER
        (folder / "state").mkdir(parents=True, exist_ok=True)
        (folder / "run").mkdir(exist_ok=True)
        config = folder / "gateway.toml"
        config.write_text(GATEWAY_TOML.format(folder=folder))
        words = [sys.executable, "-m", "gateway.cli", "gateway", "-c", str(config)]
        self.gateway = self.start(LISTENER, *words, name="gateway")

    def kill_gateway(self) -> None:
        assert self.gateway is not None
        self.stop(self.gateway, signal.SIGKILL)

    def boots(self) -> int:
        return int((self.directory / LISTENER / "state" / "boots").read_text())

    def start_agent(self, host: str) -> None:
        folder = self.directory / host
        folder.mkdir(exist_ok=True)
        (folder / "agent.toml").write_text(AGENT_TOML.format(folder=folder))
        words = [sys.executable, "-m", "agents.cli", "-c", str(folder / "agent.toml")]
        self.start(host, *words, name=f"{host}-agent")

    def program(self, host: str, *words: str) -> subprocess.Popen[bytes]:
        """Traffic of `tests/lab/program.py`."""
        return self.start(host, sys.executable, str(TRAFFIC), *words, name=f"{host}-traffic")

    # -- what they say

    def anemone(self, *words: str) -> Any:
        """What a verb of the command line prints as JSON; None when the answer is no or nobody answers."""
        argv = [sys.executable, "-m", "gateway.cli", *words, "--json", "--gateway", HTTP]
        text = self.run(LISTENER, *argv, check=False)
        return json.loads(text) if text.strip() else None

    def walk(self, oid: str) -> dict[str, str]:
        """Index -> value below an object, read by snmpbulkwalk."""
        text = self.run(LISTENER, "snmpbulkwalk", "-v2c", "-cpublic", "-t2", "-r2", "-Onqe", SNMP, oid, check=False)
        found = {}
        for line in text.splitlines():
            name, _, value = line.partition(" ")
            if name.startswith(f".{oid}."):
                found[name[len(oid) + 2 :]] = value.strip('"')
        return found

    def wait(self, what: str, ready: Callable[[], object], timeout: float = 30.0) -> float:
        """Seconds until `ready()` is true; RuntimeError with the end of the gateway's log when it never is."""
        begin = time.monotonic()
        while not ready():
            ended = self.gateway is not None and self.gateway.poll() is not None
            if ended or time.monotonic() - begin > timeout:
                log = self.log("gateway").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{'the gateway ended' if ended else 'in vain'}: {what}\n{log}")
            time.sleep(0.1)
        return time.monotonic() - begin

    def octets(self) -> dict[tuple[str, str], int]:
        """(router, interface) -> octets sent, as the kernel counts them."""
        found = {}
        for router in ROUTERS:
            shown = json.loads(command("ip", "-n", self.namespace(router), "-j", "-s", "link", "show", "type", "veth"))
            for link in shown:
                found[router, link["ifname"]] = link["stats64"]["tx"]["bytes"]
        return found


def address(host: str) -> str:
    """10.1.5.10 of h5 and so on."""
    network = next(each for each in load_case("../branches").segments if each.name == HOSTS[host])
    assert network.prefix is not None
    return str(network.prefix[10])


def ends() -> list[tuple[Segment, End]]:
    """Every router interface of the main instance."""
    return [
        (segment, end)
        for segment in load_case("../branches").segments
        for end in segment.routers
        if end.node in ROUTERS
    ]
