from __future__ import annotations

import ipaddress
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.hostaddresses import address_request, decode_host, is_loopback, link_request, route_request
from agents.netlink import attribute, request


def octets(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def link(index: int, *, loopback: bool = False, master: int = 0) -> bytes:
    body = struct.pack("=BxHiII", 0, 1, index, 8 if loopback else 0x1043, 0)
    return request(16, body + (attribute(10, struct.pack("=I", master)) if master else b""))


def address(text: str, length: int, index: int, *, peer: str = "", scope: int = 0) -> bytes:
    family = 10 if ":" in text else 2
    body = struct.pack("=BBBBI", family, length, 0, scope, index)
    body += attribute(1, octets(peer or text)) + (attribute(2, octets(text)) if family == 2 else b"")
    return request(20, body)


def route(gateway: str, index: int, *, metric: int = 0, length: int = 0, table: int = 254) -> bytes:
    family = 10 if ":" in gateway else 2
    body = struct.pack("=BBBBBBBBI", family, length, 0, 0, table, 3, 0, 1, 0)
    body += attribute(5, octets(gateway)) + attribute(4, struct.pack("=I", index))
    return request(24, body + (attribute(6, struct.pack("=I", metric)) if metric else b""))


def test_addresses_gateways_and_interfaces() -> None:
    host = decode_host(
        [link(1, loopback=True) + link(2) + link(3, master=4) + link(4)],
        [
            address("127.0.0.1", 8, 1) + address("10.0.0.5", 24, 2) + address("10.9.0.1", 32, 4, peer="10.9.0.2"),
            address("fd00::5", 64, 2) + address("fe80::1", 64, 2, scope=253) + address("::1", 128, 1),
        ],
        [
            route("10.0.0.254", 2, metric=200) + route("10.0.0.1", 2, metric=100) + route("10.0.0.9", 2, length=8),
            route("fe80::99", 2) + route("10.0.0.7", 4, table=100),
        ],
    )
    assert host.counted == {1: False, 2: True, 3: False, 4: True}
    four = {ipaddress.ip_address(a.address[:4]).compressed: a for a in host.reportable(4)}
    assert list(four) == ["10.0.0.5", "10.9.0.1"]
    assert (four["10.0.0.5"].prefix_length, four["10.0.0.5"].gateway) == (24, octets("10.0.0.1"))
    assert four["10.9.0.1"].gateway == b""
    six = host.reportable(6)
    assert [(a.address, a.gateway) for a in six] == [(octets("fd00::5"), octets("fe80::99"))]
    assert len(host.own()) == 6
    assert [is_loopback(a) for a in host.addresses] == [True, False, False, False, False, True]


def test_several_next_hops() -> None:
    hops = b""
    for index, gateway in ((2, "10.0.0.1"), (3, "10.1.0.1")):
        inner = attribute(5, octets(gateway))
        hops += struct.pack("=HBBi", 8 + len(inner), 0, 0, index) + inner
    body = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1, 0) + attribute(9, hops)
    host = decode_host([], [address("10.0.0.5", 24, 2) + address("10.1.0.5", 24, 3)], [request(24, body)])
    assert [a.gateway for a in host.addresses] == [octets("10.0.0.1"), octets("10.1.0.1")]


def test_requests_are_dumps() -> None:
    for message, kind in ((link_request(), 18), (address_request(), 22), (route_request(2), 26)):
        assert struct.unpack_from("=IHH", message) == (len(message), kind, 0x301)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120))
def test_any_octets_are_data(data: bytes) -> None:
    for kind in (16, 20, 24):
        chunk = [request(kind, data)]
        decode_host(chunk, chunk, chunk)
