"""exporters/ipfix/records.py: octets to columns, and the two ways to walk variable-length records."""

from __future__ import annotations

import numpy as np
import pytest

from exporters.ipfix import records
from exporters.ipfix.elements import by_id, element
from exporters.ipfix.records import Run, Variable, decode_fixed, decode_variable, plan, walk_records
from exporters.ipfix.template import Field, Template
from exporters.ipfix.types import VARIABLE


def make(*fields: tuple[str, int]) -> Template:
    return Template(256, tuple(Field(element(name), length) for name, length in fields))


MIXED = make(("octetDeltaCount", 8), ("processName", VARIABLE), ("sourceIPv4Address", 4), ("userName", VARIABLE))
STRINGS = make(("processName", VARIABLE), ("userName", VARIABLE), ("serviceUnit", VARIABLE))


def bounds(bodies: list[bytes]) -> np.ndarray:
    return np.cumsum([0, *map(len, bodies)])


def walk(template: Template, bodies: list[bytes]) -> records.Walk:
    return walk_records(plan(template), b"".join(bodies), bounds(bodies))


def test_plan_is_runs_between_variable_fields() -> None:
    way = plan(MIXED)
    assert [type(part) for part in way.parts] == [Run, Variable, Run, Variable]
    assert not way.all_variable
    assert plan(STRINGS).all_variable


def test_reduced_size_and_odd_widths() -> None:
    # RFC 7011 6.2: 3-octet packet count, 5-octet octet count, 1-octet port
    template = make(("packetDeltaCount", 3), ("octetDeltaCount", 5), ("sourceTransportPort", 1))
    octets = bytes.fromhex("010203 0405060708 09 ffffff ffffffffff ff")
    columns = decode_fixed(plan(template), octets, 2)
    assert columns["packetDeltaCount"].tolist() == [0x010203, 0xFFFFFF]
    assert columns["octetDeltaCount"].tolist() == [0x0405060708, 0xFFFFFFFFFF]
    assert columns["sourceTransportPort"].tolist() == [9, 255]
    assert [column.dtype for column in columns.values()] == [np.uint64, np.uint64, np.uint16]


def test_fixed_columns_of_every_kind() -> None:
    template = make(
        ("sourceMacAddress", 6),
        ("sourceIPv6Address", 16),
        ("interfaceName", 8),
        ("agentIdentifier", 2),
        ("samplingProbability", 8),
        ("applicationId", 4),
        ("paddingOctets", 3),
    )
    octets = bytes(range(6)) + bytes(range(16)) + b"eth0\0\0\0\0" + b"\xff\0" + bytes.fromhex("3fe0000000000000")
    octets += bytes.fromhex("06000001") + b"abc"
    columns = decode_fixed(plan(template), octets, 1)
    assert columns["sourceMacAddress"].tolist() == [list(range(6))]
    assert columns["sourceIPv6Address"].tolist() == [list(range(16))]
    assert columns["interfaceName"].tolist() == ["eth0"]
    assert columns["agentIdentifier"].tolist() == [b"\xff\0"]
    assert columns["samplingProbability"].tolist() == [0.5]
    assert columns["applicationId"].tolist() == [0x06000001]
    assert columns["applicationId"].dtype == np.uint32
    assert columns["paddingOctets"].tolist() == [b"abc"]


def test_unusable_fields_are_skipped_over() -> None:
    template = Template(
        256,
        (Field(element("sourceIPv4Address"), 3), Field(by_id(0, 1), 8), Field(element("userName"), 0)),
    )
    assert plan(template).unusable == 2
    columns = decode_fixed(plan(template), b"abc" + bytes(7) + b"\5", 1)
    assert {name: column.tolist() for name, column in columns.items()} == {"octetDeltaCount": [5]}


def test_an_unusable_variable_field_is_skipped_over() -> None:
    template = Template(256, (Field(element("sourceIPv4Address"), VARIABLE), Field(element("ipTTL"), 1)))
    octets = b"\3abc\7\0\x08"
    found = walk(template, [octets])
    columns = decode_variable(plan(template), octets, found)
    assert {name: column.tolist() for name, column in columns.items()} == {"ipTTL": [7, 8]}


def test_decoded_columns_are_our_own_memory() -> None:
    columns = decode_fixed(plan(make(("octetDeltaCount", 8), ("sourceIPv6Address", 16))), bytes(24), 1)
    for column in columns.values():
        assert column.flags.owndata
        assert column.flags.writeable


def test_length_forms() -> None:
    # RFC 7011 7: one octet below 255, else 255 and two octets; the long form is legal for short values too
    bodies = [b"\x03abc" + b"\xff\x00\x02de" + b"\xff\x01\x00" + b"f" * 256]
    octets = bodies[0]
    columns = decode_variable(plan(STRINGS), octets, walk(STRINGS, bodies))
    assert columns["processName"].tolist() == ["abc"]
    assert columns["userName"].tolist() == ["de"]
    assert columns["serviceUnit"].tolist() == ["f" * 256]


@pytest.mark.parametrize("copies", [1, 40])
@pytest.mark.parametrize(
    "body",
    [
        b"\x05abc",  # past the end
        b"\x00\xff\x00",  # the long form cut in its length
        b"\x00\x00\xff",
        b"\xff\x00\x05abcd",
        b"\x01a\x01b\x01",  # the third field's value is missing
        b"\x01a\x01b\xff\xff\xffc",
        b"\x00\x00\x00\x09\x09\x09",  # a whole record, then a broken one
    ],
)
def test_a_length_running_past_the_set_breaks_that_set_only(body: bytes, copies: int) -> None:
    good = b"\x01a\x01b\x01c"
    found = walk(STRINGS, [good, body, good] * copies)
    assert found.broken.tolist() == [False, True, False] * copies
    whole = np.bincount(found.set_index, minlength=3 * copies)
    assert set(whole[0::3].tolist()) == set(whole[2::3].tolist()) == {1}


@pytest.mark.parametrize("copies", [1, 40])
def test_padding_of_an_all_variable_template(copies: int) -> None:
    record = b"\x01a\x01b\x01c"
    for padding in range(4):
        found = walk(STRINGS, [record + bytes(padding)] * copies)
        assert not found.broken.any()
        assert len(found.set_index) == copies
    one_field = make(("userName", VARIABLE))
    found = walk(one_field, [b"\x01a\x00\x00"] * copies)
    assert len(found.set_index) == copies
    found = walk(one_field, [b"\x01a\x00\x00\x00\x00"] * copies)  # too much for padding: four empty strings, less a pad
    assert len(found.set_index) == 2 * copies


@pytest.mark.parametrize("copies", [1, 40])
def test_what_is_shorter_than_a_record_is_padding(copies: int) -> None:
    record = bytes(8) + b"\x01a" + bytes(4) + b"\x00"
    found = walk(MIXED, [record + b"\xee" * 13] * copies)
    assert not found.broken.any()
    assert len(found.set_index) == copies


@pytest.mark.parametrize("template", [MIXED, STRINGS, make(("userName", VARIABLE))], ids=["mixed", "strings", "one"])
def test_both_ways_of_walking_find_the_same(template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    for _ in range(60):
        top = int(random.choice([3, 20, 256]))
        bodies = [random.integers(0, top, random.integers(0, 90)).astype(np.uint8).tobytes() for _ in range(30)]
        if random.integers(2):
            bodies[3] = b"\xff\x00\x01x" * 30
        results = []
        for threshold in (1, 12, 10_000):
            monkeypatch.setattr(records, "_TOGETHER", threshold)
            results.append(walk(template, bodies))
        first = results[0]
        for other in results[1:]:
            assert first.broken.tolist() == other.broken.tolist()
            assert first.set_index.tolist() == other.set_index.tolist()
            for mine, theirs in zip((*first.starts, *first.ends), (*other.starts, *other.ends), strict=True):
                assert mine.tolist() == theirs.tolist()


def test_records_are_in_order_of_sets_then_position() -> None:
    bodies = [b"".join(bytes((1, 65 + k)) for k in range(5))] * 20 + [b"\x01z" * 300]
    template = make(("userName", VARIABLE))
    found = walk(template, bodies)
    assert found.set_index.tolist() == sorted(found.set_index.tolist())
    columns = decode_variable(plan(template), b"".join(bodies), found)
    assert "".join(columns["userName"]) == "ABCDE" * 20 + "z" * 300


def test_nothing_to_walk() -> None:
    for bodies in ([], [b""], [b""] * 50):
        found = walk(MIXED, bodies)
        assert len(found.set_index) == 0
        columns = decode_variable(plan(MIXED), b"".join(bodies), found)
        assert {name: len(column) for name, column in columns.items()} == dict.fromkeys(MIXED.names, 0)


def test_keep() -> None:
    found = walk(make(("userName", VARIABLE)), [b"\x01a\x01b", b"\x01c"])
    kept = found.keep(found.set_index == 1)
    assert kept.set_index.tolist() == [1]
    assert len(kept.starts[0]) == 1
