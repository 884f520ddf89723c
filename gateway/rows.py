"""Rows of the outside tables: every interface ever seen, what is known of it now, and its numbers.

An interface that disappears stays as a row, down, with what was last known of it (design: Identity).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

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
from gateway.rates import Rates
from gateway.view import WRAP, Counters
from ospf.domain import DomainKey
from ospf.topology import LinkKey, Topology
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

    def follow(self, topology: Topology) -> None:
        """Take over what the topology says; rows of its domain that it does not have go down."""
        links, seen = topology.links, set()
        here = domain_of(topology)
        for row, key in enumerate(links.keys):
            index = self.ifindex.get(key)
            if index is None:
                continue
            seen.add(index)
            new = Row(
                KINDS[int(links.kind[row])],
                links.neighbor[row],
                address_text(int(links.area[row])),
                int(links.cost[row]),
                bool(links.up[row]),
                topology.time,
            )
            old = self._rows.get(index)
            if old is not None and old.up == new.up:
                new.last_change = old.last_change
            if old != new:
                self._rows[index] = new
                self.dirty.add(index)
        for key, index in self.ifindex.items():
            present = self._rows.get(index)
            if present is not None and index not in seen and present.up and _domain_of_key(key) == here:
                present.up = False
                present.last_change = topology.time
                self.dirty.add(index)

    def ordered(self) -> list[tuple[int, LinkKey, Row]]:
        """(ifIndex, key, row) in ifIndex order."""
        pairs = sorted((index, key) for key, index in self.ifindex.items())
        return [(index, key, self._rows[index]) for index, key in pairs if index in self._rows]

    def name(self, router: str) -> str:
        return self.config.names.get(router, router)


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
    matrix = [m for m in rates.matrix if m[2] in app_of]
    topology = rest["topology"]
    return Published(
        bin_seconds=rows.config.view.bin_seconds,
        topology_version=topology.version if topology is not None else 0,
        links=links,
        apps=apps,
        link_apps=LinkAppColumns(
            cells["link"], cells["app"], cells["octets"], cells["packets"], cells["rate"]
        ),
        matrix=MatrixColumns(
            tuple(m[0] for m in matrix),
            tuple(m[1] for m in matrix),
            np.array([app_of[m[2]] for m in matrix], dtype=np.int32),
            np.array([m[3] for m in matrix]),
        ),
        talkers=tuple(
            Talker(row_of[i], app_of[a], s, d, r)
            for i, a, s, d, r in rates.talkers
            if i in row_of and a in app_of
        ),
        **rest,
    )


def _cells(indices: Any, app_ids: Any, counters: Counters, rates: Rates) -> dict[str, Any]:
    """Union of counted and rated cells, in (link, app) order, with rows instead of ids."""
    counted = (counters.ifindex.astype(np.int64) << 24) | counters.app
    rated = (rates.ifindex.astype(np.int64) << 24) | rates.app
    keys = np.union1d(counted, rated)
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


def _links(
    rows: LinkRows, ordered: list[tuple[int, LinkKey, Row]], indices: Any, cells: dict[str, Any]
) -> LinkColumns:
    def total(name: str, dtype: Any) -> Any:
        out = np.zeros(len(ordered), dtype=dtype)
        np.add.at(out, cells["link"], cells[name])
        return out

    routers = tuple(address_text(key.router) for _, key, _ in ordered)
    prefixed = [
        f"{key.instance}/{router}" if key.instance != "default" else router
        for router, (_, key, _) in zip(routers, ordered, strict=True)
    ]
    ids = tuple(f"{p}:{key.interface}" for p, (_, key, _) in zip(prefixed, ordered, strict=True))
    shown = [rows.name(r) for r in routers]
    names = [f"{name}:{key.interface}" for name, (_, key, _) in zip(shown, ordered, strict=True)]
    if len(set(names)) != len(names):  # two routers of one name: ids are unique
        names = list(ids)
    config = rows.config.links
    return LinkColumns(
        id=ids,
        kind=tuple(row.kind for _, _, row in ordered),
        router=routers,
        interface=tuple(key.interface for _, key, _ in ordered),
        neighbor=tuple(row.neighbor for _, _, row in ordered),
        area=tuple(row.area for _, _, row in ordered),
        name=tuple(names),
        ifindex=indices,
        cost=np.array([row.cost for _, _, row in ordered], dtype=np.int32),
        up=np.array([row.up for _, _, row in ordered], dtype=bool),
        octets=total("octets", np.uint64),
        packets=total("packets", np.uint64),
        in_octets=total("in_octets", np.uint64),
        in_packets=total("in_packets", np.uint64),
        bits_per_second=total("rate", np.float64),
        in_bits_per_second=total("in_rate", np.float64),
        capacity=np.array(
            [config.capacity.get(i, config.default_capacity_bits_per_second) for i in ids], dtype=np.float64
        ),
        last_change=np.array([row.last_change for _, _, row in ordered], dtype=np.float64),
    )
