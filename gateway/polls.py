"""All `[[ospf.poll]]`: routers whose databases stand in for areas nobody is attached to.

Each area's database becomes a polled `Source` of its instance's domain as soon as it is known; the watchers (archive,
anomalies) are told of every poll.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from gateway.attachments import Attachments
from gateway.lsdbpoll import LsdbPoller
from gateway.pollconfig import PollConfig
from gateway.watches import Watcher
from ospf.domain import DomainKey, Source
from ospf.polled import Poll


class Polls:
    """Pollers, started and stopped together; `stats` is among those of the attachments."""

    def __init__(
        self, reactor: Any, configs: Sequence[PollConfig], attachments: Attachments, watchers: Sequence[Watcher] = ()
    ) -> None:
        self._attachments = attachments
        self._watchers = watchers
        self._known: set[tuple[LsdbPoller, int]] = set()
        self._all = [LsdbPoller(reactor, config, self._polled) for config in configs]
        attachments.counted.append(self.stats)

    def start(self) -> None:
        for poller in self._all:
            poller.start()

    def stop(self) -> None:
        for poller in self._all:
            poller.stop()

    def _polled(self, poller: LsdbPoller, poll: Poll) -> None:
        now = time.monotonic()
        key = DomainKey(poller.config.instance, 2)
        for area, lsdb in poller.databases.items():
            if (poller, area) not in self._known:
                self._known.add((poller, area))
                self._attachments.add_source(key, Source(lsdb, polled=True))
        for watcher in self._watchers:
            watcher.polled(key, f"snmp {poller.config.where}", poller.databases, poll, now, time.time() - now)
        if poll.changes or poll.new:
            self._attachments.changed(key, now)

    def stats(self) -> dict[str, dict[str, float]]:
        """Counters per router."""
        return {f"ospf_poll{number or ''}": poller.stats() for number, poller in enumerate(self._all)}
