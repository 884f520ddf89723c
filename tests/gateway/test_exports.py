import socket

import pytest
from twisted.internet.task import Clock

from exporters.ipfix.decode import SessionDecoder
from gateway.config import Export, parse
from gateway.errors import GatewayError
from gateway.exports import BURST, PAUSE, Exports
from gateway.pipeline import Pipeline
from tests.gateway.agentwire import AgentWire
from tests.gateway.small import diamond

T = 1_700_000_000.0


def hops(flows: int):
    pipeline = Pipeline(parse({"export": [{"to": "udp://127.0.0.1:9"}]}), T)
    pipeline.receive_topology(diamond(1, T))
    h1 = AgentWire("h1", "10.1.1.10")
    rows = [(T, T + 5, f"10.1.4.{n % 250 + 1}", "web", 1000 + n, 1, 0, 0) for n in range(flows)]
    pipeline.receive_flows(h1.report(T + 5, *rows), T + 5)
    closed = pipeline.advance(T + 20)
    return closed.hops, pipeline.published(T + 20)


def test_paced_in_bursts_and_everything_arrives() -> None:
    batch, published = hops(2000)
    clock = Clock()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.bind(("127.0.0.1", 0))
        s.settimeout(0.2)
        exports = Exports(clock, (Export(to=f"udp://127.0.0.1:{s.getsockname()[1]}"),))
        exports.start()
        exports.send(batch, published, T + 20)
        got: list[bytes] = []

        def drain() -> int:
            count = 0
            try:
                while True:
                    got.append(s.recv(65535))
                    count += 1
            except TimeoutError:
                return count

        assert 0 < drain() <= BURST
        for _ in range(100):
            clock.advance(PAUSE)
        drain()
        records = SessionDecoder().receive(got, T + 20)
        flows = sum(len(r) for r in records if "egressInterface" in r.columns and not r.template.scope_count)
        assert flows == len(batch) > 2000
        names = {n for r in records for n in r.columns.get("applicationName", [])}
        assert "web" in names
        assert exports.stats()["dropped_queue_full"] == 0
        exports.stop()
        assert not clock.getDelayedCalls()


def test_only_udp_yet() -> None:
    with pytest.raises(GatewayError, match="only udp"):
        Exports(Clock(), (Export(to="tcp://127.0.0.1:4739"),)).start()


def test_without_destinations_nothing_is_done() -> None:
    exports = Exports(Clock(), ())
    exports.start()
    assert exports.stats() == {"destinations": 0}
    exports.stop()


def test_what_waits_for_the_pace_is_bounded_and_counted(monkeypatch) -> None:
    monkeypatch.setattr("gateway.exports.MOST_WAITING", 20)
    batch, published = hops(2000)
    clock = Clock()
    exports = Exports(clock, (Export(to="udp://127.0.0.1:9"),))
    exports.start()
    for second in range(5):
        exports.send(batch, published, T + 20 + second)
    assert len(exports._destinations[0]._waiting) <= 20
    assert exports.stats()["dropped_waiting"] > 100
    exports.stop()


def test_a_new_source_address_is_a_new_session_with_its_templates_again() -> None:
    batch, published = hops(3)
    clock = Clock()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        exports = Exports(clock, (Export(to=f"udp://127.0.0.1:{s.getsockname()[1]}"),))
        exports.start()
        exports.send(batch, published, T + 20)
        one = exports._destinations[0]
        before = one.process.stats.template_records
        sending = one.sender.send

        def moved(datagrams: list[bytes]) -> int:
            one.sender.stats.reopened += 1
            return sending(datagrams)

        one.sender.send = moved  # type: ignore[method-assign]
        for _ in range(3):
            clock.advance(PAUSE)
        exports.send(batch, published, T + 21)
        one.sender.send = sending  # type: ignore[method-assign]
        for _ in range(5):
            clock.advance(PAUSE)
        exports.send(batch, published, T + 22)
        assert one.process.stats.template_records > before
        exports.stop()
