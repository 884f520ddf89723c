import numpy as np

from gateway import registry
from gateway.registry import MAX_ADDRESSES, PRESUMED_SECONDS, AgentRegistry, KnownAgent
from tests.gateway.small import ip


def test_covers_only_what_was_reported() -> None:
    agents = AgentRegistry(5.0)
    one = agents.hear(b"a" * 16, 100.0)
    agents.attach(one, ip("10.1.1.10"), ip("10.1.1.1"))
    one.reported_until = 120.0
    other = np.array([ip("10.1.1.10"), ip("10.1.1.10"), ip("10.1.1.11")], np.uint32)
    assert agents.covers(other, np.array([125.0, 125.1, 1.0])).tolist() == [True, False, False]
    assert AgentRegistry(5.0).covers(other, np.zeros(3)).tolist() == [False] * 3


def test_first_hops_belong_to_the_agent_not_the_address() -> None:
    agents = AgentRegistry(5.0)
    for name, gateway in ((b"a", "10.1.1.1"), (b"b", "10.1.1.2")):
        agents.attach(agents.hear(name * 16, 0.0), ip("10.1.1.100"), ip(gateway))
    found = agents.first_hops(np.array([0, 1, 1, 7], np.int32), np.array([ip("10.1.1.100")] * 2 + [1, 1], np.uint32))
    assert found.tolist() == [ip("10.1.1.1"), ip("10.1.1.2"), ip("10.1.1.2"), 0]


def test_silence_is_an_event_once_and_so_is_the_return() -> None:
    agents = AgentRegistry(5.0)
    one = agents.hear(b"a" * 16, 0.0)
    one.name, one.reported_until = "h1", 0.0
    assert agents.changes(19.0) == []
    assert agents.changes(21.0) == [("agent_lost", "h1", "silent for 21 s")]
    assert agents.changes(22.0) == []
    one.reported_until = 23.0
    assert agents.changes(23.0) == [("agent_up", "h1", "")]


def test_addresses_are_bounded_and_counted() -> None:
    agents = AgentRegistry(5.0)
    one = agents.hear(b"a" * 16, 0.0)
    for n in range(MAX_ADDRESSES + 3):
        agents.attach(one, n, 0)
    assert len(one.gateways) == MAX_ADDRESSES and agents.addresses_refused == 3


def test_what_was_seen_before_an_agent_came_or_while_it_was_down_is_not_covered() -> None:
    agents = AgentRegistry(5.0)
    one = agents.hear(b"a" * 16, 100.0)
    agents.attach(one, 7, 0, 100.0)
    for now in (100.0, 105.0, 110.0, 200.0, 205.0):
        one.reports(now)
    ends = np.array([94.0, 95.0, 115.0, 116.0, 194.0, 195.0, 210.0, 211.0])
    assert agents.covers(np.full(8, 7, np.uint32), ends).tolist() == [False, True, True, False] * 2
    one.reports(206.0, start=112.0)  # it went on all the while, its reports were held up
    assert agents.covers(np.full(8, 7, np.uint32), ends).tolist() == [False, *[True] * 7]


def test_an_address_no_longer_stated_is_forgotten() -> None:
    agents = AgentRegistry(5.0)
    one = agents.hear(b"a" * 16, 0.0)
    agents.attach(one, 7, 1, 0.0)
    agents.attach(one, 8, 1, 400.0)
    agents.forget_addresses(one, 400.0)
    assert one.gateways == {8: 1}


def test_a_flood_of_agents_is_bounded_and_spares_the_living(monkeypatch) -> None:
    monkeypatch.setattr(registry, "MAX_AGENTS", 200)
    agents = AgentRegistry(5.0)
    living = agents.hear(b"l" * 16, 0.0)
    for n in range(1000):
        living.reports(10.0 + n)
        agents.hear(n.to_bytes(16, "big"), 1.0 + n).reports(1.0 + n)
    assert len(agents) <= 200 and agents.hear(b"l" * 16, 2000.0) is living
    assert agents.forgotten == 1001 - len(agents)


def test_a_presumption_ends() -> None:
    agents = AgentRegistry(5.0, [KnownAgent(b"a" * 16, "h1", 5.0, {7: 1})], 1000.0)
    ends = np.array([1000.0 + PRESUMED_SECONDS, 1000.0 + PRESUMED_SECONDS + 1])
    assert agents.covers(np.array([7, 7], np.uint32), ends).tolist() == [True, False]
    assert agents.known(b"a" * 16) == KnownAgent(b"a" * 16, "h1", 5.0, {7: 1}) and agents.changes(1000.0) == []
    over = 1001.0 + PRESUMED_SECONDS
    assert agents.changes(over) == [("agent_lost", "h1", "not heard since the gateway started")]
    assert agents.changes(over) == [] and agents.known(b"a" * 16) is None and b"a" * 16 in agents.dirty
