"""The responder's answers, by the rules of RFC 1157, 3416 and 3584; real managers are asked in test_walk.py."""

import random
from itertools import pairwise, product

import pytest

from mibs import ber, message
from mibs.agent import DEFAULT_BULK_OCTETS, Agent
from mibs.builder import MibBuilder
from mibs.message import GET, GET_BULK, GET_NEXT, NO_SUCH_NAME, NOT_WRITABLE, SET, VERSION_1
from mibs.oid import Oid, encode_oid
from mibs.tree import Tree, dump
from tests.mibs.ask import NOW, STARTED, Answer, ask, decode_answer, encode_request, sample_agent, walk
from tests.mibs.sample import CREATED, sample_snapshot, sample_tables

DESCR = (1, 3, 6, 1, 2, 1, 1, 1, 0)
UP_TIME = (1, 3, 6, 1, 2, 1, 1, 3, 0)
IN_PACKETS = (1, 3, 6, 1, 2, 1, 11, 1, 0)
IF_DESCR = (1, 3, 6, 1, 2, 1, 2, 2, 1, 2)
HC_OUT = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10)
OUT_OCTETS = (1, 3, 6, 1, 2, 1, 2, 2, 1, 16)


@pytest.fixture
def agent() -> Agent:
    return sample_agent()


def everything(agent: Agent) -> list[tuple[Oid, int, bytes]]:
    """Sorted dump of the tree as it is being answered: the oracle."""
    assert agent.tree is not None
    return dump(agent.tree, agent._live)


def without_clocks(rows: list[tuple[Oid, int, bytes]]) -> list[tuple[Oid, int, bytes]]:
    return [row for row in rows if row[0] != UP_TIME and row[0][:7] != IN_PACKETS[:7]]


# -- GET


def test_get(agent: Agent) -> None:
    answer = ask(agent, GET, DESCR, UP_TIME, (*IF_DESCR, 5), request_id=-7)
    assert (answer.request_id, answer.status, answer.index) == (-7, 0, 0)
    assert answer.varbinds[0] == (DESCR, ber.OCTET_STRING, b"Anemone network-management gateway")
    assert answer.varbinds[1] == (UP_TIME, ber.TIME_TICKS, (6000).to_bytes(2, "big"))
    assert answer.varbinds[2][2].startswith(b"r0 to r1")


def test_up_time_wraps_and_never_goes_back(agent: Agent) -> None:
    def ticks(now: float) -> int:
        return int.from_bytes(ask(agent, GET, UP_TIME, now=now).varbinds[0][2], "big")

    assert ticks(STARTED - 5) == 0
    assert ticks(STARTED + 0.019) == 1
    assert ticks(STARTED + 2**32 / 100 + 1) == 100


def test_get_exceptions(agent: Agent) -> None:
    answer = ask(agent, GET, DESCR, (1, 3, 6, 1, 2, 1, 1), (*IF_DESCR, 6), IF_DESCR, (*DESCR, 1), (2, 5))
    assert (answer.status, answer.index) == (0, 0)
    assert [(tag, value) for _, tag, value in answer.varbinds[1:]] == [
        (ber.NO_SUCH_OBJECT, b""),
        (ber.NO_SUCH_INSTANCE, b""),
        (ber.NO_SUCH_INSTANCE, b""),
        (ber.NO_SUCH_INSTANCE, b""),
        (ber.NO_SUCH_OBJECT, b""),
    ]
    assert answer.names[2] == (*IF_DESCR, 6)


def test_get_of_nothing(agent: Agent) -> None:
    assert ask(agent, GET) == Answer(7, 0, 0, [])


def test_v1_get(agent: Agent) -> None:
    ok = ask(agent, GET, DESCR, (*OUT_OCTETS, 5), version=VERSION_1)
    assert ok.status == 0 and len(ok.varbinds) == 2
    for missing in ((*IF_DESCR, 6), (*HC_OUT, 5)):  # absent; Counter64
        answer = ask(agent, GET, DESCR, missing, version=VERSION_1)
        assert (answer.status, answer.index) == (NO_SUCH_NAME, 2)
        assert answer.varbinds == [(DESCR, ber.NULL, b""), (missing, ber.NULL, b"")]


def test_get_too_big() -> None:
    agent = sample_agent(message_octets=500)
    names = [DESCR] * 12
    assert ask(agent, GET, *names) == Answer(7, message.TOO_BIG, 0, [])
    v1 = ask(agent, GET, *names, version=VERSION_1)
    assert (v1.status, v1.index, v1.names) == (message.TOO_BIG, 0, names)
    assert agent.stats.too_bigs == 2
    assert agent.receive(encode_request(GET, [DESCR] * 40, version=VERSION_1), "127.0.0.1", NOW) is None
    assert agent.stats.silent_drops == 1


# -- GETNEXT


def test_get_next_from_everywhere(agent: Agent) -> None:
    rows = everything(agent)
    names = [name for name, _, _ in rows]
    assert ask(agent, GET_NEXT, (0, 0)).names == [names[0]]
    for name, following in pairwise(names):
        assert ask(agent, GET_NEXT, name).names == [following]
    last = ask(agent, GET_NEXT, names[-1], (2, 999))
    assert last.varbinds == [(names[-1], ber.END_OF_MIB_VIEW, b""), ((2, 999), ber.END_OF_MIB_VIEW, b"")]


def test_v1_walk_steps_over_counter64(agent: Agent) -> None:
    rows = walk(agent, 0, version=VERSION_1)
    expected = [row for row in everything(agent) if row[1] != ber.COUNTER64]
    assert without_clocks(rows) == without_clocks(expected)
    assert {HC_OUT} == {row[0][: len(HC_OUT)] for row in everything(agent) if row[0][: len(HC_OUT)] == HC_OUT}


def test_v1_end(agent: Agent) -> None:
    answer = ask(agent, GET_NEXT, DESCR, (2, 999), version=VERSION_1)
    assert (answer.status, answer.index, answer.names) == (NO_SUCH_NAME, 2, [DESCR, (2, 999)])


# -- GETBULK


@pytest.mark.parametrize("repetitions", [1, 2, 10, 25, 100, 1000, 2**31 - 1])
def test_walk_equals_the_dump(agent: Agent, repetitions: int) -> None:
    assert without_clocks(walk(agent, repetitions)) == without_clocks(everything(agent))


@pytest.mark.parametrize(("first", "second", "asked", "expected"), [
    (0, 0, 2, 0),
    (1, 0, 2, 1),
    (2, 0, 2, 2),
    (5, 3, 2, 2),
    (-1, 2, 2, 4),
    (0, -5, 2, 0),
    (1, 3, 3, 7),
    (0, 3, 0, 0),
])  # fmt: skip
def test_bulk_counts(agent: Agent, first: int, second: int, asked: int, expected: int) -> None:
    names = [(*IF_DESCR[:-1], arc) for arc in (2, 3, 5)][:asked]
    assert len(ask(agent, GET_BULK, *names, first=first, second=second).varbinds) == expected


def test_bulk_order_is_by_repetition(agent: Agent) -> None:
    columns = [(*IF_DESCR[:-1], arc) for arc in (2, 3, 5)]
    answer = ask(agent, GET_BULK, UP_TIME[:-1], *columns, first=1, second=3)
    assert answer.names == [UP_TIME] + [(*column, index) for index in (5, 8, 11) for column in columns]


def test_many_columns_to_the_end(agent: Agent) -> None:
    names = [name for name, _, _ in everything(agent)]
    answer = ask(agent, GET_BULK, names[-3], names[-2], names[-1], second=50)
    end = (names[-1], ber.END_OF_MIB_VIEW, b"")
    assert answer.names[:3] == [names[-2], names[-1], names[-1]]
    assert answer.varbinds[2] == end  # the name asked for, since nothing followed it
    assert answer.names[3] == names[-1] and answer.varbinds[4:6] == [end, end]
    assert answer.varbinds[6:] == [end] * 3  # one whole repetition of nothing, then it stops


def test_end_of_view_is_left_out_when_it_does_not_fit() -> None:
    names = [name for name, _, _ in everything(sample_agent())]
    lasts = set()
    snapshot = sample_snapshot()
    for limit, back in product(range(484, 515), range(14, 26)):
        data = encode_request(GET_BULK, [names[-back]], second=200)
        answer = sample_agent(snapshot, bulk_octets=limit).receive(data, "127.0.0.1", NOW)
        assert answer is not None and len(answer) <= limit
        lasts.add(decode_answer(answer).varbinds[-1][1])
    assert lasts == {ber.COUNTER64, ber.END_OF_MIB_VIEW}  # the range holds both cases


@pytest.mark.parametrize("limit", [484, 700, DEFAULT_BULK_OCTETS, 9000])
def test_bulk_is_cut_and_never_too_big(limit: int) -> None:
    agent = sample_agent(sample_snapshot(links=60, applications=4), bulk_octets=limit)
    rng = random.Random(limit)
    names = [name for name, _, _ in everything(agent)]
    shortest = limit
    for _ in range(300):
        asked = rng.choices(names, k=rng.randint(1, 20))
        once = rng.randint(0, 3)
        data = encode_request(GET_BULK, asked, first=once, second=1000)
        answer = agent.receive(data, "127.0.0.1", NOW)
        assert answer is not None and len(answer) <= limit
        decoded = decode_answer(answer)
        assert decoded.status == 0
        if len(asked) > once and all(tag != ber.END_OF_MIB_VIEW for _, tag, _ in decoded.varbinds):
            shortest = min(shortest, len(answer))
    assert shortest > limit - 400  # and yet it is filled: no varbind is longer than that


def test_v1_bulk_is_no_message(agent: Agent) -> None:
    assert agent.receive(encode_request(GET_BULK, [DESCR], version=VERSION_1, second=5), "127.0.0.1", NOW) is None
    assert agent.stats.parse_errors == 1


# -- SET and the rest


def test_set_is_refused(agent: Agent) -> None:
    value = ber.encode(ber.OCTET_STRING, b"x")
    for version, status in ((message.VERSION_2C, NOT_WRITABLE), (VERSION_1, NO_SUCH_NAME)):
        data = encode_request(SET, [DESCR, UP_TIME], version=version, value=value)
        answer = agent.receive(data, "127.0.0.1", NOW)
        assert answer is not None
        decoded = decode_answer(answer)
        assert (decoded.status, decoded.index) == (status, 1)
        assert decoded.varbinds == [(DESCR, ber.OCTET_STRING, b"x"), (UP_TIME, ber.OCTET_STRING, b"x")]
    assert agent.stats.set_requests == agent.stats.bad_community_uses == 2
    assert ask(agent, GET, DESCR).varbinds[0][2] != b"x"


def test_communities_and_sources(agent: Agent) -> None:
    def answered(community: bytes, source: str) -> bool:
        return agent.receive(encode_request(GET_BULK, [DESCR], community=community, second=9), source, NOW) is not None

    assert answered(b"public", "127.9.9.9")
    assert answered(b"lab", "10.1.2.3")
    assert answered(b"lab", "192.0.2.7")
    assert not answered(b"lab", "127.0.0.1")
    assert not answered(b"public", "10.1.2.3")
    assert (agent.stats.bad_community_names, agent.stats.bad_sources) == (2, 2)
    assert not answered(b"Public", "127.0.0.1")
    assert not answered(b"", "127.0.0.1")
    assert (agent.stats.bad_community_names, agent.stats.bad_sources) == (4, 2)
    assert agent.stats.out_packets == 3


@pytest.mark.parametrize("tag", [message.RESPONSE, message.TRAP_V1, 0xA6, 0xA7, 0xA8, 0x30, 0x04])
def test_what_is_no_request_gets_no_answer(agent: Agent, tag: int) -> None:
    assert agent.receive(encode_request(tag, [DESCR]), "127.0.0.1", NOW) is None
    assert agent.stats.unsupported_pdus == 1


@pytest.mark.parametrize("version", [2, 3, -1, 2**31 - 1])
def test_other_versions(agent: Agent, version: int) -> None:
    assert agent.receive(encode_request(GET, [DESCR], version=version), "127.0.0.1", NOW) is None
    assert agent.stats.bad_versions == 1


def test_before_the_first_snapshot() -> None:
    agent = sample_agent()
    tree, agent.tree = agent.tree, None
    assert agent.receive(encode_request(GET, [DESCR]), "127.0.0.1", NOW) is None
    assert agent.stats.not_ready == 1 and agent.last_cause == "no snapshot yet"
    agent.replace(tree)  # type: ignore[arg-type]
    assert ask(agent, GET, DESCR).status == 0


def test_limits_that_fit_nothing_are_refused() -> None:
    with pytest.raises(ValueError):
        sample_agent(bulk_octets=483)


def test_own_counters_are_served(agent: Agent) -> None:
    ask(agent, GET, DESCR)
    agent.receive(b"\x30\x00", "127.0.0.1", NOW)
    agent.receive(encode_request(GET, [DESCR], community=b"no"), "127.0.0.1", NOW)
    names = [(*IN_PACKETS[:7], arc, 0) for arc in (1, 2, 4, 6, 3)]
    values = [int.from_bytes(value, "big") for _, _, value in ask(agent, GET, *names).varbinds]
    assert values == [4, 1, 1, 1, 0]


# -- hostile


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = ber.encode(ber.SEQUENCE, data)
    return data


def test_nesting_costs_nothing(agent: Agent) -> None:
    varbind = ber.encode(ber.SEQUENCE, ber.encode_oid_element(DESCR) + nested(10_000))
    fields = b"".join(ber.encode_integer(field) for field in (1, 0, 0))
    pdu = ber.encode(GET, fields + ber.encode(ber.SEQUENCE, varbind))
    head = ber.encode_integer(1) + ber.encode(ber.OCTET_STRING, b"public")
    assert agent.receive(ber.encode(ber.SEQUENCE, head + pdu), "127.0.0.1", NOW) is not None  # values are skipped
    for data in (nested(20_000), b"\x30\x80" * 20_000, b"\x30\x84" + b"\xff" * 60_000):
        assert agent.receive(data, "127.0.0.1", NOW) is None
    assert agent.stats.parse_errors == 3


def test_names_that_are_no_names(agent: Agent) -> None:
    bad = [b"", b"\x80", b"\x2b\x80\x01", b"\x2b" + b"\xff" * 60 + b"\x7f", b"\x2b" * 200, encode_oid(DESCR) + b"\x81"]
    for content in bad:
        varbind = ber.encode(ber.SEQUENCE, ber.encode(ber.OBJECT_IDENTIFIER, content) + ber.EMPTY_NULL)
        for tag in (GET, GET_NEXT, GET_BULK):
            fields = b"".join(ber.encode_integer(field) for field in (1, 0, 3))
            pdu = ber.encode(tag, fields + ber.encode(ber.SEQUENCE, varbind))
            head = ber.encode_integer(1) + ber.encode(ber.OCTET_STRING, b"public")
            assert agent.receive(ber.encode(ber.SEQUENCE, head + pdu), "127.0.0.1", NOW) is None
    assert agent.stats.parse_errors == 3 * len(bad)


def test_random_truncated_and_mutated_datagrams(agent: Agent) -> None:
    rng = random.Random(20261121)
    seeds = [
        encode_request(tag, names, version=version, second=second)
        for tag in (GET, GET_NEXT, GET_BULK, SET)
        for names in ([DESCR], [IF_DESCR, HC_OUT], [])
        for version in (0, 1)
        for second in (0, 10)
    ]
    causes = set()
    for i in range(20_000):
        data = bytearray(rng.choice(seeds))
        kind = i % 4
        if kind == 0:
            data = bytearray(rng.randbytes(rng.randint(0, 80)))
        elif kind == 1:
            del data[rng.randrange(len(data)) :]
        else:
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.choice((0, 0x7F, 0x80, 0xFF, 0x30, rng.randrange(256)))
        agent.last_cause = ""
        answer = agent.receive(bytes(data), "127.0.0.1", NOW)
        assert answer is None or len(answer) <= DEFAULT_BULK_OCTETS + len(data)
        if answer is None:
            assert agent.last_cause
            causes.add(agent.last_cause)
    stats = agent.stats
    assert stats.in_packets == 20_000
    dropped = stats.parse_errors + stats.bad_versions + stats.bad_community_names + stats.unsupported_pdus
    assert stats.in_packets == stats.out_packets + dropped + stats.silent_drops
    assert 5 < len(causes) < 40  # few enough to be logged once each
    assert ask(agent, GET, DESCR).status == 0


# -- a snapshot replaced in the middle of a walk


def test_walk_goes_on_over_a_swap() -> None:
    agent = sample_agent(sample_snapshot(links=40, applications=3))
    others = [Tree(MibBuilder().build(*sample_tables(links, 3, seed=2), now=CREATED)) for links in (40, 25, 50)]
    for other in others:
        agent.replace(Tree(sample_snapshot(links=40, applications=3)))
        rows, name = [], (1, 0)
        while True:
            answer = ask(agent, GET_BULK, name, second=10)
            rows += [row for row in answer.varbinds if row[1] != ber.END_OF_MIB_VIEW]
            if answer.varbinds[-1][1] == ber.END_OF_MIB_VIEW:
                break
            name = answer.names[-1]
            if len(rows) > 200:
                agent.replace(other)
        names = [row[0] for row in rows]
        assert names == sorted(set(names))
        fresh = [row for row in rows if row[0] > names[250]]
        expected = [row for row in dump(other, agent._live) if row[0] > names[250]]
        assert without_clocks(fresh) == without_clocks(expected)
