from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from agents.attribution import EXACT, LISTENER, PORT, UNKNOWN, Attribution, ProcessFacts, Rule
from agents.inetdiag import decode_one, decode_sockets
from agents.owners import ENDPOINT_SECONDS, OwnerDirectory
from agents.packets import Endpoints
from agents.records import FlowRows
from agents.tcptable import TcpTable
from tests.agents.diag import CLOSED, LISTEN, message, octets

HERE, THERE = "10.9.0.1", "10.9.0.2"


class Processes:
    """Who holds which inode, and how often it was asked."""

    def __init__(self, **held: list[int]) -> None:
        self.pids = {name: 100 + place for place, name in enumerate(held)}
        self.held = {inode: self.pids[name] for name, inodes in held.items() for inode in inodes}
        self.asked: list[int] = []

    def holders(self, inodes: Iterable[int], *, thorough: bool = True) -> dict[int, int]:
        inodes = list(inodes)
        self.asked += inodes
        return {inode: self.held[inode] for inode in inodes if inode in self.held}

    def facts(self, pid: int) -> ProcessFacts | None:
        for name, known in self.pids.items():
            if known == pid:
                return ProcessFacts(
                    pid, name, f"/usr/bin/{name}", "", f"/system.slice/{name}.service", f"{name}.service"
                )
        return None


def directory(processes: Processes, rules: list[Rule] | None = None) -> OwnerDirectory:
    return OwnerDirectory(processes, Attribution(rules or []), lambda uid: f"u{uid}")


def rows(*closed: bytes, listening: bytes = b"") -> FlowRows:
    table = TcpTable()
    table.update(decode_sockets([listening] if listening else []), 1.0)
    return table.end(decode_sockets(list(closed)), 2.0)


def closed(cookie: int, local_port: int, remote_port: int, *, opener: bool, remote: str = THERE) -> bytes:
    return message(
        HERE, local_port, remote, remote_port, cookie=cookie, state=CLOSED, options=7, acked=101 + opener, sent=100,
        segs_out=4, segs_in=4,
    )  # fmt: skip


def endpoints(protocol: int, local_port: int, remote_port: int) -> Endpoints:
    return Endpoints(4, protocol, octets(HERE), octets(THERE), local_port, remote_port)


def test_a_socket_seen_alive_is_exact() -> None:
    known = directory(Processes(backup=[11]))
    known.see_tcp(decode_sockets([message(HERE, 4000, THERE, 873, cookie=5, inode=11, uid=33)]), 1.0)
    (owner,) = known.of_tcp(rows(closed(5, 4000, 873, opener=True)), 2.0)
    assert (owner.application, owner.process_id, owner.process_name) == ("backup", 100, "backup")
    assert (owner.unit, owner.user, owner.method) == ("backup.service", "u33", EXACT)


def test_accepted_connections_by_their_listener() -> None:
    known = directory(Processes(nginx=[12]))
    listener = message("0.0.0.0", 80, "0.0.0.0", 0, cookie=9, inode=12, state=LISTEN)
    known.see_tcp(decode_sockets([listener]), 1.0)
    served = rows(closed(77, 80, 5000, opener=False), listening=listener)
    assert [(o.application, o.method) for o in known.of_tcp(served, 2.0)] == [("nginx", LISTENER)]
    known.keep_tcp(np.zeros(0, np.uint64), [80])
    assert known.of_tcp(served, 2.0)[0].method == LISTENER
    known.keep_tcp(np.zeros(0, np.uint64), [])
    assert known.of_tcp(served, 2.0)[0].method == PORT  # http, by its port
    assert known.of_tcp(served, 2.0)[0].application == "http"


def test_short_connections_by_who_spoke_to_the_endpoint() -> None:
    known = directory(Processes(browser=[13]))
    one = decode_one(message(HERE, 4001, THERE, 8080, cookie=20, inode=13))
    assert one is not None
    assert known.see_one(endpoints(6, 4001, 8080), one, 10.0, thorough=False)
    assert known.knows_endpoint(6, octets(THERE), 8080, 11.0)
    other, elsewhere = closed(21, 4002, 8080, opener=True), closed(22, 4003, 8080, opener=True, remote="10.9.0.3")
    got = known.of_tcp(rows(other), 12.0) + known.of_tcp(rows(elsewhere), 12.0)
    assert [(o.application, o.method) for o in got] == [("browser", PORT), ("", UNKNOWN)]
    late = known.of_tcp(rows(other), 12.0 + ENDPOINT_SECONDS)
    assert late[0].method == UNKNOWN
    assert known.stats.unowned_flows == 2


def test_processes_are_asked_once_per_socket() -> None:
    processes = Processes(backup=[11])
    known = directory(processes)
    sockets = decode_sockets(
        [message(HERE, 1, THERE, 2, cookie=5, inode=11), message(HERE, 3, THERE, 4, cookie=6, inode=66)]
    )
    for now in (1.0, 2.0, 3.0):
        known.see_tcp(sockets, now)
    assert sorted(processes.asked) == [11, 66]
    assert (known.stats.sockets, known.stats.unheld_sockets) == (1, 1)


def test_udp_connected_before_bound() -> None:
    known = directory(Processes(named=[1], client=[2]))
    bound = message("0.0.0.0", 53, "0.0.0.0", 0, cookie=1, inode=1, info=None)
    connected = message(HERE, 53, THERE, 4444, cookie=2, inode=2, info=None)
    known.see_udp(decode_sockets([bound + connected]), 1.0)
    assert known.datagram_known(endpoints(17, 53, 4444))
    assert known.settle_datagram(1, endpoints(17, 53, 4444), 2, 1.0)
    assert known.settle_datagram(2, endpoints(17, 53, 4445), 2, 1.0)
    assert not known.datagram_known(endpoints(17, 54, 4445))
    assert not known.settle_datagram(3, endpoints(17, 9, 123), 1, 1.0)
    owners = [known._datagrams[serial] for serial in (1, 2, 3)]
    assert [(o.application, o.method) for o in owners] == [("client", EXACT), ("dns", EXACT), ("ntp", PORT)]
    known.keep_datagrams([2])
    assert list(known._datagrams) == [2]


def test_icmp_belongs_to_the_process_or_to_nobody() -> None:
    known = directory(Processes(ping=[3]))
    assert known.settle_echo(1, 3, 0)
    assert not known.settle_echo(2, 4, 0)
    assert not known.settle_datagram(2, endpoints(1, 99, 0), 2, 1.0)
    assert [known._datagrams[serial].application for serial in (1, 2)] == ["ping", "icmp"]


def test_a_rule_may_look_at_the_port() -> None:
    known = directory(Processes(java=[7]), [Rule("billing", process="java", port=8443)])
    known.see_tcp(decode_sockets([message(HERE, 4000, THERE, 8443, cookie=5, inode=7)]), 1.0)
    known.see_tcp(decode_sockets([message(HERE, 4001, THERE, 8444, cookie=6, inode=7)]), 1.0)
    got = known.of_tcp(rows(closed(5, 4000, 8443, opener=True), closed(6, 4001, 8444, opener=True)), 2.0)
    assert sorted(o.application for o in got) == ["billing", "java"]


def test_several_programs_at_one_endpoint_share_in_proportion() -> None:
    known = directory(Processes(browser=[1], curl=[2]))
    for cookie, inode in enumerate([1, 1, 2, 1], 500):
        one = decode_one(message(HERE, 4000 + cookie, THERE, 8080, cookie=cookie, inode=inode))
        assert one is not None
        known.see_one(endpoints(6, 4000 + cookie, 8080), one, 10.0, thorough=False)
    unseen = [closed(cookie, 4002, 8080, opener=True) for cookie in range(1000, 1100)]
    names = [owner.application for owner in known.of_tcp(rows(*unseen), 12.0)]
    assert (names.count("browser"), names.count("curl")) == (75, 25)


def test_a_program_that_stopped_is_forgotten() -> None:
    known = directory(Processes(browser=[1], curl=[2]))
    for cookie in range(400):
        one = decode_one(message(HERE, 4000, THERE, 8080, cookie=cookie + 1, inode=1 if cookie < 40 else 2))
        assert one is not None
        known.see_one(endpoints(6, 4000, 8080), one, 10.0, thorough=False)
    names = {o.application for o in known.of_tcp(rows(closed(1000, 4002, 8080, opener=True)), 12.0)}
    assert names == {"curl"}
