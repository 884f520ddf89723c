"""The appliance: every component in data order, started top to bottom, stopped bottom to top.

Components are inert until started.  Receiving (its own thread) never waits for decoding; SNMP is answered by its own
process from an immutable snapshot; what is written to disk is written by one worker thread.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Protocol

from gateway.attachments import Attachments
from gateway.boots import Boots
from gateway.clock import PipelineClock
from gateway.config import GatewayConfig, endpoint
from gateway.errors import GatewayError
from gateway.exports import Exports
from gateway.http import make_site
from gateway.inputs import Inputs
from gateway.past import Past
from gateway.polls import Polls
from gateway.snmp import SnmpProcess
from gateway.store import Store, read_events, read_links
from gateway.watches import Archivist, Watch, Watcher
from ospf.archivefile import FOLDER, ArchiveFile
from ospf.errors import OspfError

log = logging.getLogger("anemone.gateway")


class Component(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


class HttpServer:
    """The HTTP API, `/metrics` and the page."""

    def __init__(self, reactor: Any, listen: str, site: Any) -> None:
        self._reactor, self._site = reactor, site
        _, self._host, self._port = endpoint("tcp://" + listen)
        self._listening: Any = None

    def start(self) -> None:
        try:
            self._listening = self._reactor.listenTCP(self._port, self._site, interface=self._host)
        except Exception as error:
            raise GatewayError(f"http.listen: {self._host}:{self._port}: {error}") from error

    def stop(self) -> None:
        if self._listening is not None:
            self._listening.stopListening()


class StoreFile:
    """Opens the store first of all and closes it last of all."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def start(self) -> None:
        """Opened by `run` already: the pipeline starts from what it remembers."""

    def stop(self) -> None:
        self.store.close()


def run_directory(config: GatewayConfig) -> Path:
    """Where run-time files live: `run_dir`, /run/anemone when writable, else the state directory."""
    for candidate in (config.run_dir, "/run/anemone" if not config.run_dir else ""):
        if candidate and (os.access(candidate, os.W_OK) or config.run_dir):
            path = Path(candidate)
            break
    else:
        path = Path(config.state_dir) / "run"
    path.mkdir(parents=True, exist_ok=True)
    return path


def stop_all(started: list[Component]) -> None:
    """Last started, first stopped.  One that fails does not keep the others running."""
    while started:
        component = started.pop()
        try:
            component.stop()
        except Exception:
            log.exception("%s: stop failed, going on", type(component).__name__)


def run(config: GatewayConfig) -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, GatewayError when it cannot start."""
    from twisted.internet import asyncioreactor

    asyncioreactor.install()
    from twisted.internet import reactor as installed
    from twisted.internet.threads import blockingCallFromThread

    reactor: Any = installed
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    now = time.time()
    store = Store(config.state_dir)
    from gateway.pipeline import Pipeline

    pipeline = Pipeline(config, now, store.open())
    run_dir = run_directory(config)
    inputs = Inputs(config.collect)
    boots = Boots(config.state_dir)
    archive = ArchiveFile(
        Path(config.state_dir) / FOLDER, octets=config.ospf.archive_octets, days=config.ospf.archive_days
    )
    archivist = Archivist(archive) if config.ospf.archive_octets else None
    watch = Watch(config.ospf.anomalies, pipeline.note)
    watchers: list[Watcher] = [watch] if archivist is None else [archivist, watch]
    attachments = Attachments(reactor, config.ospf, pipeline, watchers, boots.next(now), boots.keep)
    exports = Exports(reactor, config.export)
    snmp = SnmpProcess(reactor, config, run_dir)
    clock = PipelineClock(reactor, config, pipeline, inputs, attachments, exports, snmp, store)
    history_file = store.path
    past = Past(
        archive.directory if archivist is not None else None,
        histories=pipeline.histories,
        options=config.ospf.options(),
        known=lambda instance: blockingCallFromThread(reactor, pipeline.ifindex.known_addresses, instance),
        store=history_file,
        read_events=read_events,
    )
    site = make_site(lambda: clock.current, lambda at: read_links(history_file, at), past, config.names)
    # Wiring, in data order.
    components: list[Component] = [
        StoreFile(store),
        inputs,  # datagrams -> queue
        *([] if archivist is None else [archivist]),  # LSAs heard -> archive
        attachments,  # OSPF packets -> Topology -> pipeline
        Polls(reactor, config.ospf.poll, attachments, watchers),  # databases by SNMP -> the same
        exports,  # HopBatch -> exporting processes
        snmp,  # Published -> snapshot -> SNMP process
        clock,  # queue -> pipeline -> Published, HopBatch, store
        HttpServer(reactor, config.http.listen, site),
    ]
    started: list[Component] = []

    try:
        for component in components:
            component.start()
            started.append(component)
    except (GatewayError, OspfError, OSError) as error:
        stop_all(started)
        raise GatewayError(str(error)) from error
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: reactor.callFromThread(reactor.stop))
    reactor.addSystemEventTrigger("before", "shutdown", stop_all, started)
    log.info(
        "running: ospf on %s, ipfix %s, snmp %s, http %s",
        ", ".join(a.interface + (" (OSPFv3)" if a.version == 3 else "") for a in config.ospf.attach)
        or "nothing: no [[ospf.attach]], no link loads",
        ", ".join(config.collect.ipfix),
        ", ".join(config.snmp.listen),
        config.http.listen,
    )
    reactor.run(installSignalHandlers=False)
    return 0
