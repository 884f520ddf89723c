"""`ExportingProcess` (RFC 7011 2): records in, IPFIX messages out, without a socket or a clock.

One process is one observation domain over one UDP transport session.  Templates go out before the first data and again
every `template_refresh_seconds` (RFC 7011 8.4), options tables follow them and precede data; a table that changed
sends its new and changed rows at once.  Options are paced, so that a big table does not arrive as one burst that
overruns the collector's socket.  The sequence number counts data records, options records included (RFC 7011 3.1).
Queued octets are bounded; what does not fit, or could never fit into a datagram, is dropped and counted.
Left out: withdrawals (RFC 7011 8.1 forbids them over UDP), SCTP streams.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exporters.errors import IpfixEncodeError
from exporters.ipfix.message import HEADER, SET_HEADER, encode_message, encode_set, encode_template
from exporters.ipfix.records import Column, encode_records
from exporters.ipfix.template import OPTIONS_SET, TEMPLATE_SET, Template

Columns = Mapping[str, Sequence[Any] | Column]
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


class _Message:
    """A message being filled up to the MTU."""

    def __init__(self, room: int) -> None:
        self.room = room - HEADER.size
        self.sets: list[tuple[int, list[bytes]]] = []
        self.records = 0

    def add(self, set_id: int, record: bytes, *, data: bool) -> bool:
        """Take the record if it fits, opening a new set where the id changes."""
        same = bool(self.sets) and self.sets[-1][0] == set_id
        cost = len(record) + (0 if same else SET_HEADER.size)
        if cost > self.room:
            return False
        if not same:
            self.sets.append((set_id, []))
        self.sets[-1][1].append(record)
        self.room -= cost
        self.records += data
        return True


class ExportingProcess:
    """Builds the datagrams of one observation domain.

    `templates`: those to announce; using another one adds it.  `mtu`: octets of UDP payload per datagram.
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
        self.sequence = 0
        self._mtu = mtu
        self._refresh_seconds = template_refresh_seconds
        self._max_queued = max_queued_octets
        self._templates = {template.template_id: template for template in templates}
        self._announced: set[int] = set()
        self._refresh_at: float | None = None  # None: nothing was sent yet
        self._options_at: float | None = None  # pacing: not before
        self._tables: dict[int, list[bytes]] = {}
        self._options: deque[tuple[int, bytes]] = deque()
        self._data: deque[tuple[int, bytes]] = deque()
        self._queued = 0

    def add(self, template: Template, columns: Columns, now: float) -> int:
        """Queue data records; returns how many were taken. Raises IpfixEncodeError for columns that do not fit."""
        self._know(template)
        taken = 0
        for record in encode_records(template, columns):
            if self._queued + len(record) > self._max_queued:
                self.stats.dropped_queue_full += 1
            elif self._fits(record):
                self._data.append((template.template_id, record))
                self._queued += len(record)
                taken += 1
        return taken

    def set_options(self, template: Template, columns: Columns) -> None:
        """Replace the options table of this template: new and changed rows go out at once, all with every refresh."""
        self._know(template)
        if not template.scope_count:
            raise IpfixEncodeError(f"template {template.template_id} has no scope")
        rows = [record for record in encode_records(template, columns) if self._fits(record)]
        known = set(self._tables.get(template.template_id, ()))
        self._tables[template.template_id] = rows
        if self._refresh_at is not None:  # else the first refresh sends the table
            still = set(rows)
            waiting = [entry for entry in self._options if entry[0] != template.template_id or entry[1] in still]
            queued = {record for template_id, record in waiting if template_id == template.template_id}
            fresh = [row for row in rows if row not in known and row not in queued]
            self._options = deque(waiting)
            self._options.extend((template.template_id, row) for row in fresh)

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """Everything due: templates, then options (paced), then data."""
        if self._refresh_at is None or now >= self._refresh_at:
            self._refresh(now)
        datagrams = self._announce(now)
        if self._options and (self._options_at is None or now >= self._options_at):
            datagrams += self._fill(self._options, now, OPTIONS_BURST, options=True)
            self._options_at = now + OPTIONS_PAUSE_SECONDS
        datagrams += self._fill(self._data, now, None, options=False)
        self._queued = 0
        return datagrams

    def next_timeout(self) -> float | None:
        """When datagrams_to_send has something to say again without new records; None before the first call."""
        if self._refresh_at is None:
            return None
        if self._options and self._options_at is not None:
            return min(self._refresh_at, self._options_at)
        return self._refresh_at

    def handle_timeout(self, now: float) -> None:
        """Queue the refresh when it is due; the next datagrams_to_send sends it."""
        if self._refresh_at is not None and now >= self._refresh_at:
            self._refresh(now)

    def _know(self, template: Template) -> None:
        if self._templates.setdefault(template.template_id, template) != template:
            raise IpfixEncodeError(f"template id {template.template_id} is in use for other fields")

    def _fits(self, record: bytes) -> bool:
        if HEADER.size + SET_HEADER.size + len(record) > self._mtu:
            self.stats.dropped_too_long += 1
            return False
        return True

    def _refresh(self, now: float) -> None:
        self._refresh_at = now + self._refresh_seconds
        self._announced.clear()
        self._options = deque(
            (template_id, row) for template_id, rows in self._tables.items() for row in rows
        )
        self.stats.refreshes += 1

    def _announce(self, now: float) -> list[bytes]:
        due = [
            (OPTIONS_SET if template.scope_count else TEMPLATE_SET, encode_template(template))
            for template in self._templates.values()
            if template.template_id not in self._announced
        ]
        self._announced.update(self._templates)
        self.stats.template_records += len(due)
        waiting = deque(sorted(due, key=lambda entry: entry[0]))
        return self._fill(waiting, now, None, options=False, data=False)

    def _fill(
        self,
        waiting: deque[tuple[int, bytes]],
        now: float,
        limit: int | None,
        *,
        options: bool,
        data: bool = True,
    ) -> list[bytes]:
        datagrams: list[bytes] = []
        while waiting and (limit is None or len(datagrams) < limit):
            message = _Message(self._mtu)
            while waiting and message.add(*waiting[0], data=data):
                waiting.popleft()
            if not message.sets:
                raise IpfixEncodeError(f"a template record does not fit into {self._mtu} octets")
            sets = [encode_set(set_id, records) for set_id, records in message.sets]
            datagrams.append(encode_message(self.odid, self.sequence, int(now), sets))
            self.sequence = (self.sequence + message.records) & 0xFFFFFFFF
            self.stats.messages += 1
            self.stats.octets += len(datagrams[-1])
            self.stats.records += message.records
            self.stats.options_records += message.records if options else 0
        return datagrams
