"""What speaks against a database being complete when nobody repeats a lost packet for us.

After a burst the listener is a host: it hears floods but is on no router's retransmission list. Evidence of a
loss, each of which leads to another burst: an LSA that others acknowledge and we never heard; an LSA that missed
its refresh (RFC 2328 B, LSRefreshTime) or no update at all for longer than that; nobody heard on the segment for
a dead interval. (The other kinds, a gap in a sequence number and packets the kernel dropped, need no memory and
are the listener's own.)
"""

from __future__ import annotations

from collections.abc import Iterable

from ospf.lsa import LS_REFRESH_TIME, MAX_AGE, Key, LsaHeader, plain_age
from ospf.lsdb import Lsdb

GRACE_SECONDS = 0.5  # an acknowledgment may overtake the update
SUSPECTS = 1000  # acknowledged LSAs remembered
SILENCE_SECONDS = LS_REFRESH_TIME + 300.0  # no update at all
OVERDUE_SECONDS = LS_REFRESH_TIME + 600.0  # an LSA this old has missed a refresh
AUDIT_SECONDS = 300.0


class Doubt:
    """Evidence gathered about one database."""

    def __init__(self, lsdb: Lsdb, now: float) -> None:
        self.deaf = False  # nobody is heard; set by the owner
        self._lsdb = lsdb
        self._heard = now
        self._audit_at = now + AUDIT_SECONDS
        self._suspects: dict[Key, tuple[LsaHeader, float]] = {}

    def heard_update(self, now: float) -> None:
        self._heard = max(self._heard, now)

    def acknowledged(self, headers: Iterable[LsaHeader], now: float) -> None:
        """LSAs that a router on the segment has, as its acknowledgment says."""
        for header in headers:
            if plain_age(header) == MAX_AGE or not self._lsdb.wants(header, now):
                continue
            key = (header.type, header.link_state_id, header.advertising_router)
            if len(self._suspects) < SUSPECTS:
                self._suspects.setdefault(key, (header, now + GRACE_SECONDS))

    def next_timeout(self) -> float:
        return min([due for _, due in self._suspects.values()], default=self._audit_at)

    def handle_timeout(self, now: float) -> list[str]:
        """Reasons to doubt that have come up by `now`."""
        reasons = []
        for key, (header, due) in list(self._suspects.items()):
            if due <= now:
                del self._suspects[key]
                if self._lsdb.wants(header, now):
                    reasons.append("an LSA was acknowledged that was not heard")
        if now >= self._audit_at:
            self._audit_at = now + AUDIT_SECONDS
            if now - self._heard > SILENCE_SECONDS:
                self._heard = now
                reasons.append("silence past the refresh time")
            elif self._lsdb.overdue(OVERDUE_SECONDS, now):
                reasons.append("an LSA missed its refresh")
        return reasons
