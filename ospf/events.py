"""What a listener tells its owner. Router ids and addresses are host-order integers, times `now` values."""

from __future__ import annotations

from dataclasses import dataclass

from ospf.lsa import Key, Lsa


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


@dataclass(frozen=True, slots=True)
class LsaHeard:
    """An LSA as it came, or left; only told while `Listener.record_lsas` is set.

    outcome      "added", "changed", "refreshed" (newer, same content), "duplicate" (told nothing new), "older" (than
                 what is held, or of no use: the database is full), "removed"
    router_id    who said it; 0 for an LSA that reached MaxAge here or was no longer described: it is told with age
                 MaxAge, so that whoever replays the events comes to the same database
    """

    lsa: Lsa
    time: float
    outcome: str
    area: int
    router_id: int


@dataclass(frozen=True, slots=True)
class ParameterMismatch:
    """Routers on one segment, or a router and this attachment, do not agree; they will not become neighbors.

    field               "mask", "hello_interval", "dead_interval", "options" (the E and N bits), "authentication",
                        "area", "mtu"
    theirs              the value of `router_id`
    ours_or_others      the attachment's area or MTU, otherwise the DR's (or first heard neighbor's) value
    """

    router_id: int
    field: str
    theirs: int
    ours_or_others: int
    time: float


@dataclass(frozen=True, slots=True)
class DuplicateRouterId:
    """Two systems on the segment send Hellos with one router id; `other_address` may be the listener's own."""

    router_id: int
    address: int
    other_address: int
    time: float


@dataclass(frozen=True, slots=True)
class AuthenticationFailed:
    """A packet that is not believed (RFC 2328 D.5); `cause` as in `ospf.auth.Cause`, `remedy` for a person."""

    router_id: int
    address: int
    cause: str
    remedy: str
    time: float


Complaint = ParameterMismatch | DuplicateRouterId | AuthenticationFailed
Event = LsdbChanged | NeighborSeen | NeighborLost | Synchronised | SyncFailed | LsaHeard | Complaint
