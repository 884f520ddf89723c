"""The simulated agents' datagrams, read back by the collector's decoder."""

from __future__ import annotations

import numpy as np

from exporters.ipfix.batch import RecordBatch
from exporters.ipfix.decode import SessionDecoder
from exporters.profiles import AGENT_FLOW_V4, AGENT_HOST_V4, APPLICATION_NAMES
from gateway.demo.enterprise import conversations, enterprise
from gateway.demo.hosts import OPENED_HERE, OPENED_THERE, SimulatedAgent, agents_of, received
from gateway.demo.network import address
from gateway.demo.traffic import pieces

NETWORK = enterprise()
TALKS = conversations(NETWORK)
ORIGIN = 1_700_000_000.0


def agent_of(name: str, **more: float) -> SimulatedAgent:
    host = NETWORK.host_by_name[name]
    return SimulatedAgent(NETWORK, host, TALKS, origin=ORIGIN, number=3, **more)


def reports(agent: SimulatedAgent, until: float) -> dict[int, RecordBatch]:
    """Template id to what the agent sent in its first report."""
    agent.handle_timeout(until)
    decoder = SessionDecoder()
    batches = decoder.receive(agent.datagrams_to_send(until), until)
    assert decoder.stats.malformed == decoder.stats.sequence_lost == 0
    return {batch.template.template_id: batch for batch in batches}


def test_an_agent_says_who_it_is_and_what_its_applications_are_called() -> None:
    found = reports(agent_of("mail-1"), ORIGIN + 4.0)
    host = found[AGENT_HOST_V4.template_id].columns
    assert host["sourceIPv4Address"].tolist() == [address("10.2.10.21")]
    assert host["ipNextHopIPv4Address"].tolist() == [address("10.2.10.1")]
    assert host["sourceIPv4PrefixLength"].tolist() == [24]
    assert list(host["hostName"]) == ["mail-1"] and len(bytes(host["agentIdentifier"][0])) == 16
    names = found[APPLICATION_NAMES.template_id].columns
    assert set(names["applicationName"]) == {"mail", "smtp", "dns"}


def test_records_are_the_local_ends_view_of_both_directions() -> None:
    agent = agent_of("mail-1")
    found = reports(agent, ORIGIN + 4.0)[AGENT_FLOW_V4.template_id].columns
    assert set(found["sourceIPv4Address"].tolist()) == {address("10.2.10.21")}
    clients = found["destinationIPv4Address"] == address("203.0.113.25")
    assert found["biflowDirection"][clients].tolist() == [OPENED_HERE] * int(clients.sum())
    assert set(found["biflowDirection"][found["destinationTransportPort"] > 30000]) == {OPENED_THERE}
    sent = received_here = 0
    for talk in TALKS:
        for piece in pieces(talk, 0.0, 4.0):
            if talk.client == "mail-1":
                sent, received_here = sent + piece.up_octets, received_here + piece.down_octets
            elif talk.server == "mail-1":
                sent, received_here = sent + piece.down_octets, received_here + piece.up_octets
    assert int(found["octetDeltaCount"].sum()) == sent
    assert int(found["reverseOctetDeltaCount"].sum()) == received_here
    assert (found["flowEndMilliseconds"] > found["flowStartMilliseconds"]).all()
    assert set(found["userName"]) >= {"vmail", "service"}


def test_reports_come_in_time_and_tell_everything_once() -> None:
    agent = agent_of("pc-anna", interval=2.0)
    decoder = SessionDecoder()
    now, octets = ORIGIN, 0
    for _ in range(5):
        now = agent.next_timeout()
        agent.handle_timeout(now - 0.01)
        assert agent.next_timeout() == now
        agent.handle_timeout(now)
        for batch in decoder.receive(agent.datagrams_to_send(now), now):
            if batch.template.template_id == AGENT_FLOW_V4.template_id:
                octets += int(batch.columns["octetDeltaCount"].sum())
    expected = 0
    for talk in TALKS:
        for piece in pieces(talk, 0.0, now - ORIGIN):
            expected += piece.up_octets if talk.client == "pc-anna" else 0
            expected += piece.down_octets if talk.server == "pc-anna" else 0
    assert octets == expected and decoder.stats.sequence_lost == 0


def test_skew_moves_every_time_and_loss_only_what_arrived() -> None:
    true = reports(agent_of("db-1"), ORIGIN + 4.0)[AGENT_FLOW_V4.template_id]
    off = reports(agent_of("db-1", skew=100.0, loss=0.25), ORIGIN + 4.0)[AGENT_FLOW_V4.template_id]
    for name in ("flowStartMilliseconds", "flowEndMilliseconds"):
        assert (off.columns[name] - true.columns[name] == 100_000).all()
    assert (off.export_time - true.export_time == 100).all()
    assert np.array_equal(off.columns["octetDeltaCount"], true.columns["octetDeltaCount"])
    before, after = (int(each.columns["reverseOctetDeltaCount"].sum()) for each in (true, off))
    assert abs(after - 0.75 * before) < len(true)
    assert received(1000, 0.25) == 750


def test_every_agent_numbers_its_applications_differently() -> None:
    agents = agents_of(NETWORK, TALKS, origin=ORIGIN)
    assert len(agents) == sum(host.agent for host in NETWORK.hosts)
    ids: dict[str, set[int]] = {}
    for agent in agents:
        table = reports(agent, ORIGIN + 5.0)[APPLICATION_NAMES.template_id].columns
        for name, number in zip(table["applicationName"], table["applicationId"].tolist(), strict=True):
            ids.setdefault(name, set()).add(number)
    assert len(ids["web"]) > 10
