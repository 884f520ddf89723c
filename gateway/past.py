"""Earlier topologies and events, wherever they are: in memory, in the archive of LSAs, in the store.

What the gateway cut itself it remembers for a while (`TopologyHistory`); beyond that, and offline, topologies are made
again from the archive. Everything here may take a second, so the HTTP side asks from a thread; nothing is changed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Set
from itertools import islice
from pathlib import Path

from gateway.errors import GatewayError
from gateway.published import Event
from gateway.query import NothingFound
from gateway.units import rfc3339
from ospf.archive import Item
from ospf.archivefile import ArchiveReader
from ospf.areas import Options
from ospf.changes import diff
from ospf.domain import DomainKey
from ospf.errors import OspfError
from ospf.history import TopologyHistory
from ospf.past import Rebuild, Traffic, TrafficKey, traffic, versions
from ospf.topology import Topology

STORE = "anemone.sqlite"
MAX_EVENTS = 100_000  # of one answer; the newest are given

Known = Mapping[int, Set[int]]
Progress = Callable[[float], None]
ReadEvents = Callable[[Path, float, float, int], list[Event]]


class Past:
    """`archive` a folder or segment (None: there is none), `histories` what the running gateway remembers.

    `known` gives interface addresses ever seen, by instance and router id, so that interfaces keep their names.
    """

    def __init__(
        self,
        archive: Path | None,
        *,
        histories: Mapping[DomainKey, TopologyHistory] | None = None,
        options: Options | None = None,
        known: Callable[[str], Known] | None = None,
        store: Path | None = None,
        read_events: ReadEvents | None = None,
    ) -> None:
        self._archive = archive
        self._histories = histories or {}
        self._options = options
        self._known = known
        self._store = store
        self._read_events = read_events

    # Topologies

    def topologies(self, at: float) -> dict[str, Topology]:
        """The topology of every instance at `at` (seconds since 1970), by the instance's name; NothingFound."""
        found: dict[str, Topology] = {}
        missing = not self._histories
        for key, history in list(self._histories.items()):
            kept = history.versions  # a copy: the reactor's thread goes on
            position = bisect_right([topology.time for topology in kept], at) - 1
            if position >= 0:
                found[key.name] = kept[position]
            else:
                missing = True
        if missing:
            found = self._archived(at, needed=not found) | found
        if not found:
            raise NothingFound("at", f"no topology is known as of {rfc3339(at)}", self._reach())
        return found

    def pair(self, old: float, new: float) -> tuple[dict[str, Topology], dict[str, Topology]]:
        """The topologies at two times, so that interfaces of both have the same names."""
        first, second = self.topologies(old), self.topologies(new)
        if self._known is None and self._archive is not None:
            learned = _addresses([*first.values(), *second.values()])
            again = Past(self._archive, options=self._options, known=lambda instance: learned.get(instance, {}))
            first, second = again.topologies(old), again.topologies(new)
        return first, second

    def newest(self) -> float:
        """When the archive's last record was heard, seconds since 1970."""
        try:
            return self._reader().span()[1]
        except OspfError as error:
            raise GatewayError(str(error)) from error

    def _archived(self, at: float, *, needed: bool) -> dict[str, Topology]:
        if self._archive is None:
            return {}
        try:
            databases = ArchiveReader(self._archive).at(at)
        except OspfError as error:
            if needed:
                raise NothingFound("at", str(error), "the archive begins with the gateway's first LSA") from error
            return {}
        if databases is None:
            return {}
        rebuild = Rebuild(self._options, self._known)
        return {key.name: topology for key, topology in rebuild.topologies(databases, at).items()}

    def _reach(self) -> str:
        try:
            first, last = self._reader().span()
        except (OspfError, GatewayError):
            return "there is no archive of LSAs (ospf.archive_octets, --store)"
        return f"the archive begins at {rfc3339(first)} and ends at {rfc3339(last)}; LSAs last an hour beyond that"

    def _reader(self) -> ArchiveReader:
        if self._archive is None:
            raise GatewayError("there is no archive of LSAs; see ospf.archive_octets, or give --store")
        return ArchiveReader(self._archive)

    # Events

    def stored_events(self, since: float, most: int = MAX_EVENTS) -> list[Event]:
        """Events after `since` that the store has; none without one."""
        if self._store is None or self._read_events is None or not self._store.exists():
            return []
        return self._read_events(self._store, since, float("inf"), most)

    def events(self, since: float, until: float, progress: Progress | None = None) -> list[Event]:
        """What happened with since < time <= until, oldest first: as the store has it, else from the archive."""
        if self._store is not None and self._read_events is not None:
            return self._read_events(self._store, since, until, MAX_EVENTS)
        return list(islice(self.replayed_events(since, until, progress), MAX_EVENTS))

    def replayed_events(self, since: float, until: float, progress: Progress | None = None) -> Iterator[Event]:
        """The changes that the archived LSAs led to; `progress(time)` is called for every version made."""
        try:
            reader = self._reader()
            first, last = reader.span()
            start, end = max(since, first), min(until, last + 1)
            databases = reader.at(start)
            if databases is None or start > end:
                return
            items: Iterator[Item] = reader.items(start, end)
            rebuild = Rebuild(self._options, self._known)
            for key, old, new in versions(databases, items, rebuild, since=start, until=end):
                if progress is not None:
                    progress(new.time)
                before = "" if key.instance == "default" else f"{key.instance}/"
                for event in diff(old, new) if old is not None else ():
                    yield Event(event.time, event.kind, before + event.subject, event.detail)
        except OspfError as error:
            raise GatewayError(str(error)) from error

    # Traffic

    def traffic(self, since: float, until: float) -> dict[TrafficKey, Traffic]:
        """LSA traffic with since < time <= until, by router and type."""
        try:
            return traffic(self._reader().items(since, until))
        except OspfError as error:
            raise GatewayError(str(error)) from error


def offline(path: str | Path, read_events: ReadEvents | None = None) -> Past:
    """The past as a state directory, its anemone.sqlite, an archive's folder or one segment of it tells it."""
    given = Path(path)
    if not given.exists():
        raise GatewayError(f"--store {path}: no such file or folder; give the gateway's state_dir")
    folder = given.parent if given.name == STORE else given
    store = folder / STORE if folder.is_dir() and (folder / STORE).exists() else None
    return Past(folder, store=store, read_events=read_events)


def _addresses(topologies: list[Topology]) -> dict[str, dict[int, set[int]]]:
    """Interface addresses by instance and router id."""
    found: dict[str, dict[int, set[int]]] = {}
    for topology in topologies:
        routers = found.setdefault(topology.instance, {})
        links = topology.links
        for router, address in zip(links.router.tolist(), links.address.tolist(), strict=True):
            if address:
                routers.setdefault(router, set()).add(address)
    return found
