import socket
import time
from collections import deque

import pytest

from gateway.errors import GatewayError
from gateway.udp import UdpInput


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for(condition, seconds=30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


def test_receives_with_the_peer_and_counts_what_the_queue_refuses() -> None:
    queue: deque = deque()
    port = free_port()
    one = UdpInput(f"udp://127.0.0.1:{port}", queue, 10, 1 << 20)
    one.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for n in range(25):
                s.sendto(bytes([n]), ("127.0.0.1", port))
            peer = s.getsockname()[1]
            assert wait_for(lambda: one.stats.datagrams == 25)
        assert [d for d, _ in queue] == [bytes([n]) for n in range(10)]
        assert queue[0][1] == ("127.0.0.1", peer)
        assert one.stats.queue_dropped == 15
        assert one.stats.receive_buffer_octets > 0
    finally:
        one.stop()


def test_a_taken_port_names_the_remedy() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        with pytest.raises(GatewayError, match="another collector"):
            UdpInput(f"udp://127.0.0.1:{port}", deque(), 10, 65536).start()


def test_only_udp_yet() -> None:
    with pytest.raises(GatewayError, match="only udp"):
        UdpInput("tcp://127.0.0.1:4739", deque(), 10, 65536).start()
