"""The inside of one area in its own numbers."""

from __future__ import annotations

import numpy as np

from ospf.graph import Inside, build_inside, company, pieces, position, readings
from ospf.lsa import Lsa, NetworkLsa, RouterLsa
from tests.ospf.lsas import ip, lsa, network, p2p, router, stub, transit, virtual

A, B, C = "1.1.1.1", "2.2.2.2", "3.3.3.3"


def inside(*lsas: Lsa, previous: Inside | None = None, former: dict[int, frozenset[int]] | None = None) -> Inside:
    bodies = {each.header.advertising_router: each.body for each in lsas if isinstance(each.body, RouterLsa)}
    networks = {
        (each.header.link_state_id, each.header.advertising_router): each.body
        for each in lsas
        if isinstance(each.body, NetworkLsa)
    }
    return build_inside(readings(bodies, previous), networks, "default", former or {}, previous)


LSAS = (
    router(C, p2p(A, "10.0.0.2", 7)),
    router(A, p2p(C, "10.0.0.1", 5), transit("10.5.0.1", "10.5.0.1", 3), stub("10.0.0.0/30", 5)),
    router(B, transit("10.5.0.1", "10.5.0.2", 4), virtual(C, "10.5.0.2", 9)),
    network("10.5.0.1", 24, A, (A, B)),
)


def test_numbers() -> None:
    found = inside(*LSAS)
    assert found.routers.tolist() == [ip(A), ip(B), ip(C)] and found.n_vertices == 4
    assert [str(key) for part in found.parts for key in part.keys] == [
        f"{A}:10.0.0.1", f"{A}:10.5.0.1", f"{B}:10.5.0.2", f"{C}:10.0.0.2",
    ]  # fmt: skip
    assert found.first.tolist() == [0, 2, 3, 4] and found.owner.tolist() == [0, 0, 1, 2]
    assert found.target.tolist() == [2, 3, 3, 0] and found.up.all() and found.reverse.tolist() == [3, -1, -1, 0]
    edges = list(zip(found.src, found.dst, found.cost, found.out, found.into, strict=True))
    assert edges == [
        (0, 2, 5, 0, 3),
        (0, 3, 3, 1, -1),
        (1, 3, 4, 2, -1),
        (2, 0, 7, 3, 0),
        (3, 0, 0, -1, 1),
        (3, 1, 0, -1, 2),
    ]
    assert found.one_way == 1 and not found.virtual.any()  # C does not know of the virtual link
    assert found.stubs.tolist() == [[ip("10.0.0.0"), 30, 5, -1]] and found.stub_owner.tolist() == [0]


def test_what_did_not_change_is_taken_over() -> None:
    before = inside(*LSAS)
    assert inside(*LSAS, previous=before) is before
    assert inside(router(C, p2p(A, "10.0.0.2", 7)), *LSAS[1:], previous=before) is before  # a refresh
    changed = (router(C, p2p(A, "10.0.0.2", 8)), *LSAS[1:])
    after = inside(*changed, previous=before)
    assert after is not before and after.parts[0] is before.parts[0] and after.parts[2] is not before.parts[2]
    assert after.cost.tolist() == [5, 3, 4, 8, 0, 0]
    wider = (*LSAS[:3], network("10.5.0.1", 16, A, (A, B)))
    after = inside(*wider, previous=before)
    assert after.parts[2] is before.parts[2] and after.parts[0].neighbor[1] == "10.5.0.0/16"
    known = inside(*LSAS, previous=before, former={ip(A): frozenset({ip("10.0.0.3")})})
    assert known.parts[0] is not before.parts[0]
    holed = inside(*LSAS, lsa(2, ip("10.9.0.1"), ip(C), NetworkLsa(0xFF00FF00, (ip(C),))), previous=before)
    assert (before.bad_masks, holed.bad_masks) == (0, 1)


def test_virtual_links_pair_among_themselves() -> None:
    found = inside(router(A, p2p(B, 3, 1), virtual(B, "10.0.0.1", 30)), router(B, virtual(A, "10.0.0.2", 31)))
    assert found.virtual.tolist() == [True, True] and found.one_way == 1
    assert found.virtual_data.tolist() == [ip("10.0.0.1"), ip("10.0.0.2")] and found.cost.tolist() == [30, 31]
    assert not found.up.any() and (found.out == -1).all()


def test_many_parallel_links() -> None:
    ours = [p2p(B, f"10.0.{i}.1", 1) for i in range(200)]
    theirs = [p2p(A, f"10.0.{i}.2", 1) for i in range(200)]
    found = inside(router(A, *ours), router(B, *theirs))
    keys = [key.interface for part in found.parts for key in part.keys]
    assert all(keys[found.reverse[row]][:-1] == keys[row][:-1] for row in range(400))
    assert len(np.unique(found.label)) == 1  # 256 edges or more between two vertices do not add up to none


def test_pieces_and_company() -> None:
    label = pieces(np.array([0, 1]), np.array([3, 3]), 5)
    assert company(label, 3).tolist() == [True, True, False, True, False]
    assert pieces(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0).size == 0


def test_position() -> None:
    assert position(np.array([2, 5, 9]), np.array([9, 1, 5, 10])).tolist() == [2, -1, 1, -1]
    assert position(np.zeros(0, dtype=np.int64), np.array([1])).tolist() == [-1]
