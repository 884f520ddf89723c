"""Prefix table and offers of OSPFv3: lookup against brute force, and which announcements place a prefix."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospf.offers import (
    AS_WIDE,
    EXT1,
    EXT2,
    INTER,
    INTRA,
    OFFER_DEFAULT,
    OFFER_DN,
    OFFER_P,
    OFFER_TYPE7,
    OUTSIDE,
)
from ospf.v3.announcements import External, PrefixKey
from ospf.v3.prefix import prefix_mask
from ospf.v3.prefixes import BorderRoute, Offer, PrefixTable6, Surroundings, build_tables, external_offers
from tests.ospf.v3_lsas import ip6, key6

NET = key6("2001:db8:7::/48")
LAN = key6("2001:db8:1::/64")


def surroundings(
    alive: tuple[bool, ...] = (True,) * 5, *, backbone: int = 0, external: dict[int, int] | None = None,
    nssa: frozenset[tuple[int, int]] = frozenset(),
) -> Surroundings:  # fmt: skip
    return Surroundings({}, np.array(alive), external or {}, backbone, nssa)


def tables(*offers: Offer, routes: tuple[BorderRoute, ...] = (), around: Surroundings | None = None) -> PrefixTable6:
    return build_tables(offers, routes, around or surroundings())[0]


def placed(table: PrefixTable6, prefix: PrefixKey) -> tuple[int, list[tuple[int, int, int]]]:
    """(route type, (vertex, cost, link) of its attachments)."""
    row = table.row(*prefix)
    assert row >= 0
    here = slice(table.start[row], table.start[row + 1])
    columns = (table.vertex[here], table.cost[here], table.link[here])
    return int(table.route_type[row]), [(int(v), int(c), int(k)) for v, c, k in zip(*columns, strict=True)]


addresses = st.one_of(
    st.integers(0, (1 << 128) - 1),
    st.builds(lambda high, low: high << 64 | low, st.integers(0, 3), st.integers(0, 3)),
)
keys = st.builds(lambda a, n: (a & prefix_mask(n), n), addresses, st.integers(0, 128))


@given(st.lists(keys, max_size=20), st.lists(addresses, min_size=1, max_size=10))
def test_rows_are_found_as_by_looking_at_all(prefixes: list[PrefixKey], wanted: list[int]) -> None:
    table = tables(*(Offer(key, INTRA, 0, 0, 1, 0, -1) for key in prefixes))
    ordered = sorted(set(prefixes))
    assert len(table) == len(ordered)
    networks = [ipaddress.IPv6Network(key) for key in ordered]
    for row, key in enumerate(ordered):
        assert table.row(*key) == row
        around = [i for i, other in enumerate(networks) if i != row and networks[row].subnet_of(other)]
        assert table.parent[row] == max(around, key=lambda i: networks[i].prefixlen, default=-1)
    for address in [*wanted, *(network for network, _ in ordered)]:
        inside = [i for i, network in enumerate(networks) if ipaddress.IPv6Address(address) in network]
        assert table.longest(address) == max(inside, key=lambda i: networks[i].prefixlen, default=-1)
    for address in wanted:
        key = (address & prefix_mask(57), 57)
        assert table.row(*key) == (ordered.index(key) if key in ordered else -1)


def test_the_native_kind_places_a_prefix() -> None:
    intra, backbone, other = (
        Offer(NET, INTRA, 1, 1, 50, 0, -1),
        Offer(NET, INTER, 0, 2, 5, 0, -1),
        Offer(NET, INTER, 1, 3, 1, 0, -1),
    )
    first, second = Offer(NET, EXT1, AS_WIDE, 1, 9, 0, 7, 1), Offer(NET, EXT2, AS_WIDE, 2, 0, 1, 8, 2)
    assert placed(tables(intra, backbone, other, first), NET) == (INTRA, [(1, 50, -1)])
    assert placed(tables(backbone, other, first), NET) == (INTER, [(2, 5, -1)])
    assert placed(tables(other, first), NET) == (EXT1, [(1, 9, 7)])
    assert placed(tables(first, second), NET) == (EXT1, [(1, 9, 7)])
    assert placed(tables(other), NET) == (INTER, [(3, 1, -1)])
    assert placed(tables(backbone, other, around=surroundings(backbone=-1)), NET)[1] == [(2, 5, -1), (3, 1, -1)]


def test_of_type_2_the_smallest_metric_stays_and_ties_share() -> None:
    low = [Offer(NET, EXT2, AS_WIDE, v, 0, 10, v, v) for v in (1, 2)]
    high = Offer(NET, EXT2, AS_WIDE, 3, 0, 20, 3, 3)
    table = tables(high, *low)
    assert placed(table, NET) == (EXT2, [(1, 0, 1), (2, 0, 2)])
    assert table.metric.tolist() == [10]


def test_who_is_cut_off_gives_way() -> None:
    near, far = Offer(NET, INTRA, 0, 1, 5, 0, -1), Offer(NET, EXT2, AS_WIDE, 2, 0, 20, -1, 2)
    around = surroundings((True, False, True, True, True))
    assert placed(tables(near, far, around=around), NET) == (EXT2, [(2, 0, -1)])
    assert placed(tables(near, around=around), NET) == (INTRA, [(1, 5, -1)])
    assert build_tables([near], (), around)[4] == 1
    assert build_tables([near, far], (), around)[4] == 0


def test_an_external_leaves_by_its_asbr_or_the_border_that_announces_it() -> None:
    own = Offer(NET, EXT1, AS_WIDE, 1, 9, 0, 7, 101)
    assert placed(tables(own), NET) == (EXT1, [(1, 9, 7)])
    unseen = Offer(NET, EXT1, AS_WIDE, OUTSIDE, 9, 0, -1, 102)
    routes = (BorderRoute(102, 0, 3, 30), BorderRoute(102, 1, 4, 1), BorderRoute(102, 0, 2, 40))
    assert placed(tables(unseen, routes=routes), NET) == (EXT1, [(2, 49, -1), (3, 39, -1)])
    assert tables(unseen).row(*NET) == -1
    dead = surroundings((True, False, True, True, True))
    assert placed(tables(own, routes=(BorderRoute(101, 0, 3, 30),), around=dead), NET) == (EXT1, [(3, 39, -1)])


def test_a_forwarding_address_leads_to_its_own_prefix() -> None:
    lan = Offer(LAN, INTRA, 0, 3, 4, 0, 12)
    aggregate = Offer(key6("2001:db8::/32"), INTER, 0, 2, 100, 0, -1)
    forwarded = Offer(NET, EXT2, AS_WIDE, 1, 0, 20, 7, 101, ip6("2001:db8:1::9"))
    assert placed(tables(forwarded, lan, aggregate), NET) == (EXT2, [(3, 4, 12)])
    assert placed(tables(forwarded, aggregate), NET) == (EXT2, [(2, 100, -1)])
    table, _, _, unresolved, _ = build_tables([forwarded], (), surroundings())
    assert table.row(*NET) == -1
    assert unresolved == 1
    host = Offer(key6("2001:db8:1::9/128"), INTRA, 0, 4, 0, 0, -1)
    own = surroundings(external={4: 55})
    assert placed(tables(forwarded, lan, host, around=own), NET) == (EXT2, [(4, 0, 55)])
    other = Offer(NET, EXT1, AS_WIDE, 1, 9, 0, 7, 101)  # a forwarding address may not lead to an external
    assert tables(forwarded._replace(forwarding=NET[0] + 1, prefix=LAN), other).row(*LAN) == -1


def test_the_nssa_itself_stands_before_what_its_border_made_of_it() -> None:
    inside = Offer(NET, EXT2, 1, 3, 0, 20, 7, 103, 0, OFFER_TYPE7 | OFFER_P)
    translated = Offer(NET, EXT2, AS_WIDE, 1, 0, 20, 8, 101)
    elsewhere = Offer(NET, EXT2, AS_WIDE, 4, 0, 20, 9, 104)
    around = surroundings(nssa=frozenset({(1, 1)}))
    assert placed(tables(inside, translated, around=around), NET) == (EXT2, [(3, 0, 7)])
    assert placed(tables(inside, translated, elsewhere, around=around), NET) == (EXT2, [(3, 0, 7), (4, 0, 9)])
    assert placed(tables(translated, around=around), NET) == (EXT2, [(1, 0, 8)])


def test_offers_keep_everything_by_prefix() -> None:
    forward = ip6("2001:db8:1::9")
    said = [
        Offer(NET, EXT2, AS_WIDE, 1, 0, 20, 7, 101, forward),
        Offer(NET, INTER, 1, 3, 1, 0, -1, flags=OFFER_DN),
        Offer(LAN, INTRA, 0, 3, 4, 0, 12),
        Offer(key6("2001:db8:ffff::/48"), EXT2, AS_WIDE, OUTSIDE, 0, 20, -1, 199),  # leads nowhere
    ]
    table, offers, asbrs, _, _ = build_tables(said, (BorderRoute(8, 1, 3, 4), BorderRoute(7, 0, 2, 3)), surroundings())
    assert offers.start.tolist() == [0, 1, 3]
    assert len(table) == 2
    assert offers.kind.tolist() == [INTRA, INTER, EXT2]
    assert offers.vertex.tolist() == [3, 3, 1]
    assert offers.forwarding.tolist() == [0, 0, forward]
    assert offers.metric2.tolist() == [0, 0, 20]
    assert offers.flags.tolist() == [0, OFFER_DN, 0]
    assert (asbrs.asbr.tolist(), asbrs.abr.tolist(), asbrs.cost.tolist()) == ([7, 8], [2, 3], [3, 4])


@pytest.mark.parametrize("area", [AS_WIDE, 2])
def test_external_offers(area: int) -> None:
    route = External((0, 0), 101, 30, False, 5, True, True)
    found = external_offers([route], area, asbrs={101: 1}, external_row={1: 9}, borders=frozenset({101}))
    flags = OFFER_DN if area == AS_WIDE else OFFER_DN | OFFER_TYPE7 | OFFER_P | OFFER_DEFAULT
    assert found == [Offer((0, 0), EXT1, area, 1, 30, 0, 9, 101, 5, flags)]
    second = route._replace(type2=True, asbr=7, prefix=NET)
    assert external_offers([second], AS_WIDE, asbrs={}, external_row={}, borders=frozenset()) == [
        Offer(NET, EXT2, AS_WIDE, OUTSIDE, 0, 30, -1, 7, 5, OFFER_DN)
    ]


def test_nothing_at_all() -> None:
    table, offers, asbrs, unresolved, unreached = build_tables([], (), surroundings())
    assert (len(table), len(offers), len(asbrs), unresolved, unreached) == (0, 0, 0, 0, 0)
    assert table.longest(5) == -1
