"""OSPF attachments: packets in, listeners, one domain per instance, topology versions out (cut at most every 50 ms).

Everything that has a link-state database is a `Source` of its instance's `Domain`: an attachment's listener, or a
router polled over SNMP.  Whoever wants to know what was heard and cut (archive, anomalies) is a `Watcher`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from gateway.complaints import Budget, Complaints
from gateway.config import Ospf
from gateway.errors import GatewayError
from gateway.pipeline import Pipeline
from gateway.watches import Watcher, Where
from ospf.config import AttachConfig
from ospf.domain import Domain, DomainKey, Source
from ospf.errors import OspfError
from ospf.events import AuthenticationFailed, SyncFailed
from ospf.keys import resolve
from ospf.listener import Listener
from ospf.rawsocket import open_attachment
from ospf.replay import told
from ospf.topology import build_domain
from ospf.v3.dialect import listener3
from ospf.v3.rawsocket import open_attachment3
from ospf.v3.topology import build_domain_v3

LOOK = 1.0  # s between two looks at the attachments' state
SILENCE = 60.0  # s without any OSPF packet since the start, after which the log asks why
log = logging.getLogger("anemone.ospf")


class _Attachment:
    """One listener and its socket, as the reactor sees them (IReadDescriptor)."""

    def __init__(self, owner: Attachments, config: AttachConfig, where: Where, listener: Listener) -> None:
        self.config = config
        self.where = where
        self.listener = listener  # on the monotonic clock
        self.socket: Any = None
        self._owner = owner
        self.timer: Any = None
        self.silence: Any = None
        self.lines = Budget()

    def plug(self, link: Any) -> None:
        """Hear and speak through this socket from now on."""
        self.socket = link
        self.listener.attached(address=link.address, point_to_point=link.point_to_point, mtu=link.mtu)

    def fileno(self) -> int:
        return int(self.socket.fileno())

    def logPrefix(self) -> str:
        return f"ospf {self.config.interface}"

    def connectionLost(self, reason: Any) -> None:
        log.error("%s: attachment lost: %s", self.config.interface, reason)

    def doRead(self) -> None:
        now = time.monotonic()
        try:
            dropped = self.socket.stats.kernel_dropped
            for packet in self.socket.receive():
                self.listener.receive(packet, now)
            if self.socket.stats.kernel_dropped != dropped:
                self.listener.packets_lost(now)  # the kernel lost some: look at the database again
            self._owner.turn(self, now)
        except Exception:  # raised through, it would end the reading for good
            self._owner.failed(self.config.interface, now)
            self.listener.packets_lost(now, "a fault of ours lost packets")  # those read and not looked at


def _with_keys(attach: AttachConfig) -> AttachConfig:
    """The same with the keys of key files filled in; GatewayError names the file."""
    try:
        keys = resolve(attach.keys, lambda path: Path(path).read_bytes())
    except OspfError as error:
        raise GatewayError(f"ospf.attach: {attach.interface}: {error}") from error
    return msgspec.structs.replace(attach, authentication=keys or None)


def _open(attach: AttachConfig) -> Any:
    return (open_attachment3 if attach.version == 3 else open_attachment)(attach)


class Attachments:
    """All `[[ospf.attach]]` and the domains they feed; `topologies` counts versions cut."""

    def __init__(
        self,
        reactor: Any,
        config: Ospf,
        pipeline: Pipeline,
        watchers: Sequence[Watcher] = (),
        boot_count: int = 0,
        keep_boots: Callable[[int], None] | None = None,
    ) -> None:
        self._reactor = reactor
        self._pipeline = pipeline
        self._watchers = watchers
        self._keep_boots = keep_boots
        self._boots = boot_count
        self._options = config.options()
        self._look: Any = None
        self.domains: dict[DomainKey, Domain] = {}
        self._all: list[_Attachment] = []
        interfaces = [(attach.instance, attach.version, attach.interface) for attach in config.attach]
        for number, given in enumerate(config.attach):
            attach = _with_keys(given)
            name = attach.interface
            if interfaces.count(interfaces[number]) > 1:  # one segment of several areas
                name += f" area {attach.area}"
            key = DomainKey(attach.instance, attach.version)
            speak = listener3 if attach.version == 3 else Listener
            listener = speak(attach, time.monotonic(), boot_count=boot_count)
            listener.record_lsas = bool(watchers)
            self._all.append(_Attachment(self, attach, Where(number, name, key), listener))
            self.add_source(key, Source(listener.lsdb, whole=partial(getattr, listener, "synchronised")))
        self._cuts: dict[DomainKey, Any] = {}
        self._held: dict[DomainKey, frozenset[int]] = {}  # routers whose words the last version kept: they restarted
        self._complaints = Complaints()
        self._malformed: dict[int, int] = {}
        self.topologies = 0
        self.failures = 0
        self.counted: list[Callable[[], dict[str, dict[str, float]]]] = []  # counters of those who feed further sources

    def add_source(self, key: DomainKey, source: Source) -> None:
        """A further database of an instance; whoever feeds it calls `changed`."""
        if key not in self.domains:
            build = build_domain_v3 if key.version == 3 else build_domain
            self.domains[key] = Domain(key, build, self._options)
        self.domains[key].sources.append(source)

    def start(self) -> None:
        for one in self._all:
            try:
                one.plug(_open(one.config))
            except OspfError as error:
                raise GatewayError(f"ospf.attach: {error}") from error
        for one in self._all:  # all or none: what begins in the archive ends what was known
            now = time.monotonic()
            for watcher in self._watchers:
                watcher.attached(one.where, one.listener, now, time.time() - now)
            self._reactor.addReader(one)
            one.silence = self._reactor.callLater(SILENCE, self._silent, one)
            self.turn(one, now)
        self._look = self._reactor.callLater(LOOK, self._look_around)

    def stop(self) -> None:
        for one in self._all:
            if one.socket is None:
                continue
            self._reactor.removeReader(one)
            if one.timer is not None and one.timer.active():
                one.timer.cancel()
            if one.silence.active():
                one.silence.cancel()
            now = time.monotonic()
            one.listener.leave(now)
            for destination, payload in one.listener.packets_to_send(now):
                one.socket.send(destination, payload)
            one.socket.close()
            one.socket = None
        for call in (*self._cuts.values(), self._look):
            if call is not None and call.active():
                call.cancel()

    def turn(self, one: _Attachment, now: float) -> None:
        """After anything happened to a listener: send, tell, re-arm its one timer."""
        self._drain(one, now)
        if one.timer is not None and one.timer.active():
            one.timer.cancel()
        due = one.listener.next_timeout()
        if due is not None:
            one.timer = self._reactor.callLater(max(due - now, 0.001), self._timeout, one)

    def _timeout(self, one: _Attachment) -> None:
        now = time.monotonic()
        try:
            one.listener.handle_timeout(now)
            self.turn(one, now)
        except Exception:
            self.failed(one.config.interface, now)
            one.timer = self._reactor.callLater(1.0, self._timeout, one)

    def _look_around(self) -> None:
        now = time.monotonic()
        for watcher in self._watchers:
            try:
                watcher.look(now, time.time() - now)
            except Exception:
                self.failed(type(watcher).__name__, now)
        for one in self._all:
            try:
                self._keep_current(one, now)
            except Exception:
                self.failed(one.config.interface, now)
        for key in self.domains:
            if self._restarting(key, now).keys() != self._held.get(key, frozenset()):
                self.changed(key, now)  # what a restarting router said holds no longer, though no LSA says so
        self._look = self._reactor.callLater(LOOK, self._look_around)

    def _keep_current(self, one: _Attachment, now: float) -> None:
        """An interface that was deleted and made again, or renumbered, needs a new socket; the old one is deaf."""
        if one.socket is None or one.socket.is_current():
            return
        interface = one.config.interface
        try:
            link = _open(one.config)
        except OspfError as error:  # not there yet
            line = self._complaints.say(f"reopen {interface}", f"{error}; trying again every second", now)
            if line:
                log.warning(line)
            return
        link.stats = replace(one.socket.stats, kernel_dropped=0, reopened=one.socket.stats.reopened + 1)
        self._reactor.removeReader(one)
        one.socket.close()
        one.plug(link)
        self._reactor.addReader(one)
        log.warning("%s: the interface was made anew or renumbered: listening on it again", interface)
        one.listener.packets_lost(now, "the interface was made anew")
        self.turn(one, now)

    def _silent(self, one: _Attachment) -> None:
        if not one.listener.stats.packets:
            log.warning(
                "%s: no OSPF packet in %.0f s; is an OSPF router on this segment, and multicast not filtered?",
                one.config.interface,
                SILENCE,
            )

    def _drain(self, one: _Attachment, now: float) -> None:
        for destination, payload in one.listener.packets_to_send(now):
            one.socket.send(destination, payload)
        offset = time.time() - now
        while (event := one.listener.next_event()) is not None:
            name = type(event).__name__
            if name == "LsdbChanged":
                self.changed(one.where.domain, now)
            elif name != "LsaHeard":
                said = told(event)
                level = logging.WARNING if isinstance(event, AuthenticationFailed | SyncFailed) else logging.INFO
                words = f"{one.config.interface}: {said.kind} {said.subject}: {said.detail}"
                line = one.lines.say(words, now)
                if line:
                    log.log(level, line)
            for watcher in self._watchers:
                watcher.hear(event, one.where, offset)
        if one.listener.boot_count > self._boots and self._keep_boots is not None:  # its counter is used up
            self._boots = one.listener.boot_count
            self._keep_boots(self._boots)
        stats = one.listener.stats
        bad = stats.malformed + stats.lsas_refused
        if bad > self._malformed.get(id(one), 0):
            self._malformed[id(one)] = bad
            reason = one.listener.last_error or "malformed packet"
            line = self._complaints.say(one.config.interface, f"{one.config.interface}: {reason}", now)
            if line:
                log.warning(line)

    def failed(self, where: str, now: float) -> None:
        """A fault of ours: counted, told with its traceback once a minute, and the night goes on."""
        self.failures += 1
        line = self._complaints.say(f"failure {where}", f"{where}: failed, going on", now)
        if line:
            log.exception(line)

    def changed(self, key: DomainKey, now: float) -> None:
        """A database of the instance changed: its next version is cut as soon as one may be."""
        due = self.domains[key].changed(now)
        call = self._cuts.get(key)
        if call is None or not call.active():
            self._cuts[key] = self._reactor.callLater(max(due - now, 0.0), self._make_version, key)

    def _make_version(self, key: DomainKey) -> None:
        begin = time.monotonic()
        try:
            self._cut_version(self.domains[key], begin)
        except Exception:
            self.failed(f"topology of {key.name}", time.monotonic())
        end = time.monotonic()
        self.domains[key].spent(end - begin, end)

    def _cut_version(self, domain: Domain, now: float) -> None:
        wall, before = time.time(), domain.current
        until = self._restarting(domain.key, now)
        self._held[domain.key] = frozenset(until)
        restarting = {router: end + wall - now for router, end in until.items()}
        known = self._pipeline.ifindex.known_addresses(domain.key.instance)
        topology = domain.cut(now, wall, known, restarting)
        changes = self._pipeline.receive_topology(topology)
        self.topologies += 1
        for watcher in self._watchers:
            watcher.topology(domain.key, before, topology, changes, now)

    def _restarting(self, key: DomainKey, now: float) -> dict[int, float]:
        """Router id -> until when (monotonic) it restarts gracefully."""
        found: dict[int, float] = {}
        for watcher in self._watchers:
            found |= watcher.restarting(key, now)
        return found

    def stats(self) -> dict[str, dict[str, float]]:
        """Counters per attachment."""
        out: dict[str, dict[str, float]] = {"topology": {"versions": self.topologies, "failures": self.failures}}
        for number, one in enumerate(self._all):
            name = "ospf" if len(self._all) == 1 else f"ospf{number}"
            out[name] = {k: v for k, v in asdict(one.listener.stats).items() if isinstance(v, int | float)}
            out[f"{name}_lsdb"] = dict(asdict(one.listener.lsdb.stats))
            if one.socket is not None:
                out[f"{name}_socket"] = dict(asdict(one.socket.stats))
        for watcher in self._watchers:
            out |= {component: dict(counters) for component, counters in watcher.stats().items()}
        for counters_of in self.counted:
            out |= counters_of()
        return out
