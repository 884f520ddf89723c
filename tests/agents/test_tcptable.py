"""Totals and deltas; the numbers are those of connections captured beside their destroy events (Linux 6.18)."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.inetdiag import decode_sockets
from agents.records import OPENED_LOCAL, OPENED_REMOTE, OPENED_UNKNOWN
from agents.tcptable import TcpTable, opened_by, totals
from tests.agents.diag import CLOSED, LISTEN, message

HERE, THERE = "10.9.0.1", "10.9.0.2"
NO_PORTS = np.zeros(0, np.int64)
# request 100 octets, answer 500, both closed: as captured, S A P A F from the client, S A P F A from the server
CLIENT = {"options": 7, "acked": 102, "received": 501, "segs_out": 5, "segs_in": 5, "sent": 100}
SERVER = {"options": 7, "acked": 501, "received": 101, "segs_out": 4, "segs_in": 5, "sent": 500}


def client(**fields: int) -> bytes:
    return message(HERE, 42030, THERE, 5000, **{"cookie": 7, "state": CLOSED, **CLIENT, **fields})


def server(**fields: int) -> bytes:
    return message(HERE, 5000, THERE, 42030, **{"cookie": 8, "state": CLOSED, **SERVER, **fields})


def live(cookie: int = 7, **fields: int) -> bytes:
    return message(HERE, 42030, THERE, 5000, cookie=cookie, options=7, **fields)


def test_who_opened_is_seen_in_bytes_acked() -> None:
    sockets = decode_sockets([client() + server()])
    assert opened_by(sockets, NO_PORTS, final=True).tolist() == [OPENED_LOCAL, OPENED_REMOTE]
    alive = decode_sockets([live(acked=101, sent=100, segs_in=3) + live(acked=100, sent=100, segs_in=3)])
    assert opened_by(alive, NO_PORTS, final=False).tolist() == [OPENED_LOCAL, OPENED_REMOTE]
    busy = decode_sockets([live(acked=100, sent=300, unacked=1)])
    assert opened_by(busy, NO_PORTS, final=False).tolist() == [OPENED_UNKNOWN]
    assert opened_by(busy, np.asarray([42030]), final=False).tolist() == [OPENED_REMOTE]


def test_totals_are_those_on_the_wire() -> None:
    sockets = decode_sockets([client() + server()])
    result = totals(sockets, opened_by(sockets, NO_PORTS, final=True), final=True)
    sent, answered = 60 + 4 * 52 + 100, 60 + 4 * 52 + 500
    assert result[0].tolist() == [sent, 5, answered, 5, 0]
    assert result[1].tolist() == [answered, 5, sent, 5, 0]


def test_headers_by_version_and_options() -> None:
    plain = {**CLIENT, "options": 6}
    sockets = decode_sockets([message("fd00::1", 1, "fd00::2", 2, state=CLOSED, **CLIENT), client(**plain)])
    result = totals(sockets, opened_by(sockets, NO_PORTS, final=True), final=True)
    by_version = dict(zip(sockets.version.tolist(), result[:, 0].tolist(), strict=True))
    assert by_version == {6: 80 + 4 * 72 + 100, 4: 52 + 4 * 40 + 100}


def test_history_before_the_agent_is_not_reported() -> None:
    table = TcpTable()
    table.baseline(decode_sockets([live(acked=1001, sent=1000, segs_out=10, segs_in=10)]), 100.0)
    rows = table.update(decode_sockets([live(acked=1501, sent=1500, segs_out=14, segs_in=11)]), 105.0)
    assert rows.out_octets.tolist() == [500 + 4 * 52]
    assert (rows.out_packets.tolist(), rows.in_packets.tolist()) == ([4], [1])
    assert (rows.start.tolist(), rows.end.tolist()) == ([100.0], [105.0])


def test_segment_counters_of_32_bits_go_around() -> None:
    table, most = TcpTable(), 2**32 - 1
    table.baseline(decode_sockets([live(acked=1001, sent=10**12, segs_out=most - 9, segs_in=most - 4)]), 100.0)
    for second, (out, back) in enumerate(((0, 5), (10, 15)), 1):
        sockets = decode_sockets([live(acked=1001, sent=10**12 + second * 10_000, segs_out=out, segs_in=back)])
        rows = table.update(sockets, 100.0 + second)
        assert (rows.out_packets.tolist(), rows.in_packets.tolist()) == ([10], [10])
        assert (rows.out_octets.tolist(), rows.in_octets.tolist()) == ([10_000 + 520], [520])
    last = table.end(decode_sockets([client(sent=10**12 + 30_000, segs_out=20, segs_in=25, received=0)]), 103.0)
    assert (last.out_packets.tolist(), last.in_packets.tolist()) == ([10], [10])


def test_an_idle_connection_makes_no_row_and_keeps_its_start() -> None:
    table = TcpTable()
    quiet = decode_sockets([live(acked=1001, sent=1000, segs_out=10, segs_in=10)])
    table.baseline(quiet, 100.0)
    assert len(table.update(quiet, 105.0)) == 0
    moved = table.update(decode_sockets([live(acked=1002, sent=1001, segs_out=11, segs_in=11)]), 110.0)
    assert moved.start.tolist() == [100.0]


def test_short_connections_come_whole_from_events() -> None:
    table = TcpTable()
    table.baseline(decode_sockets([]), 100.0)
    table.update(decode_sockets([]), 105.0)
    rows = table.end(decode_sockets([client(), server()]), 106.0)
    assert sorted(rows.out_octets.tolist()) == [368, 768]
    assert rows.start.tolist() == [105.0, 105.0]
    assert rows.end_reason.tolist() == [3, 3]
    table.update(decode_sockets([]), 110.0)
    beside_a_dump = table.end(decode_sockets([client(cookie=9)]), 110.0)
    assert beside_a_dump.start.tolist() == [105.0]  # not the dump of the same moment


def test_dump_and_event_add_up() -> None:
    table = TcpTable()
    table.baseline(decode_sockets([]), 100.0)
    first = table.update(decode_sockets([live(acked=101, sent=100, segs_out=3, segs_in=2)]), 105.0)
    last = table.end(decode_sockets([client()]), 107.0)
    assert first.out_octets.tolist() + last.out_octets.tolist() == [60 + 2 * 52 + 100, 2 * 52]
    assert (len(table), table.stats.ended) == (0, 1)


def test_lost_events_are_counted_after_two_dumps() -> None:
    table = TcpTable()
    table.baseline(decode_sockets([live()]), 100.0)
    nothing = decode_sockets([])
    table.update(nothing, 105.0)
    assert table.forget_vanished(nothing) == 0  # its event may be on the way
    table.update(nothing, 110.0)
    assert table.forget_vanished(nothing) == 1
    assert (len(table), table.stats.vanished) == (0, 1)


def test_listeners_are_no_connections() -> None:
    table = TcpTable()
    rows = table.update(decode_sockets([message("0.0.0.0", 80, "0.0.0.0", 0, state=LISTEN, segs_in=9)]), 5.0)
    assert len(rows) == 0
    assert table.listening.tolist() == [80]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3000), st.booleans()), max_size=30))
def test_deltas_sum_to_the_last_total(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever order of dumps and ends: what was reported of a socket is its total."""
    table = TcpTable()
    table.baseline(decode_sockets([]), 0.0)
    sent: dict[int, int] = {}
    reported: dict[int, int] = {}
    generation: dict[int, int] = {}

    def add(rows: object) -> None:
        for owner, octets in zip(rows.owner.tolist(), rows.out_octets.tolist(), strict=True):  # type: ignore[attr-defined]
            reported[owner] = reported.get(owner, 0) + octets

    def one(cookie: int, closed: bool) -> bytes:
        octets = sent[cookie]
        state = CLOSED if closed else 1
        return live(cookie, state=state, acked=octets + 1 + closed, sent=octets, segs_out=2, segs_in=2, received=closed)

    for now, (number, octets, close) in enumerate(steps, 1):
        cookie = number + 100 * generation.get(number, 0)
        sent[cookie] = sent.get(cookie, 0) + octets
        alive = [c for c in sent if c // 100 == generation.get(c % 100, 0)]
        add(table.update(decode_sockets([one(c, False) for c in alive]), float(now)))
        if close:
            add(table.end(decode_sockets([one(cookie, True)]), float(now)))
            generation[number] = generation.get(number, 0) + 1
    assert reported == {cookie: octets + 2 * 52 + 8 for cookie, octets in sent.items()}
