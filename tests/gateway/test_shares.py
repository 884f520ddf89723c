"""Fractions kept from window to window are those computed at once."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gateway.shares import Shares
from ospf.paths import Paths
from ospf.topology import Topology, build_topology
from tests.bench.bench_spf import Network, changes, random_area

ROUTERS, CHORDS = 60, 40


def drawn(rng: np.random.Generator, t: Topology, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs, as the join asks for."""
    chosen = rng.choice(t.n_vertices * len(t.prefixes), count, replace=False)
    source, prefix = np.divmod(chosen, len(t.prefixes))
    return source.astype(np.int32), prefix.astype(np.int32)


def right(shares: Shares, source: np.ndarray, prefix: np.ndarray) -> None:
    matrix, reachable = shares.of(source, prefix)
    anew = Paths(shares.paths.topology)
    assert matrix.shape == (len(source), 2 * len(shares.paths.topology.links))
    assert len(source) == 0 or abs(matrix - anew.fractions(source, prefix)).max() < 1e-12
    assert np.array_equal(reachable, anew.reachable(source, prefix))


@pytest.mark.parametrize("seed", range(3))
def test_windows_and_versions(seed: int) -> None:
    area = random_area(ROUTERS, CHORDS, seed)
    net, rng = Network(area), np.random.default_rng(seed)
    t = build_topology(net.lsas.values(), version=0, time=0.0)
    shares = Shares(Paths(t))
    source, prefix = drawn(rng, t, 900)
    right(shares, source, prefix)
    links = random.Random(seed).sample(range(ROUTERS + CHORDS), 3)
    for version, now in enumerate(changes(area, links), 1):
        net.become(now)
        t = build_topology(list(net.lsas.values()), version=version, time=0.0, previous=t)
        old, shares = shares, shares.follow(Paths(t, shares.paths))
        some = np.random.default_rng(version).permutation(len(source))[:800]
        more = drawn(rng, t, 100)  # an eighth is new
        keys = np.unique(np.concatenate([source[some], more[0]]).astype(np.int64) * len(t.prefixes)
                         + np.minimum(np.concatenate([prefix[some], more[1]]), len(t.prefixes) - 1))  # fmt: skip
        rng.shuffle(keys)
        source, prefix = np.divmod(keys, len(t.prefixes))
        right(shares, source, prefix)
        right(shares, source[:5], prefix[:5])
        right(shares, *drawn(rng, t, 900))  # nearly all new
        right(shares, source, prefix)
        if version == 2:
            right(old, *drawn(rng, old.paths.topology, 50))  # an older one can still be asked, and keeps nothing
            assert old._matrix is None and shares._matrix is not None


def test_no_pairs() -> None:
    t = build_topology(Network(random_area(5, 2, 1)).lsas.values(), version=0, time=0.0)
    shares = Shares(Paths(t))
    none = np.zeros(0, dtype=np.int32)
    for _ in range(2):
        right(shares, none, none)
