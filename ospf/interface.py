"""The segment a listener is attached to: who sends Hellos there, who is designated, and what may be said.

RFC 2328 sections 9.5 and 10.5, turned round: a listener has no parameters of its own, it copies those of
the routers it hears (mask, intervals, the E and N options), takes priority 0 and so never stands for
election. What it says is guarded twice, by `check_harmless` on what a packet means and by `check_octets` on what
it is: no packet that could put an LSA into a router's database leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

from ospf.errors import OspfForbiddenSend
from ospf.lsa import OPTION_E, OPTION_NP
from ospf.packets import (
    DATABASE_DESCRIPTION,
    DD_MORE,
    HELLO,
    LINK_STATE_ACK,
    LINK_STATE_REQUEST,
    PACKET_HEADER_LENGTH,
    DatabaseDescription,
    Hello,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    PacketBody,
)

MAX_NEIGHBORS = 1024
EMPTY_DD_LENGTH = PACKET_HEADER_LENGTH + 8  # RFC 2328 A.3.3 without LSA headers


@dataclass(slots=True)
class Neighbor:
    """A router heard on the segment; `hello` is its newest."""

    router_id: int
    address: int
    hello: Hello
    heard: float
    auth_type: int = 0
    other_address: int = 0  # before `address`
    moved: float = 0.0  # when it changed
    contested: bool = False  # it changed back and forth: two systems with one router id

    @property
    def lost_at(self) -> float:
        """When it counts as gone, seconds."""
        return self.heard + max(self.hello.dead_interval, 1)


class Segment:
    """The neighbors of one interface and what their Hellos agree on. `network` as in AttachConfig; `tunnel` says
    that the interface has room for one neighbor only."""

    def __init__(self, network: str) -> None:
        self.network = network
        self.tunnel = False
        self.neighbors: dict[int, Neighbor] = {}
        self._no_dr_since: float | None = None

    def hear(
        self, router_id: int, address: int, hello: Hello, auth_type: int, now: float
    ) -> tuple[Neighbor | None, bool]:
        """Note a Hello; (the neighbor, is it new). None when the table is full, or when it names so many neighbors
        itself that a table of such would fill the memory."""
        if len(hello.neighbors) > MAX_NEIGHBORS:
            return None, False
        if hello.designated_router:
            self._no_dr_since = None
        elif self._no_dr_since is None:
            self._no_dr_since = now
        known = self.neighbors.get(router_id)
        if known is None:
            if len(self.neighbors) >= MAX_NEIGHBORS:
                return None, False
            known = self.neighbors[router_id] = Neighbor(router_id, address, hello, now, auth_type)
            return known, True
        if known.address != address:
            known.contested = known.other_address == address and now - known.moved < known.lost_at - known.heard
            known.other_address, known.moved = known.address, now
        known.address, known.hello, known.heard, known.auth_type = address, hello, now, auth_type
        return known, False

    def is_from(self, router_id: int, address: int) -> bool:
        """Whether a router of this id is heard at this address (RFC 2328 8.2)."""
        known = self.neighbors.get(router_id)
        return known is not None and known.address == address

    def expire(self, now: float) -> list[Neighbor]:
        """Neighbors whose RouterDeadInterval has passed, removed."""
        lost = [n for n in self.neighbors.values() if n.lost_at <= now]
        if lost and len(lost) == len(self.neighbors) and not self.point_to_point(now):
            self._no_dr_since = None  # whoever comes back waits again; a link once found point-to-point stays one
        for neighbor in lost:
            del self.neighbors[neighbor.router_id]
        return lost

    def next_expiry(self) -> float | None:
        return min((n.lost_at for n in self.neighbors.values()), default=None)

    def has_designated(self) -> bool:
        return any(n.hello.designated_router for n in self.neighbors.values())

    def point_to_point(self, now: float) -> bool:
        """Whether the segment has no DR and will not have one.

        In "auto" that is so on a tunnel, and elsewhere when no Hello named a DR for longer than routers wait
        before they elect one (RFC 2328 9.1: Waiting lasts RouterDeadInterval).
        """
        if self.network != "auto":
            return self.network == "point-to-point"
        if self.tunnel:
            return not self.has_designated()
        decided_at = self.decided_at()
        return decided_at is not None and now >= decided_at and not self.has_designated()

    def decided_at(self) -> float | None:
        """When an "auto" segment without DR counts as point-to-point."""
        if self._no_dr_since is None or not self.neighbors or self.network != "auto" or self.tunnel:
            return None
        return self._no_dr_since + 1.5 * max(n.hello.dead_interval for n in self.neighbors.values()) + 1

    def candidates(self, now: float) -> list[Neighbor]:
        """Routers that would form an adjacency with us, best first: the DR, the BDR; all on a p2p link."""
        neighbors = self.neighbors.values()
        if self.point_to_point(now):
            return sorted(neighbors, key=lambda n: n.router_id)
        designated = [n for n in neighbors if self.identity(n) == n.hello.designated_router]
        backup = [n for n in neighbors if self.identity(n) == n.hello.backup_designated_router]
        return designated + [n for n in backup if n not in designated]

    def identity(self, neighbor: Neighbor) -> int:
        """What Hellos call a router by when it is designated: its address."""
        return neighbor.address

    def reference(self) -> Neighbor | None:
        """Whose parameters count: the DR's, else those of the neighbor known longest."""
        neighbors = self.neighbors.values()
        elected = (n for n in neighbors if self.identity(n) == n.hello.designated_router)
        return next(elected, None) or next(iter(neighbors), None)

    def designated(self) -> list[tuple[int, int]]:
        """(link state id of its network-LSA, router id) of those that call themselves DR: one, or none as yet."""
        neighbors = self.neighbors.values()
        return [(n.address, n.router_id) for n in neighbors if n.address == n.hello.designated_router]

    def own_hello(self, model: Neighbor, listed: tuple[int, ...]) -> Hello:
        """Our Hello, copied from a neighbor's (RFC 2328 10.5 demands the same mask, intervals and E-bit)."""
        hello = model.hello
        return Hello(
            mask=hello.mask,
            hello_interval=hello.hello_interval,
            options=hello.options & (OPTION_E | OPTION_NP),
            priority=0,
            dead_interval=hello.dead_interval,
            designated_router=hello.designated_router,
            backup_designated_router=hello.backup_designated_router,
            neighbors=listed,
        )


def check_harmless(body: PacketBody, *, burst: bool) -> None:
    """The guard on everything sent. OspfForbiddenSend for a Link State Update, a DD that describes an LSA, a
    Hello with a priority, and in burst mode a DD without the M-bit (it could lead the router to Full)."""
    if isinstance(body, LinkStateUpdate):
        raise OspfForbiddenSend("a listener never sends a Link State Update")
    if isinstance(body, Hello):
        if body.priority:
            raise OspfForbiddenSend(f"Hello with priority {body.priority}")
    elif isinstance(body, DatabaseDescription):
        if body.headers:
            raise OspfForbiddenSend(f"Database Description with {len(body.headers)} LSA headers")
        if burst and not body.flags & DD_MORE:
            raise OspfForbiddenSend("Database Description without the M-bit in burst mode")
    elif not isinstance(body, LinkStateRequest | LinkStateAck):
        raise OspfForbiddenSend(f"unknown packet {type(body).__name__}")


def check_octets(packet: bytes) -> None:
    """The last gate, on the octets about to leave. OspfForbiddenSend unless they are a Hello, a Link State Request
    or Acknowledgment, or a Database Description without a single LSA header."""
    if len(packet) < PACKET_HEADER_LENGTH:
        raise OspfForbiddenSend(f"packet of {len(packet)} octets")
    kind, length = packet[1], int.from_bytes(packet[2:4], "big")
    if kind not in (HELLO, DATABASE_DESCRIPTION, LINK_STATE_REQUEST, LINK_STATE_ACK):
        raise OspfForbiddenSend(f"packet of type {kind}")
    if kind == DATABASE_DESCRIPTION and length != EMPTY_DD_LENGTH:
        raise OspfForbiddenSend(f"Database Description of {length} octets")
