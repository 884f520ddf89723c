"""Rows and edges: pairing of parallel links, the two-way check, identity of stubs and LANs."""

from __future__ import annotations

import numpy as np
import pytest

from ospf.links import EXTERNAL, STUB, TRANSIT, LinkKey, prefix_text
from ospf.lsa import Lsa, NetworkLsa, encode_lsa
from ospf.topology import Topology, build_topology
from ospf.wire import address_text
from tests.ospf.lsas import E, ip, network, p2p, router, stub, transit, virtual

A, B, C, D = "1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"


def build(*lsas: Lsa, known: dict[int, set[int]] | None = None) -> Topology:
    return build_topology(lsas, version=1, time=0.0, known=known)


def row(topology: Topology, rid: str, interface: str) -> int:
    return topology.link_row[LinkKey("default", ip(rid), interface)]


def opposite(topology: Topology) -> dict[str, str]:
    keys, reverse = topology.links.keys, topology.links.reverse
    return {str(key): str(keys[reverse[i]]) for i, key in enumerate(keys) if reverse[i] >= 0}


def test_text() -> None:
    assert address_text(ip("10.20.30.255")) == "10.20.30.255"
    assert prefix_text(ip("10.0.0.0"), 8) == "10.0.0.0/8"


def test_numbered_link_and_its_subnet() -> None:
    t = build(
        router(A, p2p(B, "10.0.0.1", 10), stub("10.0.0.0/30", 10)),
        router(B, p2p(A, "10.0.0.2", 7), stub("10.0.0.0/30", 7)),
    )
    links = t.links
    assert [str(key) for key in links.keys] == [f"{A}:10.0.0.1", f"{B}:10.0.0.2"]
    assert links.kind.tolist() == [TRANSIT, TRANSIT] and links.up.all()
    assert links.reverse.tolist() == [1, 0] and links.target.tolist() == [1, 0]
    assert links.neighbor == (B, A) and links.cost.tolist() == [10, 7]
    assert links.address.tolist() == [ip("10.0.0.1"), ip("10.0.0.2")]
    assert links.network.tolist() == [ip("10.0.0.0")] * 2 and links.plen.tolist() == [30, 30]
    edges = t.edges
    assert edges.src.tolist() == [0, 1] and edges.cost.tolist() == [10, 7]
    assert edges.out_link.tolist() == [0, 1] and edges.in_link.tolist() == [1, 0]


def test_parallel_numbered_links_pair_by_subnet_not_by_order() -> None:
    t = build(
        router(A, p2p(B, "10.0.0.1", 5), stub("10.0.0.0/30", 5), p2p(B, "10.0.0.5", 7), stub("10.0.0.4/30", 7)),
        router(B, p2p(A, "10.0.0.6", 7), stub("10.0.0.4/30", 7), p2p(A, "10.0.0.2", 5), stub("10.0.0.0/30", 5)),
    )
    pairs = opposite(t)
    assert pairs[f"{A}:10.0.0.1"] == f"{B}:10.0.0.2" and pairs[f"{A}:10.0.0.5"] == f"{B}:10.0.0.6"
    assert pairs[f"{B}:10.0.0.2"] == f"{A}:10.0.0.1" and len(t.edges) == 4


def test_parallel_links_pair_where_addresses_would_mislead() -> None:
    # in order of address the ends would be crossed; only the subnets (a /8 around a /30) tell
    t = build(
        router(A, p2p(B, "10.9.0.1", 5), stub("10.0.0.0/8", 5), p2p(B, "10.5.0.1", 5), stub("10.5.0.0/30", 5)),
        router(B, p2p(A, "10.0.0.1", 5), stub("10.0.0.0/8", 5), p2p(A, "10.5.0.2", 5), stub("10.5.0.0/30", 5)),
    )
    assert opposite(t)[f"{A}:10.5.0.1"] == f"{B}:10.5.0.2"
    assert opposite(t)[f"{A}:10.9.0.1"] == f"{B}:10.0.0.1"
    assert t.links.plen[row(t, A, "10.9.0.1")] == 8


def test_parallel_links_with_suppressed_prefixes_pair_by_nearness() -> None:
    t = build(
        router(A, p2p(B, "10.0.0.1", 5), p2p(B, "10.0.0.5", 5)),
        router(B, p2p(A, "10.0.0.6", 5), p2p(A, "10.0.0.2", 5)),
    )
    assert opposite(t)[f"{A}:10.0.0.1"] == f"{B}:10.0.0.2"
    assert t.links.plen.tolist() == [0] * 4


def test_parallel_links_announced_by_host_route_of_the_neighbour() -> None:  # RFC 2328 12.4.1.1 option 1
    t = build(
        router(A, p2p(B, "10.0.0.1", 5), stub("10.7.0.1/32", 5), p2p(B, "10.0.0.5", 5), stub("10.0.0.2/32", 5)),
        router(B, p2p(A, "10.0.0.2", 5), stub("10.0.0.5/32", 5), p2p(A, "10.7.0.1", 5), stub("10.0.0.1/32", 5)),
    )
    # A cannot tell which of its rows a host route belongs to; every pair must still be one to one
    assert sorted(opposite(t).values()) == sorted(str(key) for key in t.links.keys)
    assert (t.links.kind == TRANSIT).all()


def test_unnumbered_parallel_links_pair_in_ifindex_order() -> None:
    t = build(router(A, p2p(B, 9, 5), p2p(B, 4, 6)), router(B, p2p(A, 11, 6), p2p(A, 12, 5)))
    pairs = opposite(t)
    assert pairs[f"{A}:if4"] == f"{B}:if11" and pairs[f"{A}:if9"] == f"{B}:if12"
    assert t.links.address.tolist() == [0] * 4


def test_link_without_any_link_back_is_down_and_not_an_edge() -> None:
    t = build(
        router(A, p2p(B, "10.0.0.1", 5), p2p(C, "10.0.1.1", 5), p2p("8.8.8.8", "10.0.2.1", 5)),
        router(B, p2p(A, "10.0.0.2", 5)),
        router(C),
    )
    up = {str(key): bool(u) for key, u in zip(t.links.keys, t.links.up, strict=True)}
    assert up == {
        f"{A}:10.0.0.1": True,
        f"{A}:10.0.1.1": False,
        f"{A}:10.0.2.1": False,
        f"{B}:10.0.0.2": True,
    }
    assert len(t.edges) == 2 and t.stats.one_way_links == 2
    assert t.links.target[row(t, A, "10.0.1.1")] == 2 and t.links.target[row(t, A, "10.0.2.1")] == -1


def test_any_link_back_satisfies_the_two_way_check() -> None:  # RFC 2328 16.1 2b
    t = build(
        router(A, p2p(B, "10.0.0.1", 5), stub("10.0.0.0/30", 5), p2p(B, "10.0.0.5", 5), stub("10.0.0.4/30", 5)),
        router(B, p2p(A, "10.0.0.6", 5), stub("10.0.0.4/30", 5)),
    )
    assert t.links.up.all() and len(t.edges) == 3
    assert t.links.reverse[row(t, A, "10.0.0.1")] == -1
    assert t.links.reverse[row(t, A, "10.0.0.5")] == row(t, B, "10.0.0.6")


def lan(*members: str, dr: str = "10.5.0.1", router_id: str = A) -> Lsa:
    return network(dr, 24, router_id, members)


def test_lan_is_a_vertex_with_one_row_per_router() -> None:
    t = build(
        router(A, transit("10.5.0.1", "10.5.0.1", 3)),
        router(B, transit("10.5.0.1", "10.5.0.2", 4)),
        lan(A, B),
    )
    assert t.n_vertices == 3 and t.network_prefix.tolist() == [ip("10.5.0.0")]
    assert t.links.target.tolist() == [2, 2] and t.links.neighbor == ("10.5.0.0/24",) * 2
    edges = sorted(zip(t.edges.src, t.edges.dst, t.edges.cost, t.edges.out_link, t.edges.in_link, strict=True))
    assert edges == [(0, 2, 3, 0, -1), (1, 2, 4, 1, -1), (2, 0, 0, -1, 0), (2, 1, 0, -1, 1)]


def test_router_that_the_network_lsa_does_not_list_is_not_on_the_lan() -> None:
    t = build(
        router(A, transit("10.5.0.1", "10.5.0.1", 3)),
        router(B, transit("10.5.0.1", "10.5.0.2", 4)),
        router(C, transit("10.5.0.1", "10.5.0.3", 4)),
        lan(A, B),
    )
    assert t.links.up.tolist() == [True, True, False] and t.stats.one_way_links == 1
    # ... and a listed router that does not point at the LAN (D) adds nothing
    assert len(build(router(A, transit("10.5.0.1", "10.5.0.1", 3)), router(D), lan(A, D)).edges) == 2


def test_stale_network_lsa_after_a_change_of_designated_router() -> None:
    t = build(
        router(A, transit("10.5.0.2", "10.5.0.1", 3)),
        router(B, transit("10.5.0.2", "10.5.0.2", 4)),
        lan(A, B),
        lan(A, B, dr="10.5.0.2", router_id=B),
    )
    assert t.network_address.tolist() == [ip("10.5.0.2")] and t.n_vertices == 3


def test_two_network_lsas_of_one_address_the_owner_wins() -> None:
    old = network("10.5.0.1", 24, "9.9.9.9", [A, B])  # the DR's router id before it changed
    t = build(
        router(A, transit("10.5.0.1", "10.5.0.1", 3)),
        router(B, transit("10.5.0.1", "10.5.0.2", 4)),
        network("10.5.0.1", 25, A, [A, B]),
        old,
    )
    assert t.network_plen.tolist() == [25] and t.n_vertices == 3


def test_stub_rows() -> None:
    t = build(router(A, stub("10.1.0.0/24", 10), stub("10.2.0.9/32", 0)))
    assert [str(key) for key in t.links.keys] == [f"{A}:10.1.0.0/24"]
    assert t.links.kind.tolist() == [STUB] and t.links.neighbor == ("",) and t.links.up.all()
    assert t.links.target.tolist() == [-1]


def test_interface_keeps_its_key_when_its_neighbour_goes() -> None:
    before = build(
        router(A, p2p(B, "10.0.0.1", 5), stub("10.0.0.0/24", 5)),
        router(B, p2p(A, "10.0.0.2", 5), stub("10.0.0.0/24", 5)),
    )
    known = {ip(A): {ip("10.0.0.1")}, ip(B): {ip("10.0.0.2")}}
    after = build(router(A, stub("10.0.0.0/24", 5)), router(B, stub("10.0.0.0/24", 5)), known=known)
    assert after.links.keys == before.links.keys
    assert after.links.kind.tolist() == [STUB, STUB]
    assert after.links.address.tolist() == before.links.address.tolist()
    assert after.interface_owner(ip("10.0.0.1")) == (0, 0)


def test_known_address_belongs_to_the_longest_stub() -> None:
    t = build(
        router(A, stub("10.0.0.0/8", 5), stub("10.1.0.0/24", 5), stub("10.2.0.0/24", 5)),
        known={ip(A): {ip("10.1.0.1")}},
    )
    assert [key.interface for key in t.links.keys] == ["10.0.0.0/8", "10.1.0.1", "10.2.0.0/24"]


def test_point_to_multipoint_is_one_row_with_several_edges() -> None:
    t = build(
        router(A, p2p(B, "10.5.0.1", 5), p2p(C, "10.5.0.1", 5), stub("10.5.0.1/32", 0)),
        router(B, p2p(A, "10.5.0.2", 5)),
        router(C, p2p(A, "10.5.0.3", 5)),
    )
    assert len(t.links) == 3 and len(t.edges) == 4 and t.links.up.all()
    assert sorted(t.edges.out_link.tolist()) == [0, 0, 1, 2]
    assert t.links.reverse.tolist() == [1, 0, 0] and t.links.neighbor[0] == B  # the first description counts


def test_virtual_link_is_an_edge_without_a_row() -> None:
    t = build(router(A, virtual(B, "10.0.0.1", 30)), router(B, virtual(A, "10.0.0.2", 30)))
    assert len(t.links) == 0 and t.edges.cost.tolist() == [30, 30] and t.edges.out_link.tolist() == [-1, -1]


def test_external_row_per_asbr() -> None:
    t = build(router(A, flags=E), router(B))
    assert t.links.keys == (LinkKey("default", ip(A), "external"),)
    assert t.links.kind.tolist() == [EXTERNAL]


def test_stub_of_a_dead_router_is_down() -> None:
    t = build(
        router(A, p2p(B, "10.0.0.1", 5)),
        router(B, p2p(A, "10.0.0.2", 5)),
        router(C, p2p(A, "10.0.0.5", 5), stub("10.3.0.0/24", 1)),  # A no longer points at C
    )
    assert not t.links.up[row(t, C, "10.3.0.0/24")]
    assert t.alive.tolist() == [True, True, False]


def test_lan_of_a_cut_off_designated_router_is_down() -> None:
    """Its LSAs outlive it: the network-LSA is its own and still names it, while nobody points there any more."""
    t = build(
        router(A, transit("10.5.0.1", "10.5.0.1", 3), p2p(B, "10.0.0.1", 5)),
        router(B, p2p(C, "10.0.0.6", 5), p2p(A, "10.0.0.2", 5)),
        router(C, p2p(B, "10.0.0.5", 5)),
        lan(A, C),
    )
    assert t.links.up[row(t, A, "10.5.0.1")]
    dead = build(
        router(A, transit("10.5.0.1", "10.5.0.1", 3), p2p(B, "10.0.0.1", 5)),
        router(B, p2p(C, "10.0.0.6", 5)),
        router(C, p2p(B, "10.0.0.5", 5)),
        lan(A, C),
    )
    assert not dead.links.up[row(dead, A, "10.5.0.1")]
    assert set(dead.edges.src.tolist()) == {1, 2}  # nothing leads to the dead router's LAN either


def test_rows_do_not_depend_on_the_order_of_lsas() -> None:
    lsas = [
        router(A, transit("10.5.0.1", "10.5.0.1", 3), p2p(B, 3, 5), stub("10.1.0.0/24", 1)),
        router(B, transit("10.5.0.1", "10.5.0.2", 4), p2p(A, 4, 5)),
        lan(A, B),
    ]
    one, two = build(*lsas), build(*reversed(lsas))
    assert one.links.keys == two.links.keys and np.array_equal(one.edges.out_link, two.edges.out_link)


@pytest.mark.parametrize("broken_mask", [0xFF00FF00, 0x00FFFFFF])
def test_stub_with_a_holed_mask_is_counted(broken_mask: int) -> None:
    from ospf.lsa import RouterLink

    t = build(router(A, RouterLink(ip("10.1.0.0"), broken_mask, 3, 1)))
    assert len(t.links) == 0 and len(t.prefixes) == 0 and t.stats.bad_masks == 1


@pytest.mark.parametrize("broken_mask", [0xFF00FF00, 0])
def test_a_lan_with_a_mask_that_is_none_is_no_default_route(broken_mask: int) -> None:
    body = NetworkLsa(broken_mask, (ip(A), ip(B)))
    lsas = [
        router(A, transit("10.5.0.1", "10.5.0.1", 3)),
        router(B, transit("10.5.0.1", "10.5.0.2", 4)),
        encode_lsa(type=2, link_state_id=ip("10.5.0.1"), advertising_router=ip(A), body=body),
    ]
    t = build(*lsas)
    assert t.links.up.all() and [t.vertex_name(2)] == ["10.5.0.1/32"]
    assert (t.prefixes.network.tolist(), t.prefixes.plen.tolist()) == ([ip("10.5.0.1")], [32])
