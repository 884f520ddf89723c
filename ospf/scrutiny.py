"""What is wrong on a segment, as seen by somebody who takes no part: mismatches, doubles, packets not believed.

Routers refuse each other silently when their Hellos disagree (RFC 2328 10.5) and write it into a log at best; a
listener hears both sides. Every finding is counted each time and told once a minute per router and cause.

Compared: mask (not on point-to-point links, 10.5), HelloInterval, RouterDeadInterval, the E and N bits of the
options, authentication type, area; and the MTU of Database Descriptions (10.6), which only those routers show that
talk to the listener.
"""

from __future__ import annotations

from collections import deque

from ospf.auth import Refusal
from ospf.counters import ListenerStats
from ospf.dialect import VERSION_2, Dialect
from ospf.events import AuthenticationFailed, Complaint, DuplicateRouterId, Event, ParameterMismatch
from ospf.interface import Neighbor, Segment
from ospf.lsa import OPTION_E, OPTION_NP
from ospf.wire import address_text

REPEAT_SECONDS = 60.0
MAX_REMEMBERED = 4096  # causes told lately
AREA_OPTIONS = OPTION_E | OPTION_NP


class Scrutiny:
    """Findings of one attachment; `last_error` is the newest reason for refusing anything, for a person."""

    def __init__(self, events: deque[Event], stats: ListenerStats, dialect: Dialect = VERSION_2) -> None:
        self.stats = stats
        self.last_error = ""
        self.mtu = 0  # of the attachment's interface, 0 unknown
        self._events = events
        self._text = dialect.text
        self._told: dict[tuple[int, str], float] = {}
        self._mtus: dict[int, int] = {}

    def refused(self, router_id: int, address: int, refusal: Refusal, now: float) -> None:
        """A packet did not prove its origin."""
        self.last_error = f"{self._text(address)}: {refusal}"
        told = AuthenticationFailed(router_id, address, str(refusal.cause), refusal.remedy, now)
        self._tell(router_id, refusal.cause, told, now)

    def own_router_id(self, router_id: int, address: int, own_address: int, now: float) -> None:
        """A router uses the listener's router id."""
        self.stats.duplicate_router_id += 1
        self.last_error = (
            f"{self._text(address)} uses the listener's router id {address_text(router_id)}: "
            "give the attachment another router_id"
        )
        self._tell(router_id, "router id", DuplicateRouterId(router_id, address, own_address, now), now)

    def other_area(self, router_id: int, theirs: int, ours: int, now: float) -> None:
        """A packet of an area this attachment does not follow."""
        self.last_error = (
            f"a packet of area {address_text(theirs)}; this attachment follows area {address_text(ours)}: "
            'set area = "..." to choose, and attach once per area'
        )
        self._mismatch(router_id, "area", theirs, ours, now)

    def hello(self, neighbor: Neighbor, segment: Segment, now: float) -> None:
        """Compare a neighbor's newest Hello with the segment's."""
        if neighbor.contested:
            self.stats.duplicate_router_id += 1
            self.last_error = f"two systems with router id {address_text(neighbor.router_id)}"
            double = DuplicateRouterId(neighbor.router_id, neighbor.address, neighbor.other_address, now)
            self._tell(neighbor.router_id, "router id", double, now)
        reference = segment.reference()
        if reference is None or reference is neighbor:
            return
        one, other = neighbor.hello, reference.hello
        found = [
            ("hello_interval", one.hello_interval, other.hello_interval),
            ("dead_interval", one.dead_interval, other.dead_interval),
            ("options", one.options & AREA_OPTIONS, other.options & AREA_OPTIONS),
            ("authentication", neighbor.auth_type, reference.auth_type),
        ]
        if not segment.point_to_point(now):
            found.append(("mask", one.mask, other.mask))
        for field, theirs, others in found:
            if theirs != others:
                self._mismatch(neighbor.router_id, field, theirs, others, now)

    def description(self, router_id: int, mtu: int, now: float) -> None:
        """Compare the MTU of a Database Description; 0 is that of a virtual link."""
        if not mtu:
            return
        if len(self._mtus) < MAX_REMEMBERED or router_id in self._mtus:
            self._mtus[router_id] = mtu
        others = next((known for router, known in self._mtus.items() if router != router_id and known != mtu), 0)
        if others:
            self._mismatch(router_id, "mtu", mtu, others, now)
        elif 0 < self.mtu < mtu:  # its full-sized packets will not reach us
            self._mismatch(router_id, "mtu", mtu, self.mtu, now)

    def forget(self, router_id: int) -> None:
        """The neighbor is gone."""
        self._mtus.pop(router_id, None)

    def _mismatch(self, router_id: int, field: str, theirs: int, others: int, now: float) -> None:
        self.stats.mismatches += 1
        self._tell(router_id, field, ParameterMismatch(router_id, field, theirs, others, now), now)

    def _tell(self, router_id: int, cause: str, complaint: Complaint, now: float) -> None:
        key = (router_id, str(cause))
        last = self._told.get(key)
        if last is not None and now - last < REPEAT_SECONDS:
            return
        if last is None and len(self._told) >= MAX_REMEMBERED:
            self._told = {k: at for k, at in self._told.items() if now - at < REPEAT_SECONDS}
            if len(self._told) >= MAX_REMEMBERED:
                self.stats.complaints_untold += 1
                return
        self._told[key] = now
        self._events.append(complaint)
