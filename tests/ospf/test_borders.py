"""ospf.borders: a border router's summaries betray its areas that nobody is attached to."""

from __future__ import annotations

import numpy as np

from ospf.areas import Border
from ospf.borders import ends_within, ends_within6
from ospf.lsa import Lsa
from tests.ospf.lsas import ip
from tests.ospf.test_assembly import R1, R2, B, domain, router, summary, two_areas


def seen(areas: tuple[int, ...], *more: tuple[int, Lsa]) -> tuple[Border, ...]:
    """The borders of `two_areas` when only these are seen, with further LSAs in them."""
    databases = {area: list(lsas) for area, lsas in two_areas().items() if area in areas}
    for area, lsa in more:
        databases[area].append(lsa)
    return domain(databases).borders


def test_all_areas_seen() -> None:
    assert seen((0, 1, 2)) == (Border(ip(R1), True), Border(ip(R2), True))


def test_a_border_seen_in_one_area_has_another() -> None:
    assert seen((1,)) == (Border(ip(R1), False),)
    assert seen((0, 1)) == (Border(ip(R1), True), Border(ip(R2), False))


def test_a_summary_into_the_backbone_that_no_area_seen_explains() -> None:
    other = (0, summary("10.99.0.0/24", R1, 5))
    assert seen((0, 1, 2), other) == (Border(ip(R1), False), Border(ip(R2), True))
    assert seen((0, 1, 2), (0, summary("10.42.0.0/24", R1, 5)))[0] == Border(ip(R1), False)  # R2's area, not R1's


def test_a_range_is_explained_by_what_is_within_it() -> None:
    assert seen((0, 1, 2), (0, summary("10.31.0.0/16", R1, 5)))[0] == Border(ip(R1), True)
    assert seen((0, 1, 2), (0, summary("10.31.0.0/25", R1, 5)))[0] == Border(ip(R1), False)  # longer: not from there


def test_what_the_backbone_tells_is_passed_on_and_a_default_is_made() -> None:
    assert seen((0, 1, 2), (1, summary("10.99.0.0/24", R1, 30)))[0] == Border(ip(R1), True)
    assert seen((0, 1, 2), (0, summary("0.0.0.0/0", R1, 1)))[0] == Border(ip(R1), True)


def test_without_the_backbone_its_prefixes_are_of_an_area_unseen() -> None:
    inner, told_of_area_2 = two_areas()[1][:2], two_areas()[1][2]
    two = [router(R1, flags=B), summary("10.31.0.0/24", R1, 11)]  # R1 is in areas 1 and 2 here
    assert domain({1: inner, 2: two}).borders == (Border(ip(R1), True),)
    assert domain({1: [*inner, told_of_area_2], 2: two}).borders == (Border(ip(R1), False),)


def test_the_rows_within_each_prefix() -> None:
    rows = [(0, 0), (0x0A000000, 8), (0x0A000000, 24), (0x0A000100, 24), (0xFFFFFFFF, 32)]
    network, plen = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    assert ends_within(network, plen).tolist() == [5, 4, 3, 4, 5]
    wide = [network << 96 for network, _ in rows]
    assert ends_within6(wide, [plen for _, plen in rows]).tolist() == [5, 4, 3, 4, 5]
