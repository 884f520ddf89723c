"""A LAN of real routers in network namespaces: two FRR ospfd and a BIRD on a bridge, and a listener's host.

    ospN-sw (bridge) --- r1 FRR, redistributes EXTERNALS kernel routes, DR
                     --- r2 FRR, BDR          --- b3 BIRD, DROther
                     --- ls  the listener's host (10.98.0.9)

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
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.require import find_program

EXTERNALS = 300
_NUMBERS = itertools.count()
ROUTERS = {"r1": ("10.98.0.1", 100), "r2": ("10.98.0.2", 50), "b3": ("10.98.0.3", 0)}
LISTENER = "10.98.0.9"
FRR = """
hostname {name}
log file {folder}/{name}.log
interface e0
 ip ospf area 0.0.0.0
 ip ospf hello-interval 1
 ip ospf dead-interval 3
 ip ospf retransmit-interval 3
 ip ospf priority {priority}
router ospf
 ospf router-id {address}
 capability opaque
 timers throttle spf 0 50 500
 timers throttle lsa all 0
 timers lsa min-arrival 0
{extra}
"""
BIRD = """
router id {address};
protocol device {{ }}
protocol direct {{ ipv4; interface "s*"; }}
protocol ospf v2 o {{
  ipv4 {{ export where source = RTS_DEVICE; }};
  area 0 {{
    interface "e0" {{ hello 1; dead 3; wait 3; priority {priority}; type broadcast; }};
    interface "s0" {{ stub; }};
  }};
}}
"""


def run(*command: str, check: bool = True, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


class ListenerProcess:
    """`tests.ospf.listen` in a namespace."""

    def __init__(self, namespace: str, config: dict[str, Any], seconds: float = 60) -> None:
        self.events: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [
                *("ip", "netns", "exec", namespace),
                *(sys.executable, "-m", "tests.ospf.listen", json.dumps(config), str(seconds)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def wait_for(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next event of that kind with those fields (the process ends by itself, so this ends too)."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if event["event"] == kind and all(event.get(k) == v for k, v in fields.items()):
                return event
        raise AssertionError(f"no {kind} {fields} in {self.events}")

    def dump(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("dump\n")
        self._process.stdin.flush()
        return self.wait_for("dump")

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()


class Lan:
    """The LAN, up and converged once `start` returns."""

    def __init__(self) -> None:
        self.prefix = f"osp{os.getpid()}x{next(_NUMBERS)}"
        self.folder = Path(tempfile.mkdtemp(prefix="anemone-osp-"))
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._of: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._listeners: list[ListenerProcess] = []
        self._namespaces: list[str] = []

    def namespace(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def start(
        self,
        externals: int = EXTERNALS,
        routers: tuple[str, ...] = ("r1", "r2", "b3"),
        priorities: dict[str, int] | None = None,
        capture: Path | None = None,
    ) -> None:
        self.priorities = {name: priority for name, (_, priority) in ROUTERS.items()} | (priorities or {})
        self.routers = routers
        # FRR's daemons give up root; everything they read must be theirs to read
        self.folder.chmod(0o777)
        self._add_namespace("sw")
        run("ip", "-n", self.namespace("sw"), "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        run("ip", "-n", self.namespace("sw"), "link", "set", "br0", "up")
        if capture is not None:
            self._spawn("sw", "tshark", "-q", "-F", "pcap", "-i", "br0", "-w", str(capture))
            self._await(capture)
        for name in routers:
            self._add_host(name, ROUTERS[name][0])
        self._add_host("ls", LISTENER)
        routes = "".join(f"route add blackhole 172.{16 + i // 256}.{i % 256}.0/24\n" for i in range(externals))
        run("ip", "-n", self.namespace("r1"), "-batch", "-", text=routes)
        for name in routers:
            if name == "b3":
                self._add_stub()
                self.start_bird(name)
            else:
                self.start_frr(name)

    def _add_stub(self) -> None:
        run("ip", "-n", self.namespace("b3"), "link", "add", "s0", "type", "veth", "peer", "name", "s1")
        run("ip", "-n", self.namespace("b3"), "addr", "add", "10.98.3.1/24", "dev", "s0")
        for end in ("s0", "s1"):
            run("ip", "-n", self.namespace("b3"), "link", "set", end, "up")

    def _add_namespace(self, name: str) -> None:
        run("ip", "netns", "add", self.namespace(name))
        self._namespaces.append(self.namespace(name))
        run("ip", "-n", self.namespace(name), "link", "set", "lo", "up")

    def _add_host(self, name: str, address: str) -> None:
        self._add_namespace(name)
        switch, host = self.namespace("sw"), self.namespace(name)
        run("ip", "link", "add", "e0", "netns", host, "type", "veth", "peer", "name", name, "netns", switch)
        run("ip", "-n", switch, "link", "set", name, "master", "br0", "up")
        run("ip", "-n", host, "addr", "add", f"{address}/24", "dev", "e0")
        run("ip", "-n", host, "link", "set", "e0", "up")

    def start_frr(self, name: str) -> None:
        address, priority = ROUTERS[name][0], self.priorities[name]
        folder = self.folder / name
        folder.mkdir()
        folder.chmod(0o777)
        extra = " mpls-te on\n mpls-te router-address 10.98.0.2\n"  # opaque LSAs of type 10
        if name == "r1":
            extra = " redistribute kernel\n"
        (folder / "ospfd.conf").write_text(
            FRR.format(name=name, folder=folder, address=address, priority=priority, extra=extra)
        )
        (folder / "zebra.conf").write_text(f"hostname {name}\n")
        for daemon in ("zebra", "ospfd"):
            program = find_program(daemon)
            assert program is not None
            self._spawn(
                name,
                program,
                *("-u", "frr", "-g", "frr", "-f", str(folder / f"{daemon}.conf"), "-P", "0"),
                *("-i", str(folder / f"{daemon}.pid"), "-z", str(folder / "zserv.api")),
                *("--vty_socket", str(folder)),
            )
            self._await(folder / f"{daemon}.vty")

    def start_bird(self, name: str) -> None:
        address, priority = ROUTERS[name][0], self.priorities[name]
        folder = self.folder / name
        folder.mkdir()
        (folder / "bird.conf").write_text(BIRD.format(address=address, priority=priority))
        program = find_program("bird")
        assert program is not None
        self._spawn(name, program, "-f", "-c", str(folder / "bird.conf"), "-s", str(folder / "bird.ctl"))
        self._await(folder / "bird.ctl")

    def _spawn(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            arguments = ("ip", "netns", "exec", self.namespace(name), *command)
            self._daemons.append(subprocess.Popen(arguments, stdout=out, stderr=out))
            self._of.setdefault(name, []).append(self._daemons[-1])

    def kill(self, name: str) -> None:
        """The router is gone, without a word."""
        for daemon in self._of[name]:
            daemon.kill()
            daemon.wait(20)

    def _await(self, path: Path) -> None:
        end = time.monotonic() + 60
        while not path.exists():
            assert time.monotonic() < end, f"{path} did not appear: {(path.parent.parent)}"
            time.sleep(0.02)

    def vtysh(self, name: str, *commands: str) -> str:
        arguments = [argument for command in commands for argument in ("-c", command)]
        return run("vtysh", "--vty_socket", str(self.folder / name), *arguments)

    def database(self, name: str = "r1") -> set[tuple[int, str, str, int, int]]:
        """`show ip ospf database` without what is flushed: type, LS id, advertising router, sequence, checksum."""
        kinds = {
            "Router Link States": 1,
            "Net Link States": 2,
            "AS External Link States": 5,
            "Area-Local Opaque": 10,
            "AS-External Opaque": 11,
        }
        rows = set()
        kind = 0
        for line in self.vtysh(name, "show ip ospf database").splitlines():
            for title, number in kinds.items():
                if title in line:
                    kind = number
            words = line.split()
            if len(words) >= 5 and re.fullmatch(r"0x[0-9a-f]{8}", words[3]) and int(words[2]) < 3600:
                rows.add((kind, words[0], words[1], int(words[3], 16), int(words[4], 16)))
        return rows

    def converge(self, lsas: int, seconds: float = 90, stable: float = 5.5) -> None:
        """Until r1 is Full with all and all FRRs hold the same `lsas` or more, unchanged for `stable` seconds.

        BIRD holds a new instance of its router-LSA back for MinLSInterval, five seconds.
        """
        end = time.monotonic() + seconds
        before: set[tuple[int, str, str, int, int]] = set()
        since = time.monotonic()
        while True:
            one = self.database("r1")
            two = self.database("r2") if "r2" in self.routers else one
            full = self.vtysh("r1", "show ip ospf neighbor").count("Full/")
            if one != before:
                before, since = one, time.monotonic()
            quiet = time.monotonic() - since > stable
            if quiet and one == two and len(one) >= lsas and full == len(self.routers) - 1:
                return
            assert time.monotonic() < end, f"no convergence: {len(one)} and {len(two)} LSAs, {full} Full"
            time.sleep(0.2)

    def listen(self, seconds: float = 150, **config: Any) -> ListenerProcess:
        process = ListenerProcess(self.namespace("ls"), {"interface": "e0", **config}, seconds)
        self._listeners.append(process)
        return process

    def close_listeners(self) -> None:
        while self._listeners:
            self._listeners.pop().close()

    def close(self) -> None:
        self.close_listeners()
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
