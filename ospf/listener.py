"""The listener: an OSPF speaker that learns everything and says nothing about routing (sans-IO).

Three modes, see `ospf.config`. What each costs the network, measured on FRR and BIRD:

*passive*  nothing at all. The database fills with what is flooded, completely after one refresh (30 min).
*burst*    one adjacency attempt that stops in Exchange (`ospf.neighbor`), then silence: the listener sends
           no Hello any more and hears the flooding on 224.0.0.5 and 224.0.0.6 like a host. No router reaches
           Full, so none changes an LSA. Nobody repeats a lost packet for a host, hence **doubt**: an LSA
           acknowledged that was never heard, a gap in a sequence number, an LSA past its refresh, a long
           silence. Doubt leads to another burst, which asks only for what is newer and removes what the
           router no longer has. Where no flooding is to be heard (a single router on the LAN, a
           point-to-point link) the burst is repeated every `poll_seconds`.
*full*     a lasting adjacency with an empty database. A DR lists the listener in its network-LSA, a
           point-to-point neighbor in its router-LSA; paths do not change since nothing leads back (16.1 2b).

Without a configured mode it is *burst* where a DR is named and *full* where none is (point-to-point, GRE).

The listener only joins the parts: `admission` (what is believed), `auth`, `interface` (who is there), `neighbor`
(one conversation), `lsdb`, `recorder`, `scrutiny` (what is wrong with the others). The five verbs: `receive`,
`packets_to_send`, `next_timeout`, `handle_timeout`, `next_event`. Network data never makes them raise; whatever is
refused is counted and the last reason kept in `last_error`. Before that, the owner says what it knows of its
interface (`attached`).

Without keys whoever can send on the segment can forge what routers say there, as with OSPF itself; from further away
only who can send to the listener's own address in the name and with the source address of a neighbor heard there.

Left out: NBMA networks (their Hellos come to an address), several areas on one attachment, virtual links, the
TTL of 255 that RFC 5082 demands.
"""

from __future__ import annotations

from collections import deque
from math import inf

from ospf.admission import Admission
from ospf.auth import Authenticator, type_name
from ospf.config import AttachConfig
from ospf.counters import ListenerStats
from ospf.dialect import VERSION_2, Dialect
from ospf.doubt import Doubt
from ospf.errors import OspfEncodeError
from ospf.events import Event, LsdbChanged, NeighborLost, NeighborSeen, SyncFailed, Synchronised
from ospf.interface import Neighbor, check_harmless
from ospf.lsa import Key, Lsa
from ospf.lsdb import Lsdb, LsdbChange
from ospf.neighbor import Adjacency, State
from ospf.pace import POLL, Pace
from ospf.packets import (
    DatabaseDescription,
    Hello,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    Packet,
    PacketBody,
)
from ospf.recorder import Recorder, outcome
from ospf.scrutiny import Scrutiny

ACK_HEADERS = 70  # LSA headers per acknowledgment: 1,444 octets with all headers
HELLO_REPEAT_SECONDS = 1.0  # our Hello again, until the router begins the exchange
LOST_SECONDS = 6.0  # after a lost neighbor: its DR's next LSA may take MinLSInterval (RFC 2328 B)
BEGIN_SECONDS = 10.0  # for the router to begin it


class Listener:
    """One attachment's protocol side; `now` is seconds on any one clock that never goes back.

    `boot_count` matters with keys only: it must grow with every start, see `ospf.auth.next_boot_count`. Which version
    of OSPF it speaks is its `dialect`.
    """

    def __init__(self, config: AttachConfig, now: float, *, boot_count: int = 0, dialect: Dialect = VERSION_2) -> None:
        self.config = config
        self.router_id = config.router_id_number
        self.lsdb = Lsdb(config.area_number or 0, config.max_lsas, scope_of=dialect.flooding_scope)
        self.stats = ListenerStats()
        self.synchronised = False
        self.mode: str = config.mode or "burst"  # the one in effect
        self._adjacencies: dict[int, Adjacency] = {}
        self._begun: dict[int, str] = {}  # router id -> why the conversation was begun
        self._out: deque[tuple[int, bytes]] = deque()
        self._events: deque[Event] = deque()
        self._changed: dict[Key, None] = {}
        self._changed_at = now
        self._locked_out = False
        self._hello_at: float | None = None
        self._pace = Pace(now)
        self._evidence = Doubt(self.lsdb, now)
        self._dialect = dialect
        self._segment = dialect.segment(config.network)
        self._auth = Authenticator(config.keys, boot_count=boot_count)
        self._scrutiny = Scrutiny(self._events, self.stats, dialect)
        self._door = Admission(self.router_id, config.area_number, self._auth, self._segment, self._scrutiny, dialect)
        self._recorder = Recorder(self.stats)

    def attached(self, *, address: int = 0, point_to_point: bool = False, mtu: int = 0) -> None:
        """What the interface is: its address (0 unknown; AuType 3 cannot do without), whether it is a tunnel or
        another link for two, its MTU in octets (0 unknown)."""
        self._door.address = address
        self._segment.tunnel = point_to_point
        self._scrutiny.mtu = mtu

    @property
    def area(self) -> int | None:
        """The area followed, None as long as it is neither configured nor heard."""
        return self._door.area

    @property
    def last_error(self) -> str:
        """The newest reason for refusing something, for a person."""
        return self._scrutiny.last_error

    @property
    def boot_count(self) -> int:
        """To be kept whenever it changed, so that the next start can begin above it (`ospf.auth`)."""
        return self._auth.boot_count

    @property
    def record_lsas(self) -> bool:
        """Whether every LSA received is told as `LsaHeard`; off unless somebody wants it."""
        return self._recorder.on

    @record_lsas.setter
    def record_lsas(self, on: bool) -> None:
        self._recorder.on = on

    # The five verbs

    def receive(self, ip_packet: bytes, now: float) -> None:
        """One IP packet from the segment. Never raises on its content."""
        admitted = self._door.admit(ip_packet, now)
        if admitted is not None:
            packet, source = admitted
            if packet.area != self.lsdb.area:  # nobody is left of the one before
                self._note_gone(self.lsdb.vanish((), inf, now))
                self.lsdb.area, self.synchronised = packet.area, False
            self._dispatch(packet, source, now)

    def packets_to_send(self, now: float) -> list[tuple[int, bytes]]:
        """(destination address, OSPF packet) in order; call after `receive` and `handle_timeout`."""
        self._settle(now)
        packets = list(self._out)
        self._out.clear()
        self.stats.sent += len(packets)
        return packets

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due next."""
        times = [self._hello_at, self._segment.next_expiry(), self.lsdb.next_expiry()]
        times += [self._evidence.next_timeout(), self._pace.wake_at]
        times += [adjacency.next_timeout() for adjacency in self._adjacencies.values()]
        return min((at for at in times if at is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`; harmless when nothing is."""
        for neighbor in self._segment.expire(now):
            self._auth.forget(neighbor.router_id)
            self._scrutiny.forget(neighbor.router_id)
            self._events.append(NeighborLost(neighbor.router_id, neighbor.address, now))
            if neighbor.router_id in self._adjacencies:
                self._break_off(self._adjacencies[neighbor.router_id], "neighbor lost", now)
            self._pace.forget(neighbor.router_id)
            self._evidence.deaf = not self._segment.neighbors
            if not self._evidence.deaf and self.mode == "burst" and self.synchronised:
                # What the DR says of it may be flooded to nobody: RFC 2328 13.3 knows only neighbors from Exchange on.
                self.stats.doubts += 1
                self._pace.want("a neighbor was lost", now + LOST_SECONDS)
        self._note_gone(self.lsdb.expire(now))
        for reason in self._evidence.handle_timeout(now):
            self._doubt(reason, now)
        for adjacency in list(self._adjacencies.values()):
            adjacency.handle_timeout(now)
        self._settle(now)
        if self._hello_at is not None and now >= self._hello_at:
            self._say_hello(now)
        if self._pace.wake_at is not None and self._pace.wake_at <= now:
            self._pace.wake_at = None
        self._begin(now)

    def next_event(self) -> Event | None:
        """The next event, None when there is none. All changes not yet told are one `LsdbChanged`, told first."""
        if self._changed and not self._holding():
            keys = tuple(self._changed)
            self._changed.clear()
            return LsdbChanged(self.lsdb.area, keys, self._changed_at)
        return self._events.popleft() if self._events else self._recorder.pull()

    def leave(self, now: float) -> None:
        """End every conversation with a 1-way Hello, so that no router waits for its dead interval."""
        for adjacency in list(self._adjacencies.values()):
            self._part(adjacency)
        self._pace.rest(now)

    @property
    def neighbors(self) -> tuple[Neighbor, ...]:
        """Routers heard within their dead intervals."""
        return tuple(self._segment.neighbors.values())

    @property
    def adjacencies(self) -> tuple[Adjacency, ...]:
        """Conversations going on."""
        return tuple(self._adjacencies.values())

    # Receiving

    def _dispatch(self, packet: Packet, source: int, now: float) -> None:
        body = packet.body
        if isinstance(body, Hello):
            self.stats.hellos += 1
            self._receive_hello(packet, body, source, now)
        elif isinstance(body, LinkStateUpdate):
            self.stats.updates += 1
            self._receive_update(packet.router_id, body, now)
        elif isinstance(body, LinkStateAck):
            self.stats.acknowledgments += 1
            self._receive_ack(body, now)
        elif isinstance(body, DatabaseDescription):
            self.stats.descriptions += 1
            self._scrutiny.description(packet.router_id, body.mtu, now)
            self._receive_description(packet.router_id, body, now)
        else:  # requests are for LSAs, and we have none to give
            self.stats.requests += 1

    def _receive_hello(self, packet: Packet, hello: Hello, source: int, now: float) -> None:
        neighbor, new = self._segment.hear(packet.router_id, source, hello, packet.auth_type, now)
        if neighbor is None:
            self.stats.neighbors_refused += 1
            return
        self._scrutiny.hello(neighbor, self._segment, now)
        if new:
            self._events.append(NeighborSeen(neighbor.router_id, source, now))
            if self._evidence.deaf:
                self._evidence.deaf = False
                self._doubt("nobody was heard for a while", now)
        adjacency = self._adjacencies.get(packet.router_id)
        if (
            adjacency is not None
            and adjacency.state >= State.EXCHANGE
            and self.router_id not in hello.neighbors
            and now - adjacency.started > max(hello.hello_interval, 1)
        ):
            self._break_off(adjacency, "the router no longer hears us", now)  # RFC 2328 10.5 1-WayReceived
        self._begin(now)

    def _receive_description(self, router_id: int, dd: DatabaseDescription, now: float) -> None:
        adjacency = self._adjacencies.get(router_id)
        if adjacency is None:
            # Our 1-way Hello got lost: say it again (only to a router we know).
            self.stats.unexpected += 1
            neighbor = self._segment.neighbors.get(router_id)
            if neighbor is not None and self.mode != "passive":
                self._greet(neighbor)
            return
        was_full = adjacency.state is State.FULL
        adjacency.receive_description(dd, now)
        if was_full and adjacency.state is not State.FULL:  # it restarted
            adjacency.started = now
            self._begun[router_id] = "the router began anew"
        self._settle(now)

    def _receive_update(self, router_id: int, update: LinkStateUpdate, now: float) -> None:
        self._evidence.heard_update(now)
        self.stats.lsas += len(update.lsas)
        if update.refused:
            self.stats.lsas_refused += len(update.refused)
            self._scrutiny.last_error = update.refused[-1]
        gaps = self.lsdb.stats.sequence_gaps
        for lsa in update.lsas:
            order = self.lsdb.compare(lsa.header, now) if self._recorder.on else 0
            change = self.lsdb.install(lsa, now)
            if self._recorder.on:
                self._recorder.note(lsa, now, outcome(self.lsdb, lsa, order, change), self.lsdb.area, router_id)
            if change is not None:
                self._note_changes([change])
        self._acknowledge(router_id, update.lsas, now)
        for each in self._adjacencies.values():
            each.receive_lsas(update.lsas, now)
        if self.lsdb.stats.sequence_gaps != gaps and not self._adjacencies:
            self._doubt("a gap in a sequence number", now)
        self._settle(now)

    def _acknowledge(self, router_id: int, lsas: tuple[Lsa, ...], now: float) -> None:
        # RFC 2328 13.5: a router repeats what it floods to neighbors from Exchange on, until they say so. On a
        # LAN also the DR waits for the ack of what others flooded; a burst has only one router to satisfy.
        talking = [a for a in self._adjacencies.values() if a.state >= State.EXCHANGE]
        if self.mode == "full" and talking and not self._segment.point_to_point(now):
            destination = self._dialect.all_d_routers
        elif router_id in (a.router_id for a in talking):
            destination = self._address_of(self._adjacencies[router_id], now)
        else:
            return
        headers = tuple(lsa.header for lsa in lsas)
        for at in range(0, len(headers), ACK_HEADERS):
            self._say(destination, LinkStateAck(headers[at : at + ACK_HEADERS]), router_id)

    def _receive_ack(self, ack: LinkStateAck, now: float) -> None:
        if self.synchronised and not self._adjacencies and self.mode == "burst":
            self._evidence.acknowledged(ack.headers, now)

    def _note_changes(self, changes: list[LsdbChange]) -> None:
        for change in changes:
            self._changed[change.key] = None
            self._changed_at = change.time

    def _note_gone(self, changes: list[LsdbChange]) -> None:
        self._note_changes(changes)
        self._recorder.note_gone(changes, self.lsdb.area)

    def _holding(self) -> bool:
        """Half a database is no topology: changes of the first burst are told when it ends."""
        return not self.synchronised and any(a.state >= State.EXSTART for a in self._adjacencies.values())

    # Doubt

    def _doubt(self, reason: str, now: float) -> None:
        if self.mode != "burst" or not self.synchronised:
            return
        self.stats.doubts += 1
        self._pace.doubt(reason, now)

    def packets_lost(self, now: float, reason: str = "the kernel dropped packets") -> None:
        """Packets were lost unread: what they said is in doubt."""
        self._doubt(reason, now)

    def _unheard(self, now: float) -> bool:
        """Whether no flooding is to be heard here.

        So on a point-to-point link, and on a LAN whose DR has no Full neighbor (13.3) and hence announces no
        network-LSA (12.4.2).
        """
        if self._segment.point_to_point(now):
            return True
        designated = self._segment.designated()
        keys = [(self._dialect.network_type, *network) for network in designated]
        return bool(keys) and all(self.lsdb.get(key) is None for key in keys)

    # Conversations

    def _may_begin(self) -> bool:
        if self.mode == "passive":
            return False
        if self.mode == "full":
            return True
        return not self._adjacencies and (not self.synchronised or self._pace.wanted)

    def _begin(self, now: float) -> None:
        """Start a conversation if one is wanted and somebody is there to have it with."""
        self._choose_mode(now)
        if self.synchronised and self.mode == "burst" and not self._adjacencies:
            unheard = self._unheard(now)
            if unheard and not self._pace.wanted:
                self._pace.want(POLL, now + self.config.poll_seconds)
            elif self._pace.reason == POLL and not unheard:
                self._pace.cancel()
        if not self._pace.ready(now) or not self._may_begin():
            return
        decided_at = self._segment.decided_at()
        self._pace.wake_at = decided_at if decided_at is not None and decided_at > now else None
        everybody = self._segment.candidates(now)
        candidates = [n for n in everybody if self._auth.speaks(n.auth_type)]
        if everybody and not candidates:
            self._lock_out(everybody[0], now)
        if self.mode == "burst":  # the DR, unless it failed us more often than the BDR
            candidates = sorted(candidates, key=lambda n: self._pace.failures(n.router_id))[:1]
        elif candidates:
            for stray in self._adjacencies.keys() - {n.router_id for n in candidates}:
                self._part(self._adjacencies[stray])  # no longer DR or BDR: it will not talk to us
        for peer in candidates:
            if peer.router_id in self._adjacencies:
                continue
            if self.router_id in peer.hello.neighbors:
                self._greet(peer)  # it holds us from a former life, perhaps Full: 1-way (RFC 2328 10.5), then begin
            hello = self._segment.own_hello(peer, ())
            self._adjacencies[peer.router_id] = Adjacency(
                self.router_id,
                peer.router_id,
                peer.address,
                hello.options,
                self.lsdb,
                burst=self.mode == "burst",
                now=now,
                dd_options=self._dialect.dd_options,
            )
            self._begun[peer.router_id] = self._pace.begin()
            self._say_hello(now)

    def _choose_mode(self, now: float) -> None:
        """Unless configured: full where there is nobody but one neighbor, burst where there is a DR."""
        if self.config.mode is not None or not self._segment.neighbors:
            return
        mode = "full" if self._segment.point_to_point(now) else "burst"
        if mode != self.mode:
            for adjacency in list(self._adjacencies.values()):
                self._part(adjacency)
            self.mode = mode

    def _lock_out(self, peer: Neighbor, now: float) -> None:
        if self._locked_out:
            return
        self._locked_out = True
        reason = (
            f"the segment uses authentication {type_name(peer.auth_type)}{self._door.shown_key}: it is heard but not "
            f"spoken to; {self._dialect.key_remedy}"
        )
        self._scrutiny.last_error = reason
        self._events.append(SyncFailed(peer.router_id, reason, 0.0, now))

    def _say_hello(self, now: float) -> None:
        """A Hello that lists those we talk to, and when the next one is due (RFC 2328 9.5)."""
        self._hello_at = None
        for adjacency in list(self._adjacencies.values()):
            peer = self._segment.neighbors.get(adjacency.router_id)
            if peer is None:
                continue
            if adjacency.state is State.INIT and now - adjacency.started > BEGIN_SECONDS:
                self._break_off(adjacency, "the router does not begin the exchange: is our address in its subnet?", now)
                continue
            self._greet(peer)
            interval = float(peer.hello.hello_interval) or max(peer.hello.dead_interval, 1) / 4
            if any(a.state is State.INIT for a in self._adjacencies.values()):
                interval = min(interval, HELLO_REPEAT_SECONDS)
            self._hello_at = now + interval
            return

    def _greet(self, peer: Neighbor) -> None:
        """Our Hello, which lists those we talk to."""
        hello = self._segment.own_hello(peer, tuple(self._adjacencies))
        self._say(self._dialect.all_spf_routers, hello, peer.router_id)

    def _settle(self, now: float) -> None:
        """Send what the conversations want to say; end those that are done or failed."""
        for adjacency in list(self._adjacencies.values()):
            while adjacency.outgoing:
                self._say(self._address_of(adjacency, now), adjacency.outgoing.popleft(), adjacency.router_id)
            if adjacency.failed:
                self._break_off(adjacency, adjacency.failed, now)
            elif adjacency.done:
                self._finish(adjacency, now)
                self._part(adjacency)
            elif adjacency.state is State.FULL and adjacency.router_id in self._begun:
                self._finish(adjacency, now)

    def _finish(self, adjacency: Adjacency, now: float) -> None:
        reason = self._begun.pop(adjacency.router_id)
        if not adjacency.truncated:
            teller = None if reason == POLL else adjacency.router_id  # who is polled is not heard otherwise
            self._note_gone(self.lsdb.vanish(adjacency.described, adjacency.started, now, teller))
        self.stats.syncs += 1
        self.synchronised = True
        self._evidence.heard_update(now)
        if reason == POLL:
            self.stats.polls += 1
        else:
            seconds = now - adjacency.started
            self._events.append(Synchronised(self.lsdb.area, len(self.lsdb), seconds, now, reason))
        unheard = self._unheard(now)
        self._pace.succeeded(reason, now, pause=adjacency.burst and not unheard)
        if adjacency.burst and unheard:
            self._pace.want(POLL, now + self.config.poll_seconds)
        elif not len(self.lsdb):
            self._doubt("the database is empty", now)

    def _break_off(self, adjacency: Adjacency, reason: str, now: float) -> None:
        begun = self._begun.get(adjacency.router_id, "adjacency")
        self._part(adjacency)
        self.stats.syncs_failed += 1
        self._scrutiny.last_error = reason
        retry = self._pace.failed(adjacency.router_id, now)
        self._events.append(SyncFailed(adjacency.router_id, reason, retry, now))
        if self.synchronised and self.mode == "burst":
            self._pace.want(begun, now)

    def _part(self, adjacency: Adjacency) -> None:
        """Leave with a Hello that no longer lists the router (RFC 2328 10.2 1-WayReceived on its side)."""
        del self._adjacencies[adjacency.router_id]
        self._begun.pop(adjacency.router_id, None)
        peer = self._segment.neighbors.get(adjacency.router_id)
        if peer is not None:
            self._greet(peer)
        if not self._adjacencies:
            self._hello_at = None

    def _address_of(self, adjacency: Adjacency, now: float) -> int:
        # RFC 2328 8.1: on point-to-point networks everything goes to AllSPFRouters; on point-to-multipoint not.
        alone = len(self._segment.neighbors) == 1 and self._segment.point_to_point(now)
        return self._dialect.all_spf_routers if alone else adjacency.address

    def _say(self, destination: int, body: PacketBody | LinkStateRequest, peer: int) -> None:
        """The only way out: nothing is queued that could put an LSA into a router's database."""
        check_harmless(body, burst=self.mode == "burst")
        packet = self._dialect.encode(body, router_id=self.router_id, area=self.area or 0)
        self._dialect.check_octets(packet)
        try:
            self._out.append((destination, self._auth.sign(packet, peer, self._door.address)))
        except OspfEncodeError as error:
            self.stats.unsent += 1
            self._scrutiny.last_error = str(error)
