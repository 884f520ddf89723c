import pytest

from gateway.demand import Demand, Routed
from gateway.join import Routing, load, place
from gateway.rates import TALKERS_PER_LINK, rates_of
from gateway.registry import AgentRegistry
from tests.gateway.small import diamond, flows


def rates(batch, seconds=10.0):
    topology = diamond()
    routing = Routing.of(topology, list(range(1, len(topology.links) + 1)))
    demand = Demand.of(batch, routing, AgentRegistry(5.0), 14)
    return rates_of(Routed.of(demand, routing), seconds), topology


def test_bits_per_second_and_matrix() -> None:
    result, _ = rates(
        flows((0, 10, "10.1.1.10", "10.1.4.10", 7, 10_000, 0), (0, 10, "10.1.2.1", "10.1.3.1", 8, 500, 0))
    )
    assert result.app_rates == {7: pytest.approx(8000), 8: pytest.approx(400)}
    assert [(s, d, a, r) for s, d, a, r in result.matrix] == [
        ("10.255.0.1", "10.255.0.4", 7, pytest.approx(8000)),
        ("10.255.0.2", "10.255.0.3", 8, pytest.approx(400)),
    ]


def test_talkers_are_the_biggest_of_each_link_with_their_share() -> None:
    rows = [(0, 10, f"10.1.1.{n}", "10.1.4.1", 7, 1000 * n, 0) for n in range(1, 20)]
    result, topology = rates(flows(*rows))
    left = 1 + next(i for i, k in enumerate(topology.links.keys) if k.interface == "10.0.12.1")
    mine = [t for t in result.talkers if t[0] == left]
    assert [t[2] for t in mine] == [f"10.1.1.{n}" for n in range(19, 19 - TALKERS_PER_LINK, -1)]
    assert mine[0][4] == pytest.approx(19_000 / 2 * 8 / 10)  # half: two equal paths


def test_unreachable_traffic_has_no_rate() -> None:
    topology = diamond(down=frozenset({(1, 2), (1, 3)}))
    routing = Routing.of(topology, list(range(1, len(topology.links) + 1)))
    batch = flows((0, 1, "10.1.1.10", "10.1.4.10", 7, 1000, 1))
    loads = load(place(batch, routing, AgentRegistry(5.0)), routing, 14)
    result = rates_of(Routed.of(Demand.of(batch, routing, AgentRegistry(5.0), 14), routing), 1.0)
    assert result.app_rates == {} and len(result.ifindex) == len(result.matrix) == len(result.talkers) == 0
    assert loads.unreachable_octets == 1014 and len(loads.link) == 0


def test_many_conversations_add_up_like_a_slow_sum() -> None:
    hosts = [f"10.1.{net}.{host}" for net in (1, 2, 3, 4) for host in (1, 9, 200)] + ["192.0.2.1"]
    rows = [
        (0, 10, a, b, 3 + (i * j) % 5, 1000 + 37 * i + j, 1)
        for i, a in enumerate(hosts)
        for j, b in enumerate(hosts)
        for _ in range(2)
        if a.split(".")[2] != b.split(".")[2]
    ]
    result, _ = rates(flows(*rows))
    slow: dict[tuple[str, str, int], float] = {}
    for _, _, a, b, app, octets, packets in rows:
        ends = [f"10.255.0.{h.split('.')[2]}" if h.startswith("10") else "10.255.0.4" for h in (a, b)]
        slow[ends[0], ends[1], app] = slow.get((ends[0], ends[1], app), 0.0) + (octets + 14 * packets) * 0.8
    assert {(s, d, a): r for s, d, a, r in result.matrix} == pytest.approx(slow)
    assert [m[3] for m in result.matrix] == sorted((m[3] for m in result.matrix), reverse=True)
    assert sum(result.app_rates.values()) == pytest.approx(sum(slow.values()))
    assert len({t[:4] for t in result.talkers}) == len(result.talkers)
