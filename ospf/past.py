"""The past, from an archive: topologies as of any instant, what happened between two, and what the LSA traffic was.

`Rebuild` makes topologies of `ospf.archive.Databases` as the gateway makes them of its listeners' databases: one per
instance, several attachments of an area merged by "newer than" (RFC 2328 13.1), polled databases only where nothing is
attached. `versions` follows a run of records and cuts a version whenever a change has had `CUT_SECONDS` to settle, as
the live gateway does; a database that an attachment is still fetching makes no versions. `traffic` is what AT&T's
OSPFScan tells: how much of the LSA traffic of a router and a type refreshed, changed or repeated something.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from ospf.archive import (
    DUPLICATE,
    OLDER,
    OUTCOMES,
    REFRESHED,
    Databases,
    Held,
    Item,
    Mark,
    Stream,
)
from ospf.areas import AreaDatabase, Options
from ospf.domain import CUT_SECONDS, DomainKey
from ospf.errors import OspfDecodeError
from ospf.graceful import grace_of
from ospf.lsa import Key, Lsa, decode_lsa, is_newer, plain_age
from ospf.topology import Topology, build_domain
from ospf.v3.lsa import decode_lsa as decode_lsa3
from ospf.v3.topology import build_domain_v3

POLLED = "snmp "  # how the name of a polled source begins (`gateway.polls`)
FETCHING_SECONDS = 60.0  # after which an attachment that never settles (a passive one) makes versions all the same
LINK_SCOPE = 9  # of OSPFv2: seen on its own link only

Known = Mapping[int, Set[int]]
TYPE_NAMES = {
    1: "router", 2: "network", 3: "summary", 4: "asbr-summary", 5: "external", 7: "nssa-external",
    9: "opaque-link", 10: "opaque-area", 11: "opaque-as",
}  # fmt: skip
V3_TYPE_NAMES = {
    0x0008: "link", 0x2001: "router", 0x2002: "network", 0x2003: "inter-area-prefix", 0x2004: "inter-area-router",
    0x4005: "external", 0x2007: "nssa-external", 0x2009: "intra-area-prefix", 0x000B: "grace",
}  # fmt: skip


@dataclass(frozen=True)
class Protocol:
    """How LSAs of one version of OSPF are read and put together."""

    decode: Callable[[bytes], Any]
    build: Callable[..., Topology]


PROTOCOLS = {2: Protocol(decode_lsa, build_domain), 3: Protocol(decode_lsa3, build_domain_v3)}


class Rebuild:
    """Databases to topologies. LSAs that stay are decoded once, so that versions in a row share what did not change.

    `known` gives, for an instance, interface addresses ever seen per router id (see `build_topology`).
    """

    def __init__(self, options: Options | None = None, known: Callable[[str], Known] | None = None) -> None:
        self._options = options or Options()
        self._known = known or (lambda instance: {})
        self._decoded: dict[tuple[int, bytes], Any] = {}
        self.refused = 0  # LSAs in the archive that cannot be read

    def areas(self, databases: Databases, at: float) -> dict[DomainKey, list[AreaDatabase]]:
        """The databases at `at` (seconds since 1970) by instance; areas ascending."""
        decoded: dict[tuple[int, bytes], Any] = {}
        groups: dict[DomainKey, dict[int, list[tuple[Stream, list[Lsa]]]]] = {}
        for stream, held in databases.alive(round(at * 1000)).items():
            lsas = [lsa for each in held.values() if (lsa := self._decode(stream.version, each, decoded)) is not None]
            if lsas:
                by_area = groups.setdefault(DomainKey(stream.instance, stream.version), {})
                by_area.setdefault(stream.area, []).append((stream, lsas))
        self._decoded = decoded
        return {
            key: [_merged(area, by_area[area], databases.unsettled) for area in sorted(by_area)]
            for key, by_area in sorted(groups.items())
        }

    def topologies(
        self, databases: Databases, at: float, previous: Mapping[DomainKey, Topology] | None = None
    ) -> dict[DomainKey, Topology]:
        """The topology of every instance that has LSAs at `at` (seconds since 1970)."""
        return {
            key: self.topology(key, areas, databases, at, (previous or {}).get(key))
            for key, areas in self.areas(databases, at).items()
            if key.version in PROTOCOLS
        }

    def topology(
        self, key: DomainKey, areas: list[AreaDatabase], databases: Databases, at: float, previous: Topology | None
    ) -> Topology:
        return PROTOCOLS[key.version].build(
            areas,
            instance=key.instance,
            version=1 if previous is None else previous.version + 1,
            time=at if previous is None else max(at, previous.time),
            known=self._known(key.instance),
            options=self._options,
            previous=previous,
            restarting=_restarting(key, databases, areas, at),
        )

    def _decode(self, version: int, held: Held, decoded: dict[tuple[int, bytes], Any]) -> Any:
        name = (version, held.raw)
        lsa = self._decoded.get(name)
        if lsa is None and version in PROTOCOLS:
            try:
                lsa = PROTOCOLS[version].decode(held.raw)
            except OspfDecodeError:
                self.refused += 1
        if lsa is not None:
            decoded[name] = lsa
        return lsa


def _merged(area: int, sources: list[tuple[Stream, list[Lsa]]], unsettled: Container[Stream]) -> AreaDatabase:
    """As `ospf.domain`: what was polled stands in until an attachment holds the whole database."""
    attached = [(stream, lsas) for stream, lsas in sources if not stream.source.startswith(POLLED)]
    name = "attached" if attached else "polled"
    whole = any(stream._replace(area=0) not in unsettled for stream, _ in attached)
    chosen = [lsas for _, lsas in (attached if whole else sources)]
    if len(chosen) == 1:
        return AreaDatabase(area, tuple(sorted(chosen[0], key=_order)), name)
    newest: dict[Key, Lsa] = {}
    for lsas in chosen:
        for lsa in lsas:
            known = newest.get(lsa.key)
            if known is None or is_newer(lsa.header, known.header) > 0:
                newest[lsa.key] = lsa
    return AreaDatabase(area, tuple(sorted(newest.values(), key=_order)), name)


def _order(lsa: Lsa) -> Key:
    return lsa.key


def _restarting(key: DomainKey, databases: Databases, areas: Iterable[AreaDatabase], at: float) -> dict[int, float]:
    """Routers that announced a graceful restart (RFC 3623), and until when (seconds since 1970)."""
    received = {
        held.raw: held.received / 1000
        for stream, lsas in databases.streams.items()
        if (stream.instance, stream.version) == key
        for held in lsas.values()
    }
    found: dict[int, float] = {}
    for database in areas:
        for lsa in database.lsas:
            if lsa.header.type not in (LINK_SCOPE, 0x000B):
                continue
            try:
                grace = grace_of(lsa, key.version)
            except OspfDecodeError:
                continue
            if grace is not None and lsa.raw in received:
                until = received[lsa.raw] - plain_age(lsa.header) + grace.period
                if until > at:
                    found[lsa.header.advertising_router] = until
    return found


class Version(NamedTuple):
    """A topology version that was cut, and the one before (None: the first)."""

    key: DomainKey
    old: Topology | None
    new: Topology


def versions(
    databases: Databases, items: Iterable[Item], rebuild: Rebuild, *, since: float, until: float
) -> Iterator[Version]:
    """Every version from the databases at `since` on, as the records lead to it (times in seconds since 1970).

    `databases` are changed on the way. The first versions, as of `since`, are yielded with `old` None.
    """
    current: dict[DomainKey, Topology] = {}
    for key, topology in rebuild.topologies(databases, since).items():
        current[key] = topology
        yield Version(key, None, topology)
    changed_at: dict[DomainKey, tuple[float, float]] = {}  # first and last change not yet in a version
    for item in items:
        now = item.time / 1000
        yield from _cut(databases, rebuild, current, changed_at, now)
        databases.apply(item)
        if isinstance(item, Mark) or item.outcome not in (REFRESHED, DUPLICATE, OLDER):
            key = DomainKey(item.stream.instance, item.stream.version)
            changed_at[key] = (changed_at.get(key, (now, now))[0], now)
    yield from _cut(databases, rebuild, current, changed_at, until, last=True)


def _cut(
    databases: Databases,
    rebuild: Rebuild,
    current: dict[DomainKey, Topology],
    changed_at: dict[DomainKey, tuple[float, float]],
    now: float,
    *,
    last: bool = False,
) -> Iterator[Version]:
    """Versions of what changed long enough before `now`."""
    due = [key for key, (first, _) in changed_at.items() if last or now - first >= CUT_SECONDS]
    if not due:
        return
    fetching = {
        DomainKey(source.instance, source.version)
        for source, begun in databases.unsettled.items()
        if now - begun / 1000 < FETCHING_SECONDS
    }
    ready = [key for key in due if key not in fetching and key.version in PROTOCOLS]
    if not ready:
        return
    at = max(changed_at[key][1] for key in ready)
    areas = rebuild.areas(databases, at)
    for key in ready:
        changed = changed_at.pop(key)[1]
        if key in areas:
            old = current.get(key)
            current[key] = rebuild.topology(key, areas[key], databases, changed, old)
            yield Version(key, old, current[key])


@dataclass(slots=True)
class Traffic:
    """LSA instances of one router and type, by what became of them."""

    added: int = 0
    changed: int = 0
    refreshed: int = 0
    duplicate: int = 0
    older: int = 0
    removed: int = 0
    octets: int = 0

    @property
    def total(self) -> int:
        return self.added + self.changed + self.refreshed + self.duplicate + self.older + self.removed


class TrafficKey(NamedTuple):
    """Whose LSAs: `type` as in the header."""

    domain: DomainKey
    area: int
    router: int  # advertising router
    type: int


def type_name(version: int, number: int) -> str:
    """The LSA type as people say it."""
    names = TYPE_NAMES if version == 2 else V3_TYPE_NAMES
    return names.get(number, f"type {number}" if version == 2 else f"type {number:#06x}")


def traffic(items: Iterable[Item], into: dict[TrafficKey, Traffic] | None = None) -> dict[TrafficKey, Traffic]:
    """The LSA traffic of a run of records, by area, advertising router and type; `into` goes on counting."""
    found = {} if into is None else into
    for item in items:
        if isinstance(item, Mark) or item.outcome >= len(OUTCOMES) - 1 or not item.router:
            continue  # a mark, a snapshot's, or what nobody sent
        stream, raw = item.stream, item.raw
        number = raw[3] if stream.version == 2 else int.from_bytes(raw[2:4], "big")
        domain = DomainKey(stream.instance, stream.version)
        key = TrafficKey(domain, stream.area, int.from_bytes(raw[8:12], "big"), number)
        row = found.setdefault(key, Traffic())
        name = OUTCOMES[item.outcome]
        setattr(row, name, getattr(row, name) + 1)
        row.octets += len(raw)
    return found
