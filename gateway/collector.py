"""Sessions: datagrams in, `RecordBatch`es out, each with the session it belongs to.

One session per transport peer; its `SessionDecoder` (exporters.ipfix.decode) holds the templates.  This module owns
what is known of all sessions: their number is bounded, silent ones are forgotten, everything refused is counted.
The wire format lives in the package `exporters`, because an agent *is* an exporter in RFC 7011's words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from heapq import nsmallest

from exporters.ipfix.batch import RecordBatch
from exporters.ipfix.decode import DecodeStats, SessionDecoder
from gateway.registry import AgentState

Peer = tuple[str, int]
IDLE_SECONDS = 1800.0  # RFC 7011 8.4: three times the usual template refresh
ROOM_PAUSE = 0.1  # s


@dataclass
class Session:
    """One exporter as the collector knows it."""

    peer: Peer
    decoder: SessionDecoder
    last_heard: float
    skew: float | None = None  # seconds the exporter's clock is behind ours; smoothed
    new_names: int = 0  # applications it was the first to name
    held_sets: int = 0  # sets that had waited for their template, when `skew` was last looked at
    applications: dict[int, int] = field(default_factory=dict)  # exporter's applicationId -> gateway id
    agent: AgentState | None = None
    errors_logged: int = 0


@dataclass
class CollectorStats:
    datagrams: int = 0
    octets: int = 0
    sessions_refused: int = 0
    sessions_expired: int = 0
    sessions_evicted: int = 0  # for want of room, none of them an agent's


class Collector:
    """All sessions.  `receive` never raises on what the network sent."""

    def __init__(self, max_sessions: int = 20_000) -> None:
        self.sessions: dict[Peer, Session] = {}
        self._max = max_sessions
        self._gone = DecodeStats()  # counters of sessions that expired: nothing counted is lost
        self.stats = CollectorStats()
        self._next_expiry = self._room_at = 0.0

    def receive(
        self, datagrams: Iterable[tuple[bytes, Peer]], now: float
    ) -> list[tuple[Session, RecordBatch]]:
        """Decode datagrams in arrival order per peer; batches keep that order per session."""
        per_peer: dict[Peer, list[bytes]] = {}
        for data, peer in datagrams:
            per_peer.setdefault(peer, []).append(data)
            self.stats.datagrams += 1
            self.stats.octets += len(data)
        out: list[tuple[Session, RecordBatch]] = []
        for peer, batch in per_peer.items():
            session = self._session(peer, now)
            if session is not None:
                session.last_heard = now
                out += [(session, records) for records in session.decoder.receive(batch, now)]
        self._expire(now)
        return out

    def _session(self, peer: Peer, now: float) -> Session | None:
        session = self.sessions.get(peer)
        if session is None:
            if len(self.sessions) >= self._max and not self._make_room(now):
                self.stats.sessions_refused += 1
                return None
            session = self.sessions[peer] = Session(peer, SessionDecoder(), now)
        return session

    def _make_room(self, now: float) -> bool:
        """Forget some of the longest silent peers that no agent speaks from: made-up ports keep nobody out.

        At most ten times a second, because it looks at every session.
        """
        if 0 < self._room_at - now <= ROOM_PAUSE:
            return False
        self._room_at = now + ROOM_PAUSE
        strangers = [s for s in self.sessions.values() if s.agent is None]
        for session in nsmallest(max(self._max // 100, 1), strangers, key=lambda s: s.last_heard):
            self._forget(session.peer)
            self.stats.sessions_evicted += 1
        return bool(strangers)

    def _forget(self, peer: Peer) -> None:
        _add(self._gone, self.sessions.pop(peer).decoder.stats)

    def _expire(self, now: float) -> None:
        if 0 < self._next_expiry - now <= IDLE_SECONDS / 10:
            return
        self._next_expiry = now + IDLE_SECONDS / 10
        for peer in [p for p, s in self.sessions.items() if now - s.last_heard > IDLE_SECONDS]:
            self._forget(peer)
            self.stats.sessions_expired += 1

    def decode_stats(self) -> dict[str, int]:
        """Counters of all sessions that ever were, summed."""
        total = DecodeStats()
        _add(total, self._gone)
        for session in self.sessions.values():
            _add(total, session.decoder.stats)
        return {f.name: getattr(total, f.name) for f in fields(total)}


def _add(total: DecodeStats, part: DecodeStats) -> None:
    for f in fields(total):
        setattr(total, f.name, getattr(total, f.name) + getattr(part, f.name))
