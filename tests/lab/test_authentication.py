"""Authentication against FRR and BIRD: every kind they speak, both modes, wrong keys, restarts, a rollover.

One LAN per kind, all at once. FRR 8.4 has no HMAC-SHA for OSPFv2 (key chains came later): those are BIRD's alone, and
nobody at hand speaks RFC 7474.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ospf.auth import next_boot_count
from ospf.events import AuthenticationFailed, LsdbChanged
from ospf.packets import decode_packet, ip_payload
from tests.lab.board import Board, Ear, Lan
from tests.require import require_programs, require_root

pytestmark = [pytest.mark.lab, pytest.mark.peer, pytest.mark.timeout(180)]

LONG = "forty octets are longer than a digest..."
KEYS: dict[int, dict[str, Any]] = {
    0: {"type": "simple", "key": "pass"},
    1: {"type": "md5", "key_id": 7, "key": "sixteen-octets-x"},
    2: {"type": "md5", "key_id": 1, "key": "old"},
    3: {"type": "hmac-sha-1", "key_id": 3, "key": "secret"},
    4: {"type": "hmac-sha-256", "key_id": 4, "key": "secret"},
    5: {"type": "hmac-sha-384", "key_id": 5, "key": "secret"},
    6: {"type": "hmac-sha-512", "key_id": 255, "key": "secret"},
    7: {"type": "hmac-sha-256", "key_id": 7, "key": LONG},
}
LANS = (
    Lan(0, ("f", "b")),
    Lan(1, ("f", "b")),
    Lan(2, ("f",)),
    *(Lan(number, ("b", "c")) for number in range(3, 8)),
)
FRR_INTERFACE = """
interface l{number}
 ip ospf area 0
 ip ospf hello-interval 1
 ip ospf dead-interval 3
 ip ospf retransmit-interval 3
 {authentication}
"""
FRR_AUTHENTICATION = {
    0: "ip ospf authentication\n ip ospf authentication-key pass",
    1: "ip ospf authentication message-digest\n ip ospf message-digest-key 7 md5 sixteen-octets-x",
    2: "ip ospf authentication message-digest\n ip ospf message-digest-key 1 md5 old",
}
FRR = """
router ospf
 ospf router-id 10.77.200.1
 timers throttle lsa all 0
 timers lsa min-arrival 0
"""
BIRD = """
router id {router_id};
protocol device {{ }}
protocol ospf v2 o {{
  ipv4 {{ export none; }};
  area 0 {{ {interfaces} }};
}}
"""


def bird(router_id: str, numbers: tuple[int, ...]) -> str:
    blocks = []
    for number in numbers:
        key = KEYS[number]
        block = f'interface "l{number}" {{ type broadcast; hello 1; dead 3; wait 3; '
        if key["type"] == "simple":
            block += f'authentication simple; password "{key["key"]}";'
        else:
            algorithm = key["type"].replace("hmac-sha-", "hmac sha").replace("md5", "keyed md5")
            block += f'authentication cryptographic; password "{key["key"]}" '
            block += f"{{ id {key['key_id']}; algorithm {algorithm}; }};"
        blocks.append(block + " };")
    return BIRD.format(router_id=router_id, interfaces="\n".join(blocks))


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    require_root()
    require_programs("ip", "zebra", "ospfd", "vtysh", "bird", "birdc")
    interfaces = "".join(FRR_INTERFACE.format(number=n, authentication=a) for n, a in FRR_AUTHENTICATION.items())
    birds = {"b": bird("10.77.200.2", (0, 1, 3, 4, 5, 6, 7)), "c": bird("10.77.200.3", (3, 4, 5, 6, 7))}
    with Board(LANS, {"f": interfaces + FRR}, birds) as board:
        board.converge("f", 2)
        yield board


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
    assert len({router for kind, _, router in before if "Router" in kind}) == 3
    ears = attach_all(board)
    board.await_for(lambda: all(ear.listener.synchronised for ear in ears.values()), "a burst on every LAN")
    board.listen(1.0)
    assert board.sequences("f") == before
    for number, ear in ears.items():
        assert len(contents(ear)) == len(before), f"LAN {number}: {contents(ear)} is not {before}"
        assert {f"0x{sequence & 0xFFFFFFFF:08x}" for sequence in contents(ear).values()} == set(before.values())
        stats = ear.listener.stats
        assert stats.authenticated == stats.packets - stats.duplicate_router_id, number
        assert stats.auth_bad_digest == stats.auth_replayed == stats.auth_unknown_key == stats.auth_wrong_type == 0
        assert ear.listener.mode == "burst"
    measured.append(f"authentication: bursts with {len(ears)} kinds of keys over {len(before)} LSAs, no LSA changed")


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
    board.listen(1.5)
    assert not any(ear.listener.synchronised for ear in board.ears.values())
    for number in (1, 4):
        board.attach(number, authentication=KEYS[number], mode="full", boot_count=next_boot_count(kept, 1e9))
    board.await_for(lambda: all(ear.listener.synchronised for ear in board.ears.values()), "the third", 20.0)


def test_a_rollover_at_the_router_is_followed(board: Board) -> None:
    new = {"type": "md5", "key_id": 2, "key": "new"}
    ear = board.attach(2, authentication=[KEYS[2], new], mode="full", boot_count=next_boot_count(0, 1.2e9))
    board.await_for(lambda: ear.listener.synchronised, "the adjacency")
    interface = ("configure terminal", "interface l2")
    board.vtysh("f", *interface, "ip ospf message-digest-key 2 md5 new")
    board.listen(1.5)
    board.vtysh("f", *interface, "no ip ospf message-digest-key 1")
    board.listen(4.0)  # longer than the dead interval
    _, _, payload = ip_payload(ear.packets[-1])
    assert payload[18] == 2 and decode_packet(payload).auth_type == 2
    assert "0.0.0.255         0 Full/DROther" in board.vtysh("f", "show ip ospf neighbor")
    assert ear.listener.stats.syncs == 1 and not ear.listener.stats.auth_unknown_key
