"""Polled databases become sources of their instance; the IO is `gateway.lsdbpoll`'s and tested there."""

import time

from gateway.attachments import Attachments
from gateway.config import Ospf, parse
from gateway.pipeline import Pipeline
from gateway.pollconfig import PollConfig
from gateway.polls import Polls
from gateway.watches import Archivist, Watch
from ospf.anomalies import AnomalyConfig
from ospf.archivefile import ArchiveFile, ArchiveReader
from ospf.config import AttachConfig
from ospf.domain import DomainKey
from ospf.lsdb import Lsdb
from ospf.polled import Poll
from tests.gateway.test_attachments import Reactor, fill
from tests.ospf.test_domain import router_lsa


def held_now(area: int, *routers: int) -> Lsdb:
    lsdb = Lsdb(area)
    for router in routers:
        lsdb.install(router_lsa(router), time.monotonic())
    return lsdb


def test_an_area_nobody_is_attached_to_is_seen_as_it_was_polled(tmp_path) -> None:
    reactor, pipeline = Reactor(), Pipeline(parse({}), 0.0)
    attachments = Attachments(reactor, Ospf((AttachConfig("udp://127.0.0.1:1"),)), pipeline)
    fill(attachments, 0, 0, [router_lsa(1)])
    attachments._all[0].listener.synchronised = True
    archivist = Archivist(ArchiveFile(tmp_path))
    archivist.start()
    watch = Watch(AnomalyConfig(), pipeline.note)
    config = PollConfig(router="192.0.2.1", community="c")
    polls = Polls(reactor, [config], attachments, [archivist, watch])
    (poller,) = polls._all
    poller.polled.databases.update({0: held_now(0, 1, 9), 4: held_now(4, 5)})
    for new in ((0, 4), ()):
        poller._on_change(poller, Poll(1, (0, 4), new, {}, 3, True))
        reactor.advance(1.0)
    assert attachments.topologies == 1  # the second poll told nothing new
    archivist.stop()
    held = pipeline.history.current
    assert held is not None and attachments.failures == 0
    assert [(area.area, area.source) for area in held.areas] == [(0, "attached"), (4, "polled")]
    assert held.routers.tolist() == [1, 5]  # 9 is told by a poll of an area that an attachment knows better
    assert len(attachments.domains[DomainKey("default", 2)].sources) == 3
    assert attachments.stats()["ospf_poll"]["failures"] == 0
    begin, end = ArchiveReader(tmp_path).span()
    databases = ArchiveReader(tmp_path).at(end)
    assert begin <= end and databases is not None and len(databases) == 3
