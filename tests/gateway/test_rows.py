from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import parse
from gateway.identity import IfIndexMap
from gateway.rows import LinkRows, Row
from ospf.topology import LinkKey, build_topology
from tests.gateway.small import LINKS as SMALL_LINKS
from tests.gateway.small import diamond, diamond_lsas


def rows_after(*topologies, names=None):
    index = IfIndexMap()
    rows = LinkRows(parse({"names": names or {}}), index, {}, 0.0)
    for topology in topologies:
        rows.follow(topology, index.allocate(topology.links.keys))
    return rows


def test_an_interface_that_disappears_stays_down_with_its_number_and_time() -> None:
    rows = rows_after(diamond(1, 100.0), diamond(2, 200.0, down=frozenset({(1, 3)})))
    by_name = {key.interface: (number, row) for number, key, row in rows.ordered()}
    number, gone = by_name["10.0.13.1"]
    assert number and not gone.up and gone.last_change == 200.0 and gone.neighbor == "10.255.0.3"
    _, kept = by_name["10.0.12.1"]
    assert kept.up and kept.last_change == 100.0
    numbers = [n for n, _, _ in rows.ordered()]
    assert numbers == sorted(set(numbers))


def test_and_comes_back_as_itself() -> None:
    down = frozenset({(1, 3)})
    first = rows_after(diamond(1, 100.0))
    again = rows_after(diamond(1, 100.0), diamond(2, 200.0, down=down), diamond(3, 300.0))
    assert [(n, k) for n, k, _ in first.ordered()] == [(n, k) for n, k, _ in again.ordered()]
    back = next(row for _, key, row in again.ordered() if key.interface == "10.0.13.1")
    assert back.up and back.last_change == 300.0


def test_dirty_is_what_changed() -> None:
    rows = rows_after(diamond(1, 100.0))
    rows.dirty.clear()
    same = diamond(2, 150.0)
    rows.follow(same, rows.ifindex.allocate(same.links.keys))
    assert not rows.dirty


def test_a_topology_of_one_domain_says_nothing_about_rows_of_another() -> None:
    index = IfIndexMap()
    rows = LinkRows(parse({}), index, {}, 0.0)
    theirs = [("default", "v3if4"), ("default", "2001:db8::/64"), ("default", "v3external"), ("red", "10.0.12.1")]
    topology = diamond(1, 100.0)
    index.allocate([*topology.links.keys, *(LinkKey(instance, 1, text) for instance, text in theirs)])
    for _, number in index.items():
        rows._rows[number] = Row("transit", "", "", 1, True, 50.0)
    later = diamond(2, 200.0, down=frozenset({(1, 3)}))
    rows.follow(later, index.allocate(later.links.keys))
    down = {(key.instance, key.interface) for _, key, row in rows.ordered() if not row.up}
    assert down and not down & set(theirs)


LINKS = st.frozensets(st.sampled_from(SMALL_LINKS), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(LINKS, st.sampled_from([10, 20])), min_size=1, max_size=6))
def test_looking_only_at_what_differs_comes_to_the_same(story):
    """The other side forgets what it followed, and looks at every row again."""
    index = IfIndexMap()
    quick, slow = (LinkRows(parse({}), index, {}, 0.0) for _ in range(2))
    for version, (down, cost) in enumerate(story, 1):
        lsas = diamond_lsas(down, cost)
        topology = build_topology(lsas, version=version, time=100.0 * version)
        indices = index.allocate(topology.links.keys)
        slow._followed.clear()
        for rows in (quick, slow):
            rows.dirty.clear()
            rows.follow(topology, indices)
        assert quick.ordered() == slow.ordered() and quick.dirty == slow.dirty


def test_names_and_capacities_follow_new_rows() -> None:
    first, second = diamond(1, 100.0, down=frozenset({(1, 3)})), diamond(2, 200.0)
    index = IfIndexMap()
    rows = LinkRows(parse({"names": {"10.255.0.1": "one"}}), index, {}, 0.0)
    for topology in (first, second):
        rows.follow(topology, index.allocate(topology.links.keys))
        names = rows.names([key for _, key, _ in rows.ordered()])
        assert names.shown == tuple(
            f"{'one' if router == '10.255.0.1' else router}:{interface}"
            for router, interface in zip(names.router, names.interface, strict=True)
        )
    assert "10.255.0.1:10.0.13.1" in names.id and names is rows.names(list(names.keys))
