"""gateway.api: documents of design.md from a `Published` over a real topology."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gateway import api
from gateway.published import MatrixColumns
from gateway.query import NothingFound
from tests.gateway import published_fake as fake

# "Names people type" in design.md, in its order.
DESIGN_KEYS = [
    "id", "kind", "ifindex", "router", "interface", "neighbor", "area", "cost", "up", "octets", "packets",
    "bits_per_second", "apps",
]  # fmt: skip


def by_id(documents: list[api.Document]) -> dict[str, api.Document]:
    return {d["id"]: d for d in documents}


def test_link_has_the_keys_of_the_design_first() -> None:
    for document in api.links(fake.small()):
        assert list(document)[: len(DESIGN_KEYS)] == DESIGN_KEYS
        json.dumps(document)  # plain values only, no numpy


def test_links_are_busiest_first_and_carry_what_flows() -> None:
    links = api.links(fake.small())
    rates = [d["bits_per_second"] for d in links]
    assert rates == sorted(rates, reverse=True)
    office = by_id(links)["10.255.0.4:10.4.0.0/24"]
    assert office["kind"] == "stub"
    assert office["neighbor"] == ""
    assert office["apps"] == {"https": 70e6, "backup": 22e6}
    assert list(office["apps"]) == ["https", "backup"]
    assert office["utilisation"] == pytest.approx(0.92)
    # Two equal paths north -> west: half each, and an unknown capacity is null, not zero.
    south = by_id(links)["10.255.0.2:10.0.0.17"]
    assert south["bits_per_second"] == pytest.approx(92e6 * 2 / 3)  # two of three next hops at north lead south
    assert south["capacity_bits_per_second"] is None
    assert south["utilisation"] is None
    for link in links:
        assert sum(link["apps"].values()) == pytest.approx(link["bits_per_second"])


def test_links_lead_somewhere_in_words() -> None:
    leads = {d["id"]: d["towards"] for d in api.links(fake.small(), fake.NAMES)}
    assert leads["10.255.0.1:10.0.0.1"] == "south"
    assert leads["10.255.0.1:10.0.100.1"] == "10.0.100.0/24"
    assert leads["10.255.0.4:10.4.0.0/24"] == "10.4.0.0/24"
    assert leads["10.255.0.1:external"] == "external"


def test_links_by_use_are_down_then_fullest_then_unknown() -> None:
    links = api.links(fake.small(), by="used")
    assert by_id(links) == by_id(api.links(fake.small()))
    ranks = [(d["up"], -(d["utilisation"] or 0.0), -d["bits_per_second"]) for d in links]
    assert ranks == sorted(ranks)
    assert links[0]["utilisation"] == pytest.approx(0.92)
    cut = [d | {"up": d is not links[5]} for d in links]
    assert api.select(cut, by="used") == [cut[5], *cut[:5], *cut[6:]]
    assert api.select(api.links(fake.small()), by="used", top=4) == links[:4]


def test_links_filtered() -> None:
    published = fake.small()
    assert len(api.links(published, top=3)) == 3
    assert {d["router"] for d in api.links(published, router="10.255.0.3")} == {"10.255.0.3"}
    backup = api.links(published, app="backup")
    assert backup
    assert all("backup" in d["apps"] for d in backup)
    assert [d["apps"]["backup"] for d in backup] == sorted((d["apps"]["backup"] for d in backup), reverse=True)
    assert api.links(published, app="no such thing") == []
    assert api.links(published, router="192.0.2.1") == []


def test_select_chooses_among_documents_as_links_does() -> None:
    published = fake.small()
    every = sorted(api.links(published), key=lambda d: d["ifindex"])
    for choice in ({}, {"top": 4}, {"app": "https"}, {"router": "10.255.0.1", "top": 2}):
        assert api.select(every, **choice) == api.links(published, **choice)


@pytest.mark.parametrize("text", ["10.255.0.4:10.4.0.0/24", "west:10.4.0.0/24", "index"])
def test_find_link_by_id_name_or_ifindex(text: str) -> None:
    published = fake.small()
    row = published.links.id.index("10.255.0.4:10.4.0.0/24")
    assert api.find_link(published, str(published.links.ifindex[row]) if text == "index" else text) == row


def test_find_link_says_no() -> None:
    with pytest.raises(NothingFound, match="no link 'nowhere'"):
        api.find_link(fake.small(), "nowhere")


def test_link_tells_all() -> None:
    published = fake.small()
    document = api.link(published, api.find_link(published, "10.255.0.4:10.4.0.0/24"))
    assert document["in_bits_per_second"] == 0  # stubs: what hosts send is not an In of the demo's fractions
    assert [a["name"] for a in document["applications"]] == ["https", "backup"]
    assert document["applications"][0]["octets"] == 70e6 * 600 / 8
    assert sum(a["share_of_octets"] for a in document["applications"]) == pytest.approx(1)
    assert document["talkers"][0] == {
        "source": "10.1.0.10",
        "destination": "10.4.0.20",
        "app": "https",
        "bits_per_second": 70e6,
    }
    assert document["last_change"] == "2026-11-21T19:40:00Z"


def test_routers_forward_source_and_sink() -> None:
    published = fake.small()
    routers = {d["router"]: d for d in api.routers(published, fake.NAMES)}
    assert list(routers) == ["10.255.0.1", "10.255.0.2", "10.255.0.3", "10.255.0.4"]
    assert routers["10.255.0.1"]["sourced_bits_per_second"] == 92e6
    assert routers["10.255.0.4"]["sunk_bits_per_second"] == 92e6
    assert routers["10.255.0.3"]["sourced_bits_per_second"] == 0
    assert routers["10.255.0.3"]["forwarded_bits_per_second"] == pytest.approx(92e6 / 3 + 4e6 / 2)
    assert routers["10.255.0.1"]["name"] == "north"
    assert routers["10.255.0.1"]["neighbors"] == ["10.0.100.0/24", "10.255.0.2", "10.255.0.3"]
    assert all(d["up"] for d in routers.values())


def test_what_is_sunk_on_a_lan_goes_to_its_routers_by_their_rates() -> None:
    published = fake.small()
    rates = published.links.bits_per_second.copy()
    lan = {published.links.router[i]: i for i, n in enumerate(published.links.neighbor) if n == "10.0.100.0/24"}
    rates[[lan["10.255.0.1"], lan["10.255.0.2"]]] = 30e6, 10e6
    published = replace(
        published,
        links=replace(published.links, bits_per_second=rates),
        matrix=MatrixColumns(("10.255.0.4",), ("10.0.100.0/24",), np.array([3], np.int32), np.array([40e6])),
    )
    sunk = {d["router"]: d["sunk_bits_per_second"] for d in api.routers(published, {})}
    assert sunk["10.255.0.1"] == pytest.approx(30e6)
    assert sunk["10.255.0.2"] == pytest.approx(10e6)


def test_apps_count_each_flow_once() -> None:
    apps = api.apps(fake.small())
    assert [a["name"] for a in apps] == ["https", "backup", "<script>alert(1)</script>"]
    assert apps[0]["bits_per_second"] == 74e6
    assert sum(a["share"] for a in apps) == pytest.approx(1)


def test_agents() -> None:
    agents = api.agents(fake.small())
    assert [a["name"] for a in agents] == ["pc", "probe", "web"]
    assert agents[0]["live"] is False
    assert agents[0]["age_seconds"] == 400
    assert agents[1]["gateway"] == "10.0.100.2"


def test_matrix_is_split_by_application() -> None:
    matrix = api.matrix(fake.small(), fake.NAMES)
    assert matrix[0] == {
        "source": "10.255.0.1",
        "destination": "10.255.0.4",
        "source_name": "north",
        "destination_name": "west",
        "bits_per_second": 92e6,
        "apps": {"https": 70e6, "backup": 22e6},
    }


def test_events_since_is_exclusive() -> None:
    published = fake.small()
    every = api.events(published)
    assert [e["kind"] for e in every] == ["router_up", "link_down", "link_up"]
    assert every[1]["time"] == "2026-11-21T19:45:00Z"
    assert api.events(published, since=published.events[1].time) == every[2:]


def test_status_counts_what_was_lost() -> None:
    status = api.status(fake.small(), "9.9")
    assert status["version"] == "9.9"
    assert status["uptime_seconds"] == 3725
    assert status["watermark"] == "2026-11-21T19:49:48Z"
    assert (status["agents"], status["agents_live"]) == (3, 2)
    assert status["components"]["decode"]["records"] == 48_000
    assert {(x["component"], x["counter"], x["value"], x["unit"]) for x in status["losses"]} == {
        ("decode", "sequence_lost", 3, "count"),
        ("join_octets", "destination_unknown", 12_345, "octets"),
        ("udp", "kernel_dropped", 2, "count"),
        ("agents", "records_lost", 7, "count"),
    }


def test_a_gateway_that_heard_nothing_answers_everything() -> None:
    published = fake.empty()
    assert api.links(published) == api.apps(published) == api.agents(published) == api.matrix(published) == []
    assert api.routers(published, {}) == api.events(published) == []
    assert api.status(published, "")["losses"] == []
