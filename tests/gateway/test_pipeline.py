"""The pure gateway, from datagrams to `Published`: what the counters must do over time."""

import numpy as np
import pytest

from gateway import pipeline as pipeline_module
from gateway.config import parse
from gateway.identity import MAX_IFINDEX
from gateway.pipeline import Pipeline, Remembered
from gateway.published import Published
from ospf.topology import LinkKey
from tests.gateway.agentwire import AgentWire
from tests.gateway.small import diamond, flows, rid

T = 1_700_000_000.0
CONFIG = parse({"view": {"bin_seconds": 10}, "export": [{"to": "udp://127.0.0.1:9"}]})


def link(p: Published, name: str) -> int:
    return p.links.id.index(name)


def octets(p: Published, name: str) -> int:
    return int(p.links.octets[link(p, name)])


STUB4 = "10.255.0.4:10.1.4.0/24"
LEFT, RIGHT = "10.255.0.1:10.0.12.1", "10.255.0.1:10.0.13.1"


def started() -> tuple[Pipeline, AgentWire]:
    pipeline = Pipeline(CONFIG, T)
    pipeline.receive_topology(diamond(1, T))
    return pipeline, AgentWire("h1", "10.1.1.10", "10.1.1.1")


def test_complete_thirty_seconds_after_traffic_stops() -> None:
    pipeline, h1 = started()
    for step in range(1, 4):
        now = T + 5 * step
        pipeline.receive_flows(h1.report(now, (now - 5, now, "10.1.4.9", "web", 10_000, 10, 0, 0)), now)
        pipeline.advance(now)
    for now in np.arange(T + 15, T + 45, 1.0):
        pipeline.advance(float(now))
    p = pipeline.published(T + 45)
    assert octets(p, STUB4) == 30_000 + 30 * 14
    assert octets(p, LEFT) + octets(p, RIGHT) in (30_420, 30_419)
    assert p.watermark >= T + 20
    assert int(p.apps.octets[p.apps.name.index("web")]) == 30_420


def test_both_ends_count_once_and_the_late_end_does_not_matter() -> None:
    pipeline, h1 = started()
    h4 = AgentWire("h4", "10.1.4.9", "10.1.4.1")
    pipeline.receive_flows(h4.report(T + 5, (T, T + 5, "10.1.1.10", "web", 0, 0, 9_000, 9)), T + 5)
    pipeline.receive_flows(h1.report(T + 9, (T, T + 5, "10.1.4.9", "web", 9_100, 9, 0, 0)), T + 9)
    for agent in (h1, h4):
        pipeline.receive_flows(agent.report(T + 15), T + 15)
    pipeline.advance(T + 25)
    p = pipeline.published(T + 25)
    assert octets(p, STUB4) == 9_100 + 9 * 14
    assert p.stats["join_octets"]["repeated"] == 9_000


def test_when_the_sender_has_no_agent_the_receiver_counts() -> None:
    pipeline, _ = started()
    h4 = AgentWire("h4", "10.1.4.9", "10.1.4.1")
    pipeline.receive_flows(h4.report(T + 5, (T, T + 5, "10.1.1.10", "web", 0, 0, 9_000, 9)), T + 5)
    pipeline.advance(T + 25)
    assert octets(pipeline.published(T + 25), STUB4) == 9_000 + 9 * 14


def test_a_topology_change_in_mid_bin_divides_the_octets_by_time() -> None:
    pipeline, h1 = started()
    pipeline.receive_topology(diamond(2, T + 2.5, down=frozenset({(1, 3)})))
    pipeline.receive_flows(h1.report(T + 10, (T, T + 10, "10.1.4.9", "web", 10_000, 0, 0, 0)), T + 10)
    pipeline.advance(T + 20)
    p = pipeline.published(T + 20)
    assert octets(p, RIGHT) == 1_250  # half of a quarter
    assert octets(p, LEFT) == 1_250 + 7_500
    assert octets(p, STUB4) == 10_000
    assert not p.links.up[link(p, RIGHT)] and p.links.up[link(p, LEFT)]


def test_rates_follow_a_topology_change_at_once_and_counters_do_not() -> None:
    pipeline, h1 = started()
    pipeline.receive_flows(h1.report(T + 10, (T, T + 10, "10.1.4.9", "web", 10_000, 0, 0, 0)), T + 10)
    pipeline.advance(T + 20)
    before = pipeline.published(T + 20)
    assert before.links.bits_per_second[link(before, RIGHT)] == pytest.approx(4_000)
    pipeline.receive_topology(diamond(2, T + 21, down=frozenset({(1, 3)})))
    after = pipeline.published(T + 21)
    assert after.links.bits_per_second[link(after, RIGHT)] == 0
    assert after.links.bits_per_second[link(after, LEFT)] == pytest.approx(8_000)
    assert octets(after, RIGHT) == octets(before, RIGHT)
    assert {e.kind for e in after.events} >= {"link_down"}
    talker = next(t for t in after.talkers if t.link == link(after, LEFT))
    assert (talker.source, talker.destination) == ("10.1.1.10", "10.1.4.9")


def test_counters_never_go_back_and_late_records_only_add() -> None:
    pipeline, h1 = started()
    seen = [0]
    for step in range(1, 12):
        now = T + 5 * step
        late = (now - 30, now - 25, "10.1.4.9", "web", 1_000, 1, 0, 0)
        pipeline.receive_flows(h1.report(now, late, (now - 5, now, "10.1.4.9", "web", 1_000, 1, 0, 0)), now)
        pipeline.advance(now)
        seen.append(octets(pipeline.published(now), STUB4))
    assert seen == sorted(seen) and seen[-1] > 0
    assert pipeline.bins.stats.late_records > 0
    pipeline.advance(T + 200)
    assert octets(pipeline.published(T + 200), STUB4) == 22 * 1_014


def test_without_a_topology_octets_are_counted_as_lost_with_the_reason() -> None:
    pipeline, h1 = Pipeline(CONFIG, T), AgentWire("h1", "10.1.1.10")
    pipeline.receive_flows(h1.report(T + 5, (T, T + 5, "10.1.4.9", "web", 1_000, 1, 0, 0)), T + 5)
    pipeline.advance(T + 30)
    assert pipeline.stats()["join_octets"]["no_topology"] == 1_000


def test_the_export_adds_up_to_the_view() -> None:
    pipeline, h1 = started()
    sums: dict[int, int] = {}
    records = 0
    for step in range(1, 10):
        now = T + 5 * step
        rows = [(now - 5, now, f"10.1.4.{n}", "web", 997 * n, n, 0, 0) for n in range(1, 30)]
        pipeline.receive_flows(h1.report(now, *rows), now)
        hops = pipeline.advance(now).hops
        records += len(hops)
        for egress, value in zip(hops["egress"].tolist(), hops["layer2_octets"].tolist(), strict=True):
            sums[egress] = sums.get(egress, 0) + value
    p = pipeline.published(T + 50)
    view = dict(zip(p.links.ifindex.tolist(), p.links.octets.tolist(), strict=True))
    assert sums.keys() == {i for i, v in view.items() if v}
    for index, value in sums.items():
        assert abs(value - view[index]) <= records
    exact = p.links.ifindex[link(p, STUB4)]
    assert sums[int(exact)] == view[int(exact)]


def test_a_restart_continues_ifindex_names_and_counters() -> None:
    pipeline, h1 = started()
    pipeline.receive_flows(h1.report(T + 5, (T, T + 5, "10.1.4.9", "web", 1_000, 1, 0, 0)), T + 5)
    pipeline.advance(T + 20)
    before = pipeline.published(T + 20)
    remembered = Remembered(
        dict(pipeline.ifindex.items()),
        {},
        {name: n for n, name in pipeline.applications.names().items()},
        pipeline.view.counters(),
        {k: (v[0], v[1]) for k, v in pipeline.app_totals.items()},
    )
    again = Pipeline(CONFIG, T + 30, remembered)
    unsynchronised = again.published(T + 30)
    assert unsynchronised.links.id == before.links.id and not unsynchronised.links.up.any()
    again.receive_topology(diamond(1, T + 31))
    after = again.published(T + 31)
    assert after.links.ifindex.tolist() == before.links.ifindex.tolist()
    assert after.links.octets.tolist() == before.links.octets.tolist()
    assert after.apps.name == before.apps.name


def test_an_instant_at_the_edge_of_a_bin_with_a_topology_change_is_whole() -> None:
    pipeline, _ = started()
    pipeline.receive_topology(diamond(2, T + 2.5, down=frozenset({(1, 3)})))
    pipeline.bins.add(flows((T + 9.9996, T + 9.9996, "10.1.1.10", "10.1.4.9", 1, 10_007, 0)), T + 10)
    pipeline.advance(T + 60)
    assert octets(pipeline.published(T + 60), STUB4) == 10_007


def test_a_stop_counts_what_waits_and_the_rest_comes_after_the_restart() -> None:
    pipeline, h1 = started()
    pipeline.receive_flows(h1.report(T + 9, (T, T + 9, "10.1.4.9", "web", 9_000, 0, 0, 0)), T + 9)
    closed = pipeline.finish()
    assert len(closed.usage) and octets(pipeline.published(T + 9), STUB4) == 9_000
    assert len(pipeline.finish().usage) == 0
    pipeline.advance(T + 60)
    assert octets(pipeline.published(T + 60), STUB4) == 9_000


def test_the_interface_after_the_last_ifindex_stops_nothing() -> None:
    known = {LinkKey("default", 1, "if1"): MAX_IFINDEX - 4}
    pipeline = Pipeline(CONFIG, T, Remembered(known, {}, {}, None, {}))
    pipeline.receive_topology(diamond(1, T))
    h1 = AgentWire("h1", "10.1.1.10", "10.1.1.1")
    pipeline.receive_flows(h1.report(T + 5, (T, T + 5, "10.1.4.9", "web", 1_000, 1, 0, 0)), T + 5)
    assert len(pipeline.advance(T + 30).hops)
    p = pipeline.published(T + 30)
    assert p.links.ifindex.max() == MAX_IFINDEX and len(p.links) == 5
    assert 0 not in pipeline.view.counters().ifindex
    assert [e.kind for e in p.events].count("interfaces_refused") == 1


def test_a_version_long_gone_keeps_the_numbers_of_its_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "KEPT_OCTETS", 0)  # two routings are kept
    pipeline, h1 = started()
    stub = pipeline.ifindex.get(LinkKey("default", rid(4), "10.1.4.0/24"))
    pipeline.ifindex.allocate([LinkKey("default", rid(4), "10.1.4.1")])  # its address is told by another version
    for version in (2, 3):
        pipeline.receive_topology(diamond(version, T + 9 + version, down=frozenset({(1, 3)})))
    rows = len(pipeline.ifindex)
    pipeline.receive_flows(h1.report(T + 5, (T, T + 5, "10.1.4.9", "web", 1_000, 0, 0, 0)), T + 5)
    pipeline.advance(T + 30)
    counters = pipeline.view.counters()
    assert counters.octets[counters.ifindex == stub].tolist() == [1_000] and len(pipeline.ifindex) == rows


def test_records_that_waited_for_their_templates_count_once() -> None:
    pipeline, h1 = started()
    h1.report(T - 5, (T - 10, T - 5, "10.1.4.9", "web", 1, 0, 0, 0))  # templates went to the gateway before
    pipeline.receive_flows(h1.report(T + 5, (T, T + 5, "10.1.4.9", "web", 1_000, 0, 0, 0)), T + 5)
    pipeline.advance(T + 30)
    h1.process.handle_timeout(T + 58)
    for datagram in h1.datagrams(T + 58):  # the templates in one, who it is in another
        pipeline.receive_flows([(datagram, h1.peer)], T + 58)
    pipeline.advance(T + 100)
    assert octets(pipeline.published(T + 100), STUB4) == 1_000


def test_what_the_receiver_saw_before_the_senders_agent_came_is_counted() -> None:
    pipeline, h1 = started()
    h4 = AgentWire("h4", "10.1.4.9", "10.1.4.1")
    pipeline.receive_flows(h4.report(T + 5, (T, T + 5, "10.1.1.10", "web", 0, 0, 5_000, 0)), T + 5)
    pipeline.receive_flows(h1.report(T + 12), T + 12)
    pipeline.advance(T + 40)
    p = pipeline.published(T + 40)
    assert octets(p, STUB4) == 5_000 and p.stats["join_octets"]["repeated"] == 0


def test_what_did_not_move_is_not_made_again_and_what_moved_is() -> None:
    pipeline, h1 = started()
    one, two = pipeline.published(T), pipeline.published(T + 1, {"udp": {"datagrams": 7}})
    assert two.links is one.links and two.link_apps is one.link_apps
    assert (two.time, two.stats["udp"]["datagrams"]) == (T + 1, 7)
    pipeline.receive_flows(h1.report(T + 5, (T, T + 5, "10.1.4.9", "web", 1_000, 0, 0, 0)), T + 5)
    three = pipeline.published(T + 5)
    assert "web" in three.apps.name and len(three.agents) == 1
    pipeline.advance(T + 30)
    assert octets(pipeline.published(T + 30), STUB4) == 1_000
    pipeline.receive_topology(diamond(2, T + 31, down=frozenset({(1, 3)})))
    four = pipeline.published(T + 31)
    assert not four.links.up[link(four, RIGHT)] and four.topology_version == 2


def test_a_clock_set_back_stops_neither_counters_nor_rates() -> None:
    pipeline, h1 = started()
    for step in range(1, 9):
        now = T + 5 * step
        pipeline.receive_flows(h1.report(now, (now - 5, now, "10.1.4.9", "web", 1_000, 0, 0, 0)), now)
        pipeline.advance(now)
    before = octets(pipeline.published(T + 40), STUB4)
    back = T - 3600
    for step in range(1, 9):
        now = back + 5 * step
        pipeline.receive_flows(h1.report(now, (now - 5, now, "10.1.4.9", "web", 3_000, 0, 0, 0)), now)
        pipeline.advance(now)
    for extra in (45, 50, 55):
        pipeline.advance(back + extra)
    p = pipeline.published(back + 55)
    assert before <= octets(p, STUB4) == 8 * 1_000 + 8 * 3_000
    assert p.watermark == back + 40 and pipeline.bins.stats.clock_set_back == 1
    assert p.links.bits_per_second[link(p, STUB4)] == pytest.approx(6_000 * 8 / 10)


def test_one_exporter_with_names_without_end_leaves_room_for_the_others() -> None:
    pipeline, h1 = started()
    rows = [(T, T + 5, "10.1.4.9", f"job-{n}", 10, 0, 0, 0) for n in range(5000)]
    pipeline.receive_flows(h1.report(T + 5, *rows), T + 5)
    h2 = AgentWire("h2", "10.1.2.10", "10.1.2.1")
    pipeline.receive_flows(h2.report(T + 6, (T, T + 5, "10.1.4.9", "nginx", 7, 0, 0, 0)), T + 6)
    pipeline.advance(T + 40)
    p = pipeline.published(T + 40)
    assert octets(p, STUB4) == 50_007 and int(p.apps.octets[p.apps.name.index("nginx")]) == 7
    assert p.stats["applications"]["overflowed"] > 0 and len(p.apps.name) < 1200
