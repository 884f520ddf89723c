"""`SessionDecoder`: the collecting process (RFC 7011 8, 9) of one transport session, datagrams in, batches out.

Covered: every set kind, template life (definition, refresh, redefinition also in the middle of a message,
withdrawal, lifetime, caps), sequence accounting per observation domain, several messages back to back in
one buffer (files of RFC 5655, or what a stream delivered).  A malformed message is discarded whole (RFC
7011 9), also when the fault only shows in its last variable-length record.  An unknown template is data
nobody can read yet: it is counted. Left out: the structured data of RFC 6313 (kept as octets), template
sharing between sessions.

Nothing here raises on what the network sent, and memory is fixed by `Limits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exporters.errors import IpfixDecodeError
from exporters.ipfix.batch import RecordBatch
from exporters.ipfix.held import HeldSet, HeldSets, HeldStats
from exporters.ipfix.message import (
    HEADER,
    ONE_SET,
    VERSION,
    RawSet,
    Withdrawal,
    parse_templates,
    split_message,
)
from exporters.ipfix.records import Column, Plan, Walk, decode_fixed, decode_variable, plan, walk_records
from exporters.ipfix.sequence import MODULUS, SequenceCheck, SequenceStats
from exporters.ipfix.template import (
    FIRST_DATA_SET,
    OPTIONS_SET,
    TEMPLATE_SET,
    CacheStats,
    Template,
    TemplateCache,
)


@dataclass(frozen=True)
class Limits:
    """What one session may cost. `template_lifetime`: seconds since the last refresh, None = no end."""

    max_templates: int = 1024
    max_template_fields: int = 32768  # over all templates of the session
    max_fields_per_template: int = 1024
    max_domains: int = 1024  # observation domains with sequence state
    template_lifetime: float | None = 1800.0  # RFC 7011 8.4: at least three times the exporter's refresh
    max_held_octets: int = 1 << 20  # data sets waiting for their template
    max_held_seconds: float = 120.0


Counts = NDArray[np.int64]
_LATE: Final = -1  # in place of a sequence number: a held set, its message was accounted for when it came
DEFAULT_LIMITS: Final = Limits()


@dataclass
class DecodeStats(SequenceStats, CacheStats, HeldStats):
    """Everything that came in and everything that was dropped."""

    messages: int = 0  # well-formed ones
    octets: int = 0  # of all buffers given
    records: int = 0  # data records decoded, options records included
    options_records: int = 0
    malformed: int = 0  # messages discarded
    reserved_sets: int = 0  # set ids 0, 1, 4..255
    unusable_fields: int = 0  # fields of new templates whose length their type cannot have
    domains_evicted: int = 0


class _Arrived:
    """The messages of one call, by number: header facts, and which of them cannot be trusted."""

    def __init__(self) -> None:
        self.odid: list[int] = []
        self.sequence: list[int] = []
        self.export_time: list[int] = []
        self.uncounted: set[int] = set()  # held data records that nobody could count
        self.broken: set[int] = set()  # malformed after all

    def add(self, odid: int, sequence: int, export_time: int) -> int:
        """Note a message; returns its number."""
        self.odid.append(odid)
        self.sequence.append(sequence)
        self.export_time.append(export_time)
        return len(self.odid) - 1


@dataclass(slots=True)
class _Pending:
    """Data sets of one (domain, template) waiting to be decoded together, and the messages they came in."""

    odid: int
    template: Template
    bodies: list[bytes] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Call:
    """What one call of `receive` collects before it decodes."""

    now: float
    arrived: _Arrived = field(default_factory=_Arrived)
    pending: dict[tuple[int, int], _Pending] = field(default_factory=dict)  # (domain, id() of the template)
    ready: dict[int, _Pending] = field(default_factory=dict)  # domain << 16 | set id; void after a template set


class SessionDecoder:
    """Decoder of one transport session (one peer address and port)."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.stats = DecodeStats()
        self.last_error = ""  # the latest reason a message was discarded
        self.templates = TemplateCache(
            stats=self.stats,
            max_templates=limits.max_templates,
            max_fields=limits.max_template_fields,
            lifetime=limits.template_lifetime,
        )
        self._held = HeldSets(limits.max_held_octets, limits.max_held_seconds, self.stats)
        self._sequences: dict[int, SequenceCheck] = {}

    def receive(self, datagrams: Sequence[bytes], now: float) -> list[RecordBatch]:
        """Decode datagrams in the order of arrival; best in groups of some hundred (they then stay in the cache).

        One batch per (domain, template) over all of them, options batches first, else in order of first appearance.
        Never raises on the content of `datagrams`.
        """
        call = _Call(now)
        arrived, ready = call.arrived, call.ready
        for datagram in datagrams:
            size = len(datagram)
            self.stats.octets += size
            if size > ONE_SET.size:
                version, length, export_time, sequence, odid, set_id, set_length = ONE_SET.unpack_from(datagram)
                if (
                    length == size
                    and set_length == size - HEADER.size
                    and set_id >= FIRST_DATA_SET
                    and version == VERSION
                ):  # by far the most: one message that is one data set
                    number = arrived.add(odid, sequence, export_time)
                    waiting = ready.get(odid << 16 | set_id) or self._find(odid, set_id, call)
                    if waiting is None:
                        self._hold(number, odid, set_id, datagram[ONE_SET.size :], call)
                    else:
                        waiting.bodies.append(datagram[ONE_SET.size :])
                        waiting.messages.append(number)
                    continue
            self._receive_any(memoryview(datagram), call)
        batches, records = self._decode(call)
        self._account(arrived, records)
        return batches

    def _receive_any(self, rest: memoryview, call: _Call) -> None:
        """Whatever a buffer holds: messages of several sets, several messages, nothing that makes sense."""
        while True:
            try:
                header, sets = split_message(rest)
                # everything is parsed before anything is applied: a malformed message leaves no trace
                templates = [self._read_templates(raw, header.odid) for raw in sets]
            except IpfixDecodeError as error:
                self._malformed(error)
                return
            number = call.arrived.add(header.odid, header.sequence, header.export_time)
            for raw, found in zip(sets, templates, strict=True):
                if found is not None:
                    self._apply(raw.set_id, found, header.odid, call)
                elif raw.set_id < FIRST_DATA_SET:  # RFC 7011 3.3.2: not used, to be ignored
                    self.stats.reserved_sets += 1
                elif raw.body:
                    waiting = self._find(header.odid, raw.set_id, call)
                    if waiting is None:
                        self._hold(number, header.odid, raw.set_id, bytes(raw.body), call)
                    else:
                        waiting.bodies.append(bytes(raw.body))
                        waiting.messages.append(number)
            rest = rest[header.length :]
            if not rest:
                return

    def _read_templates(self, raw: RawSet, odid: int) -> list[Template | Withdrawal] | None:
        if raw.set_id not in (TEMPLATE_SET, OPTIONS_SET):
            return None
        options = raw.set_id == OPTIONS_SET
        return parse_templates(raw.body, options=options, odid=odid, max_fields=self.limits.max_fields_per_template)

    def _apply(self, set_id: int, found: list[Template | Withdrawal], odid: int, call: _Call) -> None:
        call.ready.clear()
        for item in found:
            if isinstance(item, Template):
                if self.templates.install(odid, item, call.now) is item:
                    self.stats.unusable_fields += plan(item).unusable
                self._release(odid, item.template_id, call)
            elif item.template_id == set_id:  # RFC 7011 8.1: all of a kind
                self.templates.withdraw_all(odid, options=set_id == OPTIONS_SET)
            else:
                self.templates.withdraw(odid, item.template_id)

    def _find(self, odid: int, set_id: int, call: _Call) -> _Pending | None:
        template = self.templates.get(odid, set_id, call.now)
        if template is None:
            return None
        key = odid, id(template)
        waiting = call.pending.get(key)
        if waiting is None:
            waiting = call.pending[key] = _Pending(odid, template)
        call.ready[odid << 16 | set_id] = waiting
        return waiting

    def _hold(self, number: int, odid: int, set_id: int, body: bytes, call: _Call) -> None:
        call.arrived.uncounted.add(number)
        self._held.put(odid, set_id, HeldSet(body, call.arrived.export_time[number], call.now))

    def _release(self, odid: int, set_id: int, call: _Call) -> None:
        for held in self._held.take(odid, set_id, call.now):
            waiting = self._find(odid, set_id, call)
            if waiting:
                waiting.bodies.append(held.body)
                waiting.messages.append(call.arrived.add(odid, _LATE, held.export_time))

    def _decode(self, call: _Call) -> tuple[list[RecordBatch], Counts]:
        """The batches, and how many data records each message had."""
        arrived = call.arrived
        records = np.zeros(len(arrived.odid), np.int64)
        times = np.array(arrived.export_time, np.uint32)
        # variable-length records first: only they can still show that a message is malformed
        walked = [
            (waiting, None if waiting.template.fixed_length is not None else self._walk(waiting, arrived))
            for waiting in call.pending.values()
        ]
        batches = []
        for waiting, walk in walked:
            messages = np.array(waiting.messages, np.int64)
            way = plan(waiting.template)
            if walk is None:
                columns, counts = self._fixed(waiting, way, arrived.broken)
            else:
                columns, counts = self._variable(waiting, way, walk, arrived.broken)
            np.add.at(records, messages, counts)
            export_time = np.repeat(times[messages], counts)
            if len(export_time):
                batches.append(RecordBatch(waiting.template, waiting.odid, columns, export_time))
                self.stats.records += len(export_time)
                self.stats.options_records += len(export_time) if waiting.template.scope_count else 0
        return sorted(batches, key=lambda batch: batch.template.scope_count == 0), records

    def _walk(self, waiting: _Pending, arrived: _Arrived) -> tuple[bytes, Walk]:
        octets = b"".join(waiting.bodies)
        bounds = np.zeros(len(waiting.bodies) + 1, np.int64)
        np.cumsum([len(body) for body in waiting.bodies], out=bounds[1:])
        walk = walk_records(plan(waiting.template), octets, bounds)
        for index in np.flatnonzero(walk.broken).tolist():
            number = waiting.messages[index]
            if number not in arrived.broken:
                arrived.broken.add(number)
                error = IpfixDecodeError("record leaves its set", waiting.odid, waiting.template.template_id)
                self._malformed(error)
        return octets, walk

    def _fixed(self, waiting: _Pending, way: Plan, broken: set[int]) -> tuple[dict[str, Column], Counts]:
        length = waiting.template.fixed_length
        assert length
        bodies = waiting.bodies
        if broken:
            pairs = zip(bodies, waiting.messages, strict=True)
            bodies = [b"" if number in broken else body for body, number in pairs]
        sizes = np.array([len(body) for body in bodies], np.int64)
        counts = sizes // length
        if (sizes % length).any():  # RFC 7011 3.3.1: what is left is padding
            bodies = [body[: len(body) // length * length] for body in bodies]
        return decode_fixed(way, b"".join(bodies), int(counts.sum())), counts

    def _variable(
        self, waiting: _Pending, way: Plan, walked: tuple[bytes, Walk], broken: set[int]
    ) -> tuple[dict[str, Column], Counts]:
        octets, walk = walked
        if broken:
            bad = np.array([number in broken for number in waiting.messages], np.bool_)
            walk = walk.keep(~bad[walk.set_index])
        counts = np.bincount(walk.set_index, minlength=len(waiting.messages))
        return decode_variable(way, octets, walk), counts

    def _account(self, arrived: _Arrived, records: Counts) -> None:
        late = {number for number, sequence in enumerate(arrived.sequence) if sequence == _LATE}
        self.stats.messages += len(arrived.odid) - len(arrived.broken | late)
        inexact = arrived.uncounted | arrived.broken
        if not inexact and not late and self._in_step(arrived, records):
            return
        for number, count in enumerate(records.tolist()):
            if number in late:
                continue
            check = self._sequence(arrived.odid[number])
            check.account(arrived.sequence[number], count, exact=number not in inexact, stats=self.stats)

    def _in_step(self, arrived: _Arrived, records: Counts) -> bool:
        """The usual case in one stroke: one domain, every message where the last one ended."""
        if len(arrived.odid) < 2 or arrived.odid.count(arrived.odid[0]) != len(arrived.odid):
            return False
        check = self._sequence(arrived.odid[0])
        after = (np.array(arrived.sequence, np.int64) + records) % MODULUS
        if check.expected != arrived.sequence[0] or (after[:-1] != arrived.sequence[1:]).any():
            return False
        check.expected = int(after[-1])
        return True

    def _sequence(self, odid: int) -> SequenceCheck:
        check = self._sequences.get(odid)
        if check is None:
            if len(self._sequences) >= self.limits.max_domains:
                self._sequences.pop(next(iter(self._sequences)))
                self.stats.domains_evicted += 1
            check = self._sequences[odid] = SequenceCheck()
        return check

    def _malformed(self, error: IpfixDecodeError) -> None:
        self.stats.malformed += 1
        self.last_error = str(error)
