"""What each mode leaves on real routers: neighbour states in their logs, SNMP traps, LSAs, SPF runs.

The table in ospf/README.md is this test's outcome, row by row. And what a listener learns by itself: stub and NSSA
areas answered with the right bits, opaque LSAs of types 9 and 10.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ospf.events import LsaHeard
from tests.lab.board import TRAPS, Board, Ear
from tests.lab.namespaces import inside
from tests.lab.segments import BIRD_NSSA, BIRD_P2P, BIRD_STUB, FRR_NSSA, FRR_P2P, FRR_STUB, PLAIN, SHARED
from tests.require import require_programs

pytestmark = [pytest.mark.lab, pytest.mark.peer, pytest.mark.timeout(180)]

FRR_STATE = re.compile(r"Nbr 0\.0\.0\.255, NbrIP 10\.77\.(\d+)\.9 .*: (\S+) -> (\S+) \(")
BIRD_STATE = re.compile(r"Neighbor 0\.0\.0\.255 on l(\d+) changed state from (\S+) to (\S+)")
NEIGHBOR_STATE_CHANGE = bytes.fromhex("06092b060102010e100202")  # 1.3.6.1.2.1.14.16.2.2, RFC 4750
NEIGHBOR_STATE = re.compile(rb"\x2b\x06\x01\x02\x01\x0e\x0a\x01\x06\x0a\x4d(.)\x09.\x02\x01(.)", re.DOTALL)
STATES = {1: "down", 3: "init", 4: "two-way", 5: "exchange-start", 6: "exchange", 7: "loading", 8: "full"}


@dataclass
class Footprint:
    """What one visit left: states in the log, traps, and LSAs that are new instances."""

    states: list[str]
    traps: list[str]
    lsas: set[str]
    runs: int

    def __str__(self) -> str:
        states, traps, lsas = (" ".join(words) or "-" for words in (self.states, self.traps, sorted(self.lsas)))
        return f"{states}; traps {traps}; LSAs {lsas}; SPF {self.runs}"


@pytest.fixture(scope="module")
def traps(board: Board) -> Iterator[socket.socket]:
    """FRR's notifications."""
    require_programs("snmpd")

    def opened() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", TRAPS))
        made.setblocking(False)
        return made

    receiver = inside(board.namespace("f"), opened)
    yield receiver
    receiver.close()


@pytest.fixture(autouse=True)
def left(board: Board) -> Iterator[None]:
    yield
    board.silence()


def link(number: int) -> dict[str, Any]:
    """What saves the time that "auto" takes to see that no DR comes."""
    return {"network": "point-to-point"} if number in (FRR_P2P, BIRD_P2P) else {}


def spf_runs(board: Board) -> int:
    match = re.search(r"SPF algorithm executed (\d+) times", board.vtysh("f", "show ip ospf"))
    return int(match[1]) if match else 0


def visit(board: Board, traps: socket.socket, *numbers: int, **config: Any) -> dict[tuple[str, int], Footprint]:
    """Listeners come, stay a second, go and are forgotten: what FRR (`f`) and BIRD (`b`) have of it, by segment."""
    board.await_for(lambda: not any(map(board.knows_us, "fb")), "earlier visits forgotten")
    drain(traps)
    begun = {router: len(board.log(router)) for router in "fb"}
    before, runs = board.sequences("f"), spf_runs(board)
    ears = {number: board.attach(number, poll_seconds=600.0, **link(number), **config) for number in numbers}
    for ear in ears.values():
        if config.get("mode") == "passive":
            board.await_for(lambda e=ear: bool(e.listener.neighbors), "somebody heard")  # type: ignore[misc]
        else:
            board.await_for(lambda e=ear: e.listener.synchronised, "the database")  # type: ignore[misc]
    board.listen(1.0)
    board.silence()
    board.await_for(lambda: not any(map(board.knows_us, "fb")), "forgotten after the dead interval")
    after, told = board.sequences("f"), drain(traps)
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    runs = spf_runs(board) - runs
    found = {}
    for router, pattern, own in (("f", FRR_STATE, ".1"), ("b", BIRD_STATE, ".2")):
        moves = list(pattern.finditer(board.log(router)[begun[router] :]))
        lsas = {kind.split(" Link")[0].split(" (")[0] for kind, _, origin in changed if origin.endswith(own)}
        for number in numbers:
            if router in board.lans[number].routers:
                states = [move[3] for move in moves if int(move[1]) == number]
                notified = [state for lan, state in told if router == "f" and lan == number]
                found[router, number] = Footprint(states, notified, lsas, runs)
    return found


def drain(traps: socket.socket) -> list[tuple[int, str]]:
    """(segment, state) of ospfNbrStateChange notifications that are about the listener."""
    found: list[tuple[int, str]] = []
    while True:
        try:
            datagram = traps.recv(65536)
        except BlockingIOError:
            return found
        if NEIGHBOR_STATE_CHANGE in datagram and (match := NEIGHBOR_STATE.search(datagram)):
            found.append((match[1][0], STATES[match[2][0]]))


def designated(board: Board) -> str:
    """Who of the two won the shared LAN."""
    return "f" if "State DR," in board.vtysh("f", f"show ip ospf interface l{SHARED}") else "b"


def rows(ear: Ear, *types: int) -> set[tuple[int, int, int]]:
    return {lsa.key for lsa in ear.listener.lsdb.lsas(0.0) if not types or lsa.header.type in types}


def test_passive_leaves_nothing(board: Board, traps: socket.socket) -> None:
    found = visit(board, traps, *PLAIN, mode="passive")
    assert len(found) == 8 and set(map(str, found.values())) == {"-; traps -; LSAs -; SPF 0"}


def test_burst(board: Board, traps: socket.socket, measured: list[str]) -> None:
    found = visit(board, traps, *PLAIN, mode="burst")
    measured.append(f"footprint of a burst: FRR {found['f', SHARED]}, BIRD {found['b', SHARED]}")
    (spoken_to,) = [router for router in "fb" if "Exchange" in found[router, SHARED].states]  # the DR or the BDR
    for (router, number), footprint in found.items():
        states = ["Init", "ExStart", "Exchange", "Init", "Deleted"]
        traps_sent = ["init", "down"]
        if number == SHARED and router != spoken_to:
            states, traps_sent = ["Init", "Deleted"], ["down"]
        if router == "b":
            states[-1], traps_sent = "Down", []
            states[1:-1] = ["2-Way", *states[1:-1]] if "2-Way" in footprint.states else states[1:-1]
        assert footprint == Footprint(states, traps_sent, set(), 0), (router, number)


def test_areas_are_answered_with_their_own_bits(board: Board, measured: list[str]) -> None:
    before = board.sequences("f")
    ears = {number: board.attach(number, mode="burst", **link(number)) for number in PLAIN}
    for ear in ears.values():
        ear.listener.record_lsas = True
    board.await_for(lambda: all(ear.listener.synchronised for ear in ears.values()), "a burst on every segment")
    board.listen(0.5)
    assert board.sequences("f") == before
    areas = {number: ear.listener.area for number, ear in ears.items()}
    assert areas == {SHARED: 0, FRR_STUB: 1, FRR_NSSA: 2, BIRD_STUB: 3, BIRD_NSSA: 4, FRR_P2P: 0, BIRD_P2P: 0}
    options = {number: ear.listener.neighbors[0].hello.options & 0x0A for number, ear in ears.items()}
    assert options == {SHARED: 2, FRR_STUB: 0, FRR_NSSA: 8, BIRD_STUB: 0, BIRD_NSSA: 8, FRR_P2P: 2, BIRD_P2P: 2}
    for number, router in ((FRR_STUB, 1), (FRR_NSSA, 1), (BIRD_STUB, 2), (BIRD_NSSA, 2)):
        assert (3, 0, 0x0A4DC800 + router) in rows(ears[number], 3)  # the default route into it
    whole = set(board.backbone("f"))
    assert rows(ears[SHARED]) == rows(ears[FRR_P2P]) == rows(ears[BIRD_P2P]) == whole
    opaque = rows(ears[SHARED], 10)
    assert opaque  # TE, which comes for the O-bit only
    heard = [event for event in ears[SHARED].events if isinstance(event, LsaHeard)]
    assert {event.lsa.key for event in heard} >= whole and {event.area for event in heard} == {0}
    measured.append(f"listener: stub, NSSA and backbone of FRR and BIRD, {len(opaque)} opaque LSAs, no LSA changed")


def test_full(board: Board, traps: socket.socket, measured: list[str]) -> None:
    found = visit(board, traps, SHARED, mode="full")
    measured.append(f"footprint of full on a LAN: FRR {found['f', SHARED]}, BIRD {found['b', SHARED]}")
    assert found["f", SHARED].states == ["Init", "ExStart", "Exchange", "Full", "Init", "Deleted"]
    assert found["f", SHARED].traps == ["full", "init", "down"]
    assert "Net" in found[designated(board), SHARED].lsas
    # Left to itself, a listener is full on point-to-point links
    found = visit(board, traps, FRR_P2P, BIRD_P2P)
    one, other = found["f", FRR_P2P], found["b", BIRD_P2P]
    measured.append(f"footprint of full on a point-to-point link: FRR {one}, BIRD {other}")
    assert one.states == ["Init", "ExStart", "Exchange", "Full", "Init", "Deleted"]
    assert one.lsas == {"Router", "Area-Local Opaque-LSA"}  # the TE LSA of the link, with the neighbor's router id
    assert other.states == ["Init", "2-Way", "ExStart", "Exchange", "Full", "Init", "Down"]
    assert other.lsas == {"Router"} and one.traps == ["full", "init", "down"]


def test_a_flood_that_was_missed_is_noticed(board: Board) -> None:
    """By BIRD's acknowledgment, if it heard FRR on this LAN first; else by the gap before the next one."""
    ear = board.attach(SHARED)
    board.await_for(lambda: ear.listener.synchronised, "the database")
    router_lsa = (1, 0x0A4DC801, 0x0A4DC801)
    before = board.backbone("f")[router_lsa]
    ear.deaf_to = 4
    interface = ("configure terminal", f"interface l{FRR_P2P}")
    board.vtysh("f", *interface, "ip ospf cost 98")
    board.await_for(lambda: board.backbone("f")[router_lsa] > before, "a change")
    board.listen(0.5)
    ear.deaf_to = 0
    board.vtysh("f", *interface, "ip ospf cost 99")
    reasons = {"an LSA was acknowledged that was not heard", "a gap in a sequence number"}
    board.await_for(lambda: any(getattr(e, "reason", "") in reasons for e in ear.events), "another burst", 20.0)

    def held() -> dict[tuple[int, int, int], int]:
        return {lsa.key: lsa.header.sequence for lsa in ear.listener.lsdb.lsas(0.0)}

    board.await_for(lambda: held() == board.backbone("f"), "the same database", 20.0)
    assert held()[router_lsa] > before


def test_link_scope_lsas_are_kept(board: Board) -> None:
    """A router about to restart says so in a grace-LSA, type 9 (RFC 3623); only who is on the link hears it."""
    ear = board.attach(SHARED)
    board.await_for(lambda: ear.listener.synchronised, "the database")
    ear.listener.record_lsas = True
    board.vtysh("f", "graceful-restart prepare ip ospf")

    def graces() -> set[tuple[int, int, int]]:
        return {e.lsa.key for e in ear.events if isinstance(e, LsaHeard) and e.lsa.header.type == 9}

    board.await_for(lambda: bool(graces()), "a grace-LSA", 10.0)
    assert graces() == rows(ear, 9) == {(9, 0x03000000, 0x0A4DC801)}
