"""A small area everybody can draw: r1 -> {r2, r3} -> r4, equal cost; a stub LAN 10.1.k.0/24 on every router.

r4 is an ASBR that announces 0.0.0.0/0.  Point-to-point subnets are 10.0.ab.0/30, the lower router has .1.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np

from gateway.batch import FlowBatch
from ospf.lsa import (
    AS_EXTERNAL,
    FLAG_E,
    LINK_P2P,
    LINK_STUB,
    ROUTER,
    ExternalLsa,
    Lsa,
    LsaHeader,
    RouterLink,
    RouterLsa,
)
from ospf.topology import Topology, build_topology

LINKS = ((1, 2), (1, 3), (2, 4), (3, 4))


def ip(text: str) -> int:
    return int(ipaddress.IPv4Address(text))


def rid(n: int) -> int:
    return ip(f"10.255.0.{n}")


def lsa(kind: int, lsid: int, router: int, body: Any) -> Lsa:
    return Lsa(LsaHeader(1, 2, kind, lsid, router, -0x7FFFFFFF, 1, 20), body, b"")


def diamond_lsas(
    down: frozenset[tuple[int, int]] = frozenset(), cost: int = 10, more: tuple[tuple[int, int], ...] = ()
) -> list[Lsa]:
    """`more` are further links, to further routers if need be."""
    routers = sorted({n for ends in LINKS + more for n in ends})
    links: dict[int, list[RouterLink]] = {n: [] for n in routers}
    for a, b in LINKS + more:
        if (a, b) in down:
            continue
        net = f"10.0.{a}{b}."
        for me, other, host in ((a, b, 1), (b, a, 2)):
            links[me].append(RouterLink(rid(other), ip(f"{net}{host}"), LINK_P2P, cost))
            links[me].append(RouterLink(ip(net + "0"), ip("255.255.255.252"), LINK_STUB, cost))
    for n in links:
        links[n].append(RouterLink(ip(f"10.1.{n}.0"), ip("255.255.255.0"), LINK_STUB, 10))
    out = [
        lsa(ROUTER, rid(n), rid(n), RouterLsa(FLAG_E if n == 4 else 0, tuple(ls))) for n, ls in links.items()
    ]
    out.append(lsa(AS_EXTERNAL, 0, rid(4), ExternalLsa(0, 1, True, 0, 0)))
    return out


def diamond(version: int = 1, time: float = 0.0, down: frozenset[tuple[int, int]] = frozenset()) -> Topology:
    return build_topology(diamond_lsas(down), version=version, time=time)


def flows(*rows: tuple[Any, ...]) -> FlowBatch:
    """Rows of (start, end, source, destination, app, octets, packets[, agent, sent])."""
    full = [(*row, -1, 0)[:9] if len(row) == 7 else row for row in rows]
    return FlowBatch(
        {
            "start": [r[0] for r in full],
            "end": [r[1] for r in full],
            "source": [ip(r[2]) for r in full],
            "destination": [ip(r[3]) for r in full],
            "source_port": np.full(len(full), 40000),
            "destination_port": np.full(len(full), 80),
            "protocol": np.full(len(full), 6),
            "tos": np.zeros(len(full)),
            "app": [r[4] for r in full],
            "octets": [r[5] for r in full],
            "packets": [r[6] for r in full],
            "agent": [r[7] for r in full],
            "sent": [r[8] for r in full],
        }
    )
