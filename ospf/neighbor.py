"""One conversation with one router: RFC 2328 section 10 from ExStart on, by a listener that owns no LSA.

Two ways of having it, chosen by `burst`:

*burst*: our Database Description packets always carry the M-bit, as if there were more to come. The
router therefore stays in Exchange: it describes its whole database, answers requests and floods (sections
10.6, 10.7, 13), but never gets to Loading or Full, and only Full makes a router change an LSA of its own
(12.4). When the description is complete and every request answered, the conversation is `done` and the
listener leaves with a 1-way Hello. **Pacing**: a router that leads (the greater router id is master)
polls as fast as we answer, thousands of times a second. So its last description (M-bit clear) is not
answered at all; it repeats that one each RxmtInterval. Where we lead, we stop polling.

*full*: our descriptions are empty with the M-bit clear, and the router gets to Full as with any neighbor
that has an empty database.

In both, what we describe is nothing: a listener has no LSA to offer. Left out: the Down/Attempt/Init/2-Way
half (the listener's Hellos decide that), requests from the router (there is nothing it could ask for),
acknowledging (the listener acks every update while a conversation lasts).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice

from ospf.lsa import OPTION_O, Key, Lsa, LsaHeader, is_newer
from ospf.lsdb import Lsdb
from ospf.packets import (
    DD_INIT,
    DD_MASTER,
    DD_MORE,
    DatabaseDescription,
    LinkStateRequest,
)

REQUEST_KEYS = 100  # keys per Link State Request: 1,244 octets with all headers
REQUESTS_OPEN = 2  # requests in flight
RETRANSMIT_SECONDS = 1.0
GIVE_UP_AFTER = 12  # timeouts in a row without any progress (routers repeat a description after 5 s)
RESTARTS = 4  # sequence number mismatches


class State(IntEnum):
    """RFC 2328 10.1, as far as a listener goes."""

    INIT = 1
    EXSTART = 2
    EXCHANGE = 3
    LOADING = 4
    FULL = 5


@dataclass(slots=True)
class AdjacencyStats:
    """What one conversation cost."""

    descriptions: int = 0
    headers: int = 0
    requested: int = 0
    received: int = 0
    retransmissions: int = 0
    restarts: int = 0
    unanswered: int = 0


class Adjacency:
    """State, what the router described, what is still wanted of it, the packets for it (`outgoing`)."""

    def __init__(
        self, own_id: int, router_id: int, address: int, options: int, lsdb: Lsdb, *, burst: bool, now: float,
        dd_options: int = OPTION_O,
    ) -> None:  # fmt: skip
        self.router_id = router_id
        self.address = address
        self.burst = burst
        self.state = State.INIT
        self.failed = ""
        self.outgoing: deque[DatabaseDescription | LinkStateRequest] = deque()
        self.described: dict[Key, LsaHeader] = {}
        self.truncated = False  # there was more to describe than the database may hold
        self.stats = AdjacencyStats()
        self.started = now
        self._lead = own_id > router_id  # RFC 2328 10.8: the greater router id is master
        self._lsdb = lsdb
        self._options = options | dd_options
        self._mtu = 0
        self._sequence = (int(now * 1000) & 0x3FFFFFFF) + 1
        self._last: DatabaseDescription | None = None
        self._described_all = False
        self._exchanged = False
        self._wanted: dict[Key, LsaHeader] = {}
        self._asked: dict[Key, LsaHeader] = {}
        self._deadline: float | None = None
        self._tries = 0

    @property
    def complete(self) -> bool:
        """Everything the router described is in our hands."""
        return self._described_all and not self._wanted and not self._asked

    @property
    def done(self) -> bool:
        """A burst may leave."""
        return self.burst and self.complete

    def next_timeout(self) -> float | None:
        return None if self.failed else self._deadline

    # Database Description, RFC 2328 10.6, 10.8

    def receive_description(self, dd: DatabaseDescription, now: float) -> None:
        if self.failed or (self.state is State.INIT and not dd.flags & DD_INIT):
            return  # left over from an earlier conversation
        self.stats.descriptions += 1
        self._mtu = dd.mtu  # never above the router's own (10.6)
        if dd.flags & DD_INIT:
            self._negotiate(dd, now)
        elif self._lead:
            self._receive_answer(dd, now)
        else:
            self._receive_poll(dd, now)

    def _negotiate(self, dd: DatabaseDescription, now: float) -> None:
        if dd.flags & (DD_INIT | DD_MORE | DD_MASTER) != DD_INIT | DD_MORE | DD_MASTER or dd.headers:
            return
        if self.state >= State.EXCHANGE:
            if not self._lead and dd.sequence == self._sequence and not self.described and self._last:
                self._say_again()  # our answer got lost
                return
            if not self._restart():
                return
        if self._lead:
            self.state = State.EXSTART
            self._describe(DD_INIT | DD_MORE | DD_MASTER, now)
        else:
            self.state = State.EXCHANGE
            self._sequence = dd.sequence
            self._describe(DD_MORE if self.burst else 0, now)

    def _restart(self) -> bool:
        # RFC 2328 10.3 SeqNumberMismatch: the exchange begins anew, LSAs at hand stay.
        self.stats.restarts += 1
        if self.stats.restarts > RESTARTS:
            self.failed = "the router begins the exchange again and again"
            return False
        self.described.clear()
        self._wanted.clear()
        self._asked.clear()
        self._described_all = self._exchanged = False
        self._sequence = (self._sequence + 1) & 0x7FFFFFFF
        self.state = State.EXSTART
        return True

    def _receive_poll(self, dd: DatabaseDescription, now: float) -> None:
        """The router leads: each of its descriptions is a poll, our answer repeats its number."""
        if self.state < State.EXCHANGE:
            return
        if not dd.flags & DD_MASTER:
            self._mismatch("both sides claim to follow")
            return
        if dd.sequence == self._sequence:
            if not (self.burst and self._described_all):
                self._say_again()
            return
        if dd.sequence != (self._sequence + 1) & 0xFFFFFFFF:
            self._mismatch("description out of sequence")
            return
        self._sequence = dd.sequence
        self._take(dd, now)
        if not (self.burst and self._described_all):  # the pacing: the last poll stays unanswered
            self._describe(DD_MORE if self.burst else 0, now)
        if self._described_all and not self.burst:
            self._exchanged = True
        self._advance(now)

    def _receive_answer(self, dd: DatabaseDescription, now: float) -> None:
        """We lead: the router's description answers our last one."""
        if dd.flags & DD_MASTER or self.state < State.EXSTART:
            self._mismatch("both sides claim to lead")
            return
        if dd.sequence != self._sequence or self._last is None:
            return  # RFC 2328 10.6: the master discards duplicates
        if self.state is State.EXSTART:
            self.state = State.EXCHANGE
        elif self._exchanged or (self.burst and self._described_all):
            return
        said_more = bool(self._last.flags & DD_MORE)
        self._take(dd, now)
        if self._described_all and (self.burst or not said_more):
            self._exchanged = True
            self._arm(now)
        else:
            self._sequence = (self._sequence + 1) & 0xFFFFFFFF
            self._describe(DD_MASTER | (DD_MORE if self.burst else 0), now)
        self._advance(now)

    def _mismatch(self, reason: str) -> None:
        self.failed = reason

    def _take(self, dd: DatabaseDescription, now: float) -> None:
        for header in dd.headers:
            key = (header.type, header.link_state_id, header.advertising_router)
            if len(self.described) >= self._lsdb.max_lsas and key not in self.described:
                self.truncated = True
                break
            self.described[key] = header
            if self._lsdb.wants(header, now):
                self._wanted[key] = header
        self.stats.headers += len(dd.headers)
        if not dd.flags & DD_MORE:
            self._described_all = True
        self._tries = 0

    def _describe(self, flags: int, now: float) -> None:
        self._last = DatabaseDescription(self._mtu, self._options, flags, self._sequence)
        self.outgoing.append(self._last)
        self._arm(now)

    def _say_again(self) -> None:
        if self._last is not None:
            self.stats.retransmissions += 1
            self.outgoing.append(self._last)

    # Link State Request, RFC 2328 10.9

    def _advance(self, now: float) -> None:
        """Ask for what is wanted, a few requests ahead; move on when nothing is."""
        while self._wanted and len(self._asked) <= (REQUESTS_OPEN - 1) * REQUEST_KEYS:
            keys = tuple(islice(self._wanted, REQUEST_KEYS))
            for key in keys:
                self._asked[key] = self._wanted.pop(key)
            self.stats.requested += len(keys)
            self.outgoing.append(LinkStateRequest(keys))
            self._arm(now)
        if self._exchanged and not self.burst:
            self.state = State.FULL if self.complete else State.LOADING
        if self.complete and (self._exchanged or not self._lead):
            self._deadline = None

    def receive_lsas(self, lsas: tuple[Lsa, ...], now: float) -> None:
        """LSAs of an update, already offered to the database; those asked for are ticked off."""
        hit = False
        for lsa in lsas:
            for pool in (self._asked, self._wanted):
                header = pool.get(lsa.key)
                if header is not None and is_newer(lsa.header, header) >= 0:
                    del pool[lsa.key]
                    self.stats.received += 1
                    hit = True
        if hit:
            self._tries = 0
            self._arm(now)
            self._advance(now)

    # Timers

    def _arm(self, now: float) -> None:
        self._deadline = now + RETRANSMIT_SECONDS

    def handle_timeout(self, now: float) -> None:
        """Repeat what was not answered; give up after a while without progress."""
        if self.failed or self._deadline is None or now < self._deadline:
            return
        self._deadline = None
        self._tries += 1
        if self._asked:
            if self._tries > GIVE_UP_AFTER:
                self._give_up_requests(now)
                return
            keys = tuple(self._asked)
            for at in range(0, len(keys), REQUEST_KEYS):
                self.outgoing.append(LinkStateRequest(keys[at : at + REQUEST_KEYS]))
        elif self._tries > GIVE_UP_AFTER:
            self.failed = "no answer"
            return
        elif self._lead and self._last is not None and not self._exchanged:
            self.outgoing.append(self._last)
        self.stats.retransmissions += 1
        self._arm(now)

    def _give_up_requests(self, now: float) -> None:
        # An LSA the router describes but does not hand over intact must not cost us all the others.
        self.stats.unanswered += len(self._asked)
        if not self.stats.received:
            self.failed = "requests are not answered"
            return
        self._asked.clear()
        self._tries = 0
        self._advance(now)
