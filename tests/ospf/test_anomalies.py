"""The whole: a listener on a simulated LAN with its events; a storm of flapping adjacencies; every kind is raised."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from ospf import episodes
from ospf.anomalies import Anomalies, AnomalyConfig
from ospf.config import AttachConfig
from ospf.episodes import KINDS
from ospf.listener import Listener
from ospf.lsa import LINK_TRANSIT, NetworkLsa, RouterLink, RouterLsa
from ospf.topology import Topology, build_topology
from tests.ospf.heard import Stream, external_lsa, instance, router_lsa
from tests.ospf.lsas import ip, mask
from tests.ospf.model_router import ModelRouter, converse

R1, R2 = ip("10.0.0.1"), ip("10.0.0.2")
A1, A2 = ip("10.5.0.1"), ip("10.5.0.2")


def lan_lsas(n: int) -> list[object]:
    """Two routers on a LAN, r1 its DR, and ten externals."""

    def on_lan(router: str, address: int) -> object:
        link = RouterLink(A1, address, LINK_TRANSIT, 10)
        return instance(n, router, RouterLsa(0, (link,)))

    lan = instance(n, "10.0.0.1", NetworkLsa(mask(24), (R1, R2)), kind=2, lsid="10.5.0.1")
    return [on_lan("10.0.0.1", A1), on_lan("10.0.0.2", A2), lan, *(external_lsa(n, "10.0.0.1", k) for k in range(10))]


def test_a_quiet_lan_for_two_hours_says_nothing() -> None:
    one = ModelRouter(R1, A1, lan_lsas(0), others=(R2,))  # type: ignore[arg-type]
    two = ModelRouter(R2, A2, designated=A1, others=(R1,))
    listener = Listener(AttachConfig(interface="eth0"), 0.0)
    listener.record_lsas = True
    anomalies = Anomalies(own={listener.router_id})
    current: Topology | None = None
    told = []
    refreshed = 0
    for tick in range(720):
        now = tick * 10.0
        for router in (one, two):
            listener.receive(router.hello(), now)
        converse(listener, one, now=now)
        if tick and now % 1800 == 0:
            refreshed += 1
            listener.receive(one.flood(*lan_lsas(refreshed)), now)  # type: ignore[arg-type]
        listener.handle_timeout(now)
        converse(listener, one, now=now)
        while (event := listener.next_event()) is not None:
            anomalies.hear(event, "eth0")
            if type(event).__name__ == "LsdbChanged":
                version = 1 if current is None else current.version + 1
                topology = build_topology(listener.lsdb.lsas(now), version=version, time=now)
                anomalies.topology(current, topology)
                current = topology
        anomalies.look({"eth0": listener}, now)
        anomalies.handle_timeout(now)
        while (anomaly := anomalies.next_event()) is not None:
            told.append(anomaly)
    assert told == []
    assert current is not None and current.n_routers == 2
    assert anomalies.stats.lsas_heard >= 13 * 4 and anomalies.stats.lsas_refreshed == 13 * 3


def test_a_storm_of_flapping_adjacencies_is_told_in_few_words() -> None:
    """100 routers, every one flipping all its links five times a second for a minute."""
    stream = Stream()
    for n in range(300):
        for router in range(100):
            addresses = [] if n % 2 else ["10.2.0.1", "10.2.0.5"]
            stream.hear(router_lsa(n, f"10.0.1.{router}", *addresses), n * 0.2 + router * 0.001)
    stream.until(1000.0)
    told = stream.kinds()
    per_kind = {kind: sum(k == kind for k, _ in told) for kind in {k for k, _ in told}}
    assert per_kind == {
        "lsa_storm": 1,  # the area's: no router alone makes a hundred in ten seconds
        "lsa_storm_ended": 1,
        "min_ls_interval": 100,
        "min_ls_interval_ended": 100,
    }
    assert stream.anomalies.stats.lsas_heard == 30_000 and stream.anomalies.stats.active == 0


def test_what_is_going_on() -> None:
    stream = Stream(storm_lsas=10)
    for n in range(10):
        stream.hear(external_lsa(n, "10.0.0.1", 0, metric=n), n * 0.1)
    kinds = [kind for kind, _, _ in stream.anomalies.active()]
    assert "lsa_storm" in kinds and stream.anomalies.stats.active == len(kinds)
    stream.until(500.0)
    assert stream.anomalies.active() == ()


def test_thresholds_arrive() -> None:
    assert Anomalies(AnomalyConfig(max_lsas=7)).config.max_lsas == 7


def test_every_kind_is_raised_in_some_test() -> None:
    folder = Path(__file__).parent
    text = "".join(p.read_text() for p in folder.glob("test_*watch.py")) + Path(__file__).read_text()
    assert [kind for kind in KINDS if not re.search(rf'"{kind}"', text)] == []
    raised = "".join(p.read_text() for p in (Path(episodes.__file__).parent).glob("*watch.py"))
    names = {value: name for name, value in vars(episodes).items() if isinstance(value, str)}
    assert [kind for kind in KINDS if not re.search(rf"\b{names[kind]}\b", raised)] == []
    assert dataclasses.asdict(Anomalies().stats)["flap"] == 0
