"""Attachments: route types, summaries, externals, forwarding addresses."""

from __future__ import annotations

from ospf.lsa import LS_INFINITY, Lsa
from ospf.prefixes import EXT1, EXT2, INTER, INTRA
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import (
    B,
    E,
    asbr_summary,
    external,
    ip,
    net,
    network,
    p2p,
    router,
    stub,
    summary,
    transit,
)

R1, R2, R3 = "1.1.1.1", "2.2.2.2", "3.3.3.3"


def triangle(*extra: Lsa, flags: tuple[int, int, int] = (0, 0, 0)) -> Topology:
    """R1 - R2 - R3 in a row, each with a LAN, plus `extra`."""
    return build_topology(
        [
            router(R1, p2p(R2, "10.0.0.1", 10), stub("10.0.0.0/30", 10), stub("10.1.0.0/24", 1), flags=flags[0]),
            router(
                R2, p2p(R1, "10.0.0.2", 10), stub("10.0.0.0/30", 10),
                p2p(R3, "10.0.0.5", 10), stub("10.0.0.4/30", 10), flags=flags[1],
            ),
            router(
                R3, p2p(R2, "10.0.0.6", 10), stub("10.0.0.4/30", 10), stub("10.3.0.0/24", 1),
                stub("10.3.3.3/32", 0), flags=flags[2],
            ),
            *extra,
        ],
        version=1,
        time=0.0,
    )  # fmt: skip


def attachments(t: Topology, prefix: str) -> list[tuple[int, int, str]]:
    """(vertex, cost, interface text of the delivery row or "-")."""
    p = t.prefixes
    row = p.row(*net(prefix))
    assert row >= 0
    return [
        (int(p.vertex[a]), int(p.cost[a]), t.links.keys[p.link[a]].interface if p.link[a] >= 0 else "-")
        for a in range(p.start[row], p.start[row + 1])
    ]


def kind(t: Topology, prefix: str) -> int:
    return int(t.prefixes.route_type[t.prefixes.row(*net(prefix))])


def test_table_is_sorted_and_rows_are_found() -> None:
    t = triangle()
    p = t.prefixes
    keys = list(zip(p.network.tolist(), p.plen.tolist(), strict=True))
    assert keys == sorted(keys)
    assert [p.row(*key) for key in keys] == list(range(len(p)))
    assert p.row(ip("10.1.0.0"), 25) == -1 and p.row(ip("11.0.0.0"), 8) == -1


def test_stubs_host_routes_and_point_to_point_subnets() -> None:
    t = triangle()
    assert attachments(t, "10.1.0.0/24") == [(0, 1, "10.1.0.0/24")]
    assert attachments(t, "10.3.3.3/32") == [(2, 0, "-")]
    assert attachments(t, "10.0.0.0/30") == [(0, 10, "-"), (1, 10, "-")]
    assert kind(t, "10.1.0.0/24") == INTRA


def test_wide_point_to_point_subnet_is_delivered_out_of_the_interface() -> None:
    t = build_topology(
        [
            router(R1, p2p(R2, "10.0.0.1", 10), stub("10.0.0.0/24", 10)),
            router(R2, p2p(R1, "10.0.0.2", 10), stub("10.0.0.0/24", 10)),
        ],
        version=1,
        time=0.0,
    )
    assert attachments(t, "10.0.0.0/24") == [(0, 10, "10.0.0.1"), (1, 10, "10.0.0.2")]


def test_transit_network_is_attached_at_its_own_vertex() -> None:
    t = build_topology(
        [
            router(R1, transit("10.5.0.1", "10.5.0.1", 3)),
            router(R2, transit("10.5.0.1", "10.5.0.2", 3)),
            network("10.5.0.1", 24, R1, [R1, R2]),
        ],
        version=1,
        time=0.0,
    )
    assert attachments(t, "10.5.0.0/24") == [(2, 0, "-")]


def test_summary_needs_an_abr() -> None:
    lsas = [
        summary("10.9.0.0/16", R1, 7),
        summary("10.9.0.0/16", R3, 5),
        summary("10.8.0.0/16", "8.8.8.8", 1),
    ]
    t = triangle(*lsas, flags=(B, 0, 0))
    assert attachments(t, "10.9.0.0/16") == [(0, 7, "-")] and kind(t, "10.9.0.0/16") == INTER
    assert t.prefixes.row(*net("10.8.0.0/16")) == -1 and t.stats.no_border == 2


def test_host_bits_in_the_link_state_id_are_ignored() -> None:  # RFC 2328 appendix E
    assert attachments(triangle(summary("10.9.255.255/16", R1, 7), flags=(B, 0, 0)), "10.9.0.0/16")


def test_infinite_metric_is_absent() -> None:
    t = triangle(summary("10.9.0.0/16", R1, LS_INFINITY), external("10.8.0.0/16", R1, LS_INFINITY), flags=(B | E, 0, 0))
    assert t.prefixes.row(*net("10.9.0.0/16")) == -1 and t.stats.infinite == 2


def test_route_types_rank_before_costs() -> None:  # RFC 2328 11
    t = triangle(
        summary("10.1.0.0/24", R3, 0),
        external("10.1.0.0/24", R3, 0, type2=False),
        summary("10.6.0.0/24", R1, 500),
        external("10.6.0.0/24", R3, 0, type2=False),
        external("10.7.0.0/24", R1, 900, type2=False),
        external("10.7.0.0/24", R3, 1),
        flags=(B | E, 0, B | E),
    )
    assert kind(t, "10.1.0.0/24") == INTRA and attachments(t, "10.1.0.0/24") == [(0, 1, "10.1.0.0/24")]
    assert kind(t, "10.6.0.0/24") == INTER
    assert kind(t, "10.7.0.0/24") == EXT1 and attachments(t, "10.7.0.0/24") == [(0, 900, "external")]


def test_type_2_keeps_the_smallest_metric_and_all_its_asbrs() -> None:
    t = triangle(
        external("0.0.0.0/0", R1, 20),
        external("0.0.0.0/0", R2, 30),
        external("0.0.0.0/0", R3, 20),
        flags=(E, E, E),
    )
    assert attachments(t, "0.0.0.0/0") == [(0, 0, "external"), (2, 0, "external")]
    assert kind(t, "0.0.0.0/0") == EXT2 and t.prefixes.metric[t.prefixes.row(0, 0)] == 20


def test_externals_of_a_dead_asbr_give_way() -> None:
    dead = router("4.4.4.4", p2p(R1, "10.0.9.1", 1), stub("10.6.0.0/24", 1), flags=E)  # nobody points back
    t = triangle(
        dead, external("0.0.0.0/0", "4.4.4.4", 1), external("0.0.0.0/0", R1, 20),
        summary("10.6.0.0/24", R1, 9), flags=(B | E, 0, 0),
    )  # fmt: skip
    assert attachments(t, "0.0.0.0/0") == [(0, 0, "external")]
    assert kind(t, "10.6.0.0/24") == INTER


def test_external_of_a_router_that_is_no_asbr_is_not_used() -> None:
    t = triangle(external("0.0.0.0/0", R1, 1), external("0.0.0.0/0", "8.8.8.8", 1))
    assert t.prefixes.row(0, 0) == -1 and t.stats.no_border == 2


def test_external_of_an_asbr_outside_the_area_leaves_at_the_abr() -> None:
    t = triangle(
        asbr_summary("8.8.8.8", R1, 40),
        asbr_summary("8.8.8.8", R3, 50),
        external("0.0.0.0/0", "8.8.8.8", 3),
        external("10.7.0.0/16", "8.8.8.8", 3, type2=False),
        flags=(B, 0, B),
    )
    assert attachments(t, "0.0.0.0/0") == [(0, 40, "-"), (2, 50, "-")]
    assert attachments(t, "10.7.0.0/16") == [(0, 43, "-"), (2, 53, "-")]


def test_asbr_cut_off_here_but_announced_by_an_abr_is_reached_through_the_abr() -> None:
    dead = router("4.4.4.4", p2p(R1, "10.0.9.1", 1), flags=E)  # in this area nobody points back
    t = triangle(dead, asbr_summary("4.4.4.4", R3, 40), external("0.0.0.0/0", "4.4.4.4", 1), flags=(0, 0, B))
    assert attachments(t, "0.0.0.0/0") == [(2, 40, "-")]


def test_nssa_external_counts_like_an_external() -> None:
    t = triangle(external("10.7.0.0/16", R3, 3, kind=7, forward="10.3.3.3"), flags=(0, 0, E))
    assert attachments(t, "10.7.0.0/16") == [(2, 0, "external")]


def test_forwarding_address() -> None:  # RFC 2328 16.4 (3)
    t = triangle(
        external("10.7.0.0/16", R1, 3, type2=False, forward="10.3.0.77"),  # a host on R3's LAN
        external("10.8.0.0/16", R1, 3, forward="10.99.0.1"),  # unknown
        external("10.9.0.0/16", R1, 3, forward="10.0.0.1"),  # the ASBR's own interface
        flags=(E, 0, 0),
    )
    assert attachments(t, "10.7.0.0/16") == [(2, 4, "10.3.0.0/24")]
    assert t.prefixes.row(*net("10.8.0.0/16")) == -1 and t.stats.unresolved_forwarding == 1
    assert attachments(t, "10.9.0.0/16") == [(0, 10, "external")]


def test_forwarding_address_on_a_lan_with_the_mask_of_a_host() -> None:
    lan = [
        router(R1, transit("10.5.0.1", "10.5.0.1", 3), flags=E),
        router(R2, transit("10.5.0.1", "10.5.0.2", 4)),
        network("10.5.0.1", 32, R1, (R1, R2)),
        external("10.7.0.0/16", R1, 3, forward="10.5.0.1"),
    ]
    t = build_topology(lan, version=1, time=0.0)
    assert attachments(t, "10.7.0.0/16") == [(0, 0, "external")]
