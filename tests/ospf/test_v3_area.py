"""The inside of an OSPFv3 area: exact pairing, the bits that keep a router out, networks by DR and interface id."""

from __future__ import annotations

import pytest

from ospf.areas import NORMAL, NSSA, STUB_AREA, AreaDatabase
from ospf.lsa import Lsa, with_age
from ospf.v3.area import Edge, Inside, Interface, Network, build_inside, joined_routers
from ospf.v3.lsa import OPTION_E, OPTION_N, OPTION_R, OPTION_V6, RouterLsa
from tests.ospf.v3_lsas import B, E, network, of_router, p2p, router, transit, virtual


def inside(*lsas: Lsa, previous: Inside | None = None) -> Inside:
    return build_inside(AreaDatabase(0, lsas), previous)


def ways(area: Inside) -> set[tuple[int, int, int]]:
    """(router or network vertex, to, cost) of the usable edges."""
    return {(edge.src, edge.dst, edge.cost) for edge in area.edges}


def test_parallel_links_are_paired_by_interface_ids_whatever_their_order() -> None:
    area = inside(
        router(1, p2p(3, 2, 8, 10), p2p(4, 2, 7, 20), p2p(5, 2, 9, 30)),
        router(2, p2p(7, 1, 4, 21), p2p(8, 1, 3, 11), p2p(9, 1, 5, 31)),
    )
    assert {i: state.reverse for i, state in area.interfaces.items() if i.router == 1} == {
        Interface(1, 3): Interface(2, 8),
        Interface(1, 4): Interface(2, 7),
        Interface(1, 5): Interface(2, 9),
    }
    assert Edge(0, 1, 20, Interface(1, 4), Interface(2, 7), False) in area.edges
    assert Edge(1, 0, 11, Interface(2, 8), Interface(1, 3), False) in area.edges
    assert len(area.edges) == 6


def test_a_link_that_only_one_end_describes_is_down() -> None:
    area = inside(router(1, p2p(3, 2, 8), p2p(4, 2, 7)), router(2, p2p(8, 1, 3), p2p(7, 1, 99)))
    assert ways(area) == {(0, 1, 10), (1, 0, 10)}
    assert not area.interfaces[Interface(1, 4)].up
    assert area.interfaces[Interface(1, 3)].up
    assert area.one_way == 2


def test_a_link_to_itself_or_to_nobody_is_down() -> None:
    area = inside(router(1, p2p(3, 1, 3), p2p(4, 77, 1)), router(2))
    assert area.edges == ()
    assert area.one_way == 2


def test_all_router_lsas_of_a_router_are_one() -> None:
    first, second = router(1, p2p(3, 2, 8), flags=B, lsid=5), router(1, p2p(4, 2, 9), flags=E, lsid=9)
    expected = RouterLsa(B, first.body.options, (p2p(3, 2, 8), p2p(4, 2, 9)))  # type: ignore[union-attr]
    assert joined_routers([second, first]) == joined_routers([first, second]) == {1: expected}
    area = inside(second, first, router(2, p2p(8, 1, 3), p2p(9, 1, 4)))
    assert len(area.edges) == 4
    assert area.flags == (B, 0)  # RFC 5340 A.4.3: those of the lowest link state id


def test_a_network_is_known_by_its_dr_and_interface_id() -> None:
    area = inside(
        router(1, transit(3, 2, 8, 10), transit(4, 2, 9, 20)),
        router(2, transit(8, 2, 8, 11), transit(9, 2, 9, 21)),
        network(2, 8, 1, 2),
        network(2, 9, 1, 2),
        network(1, 8, 1, 2),  # of an earlier DR: nobody points at it
    )
    assert area.networks == (Network(8, 2), Network(9, 2))
    assert ways(area) == {(0, 2, 10), (0, 3, 20), (1, 2, 11), (1, 3, 21), (2, 0, 0), (2, 1, 0), (3, 0, 0), (3, 1, 0)}


def test_two_interfaces_on_one_network_are_two_ways() -> None:
    area = inside(
        router(1, transit(3, 2, 8, 10), transit(4, 2, 8, 20)), router(2, transit(8, 2, 8)), network(2, 8, 1, 2)
    )
    out = [(edge.cost, edge.out) for edge in area.edges if edge.src == 0]
    assert out == [(10, Interface(1, 3)), (20, Interface(1, 4))]
    assert [edge.into for edge in area.edges if edge.src == 2 and edge.dst == 0] == [Interface(1, 3), Interface(1, 4)]


def test_a_router_that_the_network_does_not_list_is_not_on_it() -> None:
    area = inside(
        router(1, transit(3, 2, 8)), router(2, transit(8, 2, 8)), router(3, transit(1, 2, 8)), network(2, 8, 2, 3)
    )
    assert not area.interfaces[Interface(1, 3)].up
    assert area.interfaces[Interface(3, 1)].up
    assert list(area.alive) == [False, True, True, True]
    assert area.one_way == 1


def test_without_the_r_bit_a_router_is_reached_but_not_crossed() -> None:
    area = inside(
        router(1, p2p(1, 2, 1)),
        router(2, p2p(1, 1, 1), p2p(2, 3, 1), options=OPTION_V6 | OPTION_E),
        router(3, p2p(1, 2, 2)),
    )
    assert ways(area) == {(0, 1, 10), (2, 1, 10)}
    assert area.alive.all()


def test_without_the_v6_bit_a_router_is_not_there() -> None:
    area = inside(
        router(1, p2p(1, 2, 1), p2p(2, 3, 2)),
        router(2, p2p(1, 1, 1), p2p(2, 3, 1), options=OPTION_R | OPTION_E),
        router(3, p2p(1, 2, 2), p2p(2, 1, 2)),
    )
    assert area.routers == (1, 3)
    assert ways(area) == {(0, 1, 10), (1, 0, 10)}


def test_point_to_multipoint_is_one_interface_with_several_edges() -> None:
    area = inside(router(1, p2p(6, 2, 6, 30), p2p(6, 3, 6, 20)), router(2, p2p(6, 1, 6)), router(3, p2p(6, 1, 6)))
    assert {i: (s.cost, s.up) for i, s in area.interfaces.items() if i.router == 1} == {Interface(1, 6): (20, True)}
    assert {(0, 1, 30), (0, 2, 20)} <= ways(area)


def test_virtual_links_are_edges_without_an_interface() -> None:
    area = inside(router(1, virtual(9, 2, 8)), router(2, virtual(8, 1, 9)), router(3, virtual(8, 1, 9)))
    assert set(area.edges) == {Edge(0, 1, 10, None, None, True), Edge(1, 0, 10, None, None, True)}
    assert not area.interfaces


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ((OPTION_E,), NORMAL),
        ((OPTION_N,), NSSA),
        ((0,), STUB_AREA),
        ((OPTION_N, OPTION_N, OPTION_E), NSSA),
        ((OPTION_E, OPTION_E, 0), NORMAL),
        ((), NORMAL),
    ],
)
def test_the_options_of_most_tell_the_kind(options: tuple[int, ...], kind: int) -> None:
    lsas = [router(1 + i, options=OPTION_V6 | OPTION_R | each) for i, each in enumerate(options)]
    assert build_inside(AreaDatabase(7, lsas)).kind == kind
    assert inside(*lsas).kind == NORMAL  # the backbone


def test_stub_routers_of_rfc_6987() -> None:
    area = inside(router(1, p2p(1, 2, 1, 0xFFFF)), router(2, p2p(1, 1, 1, 0xFFFF), p2p(2, 3, 1)), router(3))
    assert area.stub_routers == {1}


def test_what_reached_max_age_is_not_there() -> None:
    area = inside(router(1, p2p(1, 2, 1)), with_age(router(2, p2p(1, 1, 1)), 3600))
    assert area.routers == (1,)


def test_the_inside_stays_while_its_lsas_do() -> None:
    lsas = [router(1, p2p(1, 2, 1)), router(2, p2p(1, 1, 1))]
    before = inside(*lsas)
    assert inside(*lsas, of_router(1, ("2001:db8::/64", 1)), previous=before) is before
    assert inside(lsas[0], router(2, p2p(1, 1, 1)), previous=before) is not before
    assert inside(lsas[0], previous=before) is not before


def test_an_empty_area() -> None:
    area = inside()
    assert (area.routers, area.networks, area.n_vertices) == ((), (), 0)
