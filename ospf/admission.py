"""The door: which IP packets a listener believes. RFC 2328 8.2 and D.5, as far as they concern one who only listens.

In order: an intact OSPF packet; not under our own router id; of the segment (224.0.0.5 and .6 never cross a router,
what comes to our own address may have been sent from anywhere and counts only if it comes from a neighbor: so
neither a stranger nor a virtual link's packet that passes by disturbs); of the attachment's area; with proof of
origin where keys are configured. The area is configured or that of the first packet believed: one segment, one
area; where a border router speaks for several, each needs an attachment with its own `area`. An area that was not
configured is given up for another one as soon as no neighbor of it is heard any more (a segment was moved to another
area; a stray packet came first).
"""

from __future__ import annotations

from ospf.auth import Authenticator, Cause, Refusal, describe
from ospf.dialect import VERSION_2, Dialect
from ospf.errors import OspfDecodeError
from ospf.interface import Segment
from ospf.packets import AUTH_NONE, Packet
from ospf.scrutiny import Scrutiny


class Admission:
    """One attachment's door; `area` is None until it is known, `shown_key` what a packet showed of its key."""

    def __init__(
        self, router_id: int, area: int | None, auth: Authenticator, segment: Segment, scrutiny: Scrutiny,
        dialect: Dialect = VERSION_2,
    ) -> None:  # fmt: skip
        self.area = area
        self.address = 0  # our own, 0 unknown
        self.stats = scrutiny.stats
        self.shown_key = ""
        self._configured = area is not None
        self._router_id = router_id
        self._auth = auth
        self._segment = segment
        self._scrutiny = scrutiny
        self._dialect = dialect
        self._groups = (dialect.all_spf_routers, dialect.all_d_routers)

    def admit(self, ip_packet: bytes, now: float) -> tuple[Packet, int] | None:
        """(packet, source address) of an IP packet to believe, None for one counted and refused."""
        self.stats.packets += 1
        self.stats.octets += len(ip_packet)
        try:
            packet, source, destination, payload, instance_id = self._dialect.hear(ip_packet)
        except OspfDecodeError as error:
            self.stats.malformed += 1
            self._scrutiny.last_error = error.reason
            return None
        if instance_id != self._dialect.instance_id:  # RFC 5340 4.2.2: another instance on the same link
            self.stats.wrong_instance += 1
            self._scrutiny.last_error = f"a packet of instance id {instance_id}"
            return None
        if packet.router_id == self._router_id:
            if source != self.address:
                self._scrutiny.own_router_id(packet.router_id, source, self.address, now)
            return None
        if destination not in self._groups and not self._segment.is_from(packet.router_id, source):
            self.stats.strangers += 1
            self._scrutiny.last_error = "a packet to our own address, from no neighbor"
            return None
        if packet.auth_type != AUTH_NONE:
            self.stats.authenticated += 1
            self.shown_key = describe(payload)
        following = self._configured or bool(self._segment.neighbors)
        if self.area not in (None, packet.area) and following:
            self.stats.wrong_area += 1
            self._scrutiny.other_area(packet.router_id, packet.area, self.area, now)
            return None
        try:
            self._auth.check(payload, packet.router_id, source)
        except Refusal as refusal:
            self._count(refusal.cause)
            self._scrutiny.refused(packet.router_id, source, refusal, now)
            return None
        self.area = packet.area
        return packet, source

    def _count(self, cause: Cause) -> None:
        if cause is Cause.WRONG_TYPE:
            self.stats.auth_wrong_type += 1
        elif cause is Cause.UNKNOWN_KEY:
            self.stats.auth_unknown_key += 1
        elif cause is Cause.BAD_DIGEST:
            self.stats.auth_bad_digest += 1
        else:
            self.stats.auth_replayed += 1
