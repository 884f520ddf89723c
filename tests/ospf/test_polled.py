"""Rows of an OSPF-MIB become databases: what comes, changes, goes, is broken or flushed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf import polled as polled_module
from ospf.lsa import MAX_AGE, Lsa, with_age
from ospf.polled import AREA_ID, AREA_IMPORT, AS_LSDB, EXT_LSDB, LSDB, ROUTER_ID, Oid, PolledDatabases, Value
from tests.ospf.heard import external_lsa, instance, router_lsa
from tests.ospf.lsas import ip

R1, R2 = "10.0.0.1", "10.0.0.2"
Row = tuple[Oid, Value]


def octets(address: int) -> Oid:
    return tuple(address.to_bytes(4, "big"))


def row(lsa: Lsa, area: int | None = None, column: Oid | None = None) -> Row:
    """The row of an LSA: in the area's table, or with `area` None in that of externals."""
    kind, lsid, router = lsa.key
    index = (kind, *octets(lsid), *octets(router))
    if area is None:
        return (*(column or EXT_LSDB), *index), lsa.raw
    return (*LSDB, *octets(area), *index), lsa.raw


def group(*areas: int, stub: Iterable[int] = (), router: str = R1) -> list[Row]:
    """The router's id and its areas."""
    rows: list[Row] = [(ROUTER_ID, bytes(octets(ip(router))))]
    rows += [((*AREA_ID, *octets(area)), bytes(octets(area))) for area in areas]
    return rows + [((*AREA_IMPORT, *octets(area)), 2 if area in stub else 1) for area in areas]


def texts(polled: PolledDatabases, area: int, now: float = 0.0) -> list[tuple[int, int]]:
    """(type, sequence number counted from the first) of an area's LSAs."""
    return [(lsa.header.type, lsa.header.sequence + 0x7FFFFFFF) for lsa in polled.databases[area].lsas(now)]


ONE, TWO, EXTERNAL = router_lsa(0, R1, "10.2.0.1"), router_lsa(0, R2, "10.2.0.2"), external_lsa(0, R1, 1)


def test_a_border_routers_areas() -> None:
    polled = PolledDatabases()
    rows = [*group(0, 1, 2, stub=[2]), row(ONE, 0), row(ONE, 1), row(TWO, 1), row(ONE, 2), row(EXTERNAL)]
    poll = polled.take(rows, 10.0)
    assert (poll.router_id, poll.areas, poll.new, poll.lsas) == (ip(R1), (0, 1, 2), (0, 1, 2), 5)
    assert {area: [c.kind for c in changes] for area, changes in poll.changes.items()} == {
        0: ["added"] * 2, 1: ["added"] * 3, 2: ["added"],
    }  # fmt: skip
    assert texts(polled, 1, 10.0) == [(1, 0), (1, 0), (5, 0)]
    assert texts(polled, 2, 10.0) == [(1, 0)], "no externals into a stub area"
    again = polled.take(rows, 70.0)
    assert again.changes == {} and again.new == () and polled.stats.lsas_decoded == 5


def test_what_changes_and_what_goes() -> None:
    polled = PolledDatabases()
    polled.take([*group(0), row(ONE, 0), row(TWO, 0), row(EXTERNAL)], 0.0)
    newer = router_lsa(3, R1, "10.2.0.1", metric=7)
    refreshed = external_lsa(1, R1, 1)
    poll = polled.take([*group(0), row(newer, 0), row(refreshed)], 60.0)
    assert [(c.kind, c.key[2]) for c in poll.changes[0]] == [("removed", ip(R2)), ("changed", ip(R1))]
    assert texts(polled, 0, 60.0) == [(1, 3), (5, 1)]


def test_an_older_instance_is_the_truth_too() -> None:
    """Flushed and begun anew between two polls: the sequence number starts over."""
    polled = PolledDatabases()
    polled.take([*group(0), row(router_lsa(9, R1, "10.2.0.1"), 0), row(router_lsa(9, R2, "10.2.0.2"), 0)], 0.0)
    poll = polled.take([*group(0), row(router_lsa(0, R1, "10.2.0.1", metric=7), 0), row(TWO, 0)], 60.0)
    assert [(c.kind, c.key[2]) for c in poll.changes[0]] == [("changed", ip(R1))]  # the other says the same
    assert texts(polled, 0, 60.0) == [(1, 0), (1, 0)] and polled.stats.lsas_replaced == 2


def test_a_poll_that_broke_off_removes_nothing() -> None:
    polled = PolledDatabases()
    polled.take([*group(0, 1), row(ONE, 0), row(TWO, 0), row(ONE, 1)], 0.0)
    poll = polled.take([*group(0), row(router_lsa(1, R1, "10.2.0.9"), 0)], 60.0, complete=False)
    assert [(c.kind, c.key[2]) for c in poll.changes[0]] == [("changed", ip(R1))] and not poll.complete
    assert texts(polled, 0, 60.0) == [(1, 1), (1, 0)] and texts(polled, 1, 60.0) == [(1, 0)]
    assert polled.take([], 90.0, complete=False).changes == {}
    assert polled.stats.polls_broken_off == 2


def test_an_area_that_the_router_left() -> None:
    polled = PolledDatabases()
    polled.take([*group(0, 1), row(ONE, 0), row(ONE, 1)], 0.0)
    database = polled.databases[1]
    poll = polled.take([*group(0), row(ONE, 0)], 60.0)
    assert [c.kind for c in poll.changes[1]] == ["removed"] and poll.areas == (0,)
    polled.take([*group(0, 1), row(ONE, 0), row(ONE, 1)], 120.0)
    assert polled.databases[1] is database and len(database) == 1


def test_ages_go_on_between_polls_and_a_silent_router_is_forgotten() -> None:
    polled = PolledDatabases()
    rows = [*group(0), row(router_lsa(0, R1, "10.2.0.1", age=600), 0)]
    polled.take(rows, 0.0)
    polled.take(rows, 1000.0)  # an agent that gives the age at reception
    aged = polled.databases[0].aged(ONE.key, 1000.0)
    assert aged is not None and aged.header.age == 1600
    assert texts(polled, 0, 2999.0) == [(1, 0)] and texts(polled, 0, 3000.0) == []
    poll = polled.take([], 3000.0, complete=False)
    assert [c.kind for c in poll.changes[0]] == ["removed"]


def test_flushed_lsas_are_gone_and_named() -> None:
    polled = PolledDatabases()
    polled.take([*group(0), row(ONE, 0)], 0.0)
    dead = with_age(router_lsa(1, R1, "10.2.0.1"), MAX_AGE)
    poll = polled.take([*group(0), row(dead, 0)], 60.0)
    assert [c.kind for c in poll.changes[0]] == ["removed"] and poll.lingering == (dead,)
    same = with_age(ONE, MAX_AGE)  # by age alone
    polled.take([*group(0), row(ONE, 0)], 120.0)
    poll = polled.take([*group(0), row(same, 0)], 180.0)
    assert [c.kind for c in poll.changes[0]] == ["removed"] and polled.stats.max_age == 2


def test_rows_that_are_broken_leave_what_is_held() -> None:
    polled = PolledDatabases()
    polled.take([*group(0), row(ONE, 0), row(TWO, 0), row(EXTERNAL)], 0.0)
    oid, value = row(router_lsa(1, R1, "10.2.0.7"), 0)
    assert isinstance(value, bytes)
    poll = polled.take([*group(0), (oid, value[:-4]), (row(TWO, 0)[0], ONE.raw), (row(EXTERNAL)[0], 5)], 60.0)
    assert poll.changes == {} and texts(polled, 0, 60.0) == [(1, 0), (1, 0), (5, 0)]
    assert (polled.stats.rows_malformed, polled.stats.rows_mismatched) == (2, 1)


@pytest.mark.parametrize(
    "oid",
    [LSDB, (*LSDB, 0, 0, 0, 0, 1, 10, 0, 0, 1, 10, 0, 0), (*LSDB, 0, 0, 0, 256, 1, 10, 0, 0, 1, 10, 0, 0, 1),
     (*EXT_LSDB, 999, 1, 1, 1, 1, 1, 1, 1, 1), (*AREA_ID, 1)],
)  # fmt: skip
def test_an_index_that_is_none(oid: Oid) -> None:
    polled = PolledDatabases()
    polled.take([(oid, ONE.raw), ((1, 3, 6, 1), 0), (ROUTER_ID, 7), (ROUTER_ID, b"123")], 0.0)
    assert (polled.stats.rows_malformed, polled.stats.rows_unknown, polled.router_id) == (3, 1, None)
    assert polled.databases == {} and polled.last_error


def test_both_tables_of_externals_and_opaque_lsas() -> None:
    opaque = instance(0, R1, router_lsa(0, R1).body, kind=11, lsid="1.0.0.0")
    polled = PolledDatabases()
    polled.take([*group(0), row(EXTERNAL), row(EXTERNAL, column=AS_LSDB), row(opaque, column=AS_LSDB)], 0.0)
    assert texts(polled, 0) == [(5, 0), (11, 0)]


def test_only_the_areas_wanted() -> None:
    polled = PolledDatabases(areas=[1])
    poll = polled.take([*group(0, 1), row(ONE, 0), row(ONE, 1), row(EXTERNAL)], 0.0)
    assert poll.areas == (1,) and list(polled.databases) == [1] and texts(polled, 1) == [(1, 0), (5, 0)]


def test_an_agent_without_an_area_table() -> None:
    polled = PolledDatabases()
    polled.take([(ROUTER_ID, b"\x0a\0\0\1"), row(ONE, 3), row(EXTERNAL)], 0.0)
    assert texts(polled, 3) == [(1, 0), (5, 0)]


def test_an_agent_with_ever_new_areas_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polled_module, "MAX_AREAS", 5)
    polled = PolledDatabases()
    for first in range(0, 40, 4):
        polled.take([*group(0, *range(first, first + 4)), row(ONE, first + 1)], first * 60.0)
    assert sorted(polled.databases) == [0, 1, 2, 3, 4] and polled.stats.rows_refused > 50
    assert texts(polled, 1, 2400.0) == []


def test_the_ceiling() -> None:
    polled = PolledDatabases(max_lsas=10)
    polled.take([*group(0), *(row(external_lsa(0, R1, n)) for n in range(50))], 0.0)
    assert len(polled.databases[0]) == 10 and polled.stats.rows_refused == 40


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sets(st.integers(0, 5)), st.booleans()), min_size=1, max_size=6), st.data())
def test_after_a_whole_poll_the_database_is_the_poll(rounds: list[tuple[set[int], bool]], data: st.DataObject) -> None:
    polled, held = PolledDatabases(), dict[int, int]()
    for turn, (present, complete) in enumerate(rounds):
        told = {n: data.draw(st.integers(0, 3)) for n in present}
        rows = [*group(0), *(row(external_lsa(v, R1, n, metric=v + 1)) for n, v in told.items())]
        polled.take(rows, turn * 60.0, complete=complete)
        if complete:
            held = told
        else:  # nothing goes, nothing goes back
            held |= {n: max(v, held.get(n, 0)) for n, v in told.items()}
        found = {lsa.key[1] >> 8 & 255: lsa.header.sequence + 0x7FFFFFFF for lsa in polled.databases[0].lsas(0.0)}
        assert found == held


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([LSDB, EXT_LSDB, AREA_ID, AREA_IMPORT, ROUTER_ID]),
            st.lists(st.integers(0, 300), max_size=14),
            st.one_of(st.binary(max_size=60), st.integers()),
        )
    )
)
def test_nothing_an_agent_says_raises(rows: list[tuple[Oid, list[int], Value]]) -> None:
    polled = PolledDatabases()
    polled.take([((*column, *index), value) for column, index, value in rows], 0.0)
    polled.take([], 60.0)
