from bisect import bisect_left, bisect_right

import pytest

from mibs import ber
from mibs.columns import LIVE_UPTIME, live_scalar, row_set, scalar
from mibs.errors import SnapshotError
from mibs.oid import encode_oid, oid_key
from mibs.snapshot import encode_snapshot, make_layout
from mibs.tree import REMEMBERED_NAMES, Tree, dump
from tests.mibs.sample import sample_snapshot

TICKS = ber.encode_integer(1234, ber.TIME_TICKS)


def live(kind: int, value: float) -> bytes:
    return TICKS


def test_order_and_lookup_equal_a_sorted_list() -> None:
    tree = Tree(sample_snapshot(links=7, applications=3))
    names = [name for name, _, _ in dump(tree, live)]
    assert names == sorted(names) and len(names) == len(tree) == len(set(names))
    prefixes = {name[:i] for name in names for i in range(2, len(name) + 1)}
    probes = prefixes | {(*prefix[:-1], prefix[-1] + 1) for prefix in prefixes}
    probes |= {(0, 0), (2, 0), (1, 3), *((*name, 0) for name in names)}
    for probe in probes:
        key = oid_key(probe)
        place = bisect_left(names, probe)
        assert tree.find(key) == place
        assert tree.exact(key) == (place if probe in names else -1)
        if len(probe) > 1 and (probe[0] == 2 or probe[1] < 40):
            assert tree.after(encode_oid(probe)) == bisect_right(names, probe)


def test_names_and_remembering() -> None:
    tree = Tree(sample_snapshot())
    for row in range(len(tree)):
        name = tree.name(row)
        assert tree.after(name) == row + 1
        tree.remember(name, row)
        assert tree.after(name) == row + 1
    for i in range(REMEMBERED_NAMES + 5):
        tree.remember(b"%d" % i, i)
    assert len(tree._remembered) <= REMEMBERED_NAMES


def test_implements() -> None:
    tree = Tree(sample_snapshot(links=0, applications=0))
    for oid, expected in [
        ((1, 3, 6, 1, 2, 1, 1, 1), True),
        ((1, 3, 6, 1, 2, 1, 1, 1, 5), True),
        ((1, 3, 6, 1, 2, 1, 2, 2, 1, 10, 4), True),  # no interface, and yet the column is implemented
        ((1, 3, 6, 1, 2, 1, 2, 2, 1, 14, 4), False),  # ifInErrors
        ((1, 3, 6, 1, 2, 1, 2, 2, 1), False),
        ((0, 0), False),
        ((2, 100, 3), False),
    ]:
        assert tree.implements(oid_key(oid)) is expected


@pytest.mark.parametrize("budget", [0, 13, 14, 27, 28, 60, 61, 62, 75, 10_000])
def test_runs_are_cut_at_the_budget(budget: int) -> None:
    rows = row_set([1, 2, 3])
    sections = [
        live_scalar((1, 3, 1), LIVE_UPTIME),
        rows.integers((1, 3, 2), ber.INTEGER, [1, 300, 70000]),
        rows.live((1, 3, 3), LIVE_UPTIME, [0, 0, 0]),
        scalar((1, 3, 4), ber.EMPTY_NULL),
    ]
    tree = Tree(encode_snapshot(sections, make_layout(sections), 0.0))
    whole = [tree.varbind(row, live) for row in range(len(tree))]
    assert whole[4] == ber.encode(ber.SEQUENCE, ber.encode_oid_element((1, 3, 3, 1)) + TICKS)
    for start in range(len(tree) + 1):
        for count in range(10):
            expected: list[bytes] = []
            for varbind in whole[start : start + count]:
                if len(b"".join(expected)) + len(varbind) > budget:
                    break
                expected.append(varbind)
            assert tree.run(start, count, budget, live) == (b"".join(expected), start + len(expected))


def test_torn_snapshot() -> None:
    with pytest.raises(SnapshotError):
        Tree(sample_snapshot()[:-8])
