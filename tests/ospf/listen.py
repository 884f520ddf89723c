"""A listener as a process of its own, for the tests on real routers: `python -m tests.ospf.listen CONFIG SECONDS`.

CONFIG is AttachConfig as JSON. One JSON line per event on standard output; a line `dump` on standard input prints the
database, `leave` ends conversations, end of file ends the process.
"""

from __future__ import annotations

import json
import select
import sys
import time
from dataclasses import asdict

import msgspec

from ospf.auth import next_boot_count
from ospf.config import AttachConfig
from ospf.listener import Listener
from ospf.rawsocket import open_attachment
from ospf.wire import address_text


def say(**document: object) -> None:
    print(json.dumps(document), flush=True)


def dump(listener: Listener, now: float) -> None:
    rows = [
        [
            lsa.header.type,
            address_text(lsa.header.link_state_id),
            address_text(lsa.header.advertising_router),
            lsa.header.sequence & 0xFFFFFFFF,
            lsa.header.checksum,
        ]
        for lsa in listener.lsdb.lsas(now)
    ]
    say(event="dump", lsas=rows, stats=asdict(listener.stats), lsdb=asdict(listener.lsdb.stats))


def main() -> None:
    config = msgspec.json.decode(sys.argv[1].encode(), type=AttachConfig)
    end = time.monotonic() + float(sys.argv[2])
    attachment = open_attachment(config)
    listener = Listener(config, time.monotonic(), boot_count=next_boot_count(0, time.time()))
    listener.attached(address=attachment.address, point_to_point=attachment.point_to_point, mtu=attachment.mtu)
    say(event="listening")
    while (now := time.monotonic()) < end:
        due = listener.next_timeout()
        wait = end - now if due is None else min(max(due - now, 0.0), end - now)
        readable, _, _ = select.select([attachment, sys.stdin], [], [], wait)
        now = time.monotonic()
        if sys.stdin in readable:
            line = sys.stdin.readline()
            if not line:
                break
            if line.strip() == "dump":
                dump(listener, now)
            elif line.strip() == "leave":
                listener.leave(now)
        dropped = attachment.stats.kernel_dropped
        for packet in attachment.receive():
            listener.receive(packet, now)
        if attachment.stats.kernel_dropped != dropped:
            listener.packets_lost(now)
        listener.handle_timeout(now)
        for destination, payload in listener.packets_to_send(now):
            attachment.send(destination, payload)
        while (event := listener.next_event()) is not None:
            say(event=type(event).__name__, wall=time.time(), **{k: getattr(event, k) for k in event.__slots__})
    listener.leave(now)
    for destination, payload in listener.packets_to_send(now):
        attachment.send(destination, payload)
    attachment.close()


if __name__ == "__main__":
    main()
