"""exporters/process.py: what goes out, in which order, when, and what is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exporters.errors import IpfixEncodeError
from exporters.ipfix.batch import RecordBatch
from exporters.ipfix.decode import SessionDecoder
from exporters.ipfix.message import split_message
from exporters.process import OPTIONS_BURST, OPTIONS_PAUSE_SECONDS, ExportingProcess
from exporters.profiles import APPLICATION_NAMES, LINK_FLOW_V4, application_id, template
from tests.exporters.samples import sample_columns

PORTS = template(400, "sourceTransportPort")
TEXT = template(401, "userName")
NAMES = template(402, "ingressInterface", "interfaceName", scope_count=1)


def apps(*names: str) -> dict[str, Any]:
    ids = [application_id(100 + n) for n in range(len(names))]
    return {"applicationId": ids, "applicationName": list(names), "applicationDescription": [""] * len(names)}


def set_ids(datagrams: list[bytes]) -> list[int]:
    return [one.set_id for datagram in datagrams for one in split_message(memoryview(datagram))[1]]


def sequences(datagrams: list[bytes]) -> list[int]:
    return [split_message(memoryview(datagram))[0].sequence for datagram in datagrams]


def decode(datagrams: list[bytes]) -> list[RecordBatch]:
    decoder = SessionDecoder()
    batches = decoder.receive(datagrams, 0.0)
    assert decoder.stats.malformed == decoder.stats.sequence_lost == decoder.stats.missing_template_sets == 0
    return batches


def test_templates_then_options_then_data() -> None:
    process = ExportingProcess(1, [PORTS, APPLICATION_NAMES])
    process.add(PORTS, {"sourceTransportPort": [80]}, 0.0)
    process.set_options(APPLICATION_NAMES, apps("nginx", "ssh"))
    assert set_ids(process.datagrams_to_send(0.0)) == [2, 3, 260, 260, 400]


def test_every_options_template_has_its_own_set() -> None:
    """nfdump 1.7.1 reads only the first of a set."""
    process = ExportingProcess(1, [PORTS, APPLICATION_NAMES, TEXT, NAMES])
    assert set_ids(process.datagrams_to_send(0.0)) == [2, 3, 3]


def test_nothing_twice() -> None:
    process = ExportingProcess(1, [PORTS])
    process.add(PORTS, {"sourceTransportPort": [80]}, 0.0)
    assert len(process.datagrams_to_send(0.0)) == 2
    assert process.datagrams_to_send(0.0) == []


def test_sequence_counts_data_records_options_included() -> None:
    process = ExportingProcess(1, [PORTS, APPLICATION_NAMES])
    process.set_options(APPLICATION_NAMES, apps("nginx", "ssh"))
    process.add(PORTS, {"sourceTransportPort": range(1000)}, 0.0)
    datagrams = process.datagrams_to_send(0.0)
    assert sequences(datagrams)[:3] == [0, 0, 2]  # templates, options, data
    assert process.sequence == 1002
    process.add(PORTS, {"sourceTransportPort": [1]}, 1.0)
    assert sequences(process.datagrams_to_send(1.0)) == [1002]


def test_sequence_wraps() -> None:
    process = ExportingProcess(1, [PORTS])
    process.sequence = (1 << 32) - 1
    decoder = SessionDecoder()
    for port in range(4):
        process.add(PORTS, {"sourceTransportPort": [port]}, 0.0)
        decoder.receive(process.datagrams_to_send(0.0), 0.0)
    assert process.sequence == 3
    assert (decoder.stats.records, decoder.stats.sequence_lost, decoder.stats.sequence_restarts) == (4, 0, 0)


@pytest.mark.parametrize("mtu", [200, 512, 1400, 9000])
def test_no_datagram_exceeds_the_mtu_and_no_room_is_wasted(mtu: int) -> None:
    process = ExportingProcess(1, [LINK_FLOW_V4], mtu=mtu)
    process.add(LINK_FLOW_V4, sample_columns(LINK_FLOW_V4, 500), 0.0)
    datagrams = process.datagrams_to_send(0.0)[1:]
    assert max(map(len, datagrams)) <= mtu
    assert {len(datagram) for datagram in datagrams[:-1]} == {20 + (mtu - 20) // 83 * 83}
    assert sum(map(len, decode([*ExportingProcess(1, [LINK_FLOW_V4]).datagrams_to_send(0.0), *datagrams]))) == 500


def test_refresh_sends_templates_and_the_whole_options_table_again() -> None:
    process = ExportingProcess(1, [PORTS, APPLICATION_NAMES], template_refresh_seconds=60.0)
    process.set_options(APPLICATION_NAMES, apps("nginx"))
    first = process.datagrams_to_send(100.0)
    assert process.next_timeout() == 160.0
    assert process.datagrams_to_send(159.9) == []
    again = process.datagrams_to_send(160.0)
    assert set_ids(again) == set_ids(first) == [2, 3, 260]
    assert process.stats.refreshes == 2
    assert process.next_timeout() == 220.0


def test_a_new_session_is_told_everything_again() -> None:
    process = ExportingProcess(1, [PORTS, APPLICATION_NAMES], template_refresh_seconds=3600.0)
    process.set_options(APPLICATION_NAMES, apps("nginx"))
    first = process.datagrams_to_send(100.0)
    process.begin_session()
    assert process.next_timeout() == 0.0
    assert set_ids(process.datagrams_to_send(101.0)) == set_ids(first) == [2, 3, 260]
    assert process.next_timeout() == 3701.0


def test_handle_timeout_queues_the_refresh() -> None:
    process = ExportingProcess(1, [PORTS])
    assert process.next_timeout() == 0.0  # something to say at once
    process.datagrams_to_send(100.0)
    process.handle_timeout(130.0)
    assert process.datagrams_to_send(130.0) == []
    process.handle_timeout(process.next_timeout())
    assert set_ids(process.datagrams_to_send(160.0)) == [2]


def test_a_clock_set_back_does_not_stop_the_refresh() -> None:
    process = ExportingProcess(1, [PORTS], template_refresh_seconds=60.0)
    process.datagrams_to_send(10_000.0)
    assert set_ids(process.datagrams_to_send(5_000.0)) == [2]


def test_a_changed_table_sends_new_and_changed_rows_at_once() -> None:
    process, decoder = ExportingProcess(1, [APPLICATION_NAMES]), SessionDecoder()

    def sent(now: float) -> list[str]:
        batches = decoder.receive(process.datagrams_to_send(now), now)
        return [name for batch in batches for name in batch.columns["applicationName"].tolist()]

    process.set_options(APPLICATION_NAMES, apps("nginx", "ssh"))
    assert sent(0.0) == ["nginx", "ssh"]
    process.set_options(APPLICATION_NAMES, apps("nginx", "ssh"))
    assert sent(1.0) == []
    process.set_options(APPLICATION_NAMES, apps("nginx", "sshd", "cron"))
    assert sent(2.0) == ["sshd", "cron"]
    process.set_options(APPLICATION_NAMES, apps("nginx"))
    assert sent(3.0) == []
    assert sent(60.0) == ["nginx"]
    assert decoder.stats.sequence_lost == decoder.stats.malformed == 0


def test_rows_replaced_while_they_wait_are_not_sent() -> None:
    process = ExportingProcess(1, [APPLICATION_NAMES])
    process.datagrams_to_send(0.0)
    process.set_options(APPLICATION_NAMES, apps("old", "same"))
    process.set_options(APPLICATION_NAMES, apps("new", "same"))
    datagrams = [*ExportingProcess(1, [APPLICATION_NAMES]).datagrams_to_send(0.0), *process.datagrams_to_send(1.0)]
    assert sorted(decode(datagrams)[0].columns["applicationName"].tolist()) == ["new", "same"]


def test_options_are_paced() -> None:
    rows = 500
    process = ExportingProcess(1, [PORTS, APPLICATION_NAMES])
    process.set_options(APPLICATION_NAMES, apps(*(f"app{n}" for n in range(rows))))
    process.add(PORTS, {"sourceTransportPort": [80]}, 0.0)
    now, collected = 0.0, []
    burst = process.datagrams_to_send(now)
    assert len(burst) == 1 + OPTIONS_BURST + 1
    assert set_ids(burst)[-1] == 400  # data does not wait for a long table
    while burst:
        collected += burst
        assert process.datagrams_to_send(now) == []
        if process.next_timeout() > now + 1.0:
            break
        assert process.next_timeout() == pytest.approx(now + OPTIONS_PAUSE_SECONDS)
        now = process.next_timeout()
        burst = process.datagrams_to_send(now)
        assert len(burst) <= OPTIONS_BURST
    options, _ = decode(collected)
    assert len(options) == rows
    assert process.stats.options_records == rows


def test_variable_records_fill_datagrams() -> None:
    process = ExportingProcess(1, [TEXT])
    words = ["x" * (n % 300) for n in range(2000)]
    process.add(TEXT, {"userName": words}, 0.0)
    datagrams = process.datagrams_to_send(0.0)
    assert max(map(len, datagrams)) <= 1400
    assert decode(datagrams)[0].columns["userName"].tolist() == words


def test_records_that_could_never_fit_are_dropped_and_counted() -> None:
    process = ExportingProcess(1, [TEXT], mtu=500)
    assert process.add(TEXT, {"userName": ["a", "x" * 500, "b", "y" * 477, "z" * 478]}, 0.0) == 3
    (batch,) = decode(process.datagrams_to_send(0.0))
    assert [len(word) for word in batch.columns["userName"]] == [1, 1, 477]
    assert process.stats.dropped_too_long == 2
    assert process.sequence == 3


def test_the_queue_is_bounded_and_empties() -> None:
    process = ExportingProcess(1, [PORTS], max_queued_octets=100)
    assert process.add(PORTS, {"sourceTransportPort": range(30)}, 0.0) == 30
    assert process.add(PORTS, {"sourceTransportPort": range(30, 60)}, 0.0) == 20
    assert process.add(PORTS, {"sourceTransportPort": [1]}, 0.0) == 0
    assert process.stats.dropped_queue_full == 11
    (batch,) = decode(process.datagrams_to_send(0.0))
    assert batch.columns["sourceTransportPort"].tolist() == list(range(50))
    assert process.add(PORTS, {"sourceTransportPort": range(30)}, 0.0) == 30


def test_small_additions_share_a_set() -> None:
    process = ExportingProcess(1, [PORTS])
    for port in range(10):
        process.add(PORTS, {"sourceTransportPort": [port]}, 0.0)
    assert set_ids(process.datagrams_to_send(0.0)) == [2, 400]


def test_a_new_template_is_announced_before_its_data() -> None:
    process = ExportingProcess(1, [PORTS])
    process.datagrams_to_send(0.0)
    process.add(TEXT, {"userName": ["a"]}, 1.0)
    assert set_ids(process.datagrams_to_send(1.0)) == [2, 401]


def test_misuse_is_refused() -> None:
    process = ExportingProcess(1, [PORTS])
    with pytest.raises(IpfixEncodeError, match="in use"):
        process.add(template(400, "userName"), {"userName": ["a"]}, 0.0)
    with pytest.raises(IpfixEncodeError, match="no scope"):
        process.set_options(PORTS, {"sourceTransportPort": [1]})
    with pytest.raises(IpfixEncodeError, match="exceeds"):
        ExportingProcess(1, [LINK_FLOW_V4], mtu=60)


def test_statistics_agree_with_what_went_out() -> None:
    process = ExportingProcess(1, [PORTS, APPLICATION_NAMES])
    process.set_options(APPLICATION_NAMES, apps("nginx"))
    process.add(PORTS, {"sourceTransportPort": np.arange(2000)}, 0.0)
    datagrams = process.datagrams_to_send(0.0)
    stats = process.stats
    assert (stats.messages, stats.octets) == (len(datagrams), sum(map(len, datagrams)))
    assert (stats.records, stats.options_records, stats.template_records) == (2001, 1, 2)
