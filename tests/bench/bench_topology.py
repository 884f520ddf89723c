"""Topologies of several areas with 50,000 externals: from nothing, and after one LSA changed.

1,000 routers: a backbone of 40, from which 20 areas of 48 hang by two border routers each; every border router tells
every LAN of the other areas. The peer is the plain way with networkx and dictionaries: a graph per area without one-way
links and the best announcements of every prefix, made anew every time; it knows no interfaces, ends of links, LANs,
forwarding addresses or broken masks. CPU seconds.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from time import process_time

import networkx as nx

from ospf.areas import AreaDatabase
from ospf.lsa import ExternalLsa, Lsa, LsaHeader, RouterLink, RouterLsa, SummaryLsa
from ospf.topology import Topology, build_domain

BACKBONE, AREAS, INSIDE = 40, 20, 48
EXTERNALS = 50_000
CHANGES = 21
FIRST_ID, FIRST_LINK, FIRST_LAN, FIRST_EXTERNAL = 0x0A000001, 0x64000000, 0xAC100000, 0x20000000
P2P, STUB = 1, 3
FLAG_B, FLAG_E = 1, 2


def make(kind: int, lsid: int, router: int, body: object) -> Lsa:
    return Lsa(LsaHeader(1, 2, kind, lsid, router, -1, 1, 36), body, b"")  # type: ignore[arg-type]


def random_domain(seed: int = 1) -> dict[int, list[Lsa]]:
    """The LSAs of each area; the externals stand in the backbone's."""
    rng = random.Random(seed)
    members = {0: list(range(BACKBONE))}
    for area in range(1, AREAS + 1):
        own = range(BACKBONE + (area - 1) * INSIDE, BACKBONE + area * INSIDE)
        members[area] = [2 * (area - 1), 2 * (area - 1) + 1, *own]
    subnet = FIRST_LINK
    found: dict[int, list[Lsa]] = {}
    for area, routers in members.items():
        links: dict[int, list[RouterLink]] = {router: [] for router in routers}
        ends = {(routers[i - 1], routers[i]) for i in range(len(routers))}
        while len(ends) < 2 * len(routers):
            a, b = rng.sample(routers, 2)
            if (b, a) not in ends:
                ends.add((a, b))
        for a, b in sorted(ends):
            for own, other, address in ((a, b, subnet + 1), (b, a, subnet + 2)):
                cost = rng.choice((1, 10, 10, 100))
                links[own].append(RouterLink(FIRST_ID + other, address, P2P, cost))
                links[own].append(RouterLink(subnet, 0xFFFFFFFC, STUB, cost))
            subnet += 4
        for router in routers:
            if router >= BACKBONE:
                links[router].append(RouterLink(FIRST_LAN + 256 * router, 0xFFFFFF00, STUB, 1))
        found[area] = [
            make(1, FIRST_ID + router, FIRST_ID + router, RouterLsa(_flags(router), tuple(rows)))
            for router, rows in links.items()
        ]
    for area in range(1, AREAS + 1):
        for abr in members[area][:2]:
            for router in range(BACKBONE, BACKBONE + AREAS * INSIDE):
                home = 1 + (router - BACKBONE) // INSIDE
                summary = make(3, FIRST_LAN + 256 * router, FIRST_ID + abr, SummaryLsa(0xFFFFFF00, rng.randint(1, 99)))
                if home == area:
                    found[0].append(summary)
                else:
                    found[area].append(summary)
    for number in range(EXTERNALS):
        body = ExternalLsa(0xFFFFFF00, 20, True, 0, 0)
        found[0].append(make(5, FIRST_EXTERNAL + 256 * number, FIRST_ID + 2 * AREAS - 1 - number % 5, body))
    return found


def _flags(router: int) -> int:
    return (FLAG_B if router < 2 * AREAS else 0) | (FLAG_E if router < BACKBONE else 0)


def build(areas: dict[int, tuple[Lsa, ...]], previous: Topology | None = None) -> Topology:
    databases = [AreaDatabase(area, lsas) for area, lsas in areas.items()]
    return build_domain(databases, instance="default", version=1, time=0.0, previous=previous)


def with_networkx(areas: dict[int, tuple[Lsa, ...]]) -> tuple[list[nx.MultiDiGraph], dict[tuple[int, int], list]]:  # type: ignore[type-arg]
    """Graphs without one-way links, and of every prefix (in order) the announcements of its best kind."""
    graphs: list[nx.MultiDiGraph] = []
    offers: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for lsas in areas.values():
        graph = nx.MultiDiGraph()
        for lsa in lsas:
            body, router = lsa.body, lsa.header.advertising_router
            if isinstance(body, RouterLsa):
                graph.add_node(router, flags=body.flags)
                for link in body.links:
                    if link.type == P2P:
                        graph.add_edge(router, link.link_id, weight=link.metric, address=link.link_data)
                    else:
                        offers.setdefault((link.link_id, link.link_data), []).append((0, router, link.metric))
            elif isinstance(body, SummaryLsa | ExternalLsa):
                kind = 1 if isinstance(body, SummaryLsa) else 2 + body.type2
                key = (lsa.header.link_state_id & body.mask, body.mask)
                offers.setdefault(key, []).append((kind, router, body.metric))
        graph.remove_edges_from([(u, v) for u, v in graph.edges() if not graph.has_edge(v, u)])
        graphs.append(graph)
    best = {}
    for key in sorted(offers):
        kind = min(offer[0] for offer in offers[key])
        best[key] = [offer for offer in offers[key] if offer[0] == kind]
    return graphs, best


def timed(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


def changed(areas: dict[int, tuple[Lsa, ...]], area: int, at: int, rng: random.Random) -> None:
    """Replace one LSA by one with other costs."""
    lsas = list(areas[area])
    old = lsas[at]
    if isinstance(old.body, RouterLsa):
        links = tuple(RouterLink(x.link_id, x.link_data, x.type, rng.randint(1, 99)) for x in old.body.links)
        lsas[at] = Lsa(old.header, RouterLsa(old.body.flags, links), b"")
    else:
        lsas[at] = Lsa(old.header, ExternalLsa(0xFFFFFF00, rng.randint(1, 99), True, 0, 0), b"")
    areas[area] = tuple(lsas)


def run() -> list[dict[str, object]]:
    """Rows {"what", "ours", "peer", "unit", "ratio"}; ratio = peer / ours."""
    areas = {area: tuple(lsas) for area, lsas in random_domain().items()}
    rng = random.Random(2)
    scratch = min(timed(lambda: build(areas)) for _ in range(3))
    peer = min(timed(lambda: with_networkx(areas)) for _ in range(3))
    tracemalloc.start()
    topology = build(areas)
    memory = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    took: dict[str, list[float]] = {"router": [], "external": []}
    first_external = next(i for i, lsa in enumerate(areas[0]) if lsa.header.type == 5)
    for name, pick in (
        ("router", lambda: (rng.randint(1, AREAS), rng.randrange(INSIDE))),
        ("external", lambda: (0, rng.randrange(first_external, len(areas[0])))),
    ):
        for _ in range(CHANGES):
            changed(areas, *pick(), rng)
            began = process_time()
            topology = build(areas, topology)
            took[name].append(process_time() - began)
    count = sum(map(len, areas.values()))
    size = f"{len(topology.routers):,} routers in {len(areas)} areas, {count:,} LSAs"

    def row(what: str, ours: float) -> dict[str, object]:
        return {
            "what": what, "ours": round(ours, 4), "peer": round(peer, 4), "unit": "s", "ratio": round(peer / ours, 1),
        }  # fmt: skip

    return [
        row(f"topology of {size} from nothing (peer: networkx and dictionaries; bar 1 s)", scratch),
        row("one router-LSA changed, median of 21 (peer begins again)", sorted(took["router"])[CHANGES // 2]),
        row("one external changed, median of 21 (bar 0.1 s)", sorted(took["external"])[CHANGES // 2]),
        {"what": "memory of that topology beside its LSAs", "ours": round(memory, 1), "unit": "MiB"},
    ]
