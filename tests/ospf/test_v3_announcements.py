"""What OSPFv3 LSAs say about prefixes."""

from __future__ import annotations

from ospf.lsa import with_age
from ospf.v3 import lsa as v3
from ospf.v3.announcements import (
    External,
    OfNetwork,
    OfRouter,
    Summary,
    SummaryAsbr,
    read_announcements,
    read_externals,
)
from ospf.v3.area import Interface, Network
from ospf.v3.prefix import PREFIX_DN, PREFIX_NU
from tests.ospf import v3_lsas as said
from tests.ospf.v3_lsas import ip6, key6


def test_every_kind_is_read() -> None:
    found = read_announcements(
        [
            said.of_router(1, ("2001:db8:1::/64", 5), ("2001:db8::1/128", 0)),
            said.of_network(2, 7, "2001:db8:2::/64"),
            said.summary("2001:db8:3::/48", 9, 20),
            said.summary("2001:db8:4::/48", 9, 20, options=PREFIX_DN),
            said.asbr_summary(8, 9, 30),
            said.external("::/0", 8, 1, nssa=True, forward="2001:db8::8"),
            said.external("2001:db8:ff::/48", 8, 1),  # AS scope: not the area's
            said.link(1, 3, "fe80::1", "2001:db8:1::/64", "fe80::/64"),
        ]
    )
    assert found.of_routers == [OfRouter(key6("2001:db8:1::/64"), 1, 5), OfRouter(key6("2001:db8::1/128"), 1, 0)]
    assert found.of_networks == [OfNetwork(key6("2001:db8:2::/64"), Network(7, 2), 0)]
    assert found.summaries == [
        Summary(key6("2001:db8:3::/48"), 9, 20, False),
        Summary(key6("2001:db8:4::/48"), 9, 20, True),
    ]
    assert found.asbrs == [SummaryAsbr(8, 9, 30)]
    assert found.nssa == [External((0, 0), 8, 1, True, ip6("2001:db8::8"), True, False)]
    assert found.link_local == {Interface(1, 3): ip6("fe80::1")}
    assert found.on_link == {(1, key6("2001:db8:1::/64")): 3}


def test_what_can_never_be_used_is_counted() -> None:
    nowhere = v3.IntraAreaPrefixLsa(v3.LINK, 0, 1, (said.net6("2001:db8::/64"),))
    fragment = v3.IntraAreaPrefixLsa(v3.ROUTER, 1, 1, (said.net6("2001:db8::/64"),))
    found = read_announcements(
        [
            said.summary("2001:db8::/64", 9, v3.LS_INFINITY),
            said.asbr_summary(8, 9, v3.LS_INFINITY),
            said.external("2001:db8::/64", 9, v3.LS_INFINITY, nssa=True),
            said.of_router(1, ("fe80::/64", 5)),
            said.make(v3.INTRA_AREA_PREFIX, 1, 1, nowhere),
            said.make(v3.INTRA_AREA_PREFIX, 2, 1, fragment),
            said.of_router(1, ("2001:db8:5::/64", 5), options=PREFIX_NU, lsid=4),
            with_age(said.of_router(1, ("2001:db8:6::/64", 5), lsid=5), 3600),
        ]
    )
    assert (found.infinite, found.unusable) == (3, 3)
    assert not (found.of_routers or found.of_networks or found.summaries or found.asbrs or found.nssa)


def test_the_newest_of_an_external_counts() -> None:
    old = said.external("2001:db8:1::/48", 8, 10, lsid=1)
    body = v3.ExternalLsa(20, False, said.net6("2001:db8:1::/48"))
    new = v3.encode_lsa(type=v3.AS_EXTERNAL, link_state_id=1, advertising_router=8, body=body, sequence=7)
    expected = [External(key6("2001:db8:1::/48"), 8, 20, False, 0, False, False)]
    for areas in ([[old], [new]], [[new], [old]], [[new], [new]]):
        assert read_externals(areas) == (expected, 0, 0)
    other = said.external("2001:db8:1::/48", 8, 30, lsid=2)
    assert len(read_externals([[new, other]])[0]) == 2
    assert read_externals([[said.external("::/0", 8, v3.LS_INFINITY)]]) == ([], 1, 0)
