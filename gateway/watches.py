"""Who is told what the OSPF attachments hear: the archive keeps it, the watch looks for what goes wrong.

Both are told in the reactor's thread, in order.  Event times are the listeners' monotonic clock; `offset` makes them
wall clock, so that a clock set by NTP neither bends the archive nor looks like missed refreshes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from gateway.complaints import Budget
from gateway.published import Event as Told
from ospf.anomalies import Anomalies
from ospf.archivefile import ArchiveFile
from ospf.domain import DomainKey
from ospf.events import Event, LsaHeard, Synchronised
from ospf.history import TopologyEvent
from ospf.listener import Listener
from ospf.lsdb import Lsdb
from ospf.polled import Poll
from ospf.thresholds import AnomalyConfig
from ospf.topology import Topology

log = logging.getLogger("anemone.ospf")


@dataclass(frozen=True)
class Where:
    """Which attachment an event comes from."""

    number: int  # position among the attachments
    interface: str
    domain: DomainKey


class Watcher(Protocol):
    """What `gateway.attachments` tells; `now` is monotonic seconds, `now + offset` wall clock."""

    def attached(self, where: Where, listener: Listener, now: float, offset: float) -> None: ...

    def hear(self, event: Event, where: Where, offset: float) -> None: ...

    def polled(
        self, key: DomainKey, source: str, databases: Mapping[int, Lsdb], poll: Poll, now: float, offset: float
    ) -> None: ...

    def topology(
        self, key: DomainKey, old: Topology | None, new: Topology, changes: Sequence[TopologyEvent], now: float
    ) -> None: ...

    def restarting(self, key: DomainKey, now: float) -> Mapping[int, float]: ...

    def look(self, now: float, offset: float) -> None: ...

    def stats(self) -> Mapping[str, Mapping[str, float]]: ...


class Archivist:
    """Writes every LSA heard to the archive; what a listener could not record is made good from its database."""

    def __init__(self, archive: ArchiveFile) -> None:
        self.archive = archive
        self._listeners: dict[Where, Listener] = {}
        self._unrecorded: dict[Where, int] = {}

    def start(self) -> None:
        self.archive.start()

    def stop(self) -> None:
        self.archive.stop()

    def attached(self, where: Where, listener: Listener, now: float, offset: float) -> None:
        self._listeners[where] = listener
        self.archive.begin(*where.domain, where.interface, now + offset)

    def hear(self, event: Event, where: Where, offset: float) -> None:
        if isinstance(event, LsaHeard):
            self.archive.write(*where.domain, where.interface, [event], offset)
        elif isinstance(event, Synchronised):
            self.archive.settled(*where.domain, where.interface, event.time + offset)

    def polled(
        self, key: DomainKey, source: str, databases: Mapping[int, Lsdb], poll: Poll, now: float, offset: float
    ) -> None:
        for area in sorted({*poll.changes, *poll.new}):
            raws = [lsa.raw for lsa in databases[area].lsas(now)]
            self.archive.replace(*key, area, source, raws, now + offset)

    def topology(
        self, key: DomainKey, old: Topology | None, new: Topology, changes: Sequence[TopologyEvent], now: float
    ) -> None:
        """Topologies are made from the LSAs again, nothing is kept of them."""

    def restarting(self, key: DomainKey, now: float) -> Mapping[int, float]:
        return {}

    def look(self, now: float, offset: float) -> None:
        for where, listener in self._listeners.items():
            lost = listener.stats.lsas_unrecorded
            if lost != self._unrecorded.get(where, 0):
                self._unrecorded[where] = lost
                raws = [lsa.raw for lsa in listener.lsdb.lsas(now)]
                area = listener.lsdb.area
                self.archive.replace(*where.domain, area, where.interface, raws, now + offset)

    def stats(self) -> Mapping[str, Mapping[str, float]]:
        return {"ospf_archive": asdict(self.archive.stats)}


class Watch:
    """Anomalies of every instance, told as events."""

    def __init__(self, config: AnomalyConfig, tell: Callable[[Told], None]) -> None:
        self._config = config
        self._tell = tell
        self._watches: dict[DomainKey, Anomalies] = {}
        self._listeners: dict[DomainKey, dict[str, Listener]] = {}
        self._own: dict[DomainKey, set[int]] = {}
        self._lines = Budget()

    def attached(self, where: Where, listener: Listener, now: float, offset: float) -> None:
        key = where.domain
        self._of(key)
        self._own[key].add(listener.router_id)
        self._listeners.setdefault(key, {})[where.interface] = listener

    def hear(self, event: Event, where: Where, offset: float) -> None:
        watch = self._watches[where.domain]
        watch.hear(event, where.interface)
        self._drain(where.domain, watch, offset)

    def polled(
        self, key: DomainKey, source: str, databases: Mapping[int, Lsdb], poll: Poll, now: float, offset: float
    ) -> None:
        watch = self._of(key)
        watch.polled(poll, now)
        self._drain(key, watch, offset)

    def topology(
        self, key: DomainKey, old: Topology | None, new: Topology, changes: Sequence[TopologyEvent], now: float
    ) -> None:
        self._of(key).topology(old, new, changes, now)

    def _of(self, key: DomainKey) -> Anomalies:
        if key not in self._watches:
            own = self._own.setdefault(key, set())
            self._watches[key] = Anomalies(self._config, version=key.version, own=own)
        return self._watches[key]

    def restarting(self, key: DomainKey, now: float) -> Mapping[int, float]:
        watch = self._watches.get(key)
        return {} if watch is None else watch.restarting(now)

    def look(self, now: float, offset: float) -> None:
        for key, watch in self._watches.items():
            watch.look(self._listeners.get(key, {}), now)
            watch.handle_timeout(now)
            self._drain(key, watch, offset)

    def _drain(self, key: DomainKey, watch: Anomalies, offset: float) -> None:
        before = "" if key.instance == "default" else f"{key.instance}/"
        while (found := watch.next_event()) is not None:
            line = self._lines.say(f"{found.kind}: {before}{found.subject}: {found.detail}", found.time)
            if line:  # the event is told in any case
                log.warning(line)
            self._tell(Told(found.time + offset, found.kind, before + found.subject, found.detail))

    def stats(self) -> Mapping[str, Mapping[str, float]]:
        """Counters over all instances, and how many anomalies there are now."""
        total: dict[str, float] = {"now": 0}
        for watch in self._watches.values():
            total["now"] += len(watch.active())
            for name, count in asdict(watch.stats).items():
                if isinstance(count, int | float):
                    total[name] = total.get(name, 0) + count
        return {"anomalies": total}
