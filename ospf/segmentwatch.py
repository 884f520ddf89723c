"""What attachments give away: mismatches, adjacencies that do not form, bad packets, databases that differ.

Listeners complain themselves of Hellos that disagree, doubled router ids and packets without proof of origin
(`ospf.scrutiny`), again and again while it lasts: here each becomes one episode. The rest is seen by looking at the
listeners every second or so, which needs no packet:

*adjacencies*  routers whose Hellos list each other but whose DR does not list them in its network-LSA (RFC 2328 12.4.2)
               are stuck on the way to Full, in practice by different MTUs (10.6): database descriptions go to one
               address, so those between routers are not heard.
*designated*   two designated routers on one segment do not hear each other.
*failures*     packets and LSAs with a wrong checksum or length, packets with wrong authentication, by counters.
*databases*    of attachments of one area, once synchronised, are the same but for a moment. Passive ones are left out:
               they fill by and by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address
from math import inf
from typing import Protocol

from ospf.episodes import (
    AUTHENTICATION_FAILURES,
    CHECKSUM_FAILURES,
    DUPLICATE_ROUTER_ID,
    LSDB_INCONSISTENT,
    MTU_MISMATCH,
    PARAMETER_MISMATCH,
    Episodes,
    Window,
)
from ospf.events import Complaint, DuplicateRouterId, ParameterMismatch
from ospf.lsa import NETWORK, OPAQUE_LINK, Key
from ospf.lsdb import Lsdb
from ospf.thresholds import AnomalyConfig
from ospf.v3 import lsa as v3
from ospf.wire import address_text

NAMED = 5  # LSAs named in a text
BAD_PACKETS = ("malformed", "lsas_refused")  # counters of a listener
BAD_AUTHENTICATION = ("auth_wrong_type", "auth_unknown_key", "auth_bad_digest", "auth_replayed")
REPEATED_SECONDS = 150.0  # a listener repeats a complaint every minute while it lasts
Instance = tuple[int, int]  # sequence number, checksum


class Hello(Protocol):
    """What both versions' Hellos have."""

    @property
    def designated_router(self) -> int: ...
    @property
    def neighbors(self) -> tuple[int, ...]: ...


class Neighbor(Protocol):
    """A router heard on a segment (`ospf.interface.Neighbor`)."""

    @property
    def router_id(self) -> int: ...
    @property
    def address(self) -> int: ...
    @property
    def hello(self) -> Hello: ...


class Listening(Protocol):
    """What is looked at of a listener."""

    @property
    def router_id(self) -> int: ...
    @property
    def lsdb(self) -> Lsdb: ...
    @property
    def neighbors(self) -> Sequence[Neighbor]: ...
    @property
    def stats(self) -> object: ...
    @property
    def synchronised(self) -> bool: ...
    @property
    def last_error(self) -> str: ...


class SegmentWatch:
    """The attachments of one instance, by name."""

    def __init__(self, config: AnomalyConfig, episodes: Episodes, version: int = 2) -> None:
        self._config = config
        self._episodes = episodes
        self._version = version
        self._remedies: dict[str, str] = {}
        self._counted: dict[tuple[str, str], int] = {}
        self._failures: dict[tuple[str, str], Window] = {}
        self._compare_at = -inf
        self._differing: dict[str, dict[Key, tuple[Instance | None, Instance | None, float]]] = {}

    def look(self, listeners: Mapping[str, Listening], now: float) -> None:
        """Look at every attachment's listener; every few seconds, and not less often than Hellos come."""
        for attachment, listener in listeners.items():
            neighbors = sorted(listener.neighbors, key=lambda n: n.router_id)
            self._designated(attachment, neighbors, now)
            self._adjacencies(attachment, neighbors, listener, now)
            self._counters(attachment, listener, now)
        if now >= self._compare_at or now < self._compare_at - self._config.compare_seconds:
            self._compare_at = now + self._config.compare_seconds
            self._compare(listeners, now)

    def complaint(self, event: Complaint, attachment: str) -> None:
        """What a listener complains of."""
        router, now = address_text(event.router_id), event.time
        if isinstance(event, ParameterMismatch):
            kind = MTU_MISMATCH if event.field == "mtu" else PARAMETER_MISMATCH
            theirs, others = _value(event.field, event.theirs), _value(event.field, event.ours_or_others)
            whose = "our attachment's" if event.field in ("area", "mtu") else "others"
            text = f"{event.field.replace('_', ' ')} {theirs}, {whose} {others}"
        elif isinstance(event, DuplicateRouterId):
            kind = DUPLICATE_ROUTER_ID
            text = f"heard from {_value('address', event.address)} and {_value('address', event.other_address)}"
        else:
            self._remedies[attachment] = f"{router}: {event.cause}; {event.remedy}"
            return  # counted in `look`
        self._episodes.strike(
            kind, router, now, f"{text} on {attachment}", quiet=REPEATED_SECONDS, unit="complaints"
        )  # fmt: skip

    def _designated(self, attachment: str, neighbors: Sequence[Neighbor], now: float) -> None:
        names = [address_text(n.router_id) for n in neighbors if self._designates_itself(n)]
        text = f"designated routers {' and '.join(names)}: they do not hear each other"
        wrong = {attachment: text} if len(names) > 1 else {}
        self._episodes.state(PARAMETER_MISMATCH, attachment, wrong, now, self._config.mismatch_grace_seconds)

    def _designates_itself(self, neighbor: Neighbor) -> bool:
        own = neighbor.address if self._version == 2 else neighbor.router_id  # RFC 5340 A.3.2
        return neighbor.hello.designated_router == own

    def _adjacencies(self, attachment: str, neighbors: Sequence[Neighbor], listener: Listening, now: float) -> None:
        wrong: dict[str, str] = {}
        designated = [n for n in neighbors if self._designates_itself(n)]
        if len(designated) == 1 and listener.synchronised:
            leader = designated[0]
            interface = leader.address if self._version == 2 else getattr(leader.hello, "interface", 0)
            lsa = listener.lsdb.get((NETWORK if self._version == 2 else v3.NETWORK, interface, leader.router_id))
            attached = getattr(lsa.body, "attached", ()) if lsa is not None else ()
            for n in neighbors:
                mutual = leader.router_id in n.hello.neighbors and n.router_id in leader.hello.neighbors
                if n is not leader and mutual and n.router_id not in attached:
                    wrong[address_text(n.router_id)] = (
                        f"hears the designated router {address_text(leader.router_id)} on {attachment} and is heard, "
                        "but they are not adjacent: do their MTUs differ?"
                    )
        self._episodes.state(MTU_MISMATCH, attachment, wrong, now, self._config.adjacency_grace_seconds)

    def _counters(self, attachment: str, listener: Listening, now: float) -> None:
        for kind, names in ((CHECKSUM_FAILURES, BAD_PACKETS), (AUTHENTICATION_FAILURES, BAD_AUTHENTICATION)):
            new = self._new(attachment, kind, sum(getattr(listener.stats, name, 0) for name in names))
            if not new:
                continue
            config = self._config
            window = self._failures.get((attachment, kind))
            if window is None:
                window = self._failures[attachment, kind] = Window(config.failure_seconds)
            if window.add(now, new) >= config.failure_packets:
                going_on = self._episodes.holds(kind, attachment)
                text = listener.last_error if kind == CHECKSUM_FAILURES else self._remedies.get(attachment, "")
                text = f"{window.total} packets in {config.failure_seconds:.0f} s, last: {text}"
                self._episodes.strike(
                    kind, attachment, now, text, quiet=config.failure_seconds,
                    weight=new if going_on else window.total, unit="packets",
                )  # fmt: skip

    def _new(self, attachment: str, what: str, count: int) -> int:
        """How much a counter grew since the last look; nothing at the first."""
        before = self._counted.get((attachment, what), count)
        self._counted[attachment, what] = count
        return max(count - before, 0)

    def _compare(self, listeners: Mapping[str, Listening], now: float) -> None:
        by_area: dict[int, list[str]] = {}
        for attachment, listener in listeners.items():
            if listener.synchronised:
                by_area.setdefault(listener.lsdb.area, []).append(attachment)
        found: dict[str, str] = {}
        differing: dict[str, dict[Key, tuple[Instance | None, Instance | None, float]]] = {}
        for area, names in by_area.items():
            held = {name: self._instances(listeners[name].lsdb) for name in names} if len(names) > 1 else {}
            for other in names[1:]:
                one, pair = names[0], f"area {address_text(area)}: {names[0]} and {other}"
                if held[one] == held[other]:
                    continue
                before = self._differing.get(pair, {})
                seen = differing[pair] = {}
                for key in held[one].keys() | held[other].keys():
                    ours, theirs = held[one].get(key), held[other].get(key)
                    if ours == theirs:
                        continue
                    was = before.get(key)
                    since = was[2] if was is not None and was[:2] == (ours, theirs) else now
                    seen[key] = (ours, theirs, since)
                lasting = [k for k, (_, _, since) in seen.items() if now - since >= self._config.compare_grace_seconds]
                if lasting:
                    found[pair] = _differences(sorted(lasting), seen, one, other)
        self._differing = differing
        self._episodes.state(LSDB_INCONSISTENT, "", found, now)

    def _instances(self, lsdb: Lsdb) -> dict[Key, Instance]:
        # Ages do not matter here, so the database's clock does not either.
        return {
            lsa.key: (lsa.header.sequence, lsa.header.checksum)
            for lsa in lsdb.lsas(-inf)
            if not self._is_link_scope(lsa.header.type)
        }

    def _is_link_scope(self, kind: int) -> bool:
        return kind == OPAQUE_LINK if self._version == 2 else v3.flooding_scope(kind) == v3.SCOPE_LINK


def _value(field: str, value: int) -> str:
    if field in ("mask", "area", "address"):
        return address_text(value) if value <= 0xFFFFFFFF else str(IPv6Address(value))
    return f"{value:#04x}" if field == "options" else str(value)


def _differences(
    keys: Sequence[Key], seen: Mapping[Key, tuple[Instance | None, Instance | None, float]], one: str, other: str
) -> str:
    texts = []
    for key in keys[:NAMED]:
        ours, theirs, _ = seen[key]
        if ours is None or theirs is None:
            state = f"only on {one}" if theirs is None else f"only on {other}"
        else:
            state = f"newer on {one}" if ours > theirs else f"newer on {other}"
        texts.append(f"type {key[0]} {address_text(key[1])} of {address_text(key[2])} {state}")
    more = f", and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return f"{len(keys)} LSAs differ: {', '.join(texts)}{more}"
