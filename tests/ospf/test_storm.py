"""500 LSAs a second for a minute of flapping adjacencies through the whole listener, in simulated time."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from ospf.config import AttachConfig
from ospf.events import LsaHeard, LsdbChanged
from ospf.listener import Listener
from ospf.lsa import SCOPE_AREA, Key
from tests.ospf.model_router import ModelRouter, converse
from tests.ospf.storm import Flood, Storm, make_storm

ADDRESS, ROUTER_ID = 0x0A620001, 0x0A000001
PULL_SECONDS = 0.05  # how often somebody asks for events


@pytest.fixture(scope="module")
def storm() -> Storm:
    return make_storm(ADDRESS, router_id=ROUTER_ID)


def settled(storm: Storm, mode: str) -> tuple[Listener, ModelRouter]:
    """A listener that holds the database from before the storm."""
    router = ModelRouter(ROUTER_ID, ADDRESS, storm.before)
    listener = Listener(AttachConfig("lan", mode=mode), 0.0)  # type: ignore[arg-type]
    listener.receive(router.hello(), 0.0)
    if mode == "passive":
        listener.receive(router.flood(*storm.before[:100]), 0.0)
        listener.receive(router.flood(*storm.before[100:]), 0.0)
    else:
        converse(listener, router, now=0.0)
    assert listener.lsdb.lsas(0.0) == storm.before
    while listener.next_event() is not None:
        pass
    return listener, router


class Day:
    """The storm passes over a listener; between packets its timers, the router's Hellos and the listener's answers."""

    def __init__(self, listener: Listener, router: ModelRouter) -> None:
        self.listener = listener
        self.router = router
        self.now = 0.0
        self._hello_at = 0.0

    def pass_over(self, flood: Flood) -> None:
        listener, router = self.listener, self.router
        self.now = flood.time
        if self._hello_at <= flood.time:
            self._hello_at = flood.time + 5.0
            listener.receive(router.hello(), flood.time)
        due = listener.next_timeout()
        if due is not None and due <= flood.time:
            listener.handle_timeout(flood.time)
        listener.receive(flood.packet, flood.time)
        for _, payload in listener.packets_to_send(flood.time):
            router.receive(payload)
        for packet in router.out:
            listener.receive(packet, flood.time)
        router.out.clear()


@pytest.mark.parametrize("mode", ["passive", "burst", "full"])
def test_nothing_of_the_storm_is_lost(storm: Storm, mode: str) -> None:
    listener, router = settled(storm, mode)
    before = listener.lsdb.stats.changed, listener.stats.lsas
    day = Day(listener, router)
    touched: set[Key] = set()
    pulled = told = 0
    for flood in storm.floods:
        if flood.time - pulled * PULL_SECONDS >= PULL_SECONDS:
            pulled = int(flood.time / PULL_SECONDS)
            event = listener.next_event()
            assert isinstance(event, LsdbChanged) and set(event.keys) == touched  # each once, and no other
            assert listener.next_event() is None
            told += len(touched)
            touched.clear()
        day.pass_over(flood)
        touched |= {lsa.key for lsa in flood.lsas}
    assert told > 20_000
    assert storm.lsas == 30_000 and storm.repeats > 500
    stats, counted = listener.stats, listener.lsdb.stats
    assert stats.lsas - before[1] == storm.lsas + storm.repeats
    assert counted.changed - before[0] == storm.lsas
    assert counted.duplicates == storm.repeats
    assert (counted.sequence_gaps, counted.older, counted.refreshes, counted.expired, counted.refused_full) == (0,) * 5
    assert (stats.malformed, stats.lsas_refused, stats.doubts, stats.syncs_failed) == (0, 0, 0, 0)
    assert listener.lsdb.lsas(day.now) == tuple(storm.after[key] for key in sorted(storm.after))
    assert listener.lsdb.checksum_sum(SCOPE_AREA) == sum(lsa.header.checksum for lsa in storm.after.values())
    if mode == "full":  # RFC 2328 13.5: or the router would repeat itself all day
        acknowledged = {(lsa.key, lsa.header.sequence) for flood in storm.floods for lsa in flood.lsas}
        assert acknowledged <= router.acked


def test_every_lsa_of_the_storm_is_recorded(storm: Storm) -> None:
    listener, router = settled(storm, "passive")
    listener.record_lsas = True
    day = Day(listener, router)
    heard = []
    for flood in storm.floods:
        day.pass_over(flood)
        while (event := listener.next_event()) is not None:
            if isinstance(event, LsaHeard):
                heard.append((event.lsa, event.outcome))
    offered = [(lsa, "duplicate" if flood.repeated else "changed") for flood in storm.floods for lsa in flood.lsas]
    assert heard == offered
    assert listener.stats.lsas_unrecorded == 0


def test_the_storm_does_not_fill_the_memory(storm: Storm) -> None:
    """Nobody reads the events; what is held after a third of the storm must do until its end."""
    listener, router = settled(storm, "passive")
    day = Day(listener, router)
    third = len(storm.floods) // 3
    tracemalloc.start()
    try:
        for flood in storm.floods[:third]:
            day.pass_over(flood)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        for flood in storm.floods[third:]:
            day.pass_over(flood)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - held < 100_000  # octets
    finally:
        tracemalloc.stop()
    event = listener.next_event()
    assert isinstance(event, LsdbChanged) and set(event.keys) == set(storm.after)
