"""Simulated OSPF neighbours: the routers on the LAN where the gateway listens, as seen from the wire.

They say Hello, the DR and the BDR accept an adjacency (RFC 2328 10: the neighbor state machine from Init to
Full, master or slave), describe their database, answer requests, and the DR floods what changes, repeating
it to a neighbour that owes an acknowledgment.  Whole IP packets in, whole IP packets out; no socket.  Left
out: election (the DR is the first working router), authentication, originating anything because a listener
became Full, and accepting LSAs from the listener: an Update from it is counted in
`stats.intruding_updates`, because a listener must never send one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from gateway.demo.area import SimulatedArea, designated
from gateway.demo.network import Interface, mask
from ospf.errors import OspfError
from ospf.lsa import OPTION_E, Key, Lsa
from ospf.packets import (
    ALL_D_ROUTERS,
    ALL_SPF_ROUTERS,
    DD_INIT,
    DD_MASTER,
    DD_MORE,
    DatabaseDescription,
    Hello,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    PacketBody,
    build_ip_packet,
    decode_packet,
    encode_packet,
    ip_payload,
)

MTU = 1500
PACKET_ROOM = MTU - 20 - 24 - 4 - 16  # IP header, OSPF header, count, slack
HEADERS_PER_DD = 64
RETRANSMIT_SECONDS = 5.0


class State(IntEnum):
    """RFC 2328 10.1, as far as a DR and its DROther pass through them."""

    INIT = 0
    EXSTART = 1
    EXCHANGE = 2
    LOADING = 3
    FULL = 4


@dataclass
class Neighbor:
    """What one simulated router knows of one neighbour (RFC 2328 10)."""

    address: int
    router_id: int
    heard: float
    state: State = State.INIT
    master: bool = False  # we are
    sequence: int = 0
    pending: list[Lsa] = field(default_factory=list)  # still to be described
    sent: DatabaseDescription | None = None
    sent_at: float = 0.0
    owed: dict[Key, tuple[Lsa, float]] = field(default_factory=dict)  # unacknowledged, when sent last


@dataclass
class RoutersStats:
    hellos_received: int = 0
    descriptions_received: int = 0
    requests_received: int = 0
    acks_received: int = 0
    intruding_updates: int = 0
    refused: int = 0
    lsas_flooded: int = 0
    retransmissions: int = 0
    adjacencies: int = 0


class SimulatedLan:
    """All routers on one LAN; `receive`, `packets_to_send`, `next_timeout`, `handle_timeout`, and `flood`."""

    def __init__(
        self, area: SimulatedArea, lan: str, now: float, *, hello_interval: int = 2, dead_interval: int = 8
    ) -> None:
        self.area = area
        self.stats = RoutersStats()
        self._lan = lan
        self._hello_interval, self._dead_interval = hello_interval, dead_interval
        self._next_hello = now
        self._neighbors: dict[tuple[str, int], Neighbor] = {}  # (our router, their address)
        self._out: list[bytes] = []
        self._dd_sequence = int(now) & 0xFFFF

    @property
    def states(self) -> dict[tuple[str, int], State]:
        """(router name, neighbour address) to its state."""
        return {key: neighbor.state for key, neighbor in self._neighbors.items()}

    def _ends(self) -> Sequence[Interface]:
        network = self.area.network
        return [end for end in network.segment_by_name[self._lan].ends if network.is_up(end)]

    def _router_id(self, end: Interface) -> int:
        return self.area.network.router_by_name[end.router].id

    def _send(self, end: Interface, to: int, body: PacketBody) -> None:
        payload = encode_packet(body, router_id=self._router_id(end), area=0)
        self._out.append(build_ip_packet(end.address, to, payload))

    def packets_to_send(self, now: float) -> list[bytes]:
        """Whole IP packets for the wire."""
        out, self._out = self._out, []
        return out

    # -- time ---------------------------------------------------------------------------------------

    def next_timeout(self) -> float:
        """When `handle_timeout` is due."""
        waits = [self._next_hello]
        for neighbor in self._neighbors.values():
            waits.append(neighbor.heard + self._dead_interval)
            if neighbor.sent is not None and self._repeats(neighbor):
                waits.append(neighbor.sent_at + RETRANSMIT_SECONDS)
            waits += [at + RETRANSMIT_SECONDS for _, at in neighbor.owed.values()]
        return min(waits)

    def handle_timeout(self, now: float) -> None:
        if now >= self._next_hello:
            self._hello()
            self._next_hello = now + self._hello_interval
        self.flood(self.area.refresh(now), now)
        for key, neighbor in list(self._neighbors.items()):
            if now >= neighbor.heard + self._dead_interval:
                del self._neighbors[key]
                continue
            end = self._end_of(key[0])
            if end is None:
                del self._neighbors[key]
                continue
            if neighbor.sent and self._repeats(neighbor) and now >= neighbor.sent_at + RETRANSMIT_SECONDS:
                self._describe(end, neighbor, neighbor.sent, now)
            late = [lsa for lsa, at in neighbor.owed.values() if now >= at + RETRANSMIT_SECONDS]
            if late:
                self.stats.retransmissions += len(late)
                self._update(end, neighbor.address, late)
                neighbor.owed.update({lsa.key: (lsa, now) for lsa in late})

    @staticmethod
    def _repeats(neighbor: Neighbor) -> bool:
        """RFC 2328 10.8: in ExStart both repeat, in Exchange only the master."""
        return neighbor.state == State.EXSTART or (neighbor.state == State.EXCHANGE and neighbor.master)

    def _end_of(self, router: str) -> Interface | None:
        return next((end for end in self._ends() if end.router == router), None)

    def _hello(self) -> None:
        ends = self._ends()
        plen = self.area.network.segment_by_name[self._lan].plen
        first, second = (*[end.address for end in ends[:2]], 0, 0)[:2]
        for number, end in enumerate(ends):
            others = [self._router_id(other) for other in ends if other is not end]
            others += [n.router_id for (router, _), n in self._neighbors.items() if router == end.router]
            hello = Hello(
                mask(plen), self._hello_interval, OPTION_E, 1 if number < 2 else 0, self._dead_interval,
                first, second, tuple(others),
            )  # fmt: skip
            self._send(end, ALL_SPF_ROUTERS, hello)

    # -- receiving ----------------------------------------------------------------------------------

    def receive(self, ip_packet: bytes, now: float) -> None:
        """One IP packet from the wire; anything that is not sound OSPF is counted."""
        try:
            source, destination, payload = ip_payload(ip_packet)
            packet = decode_packet(payload)
        except OspfError:
            self.stats.refused += 1
            return
        for number, end in enumerate(self._ends()):
            heard = destination in (end.address, ALL_SPF_ROUTERS) or (number < 2 and destination == ALL_D_ROUTERS)
            if heard:
                self._dispatch(end, number < 2, source, packet.router_id, packet.body, now)

    def _dispatch(
        self, end: Interface, elected: bool, source: int, router_id: int, body: PacketBody, now: float
    ) -> None:
        key = (end.router, source)
        if isinstance(body, Hello):
            self._receive_hello(end, elected, key, router_id, body, now)
            return
        neighbor = self._neighbors.get(key)
        if neighbor is None or neighbor.state == State.INIT:
            return
        if isinstance(body, DatabaseDescription):
            self.stats.descriptions_received += 1
            self._receive_description(end, neighbor, body, now)
        elif isinstance(body, LinkStateRequest):
            self.stats.requests_received += 1
            self._receive_request(end, neighbor, body, now)
        elif isinstance(body, LinkStateAck):
            self.stats.acks_received += 1
            for header in body.headers:
                owed = neighbor.owed.get((header.type, header.link_state_id, header.advertising_router))
                if owed and owed[0].header.sequence == header.sequence:
                    del neighbor.owed[owed[0].key]
        elif isinstance(body, LinkStateUpdate):
            self.stats.intruding_updates += 1

    def _receive_hello(
        self, end: Interface, elected: bool, key: tuple[str, int], router_id: int, hello: Hello, now: float
    ) -> None:
        self.stats.hellos_received += 1
        if (hello.hello_interval, hello.dead_interval) != (self._hello_interval, self._dead_interval):
            self.stats.refused += 1  # 10.5: must agree
            return
        neighbor = self._neighbors.setdefault(key, Neighbor(key[1], router_id, now))
        neighbor.heard, neighbor.router_id = now, router_id
        if self._router_id(end) not in hello.neighbors:
            self._neighbors[key] = Neighbor(key[1], router_id, now)  # 1-WayReceived
        elif neighbor.state == State.INIT and elected:
            self._start(end, neighbor, now)

    def _start(self, end: Interface, neighbor: Neighbor, now: float) -> None:
        """Enter ExStart: claim to be the master with an empty description."""
        self._dd_sequence += 1
        neighbor.state, neighbor.sequence, neighbor.owed = State.EXSTART, self._dd_sequence, {}
        neighbor.master = True
        neighbor.pending = list(self.area.lsas(now))
        flags = DD_INIT | DD_MORE | DD_MASTER
        self._describe(end, neighbor, DatabaseDescription(MTU, OPTION_E, flags, neighbor.sequence), now)

    def _describe(self, end: Interface, neighbor: Neighbor, description: DatabaseDescription, now: float) -> None:
        neighbor.sent, neighbor.sent_at = description, now
        self._send(end, neighbor.address, description)

    def _describe_next(self, end: Interface, neighbor: Neighbor, now: float) -> bool:
        """Send the next headers; returns whether there are more after these."""
        headers = tuple(lsa.header for lsa in neighbor.pending[:HEADERS_PER_DD])
        del neighbor.pending[:HEADERS_PER_DD]
        more = bool(neighbor.pending)
        flags = (DD_MASTER if neighbor.master else 0) | (DD_MORE if more else 0)
        self._describe(end, neighbor, DatabaseDescription(MTU, OPTION_E, flags, neighbor.sequence, headers), now)
        return more

    def _receive_description(
        self, end: Interface, neighbor: Neighbor, description: DatabaseDescription, now: float
    ) -> None:
        theirs_master = bool(description.flags & DD_MASTER)
        more = bool(description.flags & DD_MORE)
        if neighbor.state == State.EXSTART:
            self._negotiate(end, neighbor, description, now)
        elif neighbor.state == State.EXCHANGE:
            if theirs_master == neighbor.master or description.flags & DD_INIT:
                if not neighbor.master and description.sequence == neighbor.sequence and neighbor.sent:
                    self._describe(end, neighbor, neighbor.sent, now)
                else:
                    self._start(end, neighbor, now)  # SeqNumberMismatch
            elif neighbor.master:
                if description.sequence == neighbor.sequence:
                    finished = neighbor.sent is not None and not neighbor.sent.flags & DD_MORE
                    if finished and not more:
                        self._done(neighbor)
                    else:
                        neighbor.sequence += 1
                        self._describe_next(end, neighbor, now)
            elif description.sequence == neighbor.sequence and neighbor.sent:
                self._describe(end, neighbor, neighbor.sent, now)  # a duplicate: the slave repeats
            elif description.sequence == neighbor.sequence + 1:
                neighbor.sequence = description.sequence
                if not self._describe_next(end, neighbor, now) and not more:
                    self._done(neighbor)
            else:
                self._start(end, neighbor, now)
        elif not neighbor.master and description.sequence == neighbor.sequence and neighbor.sent:
            self._describe(end, neighbor, neighbor.sent, now)

    def _negotiate(self, end: Interface, neighbor: Neighbor, description: DatabaseDescription, now: float) -> None:
        """RFC 2328 10.6, case ExStart: the larger router id is the master."""
        own = self._router_id(end)
        opening = DD_INIT | DD_MORE | DD_MASTER
        if description.flags & opening == opening and not description.headers and neighbor.router_id > own:
            neighbor.state, neighbor.master, neighbor.sequence = State.EXCHANGE, False, description.sequence
            self._describe_next(end, neighbor, now)
        elif (
            not description.flags & (DD_INIT | DD_MASTER)
            and description.sequence == neighbor.sequence
            and neighbor.router_id < own
        ):
            neighbor.state, neighbor.master = State.EXCHANGE, True
            neighbor.sequence += 1
            self._describe_next(end, neighbor, now)

    def _done(self, neighbor: Neighbor) -> None:
        neighbor.state, neighbor.sent = State.FULL, None
        self.stats.adjacencies += 1

    def _receive_request(self, end: Interface, neighbor: Neighbor, request: LinkStateRequest, now: float) -> None:
        if neighbor.state < State.EXCHANGE:
            return
        found = [self.area.get(key, now) for key in request.keys]
        if any(lsa is None for lsa in found):
            self._start(end, neighbor, now)  # BadLSReq
            return
        self._update(end, neighbor.address, [lsa for lsa in found if lsa is not None])

    def _update(self, end: Interface, to: int, lsas: Iterable[Lsa]) -> None:
        """Updates of at most one MTU each."""
        batch: list[Lsa] = []
        room = PACKET_ROOM
        for lsa in lsas:
            if batch and len(lsa.raw) > room:
                self._send(end, to, LinkStateUpdate(tuple(batch)))
                batch, room = [], PACKET_ROOM
            batch.append(lsa)
            room -= len(lsa.raw)
        if batch:
            self._send(end, to, LinkStateUpdate(tuple(batch)))

    def flood(self, lsas: Iterable[Lsa], now: float) -> None:
        """The DR tells the LAN; those in Exchange or above owe an acknowledgment (RFC 2328 13.3)."""
        lsas = tuple(lsas)
        first = designated(self.area.network, self._lan)
        if not lsas or first is None:
            return
        self.stats.lsas_flooded += len(lsas)
        self._update(first, ALL_SPF_ROUTERS, lsas)
        for (router, _), neighbor in self._neighbors.items():
            if router == first.router and neighbor.state >= State.EXCHANGE:
                neighbor.owed.update({lsa.key: (lsa, now) for lsa in lsas})
