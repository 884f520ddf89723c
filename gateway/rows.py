"""Rows of the outside tables: every interface ever seen, what is known of it now, and its numbers.

An interface that disappears stays as a row, down, with what was last known of it (design: Identity).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.config import GatewayConfig
from gateway.identity import IfIndexMap
from gateway.published import (
    AppColumns,
    LinkAppColumns,
    LinkColumns,
    MatrixColumns,
    Published,
    Talker,
)
from gateway.rates import Later, Rates
from gateway.view import WRAP, Counters
from ospf.domain import DomainKey
from ospf.topology import LinkKey, LinkTable, Topology
from ospf.touched import renumbered
from ospf.wire import address_text

KINDS = ("transit", "stub", "external")
_UNSEEN = ("stub", "", "", 0)
V3_BEGINS = "v3"  # the interface of every OSPFv3 row: v3if7, v3external; stub networks are named by IPv6 prefixes


@dataclass
class Row:
    kind: str
    neighbor: str
    area: str
    cost: int
    up: bool
    last_change: float


def domain_of(topology: Topology) -> DomainKey:
    """The instance and protocol version a topology is of."""
    return DomainKey(topology.instance, 3 if topology.prefixes.family == 6 else 2)


def _domain_of_key(key: LinkKey) -> DomainKey:
    return DomainKey(key.instance, 3 if key.interface.startswith(V3_BEGINS) or ":" in key.interface else 2)


@dataclass(frozen=True)
class Names:
    """What does not move of rows."""

    keys: list[LinkKey]
    id: tuple[str, ...]
    router: tuple[str, ...]
    interface: tuple[str, ...]
    shown: tuple[str, ...]
    capacity: NDArray[np.float64]

    @classmethod
    def of(cls, keys: list[LinkKey], config: GatewayConfig) -> Names:
        routers = tuple(address_text(key.router) for key in keys)
        prefixed = [
            f"{key.instance}/{router}" if key.instance != "default" else router
            for router, key in zip(routers, keys, strict=True)
        ]
        ids = tuple(f"{p}:{key.interface}" for p, key in zip(prefixed, keys, strict=True))
        names = tuple(
            f"{config.names.get(router, router)}:{key.interface}" for router, key in zip(routers, keys, strict=True)
        )
        if len(set(names)) != len(names):  # two routers of one name: ids are unique
            names = ids
        links = config.links
        capacity = [links.capacity.get(i, links.default_capacity_bits_per_second) for i in ids]
        interfaces = tuple(key.interface for key in keys)
        return cls(keys, ids, routers, interfaces, names, np.array(capacity, dtype=np.float64))


class LinkRows:
    """Attributes of every interface that has an ifIndex."""

    def __init__(
        self,
        config: GatewayConfig,
        ifindex: IfIndexMap,
        attributes: Mapping[LinkKey, tuple[str, str, str, int]],
        now: float,
    ) -> None:
        self.config = config
        self.ifindex = ifindex
        self._rows: dict[int, Row] = {}
        for key, index in ifindex.items():
            kind, neighbor, area, cost = attributes.get(key, _UNSEEN)
            self._rows[index] = Row(kind, neighbor, area, cost, False, now)
        self.dirty: set[int] = set()
        self._names: Names | None = None
        self._followed: dict[DomainKey, LinkTable] = {}  # the newest of every domain

    def follow(self, topology: Topology, indices: Sequence[int]) -> None:
        """Take over what the topology says; rows of its domain that it does not have go down.

        `indices` are the ifIndexes of its link rows, 0 for those without one.
        """
        here = domain_of(topology)
        old, new = self._followed.get(here), topology.links
        self._followed[here] = new
        changed = range(len(new)) if old is None else self._differing(old, new, here, topology.time)
        seen = set()
        for row in changed:
            index = indices[row]
            if not index:
                continue
            seen.add(index)
            self._take(index, new, row, topology.time)
        if old is None:
            for index, key in self.ifindex.ordered():
                if index not in seen and _domain_of_key(key) == here:
                    self._down(index, topology.time)

    def _differing(self, old: LinkTable, new: LinkTable, here: DomainKey, time: float) -> list[int]:
        """Rows about which something else is said than before; those that are gone go down."""
        moved = renumbered(old.keys, new.keys)
        before = np.arange(len(old)) if moved is None else moved
        for row in np.flatnonzero(before < 0).tolist():
            index = self.ifindex.get(old.keys[row])
            if index is not None:
                self._down(index, time)
        kept = np.flatnonzero(before >= 0)
        same = np.zeros(len(new), dtype=np.bool_)
        there = before[kept]
        same[there] = np.logical_and.reduce(
            [getattr(old, name)[kept] == getattr(new, name)[there] for name in ("kind", "area", "cost", "up")]
        )
        if old.neighbor is not new.neighbor:
            for a, b in zip(kept.tolist(), there.tolist(), strict=True):
                if old.neighbor[a] != new.neighbor[b]:
                    same[b] = False
        return np.flatnonzero(~same).tolist()

    def _take(self, index: int, links: LinkTable, row: int, time: float) -> None:
        new = Row(
            KINDS[int(links.kind[row])],
            links.neighbor[row],
            address_text(int(links.area[row])),
            int(links.cost[row]),
            bool(links.up[row]),
            time,
        )
        old = self._rows.get(index)
        if old is not None and old.up == new.up:
            new.last_change = old.last_change
        if old != new:
            self._rows[index] = new
            self.dirty.add(index)

    def _down(self, index: int, time: float) -> None:
        present = self._rows.get(index)
        if present is not None and present.up:
            present.up = False
            present.last_change = time
            self.dirty.add(index)

    def ordered(self) -> list[tuple[int, LinkKey, Row]]:
        """(ifIndex, key, row) in ifIndex order."""
        rows = self._rows
        return [(index, key, rows[index]) for index, key in self.ifindex.ordered() if index in rows]

    def names(self, keys: list[LinkKey]) -> Names:
        """What the rows of these keys are called, in order."""
        if self._names is None or self._names.keys != keys:
            self._names = Names.of(keys, self.config)
        return self._names


def publish(
    rows: LinkRows,
    counters: Counters,
    rates: Rates,
    app_names: Mapping[int, str],
    app_totals: Mapping[int, tuple[float, float]],
    **rest: Any,
) -> Published:
    """One `Published`; `rest` are its fields that need no arranging."""
    ordered = rows.ordered()
    indices = np.array([index for index, _, _ in ordered], dtype=np.int32)
    app_ids = np.array(sorted(app_names), dtype=np.int32)
    cells = _cells(indices, app_ids, counters, rates)
    links = _links(rows, ordered, indices, cells)
    totals = [app_totals.get(n, (0.0, 0.0)) for n in app_ids.tolist()]
    apps = AppColumns(
        app_ids,
        tuple(app_names[n] for n in app_ids.tolist()),
        np.fmod([t[0] for t in totals], WRAP).astype(np.uint64),
        np.fmod([t[1] for t in totals], WRAP).astype(np.uint64),
        np.array([rates.app_rates.get(n, 0.0) for n in app_ids.tolist()]),
    )
    row_of = {int(index): row for row, index in enumerate(indices)}
    app_of = {int(number): row for row, number in enumerate(app_ids)}
    topology = rest["topology"]
    return Published(
        bin_seconds=rows.config.view.bin_seconds,
        topology_version=topology.version if topology is not None else 0,
        links=links,
        apps=apps,
        link_apps=LinkAppColumns(cells["link"], cells["app"], cells["octets"], cells["packets"], cells["rate"]),
        matrix=MatrixLater(lambda: _matrix(rates, app_of)),
        talkers=Later(lambda: _talkers(rates, row_of, app_of)),
        **rest,
    )


class MatrixLater(MatrixColumns):
    """Columns that are made when somebody looks."""

    def __init__(self, make: Callable[[], MatrixColumns]) -> None:
        object.__setattr__(self, "_make", make)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        made = self.__dict__["_make"]()
        for each in fields(MatrixColumns):
            object.__setattr__(self, each.name, getattr(made, each.name))
        return getattr(made, name)


def _matrix(rates: Rates, app_of: Mapping[int, int]) -> MatrixColumns:
    matrix = [m for m in rates.matrix if m[2] in app_of]
    return MatrixColumns(
        tuple(m[0] for m in matrix),
        tuple(m[1] for m in matrix),
        np.array([app_of[m[2]] for m in matrix], dtype=np.int32),
        np.array([m[3] for m in matrix]),
    )


def _talkers(rates: Rates, row_of: Mapping[int, int], app_of: Mapping[int, int]) -> tuple[Talker, ...]:
    return tuple(
        Talker(row_of[i], app_of[a], s, d, r) for i, a, s, d, r in rates.talkers if i in row_of and a in app_of
    )


def _cells(indices: Any, app_ids: Any, counters: Counters, rates: Rates) -> dict[str, Any]:
    """Union of counted and rated cells, in (link, app) order, with rows instead of ids."""
    counted = (counters.ifindex.astype(np.int64) << 24) | counters.app
    rated = (rates.ifindex.astype(np.int64) << 24) | rates.app
    keys = np.sort(np.concatenate([counted, rated]))
    keys = keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]
    ifindex, app = (keys >> 24).astype(np.int32), (keys & 0xFFFFFF).astype(np.int32)
    known = np.isin(ifindex, indices) & np.isin(app, app_ids)
    keys, ifindex, app = keys[known], ifindex[known], app[known]

    def spread(at: Any, values: Any, dtype: Any) -> Any:
        out = np.zeros(len(keys), dtype=dtype)
        where = np.searchsorted(keys, at)
        where = np.minimum(where, max(len(keys) - 1, 0))
        hit = keys[where] == at if len(keys) else np.zeros(len(at), dtype=bool)
        out[where[hit]] = np.asarray(values)[hit]
        return out

    out: dict[str, Any] = {
        "link": np.searchsorted(indices, ifindex).astype(np.int32),
        "app": np.searchsorted(app_ids, app).astype(np.int32),
        "rate": spread(rated, rates.out, np.float64),
        "in_rate": spread(rated, rates.into, np.float64),
    }
    for name in ("octets", "packets", "in_octets", "in_packets"):
        out[name] = spread(counted, getattr(counters, name), np.uint64)
    return out


def _links(rows: LinkRows, ordered: list[tuple[int, LinkKey, Row]], indices: Any, cells: dict[str, Any]) -> LinkColumns:
    def total(name: str, dtype: Any) -> Any:
        out = np.zeros(len(ordered), dtype=dtype)
        np.add.at(out, cells["link"], cells[name])
        return out

    names = rows.names([key for _, key, _ in ordered])
    return LinkColumns(
        id=names.id,
        kind=tuple(row.kind for _, _, row in ordered),
        router=names.router,
        interface=names.interface,
        neighbor=tuple(row.neighbor for _, _, row in ordered),
        area=tuple(row.area for _, _, row in ordered),
        name=names.shown,
        ifindex=indices,
        cost=np.array([row.cost for _, _, row in ordered], dtype=np.int32),
        up=np.array([row.up for _, _, row in ordered], dtype=bool),
        octets=total("octets", np.uint64),
        packets=total("packets", np.uint64),
        in_octets=total("in_octets", np.uint64),
        in_packets=total("in_packets", np.uint64),
        bits_per_second=total("rate", np.float64),
        in_bits_per_second=total("in_rate", np.float64),
        capacity=names.capacity,
        last_change=np.array([row.last_change for _, _, row in ordered], dtype=np.float64),
    )
