"""Real packets to begin with: the captures in tests/captures, and what scapy builds of every type of version 2.

`FUZZ_CAPTURES=DIRECTORY` adds the captures there; then cases are others than without.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ospf.capture import read_capture
from ospf.errors import OspfCaptureError, OspfError
from ospf.packets import build_ip_packet, ip_payload
from ospf.v3 import lsa as v3
from ospf.v3.ip6 import ip6_payload
from ospf.v3.prefix import Prefix

CAPTURES = Path(__file__).parents[1] / "captures"
HEADER, HEADER3 = 24, 16  # octets of a packet's header
MAX_SEEDS = 60  # per decoder: more of the same teach nothing
UPDATE = 4


def captured() -> tuple[list[bytes], list[bytes]]:
    """IPv4 and IPv6 packets of protocol 89."""
    four: list[bytes] = []
    six: list[bytes] = []
    folders = [*sorted(CAPTURES.glob("ospf*")), *map(Path, filter(None, [os.environ.get("FUZZ_CAPTURES")]))]
    for path in [file for folder in folders for file in sorted(folder.glob("*.pcap*"))]:
        try:
            for frame in read_capture(path):
                packet = frame.packet
                if len(packet) > 20 and packet[0] >> 4 == 4 and packet[9] == 89:
                    four.append(packet)
                elif len(packet) > 40 and packet[0] >> 4 == 6:
                    six.append(packet)
        except OspfCaptureError:
            continue  # some end in the middle; what is whole was read
    return four, six


def payloads(packets: list[bytes], *, version: int) -> Iterator[bytes]:
    for packet in packets:
        try:
            yield bytes((ip_payload if version == 2 else ip6_payload)(packet)[2])
        except OspfError:
            continue


def lsas_of(payload: bytes, *, version: int) -> Iterator[bytes]:
    """The LSAs of a Link State Update, as far as their lengths allow to find them."""
    if len(payload) < HEADER or payload[1] != UPDATE:
        return
    at = (HEADER if version == 2 else HEADER3) + 4
    while at + 20 <= len(payload):
        length = int.from_bytes(payload[at + 18 : at + 20], "big")
        if not 20 <= length <= len(payload) - at:
            return
        yield payload[at : at + length]
        at += length


def made_by_scapy() -> list[bytes]:
    """OSPFv2 packets of all types; updates with LSAs of types 1-5, 7 and 9-11."""
    from scapy.contrib import ospf as s

    ends = {"id": "10.1.2.3", "adrouter": "10.9.8.7", "seq": 0x80000005, "age": 7}
    router = s.OSPF_Router_LSA(
        flags=3,
        linklist=[
            s.OSPF_Link(id="10.0.0.2", data="10.1.0.1", type=1, metric=10),
            s.OSPF_Link(id="10.2.0.0", data="255.255.255.0", type=3, metric=1),
            s.OSPF_Link(id="10.3.0.1", data="10.3.0.2", type=2, toscount=2, metric=5) / b"",
        ],
        **ends,
    )
    plain = s.OSPF_Router_LSA(
        linklist=[s.OSPF_Link(id=f"10.0.0.{i}", data=f"10.1.{i}.1", type=1 + i % 4, metric=i) for i in range(12)],
        **ends,
    )
    lsas: list[Any] = [
        router,
        plain,
        s.OSPF_Network_LSA(mask="255.255.255.0", routerlist=["10.0.0.1", "10.0.0.2", "10.0.0.3"], **ends),
        s.OSPF_SummaryIP_LSA(mask="255.255.0.0", metric=77, **ends),
        s.OSPF_SummaryASBR_LSA(mask="0.0.0.0", metric=3, **ends),
        s.OSPF_External_LSA(mask="255.0.0.0", ebit=1, metric=20, fwdaddr="10.4.4.4", tag=9, **ends),
        s.OSPF_NSSA_External_LSA(mask="255.255.255.252", ebit=0, metric=1, fwdaddr="10.4.4.4", tag=1, **ends),
    ]
    octets = [bytes(lsa) for lsa in lsas]
    for kind, first in ((9, 3), (10, 1), (10, 4), (11, 4), (6, 0)):  # grace, traffic engineering, router information
        data = GRACE if first == 3 else TRAFFIC_ENGINEERING if first == 1 else ROUTER_INFORMATION
        header = bytes((0, 7, 0x42, kind, first, 0, 0, 1)) + bytes((10, 9, 8, 7, 0x80, 0, 0, 5, 0, 0))
        raw = header + (20 + len(data)).to_bytes(2, "big") + data
        octets.append(raw[:16] + s.ospf_lsa_checksum(raw) + raw[18:])
    head = {"src": "10.9.8.7", "area": "0.0.0.1"}
    headers = [s.OSPF_LSA_Hdr(raw[:20]) for raw in octets]
    packets = [
        s.OSPF_Hdr(**head) / s.OSPF_Hello(router="10.1.0.1", backup="10.1.0.2", neighbors=["10.0.0.1", "10.0.0.2"]),
        s.OSPF_Hdr(**head) / s.OSPF_DBDesc(ddseq=99, dbdescr=7),
        s.OSPF_Hdr(**head) / s.OSPF_DBDesc(ddseq=100, dbdescr=2, lsaheaders=headers),
        s.OSPF_Hdr(**head) / s.OSPF_LSReq(requests=[s.OSPF_LSReq_Item(type=t, id="10.1.2.3") for t in (1, 2, 5)]),
        s.OSPF_Hdr(**head) / s.OSPF_LSAck(lsaheaders=headers),
    ]
    update = len(octets).to_bytes(4, "big") + b"".join(octets)
    packets.append(s.OSPF_Hdr(type=UPDATE, **head) / update)
    packets += [s.OSPF_Hdr(type=UPDATE, **head) / (b"\0\0\0\1" + raw) for raw in octets]
    return [bytes(packet) for packet in packets]


GRACE = bytes.fromhex("00010004000000780002000101000000000300040a010001")  # RFC 3623 B
ROUTER_INFORMATION = bytes.fromhex("00010004f0000000")  # RFC 7770
TRAFFIC_ENGINEERING = bytes.fromhex(  # RFC 3630: a link of type 1 with addresses, metric, bandwidths, delay (RFC 7471)
    "0002005c"
    "0001000101000000000200040a000002000300040a010001000400040a010002"
    "000500040000000a000600044cbebc20000700044cbebc20"
    "0009000400000001001b00040000000a001c0008000000050000000f"
    "001d000400000002"
)


def made_for_version_3() -> list[bytes]:
    """LSAs of version 3 of all types, in case the captures lack one."""
    prefix = Prefix(0x20010DB8 << 96, 48, 0, 0)
    bodies: list[tuple[int, v3.Body]] = [
        (v3.ROUTER, v3.RouterLsa(3, 0x13, (v3.RouterLink(1, 10, 1, 2, 0x0A000001),) * 3)),
        (v3.NETWORK, v3.NetworkLsa(0x13, (1, 2, 3))),
        (v3.INTER_AREA_PREFIX, v3.InterAreaPrefixLsa(5, prefix)),
        (v3.INTER_AREA_ROUTER, v3.InterAreaRouterLsa(0x13, 6, 7)),
        (v3.AS_EXTERNAL, v3.ExternalLsa(20, True, prefix, 1 << 64, 77)),
        (v3.NSSA, v3.ExternalLsa(20, False, prefix)),
        (v3.LINK, v3.LinkLsa(1, 0x13, 0xFE80 << 112 | 1, (prefix, prefix))),
        (v3.INTRA_AREA_PREFIX, v3.IntraAreaPrefixLsa(v3.ROUTER, 0, 1, (prefix,) * 3)),
        (0x800B, v3.UnknownLsa(GRACE)),
        (0xA00C, v3.UnknownLsa(ROUTER_INFORMATION)),
    ]
    return [v3.encode_lsa(type=kind, link_state_id=1, advertising_router=2, body=body).raw for kind, body in bodies]


def as_ip(payload: bytes) -> bytes:
    return build_ip_packet(0x0A000001, 0xE0000005, payload)
