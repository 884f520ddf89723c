"""The one board of the listener's own tests: a LAN for every kind of key, and segments of every kind of area and link.

f is FRR, b and c are BIRD. Keys: FRR 8.4 has no HMAC-SHA for OSPFv2 (its key chains came later), so those LANs are
BIRD's alone.
"""

from __future__ import annotations

from typing import Any

from tests.lab.board import Lan

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
SHARED, FRR_STUB, FRR_NSSA, BIRD_STUB, BIRD_NSSA, FRR_P2P, BIRD_P2P = PLAIN = range(10, 17)
LANS = (
    Lan(0, ("f", "b")),
    Lan(1, ("f", "b")),
    Lan(2, ("f",)),
    *(Lan(number, ("b", "c")) for number in range(3, 8)),
    Lan(SHARED, ("f", "b")),
    *(Lan(number, ("f",)) for number in (FRR_STUB, FRR_NSSA, FRR_P2P)),
    *(Lan(number, ("b",)) for number in (BIRD_STUB, BIRD_NSSA, BIRD_P2P)),
)
FULL = 3  # adjacencies of f

_FRR_INTERFACE = """
interface l{number}
 ip ospf area {area}
 ip ospf hello-interval 1
 ip ospf dead-interval 3
 ip ospf retransmit-interval 3
 {extra}
"""
_MD5 = "ip ospf authentication message-digest\n ip ospf message-digest-key"
_FRR_INTERFACES = {
    0: ("0", "ip ospf authentication\n ip ospf authentication-key pass"),
    1: ("0", f"{_MD5} 7 md5 sixteen-octets-x"),
    2: ("0", f"{_MD5} 1 md5 old"),
    SHARED: ("0", "ip ospf priority 10"),
    FRR_STUB: ("1", ""),
    FRR_NSSA: ("2", ""),
    FRR_P2P: ("0", "ip ospf network point-to-point"),
}
_FRR = """
agentx
router ospf
 ospf router-id 10.77.200.1
 timers throttle lsa all 0
 timers lsa min-arrival 0
 area 1 stub
 area 2 nssa
 capability opaque
 mpls-te on
 mpls-te router-address 10.77.200.1
 graceful-restart grace-period 120
 log-adjacency-changes detail
"""
_TIMERS = "hello 1; dead 3; wait 3;"
_BIRD = """
router id {router_id};
protocol device {{ }}
protocol ospf v2 o {{
  debug {{ events }};
  ipv4 {{ export none; }};
  area 0 {{ {backbone} }};
  {areas}
}}
"""
_BIRD_AREAS = f"""
  area 3 {{ stub; interface "l{BIRD_STUB}" {{ type broadcast; {_TIMERS} }}; }};
  area 4 {{ nssa; interface "l{BIRD_NSSA}" {{ type broadcast; {_TIMERS} }}; }};
"""


def frr() -> dict[str, str]:
    """ospfd.conf by router."""
    interfaces = (_FRR_INTERFACE.format(number=n, area=a, extra=e) for n, (a, e) in _FRR_INTERFACES.items())
    return {"f": "".join(interfaces) + _FRR}


def bird() -> dict[str, str]:
    """bird.conf by router."""
    plain = [
        f'interface "l{SHARED}" {{ type broadcast; {_TIMERS} }};',
        f'interface "l{BIRD_P2P}" {{ type ptp; {_TIMERS} }};',
    ]
    b = [_keyed(number) for number in (0, 1, 3, 4, 5, 6, 7)] + plain
    c = [_keyed(number) for number in range(3, 8)]
    return {
        "b": _BIRD.format(router_id="10.77.200.2", backbone="\n".join(b), areas=_BIRD_AREAS),
        "c": _BIRD.format(router_id="10.77.200.3", backbone="\n".join(c), areas=""),
    }


def _keyed(number: int) -> str:
    key = KEYS[number]
    if key["type"] == "simple":
        words = f'authentication simple; password "{key["key"]}";'
    else:
        algorithm = key["type"].replace("hmac-sha-", "hmac sha").replace("md5", "keyed md5")
        secret = f'password "{key["key"]}" {{ id {key["key_id"]}; algorithm {algorithm}; }};'
        words = f"authentication cryptographic; {secret}"
    return f'interface "l{number}" {{ type broadcast; {_TIMERS} {words} }};'
