"""No input makes a listener say anything that could put an LSA into a router's database.

Arbitrary sequences of packets (of routers that behave, of routers that lie, mangled ones), of time and of what its
owner does; all modes, networks and keys. Every packet it sends is judged from its octets alone, by RFC 2328 appendix
A.3 and without this project's codec.
"""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.auth import Authenticator, Refusal
from ospf.config import AttachConfig
from ospf.errors import OspfDecodeError
from ospf.keys import AuthKey
from ospf.listener import Listener
from ospf.lsa import Lsa, RouterLink, RouterLsa, encode_lsa
from ospf.packets import (
    DatabaseDescription,
    Hello,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    PacketBody,
    build_ip_packet,
    decode_packet,
    encode_packet,
)
from tests.ospf.model_router import LISTENER, MASK, ModelRouter
from tests.properties.test_ospf import bodies, checked_packet, lsas, mutated, u8, u32

OWN = 0x000000FF
ROUTERS = (0x0A000001, 0x0A000002, 0xFAFAFAFA)
ADDRESSES = (0x0A620001, 0x0A620002, 0x0A620003)
KEYS = (
    None,
    AuthKey("simple", key="pass"),
    AuthKey("md5", 7, "secret"),
    AuthKey("hmac-sha-256", 9, "x", extended=True),
)


def own_lsa() -> Lsa:
    """What a router may still have of a router with the listener's id, and ask it about."""
    body = RouterLsa(0, (RouterLink(ADDRESSES[0], LISTENER, 2, 10),))
    return encode_lsa(type=1, link_state_id=OWN, advertising_router=OWN, body=body, sequence=7)


def judge(packet: bytes, mode: str | None, *, burst: bool) -> None:
    """RFC 2328 A.3: what may leave a listener."""
    assert mode != "passive", "a passive listener speaks"
    version, kind, length, router = struct.unpack_from("!BBHI", packet)
    assert version == 2 and router == OWN and kind in (1, 2, 3, 5), f"type {kind}"
    if kind == 1:
        assert packet[24 + 7] == 0, "a priority: it could become DR and announce a network"
    if kind == 2:
        assert length == 24 + 8, "a Database Description with LSA headers"
        assert not burst or packet[24 + 3] & 2, "a burst without the M-bit could end in Full"


sources = st.tuples(st.sampled_from(ROUTERS), st.sampled_from(ADDRESSES))
destinations = st.sampled_from((0xE0000005, 0xE0000006, LISTENER, ADDRESSES[0]))
hellos = st.builds(
    Hello,
    st.just(MASK),
    st.sampled_from((0, 1, 10)),
    u8,
    u8,
    st.sampled_from((1, 4, 40)),
    st.sampled_from((0, *ADDRESSES)),
    st.sampled_from((0, *ADDRESSES)),
    st.lists(st.sampled_from((OWN, *ROUTERS)), max_size=3).map(tuple),
)
descriptions = st.builds(
    DatabaseDescription,
    st.sampled_from((0, 1400, 9000)),
    u8,
    st.integers(0, 7),
    st.one_of(st.integers(0, 3), u32),
    st.lists(st.one_of(lsas(), st.just(own_lsa())).map(lambda lsa: lsa.header), max_size=3).map(tuple),
)
updates = st.builds(LinkStateUpdate, st.lists(st.one_of(lsas(), st.just(own_lsa())), max_size=3).map(tuple))
requests = st.just(LinkStateRequest(((1, OWN, OWN), (5, 0, OWN))))
likely: st.SearchStrategy[PacketBody] = st.one_of(hellos, descriptions, updates, requests, bodies)
octets = st.builds(lambda body, router: encode_packet(body, router_id=router, area=0), likely, st.sampled_from(ROUTERS))
actions = st.one_of(
    st.tuples(st.just("heard"), sources, destinations, likely),
    st.tuples(
        st.just("mangled"),
        sources,
        destinations,
        st.one_of(mutated(octets).map(checked_packet), st.binary(max_size=90)),
    ),
    st.tuples(st.just("converse"), st.integers(0, 2)),
    st.tuples(st.just("time"), st.sampled_from((0.0, 0.5, 1.0, 6.0, 45.0, 400.0, 2000.0))),
    st.tuples(st.sampled_from(("lost", "leave", "attached"))),
)


@pytest.mark.parametrize("mode", ["passive", "burst", "full", None])
@given(
    key=st.sampled_from(KEYS),
    network=st.sampled_from(("auto", "broadcast", "point-to-point")),
    warm=st.booleans(),
    done=st.lists(actions, max_size=25),
)
@settings(max_examples=300, deadline=None)
def test_nothing_said_could_change_routing(
    mode: str | None, key: AuthKey | None, network: str, warm: bool, done: list[tuple[Any, ...]]
) -> None:
    config = AttachConfig("lan", mode=mode, network=network, authentication=key)  # type: ignore[arg-type]
    listener = Listener(config, 0.0)
    listener.attached(address=LISTENER)
    listener.record_lsas = True
    keys = (key,) if key else ()
    routers = [ModelRouter(r, a, [own_lsa()], keys=keys, others=()) for r, a in zip(ROUTERS, ADDRESSES, strict=True)]
    routers[1].designated, routers[2].designated = ADDRESSES[0], 0
    signer = Authenticator(keys, boot_count=9)
    now = 0.0

    def hear(octets: bytes, source: int, destination: int = 0xE0000005) -> None:
        listener.receive(build_ip_packet(source, destination, signer.sign(octets, None, source)), now)

    def speak() -> list[bytes]:
        said = [payload for _, payload in listener.packets_to_send(now)]
        for packet in said:
            judge(packet, mode, burst=mode == "burst" or listener.mode == "burst")
        while listener.next_event() is not None:
            pass
        return said

    for verb, *arguments in [("converse", 0), *done] if warm else done:
        if verb in ("heard", "mangled"):
            (router, address), destination, content = arguments
            payload = content if verb == "mangled" else encode_packet(content, router_id=router, area=0)
            if verb == "mangled" and len(payload) < 24:
                listener.receive(payload, now)
            else:
                hear(payload, address, destination)
        elif verb == "converse":
            one = routers[int(arguments[0])]
            one.signer.boot_count += 1
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


@pytest.mark.parametrize("key", KEYS[1:], ids=repr)
@given(
    data=st.one_of(mutated(octets).map(checked_packet), mutated(octets)),
    flips=st.lists(st.integers(0, 200), max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_any_packet_is_believed_or_refused(key: AuthKey, data: bytes, flips: list[int]) -> None:
    broken = bytearray(Authenticator((key,)).sign(data.ljust(24, b"\0"), None, 1))
    for at in flips:
        broken[at % len(broken)] ^= 1 << at % 8
    try:
        decode_packet(bytes(broken))
    except OspfDecodeError:
        return
    try:
        Authenticator((key,)).check(bytes(broken), 1, 1)
    except Refusal as refusal:
        assert refusal.remedy


def test_the_judge_judges() -> None:
    for body in (
        LinkStateUpdate((own_lsa(),)),
        DatabaseDescription(1400, 2, 7, 1, (own_lsa().header,)),
        Hello(MASK, 10, 2, 1, 40, 0, 0),
        DatabaseDescription(1400, 2, 0, 1),
    ):
        with pytest.raises(AssertionError):
            judge(encode_packet(body, router_id=OWN, area=0), "burst", burst=True)
    with pytest.raises(AssertionError):
        judge(encode_packet(LinkStateAck(()), router_id=OWN, area=0), "passive", burst=False)
