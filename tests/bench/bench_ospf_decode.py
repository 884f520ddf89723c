"""LSAs decoded per second, checksums verified, beside scapy.contrib.ospf (which does not verify unless asked).

Router-LSAs of four links, network-LSAs and externals, 30 to a Link State Update, as a large database comes in.
`python -m tests.bench.bench_ospf_decode` prints the rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ospf.config import AttachConfig
from ospf.listener import Listener
from ospf.lsa import ExternalLsa, Lsa, NetworkLsa, RouterLink, RouterLsa, encode_lsa
from ospf.packets import LinkStateUpdate, build_ip_packet, decode_packet, encode_packet

UPDATES = 200
LSAS_PER_UPDATE = 30
SECONDS = 1.0  # per measurement


def database() -> list[Lsa]:
    lsas = []
    for number in range(UPDATES * LSAS_PER_UPDATE):
        links = tuple(RouterLink(number + i, 0x0A000000 + i, 1 + i % 3, 10) for i in range(4))
        body = (
            RouterLsa(0, links)
            if number % 3 == 0
            else NetworkLsa(0xFFFFFF00, (number, number + 1))
            if number % 3 == 1
            else ExternalLsa(0xFFFFFF00, 20, True, 0, 0)
        )
        kind = (1, 2, 5)[number % 3]
        lsas.append(encode_lsa(type=kind, link_state_id=number, advertising_router=number + 1, body=body))
    return lsas


def per_second(work: Callable[[int], int]) -> float:
    """Best of repeated runs: items per second; `work(i)` does the i-th packet and returns its items."""
    done, number, began = 0, 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        done += work(number % UPDATES)
        number += 1
    return done / spent


def row(what: str, ours: float, peer: float, unit: str) -> dict[str, object]:
    if not peer:
        return {"what": what, "ours": round(ours), "peer": "", "unit": unit, "ratio": ""}
    return {
        "what": what,
        "ours": round(ours),
        "peer": round(peer),
        "unit": unit,
        "ratio": round(ours / peer, 1),
    }


def run() -> list[dict[str, object]]:
    """Rows what, ours, peer, unit, ratio; about five seconds."""
    from scapy.contrib.ospf import OSPF_Hdr, ospf_lsa_checksum

    lsas = database()
    groups = [tuple(lsas[at : at + LSAS_PER_UPDATE]) for at in range(0, len(lsas), LSAS_PER_UPDATE)]
    payloads = [encode_packet(LinkStateUpdate(group), router_id=1, area=0) for group in groups]
    packets = [build_ip_packet(0x0A000001, 0xE0000005, payload) for payload in payloads]

    def ours(number: int) -> int:
        body = decode_packet(payloads[number]).body
        assert isinstance(body, LinkStateUpdate) and not body.refused
        return len(body.lsas)

    def scapy(number: int) -> int:
        return len(OSPF_Hdr(payloads[number]).payload.lsalist)

    def scapy_checked(number: int) -> int:
        listed = OSPF_Hdr(payloads[number]).payload.lsalist
        for each in listed:
            raw = bytes(each)
            assert ospf_lsa_checksum(raw) == raw[16:18]
        return len(listed)

    listener = Listener(AttachConfig("bench", mode="passive"), 0.0)

    def listen(number: int) -> int:
        listener.receive(packets[number], 1.0)
        while listener.next_event() is not None:
            pass
        return LSAS_PER_UPDATE

    decoded = per_second(ours)
    return [
        row("OSPF: decode LSAs, checksums verified (peer: scapy, unverified)", decoded, per_second(scapy), "LSA/s"),
        row(
            "OSPF: decode LSAs, checksums verified (peer: scapy, verified)", decoded, per_second(scapy_checked), "LSA/s"
        ),
        row("OSPF: packet to database, known LSAs", per_second(listen), 0, "LSA/s"),
    ]


if __name__ == "__main__":
    for each in run():
        print(each)
