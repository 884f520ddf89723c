"""Everything any LSA says about how to reach a prefix or an AS boundary router, before any router chooses.

A router's table (RFC 2328 16.1-16.4) is a choice among offers, and the choice depends on the router: its areas, its
distances. `OfferTable` lists the offers themselves, once for all routers. Nothing is left out for being worse; what
cannot be an offer at all (MaxAge, LSInfinity, a mask with holes) is not in it. A border router's own summaries are:
it is the router that ignores what it said itself (16.2 (2)).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ospf.columns import (
    FORWARDING,
    LSID,
    MASK,
    METRIC,
    OPTION_DN,
    OPTIONS,
    ORIGIN,
    TYPE2,
    infinite,
    prefix_lengths,
)
from ospf.graph import Placed, position
from ospf.links import STUB_COST, STUB_NETWORK, STUB_PLEN, STUB_ROW
from ospf.lsa import FLAG_B, FLAG_E, OPTION_NP

I8 = NDArray[np.int64]
Flags = NDArray[np.bool_]
I4 = NDArray[np.int32]
U4 = NDArray[np.uint32]
U1 = NDArray[np.uint8]

INTRA, INTER, EXT1, EXT2 = 0, 1, 2, 3
ROUTE_TYPE_NAMES = ("intra", "inter", "external-1", "external-2")
OFFER_P, OFFER_TYPE7, OFFER_DN, OFFER_DEFAULT = 1, 2, 4, 8
AS_WIDE = -1  # area of a type 5
OUTSIDE = -1  # vertex of an ASBR that is in no area we see


@dataclass(frozen=True, eq=False)
class OfferTable:
    """O offers ordered by prefix; those of prefix p (a row of the prefix table) are rows `start[p]:start[p + 1]`."""

    start: I4  # [P + 1]
    kind: U1  # [O] INTRA, INTER, EXT1, EXT2
    area: I4  # [O] index of the area, AS_WIDE for a type 5
    vertex: I4  # [O] of the topology: router or transit network (INTRA), border router (INTER), ASBR or OUTSIDE (EXT)
    cost: U4  # [O] stub cost, summary metric, metric of an E1; 0 for E2
    metric2: U4  # [O] metric of an E2, else 0
    link: I4  # [O] row of delivery, -1 none
    asbr: U4  # [O] router id of the ASBR (EXT), else 0
    forwarding: U4  # [O] forwarding address, 0 none
    flags: U1  # [O] OFFER_P | OFFER_TYPE7 | OFFER_DN (RFC 4576) | OFFER_DEFAULT (an ABR's own, into its stub area)

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, eq=False)
class AsbrTable:
    """What type-4 LSAs say, ordered by (asbr, area, abr)."""

    asbr: U4  # router id
    area: I4  # index of the area it is said in
    abr: I4  # vertex of the border router that says it
    cost: U4

    def __len__(self) -> int:
        return len(self.asbr)


# Columns of the announcements before they are sorted.
CODE, KIND, AREA, VERTEX, OFFER_COST, METRIC2, LINK, ASBR, TO, FLAGS, USABLE, DEAD = range(12)
WIDTH = 12


def prefix_code(network: I8, plen: I8) -> I8:
    """One number per prefix; ascending codes are ascending (network, plen)."""
    return network << 6 | plen


@dataclass(slots=True)
class Announced:
    """Everything announced, one row per announcement; those nobody may use are marked and counted."""

    rows: list[I8] = field(default_factory=list)  # each [n, WIDTH]
    asbrs: list[I8] = field(default_factory=list)  # each [n, 4]: asbr, area, vertex of the border router, cost
    bad_masks: int = 0
    no_border: int = 0  # the advertising border or boundary router is not one, or is in no area seen
    infinite: int = 0

    def everything(self) -> I8:
        """[n, WIDTH] ordered by prefix, kind, area and vertex."""
        if not self.rows:
            return np.zeros((0, WIDTH), dtype=np.int64)
        rows = np.concatenate(self.rows)
        place = (rows[:, KIND] << 16 | rows[:, AREA] + 1) << 32 | rows[:, VERTEX] + 1
        found: I8 = rows[np.lexsort((place, rows[:, CODE]))]
        return found

    def asbr_table(self) -> AsbrTable:
        """The type-4 announcements that can be used."""
        rows = np.concatenate(self.asbrs) if self.asbrs else np.zeros((0, 4), dtype=np.int64)
        rows = rows[np.lexsort((rows[:, 3], rows[:, 2], rows[:, 1], rows[:, 0]))]
        return AsbrTable(
            rows[:, 0].astype(np.uint32), rows[:, 1].astype(np.int32), rows[:, 2].astype(np.int32),
            rows[:, 3].astype(np.uint32),
        )  # fmt: skip

    def add_inside(self, area: Placed, alive: Flags) -> None:
        """Stub prefixes and transit networks of one area; `alive` [V] is that of the topology."""
        inside = area.inside
        stubs = inside.stubs
        rows = _blank(len(stubs) + len(inside.networks), INTRA, area.index)
        here = rows[: len(stubs)]
        here[:, CODE] = prefix_code(stubs[:, STUB_NETWORK], stubs[:, STUB_PLEN])
        here[:, VERTEX] = area.vertices[inside.stub_owner]
        here[:, OFFER_COST] = stubs[:, STUB_COST]
        at = stubs[:, STUB_ROW]
        here[:, LINK] = np.where(at >= 0, area.row_of[at], -1) if len(area.row_of) else -1
        lans = np.array([net[2:] for net in inside.networks], dtype=np.int64).reshape(-1, 2)
        rows[len(stubs) :, CODE] = prefix_code(lans[:, 0], lans[:, 1])
        rows[len(stubs) :, VERTEX] = area.vertices[len(inside.routers) :]
        rows[:, DEAD] = ~alive[rows[:, VERTEX]]
        self.rows.append(rows)

    def add_summaries(self, area: Placed, numbers: I8, *, default_into_stub: bool) -> None:
        """The type-3 LSAs of one area."""
        numbers, plen = self._finite(numbers, masked=True)
        local, border = self._borders(area, numbers)
        rows = _blank(len(numbers), INTER, area.index)
        rows[:, CODE] = prefix_code(numbers[:, LSID] & numbers[:, MASK], plen)
        rows[:, VERTEX] = np.where(border, np.append(area.vertices, OUTSIDE)[local], OUTSIDE)
        rows[:, OFFER_COST] = numbers[:, METRIC]
        rows[:, FLAGS] = np.where(numbers[:, OPTIONS] & OPTION_DN, OFFER_DN, 0)
        if default_into_stub:
            rows[plen == 0, FLAGS] |= OFFER_DEFAULT
        rows[:, USABLE] = border
        rows[:, DEAD] = ~np.append(area.alive, False)[local]
        self.rows.append(rows)

    def add_asbrs(self, area: Placed, numbers: I8) -> None:
        """The type-4 LSAs of one area."""
        numbers, _ = self._finite(numbers, masked=False)
        local, border = self._borders(area, numbers)
        numbers, local = numbers[border], local[border]
        columns = (numbers[:, LSID], np.full(len(numbers), area.index), area.vertices[local], numbers[:, METRIC])
        self.asbrs.append(np.stack(columns, axis=1).astype(np.int64))

    def add_externals(
        self, numbers: I8, routers: I8, flags: U1, external_row: I8, outside: I8, area: Placed | None = None
    ) -> None:
        """Type-5 LSAs, or the type-7 LSAs of one area.

        `routers` [R] ids, `flags` [R] of their router-LSAs, `external_row` [R]; `outside` are ids of ASBRs that a type
        4 announces. An ASBR whose own LSAs do not call it one is none (RFC 2328 16.4 (3)).
        """
        numbers, plen = self._finite(numbers, masked=True)
        origin = numbers[:, ORIGIN]
        vertex = position(routers, origin)
        seen = vertex >= 0
        own = seen & (flags[vertex] & FLAG_E > 0) if len(routers) else seen
        rows = _blank(len(numbers), EXT1, AS_WIDE if area is None else area.index)
        second = numbers[:, TYPE2] > 0
        rows[:, CODE] = prefix_code(numbers[:, LSID] & numbers[:, MASK], plen)
        rows[second, KIND] = EXT2
        rows[:, VERTEX] = np.where(own, vertex, OUTSIDE)
        rows[:, OFFER_COST] = np.where(second, 0, numbers[:, METRIC])
        rows[:, METRIC2] = np.where(second, numbers[:, METRIC], 0)
        rows[:, LINK] = np.where(own, external_row[vertex], -1) if len(routers) else -1
        rows[:, ASBR] = origin
        rows[:, TO] = numbers[:, FORWARDING]
        rows[:, FLAGS] = np.where(numbers[:, OPTIONS] & OPTION_DN, OFFER_DN, 0)
        if area is None:
            rows[:, USABLE] = own | np.isin(origin, outside)
        else:
            local = position(area.inside.routers, origin)
            flagged = area.inside.flags[local] if len(area.inside.routers) else np.zeros(len(local), dtype=np.uint8)
            rows[:, USABLE] = (local >= 0) & own
            rows[:, FLAGS] |= OFFER_TYPE7 | np.where(numbers[:, OPTIONS] & OPTION_NP, OFFER_P, 0)
            rows[(plen == 0) & (local >= 0) & (flagged & FLAG_B > 0), FLAGS] |= OFFER_DEFAULT
        self.no_border += int((rows[:, USABLE] == 0).sum())
        self.rows.append(rows)

    def _finite(self, numbers: I8, *, masked: bool) -> tuple[I8, I8]:
        """(those with a usable mask and metric, their prefix lengths)."""
        plen = prefix_lengths(numbers)
        good = np.ones(len(numbers), dtype=np.bool_)
        if masked:
            good = plen >= 0
            self.bad_masks += len(good) - int(good.sum())
        finite = ~infinite(numbers)
        self.infinite += int((good & ~finite).sum())
        keep = good & finite
        return (numbers, plen) if keep.all() else (numbers[keep], plen[keep])

    def _borders(self, area: Placed, numbers: I8) -> tuple[I8, Flags]:
        """(local vertex of each originator, whether it is a border router of the area); others are counted."""
        local = position(area.inside.routers, numbers[:, ORIGIN])
        border = local >= 0
        if len(area.inside.routers):
            border &= area.inside.flags[local] & FLAG_B > 0  # RFC 2328 16.2 (4)
        self.no_border += len(border) - int(border.sum())
        return np.where(border, local, 0), border


def _blank(count: int, kind: int, area: int) -> I8:
    rows = np.zeros((count, WIDTH), dtype=np.int64)
    rows[:, KIND], rows[:, AREA], rows[:, LINK], rows[:, USABLE] = kind, area, -1, 1
    return rows


def offer_table(rows: I8, prefixes: I8) -> OfferTable:
    """The usable announcements for the given prefixes (codes, ascending), from rows ordered by code."""
    at = np.searchsorted(prefixes, rows[:, CODE])
    there = (rows[:, USABLE] > 0) & (at < len(prefixes))
    if len(prefixes):
        there &= prefixes[np.minimum(at, len(prefixes) - 1)] == rows[:, CODE]
    rows, at = (rows, at) if there.all() else (rows[there], at[there])
    start = np.zeros(len(prefixes) + 1, dtype=np.int32)
    np.cumsum(np.bincount(at, minlength=len(prefixes)), out=start[1:])
    return OfferTable(
        start=start,
        kind=rows[:, KIND].astype(np.uint8),
        area=rows[:, AREA].astype(np.int32),
        vertex=rows[:, VERTEX].astype(np.int32),
        cost=rows[:, OFFER_COST].astype(np.uint32),
        metric2=rows[:, METRIC2].astype(np.uint32),
        link=rows[:, LINK].astype(np.int32),
        asbr=rows[:, ASBR].astype(np.uint32),
        forwarding=rows[:, TO].astype(np.uint32),
        flags=rows[:, FLAGS].astype(np.uint8),
    )
