"""What LSAs offer, before any router chooses."""

from __future__ import annotations

from ospf.offers import AS_WIDE, EXT2, INTER, INTRA, OFFER_DN, OFFER_P, OFFER_TYPE7
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import (
    B,
    E,
    asbr_summary,
    external,
    ip,
    net,
    p2p,
    router,
    stub,
    summary,
)

R1, R2 = "1.1.1.1", "2.2.2.2"


def pair(*extra: object) -> Topology:
    return build_topology(
        [
            router(R1, p2p(R2, "10.0.0.1", 10), stub("10.0.0.0/30", 10), stub("10.1.0.0/24", 1), flags=B | E),
            router(R2, p2p(R1, "10.0.0.2", 10), stub("10.0.0.0/30", 10), flags=B),
            *extra,  # type: ignore[list-item]
        ],
        version=1,
        time=0.0,
    )


def offers(t: Topology, prefix: str) -> list[tuple[int, ...]]:
    """(kind, area, vertex, cost, metric2, asbr, forwarding, flags)."""
    o, row = t.offers, t.prefixes.row(*net(prefix))
    columns = (o.kind, o.area, o.vertex, o.cost, o.metric2, o.asbr, o.forwarding, o.flags)
    return [tuple(int(c[i]) for c in columns) for i in range(o.start[row], o.start[row + 1])]


def test_every_announcement_is_there_the_worse_ones_too() -> None:
    t = pair(
        summary("10.1.0.0/24", R2, 7),
        external("10.1.0.0/24", R1, 20),
        external("10.1.0.0/24", R1, 30, kind=7, forward="10.1.0.9"),
    )
    assert offers(t, "10.1.0.0/24") == [
        (INTRA, 0, 0, 1, 0, 0, 0, 0),
        (INTER, 0, 1, 7, 0, 0, 0, 0),
        (EXT2, AS_WIDE, 0, 0, 20, ip(R1), 0, 0),
        (EXT2, 0, 0, 0, 30, ip(R1), ip("10.1.0.9"), OFFER_TYPE7),
    ]


def test_asbrs_of_other_areas() -> None:
    t = pair(asbr_summary("9.9.9.9", R2, 40), asbr_summary("9.9.9.9", R1, 50), external("0.0.0.0/0", "9.9.9.9", 1))
    a = t.asbr_offers
    assert a.asbr.tolist() == [ip("9.9.9.9")] * 2 and a.abr.tolist() == [0, 1] and a.cost.tolist() == [50, 40]
    assert offers(t, "0.0.0.0/0") == [(EXT2, AS_WIDE, -1, 0, 1, ip("9.9.9.9"), 0, 0)]


def test_option_bits() -> None:
    assert (OFFER_P, OFFER_TYPE7, OFFER_DN) == (1, 2, 4)


def test_parent_is_the_longest_prefix_around() -> None:
    t = pair(summary("10.0.0.0/8", R1, 1), summary("10.1.0.0/16", R1, 1), summary("0.0.0.0/0", R1, 1))
    p = t.prefixes
    parent = {
        (int(p.network[i]), int(p.plen[i])): int(p.plen[p.parent[i]]) if p.parent[i] >= 0 else None
        for i in range(len(p))
    }
    assert parent == {
        net("0.0.0.0/0"): None, net("10.0.0.0/8"): 0, net("10.0.0.0/30"): 8, net("10.1.0.0/16"): 8,
        net("10.1.0.0/24"): 16,
    }  # fmt: skip
