"""Compiled mending equals that with arrays and that from nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest

from ospf.lsa import RouterLsa
from ospf.paths import Paths
from ospf.spf import Distances, compiled
from ospf.topology import Topology, build_topology
from tests.bench.bench_spf import as_lsas, random_area
from tests.ospf.test_repair import ROUTERS, changed

pytest.importorskip("numba", reason="the optional extra `fast`")


def topology(area: dict[int, RouterLsa]) -> Topology:
    return build_topology(as_lsas(area), version=1, time=0.0)


def adopted(new: Topology, old: Distances) -> tuple[Distances, np.ndarray]:
    table = Distances(new.edges, new.n_vertices)
    differs = table.adopt(old)
    assert differs is not None
    return table, differs


@pytest.mark.parametrize("seed", range(12))
def test_compiled_equals_arrays_equals_anew(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    area = random_area(ROUTERS, 30 if seed % 3 else 0, seed)  # every third a bare ring, which falls apart
    t = topology(area)
    old = Distances(t.edges, t.n_vertices)
    some = rng.sample(range(ROUTERS), ROUTERS if seed % 2 else ROUTERS // 2)
    old.ensure(np.array(some))
    for _ in range(6):
        area = changed(area, rng, rng.randint(1, 8))
        t = topology(area)
        monkeypatch.setattr("ospf.spf.LARGE_AREA", 1 << 30)
        arrays, differs = adopted(t, old)
        monkeypatch.setattr("ospf.spf.LARGE_AREA", 0)
        fast, differs_too = adopted(t, old)
        assert np.array_equal(arrays.have, fast.have) and np.array_equal(differs, differs_too)
        at = np.flatnonzero(fast.have)
        anew = Distances(t.edges, t.n_vertices).to(at)
        assert np.array_equal(fast.to(at), anew) and np.array_equal(arrays.to(at), anew)
        assert np.array_equal(differs[at], old.to(at) != anew) and not differs[~fast.have].any()
        old = fast


def test_large_areas_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = compiled()
    assert fast is not None
    called = []
    monkeypatch.setattr(fast, "mend", lambda *args: called.append(len(args)))
    small, large = topology(random_area(60, 30, 1)), topology(random_area(250, 30, 1))
    for t in (small, large):
        first = Paths(t)
        _ = first.distances
        Paths(t, first)
    assert called == [11]
