"""Routing fractions followed through random changes are those computed from nothing; no share is lost unseen."""

from __future__ import annotations

import random

import numpy as np
import pytest

from ospf.areas import AreaDatabase
from ospf.lsa import ExternalLsa, RouterLink
from ospf.paths import Paths
from ospf.topology import Topology, build_domain
from tests.model.areas import RandomNetwork, masked, random_network


def topology(net: RandomNetwork, version: int, previous: Topology | None = None) -> Topology:
    databases = [AreaDatabase(area, lsas) for area, lsas in net.databases().items()]
    return build_domain(databases, instance="default", version=version, time=float(version), previous=previous)


def change(net: RandomNetwork, rng: random.Random, removed: list[tuple[tuple[int, int], RouterLink]]) -> None:
    """A link or stub is lost, comes back, or costs something else; an external comes or goes."""
    what = rng.random()
    held = [key for key, links in net.links.items() if links]
    if not held:  # nothing is left that could change: something comes back
        back, link = removed.pop()
        net.links.setdefault(back, []).append(link)
        return
    area = rng.choice(held)
    links = net.links[area]
    at = rng.randrange(len(links))
    if what < 0.35:
        removed.append((area, links.pop(at)))
    elif what < 0.6 and removed:
        back, link = removed.pop(rng.randrange(len(removed)))
        net.links.setdefault(back, []).append(link)
    elif what < 0.65 and any(net.lans.values()):  # another designated router, under another address
        where = rng.choice([a for a, lans in net.lans.items() if lans])
        lans = net.lans[where]
        address, _, attached = lans[0]
        base, dr = (address & ~63) + 1, rng.choice(attached)
        lans[0] = (base + attached.index(dr), dr, attached)
        for router in attached:
            net.links[where, router] = [
                RouterLink(lans[0][0], old.link_data, 2, old.metric) if (old.type, old.link_id) == (2, address) else old
                for old in net.links.get((where, router), [])
            ]
    elif what < 0.7:  # a router's LSA is gone, or an empty one is there
        removed += [(area, link) for link in net.links.pop(area)]
    elif what < 0.85:
        old = links[at]
        links[at] = RouterLink(old.link_id, old.link_data, old.type, rng.choice((1, 2, 3, 10, 65535)))
    elif net.externals and what < 0.92:
        net.externals.pop()
    elif normal := [router for area_, router in net.links if net.kinds[area_] == 0]:
        router = rng.choice(normal)
        body = ExternalLsa(masked(16), rng.choice((1, 10)), rng.random() < 0.5, 0, 0)
        net.externals.append((router, (0xAC300000, 16), body))


def everything(t: Topology) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(t.n_vertices), len(t.prefixes)), np.tile(np.arange(len(t.prefixes)), t.n_vertices)


@pytest.mark.parametrize("seed", range(40))
def test_followed_equals_computed_anew(seed: int) -> None:
    rng = random.Random(seed)
    net = random_network(seed)
    t = topology(net, 0)
    paths = Paths(t)
    matrix = paths.matrix(*everything(t))
    removed: list[tuple[tuple[int, int], RouterLink]] = []
    for version in range(1, 7):
        before, old = matrix, t
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            change(net, rng, removed)
        t = topology(net, version, t)
        paths = Paths(t, paths)
        matrix = matrix.follow(paths)
        known = np.flatnonzero((matrix.sources >= 0) & (matrix.prefixes >= 0))
        anew = Paths(t).fractions(matrix.sources[known], matrix.prefixes[known])
        assert matrix.csr.shape == (len(matrix.sources), 2 * len(t.links))
        assert abs(matrix.csr[known] - anew).max() < 1e-12 if known.size else True
        assert matrix.csr.nnz == anew.nnz and (matrix.csr.has_sorted_indices or not matrix.csr.nnz)
        same = np.flatnonzero(~matrix.changed)  # what is said not to have changed has not, but for row numbers
        rows = np.array([t.link_row.get(key, -1) for key in old.links.keys] or [-1], dtype=np.int64)
        columns = np.concatenate([rows, np.where(rows >= 0, rows + len(t.links), -1)])
        was = before.csr[same].tocoo()
        assert (columns[was.col] >= 0).all()
        here = matrix.csr[same].tocoo()
        assert set(zip(was.row, columns[was.col], was.data, strict=True)) == set(
            zip(here.row, here.col, here.data, strict=True)
        )
        if version % 3 == 0:  # pairs that are gone stay gone; begin again with those there are
            matrix = paths.matrix(*everything(t))


@pytest.mark.parametrize("seed", range(60))
def test_every_share_ends_somewhere(seed: int) -> None:
    net = random_network(seed)
    t = topology(net, 0)
    paths = Paths(t)
    sources, prefixes = everything(t)
    mesh, node, _ = paths.mesh(sources, prefixes)
    levels, _ = paths.push(mesh, np.arange(len(node)), node, None)
    ended = np.zeros(len(node))
    for level in levels:
        np.add.at(ended, level.pair[level.ended], level.share[level.ended])
        leave = mesh.next[level.hop] < 0
        np.add.at(ended, level.pair[level.which[leave]], level.moved[leave])
    assert np.allclose(ended, 1)
    # two border routers may each send to a host behind the other; nothing else runs in circles
    assert not paths.stats.circles or any(body.forwarding_address for _, _, body in net.externals)
    # hop by hop, every router passes on what came in
    table = paths.hops(sources, prefixes, np.full(len(sources), -1))
    matrix = paths.fractions(sources, prefixes).toarray()
    out = np.zeros_like(matrix)
    for column, at in ((table.egress, 0), (table.ingress, len(t.links))):
        rows = np.flatnonzero(column >= 0)
        np.add.at(out, (table.pair[rows], column[rows] + at), table.fraction[rows])
    assert np.allclose(out, matrix, atol=1e-12)
