"""The agent's wiring and its loop: sources -> tables -> owners -> exporting process -> UDP.

Three clocks drive it.  Every `interval_seconds` a report: one dump of TCP sockets, all queued destroy
events, the datagram table's deltas, the host's addresses.  Every second (sooner when buffers are small or
busy) a drain of events and ring, so that neither overflows.  And, within a CPU budget, the ring's own
readiness, so that short flows are given an owner while they live.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from agents.attribution import Attribution
from agents.budget import Wakefulness
from agents.config import AgentConfig
from agents.conntrack import ConntrackDeltas
from agents.datagramtable import DatagramTable
from agents.errors import AgentsError, NetlinkError
from agents.hostaddresses import HostAddresses
from agents.lookup import FlowLookup
from agents.owners import Owner, OwnerDirectory
from agents.records import FlowRows, concatenate
from agents.report import ApplicationNames, flow_columns, host_columns, statistics_columns
from agents.sources.conntrack import ConntrackSource, accounting_is_on
from agents.sources.identity import agent_identifier, may_see_others, user_names
from agents.sources.packetring import FRAMES, OpeningTap, PacketRing
from agents.sources.procfs import ProcessTable
from agents.sources.rtnetlink import read_host
from agents.sources.sockdiag import DestroyEvents, SocketDump
from agents.tcptable import TcpTable
from exporters.process import ExportingProcess
from exporters.profiles import (
    AGENT_FLOW_V4,
    AGENT_FLOW_V6,
    AGENT_HOST_V4,
    AGENT_HOST_V6,
    AGENT_STATISTICS,
    AGENT_TEMPLATES,
    APPLICATION_NAMES,
)
from exporters.udp import UdpSender

log = logging.getLogger("anemone.agent")

DRAIN_SECONDS = 1.0
SMALL_BUFFER_OCTETS = 2 * 1024 * 1024  # an event buffer below this holds fewer than a second's events
SMALL_BUFFER_DRAIN_SECONDS = 0.1
LEAST_RING_SECONDS = 0.01
HOST_READ_FACTOR = 500  # reading the host's addresses takes at most 1/500 of the time
MOST_OPENINGS = 4  # SYNs looked at in one turn: the newest, older ones are gone
COMPLAINT_SECONDS = 60.0
ERROR_PAUSE_SECONDS = 0.05  # a source that always fails must not make the loop spin
MOST_FINAL_SENDS = 200  # paced options at the end


@dataclass
class ServiceStats:
    """Reports made, rows that did not fit into one, and errors of the sources (each is tried again)."""

    reports: int = 0
    rows: int = 0
    overflow_rows: int = 0
    source_errors: int = 0
    refused: int = 0  # sends after which the gateway turned out not to be there


class AgentService:
    """One agent for the network namespace it was started in."""

    def __init__(self, config: AgentConfig) -> None:
        self.config = config
        self.stats = ServiceStats()
        self._process = ExportingProcess(
            config.observation_domain,
            AGENT_TEMPLATES,
            mtu=config.mtu,
            template_refresh_seconds=config.template_refresh_seconds,
        )
        try:
            self._sender = UdpSender(*config.gateway_address())
        except OSError as error:
            raise AgentsError(f"gateway: {config.gateway}: {error.strerror}") from error
        self._names = ApplicationNames(config.max_applications)
        self._processes = ProcessTable()
        self._directory = OwnerDirectory(
            self._processes,
            Attribution([rule.rule() for rule in config.rule]),
            user_names(config.user_names),
        )
        self._dump = SocketDump()
        self._events = DestroyEvents()
        self._tracker = self._open_tracker()
        self._tracked = ConntrackDeltas()
        self._ring = self._open_ring()
        self._tap = self._open_tap()
        self._tcp = TcpTable()
        self._datagrams = DatagramTable(most_flows=config.max_flows, idle_seconds=config.idle_timeout_seconds)
        self._lookup = FlowLookup(self._directory, self._dump, self._processes)
        share = config.attribution_cpu_percent / 100 / 2
        self._tap_wakes = Wakefulness(share, time.monotonic())
        self._ring_wakes = Wakefulness(share, time.monotonic())
        self._ended: list[FlowRows] = []  # TCP rows between reports: owners are asked for at the end
        self._pending: list[tuple[FlowRows, list[Owner]]] = []
        self._pending_rows = self._ended_rows = 0
        self._host = HostAddresses((), {})
        self._own: frozenset[bytes] = frozenset()
        self._host_at = 0.0
        self._identity, stored = agent_identifier(Path(config.state_dir))
        self._host_name = config.host_name or socket.gethostname()
        small = self._events.buffer_octets < SMALL_BUFFER_OCTETS
        self._drain_seconds = SMALL_BUFFER_DRAIN_SECONDS if small else DRAIN_SECONDS
        self._ring_at = 0.0  # the ring must be read by then (monotonic)
        self._ring_read = time.monotonic()
        self._refused = False
        self._complaints: dict[str, float] = {}  # the last error, and when it may be told again
        self._say_coverage(stored)

    def _open_tracker(self) -> ConntrackSource | None:
        wanted = self.config.datagrams
        if wanted not in ("auto", "conntrack") or (wanted == "auto" and not accounting_is_on()):
            return None
        try:
            return ConntrackSource()
        except (OSError, NetlinkError) as error:
            log.warning("conntrack: %s", error)
            return None

    def _open_ring(self) -> PacketRing | None:
        if self.config.datagrams in ("off", "conntrack") or self._tracker is not None:
            return None
        try:
            return PacketRing()
        except OSError as error:
            if self.config.datagrams == "ring":
                log.warning("packet ring: %s", error)
            return None

    def _open_tap(self) -> OpeningTap | None:
        if self.config.attribution_cpu_percent <= 0:
            return None
        try:
            return OpeningTap()
        except OSError:  # _say_coverage says what is missing then
            return None

    def _say_coverage(self, stored: bool) -> None:
        missing = []
        if self._ring is None and self._tracker is None:
            missing.append("UDP, ICMP and the rest (no packet ring: CAP_NET_RAW)")
        if self._tap is None:
            missing.append("owners of short client connections (CAP_NET_RAW)")
        if self._drain_seconds < DRAIN_SECONDS:
            missing.append("a large event buffer (CAP_NET_ADMIN)")
        if not may_see_others():
            missing.append("processes of other users (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH)")
        if not stored:
            missing.append(f"a lasting agent id ({self.config.state_dir} may not be written)")
        log.info(
            "agent %s on %s: layer 1 (sock_diag%s), every %g s to %s; %s",
            self._identity.hex(),
            self._host_name,
            ", packet ring" if self._ring else ", conntrack" if self._tracker else "",
            self.config.interval_seconds,
            self.config.gateway,
            "missing: " + "; ".join(missing) if missing else "nothing missing",
        )

    # -- life ---------------------------------------------------------------------------------------------

    def run(self, stop: Callable[[], bool], wake: int) -> None:
        """Report until `stop()` says so; `wake` is a descriptor that becomes readable when it does."""
        self._start()
        next_report = time.monotonic() + self.config.interval_seconds
        next_drain = time.monotonic() + self._drain_seconds
        while not stop():
            export_at = self._export_timeout(time.monotonic())
            self._guard(partial(self._watch, wake, min(next_report, next_drain, self._ring_at, export_at)))
            now = time.monotonic()
            if now >= next_drain:
                self._guard(self._drain)
                next_drain = now + self._drain_seconds
            if now >= next_report:
                self._guard(self._report)
                # a late report does not make the next one early
                next_report = max(next_report + self.config.interval_seconds, now + 0.5)
                export_at = now
            if now >= export_at:
                self._send()
        self._guard(self._final)
        self._finish()

    def _watch(self, wake: int, until: float) -> None:
        """Sleep until the time given, or until a flow begins that the budget allows to be looked at."""
        now, begun = time.monotonic(), time.thread_time()
        watch = [wake]
        for source, wakefulness in ((self._tap, self._tap_wakes), (self._ring, self._ring_wakes)):
            if source is not None:
                opens = wakefulness.open_at(now)
                if opens <= now:
                    watch.append(source.fileno())
                else:
                    until = min(until, opens)
        readable = select.select(watch, [], [], max(0.0, until - now))[0]
        if wake in readable:
            os.read(wake, 4096)
        if self._tap is not None and self._tap.fileno() in readable:
            now = time.monotonic()
            useful = self._take_openings(self._tap, now)
            spent = time.thread_time() - begun
            begun += spent
            self._tap_wakes.woken(spent, now, useful=useful)
        if self._ring is not None and self._ring.fileno() in readable:
            now = time.monotonic()
            useful = self._read_ring()
            self._ring_wakes.woken(time.thread_time() - begun, now, useful=useful)
        elif time.monotonic() >= self._ring_at:
            self._read_ring()

    def _start(self) -> None:
        """Sockets that exist already are the zero that deltas count from; the gateway hears of the host at once."""
        now = time.time()
        self._read_host()
        sockets = self._dump.tcp()
        self._tcp.baseline(sockets, now)
        self._tcp.end(self._events.drain(), now)
        self._directory.see_tcp(sockets, now)
        self._directory.see_udp(self._dump.udp(), now)
        if self._tracker is not None:
            self._tracked.baseline(self._tracker.dump())
        self._process.set_options(APPLICATION_NAMES, self._names.columns())
        self._add_host(now)
        self._send()

    def _guard(self, step: Callable[[], None]) -> None:
        """A source that fails is counted and tried again at the next turn; nothing stops."""
        try:
            step()
        except (OSError, NetlinkError) as error:
            self.stats.source_errors += 1
            now = time.monotonic()
            if now >= self._complaints.get(str(error), 0.0):
                self._complaints = {str(error): now + COMPLAINT_SECONDS}
                log.warning("a source failed, tried again (%d times so far): %s", self.stats.source_errors, error)
            time.sleep(ERROR_PAUSE_SECONDS)

    def _finish(self) -> None:
        for stats in (self.stats, self._lookup.stats, self._directory.stats, self._processes.stats, self._tcp.stats,
                      self._datagrams.stats, self._events.stats, self._process.stats, self._sender.stats):  # fmt: skip
            log.debug("%s", stats)
        for _ in range(MOST_FINAL_SENDS):
            self._send()
            timeout = self._process.next_timeout()
            if timeout is None or timeout - time.time() > 1:
                break
            time.sleep(0.02)
        self._sender.close()
        self._events.close()
        self._dump.close()
        for source in (self._ring, self._tap, self._tracker):
            if source is not None:
                source.close()

    # -- sources ------------------------------------------------------------------------------------------

    def _read_host(self) -> None:
        """Addresses and routes; on a host with a full routing table less often, for the kernel dumps all of it."""
        begun = time.monotonic()
        if begun >= self._host_at:
            self._host = read_host()
            self._own = self._host.own()
            now = time.monotonic()
            self._host_at = now + (now - begun) * HOST_READ_FACTOR

    def _read_ring(self) -> bool:
        """Count what is in the ring; whether there was a new flow whose owner had to be looked up."""
        if self._ring is None:
            self._ring_at = float("inf")
            return False
        packets = self._ring.drain()
        monotonic, now = time.monotonic(), time.time()
        count = 0 if packets is None else len(packets)
        # read again before a quarter of the ring is full at the present rate
        rate = count / max(monotonic - self._ring_read, 0.001)
        self._ring_read = monotonic
        self._ring_at = monotonic + min(DRAIN_SECONDS, max(LEAST_RING_SECONDS, FRAMES / 4 / max(rate, 1.0)))
        if packets is None:
            return False
        news = self._datagrams.add(packets, self._own, self._host.counted, now)
        return self._lookup.take(news, now, affordable=self._ring_wakes.budget.allows(monotonic))

    def _take_openings(self, tap: OpeningTap, monotonic: float) -> bool:
        """Owners of the connections being opened, the newest first: the likeliest to live.  Whether any had to be
        looked up."""
        now, generous = time.time(), self._tap_wakes.budget.generous(monotonic)
        useful = False
        for endpoints in dict.fromkeys(reversed(tap.drain()[-MOST_OPENINGS:])):
            useful |= self._lookup.take_opening(endpoints, now, generous=generous)
        return useful

    def _drain(self) -> None:
        """Events to rows, so that the kernel's queue stays short."""
        now = time.time()
        self._keep_ended(self._tcp.end(self._events.drain(), now))
        self._read_tracker(now, dump=False)

    def _read_tracker(self, now: float, *, dump: bool) -> None:
        """Conntrack's ended entries, and at a report (`dump`) the living ones."""
        if self._tracker is None:
            return
        for entries, whole in ((self._tracker.drain(), False), (self._tracker.dump() if dump else [], dump)):
            news = self._tracked.take(entries, self._datagrams, self._own, now, dump=whole)
            self._lookup.take(news, now, affordable=self._ring_wakes.budget.allows(time.monotonic()))

    def _keep_ended(self, rows: FlowRows) -> None:
        rows = self._leaving(rows)
        if len(rows):
            room = max(0, self.config.max_flows - self._ended_rows)
            self.stats.overflow_rows += max(0, len(rows) - room)
            self._ended.append(rows.take(np.arange(min(room, len(rows)))))
            self._ended_rows += len(self._ended[-1])

    def _leaving(self, rows: FlowRows) -> FlowRows:
        """Rows whose ends are not both on this host."""
        if not len(rows):
            return rows
        stays = [
            (local.tobytes() in self._own and remote.tobytes() in self._own)
            or (version == 4 and (local[0] == 127 or remote[0] == 127))
            for local, remote, version in zip(rows.local, rows.remote, rows.version, strict=True)
        ]
        return rows.take(~np.asarray(stays, np.bool_))

    def _hold(self, rows: FlowRows, owners: list[Owner]) -> None:
        room = self.config.max_flows - self._pending_rows
        if len(rows) > room:
            self.stats.overflow_rows += len(rows) - room
            rows, owners = rows.take(np.arange(room)), owners[:room]
        self._pending.append((rows, owners))
        self._pending_rows += len(rows)

    # -- reports ------------------------------------------------------------------------------------------

    def _report(self, *, final: bool = False) -> None:
        now = time.time()
        self._guard(self._read_host)
        self._read_ring()
        sockets = self._dump.tcp()
        self._directory.see_tcp(sockets, now)
        live = self._tcp.update(sockets, now)
        ended = self._tcp.end(self._events.drain(), now)
        tcp = concatenate([*self._ended, self._leaving(live), self._leaving(ended)])
        self._ended, self._ended_rows = [], 0
        self._hold(tcp, self._directory.of_tcp(tcp, now))
        self._tcp.forget_vanished(sockets)
        self._directory.keep_tcp(sockets.cookie, self._tcp.listening.tolist())
        self._read_tracker(now, dump=True)
        self._lookup.settle_all(now)
        rows = self._datagrams.report(now, final=final)
        if len(rows):
            self._hold(rows, self._directory.of_datagrams(rows))
        self._directory.keep_datagrams(self._datagrams.serials())
        if self._ring is not None:
            self._ring.count_drops()
        self._export(now)

    def _final(self) -> None:
        self._report(final=True)

    def _export(self, now: float) -> None:
        """Everything held, as records; names first, so that the gateway knows them."""
        pending, self._pending, self._pending_rows = self._pending, [], 0
        tables = []
        for version, template in ((4, AGENT_FLOW_V4), (6, AGENT_FLOW_V6)):
            for rows, owners in pending:
                index = np.flatnonzero(rows.version == version)
                if len(index):
                    chosen = [owners[place] for place in index]
                    tables.append((template, flow_columns(rows.take(index), chosen, self._names, version)))
                    self.stats.rows += len(index)
        if self._names.changed:
            self._process.set_options(APPLICATION_NAMES, self._names.columns())
            self._names.changed = False
        self._add_host(now)
        for template, columns in tables:
            self._process.add(template, columns, now)
        self.stats.reports += 1

    def _add_host(self, now: float) -> None:
        for version, template in ((4, AGENT_HOST_V4), (6, AGENT_HOST_V6)):
            addresses = self._host.reportable(version)
            if addresses:
                columns = host_columns(
                    addresses,
                    version=version,
                    odid=self.config.observation_domain,
                    agent_id=self._identity,
                    host_name=self._host_name,
                    interval_seconds=self.config.interval_seconds,
                )
                self._process.add(template, columns, now)
        export, ring = self._process.stats, self._ring
        columns = statistics_columns(
            odid=self.config.observation_domain,
            messages=export.messages,
            records=self.stats.rows,
            octets=export.octets,
            events_lost=self._events.stats.overflows
            + self._tcp.stats.vanished
            + self.stats.overflow_rows
            + (self._tracker.stats.overflows if self._tracker else 0),
            ring_dropped=(ring.stats.dropped if ring else 0) + self._datagrams.stats.overflow_packets,
            unowned=self._directory.stats.unowned_flows,
        )
        self._process.add(AGENT_STATISTICS, columns, now)

    # -- sending ------------------------------------------------------------------------------------------

    def _export_timeout(self, monotonic: float) -> float:
        timeout = self._process.next_timeout()
        return float("inf") if timeout is None else monotonic + max(0.0, timeout - time.time())

    def _send(self) -> None:
        now = time.time()
        self._process.handle_timeout(now)
        datagrams = self._process.datagrams_to_send(now)
        if not datagrams:
            return
        self._sender.last_error = ""  # also set when an earlier datagram was refused and this one was taken
        reopened = self._sender.stats.reopened
        self._sender.send(datagrams)
        if self._sender.stats.reopened != reopened:  # what went out just now waits at the gateway for its templates
            self._process.begin_session()
        refused = bool(self._sender.last_error)
        self.stats.refused += refused
        if refused != self._refused:
            self._refused = refused
            if refused:
                log.warning("gateway %s: %s (counted, kept trying)", self.config.gateway, self._sender.last_error)
            else:
                log.info("gateway %s: reached", self.config.gateway)
