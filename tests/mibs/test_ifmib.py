from dataclasses import replace

import pytest

from mibs import ber, ifmib
from mibs.agent import Agent
from tests.mibs.ask import ask, sample_agent, walk
from tests.mibs.sample import CREATED, sample_tables

GET = 0xA0
LINKS = 10
INDEX = [5 + 3 * i for i in range(LINKS)]


@pytest.fixture(scope="module")
def agent() -> Agent:
    return sample_agent()


def column(agent: Agent, entry: tuple[int, ...], arc: int) -> dict[int, bytes]:
    rows = walk(agent, 20, root=(*entry, arc))
    size = len(entry) + 1
    return {name[-1]: value for name, _, value in rows if name[:size] == (*entry, arc)}


def number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def test_columns_served(agent: Agent) -> None:
    names = [name for name, _, _ in walk(agent, 50)]
    size = len(ifmib.IF_ENTRY)
    arcs = {name[size] for name in names if name[:size] == ifmib.IF_ENTRY}
    assert arcs == {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17}  # no errors, no discards: not measured
    size = len(ifmib.IF_X_ENTRY)
    arcs = {name[size] for name in names if name[:size] == ifmib.IF_X_ENTRY}
    assert arcs == {1, 6, 7, 10, 11, 14, 15, 16, 17, 18, 19}


def test_narrow_counters_are_the_low_half_of_the_wide_ones(agent: Agent) -> None:
    for narrow, wide in ((10, 6), (11, 7), (16, 10), (17, 11)):
        low, high = column(agent, ifmib.IF_ENTRY, narrow), column(agent, ifmib.IF_X_ENTRY, wide)
        assert list(low) == list(high) == INDEX
        assert [number(value) for value in low.values()] == [number(value) % 2**32 for value in high.values()]
    assert any(number(value) >= 2**32 for value in column(agent, ifmib.IF_X_ENTRY, 10).values())
    interfaces = sample_tables(LINKS, 3)[1]
    assert [number(v) for v in column(agent, ifmib.IF_X_ENTRY, 10).values()] == list(interfaces.out_octets)
    assert [number(v) for v in column(agent, ifmib.IF_X_ENTRY, 6).values()] == list(interfaces.in_octets)


def test_speed() -> None:
    tables = list(sample_tables(4, 1))
    tables[1] = replace(tables[1], speed_bps=[0.0, 64_000.0, 2.5e9, 100e9])
    from mibs.builder import MibBuilder

    agent = sample_agent(MibBuilder().build(*tables, now=CREATED))
    assert [number(v) for v in column(agent, ifmib.IF_ENTRY, 5).values()] == [0, 64_000, 2_500_000_000, 2**32 - 1]
    assert [number(v) for v in column(agent, ifmib.IF_X_ENTRY, 15).values()] == [0, 0, 2500, 100_000]


def test_status_and_times(agent: Agent) -> None:
    interfaces = sample_tables(LINKS, 3)[1]
    status = [number(value) for value in column(agent, ifmib.IF_ENTRY, 8).values()]
    assert status == [1 if up else 2 for up in interfaces.oper_up] and set(status) == {1, 2}
    changes = [number(value) for value in column(agent, ifmib.IF_ENTRY, 9).values()]
    expected = [max(int((t - (CREATED - 30.0)) * 100), 0) for t in interfaces.last_change_seconds]
    assert changes == [min(ticks, 6000) for ticks in expected]  # asked 60 s after the start
    assert 0 in changes and any(0 < ticks < 6000 for ticks in changes)


def test_stack(agent: Agent) -> None:
    size = len(ifmib.IF_STACK_STATUS)
    rows = [name[size:] for name, _, _ in walk(agent, 9) if name[:size] == ifmib.IF_STACK_STATUS]
    assert rows == [(0, i) for i in INDEX] + [(i, 0) for i in INDEX]
    assert ask(agent, GET, (*ifmib.IF_NUMBER, 0)).varbinds[0][1:] == (ber.INTEGER, bytes((LINKS,)))


def test_table_change_is_noticed() -> None:
    from mibs.builder import MibBuilder

    builder = MibBuilder()
    name = (*ifmib.IF_TABLE_LAST_CHANGE, 0)
    first = sample_agent(builder.build(*sample_tables(3, 1), now=CREATED))
    assert number(ask(first, GET, name).varbinds[0][2]) == 0
    later = sample_agent(builder.build(*sample_tables(4, 1), now=CREATED + 5))
    assert number(ask(later, GET, name).varbinds[0][2]) == 3500


@pytest.mark.parametrize(
    "name",
    ["", "  ", "virtual link to x", "Brasilia", "QoS-lab", "container-7", "vms-async-1", "lo", "Lo0", "NULL0", "Nu0.1",
     "veth12ab", "docker0", "br-0123456789ab", "system"],
)  # fmt: skip
def test_names_managers_refuse(name: str) -> None:
    assert not ifmib.is_name_accepted(name)


def test_generated_names_are_accepted_and_unique() -> None:
    routers = [f"10.{i}.0.{i}" for i in range(256)]
    interfaces = ["10.1.255.1", "if7", "192.0.2.0/24", "external", "2001:db8:fade::1", "if10053"]
    neighbors = ["", "10.0.0.1", "10.9.0.0/16"]
    names = {ifmib.link_description(r, i, n) for r in routers for i in interfaces for n in neighbors}
    assert len(names) == len(routers) * len(interfaces) * len(neighbors)
    refused = [name for name in names if not ifmib.is_name_accepted(name)]
    assert not refused
