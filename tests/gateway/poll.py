"""Pollers as a program, to be run in a namespace: `python -m tests.gateway.poll '[{"router": ...}, ...]' SECONDS`.

Prints one JSON line per change and one per poller at the end: databases, counters, the last error.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

import msgspec


def main() -> None:
    from twisted.internet import asyncioreactor

    asyncioreactor.install()
    from twisted.internet import reactor as installed

    from gateway.lsdbpoll import LsdbPoller
    from gateway.pollconfig import PollConfig
    from ospf.areas import AreaDatabase
    from ospf.polled import Poll
    from ospf.topology import build_domain
    from ospf.wire import address_text

    reactor: Any = installed
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)

    def say(**document: Any) -> None:
        print(json.dumps(document), flush=True)

    def changed(poller: LsdbPoller, poll: Poll) -> None:
        say(
            event="changed",
            new=list(poll.new),
            changes={address_text(area): len(changes) for area, changes in poll.changes.items()},
        )

    longest: list[float] = []

    def beat(due: float) -> None:  # how long the reactor was kept from doing anything else
        now = time.monotonic()
        longest.append(now - due)
        reactor.callLater(0.005, beat, now + 0.005)

    def end_of(poller: LsdbPoller, now: float) -> None:
        areas = [AreaDatabase(a, db.lsas(now), "polled") for a, db in sorted(poller.databases.items())]

        def links(*databases: AreaDatabase) -> list[tuple[str, int, bool]]:
            topology = build_domain(databases, instance="default", version=1, time=now)
            table = topology.links
            return sorted(zip(map(str, table.keys), table.cost.tolist(), table.up.tolist(), strict=True))

        say(
            event="end",
            router=address_text(poller.polled.router_id or 0),
            databases={
                address_text(area.area): sorted(
                    [
                        lsa.header.type,
                        address_text(lsa.header.link_state_id),
                        address_text(lsa.header.advertising_router),
                        lsa.header.sequence & 0xFFFFFFFF,
                        lsa.header.checksum,
                    ]
                    for lsa in area.lsas
                )
                for area in areas
            },
            links=links(*areas) if areas else [],
            area_links={address_text(area.area): links(area) for area in areas},
            stats=poller.stats(),
            error=poller.last_error or poller.polled.last_error,
            stalls=sorted(longest)[-3:],
        )

    def end() -> None:
        now = time.monotonic()
        for poller in pollers:
            end_of(poller, now)
            poller.stop()
        reactor.stop()

    configs = msgspec.convert(json.loads(sys.argv[1]), list[PollConfig])
    pollers = [LsdbPoller(reactor, config, changed) for config in configs]
    for poller in pollers:
        poller.start()
    reactor.callWhenRunning(lambda: beat(time.monotonic()))
    reactor.callLater(float(sys.argv[2]), end)
    reactor.run()


if __name__ == "__main__":
    main()
