"""Authentication against FRR and BIRD: every kind they speak, both modes, wrong keys, restarts, a rollover.

One LAN per kind (`tests.lab.segments`), all at once. Nobody at hand speaks RFC 7474.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ospf.auth import next_boot_count
from ospf.events import AuthenticationFailed, LsdbChanged
from ospf.packets import decode_packet, ip_payload
from tests.lab.board import Board, Ear
from tests.lab.segments import KEYS, LONG

pytestmark = [pytest.mark.lab, pytest.mark.peer, pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def left(board: Board) -> Iterator[None]:
    yield
    board.silence()


def attach_all(board: Board, **config: Any) -> dict[int, Ear]:
    return {
        number: board.attach(number, authentication=key, boot_count=next_boot_count(0, 1e9), **config)
        for number, key in KEYS.items()
    }


def contents(ear: Ear) -> dict[tuple[int, int, int], int]:
    return {lsa.key: lsa.header.sequence for lsa in ear.listener.lsdb.lsas(0.0)}


def test_burst_with_every_kind_of_key_changes_nothing(board: Board, measured: list[str]) -> None:
    before = board.sequences("f")
    backbone = board.backbone("f")
    assert len([key for key in backbone if key[0] == 1]) == 3
    ears = attach_all(board)
    board.await_for(lambda: all(ear.listener.synchronised for ear in ears.values()), "a burst on every LAN")
    board.listen(1.0)
    assert board.sequences("f") == before
    for number, ear in ears.items():
        assert contents(ear) == {key: seq for key, seq in backbone.items() if key[0] != 9}, f"LAN {number}"
        stats = ear.listener.stats
        assert stats.authenticated == stats.packets - stats.duplicate_router_id, number
        assert stats.auth_bad_digest == stats.auth_replayed == stats.auth_unknown_key == stats.auth_wrong_type == 0
        assert ear.listener.mode == "burst"
    measured.append(f"authentication: bursts with {len(ears)} kinds of keys over {len(backbone)} LSAs, no LSA changed")


def test_wrong_keys_are_told(board: Board) -> None:
    wrong: dict[int, tuple[dict[str, Any], str]] = {
        0: ({"type": "simple", "key": "word"}, "bad digest"),
        1: ({"type": "md5", "key_id": 7, "key": "seventeen octets"}, "bad digest"),
        2: ({"type": "md5", "key_id": 2, "key": "old"}, "unknown key id"),
        3: ({"type": "md5", "key_id": 3, "key": "secret"}, "bad digest"),
        4: ({"type": "hmac-sha-256", "key_id": 4, "key": "Secret"}, "bad digest"),
        5: ({"type": "simple", "key": "secret"}, "authentication type"),
        6: ({"type": "none"}, "authentication type"),
        7: ({"type": "hmac-sha-256", "key_id": 7, "key": LONG[:32]}, "bad digest"),
    }
    for number, (key, _) in wrong.items():
        board.attach(number, authentication=key)
    board.await_for(lambda: all(ear.events for ear in board.ears.values()), "a complaint on every LAN")
    board.listen(1.0)
    for number, (_, cause) in wrong.items():
        ear = board.ears[number]
        told = {(type(event), getattr(event, "cause", "")) for event in ear.events}
        assert told == {(AuthenticationFailed, cause)}, number
        assert len(ear.events) == len(board.lans[number].routers), "once a minute for each router"
        assert not ear.listener.neighbors and not ear.listener.stats.sent and not len(ear.listener.lsdb)


def test_full_with_every_kind_of_key_hears_floods(board: Board) -> None:
    ears = attach_all(board, mode="full")

    def full() -> bool:
        return all(len(ear.listener.adjacencies) == len(board.lans[n].routers) for n, ear in ears.items()) and all(
            adjacency.state.name == "FULL" for ear in ears.values() for adjacency in ear.listener.adjacencies
        )

    board.await_for(full, "Full with DR and BDR on every LAN")
    states = board.vtysh("f", "show ip ospf neighbor")
    assert states.count("0.0.0.255         0 Full/DROther") == 3, states
    for router, count in (("b", 7), ("c", 5)):
        states = board.birdc(router, "show", "ospf", "neighbors")
        assert len([line for line in states.splitlines() if "0.0.0.255" in line and "Full/" in line]) == count, states
    for ear in ears.values():
        ear.events.clear()
    board.vtysh("f", "configure terminal", "interface l1", "ip ospf cost 77")
    heard = (1, 0x0A4DC801, 0x0A4DC801)

    def flooded(ear: Ear) -> bool:
        return any(isinstance(event, LsdbChanged) and heard in event.keys for event in ear.events)

    board.await_for(lambda: all(map(flooded, ears.values())), "a flood on every LAN")
    board.silence()
    assert "0.0.0.255         0 Full" not in board.vtysh("f", "show ip ospf neighbor")


def test_a_restarted_listener_is_heard_only_if_its_number_has_grown(board: Board) -> None:
    for number in (1, 4):  # FRR and BIRD, the memory of both
        kept = next_boot_count(0, 1e9)
        board.attach(number, authentication=KEYS[number], mode="full", boot_count=kept)
    board.await_for(lambda: all(ear.listener.synchronised for ear in board.ears.values()), "the first")
    for number in (1, 4):
        board.attach(number, authentication=KEYS[number], mode="full", boot_count=3)  # as if it began with nothing
    board.await_for(lambda: "bad sequence" in board.log("f"), "FRR refusing it")
    board.await_for(lambda: "lower sequence number" in board.log("b") + board.log("c"), "BIRD refusing it")
    for number in (1, 4):
        board.attach(number, authentication=KEYS[number], mode="full", boot_count=next_boot_count(kept, 1e9))
    board.await_for(lambda: all(ear.listener.synchronised for ear in board.ears.values()), "the third", 20.0)


def test_a_rollover_at_the_router_is_followed(board: Board) -> None:
    new = {"type": "md5", "key_id": 2, "key": "new"}
    ear = board.attach(2, authentication=[KEYS[2], new], mode="full", boot_count=next_boot_count(0, 1.2e9))
    board.await_for(lambda: ear.listener.synchronised, "the adjacency")
    interface = ("configure terminal", "interface l2")
    board.vtysh("f", *interface, "ip ospf message-digest-key 2 md5 new")
    board.listen(1.2)
    board.vtysh("f", *interface, "no ip ospf message-digest-key 1")
    board.listen(3.5)  # longer than the dead interval
    _, _, payload = ip_payload(ear.packets[-1])
    assert payload[18] == 2 and decode_packet(payload).auth_type == 2
    assert "0.0.0.255         0 Full/DROther" in board.vtysh("f", "show ip ospf neighbor")
    assert ear.listener.stats.syncs == 1 and not ear.listener.stats.auth_unknown_key
