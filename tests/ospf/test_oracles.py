"""Our codec against others': a capture of FRR and BIRD as tshark reads it, scapy, tshark on what we encode."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ospf.config import AttachConfig
from ospf.listener import Listener
from ospf.lsa import (
    ExternalLsa,
    Lsa,
    LsaHeader,
    NetworkLsa,
    OpaqueLsa,
    RouterLink,
    RouterLsa,
    SummaryLsa,
    encode_lsa,
    with_age,
)
from ospf.packets import (
    DatabaseDescription,
    Hello,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    Packet,
    PacketBody,
    build_ip_packet,
    decode_packet,
    encode_packet,
    ip_payload,
)
from ospf.wire import address_text
from tests.require import require_programs

CAPTURE = Path(__file__).parents[1] / "captures" / "ospf-lan"
EXPECTED = json.loads((CAPTURE / "expected.json").read_text())


def frames(path: Path) -> Iterator[tuple[float, bytes]]:
    """(time, IP packet) of a little-endian Ethernet pcap file."""
    data = path.read_bytes()
    assert struct.unpack_from("<I16xI", data) == (0xA1B2C3D4, 1)
    at = 24
    while at < len(data):
        seconds, micro, length, _ = struct.unpack_from("<IIII", data, at)
        yield seconds + micro / 1e6, data[at + 30 : at + 16 + length]
        at += 16 + length


def lsa(kind: int, body: Any, **fields: int) -> Lsa:
    return encode_lsa(type=kind, link_state_id=0x0A620001, advertising_router=0x0A620002, body=body, **fields)


LSAS = (
    lsa(1, RouterLsa(7, (RouterLink(1, 2, 1, 10), RouterLink(3, 4, 2, 65535), RouterLink(5, 6, 3, 0)))),
    lsa(2, NetworkLsa(0xFFFFFF00, (0x0A620001, 0x0A620002, 0x0A620003)), age=5),
    lsa(3, SummaryLsa(0xFFFFFF80, 0xFFFFFF)),
    lsa(4, SummaryLsa(0, 12)),
    lsa(5, ExternalLsa(0xFFFF0000, 20, True, 0x0A620009, 77), sequence=0x7FFFFFFF),
    lsa(7, ExternalLsa(0xFFFF0000, 1, False, 0x0A620009, 0), sequence=-2, options=8),
)
ROUTER_INFORMATION = encode_lsa(  # RFC 7770: opaque type 4, one TLV
    type=10,
    link_state_id=4 << 24,
    advertising_router=0x0A620002,
    body=OpaqueLsa(bytes.fromhex("00010004f0000000")),
)
ENCODED: tuple[PacketBody, ...] = (
    Hello(0xFFFFFF00, 10, 2, 0, 40, 0x0A620001, 0x0A620002, (0x0A620001, 0x0A620002)),
    DatabaseDescription(1500, 0x42, 7, 12345),
    DatabaseDescription(1500, 0x42, 2, 12346, tuple(each.header for each in LSAS)),
    LinkStateRequest(tuple(each.key for each in LSAS)),
    LinkStateUpdate(LSAS),
    LinkStateUpdate((with_age(LSAS[0], 3600), ROUTER_INFORMATION)),
    LinkStateAck(tuple(each.header for each in LSAS)),
)


def dotted(*numbers: int) -> str:
    return ",".join(map(address_text, numbers))


def headers_of(body: PacketBody) -> list[Any]:
    if isinstance(body, LinkStateUpdate):
        return [each.header for each in body.lsas]
    return list(body.headers) if isinstance(body, DatabaseDescription | LinkStateAck) else []


def as_tshark(packet: Packet) -> dict[str, str]:
    """The fields of expected.json from our objects."""
    body = packet.body
    kinds = (Hello, DatabaseDescription, LinkStateRequest, LinkStateUpdate, LinkStateAck)
    row = {
        "msg": str(kinds.index(type(body)) + 1),  # type: ignore[arg-type]
        "srcrouter": address_text(packet.router_id),
        "area_id": address_text(packet.area),
    }
    if isinstance(body, Hello):
        row |= {
            "hello.network_mask": dotted(body.mask),
            "hello.hello_interval": str(body.hello_interval),
            "hello.router_dead_interval": str(body.dead_interval),
            "hello.router_priority": str(body.priority),
            "hello.designated_router": dotted(body.designated_router),
            "hello.backup_designated_router": dotted(body.backup_designated_router),
            "hello.active_neighbor": dotted(*body.neighbors),
        }
    if isinstance(body, DatabaseDescription):
        row |= {"db.interface_mtu": str(body.mtu), "db.dd_sequence": str(body.sequence)}
    if isinstance(body, LinkStateRequest):
        row |= {
            "lsa": ",".join(str(key[0]) for key in body.keys),
            "lsa.id": dotted(*(key[1] for key in body.keys)),
            "advrouter": dotted(*(key[2] for key in body.keys)),
        }
    headers = headers_of(body)
    if headers:
        row |= {
            "lsa": ",".join(str(h.type) for h in headers),
            "lsa.id": dotted(*(h.link_state_id for h in headers)),
            "advrouter": dotted(*(h.advertising_router for h in headers)),
            "lsa.seqnum": ",".join(f"0x{h.sequence & 0xFFFFFFFF:08x}" for h in headers),
            "lsa.chksum": ",".join(f"0x{h.checksum:04x}" for h in headers),
            "lsa.length": ",".join(str(h.length) for h in headers),
        }
    if isinstance(body, LinkStateUpdate):
        links = [link for each in body.lsas if isinstance(each.body, RouterLsa) for link in each.body.links]
        ends = [r for each in body.lsas if isinstance(each.body, NetworkLsa) for r in each.body.attached]
        row |= {
            "lsa.router.metric0": ",".join(str(link.metric) for link in links),
            "lsa.network.attchrtr": dotted(*ends),
        }
    return {key: value for key, value in row.items() if value}


def test_the_capture_decodes_as_tshark_reads_it() -> None:
    seen = [as_tshark(decode_packet(ip_payload(ip)[2])) for _, ip in frames(CAPTURE / "in.pcap")]
    assert len(seen) == len(EXPECTED["frames"]) == 95
    for number, (ours, theirs) in enumerate(zip(seen, EXPECTED["frames"], strict=True), 1):
        assert {key: ours.get(key) for key in theirs} == theirs, f"frame {number}"


def test_the_capture_encodes_back_octet_for_octet() -> None:
    for _, ip in frames(CAPTURE / "in.pcap"):
        _, _, payload = ip_payload(ip)
        packet = decode_packet(payload)
        assert encode_packet(packet.body, router_id=packet.router_id, area=packet.area) == payload
        if isinstance(packet.body, LinkStateUpdate):
            assert not packet.body.refused
            for each in packet.body.lsas:
                h = each.header
                again = encode_lsa(
                    type=h.type,
                    link_state_id=h.link_state_id,
                    advertising_router=h.advertising_router,
                    body=each.body,
                    sequence=h.sequence,
                    age=h.age,
                    options=h.options,
                )
                assert again == each


def test_a_passive_listener_ends_with_the_database_of_frr() -> None:
    listener = Listener(AttachConfig("lan", mode="passive"), 0.0)
    now = 0.0
    for now, ip in frames(CAPTURE / "in.pcap"):
        listener.receive(ip, now)
        listener.handle_timeout(now)
    rows = [
        [h.type, address_text(h.link_state_id), address_text(h.advertising_router), h.sequence & 0xFFFFFFFF, h.checksum]
        for h in (each.header for each in listener.lsdb.lsas(now))
    ]
    assert sorted(rows) == EXPECTED["database"]
    stats = listener.stats
    assert (stats.malformed, stats.lsas_refused, stats.sent) == (0, 0, 0)
    # three routers, and our own burst of then as a fourth
    assert {address_text(n.router_id) for n in listener.neighbors} == {f"10.98.0.{i}" for i in (1, 2, 3)}
    assert stats.duplicate_router_id > 0


def dissect(payload: bytes) -> Any:
    pytest.importorskip("scapy.contrib.ospf")
    from scapy.contrib.ospf import OSPF_Hdr

    return OSPF_Hdr(payload)


def as_scapy(h: LsaHeader) -> tuple[int | str, ...]:
    ends = (dotted(h.link_state_id), dotted(h.advertising_router))
    return (h.age, h.options, h.type, *ends, h.sequence & 0xFFFFFFFF, h.checksum, h.length)


def compare_with_scapy(payload: bytes) -> None:
    ours, theirs = decode_packet(payload), dissect(payload)
    body, inner = ours.body, theirs.payload
    assert (address_text(ours.router_id), address_text(ours.area)) == (theirs.src, theirs.area)
    if isinstance(body, Hello):
        assert (dotted(body.mask), body.hello_interval, body.priority, body.dead_interval) == (
            inner.mask,
            inner.hellointerval,
            inner.prio,
            inner.deadinterval,
        )
        assert (dotted(body.designated_router), dotted(body.backup_designated_router)) == (inner.router, inner.backup)
        assert [dotted(each) for each in body.neighbors] == inner.neighbors
    elif isinstance(body, LinkStateRequest):
        assert [(k[0], dotted(k[1]), dotted(k[2])) for k in body.keys] == [
            (item.type, item.id, item.adrouter) for item in inner.requests
        ]
    else:
        listed = inner.lsalist if isinstance(body, LinkStateUpdate) else inner.lsaheaders
        mine = [as_scapy(header) for header in headers_of(body)]
        assert mine == [(h.age, int(h.options), h.type, h.id, h.adrouter, h.seq, h.chksum, h.len) for h in listed]
    if isinstance(body, DatabaseDescription):
        assert (body.mtu, body.flags, body.sequence) == (inner.mtu, int(inner.dbdescr), inner.ddseq)
    if isinstance(body, LinkStateUpdate):
        for mine, other in zip(body.lsas, inner.lsalist, strict=True):
            compare_bodies(mine, other)


def compare_bodies(mine: Lsa, other: Any) -> None:
    body = mine.body
    if isinstance(body, RouterLsa):
        assert body.flags == int(other.flags)
        assert [(dotted(k.link_id), dotted(k.link_data), k.type, k.metric) for k in body.links] == [
            (k.id, k.data, k.type, k.metric) for k in other.linklist
        ]
    elif isinstance(body, NetworkLsa):
        assert (dotted(body.mask), [dotted(r) for r in body.attached]) == (other.mask, other.routerlist)
    elif isinstance(body, SummaryLsa):
        assert (dotted(body.mask), body.metric) == (other.mask, other.metric)
    elif isinstance(body, ExternalLsa):
        assert (dotted(body.mask), body.type2, body.metric) == (other.mask, bool(other.ebit), other.metric)
        assert (dotted(body.forwarding_address), body.tag) == (other.fwdaddr, other.tag)


def test_scapy_reads_the_capture_as_we_do() -> None:
    for _, ip in frames(CAPTURE / "in.pcap"):
        compare_with_scapy(bytes(ip_payload(ip)[2]))


@pytest.mark.parametrize("body", ENCODED, ids=lambda body: type(body).__name__)
def test_scapy_reads_what_we_encode(body: PacketBody) -> None:
    compare_with_scapy(encode_packet(body, router_id=0x0A620002, area=5))


def test_scapy_computes_our_checksums() -> None:
    pytest.importorskip("scapy.contrib.ospf")
    from scapy.contrib.ospf import ospf_lsa_checksum

    for each in LSAS:
        assert int.from_bytes(ospf_lsa_checksum(each.raw), "big") == each.header.checksum


@pytest.mark.peer
def test_tshark_finds_nothing_wrong_with_what_we_encode(tmp_path: Path) -> None:
    tshark = require_programs("tshark")["tshark"]
    path = tmp_path / "ours.pcap"
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)  # raw IP
    for body in ENCODED:
        packet = build_ip_packet(0x0A620002, 0xE0000005, encode_packet(body, router_id=0x0A620002, area=5))
        octets += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet
    path.write_bytes(octets)
    command = [tshark, "-r", str(path), "-o", "ip.check_checksum:TRUE", "-V"]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert text.count("Open Shortest Path First") == len(ENCODED)
    assert text.count("[correct]") >= 2 * len(ENCODED)  # IP header and OSPF checksums
    for complaint in ("alformed", "incorrect", "Expert Info", "Unknown", "[Bogus"):
        assert complaint not in text, [line for line in text.splitlines() if complaint in line]
