"""Shortest paths, routing fractions, and following a change: 1,000 and 5,000 routers, beside networkx.

A ring with random chords: 1,000 routers, 4,000 directed links, OSPF-like costs, one host LAN per router, 50,000 pairs
with traffic. networkx is timed from 20 sources and extrapolated to all of them (its whole run would take five seconds);
it knows distances only, no shares, and after a change it begins again.

A change is timed from the LSA objects (those of the two routers are new ones) to the new routing fractions: topology,
distances, fractions. Links fail, come back, become dearer and cheaper, each from the state the one before left.
"""

from __future__ import annotations

import random
import resource
from collections.abc import Callable, Iterator
from time import perf_counter

import networkx as nx
import numpy as np

from ospf import spf
from ospf.lsa import Lsa, LsaHeader, RouterLink, RouterLsa
from ospf.paths import Paths
from ospf.topology import Topology, build_topology

ROUTERS = 1000
CHORDS = 1000
PAIRS = 50_000
PEER_SOURCES = 20
CHANGED_LINKS = 16  # each changes four times
LARGE = 5000
LARGE_PAIRS = 50_000
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


def with_cost(area: dict[int, RouterLsa], number: int, cost: int) -> dict[int, RouterLsa]:
    """The same area with another cost at both ends of point-to-point link `number`."""
    subnet = FIRST_LINK + 4 * number
    changed = dict(area)
    for rid, body in area.items():
        if any(_of_subnet(link, subnet) for link in body.links):
            links = (
                RouterLink(link.link_id, link.link_data, link.type, cost) if _of_subnet(link, subnet) else link
                for link in body.links
            )
            changed[rid] = RouterLsa(0, tuple(links))
    return changed


def changes(area: dict[int, RouterLsa], links: list[int]) -> Iterator[dict[int, RouterLsa]]:
    """The area after each change: every link fails, comes back, becomes dearer, then cheap."""
    for number in links:
        yield without_link(area, number)
        yield area
        yield with_cost(area, number, 500)
        yield with_cost(area, number, 1)


class Network:
    """LSA objects that stay the same while their router's links do."""

    def __init__(self, area: dict[int, RouterLsa]) -> None:
        self.area = area
        self.lsas = {lsa.header.advertising_router: lsa for lsa in as_lsas(area)}

    def become(self, area: dict[int, RouterLsa]) -> None:
        for rid, body in area.items():
            if body is not self.area[rid]:
                self.lsas[rid] = as_lsas({rid: body})[0]
        self.area = area


def follow(area: dict[int, RouterLsa], pairs: int, links: list[int]) -> dict[str, list[float]]:
    """Seconds of every change, whole and by stage."""
    network = Network(area)
    topology = build_topology(network.lsas.values(), version=0, time=0.0)
    paths = Paths(topology)
    matrix = paths.matrix(*_pairs(topology, pairs))
    took: dict[str, list[float]] = {"whole": [], "topology": [], "distances": [], "fractions": []}
    for version, now in enumerate(changes(area, links), 1):
        network.become(now)
        lsas = list(network.lsas.values())
        begin = perf_counter()
        topology = build_topology(lsas, version=version, time=float(version), previous=topology)
        built = perf_counter()
        paths = Paths(topology, paths)
        known = perf_counter()
        matrix = matrix.follow(paths)
        done = perf_counter()
        for stage, seconds in (("whole", done - begin), ("topology", built - begin), ("distances", known - built),
                               ("fractions", done - known)):  # fmt: skip
            took[stage].append(seconds)
    return took


def run() -> list[dict[str, object]]:
    """Rows {"what", "ours", "peer", "unit", "ratio"}; ratio = peer / ours, None without a peer."""
    area = random_area()
    lsas = as_lsas(area)
    topology = build_topology(lsas, version=1, time=0.0)
    links = len(topology.edges)
    size = f"{ROUTERS:,} routers, {links:,} directed links"

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
    build = _best(lambda: build_topology(lsas, version=1, time=0.0))

    def nothing() -> object:
        made = build_topology(lsas, version=1, time=0.0)
        return Paths(made).fractions(*_pairs(made, PAIRS))

    whole = _best(nothing)
    numbers = random.Random(3).sample(range(ROUTERS + CHORDS), CHANGED_LINKS)
    took = without_numba(lambda: follow(area, PAIRS, numbers))
    compiled: list[tuple[str, float]] = []
    if spf.compiled() is not None:
        fast = follow(area, PAIRS, numbers)["whole"]
        compiled = [("p50", _part(fast, 50)), ("p95 (bar 0.1 s, moonshot 0.05 s)", _part(fast, 95)), ("max", max(fast))]
    count = len(took["whole"])

    def row(what: str, ours: float, other: float | None = None) -> dict[str, object]:
        ratio = None if other is None else round(other / ours, 1)
        shown = None if other is None else round(other, 4)
        return {"what": what, "ours": round(ours, 4), "peer": shown, "unit": "s", "ratio": ratio}

    changed = f"one link changes -> topology, distances, fractions of {PAIRS:,} pairs"
    return [
        row(f"SPF all pairs, {size} (peer: networkx, extrapolated from {PEER_SOURCES} sources)", all_pairs, peer),
        row(f"routing fractions, {PAIRS:,} pairs, {ROUTERS:,} routers, distances known", fractions),
        row(f"topology from {len(lsas):,} LSAs", build),
        row("everything from nothing: topology, distances, fractions (bar 1 s)", whole),
        row(f"{changed}, p50 of {count} (peer: networkx, all distances again)", _part(took["whole"], 50), peer),
        row(f"{changed}, p95 (bar 0.15 s)", _part(took["whole"], 95)),
        row(f"{changed}, max", max(took["whole"])),
        *(row(f"  of that {stage}, p95", _part(took[stage], 95)) for stage in ("topology", "distances", "fractions")),
        *(row(f"with numba: {changed}, {name}", value) for name, value in compiled),
        *large(row),
    ]


def without_numba(work: Callable[[], dict[str, list[float]]]) -> dict[str, list[float]]:
    """The work by scipy alone."""
    before, spf.LARGE_AREA = spf.LARGE_AREA, 1 << 30
    try:
        return work()
    finally:
        spf.LARGE_AREA = before


def large(row: Callable[[str, float], dict[str, object]]) -> list[dict[str, object]]:
    """5,000 routers, 20,000 directed links."""
    area = random_area(LARGE, LARGE, 2)
    lsas = as_lsas(area)
    begin = perf_counter()
    topology = build_topology(lsas, version=1, time=0.0)
    paths = Paths(topology)
    _ = paths.distances
    paths.fractions(*_pairs(topology, LARGE_PAIRS))
    whole = perf_counter() - begin
    size = f"{LARGE:,} routers, {len(topology.edges):,} directed links"
    del paths, topology
    took = follow(area, LARGE_PAIRS, [17, 4711, 9999])["whole"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        row(f"everything from nothing, {size}, all distances, {LARGE_PAIRS:,} pairs", whole),
        row(f"one link changes, {size}, p50 of {len(took)} (bar 1.5 s)", _part(took, 50)),
        row(f"one link changes, {size}, max", max(took)),
        {"what": f"memory at most so far, {size}", "ours": round(memory), "peer": None, "unit": "MiB", "ratio": None},
    ]


def _part(values: list[float], percent: int) -> float:
    """The smallest that so many percent do not exceed."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


if __name__ == "__main__":
    for result in run():
        print(result)
