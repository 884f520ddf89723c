from __future__ import annotations

from collections.abc import Iterable

from agents.attribution import Attribution, ProcessFacts
from agents.datagramtable import NewFlow
from agents.inetdiag import OneSocket, Sockets, decode_one, decode_sockets
from agents.lookup import FlowLookup
from agents.owners import OwnerDirectory
from agents.packets import Endpoints
from agents.records import OPENED_LOCAL, OPENED_REMOTE
from tests.agents.diag import message, octets

HERE, THERE = "10.9.0.1", "10.9.0.2"


class Machine:
    """Sockets and processes of a host; what costs is counted."""

    def __init__(self) -> None:
        self.alive: dict[tuple[int, int], bytes] = {}  # (local port, remote port) -> message
        self.brief: dict[tuple[int, int], bytes] = {}  # gone when asked for again
        self.quick: dict[int, int] = {}  # inode -> pid, found without a scan of all
        self.slow: dict[int, int] = {}
        self.tables: dict[str, list[tuple[int, int]]] = {}
        self.asked = self.scans = 0

    def one(self, endpoints: Endpoints) -> OneSocket | None:
        self.asked += 1
        place = (endpoints.local_port, endpoints.remote_port)
        found = self.brief.pop(place, None) or self.alive.get(place)
        return decode_one(found) if found else None

    def udp(self) -> Sockets:
        return decode_sockets(list(self.alive.values()))

    def holders(self, inodes: Iterable[int], *, thorough: bool = True) -> dict[int, int]:
        self.scans += thorough
        known = self.quick | (self.slow if thorough else {})
        return {inode: known[inode] for inode in inodes if inode in known}

    def facts(self, pid: int) -> ProcessFacts | None:
        return ProcessFacts(pid, f"p{pid}", f"/bin/p{pid}")

    def kernel_sockets(self, table: str) -> list[tuple[int, int]]:
        return self.tables.get(table, [])


def setup() -> tuple[Machine, OwnerDirectory, FlowLookup]:
    machine = Machine()
    directory = OwnerDirectory(machine, Attribution())
    return machine, directory, FlowLookup(directory, machine, machine)


def ends(protocol: int, local_port: int, remote_port: int, version: int = 4) -> Endpoints:
    return Endpoints(version, protocol, octets(HERE), octets(THERE), local_port, remote_port)


def name(directory: OwnerDirectory, serial: int) -> str:
    return directory._datagrams[serial].application


def test_a_connection_is_asked_for_once_per_endpoint() -> None:
    machine, _directory, lookup = setup()
    machine.alive[4000, 80] = message(HERE, 4000, THERE, 80, cookie=1, inode=7)
    machine.quick[7] = 70
    assert lookup.take_opening(ends(6, 4000, 80), 1.0, generous=False)
    assert not lookup.take_opening(ends(6, 4001, 80), 2.0, generous=False)  # known now, not asked
    assert (machine.asked, machine.scans, lookup.stats.found) == (1, 0, 1)
    lookup.take_opening(ends(6, 4001, 80), 2.0, generous=True)
    assert machine.asked == 2


def test_all_processes_are_searched_only_for_a_socket_that_stays() -> None:
    machine, _directory, lookup = setup()
    lookup.take_opening(ends(6, 4000, 80), 1.0, generous=False)  # gone already
    machine.brief[4000, 80] = message(HERE, 4000, THERE, 80, cookie=1, inode=7)
    lookup.take_opening(ends(6, 4000, 80), 1.0, generous=False)  # gone before the scan would have begun
    assert (machine.asked, machine.scans) == (3, 0)
    machine.alive[4000, 80] = message(HERE, 4000, THERE, 80, cookie=1, inode=7)
    machine.slow[7] = 70
    lookup.take_opening(ends(6, 4000, 80), 1.0, generous=False)
    assert (machine.scans, lookup.stats.found) == (1, 1)


def test_udp_at_once_or_at_the_report() -> None:
    machine, directory, lookup = setup()
    machine.alive[53, 0] = message("0.0.0.0", 53, "0.0.0.0", 0, cookie=1, inode=7, info=None)
    machine.alive[5000, 99] = message(HERE, 5000, THERE, 99, cookie=2, inode=8, info=None)
    machine.quick |= {7: 70, 8: 80}
    assert lookup.take([NewFlow(1, ends(17, 5000, 99), OPENED_LOCAL)], 1.0, affordable=True)
    assert name(directory, 1) == "p80"
    lookup.take([NewFlow(2, ends(17, 53, 4000), OPENED_REMOTE)], 1.0, affordable=False)
    assert lookup.stats.postponed == 1
    lookup.settle_all(2.0)
    assert name(directory, 2) == "p70"
    assert not lookup.take([NewFlow(3, ends(17, 53, 4001), OPENED_REMOTE)], 2.0, affordable=True)  # no asking needed


def test_ping_by_its_identifier() -> None:
    machine, directory, lookup = setup()
    machine.tables = {"icmp": [(17, 1), (18, 2)], "raw": [(1, 3)]}
    machine.quick = {2: 20, 3: 30}
    lookup.take([NewFlow(1, ends(1, 18, 0), OPENED_LOCAL)], 1.0, affordable=True)
    lookup.take([NewFlow(2, ends(1, 99, 0), OPENED_LOCAL)], 1.0, affordable=True)
    lookup.take([NewFlow(3, ends(1, 98, 0), OPENED_REMOTE)], 1.0, affordable=True)
    lookup.settle_all(1.0)
    assert [name(directory, serial) for serial in (1, 2, 3)] == ["p20", "p30", "icmp"]


def test_several_raw_sockets_by_process_id() -> None:
    machine, directory, lookup = setup()
    machine.tables = {"raw6": [(58, 3), (58, 4), (89, 5)]}
    machine.quick = {3: 65536 + 33, 4: 44, 5: 55}
    lookup.take([NewFlow(1, ends(58, 33, 0, version=6), OPENED_LOCAL)], 1.0, affordable=True)
    lookup.take([NewFlow(2, ends(89, 0, 0, version=6), OPENED_LOCAL)], 1.0, affordable=True)
    assert [name(directory, serial) for serial in (1, 2)] == ["p65569", "p55"]
