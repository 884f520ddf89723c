"""Who talks to whom in the simulated network, and how much, as a pure function of time.

A `Conversation` stands for one client's use of one service.  Its rate swings gently around a base; the
octets sent up to a moment are the closed integral of that rate, rounded down, so both ends (and the model
tests) see the same integers whatever instants they ask about.  A conversation changes its client port every
`lifetime` seconds, as real connections come and go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, cos, floor, inf, pi

TCP, UDP = 6, 17
SWING = 0.12  # relative amplitude of the rate around its base
DAY = ((0.0, inf),)

Windows = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Process:
    """The owner of a socket on one host."""

    name: str
    id: int
    unit: str
    user: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Rates are bits per second of L3 octets: `up` from the client to the server, `down` back."""

    app: str
    client: str
    server: str
    protocol: int
    client_port: int
    server_port: int
    up: float
    down: float
    up_packet: int  # mean L3 octets of a packet
    down_packet: int
    client_process: Process
    server_process: Process
    windows: Windows = DAY  # when it is active, in seconds
    period: float = 60.0  # of the swing
    phase: float = 0.0
    swing: float = SWING
    lifetime: float = 40.0


@dataclass(frozen=True, slots=True)
class FlowPiece:
    """What one conversation did in [start, end] on one client port; octets are L3."""

    conversation: Conversation
    start: float
    end: float
    client_port: int
    up_octets: int
    up_packets: int
    down_octets: int
    down_packets: int
    ended: bool  # the connection closed at `end`


def active_seconds(conversation: Conversation, until: float) -> float:
    """The integral over [0, until] of the rate, relative to its base."""
    angle = 2 * pi / conversation.period
    total = 0.0
    for start, end in conversation.windows:
        stop = min(end, until)
        if stop <= start:
            continue
        wave = cos(angle * start + conversation.phase) - cos(angle * stop + conversation.phase)
        total += stop - start + conversation.swing * wave / angle
    return total


def _counters(conversation: Conversation, until: float) -> tuple[int, int, int, int]:
    seconds = active_seconds(conversation, until)
    up, down = conversation.up * seconds / 8, conversation.down * seconds / 8
    return (
        floor(up), ceil(up / conversation.up_packet), floor(down), ceil(down / conversation.down_packet)
    )  # fmt: skip


def _cuts(conversation: Conversation, start: float, end: float) -> list[float]:
    cuts = {start, end}
    number = floor(start / conversation.lifetime) + 1
    while number * conversation.lifetime < end:
        cuts.add(number * conversation.lifetime)
        number += 1
    for window in conversation.windows:
        cuts.update(edge for edge in window if start < edge < end)
    return sorted(cuts)


def pieces(conversation: Conversation, start: float, end: float) -> Iterator[FlowPiece]:
    """The conversation's traffic in [start, end], cut where port or activity change, no empty ones."""
    cuts = _cuts(conversation, start, end)
    before = _counters(conversation, start)
    for left, right in pairwise(cuts):
        after = _counters(conversation, right)
        delta = [b - a for a, b in zip(before, after, strict=True)]
        before = after
        if delta[0] or delta[2]:
            generation = floor((left + right) / 2 / conversation.lifetime)
            port = 32768 + (conversation.client_port + 7 * generation) % 28000
            closes = right % conversation.lifetime == 0.0 or any(right == edge for _, edge in conversation.windows)
            up_packets, down_packets = (max(delta[i + 1], 1 if delta[i] else 0) for i in (0, 2))
            yield FlowPiece(conversation, left, right, port, delta[0], up_packets, delta[2], down_packets, closes)
