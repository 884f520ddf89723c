"""LSAs and agents' datagrams in, per-link per-application octets out, equal to the truth within rounding.

Rounding: one octet per record and link (and one packet's L2 overhead where a topology change cuts a record).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.demo.enterprise import LISTENING_LAN, conversations, enterprise
from gateway.demo.network import NetworkBuilder
from gateway.demo.story import PARIS_LINE
from gateway.demo.traffic import TCP, Conversation, Process
from tests.model.plant import Change, Plant, cells, differences

OWNER = Process("program", 1, "program.service", "user")


def talk(app: str, client: str, server: str, up: float, down: float, **more: object) -> Conversation:
    """A steady conversation, megabits per second."""
    base = Conversation(app, client, server, TCP, 1000, 443, up * 1e6, down * 1e6, 700, 1400, OWNER, OWNER, swing=0.0)
    return replace(base, **more)  # type: ignore[arg-type]


def campus() -> NetworkBuilder:
    """Two equal paths, two parallel wires, an unnumbered wire, the LAN in transit, two ASBRs' worth of outside."""
    build = NetworkBuilder()
    for number, name in enumerate(("a", "b", "c", "d", "e"), 1):
        build.router(name, f"10.255.0.{number}")
    build.lan("lan", "10.0.100.0/24", ("a", "b", "c"), 10, capacity=1e9)
    build.p2p("b", "d", "10.0.0.0/30", 10, capacity=1e9, name="bd")
    build.p2p("c", "d", "10.0.0.4/30", 10, capacity=1e9, name="cd1")
    build.p2p("c", "d", "10.0.0.8/30", 10, capacity=1e9, name="cd2")
    build.p2p("d", "e", "", 5, back=7, capacity=1e9, name="de")
    build.stub("left", "10.1.0.0/24", "a", 1, capacity=1e9)
    build.stub("right", "10.2.0.0/24", "d", 1, capacity=1e9)
    build.stub("far", "10.3.0.0/24", "e", 1, capacity=1e9)
    for name, number, segment, agent in (
        ("l1", 11, "left", True), ("l2", 12, "left", True), ("l3", 13, "left", False),
        ("r1", 11, "right", True), ("r2", 12, "right", False), ("f1", 11, "far", True),
    ):  # fmt: skip
        build.host(name, number, segment, agent=agent)
    build.host("n1", 51, "lan", gateway="b")
    build.host("n2", 52, "lan", gateway="c")
    build.outside("web", "203.0.113.1")
    build.outside("cdn", "198.51.100.7")
    build.external("e", "0.0.0.0/0", 20)
    build.external("e", "198.51.100.0/24", 5, type2=False)
    return build


def check(plant: Plant, seconds: float) -> None:
    plant.run(seconds)
    published, truth = plant.published(), plant.truth()
    wrong = differences(published, truth)
    assert not wrong, "\n".join(map(str, wrong[:12]))
    assert sum(truth.out.values()) > 0
    for row, app in enumerate(published.apps.name):
        carried = truth.carried.get(app, 0.0)
        assert abs(float(published.apps.octets[row]) - carried) <= len(plant.sent) + 1, app


def campus_plant(talks: Sequence[Conversation], **more: object) -> Plant:
    return Plant(campus().build(), "lan", talks, **more)  # type: ignore[arg-type]


def test_both_ends_report_and_a_flow_counts_once() -> None:
    check(campus_plant([talk("web", "l1", "r1", 2.0, 20.0), talk("mail", "l2", "f1", 1.0, 3.0)]), 20.0)


def test_only_the_receiver_reports() -> None:
    talks = [talk("web", "l1", "r2", 2.0, 20.0), talk("mail", "l3", "r1", 1.0, 3.0)]
    plant = campus_plant(talks)
    check(plant, 20.0)
    assert {(sent.source, sent.destination) for sent in plant.sent} == {
        ("l1", "r2"), ("r2", "l1"), ("l3", "r1"), ("r1", "l3"),
    }  # fmt: skip


def test_nobody_reports_nothing_is_seen() -> None:
    plant = campus_plant([talk("web", "l3", "r2", 2.0, 20.0), talk("mail", "l1", "r1", 1.0, 1.0)])
    check(plant, 12.0)
    assert not any(app == "web" for _, app in cells(plant.published()))


def test_on_link_traffic_crosses_no_router() -> None:
    talks = [talk("files", "l1", "l2", 5.0, 50.0), talk("ssh", "n1", "n2", 1.0, 1.0), talk("dns", "l1", "r1", 1, 1)]
    plant = campus_plant(talks)
    check(plant, 12.0)
    assert {app for _, app in cells(plant.published())} == {"dns"}


def test_hosts_on_the_transit_lan_enter_by_their_own_gateway() -> None:
    talks = [talk("monitoring", "n1", "r1", 3.0, 6.0), talk("syslog", "n2", "f1", 1.0, 2.0)]
    plant = campus_plant(talks)
    check(plant, 12.0)
    links = {link for link, app in cells(plant.published()) if app == "monitoring"}
    assert "10.255.0.2:10.0.0.1" in links and "10.255.0.3:10.0.0.5" in links  # out by b; back by b and c


def test_external_destinations_leave_and_enter_at_the_asbr() -> None:
    talks = [talk("web", "l1", "web", 1.0, 9.0), talk("video", "n2", "cdn", 2.0, 4.0)]
    plant = campus_plant(talks)
    check(plant, 12.0)
    published = plant.published()
    row = published.links.id.index("10.255.0.5:external")
    assert published.links.octets[row] > 0 and published.links.in_octets[row] > 0


def test_a_change_in_the_middle_of_a_bin_and_of_records() -> None:
    network = campus().build()
    changes = [
        Change(7.3, network.without("bd")),
        Change(11.1, network.without("bd", "cd1")),
        Change(15.9, network.with_cost("c", "cd2", 25)),
        Change(21.45, network),
    ]
    talks = [talk("web", "l1", "r1", 2.0, 20.0), talk("mail", "r2", "n1", 1.0, 3.0), talk("x", "f1", "web", 1, 1)]
    plant = campus_plant(talks, changes=changes)
    check(plant, 30.0)
    kinds = {event.kind for event in plant.published().events}
    assert {"link_down", "link_up", "cost_changed"} <= kinds


def test_a_partition_is_counted_as_unreachable() -> None:
    network = campus().build()
    plant = campus_plant([talk("web", "l1", "f1", 2.0, 2.0)], changes=[Change(8.0, network.without("de"))])
    check(plant, 16.0)
    unreachable = plant.pipeline.octets["unreachable"]
    truth = plant.truth().unroutable
    assert truth > 0 and abs(unreachable - truth) <= 0.03 * truth


def test_a_dead_router_takes_its_links_with_it() -> None:
    network = campus().build()
    plant = campus_plant([talk("web", "l1", "r1", 2.0, 20.0)], changes=[Change(9.0, network.without("b"))])
    check(plant, 20.0)
    assert any(event.kind == "router_down" for event in plant.published().events)


def test_what_is_lost_on_the_way_still_left_its_sender() -> None:
    options = {"r1": {"loss": 0.1}, "l1": {"loss": 0.02}}
    check(campus_plant([talk("web", "l1", "r1", 2.0, 20.0)], options=options), 12.0)


def test_clocks_that_are_wrong_are_put_right() -> None:
    plant = campus_plant([talk("web", "l1", "r1", 2.0, 20.0)], options={"l1": {"skew": 1000.0}, "r1": {"skew": -77.0}})
    check(plant, 12.0)


def test_repeated_and_reordered_datagrams_do_not_stop_anything() -> None:
    plant = campus_plant([talk("web", "l1", "r1", 2.0, 20.0)], deliver=lambda host, datagram: (datagram[:9], datagram))
    check(plant, 10.0)
    assert plant.pipeline.stats()["decode"]["malformed"] > 0


def test_the_enterprise_with_its_backup_and_its_failure() -> None:
    network = enterprise()
    talks = conversations(network, ((6.0, 26.0),))
    plant = Plant(
        network, LISTENING_LAN, talks,
        changes=[Change(14.0, network.without(PARIS_LINE)), Change(22.5, network)],
    )  # fmt: skip
    check(plant, 30.0)
    published = plant.published()
    assert len(published.agents) == sum(host.agent for host in network.hosts)
    assert published.topology_version == 3
    wire = plant.wire.lan.stats
    assert wire.intruding_updates == 0 and wire.adjacencies == 0
    decode = plant.pipeline.stats()["decode"]
    assert decode["malformed"] == decode["sequence_lost"] == decode["missing_template_sets"] == 0


def test_counters_only_ever_grow() -> None:
    network = campus().build()
    plant = campus_plant(
        [talk("web", "l1", "r1", 2.0, 20.0)], changes=[Change(5.0, network.without("bd")), Change(9.0, network)]
    )
    before: dict[tuple[str, str], float] = {}
    for seconds in (6.0, 72.0):  # `run` ends with 60 s of silence
        plant.run(seconds)
        now = cells(plant.published())
        assert all(now[key] >= octets for key, octets in before.items())
        assert sum(now.values()) > sum(before.values())
        before = now


@pytest.mark.parametrize("interval", [1.0, 5.0, 7.0])
def test_other_report_intervals(interval: float) -> None:
    check(campus_plant([talk("web", "l1", "r1", 2.0, 20.0), talk("m", "n1", "r2", 1, 1)], interval=interval), 30.0)


def test_late_reports_are_added_to_closed_bins() -> None:
    held: list[bytes] = []

    def deliver(host: str, datagram: bytes) -> tuple[bytes, ...]:
        held.append(datagram)
        if plant.now < plant.origin + 25.0:
            return ()
        released = tuple(held)
        held.clear()
        return released

    network = campus().build()
    plant = campus_plant(
        [talk("web", "l1", "r2", 2.0, 20.0)], deliver=deliver, changes=[Change(11.0, network.without("bd"))]
    )
    check(plant, 30.0)
    assert plant.pipeline.stats()["bins"]["late_records"] > 0


def test_when_an_agent_dies_the_other_end_takes_over() -> None:
    def deliver(host: str, datagram: bytes) -> tuple[bytes, ...]:
        return () if host == "l1" and plant.now > plant.origin + 10.0 else (datagram,)

    plant = campus_plant([talk("web", "l1", "r1", 8.0, 8.0)], deliver=deliver)
    plant.run(60.0)
    published, truth = plant.published(), plant.truth()
    seen = cells(published)["10.255.0.4:10.2.0.0/24", "web"]
    true = truth.out["10.255.0.4:10.2.0.0/24", "web"]
    assert seen <= true + len(plant.sent)
    assert seen >= true * (1 - 2 * plant.interval / 60.0)  # two reports fall between the two ends
    assert any(event.kind == "agent_lost" for event in published.events)
