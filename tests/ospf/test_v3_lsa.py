"""OSPFv3 LSAs: round trips, and what is refused. Others' reading of the same octets is in test_v3_oracles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospf.errors import OspfDecodeError, OspfEncodeError
from ospf.lsa import Lsa, LsaHeader, UnknownLsa, lsa_checksum, with_age
from ospf.lsdb import Lsdb
from ospf.v3 import lsa as v3
from ospf.v3.prefix import Prefix
from tests.ospf.v3_strategies import lsas


def make(kind: int, octets: bytes, **fields: Any) -> bytes:
    """An LSA of any body with a good checksum, or a broken header field."""
    values = {"age": 1, "options": 0, "type": kind, "link_state_id": 1, "advertising_router": 2, "sequence": 5}
    header = LsaHeader(**values | {"checksum": 0, "length": 20 + len(octets)} | fields)
    raw = bytearray(v3.encode_header(header) + octets)
    raw[16:18] = lsa_checksum(bytes(raw)).to_bytes(2, "big")
    return bytes(raw)


@given(lsas)
def test_what_is_encoded_decodes(lsa: Lsa) -> None:
    assert v3.decode_lsa(lsa.raw) == lsa
    assert v3.decode_header(lsa.raw) == lsa.header
    assert v3.encode_header(lsa.header) == lsa.raw[:20]


@given(lsas, st.data())
def test_every_cut_and_every_changed_octet_is_refused_or_an_age(lsa: Lsa, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(lsa.raw) - 1))
    with pytest.raises(OspfDecodeError):
        v3.decode_lsa(lsa.raw[:cut])
    at = data.draw(st.integers(2, len(lsa.raw) - 1))
    # 0 and 255 are one to the Fletcher sums
    changed = data.draw(st.integers(0, 254).filter(lambda octet: octet % 255 != lsa.raw[at] % 255))
    with pytest.raises(OspfDecodeError):
        v3.decode_lsa(lsa.raw[:at] + bytes([changed]) + lsa.raw[at + 1 :])


@given(st.sampled_from(sorted(v3.KNOWN_TYPES)), st.binary(max_size=60))
def test_any_body_is_read_or_refused(kind: int, octets: bytes) -> None:
    octets = octets[: len(octets) & ~3]
    try:
        lsa = v3.decode_lsa(make(kind, octets))
    except OspfDecodeError:
        return
    v3.encode_body(v3.body_of(lsa))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "LSA header: 0 octets"),
        (make(v3.ROUTER, bytes(4), length=28), "LSA length 28, 24 octets given"),
        (make(v3.ROUTER, bytes(5)), "not a multiple of 4"),
        (make(v3.ROUTER, bytes(4))[:16] + b"\0\0" + make(v3.ROUTER, bytes(4))[18:], "LSA checksum 0"),
        (make(v3.ROUTER, bytes(4), sequence=-0x80000000), "reserved one"),
        (make(0x6001, bytes(4)), "0x6001 has the reserved flooding scope"),
        (make(v3.ROUTER, b""), "router-LSA body of 0"),
        (make(v3.ROUTER, bytes(16)), "router-LSA body of 16"),
        (make(v3.NETWORK, bytes(4)), "network-LSA body of 4"),
        (make(v3.INTER_AREA_PREFIX, bytes(12)), "inter-area-prefix-LSA: 4 octets left over"),
        (make(v3.INTER_AREA_ROUTER, bytes(8)), "12 octets wanted"),
        (make(v3.AS_EXTERNAL, b"\2\0\0\0" + bytes(16)), "forwarding address: 16 octets wanted"),
        (make(v3.AS_EXTERNAL, b"\1\0\0\0" + bytes(4)), "tag: 4 octets wanted"),
        (make(v3.AS_EXTERNAL, bytes(4) + b"\0\0\x20\x01"), "referenced"),
        (make(v3.LINK, bytes(20)), "link-LSA body of 20"),
        (make(v3.LINK, bytes(20) + b"\xff\xff\xff\xff"), "4294967295 prefixes in 0 octets"),
        (make(v3.INTRA_AREA_PREFIX, b"\0\2" + bytes(10) + bytes(4)), "2 prefixes in 4 octets"),
        (make(v3.INTRA_AREA_PREFIX, b"\0\0" + bytes(10) + bytes(4)), "4 octets left over"),
    ],
)
def test_broken_lsas_are_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(OspfDecodeError, match=reason):
        v3.decode_lsa(raw)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (v3.ROUTER, v3.RouterLsa(256, 0, ())),
        (v3.ROUTER, v3.RouterLsa(0, 1 << 24, ())),
        (v3.ROUTER, v3.RouterLsa(0, 0, (v3.RouterLink(1, 65536, 0, 0, 0),))),
        (v3.INTER_AREA_PREFIX, v3.InterAreaPrefixLsa(1 << 24, Prefix(0, 0))),
        (v3.INTER_AREA_PREFIX, v3.InterAreaPrefixLsa(-1, Prefix(0, 0))),
        (v3.LINK, v3.LinkLsa(0, 0, 1 << 128, ())),
        (0xA00C, UnknownLsa(b"123")),
        (1 << 16, UnknownLsa(b"")),
        (v3.ROUTER, UnknownLsa(bytes(70000))),
    ],
)
def test_impossible_values_are_not_encoded(kind: int, body: v3.Body) -> None:
    with pytest.raises(OspfEncodeError):
        v3.encode_lsa(type=kind, link_state_id=1, advertising_router=2, body=body)


def test_unknown_types_are_data_and_travel_as_their_bits_say() -> None:
    lsa = v3.decode_lsa(make(0xA00C, b"abcd"))
    assert lsa.body == UnknownLsa(b"abcd")
    assert v3.flooding_scope(0xA00C) == v3.SCOPE_AREA
    assert v3.flooding_scope(0xC00C) == v3.SCOPE_AS
    assert v3.flooding_scope(0x200C) == v3.SCOPE_LINK  # RFC 5340 A.4.2.1: U clear
    assert v3.flooding_scope(v3.LINK) == v3.SCOPE_LINK
    assert v3.flooding_scope(v3.INTRA_AREA_PREFIX) == v3.SCOPE_AREA
    assert v3.flooding_scope(v3.AS_EXTERNAL) == v3.SCOPE_AS


def test_the_database_holds_them_as_it_holds_the_other_version() -> None:
    lsdb = Lsdb(0)
    body = v3.IntraAreaPrefixLsa(v3.ROUTER, 0, 2, (Prefix(0, 0, 0, 1),))
    first = v3.encode_lsa(type=v3.INTRA_AREA_PREFIX, link_state_id=1, advertising_router=2, body=body)
    again = v3.encode_lsa(type=v3.INTRA_AREA_PREFIX, link_state_id=1, advertising_router=2, body=body, sequence=5)
    assert lsdb.install(first, 0.0) is not None
    assert lsdb.install(again, 1.0) is None  # a refresh is not a change
    aged = lsdb.aged((v3.INTRA_AREA_PREFIX, 1, 2), 11.0)
    assert aged == with_age(again, 10)
    assert v3.decode_lsa(aged.raw) == aged
