import numpy as np

from gateway.registry import MAX_ADDRESSES, AgentRegistry
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
    assert found.tolist() == [ip("10.1.1.1"), ip("10.1.1.2"), 0, 0]


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
