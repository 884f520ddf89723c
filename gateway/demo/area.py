"""The simulated routers' shared link state database: what each of them would originate, and in which
instance.

RFC 2328 12.4: router-LSAs with point-to-point, transit and stub links, a network-LSA by the DR of every LAN
with two or more working routers, and AS-external-LSAs by the ASBRs.  A changed body is a new instance
(sequence + 1), an unchanged one is re-originated after LSRefreshTime, a withdrawn one is flooded at MaxAge.
A router that has failed says nothing: its LSAs stay as they were, and the two-way check of 16.1 has to
notice.  Left out: areas and summaries, NSSA, MinLSInterval, loopbacks (host routes).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.demo.network import LAN, P2P, STUB, Interface, Network, mask
from ospf.lsa import (
    AS_EXTERNAL,
    FLAG_E,
    LINK_P2P,
    LINK_STUB,
    LINK_TRANSIT,
    MAX_AGE,
    NETWORK,
    ROUTER,
    Body,
    ExternalLsa,
    Key,
    Lsa,
    NetworkLsa,
    RouterLink,
    RouterLsa,
    encode_lsa,
    with_age,
)

REFRESH_SECONDS = 1800.0  # RFC 2328 B: LSRefreshTime
FIRST_AGES = 97  # seconds between the pretended ages of the LSAs at the start


@dataclass(frozen=True, slots=True)
class Instance:
    lsa: Lsa  # as originated, age 0
    since: float


def designated(network: Network, lan: str) -> Interface | None:
    """The DR's interface on a LAN: the first working one."""
    return next((end for end in network.segment_by_name[lan].ends if network.is_up(end)), None)


def originations(network: Network) -> dict[Key, Body]:
    """Every LSA that the working routers of a network originate."""
    bodies: dict[Key, Body] = {}
    importers = {route.router for route in network.externals}
    for router in network.routers:
        if router.name in network.down:
            continue
        links: list[RouterLink] = []
        for end in network.interfaces[router.name]:
            links += _links(network, end)
        flags = FLAG_E if router.name in importers else 0
        bodies[ROUTER, router.id, router.id] = RouterLsa(flags, tuple(links))
    for segment in network.segments:
        first = designated(network, segment.name)
        if segment.kind == LAN and first is not None and network.peers(first):
            own = network.router_by_name[first.router].id
            attached = [own, *(network.router_by_name[peer.router].id for peer in network.peers(first))]
            bodies[NETWORK, first.address, own] = NetworkLsa(mask(segment.plen), tuple(attached))
    for route in network.externals:
        if route.router not in network.down:
            own = network.router_by_name[route.router].id
            bodies[AS_EXTERNAL, route.network, own] = ExternalLsa(mask(route.plen), route.metric, route.type2, 0, 0)
    return bodies


def _links(network: Network, end: Interface) -> list[RouterLink]:
    """The links of a router-LSA that describe one interface (RFC 2328 12.4.1)."""
    if not network.is_up(end):
        return []
    segment = network.segment_by_name[end.segment]
    stub = RouterLink(segment.network, mask(segment.plen), LINK_STUB, end.cost)
    if segment.kind == STUB:
        return [stub]
    if segment.kind == P2P:
        # 12.4.1.1: the neighbor first, then the subnet, unless the wire is unnumbered
        links = [
            RouterLink(network.router_by_name[peer.router].id, end.address or end.index, LINK_P2P, end.cost)
            for peer in network.peers(end)
        ]
        return [*links, stub] if segment.plen else links
    first = designated(network, segment.name)
    if first is None or not network.peers(end):
        return [stub]
    return [RouterLink(first.address, end.address, LINK_TRANSIT, end.cost)]


class SimulatedArea:
    """The database that all simulated routers agree on (flooding inside the area takes no time)."""

    def __init__(self, network: Network, now: float) -> None:
        self.network = network
        self._instances: dict[Key, Instance] = {}
        self._sequences: dict[Key, int] = {}
        for number, (key, body) in enumerate(originations(network).items()):
            self._originate(key, body, now - FIRST_AGES * number % REFRESH_SECONDS)

    def __len__(self) -> int:
        return len(self._instances)

    def _originate(self, key: Key, body: Body, now: float) -> Lsa:
        sequence = self._sequences.get(key, -0x80000000) + 1  # 12.1.6: the first is 0x80000001
        self._sequences[key] = sequence
        kind, link_state_id, router = key
        lsa = encode_lsa(
            type=kind, link_state_id=link_state_id, advertising_router=router, body=body, sequence=sequence
        )
        self._instances[key] = Instance(lsa, now)
        return lsa

    def change(self, network: Network, now: float) -> tuple[Lsa, ...]:
        """Take another state of the network; returns the LSAs that are flooded because of it."""
        self.network = network
        wanted = originations(network)
        silent = {router.id for router in network.routers if router.name in network.down}
        flooded: list[Lsa] = []
        for key, body in wanted.items():
            known = self._instances.get(key)
            if known is None or known.lsa.body != body:
                flooded.append(self._originate(key, body, now))
        for key in [key for key in self._instances if key not in wanted and key[2] not in silent]:
            flooded.append(with_age(self._instances.pop(key).lsa, MAX_AGE))  # 14.1: premature aging
        return tuple(flooded)

    def refresh(self, now: float) -> tuple[Lsa, ...]:
        """The LSAs that are due for re-origination, in their new instances; the body stays."""
        silent = {router.id for router in self.network.routers if router.name in self.network.down}
        due = [
            (key, known.lsa.body)
            for key, known in self._instances.items()
            if now - known.since >= REFRESH_SECONDS and key[2] not in silent
        ]
        return tuple(self._originate(key, body, now) for key, body in due)

    def lsas(self, now: float) -> tuple[Lsa, ...]:
        """The whole database, aged."""
        return tuple(self._aged(known, now) for known in self._instances.values())

    def get(self, key: Key, now: float) -> Lsa | None:
        known = self._instances.get(key)
        return None if known is None else self._aged(known, now)

    @staticmethod
    def _aged(known: Instance, now: float) -> Lsa:
        return with_age(known.lsa, min(MAX_AGE - 1, max(0, int(now - known.since))))
