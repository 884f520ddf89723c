"""The demo's enterprise is what its story says, by the independent truth of the model tests."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest

from gateway.demo.enterprise import BACKUP_APP, LISTENING_LAN, conversations, enterprise
from gateway.demo.network import LAN, Network
from gateway.demo.story import PARIS_LINE, SCENES, Scene, backup_windows, stage
from gateway.demo.traffic import pieces
from tests.model.truth import Loads, Routes, Sent, interfaces, loads

NETWORK = enterprise()
TALKS = conversations(NETWORK, backup_windows(1))


def load_of(scene: Scene, network: Network) -> Loads:
    start = scene.start + 5.0
    sent = []
    for talk in TALKS:
        for p in pieces(talk, start, start + 20.0):
            sent.append(Sent(0, 20, talk.client, talk.server, talk.app, p.up_octets, p.up_packets))
            sent.append(Sent(0, 20, talk.server, talk.client, talk.app, p.down_octets, p.down_packets))
    return loads([(0.0, network)], sent, 14)


@pytest.fixture(scope="module")
def by_scene() -> list[Loads]:
    return [load_of(scene, stage(NETWORK, scene)) for scene in SCENES]


def utilisation(found: Loads, router: str, segment: str) -> float:
    link = NETWORK.link_id(NETWORK.find(router, segment))
    octets = sum(octets for (each, _), octets in found.out.items() if each == link)
    return octets * 8 / 20 / NETWORK.segment_by_name[segment].capacity


def test_size_and_addresses() -> None:
    assert 12 <= len(NETWORK.routers) <= 16
    assert 30 <= sum(host.agent for host in NETWORK.hosts) < len(NETWORK.hosts)
    assert NETWORK.segment_by_name[LISTENING_LAN].kind == LAN
    owned = [end.address for end in interfaces(NETWORK)] + [host.address for host in NETWORK.hosts]
    assert len(owned) == len(set(owned))
    assert len({router.id for router in NETWORK.routers}) == len(NETWORK.routers)
    spans = sorted((s.network, s.network + (1 << 32 - s.plen)) for s in NETWORK.segments)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_everybody_reaches_everybody_in_every_scene() -> None:
    for scene in SCENES:
        routes = Routes(stage(NETWORK, scene))
        for talk in TALKS:
            ends = (NETWORK.host_by_name[talk.client], NETWORK.host_by_name[talk.server])
            assert routes.fractions(*ends) is not None, (scene.title, talk)
            assert routes.fractions(*reversed(ends)) is not None, (scene.title, talk)


def test_the_backup_fills_the_line_to_90_percent(by_scene: list[Loads]) -> None:
    normal, backup, broken, repaired = by_scene[:4]
    assert utilisation(normal, "br-paris", PARIS_LINE) < 0.2
    assert 0.88 < utilisation(backup, "br-paris", PARIS_LINE) < 0.95
    assert utilisation(broken, "br-paris", PARIS_LINE) == 0.0
    assert 0.88 < utilisation(broken, "br-paris", "hq-core-2--br-paris") < 0.95
    assert 0.88 < utilisation(repaired, "br-paris", PARIS_LINE) < 0.95
    line = NETWORK.link_id(NETWORK.find("br-paris", PARIS_LINE))
    shares = {app: octets for (link, app), octets in backup.out.items() if link == line}
    assert shares[BACKUP_APP] > 0.9 * sum(shares.values())


def test_no_other_link_is_fuller_and_none_overflows(by_scene: list[Loads]) -> None:
    capacity = {NETWORK.link_id(end): NETWORK.segment_by_name[end.segment].capacity for end in interfaces(NETWORK)}
    for scene, found in zip(SCENES, by_scene, strict=True):
        filled: dict[str, float] = defaultdict(float)
        for (link, _), octets in found.out.items():
            if link in capacity:
                filled[link] += octets * 8 / 20 / capacity[link]
        assert max(filled.values()) < 0.96, scene.title
        for link, part in filled.items():
            if part > 0.85:
                assert link.startswith("10.255.0.11:"), (scene.title, link)


def test_maintenance_ends_the_equal_shares(by_scene: list[Loads]) -> None:
    after, before = by_scene[4], by_scene[0]
    assert utilisation(before, "hq-core-1", "hq-core-1--dc-core-1") > 0.0
    assert utilisation(after, "hq-core-1", "hq-core-1--dc-core-1") == 0.0
    assert utilisation(after, "hq-core-1", "hq-core-1--dc-core-2") > utilisation(
        before, "hq-core-1", "hq-core-1--dc-core-2"
    )
