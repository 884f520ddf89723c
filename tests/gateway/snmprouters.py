"""Two areas of real routers, the border router with FRR's SNMP module behind snmpd.

    sw (bridge) --- r1  FRR, area 0, redistributes kernel routes    10.97.0.1
                --- ls  a listener's and a poller's host            10.97.0.9
                --- abr FRR + snmpd, areas 0 and 1                  10.97.0.3
                    |e1 10.97.1.0/30
                    r2  FRR, area 1                                 10.97.1.2

snmpd answers v2c (community "public") and v3 (user "anemone", SHA-256 and AES). Everything is torn down by `close`.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.ospf.lan import run
from tests.require import find_program

EXTERNALS = 40
COMMUNITY, USER, AUTH_KEY, PRIV_KEY = "public", "anemone", "authentic key", "private key 1"
AGENT = "10.97.0.3"
_NUMBERS = itertools.count()
OSPFD = """
hostname {name}
log file {folder}/ospfd.log
{interfaces}
router ospf
 ospf router-id {router_id}
 capability opaque
 timers throttle spf 0 50 500
 timers throttle lsa all 0
 timers lsa min-arrival 0
{extra}
"""
INTERFACE = """interface {name}
 ip ospf area {area}
 ip ospf hello-interval 1
 ip ospf dead-interval 3
 {extra}
"""
P2P = "ip ospf network point-to-point"
ROUTERS = {
    "r1": ("10.97.0.1", [("e0", "0.0.0.0", "ip ospf priority 100")], " redistribute kernel metric-type 1"),
    "abr": (
        "10.97.0.3",
        [("e0", "0.0.0.0", ""), ("e1", "0.0.0.1", P2P)],
        " mpls-te on\n mpls-te router-address 10.97.0.3",
    ),
    "r2": ("10.97.1.2", [("e0", "0.0.0.1", P2P)], ""),
}
SNMPD = """
agentAddress udp:161
master agentx
agentXSocket unix:{folder}/agentx
agentXPerms 0777 0777
rocommunity {community}
createUser {user} SHA-256 "{auth}" AES "{priv}"
rouser {user} priv
"""
SECTIONS = {
    "Router Link States": 1,
    "Net Link States": 2,
    "ASBR-Summary Link States": 4,
    "Summary Link States": 3,
    "AS External Link States": 5,
    "Area-Local Opaque": 10,
}
Row = tuple[int, str, str, int, int]  # type, link state id, advertising router, sequence, checksum


class SnmpRouters:
    """The network; `up` makes a converged one."""

    def __init__(self) -> None:
        self.prefix = f"snm{os.getpid()}x{next(_NUMBERS)}"
        self.folder = Path(tempfile.mkdtemp(prefix="anemone-snmp-"))
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._namespaces: list[str] = []

    def namespace(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def start(self) -> None:
        self.folder.chmod(0o777)  # FRR's daemons give up root
        for name in ("sw", "ls", *ROUTERS):
            run("ip", "netns", "add", self.namespace(name))
            self._namespaces.append(self.namespace(name))
            run("ip", "-n", self.namespace(name), "link", "set", "lo", "up")
        switch = self.namespace("sw")
        run("ip", "-n", switch, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        run("ip", "-n", switch, "link", "set", "br0", "up")
        for name, address in (("r1", "10.97.0.1"), ("abr", AGENT), ("ls", "10.97.0.9")):
            self._cable(name, "e0", f"{address}/24", "sw", name)
            run("ip", "-n", switch, "link", "set", name, "master", "br0", "up")
        self._cable("abr", "e1", "10.97.1.1/30", "r2", "e0")
        run("ip", "-n", self.namespace("r2"), "addr", "add", "10.97.1.2/30", "dev", "e0")
        run("ip", "-n", self.namespace("r2"), "link", "set", "e0", "up")
        routes = "".join(f"route add blackhole 172.{16 + (i >> 8)}.{i & 255}.0/24\n" for i in range(EXTERNALS))
        run("ip", "-n", self.namespace("r1"), "-batch", "-", text=routes)
        self._start_snmpd()
        for name in ROUTERS:
            self._start_frr(name)

    def _cable(self, name: str, interface: str, address: str, other: str, other_interface: str) -> None:
        run(
            *("ip", "link", "add", interface, "netns", self.namespace(name), "type", "veth"),
            *("peer", "name", other_interface, "netns", self.namespace(other)),
        )
        run("ip", "-n", self.namespace(name), "addr", "add", address, "dev", interface)
        run("ip", "-n", self.namespace(name), "link", "set", interface, "up")

    def _start_snmpd(self) -> None:
        text = SNMPD.format(folder=self.folder, community=COMMUNITY, user=USER, auth=AUTH_KEY, priv=PRIV_KEY)
        (self.folder / "snmpd.conf").write_text(text)
        (self.folder / "frr.conf").write_text(f"agentXSocket unix:{self.folder}/agentx\n")
        (self.folder / "persistent").mkdir()
        (self.folder / "persistent").chmod(0o777)
        self._spawn(
            "abr", "snmpd", "-f", "-Lf", str(self.folder / "snmpd.log"), "-C", "-c", str(self.folder / "snmpd.conf")
        )
        self._await(self.folder / "agentx")

    def _start_frr(self, name: str) -> None:
        router_id, interfaces, extra = ROUTERS[name]
        folder = self.folder / name
        folder.mkdir()
        folder.chmod(0o777)
        text = "".join(INTERFACE.format(name=i, area=area, extra=more) for i, area, more in interfaces)
        agentx = "agentx\n" if name == "abr" else ""
        config = OSPFD.format(name=name, folder=folder, interfaces=text, router_id=router_id, extra=extra)
        (folder / "ospfd.conf").write_text(agentx + config)
        (folder / "zebra.conf").write_text(f"hostname {name}\n")
        for daemon in ("zebra", "ospfd"):
            module = ("-M", "snmp") if name == "abr" and daemon == "ospfd" else ()
            self._spawn(
                name,
                daemon,
                *module,
                # A name of its own, or it finds another ospfd's graceful restart in /run/frr/ospfd-gr.json and waits
                # for the end of that, without any LSA of its own.
                *("-N", self.namespace(name)),
                *("-u", "frr", "-g", "frr", "-f", str(folder / f"{daemon}.conf"), "-P", "0"),
                *("-i", str(folder / f"{daemon}.pid"), "-z", str(folder / "zserv.api")),
                *("--vty_socket", str(folder)),
            )
            self._await(folder / f"{daemon}.vty")

    def _spawn(self, name: str, program: str, *arguments: str) -> None:
        path = find_program(program)
        assert path is not None
        environment = {
            "SNMPCONFPATH": str(self.folder), "SNMP_PERSISTENT_DIR": str(self.folder / "persistent"), "MIBS": "",
        }  # fmt: skip
        with (self.folder / f"{name}.out").open("ab") as out:
            command = ("ip", "netns", "exec", self.namespace(name), path, *arguments)
            self._daemons.append(subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | environment))

    def _await(self, path: Path) -> None:
        end = time.monotonic() + 60
        while not path.exists():
            assert time.monotonic() < end, f"{path} did not appear"
            time.sleep(0.02)

    def vtysh(self, name: str, *commands: str) -> str:
        arguments = [argument for command in commands for argument in ("-c", command)]
        return run("vtysh", "--vty_socket", str(self.folder / name), *arguments)

    def withdraw(self, external: int) -> None:
        """One of r1's kernel routes goes."""
        run("ip", "-n", self.namespace("r1"), "route", "del", "blackhole", f"172.16.{external}.0/24")

    def database(self, name: str) -> dict[str, set[Row]]:
        """`show ip ospf database`: area id ("" for AS scope) -> what is not flushed."""
        found: dict[str, set[Row]] = {}
        kind, area = 0, ""
        for line in self.vtysh(name, "show ip ospf database").splitlines():
            for title, number in SECTIONS.items():
                if title in line:
                    kind = number
                    match = re.search(r"Area (\d+\.\d+\.\d+\.\d+)", line)
                    area = match[1] if match else ""
                    break
            words = line.split()
            if len(words) >= 5 and re.fullmatch(r"0x[0-9a-f]{8}", words[3]) and int(words[2]) < 3600:
                found.setdefault(area, set()).add((kind, words[0], words[1], int(words[3], 16), int(words[4], 16)))
        return found

    @classmethod
    def up(cls) -> SnmpRouters:
        """A converged network."""
        made = cls()
        try:
            made.start()
            made.converge()
        except BaseException:
            made.close()
            raise
        return made

    def converge(self, seconds: float = 30, stable: float = 1.5) -> None:
        """Until the border router is Full with both and its database has not changed for `stable` seconds."""
        end = time.monotonic() + seconds
        before: dict[str, set[Row]] = {}
        since = time.monotonic()
        while True:
            database = self.database("abr")
            full = self.vtysh("abr", "show ip ospf neighbor").count("Full/")
            if database != before:
                before, since = database, time.monotonic()
            if full == 2 and len(database.get("", ())) == EXTERNALS and time.monotonic() - since > stable:
                return
            if time.monotonic() > end:
                r1 = self.vtysh("r1", "show ip ospf database", "show ip ospf neighbor", "show ip ospf")
                raise RuntimeError(f"no convergence: {full} Full, {database}; r1: {r1}")
            time.sleep(0.2)

    def close(self) -> None:
        for daemon in self._daemons:
            daemon.send_signal(signal.SIGTERM)
        for daemon in self._daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait(20)
        for namespace in self._namespaces:
            run("ip", "netns", "del", namespace, check=False)
            shutil.rmtree(Path("/run/frr") / namespace, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
