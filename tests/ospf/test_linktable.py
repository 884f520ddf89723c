"""Row numbers hold while the set of rows does; rows that areas share."""

from __future__ import annotations

from ospf.areas import AreaDatabase, Options
from ospf.lsa import Lsa, RouterLink
from ospf.topology import Topology, build_domain
from tests.ospf.lsas import E, ip, p2p, router, stub

A, B = "1.1.1.1", "2.2.2.2"


def build(*areas: list[Lsa], known: dict[int, set[int]] | None = None) -> Topology:
    databases = [AreaDatabase(number, lsas) for number, lsas in enumerate(areas)]
    return build_domain(databases, instance="default", version=1, time=0.0, known=known)


def names(t: Topology, rid: str) -> list[str]:
    return [key.interface for key in t.links.keys if key.router == ip(rid)]


def pair(*ours: RouterLink, flags: int = 0) -> list[Lsa]:
    return [router(A, *ours, flags=flags), router(B, p2p(A, "10.0.0.2", 1), p2p(A, "9.0.0.2", 1))]


def test_rows_of_a_router_are_in_order_of_number_whatever_the_lsa_says_first() -> None:
    links = [p2p(B, "10.0.0.1", 1), p2p(B, 77, 1), stub("9.0.0.0/8", 1), p2p(B, "9.0.0.1", 1), stub("9.0.0.0/16", 1)]
    expected = ["if77", "9.0.0.0/8", "9.0.0.1", "10.0.0.1", "external"]
    assert names(build(pair(*links, flags=E)), A) == expected
    assert names(build(pair(*reversed(links), flags=E)), A) == expected


def test_an_interface_that_becomes_a_stub_keeps_its_row() -> None:
    known = {ip(A): {ip("10.0.0.1"), ip("9.0.0.1")}}
    both = [p2p(B, "10.0.0.1", 1), stub("10.0.0.0/30", 1), p2p(B, "9.0.0.1", 1), stub("9.0.0.0/30", 1)]
    before = build(pair(*both), known=known)
    after = build(pair(*both[1:]), known=known)
    assert after.links.keys == before.links.keys and after.links.kind.tolist() != before.links.kind.tolist()


def test_shared_rows_take_the_least_cost_and_the_description_with_a_neighbour() -> None:
    one = [router(A, stub("10.1.0.0/24", 5)), router(B)]
    two = [router(A, stub("10.1.0.0/24", 3), p2p(B, "10.0.0.1", 7)), router(B, p2p(A, "10.0.0.2", 7))]
    t = build(one, two)
    assert names(t, A) == ["10.0.0.1", "10.1.0.0/24"] and t.links.cost.tolist() == [7, 3, 7]
    assert t.links.area.tolist() == [1, 0, 1] and t.links.up.all()


def test_neighbour_of_a_shared_row_is_that_of_the_lowest_area() -> None:
    far = [router(A, p2p("9.9.9.9", "10.0.0.1", 7)), router(B)]  # one way only
    near = [router(A, p2p(B, "10.0.0.1", 9)), router(B, p2p(A, "10.0.0.2", 9))]
    t = build(far, near)
    assert names(t, A) == ["10.0.0.1"] and t.links.neighbor[0] == "9.9.9.9" and t.links.target[0] == -1
    assert t.links.up[0] and t.links.reverse[0] == 1 and t.areas[1].edges.out_link.tolist() == [0, 1]


def test_a_link_to_our_listener_is_up_while_its_router_is_and_leads_nowhere() -> None:
    ours, other = "0.0.0.255", "0.0.0.254"
    lsas = pair(p2p(B, "10.0.0.1", 1), p2p(B, "9.0.0.1", 1), p2p(ours, "10.2.99.1", 1), p2p(other, "10.2.98.1", 1))
    lonely = router("3.3.3.3", p2p(ours, "10.2.97.1", 1))

    def up(options: Options) -> dict[str, bool]:
        t = build_domain(
            [AreaDatabase(0, [*lsas, lonely])], instance="default", version=1, time=0.0, options=options
        )
        rows = {key.interface: row for row, key in enumerate(t.links.keys)}
        assert {t.links.reverse[rows[each]] for each in ("10.2.99.1", "10.2.98.1", "10.2.97.1")} == {-1}
        assert not {rows["10.2.99.1"], rows["10.2.97.1"]} & set(t.areas[0].edges.out_link.tolist())
        return {text: bool(t.links.up[row]) for text, row in rows.items() if text.startswith("10.2")}

    assert up(Options()) == {"10.2.99.1": False, "10.2.98.1": False, "10.2.97.1": False}
    heard = Options(listeners=frozenset({ip(ours)}))
    assert up(heard) == {"10.2.99.1": True, "10.2.98.1": False, "10.2.97.1": False}
