"""Known traffic: which program on which host talks to which, how much, and how a router tells them apart.

Each program has a name of its own, so that an agent that looks up the owner of a socket finds that name, and
a port of its own, so that a router's nft rules find the same traffic without knowing the program.  About
12 Mbit/s of payload in all, by timetable.  Most names are scripts run by an interpreter (an agent must look
past `python3`), `voipd` is a copy of the interpreter itself (its executable has the name).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.lab.network import Network

PROGRAM = Path(__file__).with_name("program.py")


@dataclass(frozen=True)
class Application:
    """A program's name and the nft expression that finds what it sends."""

    name: str
    match: str


# Replies to ping are the kernel's, so ICMP has no owner in that direction: counted, compared as one sum.
APPLICATIONS = (
    Application("backup", "tcp dport 873"),
    Application("backupd", "tcp sport 873"),
    Application("browser", "tcp dport 8080"),
    Application("webshop", "tcp sport 8080"),
    Application("updater", "tcp dport 8081"),
    Application("mirrord", "tcp sport 8081"),
    Application("voipd", "udp dport 5004"),
    Application("videod", "udp dport 5600"),
    Application("lookup", "udp dport 53"),
    Application("resolverd", "udp sport 53"),
    Application("icmp", "ip protocol icmp"),
    Application("ipfix", "udp dport 4739"),
    Application("ospf", "ip protocol 89"),
)
BY_INTERPRETER = (
    "backup",
    "backupd",
    "browser",
    "webshop",
    "updater",
    "mirrord",
    "videod",
    "player",
    "lookup",
    "resolverd",
)
BY_EXECUTABLE = ("voipd",)


@dataclass(frozen=True)
class Job:
    """A program on a host; `{seconds}` in its words becomes the length of the load, `@h5` an address."""

    host: str
    name: str
    words: str


SERVERS = (
    Job("h6", "backupd", "serve 873"),
    Job("h2", "backupd", "serve 873"),
    Job("h5", "webshop", "serve 8080"),
    Job("h1", "webshop", "serve 8080"),
    Job("h4", "mirrord", "serve 8081"),
    Job("h5", "resolverd", "answer 53 200"),
    Job("h1", "player", "listen 5600"),
    Job("h2", "player", "listen 5600"),
)
CLIENTS = (
    # long TCP connections that send
    Job("h1", "backup", "upload @h6 873 4 2e6 {seconds}"),
    Job("h7", "backup", "upload @h2 873 2 1e6 {seconds}"),
    # long TCP connections that receive
    Job("h2", "updater", "download @h4 8081 3 1e6 {seconds}"),
    Job("h6", "updater", "download @h4 8081 2 1e6 {seconds}"),
    # short TCP connections, all over the place
    Job("h2", "browser", "shop @h5 8080 10 12000 {seconds}"),
    Job("h4", "browser", "shop @h5 8080 10 12000 {seconds}"),
    Job("h7", "browser", "shop @h1 8080 10 12000 {seconds}"),
    Job("h6", "browser", "shop @h1 8080 10 12000 {seconds}"),
    # UDP one way
    Job("h6", "videod", "stream 5601 @h1 5600 1e6 {seconds}"),
    Job("h7", "videod", "stream 5601 @h2 5600 6e5 {seconds}"),
    # UDP both ways, small packets
    Job("h1", "voipd", "talk 5004 @h7 5004 150 172 {seconds}"),
    Job("h7", "voipd", "talk 5004 @h1 5004 150 172 {seconds}"),
    Job("h4", "voipd", "talk 5004 @h6 5004 150 172 {seconds}"),
    Job("h6", "voipd", "talk 5004 @h4 5004 150 172 {seconds}"),
    # UDP, a new socket for every question
    Job("h1", "lookup", "ask @h5 53 20 {seconds}"),
    Job("h6", "lookup", "ask @h5 53 20 {seconds}"),
    # ICMP
    Job("h2", "ping", "-q -i 0.02 -s 1000 -w {seconds} @h6"),
    Job("h5", "ping", "-q -i 0.02 -s 700 -w {seconds} @h1"),
)


class Traffic:
    """The servers run from the start; `load` runs all clients to their end."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._programs = network.directory / "programs"
        self._programs.mkdir(exist_ok=True)
        self._servers: list[subprocess.Popen[bytes]] = []
        self._clients: list[subprocess.Popen[bytes]] = []

    def start_servers(self) -> None:
        self._servers = [self._start(job, 0) for job in SERVERS]

    def start(self, seconds: int) -> None:
        """Start the load; it ends by itself."""
        self._clients = [self._start(job, seconds) for job in CLIENTS]

    def wait(self, timeout: float) -> None:
        """Wait until every client has ended; RuntimeError when one has failed."""
        for child in self._clients:
            if code := child.wait(timeout):
                raise RuntimeError(f"a client ended with {code}: {child.args!r}; see {self.network.directory}")

    def close(self) -> None:
        for child in (*self._clients, *self._servers):
            self.network.stop(child)
        self._clients, self._servers = [], []

    def _start(self, job: Job, seconds: int) -> subprocess.Popen[bytes]:
        words = [self._word(word, seconds) for word in job.words.split()]
        return self.network.start(job.host, *self._program(job.name), *words, name=f"{job.host}-{job.name}")

    def _word(self, word: str, seconds: int) -> str:
        if word.startswith("@"):
            return self.network.plan.hosts[word[1:]].address
        return word.format(seconds=seconds)

    def _program(self, name: str) -> list[str]:
        if name in BY_INTERPRETER:
            script = self._programs / name
            if not script.exists():
                script.symlink_to(PROGRAM)
            return [str(Path(sys.executable).resolve()), str(script)]
        if name in BY_EXECUTABLE:
            program = self._programs / name
            if not program.exists():
                shutil.copy(Path(sys.executable).resolve(), program)
            return [str(program), str(PROGRAM)]
        return [name]
