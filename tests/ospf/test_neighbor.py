"""The conversation alone, packet by packet; `test_listener.py` has it whole."""

from typing import Any

import pytest

from ospf.lsa import MAX_AGE, OPTION_O, Lsa, RouterLink, RouterLsa, encode_lsa
from ospf.lsdb import Lsdb
from ospf.neighbor import GIVE_UP_AFTER, REQUEST_KEYS, RESTARTS, RETRANSMIT_SECONDS, Adjacency, State
from ospf.packets import DD_INIT, DD_MASTER, DD_MORE, DatabaseDescription, LinkStateRequest

BEGIN = DD_INIT | DD_MORE | DD_MASTER


def lsa(router: int, sequence: int = 1, **fields: Any) -> Lsa:
    body = RouterLsa(0, (RouterLink(9, 9, 3, 1),))
    return encode_lsa(type=1, link_state_id=router, advertising_router=router, body=body, sequence=sequence, **fields)


def adjacency(*, lead: bool, burst: bool = True, lsdb: Lsdb | None = None) -> Adjacency:
    own = 0xFA000001 if lead else 255
    return Adjacency(own, 0x0A000001, 0x0A620001, 2, Lsdb(0) if lsdb is None else lsdb, burst=burst, now=0.0)


def dd(flags: int, sequence: int, *lsas: Lsa) -> DatabaseDescription:
    return DatabaseDescription(1400, 0x42, flags, sequence, tuple(each.header for each in lsas))


def drain(a: Adjacency) -> list[DatabaseDescription | LinkStateRequest]:
    out = list(a.outgoing)
    a.outgoing.clear()
    return out


def give(a: Adjacency, lsdb: Lsdb, *lsas: Lsa, now: float = 0.0) -> None:
    for each in lsas:
        lsdb.install(each, now)
    a.receive_lsas(lsas, now)


def test_following_in_a_burst() -> None:
    lsdb = Lsdb(0)
    a = adjacency(lead=False, lsdb=lsdb)
    a.receive_description(dd(BEGIN, 77), 0.0)
    assert drain(a) == [DatabaseDescription(1400, 2 | OPTION_O, DD_MORE, 77)]  # MTU, E-bit copied; O set
    a.receive_description(dd(DD_MASTER | DD_MORE, 78, lsa(1)), 0.0)
    assert drain(a) == [DatabaseDescription(1400, 0x42, DD_MORE, 78), LinkStateRequest(((1, 1, 1),))]
    a.receive_description(dd(DD_MASTER, 79, lsa(2)), 0.0)
    assert drain(a) == [LinkStateRequest(((1, 2, 2),))]  # the last poll is not answered
    a.receive_description(dd(DD_MASTER, 79, lsa(2)), 5.0)
    assert drain(a) == []  # nor its repetition
    give(a, lsdb, lsa(1))
    assert not a.done
    give(a, lsdb, lsa(2))
    assert a.done and a.state is State.EXCHANGE and a.next_timeout() is None


def test_leading_in_a_burst() -> None:
    lsdb = Lsdb(0)
    a = adjacency(lead=True, lsdb=lsdb)
    a.receive_description(dd(BEGIN, 77), 0.0)
    (first,) = drain(a)
    assert isinstance(first, DatabaseDescription) and first.flags == BEGIN and first.mtu == 1400
    a.receive_description(dd(DD_MORE, first.sequence, lsa(1)), 0.0)
    second, request = drain(a)
    assert isinstance(second, DatabaseDescription) and isinstance(request, LinkStateRequest)
    assert (second.flags, second.sequence) == (DD_MASTER | DD_MORE, first.sequence + 1)
    a.receive_description(dd(0, second.sequence, lsa(2)), 0.0)
    assert drain(a) == [LinkStateRequest(((1, 2, 2),))]  # no more polls
    give(a, lsdb, lsa(1), lsa(2))
    assert a.done and a.state is State.EXCHANGE


@pytest.mark.parametrize("lead", [False, True])
def test_full_with_an_empty_database(lead: bool) -> None:
    lsdb = Lsdb(0)
    a = adjacency(lead=lead, burst=False, lsdb=lsdb)
    a.receive_description(dd(BEGIN, 77), 0.0)
    (first,) = drain(a)
    assert isinstance(first, DatabaseDescription)
    if lead:
        a.receive_description(dd(0, first.sequence, lsa(1)), 0.0)
        poll, _ = drain(a)
        assert isinstance(poll, DatabaseDescription) and poll.flags == DD_MASTER
        a.receive_description(dd(0, poll.sequence), 0.0)
    else:
        assert first.flags == 0
        a.receive_description(dd(DD_MASTER, 78, lsa(1)), 0.0)
        answer, _ = drain(a)
        assert isinstance(answer, DatabaseDescription) and answer.flags == 0
    assert a.state is State.LOADING and not a.done
    give(a, lsdb, lsa(1))
    assert a.state is State.FULL and not a.done and a.next_timeout() is None


def test_full_repeats_its_last_answer() -> None:
    a = adjacency(lead=False, burst=False)
    a.receive_description(dd(BEGIN, 77), 0.0)
    a.receive_description(dd(DD_MASTER, 78), 0.0)
    last = drain(a)[-1]
    a.receive_description(dd(DD_MASTER, 78), 5.0)
    assert drain(a) == [last]


def test_only_what_is_new_is_requested() -> None:
    lsdb = Lsdb(0)
    lsdb.install(lsa(1, sequence=5), 0.0)
    lsdb.install(lsa(2, sequence=5), 0.0)
    a = adjacency(lead=False, lsdb=lsdb)
    a.receive_description(dd(BEGIN, 1), 0.0)
    drain(a)
    listed = (lsa(1, sequence=5), lsa(2, sequence=6), lsa(3, age=MAX_AGE))
    a.receive_description(dd(DD_MASTER, 2, *listed), 0.0)
    assert drain(a) == [LinkStateRequest(((1, 2, 2),))]
    assert set(a.described) == {(1, 1, 1), (1, 2, 2), (1, 3, 3)}


def test_an_older_instance_does_not_answer_a_request() -> None:
    lsdb = Lsdb(0)
    a = adjacency(lead=False, lsdb=lsdb)
    a.receive_description(dd(BEGIN, 1), 0.0)
    a.receive_description(dd(DD_MASTER, 2, lsa(1, sequence=6)), 0.0)
    give(a, lsdb, lsa(1, sequence=5))
    assert not a.done
    give(a, lsdb, lsa(1, sequence=7))  # flooded meanwhile: newer will do
    assert a.done


def test_requests_run_a_few_packets_ahead() -> None:
    lsdb = Lsdb(0)
    a = adjacency(lead=False, lsdb=lsdb)
    lsas = [lsa(router) for router in range(1, 5 * REQUEST_KEYS + 1)]
    a.receive_description(dd(BEGIN, 1), 0.0)
    a.receive_description(dd(DD_MASTER, 2, *lsas), 0.0)
    sizes = [len(p.keys) for p in drain(a) if isinstance(p, LinkStateRequest)]
    assert sizes == [REQUEST_KEYS, REQUEST_KEYS]
    give(a, lsdb, *lsas[:REQUEST_KEYS])
    assert [len(p.keys) for p in drain(a) if isinstance(p, LinkStateRequest)] == [REQUEST_KEYS]
    give(a, lsdb, *lsas)
    assert [p.keys for p in drain(a) if isinstance(p, LinkStateRequest)] == [
        tuple(each.key for each in lsas[at : at + REQUEST_KEYS])
        for at in range(3 * REQUEST_KEYS, 5 * REQUEST_KEYS, REQUEST_KEYS)
    ] or a.done


def test_requests_are_repeated_and_at_last_given_up() -> None:
    lsdb = Lsdb(0)
    a = adjacency(lead=False, lsdb=lsdb)
    a.receive_description(dd(BEGIN, 1), 0.0)
    a.receive_description(dd(DD_MASTER, 2, lsa(1), lsa(2)), 0.0)
    give(a, lsdb, lsa(1))
    drain(a)
    now = 0.0
    while not a.done and now < 100:
        now += RETRANSMIT_SECONDS
        a.handle_timeout(now)
        for packet in drain(a):
            assert packet == LinkStateRequest(((1, 2, 2),))
    assert a.done and a.stats.unanswered == 1 and a.stats.retransmissions == GIVE_UP_AFTER


def test_nothing_answered_at_all_is_a_failure() -> None:
    a = adjacency(lead=False)
    a.receive_description(dd(BEGIN, 1), 0.0)
    a.receive_description(dd(DD_MASTER, 2, lsa(1)), 0.0)
    for second in range(1, 50):
        a.handle_timeout(float(second))
    assert a.failed == "requests are not answered" and a.next_timeout() is None


@pytest.mark.parametrize("lead", [False, True])
def test_a_silent_router_is_given_up(lead: bool) -> None:
    a = adjacency(lead=lead)
    a.receive_description(dd(BEGIN, 1), 0.0)
    drain(a)
    for second in range(1, 50):
        a.handle_timeout(float(second))
    assert a.failed == "no answer"
    repeated = drain(a)
    assert len(repeated) == (GIVE_UP_AFTER if lead else 0)  # the master repeats, the slave waits (10.8)


def test_the_first_answer_got_lost() -> None:
    a = adjacency(lead=False)
    a.receive_description(dd(BEGIN, 1), 0.0)
    answer = drain(a)
    a.receive_description(dd(BEGIN, 1), 5.0)
    assert drain(a) == answer and a.stats.restarts == 0


def test_a_lost_answer_in_the_middle_is_repeated() -> None:
    a = adjacency(lead=False)
    a.receive_description(dd(BEGIN, 1), 0.0)
    a.receive_description(dd(DD_MASTER | DD_MORE, 2), 0.0)
    answer = drain(a)[-1]
    a.receive_description(dd(DD_MASTER | DD_MORE, 2), 5.0)
    assert drain(a) == [answer]


def test_the_router_begins_anew() -> None:
    a = adjacency(lead=False)
    a.receive_description(dd(BEGIN, 1), 0.0)
    a.receive_description(dd(DD_MASTER | DD_MORE, 2, lsa(1)), 0.0)
    drain(a)
    for again in range(RESTARTS):
        a.receive_description(dd(BEGIN, 100 + again), 1.0)
        a.receive_description(dd(DD_MASTER | DD_MORE, 101 + again, lsa(1)), 1.0)
        assert drain(a)[0] == DatabaseDescription(1400, 0x42, DD_MORE, 100 + again)
    assert not a.failed and a.stats.restarts == RESTARTS
    a.receive_description(dd(BEGIN, 200), 2.0)
    assert a.failed


@pytest.mark.parametrize(
    ("lead", "wrong"),
    [(False, dd(DD_MASTER, 9)), (False, dd(0, 2)), (True, dd(DD_MASTER, 2))],
)
def test_mismatches_end_the_conversation(lead: bool, wrong: DatabaseDescription) -> None:
    a = adjacency(lead=lead)
    a.receive_description(dd(BEGIN, 1), 0.0)
    a.receive_description(wrong, 0.0)
    assert a.failed


def test_leftovers_of_an_earlier_conversation_are_ignored() -> None:
    a = adjacency(lead=False)
    a.receive_description(dd(DD_MASTER, 9, lsa(1)), 0.0)
    a.receive_description(dd(DD_INIT, 9), 0.0)
    a.receive_description(dd(BEGIN, 9, lsa(1)), 0.0)
    assert a.state is State.INIT and drain(a) == []


def test_the_leader_ignores_duplicates() -> None:
    a = adjacency(lead=True)
    a.receive_description(dd(BEGIN, 1), 0.0)
    (first,) = drain(a)
    assert isinstance(first, DatabaseDescription)
    a.receive_description(dd(DD_MORE, first.sequence), 0.0)
    assert len(drain(a)) == 1
    a.receive_description(dd(DD_MORE, first.sequence), 0.0)
    assert drain(a) == []


def test_the_description_is_bounded() -> None:
    a = adjacency(lead=False, lsdb=Lsdb(0, max_lsas=3))
    a.receive_description(dd(BEGIN, 1), 0.0)
    a.receive_description(dd(DD_MASTER | DD_MORE, 2, *(lsa(router) for router in range(1, 9))), 0.0)
    assert len(a.described) == 3 and a.truncated
