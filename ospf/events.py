"""What a listener tells its owner. Router ids and addresses are host-order integers, times `now` values."""

from __future__ import annotations

from dataclasses import dataclass

from ospf.lsa import Key


@dataclass(frozen=True, slots=True)
class LsdbChanged:
    """The content of the database changed (a refresh is none): build a new topology."""

    area: int
    keys: tuple[Key, ...]
    time: float


@dataclass(frozen=True, slots=True)
class NeighborSeen:
    """A router's first Hello on this segment."""

    router_id: int
    address: int
    time: float


@dataclass(frozen=True, slots=True)
class NeighborLost:
    """No Hello within its RouterDeadInterval (RFC 2328 10.3 InactivityTimer)."""

    router_id: int
    address: int
    time: float


@dataclass(frozen=True, slots=True)
class Synchronised:
    """The whole database of a neighbor is at hand."""

    area: int
    lsas: int
    seconds: float  # since our first Hello of this conversation
    time: float
    reason: str  # "attach", or why there was doubt


@dataclass(frozen=True, slots=True)
class SyncFailed:
    """A conversation broke off; it is tried again after `retry_seconds` (0: not before something changes)."""

    router_id: int
    reason: str
    retry_seconds: float
    time: float


Event = LsdbChanged | NeighborSeen | NeighborLost | Synchronised | SyncFailed
