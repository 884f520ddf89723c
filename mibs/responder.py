"""The SNMP responder's process: `python -m mibs.responder --snapshot PATH --listen udp://127.0.0.1:1161 ...`.

It collects nothing: it maps the snapshot that the gateway's view process writes, looks for a newer one
every 0.2 s, and answers.  It owns sysUpTime (since this process started) and the snmp group.  Once a
second it writes its counters as JSON beside the snapshot (`PATH.stats.json`) for the gateway's /metrics.
With `--state DIR` it counts its starts in `DIR/responder-boots.json`.  It ends on SIGTERM, SIGINT, or
when the process given by `--parent` is no longer its parent.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from mibs.access import AccessList, access_list
from mibs.agent import DEFAULT_BULK_OCTETS, Agent
from mibs.errors import SnapshotError
from mibs.snapshotfile import SnapshotWatch, map_snapshot, replace_file

TICK_SECONDS = 0.2  # snapshot looked for, end looked for
STATS_SECONDS = 1.0
LOG_SECONDS = 10.0  # at most one line per cause in this time
DATAGRAM_OCTETS = 65535
ANY_ADDRESS = "0.0.0.0"
IP_PKTINFO = 8  # ip(7); Python 3.11 has no name for it
PACKET_INFORMATION = struct.Struct("@I4s4s")  # interface, address asked (as a source), destination in the header
ANCILLARY_OCTETS = socket.CMSG_SPACE(PACKET_INFORMATION.size)
RECEIVE_BUFFER_OCTETS = 4 << 20


class Log:
    """One line per cause and `LOG_SECONDS`, with the number of those left out."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def line(self, cause: str, text: str, now: float) -> None:
        if now - self._last.get(cause, -LOG_SECONDS) < LOG_SECONDS:
            self._left_out[cause] = self._left_out.get(cause, 0) + 1
            return
        more = self._left_out.pop(cause, 0)
        self._last[cause] = now
        print(f"responder: {text}" + (f" ({more} more like it)" if more else ""), file=sys.stderr, flush=True)


class Responder:
    def __init__(
        self,
        snapshot: Path,
        addresses: Sequence[tuple[str, int]],
        access: AccessList,
        *,
        stats_path: Path | None = None,
        boots: int = 0,
        bulk_octets: int = DEFAULT_BULK_OCTETS,
    ) -> None:
        self.agent = Agent(
            access, started=time.monotonic(), started_epoch=time.time(), bulk_octets=bulk_octets
        )
        self.swaps = 0
        self.refused_snapshots = 0
        self.send_errors = 0
        self.stopping = False
        self._boots = boots
        self._started_epoch = time.time()
        self._path = snapshot
        self._watch = SnapshotWatch(snapshot)
        self._stats_path = stats_path or snapshot.with_name(snapshot.name + ".stats.json")
        self._log = Log()
        self._selector = selectors.DefaultSelector()
        self.sockets = [_bound(host, port) for host, port in addresses]
        self._wildcards = {sock for sock in self.sockets if sock.getsockname()[0] == ANY_ADDRESS}
        for sock in self._wildcards:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        for sock in self.sockets:
            self._selector.register(sock, selectors.EVENT_READ, sock)

    def run(self, parent: int = 0) -> None:
        """Answer until told to stop."""
        next_tick = next_stats = 0.0
        alone = self.sockets[0] if len(self.sockets) == 1 else None
        if alone is not None:
            let_receive_wait(alone, TICK_SECONDS)
        while not self.stopping:
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + TICK_SECONDS
                self.look_for_snapshot(now)
                if parent and os.getppid() != parent:
                    break
                if now >= next_stats:
                    next_stats = now + STATS_SECONDS
                    self.write_stats(now)
            if alone is not None:
                self.answer(alone)
                continue
            for sock in self._ready(max(next_tick - now, 0.0)):
                self.answer(sock)
        self.write_stats(time.monotonic())
        self.close()

    def _ready(self, seconds: float) -> list[socket.socket]:
        return [key.data for key, _ in self._selector.select(seconds)]

    def answer(self, sock: socket.socket) -> None:
        """One datagram, if there is one.  One at a time keeps several sockets fair."""
        ancillary: list[tuple[int, int, bytes]] = []
        try:
            if sock in self._wildcards:
                data, ancillary, _, peer = sock.recvmsg(DATAGRAM_OCTETS, ANCILLARY_OCTETS)
            else:
                data, peer = sock.recvfrom(DATAGRAM_OCTETS)
        except BlockingIOError:
            return
        except OSError as error:  # ICMP errors of earlier answers come back here
            self._log.line("receive", f"receive: {error}", time.monotonic())
            return
        now = time.monotonic()
        answer = self.agent.receive(data, peer[0], now)
        if answer is None:
            self._log.line(self.agent.last_cause, f"dropped from {peer[0]}: {self.agent.last_error}", now)
            return
        try:
            if ancillary:
                sock.sendmsg([answer], [reply_source(ancillary)], 0, peer)
            else:
                sock.sendto(answer, peer)
        except OSError as error:
            self.send_errors += 1
            self._log.line("send", f"send to {peer[0]}: {error}", now)

    def look_for_snapshot(self, now: float) -> None:
        if not self._watch.changed():
            return
        try:
            self.agent.replace(map_snapshot(self._path))
            self.swaps += 1
        except (OSError, SnapshotError) as error:
            self.refused_snapshots += 1
            self._log.line("snapshot", f"{self._path}: {error}", now)

    def write_stats(self, now: float) -> None:
        tree = self.agent.tree
        document = {
            "pid": os.getpid(),
            "boots": self._boots,
            "started": self._started_epoch,
            "uptime_ticks": self.agent.uptime_ticks(now),
            "snapshot_rows": len(tree) if tree is not None else 0,
            "snapshot_created": tree.created if tree is not None else 0.0,
            "snapshot_swaps": self.swaps,
            "snapshots_refused": self.refused_snapshots,
            "send_errors": self.send_errors,
            **asdict(self.agent.stats),
        }
        try:
            replace_file(self._stats_path, json.dumps(document).encode())
        except OSError as error:
            self._log.line("stats", f"{self._stats_path}: {error}", now)

    def close(self) -> None:
        self._selector.close()
        for sock in self.sockets:
            sock.close()


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_OCTETS)
    sock.bind((host, port))
    return sock


def reply_source(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int, bytes]:
    """What makes the answer leave from the address that was asked: managers discard it from any other."""
    _, asked, _ = PACKET_INFORMATION.unpack(ancillary[0][2])
    return socket.IPPROTO_IP, IP_PKTINFO, PACKET_INFORMATION.pack(0, asked, bytes(4))


def let_receive_wait(sock: socket.socket, seconds: float) -> None:
    """With one socket, waiting inside recvfrom saves a poll for each datagram."""
    sock.setblocking(True)
    whole, part = divmod(seconds, 1.0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", int(whole), int(part * 1e6)))


def parse_listen(text: str) -> tuple[str, int]:
    """udp://ADDRESS:PORT.  Raises ValueError."""
    url = urlsplit(text)
    if url.scheme != "udp" or not url.hostname or url.port is None or url.path:
        raise ValueError(f"not udp://ADDRESS:PORT: {text}")
    return url.hostname, url.port


def parse_community(text: str) -> tuple[str, list[str]]:
    """NAME=PREFIX[,PREFIX...].  Raises ValueError."""
    name, equals, prefixes = text.rpartition("=")
    if not name or not equals or not prefixes:
        raise ValueError(f"not NAME=PREFIX,PREFIX...: {text}")
    return name, [prefix.strip() for prefix in prefixes.split(",")]


def count_boot(state: Path) -> int:
    """Number of this start, kept in `state`; written before anything is answered."""
    path = state / "responder-boots.json"
    try:
        boots = int(json.loads(path.read_text())["boots"]) + 1
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        boots = 1
    replace_file(path, json.dumps({"boots": boots}).encode())
    return boots


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mibs.responder", description="SNMP responder")
    parser.add_argument("--snapshot", required=True, type=Path, help="file written by the gateway")
    parser.add_argument(
        "--listen", required=True, action="append", help="udp://ADDRESS:PORT; may be given several times"
    )
    parser.add_argument(
        "--community", default=[], action="append", help="NAME=PREFIX[,PREFIX]; may be given several times"
    )
    parser.add_argument("--state", type=Path, help="directory for what survives a restart")
    parser.add_argument("--stats", type=Path, help="where counters go (default: SNAPSHOT.stats.json)")
    parser.add_argument("--bulk-octets", type=int, default=DEFAULT_BULK_OCTETS, help="largest GETBULK answer")
    parser.add_argument("--parent", type=int, default=0, help="end when this is no longer the parent process")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments().parse_args(argv)
    try:
        addresses = [parse_listen(text) for text in options.listen]
        access = access_list(dict(parse_community(text) for text in options.community))
        boots = count_boot(options.state) if options.state else 0
        responder = Responder(
            options.snapshot,
            addresses,
            access,
            stats_path=options.stats,
            boots=boots,
            bulk_octets=options.bulk_octets,
        )
    except (ValueError, OSError) as error:
        print(f"responder: {error}", file=sys.stderr)
        return 2

    def stop(*_: object) -> None:
        responder.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    responder.run(options.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
