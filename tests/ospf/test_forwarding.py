"""Packets hop by hop over several areas: every router by its own table."""

from __future__ import annotations

import numpy as np

from ospf.areas import Options
from ospf.paths import Paths
from ospf.topology import Topology, build_topology
from tests.ospf.domains import R1, R2, R3, R4, R5, domain, shares, stubby, three_areas
from tests.ospf.lsas import B, E, external, ip, net, network, p2p, router, stub, summary, transit


def test_across_areas_through_the_right_border_router() -> None:
    t = domain(three_areas())
    assert shares(t, R3, "10.4.0.0/24") == {
        f"{R3}:10.1.23.3": 1.0, f"{R2}:10.2.24.2": 1.0, f"{R4}:10.4.0.0/24": 1.0,
    }  # fmt: skip
    assert shares(t, R4, "10.3.0.0/24") == {
        f"{R4}:10.2.24.4": 1.0, f"{R2}:10.1.23.2": 1.0, f"{R3}:10.3.0.0/24": 1.0,
    }  # fmt: skip


def test_equal_parts_over_two_areas_and_together_again() -> None:
    areas = three_areas()
    areas[1][3] = summary("10.4.0.0/24", R1, 11)
    assert shares(domain(areas), R3, "10.4.0.0/24") == {
        f"{R3}:10.1.23.3": 0.5, f"{R3}:10.1.13.3": 0.5, f"{R1}:10.0.12.1": 0.5, f"{R2}:10.2.24.2": 1.0,
        f"{R4}:10.4.0.0/24": 1.0,
    }  # fmt: skip


def test_a_stub_area_follows_its_default_to_the_border_and_then_the_real_route() -> None:
    areas = three_areas()
    areas[2] = stubby(*areas[2][:2], summary("0.0.0.0/0", R2, 1))
    t = domain(areas)
    assert shares(t, R4, "10.3.0.0/24") == {
        f"{R4}:10.2.24.4": 1.0, f"{R2}:10.1.23.2": 1.0, f"{R3}:10.3.0.0/24": 1.0,
    }  # fmt: skip
    table = t.prefixes
    at, row = np.array([t.router_vertex[ip(R4)]]), np.array([table.row(*net("10.3.0.0/24"))])
    assert Paths(t).costs(at, row).tolist() == [11] and Paths(t).reachable(at, row).all()


def ranged(*inside: str) -> Topology:
    """R2 announces 10.4.0.0/16 for all of area 2, where R4 has these."""
    areas = three_areas()
    areas[2][1] = router(R4, p2p(R2, "10.2.24.4", 10), *(stub(prefix, 1) for prefix in inside))
    areas[0][4] = summary("10.4.0.0/16", R2, 11)
    areas[1][3], areas[1][4] = summary("10.4.0.0/16", R1, 21), summary("10.4.0.0/16", R2, 11)
    return domain(areas)


def test_an_area_range_leads_to_its_border_router_which_knows_the_parts() -> None:
    t = ranged("10.4.0.0/24", "10.4.1.0/24")
    assert shares(t, R1, "10.4.1.0/24") == {
        f"{R1}:10.0.12.1": 1.0, f"{R2}:10.2.24.2": 1.0, f"{R4}:10.4.1.0/24": 1.0,
    }  # fmt: skip


def test_an_active_range_ends_what_has_no_part() -> None:
    t = ranged("10.4.0.0/24")
    assert shares(t, R1, "10.4.0.0/16") == {f"{R1}:10.0.12.1": 1.0}  # R2's discard route
    assert shares(t, R2, "10.4.0.0/16") == {}


def test_an_area_behind_a_border_router_ends_there() -> None:
    areas = three_areas()
    del areas[2]
    t = domain(areas)
    assert shares(t, R3, "10.4.0.0/24") == {f"{R3}:10.1.23.3": 1.0}
    table = Paths(t).hops(np.array([t.router_vertex[ip(R3)]]), np.array([t.prefixes.row(*net("10.4.0.0/24"))]),
                          np.array([-1]))  # fmt: skip
    ends = {int(v): (int(e) < 0, int(d)) for v, e, d in zip(table.vertex, table.egress, table.depth, strict=True)}
    assert ends == {t.router_vertex[ip(R3)]: (False, 0), t.router_vertex[ip(R2)]: (True, 1)}


def test_where_there_is_no_route_on_the_way_traffic_ends_and_is_counted() -> None:
    areas = three_areas()
    del areas[0][4]  # R2 takes its summary back; R1's into area 1 is still on its way
    areas[1][4] = summary("10.4.0.0/24", R1, 1)
    areas[2][1] = router(R4, p2p(R2, "10.2.24.4", 10))
    t = domain(areas)
    paths = Paths(t)
    row = paths.fractions(np.array([t.router_vertex[ip(R3)]]), np.array([t.prefixes.row(*net("10.4.0.0/24"))]))
    assert row.nnz == 2 and paths.stats.ended == 1 and paths.stats.circles == 0


def test_a_circle_of_two_tables_ends_where_it_begins() -> None:
    areas = three_areas()  # R1 redistributes towards a host behind R3, R3 towards one behind R1
    areas[1][0] = router(R1, p2p(R3, "10.1.13.1", 10), stub("10.6.0.0/24", 1), flags=B | E)
    areas[1][2] = router(R3, p2p(R1, "10.1.13.3", 10), p2p(R2, "10.1.23.3", 20), stub("10.3.0.0/24", 1), flags=E)
    areas[1] += [external("10.9.0.0/16", R1, 1, forward="10.3.0.9"), external("10.9.0.0/16", R3, 1, forward="10.6.0.9")]
    t = domain(areas)
    paths = Paths(t)
    prefix = t.prefixes.row(*net("10.9.0.0/16"))
    row = paths.fractions(np.array([t.router_vertex[ip(R2)]]), np.array([prefix]))
    assert paths.stats.circles == 1 and row.data.max() == 1.0
    table = paths.hops(np.array([t.router_vertex[ip(R2)]]), np.array([prefix]), np.array([-1]))
    assert table.fraction.tolist() == [1.0, 1.0] and sorted(table.egress < 0) == [False, True]
    assert not paths.fractions(np.array([t.router_vertex[ip(R1)]]), np.array([prefix])).nnz  # it begins in the circle
    assert (paths.stats.circles, paths.stats.ended) == (3, 0)


def test_towards_an_address_in_an_area_that_nobody_is_attached_to() -> None:
    areas = three_areas()
    areas[0][1] = router(R2, p2p(R1, "10.0.12.2", 10), flags=B | E)  # R2 redistributes towards a host behind R4
    areas[1][1] = router(R2, p2p(R3, "10.1.23.2", 10), flags=B | E)
    areas[0].append(external("10.9.0.0/16", R2, 7, forward="10.4.0.9"))
    del areas[2]
    paths = Paths(domain(areas))
    t = paths.topology
    sources, row = np.array([t.router_vertex[ip(R2)]]), np.array([t.prefixes.row(*net("10.9.0.0/16"))])
    found = paths.hops(sources, row, np.array([-1]))
    assert found.vertex.tolist() == sources.tolist() and found.egress.tolist() == [-1]  # it ends there, unseen
    assert found.fraction.tolist() == [1.0]
    assert paths.reachable(sources, row).all() and paths.matrix(sources, row).reachable.all()


def test_what_is_redistributed_towards_an_address_is_reachable() -> None:
    areas = three_areas()
    areas[0][0] = router(R1, p2p(R2, "10.0.12.1", 10), flags=B | E)
    areas[1][0] = router(R1, p2p(R3, "10.1.13.1", 10), flags=B | E)
    areas[0].append(external("10.9.0.0/16", R1, 7, forward="10.3.0.9"))
    paths = Paths(domain(areas))
    sources, row = np.array([0]), np.array([paths.topology.prefixes.row(*net("10.9.0.0/16"))])
    assert shares(paths.topology, R1, "10.9.0.0/16")[f"{R1}:10.1.13.1"] == 1.0
    assert paths.reachable(sources, row).all() and paths.matrix(sources, row).reachable.all()


def test_a_redistributing_router_keeps_what_it_gets() -> None:
    t = build_topology([
        router(R1, p2p(R2, "10.0.0.1", 10), flags=E), router(R2, p2p(R1, "10.0.0.2", 10), flags=E),
        external("10.9.0.0/16", R1, 1, type2=False), external("10.9.0.0/16", R2, 50, type2=False),
    ], version=1, time=0.0)  # fmt: skip
    assert shares(t, R2, "10.9.0.0/16") == {f"{R2}:external": 1.0}
    prefix = np.array([t.prefixes.row(*net("10.9.0.0/16"))])
    assert Paths(t).costs(np.array([1]), prefix).tolist() == [11]  # what OSPF says


def test_what_a_border_router_translates_it_does_not_keep() -> None:
    five = external("10.9.0.0/16", R1, 5)
    seven = external("10.9.0.0/16", R3, 5, kind=7)
    areas = three_areas()
    areas[1][2] = router(R3, p2p(R1, "10.1.13.3", 10), p2p(R2, "10.1.23.3", 10), stub("10.3.0.0/24", 1), flags=E)
    from tests.ospf.domains import OPTION_NP, nssa, optioned

    areas[1] = [*nssa(*areas[1]), optioned(seven, OPTION_NP)]
    areas[0] = [router(R1, p2p(R2, "10.0.12.1", 10), flags=B | E), *areas[0][1:], five]
    t = domain(areas)
    assert shares(t, R1, "10.9.0.0/16") == {f"{R1}:10.1.13.1": 1.0, f"{R3}:external": 1.0}


def lan_with_forwarding(address: str) -> Topology:
    return build_topology([
        router(R1, transit("10.5.0.1", "10.5.0.1", 10), p2p(R4, "10.0.14.1", 10)),
        router(R2, transit("10.5.0.1", "10.5.0.2", 10), flags=E),
        router(R3, transit("10.5.0.1", "10.5.0.3", 10)),
        router(R4, p2p(R1, "10.0.14.4", 10)),
        network("10.5.0.1", 24, R1, [R1, R2, R3]),
        external("10.9.0.0/16", R2, 7, forward=address),
    ], version=1, time=0.0)  # fmt: skip


def test_to_a_forwarding_address_straight_over_its_lan() -> None:
    t = lan_with_forwarding("10.5.0.3")  # another router's: it is the way out, not R2
    assert shares(t, R4, "10.9.0.0/16") == {f"{R4}:10.0.14.4": 1.0, f"{R1}:10.5.0.1": 1.0}
    t = lan_with_forwarding("10.5.0.99")  # a host
    assert shares(t, R4, "10.9.0.0/16") == {f"{R4}:10.0.14.4": 1.0, f"{R1}:10.5.0.1": 1.0}
    t = lan_with_forwarding("10.5.0.2")  # R2's own
    assert shares(t, R4, "10.9.0.0/16") == {
        f"{R4}:10.0.14.4": 1.0, f"{R1}:10.5.0.1": 1.0, f"{R2}:external": 1.0,
    }  # fmt: skip


def test_to_the_far_end_of_a_point_to_point_link_and_a_loopback() -> None:
    lsas = [
        router(R1, p2p(R2, "10.0.0.1", 10), stub("10.0.0.0/30", 10)),
        router(R2, p2p(R1, "10.0.0.2", 10), stub("10.0.0.0/30", 10), stub("2.2.2.2/32", 0), flags=E),
        router(R3, p2p(R1, "10.0.0.9", 10)),
        external("10.9.0.0/16", R2, 7, forward="10.0.0.2"),
        external("10.8.0.0/16", R2, 7, forward="2.2.2.2"),
    ]
    t = build_topology(lsas, version=1, time=0.0)
    for prefix in ("10.9.0.0/16", "10.8.0.0/16"):
        assert shares(t, R1, prefix) == {f"{R1}:10.0.0.1": 1.0, f"{R2}:external": 1.0}, prefix
    assert shares(t, R2, "10.9.0.0/16") == {f"{R2}:external": 1.0}


def fan(**switches: object) -> Topology:
    """R1 reaches R5 over three neighbours and one of them twice."""
    lsas = [
        router(R1, p2p(R2, "10.0.12.1", 10), p2p(R2, "10.1.12.1", 10), p2p(R3, "10.0.13.1", 10),
               p2p(R4, "10.0.14.1", 10)),
        router(R2, p2p(R1, "10.0.12.2", 10), p2p(R1, "10.1.12.2", 10), p2p(R5, "10.0.25.2", 10)),
        router(R3, p2p(R1, "10.0.13.3", 10), p2p(R5, "10.0.35.3", 10)),
        router(R4, p2p(R1, "10.0.14.4", 10), p2p(R5, "10.0.45.4", 10)),
        router(R5, p2p(R2, "10.0.25.5", 10), p2p(R3, "10.0.35.5", 10), p2p(R4, "10.0.45.5", 10),
               stub("10.5.0.0/24", 1)),
    ]  # fmt: skip
    return build_topology(lsas, version=1, time=0.0, options=Options(**switches))  # type: ignore[arg-type]


def leaving(t: Topology, rid: str) -> dict[str, float]:
    found = shares(t, rid, "10.5.0.0/24")
    return {key.removeprefix(f"{rid}:"): share for key, share in found.items() if key.startswith(rid)}


def test_no_more_next_hops_than_a_router_holds() -> None:
    assert leaving(fan(), R1) == {"10.0.12.1": 0.25, "10.1.12.1": 0.25, "10.0.13.1": 0.25, "10.0.14.1": 0.25}
    assert leaving(fan(max_paths=2), R1) == {"10.0.12.1": 0.5, "10.0.13.1": 0.5}  # the lowest neighbour addresses
    only_r1 = fan(max_paths_of={ip(R1): 1})
    assert leaving(only_r1, R1) == {"10.0.12.1": 1.0}
    assert len(leaving(only_r1, R5)) == 1 and len(Paths(only_r1).table(ip(R5))) == 1
    paths = Paths(fan(max_paths=3))
    paths.fractions(np.array([0]), np.array([0]))
    assert paths.stats.capped == 1


def test_hosts_of_a_lan_enter_at_the_router_nearest_to_where_they_go() -> None:
    areas = three_areas()
    areas[1] += [
        network("10.7.0.1", 24, R1, [R1, R2]),
    ]
    areas[1][0] = router(R1, p2p(R3, "10.1.13.1", 10), transit("10.7.0.1", "10.7.0.1", 1), flags=B)
    areas[1][1] = router(R2, p2p(R3, "10.1.23.2", 10), transit("10.7.0.1", "10.7.0.2", 1), flags=B)
    t = domain(areas)
    paths = Paths(t)
    lan = np.array([t.n_routers])
    row = paths.fractions(lan, np.array([t.prefixes.row(*net("10.4.0.0/24"))])).toarray()[0]
    n, keys = len(t.links), [str(key) for key in t.links.keys]
    assert row[n + keys.index(f"{R2}:10.7.0.2")] == 1.0 and row[keys.index(f"{R2}:10.2.24.2")] == 1.0
    both = paths.fractions(lan, np.array([t.prefixes.row(*net("10.3.0.0/24"))])).toarray()[0]
    assert both[keys.index(f"{R1}:10.1.13.1")] == both[keys.index(f"{R2}:10.1.23.2")] == 0.5
    assert paths.costs(lan, np.array([t.prefixes.row(*net("10.7.0.0/24"))])).tolist() == [0.0]
