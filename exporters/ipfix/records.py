"""Data records of one template: octets to columns (the other way is `encode.py`).

A template is a chain of *runs*: stretches of fixed-length fields, each a packed big-endian numpy record,
between variable-length fields (RFC 7011 7: one length octet, or 255 and two).  Fixed-length templates are
one run: all their records over many datagrams become columns by one `frombuffer`.  With variable fields the
record starts must be found first: `_walk_together` steps through all sets at once (step k finds record k of
every set), `_walk_each` goes set by set when there are too few of them to pay for numpy; both give the same
positions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporters.ipfix.template import Template
from exporters.ipfix.types import VARIABLE, Kind, Layout, layout, text, widen

Column = NDArray[Any]
Positions = NDArray[np.int64]
_TOGETHER: Final = 12  # sets from which on the numpy walk is the faster one (measured, tests/bench/bench_ipfix.py)
_BOUNDARY: Final = 4  # octets; exporters pad sets to a multiple of it
LONG_FORM: Final = 255  # RFC 7011 7: the three-octet form of a length


@dataclass(frozen=True)
class Run:
    """Fixed-length fields next to each other: (column name, layout, numpy field) and the packed record of all."""

    fields: tuple[tuple[str, Layout, str], ...]
    dtype: np.dtype[Any]
    length: int


@dataclass(frozen=True)
class Variable:
    """One variable-length field."""

    name: str
    layout: Layout


@dataclass(frozen=True)
class Plan:
    """A template ready for use: its runs and variable fields in wire order."""

    template: Template
    parts: tuple[Run | Variable, ...]
    all_variable: bool
    unusable: int  # fields that give no column


class Walk(NamedTuple):
    """Where records lie: per record its set; per part of the plan the start (and end) of its octets."""

    set_index: Positions
    starts: list[Positions]
    ends: list[Positions]
    broken: NDArray[np.bool_]  # per set: a length ran out of the set

    def keep(self, mask: NDArray[np.bool_]) -> Walk:
        """Only the records of the mask."""
        starts = [column[mask] for column in self.starts]
        ends = [column[mask] for column in self.ends]
        return Walk(self.set_index[mask], starts, ends, self.broken)


@lru_cache(maxsize=2048)
def plan(template: Template) -> Plan:
    """The plan of a template (bounded cache: templates come from the network)."""
    parts: list[Run | Variable] = []
    pending: list[tuple[str, Layout, str]] = []
    unusable = 0

    def close() -> None:
        if pending:
            dtype = np.dtype([(key, form.wire) for _, form, key in pending])
            parts.append(Run(tuple(pending), dtype, dtype.itemsize))
            pending.clear()

    for index, (name, field) in enumerate(zip(template.names, template.fields, strict=True)):
        form = layout(field.element.type, field.length, packed_identifier=field.element.name == "applicationId")
        unusable += form.kind is Kind.SKIP
        if field.length == VARIABLE:
            close()
            parts.append(Variable(name, form))
        else:
            pending.append((name, form, f"f{index}"))
    close()
    return Plan(template, tuple(parts), all(isinstance(part, Variable) for part in parts), unusable)


def decode_fixed(way: Plan, octets: bytes, count: int) -> dict[str, Column]:
    """Columns of `count` records that lie back to back in `octets`."""
    (run,) = way.parts
    assert isinstance(run, Run)
    return _columns(run, np.frombuffer(octets, run.dtype, count))


def decode_variable(way: Plan, octets: bytes, walk: Walk) -> dict[str, Column]:
    """Columns of the records that `walk_records` found in `octets`."""
    columns: dict[str, Column] = {}
    for part, starts, ends in zip(way.parts, walk.starts, walk.ends, strict=True):
        if isinstance(part, Run):
            # every position of the buffer seen as a record: taking from it is one memcpy per record
            room = len(octets) - part.length + 1
            if len(starts):
                sight = np.ndarray((room,), f"V{part.length}", octets, strides=(1,))
                records = sight[starts].view(part.dtype)
            else:
                records = np.zeros(0, part.dtype)
            columns.update(_columns(part, records))
        elif part.layout.kind is not Kind.SKIP:
            pieces = map(octets.__getitem__, map(slice, starts.tolist(), ends.tolist()))
            columns[part.name] = _objects(pieces, part.layout.kind, len(starts))
    return {name: columns[name] for name in way.template.names if name in columns}


def _columns(run: Run, records: NDArray[Any]) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for name, form, key in run.fields:
        raw = records[key]
        if form.kind is Kind.SKIP:
            continue
        if form.kind in (Kind.STRING, Kind.OCTETS):
            width = form.length
            joined = raw.tobytes()
            rows = (joined[i * width : (i + 1) * width] for i in range(len(records)))
            columns[name] = _objects(rows, form.kind, len(records))
        elif form.kind is Kind.ADDRESS:
            columns[name] = np.ascontiguousarray(raw).reshape(len(records), form.length).copy()
        elif raw.ndim == 2:
            columns[name] = widen(raw, form.kind, form.dtype)
        else:
            columns[name] = raw.astype(form.dtype)
    return columns


class _Texts(dict[bytes, str]):
    """Each distinct string of a batch is decoded once."""

    def __missing__(self, octets: bytes) -> str:
        value = self[octets] = text(octets)
        return value


def _objects(pieces: Iterable[bytes], kind: Kind, count: int) -> Column:
    if kind is Kind.STRING:
        return np.fromiter(map(_Texts().__getitem__, pieces), object, count)
    return np.fromiter(pieces, object, count)


def walk_records(way: Plan, octets: bytes, bounds: Positions) -> Walk:
    """Find the records of the sets `octets[bounds[i]:bounds[i + 1]]`; records are ordered by set, then position.

    A set in which a length runs past the end is marked broken; records found before that are still listed.
    """
    steps = _Steps(way, len(bounds) - 1)
    position, end = bounds[:-1].copy(), bounds[1:].copy()
    alive = np.arange(len(position))
    data = np.frombuffer(octets, np.uint8)
    # one long set among short ones must not be walked at numpy's price per step, hence the two ways in turn
    while len(alive) >= _TOGETHER:
        going = ~_are_padding(way, data, position, end)
        alive, position, end = alive[going], position[going], end[going]
        position, good = steps.take_together(data, alive, position, end)
        alive, position, end = alive[good], position[good], end[good]
    for index, first, last in zip(alive.tolist(), position.tolist(), end.tolist(), strict=True):
        steps.take_rest(octets, index, first, last)
    return steps.walk()


def _are_padding(way: Plan, data: NDArray[np.uint8], position: Positions, end: Positions) -> NDArray[np.bool_]:
    """RFC 7011 3.3.1: padding is shorter than any record.

    Where every field is variable the shortest record is as many zeros as there are fields, so zeros up to a
    four-octet boundary are taken as padding too: a record without any content says nothing.
    """
    padding = end - position < way.template.minimum_length
    if way.all_variable:
        for index in np.flatnonzero(end - position < _BOUNDARY).tolist():
            padding[index] |= not data[position[index] : end[index]].any()
    return padding


class _Steps:
    """Positions found so far, from both ways of walking."""

    def __init__(self, way: Plan, sets: int) -> None:
        self.way = way
        self.broken = np.zeros(sets, np.bool_)
        self._lengths = [part.length if isinstance(part, Run) else -1 for part in way.parts]
        self._indexes: list[Positions] = []
        self._tables: list[Positions] = []  # (records, 2 * parts): start, end, start, end, ...

    def take_together(
        self, data: NDArray[np.uint8], alive: Positions, position: Positions, end: Positions
    ) -> tuple[Positions, NDArray[np.bool_]]:
        """One record from each of the sets `alive`; returns where they end and which were whole."""
        good = np.ones(len(alive), np.bool_)
        last = len(data) - 1
        table = np.empty((len(alive), 2 * len(self._lengths)), np.int64)
        for part, fixed in enumerate(self._lengths):
            length: Any = fixed
            if fixed < 0:
                # reads for a set already bad are kept inside the buffer; their values are not used
                good &= position < end
                length = data[np.minimum(position, last)].astype(np.int64)
                position = position + 1
                long = length == LONG_FORM
                if long.any():
                    good &= ~long | (end - position >= 2)
                    high = data[np.minimum(position, last)].astype(np.int64)
                    low = data[np.minimum(position + 1, last)]
                    length = np.where(long, high << 8 | low, length)
                    position = position + 2 * long
            table[:, 2 * part] = position
            position = position + length
            table[:, 2 * part + 1] = position
            good &= position <= end
        self.broken[alive[~good]] = True
        self._indexes.append(alive[good])
        self._tables.append(table[good])
        return position, good

    def take_rest(self, octets: bytes, index: int, position: int, end: int) -> None:
        """All records that are left of one set."""
        minimum = self.way.template.minimum_length
        found: list[list[int]] = []
        while end - position >= minimum:
            if self.way.all_variable and end - position < _BOUNDARY and not any(octets[position:end]):
                break
            record: list[int] = []
            for step in self._lengths:
                if step < 0:
                    if position >= end:
                        break
                    step = octets[position]
                    position += 1
                    if step == LONG_FORM:
                        if end - position < 2:
                            break
                        step = octets[position] << 8 | octets[position + 1]
                        position += 2
                if step > end - position:
                    break
                record += (position, position + step)
                position += step
            if len(record) != 2 * len(self._lengths):
                self.broken[index] = True
                break
            found.append(record)
        if found:
            self._indexes.append(np.full(len(found), index, np.int64))
            self._tables.append(np.array(found, np.int64))

    def walk(self) -> Walk:
        """Everything found, ordered by set and position."""
        parts = len(self._lengths)
        if not self._tables:
            none = np.zeros(0, np.int64)
            return Walk(none, [none] * parts, [none] * parts, self.broken)
        set_index = np.concatenate(self._indexes)
        order = np.argsort(set_index, kind="stable")
        table = np.concatenate(self._tables)[order]
        starts = [table[:, 2 * part] for part in range(parts)]
        ends = [table[:, 2 * part + 1] for part in range(parts)]
        return Walk(set_index[order], starts, ends, self.broken)
