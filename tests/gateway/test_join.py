import numpy as np
import pytest

from gateway.join import Routing, count_once, load, place
from gateway.registry import AgentRegistry
from tests.gateway.small import diamond, flows, ip

H = 14


def routing() -> Routing:
    topology = diamond()
    return Routing.of(topology, list(range(1, len(topology.links) + 1)))


def loads(batch, agents=None, overhead=H):
    r = routing()
    placed = place(batch, r, agents or AgentRegistry(5.0))
    result = load(placed, r, overhead)
    names = [f"{k.router & 255}:{k.interface}" for k in r.topology.links.keys]
    out = {(names[row], int(app)): v for row, app, v in zip(result.link, result.app, result.octets, strict=True) if v}
    into = {
        (names[row], int(app)): v for row, app, v in zip(result.link, result.app, result.in_octets, strict=True) if v
    }
    return out, into, placed, result


def test_ecmp_halves_and_stub_delivery_and_in() -> None:
    out, into, _, _ = loads(flows((0, 1, "10.1.1.10", "10.1.4.10", 7, 1000, 10)))
    whole, half = 1000 + 10 * H, (1000 + 10 * H) / 2
    assert out == {
        ("1:10.0.12.1", 7): half,
        ("1:10.0.13.1", 7): half,
        ("2:10.0.24.1", 7): half,
        ("3:10.0.34.1", 7): half,
        ("4:10.1.4.0/24", 7): whole,
    }
    assert into == {
        ("1:10.1.1.0/24", 7): whole,  # the host's LAN: where it entered
        ("2:10.0.12.2", 7): half,
        ("3:10.0.13.2", 7): half,
        ("4:10.0.24.2", 7): half,
        ("4:10.0.34.2", 7): half,
    }


def test_what_is_sent_by_a_covered_host_counts_once() -> None:
    both = flows(
        (0, 1, "10.1.1.10", "10.1.4.10", 7, 1000, 10, 0, 1),  # the sender's report
        (0, 1, "10.1.1.10", "10.1.4.10", 7, 990, 10, 1, 0),  # the receiver's report of the same octets
        (0, 1, "10.9.9.9", "10.1.4.10", 7, 50, 1, 1, 0),  # a sender without agent
    )
    agents = AgentRegistry(5.0)
    for number, host in enumerate(("10.1.1.10", "10.1.4.10")):
        agents.attach(agents.hear(bytes([number]) * 16, 1.0), ip(host), 0)
        agents.hear(bytes([number]) * 16, 1.0).reported_until = 1.0
    once, repeated = count_once(both, agents)
    assert once["octets"].tolist() == [1000, 50]
    assert repeated == 990


def test_reasons_are_counted_in_octets() -> None:
    _, _, placed, result = loads(
        flows(
            (0, 1, "10.1.1.10", "10.1.1.11", 1, 100, 1),  # neighbours on one LAN: no router
            (0, 1, "10.1.1.10", "192.0.2.1", 1, 200, 1),  # outside: the default route at r4
            (0, 1, "192.0.2.1", "10.1.1.10", 1, 300, 1),  # from outside: entry assumed
        )
    )
    assert placed.octets["on_link"] == 100
    assert placed.octets["entry_assumed"] == 300
    assert placed.octets["source_unknown"] == placed.octets["destination_unknown"] == 0
    assert result.unreachable_octets == 0


def test_outside_leaves_by_the_external_row() -> None:
    out, _, _, _ = loads(flows((0, 1, "10.1.1.10", "192.0.2.1", 1, 200, 0)), overhead=0)
    assert out["4:external", 1] == 200


def test_a_known_default_gateway_decides_the_entry() -> None:
    agents = AgentRegistry(5.0)
    agent = agents.hear(b"x" * 16, 0.0)
    agents.attach(agent, ip("10.1.1.10"), ip("10.0.24.1"))  # r2's interface: not what the prefix says
    out, into, _, _ = loads(flows((0, 1, "10.1.1.10", "10.1.4.10", 7, 1000, 0, 0, 1)), agents, 0)
    assert out == {("2:10.0.24.1", 7): 1000, ("4:10.1.4.0/24", 7): 1000}
    assert into["2:10.0.24.1", 7] == 1000


@pytest.mark.parametrize("n", [1, 1000])
def test_sums_are_conserved_over_many_flows(n: int) -> None:
    rng = np.random.default_rng(n)
    rows = [
        (0, 1, f"10.1.{a}.{x}", f"10.1.{b}.{x}", int(app), int(o), 1)
        for a, b, x, app, o in zip(
            rng.integers(1, 5, n), rng.integers(1, 5, n), rng.integers(1, 250, n), rng.integers(3, 9, n),
            rng.integers(1, 10**6, n), strict=True,
        )
    ]  # fmt: skip
    out, _, placed, _ = loads(flows(*rows), overhead=0)
    delivered = sum(v for (name, _), v in out.items() if "/24" in name)
    assert delivered == pytest.approx(sum(r[5] for r in rows) - placed.octets["on_link"])
    for app in range(3, 9):
        mine = sum(r[5] for r in rows if r[4] == app and r[2].split(".")[2] != r[3].split(".")[2])
        assert sum(v for (name, a), v in out.items() if "/24" in name and a == app) == pytest.approx(mine)


def test_a_host_is_where_its_gateway_is_whatever_address_it_sends_from() -> None:
    agents = AgentRegistry(5.0)
    agent = agents.hear(b"x" * 16, 0.0)
    for address in ("10.1.1.10", "10.1.3.9"):  # the second one on a LAN by which it has no gateway
        agents.attach(agent, ip(address), ip("10.1.1.1") if address == "10.1.1.10" else 0)
    topology = diamond()
    routing = Routing.of(topology, list(range(1, len(topology.links) + 1)))
    batch = flows(
        (0, 1, "172.17.0.2", "10.1.4.9", 1, 1000, 0, agent.index, 1),  # a container behind it
        (0, 1, "10.1.2.80", "10.1.4.9", 1, 1000, 0, agent.index, 1),  # a virtual address of another LAN
        (0, 1, "10.1.2.80", "10.1.1.77", 1, 30, 0, agent.index, 1),  # to its own LAN
        (0, 1, "10.1.3.9", "10.1.3.44", 1, 7, 0, agent.index, 1),  # to its other LAN
        (0, 1, "10.1.3.9", "10.1.4.9", 1, 1000, 0, agent.index, 1),
    )
    placed = place(batch, routing, agents)
    r1 = topology.router_vertex[ip("10.255.0.1")]
    assert [placed.vertex[p] if p >= 0 else -1 for p in placed.pair.tolist()] == [r1, r1, -1, -1, r1]
    assert placed.octets["on_link"] == 37 and placed.octets["source_unknown"] == 0
