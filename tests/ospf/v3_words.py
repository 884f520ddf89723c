"""An OSPFv3 packet as "label value" words, every field in the order of the wire: ours, and tshark's from `-V`.

`python -m tests.ospf.v3_words FILE...` prints what tests/captures/ospf3-tcpdump/expected.json holds.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ospf.lsa import Lsa, LsaHeader
from ospf.packets import DatabaseDescription, LinkStateAck, LinkStateRequest, LinkStateUpdate
from ospf.v3 import lsa as v3
from ospf.v3.packets import Hello, Packet
from ospf.v3.prefix import Prefix, address6_text
from ospf.wire import address_text

KINDS = (Hello, DatabaseDescription, LinkStateRequest, LinkStateUpdate, LinkStateAck)
LEAF = re.compile(r"^(?:[.01 ]+ = )?(?P<label>[A-Z#][^:=]*(?:\[sec\])?): (?P<value>.*)$")
BIT = re.compile(r"^[.01 ]+ = (?!LS Age)")
SKIPPED = {"Checksum", "Reserved", "Packet Length", "Version", "OSPF LLS Data Block"}


def pcap_frames(path: Path) -> Iterator[tuple[float, bytes]]:
    """(time, IPv6 packet) of a little-endian Ethernet, Frame Relay or raw pcap file."""
    data = path.read_bytes()
    magic, network = struct.unpack_from("<I16xI", data)
    assert magic == 0xA1B2C3D4
    skip = {1: 14, 107: 4, 101: 0}[network]
    at = 24
    while at < len(data):
        seconds, micro, length, _ = struct.unpack_from("<IIII", data, at)
        yield seconds + micro / 1e6, data[at + 16 + skip : at + 16 + length]
        at += 16 + length


def tshark_words(text: str) -> list[list[str]]:
    """Per packet the words of its OSPF section in the output of `tshark -V`."""
    packets: list[list[str]] = []
    inside = in_trailer = False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            inside = line.startswith("Open Shortest Path First")
            in_trailer = False
            if inside:
                packets.append([])
            continue
        line = line.strip()
        in_trailer = in_trailer or line == "OSPF Authentication Trailer"
        if not inside or in_trailer or BIT.match(line):
            continue
        match = LEAF.match(line)
        if match is None or match["label"] in SKIPPED - {"Checksum"}:
            continue
        if match["label"] == "Checksum" and "[" in match["value"]:
            continue
        packets[-1].append(f"{match['label']} {_value(match['value'])}")
    return packets


def _value(text: str) -> str:
    if match := re.match(r"0x([0-9a-f]+)", text):
        return str(int(match[1], 16))
    if match := re.search(r"\((\d+|0x[0-9a-f]+)\)$", text):
        return str(int(match[1], 0))
    return text.split(" ")[0]


def our_words(packet: Packet) -> list[str]:
    body = packet.body
    words = [
        f"Message Type {KINDS.index(type(body)) + 1}",  # type: ignore[arg-type]
        f"Source OSPF Router {address_text(packet.router_id)}",
        f"Area ID {address_text(packet.area)}",
        f"Instance ID {packet.instance_id}",
    ]
    if isinstance(body, Hello):
        words += [
            f"Interface ID {body.interface}",
            f"Router Priority {body.priority}",
            f"Options {body.options}",
            f"Hello Interval [sec] {body.hello_interval}",
            f"Router Dead Interval [sec] {body.dead_interval}",
            f"Designated Router {address_text(body.designated_router)}",
            f"Backup Designated Router {address_text(body.backup_designated_router)}",
            *(f"Active Neighbor {address_text(each)}" for each in body.neighbors),
        ]
    elif isinstance(body, DatabaseDescription):
        words += [
            f"Options {body.options}",
            f"Interface MTU {body.mtu}",
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
        words.append(f"Number of LSAs {len(body.lsas)}")
        words += [word for each in body.lsas for word in lsa_words(each)]
    else:
        words += [word for header in body.headers for word in header_words(header)]
    return words


def header_words(h: LsaHeader) -> list[str]:
    return [
        f"LS Age (seconds) {h.age & 0x7FFF}",
        f"LS Type {h.type}",
        f"Link State ID {address_text(h.link_state_id)}",
        f"Advertising Router {address_text(h.advertising_router)}",
        f"Sequence Number {h.sequence & 0xFFFFFFFF}",
        f"Checksum {h.checksum}",
        f"Length {h.length}",
    ]


def prefix_words(prefix: Prefix, metric: int | None = None) -> list[str]:
    words = [f"PrefixLength {prefix.plen}", f"PrefixOptions {prefix.options}"]
    if metric is not None:
        words.append(f"Metric {metric}")
    return [*words, f"Address Prefix {address6_text(prefix.network)}"]


def lsa_words(lsa: Lsa) -> list[str]:
    body = v3.body_of(lsa)
    words = header_words(lsa.header)
    if isinstance(body, v3.RouterLsa):
        words += [f"Flags {body.flags}", f"Options {body.options}"]
        for link in body.links:
            words += [
                f"Type {link.type}",
                f"Metric {link.metric}",
                f"Interface ID {link.interface}",
                f"Neighbor Interface ID {link.neighbor_interface}",
                f"Neighbor Router ID {address_text(link.neighbor)}",
            ]
    elif isinstance(body, v3.NetworkLsa):
        words += [f"Options {body.options}"]
        words += [f"Attached Router {address_text(each)}" for each in body.attached]
    elif isinstance(body, v3.InterAreaPrefixLsa):
        words += [f"Metric {body.metric}", *prefix_words(body.prefix)]
    elif isinstance(body, v3.InterAreaRouterLsa):
        words += [
            f"Options {body.options}",
            f"Metric {body.metric}",
            f"Destination Router ID {address_text(body.router)}",
        ]
    elif isinstance(body, v3.ExternalLsa):
        forwarded, tagged = body.forwarding_address, body.tag
        words += [
            f"Flags {4 * body.type2 + 2 * bool(forwarded) + bool(tagged)}",
            f"Metric {body.metric}",
            f"PrefixLength {body.prefix.plen}",
            f"PrefixOptions {body.prefix.options}",
            f"Referenced LS type {body.referenced_type}",
        ]
        words += [f"Address Prefix {address6_text(body.prefix.network)}"]
        words += [f"Forwarding Address {address6_text(forwarded)}"] if forwarded else []
        words += [f"External Route Tag {tagged}"] if tagged else []
        words += [f"Referenced Link State ID {address_text(body.referenced_id)}"] if body.referenced_type else []
    elif isinstance(body, v3.LinkLsa):
        words += [
            f"Router Priority {body.priority}",
            f"Options {body.options}",
            f"Link-local Interface Address {address6_text(body.address)}",
            f"# prefixes {len(body.prefixes)}",
            *(word for prefix in body.prefixes for word in prefix_words(prefix)),
        ]
    elif isinstance(body, v3.IntraAreaPrefixLsa):
        words += [
            f"# prefixes {len(body.prefixes)}",
            f"Referenced LS type {body.referenced_type}",
            f"Referenced Link State ID {address_text(body.referenced_id)}",
            f"Referenced Advertising Router {address_text(body.referenced_router)}",
            *(word for prefix in body.prefixes for word in prefix_words(prefix, prefix.metric)),
        ]
    return words


def read_with_tshark(tshark: str, path: Path) -> tuple[str, list[list[str]]]:
    """(the whole text, the words per packet) of a capture file."""
    done = subprocess.run([tshark, "-r", str(path), "-V", "-n"], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, tshark_words(done.stdout)


if __name__ == "__main__":
    rows = {Path(name).name: read_with_tshark("tshark", Path(name))[1] for name in sys.argv[1:]}
    print(
        "{"
        + ",\n".join(f"{json.dumps(k)}: [\n" + ",\n".join(map(json.dumps, v)) + "\n]" for k, v in rows.items())
        + "}"
    )
