"""Our OSPFv3 codec against others': captures of real routers as tshark reads them, scapy, tshark on what we encode."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ospf.errors import OspfDecodeError
from ospf.lsa import LsaHeader, with_age
from ospf.packets import AUTH_NONE, DatabaseDescription, LinkStateAck, LinkStateRequest, LinkStateUpdate, PacketBody
from ospf.v3 import lsa as v3
from ospf.v3.ip6 import ALL_SPF_ROUTERS, build_ip6_packet, ip6_payload
from ospf.v3.packets import AUTH_TRAILER, Hello, Packet, decode_packet, encode_packet, with_checksum
from ospf.v3.prefix import Prefix, address6_number, address6_text, prefix6_text
from ospf.wire import address_text
from tests.ospf.v3_words import our_words, pcap_frames, read_with_tshark
from tests.require import require_programs

CAPTURES = Path(__file__).parents[1] / "captures" / "ospf3-tcpdump"
EXPECTED: dict[str, list[list[str]]] = json.loads((CAPTURES / "expected.json").read_text())
INTACT = sorted(name for name in EXPECTED if name.endswith(".pcap"))
SOURCE = address6_number("fe80::1")


def lsa(kind: int, body: v3.Body, **fields: int) -> Any:
    return v3.encode_lsa(type=kind, link_state_id=0x0A620001, advertising_router=0x0A620002, body=body, **fields)


NET64 = Prefix(address6_number("2001:db8:1:2::"), 64)
LSAS = (
    lsa(v3.ROUTER, v3.RouterLsa(7, 0x33, (v3.RouterLink(1, 10, 3, 4, 5), v3.RouterLink(2, 65535, 1, 2, 0xFFFFFFFF)))),
    lsa(v3.ROUTER, v3.RouterLsa(0, 0, ()), age=5),
    lsa(v3.NETWORK, v3.NetworkLsa(0x13, (0x0A620001, 0x0A620002, 0x0A620003))),
    lsa(v3.INTER_AREA_PREFIX, v3.InterAreaPrefixLsa(0xFFFFFF, NET64)),
    lsa(v3.INTER_AREA_PREFIX, v3.InterAreaPrefixLsa(0, Prefix(0, 0))),
    lsa(v3.INTER_AREA_ROUTER, v3.InterAreaRouterLsa(0x13, 12, 0x0A000001)),
    lsa(v3.AS_EXTERNAL, v3.ExternalLsa(20, True, NET64, address6_number("2001:db8::9"), 77), sequence=0x7FFFFFFF),
    lsa(v3.AS_EXTERNAL, v3.ExternalLsa(20, False, Prefix(address6_number("2001:db8::"), 33, 0x08))),
    lsa(v3.NSSA, v3.ExternalLsa(1, False, NET64, 0, 5, v3.ROUTER, 7), sequence=-2),
    lsa(v3.LINK, v3.LinkLsa(1, 0x33, SOURCE, (NET64, Prefix(address6_number("2001:db8::7"), 128, 2)))),
    lsa(v3.INTRA_AREA_PREFIX, v3.IntraAreaPrefixLsa(v3.NETWORK, 9, 8, (Prefix(NET64.network, 64, 0, 65535),))),
    lsa(v3.INTRA_AREA_PREFIX, v3.IntraAreaPrefixLsa(v3.ROUTER, 0, 8, (Prefix(1, 128, 2, 0), Prefix(0, 0, 0, 3)))),
)
ENCODED: tuple[PacketBody, ...] = (
    Hello(0, 10, 0x13, 1, 40, 0x0A620001, 0x0A620002, (0x0A620001, 0x0A620002), 7),
    DatabaseDescription(1500, 0x13, 7, 12345),
    DatabaseDescription(1500, 0x13, 2, 12346, tuple(each.header for each in LSAS)),
    LinkStateRequest(tuple(each.key for each in LSAS)),
    LinkStateUpdate(LSAS),
    LinkStateUpdate((with_age(LSAS[0], 3600),)),
    LinkStateAck(tuple(each.header for each in LSAS)),
)


def encoded(body: PacketBody) -> bytes:
    packet = encode_packet(body, router_id=0x0A620002, area=5, instance_id=3)
    return build_ip6_packet(SOURCE, ALL_SPF_ROUTERS, with_checksum(packet, SOURCE, ALL_SPF_ROUTERS))


def decoded(ip: bytes) -> Packet:
    source, destination, payload = ip6_payload(ip)
    return decode_packet(payload, source, destination)


@pytest.mark.parametrize("name", INTACT)
def test_captures_decode_as_tshark_reads_them(name: str) -> None:
    seen = [our_words(decoded(ip)) for _, ip in pcap_frames(CAPTURES / name)]
    assert len(seen) == len(EXPECTED[name]) > 30
    for number, (ours, theirs) in enumerate(zip(seen, EXPECTED[name], strict=True), 1):
        assert ours == theirs, f"frame {number}"


@pytest.mark.parametrize("name", INTACT)
def test_captures_encode_back_octet_for_octet(name: str) -> None:
    for _, ip in pcap_frames(CAPTURES / name):
        source, destination, payload = ip6_payload(ip)
        packet = decode_packet(payload, source, destination)
        again = encode_packet(packet.body, router_id=packet.router_id, area=packet.area, instance_id=packet.instance_id)
        assert with_checksum(again, source, destination) == payload
        for each in packet.body.lsas if isinstance(packet.body, LinkStateUpdate) else ():
            h = each.header
            fields = {"sequence": h.sequence, "age": h.age}
            body = v3.body_of(each)
            made = v3.encode_lsa(
                type=h.type, link_state_id=h.link_state_id, advertising_router=h.advertising_router, body=body, **fields
            )
            assert made == each


def test_the_trailer_of_rfc_7166_is_stepped_over() -> None:
    data = (CAPTURES / "ospf3_auth.pcapng").read_bytes()
    ip = data[0x70 + 14 : 0x70 + 142]  # the only packet block
    packet = decoded(ip)
    assert packet.auth_type == AUTH_TRAILER
    assert our_words(packet) == EXPECTED["ospf3_auth.pcapng"][0]
    source, destination, payload = ip6_payload(ip)
    with pytest.raises(OspfDecodeError, match="checksum"):  # without its trailer the checksum counts, and is wrong
        decode_packet(payload[:40], source, destination)
    with pytest.raises(OspfDecodeError, match="AT-bit"):
        decode_packet(bytes(payload[:22]) + b"\0" + bytes(payload[23:]), source, destination)


def test_broken_captures_are_refused_for_a_reason() -> None:
    reasons: list[str] = []
    intact = 0
    for _, ip in hostile():
        try:
            body = decoded(ip).body
        except OspfDecodeError as error:
            reasons.append(error.reason)
        else:
            intact += 1
            assert not (isinstance(body, LinkStateUpdate) and body.refused)
    assert reasons == ["IPv6 payload length 30311, 17 octets given", "packet checksum"]
    assert intact == 14


def test_a_broken_update_with_a_good_checksum_yields_its_intact_lsas() -> None:
    *_, (_, ip) = hostile()  # ospf6_print_lshdr-oobr, frame 15
    source, destination, payload = ip6_payload(ip)
    body = decode_packet(with_checksum(bytes(payload), source, destination), source, destination).body
    assert isinstance(body, LinkStateUpdate)
    assert len(body.lsas) == 3
    (reason,) = body.refused
    assert reason.startswith("LSA length")


def hostile() -> Iterator[tuple[float, bytes]]:
    for path in sorted(CAPTURES.glob("ospf6_*.pcap")):
        yield from pcap_frames(path)


def dissect(payload: bytes) -> Any:
    pytest.importorskip("scapy.contrib.ospf")
    from scapy.contrib.ospf import OSPFv3_Hdr

    return OSPFv3_Hdr(payload)


def as_scapy(h: LsaHeader) -> tuple[int | str, ...]:
    ends = (address_text(h.link_state_id), address_text(h.advertising_router))
    return (h.age, h.type, *ends, h.sequence & 0xFFFFFFFF, h.checksum, h.length)


def scapy_header(h: Any) -> tuple[int | str, ...]:
    return (h.age, h.type, h.id, h.adrouter, h.seq, h.chksum, h.len)


def compare_with_scapy(ip: bytes) -> int:
    """Assert that scapy reads the packet as we do; how many LSA bodies that were."""
    ours, theirs = decoded(ip), dissect(bytes(ip6_payload(ip)[2]))
    body, inner = ours.body, theirs.payload
    assert (address_text(ours.router_id), address_text(ours.area)) == (theirs.src, theirs.area)
    assert ours.instance_id == theirs.instance
    if isinstance(body, Hello):
        assert (body.interface, body.priority, body.options) == (inner.intid, inner.prio, int(inner.options))
        assert (body.hello_interval, body.dead_interval) == (inner.hellointerval, inner.deadinterval)
        designated = (address_text(body.designated_router), address_text(body.backup_designated_router))
        assert designated == (inner.router, inner.backup)
        assert [address_text(each) for each in body.neighbors] == inner.neighbors
    elif isinstance(body, DatabaseDescription):
        assert (body.mtu, body.options, body.flags, body.sequence) == (
            inner.mtu,
            int(inner.options),
            int(inner.dbdescr),
            inner.ddseq,
        )
        assert [as_scapy(h) for h in body.headers] == [scapy_header(h) for h in inner.lsaheaders]
    elif isinstance(body, LinkStateRequest):
        assert [(k[0], address_text(k[1]), address_text(k[2])) for k in body.keys] == [
            (item.type, item.id, item.adrouter) for item in inner.requests
        ]
    elif isinstance(body, LinkStateAck):
        assert [as_scapy(h) for h in body.headers] == [scapy_header(h) for h in inner.lsaheaders]
    else:
        assert [as_scapy(each.header) for each in body.lsas] == [scapy_header(h) for h in inner.lsalist]
        for mine, other in zip(body.lsas, inner.lsalist, strict=True):
            compare_bodies(v3.body_of(mine), other)
        return len(body.lsas)
    return 0


def prefix_words(prefix: Prefix) -> tuple[int, int, str]:
    return prefix.plen, prefix.options, prefix6_text(prefix.network, prefix.plen)


def scapy_prefix(item: Any) -> tuple[int, int, str]:
    return item.prefixlen, int(item.prefixoptions), item.prefix


def compare_bodies(body: v3.Body, other: Any) -> None:
    if isinstance(body, v3.RouterLsa):
        assert (body.flags, body.options) == (int(other.flags), int(other.options))
        links = [(k.type, k.metric, k.interface, k.neighbor_interface, address_text(k.neighbor)) for k in body.links]
        assert links == [(k.type, k.metric, k.intid, k.neighintid, k.neighbor) for k in other.linklist]
    elif isinstance(body, v3.NetworkLsa):
        assert (body.options, [address_text(r) for r in body.attached]) == (int(other.options), other.routerlist)
    elif isinstance(body, v3.InterAreaPrefixLsa):
        assert (body.metric, prefix_words(body.prefix)) == (other.metric, scapy_prefix(other))
    elif isinstance(body, v3.InterAreaRouterLsa):
        assert (body.metric, address_text(body.router)) == (other.metric, other.router)
    elif isinstance(body, v3.ExternalLsa):
        assert (body.metric, prefix_words(body.prefix)) == (other.metric, scapy_prefix(other))
        assert (body.type2, body.referenced_type) == (bool(int(other.flags) & 4), other.reflstype)
        if body.forwarding_address:
            assert address6_text(body.forwarding_address) == other.fwaddr
        if body.tag:
            assert body.tag == other.tag
        if body.referenced_type:
            assert address_text(body.referenced_id) == other.reflsid
    elif isinstance(body, v3.LinkLsa):
        assert (body.priority, body.options) == (other.prio, int(other.options))
        assert address6_text(body.address) == other.lladdr
        assert [prefix_words(p) for p in body.prefixes] == [scapy_prefix(p) for p in other.prefixlist]
    elif isinstance(body, v3.IntraAreaPrefixLsa):
        assert (body.referenced_type, address_text(body.referenced_id)) == (other.reflstype, other.reflsid)
        assert address_text(body.referenced_router) == other.refadrouter
        assert [(*prefix_words(p), p.metric) for p in body.prefixes] == [
            (*scapy_prefix(p), p.metric) for p in other.prefixlist
        ]


@pytest.mark.parametrize("name", INTACT)
def test_scapy_reads_the_captures_as_we_do(name: str) -> None:
    assert sum(compare_with_scapy(bytes(ip)) for _, ip in pcap_frames(CAPTURES / name)) > 20


def test_scapy_reads_what_we_encode() -> None:
    for body in ENCODED:
        compare_with_scapy(encoded(body))


@pytest.mark.peer
def test_tshark_reads_what_we_encode_as_we_do(tmp_path: Path) -> None:
    tshark = require_programs("tshark")["tshark"]
    path = tmp_path / "ours.pcap"
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)  # raw IP
    for body in ENCODED:
        packet = encoded(body)
        octets += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet
    path.write_bytes(octets)
    text, words = read_with_tshark(tshark, path)
    assert text.count("[correct]") == len(ENCODED)
    for complaint in ("alformed", "incorrect", "Expert Info", "[Bogus"):
        assert complaint not in text, [line for line in text.splitlines() if complaint in line]
    for body, theirs in zip(ENCODED, words, strict=True):
        assert our_words(Packet(0x0A620002, 5, AUTH_NONE, body, 3)) == theirs
