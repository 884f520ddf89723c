"""A case's routers in network namespaces; our listeners' interfaces are in the namespace of node `gw`."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from tests.lab import bird, frr
from tests.lab.cases import birdconf, frrconf
from tests.lab.cases.casefile import CASES, LISTENER, Case, External, Segment
from tests.lab.cases.state import State
from tests.lab.namespaces import command
from tests.lab.network import BRIDGE_NODE, Network
from tests.lab.plan import Host, Plan
from tests.lab.plan import Router as PlanRouter
from tests.require import find_program

EXTERNAL_INTERFACE = "ext"  # where external destinations are said to be
ANSWER_END = b"\0\0\0"  # of a daemon to vtysh, then the status


class CaseNetwork(Network):
    """`with CaseNetwork(case) as network:`; daemons are started, nothing is waited for."""

    def __init__(self, case: Case) -> None:
        super().__init__(
            Plan(
                routers={name: PlanRouter(name, router.id, router.program) for name, router in case.routers.items()},
                hosts={LISTENER: Host(LISTENER, "", "")},
                segments=(),
                equal={},
                directory=CASES / case.name,
            )
        )
        self.case = case
        self.state = State(case)
        self.daemons: dict[str, list[subprocess.Popen[bytes]]] = {name: [] for name in case.routers}
        self._sockets: dict[str, socket.socket] = {}
        self._indexes: dict[tuple[str, str], int] = {}

    def close(self) -> None:
        for connection in self._sockets.values():
            connection.close()
        self._sockets.clear()
        super().close()

    # -- the wires

    def _build(self) -> None:
        nodes = (*self.plan.nodes(), BRIDGE_NODE)
        command("ip", "-batch", "-", stdin="".join(f"netns add {self.namespace(node)}\n" for node in nodes))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._set_sysctls, nodes))
        root: list[str] = []
        inside: dict[str, list[str]] = {node: ["link set lo up"] for node in nodes}
        for name, router in self.case.routers.items():
            if router.loopback is not None:
                inside[name].append(f"address add {router.id}/32 dev lo")
            inside[name] += [
                f"link add {EXTERNAL_INTERFACE} type veth peer name {EXTERNAL_INTERFACE}-end",
                f"link set {EXTERNAL_INTERFACE} up",
                f"link set {EXTERNAL_INTERFACE}-end up",
            ]
        late: dict[str, list[str]] = {node: [] for node in nodes}
        for segment in self.case.segments:
            self._wire(segment, root, inside)
        for external in self.state.externals:
            if external.prefix.prefixlen or self.plan.routers[external.router].program == "bird":
                late[external.router].append(self._external_route("add", external))
        command("ip", "-batch", "-", stdin="\n".join(root) + "\n")
        for lines in (inside, late):  # a route needs the other end of its cable up
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda node, lines=lines: self._configure_node(node, lines[node]), nodes))  # type: ignore[misc]

    def _wire(self, segment: Segment, root: list[str], inside: dict[str, list[str]]) -> None:
        name = segment.name
        if segment.type == "stub":
            root.append(self._cable(segment.ends[0].node, name, BRIDGE_NODE, name))
            inside[BRIDGE_NODE].append(f"link set {name} up")
        elif segment.type == "p2p" and len(segment.ends) == 2:
            one, other = segment.ends
            root.append(self._cable(one.node, name, other.node, name))
        else:
            inside[BRIDGE_NODE] += [
                f"link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                f"link set {name} up",
            ]
            for end in segment.ends:
                root.append(self._cable(end.node, name, BRIDGE_NODE, port(segment.name, end.node)))
                inside[BRIDGE_NODE].append(f"link set {port(segment.name, end.node)} master {name} up")
        for end in segment.ends:
            if segment.prefix is None and len(segment.ends) == 2:
                peer = next(each for each in segment.ends if each is not end)
                # FRR's way is its own /32, BIRD wants a peer to see that the interface is unnumbered
                address = (
                    f"{end.address.ip}/32"
                    if self.plan.routers[end.node].program == "frr"
                    else f"{end.address.ip} peer {peer.address.ip}/32"
                )
            else:
                address = str(end.address)
            inside[end.node] += [f"address add {address} dev {name}", f"link set {name} up"]

    def _configure_node(self, node: str, lines: list[str]) -> None:
        if lines:
            command("ip", "-n", self.namespace(node), "-batch", "-", stdin="\n".join(lines) + "\n")

    def _external_route(self, verb: str, external: External) -> str:
        where = f"via {external.via}" if external.via else f"dev {EXTERNAL_INTERFACE}"
        return f"route {verb} {external.prefix} {where}"

    def route_external(self, verb: str, external: External) -> None:
        """Add, replace or delete the kernel route an ASBR redistributes; FRR's default route is a command."""
        if external.prefix.prefixlen == 0 and self.plan.routers[external.router].program == "frr":
            words = f"metric {external.metric} metric-type {external.type}"
            no = "no " if verb == "delete" else ""
            frr.configure(self, external.router, "router ospf", f"{no}default-information originate always {words}")
            return
        if verb == "add" and self.plan.routers[external.router].program == "frr":
            frr.configure(self, external.router, "router ospf", frrconf.REDISTRIBUTE)
        command("ip", "-n", self.namespace(external.router), *self._external_route(verb, external).split())

    def interface_index(self, node: str, interface: str) -> int:
        if (node, interface) not in self._indexes:
            for link in json.loads(command("ip", "-n", self.namespace(node), "-j", "link", "show")):
                self._indexes[node, link["ifname"]] = link["ifindex"]
        return self._indexes[node, interface]

    # -- the programs

    def _start_routers(self) -> None:
        for name in self.case.routers:
            self.start_router(name, wait=False)
        for name, router in self.case.routers.items():
            if router.program == "frr":
                self._start_ospfd(name)

    def wait_converged(self, timeout: float = 60.0) -> None:
        """Nothing: what to wait for depends on the case (`tests.lab.cases.run`)."""

    def write_configuration(self, name: str) -> None:
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        if self.plan.routers[name].program == "frr":
            (directory / "zebra.conf").write_text(frr.ZEBRA_CONF.format(router=name))
            (directory / "ospfd.conf").write_text(frrconf.configuration(self.state, name))
        else:
            (directory / "bird.conf").write_text(birdconf.configuration(self.state, name))

    def start_router(self, name: str, wait: bool = True) -> None:
        """Start a router's daemons with what the state says; `wait` False leaves ospfd to be started later."""
        self.write_configuration(name)
        directory = self.directory / name
        if self.plan.routers[name].program == "frr":
            (directory / "zserv.api").unlink(missing_ok=True)
            command("chown", "-R", "frr:frr", str(directory))
            self._start_frr(name, "zebra")
            if wait:
                self._start_ospfd(name)
        else:
            bird_program = find_program("bird") or "bird"
            argv = (bird_program, "-f", "-c", str(directory / "bird.conf"), "-s", str(directory / "bird.ctl"))
            self.daemons[name].append(self.start(name, *argv, name=f"{name}-bird"))

    def _start_ospfd(self, name: str, timeout: float = 60.0) -> None:
        deadline = time.monotonic() + timeout
        while not (self.directory / name / "zserv.api").exists():
            if time.monotonic() > deadline:
                raise RuntimeError(f"zebra of {name} does not start: see {self.log(f'{name}-zebra')}")
            time.sleep(0.02)
        self._start_frr(name, "ospfd")

    def _start_frr(self, name: str, daemon: str) -> None:
        directory = self.directory / name
        self.daemons[name].append(
            self.start(
                name,
                str(frr.DAEMONS / daemon),
                *("-f", str(directory / f"{daemon}.conf"), "-i", str(directory / f"{daemon}.pid")),
                *("-z", str(directory / "zserv.api"), "--vty_socket", str(directory)),
                *("--log", f"file:{directory / daemon}.log", "--log-level", "informational"),
                name=f"{name}-{daemon}",
            )
        )

    def stop_router(self, name: str, number: int) -> None:
        """End a router's daemons by a signal; its interfaces stay as they are."""
        if (connection := self._sockets.pop(name, None)) is not None:
            connection.close()
        for child in reversed(self.daemons[name]):
            self.stop(child, number)
        self.daemons[name].clear()

    def reconfigure_bird(self, name: str) -> None:
        self.write_configuration(name)
        answer = bird.birdc(self, name, "configure", f'"{self.directory / name / "bird.conf"}"')
        if not re.search(r"Reconfigur|[Nn]othing", answer):
            raise RuntimeError(f"{name}: {answer}")

    def ask_ospfd(self, name: str, line: str) -> str:
        """What ospfd answers to a line, by the socket vtysh would use (a vtysh of its own costs 40 ms of processor)."""
        for attempt in range(2):
            try:
                if name not in self._sockets:
                    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                    self._sockets[name] = connection
                    connection.settimeout(20)
                    connection.connect(str(self.directory / name / "ospfd.vty"))
                    self._exchange(connection, "enable")
                return self._exchange(self._sockets[name], line)
            except OSError as error:
                self._sockets.pop(name).close()
                if attempt:
                    raise RuntimeError(f"{name}: ospfd does not answer: {error}") from error
        raise AssertionError

    @staticmethod
    def _exchange(connection: socket.socket, line: str) -> str:
        connection.sendall(line.encode() + b"\0")
        data = b""
        while len(data) < 4 or data[-4:-1] != ANSWER_END:
            more = connection.recv(1 << 18)
            if not more:
                raise ConnectionResetError("closed")
            data += more
        return data[:-4].decode()


def port(segment: str, node: str) -> str:
    """The bridge's side of a LAN cable."""
    return f"{segment}-{node}"
