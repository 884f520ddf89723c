"""exporters/udp.py over real loopback sockets."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from exporters.udp import UdpSender
from tests.require import require_programs, require_root

ROOT = Path(__file__).resolve().parent.parent.parent


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


MOVE = """
import subprocess
from exporters.udp import UdpSender

def ip(*words):
    subprocess.run(("ip", *words), check=True)

ip("link", "add", "e0", "type", "veth", "peer", "name", "e1")
ip("link", "set", "e1", "up")
ip("link", "set", "e0", "up")
ip("addr", "add", "10.9.0.1/24", "dev", "e0")
ip("route", "add", "default", "via", "10.9.0.254")
sender = UdpSender("10.50.0.1", 4739)
assert sender.send([b"x"]) == 1 and sender.local_address[0] == "10.9.0.1"
ip("addr", "del", "10.9.0.1/24", "dev", "e0")
assert sender.send([b"x", b"x"]) == 0 and sender.stats.dropped_error == 2  # no network at all
ip("addr", "add", "10.10.0.7/24", "dev", "e0")
ip("route", "add", "default", "via", "10.10.0.254")
assert sender.send([b"x", b"x"]) == 2 and sender.local_address[0] == "10.10.0.7"
assert sender.stats.reopened == 1
"""


@pytest.mark.lab
def test_a_host_that_moves_to_another_network_is_followed() -> None:
    require_root()
    require_programs("ip", "unshare")
    command = ("unshare", "-n", sys.executable, "-c", MOVE)
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_is_said_at_once() -> None:
    with pytest.raises(OSError):
        UdpSender("no-such-host.invalid", 4739)
