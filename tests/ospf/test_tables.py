"""A router's table in the words it would print itself."""

from __future__ import annotations

import numpy as np
import pytest

from ospf.paths import NextHop, Paths
from ospf.topology import Topology
from tests.ospf.domains import R1, R2, R3, domain, table, three_areas
from tests.ospf.lsas import E, external, ip, net, network, p2p, router, stub, transit


def test_a_route_says_where_and_how() -> None:
    t = domain(three_areas())
    (route,) = (r for r in Paths(t).table(ip(R3)) if (r.network, r.plen) == net("10.4.0.0/24"))
    (hop,) = route.next_hops
    assert hop == NextHop(hop.link, ip(R2), ip("10.1.23.2")) and str(t.links.keys[hop.link]) == f"{R3}:10.1.23.3"
    assert (route.route_type, route.cost, route.type2_cost, route.area, route.connected) == (1, 21, 0, 1, False)


def test_tables_are_ordered_and_an_unknown_router_has_none() -> None:
    paths = Paths(domain(three_areas()))
    keys = [(r.network, r.plen) for r in paths.table(ip(R1))]
    assert keys == sorted(keys) and len(keys) == 2 and paths.table(ip("9.9.9.9")) == ()


def connected() -> Topology:
    return domain({0: [
        router(R1, transit("10.5.0.1", "10.5.0.1", 100), p2p(R2, "10.0.0.1", 1), stub("10.0.0.0/30", 1),
               stub("1.1.1.1/32", 0), stub("10.1.0.0/24", 3)),
        router(R2, transit("10.5.0.1", "10.5.0.2", 1), p2p(R1, "10.0.0.2", 1), stub("10.0.0.0/30", 1)),
        network("10.5.0.1", 24, R1, [R1, R2]),
    ]})  # fmt: skip


def test_what_is_directly_attached() -> None:
    shown = table(connected(), R1)
    assert shown["10.1.0.0/24"] == ("intra", 3, 0, 0, {"10.1.0.0/24>"})
    assert shown["10.0.0.0/30"] == ("intra", 1, 0, 0, {"10.0.0.1>"})
    assert shown["1.1.1.1/32"] == ("intra", 0, 0, 0, {"?>"})


def test_connected_by_a_dear_interface() -> None:
    t = connected()
    (route,) = (r for r in Paths(t).table(ip(R1)) if (r.network, r.plen) == net("10.5.0.0/24"))
    assert route.cost == 2 and [hop.router for hop in route.next_hops] == [ip(R2)]  # what OSPF calculates
    assert route.connected  # what packets do


def test_own_externals_are_not_ospfs_but_those_of_others_are() -> None:
    areas = {0: [
        router(R1, p2p(R2, "10.0.0.1", 10), flags=E), router(R2, p2p(R1, "10.0.0.2", 10), flags=E),
        external("10.9.0.0/16", R1, 1), external("10.8.0.0/16", R1, 1), external("10.8.0.0/16", R2, 1),
    ]}  # fmt: skip
    t = domain(areas)
    found = {(r.network, r.plen): r for r in Paths(t).table(ip(R1))}
    assert net("10.9.0.0/16") not in found
    assert found[net("10.8.0.0/16")].connected and found[net("10.8.0.0/16")].next_hops[0].router == ip(R2)


def test_several_areas_have_no_one_matrix_of_distances() -> None:
    with pytest.raises(ValueError, match="3 areas"):
        _ = Paths(domain(three_areas())).distances


def test_trace_across_areas() -> None:
    t = domain(three_areas())
    steps = Paths(t).trace(t.router_vertex[ip(R3)], t.prefixes.row(*net("10.4.0.0/24")))
    assert [step.router for step in steps] == [ip(R3), ip(R2), ip("4.4.4.4")]
    assert [step.distance for step in steps] == [0.0, 10.0, 20.0]
    assert np.isclose([step.fraction for step in steps], 1).all()
