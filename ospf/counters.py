"""Every counter of a listener in one place: what was heard and said, what was refused and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ListenerStats:
    """Packets, LSAs, conversations; `auth_*` are packets not believed (RFC 2328 D.5)."""

    packets: int = 0
    octets: int = 0
    malformed: int = 0
    hellos: int = 0
    descriptions: int = 0
    requests: int = 0
    updates: int = 0
    acknowledgments: int = 0
    lsas: int = 0
    lsas_refused: int = 0
    lsas_unrecorded: int = 0  # LsaHeard events lost because nobody pulled them
    wrong_area: int = 0
    wrong_instance: int = 0
    strangers: int = 0  # to our own address, from no neighbor
    authenticated: int = 0  # of AuType 1 to 3, verified or not
    auth_wrong_type: int = 0
    auth_unknown_key: int = 0
    auth_bad_digest: int = 0
    auth_replayed: int = 0
    duplicate_router_id: int = 0
    mismatches: int = 0  # Hellos and descriptions that disagree with others, packets of another area
    complaints_untold: int = 0  # findings counted but not told, for lack of memory
    neighbors_refused: int = 0
    unexpected: int = 0
    sent: int = 0
    unsent: int = 0
    syncs: int = 0
    syncs_failed: int = 0
    polls: int = 0
    doubts: int = 0
