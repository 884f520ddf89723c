import random
import struct

import pytest
from msgspec.structs import replace

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.lsa import (
    DO_NOT_AGE,
    INITIAL_SEQUENCE,
    MAX_AGE,
    MAX_SEQUENCE,
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
    decode_header,
    decode_lsa,
    encode_header,
    encode_lsa,
    is_newer,
    plain_age,
    with_age,
)
from ospf.wire import lsa_checksum
from tests.ospf.test_wire import slow_fletcher

BODIES: list[tuple[int, Body]] = [
    (1, RouterLsa(3, ())),
    (1, RouterLsa(0, (RouterLink(1, 2, 1, 10), RouterLink(0x0A000000, 0xFFFFFF00, 3, 65535)))),
    (2, NetworkLsa(0xFFFFFF00, (1, 2, 3))),
    (3, SummaryLsa(0xFFFFFFFC, 0xFFFFFF)),
    (4, SummaryLsa(0, 7)),
    (5, ExternalLsa(0, 20, True, 0, 0xFFFFFFFF)),
    (7, ExternalLsa(0xFF000000, 1, False, 0x0A000001, 0)),
    (9, OpaqueLsa(b"link")),
    (10, OpaqueLsa(b"")),
    (11, OpaqueLsa(b"as.scope")),
    (6, UnknownLsa(b"mospf...")),
    (200, UnknownLsa(b"")),
]


def make(body: Body, type: int = 1, **fields: int) -> Lsa:
    return encode_lsa(type=type, link_state_id=0x0A000001, advertising_router=0x0A000001, body=body, **fields)


def repaired(raw: bytearray) -> bytes:
    """The same octets with length and checksum made right, so that only the body can be wrong."""
    raw[18:20] = len(raw).to_bytes(2, "big")
    raw[16:18] = lsa_checksum(raw).to_bytes(2, "big")
    return bytes(raw)


@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_round_trip(kind: int, body: Body) -> None:
    lsa = make(body, kind, sequence=-5, age=7, options=0x22)
    assert decode_lsa(lsa.raw) == lsa
    assert decode_lsa(memoryview(lsa.raw)) == lsa
    assert lsa.header.length == len(lsa.raw)
    assert lsa.key == (kind, 0x0A000001, 0x0A000001)
    assert encode_header(lsa.header) == lsa.raw[:20]
    assert decode_header(lsa.raw) == lsa.header


def test_a_router_lsa_of_another_implementation() -> None:
    # A type 5 as FRR sends it (172.16.0.0/24, E2, metric 20), put together by hand
    raw = (
        bytes.fromhex("00010205ac1000000a62000180000001")
        + b"\0\0\0\x24"
        + bytes.fromhex("ffffff00800000140000000000000000")
    )
    raw = repaired(bytearray(raw))
    assert decode_lsa(raw).body == ExternalLsa(0xFFFFFF00, 20, True, 0, 0)


def test_checksum_is_never_zero_and_always_verifies() -> None:
    for number in range(3000):
        lsa = make(UnknownLsa(struct.pack("!I", number * 1431655)), 99)
        assert lsa.header.checksum & 0xFF and lsa.header.checksum >> 8
        assert slow_fletcher(lsa.raw[2:]) == (0, 0)


def test_the_age_is_not_covered_by_the_checksum() -> None:
    lsa = make(BODIES[1][1])
    older = with_age(lsa, 1234)
    assert decode_lsa(older.raw) == older
    assert older.header == replace(lsa.header, age=1234)
    assert with_age(older, 1234) is older


def test_tos_metrics_are_skipped() -> None:
    link = struct.pack("!IIBBH", 9, 8, 3, 2, 77) + b"\2\0\0\5\4\0\0\6"
    raw = bytearray(make(RouterLsa(0, ())).raw + link)
    raw[20:24] = struct.pack("!BBH", 1, 0, 1)
    assert decode_lsa(repaired(raw)).body == RouterLsa(1, (RouterLink(9, 8, 3, 77),))
    raw = bytearray(make(SummaryLsa(0xFF000000, 5), 3).raw + b"\2\0\0\5")
    assert decode_lsa(repaired(raw)).body == SummaryLsa(0xFF000000, 5)
    raw = bytearray(make(ExternalLsa(0xFF000000, 5, True, 0, 0), 5).raw + bytes(12))
    assert decode_lsa(repaired(raw)).body == ExternalLsa(0xFF000000, 5, True, 0, 0)


def refuse(raw: bytes, match: str) -> None:
    with pytest.raises(OspfDecodeError, match=match):
        decode_lsa(raw)


def test_refused_lengths() -> None:
    raw = make(BODIES[1][1]).raw
    refuse(raw[:19], "LSA header: 19 octets")
    refuse(raw[:-1], "LSA length")
    refuse(raw + b"\0\0\0\0", "LSA length")
    refuse(raw[:18] + b"\0\x10" + raw[20:], "LSA length 16")  # below the header
    refuse(raw[:18] + b"\xff\xfc" + raw[20:], "LSA length 65532")
    refuse(repaired(bytearray(make(OpaqueLsa(b"abcd"), 10).raw + b"\0\0")), "not a multiple of 4")


def test_refused_checksums() -> None:
    raw = bytearray(make(BODIES[1][1]).raw)
    raw[-1] ^= 1
    refuse(bytes(raw), "LSA checksum")
    raw = bytearray(make(BODIES[1][1]).raw)
    raw[16:18] = b"\0\0"
    refuse(bytes(raw), "LSA checksum 0")


@pytest.mark.parametrize("octets", [4, 76, 236, 240, 400])
def test_a_checksum_is_right_exactly_when_both_sums_are_zero(octets: int) -> None:
    rng = random.Random(octets)
    for _ in range(300):
        raw = bytearray(make(UnknownLsa(rng.randbytes(octets)), 99).raw)
        at, other = rng.sample(range(20, len(raw)), 2)
        change = rng.choice((0, 1, 255, rng.randrange(255)))
        raw[at], raw[other] = (raw[at] + change) % 256, (raw[other] - change) % 256
        if slow_fletcher(raw[2:]) == (0, 0):
            assert decode_lsa(bytes(raw)).raw == raw
        else:
            refuse(bytes(raw), "LSA checksum")


def test_refused_sequence_number() -> None:
    raw = bytearray(make(BODIES[1][1]).raw)
    raw[12:16] = b"\x80\0\0\0"  # RFC 2328 12.1.6: reserved
    refuse(repaired(raw), "reserved")


def test_router_lsa_truncated_inside_a_link_or_a_tos_array() -> None:
    two = RouterLsa(0, (RouterLink(1, 2, 1, 10), RouterLink(3, 4, 3, 1)))
    raw = make(two).raw
    for cut in (4, 8, 12, 16, 20):
        refuse(repaired(bytearray(raw[:-cut])), "rout")
    tos = bytearray(raw)
    tos[33] = 1  # the first link now claims a TOS metric: it eats four octets of the second link
    refuse(repaired(tos), "rout")
    tos = bytearray(raw)
    tos[45] = 255
    refuse(repaired(tos), "rout")
    many = bytearray(raw)
    many[22:24] = b"\xff\xff"
    refuse(repaired(many), "router link")
    fewer = bytearray(raw)
    fewer[22:24] = b"\0\1"
    refuse(repaired(fewer), "left over")


def test_refused_bodies() -> None:
    refuse(repaired(bytearray(make(NetworkLsa(0xFF000000, (1,)), 2).raw[:-4])), "network-LSA body")
    refuse(repaired(bytearray(make(SummaryLsa(0xFF000000, 1), 3).raw[:-4])), "summary-LSA body")
    refuse(repaired(bytearray(make(ExternalLsa(0, 1, True, 0, 0), 5).raw[:-4])), "external-LSA body")
    refuse(repaired(bytearray(make(ExternalLsa(0, 1, True, 0, 0), 5).raw + bytes(8))), "external-LSA body")
    refuse(make(NetworkLsa(0xFF00FF00, (1,)), 2).raw, "holes")
    refuse(make(SummaryLsa(0xFF00FF00, 1), 3).raw, "holes")
    refuse(make(ExternalLsa(1, 1, True, 0, 0), 7).raw, "holes")
    assert decode_lsa(make(SummaryLsa(0xFF00FF00, 1), 4).raw)  # the mask of a type 4 means nothing


def test_what_does_not_fit_is_not_encoded() -> None:
    for body in (
        RouterLsa(0, (RouterLink(1, 2, 3, 65536),)),
        RouterLsa(256, ()),
        NetworkLsa(1 << 32, ()),
        SummaryLsa(0, 1 << 24),
        ExternalLsa(0, -1, False, 0, 0),
        OpaqueLsa(b"odd"),
        OpaqueLsa(bytes(65536)),
    ):
        with pytest.raises(OspfEncodeError):
            make(body)
    with pytest.raises(OspfEncodeError):
        make(RouterLsa(0, ()), age=65536)


def header(sequence: int = 1, checksum: int = 1, age: int = 0) -> LsaHeader:
    return LsaHeader(age, 2, 1, 1, 1, sequence, checksum, 24)


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (header(sequence=2), header(sequence=1, checksum=9)),
        (header(sequence=INITIAL_SEQUENCE + 1), header(sequence=INITIAL_SEQUENCE)),
        (header(sequence=MAX_SEQUENCE), header(sequence=INITIAL_SEQUENCE)),  # signed
        (header(sequence=1), header(sequence=-1)),
        (header(checksum=0x8000), header(checksum=0x7FFF)),  # unsigned
        (header(age=MAX_AGE), header(age=0)),
        (header(age=MAX_AGE), header(age=3599)),
        (header(age=0), header(age=901)),
        (header(age=DO_NOT_AGE | 10), header(age=1000)),
    ],
)
def test_newer_than_13_1(newer: LsaHeader, older: LsaHeader) -> None:
    assert is_newer(newer, older) == 1
    assert is_newer(older, newer) == -1


@pytest.mark.parametrize("age", [0, 1, 900, DO_NOT_AGE])
def test_equal_but_for_age_is_the_same_instance(age: int) -> None:
    assert is_newer(header(age=age), header(age=0)) == 0
    assert is_newer(header(age=MAX_AGE), header(age=MAX_AGE + 5)) == 0


def test_plain_age() -> None:
    assert plain_age(header(age=DO_NOT_AGE | 5)) == 5
    assert plain_age(header(age=9999)) == MAX_AGE
