"""What routers choose, on networks worked out by hand: RFC 2328 16.2-16.4, RFC 3101, RFC 3509."""

from __future__ import annotations

import pytest

from ospf.lsa import ExternalLsa, Lsa
from tests.ospf.domains import (
    OPTION_E,
    OPTION_NP,
    R1,
    R2,
    R3,
    R4,
    R5,
    domain,
    nssa,
    optioned,
    stubby,
    table,
    three_areas,
)
from tests.ospf.lsas import (
    B,
    E,
    asbr_summary,
    external,
    ip,
    lsa,
    mask,
    network,
    p2p,
    router,
    stub,
    summary,
    transit,
    virtual,
)


def test_every_router_sees_its_own_areas() -> None:
    t = domain(three_areas())
    assert table(t, R3)["10.4.0.0/24"] == ("inter", 21, 0, 1, {f"10.1.23.3>{R2}"})
    assert table(t, R4)["10.3.0.0/24"] == ("inter", 21, 0, 2, {f"10.2.24.4>{R2}"})
    assert table(t, R2)["10.3.0.0/24"] == ("intra", 11, 0, 1, {f"10.1.23.2>{R3}"})
    assert table(t, R1)["10.3.0.0/24"] == ("intra", 11, 0, 1, {f"10.1.13.1>{R3}"})
    # a border router uses the backbone's summaries, not the cheaper way it might have through area 1
    assert table(t, R1)["10.4.0.0/24"] == ("inter", 21, 0, 0, {f"10.0.12.1>{R2}"})


def test_intra_area_comes_first_whatever_the_cost() -> None:
    areas = three_areas()
    areas[1][1] = router(R2, p2p(R3, "10.1.23.2", 1000), flags=B)
    t = domain(areas)
    assert table(t, R2)["10.3.0.0/24"][:2] == ("intra", 1001)  # over the backbone it would be 21


def test_equal_costs_through_two_border_routers() -> None:
    areas = three_areas()
    areas[1][3] = summary("10.4.0.0/24", R1, 11)
    t = domain(areas)
    assert table(t, R3)["10.4.0.0/24"] == ("inter", 21, 0, 1, {f"10.1.13.3>{R1}", f"10.1.23.3>{R2}"})


def test_a_border_router_must_be_reachable_in_that_area_and_be_one() -> None:
    areas = three_areas()
    areas[1][1] = router(R2, flags=B)  # its link to R3 is gone, and with it what it tells there
    assert table(domain(areas), R3)["10.4.0.0/24"] == ("inter", 31, 0, 1, {f"10.1.13.3>{R1}"})
    areas = three_areas()
    areas[1][1] = router(R2, p2p(R3, "10.1.23.2", 10))  # no B bit
    assert table(domain(areas), R3)["10.4.0.0/24"] == ("inter", 31, 0, 1, {f"10.1.13.3>{R1}"})


def test_a_border_router_does_not_believe_itself() -> None:
    areas = three_areas()
    areas[1][3] = summary("10.4.0.0/24", R1, 1)
    assert table(domain(areas), R1)["10.4.0.0/24"][1] == 21


def test_rfc_3509_a_border_router_without_a_live_backbone() -> None:
    areas = three_areas()
    areas[0][0], areas[0][1] = router(R1, flags=B), router(R2, flags=B)  # R1 - R2 fails
    areas[1].pop(3)  # R1 has no route any more and takes its summary back
    assert table(domain(areas), R1)["10.4.0.0/24"] == ("inter", 31, 0, 1, {f"10.1.13.1>{R3}"})
    assert "10.4.0.0/24" not in table(domain(areas, abr="rfc2328"), R1)


def test_a_router_in_two_areas_that_is_no_border_router_uses_both() -> None:
    areas = three_areas()
    areas[3] = [router(R3), router(R5, stub("10.5.0.0/24", 1))]
    areas[1][2] = router(R3, p2p(R1, "10.1.13.3", 10), p2p(R2, "10.1.23.3", 10))
    assert table(domain(areas), R3)["10.4.0.0/24"][:2] == ("inter", 21)


def with_externals(*lsas: Lsa) -> dict[int, list[Lsa]]:
    """R3 (area 1) and R4 (area 2) are ASBRs, the border routers say so."""
    areas = three_areas()
    areas[1][2] = router(R3, p2p(R1, "10.1.13.3", 10), p2p(R2, "10.1.23.3", 10), stub("10.3.0.0/24", 1), flags=E)
    areas[2][1] = router(R4, p2p(R2, "10.2.24.4", 10), stub("10.4.0.0/24", 1), flags=E)
    areas[0] += [asbr_summary(R3, R1, 10), asbr_summary(R3, R2, 10), asbr_summary(R4, R2, 10)]
    areas[1] += [asbr_summary(R4, R1, 20), asbr_summary(R4, R2, 10)]
    areas[2] += [asbr_summary(R3, R2, 10)]
    for area in areas.values():
        area += lsas
    return areas


def test_externals_through_the_right_border_router() -> None:
    t = domain(with_externals(external("10.9.0.0/16", R4, 7), external("10.8.0.0/16", R4, 7, type2=False)))
    assert table(t, R3)["10.9.0.0/16"] == ("external-2", 20, 7, None, {f"10.1.23.3>{R2}"})
    assert table(t, R3)["10.8.0.0/16"] == ("external-1", 27, 0, None, {f"10.1.23.3>{R2}"})
    assert table(t, R1)["10.9.0.0/16"] == ("external-2", 20, 7, None, {f"10.0.12.1>{R2}"})
    assert "10.9.0.0/16" not in table(t, R4)  # its own is not OSPF's


def test_preference_among_externals() -> None:
    both = [
        external("10.9.0.0/16", R4, 100, type2=False), external("10.9.0.0/16", R3, 1),  # type 1 before type 2
        external("10.8.0.0/16", R4, 5), external("10.8.0.0/16", R3, 6),  # the smaller type-2 metric, then nearer
        external("10.7.0.0/16", R4, 5), external("10.7.0.0/16", R3, 5),
        external("10.3.0.0/24", R4, 1, type2=False),  # intra before all of them
    ]  # fmt: skip
    t = domain(with_externals(*both))
    assert table(t, R2)["10.9.0.0/16"][:3] == ("external-1", 110, 0)
    assert table(t, R2)["10.8.0.0/16"] == ("external-2", 10, 5, None, {f"10.2.24.2>{R4}"})
    assert table(t, R2)["10.7.0.0/16"][4] == {f"10.2.24.2>{R4}", f"10.1.23.2>{R3}"}
    assert table(t, R1)["10.7.0.0/16"] == ("external-2", 10, 5, None, {f"10.1.13.1>{R3}"})
    assert table(t, R2)["10.3.0.0/24"][0] == "intra"


def test_an_asbr_must_be_reachable_and_be_one() -> None:
    areas = with_externals(external("10.9.0.0/16", R4, 7))
    areas[1] = [lsa_ for lsa_ in areas[1] if lsa_.header.type != 4]
    assert "10.9.0.0/16" not in table(domain(areas), R3)
    areas = with_externals(external("10.9.0.0/16", R4, 7))
    areas[2][1] = router(R4, p2p(R2, "10.2.24.4", 10))  # no E bit
    assert "10.9.0.0/16" not in table(domain(areas), R2)


def test_who_is_no_border_router_announces_in_vain() -> None:  # RFC 2328 16.2 (4)
    areas = three_areas()
    areas[1][1] = router(R2, p2p(R3, "10.1.23.2", 10))  # no B bit
    areas[1].append(external("10.9.0.0/16", "9.9.9.9", 1))
    areas[1].append(asbr_summary("9.9.9.9", R2, 1))
    t = domain(areas)
    assert t.stats.no_border == 3 and not len(t.asbr_offers)  # R2's type 3, its type 4, and the ASBR nobody knows
    assert table(t, R3)["10.4.0.0/24"] == ("inter", 31, 0, 1, {f"10.1.13.3>{R1}"})
    assert "10.9.0.0/16" not in table(t, R3)


def test_dn_bit_is_ignored_by_routers_that_set_it() -> None:  # RFC 4576
    heard = optioned(external("10.9.0.0/16", R4, 7), 0x82)
    areas = with_externals(heard)
    for rid in (R1, R2, R3):  # R4 is the provider edge, these are the customer's own
        assert "10.9.0.0/16" in table(domain(areas), rid)
    areas[0].append(optioned(summary("10.8.0.0/16", R1, 5), 0x82))  # another provider edge
    assert "10.9.0.0/16" not in table(domain(areas), R1)
    assert "10.9.0.0/16" in table(domain(areas), R2)
    assert table(domain(areas), R2)["10.8.0.0/16"][:2] == ("inter", 15)
    areas[0].append(optioned(summary("10.8.0.0/16", R2, 5), 0x82))
    for rid in (R1, R2):  # each tells the other; neither believes it
        assert table(domain(areas), rid)["10.8.0.0/16"][:2] == ("intra", 5), "the end of the path"


def test_forwarding_address_counts_not_the_asbr() -> None:
    t = domain(with_externals(external("10.9.0.0/16", R4, 7, type2=False, forward="10.3.0.9")))
    assert table(t, R2)["10.9.0.0/16"] == ("external-1", 18, 0, None, {f"10.1.23.2>{R3}"})
    assert table(t, R3)["10.9.0.0/16"] == ("external-1", 8, 0, None, {"10.3.0.0/24>10.3.0.9"})  # on its own LAN


def test_forwarding_address_needs_a_route_inside() -> None:
    heard = [
        external("10.9.0.0/16", R4, 7, forward="10.77.0.9"),
        external("10.77.0.0/16", R3, 7),  # an external route to it does not count
        external("10.8.0.0/16", R4, 7, forward="10.77.0.9"),
        external("10.8.0.0/16", R3, 9),
    ]
    t = domain(with_externals(*heard))
    assert "10.9.0.0/16" not in table(t, R1)
    assert table(t, R1)["10.8.0.0/16"][:3] == ("external-2", 10, 9)


def test_forwarding_address_when_the_asbr_itself_cannot_be_reached() -> None:
    areas = with_externals(external("10.9.0.0/16", "9.9.9.9", 7, forward="10.3.0.9"))
    assert "10.9.0.0/16" not in table(domain(areas), R1)  # RFC 2328 16.4 (3)


def test_forwarding_address_on_a_lan_is_the_next_hop_itself() -> None:
    t = domain({
        0: [
            router(R1, transit("10.5.0.1", "10.5.0.1", 10)),
            router(R2, transit("10.5.0.1", "10.5.0.2", 10), flags=E),
            router(R3, transit("10.5.0.1", "10.5.0.3", 10)),
            network("10.5.0.1", 24, R1, [R1, R2, R3]),
            external("10.9.0.0/16", R2, 7, forward="10.5.0.3"),
            external("10.8.0.0/16", R2, 7, forward="10.5.0.77"),
        ]
    })  # fmt: skip
    assert table(t, R1)["10.9.0.0/16"] == ("external-2", 10, 7, None, {f"10.5.0.1>{R3}"})
    assert table(t, R1)["10.8.0.0/16"] == ("external-2", 10, 7, None, {"10.5.0.1>10.5.0.77"})


def beside_a_dear_lan() -> dict[int, list[Lsa]]:
    """R1 is on the LAN at cost 30; by its cable to R2, and over R2's interface, it is 15 away."""
    return {
        0: [
            router(R1, transit("10.5.0.1", "10.5.0.1", 30), p2p(R2, "10.5.12.1", 5)),
            router(R2, transit("10.5.0.1", "10.5.0.2", 10), p2p(R1, "10.5.12.2", 5)),
            router(R3, transit("10.5.0.1", "10.5.0.3", 10), flags=E),
            network("10.5.0.1", 24, R1, [R1, R2, R3]),
            external("10.9.0.0/16", R3, 7, forward="10.5.0.77"),
        ]
    }


def test_forwarding_address_on_a_lan_that_another_router_is_nearer_to() -> None:
    # as FRR 8.4 does in tests/lab/cases/nssa
    assert table(domain(beside_a_dear_lan()), R1)["10.9.0.0/16"] == ("external-2", 15, 7, None, {f"10.5.12.1>{R2}"})
    assert table(domain(beside_a_dear_lan()), R2)["10.9.0.0/16"] == ("external-2", 10, 7, None, {"10.5.0.2>10.5.0.77"})
    areas = beside_a_dear_lan()
    areas[0][0] = router(R1, transit("10.5.0.1", "10.5.0.1", 15), p2p(R2, "10.5.12.1", 5))
    hops = {f"10.5.12.1>{R2}", "10.5.0.1>10.5.0.77"}  # both
    assert table(domain(areas), R1)["10.9.0.0/16"] == ("external-2", 15, 7, None, hops)


def test_forwarding_address_of_the_router_itself() -> None:
    # FRR and BIRD both leave such an LSA aside (tests/lab/cases/externals): its traffic would go round in circles
    areas = beside_a_dear_lan()
    areas[0][4] = external("10.9.0.0/16", R3, 7, forward="10.5.0.2")
    t = domain(areas)
    assert "10.9.0.0/16" not in table(t, R2)
    assert table(t, R1)["10.9.0.0/16"] == ("external-2", 15, 7, None, {f"10.5.12.1>{R2}"})


def two_ways_to_an_asbr(cost_in_area_1: int) -> dict[int, list[Lsa]]:
    """R3, an ASBR, is in the backbone and in area 1, as R1 is."""
    return {
        0: [
            router(R1, p2p(R3, "10.0.13.1", 10), flags=B),
            router(R3, p2p(R1, "10.0.13.3", 10), flags=B | E),
            external("10.9.0.0/16", R3, 7),
        ],
        1: [
            router(R1, p2p(R3, "10.1.13.1", cost_in_area_1), flags=B),
            router(R3, p2p(R1, "10.1.13.3", cost_in_area_1), flags=B | E),
        ],
    }


def test_an_asbr_in_several_areas() -> None:  # 16.4.1
    t = domain(two_ways_to_an_asbr(100))
    assert table(t, R1)["10.9.0.0/16"] == ("external-2", 100, 7, None, {f"10.1.13.1>{R3}"})
    t = domain(two_ways_to_an_asbr(100), rfc1583_compatibility=True)
    assert table(t, R1)["10.9.0.0/16"] == ("external-2", 10, 7, None, {f"10.0.13.1>{R3}"})
    t = domain(two_ways_to_an_asbr(10), rfc1583_compatibility=True)
    assert table(t, R1)["10.9.0.0/16"][4] == {f"10.1.13.1>{R3}"}  # equal: the larger area id


def test_the_preferred_asbr_of_two_is_the_one_inside_another_area() -> None:
    heard = [external("10.9.0.0/16", R3, 7), external("10.9.0.0/16", R5, 7)]
    areas = with_externals(*heard)
    areas[0][1] = router(R2, p2p(R1, "10.0.12.2", 10), p2p(R5, "10.0.25.2", 1), flags=B)
    areas[0].append(router(R5, p2p(R2, "10.0.25.5", 1), flags=E))
    assert table(domain(areas), R2)["10.9.0.0/16"][:2] == ("external-2", 10)
    assert table(domain(areas, rfc1583_compatibility=True), R2)["10.9.0.0/16"][:2] == ("external-2", 1)


def seven(prefix: str, asbr: str, metric: int, *, p: bool, type2: bool = True, forward: str = "0.0.0.0") -> Lsa:
    made = external(prefix, asbr, metric, type2=type2, forward=forward, kind=7)
    return optioned(made, OPTION_NP if p else 0)


def with_nssa(*sevens: Lsa, fives: tuple[Lsa, ...] = ()) -> dict[int, list[Lsa]]:
    """Area 1 is an NSSA, R3 its ASBR."""
    areas = three_areas()
    areas[1][2] = router(R3, p2p(R1, "10.1.13.3", 10), p2p(R2, "10.1.23.3", 10), stub("10.3.0.0/24", 1), flags=E)
    areas[1] = [*nssa(*areas[1]), *sevens]
    for number in (0, 2):
        areas[number] += fives
    return areas


def test_type_7_stays_in_its_area() -> None:
    t = domain(with_nssa(seven("10.9.0.0/16", R3, 5, p=True, forward="10.3.0.1")))
    assert table(t, R1)["10.9.0.0/16"] == ("external-2", 11, 5, None, {f"10.1.13.1>{R3}"})
    assert "10.9.0.0/16" not in table(t, R4)


def test_type_5_does_not_enter_stub_areas() -> None:
    made = external("10.9.0.0/16", R2, 5)
    areas = with_nssa(fives=(made,))
    areas[0][1] = router(R2, p2p(R1, "10.0.12.2", 10), flags=B | E)
    areas[2][0] = router(R2, p2p(R4, "10.2.24.2", 10), flags=B | E)
    t = domain(areas)
    assert table(t, R4)["10.9.0.0/16"][:3] == ("external-2", 10, 5)
    assert "10.9.0.0/16" not in table(t, R3)
    areas[2] = stubby(*(held for held in areas[2] if held.header.type != 5), summary("0.0.0.0/0", R2, 1))
    t = domain(areas)
    assert "10.9.0.0/16" not in table(t, R4)
    assert table(t, R4)["0.0.0.0/0"] == ("inter", 11, 0, 2, {f"10.2.24.4>{R2}"})
    assert "0.0.0.0/0" not in table(t, R2)  # the default it makes for others is none of its own


@pytest.mark.parametrize("p", [True, False])
def test_equal_type_5_and_type_7(p: bool) -> None:  # RFC 3101 2.5 (6) (e)
    five = external("10.9.0.0/16", R1, 5, type2=False)
    areas = with_nssa(seven("10.9.0.0/16", R3, 5, p=p, type2=False), fives=(five,))
    areas[0][0] = router(R1, p2p(R2, "10.0.12.1", 10), flags=B | E)
    t = domain(areas, rfc1583_compatibility=True)  # else the one inside a non-backbone area is preferred anyhow
    assert table(t, R2)["10.9.0.0/16"][:2] == ("external-1", 15)
    assert table(t, R2)["10.9.0.0/16"][4] == {f"10.1.23.2>{R3}" if p else f"10.0.12.2>{R1}"}


def test_type_7_forwarding_address_must_lie_in_its_area() -> None:
    t = domain(with_nssa(seven("10.9.0.0/16", R3, 5, p=True, forward="10.4.0.9")))
    assert "10.9.0.0/16" not in table(t, R2)


def test_nssa_default_is_not_for_border_routers() -> None:  # RFC 3101 2.5 (3)
    t = domain(with_nssa(seven("0.0.0.0/0", R1, 5, p=False)))
    assert "0.0.0.0/0" not in table(t, R2)
    areas = with_nssa(seven("0.0.0.0/0", R1, 5, p=False))
    areas[1][0] = optioned(router(R1, p2p(R3, "10.1.13.1", 10), flags=B | E), OPTION_NP)
    assert table(domain(areas), R3)["0.0.0.0/0"] == ("external-2", 10, 5, None, {f"10.1.13.3>{R1}"})


def behind_a_virtual_link() -> dict[int, list[Lsa]]:
    """Area 3 hangs on R3 of area 1; R3 is joined to the backbone by a virtual link to R2 through area 1."""
    areas = three_areas()
    v = 4
    areas[0][1] = router(R2, p2p(R1, "10.0.12.2", 10), virtual(R3, "10.1.23.2", 10), flags=B)
    areas[0] += [router(R3, virtual(R2, "10.1.23.3", 10), flags=B), summary("10.5.0.0/24", R3, 11)]
    areas[0] += [summary("10.3.0.0/24", R3, 1)]
    areas[1][0] = router(R1, p2p(R3, "10.1.13.1", 3), flags=B)
    areas[1][1] = router(R2, p2p(R3, "10.1.23.2", 10), flags=B | v)
    areas[1][2] = router(R3, p2p(R1, "10.1.13.3", 3), p2p(R2, "10.1.23.3", 10), stub("10.3.0.0/24", 1), flags=B | v)
    areas[1] += [summary("10.5.0.0/24", R3, 11)]
    areas[3] = [
        router(R3, p2p(R5, "10.3.35.3", 10), flags=B),
        router(R5, p2p(R3, "10.3.35.5", 10), stub("10.5.0.0/24", 1)),
        summary("10.4.0.0/24", R3, 21),
    ]
    return areas


def test_a_virtual_link_is_its_path_through_the_transit_area() -> None:
    t = domain(behind_a_virtual_link())
    assert table(t, R3)["10.4.0.0/24"] == ("inter", 21, 0, 0, {f"10.1.23.3>{R2}"})
    assert table(t, R2)["10.5.0.0/24"] == ("inter", 21, 0, 0, {f"10.1.23.2>{R3}"})
    assert table(t, R5)["10.4.0.0/24"] == ("inter", 31, 0, 3, {f"10.3.35.5>{R3}"})


def test_summaries_of_the_transit_area_shorten_the_way() -> None:  # RFC 2328 16.3
    # over the backbone R1 would go by R2 and the virtual link (31); straight through area 1 it is 14
    t = domain(behind_a_virtual_link())
    assert table(t, R1)["10.5.0.0/24"] == ("inter", 14, 0, 0, {f"10.1.13.1>{R3}"})
    areas = behind_a_virtual_link()
    areas[1][0] = router(R1, p2p(R3, "10.1.13.1", 20), flags=B)  # equal: both
    assert table(domain(areas), R1)["10.5.0.0/24"] == ("inter", 31, 0, 0, {f"10.1.13.1>{R3}", f"10.0.12.1>{R2}"})


def test_what_lies_behind_a_border_router_nobody_looks_behind() -> None:
    areas = three_areas()
    del areas[2]  # nothing is attached there
    t = domain(areas)
    assert table(t, R2)["10.4.0.0/24"] == ("intra", 11, 0, None, frozenset())
    assert table(t, R1)["10.4.0.0/24"] == ("inter", 21, 0, 0, {f"10.0.12.1>{R2}"})
    areas = {1: three_areas()[1]}  # only area 1
    t = domain(areas)
    assert table(t, R1)["10.4.0.0/24"] == ("inter", 21, 0, None, frozenset())
    assert table(t, R2)["10.4.0.0/24"] == ("inter", 11, 0, None, frozenset())
    assert table(t, R3)["10.4.0.0/24"] == ("inter", 21, 0, 1, {f"10.1.23.3>{R2}"})


def test_two_border_routers_of_an_area_nobody_looks_into_each_use_it() -> None:
    areas = three_areas()
    del areas[2]
    areas[0].append(summary("10.4.0.0/24", R1, 31))
    t = domain(areas)
    assert table(t, R1)["10.4.0.0/24"] == ("intra", 31, 0, None, frozenset())  # though by R2 it were 21
    assert table(t, R2)["10.4.0.0/24"] == ("intra", 11, 0, None, frozenset())


def test_a_border_router_that_announces_what_it_may_not() -> None:
    areas = three_areas()
    areas[0].append(summary("10.4.0.0/24", R1, 31))  # FRR's ospf6d does; the prefix is in an area that we see
    assert table(domain(areas), R1)["10.4.0.0/24"] == ("inter", 21, 0, 0, {f"10.0.12.1>{R2}"})


def test_an_asbr_in_an_area_nobody_looks_into() -> None:
    areas = with_externals(external("10.9.0.0/16", R4, 7))
    del areas[2]
    t = domain(areas)
    assert table(t, R2)["10.9.0.0/16"] == ("external-2", 10, 7, None, frozenset())
    assert table(t, R1)["10.9.0.0/16"] == ("external-2", 20, 7, None, {f"10.0.12.1>{R2}"})


def test_type_5_needs_a_way_outside_stub_areas() -> None:  # RFC 3101 2.5 (3)
    areas = two_ways_to_an_asbr(1)
    areas[1] = nssa(*areas[1])
    assert table(domain(areas), R1)["10.9.0.0/16"] == ("external-2", 10, 7, None, {f"10.0.13.1>{R3}"})


def test_host_bits_of_the_link_state_id_do_not_matter() -> None:  # appendix E
    made = external("10.9.0.0/16", R4, 7)
    odd = lsa(5, ip("10.9.255.255"), ip(R4), ExternalLsa(mask(24), 3, True, 0, 0))
    shown = table(domain(with_externals(made, odd)), R2)
    assert shown["10.9.0.0/16"][2] == 7 and shown["10.9.255.0/24"][2] == 3


def test_the_same_prefix_in_two_areas() -> None:
    areas = three_areas()
    areas[2][1] = router(R4, p2p(R2, "10.2.24.4", 10), stub("10.3.0.0/24", 1))
    assert table(domain(areas), R2)["10.3.0.0/24"] == ("intra", 11, 0, 2, {f"10.1.23.2>{R3}", f"10.2.24.2>{R4}"})


def test_max_age_is_absent() -> None:
    areas = three_areas()
    areas[0][4] = optioned(areas[0][4], OPTION_E, age=3600)
    assert "10.4.0.0/24" not in table(domain(areas), R1)
