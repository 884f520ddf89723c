"""gateway.history_tables: what people see of routes, LSA traffic and captures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from gateway import history_api, history_tables, replaying
from ospf.changes import TopologyEvent
from ospf.domain import DomainKey
from ospf.past import Traffic, TrafficKey
from ospf.paths import Paths
from tests.gateway import published_fake as fake

LAN = Path(__file__).parents[1] / "captures" / "ospf-lan" / "in.pcap"


def text(picture: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=110, highlight=False).print(picture)
    return out.getvalue()


def test_routes_show_every_next_hop() -> None:
    held = fake.small().topology
    assert held is not None
    shown = text(history_tables.routes(history_api.routes(held, Paths(held), "10.255.0.1", fake.NAMES)))
    assert "10.255.0.1 north: " in shown and "connected" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["10.0.0.12/30", "intra", "20", "0.0.0.0", "10.0.0.10", "east", "10.0.0.9"] in rows
    assert any(row[-2:] == ["south", "10.0.0.5"] and len(row) == 3 for row in rows)  # the second of two


def test_routes_into_the_unseen_say_so() -> None:
    route = {"prefix": "10.9.0.0/16", "type": "inter", "cost": 5, "type2_cost": 7, "area": None, "next_hops": []}
    d = {"router": "1.1.1.1", "name": "", "time": "2026-11-21T19:50:00Z", "instance": "default", "routes": [route]}
    assert "5/7" in text(history_tables.routes(d)) and "not seen" in text(history_tables.routes(d))


def test_lsa_traffic_with_its_shares() -> None:
    key = TrafficKey(DomainKey("default", 2), 0, 0x0AFF0001, 1)
    traffic = {key: Traffic(refreshed=3, duplicate=1, octets=2000)}
    shown = text(history_tables.lsas(history_api.lsas(traffic, fake.NAMES)))
    assert "10.255.0.1 north" in shown and "2.00 kB" in shown
    assert "4 LSAs: " in shown and "refreshed 75 %" in shown and "duplicate 25 %" in shown


def test_fates_that_no_lsa_had_are_left_out() -> None:
    key = TrafficKey(DomainKey("default", 2), 0, 0x0AFF0001, 1)
    shown = text(history_tables.lsas(history_api.lsas({key: Traffic(added=2, refreshed=1)})))
    assert "added  refreshed  octets" in shown and "older" not in shown


def test_lsa_traffic_of_several_instances_is_told_apart() -> None:
    key = TrafficKey(DomainKey("default", 2), 0, 0x0AFF0001, 1)
    one = {key: Traffic(added=1)}
    assert "1 LSA: added" in text(history_tables.lsas(history_api.lsas(one)))
    assert "instance" not in text(history_tables.lsas(history_api.lsas(one)))
    both = one | {key._replace(domain=DomainKey("default", 3), type=0x2001): Traffic(added=1)}
    shown = text(history_tables.lsas(history_api.lsas(both)))
    assert "instance" in shown and "default/v3" in shown


def test_a_capture() -> None:
    d = replaying.topology(LAN)
    shown = text(history_tables.replayed(d))
    for words in ("10.98.0.3:10.98.3.0/24", "cost changed", "95 of OSPF; area 0.0.0.0: 16 LSAs", "AS boundaries"):
        assert words in shown
    d["events"] *= 9
    d["packets"] |= {"unread_version": 3}
    d["ospf"]["malformed"], d["last_refusal"] = 4, "packet checksum\x1b[31m"
    shown = text(history_tables.replayed(d | {"topologies": []}))
    for words in ("68 earlier events", "3 packets of OSPFv3", "packet checksum·", "no topology"):
        assert words in shown


def test_an_event_as_it_happens() -> None:
    line = history_tables.event_line(TopologyEvent(fake.NOW, "link_down", "1.1.1.1:10.0.0.1\x07", ""))
    assert line == "2026-11-21 19:50:00Z  link down        1.1.1.1:10.0.0.1·"
