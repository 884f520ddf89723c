"""OSPF attachments: packets in, listener, topology versions out (cut at most every 50 ms)."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from typing import Any

from gateway.complaints import Complaints
from gateway.config import Ospf
from gateway.errors import GatewayError
from gateway.pipeline import Pipeline
from ospf.config import AttachConfig
from ospf.errors import OspfError
from ospf.listener import Listener
from ospf.lsa import Key, Lsa, is_newer
from ospf.rawsocket import open_attachment
from ospf.topology import build_topology
from ospf.wire import address_text

CUT = 0.05  # s between two topology versions
SILENCE = 60.0  # s without any OSPF packet since the start, after which the log asks why
log = logging.getLogger("anemone.ospf")


class _Attachment:
    """One listener and its socket, as the reactor sees them (IReadDescriptor)."""

    def __init__(self, owner: Attachments, config: AttachConfig, now: float) -> None:
        self.config = config
        self.listener = Listener(config, now)  # on the monotonic clock
        self.socket: Any = None
        self._owner = owner
        self.timer: Any = None
        self.silence: Any = None

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


class Attachments:
    """All `[[ospf.attach]]`; `topologies` counts versions cut."""

    def __init__(self, reactor: Any, config: Ospf, pipeline: Pipeline) -> None:
        self._reactor = reactor
        self._pipeline = pipeline
        self._all = [_Attachment(self, attach, time.monotonic()) for attach in config.attach]
        self._cut: Any = None
        self._version = 0
        self._last_time = 0.0
        self._complaints = Complaints()
        self._malformed: dict[int, int] = {}
        self.topologies = 0
        self.failures = 0
        self.other_areas = 0  # databases left out of a version

    def start(self) -> None:
        for one in self._all:
            try:
                one.socket = open_attachment(one.config)
            except OspfError as error:
                raise GatewayError(f"ospf.attach: {error}") from error
            self._reactor.addReader(one)
            one.silence = self._reactor.callLater(SILENCE, self._silent, one)
            self.turn(one, time.monotonic())

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
        while (event := one.listener.next_event()) is not None:
            name = type(event).__name__
            if name == "LsdbChanged":
                if self._cut is None:
                    self._cut = self._reactor.callLater(CUT, self._make_version)
            else:
                log.info("%s: %s", one.config.interface, event)
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

    def _make_version(self) -> None:
        self._cut = None
        try:
            self._cut_version()
        except Exception:
            self.failed("topology", time.monotonic())

    def _cut_version(self) -> None:
        now = time.monotonic()
        newest: dict[Key, Lsa] = {}
        # Databases of one area are merged; another area's would make a topology that does not exist.
        first = next((one for one in self._all if len(one.listener.lsdb)), self._all[0])
        area, instance = first.listener.lsdb.area, first.config.instance
        for one in self._all:
            lsdb = one.listener.lsdb
            if len(lsdb) and lsdb.area != area:
                self._other_area(one, area, now)
                continue
            for lsa in lsdb.lsas(now):
                known = newest.get(lsa.key)
                if known is None or is_newer(lsa.header, known.header) > 0:
                    newest[lsa.key] = lsa
        self._version += 1
        # Versions follow each other even when the wall clock is set back.
        self._last_time = max(time.time(), self._last_time)
        topology = build_topology(
            newest.values(),
            area=address_text(area),
            instance=instance,
            version=self._version,
            time=self._last_time,
            known=self._pipeline.ifindex.known_addresses(),
        )
        self._pipeline.receive_topology(topology)
        self.topologies += 1

    def _other_area(self, one: _Attachment, area: int, now: float) -> None:
        self.other_areas += 1
        where, other = one.config.interface, address_text(one.listener.lsdb.area)
        text = f"{where}: area {other} is left out: one gateway follows one area so far, and it is {address_text(area)}"
        line = self._complaints.say(f"area {where}", text, now)
        if line:
            log.error(line)

    def stats(self) -> dict[str, dict[str, float]]:
        """Counters per attachment."""
        out: dict[str, dict[str, float]] = {
            "topology": {"versions": self.topologies, "failures": self.failures, "other_areas": self.other_areas}
        }
        for number, one in enumerate(self._all):
            name = "ospf" if len(self._all) == 1 else f"ospf{number}"
            out[name] = {k: v for k, v in asdict(one.listener.stats).items() if isinstance(v, int | float)}
            out[f"{name}_lsdb"] = dict(asdict(one.listener.lsdb.stats))
            if one.socket is not None:
                out[f"{name}_socket"] = dict(asdict(one.socket.stats))
        return out
