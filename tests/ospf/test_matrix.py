"""A matrix followed from version to version, on areas large enough for changes to stay local."""

from __future__ import annotations

import random

import numpy as np
import pytest

from ospf.lsa import Lsa
from ospf.matrix import FEW_ROWS, RoutingMatrix
from ospf.paths import Paths
from ospf.topology import Topology, build_topology
from tests.bench.bench_spf import Network, changes, random_area, with_cost, without_link
from tests.ospf.lsas import E, external, ip, net, network, p2p, router, stub, transit

ROUTERS, CHORDS = 60, 40


def everything(t: Topology) -> tuple[np.ndarray, np.ndarray]:
    lans = np.flatnonzero(t.prefixes.plen == 24)
    return np.repeat(np.arange(t.n_vertices), len(lans)), np.tile(lans, t.n_vertices)


def same(matrix: RoutingMatrix) -> bool:
    paths = Paths(matrix.paths.topology)
    anew = paths.fractions(matrix.sources, matrix.prefixes)
    assert np.array_equal(matrix.reachable, paths.reachable(matrix.sources, matrix.prefixes))
    return matrix.csr.shape == anew.shape and abs(matrix.csr - anew).max() < 1e-12


def test_links_fail_come_back_and_change_their_cost() -> None:
    area = random_area(ROUTERS, CHORDS, 4)
    net = Network(area)
    t = build_topology(net.lsas.values(), version=0, time=0.0)
    matrix = Paths(t).matrix(*everything(t))
    assert matrix.changed.all()
    few = 0
    for version, now in enumerate(changes(area, random.Random(1).sample(range(ROUTERS + CHORDS), 8)), 1):
        net.become(now)
        t = build_topology(list(net.lsas.values()), version=version, time=0.0, previous=t)
        before = matrix
        matrix = matrix.follow(Paths(t, matrix.paths))
        assert same(matrix)
        few += matrix.changed.mean() < 0.5
        assert before.csr.shape[0] == matrix.csr.shape[0] and len(before._mesh.key) <= len(matrix._mesh.key)
    assert few >= 20  # most changes touch few pairs


def test_an_older_matrix_can_be_followed_too() -> None:
    area = random_area(ROUTERS, CHORDS, 5)
    first = build_topology(Network(area).lsas.values(), version=0, time=0.0)
    paths = Paths(first)
    matrix = paths.matrix(*everything(first))
    kept = matrix.csr.copy()
    for number in (3, 30):
        t = build_topology(Network(without_link(area, number)).lsas.values(), version=1, time=0.0)
        assert same(matrix.follow(Paths(t, paths)))
        assert abs(matrix.csr - kept).max() == 0


def test_paths_of_no_relation_are_computed_anew() -> None:
    area = random_area(ROUTERS, CHORDS, 5)
    first = build_topology(Network(area).lsas.values(), version=0, time=0.0)
    matrix = Paths(first).matrix(*everything(first))
    t = build_topology(Network(with_cost(area, 7, 500)).lsas.values(), version=1, time=0.0)
    followed = matrix.follow(Paths(t))
    assert same(followed) and followed.changed.all()


def test_many_changed_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    area = random_area(ROUTERS, CHORDS, 6)
    first = build_topology(Network(area).lsas.values(), version=0, time=0.0)
    matrix = Paths(first).matrix(*everything(first))
    t = build_topology(Network(without_link(area, 11)).lsas.values(), version=1, time=0.0)
    assert FEW_ROWS > 100
    few = matrix.follow(Paths(t, matrix.paths))
    monkeypatch.setattr("ospf.matrix.FEW_ROWS", 0)
    many = matrix.follow(Paths(t, matrix.paths))
    assert same(few) and same(many) and few.changed.any() and np.array_equal(few.csr.indices, many.csr.indices)


R1, R2, R3 = "1.1.1.1", "2.2.2.2", "3.3.3.3"


def chain(*more: Lsa) -> list[Lsa]:
    return [
        router(R1, p2p(R2, "10.0.0.1", 10), stub("10.1.0.0/24", 1)),
        router(R2, p2p(R1, "10.0.0.2", 10), p2p(R3, "10.0.0.5", 10), stub("10.2.0.0/24", 1)),
        *more,
    ]


def test_nothing_is_left_and_all_comes_back() -> None:
    t = build_topology(chain(), version=0, time=0.0)
    matrix = Paths(t).matrix(*everything(t))
    matrix = matrix.follow(Paths(build_topology([], version=1, time=0.0), matrix.paths))
    assert set(matrix.sources.tolist()) == set(matrix.prefixes.tolist()) == {-1} and not matrix.csr.nnz
    t = build_topology(chain(), version=2, time=0.0)
    assert not matrix.follow(Paths(t, matrix.paths)).csr.nnz  # who is gone stays gone
    assert np.array_equal(Paths(t, matrix.paths).distances, Paths(t).distances)


def test_an_external_of_its_own_whose_forwarding_address_turns_up() -> None:
    """The router that redistributes keeps the traffic until the subnet of the address is there."""
    origin = router(R1, p2p(R2, "10.0.0.1", 10), flags=E)
    middle = router(R2, p2p(R1, "10.0.0.2", 10), p2p(R3, "10.0.0.5", 10), flags=E)
    said = [external("10.9.0.0/24", R1, 5, forward="10.3.0.9"), external("10.9.0.0/24", R2, 9)]
    first = build_topology([origin, middle, *said, router(R3)], version=0, time=0.0)
    matrix = Paths(first).matrix(*everything(first))
    third = router(R3, p2p(R2, "10.0.0.6", 10), stub("10.3.0.0/24", 1))
    t = build_topology([origin, middle, *said, third], version=1, time=0.0)
    followed = matrix.follow(Paths(t, matrix.paths))
    at = np.flatnonzero((followed.sources == 0) & (followed.prefixes == t.prefixes.row(*net("10.9.0.0/24"))))
    assert at.size == 1 and followed.csr[at[0]].nnz > matrix.csr[at[0]].nnz == 1
    assert same(followed)


def test_routers_and_prefixes_that_come_and_go() -> None:
    third = router(R3, p2p(R2, "10.0.0.6", 10), stub("10.3.0.0/24", 1))
    t = build_topology(chain(third), version=0, time=0.0)
    matrix = Paths(t).matrix(*everything(t))
    t = build_topology(chain(), version=1, time=0.0)
    matrix = matrix.follow(Paths(t, matrix.paths))
    assert sorted(set(matrix.sources.tolist())) == [-1, 0, 1] and sorted(set(matrix.prefixes.tolist())) == [-1, 0, 1]
    gone = (matrix.sources < 0) | (matrix.prefixes < 0)
    assert not matrix.reachable[gone].any() and matrix.reachable[~gone].all()
    assert np.diff(matrix.csr.indptr)[gone].sum() == 0 and np.diff(matrix.csr.indptr)[~gone].all()
    t = build_topology(chain(router(R3, p2p(R2, "10.0.0.6", 10))), version=2, time=0.0)
    again = matrix.follow(Paths(t, matrix.paths))
    assert np.diff(again.csr.indptr)[~gone].all() and (again.sources[gone & (matrix.sources < 0)] == -1).all()


def test_a_lan_that_changes_its_designated_router() -> None:
    def lan(dr: str, address: str) -> Topology:
        lsas = [
            router(R1, transit(address, "10.5.0.1", 1), stub("10.1.0.0/24", 1)),
            router(R2, transit(address, "10.5.0.2", 1), stub("10.2.0.0/24", 1)),
            router(R3, transit(address, "10.5.0.3", 1), stub("10.3.0.0/24", 1)),
            network(address, 24, dr, [R1, R2, R3]),
        ]
        return build_topology(lsas, version=0, time=0.0)

    t = lan(R1, "10.5.0.1")
    matrix = Paths(t).matrix(*everything(t))
    from_lan = matrix.sources == 3
    t = lan(R2, "10.5.0.2")
    after = matrix.follow(Paths(t, matrix.paths))
    assert t.network_address.tolist() == [ip("10.5.0.2")] and (after.sources[from_lan] == -1).all()
    known = np.flatnonzero(after.sources >= 0)
    anew = Paths(t).fractions(after.sources[known], after.prefixes[known])
    assert abs(after.csr[known] - anew).max() == 0


def test_no_pairs_at_all() -> None:
    t = build_topology(chain(), version=0, time=0.0)
    none = np.zeros(0, dtype=np.int64)
    matrix = Paths(t).matrix(none, none)
    again = matrix.follow(Paths(build_topology(chain(), version=1, time=0.0), matrix.paths))
    assert again.csr.shape == (0, 2 * len(t.links))
