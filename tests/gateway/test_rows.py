from gateway.config import parse
from gateway.identity import IfIndexMap
from gateway.rows import LinkRows, Row
from ospf.topology import LinkKey
from tests.gateway.small import diamond


def rows_after(*topologies, names=None):
    index = IfIndexMap()
    rows = LinkRows(parse({"names": names or {}}), index, {}, 0.0)
    for topology in topologies:
        index.allocate(topology.links.keys)
        rows.follow(topology)
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
    rows.follow(diamond(2, 150.0))
    assert not rows.dirty


def test_a_topology_of_one_domain_says_nothing_about_rows_of_another() -> None:
    index = IfIndexMap()
    rows = LinkRows(parse({}), index, {}, 0.0)
    theirs = [("default", "v3if4"), ("default", "2001:db8::/64"), ("default", "v3external"), ("red", "10.0.12.1")]
    topology = diamond(1, 100.0)
    index.allocate([*topology.links.keys, *(LinkKey(instance, 1, text) for instance, text in theirs)])
    for _, number in index.items():
        rows._rows[number] = Row("transit", "", "", 1, True, 50.0)
    rows.follow(diamond(2, 200.0, down=frozenset({(1, 3)})))
    down = {(key.instance, key.interface) for _, key, row in rows.ordered() if not row.up}
    assert down and not down & set(theirs)
