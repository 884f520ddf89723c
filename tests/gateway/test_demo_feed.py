"""The simulated neighbours on real loopback sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest

from exporters.ipfix.decode import SessionDecoder
from gateway.demo.enterprise import enterprise
from gateway.demo.feed import Feed
from gateway.demo.network import address
from ospf.lsa import OPTION_E
from ospf.packets import ALL_SPF_ROUTERS, Hello, build_ip_packet, decode_packet, encode_packet, ip_payload

PATIENCE = 60.0  # seconds until a test gives up; nothing is measured


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(PATIENCE)
    return sock


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def sockets():  # type: ignore[no-untyped-def]
    attach, collector = bound(), bound()
    feed = Feed(enterprise(), attach.getsockname(), collector.getsockname(), interval=0.2)
    yield attach, collector, feed
    feed.stop()
    attach.close()
    collector.close()


def test_routers_speak_at_once_and_listen(sockets) -> None:  # type: ignore[no-untyped-def]
    attach, _, feed = sockets
    feed.start()
    packet, peer = attach.recvfrom(65535)
    hello = decode_packet(ip_payload(packet)[2]).body
    assert isinstance(hello, Hello) and hello.designated_router == address("10.0.100.1")
    answer = Hello(hello.mask, hello.hello_interval, OPTION_E, 0, hello.dead_interval, 0, 0, (address("10.255.0.1"),))
    payload = encode_packet(answer, router_id=address("10.255.0.200"), area=0)
    attach.sendto(build_ip_packet(address("10.0.100.254"), ALL_SPF_ROUTERS, payload), peer)
    wait_for(lambda: feed.lan is not None and len(feed.lan.states) == 3)
    assert feed.stats.packets_sent >= 3 and feed.stats.packets_received == 1


def test_hosts_work_only_after_the_beginning(sockets) -> None:  # type: ignore[no-untyped-def]
    attach, collector, feed = sockets
    feed.start()
    attach.recv(65535)
    assert feed.stats.datagrams_sent == 0 and feed.story_time == 0.0
    feed.begin()
    decoders: dict[tuple[str, int], SessionDecoder] = {}
    names = set()
    while len(names) < 34:
        data, peer = collector.recvfrom(65535)
        for batch in decoders.setdefault(peer, SessionDecoder()).receive([data], time.time()):
            names.update(batch.columns.get("hostName", ()))
    assert len(decoders) == 34 and "files-paris" in names  # a socket for every agent
    assert feed.story_time > 0.0 and feed.moment().number == 0


def test_stop_leaves_no_thread_and_no_socket(sockets) -> None:  # type: ignore[no-untyped-def]
    attach, _, feed = sockets
    feed.start()
    attach.recv(65535)
    feed.begin()
    feed.stop()
    assert not any(thread.name == "demo-feed" for thread in threading.enumerate())
    assert feed.failure is None


def test_a_closed_port_is_survived(sockets) -> None:  # type: ignore[no-untyped-def]
    attach, collector, feed = sockets
    collector.close()
    feed.start()
    attach.recv(65535)
    feed.begin()
    wait_for(lambda: feed.stats.datagrams_sent > 500)
    assert feed.failure is None


def test_stop_before_start_is_harmless() -> None:
    Feed(enterprise(), ("127.0.0.1", 9), ("127.0.0.1", 9)).stop()
