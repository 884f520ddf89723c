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


@dataclass(frozen=True, slots=True)
class _Entry:
    """One record waiting to be sent: the set it belongs into and what it counts as."""

    set_id: int
    record: bytes
    alone: bool  # a set of its own
    data: bool  # counts for the sequence number


class _Message:
    """A message being filled up to the MTU."""

    def __init__(self, room: int) -> None:
        self.room = room - HEADER.size
        self.sets: list[tuple[int, list[bytes]]] = []
        self.records = 0
        self.options_records = 0

    def take(self, entry: _Entry) -> bool:
        """Take the record if it fits, opening a new set where one is due."""
        same = bool(self.sets) and self.sets[-1][0] == entry.set_id and not entry.alone
        cost = len(entry.record) + (0 if same else SET_HEADER.size)
        if cost > self.room:
            return False
        if not same:
            self.sets.append((entry.set_id, []))
        self.sets[-1][1].append(entry.record)
        self.room -= cost
        self.records += entry.data
        self.options_records += entry.data and entry.alone
        return True


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
        self._options: deque[_Entry] = deque()
        self._data: deque[_Entry] = deque()
        self._queued = 0
        for template in templates:
            self._know(template)

    def add(self, template: Template, columns: Columns, now: float) -> int:
        """Queue data records; returns how many were taken. Raises IpfixEncodeError for unfitting columns."""
        self._know(template)
        alone = template.scope_count > 0
        taken = 0
        for record in encode_records(template, columns):
            if self._queued + len(record) > self._max_queued:
                self.stats.dropped_queue_full += 1
            elif self._fits(record):
                self._data.append(_Entry(template.template_id, record, alone, True))
                self._queued += len(record)
                taken += 1
        return taken

    def set_options(self, template: Template, columns: Columns) -> None:
        """Replace the options table of this template.

        New and changed rows go out at once, the whole table with every refresh.
        """
        self._know(template)
        if not template.scope_count:
            raise IpfixEncodeError(f"template {template.template_id} has no scope")
        set_id = template.template_id
        rows = [record for record in encode_records(template, columns) if self._fits(record)]
        known = set(self._tables.get(set_id, ()))
        self._tables[set_id] = rows
        if self._refresh_at is None:  # the first refresh will send the table
            return
        still = set(rows)
        waiting = [entry for entry in self._options if entry.set_id != set_id or entry.record in still]
        queued = {entry.record for entry in waiting if entry.set_id == set_id}
        fresh = [row for row in rows if row not in known and row not in queued]
        self._options = deque([*waiting, *(_Entry(set_id, row, True, True) for row in fresh)])

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
        if self._refresh_at is not None and now < self._refresh_at:
            return
        self._refresh_at = now + self._refresh_seconds
        self._announced.clear()
        self._options = deque(_Entry(set_id, row, True, True) for set_id, rows in self._tables.items() for row in rows)
        self.stats.refreshes += 1

    def _know(self, template: Template) -> None:
        known = self._templates.get(template.template_id)
        if known is None:
            if HEADER.size + SET_HEADER.size + len(encode_template(template)) > self._mtu:
                raise IpfixEncodeError(f"template {template.template_id} exceeds {self._mtu} octets")
            self._templates[template.template_id] = template
        elif known != template:
            raise IpfixEncodeError(f"template id {template.template_id} is in use for other fields")

    def _fits(self, record: bytes) -> bool:
        if HEADER.size + SET_HEADER.size + len(record) > self._mtu:
            self.stats.dropped_too_long += 1
            return False
        return True

    def _announce(self, now: float) -> list[bytes]:
        due = [template for set_id, template in self._templates.items() if set_id not in self._announced]
        due.sort(key=lambda template: template.scope_count > 0)
        self._announced.update(self._templates)
        self.stats.template_records += len(due)
        entries = deque(
            _Entry(OPTIONS_SET, encode_template(template), True, False)
            if template.scope_count
            else _Entry(TEMPLATE_SET, encode_template(template), False, False)
            for template in due
        )
        return self._fill(entries, now, None)

    def _fill(self, waiting: deque[_Entry], now: float, limit: int | None) -> list[bytes]:
        datagrams: list[bytes] = []
        while waiting and (limit is None or len(datagrams) < limit):
            message = _Message(self._mtu)
            while waiting and message.take(waiting[0]):
                waiting.popleft()
            sets = [encode_set(set_id, records) for set_id, records in message.sets]
            datagrams.append(encode_message(self.odid, self.sequence, int(now), sets))
            self.sequence = (self.sequence + message.records) & 0xFFFFFFFF
            self.stats.messages += 1
            self.stats.octets += len(datagrams[-1])
            self.stats.records += message.records
            self.stats.options_records += message.options_records
        return datagrams
