from gateway.collector import IDLE_SECONDS, Collector
from gateway.identity import ApplicationIds
from gateway.normalize import Normalizer
from gateway.registry import AgentRegistry
from tests.gateway.agentwire import AgentWire

T = 1_700_000_000.0


def test_sessions_are_per_peer_and_their_templates_apart() -> None:
    collector = Collector()
    one, two = AgentWire("h1", "10.1.1.10"), AgentWire("h2", "10.1.2.10")
    data = one.report(T, (T - 5, T, "10.1.4.1", "web", 100, 1, 0, 0))
    out = collector.receive(data, T)
    assert {s.peer for s, _ in out} == {("10.1.1.10", 50000)}
    # h2's data without its templates: counted, not decoded with h1's
    later = [d for d, _ in two.report(T, (T - 5, T, "10.1.4.1", "web", 100, 1, 0, 0))][-1:]
    two.process.datagrams_to_send(T)
    stray = two.report(T + 5, (T, T + 5, "10.1.4.1", "web", 7, 1, 0, 0))
    collector.receive([(d, ("10.1.2.10", 1)) for d in (x for x, _ in stray)], T)
    assert later and collector.decode_stats()["missing_template_sets"] > 0


def test_rubbish_is_counted_and_nothing_stops() -> None:
    collector = Collector()
    assert collector.receive([(bytes(n), ("192.0.2.1", n)) for n in range(40)], T) == []
    assert collector.decode_stats()["malformed"] == 40
    assert collector.stats.datagrams == 40


def test_sessions_are_bounded_and_silent_ones_forgotten_with_their_counters_kept() -> None:
    collector = Collector(max_sessions=2)
    collector.receive([(b"x", ("192.0.2.1", n)) for n in range(5)], T)
    assert len(collector.sessions) == 2
    assert (collector.stats.sessions_refused, collector.stats.sessions_evicted) == (2, 1)
    collector.receive([], T + IDLE_SECONDS + 1)
    assert not collector.sessions and collector.stats.sessions_expired == 2
    assert collector.decode_stats()["malformed"] == 3


def test_made_up_peers_keep_no_agent_out_and_throw_none_out() -> None:
    collector = Collector(max_sessions=50)
    normalizer = Normalizer(ApplicationIds(), AgentRegistry(5.0), 5.0)
    for second, wire in enumerate((AgentWire("h1", "10.1.1.10"), AgentWire("h2", "10.1.2.10"))):
        for session, records in collector.receive(wire.report(T + second), T + second):
            normalizer.normalize(session, records, T + second)
        collector.receive([(b"x", ("192.0.2.1", n + 100 * second)) for n in range(100)], T + second + 0.5)
    assert {p[0] for p, s in collector.sessions.items() if s.agent} == {"10.1.1.10", "10.1.2.10"}
    assert len(collector.sessions) <= 50
