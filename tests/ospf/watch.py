"""A listener with its anomalies, as a program: `python -m tests.ospf.watch CONFIG SECONDS [THRESHOLDS]`.

CONFIG and THRESHOLDS are AttachConfig and AnomalyConfig as JSON. Prints one JSON line per anomaly and, at the end, one
with the links and the counters. Needs root (or a udp:// interface).
"""

from __future__ import annotations

import json
import select
import sys
import time
from dataclasses import asdict

import msgspec

from ospf.anomalies import Anomalies, AnomalyConfig
from ospf.config import AttachConfig
from ospf.events import LsdbChanged
from ospf.listener import Listener
from ospf.rawsocket import open_attachment
from ospf.topology import Topology, build_topology


def main() -> None:
    config = msgspec.convert(json.loads(sys.argv[1]), AttachConfig)
    end = time.monotonic() + float(sys.argv[2])
    thresholds = msgspec.convert(json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}, AnomalyConfig)
    socket = open_attachment(config)
    listener = Listener(config, time.monotonic())
    listener.record_lsas = True
    anomalies = Anomalies(thresholds, own={listener.router_id})
    current: Topology | None = None
    cut_at: float | None = None
    now = time.monotonic()
    while now < end:
        due = [t for t in (listener.next_timeout(), anomalies.next_timeout(), cut_at, now + 1.0, end) if t is not None]
        select.select([socket], [], [], max(min(due) - now, 0.0))
        now = time.monotonic()
        for packet in socket.receive():
            listener.receive(packet, now)
        listener.handle_timeout(now)
        for destination, payload in listener.packets_to_send(now):
            socket.send(destination, payload)
        while (event := listener.next_event()) is not None:
            anomalies.hear(event, config.interface)
            if isinstance(event, LsdbChanged) and cut_at is None:
                cut_at = now + 0.05
        if cut_at is not None and now >= cut_at:
            cut_at, version = None, 1 if current is None else current.version + 1
            topology = build_topology(listener.lsdb.lsas(now), version=version, time=now)
            anomalies.topology(current, topology)
            current = topology
        anomalies.look({config.interface: listener}, now)
        anomalies.handle_timeout(now)
        while (anomaly := anomalies.next_event()) is not None:
            print(json.dumps(asdict(anomaly)), flush=True)
    table = current.links if current is not None else None
    links = sorted(zip(map(str, table.keys), table.cost.tolist(), table.up.tolist(), strict=True)) if table else []
    end_line = {"kind": "end", "lsas": len(listener.lsdb), "links": links, "stats": asdict(anomalies.stats)}
    print(json.dumps(end_line), flush=True)


if __name__ == "__main__":
    main()
