"""TCP sockets to flow rows: totals derived from tcp_info, deltas joined by socket cookie.

Layer 3 octets are *derived*, tcp_info knows payload and segments only:

    sent     = bytes_sent + segs_out * header + options of the SYN
    received = bytes_received + segs_in * header + options of the SYN

`bytes_sent` holds every payload octet put on the wire, retransmissions included; `segs_out` every segment
(pure ACKs, SYN, FIN, each segment of a GSO frame).  `header` is IP (20 or 40) + TCP (20) + 12 when
timestamps were negotiated: 52/72, else 40/60. A SYN carries more: MSS 4, window scale 4, and without
timestamps SACK-permitted 4 (beside them it fills their padding). Measured against a capture on 6.18
(tests/agents/test_service.py repeats it):

* segs_out of an accepted connection does not count its SYN-ACK: one segment is added; segs_in counts the SYN;
* bytes_received counts the FIN's sequence number: one octet is taken off when the connection ended by FIN;
* bytes_acked counts SYN (only of a connection we opened) and FIN, bytes_sent neither: this tells who opened it.

Left out, because tcp_info does not show it: SACK blocks on ACKs during loss (12 octets each), segments sent
for a connection by TIME_WAIT or by no socket (the last ACK when the peer's FIN comes after our side was
closed and acknowledged; RST to a closed port), payload received twice, repeated SYN-ACKs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.inetdiag import (
    ESTABLISHED,
    LISTEN,
    OPTION_SACK,
    OPTION_TIMESTAMPS,
    OPTION_WINDOW_SCALE,
    SYN_SENT,
    Sockets,
)
from agents.records import (
    END_ACTIVE,
    END_DETECTED,
    OPENED_LOCAL,
    OPENED_REMOTE,
    OPENED_UNKNOWN,
    FlowRows,
    no_rows,
)

I8 = NDArray[np.int64]
TCP = 6
CLOSING_STATES = (4, 5, 7, 9, 11)  # FIN_WAIT1, FIN_WAIT2, CLOSE, LAST_ACK, CLOSING: our FIN was sent
HALF_SEGMENTS = 1 << 31  # segs_out and segs_in are 32 bits: at 100 Gbit/s they begin anew every eight minutes
OUT_OCTETS, OUT_PACKETS, IN_OCTETS, IN_PACKETS, RETRANSMITTED = range(5)


@dataclass
class TcpStats:
    """Connections that came into sight, ended with an event, or vanished without one (the event was lost)."""

    seen: int = 0
    ended: int = 0
    vanished: int = 0


def opened_by(sockets: Sockets, listening: NDArray[np.int64], *, final: bool) -> I8:
    """Who opened each connection: OPENED_LOCAL, OPENED_REMOTE or OPENED_UNKNOWN.

    A local port that somebody listens on is the best sign; else what bytes_acked counts beyond the payload.
    """
    extra = sockets.bytes_acked - (sockets.bytes_sent - sockets.bytes_retransmitted)
    opened = np.full(len(sockets), OPENED_UNKNOWN, np.int64)
    opened[sockets.state == SYN_SENT] = OPENED_LOCAL
    # SYN and FIN, or only one of them: a FIN is acknowledged more often than not
    closing = np.isin(sockets.state, CLOSING_STATES) | final
    opened[extra >= np.where(closing, 2, 1)] = OPENED_LOCAL
    opened[closing & (extra == 1) & (sockets.segments_in > 0)] = OPENED_REMOTE
    idle = (extra == 0) & (sockets.unacknowledged == 0) & (sockets.state == ESTABLISHED)
    opened[idle & ~closing] = OPENED_REMOTE
    opened[np.isin(sockets.local_port, listening)] = OPENED_REMOTE
    return opened


def totals(sockets: Sockets, opened: I8, *, final: bool) -> I8:
    """Layer 3 octets and packets since the connection began, int64 (n, 5): out octets, out packets, in
    octets, in packets, retransmitted octets.  Derivation: see the module's text."""
    stamps = (sockets.options & OPTION_TIMESTAMPS) != 0
    header = np.where(sockets.version == 4, 40, 60) + np.where(stamps, 12, 0)
    sack = (sockets.options & OPTION_SACK) != 0
    scale = (sockets.options & OPTION_WINDOW_SCALE) != 0
    syn = 4 + np.where(scale, 4, 0) + np.where(sack & ~stamps, 4, 0)
    out_packets = sockets.segments_out + (opened == OPENED_REMOTE)
    in_packets = sockets.segments_in
    received = sockets.bytes_received
    if final:
        # RFC 9293 3.4: FIN takes a sequence number.  Ours was acknowledged, so the peer's has most likely come
        extra = sockets.bytes_acked - (sockets.bytes_sent - sockets.bytes_retransmitted)
        closed = extra > (opened == OPENED_LOCAL)
        received = np.maximum(received - closed, 0)
    result = np.zeros((len(sockets), 5), np.int64)
    result[:, OUT_OCTETS] = sockets.bytes_sent + out_packets * header + np.where(out_packets > 0, syn, 0)
    result[:, OUT_PACKETS] = out_packets
    result[:, IN_OCTETS] = received + in_packets * header + np.where(in_packets > 0, syn, 0)
    result[:, IN_PACKETS] = in_packets
    result[:, RETRANSMITTED] = sockets.bytes_retransmitted
    return result


class TcpTable:
    """The connections of one network namespace: what was reported of each.

    Keyed by cookie, in sorted columns.
    """

    def __init__(self) -> None:
        self.cookie = np.zeros(0, np.uint64)
        self.reported = np.zeros((0, 5), np.int64)
        self.since = np.zeros(0, np.float64)  # start of the next delta
        self.opened = np.zeros(0, np.int64)
        self.listening = np.zeros(0, np.int64)  # local ports somebody listens on
        self.stats = TcpStats()
        self._updated = self._updated_before = 0.0  # times of the last two dumps
        self._absent = np.zeros(0, np.uint64)  # missing in the last dump

    def __len__(self) -> int:
        return len(self.cookie)

    def baseline(self, sockets: Sockets, now: float) -> None:
        """Connections that existed before the agent: their history is not reported."""
        self._see_listeners(sockets)
        live = _connections(sockets)
        opened = opened_by(live, self.listening, final=False)
        self._store(live, totals(live, opened, final=False), np.full(len(live), now), opened, now)

    def update(self, sockets: Sockets, now: float) -> FlowRows:
        """A whole dump: one row for every connection that moved since its last row.

        Connections that vanished without an event stay until `forget_vanished`.
        """
        self._see_listeners(sockets)
        live = _connections(sockets)
        before, since, opened, known = self._match(live, final=False)
        live = _unwrapped(live, before, opened, known)
        self.stats.seen += int(len(live) - known.sum())
        current = np.maximum(totals(live, opened, final=False), before)
        gone = ~np.isin(self.cookie, live.cookie)
        rows, moved = _rows(live, current - before, since, now, opened, END_ACTIVE)
        kept_since = since.copy()
        kept_since[moved] = now
        kept = (self.cookie[gone], self.reported[gone], self.since[gone], self.opened[gone])
        self._store(live, current, kept_since, opened, now, kept)
        return rows

    def end(self, events: Sockets, now: float) -> FlowRows:
        """Destroy events: the last row of every connection among them, which is then forgotten."""
        ended = _connections(events)
        if not len(ended):
            return no_rows()
        before, since, opened, known = self._match(ended, final=True)
        ended = _unwrapped(ended, before, opened, known)
        if self._updated >= now:  # the dump of this very moment does not show what had ended before
            since[~known] = self._updated_before
        current = np.maximum(totals(ended, opened, final=True), before)
        rows, _ = _rows(ended, current - before, since, now, opened, END_DETECTED)
        self.stats.ended += len(ended)
        self._drop(np.isin(self.cookie, ended.cookie))
        return rows

    def forget_vanished(self, sockets: Sockets) -> int:
        """Forget connections that neither this dump and the one before nor an event showed; how many there
        were.

        One dump is not enough: the kernel queues destroy events and may send one after the dump."""
        absent = ~np.isin(self.cookie, sockets.cookie)
        gone = absent & np.isin(self.cookie, self._absent)
        self._absent = self.cookie[absent & ~gone]
        count = int(gone.sum())
        self.stats.vanished += count
        if count:
            self._drop(gone)
        return count

    def _see_listeners(self, sockets: Sockets) -> None:
        self.listening = np.unique(sockets.local_port[sockets.state == LISTEN])

    def _match(self, sockets: Sockets, *, final: bool) -> tuple[I8, NDArray[np.float64], I8, NDArray[np.bool_]]:
        """What is known of the sockets: reported totals, start of the delta, who opened it.

        And which were known.
        """
        count = len(sockets)
        reported = np.zeros((count, 5), np.int64)
        since = np.full(count, self._updated)
        opened = opened_by(sockets, self.listening, final=final)
        if not len(self.cookie):
            return reported, since, opened, np.zeros(count, np.bool_)
        place = np.minimum(np.searchsorted(self.cookie, sockets.cookie), len(self.cookie) - 1)
        known = self.cookie[place] == sockets.cookie
        reported[known] = self.reported[place[known]]
        since[known] = self.since[place[known]]
        settled = known.copy()
        settled[known] = self.opened[place[known]] != OPENED_UNKNOWN
        opened[settled] = self.opened[place[settled]]
        return reported, since, opened, known

    def _store(
        self,
        live: Sockets,
        reported: I8,
        since: NDArray[np.float64],
        opened: I8,
        now: float,
        kept: tuple[NDArray[np.uint64], I8, NDArray[np.float64], I8] | None = None,
    ) -> None:
        cookie = live.cookie
        if kept is not None and len(kept[0]):
            cookie = np.concatenate([cookie, kept[0]])
            reported = np.concatenate([reported, kept[1]])
            since = np.concatenate([since, kept[2]])
            opened = np.concatenate([opened, kept[3]])
        order = np.argsort(cookie, kind="stable")
        self.cookie, self.reported = cookie[order], reported[order]
        self.since, self.opened = since[order], opened[order]
        self._updated_before, self._updated = self._updated or now, now

    def _drop(self, gone: NDArray[np.bool_]) -> None:
        keep = ~gone
        self.cookie, self.reported = self.cookie[keep], self.reported[keep]
        self.since, self.opened = self.since[keep], self.opened[keep]


def _unwrapped(sockets: Sockets, before: I8, opened: I8, known: NDArray[np.bool_]) -> Sockets:
    """The sockets with segment counts that go on past 2^32, where tcp_info's begin again."""

    def onward(count: I8, last: I8) -> I8:
        step = (count - last + HALF_SEGMENTS) % (2 * HALF_SEGMENTS) - HALF_SEGMENTS  # as RFC 1982 3.2
        return np.where(known, last + step, count)

    last_out = before[:, OUT_PACKETS] - (opened == OPENED_REMOTE)
    return replace(
        sockets,
        segments_out=onward(sockets.segments_out, last_out),
        segments_in=onward(sockets.segments_in, before[:, IN_PACKETS]),
    )


def _connections(sockets: Sockets) -> Sockets:
    return sockets.take(sockets.has_info & (sockets.state != LISTEN) & (sockets.remote_port != 0))


def _rows(
    sockets: Sockets, delta: I8, since: NDArray[np.float64], now: float, opened: I8, reason: int
) -> tuple[FlowRows, NDArray[np.bool_]]:
    moved = (delta[:, OUT_PACKETS] > 0) | (delta[:, IN_PACKETS] > 0) | (delta[:, OUT_OCTETS] > 0)
    some, change = sockets.take(moved), delta[moved]
    count = len(some)
    rows = FlowRows(
        start=np.minimum(since[moved], now),
        end=np.full(count, now),
        version=some.version,
        local=some.local,
        remote=some.remote,
        local_port=some.local_port,
        remote_port=some.remote_port,
        protocol=np.full(count, TCP, np.int64),
        traffic_class=some.traffic_class,
        out_octets=change[:, OUT_OCTETS],
        out_packets=change[:, OUT_PACKETS],
        in_octets=change[:, IN_OCTETS],
        in_packets=change[:, IN_PACKETS],
        opened=opened[moved],
        end_reason=np.full(count, reason, np.int64),
        smoothed_rtt=some.smoothed_rtt,
        minimum_rtt=np.where(some.minimum_rtt == 0xFFFFFFFF, 0, some.minimum_rtt),
        retransmitted=change[:, RETRANSMITTED],
        owner=some.cookie.view(np.int64),
    )
    return rows, moved
