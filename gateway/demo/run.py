"""`anemone demo`: the gateway itself as a child process, with simulated neighbours around it.

Writes a gateway.toml into a temporary directory, starts `python -m gateway.cli gateway` on it, feeds it
OSPF and IPFIX over loopback UDP (`gateway.demo.feed`), asks its HTTP API what it sees and shows that
(`gateway.demo.screen`).  Ctrl-C, SIGTERM and the end of `--for` stop the child and remove the directory;
should this process be killed, the kernel ends the child.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.live import Live

from gateway import config
from gateway.client import Client
from gateway.demo import screen
from gateway.demo.enterprise import LISTENING_LAN, enterprise
from gateway.demo.feed import Feed
from gateway.demo.network import LAN, STUB, Network, dotted
from gateway.errors import GatewayError

HOST = "127.0.0.1"
EXPORT_PORT = 9995
BIN_SECONDS, REPORT_SECONDS = 5.0, 2.0
READY_SECONDS, SYNC_SECONDS = 60.0, 15.0
REFRESH_SECONDS, REPORT_EVERY = 1.0, 5.0
STOP_SECONDS = 8.0
API_TIMEOUT = 3.0
TEMPLATE_SECONDS = 5.0  # a collector started late reads flows at once
PR_SET_PDEATHSIG = 1
LOG_TAIL = 15
SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")


@dataclass(frozen=True)
class Ports:
    """What the gateway is told to bind, all on loopback."""

    ospf: int
    ipfix: int
    snmp: int
    http: int
    export: int = EXPORT_PORT
    notes: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.http}"


def is_free(port: int, kind: socket.SocketKind) -> bool:
    """Whether a port of the loopback address can be bound."""
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def any_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        number: int = probe.getsockname()[1]
        return number


def free_ports() -> Ports:
    """Ports that nobody else uses just now, also for the export."""
    udp = [any_port(socket.SOCK_DGRAM) for _ in range(4)]
    return Ports(udp[0], udp[1], udp[2], any_port(socket.SOCK_STREAM), udp[3])


def choose_ports() -> Ports:
    """The default ports, or free ones where these are taken, which is said."""
    notes = []
    chosen = {}
    for name, preferred, kind in (
        ("ospf", 5089, socket.SOCK_DGRAM),
        ("ipfix", 4739, socket.SOCK_DGRAM),
        ("snmp", 1161, socket.SOCK_DGRAM),
        ("http", 8161, socket.SOCK_STREAM),
    ):
        chosen[name] = preferred if is_free(preferred, kind) else any_port(kind)
        if chosen[name] != preferred:
            word = "udp" if kind == socket.SOCK_DGRAM else "tcp"
            notes.append(f"Port {preferred}/{word} ({name}) is taken: using {chosen[name]} instead.")
    return Ports(notes=tuple(notes), **chosen)


def gateway_tree(network: Network, ports: Ports, directory: Path) -> dict[str, Any]:
    """The demo's gateway.toml as a tree; capacities and names are what an operator would write down."""
    capacity = {network.link_id(end): segment.capacity for segment in network.segments for end in segment.ends}
    return {
        "state_dir": str(directory / "state"),
        "run_dir": str(directory / "run"),
        "ospf": {"attach": [{"interface": f"udp://{HOST}:{ports.ospf}", "mode": "burst"}]},
        "collect": {"ipfix": [f"udp://{HOST}:{ports.ipfix}"]},
        "view": {"bin_seconds": BIN_SECONDS, "agent_interval_seconds": REPORT_SECONDS},
        "links": {"capacity": capacity},
        "names": {dotted(router.id): router.name for router in network.routers},
        "snmp": {
            "listen": [f"udp://{HOST}:{ports.snmp}"],
            "communities": {"public": ["127.0.0.0/8"]},
            "name": "anemone-demo",
        },
        "http": {"listen": f"{HOST}:{ports.http}"},
        "export": [
            {
                "to": f"udp://{HOST}:{ports.export}",
                "format": "ipfix",
                "profile": "all-hops",
                "template_refresh_seconds": TEMPLATE_SECONDS,
            }
        ],
    }


def names_of(network: Network) -> dict[str, str]:
    """Words for router ids, host addresses, interface addresses and prefixes."""
    names = {dotted(router.id): router.name for router in network.routers}
    names |= {dotted(host.address): host.name for host in network.hosts}
    for segment in network.segments:
        if segment.kind in (LAN, STUB):
            names[segment.prefix] = segment.name
    for segment in network.segments:
        for end in segment.ends:
            link = network.link_id(end)
            others = [peer.router for peer in segment.ends if peer is not end] if segment.kind != LAN else []
            names[link] = f"{end.router} → {others[0] if others else segment.name}"
    return names


def find_program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(SBIN))


def missing_words(found: Mapping[str, str | None]) -> tuple[str, ...]:
    """What to install for the three commands, in one line."""
    packages = {"snmpbulkwalk": "snmp", "nfcapd": "nfdump"}
    absent = [name for name in packages if found.get(name) is None]
    if not absent:
        return ()
    install = " ".join(packages[name] for name in absent)
    return (f"Not found here: {', '.join(absent)}.  Install with:  sudo apt install {install}",)


def commands(ports: Ports, bin_directory: Path, here: Path) -> tuple[tuple[str, str], ...]:
    """The three commands to paste."""
    anemone = bin_directory / "anemone"
    shown = str(anemone.relative_to(here)) if anemone.is_relative_to(here) else str(anemone)
    where = "" if ports.http == 8161 else f" --gateway {ports.url}"
    return (
        ("every interface, its counters",
         f"snmpbulkwalk -v2c -c public {HOST}:{ports.snmp} 1.3.6.1.2.1.31.1.1.1"),
        ("or apps, path 10.11.1.10 10.2.20.31, topology, routes br-paris",
         f"{shown} links --top 10 --by used{where}"),
        ("takes 40 s",
         f"D=$(mktemp -d); timeout 40 nfcapd -p {ports.export} -w $D -t 10; nfdump -R $D -s outif/bytes"),
    )  # fmt: skip


def describe(network: Network, ports: Ports, gateway_pid: int) -> screen.Running:
    """What the screen says about what runs."""
    inside = [host for host in network.hosts if host.segment]
    agents = sum(host.agent for host in inside)
    found = {name: find_program(name) for name in ("snmpbulkwalk", "nfcapd")}
    return screen.Running(
        f"{len(network.routers)} simulated routers, {len(inside)} hosts, {agents} of them with an agent",
        (
            ("page", ports.url + "/"),
            ("SNMP", f"udp {ports.snmp}"),
            ("IPFIX in", f"udp {ports.ipfix}"),
            ("IPFIX out", f"to udp {ports.export}"),
            ("OSPF", f"udp {ports.ospf} ({LISTENING_LAN})"),
            ("gateway", f"process {gateway_pid}"),
        ),
        commands(ports, Path(sys.executable).parent, Path.cwd()),
        f"in {Path.cwd()}",
        (*ports.notes, *missing_words(found)),
        names_of(network),
        {(end.router, end.segment): network.link_id(end) for segment in network.segments for end in segment.ends},
    )


def _die_with_parent() -> None:
    """In the child: SIGTERM when the parent is gone (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def running_gateway(directory: Path, tree: Mapping[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The real gateway on a configuration of ours; stopped with all its children at the end."""
    toml = directory / "gateway.toml"
    toml.write_text(config.dump(config.parse(dict(tree))), encoding="utf-8")
    with (directory / "gateway.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "gateway", "-c", str(toml)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us; we stop it in order
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    try:
        yield child
    finally:
        stop_child(child)


def stop_child(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL for the whole session when that was not enough."""
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    try:
        os.killpg(child.pid, signal.SIGKILL)  # what it may have left in its session
    except ProcessLookupError:
        return


class Observer:
    """Reads what the gateway says of itself."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._seen = screen.Seen()

    def look(self) -> screen.Seen:
        """One round of questions; on failure what was seen last, with the problem."""
        try:
            status = self._client.get("status")
            links = self._client.get("links")
            hottest = screen.hottest_link(links)
            self._seen = screen.Seen(
                status,
                links,
                self._client.get("apps"),
                self._client.get("events"),
                self._client.get_link(hottest["id"]) if hottest else None,
            )
        except GatewayError as error:
            problem = "starting ..." if not self._seen.status else str(error)
            self._seen = screen.Seen(
                self._seen.status, self._seen.links, self._seen.apps, self._seen.events, None, problem
            )
        return self._seen


class Demo:
    """One showing, from the gateway's start to the end."""

    def __init__(self, feed: Feed, running: screen.Running, observer: Observer, out: Console) -> None:
        self._feed, self._running, self._observer, self._out = feed, running, observer, out
        self._started = time.monotonic()
        self._begun = False
        self.seen = screen.Seen()

    def show(self, child: subprocess.Popen[bytes], stop: threading.Event, deadline: float | None) -> bool:
        """Until `stop`, `deadline` or the gateway's end; whether all was well."""
        if self._out.is_terminal and not self._out.is_dumb_terminal:
            with Live(console=self._out, screen=True, auto_refresh=False) as live:
                return self._follow(child, stop, deadline, lambda seen: live.update(self._picture(seen), refresh=True))
        plain = Plain(self._running, self._feed)
        return self._follow(child, stop, deadline, plain.update)

    def _picture(self, seen: screen.Seen) -> Any:
        return screen.render(self._running, seen, self._feed.moment(), self._feed.story_time, self._out.size)

    def _follow(
        self, child: subprocess.Popen[bytes], stop: threading.Event, deadline: float | None, update: Any
    ) -> bool:
        while not stop.is_set():
            seen = self.seen = self._observer.look()
            self._begin_when_ready(seen)
            update(seen)
            if child.poll() is not None or self._feed.failure is not None:
                return False
            waited = time.monotonic() - self._started
            if not seen.status and waited > READY_SECONDS:
                return False
            if deadline is not None and time.monotonic() >= deadline:
                return True
            pause = REFRESH_SECONDS if self._begun else 0.2
            if deadline is not None:
                pause = min(pause, max(0.0, deadline - time.monotonic()))
            stop.wait(pause)
        return True

    def _begin_when_ready(self, seen: screen.Seen) -> None:
        """The hosts work once the topology is known, so that no octet is without a way."""
        late = time.monotonic() - self._started > SYNC_SECONDS
        if not self._begun and seen.status and (seen.status["topology_version"] > 0 or late):
            self._feed.begin()
            self._begun = True


class Plain:
    """The screen of a pipe: lines, flushed."""

    def __init__(self, running: screen.Running, feed: Feed) -> None:
        self._running, self._feed = running, feed
        self._scene, self._events, self._next = (-1, -1), 0, 0.0
        self._say(screen.plain_opening(running))

    @staticmethod
    def _say(lines: list[str]) -> None:
        for line in lines:
            print(line, flush=True)

    def update(self, seen: screen.Seen) -> None:
        if not seen.status:
            return
        now = self._feed.moment()
        if self._feed.story_time and (now.telling, now.number) != self._scene:
            self._scene = (now.telling, now.number)
            self._say(screen.plain_scene(now))
        self._say(screen.plain_events(seen.events[self._events :], self._running.names))
        self._events = max(self._events, len(seen.events))
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + REPORT_EVERY
            self._say(screen.plain_report(self._running, seen, self._feed.story_time))


def tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join("  " + line for line in lines[-LOG_TAIL:])


def main(seconds: float | None = None, ports: Ports | None = None) -> int:
    """Show the demo, for `seconds` or until Ctrl-C or SIGTERM; 0, or 1 when the gateway did not live."""
    deadline = None if seconds is None else time.monotonic() + seconds
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    directory = Path(tempfile.mkdtemp(prefix="anemone-demo-"))
    try:
        return _show_in(directory, ports or choose_ports(), stop, deadline)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        for number, previous in before.items():
            signal.signal(number, previous)


def _show_in(directory: Path, ports: Ports, stop: threading.Event, deadline: float | None) -> int:
    network = enterprise()
    feed = Feed(network, (HOST, ports.ospf), (HOST, ports.ipfix), REPORT_SECONDS)
    out = Console(highlight=False)
    try:
        with running_gateway(directory, gateway_tree(network, ports, directory)) as child:
            feed.start()
            running = describe(network, ports, child.pid)
            demo = Demo(feed, running, Observer(Client(ports.url, API_TIMEOUT)), out)
            well = demo.show(child, stop, deadline)
            for line in screen.plain_report(running, demo.seen, feed.story_time) if demo.seen.status else []:
                print(line, flush=True)
            code = child.poll()
    finally:
        feed.stop()
    if well:
        print("Anemone demo: stopped; the gateway has ended and its temporary directory is removed.", flush=True)
        return 0
    why = f"it ended with code {code}" if code is not None else str(feed.failure or "it did not answer in time")
    print(f"Anemone demo: the gateway failed: {why}.  The end of its log:", file=sys.stderr)
    print(tail(directory / "gateway.log"), file=sys.stderr)
    return 1
