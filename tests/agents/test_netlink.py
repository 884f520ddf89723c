from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.netlink import (
    NLM_F_DUMP,
    NLMSG_DONE,
    NLMSG_ERROR,
    attribute,
    attribute_windows,
    attributes,
    error_number,
    messages,
    request,
)


def test_request_layout() -> None:
    message = request(20, b"\x01\x02\x03\x04", sequence=7)
    assert struct.unpack("=IHHII", message[:16]) == (20, 20, NLM_F_DUMP | 1, 7, 0)
    assert message[16:] == b"\x01\x02\x03\x04"


def test_messages_follow_each_other_at_four_octets() -> None:
    first = request(1, b"abc")
    buffer = first + bytes(-len(first) % 4) + request(2, b"")
    assert [(kind, buffer[start:end]) for kind, _, start, end in messages(buffer)] == [(1, b"abc"), (2, b"")]


def test_attributes_are_padded_and_flags_masked() -> None:
    buffer = attribute(3, b"x") + attribute(0x8000 | 4, b"yz12")
    assert attributes(buffer, 0, len(buffer)) == {3: b"x", 4: b"yz12"}


def test_error_and_done() -> None:
    buffer = request(NLMSG_ERROR, struct.pack("=i", -2)) + request(NLMSG_DONE, b"")
    (kind, _, start, end), (done, *_) = messages(buffer)
    assert (kind, error_number(buffer, start, end), done) == (NLMSG_ERROR, 2, NLMSG_DONE)
    assert error_number(b"", 0, 0) == 0


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_end(data: bytes) -> None:
    for _, _, start, end in messages(data):
        assert 16 <= start <= end <= len(data)
        for _, first, last in attribute_windows(data, start, end):
            assert start < first <= last <= end
