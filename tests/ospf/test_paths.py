"""Fractions, hops and traces on small networks worked out by hand."""

from __future__ import annotations

import numpy as np

from ospf.lsa import Lsa
from ospf.paths import Paths
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import B as BORDER
from tests.ospf.lsas import E, external, ip, net, network, p2p, router, stub, summary, transit

R1, R2, R3, R4, R5 = "1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4", "5.5.5.5"


def build(*lsas: Lsa) -> Topology:
    return build_topology(lsas, version=1, time=0.0)


def shares(t: Topology, source: str, prefix: str) -> tuple[dict[str, float], dict[str, float]]:
    """({row: Out share}, {row: In share}) of one pair, rows as "router:interface"."""
    vertex = t.router_vertex[ip(source)]
    row = Paths(t).fractions(np.array([vertex]), np.array([t.prefixes.row(*net(prefix))]))
    out: dict[str, float] = {}
    into: dict[str, float] = {}
    for column, value in zip(row.indices.tolist(), row.data.tolist(), strict=True):
        at = out if column < len(t.links) else into
        at[str(t.links.keys[column % len(t.links)])] = value
    return out, into


def diamond() -> Topology:
    """R1 to R4 over R2 (two parallel links at the end) and R3, all equal; R4 holds 10.4.0.0/24."""
    return build(
        router(R1, p2p(R2, "10.0.12.1", 10), p2p(R3, "10.0.13.1", 10)),
        router(R2, p2p(R1, "10.0.12.2", 10), p2p(R4, "10.0.24.1", 10), p2p(R4, "10.1.24.1", 10)),
        router(R3, p2p(R1, "10.0.13.2", 10), p2p(R4, "10.0.34.1", 10)),
        router(
            R4, p2p(R2, "10.0.24.2", 10), p2p(R2, "10.1.24.2", 10), p2p(R3, "10.0.34.2", 10),
            stub("10.4.0.0/24", 1), stub("10.4.4.4/32", 0),
        ),
    )  # fmt: skip


def test_equal_split_per_next_hop_at_each_node_not_per_path() -> None:
    out, into = shares(diamond(), R1, "10.4.0.0/24")
    assert out == {
        f"{R1}:10.0.12.1": 0.5, f"{R1}:10.0.13.1": 0.5, f"{R2}:10.0.24.1": 0.25, f"{R2}:10.1.24.1": 0.25,
        f"{R3}:10.0.34.1": 0.5, f"{R4}:10.4.0.0/24": 1.0,
    }  # fmt: skip
    assert into == {
        f"{R2}:10.0.12.2": 0.5, f"{R3}:10.0.13.2": 0.5, f"{R4}:10.0.24.2": 0.25, f"{R4}:10.1.24.2": 0.25,
        f"{R4}:10.0.34.2": 0.5,
    }  # fmt: skip


def test_host_route_ends_at_its_router_without_a_row() -> None:
    out, _ = shares(diamond(), R3, "10.4.4.4/32")
    assert out == {f"{R3}:10.0.34.1": 1.0}


def test_source_at_the_delivering_router() -> None:
    assert shares(diamond(), R4, "10.4.0.0/24") == ({f"{R4}:10.4.0.0/24": 1.0}, {})


def lan_between() -> Topology:
    """R1 and R2, R3, R4 on one LAN; R2 and R3 reach R5's LAN at equal cost, R1 also by a direct link."""
    return build(
        router(R1, transit("10.5.0.2", "10.5.0.1", 10), p2p(R5, "10.0.15.1", 20)),
        router(R2, transit("10.5.0.2", "10.5.0.2", 10), p2p(R5, "10.0.25.1", 10)),
        router(R3, transit("10.5.0.2", "10.5.0.3", 10), p2p(R5, "10.0.35.1", 10)),
        router(R4, transit("10.5.0.2", "10.5.0.4", 10)),
        router(
            R5, p2p(R1, "10.0.15.2", 20), p2p(R2, "10.0.25.2", 10), p2p(R3, "10.0.35.2", 10),
            stub("10.6.0.0/24", 1),
        ),
        network("10.5.0.2", 24, R2, [R1, R2, R3, R4]),
    )  # fmt: skip


def test_lan_counts_one_next_hop_per_router_behind_it() -> None:
    out, into = shares(lan_between(), R1, "10.6.0.0/24")
    third = 1 / 3
    assert out == {
        f"{R1}:10.5.0.1": 2 * third, f"{R1}:10.0.15.1": third, f"{R2}:10.0.25.1": third,
        f"{R3}:10.0.35.1": third, f"{R5}:10.6.0.0/24": 1.0,
    }  # fmt: skip
    assert into[f"{R2}:10.5.0.2"] == into[f"{R3}:10.5.0.3"] == third and f"{R4}:10.5.0.4" not in into


def test_destination_on_a_lan_counts_out_of_the_last_router() -> None:
    out, into = shares(lan_between(), R5, "10.5.0.0/24")
    assert out == {
        f"{R5}:10.0.25.2": 0.5, f"{R5}:10.0.35.2": 0.5, f"{R2}:10.5.0.2": 0.5, f"{R3}:10.5.0.3": 0.5,
    }  # fmt: skip
    assert not any("10.5.0" in row for row in into)


def test_source_on_a_lan_is_the_network_vertex() -> None:
    t = lan_between()
    paths = Paths(t)
    prefix = t.prefixes.row(*net("10.6.0.0/24"))
    row = paths.fractions(np.array([5]), np.array([prefix])).toarray()[0]
    names = [str(key) for key in t.links.keys]
    assert row[len(names) + names.index(f"{R2}:10.5.0.2")] == 0.5
    assert row[names.index(f"{R1}:10.5.0.1")] == 0
    own = paths.fractions(np.array([5]), np.array([t.prefixes.row(*net("10.5.0.0/24"))]))
    assert (
        own.nnz == 0 and paths.reachable(np.array([5]), np.array([t.prefixes.row(*net("10.5.0.0/24"))])).all()
    )


def test_connected_lan_beats_a_cheaper_way_round() -> None:
    t = build(
        router(R1, transit("10.5.0.1", "10.5.0.1", 100), p2p(R2, "10.0.0.1", 1)),
        router(R2, transit("10.5.0.1", "10.5.0.2", 1), p2p(R1, "10.0.0.2", 1)),
        network("10.5.0.1", 24, R1, [R1, R2]),
    )
    assert shares(t, R1, "10.5.0.0/24")[0] == {f"{R1}:10.5.0.1": 1.0}


def anycast(cost1: int, cost3: int) -> Topology:
    return build(
        router(R1, p2p(R2, "10.0.0.1", 10), stub("10.9.0.0/24", cost1)),
        router(R2, p2p(R1, "10.0.0.2", 10), p2p(R3, "10.0.0.5", 10)),
        router(R3, p2p(R2, "10.0.0.6", 10), stub("10.9.0.0/24", cost3)),
    )


def test_anycast_goes_to_the_nearest_and_ties_split() -> None:
    assert shares(anycast(1, 1), R2, "10.9.0.0/24")[0] == {
        f"{R2}:10.0.0.2": 0.5, f"{R2}:10.0.0.5": 0.5, f"{R1}:10.9.0.0/24": 0.5, f"{R3}:10.9.0.0/24": 0.5,
    }  # fmt: skip
    assert shares(anycast(1, 2), R2, "10.9.0.0/24")[0] == {f"{R2}:10.0.0.2": 1.0, f"{R1}:10.9.0.0/24": 1.0}


def test_connected_stub_beats_a_cheaper_anycast_elsewhere() -> None:
    assert shares(anycast(100, 1), R1, "10.9.0.0/24")[0] == {f"{R1}:10.9.0.0/24": 1.0}


def test_unreachable_pairs_are_empty_and_said_so() -> None:
    t = build(
        router(R1, p2p(R2, "10.0.0.1", 10)),
        router(R2, p2p(R1, "10.0.0.2", 10)),
        router(R3, stub("10.3.0.0/24", 1)),
    )
    paths = Paths(t)
    sources, prefixes = np.array([0, 2]), np.array([0, 0])
    assert paths.reachable(sources, prefixes).tolist() == [False, True]
    assert np.diff(paths.fractions(sources, prefixes).indptr).tolist() == [0, 1]
    assert paths.costs(sources, prefixes).tolist() == [np.inf, 1.0]


def test_costs_include_the_attachment() -> None:
    t = anycast(3, 1)
    rows = np.array([t.prefixes.row(*net("10.9.0.0/24"))] * 3)
    assert Paths(t).costs(np.arange(3), rows).tolist() == [3, 11, 1]
    single = diamond()
    lan = np.array([single.prefixes.row(*net("10.4.0.0/24"))])
    assert Paths(single).costs(np.array([0]), lan).tolist() == [21]


def test_external_leaves_by_the_external_row_of_the_nearest_asbr() -> None:
    t = build(
        router(R1, p2p(R2, "10.0.0.1", 10), flags=E),
        router(R2, p2p(R1, "10.0.0.2", 10), p2p(R3, "10.0.0.5", 15)),
        router(R3, p2p(R2, "10.0.0.6", 15), flags=E),
        external("0.0.0.0/0", R1, 20),
        external("0.0.0.0/0", R3, 20),
        external("10.7.0.0/16", R1, 20, type2=False),
        external("10.7.0.0/16", R3, 15, type2=False),
    )
    assert shares(t, R2, "0.0.0.0/0")[0] == {f"{R2}:10.0.0.2": 1.0, f"{R1}:external": 1.0}
    assert shares(t, R2, "10.7.0.0/16")[0] == {
        f"{R2}:10.0.0.2": 0.5, f"{R2}:10.0.0.5": 0.5, f"{R1}:external": 0.5, f"{R3}:external": 0.5,
    }  # fmt: skip


def test_two_ways_out_of_one_router_at_equal_cost_share() -> None:
    t = build(
        router(R1, p2p(R2, "10.0.0.1", 10), stub("10.1.0.0/24", 1), stub("10.2.0.0/24", 1), flags=E),
        router(R2, p2p(R1, "10.0.0.2", 10), p2p(R3, "10.0.0.5", 10)),
        router(R3, p2p(R2, "10.0.0.6", 10), flags=E),
        router(R4, p2p(R2, "10.0.0.10", 10), flags=E),
        external("10.7.0.0/16", R3, 3, type2=False, forward="10.1.0.9"),  # hosts on R1's LANs
        external("10.7.0.0/17", R3, 3, type2=False, forward="10.1.0.9"),
        external("10.7.0.0/17", R1, 3, type2=False, forward="10.2.0.9"),
    )
    assert shares(t, R2, "10.7.0.0/16")[0] == {f"{R2}:10.0.0.2": 1.0, f"{R1}:10.1.0.0/24": 1.0}
    # R3 has the route from elsewhere, by way of the same host: there it sends what it gets
    assert shares(t, R3, "10.7.0.0/16")[0] == {
        f"{R3}:10.0.0.6": 1.0, f"{R2}:10.0.0.2": 1.0, f"{R1}:10.1.0.0/24": 1.0,
    }  # fmt: skip
    # R1 has one of its own and prefers that
    assert shares(t, R2, "10.7.0.0/17")[0] == {f"{R2}:10.0.0.2": 1.0, f"{R1}:10.2.0.0/24": 1.0}


def test_summary_ends_at_the_cheapest_abr() -> None:
    t = build(
        router(R1, p2p(R2, "10.0.0.1", 10), flags=BORDER),
        router(R2, p2p(R1, "10.0.0.2", 10), p2p(R3, "10.0.0.5", 10)),
        router(R3, p2p(R2, "10.0.0.6", 10), flags=BORDER),
        summary("10.8.0.0/16", R1, 50),
        summary("10.8.0.0/16", R3, 30),
    )
    assert shares(t, R2, "10.8.0.0/16")[0] == {f"{R2}:10.0.0.5": 1.0}


def test_repeated_and_unordered_pairs_keep_their_places() -> None:
    t = diamond()
    paths = Paths(t)
    lan, loop = t.prefixes.row(*net("10.4.0.0/24")), t.prefixes.row(*net("10.4.4.4/32"))
    sources, prefixes = np.array([3, 0, 2, 0, 0]), np.array([lan, lan, loop, loop, lan])
    together = paths.fractions(sources, prefixes).toarray()
    for i in range(5):
        assert np.array_equal(
            together[i], paths.fractions(sources[i : i + 1], prefixes[i : i + 1]).toarray()[0]
        )
    assert paths.fractions(sources[:0], prefixes[:0]).shape == (0, 2 * len(t.links))


def test_hops_router_by_router() -> None:
    t = diamond()
    prefix = t.prefixes.row(*net("10.4.0.0/24"))
    table = Paths(t).hops(np.array([0]), np.array([prefix]), np.array([-1]))
    names = {row: str(key).removeprefix("10.") for row, key in enumerate(t.links.keys)}
    hops = {
        (names.get(int(i), "-"), names.get(int(o), "-")): float(f)
        for i, o, f in zip(table.ingress, table.egress, table.fraction, strict=True)
    }
    assert hops == {
        ("-", f"{R1}:10.0.12.1"): 0.5,
        ("-", f"{R1}:10.0.13.1"): 0.5,
        (f"{R2}:10.0.12.2", f"{R2}:10.0.24.1"): 0.25,
        (f"{R2}:10.0.12.2", f"{R2}:10.1.24.1"): 0.25,
        (f"{R3}:10.0.13.2", f"{R3}:10.0.34.1"): 0.5,
        (f"{R4}:10.0.24.2", f"{R4}:10.4.0.0/24"): 0.25,
        (f"{R4}:10.1.24.2", f"{R4}:10.4.0.0/24"): 0.25,
        (f"{R4}:10.0.34.2", f"{R4}:10.4.0.0/24"): 0.5,
    }


def test_hops_begin_at_the_entry_row_and_end_without_a_row_at_own_addresses() -> None:
    t = diamond()
    prefix = t.prefixes.row(*net("10.4.4.4/32"))
    entry = 7
    table = Paths(t).hops(np.array([2]), np.array([prefix]), np.array([entry]))
    assert table.ingress[0] == entry and table.vertex.tolist() == [2, 3]
    assert table.egress[-1] == -1 and table.fraction.tolist() == [1.0, 1.0]


def test_trace_is_ordered_by_distance() -> None:
    t = diamond()
    steps = Paths(t).trace(0, t.prefixes.row(*net("10.4.0.0/24")))
    assert [step.distance for step in steps] == [0, 0, 10, 10, 10, 20, 20, 20]
    assert steps[0].router == ip(R1) and steps[-1].router == ip(R4)
    assert sum(step.fraction for step in steps if step.router == ip(R4)) == 1


def test_single_router_and_empty_area() -> None:
    t = build(router(R1, stub("10.1.0.0/24", 1)))
    assert shares(t, R1, "10.1.0.0/24")[0] == {f"{R1}:10.1.0.0/24": 1.0}
    none = np.zeros(0, dtype=np.int32)
    empty = Paths(build())
    assert empty.fractions(none, none).shape == (0, 0) and empty.distances.shape == (0, 0)
    assert len(empty.hops(none, none, none)) == 0


def test_where_traffic_leaves() -> None:
    t = anycast(1, 2)
    prefix = np.array([t.prefixes.row(*net("10.9.0.0/24"))] * 3)
    assert Paths(t).exits(np.arange(3), prefix).tolist() == [0, 0, 2]
    apart = router(R3, stub("10.3.0.0/24", 1))
    t = build(router(R1, p2p(R2, "10.0.0.1", 10)), router(R2, p2p(R1, "10.0.0.2", 10)), apart)
    assert Paths(t).exits(np.array([0, 2]), np.array([0, 0])).tolist() == [-1, 2]
    none = np.zeros(0, dtype=np.int64)
    assert Paths(t).exits(none, none).tolist() == []


def test_depth_is_the_longest_way_to_a_router() -> None:
    t = build(
        router(R1, p2p(R2, "10.0.12.1", 10), p2p(R4, "10.0.14.1", 20)),
        router(R2, p2p(R1, "10.0.12.2", 10), p2p(R4, "10.0.24.2", 10)),
        router(R4, p2p(R1, "10.0.14.4", 20), p2p(R2, "10.0.24.4", 10), stub("10.4.0.0/24", 1)),
    )
    table = Paths(t).hops(np.array([0]), np.array([t.prefixes.row(*net("10.4.0.0/24"))]), np.array([-1]))
    depth = {int(v): int(d) for v, d in zip(table.vertex, table.depth, strict=True)}
    assert depth == {0: 0, 1: 1, 2: 2}
