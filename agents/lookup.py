"""Owners for flows while they live: what the packet ring's news makes the agent look up at once, within a
CPU budget.

A dump every interval sees only what is alive then.  The ring tells of a flow's first packet and of every
connection this host opens, so one socket can be asked for (15 us) while it exists.  A destination whose
owner is fresh is not asked for again; when the budget is spent the flow waits for the next report, where
whatever is still alive is found by a dump.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from agents.datagramtable import ECHO_PROTOCOLS, NewFlow
from agents.inetdiag import OneSocket, Sockets
from agents.owners import UDP_LITE, OwnerDirectory
from agents.packets import ICMP, TCP, UDP, Endpoints
from agents.records import OPENED_LOCAL

MOST_PENDING = 65_536


class SocketSource(Protocol):
    """What `agents.sources.sockdiag.SocketDump` offers."""

    def one(self, endpoints: Endpoints) -> OneSocket | None:
        """The socket of these end points."""
        ...

    def udp(self) -> Sockets:
        """All UDP sockets."""
        ...


class EchoSource(Protocol):
    """What `agents.sources.procfs.ProcessTable` offers of ping and raw sockets."""

    def holders(self, inodes: Iterable[int], *, thorough: bool = True) -> dict[int, int]:
        """Socket inode -> process id."""
        ...

    def kernel_sockets(self, table: str) -> list[tuple[int, int]]:
        """(local port or protocol, inode) of /proc/net/TABLE."""
        ...


@dataclass
class LookupStats:
    """Look-ups made at once, how many found a process, and flows left for the report."""

    asked: int = 0
    found: int = 0
    postponed: int = 0


class FlowLookup:
    """Settles the owners of new flows in an `OwnerDirectory`."""

    def __init__(self, directory: OwnerDirectory, sockets: SocketSource, processes: EchoSource) -> None:
        self._directory = directory
        self._sockets = sockets
        self._processes = processes
        self._pending: list[NewFlow] = []
        self.stats = LookupStats()

    def take(self, news: Iterable[NewFlow], now: float, *, affordable: bool) -> bool:
        """New flows: those that can be settled at once are, the others wait for `settle_all`.

        Whether any was one whose owner had to be looked up.
        """
        asked = False
        for flow in news:
            if self._known(flow, now):
                continue
            asked = True
            if affordable and self._settle(flow, now, thorough=False):
                continue
            self.stats.postponed += 1
            if len(self._pending) < MOST_PENDING:
                self._pending.append(flow)
            else:
                self._directory.settle_datagram(flow.serial, flow.endpoints, flow.opened, now)
        return asked

    def take_opening(self, endpoints: Endpoints, now: float, *, generous: bool) -> bool:
        """A connection this host opens; whether nobody fresh is known to speak to that end point.

        Then it is asked for, and also when there is budget enough (`generous`) to tell several speakers apart.
        """
        fresh = self._directory.knows_endpoint(TCP, endpoints.remote, endpoints.remote_port, now)
        if generous or not fresh:
            self._ask(endpoints, now)
        return not fresh

    def settle_all(self, now: float) -> None:
        """At the report: one thorough round for everything that waits.

        What then has no owner stays without.
        """
        pending, self._pending = self._pending, []
        if any(flow.endpoints.protocol in (UDP, UDP_LITE) for flow in pending):
            self._directory.see_udp(self._sockets.udp(), now)
        for flow in pending:
            if flow.endpoints.protocol in (UDP, UDP_LITE) or not self._settle(flow, now, thorough=True):
                self._directory.settle_datagram(flow.serial, flow.endpoints, flow.opened, now)

    def _known(self, flow: NewFlow, now: float) -> bool:
        """Flows whose owner needs no asking."""
        if flow.endpoints.protocol in (UDP, UDP_LITE):
            ends = flow.endpoints
            if not self._directory.datagram_known(ends) and not (
                flow.opened == OPENED_LOCAL
                and self._directory.knows_endpoint(ends.protocol, ends.remote, ends.remote_port, now)
            ):
                return False
        elif flow.opened == OPENED_LOCAL:
            return False  # a process may have a raw socket for it
        self._directory.settle_datagram(flow.serial, flow.endpoints, flow.opened, now)
        return True

    def _ask(self, endpoints: Endpoints, now: float) -> bool:
        self.stats.asked += 1
        one = self._sockets.one(endpoints)
        found = one is not None and self._directory.see_one(endpoints, one, now, thorough=False)
        if not found and one is not None and self._sockets.one(endpoints) is not None:
            # a scan of all processes is worth its price only for a socket that will still be there at its end
            found = self._directory.see_one(endpoints, one, now, thorough=True)
        self.stats.found += found
        return found

    def _settle(self, flow: NewFlow, now: float, *, thorough: bool) -> bool:
        endpoints = flow.endpoints
        if endpoints.protocol in (UDP, UDP_LITE):
            if not self._ask(endpoints, now):
                return False
            self._directory.settle_datagram(flow.serial, endpoints, flow.opened, now)
            return True
        self.stats.asked += 1
        inode = self._raw_inode(endpoints, thorough)
        settled = inode != 0 and self._directory.settle_echo(flow.serial, inode, 0, thorough=thorough)
        self.stats.found += settled
        return settled

    def _raw_inode(self, endpoints: Endpoints, thorough: bool) -> int:
        """The socket that speaks this protocol: the ping socket with the echo identifier, else a raw one; 0 = none."""
        suffix = "" if endpoints.version == 4 else "6"
        if endpoints.protocol in ECHO_PROTOCOLS:
            table = "icmp" if endpoints.protocol == ICMP else "icmp6"
            for port, inode in self._processes.kernel_sockets(table):
                if port == endpoints.local_port:
                    return inode
        raw = [
            inode
            for protocol, inode in self._processes.kernel_sockets("raw" + suffix)
            if protocol == endpoints.protocol
        ]
        if len(raw) > 1:  # several: programs that ping often take their process id as identifier
            for inode, pid in self._processes.holders(raw, thorough=thorough).items():
                if pid & 0xFFFF == endpoints.local_port:
                    return inode
        return raw[-1] if raw else 0
