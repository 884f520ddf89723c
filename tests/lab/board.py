"""Small boards of real routers for the listener: several LANs at once, each with its own settings, FRR and BIRD on it.

    with Board(FRR + BIRD texts per router, LANs) as board: every LAN is a bridge; `ls` is the listener's host.

Listeners run in this process, their sockets in the host's namespace (`Ears`). Independent of `tests.lab.network`:
boards live beside it.
"""

from __future__ import annotations

import itertools
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from ospf.config import AttachConfig
from ospf.events import Event
from ospf.listener import Listener
from ospf.rawsocket import RawAttachment
from ospf.wire import address_number
from tests.lab.namespaces import command, inside
from tests.require import find_program

HOST = "ls"
TRAPS = 1162  # UDP port
_NUMBERS = itertools.count()
# FRR notes a graceful restart in /run/frr, where every ospfd of the machine would find it: each gets its own.
PRIVATE = ("sh", "-c", 'mount -t tmpfs -o mode=777 frr /run/frr && exec "$@"', "sh")
LSA_LINE = re.compile(r"^(\d+\.\d+\.\d+\.\d+)\s+(\d+\.\d+\.\d+\.\d+)\s+(\d+)\s+(0x[0-9a-f]{8})\s")


@dataclass(frozen=True)
class Lan:
    """A segment 10.77.NUMBER.0/24; the nth router has address .n, the listener's host .9. Interface `lNUMBER`."""

    number: int
    routers: tuple[str, ...]

    @property
    def interface(self) -> str:
        return f"l{self.number}"


@dataclass
class Ear:
    """One listener, its socket, and what it told."""

    listener: Listener
    attachment: RawAttachment
    events: list[Event] = field(default_factory=list)
    packets: list[bytes] = field(default_factory=list)
    deaf_to: int = 0  # a type of OSPF packet that gets lost on its way


class Board:
    """Namespaces, bridges and daemons; everything is gone after the `with`."""

    def __init__(self, lans: tuple[Lan, ...], frr: Mapping[str, str], bird: Mapping[str, str]) -> None:
        self.lans = {lan.number: lan for lan in lans}
        self.folder = Path(tempfile.mkdtemp(prefix="anemone-board-"))
        self._frr, self._bird = frr, bird
        self._prefix = f"osb{os.getpid()}x{next(_NUMBERS)}"
        self._namespaces: list[str] = []
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.ears: dict[int, Ear] = {}

    def namespace(self, node: str) -> str:
        return f"{self._prefix}-{node}"

    def __enter__(self) -> Board:
        try:
            self._build()
            for router in self._frr:
                if "agentx" in self._frr[router]:
                    self._start_snmpd(router)
                self._start_frr(router)
            for router in self._bird:
                self._start_bird(router)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.silence()
        for daemon in self._daemons:
            daemon.send_signal(signal.SIGTERM)
        for daemon in self._daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait(20)
        for namespace in self._namespaces:
            command("ip", "netns", "del", namespace, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _build(self) -> None:
        self.folder.chmod(0o777)
        for node in ("sw", HOST, *self._frr, *self._bird):
            command("ip", "netns", "add", self.namespace(node))
            self._namespaces.append(self.namespace(node))
        cables = []
        lines: dict[str, list[str]] = {node: ["link set lo up"] for node in ("sw", HOST, *self._frr, *self._bird)}
        for lan in self.lans.values():
            lines["sw"] += [f"link add {lan.interface} type bridge mcast_snooping 0", f"link set {lan.interface} up"]
            for at, node in enumerate((*lan.routers, HOST), 1):
                port = f"{lan.interface}-{node}"
                cables.append(
                    f"link add {lan.interface} netns {self.namespace(node)} type veth peer name {port}"
                    f" netns {self.namespace('sw')}"
                )
                lines["sw"].append(f"link set {port} master {lan.interface} up")
                address = f"10.77.{lan.number}.{9 if node == HOST else at}/24"
                lines[node] += [f"addr add {address} dev {lan.interface}", f"link set {lan.interface} up"]
        command("ip", "-batch", "-", stdin="\n".join(cables) + "\n")
        for node, batch in lines.items():
            command("ip", "-n", self.namespace(node), "-batch", "-", stdin="\n".join(batch) + "\n")

    def spawn(self, node: str, *argv: str) -> subprocess.Popen[bytes]:
        """A program in a node's namespace, ended with the board."""
        with (self.folder / f"{node}.out").open("ab") as out:
            arguments = ("ip", "netns", "exec", self.namespace(node), *argv)
            environment = os.environ | {
                "SNMPCONFPATH": str(self.folder),
                "SNMP_PERSISTENT_DIR": str(self.folder),
                "MIBS": "",
            }
            self._daemons.append(subprocess.Popen(arguments, stdout=out, stderr=out, env=environment))
        return self._daemons[-1]

    def _start_frr(self, router: str) -> None:
        folder = self.folder / router
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "ospfd.conf").write_text(f"log file {folder}/ospfd.log\n" + self._frr[router])
        zebra = f"hostname {router}\n"
        if "mpls-te" in self._frr[router]:  # no TE LSA of an interface without parameters
            ours = (lan.interface for lan in self.lans.values() if router in lan.routers)
            zebra += "".join(f"interface {name}\n link-params\n  enable\n  exit-link-params\n" for name in ours)
        (folder / "zebra.conf").write_text(zebra)
        for daemon in ("zebra", "ospfd"):
            extra = ("-M", "snmp") if daemon == "ospfd" and "agentx" in self._frr[router] else ()
            self.spawn(
                router,
                *PRIVATE,
                find_program(daemon) or daemon,
                *("-u", "frr", "-g", "frr", "-f", str(folder / f"{daemon}.conf"), "-P", "0", *extra),
                *("-i", str(folder / f"{daemon}.pid"), "-z", str(folder / "zserv.api"), "--vty_socket", str(folder)),
            )
            self.await_for(lambda d=daemon: (folder / f"{d}.vty").exists(), f"{daemon} of {router}")  # type: ignore[misc]

    def _start_snmpd(self, router: str) -> None:
        """The master agent of an FRR whose configuration says `agentx`; its traps go to TRAPS on its own loopback."""
        master = self.folder / "agentx"
        (self.folder / "snmpd.conf").write_text(
            f"agentAddress udp:161\nmaster agentx\nagentXSocket unix:{master}\nagentXPerms 0777 0777\n"
            f"trap2sink 127.0.0.1:{TRAPS} public\n"
        )
        (self.folder / "frr.conf").write_text(f"agentXSocket unix:{master}\n")
        program = find_program("snmpd") or "snmpd"
        log = str(self.folder / "snmpd.log")
        self.spawn(router, program, "-f", "-Lf", log, "-C", "-c", str(self.folder / "snmpd.conf"))
        self.await_for(master.exists, "snmpd")

    def _start_bird(self, router: str) -> None:
        folder = self.folder / router
        folder.mkdir()
        (folder / "bird.conf").write_text(f'log "{folder}/bird.log" all;\n' + self._bird[router])
        self.spawn(
            router,
            find_program("bird") or "bird",
            *("-f", "-c", str(folder / "bird.conf"), "-s", str(folder / "bird.ctl")),
        )
        self.await_for((folder / "bird.ctl").exists, f"bird of {router}")

    def vtysh(self, router: str, *lines: str) -> str:
        words = [word for line in lines for word in ("-c", line)]
        return command("vtysh", "--vty_socket", str(self.folder / router), *words)

    def birdc(self, router: str, *words: str) -> str:
        return command("birdc", "-s", str(self.folder / router / "bird.ctl"), *words)

    def log(self, router: str) -> str:
        """What the router has written into its log."""
        name = "ospfd.log" if router in self._frr else "bird.log"
        path = self.folder / router / name
        return path.read_text() if path.exists() else ""

    def sequences(self, router: str) -> dict[tuple[str, str, str], str]:
        """(kind, link state id, advertising router) -> sequence number, of an FRR's whole database."""
        found = {}
        kind = ""
        for line in self.vtysh(router, "show ip ospf database").splitlines():
            if "Link States" in line or "Opaque LSA" in line or "Opaque-LSA" in line:
                kind = line.strip()
            elif (match := LSA_LINE.match(line)) and int(match[3]) < 3600:
                found[kind, match[1], match[2]] = match[4]
        return found

    def backbone(self, router: str) -> dict[tuple[int, int, int], int]:
        """An FRR's database of area 0 by key -> sequence number (signed), link scope left out."""
        kinds = {"Router": 1, "Net": 2, "Summary": 3, "ASBR-Summary": 4, "Area-Local": 10}
        found = {}
        for (kind, link, origin), sequence in self.sequences(router).items():
            if "(Area 0.0.0.0)" in kind or "Area-Local" in kind:
                key = (kinds[kind.split()[0]], address_number(link), address_number(origin))
                found[key] = int(sequence, 16) - (1 << 32)
        return found

    def knows_us(self, router: str) -> bool:
        """Whether the router has the listener among its neighbors, in whatever state."""
        if router in self._frr:
            return "0.0.0.255" in self.vtysh(router, "show ip ospf neighbor all")
        return "0.0.0.255" in self.birdc(router, "show", "ospf", "neighbors")

    def converge(self, router: str, full: int, stable: float = 5.5, seconds: float = 60.0) -> None:
        """Until an FRR is Full `full` times and its database has not changed for `stable` seconds."""
        before: object = None
        since = time.monotonic()
        end = since + seconds
        while True:
            now = (self.sequences(router), self.vtysh(router, "show ip ospf neighbor").count("Full/"))
            if now != before:
                before, since = now, time.monotonic()
            if now[1] == full and time.monotonic() - since > stable:
                return
            if time.monotonic() > end:
                neighbors = self.vtysh(router, "show ip ospf neighbor")
                dead = [str(daemon.args) for daemon in self._daemons if daemon.poll() is not None]
                raise AssertionError(f"no convergence: {len(now[0])} LSAs, not {full} Full\n{neighbors}\nended: {dead}")
            self.listen(0.2)

    # -- listeners

    def attach(self, number: int, *, boot_count: int = 0, **config: Any) -> Ear:
        """A listener on a LAN, in place of the one there."""
        lan = self.lans[number]
        whole = msgspec.convert({"interface": lan.interface, **config}, AttachConfig)
        attachment = inside(self.namespace(HOST), lambda: RawAttachment(lan.interface))
        listener = Listener(whole, time.monotonic(), boot_count=boot_count)
        listener.attached(address=attachment.address, point_to_point=attachment.point_to_point, mtu=attachment.mtu)
        if number in self.ears:
            self.drop(number)
        self.ears[number] = Ear(listener, attachment)
        return self.ears[number]

    def drop(self, number: int) -> None:
        """A listener dies without a word."""
        self.ears.pop(number).attachment.close()

    def silence(self) -> None:
        """All listeners leave as they should."""
        now = time.monotonic()
        for ear in self.ears.values():
            ear.listener.leave(now)
            for destination, payload in ear.listener.packets_to_send(now):
                ear.attachment.send(destination, payload)
            ear.attachment.close()
        self.ears.clear()

    def listen(self, seconds: float) -> None:
        """Let the listeners work."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            select.select([ear.attachment for ear in self.ears.values()], [], [], min(0.05, end - now))
            self._turn()

    def _turn(self) -> None:
        now = time.monotonic()
        for ear in self.ears.values():
            for packet in ear.attachment.receive():
                ear.packets.append(packet)
                if packet[21] != ear.deaf_to:
                    ear.listener.receive(packet, now)
            ear.listener.handle_timeout(now)
            for destination, payload in ear.listener.packets_to_send(now):
                ear.attachment.send(destination, payload)
            while (event := ear.listener.next_event()) is not None:
                ear.events.append(event)

    def await_for(self, condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Listen until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"in vain: {what}")
            if self.ears:
                self.listen(0.02)
            else:
                time.sleep(0.02)
