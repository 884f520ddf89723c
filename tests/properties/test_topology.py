"""Any decodable LSDB makes a topology: whatever routers say, nothing raises and the tables stay consistent."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.history import diff
from ospf.lsa import ExternalLsa, Lsa, NetworkLsa, RouterLink, RouterLsa, SummaryLsa
from ospf.paths import Paths
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import ip, lsa
from tests.properties.test_paths import Area, areas

ids = st.sampled_from([ip("1.1.1.1"), ip("2.2.2.2"), ip("3.3.3.3"), ip("224.9.9.9")])
addresses = st.sampled_from([0, 1, 2, *(ip(f"10.0.0.{i}") for i in range(1, 6)), ip("10.0.1.1"), 0xFFFFFFFF])
masks = st.sampled_from([0, 0xFF000000, 0xFFFFFF00, 0xFFFFFFFC, 0xFFFFFFFE, 0xFFFFFFFF, 0x00FF00FF])
metrics = st.sampled_from([0, 1, 1, 10, 0xFFFF])
wide_metrics = st.sampled_from([0, 1, 10, 0xFFFFFE, 0xFFFFFF])

links = st.one_of(
    st.builds(RouterLink, ids, addresses, st.just(1), metrics),
    st.builds(RouterLink, addresses, addresses, st.just(2), metrics),
    st.builds(RouterLink, addresses, masks, st.just(3), metrics),
    st.builds(RouterLink, ids, addresses, st.just(4), metrics),
    st.builds(RouterLink, addresses, addresses, st.integers(0, 255), metrics),
)
ROUTERS = (ip("1.1.1.1"), ip("2.2.2.2"), ip("224.9.9.9"))
LANS = (ip("10.0.0.1"), ip("10.0.0.2"))
likely = st.one_of(
    st.builds(RouterLink, st.sampled_from(ROUTERS), addresses, st.sampled_from([1, 1, 4]), metrics),
    st.builds(RouterLink, st.sampled_from(LANS), addresses, st.just(2), metrics),
    links,
)


def router_lsas(rid: int) -> st.SearchStrategy[Lsa]:
    rows = st.lists(likely, min_size=1, max_size=10)
    return st.builds(
        lambda flags, found: lsa(1, rid, rid, RouterLsa(flags, tuple(found))), st.integers(0, 7), rows
    )


other_lsas = st.one_of(
    st.builds(
        lambda dr, rid, mask, attached: lsa(2, dr, rid, NetworkLsa(mask, tuple(attached))),
        st.sampled_from(LANS), ids, masks, st.lists(ids, max_size=4),
    ),
    st.builds(
        lambda kind, lsid, rid, mask, metric: lsa(kind, lsid, rid, SummaryLsa(mask, metric)),
        st.sampled_from([3, 4]), st.one_of(addresses, ids), st.sampled_from(ROUTERS), masks, wide_metrics,
    ),
    st.builds(
        lambda kind, lsid, rid, body: lsa(kind, lsid, rid, body),
        st.sampled_from([5, 7]), addresses, st.sampled_from(ROUTERS),
        st.builds(ExternalLsa, masks, wide_metrics, st.booleans(), addresses, st.just(0)),
    ),
)  # fmt: skip
databases = st.builds(
    lambda routers, others: [*routers, *others],
    st.tuples(*(router_lsas(rid) for rid in ROUTERS)),
    st.lists(other_lsas, max_size=8),
)


def check(t: Topology) -> None:
    links, edges, prefixes = t.links, t.edges, t.prefixes
    assert len(set(links.keys)) == len(links)
    assert (links.vertex < t.n_routers).all() and (links.target < t.n_vertices).all()
    assert (t.routers[links.vertex] == links.router).all()
    for row in np.flatnonzero(links.reverse >= 0):
        back = links.reverse[row]
        assert links.target[row] == links.vertex[back] or (links.kind[back] == 0 and links.up[back])
    used = np.unique(np.concatenate([edges.out_link[edges.out_link >= 0], edges.in_link[edges.in_link >= 0]]))
    assert links.up[used].all()
    assert (np.diff(edges.start) == np.bincount(edges.src, minlength=t.n_vertices)).all()
    assert (np.diff(edges.src) >= 0).all()
    assert (np.diff(prefixes.start) >= 1).all() and prefixes.start[-1] == len(prefixes.vertex)
    assert ((prefixes.link < len(links)) & (prefixes.vertex < t.n_vertices)).all()
    two_way = set(zip(edges.src.tolist(), edges.dst.tolist(), strict=True))
    assert all((dst, src) in two_way for src, dst in two_way)


@settings(max_examples=250, deadline=None)
@given(databases, st.dictionaries(ids, st.sets(addresses, max_size=3), max_size=3))
def test_any_database_makes_a_consistent_topology(lsas: list[Lsa], known: dict[int, set[int]]) -> None:
    t = build_topology(lsas, version=1, time=0.0, known=known)
    check(t)
    diff(None, t)
    paths = Paths(t)
    sources = np.repeat(np.arange(t.n_vertices), len(t.prefixes))
    prefixes = np.tile(np.arange(len(t.prefixes)), t.n_vertices)
    matrix = paths.fractions(sources, prefixes)
    assert matrix.shape == (len(sources), 2 * len(t.links))
    assert matrix.nnz == 0 or ((matrix.data > 0).all() and matrix.data.max() < 1 + 1e-9)
    hops = paths.hops(sources, prefixes, np.full(len(sources), -1))
    out = np.zeros((len(sources), len(t.links) + 1))
    np.add.at(out, (hops.pair, hops.egress), hops.fraction)
    assert np.allclose(out[:, :-1], matrix[:, : len(t.links)].toarray())


@settings(max_examples=100, deadline=None)
@given(areas(), st.data())
def test_distances_taken_over_from_the_version_before_are_right(area: Area, data: st.DataObject) -> None:
    old = build_topology(area.lsas(), version=1, time=0.0)
    before = Paths(old)
    if data.draw(st.booleans()):
        _ = before.distances
    cost = st.sampled_from([1, 2, 5])
    area.links = [
        (a, b, data.draw(cost) if data.draw(st.booleans()) else c, d, numbered)
        for a, b, c, d, numbered in area.links
        if data.draw(st.integers(0, 3))
    ]
    new = build_topology(area.lsas(), version=2, time=1.0)
    assert np.array_equal(Paths(new, before).distances, Paths(new).distances)
