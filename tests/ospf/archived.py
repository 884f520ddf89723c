"""LSAs offered to a database and recorded as a listener would, for the archive's tests."""

from __future__ import annotations

from ospf.archive import ADDED, CHANGED, DUPLICATE, OLDER, REFRESHED, REMOVED, Record, Stream
from ospf.lsa import INITIAL_SEQUENCE, LINK_STUB, ROUTER, Lsa, RouterLink, RouterLsa, encode_lsa
from ospf.lsdb import Lsdb

STREAM = Stream("default", 2, 0, "lan")
START = 1_763_760_000_000  # ms since 1970


def router_lsa(number: int, sequence: int = 0, metric: int = 10, age: int = 1, links: int = 2, options: int = 2) -> Lsa:
    body = RouterLsa(0, tuple(RouterLink(i << 8, 0xFFFFFF00, LINK_STUB, metric + i) for i in range(links)))
    return encode_lsa(
        type=ROUTER,
        link_state_id=number,
        advertising_router=number,
        body=body,
        sequence=INITIAL_SEQUENCE + sequence,
        age=age,
        options=options,
    )


def record(lsa: Lsa, time: int, outcome: int = ADDED, stream: Stream = STREAM, router: int = 7) -> Record:
    return Record(time, stream, router, outcome, lsa.raw)


class Recorded:
    """A database of one stream, and the records of all that happened to it; times are seconds since `START`."""

    def __init__(self, stream: Stream = STREAM) -> None:
        self.stream = stream
        self.lsdb = Lsdb(stream.area)
        self.records: list[Record] = []

    def offer(self, lsa: Lsa, now: float) -> None:
        before = self.lsdb.stats
        was = (before.added, before.changed, before.refreshes, before.duplicates, before.flushed)
        self.lsdb.install(lsa, now)
        after = self.lsdb.stats
        moved = (after.added, after.changed, after.refreshes, after.duplicates, after.flushed)
        outcomes = (ADDED, CHANGED, REFRESHED, DUPLICATE, REMOVED)
        outcome = next((o for o, a, b in zip(outcomes, was, moved, strict=True) if a != b), OLDER)
        self._record(lsa, now, outcome, 7)

    def expire(self, now: float) -> None:
        for change in self.lsdb.expire(now):
            assert change.old is not None
            self._record(change.old, now, REMOVED, 0)

    def _record(self, lsa: Lsa, now: float, outcome: int, router: int) -> None:
        self.records.append(Record(START + round(now * 1000), self.stream, router, outcome, lsa.raw))

    def raws(self, now: float) -> list[bytes]:
        return sorted(lsa.raw for lsa in self.lsdb.lsas(now))
