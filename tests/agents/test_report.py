from __future__ import annotations

import numpy as np
import pytest

from agents.hostaddresses import OwnAddress
from agents.inetdiag import decode_sockets
from agents.owners import NOBODY, Owner
from agents.report import ApplicationNames, cut, flow_columns, host_columns, statistics_columns
from agents.tcptable import TcpTable
from exporters.ipfix.decode import SessionDecoder
from exporters.process import ExportingProcess
from exporters.profiles import (
    AGENT_FLOW_V4,
    AGENT_FLOW_V6,
    AGENT_HOST_V4,
    AGENT_HOST_V6,
    AGENT_STATISTICS,
    APPLICATION_NAMES,
    application_id,
)
from tests.agents.diag import CLOSED, message, octets


def test_names_keep_their_selectors_and_are_bounded() -> None:
    names = ApplicationNames(2)
    assert [names.selector(name) for name in ("", "a", "b", "a", "c")] == [1, 3, 4, 3, 2]
    assert names.overflow == 1
    columns = names.columns()
    assert dict(zip(columns["applicationId"], columns["applicationName"], strict=True)) == {
        application_id(1): "unattributed", application_id(2): "other", application_id(3): "a", application_id(4): "b",
    }  # fmt: skip


@pytest.mark.parametrize("version", [4, 6])
def test_a_flow_arrives_as_it_was_sent(version: int) -> None:
    ends = ("10.0.0.1", "10.0.0.2") if version == 4 else ("fd00::1", "fd00::2")
    template = AGENT_FLOW_V4 if version == 4 else AGENT_FLOW_V6
    table, names = TcpTable(), ApplicationNames(100)
    table.update(decode_sockets([]), 100.25)
    closed = message(
        ends[0], 4000, ends[1], 80, state=CLOSED, tos=0x20, options=7, acked=102, sent=100, received=501, segs_out=5,
        segs_in=6, rtt=900, min_rtt=800, retrans=0,
    )  # fmt: skip
    rows = table.end(decode_sockets([closed]), 101.5)
    owner = Owner("shop", 77, "browser", "x.service", "alice", 1)
    process = ExportingProcess(1, [template])
    process.add(template, flow_columns(rows, [owner], names, version), 102.0)
    (batch,) = SessionDecoder().receive(process.datagrams_to_send(102.0), 102.0)
    got = {name: column[0] for name, column in batch.columns.items()}
    header = 52 if version == 4 else 72
    assert got["octetDeltaCount"] == 100 + 5 * header + 8
    assert got["reverseOctetDeltaCount"] == 500 + 6 * header + 8
    assert (got["flowStartMilliseconds"], got["flowEndMilliseconds"]) == (100_250, 101_500)
    assert (got["processName"], got["serviceUnit"], got["userName"]) == ("browser", "x.service", "alice")
    assert (got["applicationId"], got["processId"], got["attributionMethod"]) == (application_id(3), 77, 1)
    assert (got["biflowDirection"], got["flowEndReason"], got["smoothedRttMicroseconds"]) == (1, 3, 900)
    assert (got["sourceTransportPort"], got["destinationTransportPort"]) == (4000, 80)
    if version == 4:
        assert (got["sourceIPv4Address"], got["destinationIPv4Address"]) == (0x0A000001, 0x0A000002)
    else:
        assert bytes(got["destinationIPv6Address"]) == octets("fd00::2")


def test_the_host_arrives_too() -> None:
    four = OwnAddress(4, octets("10.0.0.5"), 24, 2, False, octets("10.0.0.1")[:4])
    six = OwnAddress(6, octets("fd00::5"), 64, 2, False)
    process = ExportingProcess(9, [])
    for own, template in ((four, AGENT_HOST_V4), (six, AGENT_HOST_V6)):
        columns = host_columns(
            [own], version=own.version, odid=9, agent_id=bytes(range(16)), host_name="h" * 300, interval_seconds=0.5
        )
        process.add(template, columns, 1.0)
    statistics = statistics_columns(odid=9, messages=1, records=2, octets=3, events_lost=4, ring_dropped=5, unowned=6)
    process.add(AGENT_STATISTICS, statistics, 1.0)
    batches = {b.template.template_id: b.columns for b in SessionDecoder().receive(process.datagrams_to_send(1.0), 1.0)}
    host = batches[AGENT_HOST_V4.template_id]
    assert (host["sourceIPv4Address"][0], host["ipNextHopIPv4Address"][0]) == (0x0A000005, 0x0A000001)
    assert (host["sourceIPv4PrefixLength"][0], host["reportIntervalSeconds"][0], host["agentLayer"][0]) == (24, 1, 1)
    assert host["agentIdentifier"][0] == bytes(range(16))
    assert len(host["hostName"][0]) == 255
    assert not batches[AGENT_HOST_V6.template_id]["ipNextHopIPv6Address"].any()
    assert batches[AGENT_STATISTICS.template_id]["unownedFlowTotalCount"][0] == 6


def test_names_table_and_nobody() -> None:
    names, process = ApplicationNames(10), ExportingProcess(1, [])
    names.selector("web")
    process.set_options(APPLICATION_NAMES, names.columns())
    (batch,) = SessionDecoder().receive(process.datagrams_to_send(1.0), 1.0)
    assert "web" in batch.columns["applicationName"].tolist()
    assert NOBODY.application == ""
    assert cut("ä" * 200) == "ä" * 127
    assert np.all(batch.columns["applicationId"] >> 24 == 6)
