"""The graph of an area: local numbers, kinds, flags."""

from __future__ import annotations

import numpy as np

from ospf.areas import NORMAL, Options
from ospf.topology import build_topology
from tests.ospf.lsas import B, E, ip, network, p2p, router, transit

R1, R2, R3 = "1.1.1.1", "2.2.2.2", "3.3.3.3"


def test_options_are_the_defaults_of_the_rfcs_and_of_frr() -> None:
    options = Options()
    assert not options.rfc1583_compatibility and options.abr == "rfc3509"
    assert options.max_paths == 64 and dict(options.max_paths_of) == {}


def test_one_area_is_numbered_like_its_topology() -> None:
    t = build_topology(
        [
            router(R1, transit("10.5.0.1", "10.5.0.1", 3), flags=B),
            router(R2, transit("10.5.0.1", "10.5.0.2", 3), p2p(R3, "10.0.0.1", 1), flags=E),
            router(R3, p2p(R2, "10.0.0.2", 1)),
            network("10.5.0.1", 24, R1, (R1, R2)),
        ],
        area="0.0.0.7",
        version=1,
        time=0.0,
    )
    (area,) = t.areas
    assert (area.area, area.kind, area.source, area.n_routers, area.n_vertices) == (7, NORMAL, "attached", 3, 4)
    assert area.vertices.tolist() == area.local.tolist() == [0, 1, 2, 3]
    assert area.flags.tolist() == [B, E, 0] and not area.transit and area.alive.all()
    assert area.edges is t.edges and (area.edges.virtual == -1).all()
    assert t.network_area.tolist() == [0] and (t.links.area == 7).all() and t.links.area.dtype == np.uint32
    assert [border.router for border in t.borders] == [ip(R1)] and not t.borders[0].area_known
