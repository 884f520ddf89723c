import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.join import Routing, place
from gateway.registry import AgentRegistry
from gateway.route import hop_records, split
from ospf.topology import build_topology
from tests.gateway.small import diamond, diamond_lsas, flows


def hops(batch, overhead=14, topology=None):
    topology = topology or diamond()
    routing = Routing.of(topology, list(range(101, 101 + len(topology.links))))
    placed = place(batch, routing, AgentRegistry(5.0))
    names = {101 + i: f"{k.router & 255}:{k.interface}" for i, k in enumerate(topology.links.keys)}
    return hop_records(placed, routing, overhead, 1), {**names, 0: ""}


def test_one_record_per_router_with_both_interfaces() -> None:
    batch, names = hops(flows((0, 1, "10.1.2.9", "10.1.4.9", 5, 1000, 10)))
    seen = [(names[i], names[e]) for i, e in zip(batch["ingress"].tolist(), batch["egress"].tolist(), strict=True)]
    assert seen == [("2:10.1.2.0/24", "2:10.0.24.1"), ("4:10.0.24.2", "4:10.1.4.0/24")]
    assert batch["octets"].tolist() == [1000, 1000]
    assert batch["layer2_octets"].tolist() == [1140, 1140]
    assert batch["application"].tolist() == [6 << 24 | 5] * 2
    assert len(set(batch["flow"].tolist())) == 1
    assert [hex(r)[-1] for r in batch["router"].tolist()] == ["2", "4"]


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=8))
def test_an_equal_cost_cut_carries_the_flow_to_the_octet(octets: list[int]) -> None:
    batch, names = hops(flows(*[(0, 1, "10.1.1.9", f"10.1.4.{n + 1}", 5, o, 3) for n, o in enumerate(octets)]))
    egress = np.array([names[e] for e in batch["egress"].tolist()])
    for cut in (("1:10.0.12.1", "1:10.0.13.1"), ("2:10.0.24.1", "3:10.0.34.1"), ("4:10.1.4.0/24",)):
        rows = np.isin(egress, cut)
        for n, total in enumerate(octets):
            mine = rows & (batch["flow"] == n + 1)
            assert int(batch["octets"][mine].sum()) == total
            assert int(batch["packets"][mine].sum()) == 3


def test_a_diamond_with_a_tail_keeps_every_packet_at_every_router() -> None:
    """Where the source is not the router nearest to all others: r2 and r3 are."""
    topology = build_topology(diamond_lsas(more=((4, 5), (5, 6))), version=1, time=0.0)
    batch, names = hops(
        flows(*[(0, 1, "10.1.1.9", f"10.1.6.{n}", 5, 100 + n, 1 + n % 2) for n in range(1, 40)]), topology=topology
    )
    router = [names[e].split(":")[0] for e in batch["egress"].tolist()]
    for cut in ({"1"}, {"2", "3"}, {"4"}, {"5"}, {"6"}):
        rows = np.array([r in cut for r in router])
        for n in range(1, 40):
            mine = rows & (batch["flow"] == n)
            assert (batch["octets"][mine].sum(), batch["packets"][mine].sum()) == (100 + n, 1 + n % 2), (cut, n)


@given(st.integers(0, 2**50), st.lists(st.integers(1, 20), min_size=1, max_size=9))
def test_largest_remainder(total: int, weights: list[int]) -> None:
    fraction = np.array(weights) / sum(weights)
    n = len(weights)
    shares = split(np.full(n, total, np.uint64), fraction, np.zeros(n, np.int64), np.zeros(n, np.int64))
    assert int(shares.sum()) == total
    assert (np.abs(shares.astype(float) - total * fraction) <= 1.0 + total * 1e-12).all()


def test_nothing_in_nothing_out() -> None:
    batch, _ = hops(flows((0, 1, "10.1.1.9", "10.1.1.8", 5, 10, 1)))
    assert len(batch) == 0
