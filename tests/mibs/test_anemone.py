from dataclasses import replace

import pytest

from mibs import anemone, ber
from mibs.builder import MibBuilder
from mibs.errors import TableError
from mibs.oid import Oid
from tests.mibs.ask import ask, sample_agent, walk
from tests.mibs.sample import CREATED, sample_tables

GET = 0xA0
LINKS, APPLICATIONS = 4, 3


def served() -> dict[Oid, tuple[int, bytes]]:
    octets = MibBuilder().build(*sample_tables(LINKS, APPLICATIONS), now=CREATED)
    return {name: (tag, value) for name, tag, value in walk(sample_agent(octets), 30, root=anemone.OBJECTS)}


def test_links() -> None:
    rows, links = served(), sample_tables(LINKS, APPLICATIONS)[2]
    for i, ifindex in enumerate(links.ifindex):
        row = [rows[(*anemone.LINK_ENTRY, arc, int(ifindex))] for arc in range(1, 12)]
        assert row[0] == (ber.OCTET_STRING, links.identifier[i].encode())
        assert row[1] == (ber.IP_ADDRESS, bytes((10, 0, 0, i)))
        assert row[2][1].decode() == links.interface[i] and row[3][1].decode() == links.neighbor[i]
        assert row[4] == (ber.INTEGER, bytes((i % 3 + 1,)))
        assert row[5][1] == b"0.0.0.0" and row[6] == (ber.GAUGE32, b"\x0a")
        assert row[7] == (ber.INTEGER, b"\x01" if links.up[i] else b"\x02")
        assert [tag for tag, _ in row[8:]] == [ber.COUNTER64] * 3
        values = [int.from_bytes(value, "big") for _, value in row[8:]]
        assert values == [links.octets[i], links.packets[i], round(links.bits_per_second[i])]


def test_applications_and_cells() -> None:
    rows = served()
    apps, cells = sample_tables(LINKS, APPLICATIONS)[3:5]
    for i in range(APPLICATIONS):
        assert rows[(*anemone.APPLICATION_ENTRY, 2, i)][1] == b"app-%d" % i
        assert int.from_bytes(rows[(*anemone.APPLICATION_ENTRY, 3, i)][1], "big") == apps.octets[i]
    assert (*anemone.APPLICATION_ENTRY, 1, 0) not in rows  # the index is not accessible
    for i in range(len(cells)):
        index = (int(cells.ifindex[i]), int(cells.application[i]))
        got = [int.from_bytes(rows[(*anemone.LINK_APPLICATION_ENTRY, arc, *index)][1], "big") for arc in (1, 2, 3)]
        assert got == [cells.octets[i], cells.packets[i], round(cells.bits_per_second[i])]


def test_scalars() -> None:
    rows = served()
    links = sample_tables(LINKS, APPLICATIONS)[2]
    assert rows[(*anemone.GATEWAY, 1, 0)][1] == anemone.date_and_time(CREATED)
    assert int.from_bytes(rows[(*anemone.GATEWAY, 2, 0)][1], "big") == 3000  # the agent started 30 s before
    counts = [int.from_bytes(rows[(*anemone.GATEWAY, arc, 0)][1], "big") for arc in (3, 4, 6, 7, 8, 9, 10, 11)]
    assert counts == [10, 7, LINKS, LINKS, sum(links.up), APPLICATIONS, 12, 1 << 40]


def test_values_out_of_range_are_held() -> None:
    tables = list(sample_tables(1, 1))
    tables[5] = replace(tables[5], routers=2**40, flow_records=2**64 + 5, dropped_datagrams=2**32 + 6, agents=-1)
    agent = sample_agent(MibBuilder().build(*tables, now=CREATED))
    answer = ask(agent, GET, *((*anemone.GATEWAY, arc, 0) for arc in (6, 11, 13, 10)))
    values = [int.from_bytes(value, "big") for _, _, value in answer.varbinds]
    assert values == [2**32 - 1, 5, 6, 0]


def test_date_and_time() -> None:
    # SNMPv2-TC's own example: Tuesday May 26, 1992 at 1:30:15 PM
    assert anemone.date_and_time(706887015.0).hex() == "07c8051a0d1e0f002b0000"
    assert anemone.date_and_time(float("nan")) == anemone.date_and_time(0.0)


def test_unknown_kind() -> None:
    tables = list(sample_tables(2, 1))
    tables[2] = replace(tables[2], kind=["transit", "tunnel"])
    with pytest.raises(TableError, match="tunnel"):
        MibBuilder().build(*tables, now=CREATED)
