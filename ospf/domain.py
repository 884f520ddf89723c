"""One OSPF instance (a process or VRF, of one protocol version) and the databases of its areas.

Several attachments of one area see one database: the newest instance of every LSA counts (RFC 2328 13.1). Area-scope
LSAs of different areas never mix; AS-scope LSAs are left where they were heard, `build_domain` takes the newest. What
was polled over SNMP stands in only for areas in which no attachment holds the whole database: until then (a passive one
never knows) what it heard is taken where it is newer. Instances never mix, even where router ids
and prefixes overlap: each has its own `Domain`, its own versions and its own history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from ospf.areas import AreaDatabase, Options
from ospf.lsa import Key, Lsa, is_newer
from ospf.lsdb import Lsdb
from ospf.topology import Topology

CUT_SECONDS = 0.05  # between two versions of one topology
CUT_COSTS = 2.0  # times what the last version cost passes before the next: a storm leaves time for others
CUT_CEILING_SECONDS = 2.0
SETTLE_SECONDS = 0.005  # a failure is told by two routers: wait this long for the second

Builder = Callable[..., Topology]


class DomainKey(NamedTuple):
    """What tells one domain from another."""

    instance: str
    version: int  # of the protocol: 2 or 3

    @property
    def name(self) -> str:
        """The instance, with "/v3" behind it for OSPFv3."""
        return self.instance if self.version == 2 else f"{self.instance}/v{self.version}"


@dataclass(frozen=True, eq=False)
class Source:
    """A database somebody keeps up to date; `whole` tells whether it is complete by now."""

    lsdb: Lsdb
    polled: bool = False
    whole: Callable[[], bool] = lambda: True


def area_databases(sources: Iterable[Source], now: float) -> list[AreaDatabase]:
    """One database per area, ascending; polled ones only for areas without an attached one that is whole."""
    by_area: dict[int, list[Source]] = {}
    for source in sources:
        if len(source.lsdb):
            by_area.setdefault(source.lsdb.area, []).append(source)
    found = []
    for area, here in sorted(by_area.items()):
        attached = [source for source in here if not source.polled]
        chosen = attached if any(source.whole() for source in attached) else here
        found.append(AreaDatabase(area, _merged([s.lsdb for s in chosen], now), "attached" if attached else "polled"))
    return found


def _merged(databases: Sequence[Lsdb], now: float) -> Sequence[Lsa]:
    if len(databases) == 1:
        return databases[0].lsas(now)
    newest: dict[Key, Lsa] = {}
    for lsdb in databases:
        for lsa in lsdb.lsas(now):
            known = newest.get(lsa.key)
            if known is None or is_newer(lsa.header, known.header) > 0:
                newest[lsa.key] = lsa
    return tuple(newest.values())


class Domain:
    """The sources of one instance and the versions of its topology cut so far; versions and times only grow."""

    def __init__(self, key: DomainKey, build: Builder, options: Options) -> None:
        self.key = key
        self.sources: list[Source] = []
        self.current: Topology | None = None
        self._build = build
        self._options = options
        self._not_before = 0.0
        self._due: float | None = None

    def changed(self, now: float) -> float:
        """Something changed at `now` (monotonic seconds); when the next version is to be cut."""
        if self._due is None:
            self._due = max(now + SETTLE_SECONDS, self._not_before)
        return self._due

    def spent(self, seconds: float, now: float) -> None:
        """What the last version cost everybody who follows, told after it: the next one waits accordingly."""
        self._not_before = max(self._not_before, now + min(CUT_COSTS * seconds, CUT_CEILING_SECONDS))

    def cut(
        self,
        now: float,
        time: float,
        known: Mapping[int, Set[int]] | None = None,
        restarting: Mapping[int, float] | None = None,
    ) -> Topology:
        """The next version from what the sources hold at `now`; it holds from `time` (wall clock), never earlier
        than the version before."""
        self._not_before, self._due = now + CUT_SECONDS, None
        previous = self.current
        if previous is not None:
            time = max(time, previous.time)
        self.current = self._build(
            area_databases(self.sources, now),
            instance=self.key.instance,
            version=1 if previous is None else previous.version + 1,
            time=time,
            known=known,
            options=self._options,
            previous=previous,
            restarting=restarting or {},
        )
        return self.current
