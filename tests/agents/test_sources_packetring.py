"""The ring and the tap on loopback, with the kernel's own filter and headers."""

from __future__ import annotations

import socket
import time

import pytest

from agents.packets import UDP, Endpoints, Packets
from agents.sources.packetring import FRAMES, OpeningTap, PacketRing
from tests.agents.diag import octets
from tests.require import require_root

LOOPBACK = "127.0.0.1"


def collect(ring: PacketRing, port: int, least: int) -> list[Packets]:
    found: list[Packets] = []
    for _ in range(3000):  # more than half a minute
        packets = ring.drain()
        if packets is not None:
            found.append(packets.take((packets.destination_port == port) & (packets.protocol == UDP)))
        if sum(len(part) for part in found) >= least:
            break
        time.sleep(0.01)
    return [part for part in found if len(part)]


@pytest.mark.lab
def test_udp_is_seen_and_tcp_is_not() -> None:
    require_root()
    ring = PacketRing()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, socket.create_server((LOOPBACK, 0)) as listener:
        server.bind((LOOPBACK, 0))
        port = server.getsockname()[1]
        with socket.create_connection(listener.getsockname()) as connection:
            connection.sendall(b"x" * 1000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for size in (10, 20, 30):
                client.sendto(bytes(size), (LOOPBACK, port))
        parts = collect(ring, port, 6)
    seen = sorted(
        (int(direction), int(count))
        for part in parts
        for direction, count in zip(part.direction, part.octets, strict=True)
    )
    assert seen == [(0, 38), (0, 48), (0, 58), (4, 38), (4, 48), (4, 58)]  # loopback shows both directions
    assert all(part.source[0].tobytes() == octets(LOOPBACK) for part in parts)
    ring.count_drops()
    assert ring.stats.dropped == 0
    ring.close()


@pytest.mark.lab
def test_the_ring_turns_and_counts_what_it_drops() -> None:
    require_root()
    ring = PacketRing()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind((LOOPBACK, 0))
        port = server.getsockname()[1]
        for _ in range(3):  # more than once around
            for _ in range(FRAMES // 4):
                client.sendto(b"", (LOOPBACK, port))
            assert sum(len(part) for part in collect(ring, port, FRAMES // 2)) == FRAMES // 2
        for _ in range(FRAMES):
            client.sendto(b"", (LOOPBACK, port))
        assert sum(len(part) for part in collect(ring, port, FRAMES)) <= FRAMES
        ring.count_drops()
        assert ring.stats.dropped >= FRAMES - 10
    ring.close()


@pytest.mark.lab
def test_own_openings_wake() -> None:
    require_root()
    tap = OpeningTap()
    with socket.create_server((LOOPBACK, 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"more segments")
        port, remote = client.getsockname()[1], server.getsockname()[1]
        mine: list[Endpoints] = []
        for _ in range(3000):
            mine += [e for e in tap.drain() if e.remote_port == remote]
            if mine:
                break
            time.sleep(0.01)
    assert [(e.version, e.local_port, e.local) for e in mine] == [(4, port, octets(LOOPBACK))]
    tap.close()
