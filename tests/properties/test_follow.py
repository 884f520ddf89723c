"""Versions that follow each other equal those made from nothing: topology, tables, fractions, what can be reached.

The changes are to LSAs, as they would be heard: costs, links, flags (ABR, ASBR, virtual link end), virtual links lost,
routers, summaries and externals gone and back, LSInfinity, areas that appear and disappear.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from msgspec.structs import replace

import ospf.spf
from ospf.areas import AreaDatabase, Options
from ospf.lsa import ExternalLsa, Lsa, NetworkLsa, RouterLsa, SummaryLsa
from ospf.paths import Paths
from ospf.topology import Topology, build_domain
from tests.model.areas import random_network
from tests.model.section16 import LS_INFINITY, VIRTUAL
from tests.model.spice import SpicedNetwork, spiced_network
from tests.properties.test_domain import differences


class Changing:
    """Databases that change a little at each step."""

    def __init__(self, databases: dict[int, list[Lsa]], rng: random.Random) -> None:
        self.databases, self.rng = databases, rng
        self.spare: list[tuple[int, Lsa]] = []
        self.gone: dict[int, list[Lsa]] = {}

    def step(self) -> None:
        rng, what = self.rng, self.rng.random()
        held = sorted(area for area, lsas in self.databases.items() if lsas)
        if self.gone and (what < 0.06 or not held):
            area = rng.choice(sorted(self.gone))
            self.databases[area] = self.gone.pop(area)
        elif what < 0.1 and len(held) > 1:
            area = rng.choice(held)
            self.gone[area] = self.databases.pop(area)
        elif what < 0.25 and self.spare:
            self._back(*self.spare.pop(rng.randrange(len(self.spare))))
        elif held:
            area = rng.choice(held)
            lsas = self.databases[area]
            routers = [i for i, lsa in enumerate(lsas) if isinstance(lsa.body, RouterLsa)]
            at = rng.choice(routers) if what < 0.6 and routers else rng.randrange(len(lsas))
            self.spare.append((area, lsas[at]))
            if what > 0.8:
                del lsas[at]
            else:
                lsas[at] = replace(lsas[at], body=self._changed(lsas[at].body))

    def _back(self, area: int, lsa: Lsa) -> None:
        lsas = self.databases.get(area, self.gone.get(area, []))
        lsas[:] = [other for other in lsas if other.key != lsa.key] + [lsa]

    def _changed(self, body: object) -> object:
        rng, what = self.rng, self.rng.random()
        if isinstance(body, RouterLsa):
            links, flags = list(body.links), body.flags
            if what < 0.15:
                flags ^= rng.choice((1, 2, 4))
            elif what < 0.3:
                links = [link for link in links if link.type != VIRTUAL]
            elif links:
                at = rng.randrange(len(links))
                links[at : at + 1] = [replace(links[at], metric=rng.choice((1, 2, 10, 65535)))] if what < 0.7 else []
            return RouterLsa(flags, tuple(links))
        if isinstance(body, SummaryLsa | ExternalLsa):
            return replace(body, metric=rng.choice((1, 5, LS_INFINITY)))
        return replace(body, attached=body.attached[1:]) if isinstance(body, NetworkLsa) else body


def everything(t: Topology) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(t.n_vertices), len(t.prefixes)), np.tile(np.arange(len(t.prefixes)), t.n_vertices)


def followed(seed: int) -> int:
    """The number of tables compared."""
    rng = random.Random(seed)
    net = spiced_network(seed) if seed % 2 else random_network(seed)
    rfc3509 = not isinstance(net, SpicedNetwork) or net.rfc3509
    options = Options(abr="rfc3509" if rfc3509 else "rfc2328", rfc1583_compatibility=seed % 3 == 0)
    changing = Changing(net.databases(), rng)
    t, paths, matrix, compared = None, None, None, 0
    for version in range(7):
        for _ in range(rng.choice((1, 1, 1, 2, 4)) if version else 0):
            changing.step()
        given = [AreaDatabase(area, tuple(lsas)) for area, lsas in changing.databases.items()]
        t = build_domain(given, instance="i", version=version, time=0.0, options=options, previous=t)
        scratch = build_domain(given, instance="i", version=version, time=0.0, options=options)
        assert differences(t, scratch) == [], version
        paths, anew = Paths(t, paths), Paths(scratch)
        matrix = matrix.follow(paths) if matrix is not None else paths.matrix(*everything(t))
        known = np.flatnonzero((matrix.sources >= 0) & (matrix.prefixes >= 0))
        pairs = matrix.sources[known], matrix.prefixes[known]
        truth = anew.fractions(*pairs)
        assert matrix.csr.nnz == truth.nnz and not (abs(matrix.csr[known] - truth) > 1e-12).nnz, version
        assert np.array_equal(matrix.reachable[known], anew.reachable(*pairs)), version
        for router in t.routers.tolist():
            assert paths.table(router) == anew.table(router), (version, router & 255)
            compared += 1
        if version % 3 == 2:  # pairs that are gone stay gone; begin again with those there are
            matrix = paths.matrix(*everything(t))
    return compared


@pytest.mark.parametrize("block", range(6))
@pytest.mark.parametrize("compiled", [False, True])
def test_versions_that_follow_are_those_made_from_nothing(
    block: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiled:
        pytest.importorskip("numba")
        monkeypatch.setattr(ospf.spf, "LARGE_AREA", 0)  # however small
    else:
        monkeypatch.setattr(ospf.spf, "compiled", lambda: None)
    start = block * 6 + 3 * compiled
    assert sum(followed(seed) for seed in range(start, start + 3)) > 50
