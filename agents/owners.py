"""Who owns a flow: sockets, listeners and learnt endpoints to processes, in that order of trust.

TCP: a socket seen alive gives its process (exact); an ended connection nobody saw alive goes by the listener of
its local port (listener), else by who lately spoke to the same remote endpoint, in proportion (port), else by
the service port's name alone (port).  UDP: a connected socket, else the one bound to the local port (exact),
else as above.  ICMP: the ping or raw socket with the echo identifier, else nobody: the kernel answers by itself.

The directory asks its `Processes` only about inodes it has not seen; everything learnt is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agents.attribution import EXACT, LISTENER, PORT, UNKNOWN, Attribution, ProcessFacts
from agents.inetdiag import LISTEN, OneSocket, Sockets
from agents.packets import ICMP, ICMPV6, UDP, Endpoints
from agents.records import OPENED_LOCAL, OPENED_REMOTE, FlowRows
from agents.tcptable import TCP

MOST_ENDPOINTS = 16_384
MOST_DATAGRAM_OWNERS = 65_536
MOST_SIGHTINGS = 64  # connections to an endpoint that are remembered, by program
ENDPOINT_SECONDS = 60.0  # how long a learnt endpoint answers for short connections
UDP_LITE = 136


class Processes(Protocol):
    """What `agents.sources.procfs.ProcessTable` offers."""

    def holders(self, inodes: Iterable[int], *, thorough: bool = True) -> dict[int, int]:
        """Socket inode -> process id."""
        ...

    def facts(self, pid: int) -> ProcessFacts | None:
        """What a process is."""
        ...


@dataclass(frozen=True, slots=True)
class Owner:
    """What a flow record says of its owner; `application` "" = unknown."""

    application: str = ""
    process_id: int = 0
    process_name: str = ""
    unit: str = ""
    user: str = ""
    method: int = UNKNOWN


@dataclass(frozen=True, slots=True)
class _Holder:
    facts: ProcessFacts
    user: str


NOBODY = Owner()


class _Speakers:
    """Who was seen to speak to a remote endpoint lately, and how often.

    Flows that nobody saw alive are dealt out in that proportion, for the last one seen need not be the only one.
    """

    def __init__(self) -> None:
        self.time = 0.0
        self._seen: dict[tuple[str, ...], tuple[_Holder, int]] = {}
        self._dealt: dict[tuple[str, ...], int] = {}

    def see(self, holder: _Holder, now: float) -> None:
        """One more connection of this process (or of another of the same program)."""
        facts = holder.facts
        key = (facts.name, facts.executable, facts.script, facts.unit, holder.user)
        if now - self.time > ENDPOINT_SECONDS:
            self._seen, self._dealt = {}, {}
        elif sum(count for _, count in self._seen.values()) >= MOST_SIGHTINGS:
            # halve, so that a new program is soon heard and an old one is forgotten
            self._seen = {k: (h, n // 2) for k, (h, n) in self._seen.items() if n // 2}
            self._dealt = {}
        self._seen[key] = (holder, self._seen.get(key, (holder, 0))[1] + 1)
        self.time = now

    def deal(self) -> _Holder:
        """The owner of one more flow nobody saw."""
        if len(self._seen) == 1:
            return next(iter(self._seen.values()))[0]
        total, flows = sum(count for _, count in self._seen.values()), sum(self._dealt.values()) + 1
        owed = {key: count * flows / total - self._dealt.get(key, 0) for key, (_, count) in self._seen.items()}
        key = max(owed, key=owed.__getitem__)
        self._dealt[key] = self._dealt.get(key, 0) + 1
        return self._seen[key][0]


@dataclass
class OwnerStats:
    """Sockets with and without a process, and flows reported without one."""

    sockets: int = 0
    unheld_sockets: int = 0
    unowned_flows: int = 0


class OwnerDirectory:
    """Answers for flows; fed with dumps of sockets."""

    def __init__(
        self, processes: Processes, attribution: Attribution, user_name: Callable[[int], str] = lambda uid: ""
    ) -> None:
        self._processes = processes
        self._attribution = attribution
        self._user_name = user_name
        self._tcp: dict[int, _Holder] = {}  # cookie -> holder
        self._unheld: set[int] = set()  # cookies nobody holds
        self._listeners: dict[int, _Holder] = {}  # TCP local port -> holder
        self._udp: OrderedDict[tuple[int, bytes, int], _Holder] = OrderedDict()  # local port, remote, remote port
        self._endpoints: OrderedDict[tuple[int, bytes, int], _Speakers] = OrderedDict()
        self._datagrams: OrderedDict[int, Owner] = OrderedDict()  # flow serial -> owner
        self._owner_cache: dict[tuple[_Holder, int, int], Owner] = {}
        self.stats = OwnerStats()

    # -- learning -----------------------------------------------------------------------------------------

    def see_tcp(self, sockets: Sockets, now: float, *, thorough: bool = True) -> None:
        """Learn from TCP sockets alive now (some or all of them)."""
        unknown: list[int] = []
        for row, cookie in enumerate(sockets.cookie.tolist()):
            if cookie in self._tcp or (cookie in self._unheld and thorough):
                continue
            unknown.append(row)
        holders = self._held_by(sockets, unknown, thorough)
        for row in unknown:
            holder = holders.get(row)
            cookie = int(sockets.cookie[row])
            if holder is None:
                if thorough and sockets.inode[row]:
                    self._unheld.add(cookie)
                    self.stats.unheld_sockets += 1
                continue
            self._tcp[cookie] = holder
            self._unheld.discard(cookie)
            self.stats.sockets += 1
            if sockets.state[row] == LISTEN:
                self._listeners[int(sockets.local_port[row])] = holder
            elif int(sockets.local_port[row]) not in self._listeners:
                remote = sockets.remote[row].tobytes()
                self._learn((TCP, remote, int(sockets.remote_port[row])), holder, now)

    def see_one(self, endpoints: Endpoints, one: OneSocket, now: float, *, thorough: bool) -> bool:
        """Learn from a single socket alive now; whether its process was found."""
        if one.cookie in self._tcp:
            return True
        pid = self._processes.holders([one.inode], thorough=thorough).get(one.inode) if one.inode else None
        facts = self._processes.facts(pid) if pid else None
        if facts is None:
            return False
        holder = _Holder(facts, self._user_name(one.uid))
        self.stats.sockets += 1
        if endpoints.protocol == TCP:
            self._tcp[one.cookie] = holder
        elif one.connected:
            self._bind_udp((endpoints.local_port, endpoints.remote, endpoints.remote_port), holder)
        else:
            self._bind_udp((endpoints.local_port, b"", 0), holder)
        self._learn((endpoints.protocol, endpoints.remote, endpoints.remote_port), holder, now)
        return True

    def see_udp(self, sockets: Sockets, now: float, *, thorough: bool = True) -> None:
        """Learn from a dump of UDP sockets."""
        rows = list(range(len(sockets)))
        holders = self._held_by(sockets, rows, thorough)
        for row, holder in holders.items():
            port, remote_port = int(sockets.local_port[row]), int(sockets.remote_port[row])
            remote = sockets.remote[row].tobytes() if remote_port else b""
            self._bind_udp((port, remote, remote_port), holder)
            if remote_port:
                self._learn((UDP, remote, remote_port), holder, now)

    def keep_tcp(self, cookies: NDArray[np.uint64], listening: Collection[int]) -> None:
        """Forget connections other than these (listeners stay by port as long as somebody listens)."""
        alive = set(cookies.tolist())
        self._tcp = {cookie: holder for cookie, holder in self._tcp.items() if cookie in alive}
        self._unheld &= alive
        ports = set(listening)
        self._listeners = {port: holder for port, holder in self._listeners.items() if port in ports}
        if len(self._owner_cache) > MOST_ENDPOINTS:
            self._owner_cache.clear()

    def knows_endpoint(self, protocol: int, remote: bytes, port: int, now: float) -> bool:
        """Whether a fresh owner is known for a remote endpoint: a short connection then needs no look-up."""
        known = self._endpoints.get((protocol, remote, port))
        return known is not None and now - known.time < ENDPOINT_SECONDS / 4

    def _held_by(self, sockets: Sockets, rows: list[int], thorough: bool) -> dict[int, _Holder]:
        inodes = {int(sockets.inode[row]) for row in rows} - {0}
        if not inodes:
            return {}
        pids = self._processes.holders(inodes, thorough=thorough)
        result: dict[int, _Holder] = {}
        for row in rows:
            pid = pids.get(int(sockets.inode[row]))
            facts = self._processes.facts(pid) if pid else None
            if facts is not None:
                result[row] = _Holder(facts, self._user_name(int(sockets.uid[row])))
        return result

    def _bind_udp(self, key: tuple[int, bytes, int], holder: _Holder) -> None:
        self._udp[key] = holder
        self._udp.move_to_end(key)
        if len(self._udp) > MOST_ENDPOINTS:
            self._udp.popitem(last=False)

    def _learn(self, key: tuple[int, bytes, int], holder: _Holder, now: float) -> None:
        self._endpoints.setdefault(key, _Speakers()).see(holder, now)
        self._endpoints.move_to_end(key)
        if len(self._endpoints) > MOST_ENDPOINTS:
            self._endpoints.popitem(last=False)

    # -- answering ----------------------------------------------------------------------------------------

    def of_tcp(self, rows: FlowRows, now: float) -> list[Owner]:
        """Owners of TCP rows (their `owner` is the socket's cookie)."""
        result = []
        cookies = rows.owner.view(np.uint64).tolist()
        columns = zip(cookies, rows.local_port.tolist(), rows.remote_port.tolist(), rows.opened.tolist(), strict=True)
        for row, (cookie, local_port, remote_port, opened) in enumerate(columns):
            service = local_port if opened == OPENED_REMOTE else remote_port
            holder = self._tcp.get(cookie)
            if holder is not None:
                result.append(self._owner(holder, EXACT, service))
                continue
            holder = self._listeners.get(local_port) if opened != OPENED_LOCAL else None
            if holder is not None:
                result.append(self._owner(holder, LISTENER, local_port))
                continue
            result.append(self._by_endpoint(TCP, rows.remote[row].tobytes(), remote_port, service, now))
        return result

    def of_datagrams(self, rows: FlowRows) -> list[Owner]:
        """Owners of the datagram table's rows (their `owner` is the flow's serial)."""
        result = []
        for serial in rows.owner.tolist():
            result.append(self._datagrams.get(serial, NOBODY))
        return result

    def datagram_known(self, endpoints: Endpoints) -> bool:
        """Whether a socket is known that a UDP flow could belong to."""
        return self._udp_holder(endpoints) is not None

    def settle_datagram(self, serial: int, endpoints: Endpoints, opened: int, now: float) -> bool:
        """Decide the owner of a datagram flow with what is known now; whether a process was found."""
        service = endpoints.local_port if opened == OPENED_REMOTE else endpoints.remote_port
        holder = self._udp_holder(endpoints)
        if holder is not None:
            owner = self._owner(holder, EXACT, service)
        else:
            owner = self._by_endpoint(endpoints.protocol, endpoints.remote, endpoints.remote_port, service, now)
        return self._set_datagram(serial, owner)

    def settle_echo(self, serial: int, inode: int, uid: int, *, thorough: bool = True) -> bool:
        """Give a datagram flow (ICMP, raw) to the holder of a socket; whether a process was found."""
        pid = self._processes.holders([inode], thorough=thorough).get(inode)
        facts = self._processes.facts(pid) if pid else None
        if facts is None:
            return False
        return self._set_datagram(serial, self._owner(_Holder(facts, self._user_name(uid)), EXACT, 0))

    def keep_datagrams(self, serials: Iterable[int]) -> None:
        """Forget the owners of datagram flows other than these."""
        alive = set(serials)
        for serial in [serial for serial in self._datagrams if serial not in alive]:
            del self._datagrams[serial]

    def _set_datagram(self, serial: int, owner: Owner) -> bool:
        self._datagrams[serial] = owner
        if len(self._datagrams) > MOST_DATAGRAM_OWNERS:
            self._datagrams.popitem(last=False)
        return owner.process_id != 0

    def _udp_holder(self, endpoints: Endpoints) -> _Holder | None:
        if endpoints.protocol not in (UDP, UDP_LITE):
            return None
        port = endpoints.local_port
        exact = self._udp.get((port, endpoints.remote, endpoints.remote_port))
        return exact if exact is not None else self._udp.get((port, b"", 0))

    def _by_endpoint(self, protocol: int, remote: bytes, remote_port: int, service: int, now: float) -> Owner:
        known = self._endpoints.get((protocol, remote, remote_port)) if protocol not in (ICMP, ICMPV6) else None
        if known is not None and now - known.time < ENDPOINT_SECONDS:
            return self._owner(known.deal(), PORT, service)
        self.stats.unowned_flows += 1
        name = self._attribution.of_port(protocol, service)
        return replace(NOBODY, application=name, method=PORT) if name else NOBODY

    def _owner(self, holder: _Holder, method: int, service: int) -> Owner:
        key = (holder, method, service if self._attribution.minds_port(service) else 0)
        owner = self._owner_cache.get(key)
        if owner is None:
            facts = holder.facts
            name = self._attribution.of_process(facts, service)
            owner = Owner(name, facts.process_id, facts.name, facts.unit, holder.user, method)
            self._owner_cache[key] = owner
        return owner
