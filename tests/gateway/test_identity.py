from gateway.identity import MAX_IFINDEX, OTHER, ApplicationIds, IfIndexMap
from ospf.topology import LinkKey
from tests.gateway.small import ip, rid


def key(router: int, interface: str) -> LinkKey:
    return LinkKey("default", rid(router), interface)


def test_allocated_once_kept_and_never_reused() -> None:
    index = IfIndexMap()
    keys = [key(1, "10.0.12.1"), key(1, "10.1.1.0/24"), key(2, "10.0.12.2")]
    assert index.allocate(keys) == [1, 2, 3]
    assert index.allocate(reversed(keys)) == [3, 2, 1]
    again = IfIndexMap(dict(index.items()))
    assert again.allocate([key(3, "if7"), *keys]) == [4, 1, 2, 3]
    assert again.dirty == {4: key(3, "if7")}


def test_a_stub_that_turns_out_to_be_an_interface_keeps_its_number() -> None:
    index = IfIndexMap()
    assert index.allocate([key(1, "10.1.1.0/24"), key(2, "10.1.2.0/24")]) == [1, 2]
    assert index.allocate([key(1, "10.1.1.1"), key(2, "10.1.2.0/24")]) == [1, 2]
    assert index.get(key(1, "10.1.1.0/24")) is None
    # another router's address in that prefix is another interface
    assert index.allocate([key(3, "10.1.2.3")]) == [3]
    assert index.known_addresses() == {rid(1): {ip("10.1.1.1")}, rid(3): {ip("10.1.2.3")}}


def test_sixteen_bits_and_then_a_counted_refusal() -> None:
    index = IfIndexMap({key(1, "if1"): MAX_IFINDEX})
    assert index.allocate([key(1, "if2"), key(1, "if1")]) == [0, MAX_IFINDEX]
    assert index.allocate([key(1, "if2")]) == [0] and index.refused == {key(1, "if2")}


def test_of_nested_stubs_the_longest_is_the_interface() -> None:
    index = IfIndexMap({key(1, "10.0.0.0/8"): 1, key(1, "10.1.1.0/24"): 2, key(1, "10.1.0.0/16"): 3})
    assert index.allocate([key(1, "10.1.1.1"), key(1, "10.1.2.1"), key(1, "10.1.1.2")]) == [2, 3, 1]


def test_application_names_are_the_key() -> None:
    ids = ApplicationIds({"web": 7})
    assert [ids.id(n) for n in ("unknown", "unattributed", "other", "web", "mail", "mail")] == [0, 1, 2, 7, 8, 8]
    assert ids.dirty == {"mail": 8}
    assert ApplicationIds(dict.fromkeys([]) | {n: i for i, n in ids.names().items()}).id("mail") == 8


def test_the_tail_of_names_is_other_and_counted() -> None:
    ids = ApplicationIds(limit=5)
    assert [ids.id(f"a{n}") for n in range(4)] == [3, 4, OTHER, OTHER]
    assert ids.overflowed == 2


def test_rows_of_ospfv3_are_never_taken_for_addresses() -> None:
    names = ("v3if4", "2001:db8::/64", "v3external", "10.1.1.1", "external")
    keys = [LinkKey("default", rid(1), name) for name in names]
    index = IfIndexMap()
    first = index.allocate(keys)
    assert len(set(first)) == 5
    assert IfIndexMap(dict(index.items())).allocate(keys) == first
    assert index.known_addresses() == {rid(1): {ip("10.1.1.1")}}
