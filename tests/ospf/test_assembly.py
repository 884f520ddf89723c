"""Several areas of one instance: what is joined, what must never mix, what comes from where."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from ospf.areas import NORMAL, NSSA, STUB_AREA, AreaDatabase, Border
from ospf.links import LinkKey
from ospf.lsa import LS_INFINITY, MAX_AGE, Lsa, SummaryLsa
from ospf.offers import AS_WIDE, OFFER_DEFAULT, OFFER_DN, OFFER_P, OFFER_TYPE7
from ospf.prefixes import EXT1, EXT2, INTER, INTRA
from ospf.topology import Topology, build_domain
from tests.ospf.lsas import (
    B,
    E,
    asbr_summary,
    external,
    ip,
    lsa,
    mask,
    net,
    network,
    p2p,
    router,
    stub,
    summary,
    transit,
    virtual,
)

R1, R2, R3, R4, R5 = "1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4", "5.5.5.5"
V = 4
OPTION_E, OPTION_NP, OPTION_DN = 0x02, 0x08, 0x80


def with_options(options: int, *lsas: Lsa) -> list[Lsa]:
    return [replace(each, header=replace(each.header, options=options)) for each in lsas]


def domain(
    areas: dict[int, list[Lsa]],
    *,
    known: dict[int, set[int]] | None = None,
    previous: Topology | None = None,
    restarting: dict[int, float] | None = None,
    time: float = 0.0,
) -> Topology:
    databases = [AreaDatabase(area, lsas, "polled" if area == 9 else "attached") for area, lsas in areas.items()]
    return build_domain(
        databases, instance="default", version=1, time=time, known=known, previous=previous, restarting=restarting
    )


def cable(a: str, b: str, number: int, cost: int = 10) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """The links of both ends of a /30."""
    base = f"10.0.{number}"
    subnet = stub(f"{base}.0/30", cost)
    return (p2p(b, f"{base}.1", cost), subnet), (p2p(a, f"{base}.2", cost), subnet)


def two_areas() -> dict[int, list[Lsa]]:
    """R3 -(area 1)- R1 -(backbone)- R2 -(area 2)- R4; LANs 10.31.0.0/24 at R3, 10.42.0.0/24 at R4."""
    one, two = cable(R1, R2, 12)
    inner1, inner3 = cable(R1, R3, 13)
    inner2, inner4 = cable(R2, R4, 24)
    return {
        0: [
            router(R1, *one, flags=B),  # type: ignore[arg-type]
            router(R2, *two, flags=B),  # type: ignore[arg-type]
            summary("10.31.0.0/24", R1, 11),
            summary("10.42.0.0/24", R2, 11),
        ],
        1: [
            router(R1, *inner1, flags=B),  # type: ignore[arg-type]
            router(R3, *inner3, stub("10.31.0.0/24", 1)),  # type: ignore[arg-type]
            summary("10.42.0.0/24", R1, 21),
        ],
        2: [
            router(R2, *inner2, flags=B),  # type: ignore[arg-type]
            router(R4, *inner4, stub("10.42.0.0/24", 1)),  # type: ignore[arg-type]
            summary("10.31.0.0/24", R2, 21),
        ],
    }


def place(t: Topology, prefix: str) -> tuple[int, list[tuple[str, int]]]:
    """(route type, [(vertex, cost)])."""
    row = t.prefixes.row(*net(prefix))
    assert row >= 0, prefix
    at = range(t.prefixes.start[row], t.prefixes.start[row + 1])
    return int(t.prefixes.route_type[row]), [
        (t.vertex_name(int(t.prefixes.vertex[a])), int(t.prefixes.cost[a])) for a in at
    ]


def offered(t: Topology, prefix: str) -> list[tuple[int, int, str, int]]:
    """(kind, area id or -1, vertex, flags) of the offers of a prefix."""
    row = t.prefixes.row(*net(prefix))
    o = t.offers
    return [
        (
            int(o.kind[i]), t.areas[o.area[i]].area if o.area[i] >= 0 else -1,
            t.vertex_name(int(o.vertex[i])) if o.vertex[i] >= 0 else "-", int(o.flags[i]),
        )
        for i in range(o.start[row], o.start[row + 1])
    ]  # fmt: skip


def edges(t: Topology, area: int) -> set[tuple[str, str, int]]:
    graph = t.areas[area]
    name = [t.vertex_name(int(v)) for v in graph.vertices]
    return {
        (name[s], name[d], int(c)) for s, d, c in zip(graph.edges.src, graph.edges.dst, graph.edges.cost, strict=True)
    }


def test_a_router_in_several_areas_is_one_vertex_with_its_own_place_in_each() -> None:
    t = domain(two_areas())
    assert [t.vertex_name(v) for v in range(t.n_vertices)] == [R1, R2, R3, R4]
    assert [graph.area for graph in t.areas] == [0, 1, 2] and t.area == "0.0.0.0"
    assert [graph.vertices.tolist() for graph in t.areas] == [[0, 1], [0, 2], [1, 3]]
    assert t.areas[2].local.tolist() == [-1, 0, -1, 1] and t.areas[1].flags.tolist() == [B, 0]
    assert edges(t, 0) == {(R1, R2, 10), (R2, R1, 10)} and edges(t, 2) == {(R2, R4, 10), (R4, R2, 10)}
    with pytest.raises(ValueError, match="3 areas"):
        _ = t.edges
    assert len(t.links) == 8 and t.links.up.all()
    rows = {str(key): int(area) for key, area in zip(t.links.keys, t.links.area, strict=True)}
    assert rows[f"{R1}:10.0.12.1"] == 0 and rows[f"{R1}:10.0.13.1"] == 1 and rows[f"{R4}:10.42.0.0/24"] == 2
    for graph in t.areas:  # rows of edges are rows of the whole table
        for s, d, out, into in zip(
            graph.edges.src, graph.edges.dst, graph.edges.out_link, graph.edges.in_link, strict=True
        ):
            assert t.links.vertex[out] == graph.vertices[s] and t.links.vertex[into] == graph.vertices[d]
            assert t.links.reverse[out] == into


def test_a_prefix_is_where_its_own_area_says() -> None:
    t = domain(two_areas())
    assert place(t, "10.31.0.0/24") == (INTRA, [(R3, 1)]) and place(t, "10.42.0.0/24") == (INTRA, [(R4, 1)])
    assert offered(t, "10.42.0.0/24") == [(INTRA, 2, R4, 0), (INTER, 0, R2, 0), (INTER, 1, R1, 0)]
    alone = domain({1: two_areas()[1]})
    assert place(alone, "10.42.0.0/24") == (INTER, [(R1, 21)]) and alone.area == "0.0.0.1"


def test_of_an_area_nobody_is_attached_to_the_backbone_tells() -> None:
    t = domain({area: lsas for area, lsas in two_areas().items() if area != 2})
    assert place(t, "10.42.0.0/24") == (INTER, [(R2, 11)])  # not R1's summary into area 1
    assert t.borders == (Border(ip(R1), True), Border(ip(R2), False)) and R4 not in t.routers
    assert domain(two_areas()).borders == (Border(ip(R1), True), Border(ip(R2), True))


def test_transit_networks_of_two_areas_with_one_address_stay_apart() -> None:
    lans = {
        area: [
            router(one, transit("10.5.0.1", "10.5.0.1", 3), flags=B),
            router(other, transit("10.5.0.1", "10.5.0.2", cost)),
            network("10.5.0.1", 24, one, (one, other)),
        ]
        for area, one, other, cost in ((0, R1, R2, 4), (1, R1, R3, 5))
    }
    t = domain(lans)
    assert t.network_area.tolist() == [0, 1] and t.n_vertices == 5
    assert [graph.vertices.tolist() for graph in t.areas] == [[0, 1, 3], [0, 2, 4]]
    assert (R2, "10.5.0.0/24", 4) in edges(t, 0) and (R3, "10.5.0.0/24", 5) in edges(t, 1)
    # the interface of R1 is one row all the same (RFC 5185)
    assert [str(key) for key in t.links.keys].count(f"{R1}:10.5.0.1") == 1


def test_area_scope_lsas_with_equal_keys_do_not_mix() -> None:
    areas = two_areas()
    areas[0].append(summary("10.99.0.0/16", R1, 7))
    areas[1].append(summary("10.99.0.0/16", R1, 9))
    t = domain(areas)
    assert place(t, "10.99.0.0/16") == (INTER, [(R1, 7)])
    row = t.prefixes.row(*net("10.99.0.0/16"))
    assert t.offers.cost[t.offers.start[row] : t.offers.start[row + 1]].tolist() == [7, 9]


def test_multi_area_adjacency_is_one_row_with_edges_in_both_areas() -> None:  # RFC 5185
    far, near = cable(R1, R2, 12)
    t = domain(
        {
            0: [router(R1, *far, flags=B), router(R2, *near, flags=B)],  # type: ignore[arg-type]
            1: [router(R1, p2p(R2, "10.0.12.1", 3), flags=B), router(R2, p2p(R1, "10.0.12.2", 4), flags=B)],
        }
    )
    assert [str(key) for key in t.links.keys] == [f"{R1}:10.0.12.1", f"{R2}:10.0.12.2"]
    assert t.links.cost.tolist() == [3, 4] and (t.links.area == 0).all() and t.links.plen.tolist() == [30, 30]
    assert edges(t, 0) == {(R1, R2, 10), (R2, R1, 10)} and edges(t, 1) == {(R1, R2, 3), (R2, R1, 4)}
    assert t.areas[1].edges.out_link.tolist() == [0, 1] and t.links.reverse.tolist() == [1, 0]


def test_a_stub_in_one_area_of_an_interface_that_is_live_in_another_is_not_the_former_interface() -> None:
    areas = two_areas()
    areas[1][0] = router(R1, *cable(R1, R3, 13)[0], stub("10.0.12.0/30", 10), flags=B)  # type: ignore[arg-type]
    known = {ip(R1): {ip("10.0.12.1"), ip("10.0.13.1")}}
    t = domain(areas, known=known)
    names = [key.interface for key in t.links.keys if key.router == ip(R1)]
    assert names == ["10.0.12.0/30", "10.0.12.1", "10.0.13.1"]
    del areas[0]
    t = domain(areas, known=known)  # now nobody shows it live
    assert [key.interface for key in t.links.keys if key.router == ip(R1)] == ["10.0.12.1", "10.0.13.1"]


def test_one_external_row_per_asbr_and_externals_from_any_database() -> None:
    areas = two_areas()
    areas[0][0] = router(R1, *cable(R1, R2, 12)[0], flags=B | E)  # type: ignore[arg-type]
    areas[1][0] = router(R1, *cable(R1, R3, 13)[0], flags=B | E)  # type: ignore[arg-type]
    areas[2].append(external("0.0.0.0/0", R1, 5))
    t = domain(areas)
    outside = [row for row, key in enumerate(t.links.keys) if key.interface == "external"]
    assert [t.links.keys[row] for row in outside] == [LinkKey("default", ip(R1), "external")]
    assert t.links.area[outside].tolist() == [0] and t.links.up[outside].all()
    assert place(t, "0.0.0.0/0") == (EXT2, [(R1, 0)]) and offered(t, "0.0.0.0/0") == [(EXT2, AS_WIDE, R1, 0)]
    row = t.prefixes.row(0, 0)
    assert t.prefixes.link[t.prefixes.start[row]] == outside[0]


def aged(each: Lsa, sequence: int, age: int = 1) -> Lsa:
    return replace(each, header=replace(each.header, sequence=sequence, age=age))


def test_of_external_lsas_in_several_databases_the_newest_counts() -> None:
    areas = two_areas()
    areas[0][0] = router(R1, *cable(R1, R2, 12)[0], flags=B | E)  # type: ignore[arg-type]
    areas[0].append(aged(external("10.7.0.0/16", R1, 5, type2=False), 10))
    areas[1].append(aged(external("10.7.0.0/16", R1, 6, type2=False), 11))
    areas[2].append(aged(external("10.7.0.0/16", R1, 7, type2=False), 9))
    assert place(domain(areas), "10.7.0.0/16") == (EXT1, [(R1, 6)])
    areas[2][-1] = aged(external("10.7.0.0/16", R1, 6, type2=False), 12, age=MAX_AGE)  # the newest is its end
    assert domain(areas).prefixes.row(*net("10.7.0.0/16")) == -1


def test_external_of_an_asbr_in_an_area_not_seen_leaves_where_the_backbone_says() -> None:
    areas = {area: lsas for area, lsas in two_areas().items() if area != 2}
    areas[0] += [asbr_summary("9.9.9.9", R2, 30), external("10.7.0.0/16", "9.9.9.9", 3, type2=False)]
    areas[1].append(asbr_summary("9.9.9.9", R1, 40))
    t = domain(areas)
    assert place(t, "10.7.0.0/16") == (EXT1, [(R2, 33)]) and offered(t, "10.7.0.0/16") == [(EXT1, -1, "-", 0)]
    a = t.asbr_offers
    assert list(zip(a.asbr, a.area, a.abr, a.cost, strict=True)) == [
        (ip("9.9.9.9"), 0, 1, 30),
        (ip("9.9.9.9"), 1, 0, 40),
    ]


def test_kinds_of_areas_come_from_the_option_bits() -> None:
    areas = two_areas()
    areas[1] = [*with_options(0, *areas[1]), *with_options(0, asbr_summary("9.9.9.9", R1, 4))]
    areas[2] = with_options(OPTION_NP, *areas[2])
    t = domain(areas)
    assert [graph.kind for graph in t.areas] == [NORMAL, STUB_AREA, NSSA]
    assert len(t.asbr_offers) == 0  # RFC 2328 3.6: no type 4 in a stub area, whoever put it there
    areas[2] = [*with_options(0, *areas[2]), external("10.7.0.0/16", R4, 3, kind=7)]
    assert domain(areas).areas[2].kind == NSSA  # only an NSSA holds type 7


def test_default_route_into_a_stub_area_is_no_place_of_addresses() -> None:
    areas = two_areas()
    areas[0][1] = router(R2, *cable(R1, R2, 12)[1], flags=B | E)  # type: ignore[arg-type]
    areas[1] = [*with_options(0, *areas[1]), *with_options(0, summary("0.0.0.0/0", R1, 1))]
    t = domain(areas)
    assert place(t, "0.0.0.0/0") == (INTER, [(R1, 1)])  # nothing better is known
    assert offered(t, "0.0.0.0/0") == [(INTER, 1, R1, OFFER_DEFAULT)]
    areas[0].append(external("0.0.0.0/0", R2, 5))
    t = domain(areas)
    assert place(t, "0.0.0.0/0") == (EXT2, [(R2, 0)])
    assert offered(t, "0.0.0.0/0") == [(INTER, 1, R1, OFFER_DEFAULT), (EXT2, -1, R2, 0)]


def test_nssa_externals_with_their_bits() -> None:  # RFC 3101
    areas = two_areas()
    areas[2] = with_options(OPTION_NP, *areas[2])
    areas[2][1] = replace(
        areas[2][1],
        body=replace(areas[2][1].body, flags=E),  # type: ignore[type-var]
    )
    areas[2] += [
        *with_options(OPTION_NP, external("10.7.0.0/16", R4, 3, kind=7, forward="10.42.0.9")),
        *with_options(0, external("10.8.0.0/16", R4, 3, kind=7)),
        *with_options(0, external("0.0.0.0/0", R2, 3, kind=7)),
    ]
    t = domain(areas)
    assert place(t, "10.7.0.0/16") == (EXT2, [(R4, 1)]) and place(t, "10.8.0.0/16") == (EXT2, [(R4, 0)])
    assert offered(t, "10.7.0.0/16") == [(EXT2, 2, R4, OFFER_TYPE7 | OFFER_P)]
    assert offered(t, "10.8.0.0/16") == [(EXT2, 2, R4, OFFER_TYPE7)]
    row = t.prefixes.row(*net("10.7.0.0/16"))
    assert t.offers.forwarding[t.offers.start[row]] == ip("10.42.0.9") and t.offers.asbr[t.offers.start[row]] == ip(R4)
    # R2's own default into the NSSA counts only if R2 is an ASBR
    assert t.prefixes.row(0, 0) == -1 and t.stats.no_border == 1 and t.stats.unreachable_prefixes == 1
    areas[2][0] = replace(areas[2][0], body=replace(areas[2][0].body, flags=B | E))  # type: ignore[type-var]
    t = domain(areas)
    assert offered(t, "0.0.0.0/0") == [(EXT2, 2, R2, OFFER_TYPE7 | OFFER_DEFAULT)]


def test_type_7_and_its_translation_are_one_attachment() -> None:  # RFC 3101 3.2
    areas = two_areas()
    areas[0][1] = router(R2, *cable(R1, R2, 12)[1], flags=B | E)  # type: ignore[arg-type]
    areas[2] = with_options(OPTION_NP, *areas[2])
    areas[2][1] = replace(areas[2][1], body=replace(areas[2][1].body, flags=E))  # type: ignore[type-var]
    areas[2] += with_options(OPTION_NP, external("10.7.0.0/16", R4, 3, kind=7, forward="10.42.0.9"))
    areas[0].append(external("10.7.0.0/16", R2, 3, forward="10.42.0.9"))
    t = domain(areas)
    assert place(t, "10.7.0.0/16") == (EXT2, [(R4, 1)])
    assert [each[:3] for each in offered(t, "10.7.0.0/16")] == [(EXT2, -1, R2), (EXT2, 2, R4)]


def test_down_bit_is_told() -> None:  # RFC 4576
    areas = two_areas()
    areas[0][0] = router(R1, *cable(R1, R2, 12)[0], flags=B | E)  # type: ignore[arg-type]
    areas[0] += with_options(OPTION_E | OPTION_DN, external("10.7.0.0/16", R1, 3), summary("10.8.0.0/16", R1, 3))
    t = domain(areas)
    assert offered(t, "10.7.0.0/16") == [(EXT2, -1, R1, OFFER_DN)]
    assert offered(t, "10.8.0.0/16") == [(INTER, 0, R1, OFFER_DN)]


def test_forwarding_address_in_another_area_and_behind_a_summary() -> None:  # RFC 2328 16.4 (3)
    areas = two_areas()
    areas[0][0] = router(R1, *cable(R1, R2, 12)[0], flags=B | E)  # type: ignore[arg-type]
    areas[0].append(external("10.7.0.0/16", R1, 3, forward="10.42.0.9"))
    assert place(domain(areas), "10.7.0.0/16") == (EXT2, [(R4, 1)])
    del areas[2]
    assert place(domain(areas), "10.7.0.0/16") == (EXT2, [(R2, 11)])  # the summary's border router
    areas[0].append(summary("10.42.0.0/25", R1, LS_INFINITY))
    assert place(domain(areas), "10.7.0.0/16") == (EXT2, [(R2, 11)])


def virtual_areas(data: str = "10.0.13.1", flags: int = B | V) -> dict[int, list[Lsa]]:
    """R1 is in the backbone; R3 reaches it by a virtual link through area 1 and is the border of area 3 with R5."""
    near, far = cable(R1, R3, 13)
    inner3, inner5 = cable(R3, R5, 35)
    return {
        0: [
            router(R1, *cable(R1, R2, 12)[0], virtual(R3, data, 10), flags=B),  # type: ignore[arg-type]
            router(R2, *cable(R1, R2, 12)[1]),  # type: ignore[arg-type]
            router(R3, virtual(R1, "10.0.13.2", 10), flags=B),
        ],
        1: [
            router(R1, *near, stub("10.255.0.1/32", 0), flags=flags),  # type: ignore[arg-type]
            router(R3, *far, flags=flags),  # type: ignore[arg-type]
        ],
        3: [router(R3, *inner3, flags=B), router(R5, *inner5)],  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("data", ["10.0.13.1", "10.255.0.1", "10.99.99.99"])
def test_virtual_link_is_an_edge_of_the_backbone_through_its_transit_area(data: str) -> None:  # RFC 2328 15
    t = domain(virtual_areas(data))
    assert (R1, R3, 10) in edges(t, 0) and (R3, R1, 10) in edges(t, 0)
    through = t.areas[0].edges
    assert sorted(through.virtual.tolist()) == [-1, -1, 1, 1]
    assert (through.out_link[through.virtual == 1] == -1).all()
    assert [graph.transit for graph in t.areas] == [False, True, False] and t.alive.all()
    assert t.areas[0].alive.all()


def test_virtual_link_without_a_way_through_its_transit_area() -> None:  # RFC 2328 15
    areas = virtual_areas()
    areas[1][1] = router(R3, *cable(R1, R3, 13)[1][1:], *cable(R3, R4, 34)[0], flags=B | V)  # type: ignore[arg-type]
    areas[1].append(router(R4, *cable(R3, R4, 34)[1]))  # type: ignore[arg-type]
    t = domain(areas)
    assert edges(t, 0) == {(R1, R2, 10), (R2, R1, 10)} and (t.areas[0].edges.virtual == -1).all()


def test_the_address_of_a_virtual_link_tells_its_area_where_several_are_possible() -> None:
    areas = virtual_areas("10.255.0.9")
    areas[4] = [
        router(R1, *cable(R1, R3, 99)[0], stub("10.255.0.9/32", 0), flags=B),  # type: ignore[arg-type]
        router(R3, *cable(R1, R3, 99)[1], flags=B),  # type: ignore[arg-type]
    ]
    t = domain(areas)
    through = {
        t.vertex_name(int(v)): int(a)
        for v, a in zip(t.areas[0].vertices[t.areas[0].edges.src], t.areas[0].edges.virtual, strict=True)
        if a >= 0
    }
    assert [graph.area for graph in t.areas] == [0, 1, 3, 4] and through == {R1: 3, R3: 1}


def test_transit_capability_needs_one_router_that_is_alive() -> None:  # RFC 2328 16.1 (2)
    areas = virtual_areas(flags=B)
    areas[1][1] = router(R3, *cable(R1, R3, 13)[1], flags=B | V)  # type: ignore[arg-type]
    assert domain(areas).areas[1].transit
    areas = virtual_areas(flags=B)
    areas[1].append(router(R4, p2p(R1, "10.9.9.9", 1), flags=B | V))  # its neighbours have let go of it
    assert not domain(areas).areas[1].transit


def test_virtual_link_through_an_area_nobody_is_attached_to() -> None:
    t = domain({area: lsas for area, lsas in virtual_areas().items() if area != 1})
    assert sorted(t.areas[0].edges.virtual.tolist()) == [-2, -2, -1, -1]


def test_alive_is_told_per_area_and_for_the_whole() -> None:
    areas = two_areas()
    areas[2][0] = router(R2, stub("10.0.24.0/30", 10), flags=B)  # R4 is gone, its LSA lingers
    t = domain(areas)
    assert t.alive.tolist() == [True, True, True, False]
    assert t.areas[2].alive.tolist() == [True, False]  # R2 is alive in the backbone
    rows = {str(key): bool(up) for key, up in zip(t.links.keys, t.links.up, strict=True)}
    assert rows == {
        f"{R1}:10.0.12.1": True, f"{R1}:10.0.13.1": True, f"{R2}:10.0.12.2": True, f"{R2}:10.0.24.0/30": True,
        f"{R3}:10.0.13.2": True, f"{R3}:10.31.0.0/24": True, f"{R4}:10.0.24.2": False, f"{R4}:10.42.0.0/24": False,
    }  # fmt: skip
    assert place(t, "10.42.0.0/24") == (INTER, [(R2, 11)]) and t.stats.unreachable_prefixes == 0
    areas[0][3] = summary("10.42.0.0/24", R2, LS_INFINITY)
    areas[1][2] = summary("10.42.0.0/24", R1, LS_INFINITY)
    t = domain(areas)
    assert t.stats.unreachable_prefixes == 1 and t.stats.infinite == 2  # R4's LAN


def test_a_border_router_cut_off_in_one_area_is_no_border_there() -> None:
    areas = two_areas()
    areas[1] = [
        router(R1, stub("10.0.13.0/30", 10), flags=B),
        router(R3, *cable(R3, R5, 35)[0], flags=B),  # type: ignore[arg-type]
        router(R5, *cable(R3, R5, 35)[1]),  # type: ignore[arg-type]
        summary("10.77.0.0/16", R1, 1), summary("10.77.0.0/16", R3, 9),
    ]  # fmt: skip
    t = domain({1: areas[1]})
    assert t.areas[0].alive.tolist() == [False, True, True]
    assert place(t, "10.77.0.0/16") == (INTER, [(R1, 1), (R3, 9)])


def test_what_a_border_router_says_where_it_is_cut_off_gives_way() -> None:
    one, two = cable(R3, R5, 35)
    areas = {
        1: [
            router(R1, stub("10.0.13.0/30", 10), flags=B),
            router(R3, *one, flags=E),  # type: ignore[arg-type]
            router(R5, *two),  # type: ignore[arg-type]
            summary("10.77.0.0/16", R1, 1), external("10.77.0.0/16", R3, 9),
        ],
        2: [router(R1, *cable(R1, R4, 14)[0], flags=B), router(R4, *cable(R1, R4, 14)[1])],  # type: ignore[arg-type]
    }  # fmt: skip
    t = domain(areas)
    assert t.alive.all() and t.areas[0].alive.tolist() == [False, True, True]
    assert place(t, "10.77.0.0/16") == (EXT2, [(R3, 0)])


def test_type_7_counts_in_its_own_area_only() -> None:
    areas = two_areas()
    areas[0][0] = router(R1, *cable(R1, R2, 12)[0], flags=B | E)  # type: ignore[arg-type]
    areas[2].append(external("10.7.0.0/16", R1, 3, kind=7))  # R1 is not in area 2
    t = domain(areas)
    assert t.prefixes.row(*net("10.7.0.0/16")) == -1 and t.stats.no_border == 1


def test_default_of_a_normal_area_is_a_summary_like_any() -> None:
    areas = two_areas()
    areas[0].append(summary("0.0.0.0/0", R1, 1))
    assert offered(domain(areas), "0.0.0.0/0") == [(INTER, 0, R1, 0)]


def test_forwarding_address_behind_a_host_summary_of_an_asbr() -> None:
    areas = two_areas()
    areas[0][0] = router(R1, *cable(R1, R2, 12)[0], flags=B | E)  # type: ignore[arg-type]
    areas[0] += [summary("10.99.0.1/32", R1, 4), external("10.7.0.0/16", R1, 3, forward="10.99.0.1")]
    t = domain(areas)
    row = t.prefixes.row(*net("10.7.0.0/16"))
    assert place(t, "10.7.0.0/16") == (EXT2, [(R1, 4)])
    assert t.prefixes.link[t.prefixes.start[row]] == -1  # it leaves into another area, not out of the AS


def test_stub_routers_ask_not_to_be_crossed() -> None:  # RFC 6987
    areas = two_areas()
    areas[0][1] = router(R2, p2p(R1, "10.0.12.2", 0xFFFF), stub("10.0.12.0/30", 1), flags=B)
    assert domain(areas).stub_routers == frozenset()  # in area 2 it may be crossed
    areas[2][0] = router(R2, p2p(R4, "10.0.24.1", 0xFFFF), flags=B)
    t = domain(areas)
    assert t.stub_routers == {ip(R2)} and (R2, R1, 0xFFFF) in edges(t, 0)  # it stays a way of last resort


def test_a_router_that_restarts_gracefully_stays_as_it_was() -> None:  # RFC 3623
    before = domain(two_areas())
    areas = two_areas()
    del areas[2][1]  # R4's router-LSA ran out
    areas[1][1] = router(R3)  # R3 begins anew
    kept = domain(areas, previous=before, restarting={ip(R4): 50.0, ip(R3): 50.0}, time=20.0)
    assert kept.links.up.all() and edges(kept, 2) == edges(before, 2) and edges(kept, 1) == edges(before, 1)
    kept = domain(areas, previous=kept, restarting={ip(R4): 50.0, ip(R3): 50.0}, time=40.0)
    assert kept.links.keys == before.links.keys and kept.links.up.all()
    over = domain(areas, previous=kept, restarting={ip(R4): 50.0}, time=50.0)
    assert ip(R4) not in over.routers and edges(over, 1) == set()


def test_polled_areas_say_so_and_two_databases_of_one_area_are_refused() -> None:
    t = domain({9: two_areas()[0]})
    assert t.areas[0].source == "polled" and t.area == "0.0.0.9"
    databases = [AreaDatabase(0, two_areas()[0]), AreaDatabase(0, [])]
    with pytest.raises(ValueError, match="two databases"):
        build_domain(databases, instance="x", version=1, time=0.0)


def test_nothing_attached() -> None:
    t = build_domain([], instance="default", version=1, time=0.0)
    assert t.n_vertices == 0 and t.areas == () and len(t.links) == len(t.prefixes) == len(t.offers) == 0
    t = domain({0: [], 1: [summary("10.0.0.0/8", R1, 3), external("0.0.0.0/0", R1, 1)]})
    assert t.n_vertices == 0 and t.stats.no_border == 2 and t.stats.unreachable_prefixes == 2


def test_host_bits_and_two_masks_of_one_address() -> None:  # RFC 2328 appendix E
    areas = two_areas()
    areas[0] += [
        lsa(3, ip("10.99.0.0"), ip(R1), SummaryLsa(mask(16), 3)),
        lsa(3, ip("10.99.0.255"), ip(R1), SummaryLsa(mask(24), 4)),
    ]
    t = domain(areas)
    assert place(t, "10.99.0.0/16") == (INTER, [(R1, 3)]) and place(t, "10.99.0.0/24") == (INTER, [(R1, 4)])
    inner = t.prefixes.row(*net("10.99.0.0/24"))
    assert t.prefixes.parent[inner] == t.prefixes.row(*net("10.99.0.0/16"))


def test_what_did_not_change_is_the_same_object() -> None:
    areas = two_areas()
    before = domain(areas)
    areas[2][1] = router(R4, p2p(R2, "10.0.24.2", 77), stub("10.0.24.0/30", 10), stub("10.42.0.0/24", 1))
    after = domain(areas, previous=before)
    assert after.areas[0] is before.areas[0] and after.areas[1] is before.areas[1]
    assert after.areas[2] is not before.areas[2] and after.links is not before.links
    assert after.prefixes is before.prefixes and after.offers is before.offers
    assert after.links.keys is before.links.keys
    again = domain(areas, previous=after)
    assert again.links is after.links and again.areas[2] is after.areas[2]
    assert np.array_equal(domain(areas).areas[2].edges.cost, again.areas[2].edges.cost)


def test_memory_of_another_instance_is_not_used() -> None:
    areas = [AreaDatabase(area, lsas) for area, lsas in two_areas().items()]
    blue = build_domain(areas, instance="blue", version=1, time=0.0)
    red = build_domain(areas, instance="red", version=1, time=0.0, previous=blue)
    assert {key.instance for key in red.links.keys} == {"red"}
