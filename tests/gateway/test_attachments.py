"""Attachments driven by a fake reactor against the demo's simulated routers, over loopback UDP."""

import select
import socket
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from twisted.internet.task import Clock

from gateway.attachments import LOOK, SILENCE, Attachments
from gateway.config import Ospf, parse
from gateway.demo.area import SimulatedArea
from gateway.demo.enterprise import LISTENING_LAN, enterprise
from gateway.demo.routers import SimulatedLan
from gateway.errors import GatewayError
from gateway.pipeline import Pipeline
from gateway.watches import Watch
from ospf.config import AttachConfig
from ospf.domain import CUT_SECONDS, DomainKey
from ospf.errors import OspfError
from ospf.events import LsaHeard, NeighborSeen
from ospf.packets import ALL_SPF_ROUTERS, Hello, build_ip_packet, encode_packet
from ospf.topology import build_topology
from tests.gateway.small import diamond_lsas, rid
from tests.gateway.test_udp import free_port
from tests.ospf.heard import grace_lsa
from tests.ospf.lsas import router, stub

GRACE = bytes.fromhex("00010004000000780002000101000000")  # 120 s, a software restart
PATIENCE = 60.0  # seconds until a test gives up; nothing is measured


class Reactor(Clock):
    """A clock that also remembers readers."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set = set()

    def addReader(self, reader) -> None:
        self.readers.add(reader)

    def removeReader(self, reader) -> None:
        self.readers.discard(reader)


def test_from_the_wire_to_topology_versions_and_no_trace_after_stop() -> None:
    port, reactor, network = free_port(), Reactor(), enterprise()
    pipeline = Pipeline(parse({}), time.time())
    attachments = Attachments(reactor, Ospf((AttachConfig(f"udp://127.0.0.1:{port}"),)), pipeline)
    attachments.start()
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.settimeout(0.01)
    wire.bind(("127.0.0.1", 0))
    lan = SimulatedLan(SimulatedArea(network, time.time()), LISTENING_LAN, time.time())

    def turn(until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < deadline
            lan.handle_timeout(time.time())
            for packet in lan.packets_to_send(time.time()):
                wire.sendto(packet, ("127.0.0.1", port))
            for reader in list(reactor.readers):
                reader.doRead()
            reactor.advance(0.02)
            try:
                while True:
                    lan.receive(wire.recv(65535), time.time())
            except TimeoutError:
                continue

    def whole() -> bool:
        topology = pipeline.history.current
        return topology is not None and topology.n_routers == len(network.routers)

    turn(whole)
    # rubbish on the attachment's port is counted
    for n in range(30):
        wire.sendto(bytes(n + 1), ("127.0.0.1", port))
    versions = attachments.topologies
    turn(lambda: attachments.stats()["ospf"]["malformed"] >= 30)
    # a change makes one version, not one per LSA
    cost = lan.area.change(network.with_cost(network.routers[0].name, network.segments[0].name, 77), time.time())
    lan.flood(cost, time.time())
    turn(lambda: attachments.topologies > versions)
    quiet = time.monotonic() + 0.5 + CUT_SECONDS
    turn(lambda: time.monotonic() > quiet)
    assert attachments.topologies <= versions + 2
    attachments.stop()
    assert not reactor.readers
    assert not [call for call in reactor.getDelayedCalls() if call.active() and call.func == attachments._timeout]
    wire.close()


def test_a_fault_of_ours_is_counted_and_reading_goes_on(caplog) -> None:
    port, reactor = free_port(), Reactor()
    attachments = Attachments(reactor, Ospf((AttachConfig(f"udp://127.0.0.1:{port}"),)), Pipeline(parse({}), 0.0))
    attachments.start()
    (reader,) = reactor.readers
    reader.listener.receive = lambda *a: 1 / 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(3):
            s.sendto(b"x" * 40, ("127.0.0.1", port))
            select.select([reader], [], [], PATIENCE)
            reader.doRead()
    assert attachments.failures == 3 and reader in reactor.readers
    assert len([r for r in caplog.records if "failed, going on" in r.message]) == 1
    attachments.stop()


MAIN = DomainKey("default", 2)


def test_a_clock_set_back_does_not_lose_a_topology(monkeypatch) -> None:
    pipeline = Pipeline(parse({}), 0.0)
    attachments = Attachments(Reactor(), Ospf((AttachConfig("udp://127.0.0.1:1"),)), pipeline)
    for now in (1000.0, 400.0, 1001.0):
        monkeypatch.setattr("gateway.attachments.time.time", lambda now=now: now)
        attachments._make_version(MAIN)
    assert [t.time for t in pipeline.history.versions] == [1000.0, 1000.0, 1001.0]
    assert attachments.failures == 0


def fill(attachments: Attachments, number: int, area: int, lsas) -> None:
    lsdb = attachments._all[number].listener.lsdb
    lsdb.area = area
    lsdb.lsas = lambda now: tuple(lsas)
    lsdb._live = len(lsas)


def test_databases_of_two_areas_make_one_topology_and_two_of_one_area_one_database() -> None:
    pipeline = Pipeline(parse({}), 0.0)
    ospf = Ospf(tuple(AttachConfig(f"udp://127.0.0.1:{n}") for n in (1, 2, 3)))
    attachments = Attachments(Reactor(), ospf, pipeline)
    lsas = diamond_lsas()
    fill(attachments, 0, 0, lsas[:4])
    fill(attachments, 1, 0, lsas[2:])
    fill(attachments, 2, 7, [router("9.9.9.9", stub("172.16.0.0/24", 1))])
    attachments._make_version(MAIN)
    held = pipeline.history.current
    assert held is not None and attachments.failures == 0
    assert [area.area for area in held.areas] == [0, 7]
    whole = build_topology(lsas, version=1, time=0.0)
    assert held.n_routers == whole.n_routers + 1
    assert {*map(str, whole.links.keys)} < {*map(str, held.links.keys)}


def test_instances_stay_apart_though_everything_overlaps() -> None:
    pipeline = Pipeline(parse({"ospf": {"attach": [{"interface": "a"}, {"interface": "b", "instance": "red"}]}}), 0.0)
    ospf = Ospf((AttachConfig("udp://127.0.0.1:1"), AttachConfig("udp://127.0.0.1:2", instance="red")))
    attachments = Attachments(Reactor(), ospf, pipeline)
    red = DomainKey("red", 2)
    for number, key in ((0, MAIN), (1, red)):
        fill(attachments, number, 0, diamond_lsas())
        attachments._make_version(key)
    assert attachments.failures == 0
    one, other = (pipeline.histories[key].current for key in (MAIN, red))
    assert one is not None and other is not None and one is not other
    assert len({*one.links.keys, *other.links.keys}) == 2 * len(one.links.keys)
    before = {index: row.up for index, _, row in pipeline.rows.ordered()}
    fill(attachments, 1, 0, diamond_lsas()[:1])
    attachments._make_version(red)
    after = {index: row.up for index, _, row in pipeline.rows.ordered()}
    went = {key.instance for index, key, _ in pipeline.rows.ordered() if before[index] and not after[index]}
    assert went == {"red"} and pipeline.history.current is one
    assert all(event.subject.startswith("red/") for event in pipeline.events)
    assert set(pipeline.published(1.0).topologies) == {"default", "red"}


def test_a_silent_segment_is_told_once(caplog) -> None:
    reactor = Reactor()
    where = f"udp://127.0.0.1:{free_port()}"
    attachments = Attachments(reactor, Ospf((AttachConfig(where),)), Pipeline(parse({}), time.time()))
    attachments.start()
    reactor.advance(SILENCE - 1)
    assert "no OSPF packet" not in caplog.text
    reactor.advance(2)
    reactor.advance(2 * SILENCE)
    assert caplog.text.count(f"{where}: no OSPF packet in 60 s") == 1
    attachments.stop()
    assert not [call for call in reactor.getDelayedCalls() if call.active()]


def test_an_interface_that_is_not_there_is_named_with_its_key() -> None:
    attachments = Attachments(Reactor(), Ospf((AttachConfig("nowhere0"),)), Pipeline(parse({}), time.time()))
    with pytest.raises(GatewayError, match=r"^ospf\.attach: nowhere0|^ospf\.attach: .*CAP_NET_RAW"):
        attachments.start()


def test_one_that_cannot_be_opened_keeps_all_from_beginning(monkeypatch) -> None:
    def open_(config: AttachConfig) -> SimpleNamespace:
        if config.interface == "lan7":
            raise OspfError("lan7: no such interface")
        return SimpleNamespace(address=0x0A000009, point_to_point=False, mtu=1500, stats=None, fileno=lambda: 0)

    monkeypatch.setattr("gateway.attachments._open", open_)
    begun: list[str] = []
    watcher = SimpleNamespace(attached=lambda where, *_: begun.append(where.interface))
    ospf = Ospf((AttachConfig("lan0"), AttachConfig("lan7")))
    attachments = Attachments(Reactor(), ospf, Pipeline(parse({}), time.time()), [watcher])  # type: ignore[list-item]
    with pytest.raises(GatewayError, match="lan7: no such interface"):
        attachments.start()
    assert begun == []


def test_a_key_file_is_read_and_one_that_cannot_be_is_named(tmp_path) -> None:
    path = tmp_path / "ospf.key"
    tree = {"interface": "nowhere0", "authentication": {"type": "md5", "key_file": str(path)}}
    ospf = parse({"ospf": {"attach": [tree]}}).ospf
    with pytest.raises(GatewayError, match=f"nowhere0: .*key_file {path}: No such file"):
        Attachments(Reactor(), ospf, Pipeline(parse({}), 0.0))
    path.write_text("sesame\n")
    attachments = Attachments(Reactor(), ospf, Pipeline(parse({}), 0.0))
    assert attachments._all[0].config.keys[0].secret == b"sesame"


def test_an_interface_made_anew_is_listened_on_again(monkeypatch, caplog) -> None:
    """A raw socket stays with the interface that was deleted, and the kernel does not say so."""
    port, reactor = free_port(), Reactor()
    where = f"udp://127.0.0.1:{port}"
    attachments = Attachments(reactor, Ospf((AttachConfig(where),)), Pipeline(parse({}), time.time()))
    attachments.start()
    (one,) = attachments._all
    first, doubts = one.socket, []
    monkeypatch.setattr(one.listener, "packets_lost", lambda now, reason: doubts.append(reason))
    reactor.advance(LOOK)
    assert one.socket is first
    first.stats.received = 7
    monkeypatch.setattr(first, "is_current", lambda: False)
    for _ in range(3):  # its port is taken, as long as the old socket has it: not there yet
        reactor.advance(LOOK)
    assert one.socket is first and reactor.readers == {one} and caplog.text.count("trying again every second") == 1
    first._socket.close()
    reactor.advance(LOOK)
    assert one.socket is not first and reactor.readers == {one}
    assert (one.socket.stats.received, one.socket.stats.reopened) == (7, 1)
    assert doubts == ["the interface was made anew"] and attachments.failures == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x" * 40, ("127.0.0.1", port))
        select.select([one], [], [], PATIENCE)
        one.doRead()
    assert one.listener.stats.packets == 1
    attachments.stop()
    assert not reactor.readers and not [call for call in reactor.getDelayedCalls() if call.active()]


def test_what_a_restarting_router_said_holds_until_its_grace_period_is_over() -> None:
    """And no longer, though no LSA changes then."""
    reactor, pipeline = Reactor(), Pipeline(parse({}), 0.0)
    ospf = Ospf((AttachConfig(f"udp://127.0.0.1:{free_port()}"),))
    watch = Watch(ospf.anomalies, pipeline.note)
    attachments = Attachments(reactor, ospf, pipeline, [watch])
    attachments.start()
    where, now, offset = attachments._all[0].where, time.monotonic(), time.time() - time.monotonic()
    fill(attachments, 0, 0, diamond_lsas())
    attachments._make_version(MAIN)
    watch.hear(NeighborSeen(rid(2), rid(2), now), where, offset)
    watch.hear(LsaHeard(grace_lsa(0, "10.255.0.2", GRACE), now, "added", 0, rid(2)), where, offset)
    fill(attachments, 0, 0, [lsa for lsa in diamond_lsas() if lsa.header.advertising_router != rid(2)])
    attachments._make_version(MAIN)
    held = pipeline.history.current
    assert held is not None and held.links.up.all()
    watch._watches[MAIN]._lsas._restarting[rid(2)] = now  # it is over
    reactor.advance(LOOK)
    reactor.advance(CUT_SECONDS + 2.0)
    after = pipeline.history.current
    assert after is not None and after.version == held.version + 1 and not after.links.up.all()
    reactor.advance(5 * LOOK)
    assert pipeline.history.current is after and attachments.failures == 0
    attachments.stop()


def test_hellos_of_ever_new_routers_do_not_fill_the_log(caplog) -> None:
    caplog.set_level("INFO")
    ospf = Ospf((AttachConfig(f"udp://127.0.0.1:{free_port()}", mode="passive"),))
    watch = Watch(ospf.anomalies, lambda event: None)
    attachments = Attachments(Reactor(), ospf, Pipeline(parse({}), 0.0), [watch])
    attachments.start()
    (one,) = attachments._all
    now = time.monotonic()
    for number in range(1000):
        hello = Hello(0xFFFFFF00, number % 9 + 1, 2, 1, 1, 0, 0)
        packet = encode_packet(hello, router_id=number + 1, area=0)
        one.listener.receive(build_ip_packet(0x0A000001, ALL_SPF_ROUTERS, packet), now)
        attachments.turn(one, now)
    assert 150 < len(caplog.records) < 220  # of the attachment, and of the anomalies
    attachments.stop()


def test_one_segment_of_two_areas_is_two_attachments_with_names_of_their_own() -> None:
    both = [{"interface": "lan", "area": area} for area in ("0.0.0.1", "0.0.0.2")]
    ospf = parse({"ospf": {"attach": [*both, {"interface": "lan", "version": 3}, {"interface": "wan"}]}}).ospf
    attachments = Attachments(Reactor(), ospf, Pipeline(parse({}), 0.0))
    names = [one.where.interface for one in attachments._all]
    assert names == ["lan area 0.0.0.1", "lan area 0.0.0.2", "lan", "wan"]
