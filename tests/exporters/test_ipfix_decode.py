"""exporters/ipfix/decode.py: a session's datagrams to batches, and every counter beside what it counts.

Messages are put together by hand (samples.message, raw_set), so that our decoder is not measured with our encoder.
"""

from __future__ import annotations

import pytest

from exporters.ipfix.batch import RecordBatch
from exporters.ipfix.decode import DecodeStats, Limits, SessionDecoder
from exporters.ipfix.message import encode_set, encode_withdrawal
from tests.exporters.samples import flow_template, message, raw_set, words

# template 256: octetDeltaCount (4), sourceTransportPort (2); template 257: userName variable
STRINGS = raw_set(2, words(257, 1, 371, 65535))
OPTIONS = raw_set(3, words(258, 2, 1, 149, 4, 41, 4))


def flows(*rows: tuple[int, int], template_id: int = 256) -> bytes:
    body = b"".join(octets.to_bytes(4, "big") + port.to_bytes(2, "big") for octets, port in rows)
    return raw_set(template_id, body)


def receive(*datagrams: bytes, limits: Limits | None = None) -> tuple[list[RecordBatch], DecodeStats]:
    decoder = SessionDecoder(limits or Limits())
    return decoder.receive(datagrams, 0.0), decoder.stats


def values(batch: RecordBatch, name: str) -> list[object]:
    return list(batch.columns[name].tolist())


# --- what must work ----------------------------------------------------------------------------------------------


def test_records_of_many_datagrams_become_one_batch() -> None:
    datagrams = [message(flow_template(), time=1)]
    datagrams += [message(flows((n, 80), (n + 1, 81)), sequence=2 * n, time=10 + n) for n in range(50)]
    (batch,), stats = receive(*datagrams)
    assert len(batch) == 100
    assert values(batch, "octetDeltaCount") == [n + k for n in range(50) for k in (0, 1)]
    assert values(batch, "sourceTransportPort") == [80, 81] * 50
    assert batch.export_time.tolist() == [10 + n for n in range(50) for _ in (0, 1)]
    assert (stats.messages, stats.records, stats.templates, stats.sequence_lost) == (51, 100, 1, 0)
    assert stats.octets == sum(map(len, datagrams))


def test_several_sets_of_several_templates_in_one_message() -> None:
    batches, stats = receive(
        message(flow_template(), STRINGS, flows((1, 2)), raw_set(257, b"\1a\1b"), flows((3, 4)), raw_set(257, b"\1c"))
    )
    assert [values(batch, name) for batch, name in zip(batches, ("octetDeltaCount", "userName"), strict=True)] == [
        [1, 3],
        ["a", "b", "c"],
    ]
    assert stats.records == 5
    assert stats.messages == 1


def test_options_come_first() -> None:
    options = raw_set(258, bytes.fromhex("00000001 00000007"))
    batches, stats = receive(message(flow_template(), OPTIONS, flows((1, 2)), options))
    assert [batch.template.scope_count for batch in batches] == [1, 0]
    assert values(batches[0], "exportedMessageTotalCount") == [7]
    assert (stats.records, stats.options_records) == (2, 1)


def test_enterprise_elements_in_options_templates() -> None:
    template = raw_set(3, bytes.fromhex("0103 0003 0001 8005 0010 00007ed9 802a 0004 00000009 0029 0004"))
    (batch,), stats = receive(message(template, raw_set(259, bytes(range(16)) + b"\1\2\3\4\0\0\0\5")))
    assert values(batch, "agentIdentifier") == [bytes(range(16))]
    assert values(batch, "9/42") == [b"\1\2\3\4"]
    assert values(batch, "exportedMessageTotalCount") == [5]
    assert stats.malformed == 0


def test_domains_have_their_own_templates() -> None:
    other = flow_template(fields=((2, 8), (4, 1)))
    batches, stats = receive(
        message(flow_template(), odid=1),
        message(other, odid=2),
        message(flows((1, 2)), odid=1),
        message(raw_set(256, bytes(7) + b"\5\6"), odid=2),
    )
    assert [(batch.odid, tuple(batch.columns)) for batch in batches] == [
        (1, ("octetDeltaCount", "sourceTransportPort")),
        (2, ("packetDeltaCount", "protocolIdentifier")),
    ]
    assert values(batches[1], "packetDeltaCount") == [5]
    assert stats.redefinitions == 0


def test_messages_back_to_back_in_one_buffer() -> None:
    # as RFC 5655 files and TCP deliver them
    octets = message(flow_template()) + message(flows((1, 2))) + message(flows((3, 4)), sequence=1)
    (batch,), stats = receive(octets)
    assert values(batch, "octetDeltaCount") == [1, 3]
    assert (stats.messages, stats.sequence_lost, stats.malformed) == (3, 0, 0)


@pytest.mark.parametrize("padding", range(6))
def test_padding_after_records(padding: int) -> None:
    body = flows((1, 2), (3, 4))[4:] + bytes(padding)
    for datagrams in (
        [message(flow_template(), raw_set(256, body))],
        [message(flow_template()), message(raw_set(256, body))],
    ):
        (batch,), stats = receive(*datagrams, message(flows((9, 9)), sequence=2))
        assert values(batch, "octetDeltaCount") == [1, 3, 9]
        assert stats.sequence_lost == 0


def test_empty_sets_and_empty_messages() -> None:
    batches, stats = receive(message(), message(flow_template(), raw_set(256, b"")), message(raw_set(256, b"")))
    assert batches == []
    assert (stats.messages, stats.malformed, stats.missing_template_sets) == (3, 0, 0)


def test_refresh_changes_nothing() -> None:
    (batch,), stats = receive(
        message(flow_template(), flows((1, 2))), message(flow_template(), flows((3, 4)), sequence=1)
    )
    assert values(batch, "octetDeltaCount") == [1, 3]
    assert (stats.templates, stats.refreshed, stats.redefinitions) == (1, 1, 0)


# --- the hostile list --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_set_length_too_small_discards_the_message(length: int) -> None:
    batches, stats = receive(
        message(flow_template()), message(flows((1, 2)), raw_set(256, bytes(6), length)), message(flows((3, 4)))
    )
    assert [values(batch, "octetDeltaCount") for batch in batches] == [[3]]
    assert (stats.malformed, stats.messages, stats.records) == (1, 2, 1)


def test_set_longer_than_the_message() -> None:
    batches, stats = receive(message(flow_template()), message(raw_set(256, bytes(6), 11)))
    assert batches == []
    assert stats.malformed == 1


def test_a_malformed_message_leaves_no_trace() -> None:
    """RFC 7011 9: also not the template in front of the fault."""
    batches, stats = receive(message(flow_template(), raw_set(256, bytes(6), 3)), message(flows((1, 2))))
    assert batches == []
    assert (stats.malformed, stats.templates, stats.missing_template_sets) == (1, 0, 1)


@pytest.mark.parametrize("cut", range(1, 54))
def test_truncated_datagrams(cut: int) -> None:
    whole = message(flow_template(), flows((1, 2), (3, 4), (5, 6)))
    assert len(whole) == 54
    batches, stats = receive(whole[:cut])
    assert batches == []
    assert (stats.malformed, stats.messages) == (1, 0)


def test_zero_field_template_is_a_withdrawal_and_data_for_it_is_missing() -> None:
    decoder = SessionDecoder()
    decoder.receive([message(flow_template())], 0.0)
    assert decoder.receive([message(encode_withdrawal(256), flows((1, 2)))], 0.0) == []
    stats = decoder.stats
    assert (stats.withdrawals, stats.missing_template_sets, stats.missing_template_octets) == (1, 1, 6)
    decoder.receive([message(encode_withdrawal(256))], 0.0)
    assert stats.unknown_withdrawals == 1
    assert stats.malformed == 0


def test_withdrawal_in_the_middle_of_a_message() -> None:
    (batch,), stats = receive(message(flow_template(), flows((1, 2)), encode_withdrawal(256), flows((3, 4))))
    assert values(batch, "octetDeltaCount") == [1]
    assert (stats.withdrawals, stats.missing_template_sets) == (1, 1)


def test_withdrawal_between_datagrams_on_the_fast_road() -> None:
    (batch,), stats = receive(
        message(flow_template()),
        message(flows((1, 2))),
        message(encode_withdrawal(256), sequence=1),
        message(flows((3, 4)), sequence=1),
    )
    assert values(batch, "octetDeltaCount") == [1]
    assert stats.missing_template_sets == 1


@pytest.mark.parametrize("wrong", [-1, 1, 100])
def test_a_message_length_that_is_not_the_datagrams(wrong: int) -> None:
    """Too long is cut off on the way; too short leaves octets behind the message that are no message."""
    octets = message(flows((1, 2)))
    bent = octets[:2] + (len(octets) + wrong).to_bytes(2, "big") + octets[4:]
    batches, stats = receive(message(flow_template()), bent)
    assert batches == []
    assert stats.malformed == 1


def test_withdraw_all_of_a_kind() -> None:
    decoder = SessionDecoder()
    decoder.receive([message(flow_template(), STRINGS, OPTIONS)], 0.0)
    decoder.receive([message(encode_withdrawal(2))], 0.0)
    assert [template.template_id for _, template in decoder.templates] == [258]
    decoder.receive([message(encode_withdrawal(3, options=True))], 0.0)
    assert len(decoder.templates) == 0
    assert decoder.stats.withdrawals == 3


def test_redefinition_in_the_middle_of_a_message() -> None:
    other = flow_template(fields=((2, 4), (4, 2)))
    batches, stats = receive(message(flow_template(), flows((1, 2)), other, flows((3, 4)), flows((5, 6))))
    assert [(next(iter(batch.columns)), values(batch, next(iter(batch.columns)))) for batch in batches] == [
        ("octetDeltaCount", [1]),
        ("packetDeltaCount", [3, 5]),
    ]
    assert (stats.templates, stats.redefinitions) == (1, 1)


def test_redefinition_between_datagrams_on_the_fast_road() -> None:
    other = flow_template(fields=((2, 4), (4, 2)))
    batches, stats = receive(
        message(flow_template()),
        message(flows((1, 2))),
        message(other, sequence=1),
        message(flows((3, 4)), sequence=1),
        message(flow_template(), sequence=2),
        message(flows((5, 6)), sequence=2),
    )
    assert [len(batch) for batch in batches] == [1, 1, 1]
    assert stats.redefinitions == 2


def test_a_template_that_describes_no_octets_is_refused() -> None:
    """It would give endless records."""
    decoder = SessionDecoder()
    decoder.receive([message(flow_template(fields=((1, 0), (2, 0))), raw_set(256, b"x"))], 0.0)
    assert (decoder.stats.malformed, decoder.stats.templates) == (1, 0)
    assert decoder.last_error.startswith("template of no octets")


def test_template_with_more_fields_than_allowed() -> None:
    fields = [(1, 4)] * 100
    _, stats = receive(message(flow_template(fields=fields)), limits=Limits(max_fields_per_template=99))
    assert (stats.malformed, stats.templates) == (1, 0)


def test_template_that_promises_more_fields_than_there_are() -> None:
    _, stats = receive(message(raw_set(2, words(256, 3, 1, 4, 2, 4))))
    assert stats.malformed == 1


def test_templates_without_end_are_capped() -> None:
    decoder = SessionDecoder(Limits(max_templates=10))
    for start in range(256, 5256, 50):
        decoder.receive([message(*(flow_template(start + k) for k in range(50)))], 0.0)
    assert len(decoder.templates) == 10
    assert decoder.stats.templates == 5000
    assert decoder.stats.evicted == 4990


def test_a_length_running_past_its_set_discards_the_whole_message() -> None:
    """The flow record in front of it too, but nothing of the neighbours."""
    bad = message(flows((7, 7)), raw_set(257, b"\1a\xff\xff\xffb"), sequence=3)
    batches, stats = receive(
        message(flow_template(), STRINGS),
        message(flows((1, 2)), raw_set(257, b"\1x\1y")),
        bad,
        message(flows((3, 4)), raw_set(257, b"\1z"), sequence=6),
    )
    assert [values(batches[0], "octetDeltaCount"), values(batches[1], "userName")] == [[1, 3], ["x", "y", "z"]]
    assert (stats.malformed, stats.messages, stats.records) == (1, 3, 5)


def test_the_long_form_of_a_length() -> None:
    (batch,), stats = receive(message(STRINGS, raw_set(257, b"\xff\x00\x01a\xff\x01\x00" + b"b" * 256)))
    assert values(batch, "userName") == ["a", "b" * 256]
    assert stats.malformed == 0


def test_all_variable_template_with_padding() -> None:
    (batch,), stats = receive(
        message(STRINGS, encode_set(257, [b"\2ab"], align=4)),
        message(raw_set(257, b"\2cd\0"), sequence=1),
        message(raw_set(257, b"\2ef"), sequence=2),
    )
    assert values(batch, "userName") == ["ab", "cd", "ef"]
    assert (stats.malformed, stats.sequence_lost, stats.sequence_restarts) == (0, 0, 0)


def test_reserved_set_ids_are_ignored() -> None:
    (batch,), stats = receive(
        message(*(raw_set(set_id, bytes(8)) for set_id in (0, 1, 4, 255)), flow_template(), flows((1, 2)))
    )
    assert len(batch) == 1
    assert (stats.reserved_sets, stats.malformed) == (4, 0)


def test_other_versions_and_rubbish() -> None:
    for rubbish in (b"", b"\0", bytes(16), bytes(64), b"\xff" * 1500, b"\0\x09" + message(flows((1, 2)))[2:]):
        batches, stats = receive(rubbish)
        assert batches == []
        assert stats.malformed == 1


def test_the_last_error_says_why() -> None:
    decoder = SessionDecoder()
    decoder.receive([message(raw_set(256, b"", 3), odid=77)], 0.0)
    assert decoder.last_error == "set length (domain 77, set 256, octet 16)"


def test_one_octet_records_by_the_ten_thousand_end() -> None:
    short = raw_set(2, words(256, 1, 371, 65535))
    long = message(raw_set(256, b"\0" * 60000 + b"\1a"))
    (batch,), stats = receive(message(short), *[message(raw_set(256, b"\1a"))] * 30, long)
    assert len(batch) == 60031
    assert stats.malformed == 0


# --- template life and data before it ----------------------------------------------------------------------------


def test_lifetime() -> None:
    decoder = SessionDecoder(Limits(template_lifetime=100.0, max_held_octets=0))
    decoder.receive([message(flow_template())], 0.0)
    assert len(decoder.receive([message(flows((1, 2)))], 100.0)) == 1
    assert decoder.receive([message(flows((3, 4)))], 101.0) == []
    assert (decoder.stats.expired, decoder.stats.missing_template_sets) == (1, 1)


def test_data_before_its_template_waits_for_it() -> None:
    decoder = SessionDecoder()
    early = [message(flows((n, n)), sequence=n, time=n) for n in range(5)]
    assert decoder.receive(early, 0.0) == []
    datagrams = [message(flow_template(), sequence=5, time=5), message(flows((5, 5)), sequence=5, time=5)]
    (batch,) = decoder.receive(datagrams, 60.0)
    assert values(batch, "octetDeltaCount") == [0, 1, 2, 3, 4, 5]
    assert batch.export_time.tolist() == [0, 1, 2, 3, 4, 5]
    stats = decoder.stats
    assert (stats.missing_template_sets, stats.held_decoded_sets, stats.held_dropped_sets) == (5, 5, 0)
    assert (stats.messages, stats.records, stats.sequence_lost, stats.sequence_restarts) == (7, 6, 0, 0)


def test_data_does_not_wait_for_ever() -> None:
    decoder = SessionDecoder(Limits(max_held_seconds=120.0))
    decoder.receive([message(flows((1, 2)))], 0.0)
    assert decoder.receive([message(flow_template())], 121.0) == []
    assert decoder.stats.held_dropped_sets == 1


def test_waiting_data_may_turn_out_malformed() -> None:
    decoder = SessionDecoder()
    decoder.receive([message(raw_set(257, b"\xff\xff\xffa"))], 0.0)
    assert decoder.receive([message(STRINGS)], 0.0) == []
    assert (decoder.stats.malformed, decoder.stats.messages) == (1, 2)


def test_waiting_data_is_bounded() -> None:
    decoder = SessionDecoder(Limits(max_held_octets=10_000))
    for number in range(100):
        decoder.receive([message(raw_set(300 + number, bytes(744)))], 0.0)
    assert decoder.stats.held_dropped_sets == 90


# --- sequence numbers --------------------------------------------------------------------------------------------


def test_loss_lateness_and_restart_per_domain() -> None:
    datagrams = [message(flow_template(), odid=odid, sequence=start) for odid, start in ((1, 0), (2, 0), (3, 100))]
    for sequence in (0, 1, 5, 6):
        datagrams.append(message(flows((1, 1)), odid=1, sequence=sequence))
    for sequence in (0, 2, 1, 3):
        datagrams.append(message(flows((1, 1)), odid=2, sequence=sequence))
    for sequence in (100, 101, 0, 1):
        datagrams.append(message(flows((1, 1)), odid=3, sequence=sequence))
    _, stats = receive(*datagrams)
    assert (stats.sequence_lost, stats.sequence_reordered, stats.sequence_restarts) == (3, 1, 1)


@pytest.mark.parametrize("together", [True, False])
def test_wrap(together: bool) -> None:
    top = 1 << 32
    datagrams = [message(flow_template(), sequence=top - 2)]
    datagrams += [message(flows((1, 1)), sequence=(top - 2 + n) % top) for n in range(5)]
    decoder = SessionDecoder()
    for group in [datagrams] if together else [[one] for one in datagrams]:
        decoder.receive(group, 0.0)
    stats = decoder.stats
    assert (stats.records, stats.sequence_lost, stats.sequence_restarts) == (5, 0, 0)


def test_loss_inside_one_call_and_between_calls() -> None:
    decoder = SessionDecoder()
    decoder.receive([message(flow_template()), *(message(flows((1, 1)), sequence=n) for n in (0, 1, 3))], 0.0)
    assert decoder.stats.sequence_lost == 1
    decoder.receive([message(flows((1, 1)), sequence=n) for n in (6, 7)], 0.0)
    assert decoder.stats.sequence_lost == 3
    for start in (8, 10, 12):
        decoder.receive([message(flows((1, 1)), sequence=n) for n in (start, start + 1)], 0.0)
        assert decoder.stats.sequence_lost == 3


def test_domain_id_reused_after_a_restart() -> None:
    """New count, new template under the old ids: no loss is claimed, and the new template is used."""
    other = flow_template(fields=((2, 4), (4, 2)))
    decoder = SessionDecoder()
    decoder.receive([message(flow_template()), message(flows(*[(1, 1)] * 200))], 0.0)
    (batch,) = decoder.receive([message(other), message(flows((3, 4)))], 100.0)
    assert values(batch, "packetDeltaCount") == [3]
    stats = decoder.stats
    assert (stats.redefinitions, stats.sequence_restarts, stats.sequence_lost) == (1, 1, 0)


def test_undecodable_records_are_not_called_lost() -> None:
    decoder = SessionDecoder(Limits(max_held_octets=0))
    decoder.receive([message(flow_template())], 0.0)
    decoder.receive([message(raw_set(999, bytes(60)), sequence=0)], 0.0)
    decoder.receive([message(flows((1, 1)), sequence=10)], 0.0)
    assert decoder.stats.sequence_lost == 0
    decoder.receive([message(flows((1, 1)), sequence=12)], 0.0)
    assert decoder.stats.sequence_lost == 1


def test_domains_are_capped() -> None:
    decoder = SessionDecoder(Limits(max_domains=10))
    decoder.receive([message(flow_template(), odid=odid) for odid in range(1000)], 0.0)
    assert len(decoder._sequences) == 10
    assert decoder.stats.domains_evicted == 990
