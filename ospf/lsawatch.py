"""What the stream of LSAs gives away: storms, repeats, refreshes at the wrong time, two routers with one id, restarts.

The raw material is every LSA heard (`LsaHeard`), also refreshes and copies. Of each LSA the newest instance is
remembered, by its numbers and a hash of its content; several attachments of an area tell of one instance once.

*Storm*: new instances per router and per area. Refreshes on schedule are left out, or a big ASBR would storm every
half hour; so is what a first synchronisation brings, and what is older than a minute: it was not flooded just now.

*Repeats*: a copy from a neighbor that had sent this instance just before. Copies from different neighbors are OSPF's
normal redundancy, and on a LAN a DROther's LSA is heard twice by design (to the DR, from the DR); a copy long after is
a whole database on its way to a router that came anew, on segments where packets to others are heard.

*Two routers with one id* see each other's router-LSA as their own, outdated one, and answer with a newer instance
(RFC 2328 13.4): contents alternate while the sequence number runs. A flapping link alternates too, but some interface
stays the same; two routers have none in common. One sequence number with two contents, and a fresh instance with a
lower number than the newest, are signs as well; each alone also happens once when a router restarts.

*Graceful restart* (RFC 3623 B, RFC 5187): grace-LSAs are link-local, so restarts are seen on attached segments only.
As by a helper (3.1), one is believed of a neighbor only, and it is over as soon as the router says something new of
itself (3.2, 2.3): whoever forges a grace-LSA hides nothing that the router says.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from math import inf

from ospf.episodes import (
    DUPLICATE_ROUTER_ID,
    DUPLICATES,
    GRACEFUL_RESTART,
    LSA_STORM,
    MAX_AGE_LINGERS,
    MIN_INTERVAL,
    REFRESH_EARLY,
    REFRESH_MISSED,
    Episodes,
    Window,
)
from ospf.errors import OspfDecodeError
from ospf.events import LsaHeard
from ospf.graceful import Grace, grace_of
from ospf.lsa import DO_NOT_AGE, HEADER_LENGTH, LINK_STUB, LS_REFRESH_TIME, MAX_AGE, Key, Lsa, RouterLsa, plain_age
from ospf.polled import Poll
from ospf.thresholds import AnomalyConfig
from ospf.v3 import lsa as v3
from ospf.wire import address_text

FRESH_SECONDS = 60.0  # an LSA this young was flooded just now, and not handed over from a database
SETTLE_SECONDS = 60.0  # of an attachment without a synchronisation (passive): what comes first is not news
AUDIT_SECONDS = 60.0
AUDIT_LSAS, AUDIT_PAUSE_SECONDS = 5000, 0.1  # of one audit at a time, and until it goes on
FORGET_SECONDS = 600.0  # after an LSA was flushed
SILENCE_SECONDS = float(LS_REFRESH_TIME)  # nothing heard of an area: then it is we who miss the refreshes
INSTANCES = 4  # of an LSA remembered besides the newest
SENDERS = 16
MAX_PARTS = 256  # interfaces of a router whose contents are compared; a bigger one is not taken for two
REPEAT_SECONDS = 30.0  # a retransmission comes after RxmtInterval, five seconds
AS_SCOPE, LINK_SCOPE = "as", "link"


_Key = tuple[object, int, int, int]  # scope, type, link state id, advertising router
_Sender = tuple[str, int]  # attachment, router: one LAN may have two attachments


class _Known:
    """The newest instance of one LSA."""

    __slots__ = ("checksum", "content", "earlier", "early", "flushed", "heard", "originated", "senders", "sequence")

    def __init__(self, lsa: Lsa, content: int, now: float) -> None:
        self.earlier: tuple[tuple[int, int], ...] = ()
        self.early = 0
        self.take(lsa, content, now)

    def take(self, lsa: Lsa, content: int, now: float) -> None:
        header = lsa.header
        self.sequence, self.checksum, self.content = header.sequence, header.checksum, content
        self.heard = now
        self.originated = inf if header.age & DO_NOT_AGE else now - plain_age(header)
        self.flushed = now if plain_age(header) == MAX_AGE else inf
        self.senders: tuple[_Sender, ...] = ()


class LsaWatch:
    """One instance's LSAs; `attachment` tells the streams of several attachments apart."""

    def __init__(self, config: AnomalyConfig, episodes: Episodes, version: int = 2) -> None:
        self.alive: frozenset[int] | None = None  # router ids that somebody reaches; None: not known
        self._config = config
        self._episodes = episodes
        self._stats = episodes.stats
        self._version = version
        self._known: dict[_Key, _Known] = {}
        self._rates: OrderedDict[object, Window] = OrderedDict()
        self._copies: dict[str, tuple[Window, Window]] = {}
        self._first: dict[str, float] = {}  # attachment -> when its LSAs count as news
        self._scope_heard: dict[object, float] = {}
        self._contents: OrderedDict[_Key, deque[tuple[int, frozenset[object]]]] = OrderedDict()
        self._restarting: dict[int, float] = {}
        self._neighbors: set[_Sender] = set()
        self._lingering: dict[int, dict[Key, float]] = {}  # polled router -> LSA held with MaxAge -> since when
        self._audit_at: float | None = None
        self._to_audit: list[_Key] = []
        self._missed: dict[int, tuple[_Key, int]] = {}  # router -> the first of its LSAs, how many

    def __len__(self) -> int:
        """LSAs remembered."""
        return len(self._known)

    def synchronised(self, attachment: str, now: float) -> None:
        """What comes from now on is news."""
        self._first[attachment] = now

    def neighbor(self, attachment: str, router: int, *, there: bool) -> None:
        """A router is heard on an attachment's segment, or no longer."""
        (self._neighbors.add if there else self._neighbors.discard)((attachment, router))

    def restarting(self, now: float) -> Mapping[int, float]:
        """Router id -> until when it restarts gracefully (RFC 3623): its links are to stay up."""
        return {router: until for router, until in self._restarting.items() if until > now}

    def next_timeout(self) -> float | None:
        times = [*self._restarting.values()] + ([self._audit_at] if self._audit_at is not None else [])
        return min(times, default=None)

    def handle_timeout(self, now: float) -> None:
        for router, until in list(self._restarting.items()):
            if until <= now:
                self._end_restart(router, now, "the grace period is over")
        if self._audit_at is not None and now >= self._audit_at:
            self._audit(now)

    def hear(self, heard: LsaHeard, attachment: str = "") -> None:
        """One LSA; never raises on its content."""
        lsa, now = heard.lsa, heard.time
        header = lsa.header
        kind, router = header.type, header.advertising_router
        dead = plain_age(header) == MAX_AGE
        if heard.router_id == 0:  # it grew old, or was no longer described, in our own database
            self._known.pop((self._scope(kind, heard.area, attachment), kind, header.link_state_id, router), None)
            return
        self._stats.lsas_heard += 1
        if self._audit_at is None:
            self._audit_at = now + AUDIT_SECONDS
        settled = now >= self._first.setdefault(attachment, now + SETTLE_SECONDS)
        scope = self._scope(kind, heard.area, attachment)
        self._scope_heard[scope] = now
        key = (scope, kind, header.link_state_id, router)
        known = self._known.get(key)
        instance = (header.sequence, header.checksum)
        if known is not None and instance == (known.sequence, known.checksum) and (known.flushed < inf) == dead:
            self._copy(known, header.link_state_id, key, heard, attachment)
            return
        self._repeat(attachment, now, again=False)
        content = hash(lsa.raw[2:3] + lsa.raw[HEADER_LENGTH:] if self._version == 2 else lsa.raw[HEADER_LENGTH:])
        self._grace(lsa, dead, attachment, now)
        if known is None:
            if len(self._known) >= self._config.max_lsas:
                self._stats.lsas_unwatched += 1
            else:
                fresh = self._known[key] = _Known(lsa, content, now)
                fresh.senders = ((attachment, heard.router_id),)
                self._note_content(key, lsa, content, now)
            if settled and not dead and plain_age(header) <= FRESH_SECONDS:
                self._count(scope, heard.area, router, now)
            return
        if instance in known.earlier:  # a late copy, by a longer way
            return
        if header.sequence <= known.sequence and not dead and known.flushed == inf:
            if plain_age(header) <= FRESH_SECONDS and content != known.content:
                self._foreign(key, known, instance, now)
            if header.sequence < known.sequence or header.checksum < known.checksum:
                return
        on_schedule = not dead and content == known.content and now - known.heard > self._config.early_seconds
        if settled and not on_schedule and (dead or plain_age(header) <= FRESH_SECONDS):
            self._count(scope, heard.area, router, now)
            if not dead and known.flushed == inf and header.sequence > known.sequence:
                self._intervals(known, key, lsa, content, now)
        known.earlier = ((known.sequence, known.checksum), *known.earlier)[:INSTANCES]
        changed = content != known.content
        self._stats.lsas_refreshed += not changed and not dead
        known.take(lsa, content, now)
        known.senders = ((attachment, heard.router_id),)
        if not dead and self._is_router_lsa(kind):
            self._end_restart(router, now, "the router speaks for itself again")
        if changed and not dead:
            self._note_content(key, lsa, content, now)

    def polled(self, poll: Poll, now: float) -> None:
        """A router that holds LSAs with MaxAge over several polls.

        They go when every neighbor has acknowledged them, and not while one is in Exchange or Loading (RFC 2328 14).
        """
        if poll.router_id is None or not poll.complete:
            return
        before, router = self._lingering.get(poll.router_id, {}), address_text(poll.router_id)
        since = {lsa.key: before.get(lsa.key, now) for lsa in poll.lingering}
        self._lingering[poll.router_id] = since
        held: dict[str, int] = {}
        for (_, _, origin), begin in since.items():
            if now - begin >= self._config.max_age_seconds:
                held[address_text(origin)] = held.get(address_text(origin), 0) + 1
        wrong = {name: f"{n} LSAs are held with MaxAge by {router}" for name, n in held.items()}
        self._episodes.state(MAX_AGE_LINGERS, router, wrong, now)

    def _scope(self, kind: int, area: int, attachment: str) -> object:
        if self._version == 2:  # RFC 5250 3
            return AS_SCOPE if kind in (5, 11) else (LINK_SCOPE, attachment) if kind == 9 else area
        scope = v3.flooding_scope(kind)
        return AS_SCOPE if scope == v3.SCOPE_AS else (LINK_SCOPE, attachment) if scope == v3.SCOPE_LINK else area

    def _copy(self, known: _Known, lsid: int, key: _Key, heard: LsaHeard, attachment: str) -> None:
        now, sender = heard.time, (attachment, heard.router_id)
        self._repeat(attachment, now, again=sender in known.senders and now - known.heard <= REPEAT_SECONDS)
        if sender not in known.senders and len(known.senders) < SENDERS:
            known.senders += (sender,)
        limit = self._config.max_age_seconds
        if now - known.flushed > limit:
            self._episodes.strike(
                MAX_AGE_LINGERS, address_text(key[3]), now, f"{_text(key)}: flooded with MaxAge for over {limit:.0f} s",
                quiet=limit, unit="copies",
            )  # fmt: skip

    def _repeat(self, attachment: str, now: float, again: bool) -> None:
        config = self._config
        pair = self._copies.get(attachment)
        if pair is None:
            pair = self._copies[attachment] = (Window(config.duplicate_seconds), Window(config.duplicate_seconds))
        every, repeats = pair[0].add(now), pair[1].add(now, int(again))
        if not again:
            return
        self._stats.lsas_repeated += 1
        if every >= config.duplicate_lsas and repeats > config.duplicate_share * every:
            self._episodes.strike(
                DUPLICATES, attachment, now, f"{repeats} of {every} LSAs had come from the same neighbor before",
                quiet=config.duplicate_seconds, unit="repeated LSAs",
            )  # fmt: skip

    def _count(self, scope: object, area: int, router: int, now: float) -> None:
        """One instance that counts towards a storm."""
        config = self._config
        n = self._rate((scope, router)).add(now)
        if n >= config.storm_lsas:
            self._storm(address_text(router), n, config.storm_lsas, now)
        if scope != AS_SCOPE:
            scope = area
        n = self._rate(scope).add(now)
        if n >= config.storm_area_lsas:
            self._storm(
                "AS scope" if scope == AS_SCOPE else f"area {address_text(area)}", n, config.storm_area_lsas, now
            )

    def _storm(self, subject: str, n: int, limit: int, now: float) -> None:
        seconds = self._config.storm_seconds
        self._episodes.strike(
            LSA_STORM, subject, now, f"over {limit} LSAs in {seconds:.0f} s", quiet=seconds, unit="LSAs",
            weight=1 if self._episodes.holds(LSA_STORM, subject) else n,
        )  # fmt: skip

    def _rate(self, key: object) -> Window:
        window = self._rates.get(key)
        if window is None:
            if len(self._rates) >= self._config.max_subjects:
                self._rates.popitem(last=False)
            window = self._rates[key] = Window(self._config.storm_seconds)
        self._rates.move_to_end(key)
        return window

    def _intervals(self, known: _Known, key: _Key, lsa: Lsa, content: int, now: float) -> None:
        """How long after its predecessor a newer instance came."""
        config, router = self._config, address_text(key[3])
        # By arrival, or by origination if the predecessor was handed over from a database.
        gap = max(now - known.heard, now - plain_age(lsa.header) - known.originated)
        if content != known.content:
            known.early = 0
        elif gap < config.early_seconds:
            known.early += 1
            if known.early >= config.early_refreshes:
                text = f"{_text(key)}: refreshed unchanged {gap:.0f} s after its last refresh, again and again"
                self._episodes.strike(REFRESH_EARLY, router, now, text, quiet=config.early_seconds, unit="refreshes")
        # RFC 2328 12.4: MinLSInterval; a second less, since floods take different times
        if gap < config.min_interval_seconds - 1.0:
            self._episodes.strike(
                MIN_INTERVAL, router, now, f"{_text(key)}: {gap:.1f} s after the instance before",
                quiet=config.min_interval_within_seconds, needed=config.min_interval_lsas,
                within=config.min_interval_within_seconds, unit="LSAs",
            )  # fmt: skip

    def _note_content(self, key: _Key, lsa: Lsa, content: int, now: float) -> None:
        """Whether a router-LSA went back to what it said before, with no interface in common in between."""
        parts = _parts(lsa)
        if parts is None or len(parts) > MAX_PARTS:
            return
        past = self._contents.get(key)
        if past is None:
            if len(self._contents) >= self._config.max_subjects:
                self._contents.popitem(last=False)
            past = self._contents[key] = deque(maxlen=2)
        self._contents.move_to_end(key)
        if len(past) == 2 and past[0][0] == content:
            between = past[1][1]
            if parts and between and not parts & between:
                self._fight(key, now)
        past.append((content, parts))

    def _foreign(self, key: _Key, known: _Known, instance: tuple[int, int], now: float) -> None:
        """A fresh instance that is not newer and was never the newest."""
        known.earlier = (instance, *known.earlier)[:INSTANCES]
        if self._is_router_lsa(key[1]):
            self._fight(key, now)

    def _fight(self, key: _Key, now: float) -> None:
        config = self._config
        self._episodes.strike(
            DUPLICATE_ROUTER_ID, address_text(key[3]), now, f"{_text(key)} changes between two routers' contents",
            needed=config.fight_strikes, within=config.fight_seconds, quiet=config.fight_seconds, unit="signs",
        )  # fmt: skip

    def _is_router_lsa(self, kind: int) -> bool:
        return kind == (1 if self._version == 2 else v3.ROUTER)

    def _end_restart(self, router: int, now: float, why: str) -> None:
        if self._restarting.pop(router, None) is not None:
            self._episodes.end(GRACEFUL_RESTART, address_text(router), now, why)

    def _grace(self, lsa: Lsa, dead: bool, attachment: str, now: float) -> None:
        try:
            grace: Grace | None = grace_of(lsa, self._version)
        except OspfDecodeError:
            self._stats.grace_lsas_malformed += 1
            return
        if grace is None:
            return
        router, name = lsa.header.advertising_router, address_text(lsa.header.advertising_router)
        if dead:
            self._end_restart(router, now, "the router has flushed its grace-LSA")
            return
        if (attachment, router) not in self._neighbors:  # RFC 3623 3.1
            self._stats.grace_lsas_refused += 1
            return
        until = now + grace.period - plain_age(lsa.header)  # RFC 3623 3.1: the period runs from the LSA's age 0
        if until > now and len(self._restarting) < self._config.max_subjects:
            self._restarting[router] = max(until, self._restarting.get(router, until))
            self._episodes.begin(GRACEFUL_RESTART, name, now, f"{grace.reason_text}, for up to {grace.period} s")

    def _audit(self, now: float) -> None:
        """Look for missed refreshes, some thousand LSAs at a time."""
        if not self._to_audit:
            self._to_audit, self._missed = list(self._known), {}
        limit = LS_REFRESH_TIME + self._config.refresh_margin_seconds
        for key in self._to_audit[-AUDIT_LSAS:]:
            known = self._known.get(key)
            if known is None:
                continue
            if now - known.flushed > FORGET_SECONDS or now - known.originated > MAX_AGE + FORGET_SECONDS:
                del self._known[key]
            elif known.flushed < inf or now - known.originated <= limit:
                continue
            elif now - self._scope_heard[key[0]] <= SILENCE_SECONDS and (self.alive is None or key[3] in self.alive):
                first, count = self._missed.get(key[3], (key, 0))
                self._missed[key[3]] = (min(first, key, key=lambda k: k[1:]), count + 1)
        del self._to_audit[-AUDIT_LSAS:]
        if self._to_audit:
            self._audit_at = now + AUDIT_PAUSE_SECONDS
            return
        self._audit_at = now + AUDIT_SECONDS
        wrong = {}
        for router, (first, count) in self._missed.items():
            more = f" and {count - 1} more" if count > 1 else ""
            wrong[address_text(router)] = f"{_text(first)}{more}: not refreshed for over {limit:.0f} s"
        self._episodes.state(REFRESH_MISSED, "", wrong, now)


def _parts(lsa: Lsa) -> frozenset[object] | None:
    """The interfaces with a neighbor, in words no other router would use of its own. None: no router-LSA."""
    body: object = lsa.body
    if isinstance(body, RouterLsa):
        return frozenset(a.link_data for a in body.links if a.type != LINK_STUB)
    if isinstance(body, v3.RouterLsa):  # on a LAN the neighbor is the DR, which may change
        return frozenset((b.interface, b.neighbor if b.type != v3.LINK_TRANSIT else 0) for b in body.links)
    return None


def _text(key: _Key) -> str:
    kind = str(key[1]) if key[1] < 256 and key[1] != 8 else f"{key[1]:#06x}"
    return f"LSA type {kind} {address_text(key[2])} of {address_text(key[3])}"
