"""A network of real routers in network namespaces, as a context manager.

      h1 10.1.1.0/24                    h2 10.1.2.0/24
      |                                 |
      r1                                r2 (60) -------- 10.0.26.0/30 -------- (15)-+
      |.1                               |.2                                         |
    ==+================ lan =====+======+== 10.0.100.0/24                           |
      |                          |.9                                                |
      |                          gw: the Anemone gateway, listening on `lan`        |
      |                                                                             |
      +---- 10.0.13.0/30 ---- r3 ---- 10.0.35.0/30 ----+                            |
      |                                                r5 ==== 10.0.56.0/30 ======= r6 (BIRD)
      +---- 10.0.14.0/30 ---- r4 ---- 10.0.45.0/30 ----+|  ==== 10.0.56.4/30 ====== |
                              |                         |                           h6 10.1.6.0/24
                              h4 10.1.4.0/24            +-- h5 10.1.5.0/24
                                                        |
                                                        +== 10.0.57.0/24 == r7 -- h7 10.1.7.0/24

r1 to r5 run FRR, r7 too; r6 runs BIRD.  Every cost is 10 but for r2 towards r6 (60) and r6 towards r2 (15):
what r6 sends to r1 and r2 goes straight to r2 and over the LAN, what they send to r6 goes by r1, by the two
equal paths through r3 and r4 to r5, and over the two parallel links.  All of it is area 0.  10.0.57.0/24 is a
cable run as a broadcast network.  No IPv6, no segmentation offloads: the interface counters of the kernel
count frames as a wire would carry them (layer 3 + 14 octets).
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any

from tests.lab import bird, frr
from tests.lab.namespaces import RUN, command, namespace_name, start_guard, sweep, sweep_dead_runs, take_lock
from tests.lab.plan import Plan, load_plan

SYSCTLS = {
    "net.ipv6.conf.all.disable_ipv6": 1,
    "net.ipv6.conf.default.disable_ipv6": 1,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
    "net.ipv4.conf.all.accept_redirects": 0,
    "net.ipv4.conf.default.accept_redirects": 0,
    "net.ipv4.icmp_ratelimit": 0,
    "net.ipv4.ping_group_range": "0 2147483647",
}
ROUTER_SYSCTLS = {
    "net.ipv4.ip_forward": 1,
    "net.ipv4.fib_multipath_hash_policy": 1,  # ECMP by the five-tuple, as a real router does
}
BRIDGE_NODE = "wire"  # the namespace that holds the bridges


class Network:
    """The lab of one process: build with `with Network() as network:`; only one per process at a time."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan or load_plan()
        self.directory = RUN / str(os.getpid())
        self.seconds_to_converge = 0.0
        self._lock: IO[str] | None = None
        self._guard: subprocess.Popen[str] | None = None
        self._children: list[subprocess.Popen[bytes]] = []
        self._old_handlers: dict[int, Any] = {}

    def __enter__(self) -> Network:
        for pid in sweep_dead_runs():
            print(f"lab: swept what run {pid} left behind", file=sys.stderr)
        self._lock = take_lock(os.getpid())
        self._guard = start_guard()
        atexit.register(self.close)
        self._catch_signals()
        try:
            begin = time.monotonic()
            self._build()
            self._start_routers()
            self.wait_converged()
            self.seconds_to_converge = time.monotonic() - begin
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything; harmless when done already."""
        if self._lock is None:
            return
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        sweep(os.getpid())
        for child in self._children:
            child.wait(timeout=60)
        self._children.clear()
        self._lock.close()
        self._lock = None
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait(timeout=60)
        for number, old in self._old_handlers.items():
            signal.signal(number, old)
        self._old_handlers.clear()
        atexit.unregister(self.close)

    def _catch_signals(self) -> None:
        """Let SIGTERM and SIGHUP unwind like Ctrl-C, so that `with` and pytest's fixtures end properly."""
        if threading.current_thread() is not threading.main_thread():
            return

        def interrupt(number: int, frame: FrameType | None) -> None:
            raise KeyboardInterrupt(f"signal {number}")

        for number in (signal.SIGTERM, signal.SIGHUP):
            self._old_handlers[number] = signal.signal(number, interrupt)

    # -- the wires

    def namespace(self, node: str) -> str:
        return namespace_name(os.getpid(), node)

    def _build(self) -> None:
        nodes = (*self.plan.nodes(), BRIDGE_NODE)
        command("ip", "-batch", "-", stdin="".join(f"netns add {self.namespace(node)}\n" for node in nodes))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._set_sysctls, nodes))
        root: list[str] = []
        inside: dict[str, list[str]] = {node: ["link set lo up"] for node in nodes}
        for segment in self.plan.segments:
            if segment.name:
                bridge = f"link add {segment.name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
                inside[BRIDGE_NODE] += [bridge, f"link set {segment.name} up"]
                for end in segment.ends:
                    root.append(self._cable(end.node, end.interface, BRIDGE_NODE, f"to-{end.node}"))
                    inside[BRIDGE_NODE].append(f"link set to-{end.node} master {segment.name} up")
            else:
                one, other = segment.ends
                root.append(self._cable(one.node, one.interface, other.node, other.interface))
            for end in segment.ends:
                inside[end.node] += [
                    f"address add {end.address} dev {end.interface}",
                    f"link set {end.interface} up",
                ]
        for name, host in self.plan.hosts.items():
            inside[name].append(f"route add default via {host.default}")
        command("ip", "-batch", "-", stdin="\n".join(root) + "\n")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda node: self._configure(node, inside[node]), nodes))

    def _cable(self, node: str, interface: str, other: str, other_interface: str) -> str:
        return (
            f"link add {interface} netns {self.namespace(node)} type veth"
            f" peer name {other_interface} netns {self.namespace(other)}"
        )

    def _set_sysctls(self, node: str) -> None:
        wanted = SYSCTLS | (ROUTER_SYSCTLS if node in self.plan.routers else {})
        self.run(node, "sysctl", "-q", "-w", *(f"{key}={value}" for key, value in wanted.items()))

    def _configure(self, node: str, lines: Sequence[str]) -> None:
        command("ip", "-n", self.namespace(node), "-batch", "-", stdin="\n".join(lines) + "\n")
        links = json.loads(command("ip", "-n", self.namespace(node), "-j", "link", "show", "type", "veth"))
        offloads = ("tso", "off", "gso", "off", "gro", "off")
        script = "; ".join(f"ethtool -K {link['ifname']} {' '.join(offloads)}" for link in links)
        self.run(node, "sh", "-e", "-c", script)

    # -- the programs

    def _start_routers(self) -> None:
        by_program = {
            program: [name for name, router in self.plan.routers.items() if router.program == program]
            for program in ("frr", "bird")
        }
        for name in by_program["bird"]:
            bird.start(self, name)
        for name in by_program["frr"]:
            frr.start_zebra(self, name)
        for name in by_program["frr"]:
            frr.start_ospfd(self, name)

    def run(self, node: str, *argv: str, check: bool = True, timeout: float = 60) -> str:
        """Standard output of a program run to its end in the node's namespace."""
        return command("ip", "netns", "exec", self.namespace(node), *argv, check=check, timeout=timeout)

    def start(self, node: str, *argv: str, name: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a program on a node, under the node's host name; its output goes to `log(name)`."""
        shell = f'hostname {node} && exec "$@"'
        with self.log(name).open("ab") as output:
            child = subprocess.Popen(
                [
                    "ip",
                    "netns",
                    "exec",
                    self.namespace(node),
                    "unshare",
                    "--uts",
                    "sh",
                    "-c",
                    shell,
                    "sh",
                    *argv,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | (env or {}),
            )
        self._children.append(child)
        return child

    def stop(self, child: subprocess.Popen[bytes], number: int = signal.SIGTERM, timeout: float = 30) -> int:
        """End a program started here and its process group; returns its exit code."""
        if child.poll() is None:
            child.send_signal(number)
            try:
                child.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait(timeout)
        if child in self._children:
            self._children.remove(child)
        return child.returncode

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    # -- convergence

    def full_neighbors(self, router: str) -> int:
        program = frr if self.plan.routers[router].program == "frr" else bird
        return program.full_neighbors(self, router)

    def routes(self, router: str) -> dict[str, int]:
        """Prefix -> number of next hops in the kernel's table."""
        found = {}
        for route in json.loads(command("ip", "-n", self.namespace(router), "-j", "route", "show")):
            found[route["dst"]] = len(route.get("nexthops", ())) or 1
        return found

    def lacking(self) -> str:
        """What the first unready router still lacks; empty when the network has converged."""
        prefixes = {str(segment.prefix) for segment in self.plan.segments}
        for router in self.plan.routers:
            if missing := prefixes - set(self.routes(router)):
                return f"{router} has no route to {', '.join(sorted(missing))}"
        for router in self.plan.routers:
            have, want = self.full_neighbors(router), self.plan.neighbors(router)
            if have != want:
                return f"{router} has {have} of {want} full neighbours"
        databases = {
            name: frr.database(self, name) for name, router in self.plan.routers.items() if router.program == "frr"
        }
        first = next(iter(databases))
        for name, database in databases.items():
            if database != databases[first]:
                return f"{name} and {first} hold different databases"
        for members in self.plan.equal.values():
            if len({member.split()[0] for member in members}) == 1:
                router = members[0].split()[0]
                if max(self.routes(router).values()) < len(members):
                    return f"{router} has no route with {len(members)} next hops"
        return ""

    def wait_converged(self, timeout: float = 60.0) -> None:
        """Return when every neighbour is full, every database equal and every route there, twice in a row."""
        deadline = time.monotonic() + timeout
        quiet_since: float | None = None
        before: object = None
        while True:
            try:
                lacking = self.lacking()
                state = [frr.database(self, "r1"), {router: self.routes(router) for router in self.plan.routers}]
            except RuntimeError as error:  # a daemon does not answer yet
                lacking, state = str(error), []
            if lacking or state != before:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > 1.0:
                return
            before = state
            if time.monotonic() > deadline:
                raise RuntimeError(f"the lab has not converged in {timeout:.0f} s: {lacking or 'still changing'}")
            time.sleep(0.2)
