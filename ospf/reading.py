"""The LSAs of one area by type, MaxAge ones left out, and what kind of area it is (RFC 2328 12.1.2, RFC 3101)."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from ospf.areas import NORMAL, NSSA, STUB_AREA, AreaDatabase
from ospf.lsa import (
    AS_EXTERNAL,
    MAX_AGE,
    NETWORK,
    NSSA_EXTERNAL,
    OPAQUE_AREA,
    OPTION_E,
    OPTION_NP,
    ROUTER,
    SUMMARY_ASBR,
    SUMMARY_NETWORK,
    ExternalLsa,
    Lsa,
    NetworkLsa,
    OpaqueLsa,
    RouterLsa,
    SummaryLsa,
    is_newer,
    plain_age,
)
from ospf.te import is_te

K = TypeVar("K")
_TYPE, _AGE, _BODY = attrgetter("header.type"), attrgetter("header.age"), attrgetter("body")
_BODIES = {
    ROUTER: RouterLsa, NETWORK: NetworkLsa, SUMMARY_NETWORK: SummaryLsa, SUMMARY_ASBR: SummaryLsa,
    AS_EXTERNAL: ExternalLsa, NSSA_EXTERNAL: ExternalLsa, OPAQUE_AREA: OpaqueLsa,
}  # fmt: skip


@dataclass(slots=True)
class AreaLsas:
    """One database, sorted; externals include MaxAge ones, which may be newer than what another database has."""

    area: int
    source: str
    kind: int = NORMAL
    routers: dict[int, Lsa] = field(default_factory=dict)
    networks: dict[tuple[int, int], Lsa] = field(default_factory=dict)  # by (DR address, advertising router)
    summaries: list[Lsa] = field(default_factory=list)
    asbrs: list[Lsa] = field(default_factory=list)
    externals: list[Lsa] = field(default_factory=list)
    internals: list[Lsa] = field(default_factory=list)  # type 7
    traffic: list[Lsa] = field(default_factory=list)
    given: tuple[Lsa, ...] = ()  # all of them, as they came
    held: bool = False  # some are those of routers that restart

    @property
    def router_bodies(self) -> dict[int, RouterLsa]:
        return {router: lsa.body for router, lsa in self.routers.items() if isinstance(lsa.body, RouterLsa)}

    @property
    def network_bodies(self) -> dict[tuple[int, int], NetworkLsa]:
        return {key: lsa.body for key, lsa in self.networks.items() if isinstance(lsa.body, NetworkLsa)}


def sort_lsas(database: AreaDatabase, restarting: Set[int] = frozenset(), before: AreaLsas | None = None) -> AreaLsas:
    """The LSAs of `database`; router- and network-LSAs of routers that restart gracefully are those of `before`."""
    given = tuple(database.lsas)
    if before is not None and not restarting and not before.held and given == before.given:
        return before if database.source == before.source else replace(before, source=database.source)
    found = AreaLsas(database.area, database.source, given=given)
    lists = {
        SUMMARY_NETWORK: found.summaries, SUMMARY_ASBR: found.asbrs, AS_EXTERNAL: found.externals,
        NSSA_EXTERNAL: found.internals,
    }  # fmt: skip
    for kind, run in groupby(found.given, key=_TYPE):
        if kind in lists:
            lists[kind] += _usable(kind, list(run))
        elif kind == ROUTER:
            for lsa in _usable(kind, list(run)):
                _newer(found.routers, lsa.header.advertising_router, lsa)
        elif kind == NETWORK:
            for lsa in _usable(kind, list(run)):
                _newer(found.networks, (lsa.header.link_state_id, lsa.header.advertising_router), lsa)
        elif kind == OPAQUE_AREA:
            found.traffic += [lsa for lsa in _usable(kind, list(run)) if is_te(lsa)]
    if before is not None and restarting:
        _hold(found, restarting, before)
    found.kind = _area_kind(found)
    if found.kind != NORMAL:  # RFC 2328 3.6: neither is flooded into a stub area
        found.asbrs.clear()
    return found


def _usable(kind: int, lsas: list[Lsa]) -> list[Lsa]:
    """Those that are what their type says, and not MaxAge unless they are AS-external."""
    body = _BODIES[kind]
    if set(map(type, map(_BODY, lsas))) != {body}:
        lsas = [lsa for lsa in lsas if isinstance(lsa.body, body)]
    if kind == AS_EXTERNAL or not lsas or max(map(_AGE, lsas)) < MAX_AGE:
        return lsas
    return [lsa for lsa in lsas if plain_age(lsa.header) < MAX_AGE]


def _newer(held: dict[K, Lsa], key: K, lsa: Lsa) -> None:
    known = held.get(key)
    if known is None or is_newer(lsa.header, known.header) >= 0:
        held[key] = lsa


def _hold(found: AreaLsas, restarting: Set[int], before: AreaLsas) -> None:
    """What restarting routers said of themselves holds until they are back (RFC 3623 3)."""
    for router in restarting:
        if router in before.routers:
            found.held = True
            found.routers[router] = before.routers[router]
            for key in [key for key in found.networks if key[1] == router]:
                del found.networks[key]
            for key, lsa in before.networks.items():
                if key[1] == router:
                    found.networks[key] = lsa


def _area_kind(found: AreaLsas) -> int:
    """By what most of its routers say in the options of their router-LSAs; the backbone is always normal."""
    options = [lsa.header.options for lsa in found.routers.values()]
    without = [each for each in options if not each & OPTION_E]
    if found.area == 0 or 2 * len(without) <= len(options):
        return NORMAL
    if found.internals or 2 * sum(each & OPTION_NP > 0 for each in without) > len(without):
        return NSSA
    return STUB_AREA
