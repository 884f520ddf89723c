"""`ExportingProcess` (RFC 7011 2): records in, IPFIX messages out, without a socket or a clock.

One process is one observation domain over one UDP transport session.  Templates go out before the first data
and again every `template_refresh_seconds` (RFC 7011 8.4); options tables follow them and precede data; a table
that changed sends its new and changed rows at once.  Options are paced, so that a big table does not arrive as
one burst that overruns the collector's socket.  The sequence number counts data records, options records
included (RFC 7011 3.1).  Queued octets are bounded; what does not fit, or could never fit into a datagram, is
dropped and counted.

Every options template and every options record has a set of its own (four octets more): nfdump 1.7.1 reads only
the first options template of a set, and loses its place after the first options record of one.
Left out: withdrawals (RFC 7011 8.4 forbids them over UDP), SCTP streams.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from exporters.errors import IpfixEncodeError
from exporters.ipfix.encode import Columns, encode_records
from exporters.ipfix.message import HEADER, SET_HEADER, encode_message, encode_set, encode_template
from exporters.ipfix.template import OPTIONS_SET, TEMPLATE_SET, Template

OPTIONS_BURST: Final = 8  # messages of options per call of datagrams_to_send
OPTIONS_PAUSE_SECONDS: Final = 0.02  # until the next burst
MAX_QUEUED_OCTETS: Final = 16 << 20


@dataclass
class ExportStats:
    """Counters of one exporting process; dropped ones are records."""

    messages: int = 0
    octets: int = 0
    records: int = 0  # data records sent, options records included
    options_records: int = 0
    template_records: int = 0
    refreshes: int = 0
    dropped_queue_full: int = 0
    dropped_too_long: int = 0  # longer than a whole message


@dataclass(slots=True)
class _Chunk:
    """Records of one set id waiting to be sent."""

    set_id: int
    records: list[bytes]
    alone: bool  # every record in a set of its own
    data: bool  # counts for the sequence number
    sent: int = 0

    def __len__(self) -> int:
        return len(self.records) - self.sent


class _Message:
    """A message being filled up to the MTU."""

    def __init__(self, room: int) -> None:
        self.room = room - HEADER.size
        self.sets: list[bytes] = []
        self.records = 0
        self.options_records = 0

    def take(self, chunk: _Chunk) -> None:
        """Take as many records as fit."""
        first = at = chunk.sent
        while at < len(chunk.records):
            room = self.room - SET_HEADER.size
            start = at
            while at < len(chunk.records) and len(chunk.records[at]) <= room:
                room -= len(chunk.records[at])
                at += 1
                if chunk.alone:
                    break
            if at == start:
                break
            self.sets.append(encode_set(chunk.set_id, chunk.records[start:at]))
            self.room = room
        chunk.sent = at
        if chunk.data:
            self.records += at - first
            self.options_records += at - first if chunk.alone else 0


class ExportingProcess:
    """Builds the datagrams of one observation domain.

    `templates`: those to announce; using another one adds it.  `mtu`: octets of UDP payload per datagram.
    Raises IpfixEncodeError where a template does not fit into a datagram or its id is taken.
    """

    def __init__(
        self,
        odid: int,
        templates: Iterable[Template],
        *,
        mtu: int = 1400,
        template_refresh_seconds: float = 60.0,
        max_queued_octets: int = MAX_QUEUED_OCTETS,
    ) -> None:
        self.odid = odid
        self.stats = ExportStats()
        self.sequence = 0  # of the next message
        self._mtu = mtu
        self._refresh_seconds = template_refresh_seconds
        self._max_queued = max_queued_octets
        self._templates: dict[int, Template] = {}
        self._announced: set[int] = set()
        self._refresh_at: float | None = None  # None: nothing was sent yet
        self._options_at: float | None = None  # pacing: not before
        self._tables: dict[int, list[bytes]] = {}
        self._options: deque[_Chunk] = deque()
        self._data: deque[_Chunk] = deque()
        self._queued = 0
        for template in templates:
            self._know(template)

    def add(self, template: Template, columns: Columns, now: float) -> int:
        """Queue data records; returns how many were taken. Raises IpfixEncodeError for unfitting columns."""
        self._know(template)
        records = self._fitting(encode_records(template, columns))
        octets = sum(map(len, records))
        while records and self._queued + octets > self._max_queued:
            octets -= len(records.pop())
            self.stats.dropped_queue_full += 1
        if self._data and self._data[-1].set_id == template.template_id:
            self._data[-1].records += records
        elif records:
            self._data.append(_Chunk(template.template_id, records, template.scope_count > 0, True))
        self._queued += octets
        return len(records)

    def set_options(self, template: Template, columns: Columns) -> None:
        """Replace the options table of this template.

        New and changed rows go out at once, the whole table with every refresh.
        """
        self._know(template)
        if not template.scope_count:
            raise IpfixEncodeError(f"template {template.template_id} has no scope")
        set_id = template.template_id
        rows = self._fitting(encode_records(template, columns))
        known = set(self._tables.get(set_id, ()))
        self._tables[set_id] = rows
        if self._refresh_at is None:  # the first refresh will send the table
            return
        still = set(rows)
        for chunk in self._options:
            if chunk.set_id == set_id:
                chunk.records = [row for row in chunk.records[chunk.sent :] if row in still]
                chunk.sent = 0
                known.update(chunk.records)
        fresh = [row for row in rows if row not in known]
        if fresh:
            self._options.append(_Chunk(set_id, fresh, True, True))

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """Everything due: templates, then options (paced), then data."""
        self.handle_timeout(now)
        datagrams = self._announce(now)
        if self._options and (self._options_at is None or now >= self._options_at):
            datagrams += self._fill(self._options, now, OPTIONS_BURST)
            self._options_at = now + OPTIONS_PAUSE_SECONDS
        datagrams += self._fill(self._data, now, None)
        self._queued = 0
        return datagrams

    def next_timeout(self) -> float:
        """When datagrams_to_send has something to say even without new records; 0.0 = at once."""
        if self._refresh_at is None:
            return 0.0
        if self._options:
            return min(self._refresh_at, self._options_at or 0.0)
        return self._refresh_at

    def handle_timeout(self, now: float) -> None:
        """Queue the refresh when it is due; the next datagrams_to_send sends it."""
        if self._refresh_at is not None and self._refresh_at - self._refresh_seconds <= now < self._refresh_at:
            return  # a clock that was set back does not put the refresh off
        self._refresh_at = now + self._refresh_seconds
        self._announced.clear()
        self._options = deque(_Chunk(set_id, list(rows), True, True) for set_id, rows in self._tables.items())
        self.stats.refreshes += 1

    def begin_session(self) -> None:
        """The transport session is a new one (RFC 7011 8.4): everything is announced again with the next datagrams."""
        self._refresh_at = None

    def _know(self, template: Template) -> None:
        known = self._templates.get(template.template_id)
        if known is None:
            if HEADER.size + SET_HEADER.size + len(encode_template(template)) > self._mtu:
                raise IpfixEncodeError(f"template {template.template_id} exceeds {self._mtu} octets")
            self._templates[template.template_id] = template
        elif known != template:
            raise IpfixEncodeError(f"template id {template.template_id} is in use for other fields")

    def _fitting(self, records: list[bytes]) -> list[bytes]:
        room = self._mtu - HEADER.size - SET_HEADER.size
        fitting = [record for record in records if len(record) <= room]
        self.stats.dropped_too_long += len(records) - len(fitting)
        return fitting

    def _announce(self, now: float) -> list[bytes]:
        due = [template for set_id, template in self._templates.items() if set_id not in self._announced]
        self._announced.update(self._templates)
        self.stats.template_records += len(due)
        plain = [encode_template(template) for template in due if not template.scope_count]
        scoped = [encode_template(template) for template in due if template.scope_count]
        chunks = [_Chunk(TEMPLATE_SET, plain, False, False), _Chunk(OPTIONS_SET, scoped, True, False)]
        return self._fill(deque(chunks), now, None)

    def _fill(self, waiting: deque[_Chunk], now: float, limit: int | None) -> list[bytes]:
        datagrams: list[bytes] = []
        while waiting and (limit is None or len(datagrams) < limit):
            message = _Message(self._mtu)
            while waiting:
                message.take(waiting[0])
                if waiting[0]:
                    break
                waiting.popleft()
            if message.sets:
                datagrams.append(encode_message(self.odid, self.sequence, int(now), message.sets))
                self.sequence = (self.sequence + message.records) & 0xFFFFFFFF
                self.stats.messages += 1
                self.stats.octets += len(datagrams[-1])
                self.stats.records += message.records
                self.stats.options_records += message.options_records
        return datagrams
