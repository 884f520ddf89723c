from collections import deque
from dataclasses import asdict

import pytest

from ospf.admission import Admission
from ospf.auth import Authenticator
from ospf.counters import ListenerStats
from ospf.interface import Segment
from ospf.keys import AuthKey
from ospf.packets import ALL_D_ROUTERS, ALL_SPF_ROUTERS, Hello, build_ip_packet, encode_packet
from ospf.scrutiny import Scrutiny

OWN, KEY = 255, AuthKey("md5", 7, "secret")
SOURCE, ME = 0x0A620001, 0x0A6200FE


def door(area: int | None = None, keys: tuple[AuthKey, ...] = ()) -> Admission:
    segment = Segment("auto")
    segment.hear(1, SOURCE, Hello(0xFFFFFF00, 10, 2, 1, 40, 0, 0), 0, 0.0)
    scrutiny = Scrutiny(deque(), ListenerStats())
    return Admission(OWN, area, Authenticator(keys), segment, scrutiny)


def packet(
    router: int = 1,
    area: int = 0,
    source: int = SOURCE,
    to: int = ALL_SPF_ROUTERS,
    key: AuthKey | None = None,
    number: int = 0,
) -> bytes:
    octets = encode_packet(Hello(0xFFFFFF00, 10, 2, 1, 40, 0, 0), router_id=router, area=area)
    if key is not None:
        octets = Authenticator((key,), boot_count=number).sign(octets, None, source)
    return build_ip_packet(source, to, octets)


@pytest.mark.parametrize(
    ("refused", "keys", "counter"),
    [
        (packet()[:-1], (), "malformed"),
        (packet(router=OWN), (), "duplicate_router_id"),
        (packet(router=2, to=ME), (), "strangers"),
        (packet(source=SOURCE + 1, to=ME), (), "strangers"),  # a virtual link's: its neighbor is not on the segment
        (packet(area=5), (), "wrong_area"),
        (packet(area=5, router=1, to=ME), (), "wrong_area"),
        (packet(area=5), (KEY,), "wrong_area"),  # another area has other keys: that is no failure
        (packet(), (KEY,), "auth_wrong_type"),
        (packet(key=AuthKey("md5", 8, "secret")), (KEY,), "auth_unknown_key"),
        (packet(key=AuthKey("md5", 7, "Secret")), (KEY,), "auth_bad_digest"),
    ],
)
def test_who_is_not_believed(refused: bytes, keys: tuple[AuthKey, ...], counter: str) -> None:
    made = door(0, keys)
    assert made.admit(refused, 0.0) is None
    counts = asdict(made.stats)
    assert counts.pop(counter) == 1 and counts.pop("packets") == 1 and counts.pop("octets") == len(refused)
    assert {name for name, number in counts.items() if number} <= {"authenticated", "mismatches"}


def test_who_is_believed() -> None:
    for given in (packet(), packet(to=ALL_D_ROUTERS), packet(to=ME), packet(key=KEY)):
        admitted = door().admit(given, 0.0)
        assert admitted is not None and admitted[1] == SOURCE and admitted[0].router_id == 1


def test_a_replayed_packet() -> None:
    made = door(0, (KEY,))
    assert made.admit(packet(key=KEY, number=5), 0.0) is not None
    assert made.admit(packet(key=KEY, number=4), 0.0) is None and made.stats.auth_replayed == 1


def test_only_who_is_believed_tells_the_area() -> None:
    made = door(None, (KEY,))
    assert made.admit(packet(area=6), 0.0) is None and made.area is None
    assert made.admit(packet(area=6, key=AuthKey("md5", 7, "wrong")), 0.0) is None and made.area is None
    assert made.admit(packet(router=9, area=6, to=ME, key=KEY), 0.0) is None and made.area is None
    assert made.admit(packet(area=5, key=KEY), 0.0) is not None and made.area == 5


def test_what_comes_back_of_our_own_is_no_complaint() -> None:
    made = door(0)
    made.address = ME
    assert made.admit(packet(router=OWN, source=ME), 0.0) is None and made.stats.duplicate_router_id == 0


def test_what_a_packet_shows_of_its_key_is_kept_for_a_person() -> None:
    made = door()
    made.admit(packet(key=KEY), 0.0)
    assert made.shown_key == " (key_id 7, 16 octets: md5)" and made.stats.authenticated == 1


def test_a_stray_packet_of_another_area_binds_nobody() -> None:
    made = door(None)
    made._segment.neighbors.clear()
    assert made.admit(packet(area=5), 0.0) is not None and made.area == 5
    assert made.admit(packet(area=0), 0.0) is not None and made.area == 0
    made._segment.hear(1, SOURCE, Hello(0xFFFFFF00, 10, 2, 1, 40, 0, 0), 0, 0.0)
    assert made.admit(packet(area=5), 0.0) is None and made.area == 0
    configured = door(0)
    configured._segment.neighbors.clear()
    assert configured.admit(packet(area=5), 0.0) is None and configured.area == 0
