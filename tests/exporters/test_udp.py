"""exporters/udp.py over real loopback sockets."""

from __future__ import annotations

import socket

import pytest

from exporters.udp import UdpSender


@pytest.fixture
def receiver() -> socket.socket:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        yield sock


def test_sends_in_order(receiver: socket.socket) -> None:
    sender = UdpSender("127.0.0.1", receiver.getsockname()[1])
    assert sender.local_address == ("", 0)
    assert sender.send([b"one", b"two"]) == 2
    assert receiver.recv(100) == b"one"
    octets, address = receiver.recvfrom(100)
    assert octets == b"two"
    assert sender.local_address == address
    assert (sender.stats.sent, sender.stats.octets) == (2, 6)
    sender.close()


def test_names_are_resolved(receiver: socket.socket) -> None:
    sender = UdpSender("localhost", receiver.getsockname()[1])
    sender.close()


def test_a_collector_that_is_away_does_not_disturb(receiver: socket.socket) -> None:
    port = receiver.getsockname()[1]
    receiver.close()
    sender = UdpSender("127.0.0.1", port)
    for _ in range(10):
        sender.send([b"x"])
    assert (sender.stats.sent, sender.stats.dropped_error) == (10, 0)  # tried again after the refusal of the last
    assert sender.last_error
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
        back.bind(("127.0.0.1", port))
        back.settimeout(5)
        sender.send([b"again"])
        assert back.recv(100) == b"again"
    sender.close()


def test_what_the_kernel_refuses_is_counted(receiver: socket.socket) -> None:
    sender = UdpSender("127.0.0.1", receiver.getsockname()[1])
    assert sender.send([bytes(70000), b"ok"]) == 1
    assert (sender.stats.sent, sender.stats.dropped_error) == (1, 1)
    assert "long" in sender.last_error
    assert receiver.recv(100) == b"ok"
    sender.close()


def test_a_full_socket_drops_and_counts() -> None:
    sender = UdpSender("127.0.0.1", 9)

    class Full:
        def send(self, _: bytes) -> int:
            raise BlockingIOError

        def close(self) -> None:
            return

    real, sender._socket, sender._connected = sender._socket, Full(), True  # type: ignore[assignment]
    real.close()
    assert sender.send([b"x", b"y"]) == 0
    assert sender.stats.dropped_full == 2
    sender.close()


def test_an_unknown_name_is_said_at_once() -> None:
    with pytest.raises(OSError):
        UdpSender("no-such-host.invalid", 4739)
