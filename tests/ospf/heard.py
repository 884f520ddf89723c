"""A scripted stream of LSAs, through a real database, into whoever watches: what a listener would tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

from ospf.anomalies import Anomalies, AnomalyConfig
from ospf.events import LsaHeard, NeighborLost, NeighborSeen, Synchronised
from ospf.lsa import INITIAL_SEQUENCE, MAX_AGE, Body, ExternalLsa, Lsa, OpaqueLsa, RouterLsa, encode_lsa
from ospf.lsdb import Lsdb
from ospf.recorder import outcome
from tests.ospf.lsas import ip, mask, p2p, stub


class Stream:
    """One attachment `name` of area 0, already synchronised; events go to `anomalies`."""

    def __init__(self, anomalies: Anomalies | None = None, name: str = "eth0", **thresholds: float) -> None:
        self.anomalies = anomalies or Anomalies(AnomalyConfig(**thresholds))  # type: ignore[arg-type]
        self.name = name
        self.lsdb = Lsdb(0)
        self.now = 0.0
        self.anomalies.hear(Synchronised(0, 0, 0.1, 0.0, "attach"), name)

    def hear(self, lsa: Lsa, now: float, sender: str = "10.0.0.9") -> str:
        """Offer an LSA; what became of it. Timers due before run first."""
        self.until(now)
        order = self.lsdb.compare(lsa.header, now)
        told = outcome(self.lsdb, lsa, order, self.lsdb.install(lsa, now))
        self.anomalies.hear(LsaHeard(lsa, now, told, 0, ip(sender)), self.name)
        return told

    def neighbor(self, router: str, *, there: bool = True) -> None:
        """A router is heard on the attachment's segment, or no longer."""
        event = NeighborSeen if there else NeighborLost
        self.anomalies.hear(event(ip(router), ip(router), self.now), self.name)

    def until(self, end: float) -> None:
        """Let time pass."""
        while (due := self.anomalies.next_timeout()) is not None and due <= end:
            self.anomalies.handle_timeout(max(due, self.now))
        self.now = max(self.now, end)

    def told(self) -> list[tuple[float, str, str, str]]:
        """Everything told since the last call."""
        found = []
        while (event := self.anomalies.next_event()) is not None:
            found.append(astuple(event))
        return found

    def kinds(self) -> list[tuple[str, str]]:
        """(kind, subject) of everything told since the last call."""
        return [(kind, subject) for _, kind, subject, _ in self.told()]


def instance(n: int, router: str, body: Body, *, kind: int = 1, lsid: str | None = None, age: int = 1) -> Lsa:
    """The n-th instance (from 0) of an LSA."""
    return encode_lsa(
        type=kind,
        link_state_id=ip(lsid or router),
        advertising_router=ip(router),
        body=body,
        sequence=INITIAL_SEQUENCE + n,
        age=age,
    )


def router_lsa(n: int, router: str, *addresses: str, age: int = 1, metric: int = 10) -> Lsa:
    """A router with point-to-point links from these addresses to 10.255.255.1 and a host stub of its id."""
    links = [p2p("10.255.255.1", address, metric) for address in addresses]
    return instance(n, router, RouterLsa(0, (*links, stub(f"{router}/32", 0))), age=age)


def external_lsa(n: int, router: str, number: int, *, metric: int = 20, age: int = 1) -> Lsa:
    """The `number`-th external /24 of a router."""
    body = ExternalLsa(mask(24), metric, True, 0, 0)
    return instance(n, router, body, kind=5, lsid=f"172.{16 + (number >> 8)}.{number & 255}.0", age=age)


def grace_lsa(n: int, router: str, data: bytes, *, age: int = 1) -> Lsa:
    """A grace-LSA with this body."""
    return instance(n, router, OpaqueLsa(data), kind=9, lsid="3.0.0.0", age=age)


def flush(make: Callable[..., Lsa], n: int, *words: object) -> Lsa:
    """The n-th instance, prematurely aged (RFC 2328 14.1)."""
    return make(n, *words, age=MAX_AGE)
