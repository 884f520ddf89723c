"""Against this kernel: sockets made here are found with their inode, and end in an event with their counters."""

from __future__ import annotations

import os
import socket
import time

import pytest

from agents.errors import NetlinkError
from agents.inetdiag import IPPROTO_TCP, LISTEN, dump_request
from agents.netlink import request
from agents.packets import Endpoints
from agents.sources.sockdiag import NETLINK_SOCK_DIAG, DestroyEvents, SocketDump, netlink_dump
from tests.agents.diag import octets

LOOPBACK = "127.0.0.1"


def test_dump_one_and_event() -> None:
    dump, events = SocketDump(), DestroyEvents()
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((LOOPBACK, port))
        accepted, _ = server.accept()
        client.sendall(bytes(1000))
        while len(accepted.recv(2000, socket.MSG_PEEK)) < 1000:
            time.sleep(0.01)
        sockets = dump.tcp()
        mine = sockets.inode == os.fstat(client.fileno()).st_ino
        assert mine.sum() == 1
        row = sockets.take(mine)
        assert (row.remote_port[0], row.version[0], row.bytes_sent[0]) == (port, 4, 1000)
        assert row.local[0].tobytes() == octets(LOOPBACK)
        listening = sockets.take(sockets.inode == os.fstat(server.fileno()).st_ino)
        assert (listening.state[0], listening.local_port[0]) == (LISTEN, port)
        ends = Endpoints(4, IPPROTO_TCP, octets(LOOPBACK), octets(LOOPBACK), client.getsockname()[1], port)
        one = dump.one(ends)
        assert one is not None
        assert (one.inode, one.cookie) == (os.fstat(client.fileno()).st_ino, int(row.cookie[0]))
        accepted.recv(2000)
        accepted.close()
        client.close()
        for _ in range(3000):
            ended = events.drain()
            final = ended.take(ended.cookie == row.cookie[0])
            if len(final):
                break
            time.sleep(0.01)
        assert final.bytes_sent.tolist() == [1000]
        assert dump.one(ends) is None
    assert events.stats.overflows == 0
    events.close()
    dump.close()


def test_udp_bound_and_connected() -> None:
    dump = SocketDump()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected,
    ):
        bound.bind((LOOPBACK, 0))
        connected.connect(bound.getsockname())
        inodes = dump.udp().inode.tolist()
        assert os.fstat(bound.fileno()).st_ino in inodes
        assert os.fstat(connected.fileno()).st_ino in inodes
        near, far = connected.getsockname()[1], bound.getsockname()[1]
        one = dump.one(Endpoints(4, 17, octets(LOOPBACK), octets(LOOPBACK), near, far))
        assert one is not None
        assert (one.inode, one.connected) == (os.fstat(connected.fileno()).st_ino, True)
        other = dump.one(Endpoints(4, 17, octets(LOOPBACK), octets(LOOPBACK), far, 9))
        assert other is not None
        assert (other.inode, other.connected) == (os.fstat(bound.fileno()).st_ino, False)
    dump.close()


def test_what_the_kernel_refuses_is_an_error() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as sock:
        sock.settimeout(5)
        with pytest.raises(NetlinkError):
            netlink_dump(sock, request(20, b"\xff" * 56))
        assert netlink_dump(sock, dump_request(2, IPPROTO_TCP, 0))
