from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.inetdiag import (
    IPPROTO_TCP,
    IPPROTO_UDP,
    TCP_STATES,
    TIME_WAIT,
    concatenate,
    decode_one,
    decode_sockets,
    dump_request,
    get_request,
)
from tests.agents.diag import message, octets, tcp_info

LOCAL, REMOTE = "10.9.0.1", "10.9.0.2"


def test_columns_of_one_message() -> None:
    sockets = decode_sockets(
        [message(LOCAL, 42030, REMOTE, 5000, cookie=1 << 40 | 7, inode=99, uid=33, tos=0x20, options=7,
                 rtt=120, min_rtt=80, acked=102, received=501, segs_out=5, segs_in=6, sent=100, retrans=3)]
    )  # fmt: skip
    assert len(sockets) == 1
    assert sockets.version[0] == 4
    assert sockets.local[0].tobytes() == octets(LOCAL)
    assert sockets.remote[0].tobytes() == octets(REMOTE)
    got = {
        name: int(getattr(sockets, name)[0])
        for name in ("local_port", "remote_port", "cookie", "inode", "uid", "traffic_class", "smoothed_rtt",
                     "minimum_rtt", "bytes_acked", "bytes_received", "segments_out", "segments_in", "bytes_sent",
                     "bytes_retransmitted", "options")
    }  # fmt: skip
    assert got == {
        "local_port": 42030, "remote_port": 5000, "cookie": 1 << 40 | 7, "inode": 99, "uid": 33, "traffic_class": 32,
        "smoothed_rtt": 120, "minimum_rtt": 80, "bytes_acked": 102, "bytes_received": 501, "segments_out": 5,
        "segments_in": 6, "bytes_sent": 100, "bytes_retransmitted": 3, "options": 7,
    }  # fmt: skip


def test_layouts_may_be_mixed() -> None:
    chunks = [
        message(LOCAL, 1, REMOTE, 11, cookie=1, sent=10),
        message(LOCAL, 2, REMOTE, 12, cookie=2, tos=8, sent=20),
        message(LOCAL, 3, REMOTE, 13, cookie=3, info=None),
        message(LOCAL, 4, REMOTE, 14, cookie=4, tos=9, sent=40)
        + message("fd00::1", 5, "fd00::2", 15, cookie=5, sent=50),
    ]
    sockets = decode_sockets(chunks)
    order = np.argsort(sockets.cookie)
    assert sockets.bytes_sent[order].tolist() == [10, 20, 0, 40, 50]
    assert sockets.has_info[order].tolist() == [True, True, False, True, True]
    assert sockets.traffic_class[order].tolist() == [0, 8, 0, 9, 0]
    assert sockets.version[order].tolist() == [4, 4, 4, 4, 6]


def test_mapped_addresses_are_ipv4() -> None:
    sockets = decode_sockets([message(f"::ffff:{LOCAL}", 80, f"::ffff:{REMOTE}", 5000)])
    assert sockets.version[0] == 4
    assert sockets.local[0].tobytes() == octets(LOCAL)


def test_older_kernels_know_fewer_fields() -> None:
    sockets = decode_sockets([message(LOCAL, 1, REMOTE, 2, info=tcp_info(192, received=7, sent=9))])
    assert (sockets.bytes_received[0], sockets.bytes_sent[0]) == (7, 0)


def test_requests() -> None:
    dump = dump_request(2, IPPROTO_TCP, TCP_STATES)
    assert len(dump) == 16 + 56
    assert not TCP_STATES & 1 << TIME_WAIT
    tcp = get_request(4, IPPROTO_TCP, octets(LOCAL), 1000, octets(REMOTE), 80)
    udp = get_request(4, IPPROTO_UDP, octets(LOCAL), 1000, octets(REMOTE), 80)
    assert tcp[24:28] == b"\x03\xe8\x00\x50"
    assert udp[24:28] == b"\x00\x50\x03\xe8"  # the kernel looks UDP up as a packet that comes in
    assert udp[28:44] == octets(REMOTE)


def test_one_socket() -> None:
    one = decode_one(message(LOCAL, 53, "0.0.0.0", 0, cookie=1 << 33, uid=5, inode=6))
    assert one is not None
    assert (one.cookie, one.uid, one.inode, one.connected) == (1 << 33, 5, 6, False)
    assert decode_one(b"") is None


def test_nothing_and_tables_below_each_other() -> None:
    empty = decode_sockets([])
    assert len(empty) == 0
    both = concatenate([empty, decode_sockets([message(LOCAL, 1, REMOTE, 2)])])
    assert len(both) == 1
    assert len(both.take(np.zeros(1, np.bool_))) == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=160), max_size=3), st.integers(0, 200))
def test_any_octets_are_data(chunks: list[bytes], cut: int) -> None:
    whole = message(LOCAL, 1, REMOTE, 2, sent=5)
    sockets = decode_sockets([*chunks, whole[: -1 - cut], whole])
    assert len(sockets) >= 0
