"""Properties of the SNMP codec, the tree and the responder, over arbitrary input."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mibs import ber, message
from mibs.columns import Section, row_set, scalar
from mibs.errors import BerDecodeError
from mibs.message import GET_BULK, GET_NEXT
from mibs.oid import Oid, decode_oid, encode_oid, key_oid, oid_key
from mibs.snapshot import encode_snapshot, make_layout
from mibs.tree import Tree, dump
from tests.mibs.ask import NOW, ask, encode_request, sample_agent

few = settings(max_examples=200, deadline=None)

arc = st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1), st.sampled_from([127, 128, 16383, 16384, 2**32 - 1]))
oids = st.one_of(
    st.tuples(st.integers(0, 1), st.integers(0, 39), st.lists(arc, max_size=20)),
    st.tuples(st.just(2), st.integers(0, 2**32 - 81), st.lists(arc, max_size=20)),
).map(lambda parts: (parts[0], parts[1], *parts[2]))


@few
@given(oids)
def test_oids_round_trip(oid: Oid) -> None:
    assert decode_oid(encode_oid(oid)) == oid
    assert key_oid(oid_key(oid)) == oid


@few
@given(oids, oids)
def test_keys_order_as_oids_do(a: Oid, b: Oid) -> None:
    assert (oid_key(a) < oid_key(b)) == (a < b)
    assert oid_key(a).startswith(oid_key(b)) == (a[: len(b)] == b)


@few
@given(st.binary(max_size=40))
def test_octets_are_an_oid_or_the_one_error(octets: bytes) -> None:
    try:
        oid = decode_oid(octets)
    except BerDecodeError:
        return
    assert encode_oid(oid) == octets  # there is one encoding of an OID


@few
@given(st.integers(-(2**31), 2**31 - 1))
def test_integers_round_trip(value: int) -> None:
    octets = ber.encode_integer(value)
    assert ber.read_integer(octets, 0, len(octets)) == (value, len(octets))


@few
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30))
def test_columns_encode_as_scalars_do(values: list[int]) -> None:
    rows = row_set(range(1, len(values) + 1))
    column = rows.integers((1, 3, 9), ber.COUNTER64, np.array(values, dtype=np.uint64))
    one_by_one = [
        ber.encode_varbind((1, 3, 9, i), ber.encode_integer(value, ber.COUNTER64)) for i, value in enumerate(values, 1)
    ]
    assert column.octets == b"".join(one_by_one)


@few
@given(st.binary(max_size=200))
def test_octets_are_a_message_or_the_one_error(octets: bytes) -> None:
    try:
        envelope = message.read_envelope(octets)
        message.read_request(octets, envelope)
    except BerDecodeError:
        pass


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([0xA0, GET_NEXT, 0xA3, GET_BULK]),
    st.lists(oids, max_size=8),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 1),
)
def test_every_request_is_answered(tag: int, names: list[Oid], first: int, second: int, version: int) -> None:
    data = encode_request(tag, names, first=first, second=second, version=version)
    answer = AGENT.receive(data, "127.0.0.1", NOW)
    if tag == GET_BULK and version == 0:
        assert answer is None
    else:
        assert answer is not None and len(answer) <= 8192


AGENT = sample_agent()


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Sections at random places, none inside another, with rows of one index."""
    objects: list[Oid] = []
    for oid in sorted(draw(st.sets(oids.map(lambda oid: oid[:12]), min_size=1, max_size=8))):
        if not objects or oid[: len(objects[-1])] != objects[-1]:
            objects.append(oid)
    sections: list[Section] = []
    for oid in objects:
        index = draw(st.sets(arc, max_size=6))
        if index:
            tag = draw(st.sampled_from([ber.INTEGER, ber.COUNTER64]))
            sections.append(row_set(sorted(index)).integers(oid, tag, [1] * len(index)))
        else:
            sections.append(scalar(oid, ber.EMPTY_NULL))
    return Tree(encode_snapshot(sections, make_layout(sections), 0.0))


@few
@given(trees(), st.lists(oids, max_size=10), st.integers(0, 30))
def test_next_names_equal_bisection(tree: Tree, probes: list[Oid], repetitions: int) -> None:
    agent = sample_agent()
    agent.replace(tree)
    rows = [(name, tag) for name, tag, _ in dump(tree, agent._live)]
    names = [name for name, _ in rows]
    assert names == sorted(set(names))
    around = {name[:i] for name in names for i in range(2, len(name) + 1)}
    around |= {(*name[:-1], max(name[-1] - 1, 0)) for name in names}
    around |= {(*name[:-1], min(name[-1] + 1, 2**32 - 1)) for name in names}
    for probe in [*probes, *sorted(p for p in around if len(p) > 2)]:
        place = bisect_right(names, probe)
        answer = ask(agent, GET_NEXT, probe)
        assert answer.names == [names[place] if place < len(names) else probe]
        assert (answer.varbinds[0][1] == ber.END_OF_MIB_VIEW) == (place == len(names))
        v1 = ask(agent, GET_NEXT, probe, version=0)
        visible = [name for name, tag in rows[place:] if tag != ber.COUNTER64]
        assert (v1.status == 0 and v1.names == visible[:1]) or (not visible and v1.status == message.NO_SUCH_NAME)
        got = [row for row in ask(agent, GET_BULK, probe, second=repetitions).varbinds if row[1] != ber.END_OF_MIB_VIEW]
        assert [name for name, _, _ in got] == names[place : place + repetitions][: len(got)]
        assert len(got) == min(repetitions, len(names) - place) or sum(2 * len(name) for name, _, _ in got) > 200
