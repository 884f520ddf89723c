"""IPFIX decode, records per second of CPU time, beside what Python offers for the same datagrams.

Link flows (template 300, 83 octets, fixed) and agent flows (template 256, three strings each), 1400-octet datagrams
in groups of 512.  Peers: a hand-written `struct` loop that makes one dict per record (the fastest plain Python), and
scapy, which is given a small part of the fixed stream (it cannot take a template with reverse elements, RFC 5103).
All columns are decoded, none looked at.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable
from typing import Any

from exporters.ipfix.decode import SessionDecoder
from exporters.ipfix.template import Template
from exporters.process import ExportingProcess
from exporters.profiles import AGENT_FLOW_V4, LINK_FLOW_V4
from tests.exporters.samples import sample_columns

ROWS = 200_000
GROUP = 512
SECONDS = 0.8  # per measurement
SCAPY_DATAGRAMS = 40


def stream(template: Template) -> tuple[list[bytes], float]:
    """The datagrams of ROWS records, and records per second of encoding them."""
    columns = sample_columns(template, ROWS)
    for name in ("processName", "serviceUnit", "userName"):
        if name in columns:
            columns[name] = [f"{name}{row % 50}" for row in range(ROWS)]
    process = ExportingProcess(1, [template], max_queued_octets=1 << 30)
    began = time.process_time()
    process.add(template, columns, 0.0)
    datagrams = process.datagrams_to_send(0.0)
    return datagrams, ROWS / (time.process_time() - began)


def rate(decode: Callable[[], int]) -> float:
    """Records per second: the best of the runs that fit into SECONDS (at least two)."""
    best, end, runs = 0.0, time.process_time() + SECONDS, 0
    while runs < 2 or time.process_time() < end:
        began = time.process_time()
        records = decode()
        best = max(best, records / (time.process_time() - began))
        runs += 1
    return best


def ours(datagrams: list[bytes]) -> int:
    decoder = SessionDecoder()
    count = 0
    for start in range(0, len(datagrams), GROUP):
        count += sum(map(len, decoder.receive(datagrams[start : start + GROUP], 0.0)))
    assert count == ROWS
    return count


def struct_fixed(datagrams: list[bytes]) -> int:
    """One compiled format, one dict per record."""
    unpack = struct.Struct(">QQIIHHBBQQQIIBIIQI").iter_unpack
    names = LINK_FLOW_V4.names
    records = [dict(zip(names, row, strict=True)) for datagram in datagrams[1:] for row in unpack(datagram[20:])]
    assert len(records) == ROWS
    return len(records)


def struct_variable(datagrams: list[bytes]) -> int:
    """A compiled format for the fixed part, slices for the strings, one dict per record."""
    head = struct.Struct(">QQIIHHBBQQQQBBIBIIIQ")
    names = AGENT_FLOW_V4.names
    records = []
    for datagram in datagrams[1:]:
        at, end = 20, len(datagram)
        while at < end:
            values: tuple[Any, ...] = head.unpack_from(datagram, at)
            at += head.size
            for _ in range(3):
                size = datagram[at]
                at += 1
                if size == 255:
                    size = datagram[at] << 8 | datagram[at + 1]
                    at += 2
                values += (datagram[at : at + size].decode(),)
                at += size
            records.append(dict(zip(names, values, strict=True)))
    assert len(records) == ROWS
    return len(records)


def scapy_rate(datagrams: list[bytes]) -> float | None:
    """scapy's dissector over the first datagrams; None when it is not installed or finds nothing."""
    try:
        logging.getLogger("scapy").setLevel(logging.ERROR)
        from scapy.layers.inet import IP, UDP
        from scapy.layers.netflow import NetflowDataflowsetV9, NetflowHeader, netflowv9_defragment
    except ImportError:
        return None
    began = time.process_time()
    packets = [IP() / UDP(dport=2055) / NetflowHeader(datagram) for datagram in datagrams[: 1 + SCAPY_DATAGRAMS]]
    records = 0
    for packet in netflowv9_defragment(packets):
        layer = packet.getlayer(NetflowDataflowsetV9)
        while layer is not None:
            records += len(layer.records)
            layer = layer.payload.getlayer(NetflowDataflowsetV9)
    return records / (time.process_time() - began) if records > SCAPY_DATAGRAMS else None


def run() -> list[dict[str, Any]]:
    """Rows for `make bench`; about ten seconds."""
    rows: list[dict[str, Any]] = []
    for label, template, plain in (
        ("fixed, 18 columns", LINK_FLOW_V4, struct_fixed),
        ("variable, 23 columns, 3 strings", AGENT_FLOW_V4, struct_variable),
    ):
        datagrams, encoded = stream(template)
        mine = rate(lambda datagrams=datagrams: ours(datagrams))  # type: ignore[misc]
        peer = rate(lambda plain=plain, datagrams=datagrams: plain(datagrams))  # type: ignore[misc]
        rows.append(row(f"decode {label}: beside struct + dict", mine, peer))
        if template.fixed_length:
            rows.append(row(f"decode {label}: beside scapy", mine, scapy_rate(datagrams)))
        rows.append(row(f"encode {label}", encoded, None))
    return rows


def row(what: str, mine: float, peer: float | None) -> dict[str, Any]:
    return {
        "what": what,
        "ours": mine,
        "peer": "" if peer is None else peer,
        "unit": "records/s",
        "ratio": "" if peer is None else mine / peer,
    }


if __name__ == "__main__":
    for line in run():
        print(line)
