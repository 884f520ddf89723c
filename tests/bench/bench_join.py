"""Decode + normalise + join: agents' datagrams to per-link per-application counters, in one process.

The peer is nfcapd, which receives the same datagrams over loopback and stores them (no routing, no join): CPU
seconds per million records of both, taken from the kernel.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from typing import Any

import numpy as np

from exporters.process import ExportingProcess
from exporters.profiles import (
    AGENT_FLOW_V4,
    AGENT_HOST_V4,
    AGENT_TEMPLATES,
    APPLICATION_NAMES,
    application_id,
)
from gateway.config import parse
from gateway.pipeline import Pipeline
from ospf.lsa import LINK_P2P, LINK_STUB, ROUTER, Lsa, LsaHeader, RouterLink, RouterLsa
from ospf.topology import Topology, build_topology

ROUTERS, DEGREE, HOSTS, APPLICATIONS = 200, 4, 200, 20
RECORDS = 200_000
T = 1_700_000_000.0


def topology() -> Topology:
    """A ring with chords: 200 routers, 800 directed links, one /24 each."""
    rng = np.random.default_rng(1)
    links: dict[int, list[RouterLink]] = {n: [] for n in range(ROUTERS)}
    pairs = {tuple(sorted((n, (n + 1) % ROUTERS))) for n in range(ROUTERS)}
    while len(pairs) < ROUTERS * DEGREE // 2:
        a, b = sorted(rng.choice(ROUTERS, 2, replace=False).tolist())
        pairs.add((a, b))
    for number, (a, b) in enumerate(sorted(pairs)):
        base, cost = 0x0A800000 + 4 * number, int(rng.integers(1, 30))
        for me, other, host in ((a, b, 1), (b, a, 2)):
            links[me].append(RouterLink(0x0AFF0000 + other, base + host, LINK_P2P, cost))
            links[me].append(RouterLink(base, 0xFFFFFFFC, LINK_STUB, cost))
    lsas = []
    for n, mine in links.items():
        mine.append(RouterLink(0x0A000000 + (n << 8), 0xFFFFFF00, LINK_STUB, 10))
        router = 0x0AFF0000 + n
        lsas.append(Lsa(LsaHeader(1, 2, ROUTER, router, router, 1, 1, 20), RouterLsa(0, tuple(mine)), b""))
    return build_topology(lsas, version=1, time=T)


def datagrams() -> list[tuple[bytes, tuple[str, int]]]:
    """What 200 agents report in one interval, 1,000 records each."""
    rng = np.random.default_rng(2)
    out = []
    per_host = RECORDS // HOSTS
    names = [f"app{n}" for n in range(APPLICATIONS)]
    for host in range(HOSTS):
        local = 0x0A000000 + (host % ROUTERS << 8) + 10
        process = ExportingProcess(1, AGENT_TEMPLATES, max_queued_octets=64 << 20)
        process.set_options(
            AGENT_HOST_V4,
            {
                "observationDomainId": [1],
                "agentIdentifier": [host.to_bytes(16, "big")],
                "sourceIPv4Address": [local],
                "sourceIPv4PrefixLength": [24],
                "ipNextHopIPv4Address": [0],
                "reportIntervalSeconds": [5],
                "agentLayer": [1],
                "hostName": [f"h{host}"],
            },
        )
        ids = [application_id(n + 1) for n in range(APPLICATIONS)]
        process.set_options(
            APPLICATION_NAMES, {"applicationId": ids, "applicationName": names, "applicationDescription": names}
        )
        octets = rng.integers(100, 100_000, per_host).astype(np.uint64)
        app = rng.integers(0, APPLICATIONS, per_host)
        remote = (0x0A000000 + (rng.integers(0, ROUTERS, per_host) << 8) + 10).astype(np.uint32)
        same = np.ones(per_host, dtype=np.uint64)
        process.add(
            AGENT_FLOW_V4,
            {
                "flowStartMilliseconds": same * np.uint64(T * 1000),
                "flowEndMilliseconds": same * np.uint64(T * 1000 + 4000),
                "sourceIPv4Address": np.full(per_host, local, dtype=np.uint32),
                "destinationIPv4Address": remote,
                "sourceTransportPort": rng.integers(1024, 65535, per_host),
                "destinationTransportPort": same * np.uint64(443),
                "protocolIdentifier": same * np.uint64(6),
                "ipClassOfService": same * np.uint64(0),
                "octetDeltaCount": octets,
                "packetDeltaCount": octets // np.uint64(1000) + np.uint64(1),
                "reverseOctetDeltaCount": octets // np.uint64(10),
                "reversePacketDeltaCount": octets // np.uint64(2000) + np.uint64(1),
                "biflowDirection": same,
                "flowEndReason": same,
                "applicationId": np.array(ids, dtype=np.uint32)[app],
                "attributionMethod": same,
                "processId": same,
                "smoothedRttMicroseconds": same,
                "minimumRttMicroseconds": same,
                "retransmittedOctetDeltaCount": same * np.uint64(0),
                "processName": [names[n] for n in app.tolist()],
                "serviceUnit": ["x.service"] * per_host,
                "userName": [""] * per_host,
            },
            T,
        )
        now = T
        while chunk := process.datagrams_to_send(now):
            out += [(d, (f"h{host}", 1)) for d in chunk]
            now += 0.05
    return out


def nfcapd_seconds(data: list[bytes]) -> float | None:
    """CPU seconds nfcapd takes to receive and store the datagrams, None when it is not installed or lost some."""
    program = shutil.which("nfcapd")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.close()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(
            [program, "-b", "127.0.0.1", "-p", str(port), "-w", directory, "-t", "3600", "-B", "4000000"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.connect(("127.0.0.1", port))
            for n, one in enumerate(data):
                out.send(one)
                if n % 50 == 49:
                    time.sleep(0.002)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        os.waitpid(process.pid, 0)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run() -> list[dict[str, Any]]:
    data = datagrams()
    pipeline = Pipeline(parse({"view": {"bin_seconds": 10}}), T)
    pipeline.receive_topology(topology())
    pipeline.receive_flows(data[:1], T)  # warm
    began = time.process_time()
    for at in range(0, len(data), 1024):
        pipeline.receive_flows(data[at : at + 1024], T + 5)
    decoded = time.process_time()
    pipeline.advance(T + 30)
    joined = time.process_time()
    records = pipeline.normalizer.stats.records
    million = 1e6 / records
    peer = nfcapd_seconds([d for d, _ in data])
    ours = (joined - began) * million
    theirs = peer * million if peer else None
    return [
        {
            "what": f"decode + normalise, agent records with strings ({records:,}; 2 rows each)",
            "ours": records / (decoded - began) / 1e6,
            "peer": "",
            "unit": "M records/s/core",
            "ratio": "",
        },
        {
            "what": f"join and view over {ROUTERS} routers, {len(data):,} datagrams' worth",
            "ours": records / (joined - decoded) / 1e6,
            "peer": "",
            "unit": "M records/s/core",
            "ratio": "",
        },
        {
            "what": "decode + join to link x application; peer: nfcapd receives and stores (no join)",
            "ours": ours,
            "peer": theirs if theirs is not None else "absent",
            "unit": "CPU s / M records",
            "ratio": ours / theirs if theirs else "",
        },
    ]
