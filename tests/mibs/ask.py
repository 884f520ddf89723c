"""Asking an `Agent` in tests: requests out of names, answers taken apart."""

from __future__ import annotations

from dataclasses import dataclass

from mibs import ber, message
from mibs.access import access_list
from mibs.agent import Agent
from mibs.oid import Oid, decode_oid, parse_oid
from mibs.tree import Tree
from tests.mibs.sample import CREATED, sample_snapshot

STARTED = 1000.0
NOW = STARTED + 60.0


@dataclass(frozen=True)
class Answer:
    request_id: int
    status: int
    index: int
    varbinds: list[tuple[Oid, int, bytes]]  # name, tag, contents

    @property
    def names(self) -> list[Oid]:
        return [name for name, _, _ in self.varbinds]


def sample_agent(snapshot: bytes | None = None, **limits: int) -> Agent:
    octets = sample_snapshot(since=CREATED) if snapshot is None else snapshot
    return Agent(
        access_list({"public": ["127.0.0.0/8"], "lab": ["10.1.0.0/16", "192.0.2.7/32"]}),
        started=STARTED,
        started_epoch=CREATED - 30.0,
        tree=Tree(octets),
        **limits,
    )


def encode_request(
    tag: int,
    names: list[Oid],
    *,
    version: int = message.VERSION_2C,
    community: bytes = b"public",
    request_id: int = 7,
    first: int = 0,
    second: int = 0,
    value: bytes = ber.EMPTY_NULL,
) -> bytes:
    varbinds = b"".join(ber.encode_varbind(name, value) for name in names)
    fields = b"".join(ber.encode_integer(field) for field in (request_id, first, second))
    pdu = ber.encode(tag, fields + ber.encode(ber.SEQUENCE, varbinds))
    head = ber.encode_integer(version) + ber.encode(ber.OCTET_STRING, community)
    return ber.encode(ber.SEQUENCE, head + pdu)


def decode_answer(octets: bytes) -> Answer:
    envelope = message.read_envelope(octets)
    assert envelope.pdu_tag == message.RESPONSE
    request = message.read_request(octets, envelope)
    varbinds, position = [], 0
    for name in request.names:
        _, start, end = ber.read_header(request.varbinds, position, len(request.varbinds))
        _, _, value = ber.read_header(request.varbinds, start, end)
        tag, value_start, value_end = ber.read_header(request.varbinds, value, end)
        varbinds.append((decode_oid(name), tag, request.varbinds[value_start:value_end]))
        position = end
    return Answer(request.request_id, request.first, request.second, varbinds)


def ask(
    agent: Agent, tag: int, *names: Oid | str, now: float = NOW, source: str = "127.0.0.1", **fields: int
) -> Answer:
    oids = [parse_oid(name) if isinstance(name, str) else name for name in names]
    answer = agent.receive(encode_request(tag, oids, **fields), source, now)  # type: ignore[arg-type]
    assert answer is not None, agent.last_error
    return decode_answer(answer)


def walk(
    agent: Agent, repetitions: int, *, version: int = message.VERSION_2C, root: Oid = (1, 0)
) -> list[tuple[Oid, int, bytes]]:
    """All that a manager gets: by GETBULK, or by GETNEXT when `repetitions` is 0."""
    rows: list[tuple[Oid, int, bytes]] = []
    name = root
    while True:
        if repetitions:
            answer = ask(agent, message.GET_BULK, name, second=repetitions)
        else:
            answer = ask(agent, message.GET_NEXT, name, version=version)
            if answer.status == message.NO_SUCH_NAME:
                return rows
        assert answer.status == 0 and answer.varbinds
        for got, tag, value in answer.varbinds:
            if tag == ber.END_OF_MIB_VIEW:
                return rows
            assert got > name, (name, got)
            rows.append((got, tag, value))
            name = got


