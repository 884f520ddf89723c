"""No input makes a listener for OSPFv3 say anything that could put an LSA into a router's database.

As `tests.properties.test_silence` for OSPFv2: arbitrary packets, time and requests of its owner; every packet it sends
is judged from its octets alone, by RFC 5340 appendix A.3 and without this project's codec.
"""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.config import AttachConfig
from ospf.lsa import Lsa
from ospf.packets import DatabaseDescription, LinkStateAck, LinkStateRequest, LinkStateUpdate
from ospf.v3.dialect import listener3
from ospf.v3.ip6 import ALL_D_ROUTERS, ALL_SPF_ROUTERS, build_ip6_packet
from ospf.v3.lsa import ROUTER
from ospf.v3.packets import Hello, encode_packet, with_checksum
from ospf.v3.prefix import address6_number
from tests.ospf import v3_lsas as said
from tests.ospf.v3_model_router import LISTENER, ModelRouter3
from tests.ospf.v3_strategies import bodies, lsas, octet, word

OWN = 0x000000FF
ROUTERS = (0x0A000001, 0x0A000002, 0xFAFAFAFA)
ADDRESSES = tuple(address6_number(f"fe80::{n}") for n in (1, 2, 3))


def own_lsa() -> Lsa:
    """What a router may still have of a router with the listener's id, and ask it about."""
    return said.router(OWN, said.transit(1, ROUTERS[0], 7))


def judge(packet: bytes, mode: str | None, *, burst: bool) -> None:
    """RFC 5340 A.3: what may leave a listener."""
    assert mode != "passive", "a passive listener speaks"
    version, kind, length, router = struct.unpack_from("!BBHI", packet)
    assert version == 3 and router == OWN and kind in (1, 2, 3, 5), f"type {kind}"
    assert length == len(packet)
    if kind == 1:
        assert packet[16 + 4] == 0, "a priority: it could become DR and announce a network"
        assert not packet[16 + 7] & 0x10, "the R-bit: it calls itself a router"
    if kind == 2:
        assert length == 16 + 12, "a Database Description with LSA headers"
        assert not burst or packet[16 + 7] & 2, "a burst without the M-bit could end in Full"


likely = st.one_of(
    st.builds(
        Hello,
        st.just(0),
        st.sampled_from((0, 1, 10)),
        octet,
        octet,
        st.sampled_from((1, 4, 40)),
        st.sampled_from((0, *ROUTERS)),
        st.sampled_from((0, *ROUTERS)),
        st.lists(st.sampled_from((OWN, *ROUTERS)), max_size=3).map(tuple),
        word,
    ),
    st.builds(
        DatabaseDescription,
        st.sampled_from((0, 1400, 9000)),
        octet,
        st.integers(0, 7),
        st.one_of(st.integers(0, 3), word),
        st.lists(st.one_of(lsas, st.just(own_lsa())).map(lambda lsa: lsa.header), max_size=3).map(tuple),
    ),
    st.builds(LinkStateUpdate, st.lists(st.one_of(lsas, st.just(own_lsa())), max_size=3).map(tuple)),
    st.just(LinkStateRequest(((ROUTER, 0, OWN),))),
    bodies,
)
places = st.tuples(
    st.sampled_from((0, 1, 2)),
    st.sampled_from((ALL_SPF_ROUTERS, ALL_D_ROUTERS, LISTENER)),
    st.sampled_from((0, 0, 0, 5)),
)
actions = st.one_of(
    st.tuples(st.just("heard"), places, likely),
    st.tuples(st.just("octets"), places, st.binary(max_size=90)),
    st.tuples(st.just("converse"), st.integers(0, 2)),
    st.tuples(st.just("time"), st.sampled_from((0.0, 0.5, 1.0, 6.0, 45.0, 400.0, 2000.0))),
    st.tuples(st.sampled_from(("lost", "leave", "attached"))),
)


@pytest.mark.parametrize("mode", ["passive", "burst", "full", None])
@given(
    network=st.sampled_from(("auto", "broadcast", "point-to-point")),
    warm=st.booleans(),
    done=st.lists(actions, max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_nothing_said_could_change_routing(mode: str | None, network: str, warm: bool, done: list[Any]) -> None:
    listener = listener3(AttachConfig("lan", version=3, mode=mode, network=network), 0.0)  # type: ignore[arg-type]
    routers = [ModelRouter3(r, a, [own_lsa()], others=()) for r, a in zip(ROUTERS, ADDRESSES, strict=True)]
    routers[1].designated, routers[2].designated = ROUTERS[0], 0
    now = 0.0

    def speak() -> list[bytes]:
        packets = [payload for _, payload in listener.packets_to_send(now)]
        for packet in packets:
            judge(packet, mode, burst=mode == "burst" or listener.mode == "burst")
        while listener.next_event() is not None:
            pass
        return packets

    for verb, *arguments in [("converse", 0), *done] if warm else done:
        if verb == "heard":
            (who, destination, instance_id), body = arguments
            packet = encode_packet(body, router_id=ROUTERS[who], area=0, instance_id=instance_id)
            octets = with_checksum(packet, ADDRESSES[who], destination)
            listener.receive(build_ip6_packet(ADDRESSES[who], destination, octets), now)
        elif verb == "octets":
            (who, destination, _), octets = arguments
            listener.receive(build_ip6_packet(ADDRESSES[who], destination, octets), now)
        elif verb == "converse":
            one = routers[int(arguments[0])]
            listener.receive(one.hello(), now)
            for _ in range(6):
                for packet in speak():
                    one.receive(packet)
                for answer in one.out:
                    listener.receive(answer, now)
                one.out.clear()
        elif verb == "time":
            now += float(arguments[0])
            listener.handle_timeout(now)
        elif verb == "lost":
            listener.packets_lost(now)
        elif verb == "leave":
            listener.leave(now)
        else:
            listener.attached(address=LISTENER, point_to_point=True, mtu=1400)
        speak()


def test_the_judge_judges() -> None:
    for body in (
        LinkStateUpdate((own_lsa(),)),
        DatabaseDescription(1400, 2, 7, 1, (own_lsa().header,)),
        Hello(0, 10, 2, 1, 40, 0, 0),
        Hello(0, 10, 0x13, 0, 40, 0, 0),
        DatabaseDescription(1400, 2, 0, 1),
    ):
        with pytest.raises(AssertionError):
            judge(encode_packet(body, router_id=OWN, area=0), "burst", burst=True)
    with pytest.raises(AssertionError):
        judge(encode_packet(LinkStateAck(()), router_id=OWN, area=0), "passive", burst=False)
