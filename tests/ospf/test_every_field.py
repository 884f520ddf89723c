"""Every field of every LSA type as scapy and tshark read it: over generated LSAs, and over captures of real routers."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest

from ospf.capture import read_capture
from ospf.errors import OspfCaptureError, OspfDecodeError
from ospf.lsa import (
    DO_NOT_AGE,
    MAX_AGE,
    Body,
    ExternalLsa,
    Lsa,
    NetworkLsa,
    OpaqueLsa,
    RouterLink,
    RouterLsa,
    SummaryLsa,
    decode_lsa,
    encode_lsa,
)
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
    ip_payload,
)
from ospf.wire import address_text, length_mask, lsa_checksum
from tests.ospf.test_oracles import as_scapy, dissect
from tests.ospf.v2_words import our_words, read_with_tshark
from tests.require import require_programs

CAPTURES = Path(__file__).parents[1] / "captures"
READ = {  # how many packets we decode, and how many we refuse
    "ospf-lan/in.pcap": (95, 0),
    "ospf2-tcpdump/OSPFv2_Capture_FINAL.pcapng": (30, 0),
    "ospf2-tcpdump/ospf-gmpls.pcap": (3, 0),
    "ospf2-tcpdump/ospf-nssa-bitnt.pcap": (1, 0),
    "ospf2-tcpdump/ospf-sr-ri-sid.pcap": (0, 1),  # its IP header checksum is wrong
    "ospf2-tcpdump/ospf2-seg-fault-1.pcapng": (0, 1),  # broken on purpose
}
TYPES = (1, 2, 3, 4, 5, 7, 9, 10, 11)
OPAQUE_ID = 200  # an opaque type nobody dissects
EACH = 40  # LSAs of each type
U32 = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
U24 = (0, 1, 0x7FFFFF, 0x800000, 0xFFFFFE, 0xFFFFFF)
U16 = (0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)


class Dice:
    """Random numbers, with those at the edges more often than they deserve."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def of(self, edges: tuple[int, ...], bits: int) -> int:
        return self.rng.choice(edges) if self.rng.random() < 0.3 else self.rng.getrandbits(bits)

    def u32(self) -> int:
        return self.of(U32, 32)

    def mask(self) -> int:
        return length_mask(self.rng.randrange(33))

    def body(self, kind: int) -> Body:
        rng = self.rng
        if kind == 1:
            links = [
                RouterLink(self.u32(), self.u32(), rng.choice((1, 2, 3, 4, 0, 5, 255)), self.of(U16, 16))
                for _ in range(rng.choice((0, 1, 2, 5, 31, 32, 33, 34, 80)))
            ]
            return RouterLsa(rng.getrandbits(8), tuple(links))
        if kind == 2:
            return NetworkLsa(self.mask(), tuple(self.u32() for _ in range(rng.randrange(1, 9))))
        if kind == 3:
            return SummaryLsa(self.mask(), self.of(U24, 24))
        if kind == 4:
            return SummaryLsa(self.u32(), self.of(U24, 24))
        if kind in (5, 7):
            return ExternalLsa(self.mask(), self.of(U24, 24), rng.random() < 0.5, self.u32(), self.u32())
        return OpaqueLsa(rng.randbytes(4 * rng.randrange(12)))

    def lsa(self, kind: int) -> Lsa:
        lsa = encode_lsa(
            type=kind,
            link_state_id=OPAQUE_ID << 24 | self.of(U24, 24) if kind in (9, 10, 11) else self.u32(),
            advertising_router=self.u32(),
            body=self.body(kind),
            sequence=max(self.u32() - (1 << 31), 1 - (1 << 31)),
            age=self.rng.choice((0, 1, 1800, MAX_AGE - 1, MAX_AGE, DO_NOT_AGE | 7)),
            options=self.rng.getrandbits(8),
        )
        return with_tos(lsa, self.rng) if kind == 1 and self.rng.random() < 0.2 else lsa


def with_tos(lsa: Lsa, rng: random.Random) -> Lsa:
    """The same router-LSA with TOS metrics on some links, which `encode_lsa` never writes."""
    assert isinstance(lsa.body, RouterLsa)
    raw = bytearray(lsa.raw[:24])
    for link in lsa.body.links:
        count = rng.randrange(3)
        raw += (
            struct.pack("!IIBBH", link.link_id, link.link_data, link.type, count, link.metric) + b"\x08\0\0\5" * count
        )
    raw[18:20] = len(raw).to_bytes(2, "big")
    raw[16:18] = lsa_checksum(raw).to_bytes(2, "big")
    return decode_lsa(bytes(raw))


def has_tos(lsa: Lsa) -> bool:
    return isinstance(lsa.body, RouterLsa) and len(lsa.raw) != 24 + 12 * len(lsa.body.links)


@pytest.fixture(scope="module")
def lsas() -> list[Lsa]:
    dice = Dice(4)
    return [dice.lsa(kind) for _ in range(EACH) for kind in TYPES]


def bodies(lsas: list[Lsa]) -> list[PacketBody]:
    """Packets of all types around the LSAs, none larger than an IP packet may be."""
    made: list[PacketBody] = []
    for at in range(0, len(lsas), 9):
        some = tuple(lsas[at : at + 9])
        headers = tuple(lsa.header for lsa in some)
        made += [
            LinkStateUpdate(some),
            LinkStateAck(headers),
            DatabaseDescription(at, at & 255, at & 7, at << 20, headers),
            LinkStateRequest(tuple(lsa.key for lsa in some)),
            Hello(
                0xFFFFFF00, at, at & 255, 255 - at % 256, at << 12, *(lsa.header.link_state_id for lsa in some[:2]),
                tuple(h.advertising_router for h in headers),
            ),
        ]  # fmt: skip
    return made


def compare(mine: Lsa, other: Any) -> None:
    """Every field of an LSA with scapy's."""
    body = mine.body
    header = (other.age, int(other.options), other.type, other.id, other.adrouter, other.seq, other.chksum, other.len)
    assert as_scapy(mine.header) == header
    if isinstance(body, RouterLsa):
        assert (body.flags, len(body.links)) == (int(other.flags) | other.reserved << 8, other.linkcount)
        assert [(address_text(k.link_id), address_text(k.link_data), k.type, k.metric) for k in body.links] == [
            (k.id, k.data, k.type, k.metric) for k in other.linklist
        ]
    elif isinstance(body, NetworkLsa):
        assert (address_text(body.mask), [address_text(r) for r in body.attached]) == (other.mask, other.routerlist)
    elif isinstance(body, SummaryLsa):
        assert (address_text(body.mask), body.metric) == (other.mask, other.metric)
    elif isinstance(body, ExternalLsa):
        assert (address_text(body.mask), body.type2, body.metric, address_text(body.forwarding_address), body.tag) == (
            other.mask, bool(other.ebit), other.metric, other.fwdaddr, other.tag,
        )  # fmt: skip
    else:
        assert body.data == other.data


def test_scapy_reads_every_field_as_we_do(lsas: list[Lsa]) -> None:
    seen = []
    for lsa in lsas:
        if has_tos(lsa):
            continue  # scapy does not know them
        theirs = dissect(encode_packet(LinkStateUpdate((lsa,)), router_id=1, area=0)).payload.lsalist
        assert len(theirs) == 1
        ours = decode_lsa(lsa.raw)
        assert ours == lsa
        compare(ours, theirs[0])
        seen.append(lsa.header.type)
    assert set(seen) == set(TYPES) and len(seen) > 300


def test_scapy_computes_our_checksums(lsas: list[Lsa]) -> None:
    from scapy.contrib.ospf import ospf_lsa_checksum

    for lsa in lsas:
        assert int.from_bytes(ospf_lsa_checksum(lsa.raw), "big") == lsa.header.checksum


@pytest.mark.peer
def test_tshark_reads_every_field_as_we_do(lsas: list[Lsa], tmp_path: Path) -> None:
    tshark = require_programs("tshark")["tshark"]
    payloads = [encode_packet(body, router_id=0x0A620002, area=5) for body in bodies(lsas)]
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)  # raw IP
    for payload in payloads:
        packet = build_ip_packet(0x0A620002, 0xE0000005, payload)
        octets += struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet
    path = tmp_path / "ours.pcap"
    path.write_bytes(octets)
    theirs = read_with_tshark(tshark, path)
    assert len(theirs) == len(payloads) == 5 * EACH
    for number, (payload, words) in enumerate(zip(payloads, theirs, strict=True), 1):
        assert our_words(decode_packet(payload)) == words, f"frame {number}"


@pytest.mark.peer
@pytest.mark.parametrize("name", READ)
def test_tshark_reads_the_captures_as_we_do(name: str) -> None:
    tshark, path = require_programs("tshark")["tshark"], CAPTURES / name
    theirs = iter(read_with_tshark(tshark, path))
    compared = refused = 0
    try:
        for frame in read_capture(path):
            if len(frame.packet) < 20 or frame.packet[0] >> 4 != 4 or frame.packet[9] != 89:
                continue
            words = next(theirs)
            try:
                packet = decode_packet(ip_payload(frame.packet)[2])
            except OspfDecodeError:
                refused += 1
                continue
            if isinstance(packet.body, LinkStateUpdate) and packet.body.refused:
                refused += 1
                continue
            assert our_words(packet) == words, f"frame {frame.number}"
            compared += 1
    except OspfCaptureError:
        pass  # the file ends in the middle
    assert (compared, refused) == READ[name]


def test_the_usual_and_the_slow_way_to_a_router_lsa_agree() -> None:
    """Up to 32 links without TOS metrics take one unpacking; more, or with TOS metrics, another way."""
    dice = Dice(7)
    for count in range(70):
        links = tuple(
            RouterLink(dice.u32(), dice.u32(), dice.rng.getrandbits(8), dice.of(U16, 16)) for _ in range(count)
        )
        lsa = encode_lsa(type=1, link_state_id=1, advertising_router=1, body=RouterLsa(count, links))
        assert decode_lsa(lsa.raw).body == lsa.body
        assert with_tos(lsa, dice.rng).body == lsa.body
