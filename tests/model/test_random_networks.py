"""Random networks with many equal costs: the whole road against the truth, also through failures."""

from __future__ import annotations

import random

import pytest

from gateway.demo.network import Network, NetworkBuilder
from gateway.demo.traffic import TCP, Conversation, Process
from tests.model.plant import Change, Plant, differences

OWNER = Process("program", 1, "program.service", "user")


def random_network(dice: random.Random) -> Network:
    """4 to 8 routers: a LAN everybody can hear, a random tree, extra and parallel wires, stubs, an ASBR or none."""
    build = NetworkBuilder()
    names = [f"r{i}" for i in range(dice.randint(4, 8))]
    for number, name in enumerate(names, 1):
        build.router(name, f"10.255.0.{number}")
    on_lan = dice.sample(names, dice.randint(2, 3))
    build.lan("lan", "10.0.100.0/24", on_lan, dice.choice((1, 2, 4)), capacity=1e9)
    if dice.random() < 0.5:
        build.lan("lan2", "10.0.101.0/24", dice.sample(names, 3), dice.choice((1, 2)), capacity=1e9)
    pairs = [(name, dice.choice(names[:i])) for i, name in enumerate(names) if i]
    pairs += [tuple(dice.sample(names, 2)) for _ in range(dice.randint(2, 7))]  # type: ignore[misc]
    for number, (a, b) in enumerate(pairs):
        within = "" if dice.random() < 0.2 else f"10.0.0.{number * 4}/30"
        back = dice.choice((None, None, 1, 3))
        build.p2p(a, b, within, dice.choice((1, 1, 2, 3)), back=back, capacity=1e9, name=f"w{number}")
    for number in range(dice.randint(3, 5)):
        stub = build.stub(
            f"s{number}", f"10.{number + 1}.0.0/24", dice.choice(names), dice.choice((1, 5)), capacity=1e9
        )
        for host in range(2):
            build.host(f"h{number}{host}", 10 + host, stub, agent=dice.random() < 0.75)
    build.host("n0", 50, "lan", gateway=dice.choice(on_lan), agent=True)
    if dice.random() < 0.7:
        build.external(dice.choice(names), "0.0.0.0/0", 20, type2=dice.random() < 0.5)
        build.outside("web", "203.0.113.1")
    return build.build()


def random_talks(dice: random.Random, network: Network) -> list[Conversation]:
    hosts = list(network.host_by_name)
    talks = []
    for number in range(14):
        client, server = dice.sample(hosts, 2)
        talks.append(
            Conversation(
                f"app{number % 5}", client, server, TCP, 100 * number, 443, dice.uniform(1e5, 5e6),
                dice.uniform(1e5, 5e7), 700, 1400, OWNER, OWNER, swing=0.0,
            )
        )  # fmt: skip
    return talks


@pytest.mark.parametrize("seed", range(24))
def test_every_link_equals_the_truth(seed: int) -> None:
    dice = random.Random(seed)
    network = random_network(dice)
    wires = [segment.name for segment in network.segments if segment.name.startswith(("w", "lan2"))]
    broken = network.without(*dice.sample(wires, min(2, len(wires))))
    costly = broken.with_cost(network.segment_by_name[wires[0]].ends[0].router, wires[0], 7)
    changes = [Change(3.4, broken), Change(5.25, costly), Change(7.7, network)]
    plant = Plant(network, "lan", random_talks(dice, network), changes=changes, interval=dice.choice((1.0, 2.0)))
    plant.run(10.0)
    published, truth = plant.published(), plant.truth()
    wrong = differences(published, truth)
    assert not wrong, "\n".join(map(str, wrong[:8]))
    assert sum(truth.out.values()) > 0
