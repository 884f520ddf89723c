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

from exporters.errors import IpfixDecodeError
from exporters.ipfix.batch import RecordBatch
from exporters.ipfix.message import Header, RawSet, Withdrawal, parse_templates, split_message
from exporters.ipfix.records import Walk, decode_fixed, decode_variable, plan, walk_records
from exporters.ipfix.sequence import SequenceCheck, SequenceStats
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


DEFAULT_LIMITS: Final = Limits()


@dataclass
class DecodeStats(SequenceStats, CacheStats):
    """Everything that came in and everything that was dropped."""

    messages: int = 0  # well-formed ones
    octets: int = 0  # of all buffers given
    records: int = 0  # data records decoded, options records included
    options_records: int = 0
    malformed: int = 0  # messages discarded
    missing_template_sets: int = 0  # data sets nobody could read
    missing_template_octets: int = 0
    reserved_sets: int = 0  # set ids 0, 1, 4..255
    unusable_fields: int = 0  # fields of new templates whose length their type cannot have
    domains_evicted: int = 0


@dataclass(slots=True)
class _Message:
    """What the end of `receive` needs to know of a message."""

    header: Header
    records: int = 0
    exact: bool = True  # every data record could be counted
    broken: bool = False


@dataclass(slots=True)
class _Pending:
    """Data sets of one (domain, template) waiting to be decoded together."""

    odid: int
    template: Template
    bodies: list[memoryview] = field(default_factory=list)
    messages: list[_Message] = field(default_factory=list)


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
        self._sequences: dict[int, SequenceCheck] = {}

    def receive(self, datagrams: Sequence[bytes], now: float) -> list[RecordBatch]:
        """Decode datagrams in the order of arrival.

        One batch per (domain, template) over all of them, options batches first, else in order of first
        appearance. Never raises on the content of `datagrams`.
        """
        pending: dict[tuple[int, int], _Pending] = {}
        messages: list[_Message] = []
        for datagram in datagrams:
            self.stats.octets += len(datagram)
            rest = memoryview(datagram)
            while True:
                try:
                    header, sets = split_message(rest)
                    actions = self._read_templates(header, sets)
                except IpfixDecodeError as error:
                    self._malformed(error)
                    break
                message = _Message(header)
                messages.append(message)
                for raw, found in zip(sets, actions, strict=True):
                    if found is None:
                        self._queue(raw, message, pending, now)
                    else:
                        self._apply(raw.set_id, found, header.odid, now)
                rest = rest[header.length :]
                if not rest:
                    break
        batches = self._decode(list(pending.values()))
        self._account(messages)
        return batches

    def _read_templates(self, header: Header, sets: list[RawSet]) -> list[list[Template | Withdrawal] | None]:
        # everything is parsed before anything is applied, so that a malformed message leaves no trace
        return [
            parse_templates(
                raw.body,
                options=raw.set_id == OPTIONS_SET,
                odid=header.odid,
                max_fields=self.limits.max_fields_per_template,
            )
            if raw.set_id in (TEMPLATE_SET, OPTIONS_SET)
            else None
            for raw in sets
        ]

    def _apply(self, set_id: int, found: list[Template | Withdrawal], odid: int, now: float) -> None:
        for item in found:
            if isinstance(item, Template):
                installed = self.templates.install(odid, item, now)
                if installed is item:
                    self.stats.unusable_fields += plan(item).unusable
            elif item.template_id == set_id:  # RFC 7011 8.1: all of a kind
                self.templates.withdraw_all(odid, options=set_id == OPTIONS_SET)
            else:
                self.templates.withdraw(odid, item.template_id)

    def _queue(self, raw: RawSet, message: _Message, pending: dict[tuple[int, int], _Pending], now: float) -> None:
        odid = message.header.odid
        if raw.set_id < FIRST_DATA_SET:  # RFC 7011 3.3.2: not used, to be ignored
            self.stats.reserved_sets += 1
            return
        template = self.templates.get(odid, raw.set_id, now)
        if template is None:
            self.stats.missing_template_sets += 1
            self.stats.missing_template_octets += len(raw.body)
            message.exact = False
            return
        key = odid, id(template)
        waiting = pending.get(key)
        if waiting is None:
            waiting = pending[key] = _Pending(odid, template)
        waiting.bodies.append(raw.body)
        waiting.messages.append(message)

    def _decode(self, pending: list[_Pending]) -> list[RecordBatch]:
        # variable-length records first: only they can still show that a message is malformed
        walked = [
            (waiting, None if waiting.template.fixed_length is not None else self._walk(waiting)) for waiting in pending
        ]
        batches = []
        for waiting, walk in walked:
            batch = self._fixed(waiting) if walk is None else self._variable(waiting, walk)
            if len(batch):
                batches.append(batch)
                self.stats.records += len(batch)
                self.stats.options_records += len(batch) if batch.template.scope_count else 0
        return sorted(batches, key=lambda batch: batch.template.scope_count == 0)

    def _walk(self, waiting: _Pending) -> tuple[bytes, Walk]:
        octets = b"".join(waiting.bodies)
        bounds = np.zeros(len(waiting.bodies) + 1, np.int64)
        np.cumsum([len(body) for body in waiting.bodies], out=bounds[1:])
        walk = walk_records(plan(waiting.template), octets, bounds)
        for index in np.flatnonzero(walk.broken).tolist():
            message = waiting.messages[index]
            if not message.broken:
                message.broken = True
                self._malformed(IpfixDecodeError("record leaves its set", waiting.odid, waiting.template.template_id))
        return octets, walk

    def _fixed(self, waiting: _Pending) -> RecordBatch:
        length = waiting.template.fixed_length
        assert length
        bodies = []
        counts = []
        times = []
        for body, message in zip(waiting.bodies, waiting.messages, strict=True):
            if message.broken:
                continue
            count = len(body) // length  # RFC 7011 3.3.1: what is left is padding
            message.records += count
            bodies.append(body[: count * length])
            counts.append(count)
            times.append(message.header.export_time)
        columns = decode_fixed(plan(waiting.template), b"".join(bodies), sum(counts))
        export_time = np.repeat(np.array(times, np.uint32), counts)
        return RecordBatch(waiting.template, waiting.odid, columns, export_time)

    def _variable(self, waiting: _Pending, walked: tuple[bytes, Walk]) -> RecordBatch:
        octets, walk = walked
        broken = np.array([message.broken for message in waiting.messages], np.bool_)
        if broken.any():
            walk = walk.keep(~broken[walk.set_index])
        counts = np.bincount(walk.set_index, minlength=len(waiting.messages))
        for message, count in zip(waiting.messages, counts.tolist(), strict=True):
            message.records += count
        columns = decode_variable(plan(waiting.template), octets, walk)
        times = np.array([message.header.export_time for message in waiting.messages], np.uint32)
        return RecordBatch(waiting.template, waiting.odid, columns, times[walk.set_index])

    def _account(self, messages: list[_Message]) -> None:
        for message in messages:
            header = message.header
            check = self._sequences.get(header.odid)
            if check is None:
                if len(self._sequences) >= self.limits.max_domains:
                    self._sequences.pop(next(iter(self._sequences)))
                    self.stats.domains_evicted += 1
                check = self._sequences[header.odid] = SequenceCheck()
            exact = message.exact and not message.broken
            check.account(header.sequence, message.records, exact=exact, stats=self.stats)
            self.stats.messages += not message.broken

    def _malformed(self, error: IpfixDecodeError) -> None:
        self.stats.malformed += 1
        self.last_error = str(error)
