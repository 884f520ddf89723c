"""exporters/ipfix/message.py: the frame, by octets written out by hand."""

from __future__ import annotations

import pytest

from exporters.errors import IpfixDecodeError, IpfixEncodeError
from exporters.ipfix.elements import by_id, element
from exporters.ipfix.message import (
    Withdrawal,
    encode_message,
    encode_set,
    encode_template,
    encode_withdrawal,
    parse_templates,
    split_message,
)
from exporters.ipfix.template import Field, Template
from exporters.ipfix.types import VARIABLE
from tests.exporters.samples import message, raw_set, words


def test_header() -> None:
    octets = encode_message(0x01020304, 0x05060708, 0x090A0B0C, [])
    assert octets == bytes.fromhex("000a 0010 090a0b0c 05060708 01020304")
    header, sets = split_message(memoryview(octets))
    assert (header.length, header.export_time, header.sequence, header.odid) == (16, 0x090A0B0C, 0x05060708, 0x01020304)
    assert sets == []


def test_numbers_in_the_header_wrap() -> None:
    octets = encode_message(0, 1 << 32, (1 << 32) + 7, [])
    assert octets == bytes.fromhex("000a 0010 00000007 00000000 00000000")


def test_sets() -> None:
    octets = message(raw_set(256, b"abcd"), raw_set(257, b""), raw_set(999, b"x"))
    _, sets = split_message(memoryview(octets))
    assert [(one.set_id, bytes(one.body)) for one in sets] == [(256, b"abcd"), (257, b""), (999, b"x")]


def test_what_follows_a_message_is_not_its_own() -> None:
    octets = message(raw_set(256, b"abcd")) + b"rest"
    header, sets = split_message(memoryview(octets))
    assert header.length == 24
    assert len(sets) == 1


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_set_length_below_its_header(length: int) -> None:
    with pytest.raises(IpfixDecodeError, match="set length"):
        split_message(memoryview(message(raw_set(256, b"abcd", length))))


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "shorter"),
        (message()[:15], "shorter"),
        (b"\0\x09" + message()[2:], "version 9"),
        (b"\0\x0a\0\x0f" + message()[4:], "message length"),
        (b"\0\x0a\0\x11" + message()[4:], "message length"),
        (message(raw_set(256, b"abcd", 9)), "set length"),
        (message(raw_set(256, b"abcd") + b"\1\0\0"), "octets after"),
    ],
)
def test_broken_frames(octets: bytes, reason: str) -> None:
    with pytest.raises(IpfixDecodeError, match=reason):
        split_message(memoryview(octets))


def test_template_record_by_hand() -> None:
    template = Template(256, (Field(element("sourceIPv4Address"), 4), Field(element("processName"), VARIABLE)))
    octets = bytes.fromhex("0100 0002 0008 0004 8001 ffff 00007ed9")
    assert encode_template(template) == octets
    assert parse_templates(memoryview(octets), options=False) == [template]


def test_enterprise_element_in_an_options_template() -> None:
    fields = (Field(element("agentIdentifier"), 16), Field(by_id(9, 42), 4))
    template = Template(300, fields, 1)
    octets = bytes.fromhex("012c 0002 0001 8005 0010 00007ed9 802a 0004 00000009")
    assert encode_template(template) == octets
    assert parse_templates(memoryview(octets), options=True) == [template]


def test_several_templates_and_padding() -> None:
    one, two = Template(256, (Field(by_id(0, 1), 8),)), Template(257, (Field(by_id(0, 2), 4),))
    for padding in range(4):
        octets = encode_template(one) + encode_template(two) + bytes(padding)
        assert parse_templates(memoryview(octets), options=False) == [one, two]
    octets = encode_template(one) + bytes(12)
    assert parse_templates(memoryview(octets), options=False) == [one]


def test_withdrawals() -> None:
    # RFC 7011 8.1
    assert encode_withdrawal(256) == bytes.fromhex("0002 0008 0100 0000")
    assert encode_withdrawal(3, options=True) == bytes.fromhex("0003 0008 0003 0000")
    assert parse_templates(memoryview(words(256, 0, 257, 0)), options=False) == [Withdrawal(256), Withdrawal(257)]
    assert parse_templates(memoryview(words(2, 0)), options=False) == [Withdrawal(2)]
    assert parse_templates(memoryview(words(3, 0)), options=True) == [Withdrawal(3)]


@pytest.mark.parametrize(
    ("octets", "options", "reason"),
    [
        (words(255, 1, 1, 4), False, "below 256"),
        (words(3, 0), False, "below 256"),  # withdraws options templates: not in a template set
        (words(256, 2, 1, 4), False, "cut off"),
        (words(256, 65535, 1, 4), False, "too many fields"),
        (words(256, 1, 0x8001, 4), False, "enterprise number cut off"),
        (words(256, 1, 0x8001, 4, 0), False, "enterprise number cut off"),
        (words(256, 1), True, "options template cut off"),
        (words(256, 1, 0, 1, 4), True, "scope field count"),
        (words(256, 1, 2, 1, 4), True, "scope field count"),
        (words(256, 2, 1, 0, 2, 0), False, "no octets"),
    ],
)
def test_broken_templates(octets: bytes, options: bool, reason: str) -> None:
    with pytest.raises(IpfixDecodeError, match=reason):
        parse_templates(memoryview(octets), options=options)


def test_set_alignment() -> None:
    assert encode_set(256, [b"abcde"], align=4) == bytes.fromhex("0100 000c") + b"abcde\0\0\0"
    assert encode_set(256, [b"ab", b"cd"]) == bytes.fromhex("0100 0008") + b"abcd"


def test_what_we_refuse_to_send() -> None:
    with pytest.raises(IpfixEncodeError):
        encode_message(0, 0, 0, [bytes(65535)])
    with pytest.raises(IpfixEncodeError):
        encode_template(Template(255, (Field(by_id(0, 1), 8),)))
    with pytest.raises(IpfixEncodeError):
        encode_template(Template(256, ()))
