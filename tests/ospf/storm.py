"""Flapping adjacencies, as packets: what a sick area floods, and what a listener must hold in the end."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ospf.lsa import INITIAL_SEQUENCE, LINK_P2P, LINK_STUB, Key, Lsa, RouterLink, RouterLsa, encode_lsa
from ospf.packets import ALL_SPF_ROUTERS, LinkStateUpdate, build_ip_packet, encode_packet

ROUTERS = 200
CHORDS = (1, 7)  # router i has links to i + 1 and i + 7, hence four
FIRST_ID = 0x0A010001
REPEATS = 0.05  # of the packets come twice


@dataclass(frozen=True)
class Flood:
    """One packet of the storm: when, what, and whether it is a retransmission."""

    time: float
    packet: bytes
    lsas: tuple[Lsa, ...]
    repeated: bool


@dataclass(frozen=True)
class Storm:
    """`before` is the database at time 0, `after` what it must be when everything was heard."""

    before: tuple[Lsa, ...]
    floods: tuple[Flood, ...]
    after: dict[Key, Lsa]

    @property
    def lsas(self) -> int:
        """How many new instances."""
        return sum(len(flood.lsas) for flood in self.floods if not flood.repeated)

    @property
    def repeats(self) -> int:
        return sum(len(flood.lsas) for flood in self.floods if flood.repeated)


def make_storm(
    sender: int, *, seconds: float = 60.0, per_second: int = 500, router_id: int = 9, seed: int = 1
) -> Storm:
    """`per_second` new router-LSAs for `seconds`, every one a link that goes or comes, told by both ends.

    They come from `sender` (an address), one to four to an update, some updates twice.
    """
    rng = random.Random(seed)
    links = [(i, (i + step) % ROUTERS) for step in CHORDS for i in range(ROUTERS)]
    down: set[int] = set()
    of_router: list[list[int]] = [[] for _ in range(ROUTERS)]
    for number, ends in enumerate(links):
        for end in ends:
            of_router[end].append(number)
    sequence = [INITIAL_SEQUENCE] * ROUTERS

    def originate(router: int) -> Lsa:
        rows = [RouterLink(FIRST_ID + router, 0xFFFFFFFF, LINK_STUB, 0)]
        for number in of_router[router]:
            if number not in down:
                a, b = links[number]
                rows.append(RouterLink(FIRST_ID + (b if a == router else a), number + 1, LINK_P2P, 10))
        lsa = encode_lsa(
            type=1,
            link_state_id=FIRST_ID + router,
            advertising_router=FIRST_ID + router,
            body=RouterLsa(0, tuple(rows)),
            sequence=sequence[router],
            age=1,
        )
        sequence[router] += 1
        return lsa

    before = tuple(originate(router) for router in range(ROUTERS))
    after = {lsa.key: lsa for lsa in before}
    floods: list[Flood] = []
    waiting: dict[Key, Lsa] = {}

    def flood(time: float) -> None:
        body = LinkStateUpdate(tuple(waiting.values()))
        packet = build_ip_packet(sender, ALL_SPF_ROUTERS, encode_packet(body, router_id=router_id, area=0))
        floods.append(Flood(time, packet, body.lsas, False))
        if rng.random() < REPEATS:
            floods.append(Flood(time, packet, body.lsas, True))
        waiting.clear()

    wanted = 1
    for flap in range(int(seconds * per_second / 2)):
        number = rng.randrange(len(links))
        down ^= {number}
        for end in links[number]:
            lsa = originate(end)
            if lsa.key in waiting or len(waiting) >= wanted:  # an update never carries two instances of one LSA
                flood((flap + 1) * 2 / per_second)
                wanted = rng.randrange(1, 5)
            waiting[lsa.key] = after[lsa.key] = lsa
    flood(seconds)
    return Storm(before, tuple(floods), after)
