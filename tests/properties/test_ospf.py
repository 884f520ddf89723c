"""Whatever comes off the wire: a value or OspfDecodeError, in bounded work; and what we encode decodes to itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.config import AttachConfig
from ospf.errors import OspfDecodeError
from ospf.listener import Listener
from ospf.lsa import (
    Body,
    ExternalLsa,
    Lsa,
    LsaHeader,
    NetworkLsa,
    OpaqueLsa,
    RouterLink,
    RouterLsa,
    SummaryLsa,
    UnknownLsa,
    decode_lsa,
    encode_lsa,
    is_newer,
    lsa_checksum,
)
from ospf.lsdb import Lsdb
from ospf.packets import (
    DatabaseDescription,
    Hello,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    PacketBody,
    build_ip_packet,
    decode_packet,
    encode_packet,
    ip_payload,
)
from ospf.wire import internet_checksum, length_mask
from tests.ospf.model_router import ModelRouter, converse

EXAMPLES = settings(max_examples=200, deadline=None)
u8, u16, u32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))
u24 = st.integers(0, 0xFFFFFF)
masks = st.integers(0, 32).map(length_mask)
links = st.builds(RouterLink, u32, u32, u8, u16)
words = st.binary(max_size=40).map(lambda data: data[: len(data) & ~3])
router_lsas = st.builds(RouterLsa, u8, st.lists(links, max_size=6).map(tuple))
typed_bodies: st.SearchStrategy[tuple[int, Body]] = st.one_of(
    st.tuples(st.just(1), router_lsas),
    st.tuples(st.just(2), st.builds(NetworkLsa, masks, st.lists(u32, min_size=1, max_size=6).map(tuple))),
    st.tuples(st.sampled_from((3, 4)), st.builds(SummaryLsa, masks, u24)),
    st.tuples(st.sampled_from((5, 7)), st.builds(ExternalLsa, masks, u24, st.booleans(), u32, u32)),
    st.tuples(st.sampled_from((9, 10, 11)), st.builds(OpaqueLsa, words)),
    st.tuples(st.sampled_from((6, 8, 12, 255)), st.builds(UnknownLsa, words)),
)


@st.composite
def lsas(draw: st.DrawFn) -> Lsa:
    kind, body = draw(typed_bodies)
    return encode_lsa(
        type=kind,
        link_state_id=draw(u32),
        advertising_router=draw(u32),
        body=body,
        sequence=draw(st.integers(-0x7FFFFFFF, 0x7FFFFFFF)),
        age=draw(st.one_of(st.integers(0, 3600), u16)),
        options=draw(u8),
    )


headers = lsas().map(lambda lsa: lsa.header)
bodies: st.SearchStrategy[PacketBody] = st.one_of(
    st.builds(Hello, u32, u16, u8, u8, u32, u32, u32, st.lists(u32, max_size=4).map(tuple)),
    st.builds(DatabaseDescription, u16, u8, u8, u32, st.lists(headers, max_size=3).map(tuple)),
    st.builds(LinkStateRequest, st.lists(st.tuples(u32, u32, u32), max_size=4).map(tuple)),
    st.builds(LinkStateUpdate, st.lists(lsas(), max_size=3).map(tuple)),
    st.builds(LinkStateAck, st.lists(headers, max_size=3).map(tuple)),
)
router_ids = st.integers(1, 0xFFFFFFFF)


@st.composite
def mutated(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Octets changed, cut out or put in, somewhere."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        change = draw(st.integers(0, 2))
        if change == 0 and data:
            data[at] = draw(u8)
        elif change == 1:
            del data[at : at + draw(st.integers(1, 8))]
        else:
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
    return bytes(data)


def checked_lsa(raw: bytes) -> bytes:
    """Length and checksum made right, so that mutations reach the body."""
    if len(raw) < 20:
        return raw
    octets = bytearray(raw)
    octets[18:20] = len(octets).to_bytes(2, "big")
    octets[16:18] = lsa_checksum(octets).to_bytes(2, "big")
    return bytes(octets)


def checked_packet(payload: bytes) -> bytes:
    if len(payload) < 24:
        return payload
    octets = bytearray(payload)
    octets[0] = 2
    octets[1] = 1 + octets[1] % 5
    octets[2:4] = len(octets).to_bytes(2, "big")
    octets[12:16] = bytes(4)
    octets[12:14] = internet_checksum(bytes(octets[:16] + octets[24:])).to_bytes(2, "big")
    return bytes(octets)


@given(lsas())
@EXAMPLES
def test_an_lsa_survives_the_wire(lsa: Lsa) -> None:
    assert decode_lsa(lsa.raw) == lsa


@given(bodies, router_ids, u32)
@EXAMPLES
def test_a_packet_survives_the_wire(body: PacketBody, router_id: int, area: int) -> None:
    payload = encode_packet(body, router_id=router_id, area=area)
    _, _, inner = ip_payload(build_ip_packet(1, 2, payload))
    packet = decode_packet(inner)
    assert (packet.body, packet.router_id, packet.area) == (body, router_id, area)


@given(st.one_of(st.binary(max_size=200), mutated(lsas().map(lambda lsa: lsa.raw)).map(checked_lsa)))
@EXAMPLES
def test_any_octets_as_an_lsa(data: bytes) -> None:
    try:
        lsa = decode_lsa(data)
    except OspfDecodeError:
        return
    assert lsa.raw == data and lsa.header.length == len(data)


whole_packets = st.builds(lambda body, router_id: encode_packet(body, router_id=router_id, area=0), bodies, router_ids)


@given(st.one_of(st.binary(max_size=300), mutated(whole_packets), mutated(whole_packets).map(checked_packet)))
@EXAMPLES
def test_any_octets_as_a_packet(data: bytes) -> None:
    try:
        packet = decode_packet(data)
    except OspfDecodeError:
        return
    if isinstance(packet.body, LinkStateUpdate):
        assert len(packet.body.lsas) + len(packet.body.refused) <= len(data)  # whatever the count field says


@given(st.one_of(st.binary(max_size=60), mutated(whole_packets.map(lambda p: build_ip_packet(1, 2, p)))))
@EXAMPLES
def test_any_octets_as_an_ip_packet(data: bytes) -> None:
    try:
        _, _, payload = ip_payload(data)
    except OspfDecodeError:
        return
    assert len(payload) <= len(data)


@pytest.mark.parametrize("mode", ["passive", "burst", "full"])
@given(
    packets=st.lists(
        st.one_of(
            st.tuples(mutated(whole_packets).map(checked_packet), st.floats(0, 50)),
            st.tuples(whole_packets, st.floats(0, 4000)),
        ),
        max_size=12,
    )
)
@settings(max_examples=100, deadline=None)
def test_a_listener_never_raises_and_its_timers_advance(mode: str, packets: list[tuple[bytes, float]]) -> None:
    listener = Listener(AttachConfig("lan", mode=mode), 0.0)  # type: ignore[arg-type]
    router = ModelRouter(0x0A000001, 0x0A620001)
    now = 0.0
    listener.receive(router.hello(), now)
    for payload, pause in packets:
        listener.receive(build_ip_packet(0x0A620001, 1, payload), now)
        listener.packets_to_send(now)
        end = now + pause
        for _ in range(20_000):
            due = listener.next_timeout()
            if due is None or due > end:
                break
            now = max(now, due)
            listener.handle_timeout(now)
            listener.packets_to_send(now)
        else:
            raise AssertionError("timers do not advance")
        now = end
        while listener.next_event() is not None:
            pass


@given(st.lists(lsas(), max_size=12, unique_by=lambda lsa: lsa.key), st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_burst_copies_any_database_without_reaching_full(database: list[Lsa], lead: bool) -> None:
    database = [lsa for lsa in database if lsa.header.age & 0x7FFF < 3600]
    router = ModelRouter(0x0A000001, 0x0A620001, database)
    listener = Listener(AttachConfig("lan", router_id="250.0.0.1" if lead else "0.0.0.255"), 0.0)
    listener.receive(router.hello(), 0.0)
    converse(listener, router, now=0.0)
    assert set(listener.lsdb.lsas(0.0)) == set(database)
    assert router.reached <= {"init", "exstart", "exchange"}


lsa_headers = st.builds(
    LsaHeader,
    st.one_of(st.integers(0, 3700), u16),
    st.just(2),
    st.just(1),
    st.just(1),
    st.just(1),
    st.sampled_from((-0x7FFFFFFF, -1, 0, 1, 0x7FFFFFFF)),
    st.integers(1, 3),
    st.just(24),
)


@given(lsa_headers, lsa_headers)
@EXAMPLES
def test_newer_than_is_antisymmetric(a: LsaHeader, b: LsaHeader) -> None:
    assert is_newer(a, b) == -is_newer(b, a)
    assert is_newer(a, a) == 0


@given(st.lists(st.tuples(lsas(), st.floats(0, 1000)), max_size=20))
@EXAMPLES
def test_the_database_counts_everything_offered(offered: list[tuple[Lsa, float]]) -> None:
    lsdb = Lsdb(0, max_lsas=5)
    now = 0.0
    for lsa, pause in offered:
        now += pause
        lsdb.install(lsa, now)
        lsdb.expire(now)
        assert len(lsdb.lsas(now)) == len(lsdb) <= 5
    s = lsdb.stats
    assert s.installed + s.duplicates + s.older + s.max_age_unknown + s.refused_full == len(offered)
    assert s.added - s.flushed - s.expired == len(lsdb)
