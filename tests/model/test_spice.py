"""`Paths.table` of every router of spiced random networks, against RFC 2328 section 16 word for word."""

from __future__ import annotations

from collections import Counter

import pytest

from ospf.areas import AreaDatabase, Options
from ospf.lsa import ExternalLsa, RouterLsa
from ospf.paths import Paths
from ospf.topology import build_domain
from tests.model.section16 import LS_INFINITY, MAX_AGE, OPTION_DN, OPTION_P
from tests.model.spice import NT, SpicedNetwork, spiced_network
from tests.model.test_section16 import announced, computed, expected, in_two_areas


def paths_of(net: SpicedNetwork, **switches: object) -> Paths:
    options = Options(abr="rfc3509" if net.rfc3509 else "rfc2328", **switches)  # type: ignore[arg-type]
    areas = [AreaDatabase(area, lsas) for area, lsas in net.databases().items()]
    return Paths(build_domain(areas, instance="default", version=1, time=0.0, options=options))


def differences(net: SpicedNetwork, *, rfc1583: bool) -> list[str]:
    databases, paths = net.databases(), paths_of(net, rfc1583_compatibility=rfc1583)
    unsaid = in_two_areas(databases) if net.virtual else set()  # 16.3 does not say which area such a route is of
    found = []
    for root in net.routers:
        ours = computed(paths, root)
        truth = expected(databases, root, rfc1583=rfc1583, rfc3509=net.rfc3509, ranges=net.ranges)
        for prefix in sorted((ours.keys() | truth.keys()) - announced(databases, root) - unsaid):
            if ours.get(prefix) != truth.get(prefix):
                found.append(f"{root & 255} to {prefix}: {ours.get(prefix)}, section 16 {truth.get(prefix)}")
    return found


@pytest.mark.parametrize("block", range(10))
def test_every_table_of_spiced_networks(block: int) -> None:
    for seed in range(block * 15, block * 15 + 15):
        found = differences(spiced_network(seed), rfc1583=bool(seed % 2))
        assert not found, f"seed {seed}:\n" + "\n".join(found[:20])


def test_the_spice_is_in_it() -> None:
    seen: Counter[str] = Counter()
    for seed in range(150):
        net = spiced_network(seed)
        seen["rfc2328"] += not net.rfc3509
        seen["range"] += bool(net.ranges)
        seen["type 7 default"] += bool(net.type7_default)
        seen["beyond"] += any((0, border) not in net.links for border in net.borders)
        databases = net.databases()
        seen["translated by several"] += any(
            len({origin for origin, *_ in told}) > 1 for told in net.translations.values()
        )
        for lsas in databases.values():
            seen["twice"] += len(lsas) > len({id(lsa) for lsa in lsas})
            seen["host bits"] += any(
                lsa.header.type == 3 and lsa.header.link_state_id & ~lsa.body.mask & 0xFFFFFFFF for lsa in lsas
            )
            for lsa in lsas:
                body, h = lsa.body, lsa.header
                seen["MaxAge"] += h.age == MAX_AGE
                seen["DN"] += bool(h.options & OPTION_DN)
                seen["infinite"] += getattr(body, "metric", 0) == LS_INFINITY
                if isinstance(body, ExternalLsa):
                    seen[f"type {h.type} forwarded"] += bool(body.forwarding_address)
                    seen["P"] += h.type == 7 and bool(h.options & OPTION_P)
                if isinstance(body, RouterLsa):
                    seen["Nt"] += bool(body.flags & NT)
                    links = [link.link_data for link in body.links if link.type == 1]
                    seen["multipoint"] += len(links) > len(set(links))
            seen["stale"] += len({lsa.body.attached for lsa in lsas if lsa.header.type == 2}) < sum(
                lsa.header.type == 2 for lsa in lsas
            )
    assert not [what for what, number in seen.items() if not number], seen
    assert len(seen) == 16
