"""OSPFv3 routers in network namespaces, three areas, FRR ospf6d and BIRD mixed, and three of our listeners.

                    lan, area 0, 2001:db8:100::/64
       ==+==============+==============+=========+==
         r1 (FRR, DR)   r2 (FRR)       b3 (BIRD) ls
         | | a14, b14   | c24          |
         +-+-----+ +----+            ==+=======+==============+==
                 r4 (FRR, ASBR)       r6 (FRR, ASBR)          ls
                  |  area 1            s36, area 2, an NSSA, 2001:db8:36::/64
       ==+========+================+===============+==
         b5 (BIRD, ASBR)      s45, 2001:db8:45::/64   ls

Every router also has a stub network (`st`) and an address of its own. r1 to r4 has two equal parallel links. Costs
keep r4 from ever having two border routers equally near: FRR 8.4's ospf6d does not join inter-area routes of different
border routers (RFC 2328 16.2 and BIRD do). Nor may a border router ever be reached sooner through area 1 than through
the backbone, since ospf6d as a border router uses summaries of all areas and announces what it finds.
Everything is torn down by `close()`, whatever happened before; nothing outside the own namespaces is touched.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ospf.areas import AreaDatabase
from ospf.config import AttachConfig
from ospf.domain import Source, area_databases
from ospf.listener import Listener
from ospf.offers import EXT1, EXT2, INTER, INTRA
from ospf.v3.dialect import listener3
from ospf.v3.rawsocket import RawAttachment6, open_attachment3
from tests.lab.namespaces import inside
from tests.ospf.lan import run
from tests.require import find_program

PROGRAMS = ("ip", "sysctl", "zebra", "ospf6d", "vtysh", "bird", "birdc")
MAX_AGE = 3600
_NUMBERS = itertools.count()


class Wire(NamedTuple):
    """A segment: its area, its subnet (the last part of an address is the node's number), who is on it."""

    area: int
    subnet: str
    nodes: tuple[str, ...]
    kind: str = "p2p"


WIRES = {
    "lan": Wire(0, "2001:db8:100::", ("r1", "r2", "b3", "ls"), "broadcast"),
    "a14": Wire(1, "2001:db8:14:a::", ("r1", "r4")),
    "b14": Wire(1, "2001:db8:14:b::", ("r1", "r4")),
    "c24": Wire(1, "2001:db8:24::", ("r2", "r4")),
    "s45": Wire(1, "2001:db8:45::", ("r4", "b5", "ls"), "broadcast"),
    "s36": Wire(2, "2001:db8:36::", ("b3", "r6", "ls"), "broadcast"),
}
NUMBER = {"r1": 1, "r2": 2, "b3": 3, "r4": 4, "b5": 5, "r6": 6, "ls": 9}
HOME = {"r1": 0, "r2": 0, "b3": 0, "r4": 1, "b5": 1, "r6": 2}  # area of the stub network and the own address
PRIORITY = {"r1": 100, "r2": 50, "b3": 1, "r4": 100, "b5": 50, "r6": 1}
NSSA = 2
COSTS = {("r2", "c24"): 20, ("r4", "c24"): 25, ("b3", "lan"): 7}
FRR_EXTERNALS = {"r4": "2001:db8:e4::/48", "r6": "2001:db8:e7::/48"}  # E2
BIRD_EXTERNALS = """
protocol static { ipv6;
  route 2001:db8:e5::/48 blackhole;
  route 2001:db8:e6::/48 via 2001:db8:45::9;
}
"""
FRR = """\
hostname {name}
{interfaces}
router ospf6
 ospf6 router-id {id}
 timers throttle spf 20 50 200
 timers lsa min-arrival 100
{extra}
"""
FRR_INTERFACE = """\
interface {name}
 ipv6 ospf6 area {area}
 ipv6 ospf6 cost {cost}
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
 ipv6 ospf6 retransmit-interval 2
 ipv6 ospf6 priority {priority}
{extra}
"""
BIRD = """\
router id {id};
protocol device {{ scan time 1; }}
{static}
protocol ospf v3 o {{
  ecmp yes;
  ipv6 {{ export filter {{
    if net = 2001:db8:e5::/48 then {{ ospf_metric1 = 50; accept; }}
    if net = 2001:db8:e6::/48 then {{ ospf_metric2 = 30; accept; }}
    reject;
  }}; }};
{areas}
}}
"""
BIRD_INTERFACE = """\
    interface "{name}" {{ cost {cost}; hello 1; dead 4; wait 4; retransmit 2; priority {priority}; {extra} }};
"""
Key = tuple[int, str, str]  # type, link state id, advertising router
Database = dict[Key, tuple[int, int]]  # -> sequence as unsigned, checksum


class Hop(NamedTuple):
    interface: str
    gateway: str  # name of the neighbour, "" for a network of the router's own


@dataclass(frozen=True)
class Entry:
    """One route: `cost` without a type-2 metric, `type2` 0 when it has none."""

    kind: int
    cost: int
    type2: int
    hops: frozenset[Hop]


class Six:
    """The network, its routers started once `start` returns."""

    def __init__(self) -> None:
        self.prefix = f"six{os.getpid()}x{next(_NUMBERS)}"
        self.folder = Path(tempfile.mkdtemp(prefix="anemone-six-"))
        self.costs = dict(COSTS)
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._namespaces: list[str] = []
        self._link_locals: dict[str, str] = {}  # address -> node
        self.ears = Ears(self)

    def namespace(self, node: str) -> str:
        return f"{self.prefix}-{node}"

    def routers(self) -> list[str]:
        return list(HOME)

    # The wires

    def start(self) -> None:
        self.folder.chmod(0o777)
        for node in ("sw", *NUMBER):
            self._add_namespace(node)
        for name, wire in WIRES.items():
            if wire.kind == "p2p":
                one, other = (self.namespace(node) for node in wire.nodes)
                run("ip", "link", "add", name, "netns", one, "type", "veth", "peer", "name", name, "netns", other)
            else:
                self._add_bridge(name, wire)
            for node in wire.nodes:
                self.ip(node, "addr", "add", f"{wire.subnet}{NUMBER[node]}/64", "dev", name)
                self.ip(node, "link", "set", name, "up")
        for node in HOME:
            number = NUMBER[node]
            self.ip(node, "link", "add", "st", "type", "veth", "peer", "name", "st-end")
            self.ip(node, "addr", "add", f"2001:db8:{number}::1/64", "dev", "st")
            self.ip(node, "addr", "add", f"2001:db8:ff::{number}/128", "dev", "lo")
            for end in ("st", "st-end"):
                self.ip(node, "link", "set", end, "up")
        for node, prefix in FRR_EXTERNALS.items():
            self.ip(node, "-6", "route", "add", "blackhole", prefix)
        for node in NUMBER:
            self._read_link_locals(node)
        for node in HOME:
            if not node.startswith("b"):
                self._start_frr(node)
        self._await_calm()  # what border routers flush while others join stays in some databases for an hour
        for node in HOME:
            if node.startswith("b"):
                self._start_bird(node)

    def _await_calm(self, stable: float = 2.5, seconds: float = 40.0) -> None:
        """Until r1 has all its FRR neighbors and its database does not change any more."""
        end, since = time.monotonic() + seconds, time.monotonic()
        before: dict[str, Database] = {}
        while True:
            state = frr_database(self.vtysh("r1", "show ipv6 ospf6 database detail"))
            full = self.vtysh("r1", "show ipv6 ospf6 neighbor").count("Full/")
            if state != before or full != 3:
                since, before = time.monotonic(), state
            elif time.monotonic() - since > stable:
                return
            assert time.monotonic() < end, f"{full} neighbors"
            time.sleep(0.2)

    def _add_namespace(self, node: str) -> None:
        name = self.namespace(node)
        run("ip", "netns", "add", name)
        self._namespaces.append(name)
        settings = {"all.forwarding": int(node in HOME), "default.forwarding": int(node in HOME)}
        settings |= {"all.accept_dad": 0, "default.accept_dad": 0, "default.accept_ra": 0}
        words = [f"net.ipv6.conf.{key}={value}" for key, value in settings.items()]
        run("ip", "netns", "exec", name, "sysctl", "-qw", *words)
        self.ip(node, "link", "set", "lo", "up")

    def _add_bridge(self, name: str, wire: Wire) -> None:
        switch = self.namespace("sw")
        self.ip("sw", "link", "add", name, "type", "bridge", "mcast_snooping", "0")
        self.ip("sw", "link", "set", name, "up")
        for node in wire.nodes:
            port = f"{name}-{node}"
            host = self.namespace(node)
            run("ip", "link", "add", name, "netns", host, "type", "veth", "peer", "name", port, "netns", switch)
            self.ip("sw", "link", "set", port, "master", name, "up")

    def ip(self, node: str, *words: str) -> str:
        return run("ip", "-n", self.namespace(node), *words)

    def _read_link_locals(self, node: str) -> None:
        for link in json.loads(self.ip(node, "-j", "-6", "addr", "show", "scope", "link")):
            for address in link["addr_info"]:
                if "local" in address:
                    self._link_locals[address["local"]] = node

    def indexes(self, node: str) -> dict[int, str]:
        """Interface id -> name: both programs use the kernel's index."""
        return {link["ifindex"]: link["ifname"] for link in json.loads(self.ip(node, "-j", "link", "show"))}

    # The programs

    def cost(self, node: str, wire: str) -> int:
        return self.costs.get((node, wire), 10)

    def _wires_of(self, node: str) -> list[tuple[str, Wire]]:
        return [(name, wire) for name, wire in WIRES.items() if node in wire.nodes]

    def _start_frr(self, node: str) -> None:
        folder = self.folder / node
        folder.mkdir()
        folder.chmod(0o777)
        interfaces = []
        for name, wire in self._wires_of(node):
            kind = "point-to-point" if wire.kind == "p2p" else "broadcast"
            interfaces.append(self._frr_interface(node, name, wire.area, f" ipv6 ospf6 network {kind}"))
        for name in ("st", "lo"):
            interfaces.append(self._frr_interface(node, name, HOME[node], " ipv6 ospf6 passive"))
        extra = " redistribute kernel\n" if node in FRR_EXTERNALS else ""
        extra += f" area 0.0.0.{NSSA} nssa\n" if HOME[node] == NSSA else ""
        text = FRR.format(name=node, id=f"10.0.0.{NUMBER[node]}", interfaces="".join(interfaces), extra=extra)
        (folder / "ospf6d.conf").write_text(text)
        (folder / "zebra.conf").write_text(f"hostname {node}\nno zebra nexthop kernel enable\n")
        for daemon in ("zebra", "ospf6d"):
            program = find_program(daemon)
            assert program is not None
            self._spawn(
                node,
                program,
                *("-u", "frr", "-g", "frr", "-f", str(folder / f"{daemon}.conf"), "-P", "0"),
                *("-i", str(folder / f"{daemon}.pid"), "-z", str(folder / "zserv.api")),
                *("--vty_socket", str(folder), "--log", f"file:{folder}/{daemon}.log"),
            )
            self._await(folder / f"{daemon}.vty")

    def _frr_interface(self, node: str, name: str, area: int, extra: str) -> str:
        return FRR_INTERFACE.format(
            name=name, area=f"0.0.0.{area}", cost=self.cost(node, name), priority=PRIORITY[node], extra=extra
        )

    def _start_bird(self, node: str) -> None:
        folder = self.folder / node
        folder.mkdir()
        self._write_bird(node)
        program = find_program("bird")
        assert program is not None
        self._spawn(node, program, "-f", "-c", str(folder / "bird.conf"), "-s", str(folder / "bird.ctl"))
        self._await(folder / "bird.ctl")

    def _write_bird(self, node: str) -> None:
        areas: dict[int, str] = {}
        for name, wire in self._wires_of(node):
            kind = "type ptp;" if wire.kind == "p2p" else "type broadcast;"
            cost, priority = self.cost(node, name), PRIORITY[node]
            line = BIRD_INTERFACE.format(name=name, cost=cost, priority=priority, extra=kind)
            areas[wire.area] = areas.get(wire.area, "") + line
        for name in ("st", "lo"):
            areas[HOME[node]] += f'    interface "{name}" {{ cost {self.cost(node, name)}; stub; }};\n'
        nssa = {NSSA: "nssa;"}
        listed = "".join(f"  area {area} {{ {nssa.get(area, '')}\n{lines}  }};\n" for area, lines in areas.items())
        static = BIRD_EXTERNALS if node == "b5" else ""
        text = BIRD.format(id=f"10.0.0.{NUMBER[node]}", static=static, areas=listed)
        (self.folder / node / "bird.conf").write_text(text)

    def _spawn(self, node: str, *command: str) -> None:
        with (self.folder / f"{node}.out").open("ab") as out:
            arguments = ("ip", "netns", "exec", self.namespace(node), *command)
            self._daemons.append(subprocess.Popen(arguments, stdout=out, stderr=out))

    def _await(self, path: Path) -> None:
        end = time.monotonic() + 60
        while not path.exists():
            assert time.monotonic() < end, f"{path} did not appear"
            time.sleep(0.02)

    def vtysh(self, node: str, *commands: str) -> str:
        words = [word for command in commands for word in ("-c", command)]
        return run("vtysh", "--vty_socket", str(self.folder / node), *words)

    def birdc(self, node: str, *words: str) -> str:
        return run("birdc", "-s", str(self.folder / node / "bird.ctl"), *words)

    def set_cost(self, node: str, wire: str, cost: int) -> None:
        self.costs[node, wire] = cost
        if node.startswith("b"):
            self._write_bird(node)
            self.birdc(node, "configure")
        else:
            self.vtysh(node, "configure terminal", f"interface {wire}", f"ipv6 ospf6 cost {cost}")

    # What the routers say

    def database(self, node: str, area: int, segment: str) -> Database:
        """Every LSA a router holds of an area, of one of its segments and of AS scope, without those being flushed.

        Those of AS scope are not flooded into an NSSA.
        """
        if node.startswith("b"):
            sections = bird_database(self.birdc(node, "show", "ospf", "lsadb"))
        else:
            sections = frr_database(self.vtysh(node, "show ipv6 ospf6 database detail"))
        names = (f"0.0.0.{area}", segment) if area == NSSA else (f"0.0.0.{area}", segment, "AS")
        named = [sections.get(name, {}) for name in names]
        return {key: value for section in named for key, value in section.items()}

    def table(self, node: str) -> dict[str, Entry]:
        """Prefix -> route as the router itself computed it."""
        if node.startswith("b"):
            return bird_table(self.birdc(node, "show", "route", "all", "protocol", "o"), self.gateway)
        return frr_table(self.vtysh(node, "show ipv6 ospf6 route detail"), self.gateway)

    def gateway(self, address: str) -> str:
        """Name of the node that has the (link-local) address."""
        return self._link_locals.get(address, address)

    def close(self) -> None:
        self.ears.close()
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
        shutil.rmtree(self.folder, ignore_errors=True)


class Ears:
    """Our listeners, one in each area, on one thread; their sockets live in the namespace `ls`."""

    def __init__(self, network: Six) -> None:
        self.network = network
        self.listeners: list[Listener] = []
        self._attachments: list[RawAttachment6] = []
        self._lock = threading.Lock()
        self._ending = False
        self._thread: threading.Thread | None = None

    def attach(self, mode: str = "burst") -> None:
        for number, wire in enumerate(("lan", "s45", "s36"), 201):
            config = AttachConfig(wire, version=3, mode=mode, router_id=f"0.0.0.{number}")  # type: ignore[arg-type]
            self._attachments.append(
                inside(self.network.namespace("ls"), lambda config=config: open_attachment3(config))
            )  # type: ignore[misc]
            self.listeners.append(listener3(config, time.monotonic()))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ending:
            with self._lock:
                for listener, attachment in zip(self.listeners, self._attachments, strict=True):
                    now = time.monotonic()
                    for packet in attachment.receive():
                        listener.receive(packet, now)
                    listener.handle_timeout(now)
                    for destination, payload in listener.packets_to_send(now):
                        attachment.send(destination, payload)
            time.sleep(0.005)

    def databases(self) -> list[AreaDatabase]:
        with self._lock:
            return area_databases([Source(listener.lsdb) for listener in self.listeners], time.monotonic())

    def detach(self) -> None:
        """Leave every conversation, end the thread."""
        if self._thread is not None:
            self._ending = True
            self._thread.join(20)
            self._thread = None
        self._ending = False
        now = time.monotonic()
        for listener, attachment in zip(self.listeners, self._attachments, strict=True):
            listener.leave(now)
            for destination, payload in listener.packets_to_send(now):
                attachment.send(destination, payload)
            attachment.close()
        self.listeners.clear()
        self._attachments.clear()

    close = detach


FRR_TYPES = {
    "Router": 0x2001,
    "Network": 0x2002,
    "Inter-Prefix": 0x2003,
    "Inter-Router": 0x2004,
    "AS-External": 0x4005,
    "NSSA": 0x2007,
    "Link": 0x0008,
    "Intra-Prefix": 0x2009,
}
FRR_PATHS = {"Intra-Area": INTRA, "Inter-Area": INTER, "External-1": EXT1, "External-2": EXT2}
FRR_SECTION = re.compile(r"^\s+(Area|I/F|AS) Scoped Link State Database(?: \((?:Area |I/F )(\S+?)(?: in .*)?\))?$")
FRR_LSA = re.compile(
    r"Age:\s+(\d+) Type: (\S+)\s+Link State ID: (\S+)\s+Advertising Router: (\S+)\s+"
    r"LS Sequence Number: 0x(\S+)\s+CheckSum: 0x(\S+)"
)
FRR_ROUTE = re.compile(
    r"^Destination: (\S+)$.*?^Lock: \d+ Flags: (\S+)$.*?^Path Type: (\S+)$.*?"
    r"^Metric: (\d+) \((\d+)\)$.*?^Nexthop:\s*\n(.*)",
    re.MULTILINE | re.DOTALL,
)
BIRD_TYPES = {"OSPF": INTRA, "OSPF-IA": INTER, "OSPF-E1": EXT1, "OSPF-E2": EXT2}
BIRD_LSA = re.compile(r"^ ([0-9a-f]{4})\s+(\S+)\s+(\S+)\s+([0-9a-f]{8})\s+(\d+)\s+([0-9a-f]{4})$")
BIRD_ROUTE = re.compile(r"^(\S+/\d+)?\s+unicast\s+\[")
BIRD_HOP = re.compile(r"^\t(?:via (\S+) on (\S+)|dev (\S+))")
OWN = "::"  # FRR's gateway of a network of its own


def frr_database(text: str) -> dict[str, Database]:
    """Section ("0.0.0.0", "lan", "AS") -> its LSAs, from `show ipv6 ospf6 database detail`."""
    found: dict[str, Database] = {}
    section = ""
    for part in re.split(r"\n\s*\n", text):
        for line in part.splitlines():
            if match := FRR_SECTION.match(line):
                section = match[2] or "AS"
        if (match := FRR_LSA.search(part)) and int(match[1]) < MAX_AGE:
            key = FRR_TYPES[match[2]], match[3], match[4]
            found.setdefault(section, {})[key] = int(match[5], 16), int(match[6], 16)
    return found


def bird_database(text: str) -> dict[str, Database]:
    """The same from `show ospf lsadb`."""
    found: dict[str, Database] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith(("Global", "Area ", "Link ")):
            section = "AS" if line.startswith("Global") else line.split()[1]
        elif (match := BIRD_LSA.match(line)) and int(match[5]) < MAX_AGE:
            key = int(match[1], 16), match[2], match[3]
            found.setdefault(section, {})[key] = int(match[4], 16), int(match[6], 16)
    return found


def frr_table(text: str, gateway: Callable[[str], str]) -> dict[str, Entry]:
    """Prefix -> the route FRR calls best, from `show ipv6 ospf6 route detail`."""
    found = {}
    for part in text.split("\n\n"):
        match = FRR_ROUTE.search(part)
        if match is None or not match[2].startswith("B"):
            continue
        hops = [line.split() for line in match[6].splitlines() if line.strip()]
        listed = frozenset(Hop(name, "" if address == OWN else gateway(address)) for address, name in hops)
        found[match[1]] = Entry(FRR_PATHS[match[3]], int(match[4]), int(match[5]), listed)
    return found


def bird_table(text: str, gateway: Callable[[str], str]) -> dict[str, Entry]:
    """Prefix -> route, from `show route all protocol o`."""
    found: dict[str, Entry] = {}
    prefix, kind, cost, type2 = "", -1, 0, 0
    hops: set[Hop] = set()

    def keep() -> None:
        if kind >= 0:
            found[prefix] = Entry(kind, cost, type2, frozenset(hops))

    for line in text.splitlines():
        if match := BIRD_ROUTE.match(line):
            keep()
            prefix, kind, cost, type2, hops = match[1] or prefix, -1, 0, 0, set()
        elif match := BIRD_HOP.match(line):
            hops.add(Hop(match[3], "") if match[3] else Hop(match[2], gateway(match[1])))
        elif line.startswith("\tType: "):
            kind = BIRD_TYPES[line.split()[1]]
        elif line.startswith("\tOSPF.metric1: "):
            cost = int(line.split()[1])
        elif line.startswith("\tOSPF.metric2: "):
            type2 = int(line.split()[1])
    keep()
    return found
