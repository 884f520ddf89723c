"""LSAs decoded per CPU second with every check, beside scapy.contrib.ospf, in turns in one run.

Ours: `decode_packet`, i.e. packet checksum, Fletcher checksum of every LSA, lengths, masks, and every field
built. scapy: `OSPF_Hdr(payload)`, which builds every field of every LSA and link too (addresses as text) but
verifies nothing; "verified" adds `ospf_lsa_checksum` over each LSA's octets as they came. No payload is decoded
twice in a row, nothing is remembered. Both are compared field by field in tests/ospf/test_every_field.py.
`python -m tests.bench.bench_ospf_decode` prints the rows.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from statistics import median

from ospf.config import AttachConfig
from ospf.listener import Listener
from ospf.lsa import (
    Body,
    ExternalLsa,
    Lsa,
    NetworkLsa,
    RouterLink,
    RouterLsa,
    SummaryLsa,
    decode_lsa,
    encode_lsa,
)
from ospf.packets import LinkStateUpdate, build_ip_packet, decode_packet, encode_packet

UPDATES = 200
LSAS_PER_UPDATE = 10
LINKS = 6
TURNS = 15
SECONDS = 0.06  # per turn


def router_lsas(rng: random.Random) -> list[Lsa]:
    """Router-LSAs of six links, ten to an update: what a large area floods."""
    return [
        encode_lsa(
            type=1,
            link_state_id=0x0A000001 + number,
            advertising_router=0x0A000001 + number,
            body=RouterLsa(
                number % 4,
                tuple(RouterLink(rng.getrandbits(32), rng.getrandbits(32), 1 + i % 3, 10 + i) for i in range(LINKS)),
            ),
        )
        for number in range(UPDATES * LSAS_PER_UPDATE)
    ]


def mixed_lsas(rng: random.Random) -> list[Lsa]:
    """Types 1, 2, 3, 4, 5 and 7 in turn."""
    lsas = []
    for number in range(UPDATES * LSAS_PER_UPDATE):
        kind = (1, 2, 3, 4, 5, 7)[number % 6]
        words = [rng.getrandbits(32) for _ in range(8)]
        body: Body
        if kind == 1:
            body = RouterLsa(0, tuple(RouterLink(words[i], words[i + 1], 1 + i % 3, 10) for i in range(4)))
        elif kind == 2:
            body = NetworkLsa(0xFFFFFF00, tuple(words[:3]))
        elif kind in (3, 4):
            body = SummaryLsa(0xFFFFFF00, words[0] >> 8)
        else:
            body = ExternalLsa(0xFFFFFF00, words[0] >> 8, True, words[1], words[2])
        lsas.append(encode_lsa(type=kind, link_state_id=words[6], advertising_router=words[7], body=body))
    return lsas


def updates(lsas: Sequence[Lsa]) -> list[bytes]:
    groups = [tuple(lsas[at : at + LSAS_PER_UPDATE]) for at in range(0, len(lsas), LSAS_PER_UPDATE)]
    return [encode_packet(LinkStateUpdate(group), router_id=1, area=0) for group in groups]


def in_turns(*works: Callable[[int], int]) -> list[list[float]]:
    """Items per CPU second of each, turn by turn; `work(i)` does the i-th packet.

    Another program slows both sides of a turn alike, so ratios are compared within turns.
    """
    rates: list[list[float]] = [[] for _ in works]
    numbers = [0] * len(works)
    for _ in range(TURNS):
        for which, work in enumerate(works):
            done, began = 0, time.process_time()
            while (spent := time.process_time() - began) < SECONDS:
                done += work(numbers[which] % UPDATES)
                numbers[which] += 1
            rates[which].append(done / spent)
    return rates


def row(what: str, ours: list[float], peer: list[float], unit: str) -> dict[str, object]:
    if not peer:
        return {"what": what, "ours": round(median(ours)), "peer": "", "unit": unit, "ratio": ""}
    ratio = median(mine / theirs for mine, theirs in zip(ours, peer, strict=True))
    return {
        "what": what,
        "ours": round(median(ours)),
        "peer": round(median(peer)),
        "unit": unit,
        "ratio": round(ratio, 1),
    }


def decode_rows(what: str, lsas: Sequence[Lsa]) -> list[dict[str, object]]:
    from scapy.contrib.ospf import OSPF_Hdr, ospf_lsa_checksum

    payloads = updates(lsas)

    def ours(number: int) -> int:
        body = decode_packet(payloads[number]).body
        assert isinstance(body, LinkStateUpdate) and not body.refused
        return len(body.lsas)

    def scapy(number: int) -> int:
        return len(OSPF_Hdr(payloads[number]).payload.lsalist)

    def scapy_checked(number: int) -> int:
        payload = payloads[number]
        at = 28
        for _ in OSPF_Hdr(payload).payload.lsalist:
            raw = payload[at : at + int.from_bytes(payload[at + 18 : at + 20], "big")]
            assert ospf_lsa_checksum(raw) == raw[16:18]
            at += len(raw)
        return LSAS_PER_UPDATE

    mine, plain, checked = in_turns(ours, scapy, scapy_checked)
    return [
        row(f"OSPF: decode {what}, all checks (peer: scapy, no checksums verified)", mine, plain, "LSA/s"),
        row(f"OSPF: decode {what}, all checks (peer: scapy, LSA checksums verified)", mine, checked, "LSA/s"),
    ]


def run() -> list[dict[str, object]]:
    """Rows what, ours, peer, unit, ratio; about eight seconds."""
    rng = random.Random(3)
    routers = router_lsas(rng)
    rows = decode_rows("router-LSAs of 6 links, 10 to an update", routers)
    rows += decode_rows("LSAs of types 1-5 and 7, 10 to an update", mixed_lsas(rng))
    long = encode_lsa(
        type=1,
        link_state_id=1,
        advertising_router=1,
        body=RouterLsa(0, tuple(RouterLink(i, i, 1, 10) for i in range(1000))),
    ).raw
    packets = [build_ip_packet(0x0A000001, 0xE0000005, payload) for payload in updates(routers)]
    listener = Listener(AttachConfig("bench", mode="passive"), 0.0)

    def listen(number: int) -> int:
        listener.receive(packets[number], 1.0)
        while listener.next_event() is not None:
            pass
        return LSAS_PER_UPDATE

    def links(_: int) -> int:
        return len(decode_lsa(long).body.links)  # type: ignore[union-attr]

    heard, linked = in_turns(listen, links)
    rows.append(row("OSPF: packet to database, known LSAs", heard, [], "LSA/s"))
    rows.append(row("OSPF: links of a router-LSA of 1,000", linked, [], "links/s"))
    return rows


if __name__ == "__main__":
    for each in run():
        print(each)
