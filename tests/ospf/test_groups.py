"""Which prefixes are alike."""

from __future__ import annotations

import numpy as np

from ospf.groups import groups, mix, words
from tests.ospf.domains import R3, R4, domain, three_areas
from tests.ospf.lsas import E, asbr_summary, external, net, p2p, router, stub, summary


def test_prefixes_of_one_origin_with_one_cover_are_one_group() -> None:
    areas = three_areas()
    areas[0] += [summary(prefix, "2.2.2.2", 11) for prefix in ("10.70.0.0/24", "10.71.0.0/24")]
    areas[0] += [summary("10.72.0.0/24", "2.2.2.2", 12), summary("10.70.0.0/25", "2.2.2.2", 11)]
    t = domain(areas)
    group, like = groups(t)
    told = ("10.70.0.0/24", "10.71.0.0/24", "10.72.0.0/24", "10.70.0.0/25")
    row = {prefix: t.prefixes.row(*net(prefix)) for prefix in told}
    assert group[row["10.70.0.0/24"]] == group[row["10.71.0.0/24"]]
    assert len({int(group[r]) for r in row.values()}) == 3  # another cost; another prefix around it
    assert (group[like] == np.arange(len(like))).all() and len(group) == len(t.prefixes)


def test_externals_differ_by_forwarding_address_and_stubs_by_row() -> None:
    areas = three_areas()
    areas[2][1] = router(R4, p2p("2.2.2.2", "10.2.24.4", 10), stub("10.4.0.0/24", 1), stub("10.6.0.0/24", 1), flags=E)
    areas[2] += [external(f"172.{n}.0.0/16", R4, 1, forward="0.0.0.0" if n < 18 else "10.4.0.9") for n in (16, 17, 18)]
    areas[0] += [asbr_summary(R4, "2.2.2.2", 10)]
    t = domain(areas)
    group, _ = groups(t)
    one, two, three = (int(group[t.prefixes.row(*net(f"172.{n}.0.0/16"))]) for n in (16, 17, 18))
    assert one == two != three
    assert group[t.prefixes.row(*net("10.4.0.0/24"))] != group[t.prefixes.row(*net("10.6.0.0/24"))]


def test_rows_under_new_numbers() -> None:
    t = domain(three_areas())
    moved = np.arange(len(t.links))[::-1]
    plain, turned = words(t), words(t, moved)
    assert [np.array_equal(a, b) for a, b in zip(plain, turned, strict=True)].count(False) == 1


def test_words_are_scattered() -> None:
    numbers = mix(np.arange(1000, dtype=np.uint64), 3)
    assert len(np.unique(numbers)) == 1000 and not np.array_equal(numbers, mix(np.arange(1000, dtype=np.uint64), 4))
    assert R3  # the names of the domain are used elsewhere


def test_no_prefixes() -> None:
    group, like = groups(domain({0: [router(R3)]}))
    assert len(group) == len(like) == 0
