"""Topologies of OSPFv3: rows, prefixes, areas, and what stays from one version to the next."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.areas import NSSA, AreaDatabase, Border
from ospf.domain import DomainKey
from ospf.links import EXTERNAL, STUB, TRANSIT
from ospf.lsa import Lsa
from ospf.offers import EXT2, INTER, INTRA
from ospf.paths import Paths
from ospf.v3 import lsa as v3
from ospf.v3.prefix import joined, prefix6_text
from ospf.v3.topology import UNSEEN_TRANSIT, Topology6, build_domain_v3
from tests.ospf.v3_lsas import (
    B,
    E,
    V,
    asbr_summary,
    build,
    external,
    ip6,
    key6,
    link,
    make,
    net6,
    network,
    of_network,
    of_router,
    p2p,
    router,
    summary,
    transit,
    virtual,
)
from tests.ospf.v3_strategies import lsas


def rows(topology: Topology6) -> dict[str, tuple[int, int, str, bool]]:
    """Row text -> (kind, cost, neighbor, up)."""
    t = topology.links
    columns = zip(t.keys, t.kind, t.cost, t.neighbor, t.up, strict=True)
    return {f"{key.router}:{key.interface}": (int(k), int(c), n, bool(u)) for key, k, c, n, u in columns}


def prefixes(topology: Topology6) -> dict[str, tuple[int, set[tuple[str, int]]]]:
    """Prefix -> (route type, (where, cost))."""
    t = topology.prefixes
    found = {}
    for row in range(len(t)):
        here = range(int(t.start[row]), int(t.start[row + 1]))
        text = prefix6_text(joined(*t.network[row]), int(t.plen[row]))
        found[text] = int(t.route_type[row]), {(topology.vertex_name(int(t.vertex[i])), int(t.cost[i])) for i in here}
    return found


LAN = [
    router(1, transit(3, 2, 8), flags=E),
    router(2, transit(8, 2, 8), p2p(9, 3, 4, 20)),
    router(3, p2p(4, 2, 9, 30)),
    network(2, 8, 1, 2),
    of_network(2, 8, "2001:db8:1::/64", "2001:db8:11::/64"),
    of_router(1, ("2001:db8:a::/64", 5), ("2001:db8::1/128", 0)),
    of_router(2, ("2001:db8:23::/64", 20)),
    of_router(3, ("2001:db8:23::/64", 30), ("2001:db8:c::/64", 7)),
    link(1, 3, "fe80::13", "2001:db8:1::/64"),
    external("2001:db8:f::/48", 1, 20),
]


def test_a_lan_a_link_and_stubs() -> None:
    topology = build(LAN)
    assert rows(topology) == {
        "1:v3if3": (TRANSIT, 10, "2001:db8:1::/64", True),
        "1:2001:db8:a::/64": (STUB, 5, "", True),
        "1:v3external": (EXTERNAL, 0, "", True),
        "2:v3if8": (TRANSIT, 10, "2001:db8:1::/64", True),
        "2:v3if9": (TRANSIT, 20, "0.0.0.3", True),
        "3:v3if4": (TRANSIT, 30, "0.0.0.2", True),
        "3:2001:db8:c::/64": (STUB, 7, "", True),
    }
    assert prefixes(topology) == {
        "2001:db8::1/128": (INTRA, {("0.0.0.1", 0)}),
        "2001:db8:1::/64": (INTRA, {("2001:db8:1::/64", 0)}),
        "2001:db8:11::/64": (INTRA, {("2001:db8:1::/64", 0)}),
        "2001:db8:a::/64": (INTRA, {("0.0.0.1", 5)}),
        "2001:db8:c::/64": (INTRA, {("0.0.0.3", 7)}),
        "2001:db8:f::/48": (EXT2, {("0.0.0.1", 0)}),
        "2001:db8:23::/64": (INTRA, {("0.0.0.2", 20), ("0.0.0.3", 30)}),
    }
    links, row = topology.links, {key.interface: n for n, key in enumerate(topology.links.keys)}
    assert (links.address[row["v3if3"]], links.address[row["v3if8"]]) == (ip6("fe80::13"), 0)
    subnets = {key.interface: (int(n), int(p)) for key, n, p in zip(links.keys, links.network, links.plen, strict=True)}
    assert subnets["v3if8"] == key6("2001:db8:1::/64")
    assert subnets["v3if9"] == subnets["v3if4"] == key6("2001:db8:23::/64")
    assert links.reverse[row["v3if9"]] == row["v3if4"]
    # a point-to-point subnet ends at its routers, a stub leaves by its row
    at = topology.prefixes.row(*key6("2001:db8:23::/64"))
    assert topology.prefixes.link[topology.prefixes.start[at] : topology.prefixes.start[at + 1]].tolist() == [-1, -1]
    at = topology.prefixes.row(*key6("2001:db8:c::/64"))
    assert links.keys[topology.prefixes.link[topology.prefixes.start[at]]].interface == "2001:db8:c::/64"
    assert topology.prefixes.longest(ip6("2001:db8:c::99")) == at
    assert (topology.area, topology.instance, topology.family) == ("0.0.0.0", "default", 6)
    assert topology.alive.all()


def test_a_stub_keeps_the_name_of_its_interface_where_a_link_lsa_tells_it() -> None:
    alone = [router(1), of_router(1, ("2001:db8:1::/64", 10)), link(1, 3, "fe80::13", "2001:db8:1::/64")]
    assert rows(build(alone)) == {"1:v3if3": (STUB, 10, "", True)}
    assert rows(build(alone[:2])) == {"1:2001:db8:1::/64": (STUB, 10, "", True)}


def test_a_network_without_a_prefix_is_named_by_its_router() -> None:
    topology = build([each for each in LAN if each.header.type != 0x2009])
    assert topology.vertex_name(3) == "0.0.0.2:v3if8"
    assert rows(topology)["1:v3if3"][2] == "0.0.0.2:v3if8"


def test_parallel_links_between_two_routers_leave_their_subnets_unsaid() -> None:
    topology = build(
        [
            router(1, p2p(3, 2, 8), p2p(4, 2, 9)),
            router(2, p2p(8, 1, 3), p2p(9, 1, 4)),
            of_router(1, ("2001:db8:1::/64", 10), ("2001:db8:2::/64", 10)),
            of_router(2, ("2001:db8:1::/64", 10), ("2001:db8:2::/64", 10)),
        ]
    )
    assert set(rows(topology)) == {"1:v3if3", "1:v3if4", "2:v3if8", "2:v3if9"}
    assert topology.links.plen.tolist() == [0, 0, 0, 0]
    assert topology.links.reverse.tolist() == [2, 3, 0, 1]


TWO_AREAS = (
    [
        router(1, p2p(1, 2, 1)),
        router(2, p2p(1, 1, 1), flags=B),
        of_router(1, ("2001:db8:1::/64", 1)),
        summary("2001:db8:3::/64", 2, 11),
        asbr_summary(3, 2, 10),
        external("2001:db8:f::/48", 3, 20),
    ],
    [
        router(2, p2p(2, 3, 1), flags=B),
        router(3, p2p(1, 2, 2), flags=E),
        of_router(3, ("2001:db8:3::/64", 1)),
        summary("2001:db8:1::/64", 2, 11),
        external("2001:db8:f::/48", 3, 20),
    ],
)


def test_several_areas_are_one_topology() -> None:
    topology = build(*TWO_AREAS)
    assert topology.routers.tolist() == [1, 2, 3]
    assert [graph.area for graph in topology.areas] == [0, 1]
    assert [graph.vertices.tolist() for graph in topology.areas] == [[0, 1], [1, 2]]
    assert topology.areas[1].local.tolist() == [-1, 0, 1]
    assert topology.borders == (Border(2, True),)
    assert prefixes(topology) == {
        "2001:db8:1::/64": (INTRA, {("0.0.0.1", 1)}),
        "2001:db8:3::/64": (INTRA, {("0.0.0.3", 1)}),
        "2001:db8:f::/48": (EXT2, {("0.0.0.3", 0)}),
    }
    assert topology.links.area.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert len(topology.offers) == 5  # one of the external: it is of AS scope


def test_an_area_nobody_is_attached_to_is_known_by_its_border() -> None:
    topology = build(TWO_AREAS[0])
    assert topology.borders == (Border(2, False),)
    assert prefixes(topology)["2001:db8:3::/64"] == (INTER, {("0.0.0.2", 11)})
    assert prefixes(topology)["2001:db8:f::/48"] == (EXT2, {("0.0.0.2", 10)})
    assert "3:v3external" not in rows(topology)


def test_a_summary_that_no_area_seen_explains_is_of_another_area() -> None:
    backbone, area1 = TWO_AREAS[0], TWO_AREAS[1]
    more = [*backbone, summary("2001:db8:4::/64", 2, 11)]
    assert build(more, area1).borders == (Border(2, False),)
    within = [*backbone, summary("2001:db8::/44", 2, 11)]  # a range over 2001:db8:3::/64
    assert build(within, area1).borders == (Border(2, True),)


def test_summaries_of_who_is_no_border_are_counted() -> None:
    topology = build([router(1, p2p(1, 2, 1)), router(2, p2p(1, 1, 1)), summary("2001:db8::/64", 2, 1)])
    assert topology.stats.no_border == 1
    assert not len(topology.offers)


def test_externals_of_who_is_no_asbr_are_counted() -> None:
    topology = build([router(1, p2p(1, 2, 1)), router(2, p2p(1, 1, 1)), external("2001:db8::/64", 2, 1)])
    assert topology.stats.no_border == 1
    assert not len(topology.prefixes)


def test_a_virtual_link_passes_through_the_area_that_says_so() -> None:
    backbone = [router(1, virtual(9, 2, 8, 20), flags=B), router(2, virtual(8, 1, 9, 20), flags=B)]
    through = [router(1, p2p(1, 2, 1, 20), flags=B | V), router(2, p2p(1, 1, 1, 20), flags=B | V)]
    other = [router(1, p2p(2, 2, 2, 20), flags=B), router(2, p2p(2, 1, 2, 20), flags=B)]
    topology = build((0, backbone), (1, other), (2, through))
    assert topology.areas[0].edges.virtual.tolist() == [2, 2]
    assert topology.areas[0].edges.out_link.tolist() == [-1, -1]
    assert [graph.transit for graph in topology.areas] == [False, False, True]
    assert build((0, backbone), (1, other)).areas[0].edges.virtual.tolist() == [UNSEEN_TRANSIT] * 2


def test_the_kind_of_an_nssa_and_its_translation() -> None:
    options = 0x01 | 0x10 | 0x08
    nssa = [
        router(2, p2p(2, 3, 1), flags=B | E, options=options),
        router(3, p2p(1, 2, 2), flags=E, options=options),
        external("2001:db8:f::/48", 3, 20, nssa=True),
    ]
    backbone = [
        router(1, p2p(1, 2, 1)),
        router(2, p2p(1, 1, 1), flags=B | E),
        external("2001:db8:f::/48", 2, 20),
    ]
    topology = build(backbone, nssa)
    assert topology.areas[1].kind == NSSA
    assert prefixes(topology)["2001:db8:f::/48"] == (EXT2, {("0.0.0.3", 0)})
    assert topology.offers.area.tolist() == [-1, 1]


def test_what_did_not_change_is_taken_over() -> None:
    before = build(*TWO_AREAS)
    same = build(*TWO_AREAS, previous=before)
    assert [a is b for a, b in zip(before.areas, same.areas, strict=True)] == [True, True]
    more: list[Lsa] = [*TWO_AREAS[1], of_router(3, ("2001:db8:99::/64", 1), lsid=9)]
    changed = build(TWO_AREAS[0], more, previous=before)
    assert [a is b for a, b in zip(before.insides, changed.insides, strict=True)] == [True, True]
    cost = [router(3, p2p(1, 2, 2, 99), flags=E), *TWO_AREAS[1][:1], *TWO_AREAS[1][2:]]
    changed = build(TWO_AREAS[0], cost, previous=before)
    assert [a is b for a, b in zip(before.areas, changed.areas, strict=True)] == [True, False]
    assert changed.areas[1].edges.cost.tolist() == [10, 99]
    fewer = build(TWO_AREAS[0], previous=before)
    assert fewer.areas[0].local.size == 2


def test_a_router_that_restarts_gracefully_is_as_it_was() -> None:
    before = build(LAN)
    silent = [each for each in LAN if each.header.advertising_router != 2 or each.header.type > 0x2009]
    returning = [*silent, router(2), of_router(2, ("2001:db8:99::/64", 1))]

    def after(said: list[Lsa], until: float) -> Topology6:
        databases = [AreaDatabase(0, tuple(said))]
        restarting = {2: until, 77: until}
        built = build_domain_v3(
            databases, instance="default", version=2, time=1.0, previous=before, restarting=restarting
        )
        assert isinstance(built, Topology6)
        return built

    for database in (silent, returning):
        held = after(database, until=5.0)
        assert rows(held) == rows(before)
        assert prefixes(held) == prefixes(before)
        assert rows(after(database, until=1.0)) != rows(before)  # its time is over


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_anything(count: int) -> None:
    topology = build([router(1)][:count])
    assert topology.n_vertices == count
    assert len(topology.links) == len(topology.prefixes) == 0
    assert topology.interface_owner(ip6("2001:db8::1")) is None
    assert len(build().areas) == 0


def test_a_domain_is_named_by_its_version() -> None:
    assert DomainKey("default", 3).name == "default/v3"


few = st.integers(0, 4)
links = st.builds(v3.RouterLink, st.sampled_from((1, 1, 2, 2, 3, 4)), st.integers(0, 0xFFFF), few, few, few)
nets = st.sampled_from([net6(text) for text in ("::/0", "2001:db8::/32", "2001:db8:1::/64", "2001:db8:1::5/128")])
said = st.one_of(
    st.builds(
        lambda r, lsid, flags, options, ls: make(v3.ROUTER, lsid, r, v3.RouterLsa(flags, options, tuple(ls))),
        *(few, st.integers(0, 2), st.integers(0, 0x1F), st.sampled_from((0x13, 0x13, 0x03, 0x12, 0x19))),
        st.lists(links, max_size=4),
    ),
    st.builds(
        lambda r, i, a: make(v3.NETWORK, i, r, v3.NetworkLsa(0x13, tuple(a))), few, few, st.lists(few, min_size=1)
    ),
    st.builds(
        lambda r, i, kind, of, p: make(v3.INTRA_AREA_PREFIX, i, r, v3.IntraAreaPrefixLsa(kind, i, of, tuple(p))),
        *(few, few, st.sampled_from((v3.ROUTER, v3.NETWORK, 7)), few, st.lists(nets, max_size=3)),
    ),
    st.builds(lambda r, i, m, p: make(v3.INTER_AREA_PREFIX, i, r, v3.InterAreaPrefixLsa(m, p)), few, few, few, nets),
    st.builds(lambda r, i, m, d: make(v3.INTER_AREA_ROUTER, i, r, v3.InterAreaRouterLsa(0, m, d)), few, few, few, few),
    st.builds(
        lambda r, i, kind, m, two, p, f: make(kind, i, r, v3.ExternalLsa(m, two, p, f)),
        *(few, few, st.sampled_from((v3.AS_EXTERNAL, v3.NSSA)), few, st.booleans(), nets),
        st.sampled_from((0, 0, ip6("2001:db8:1::5"), ip6("2001:db8:1::6"), ip6("2003::1"))),
    ),
    st.builds(
        lambda r, i, p: make(v3.LINK, i, r, v3.LinkLsa(1, 0x13, ip6("fe80::1"), tuple(p))), few, few, st.lists(nets)
    ),
    lsas,
)


@given(st.lists(st.lists(said, max_size=25), min_size=1, max_size=3), st.integers(0, 7))
@settings(deadline=None, max_examples=150)
def test_whatever_routers_say_is_a_topology_with_tables(areas: list[list[Lsa]], change: int) -> None:
    first = build(*areas)
    areas[change % len(areas)] = areas[change % len(areas)][: change + 1]
    fresh, topology = build(*areas), build(*areas, previous=first)
    assert rows(topology) == rows(fresh)
    assert prefixes(topology) == prefixes(fresh)
    paths = Paths(topology)
    for router_id in topology.routers.tolist():
        for route in paths.table(router_id):
            assert topology.prefixes.row(route.network, route.plen) >= 0
    everywhere = np.repeat(np.arange(topology.n_vertices), len(topology.prefixes))
    shares = paths.fractions(everywhere, np.tile(np.arange(len(topology.prefixes)), topology.n_vertices))
    assert shares.shape == (len(everywhere), 2 * len(topology.links))
