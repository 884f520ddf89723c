"""An OSPFv2 packet as "label value" words, every field in the order of the wire: ours, and tshark's from `-V`.

What an opaque LSA holds, TOS metrics and what follows the packet (LLS) are left out on both sides.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ospf.lsa import (
    DO_NOT_AGE,
    ExternalLsa,
    Lsa,
    LsaHeader,
    NetworkLsa,
    OpaqueLsa,
    RouterLsa,
    SummaryLsa,
)
from ospf.packets import DatabaseDescription, Hello, LinkStateAck, LinkStateRequest, LinkStateUpdate, Packet
from ospf.wire import address_text

KINDS = (Hello, DatabaseDescription, LinkStateRequest, LinkStateUpdate, LinkStateAck)
OF_PACKET = (
    "Message Type", "Source OSPF Router", "Area ID", "Auth Type", "Network Mask", "Hello Interval [sec]", "Options",
    "Router Priority", "Router Dead Interval [sec]", "Designated Router", "Backup Designated Router", "Active Neighbor",
    "Interface MTU", "DB Description", "DD Sequence", "Number of LSAs",
)  # fmt: skip
OF_HEADER = (
    "LS Age (seconds)", "Do Not Age Flag", "Options", "LS Type", "Link State ID", "Link State ID Opaque Type",
    "Link State ID Opaque ID", "Link State ID TE-LSA Reserved", "Link State ID TE-LSA Instance", "Advertising Router",
    "Sequence Number", "Checksum", "Length",
)  # fmt: skip
OF_BODY = (
    "Flags", "Number of Links", "Link ID", "Link Data", "Link Type", "0 Metric", "Netmask",
    "Attached Router", "Metric", "External Type", "Forwarding Address", "External Route Tag",
)  # fmt: skip
LINE = re.compile(r"^(?:[.01 ]+ = )?(?P<label>[A-Z0-9][^:=]*): (?P<value>.*)$")


def read_with_tshark(tshark: str, path: Path) -> list[list[str]]:
    """The words of every OSPF packet of a capture."""
    text = subprocess.run(
        [tshark, "-r", str(path), "-V"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    packets: list[list[str]] = []
    inside, wanted = False, OF_PACKET
    for line in text.splitlines():
        if line and not line.startswith(" "):
            inside = line.startswith("Open Shortest Path First")
            if inside:
                packets.append([])
                wanted = OF_PACKET
            continue
        line = line.strip()
        inside = inside and line != "OSPF LLS Data Block"
        if not inside:
            continue
        if line.startswith("LSA-type") or line == "LSA Header" or line == "Link State Request":
            wanted = (*OF_HEADER, *OF_BODY)
        match = LINE.match(line)
        if match is None or match["label"] not in wanted:
            continue
        label, value = match["label"], _value(match["value"])
        if label == "Metric" and packets[-1][-1].startswith("Metric"):
            continue  # a TOS metric of a summary- or external-LSA
        packets[-1].append(f"{label} {value}")
        if label == "Length" and any(f"LS Type {kind}" in packets[-1][-8:] for kind in (9, 10, 11)):
            wanted = OF_PACKET[:0]  # what an opaque LSA holds is somebody else's
    return packets


def _value(text: str) -> str:
    if match := re.match(r"0x([0-9a-f]+)", text):
        return str(int(match[1], 16))
    if match := re.search(r"\((\d+)\)$", text):
        return match[1]
    return text.removeprefix("Type ").split(" ")[0]


def our_words(packet: Packet) -> list[str]:
    body = packet.body
    words = [
        f"Message Type {KINDS.index(type(body)) + 1}",  # type: ignore[arg-type]
        f"Source OSPF Router {address_text(packet.router_id)}",
        f"Area ID {address_text(packet.area)}",
        f"Auth Type {packet.auth_type}",
    ]
    if isinstance(body, Hello):
        words += [
            f"Network Mask {address_text(body.mask)}",
            f"Hello Interval [sec] {body.hello_interval}",
            f"Options {body.options}",
            f"Router Priority {body.priority}",
            f"Router Dead Interval [sec] {body.dead_interval}",
            f"Designated Router {address_text(body.designated_router)}",
            f"Backup Designated Router {address_text(body.backup_designated_router)}",
            *(f"Active Neighbor {address_text(each)}" for each in body.neighbors),
        ]
    elif isinstance(body, DatabaseDescription):
        words += [
            f"Interface MTU {body.mtu}",
            f"Options {body.options}",
            f"DB Description {body.flags}",
            f"DD Sequence {body.sequence}",
        ]
        words += [word for header in body.headers for word in header_words(header)]
    elif isinstance(body, LinkStateRequest):
        for kind, link_state_id, router in body.keys:
            words += [
                f"LS Type {kind}",
                f"Link State ID {address_text(link_state_id)}",
                f"Advertising Router {address_text(router)}",
            ]
    elif isinstance(body, LinkStateUpdate):
        words.append(f"Number of LSAs {len(body.lsas) + len(body.refused)}")
        words += [word for each in body.lsas for word in header_words(each.header) + body_words(each)]
    else:
        words += [word for header in body.headers for word in header_words(header)]
    return words


def id_words(kind: int, link_state_id: int) -> list[str]:
    if kind not in (9, 10, 11):
        return [f"Link State ID {address_text(link_state_id)}"]
    opaque, number = link_state_id >> 24, link_state_id & 0xFFFFFF
    if opaque == 1:  # tshark cuts the 24 bits of RFC 3630 2.2 as its draft did
        return [
            f"Link State ID Opaque Type {opaque}",
            f"Link State ID TE-LSA Reserved {number >> 16}",
            f"Link State ID TE-LSA Instance {number & 0xFFFF}",
        ]
    return [f"Link State ID Opaque Type {opaque}", f"Link State ID Opaque ID {number}"]


def header_words(h: LsaHeader) -> list[str]:
    return [
        f"LS Age (seconds) {h.age & ~DO_NOT_AGE}",
        f"Do Not Age Flag {h.age >> 15}",
        f"Options {h.options}",
        f"LS Type {h.type}",
        *id_words(h.type, h.link_state_id),
        f"Advertising Router {address_text(h.advertising_router)}",
        f"Sequence Number {h.sequence & 0xFFFFFFFF}",
        f"Checksum {h.checksum}",
        f"Length {h.length}",
    ]


def body_words(lsa: Lsa) -> list[str]:
    body = lsa.body
    if isinstance(body, RouterLsa):
        words = [f"Flags {body.flags}", f"Number of Links {len(body.links)}"]
        for link in body.links:
            words += [
                f"Link ID {address_text(link.link_id)}",
                f"Link Data {address_text(link.link_data)}",
                f"Link Type {link.type}",
                f"0 Metric {link.metric}",
            ]
        return words
    if isinstance(body, NetworkLsa):
        return [f"Netmask {address_text(body.mask)}", *(f"Attached Router {address_text(r)}" for r in body.attached)]
    if isinstance(body, SummaryLsa):
        return [f"Netmask {address_text(body.mask)}", f"Metric {body.metric}"]
    if isinstance(body, ExternalLsa):
        return [
            f"Netmask {address_text(body.mask)}",
            f"External Type {1 + body.type2}",
            f"Metric {body.metric}",
            f"Forwarding Address {address_text(body.forwarding_address)}",
            f"External Route Tag {body.tag}",
        ]
    assert isinstance(body, OpaqueLsa)
    return []
