"""Data records of one template: octets to columns (the other way is `encode.py`).

A template is a chain of *runs*: stretches of fixed-length fields, each a packed big-endian numpy record,
between variable-length fields (RFC 7011 7: one length octet, or 255 and two).  Fixed-length templates are
one run: all their records over many datagrams become columns by one `frombuffer`.  With variable fields the
record starts must be found first: `_walk_together` steps through all sets at once (step k finds record k of
every set), `_walk_each` goes set by set when there are too few of them to pay for numpy; both give the same
positions.
"""

from __future__ import annotations

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
            pieces = [octets[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
            columns[part.name] = _objects(pieces, part.layout.kind)
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
            pieces = [joined[i * width : (i + 1) * width] for i in range(len(records))]
            columns[name] = _objects(pieces, form.kind)
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


def _objects(pieces: list[bytes], kind: Kind) -> Column:
    column = np.empty(len(pieces), object)
    if kind is Kind.STRING:
        texts = _Texts()
        column[:] = [texts[piece] for piece in pieces]
    else:
        column[:] = pieces
    return column


def walk_records(way: Plan, octets: bytes, bounds: Positions) -> Walk:
    """Find the records of the sets `octets[bounds[i]:bounds[i + 1]]`; records are ordered by set, then position.

    A set in which a length runs past the end is marked broken; records found before that are still listed.
    """
    if len(bounds) - 1 >= _TOGETHER:
        return _walk_together(way, octets, bounds)
    return _walk_each(way, octets, bounds)


def _is_padding(way: Plan, rest: bytes) -> bool:
    """RFC 7011 3.3.1: padding is shorter than any record.

    Where every field is variable the shortest record is as many zeros as there are fields, so zeros up to a
    four-octet boundary are taken as padding too: a record without any content says nothing.
    """
    if len(rest) < way.template.minimum_length:
        return True
    return way.all_variable and len(rest) < 4 and not any(rest)


def _walk_each(way: Plan, octets: bytes, bounds: Positions) -> Walk:
    set_index: list[int] = []
    found: list[list[int]] = []  # per record: start, end, start, end, ... of every part
    limits = bounds.tolist()
    broken = np.zeros(len(limits) - 1, np.bool_)
    steps = [part.length if isinstance(part, Run) else -1 for part in way.parts]
    for index in range(len(limits) - 1):
        position, end = limits[index], limits[index + 1]
        while position < end and not _is_padding(way, octets[position : min(end, position + 65536)]):
            record: list[int] = []
            for step in steps:
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
            if len(record) != 2 * len(steps):
                broken[index] = True
                break
            set_index.append(index)
            found.append(record)
    table = np.array(found, np.int64).reshape(len(found), 2 * len(steps))
    return Walk(
        np.array(set_index, np.int64),
        [table[:, 2 * i] for i in range(len(steps))],
        [table[:, 2 * i + 1] for i in range(len(steps))],
        broken,
    )


def _walk_together(way: Plan, octets: bytes, bounds: Positions) -> Walk:
    data = np.frombuffer(octets, np.uint8)
    broken = np.zeros(len(bounds) - 1, np.bool_)
    minimum = way.template.minimum_length
    alive = np.flatnonzero(bounds[1:] - bounds[:-1] >= minimum)
    position = bounds[:-1][alive].copy()
    end = bounds[1:][alive]
    indexes: list[Positions] = []
    starts: list[list[Positions]] = [[] for _ in way.parts]
    ends: list[list[Positions]] = [[] for _ in way.parts]
    while len(alive):
        if way.all_variable:
            going = np.array(
                [not _is_padding(way, octets[a : min(b, a + 4)]) for a, b in zip(position, end, strict=True)]
            )
            alive, position, end = alive[going], position[going], end[going]
        good = np.ones(len(alive), np.bool_)
        step_starts = []
        step_ends = []
        for part in way.parts:
            if isinstance(part, Run):
                length: Any = part.length
            else:
                # reads of a set already bad are kept inside the buffer; their values are not used
                good &= position < end
                length = data[np.minimum(position, len(data) - 1)].astype(np.int64)
                position = position + 1
                long = length == LONG_FORM
                if long.any():
                    good &= ~long | (end - position >= 2)
                    high = data[np.minimum(position, len(data) - 1)].astype(np.int64)
                    low = data[np.minimum(position + 1, len(data) - 1)]
                    length = np.where(long, high << 8 | low, length)
                    position = position + 2 * long
            after = position + length
            good &= after <= end
            step_starts.append(position)
            step_ends.append(after)
            position = after
        if not good.all():
            broken[alive[~good]] = True
        indexes.append(alive[good])
        for part_index in range(len(way.parts)):
            starts[part_index].append(step_starts[part_index][good])
            ends[part_index].append(step_ends[part_index][good])
        going = good & (end - position >= minimum)
        alive, position, end = alive[going], position[going], end[going]
    if not indexes:
        none = np.zeros(0, np.int64)
        return Walk(none, [none for _ in way.parts], [none for _ in way.parts], broken)
    set_index = np.concatenate(indexes)
    order = np.argsort(set_index, kind="stable")
    return Walk(
        set_index[order],
        [np.concatenate(column)[order] for column in starts],
        [np.concatenate(column)[order] for column in ends],
        broken,
    )
