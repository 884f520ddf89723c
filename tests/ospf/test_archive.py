"""ospf.archive: records to octets and back, what they cost, and the databases they add up to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.archive import (
    ADDED,
    BEGUN,
    CHANGED,
    DUPLICATE,
    HELD,
    OLDER,
    REFRESHED,
    REMOVED,
    SETTLED,
    Databases,
    Decoder,
    Encoder,
    Item,
    Mark,
    Record,
    Stream,
    differences,
    snapshot,
)
from ospf.errors import OspfArchiveError
from ospf.lsa import with_age
from tests.ospf.archived import START, STREAM, Recorded, record, router_lsa


def raw_lsa(
    version: int, name: bytes, age: int, sequence: bytes, checksum: bytes, options: bytes, body: bytes
) -> bytes:
    kind = options + name[:1] if version == 2 else b"\x20" + name[:1]
    return age.to_bytes(2, "big") + kind + name[1:9] + sequence + checksum + (20 + len(body)).to_bytes(2, "big") + body


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    """Times that only grow, few keys that many records share, bodies that are close to each other or not."""
    time, found = START, []
    for _ in range(draw(st.integers(0, 30))):
        time += draw(st.sampled_from([0, 0, 1, 999, 1_800_000]))
        stream = Stream(
            draw(st.sampled_from(["default", "vrf-ü"])), draw(st.sampled_from([2, 3])),
            draw(st.sampled_from([0, 1, 0xFFFFFFFF])), draw(st.sampled_from(["lan", ""])),
        )  # fmt: skip
        if not draw(st.integers(0, 9)):
            found.append(Mark(time, stream, draw(st.sampled_from([BEGUN, SETTLED]))))
            continue
        base = bytearray(draw(st.sampled_from([b"", bytes(8), bytes(range(48)), b"a" * 200])))
        if base:
            base[draw(st.integers(0, len(base) - 1))] = draw(st.integers(0, 255))
        raw = raw_lsa(
            stream.version, draw(st.sampled_from([b"\x01" + bytes(8), b"\x05" + b"abcdefgh"])),
            draw(st.integers(0, 0xFFFF)), draw(st.binary(min_size=4, max_size=4)),
            draw(st.binary(min_size=2, max_size=2)), draw(st.sampled_from([b"\x02", b"\x22"])), bytes(base),
        )  # fmt: skip
        found.append(Record(time, stream, draw(st.sampled_from([0, 7, 0xFFFFFFFF])), draw(st.integers(0, 6)), raw))
    return found


@settings(max_examples=60, deadline=None)
@given(items(), st.integers(0, 30))
def test_what_is_encoded_is_decoded(found: list[Item], cut: int) -> None:
    encoder, decoder = Encoder(), Decoder()
    for part in (found[:cut], found[cut:]):  # the numbering starts anew at a snapshot
        encoder.reset()
        decoder.reset()
        assert list(decoder.decode(b"".join(map(encoder.encode, part)))) == part


@settings(max_examples=60, deadline=None)
@given(items(), st.binary(min_size=1, max_size=4), st.integers(0, 10_000))
def test_damaged_records_leave_by_the_one_error(found: list[Item], damage: bytes, where: int) -> None:
    octets = bytearray(b"".join(map(Encoder().encode, found)))
    at = where % (len(octets) + 1)
    octets[at : at + len(damage)] = damage
    try:
        for item in Decoder().decode(bytes(octets)):
            assert isinstance(item, Mark) or len(item.raw) >= 20
    except OspfArchiveError:
        return


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_records_or_refused(octets: bytes) -> None:
    try:
        list(Decoder().decode(octets))
    except OspfArchiveError:
        return


def test_what_records_cost() -> None:
    encoder = Encoder()
    whole = encoder.encode(record(router_lsa(1, links=9), START))
    assert len(whole) < 10 + 25 + 132
    refresh = encoder.encode(record(router_lsa(1, 1, links=9), START + 60_000, REFRESHED))
    change = encoder.encode(record(router_lsa(1, 2, 11, links=9), START + 61_000, CHANGED))
    duplicate = encoder.encode(record(router_lsa(1, 2, 11, links=9), START + 61_000, DUPLICATE))
    assert (len(refresh), len(duplicate)) == (9, 3)
    assert len(change) <= 9 + 3 + 8 * 12 + 1 + 1  # every metric moved: from the first to the last
    one = router_lsa(1, 3, 11, links=9).raw
    moved = one[:20] + one[20:30] + b"\x63" + one[31:]
    assert len(encoder.encode(Record(START + 62_000, STREAM, 7, CHANGED, moved))) <= 14


def test_what_is_no_lsa_is_refused_and_leaves_no_trace() -> None:
    encoder, decoder = Encoder(), Decoder()
    good = record(router_lsa(1), START)
    octets = encoder.encode(good)
    for bad in (
        good._replace(raw=b""),
        good._replace(raw=good.raw + b"\0"),
        good._replace(stream=STREAM._replace(source="x" * 256)),
        good._replace(stream=STREAM._replace(version=4)),
    ):
        with pytest.raises(OspfArchiveError):
            encoder.encode(bad)
    with pytest.raises(ValueError, match="older"):
        encoder.encode(good._replace(time=START - 1))
    octets += encoder.encode(good)
    assert list(decoder.decode(octets)) == [good, good]


def test_databases_add_up() -> None:
    first, second = router_lsa(1), router_lsa(2)
    found = Databases()
    for item in (
        record(first, START),
        record(second, START + 1),
        record(router_lsa(1, 1, 20), START + 2, CHANGED),
        record(first, START + 3, OLDER),
        record(router_lsa(1, 1, 20, age=9), START + 4, DUPLICATE),
        record(with_age(second, 3600), START + 5, REMOVED),
    ):
        found.apply(item)
    (held,) = found.streams[STREAM].values()
    assert held.raw == router_lsa(1, 1, 20).raw and held.received == START + 2
    assert held.expires() == START + 2 + 3599_000
    assert len(found.alive(START + 3_599_001)[STREAM]) == 1 and not found.alive(START + 3_599_002)[STREAM]
    found.apply(record(router_lsa(3, age=0x8001), START + 9))
    assert len(found.alive(START + 10**12)[STREAM]) == 1  # DoNotAge
    found.expire(START + 10**12)
    assert len(found) == 1


def test_an_attachment_that_begins_has_nothing_in_any_area() -> None:
    found, other = Databases(), STREAM._replace(source="wan")
    for stream in (STREAM, STREAM._replace(area=5), other):
        found.apply(record(router_lsa(1), START, stream=stream))
    found.apply(Mark(START + 1, STREAM._replace(area=9), BEGUN))
    assert list(found.streams) == [other] and found.unsettled == {STREAM: START + 1}
    found.apply(Mark(START + 2, STREAM, SETTLED))
    assert not found.unsettled


def test_a_snapshot_repeats_what_is_held() -> None:
    found = Databases()
    for number in (3, 1, 2):
        found.apply(record(router_lsa(number), START + number))
    copy = Databases()
    for item in snapshot(found):
        assert item.outcome == HELD
        copy.apply(item)
    assert copy.streams == found.streams and [r.time - START for r in snapshot(found)] == [1, 2, 3]


def test_differences_turn_one_database_into_the_other() -> None:
    old = Databases()
    for number in (1, 2, 3, 4):
        old.apply(record(router_lsa(number), START))
    wanted = [router_lsa(1, age=50), router_lsa(2, 1), router_lsa(3, 1, 30), router_lsa(5)]
    found = differences(old.streams[STREAM], [lsa.raw for lsa in wanted], STREAM, START + 9)
    assert [r.outcome for r in found] == [REMOVED, REFRESHED, CHANGED, ADDED]
    for each in found:
        old.apply(each)
    assert {h.raw[2:] for h in old.streams[STREAM].values()} == {lsa.raw[2:] for lsa in wanted}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(1, 4), st.integers(0, 5), st.integers(0, 3),
                  st.sampled_from([0, 1, 1800, 3590, 3600, 0x8001])),
        max_size=40,
    ),
    st.lists(st.integers(0, 40 * 900), min_size=1, max_size=8).map(sorted),
)  # fmt: skip
def test_the_database_of_any_instant_is_the_one_that_was_held_then(
    stream: list[tuple[int, int, int, int, int]], instants: list[int]
) -> None:
    live = Recorded()
    now, seen, waiting = 0, {}, list(instants)
    for step, number, sequence, metric, age in [*stream, (40 * 900, 1, 0, 0, 1)]:
        while waiting and waiting[0] < now + step:
            live.expire(waiting[0])
            seen[waiting[0]] = live.raws(waiting[0])
            waiting.pop(0)
        now += step
        live.expire(now)
        live.offer(router_lsa(number, sequence, metric, age), now)
    for instant, raws in seen.items():
        found = Databases()
        for item in live.records:
            if item.time <= START + instant * 1000:
                found.apply(item)
        alive = found.alive(START + instant * 1000).get(STREAM, {})
        assert sorted(held.raw for held in alive.values()) == raws
