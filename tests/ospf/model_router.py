"""A router as RFC 2328 section 10 makes it, for one neighbor and without sockets: what the listener talks to in tests.

Written from the RFC's side of the wire and sharing only the codec with the listener. It remembers every state its
neighbor was in (`reached`), so that a test can say "never Full", and everything it was told (`heard`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ospf.auth import Authenticator, Refusal
from ospf.keys import AuthKey
from ospf.listener import Listener
from ospf.lsa import Key, Lsa, LsaHeader
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
    Packet,
    PacketBody,
    build_ip_packet,
    decode_packet,
    encode_packet,
)

MASK = 0xFFFFFF00
LISTENER = 0x0A6200FE  # its address
HEADERS_PER_DD = 10
LSAS_PER_UPDATE = 5


class ModelRouter:
    """A DR (by default) at `address` with the given LSAs; `others` are routers it hears besides the listener."""

    groups = (ALL_SPF_ROUTERS, ALL_D_ROUTERS)

    def __init__(
        self,
        router_id: int,
        address: int,
        lsas: Iterable[Lsa] = (),
        *,
        designated: int | None = None,
        others: tuple[int, ...] = (0x0A000002,),
        hello_interval: int = 10,
        dead_interval: int = 40,
        area: int = 0,
        mtu: int = 1400,
        keys: tuple[AuthKey, ...] = (),
        options: int = 2,
    ) -> None:
        self.router_id = router_id
        self.address = address
        self.database: dict[Key, Lsa] = {lsa.key: lsa for lsa in lsas}
        self.designated = address if designated is None else designated
        self.backup = 0
        self.others = others
        self.hello_interval, self.dead_interval, self.area, self.mtu = hello_interval, dead_interval, area, mtu
        self.options = options
        self.auth = Authenticator(keys)
        self.signer = Authenticator(keys, boot_count=1)  # the first key, whatever the listener says
        self.refused: list[Refusal] = []
        self.state = "down"
        self.reached: set[str] = set()
        self.heard: list[PacketBody] = []
        self.acked: set[tuple[Key, int]] = set()
        self.out: list[bytes] = []
        self.refuses: set[Key] = set()  # described but never handed out
        self.peer_id = 0
        self._sequence = 1000
        self._master = False
        self._to_describe: list[LsaHeader] = []
        self._last: DatabaseDescription | None = None

    def say(self, body: PacketBody, destination: int = ALL_SPF_ROUTERS) -> bytes:
        packet = encode_packet(body, router_id=self.router_id, area=self.area)
        packet = self.signer.sign(packet, None, self.address)
        return build_ip_packet(self.address, destination, packet)

    def hello(self) -> bytes:
        known = (self.peer_id,) if self.peer_id else ()
        return self.say(
            Hello(
                MASK,
                self.hello_interval,
                self.options,
                1,
                self.dead_interval,
                self.designated,
                self.backup,
                self.others + known,
            )
        )

    def flood(self, *lsas: Lsa) -> bytes:
        """Install and flood onto the segment."""
        for lsa in lsas:
            self.database[lsa.key] = lsa
        return self.say(LinkStateUpdate(lsas))

    def read(self, payload: bytes) -> Packet:
        """A packet of the listener's."""
        return decode_packet(payload)

    def _set(self, state: str) -> None:
        self.state = state
        self.reached.add(state)

    def receive(self, payload: bytes) -> None:
        packet = self.read(payload)
        try:
            self.auth.check(payload, packet.router_id, LISTENER)
        except Refusal as refusal:
            self.refused.append(refusal)
            return
        body = packet.body
        self.heard.append(body)
        self.peer_id = packet.router_id
        if isinstance(body, Hello):
            if self.router_id not in body.neighbors:
                self._set("init")
            elif self.state in ("down", "init") and (not self.designated or self._is_elected()):
                self._exstart()
        elif isinstance(body, DatabaseDescription):
            self._description(body)
        elif isinstance(body, LinkStateRequest) and self.state in ("exchange", "loading", "full"):
            self._request(body)
        elif isinstance(body, LinkStateAck):
            for h in body.headers:
                self.acked.add(((h.type, h.link_state_id, h.advertising_router), h.sequence))

    def _is_elected(self) -> bool:
        return self.address in (self.designated, self.backup)

    def _exstart(self) -> None:
        self._set("exstart")
        self._sequence += 1000
        self._describe(DD_INIT | DD_MORE | DD_MASTER, ())

    def _describe(self, flags: int, headers: tuple[LsaHeader, ...]) -> None:
        self._last = DatabaseDescription(self.mtu, 0x42, flags, self._sequence, headers)
        self.out.append(self.say(self._last, 1))

    def _next(self, flags: int) -> None:
        part, self._to_describe = self._to_describe[:HEADERS_PER_DD], self._to_describe[HEADERS_PER_DD:]
        self._describe(flags | (DD_MORE if self._to_describe else 0), tuple(part))

    def _description(self, dd: DatabaseDescription) -> None:
        if dd.mtu > self.mtu:
            return
        if self.state == "exstart":
            everything = DD_INIT | DD_MORE | DD_MASTER
            if dd.flags & everything == everything and self.peer_id > self.router_id:
                self._master, self._sequence = False, dd.sequence
            elif not dd.flags & (DD_INIT | DD_MASTER) and dd.sequence == self._sequence:
                if self.peer_id > self.router_id:
                    return
                self._master, self._sequence = True, self._sequence + 1
            else:
                return
            self._set("exchange")
            self._to_describe = [lsa.header for lsa in self.database.values()]
            self._next(DD_MASTER if self._master else 0)
            return
        if self.state != "exchange" or self._last is None:
            return
        if self._master:
            if dd.sequence != self._sequence:
                return
            if not dd.flags & DD_MORE and not self._last.flags & DD_MORE:
                self._set("full")
                return
            self._sequence += 1
            self._next(DD_MASTER)
        else:
            if dd.sequence == self._sequence:
                self.out.append(self.say(self._last, 1))
                return
            self._sequence = dd.sequence
            self._next(0)
            if not dd.flags & DD_MORE and not self._last.flags & DD_MORE:
                self._set("full")

    def retransmit(self) -> None:
        """What a router does each RxmtInterval while its neighbor owes an answer."""
        if self.state == "exstart" or (self.state == "exchange" and self._master):
            assert self._last is not None
            self.out.append(self.say(self._last, 1))

    def _request(self, request: LinkStateRequest) -> None:
        lsas = [self.database[key] for key in request.keys if key in self.database and key not in self.refuses]
        for at in range(0, len(lsas), LSAS_PER_UPDATE):
            self.out.append(self.say(LinkStateUpdate(tuple(lsas[at : at + LSAS_PER_UPDATE])), 1))


def converse(
    listener: Listener,
    *routers: ModelRouter,
    now: float,
    lose: Callable[[bytes], bool] = lambda packet: False,
    steps: int = 500,
) -> int:
    """Carry packets both ways until nobody has anything to say; how many the routers sent."""
    carried = 0
    for _ in range(steps):
        said = listener.packets_to_send(now)
        for destination, payload in said:
            for router in routers:
                if destination in (*router.groups, router.address) and not lose(payload):
                    router.receive(payload)
        answers = [packet for router in routers for packet in router.out]
        for router in routers:
            router.out.clear()
        for packet in answers:
            if not lose(packet):
                listener.receive(packet, now)
        carried += len(answers)
        if not said and not answers:
            return carried
    raise AssertionError(f"still talking after {steps} steps")


def run_until(listener: Listener, *routers: ModelRouter, now: float, end: float) -> float:
    """Let time pass: the listener's timers and the routers' Hellos; returns `end`."""
    hello_at = {id(router): now + router.hello_interval for router in routers}
    for _ in range(100_000):
        due = listener.next_timeout()
        now = min([end, *hello_at.values()] + ([max(due, now)] if due is not None else []))
        if now >= end:
            return end
        for router in routers:
            if hello_at[id(router)] <= now:
                hello_at[id(router)] += router.hello_interval
                listener.receive(router.hello(), now)
        listener.handle_timeout(now)
        converse(listener, *routers, now=now)
    raise AssertionError("the listener's timers do not advance")
