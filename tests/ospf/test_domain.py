"""Databases of one instance, merged by area; versions cut at a pace."""

from types import SimpleNamespace

from ospf.areas import Options
from ospf.domain import CUT_CEILING_SECONDS, CUT_SECONDS, SETTLE_SECONDS, Domain, DomainKey, Source, area_databases
from ospf.lsa import RouterLink, RouterLsa, encode_lsa
from ospf.lsdb import Lsdb


def router_lsa(router: int, sequence: int = 1, metric: int = 1):
    body = RouterLsa(0, (RouterLink(0x0A000000, 0xFFFFFF00, 3, metric),))
    return encode_lsa(type=1, link_state_id=router, advertising_router=router, body=body, sequence=sequence)


def database(area: int, *lsas) -> Lsdb:
    lsdb = Lsdb(area)
    for lsa in lsas:
        lsdb.install(lsa, 0.0)
    return lsdb


def test_the_newest_instance_of_every_lsa_counts() -> None:
    old, new, other = router_lsa(1, 1), router_lsa(1, 2, 7), router_lsa(2)
    for order in ([old, other], [new]), ([new], [old, other]):
        (found,) = area_databases([Source(database(0, *lsas)) for lsas in order], 1.0)
        assert found.area == 0 and found.source == "attached"
        assert sorted(lsa.key for lsa in found.lsas) == [old.key, other.key]
        assert new in found.lsas and old not in found.lsas


def test_areas_never_mix_and_empty_databases_are_none() -> None:
    same = [Source(database(area, router_lsa(1, 1, area + 1))) for area in (3, 0)] + [Source(database(9))]
    found = area_databases(same, 1.0)
    assert [(d.area, d.lsas[0].body.links[0].metric) for d in found] == [(0, 1), (3, 4)]


def test_what_was_polled_stands_in_only_where_nothing_is_attached() -> None:
    attached, polled = router_lsa(1, 1), router_lsa(1, 2)
    sources = [Source(database(0, polled, router_lsa(5)), polled=True), Source(database(4, polled), polled=True)]
    found = area_databases([*sources, Source(database(0, attached))], 1.0)
    assert [(d.area, d.source, list(d.lsas)) for d in found] == [(0, "attached", [attached]), (4, "polled", [polled])]
    assert area_databases([*sources, Source(database(0))], 1.0)[0].source == "polled"


def test_what_a_passive_attachment_heard_does_not_hide_what_was_polled() -> None:
    """It never knows whether it has everything, and its first LSA is no topology of an area."""
    synchronised = False
    heard = Source(database(0, router_lsa(1, 3)), whole=lambda: synchronised)
    polled = Source(database(0, router_lsa(1, 2), router_lsa(5)), polled=True)
    (found,) = area_databases([heard, polled], 1.0)
    assert found.source == "attached" and set(found.lsas) == {router_lsa(1, 3), router_lsa(5)}
    synchronised = True
    (found,) = area_databases([heard, polled], 1.0)
    assert set(found.lsas) == {router_lsa(1, 3)}


def fake_build(databases, **arguments):
    return SimpleNamespace(databases=databases, **arguments)


def test_versions_and_times_only_grow_even_when_the_clock_is_set_back() -> None:
    domain = Domain(DomainKey("red", 2), fake_build, Options())
    domain.sources.append(Source(database(0, router_lsa(1))))
    cuts = [domain.cut(now, wall) for now, wall in ((1.0, 1000.0), (2.0, 400.0), (3.0, 1001.0))]
    assert [(t.version, t.time) for t in cuts] == [(1, 1000.0), (2, 1000.0), (3, 1001.0)]
    assert cuts[1].previous is cuts[0] and cuts[0].previous is None and cuts[0].instance == "red"


def test_a_lone_change_is_cut_at_once_and_a_storm_at_a_pace() -> None:
    domain = Domain(DomainKey("default", 2), fake_build, Options())
    assert domain.changed(10.0) == 10.0 + SETTLE_SECONDS
    assert domain.changed(10.001) == 10.0 + SETTLE_SECONDS  # already on its way
    domain.cut(10.005, 0.0)
    assert domain.changed(10.006) == 10.005 + CUT_SECONDS
    domain.cut(10.055, 0.0)
    domain.spent(0.4, 10.5)  # a version that costs much is followed by a pause
    assert domain.changed(10.6) == 10.5 + 0.8
    domain.cut(11.3, 0.0)
    domain.spent(100.0, 111.3)
    assert domain.changed(111.4) == 111.3 + CUT_CEILING_SECONDS


def test_the_name_tells_instance_and_protocol() -> None:
    assert (DomainKey("red", 2).name, DomainKey("red", 3).name) == ("red", "red/v3")
