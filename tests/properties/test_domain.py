"""`previous` saves time and nothing else: over any sequence of changes the topology equals one built from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ospf.areas import AreaDatabase
from ospf.lsa import MAX_AGE, ExternalLsa, Lsa, NetworkLsa, OpaqueLsa, RouterLsa, SummaryLsa
from ospf.topology import Topology, build_domain
from tests.model.areas import random_network
from tests.ospf.lsas import lsa
from tests.ospf.test_te import full, link, tlv, words

Databases = dict[int, list[Lsa]]


def differences(a: object, b: object, path: str = "") -> list[str]:
    """Paths of the fields that differ."""
    if is_dataclass(a):
        names = [each.name for each in fields(a) if each.name not in ("memory", "body", "index")]
        return [d for name in names for d in differences(getattr(a, name), getattr(b, name), f"{path}.{name}")]
    if isinstance(a, np.ndarray):
        same = isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
        return [] if same else [path]
    if isinstance(a, tuple) and any(is_dataclass(each) for each in a):
        assert isinstance(b, tuple)
        inside = [d for i, (x, y) in enumerate(zip(a, b, strict=False)) for d in differences(x, y, f"{path}[{i}]")]
        return inside if len(a) == len(b) else [path]
    return [] if a == b else [path]


def check(t: Topology) -> None:
    """What every topology of several areas keeps to."""
    links, offers, prefixes = t.links, t.offers, t.prefixes
    assert len(set(links.keys)) == len(links) and list(links.router) == sorted(links.router)
    assert (np.diff(t.routers.astype(np.int64)) > 0).all()
    codes = prefixes.network.astype(np.int64) << 6 | prefixes.plen
    assert (np.diff(codes) > 0).all() and (np.diff(prefixes.start) >= 1).all()
    assert len(offers.start) == len(prefixes) + 1 and offers.start[-1] == len(offers)
    assert (np.diff(offers.start) >= 1).all()  # whatever is attached was offered
    assert (offers.vertex[offers.kind <= 1] >= 0).all() and (offers.link < len(links)).all()
    parent = prefixes.parent
    assert (parent < np.arange(len(prefixes))).all()
    for row in np.flatnonzero(parent >= 0):
        shift = 32 - int(prefixes.plen[parent[row]])
        assert int(prefixes.network[row]) >> shift == int(prefixes.network[parent[row]]) >> shift
        assert prefixes.plen[parent[row]] < prefixes.plen[row]
    for number, graph in enumerate(t.areas):
        edges = graph.edges
        assert (graph.local[graph.vertices] == np.arange(graph.n_vertices)).all()
        assert (graph.local >= 0).sum() == graph.n_vertices
        assert (t.network_area[graph.vertices[graph.n_routers :] - t.n_routers] == number).all()
        out = edges.out_link >= 0
        assert (links.vertex[edges.out_link[out]] == graph.vertices[edges.src[out]]).all()
        assert (links.vertex[edges.in_link[edges.in_link >= 0]] == graph.vertices[edges.dst[edges.in_link >= 0]]).all()
        assert links.up[edges.out_link[out]].all()
        assert (edges.virtual[out] == -1).all() and (edges.virtual < len(t.areas)).all()
        two_way = set(zip(edges.src.tolist(), edges.dst.tolist(), strict=True))
        assert all((dst, src) in two_way for src, dst in two_way)


@st.composite
def changes(draw: st.DrawFn, databases: Databases, spare: list[tuple[int, Lsa]]) -> None:
    """Change some LSAs in place; those taken out may come back later."""
    for _ in range(draw(st.integers(1, 3))):
        area = draw(st.sampled_from(sorted(databases)))
        lsas = databases[area]
        what = draw(st.sampled_from(["change", "change", "remove", "return", "refresh", "traffic", "die", "shuffle"]))
        if what == "return" and spare:
            home, each = spare.pop(draw(st.integers(0, len(spare) - 1)))
            databases[home].append(each)
        elif what == "traffic":
            routers = [each.header.advertising_router for each in lsas if isinstance(each.body, RouterLsa)]
            if routers:
                data = full("10.0.0.5") if draw(st.booleans()) else link(tlv(3, words(0x0A000005)), tlv(5, words(9)))
                number = draw(st.integers(1, 3))
                lsas.append(lsa(10, 1 << 24 | number, draw(st.sampled_from(routers)), OpaqueLsa(data)))
        elif lsas:
            at = draw(st.integers(0, len(lsas) - 1))
            if what == "change":
                lsas[at] = replace(lsas[at], body=changed(draw, lsas[at].body))
            elif what == "remove":
                spare.append((area, lsas.pop(at)))
            elif what == "die":
                lsas[at] = replace(lsas[at], header=replace(lsas[at].header, age=MAX_AGE))
            elif what == "refresh":
                lsas[at] = replace(lsas[at], header=replace(lsas[at].header, sequence=lsas[at].header.sequence + 1))
            else:
                lsas.reverse()


def changed(draw: st.DrawFn, body: object) -> object:
    if isinstance(body, RouterLsa):
        links = [each for each in body.links if draw(st.integers(0, 4))]
        links = [replace(each, metric=draw(st.sampled_from([1, each.metric, 65535]))) for each in links]
        return RouterLsa(draw(st.sampled_from([body.flags, body.flags, body.flags ^ 1, body.flags ^ 2])), tuple(links))
    if isinstance(body, NetworkLsa):
        return replace(body, attached=body.attached[draw(st.integers(0, 1)) :])
    if isinstance(body, SummaryLsa | ExternalLsa):
        return replace(body, metric=draw(st.sampled_from([1, 7, 0xFFFFFF])))
    return body


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.data())
def test_previous_never_changes_the_result(seed: int, data: st.DataObject) -> None:
    databases: Databases = random_network(seed).databases()
    spare: list[tuple[int, Lsa]] = []
    known: Mapping[int, set[int]] = {}
    latest: Topology | None = None
    for version in range(1, data.draw(st.integers(3, 7))):
        given_ = [AreaDatabase(area, tuple(lsas)) for area, lsas in databases.items() if data.draw(st.integers(0, 9))]
        latest = build_domain(given_, instance="i", version=version, time=0.0, known=known, previous=latest)
        scratch = build_domain(given_, instance="i", version=version, time=0.0, known=known)
        assert differences(latest, scratch) == []
        check(latest)
        data.draw(changes(databases, spare))
        if data.draw(st.booleans()):
            links = latest.links
            known = {
                router: {int(a) for a in links.address[links.router == router] if a}
                for router in latest.routers.tolist()
            }
