"""/proc: which process holds a socket, and what that process is.

The scan of /proc/PID/fd is the dear part (85 ms for 10,000 sockets), so it happens only for inodes nobody
has seen: first the processes that held sockets before, then the new ones, then all; what was not found then
is remembered as nobody's.  Other users' processes need CAP_SYS_PTRACE (readlink in fd) and
CAP_DAC_READ_SEARCH.
"""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agents.attribution import INTERPRETERS, JAVA, ProcessFacts, script_of, unit_of

MOST_INODES = 65_536
MOST_PROCESSES = 8_192
RECENT_PROCESSES = 32
YOUNG_PROCESSES = 16
LIKELY_PROCESSES = 4  # looked at before anything else
LIGHT_FILES = 64  # more open files than this make a process heavy to look at
COMMAND_LINE_OCTETS = 16_384
PREFIX = "socket:["


@dataclass
class ProcStats:
    """Scans made, processes looked at, and file descriptors that may not be read."""

    full_scans: int = 0
    processes: int = 0
    denied: int = 0
    nobody: int = 0  # inodes that no visible process holds


class ProcessTable:
    """Socket inode -> process, and the facts of processes; both remembered, both bounded."""

    def __init__(self, root: str = "/proc") -> None:
        self._root = root
        self._holder: OrderedDict[int, tuple[int, str]] = OrderedDict()  # inode -> pid (0 = nobody), its start time
        self._facts: OrderedDict[int, tuple[str, ProcessFacts]] = OrderedDict()  # pid -> (start time, facts)
        self._recent: OrderedDict[int, None] = OrderedDict()
        self._listed: set[int] = set()
        self._files: dict[int, int] = {}  # pid -> open files when last looked at
        self._young: deque[int] = deque(maxlen=YOUNG_PROCESSES)
        self.stats = ProcStats()

    def holders(self, inodes: Iterable[int], *, thorough: bool = True) -> dict[int, int]:
        """inode -> pid for those found.

        `thorough=False` leaves out the scan of all processes (and remembers no failures).
        """
        wanted = {inode for inode in inodes if inode}
        found: dict[int, int] = {}
        starts: dict[int, str] = {}
        for inode in list(wanted):
            known = self._holder.get(inode)
            if known is None:
                continue
            pid, start = known
            if pid and pid not in starts:
                starts[pid] = self._start(pid)
            if pid and starts[pid] not in (start, ""):  # another process goes by the id of one that has ended
                continue
            wanted.discard(inode)
            if pid:
                found[inode] = pid
        recent = list(reversed(self._recent))
        likely = self._lightest([*recent[:LIKELY_PROCESSES], *reversed(self._young)])
        self._search(wanted, found, likely)
        if wanted:
            present = self._processes()
            fresh = [pid for pid in present if pid not in self._listed]
            self._listed = set(present)
            self._files = {pid: count for pid, count in self._files.items() if pid in self._listed}
            self._young.extend(fresh)
            others = self._lightest([pid for pid in [*fresh, *recent] if pid not in likely])
            self._search(wanted, found, others)
            likely += others
            if wanted and thorough:
                self.stats.full_scans += 1
                self._search(wanted, found, [pid for pid in reversed(present) if pid not in likely])
                for inode in wanted:
                    self._remember(inode, 0)
                    self.stats.nobody += 1
        return found

    def _lightest(self, processes: list[int]) -> list[int]:
        """Those with few files first, without those so heavy that a short connection is over before they are read."""
        files = {pid: self._files.get(pid, 0) for pid in processes}
        return sorted((pid for pid in files if files[pid] <= LIGHT_FILES), key=files.__getitem__)

    def _processes(self) -> list[int]:
        return sorted(int(name) for name in os.listdir(self._root) if name.isdigit())

    def _search(self, wanted: set[int], found: dict[int, int], processes: Iterable[int]) -> None:
        for pid in processes:
            if not wanted:
                return
            for inode in self._sockets(pid):
                if inode in wanted:
                    wanted.discard(inode)
                    found[inode] = pid
                    self._recent[pid] = None
                    self._recent.move_to_end(pid)
                    if len(self._recent) > RECENT_PROCESSES:
                        self._recent.popitem(last=False)
                    self._remember(inode, pid)

    def _sockets(self, pid: int) -> Iterator[int]:
        self.stats.processes += 1
        folder = f"{self._root}/{pid}/fd"
        try:
            names = os.listdir(folder)
        except PermissionError:
            self.stats.denied += 1
            return
        except OSError:  # it ended
            return
        self._files[pid] = len(names)
        for name in names:
            try:
                target = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            if target.startswith(PREFIX):
                yield int(target[len(PREFIX) : -1])

    def _remember(self, inode: int, pid: int) -> None:
        self._holder[inode] = (pid, self._start(pid) if pid else "")
        if len(self._holder) > MOST_INODES:
            self._holder.popitem(last=False)

    def _read(self, pid: int, name: str, most: int = 4096) -> str:
        try:
            with open(f"{self._root}/{pid}/{name}", "rb") as file:
                return file.read(most).decode("utf-8", "replace")
        except OSError:
            return ""

    def _start(self, pid: int) -> str:
        """When a process started, in clock ticks since boot; "" when it has ended."""
        return _start_of(self._read(pid, "stat"))

    def facts(self, pid: int) -> ProcessFacts | None:
        """What a process is; None when it has ended before anybody asked."""
        stat = self._read(pid, "stat")
        if not stat:
            known = self._facts.get(pid)
            return known[1] if known else None
        name = stat[stat.find("(") + 1 : stat.rfind(")")]
        start = _start_of(stat)
        known = self._facts.get(pid)
        if known is not None and known[0] == start and known[1].name == name:
            return known[1]
        try:
            executable = os.readlink(f"{self._root}/{pid}/exe")
        except OSError:
            executable = ""
        program = (executable or name).rsplit("/", 1)[-1]
        script = ""
        if INTERPRETERS.match(program) or JAVA.match(program):
            script = script_of([w for w in self._read(pid, "cmdline", COMMAND_LINE_OCTETS).split("\0") if w])
        cgroup = ""
        for line in self._read(pid, "cgroup").splitlines():
            if line.startswith("0::"):
                cgroup = line[3:]
        facts = ProcessFacts(pid, name, executable, script, cgroup, unit_of(cgroup))
        self._facts[pid] = (start, facts)
        if len(self._facts) > MOST_PROCESSES:
            self._facts.popitem(last=False)
        return facts

    def kernel_sockets(self, table: str) -> list[tuple[int, int]]:
        """(local port or protocol.

        Inode) of every row of /proc/net/TABLE (icmp, icmp6, raw, raw6) of this namespace.
        """
        try:
            with open(f"{self._root}/self/net/{table}", encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
        except OSError:
            return []
        rows = []
        for words in (line.split() for line in lines):
            if len(words) > 9:
                rows.append((int(words[1].rsplit(":", 1)[1], 16), int(words[9])))
        return rows


def _start_of(stat: str) -> str:
    """Field 22 of /proc/PID/stat (proc(5)), counted from behind the name, which may hold anything."""
    return stat[stat.rfind(")") + 2 :].split(" ")[19] if stat else ""
