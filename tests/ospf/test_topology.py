"""The topology as a whole: vertices, lookups, what is ignored."""

from __future__ import annotations

import numpy as np

from ospf.lsa import MAX_AGE, OpaqueLsa
from ospf.topology import build_topology
from tests.ospf.lsas import external, ip, lsa, network, p2p, router, stub, transit

A, B = "1.1.1.1", "2.2.2.2"

AREA = [
    router(B, transit("10.5.0.1", "10.5.0.2", 3)),
    router(A, transit("10.5.0.1", "10.5.0.1", 3), stub("10.1.0.0/24", 1)),
    network("10.5.0.1", 24, A, [A, B]),
]


def test_vertices_are_routers_then_networks() -> None:
    t = build_topology(AREA, area="0.0.0.1", instance="blue", version=7, time=12.5)
    assert (t.version, t.time, t.area, t.instance) == (7, 12.5, "0.0.0.1", "blue")
    assert t.routers.tolist() == [ip(A), ip(B)] and t.routers.dtype == np.uint32
    assert t.n_routers == 2 and t.n_vertices == 3
    assert [t.vertex_name(v) for v in range(3)] == [A, B, "10.5.0.0/24"]
    assert t.router_vertex == {ip(A): 0, ip(B): 1}
    assert {key.instance for key in t.links.keys} == {"blue"}
    assert [t.link_row[key] for key in t.links.keys] == list(range(len(t.links)))


def test_columns_have_the_published_types_and_equal_length() -> None:
    links = build_topology(AREA, version=1, time=0.0).links
    types = {
        "router": np.uint32, "vertex": np.int32, "target": np.int32, "cost": np.uint32, "kind": np.uint8,
        "address": np.uint32, "up": np.bool_, "reverse": np.int32, "network": np.uint32, "plen": np.uint8,
    }  # fmt: skip
    for name, dtype in types.items():
        column = getattr(links, name)
        assert column.dtype == dtype and len(column) == len(links), name
    assert len(links.neighbor) == len(links.keys) == len(links) == 3


def test_interface_owner() -> None:
    t = build_topology(AREA, version=1, time=0.0)
    vertex, row = t.interface_owner(ip("10.5.0.2")) or (-1, -1)
    assert vertex == 1 and t.links.keys[row].interface == "10.5.0.2"
    assert t.interface_owner(ip("10.1.0.1")) is None and t.interface_owner(0) is None


def test_max_age_lsas_are_absent() -> None:
    gone = router(B, transit("10.5.0.1", "10.5.0.2", 3), age=MAX_AGE)
    t = build_topology([gone, *AREA[1:]], version=1, time=0.0)
    assert t.n_routers == 1
    ageless = router(B, transit("10.5.0.1", "10.5.0.2", 3), age=0x8000 | 5)  # DoNotAge
    assert build_topology([ageless, *AREA[1:]], version=1, time=0.0).n_routers == 2


def test_opaque_lsas_are_no_topology() -> None:
    t = build_topology([*AREA, lsa(10, 1, ip(A), OpaqueLsa(b"x"))], version=1, time=0.0)
    assert t.n_vertices == 3 and len(t.links) == 3


def test_originator_of_externals_has_an_external_row_even_before_its_flag_arrives() -> None:
    t = build_topology([*AREA, external("0.0.0.0/0", A, 1)], version=1, time=0.0)
    assert [key.interface for key in t.links.keys if key.interface == "external"] == ["external"]


def test_empty_and_single_router() -> None:
    empty = build_topology([], version=1, time=0.0)
    assert empty.n_vertices == 0 and len(empty.links) == 0 and len(empty.prefixes) == 0
    alone = build_topology([router(A, stub("10.1.0.0/24", 1))], version=1, time=0.0)
    assert alone.alive.all() and alone.links.up.all()


def test_router_ids_above_the_signed_range() -> None:
    high = "223.255.255.254"
    t = build_topology(
        [router(high, p2p(A, "203.0.113.1", 1)), router(A, p2p(high, "203.0.113.2", 1))], version=1, time=0.0
    )
    assert t.routers.tolist() == [ip(A), ip(high)] and t.interface_owner(ip("203.0.113.1")) == (1, 1)
