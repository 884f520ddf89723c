"""The archive on a simulated day: 1,000 routers of four links refresh every 30 minutes, one change a second.

Octets per LSA instance beside a pcap of the same updates (and that one gzipped); time to the database of an instant
beside applying everything since midnight; a capture replayed beside scapy dissecting it.
`python -m tests.bench.bench_ospf_archive` prints the rows.
"""

from __future__ import annotations

import gzip
import random
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

from ospf.archive import ADDED, CHANGED, DUPLICATE, OUTCOMES, REFRESHED, Databases, Record, Stream
from ospf.archivefile import ArchiveFile, ArchiveReader
from ospf.capture import read_capture
from ospf.lsa import INITIAL_SEQUENCE, LINK_P2P, LINK_STUB, RouterLink, RouterLsa, decode_lsa, encode_lsa
from ospf.packets import LinkStateUpdate, build_ip_packet, encode_packet
from ospf.past import Rebuild
from ospf.replay import Replay

ROUTERS, LINKS, DAY, REFRESH = 1000, 4, 86_400, 1800
START = (int(time.time()) // DAY - 1) * DAY * 1000  # ms since 1970: yesterday
STREAM = Stream("default", 2, 0, "lan")
REPLAYED = 20_000  # packets
SAMPLE = 15_000  # records
INSTANTS = (0.7, 6.1, 12.3, 18.0, 23.9)  # hours


def day() -> list[Record]:
    """Every LSA of the day in order."""
    draw = random.Random(5)
    neighbors = [[(n + step) % ROUTERS for step in (1, -1, 37, -37)] for n in range(ROUTERS)]
    metrics = [[10] * LINKS for _ in range(ROUTERS)]
    happenings = [(float(n) / ROUTERS, n, ADDED) for n in range(ROUTERS)]
    for n in range(ROUTERS):
        at = draw.uniform(2, REFRESH)
        while at < DAY:
            happenings.append((at, n, REFRESHED))
            at += REFRESH + draw.uniform(-10, 10)
    happenings += [(second + draw.random(), draw.randrange(ROUTERS), CHANGED) for second in range(2, DAY)]
    sequences = [0] * ROUTERS
    found = []
    for at, n, outcome in sorted(happenings):
        if outcome == CHANGED:
            metrics[n][draw.randrange(LINKS)] = draw.randrange(1, 1000)
        sequences[n] += 1
        raw = router_lsa(n, neighbors[n], metrics[n], sequences[n], draw.randrange(1, 5))
        found.append(Record(START + round(at * 1000), STREAM, 0x0AFF0000 + n % 3, outcome, raw))
    return found


def router_lsa(n: int, neighbors: list[int], metrics: list[int], sequence: int, age: int) -> bytes:
    links = []
    for other, metric in zip(neighbors, metrics, strict=True):
        low = min(n, other) * ROUTERS + max(n, other)
        subnet = 0x0A000000 + low * 4 % (1 << 24)
        links.append(RouterLink(0x0AFF0000 + other, subnet + (1 if n < other else 2), LINK_P2P, metric))
        links.append(RouterLink(subnet, 0xFFFFFFFC, LINK_STUB, metric))
    links.append(RouterLink(0x0AFF0000 + n, 0xFFFFFFFF, LINK_STUB, 0))
    return encode_lsa(
        type=1, link_state_id=0x0AFF0000 + n, advertising_router=0x0AFF0000 + n, body=RouterLsa(0, tuple(links)),
        sequence=INITIAL_SEQUENCE + sequence, age=age,
    ).raw  # fmt: skip


def write(folder: Path, records: list[Record]) -> float:
    """Archive as the gateway does, a flush a second; seconds it took."""
    archive = ArchiveFile(folder)
    archive.open()
    began, position, now = time.perf_counter(), 0, START
    while position < len(records):
        now += 1000
        until = position
        while until < len(records) and records[until].time <= now:
            until += 1
        archive._take(records[position:until])
        archive.flush(now / 1000)
        position = until
    archive.stop()
    return time.perf_counter() - began


def per_record(directory: Path, outcome: int) -> dict[str, Any]:
    """Octets that a record of one kind adds, one a second, between two snapshots."""
    draw, sizes = random.Random(6), []
    neighbors = [[(n + step) % ROUTERS for step in (1, -1, 37, -37)] for n in range(ROUTERS)]
    for count in (0, SAMPLE):
        metrics, sequences, found = [[10] * LINKS for _ in range(ROUTERS)], [0] * ROUTERS, []
        for step in range(ROUTERS + count):
            n, kind = step % ROUTERS if outcome == REFRESHED else draw.randrange(ROUTERS), outcome
            if step < ROUTERS:
                n, kind = step, ADDED
            elif outcome == CHANGED:
                metrics[n][draw.randrange(LINKS)] = draw.randrange(1, 1000)
            sequences[n] += kind in (REFRESHED, CHANGED)
            raw = router_lsa(n, neighbors[n], metrics[n], sequences[n], draw.randrange(1, 5))
            at = START + step * 1000 + draw.randrange(1000)
            found.append(Record(at, STREAM, 0x0AFF0000 + n % 3, kind, raw))
        folder = directory / f"{OUTCOMES[outcome]}{count}"
        write(folder, found)
        sizes.append(size(folder))
    return row(f"archive: octets per {OUTCOMES[outcome]}, one a second", (sizes[1] - sizes[0]) / SAMPLE, "", "octets")


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def pcap(records: list[Record]) -> bytes:
    """The same LSAs as a capture, an update each (as they come when they change; refreshes come grouped)."""
    out = bytearray(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
    for record in records:
        update = encode_packet(LinkStateUpdate((decode_lsa(record.raw),)), router_id=record.router, area=0)
        packet = build_ip_packet(record.router, 0xE0000005, update)
        seconds, rest = divmod(record.time, 1000)
        out += struct.pack("<IIII", seconds, rest * 1000, len(packet), len(packet)) + packet
    return bytes(out)


def row(what: str, ours: float, peer: float | str, unit: str) -> dict[str, Any]:
    ratio = round(peer / ours, 1) if isinstance(peer, float) else ""
    return {"what": what, "ours": round(ours, 4), "peer": peer, "unit": unit, "ratio": ratio}


def run() -> list[dict[str, Any]]:
    """Rows what, ours, peer, unit, ratio; about 25 seconds."""
    from scapy.contrib.ospf import OSPF_Hdr

    records = day()
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory) / "archive"
        seconds = write(folder, records)
        sample = pcap(records[:REPLAYED])
        rows += [
            row("archive: a day, octets per LSA (peer: pcap)", size(folder) / len(records),
                float(len(sample) / REPLAYED), "octets"),
            row("archive: a day, octets per LSA (peer: pcap, gzip -6)", size(folder) / len(records),
                float(len(gzip.compress(sample, 6)) / REPLAYED), "octets"),
            row("archive: written, a flush a second", len(records) / seconds, "", "LSA/s"),
        ]  # fmt: skip
        rows += [per_record(Path(directory), outcome) for outcome in (REFRESHED, CHANGED, DUPLICATE)]
        reader, spent, worst = ArchiveReader(folder), 0.0, 0.0
        for hour in INSTANTS:
            began = time.perf_counter()
            assert reader.at(START / 1000 + hour * 3600) is not None
            spent += time.perf_counter() - began
            worst = max(worst, time.perf_counter() - began)
        began = time.perf_counter()
        everything = Databases()
        for item in reader.items(0, 1e12):
            everything.apply(item)
        whole = time.perf_counter() - began
        mean = spent / len(INSTANTS)
        rows.append(row("archive: the database of an instant (peer: all since midnight)", mean, whole, "s"))
        rows.append(row("archive: the same, worst of five instants", worst, "", "s"))
        began = time.perf_counter()
        Rebuild().topologies(everything, records[-1].time / 1000)
        rows.append(row("archive: LSAs to topology, 1,000 routers", time.perf_counter() - began, "", "s"))
        path = Path(directory) / "day.pcap"
        path.write_bytes(sample)
        rows.append(replay_row(path, pcap_payloads(sample[: 1 << 20])[:2000], OSPF_Hdr))
    return rows


def pcap_payloads(data: bytes) -> list[bytes]:
    at, found = 24, []
    while at + 16 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 8)
        found.append(data[at + 36 : at + 16 + length])
        at += 16 + length
    return found


def replay_row(path: Path, payloads: list[bytes], dissect: Any) -> dict[str, Any]:
    replay = Replay(every_version=False)
    began = time.perf_counter()
    for frame in read_capture(path):
        replay.receive(frame.packet, frame.time)
    ours = REPLAYED / (time.perf_counter() - began)
    replay.finish()
    assert replay.stats.ospf == REPLAYED and len(replay.topologies) == 1
    began = time.perf_counter()
    for payload in payloads:
        assert len(dissect(payload).payload.lsalist) == 1
    peer = len(payloads) / (time.perf_counter() - began)
    return {
        "what": "replay: packets to databases (peer: scapy, dissection alone)", "ours": round(ours),
        "peer": round(peer), "unit": "packets/s", "ratio": round(ours / peer, 1),
    }  # fmt: skip


if __name__ == "__main__":
    for each in run():
        print(each)
