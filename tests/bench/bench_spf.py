"""Shortest paths and routing fractions for 1,000 routers, beside networkx.

A ring with random chords: 1,000 routers, 4,000 directed links, OSPF-like costs, one host LAN per router.
networkx is timed from 20 sources and extrapolated to all of them (its whole run would take five seconds); the other
rows have no peer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import perf_counter

import networkx as nx
import numpy as np

from ospf.lsa import Lsa, LsaHeader, RouterLink, RouterLsa
from ospf.paths import Paths
from ospf.topology import Topology, build_topology

ROUTERS = 1000
CHORDS = 1000
PAIRS = 50_000
PEER_SOURCES = 20
COSTS = (1, 5, 10, 10, 10, 20, 50, 100)
FIRST_ID = 0x0A000001
FIRST_LINK = 0x64000000
FIRST_LAN = 0xAC100000


def random_area(routers: int = ROUTERS, chords: int = CHORDS, seed: int = 1) -> dict[int, RouterLsa]:
    """Router-LSAs by router id: a ring plus random chords, numbered /30 links, one /24 stub each."""
    rng = random.Random(seed)
    ends = {(i, (i + 1) % routers) for i in range(routers)}
    while len(ends) < routers + chords:
        a, b = rng.sample(range(routers), 2)
        if (a, b) not in ends and (b, a) not in ends:
            ends.add((a, b))
    links: list[list[RouterLink]] = [[] for _ in range(routers)]
    for number, (a, b) in enumerate(sorted(ends)):
        subnet = FIRST_LINK + 4 * number
        cost = rng.choice(COSTS)
        for own, other, address in ((a, b, subnet + 1), (b, a, subnet + 2)):
            links[own].append(RouterLink(FIRST_ID + other, address, 1, cost))
            links[own].append(RouterLink(subnet, 0xFFFFFFFC, 3, cost))
    for i in range(routers):
        links[i].append(RouterLink(FIRST_LAN + 256 * i, 0xFFFFFF00, 3, 10))
    return {FIRST_ID + i: RouterLsa(0, tuple(rows)) for i, rows in enumerate(links)}


def as_lsas(area: dict[int, RouterLsa]) -> list[Lsa]:
    return [Lsa(LsaHeader(1, 2, 1, rid, rid, -1, 1, 36), body, b"") for rid, body in area.items()]


def without_link(area: dict[int, RouterLsa], number: int) -> dict[int, RouterLsa]:
    """The same area after point-to-point link `number` failed at both ends."""
    subnet = FIRST_LINK + 4 * number
    changed = dict(area)
    for rid, body in area.items():
        kept = tuple(link for link in body.links if not _of_subnet(link, subnet))
        if len(kept) != len(body.links):
            changed[rid] = RouterLsa(0, kept)
    return changed


def _of_subnet(link: RouterLink, subnet: int) -> bool:
    return (link.type == 1 and link.link_data & 0xFFFFFFFC == subnet) or link.link_id == subnet


def _pairs(topology: Topology, count: int) -> tuple[np.ndarray, np.ndarray]:
    lans = np.flatnonzero(topology.prefixes.plen == 24)
    rng = np.random.default_rng(7)
    return rng.integers(0, topology.n_routers, count), rng.choice(lans, count)


def _best(work: Callable[[], object], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        begin = perf_counter()
        work()
        times.append(perf_counter() - begin)
    return min(times)


def run() -> list[dict[str, object]]:
    """Rows {"what", "ours", "peer", "unit", "ratio"}; ratio = peer / ours, None without a peer."""
    area = random_area()
    lsas = as_lsas(area)
    topology = build_topology(lsas, version=1, time=0.0)
    links = len(topology.edges)

    all_pairs = _best(lambda: Paths(topology).distances)
    graph = nx.DiGraph()
    for src, dst, cost in zip(topology.edges.src, topology.edges.dst, topology.edges.cost, strict=True):
        graph.add_edge(int(src), int(dst), weight=int(cost))
    sources = range(0, ROUTERS, ROUTERS // PEER_SOURCES)
    begin = perf_counter()
    for source in sources:
        nx.dijkstra_predecessor_and_distance(graph, source)
    peer = (perf_counter() - begin) * ROUTERS / len(sources)

    pairs = _pairs(topology, PAIRS)
    paths = Paths(topology)
    _ = paths.distances
    fractions = _best(lambda: paths.fractions(*pairs))

    def change(number: int) -> float:
        broken = as_lsas(without_link(area, number))
        begin = perf_counter()
        fresh = build_topology(broken, version=2, time=1.0)
        Paths(fresh, paths).fractions(*_pairs(fresh, PAIRS))
        return perf_counter() - begin

    changes = sorted(change(number) for number in range(0, 2000, 200))
    build = _best(lambda: build_topology(lsas, version=1, time=0.0))

    def row(what: str, ours: float, other: float | None = None) -> dict[str, object]:
        ratio = None if other is None else round(other / ours, 1)
        return {
            "what": what,
            "ours": round(ours, 4),
            "peer": other and round(other, 4),
            "unit": "s",
            "ratio": ratio,
        }

    return [
        row(
            f"SPF all pairs, {ROUTERS} routers, {links} directed links"
            f" (peer: networkx, extrapolated from {PEER_SOURCES} sources)",
            all_pairs,
            peer,
        ),
        row(f"routing fractions, {PAIRS} pairs, {ROUTERS} routers, distances known", fractions),
        row(f"topology from {len(lsas)} LSAs", build),
        row(f"link fails -> topology, distances, fractions of {PAIRS} pairs, median of 10", changes[5]),
        row(f"link fails -> topology, distances, fractions of {PAIRS} pairs, worst of 10", changes[-1]),
    ]


if __name__ == "__main__":
    for result in run():
        print(result)
