"""Ends of parallel links, and stubs by address."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ospf import pairing
from ospf.lsa import RouterLink, RouterLsa
from ospf.pairing import Half, StubIndex, opposite_ends, pair_ends
from ospf.wire import mask_length
from tests.ospf.lsas import ip, p2p, stub

OURS, THEIRS = 0, 1


def index(*links: RouterLink) -> StubIndex:
    return StubIndex(RouterLsa(0, links))


def paired(
    ours: list[str | int], theirs: list[str | int], our_stubs: StubIndex, their_stubs: StubIndex
) -> dict[int, int]:
    """Row of ours -> row of theirs (rows are positions; theirs from 100)."""
    left = [Half(OURS, THEIRS, i, p2p("2.2.2.2", address, 1)) for i, address in enumerate(ours)]
    right = [Half(THEIRS, OURS, 100 + i, p2p("1.1.1.1", address, 1)) for i, address in enumerate(theirs)]
    pair_ends(left, right, {OURS: our_stubs, THEIRS: their_stubs})
    for half in right:
        if half.peer >= 0:
            assert next(h.peer for h in left if h.row == half.peer) == half.row
    return {half.row: half.peer for half in left}


NONE = index()


def test_mask_length() -> None:
    assert [mask_length(m) for m in (0, 0xFF000000, 0xFFFFFFFF, 0xFF00FF00, 0x000000FF)] == [0, 8, 32, -1, -1]


def test_longest_stub() -> None:
    stubs = index(stub("10.0.0.0/8", 1), stub("10.1.0.0/16", 2), stub("10.1.2.3/32", 3), RouterLink(1, 0xFF, 3, 1))
    found = stubs.longest(ip("10.1.2.3"))
    assert found is not None and found.plen == 16 and found.cost == 2
    assert stubs.longest(ip("11.0.0.1")) is None
    assert stubs.refused == 1 and len(stubs.stubs) == 3


def test_one_link_needs_no_evidence() -> None:
    assert paired(["10.0.0.1"], [7], NONE, NONE) == {0: 100}


def test_subnet_told_by_one_side_only() -> None:
    ours = index(stub("10.0.0.0/8", 1), stub("10.5.0.0/30", 1))
    assert paired(["10.9.0.1", "10.5.0.1"], ["10.0.0.1", "10.5.0.2"], ours, NONE) == {0: 100, 1: 101}


def test_host_routes_of_the_neighbours_leave_it_to_nearness() -> None:  # RFC 2328 12.4.1.1 option 1
    ours = index(stub("10.0.0.2/32", 1), stub("10.5.0.2/32", 1))
    theirs = index(stub("10.0.0.1/32", 1), stub("10.5.0.1/32", 1))
    assert paired(["10.5.0.1", "10.0.0.1"], ["10.0.0.2", "10.5.0.2"], ours, theirs) == {0: 101, 1: 100}


def test_nearest_addresses_without_stubs() -> None:
    assert paired(["10.0.0.1", "10.0.0.5"], ["10.0.0.6", "10.0.0.2"], NONE, NONE) == {0: 101, 1: 100}


def test_ifindex_order() -> None:
    assert paired([9, 4], [11, 12], NONE, NONE) == {0: 101, 1: 100}


def test_numbered_and_unnumbered_links_side_by_side() -> None:
    assert paired(["10.0.0.1", 5], [8, "10.0.0.2"], NONE, NONE) == {0: 101, 1: 100}


def test_mixed_ends_are_paired_last() -> None:
    assert paired(["10.0.0.1", 5], [8, 9], NONE, NONE) == {1: 100, 0: 101}


def test_spare_ends_stay_alone() -> None:
    stubs = index(stub("10.0.0.4/30", 1), stub("10.0.0.0/30", 1))
    assert paired(["10.0.0.1", "10.0.0.5"], ["10.0.0.6"], stubs, NONE) == {0: -1, 1: 100}


def test_absurdly_many_parallel_links_are_paired_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "MOST_COMPARED", 3)
    assert paired(["10.0.0.5", "10.0.0.1"], ["10.0.0.2", "10.0.0.6"], NONE, NONE) == {0: 101, 1: 100}


def test_opposite_ends_of_many_halves() -> None:
    """0 - 1 is one link, 0 - 2 two against one, 1 -> 3 leads nowhere back, and nothing of the other sort does."""
    asked: list[tuple[list[int], list[int]]] = []

    def pair(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> list[tuple[int, int]]:
        asked.append((ours.tolist(), theirs.tolist()))
        return [(int(ours[-1]), int(theirs[0]))]

    src = np.array([0, 2, 1, 0, 0, 1, 2, 3, 3])
    dst = np.array([1, 0, 0, 2, 2, 3, 3, 2, 2])
    sort = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1])
    two_way, peer = opposite_ends(src, dst, sort, 4, pair)
    assert two_way.tolist() == [True, True, True, True, True, False, True, True, False]
    assert peer.tolist() == [2, 4, 0, -1, 1, -1, 7, 6, -1] and asked == [([3, 4], [1])]
    src, dst = np.array([0, 2, 2]), np.array([2, 0, 0])  # one against two: the lower vertex is asked for as well
    _, peer = opposite_ends(src, dst, np.zeros(3, dtype=np.int64), 3, pair)
    assert peer.tolist() == [1, 0, -1]
    none = np.zeros(0, dtype=np.int64)
    assert opposite_ends(none, none, none, 4, pair)[0].size == 0
