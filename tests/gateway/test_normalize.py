import numpy as np
import pytest

from exporters.ipfix.batch import RecordBatch
from exporters.ipfix.decode import SessionDecoder
from exporters.profiles import AGENT_FLOW_V6, AGENT_HOST_V4, APPLICATION_NAMES
from gateway.batch import FlowBatch, concat
from gateway.collector import Collector, Session
from gateway.identity import UNKNOWN, ApplicationIds
from gateway.normalize import Normalizer
from gateway.registry import AgentRegistry
from tests.gateway.agentwire import AgentWire
from tests.gateway.small import ip

T = 1_700_000_000.0


def normalizer() -> Normalizer:
    return Normalizer(ApplicationIds(), AgentRegistry(5.0), 5.0)


def feed(n: Normalizer, collector: Collector, data: list[tuple[bytes, tuple[str, int]]], now: float = T) -> FlowBatch:
    return concat(FlowBatch, [n.normalize(s, r, now) for s, r in collector.receive(data, now)])


def test_both_directions_with_who_reports_them() -> None:
    n, wire = normalizer(), AgentWire("h1", "10.1.1.10", "10.1.1.1")
    out = feed(n, Collector(), wire.report(T, (T - 5, T, "10.1.4.9", "web", 1000, 10, 500, 5)))
    rows = {
        (int(out["source"][i]), int(out["source_port"][i]), int(out["octets"][i]), int(out["sent"][i]))
        for i in range(len(out))
    }
    assert rows == {(ip("10.1.1.10"), 40000, 1000, 1), (ip("10.1.4.9"), 80, 500, 0)}
    assert n.applications.names()[int(out["app"][0])] == "web"
    assert out["start"].tolist() == [T - 5] * 2
    agent = n.agents.published()[0]
    assert (agent.name, agent.gateway, agent.addresses, agent.live) == ("h1", "10.1.1.1", ("10.1.1.10",), True)


def test_names_are_the_key_across_exporters() -> None:
    n, collector = normalizer(), Collector()
    a, b = AgentWire("h1", "10.1.1.10"), AgentWire("h2", "10.1.2.10")
    feed(n, collector, a.report(T, (T - 5, T, "10.1.4.9", "mail", 1, 1, 0, 0)))
    one = feed(n, collector, a.report(T, (T - 5, T, "10.1.4.9", "web", 1, 1, 0, 0)))
    two = feed(n, collector, b.report(T, (T - 5, T, "10.1.4.9", "web", 1, 1, 0, 0)))
    assert one["app"].tolist() == two["app"].tolist() != [UNKNOWN]


def test_a_record_without_octets_makes_no_row() -> None:
    n, wire = normalizer(), AgentWire("h1", "10.1.1.10")
    assert len(feed(n, Collector(), wire.report(T, (T - 5, T, "10.1.4.9", "web", 0, 0, 0, 0)))) == 0


def test_a_clock_far_off_is_corrected_and_counted() -> None:
    n, wire = normalizer(), AgentWire("h1", "10.1.1.10")
    out = feed(n, Collector(), wire.report(T - 3600, (T - 3605, T - 3600, "10.1.4.9", "web", 1, 1, 0, 0)), T)
    assert out["end"][0] == pytest.approx(T, abs=1.0)
    assert n.stats.skew_corrected == 1
    near = normalizer()
    out = feed(
        near, Collector(), AgentWire("h", "10.1.1.1").report(T - 2, (T - 7, T - 2, "10.1.4.9", "w", 1, 1, 0, 0)), T
    )
    assert out["end"][0] == T - 2 and near.stats.skew_corrected == 0


def test_ipv6_and_strange_records_are_counted_not_lost_silently() -> None:
    n, session = normalizer(), Session(("x", 1), SessionDecoder(), T)
    v6 = RecordBatch(AGENT_FLOW_V6, 1, {"sourceIPv6Address": np.zeros((3, 16), np.uint8)}, np.zeros(3, np.uint32))
    other = RecordBatch(AGENT_FLOW_V6, 1, {"protocolIdentifier": np.zeros(2, np.uint8)}, np.zeros(2, np.uint32))
    assert len(n.normalize(session, v6, T)) == len(n.normalize(session, other, T)) == 0
    assert (n.stats.ipv6, n.stats.not_flows) == (3, 2)


def test_a_counter_no_wire_could_have_filled_is_left_out_and_counted() -> None:
    n, wire = normalizer(), AgentWire("h1", "10.1.1.10")
    out = feed(n, Collector(), wire.report(T, (T - 5, T, "10.1.4.9", "web", 2**63, 1, 70, 1)))
    assert out["octets"].tolist() == [70] and n.stats.implausible == 1


def test_an_agents_record_is_the_senders_even_before_the_agent_is_known() -> None:
    n, wire = normalizer(), AgentWire("h1", "10.1.1.10", "10.1.1.1")
    n._host = lambda *rest: None  # type: ignore[method-assign]  # who it is comes later
    out = feed(n, Collector(), wire.report(T, (T - 5, T, "10.1.4.9", "web", 1000, 10, 500, 5)))
    assert sorted(zip(out["octets"].tolist(), out["sent"].tolist(), strict=True)) == [(500, 0), (1000, 1)]
    assert out["agent"].tolist() == [-1, -1]


def test_an_identifier_of_another_length_is_refused_and_counted() -> None:
    n, session = normalizer(), Session(("x", 1), SessionDecoder(), T)
    columns = {
        "agentIdentifier": np.array([b"", b"a" * 16, b"b" * 4000], object),
        "sourceIPv4Address": np.arange(3, dtype=np.uint32),
    }
    n.normalize(session, RecordBatch(AGENT_HOST_V4, 1, columns, np.zeros(3, np.uint32)), T)
    assert len(n.agents) == 1 and n.stats.bad_identifiers == 2


def test_names_from_the_network_are_fit_to_be_shown() -> None:
    n, session = normalizer(), Session(("x", 1), SessionDecoder(), T)
    names = np.array(["a\0\n\x1b[31m", "x" * 5000, "Caf\u00e9 1"], object)
    columns = {"applicationId": np.arange(3, dtype=np.uint32), "applicationName": names}
    n.normalize(session, RecordBatch(APPLICATION_NAMES, 1, columns, np.zeros(3, np.uint32)), T)
    known = list(n.applications.names().values())[3:]
    assert known == ["a\ufffd\ufffd\ufffd[31m", "x" * 255, "Caf\u00e9 1"]


def test_records_that_waited_for_their_template_are_not_taken_for_a_slow_clock() -> None:
    n, collector, wire = normalizer(), Collector(), AgentWire("h1", "10.1.1.10", "10.1.1.1")
    wire.report(T - 60, (T - 65, T - 60, "10.1.4.9", "web", 1, 1, 0, 0))  # the templates went elsewhere
    feed(n, collector, wire.report(T - 30, (T - 35, T - 30, "10.1.4.9", "web", 7, 1, 0, 0)), T - 30)
    wire.process.handle_timeout(T)
    out = feed(n, collector, [(d, wire.peer) for d in wire.datagrams(T)], T)
    assert (out["octets"].tolist(), out["end"].tolist()) == ([7], [T - 30])
    out = feed(n, collector, wire.report(T + 5, (T, T + 5, "10.1.4.9", "web", 8, 1, 0, 0)), T + 5)
    assert out["end"].tolist() == [T + 5] and n.stats.skew_corrected == 0
