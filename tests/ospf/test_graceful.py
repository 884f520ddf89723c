"""Grace-LSAs: the TLVs of RFC 3623 B, one from FRR, and what is none."""

from __future__ import annotations

import pytest

from ospf.errors import OspfDecodeError
from ospf.graceful import Grace, grace_of
from ospf.lsa import UnknownLsa, decode_lsa
from tests.ospf.heard import grace_lsa, instance, router_lsa
from tests.ospf.lsas import ip

PERIOD = bytes.fromhex("00010004 00000078")
REASON = bytes.fromhex("00020001 01000000")
ADDRESS = bytes.fromhex("00030004 0a000001")


def test_what_frr_says_before_it_restarts() -> None:
    """As FRR 8.4 flooded it at `graceful-restart prepare ip ospf`, with a grace period of 20 s."""
    lsa = decode_lsa(
        bytes.fromhex(
            "00014209 03000000 0a610001 80000001 b155002c 00010004 00000014 00020001 01000000 00030004 0a610001"
        )
    )
    assert grace_of(lsa) == Grace(20, 1, ip("10.97.0.1"))


def test_what_a_grace_lsa_says() -> None:
    grace = grace_of(grace_lsa(0, "10.0.0.1", PERIOD + REASON + ADDRESS))
    assert grace == Grace(120, 1, 0x0A000001)
    assert grace.reason_text == "software restart"
    assert Grace(1, 77).reason_text == "reason 77"


def test_no_router_restarts_for_ever() -> None:
    assert grace_of(grace_lsa(0, "10.0.0.1", bytes.fromhex("00010004 ffffffff"))) == Grace(1800)


def test_unknown_tlvs_are_stepped_over() -> None:
    unknown = bytes.fromhex("00630005 0102030405000000")
    assert grace_of(grace_lsa(0, "10.0.0.1", unknown + PERIOD)) == Grace(120)


def test_others_are_none() -> None:
    assert grace_of(router_lsa(0, "10.0.0.1", "10.0.1.1")) is None
    other = grace_lsa(0, "10.0.0.1", PERIOD)
    assert grace_of(instance(0, "10.0.0.1", other.body, kind=9, lsid="1.0.0.0")) is None
    assert grace_of(instance(0, "10.0.0.1", other.body, kind=10, lsid="3.0.0.0")) is None


def test_version_3_has_a_type_of_its_own() -> None:
    lsa = instance(0, "10.0.0.1", UnknownLsa(PERIOD + REASON), kind=0x0B)
    assert grace_of(lsa, 3) == Grace(120, 1)
    assert grace_of(lsa, 2) is None
    assert grace_of(grace_lsa(0, "10.0.0.1", PERIOD), 3) is None


@pytest.mark.parametrize(
    "text",
    ["", "00020001 01000000", "00010002 00780000", "00010004 00000078 00020009 01000000", "00010004 00000078 00020005"],
)
def test_broken(text: str) -> None:
    with pytest.raises(OspfDecodeError, match="grace-LSA"):
        grace_of(grace_lsa(0, "10.0.0.1", bytes.fromhex(text)))
