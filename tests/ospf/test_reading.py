"""One database by type, and the kind of its area."""

from __future__ import annotations

from msgspec.structs import replace

from ospf.areas import NORMAL, NSSA, STUB_AREA, AreaDatabase
from ospf.lsa import MAX_AGE, Lsa, OpaqueLsa, UnknownLsa
from ospf.reading import AreaLsas, sort_lsas
from tests.ospf.lsas import asbr_summary, external, ip, lsa, network, p2p, router, summary

R1, R2, R3 = "1.1.1.1", "2.2.2.2", "3.3.3.3"


def optioned(each: Lsa, options: int) -> Lsa:
    return replace(each, header=replace(each.header, options=options))


def read(*lsas: Lsa, area: int = 1, **more: object) -> AreaLsas:
    return sort_lsas(AreaDatabase(area, lsas), **more)  # type: ignore[arg-type]


def test_by_type() -> None:
    lan = network("10.5.0.1", 24, R1, (R1, R2))
    found = read(
        router(R1), lan, summary("10.0.0.0/8", R1, 1), asbr_summary(R3, R1, 1), external("0.0.0.0/0", R1, 1),
        external("0.0.0.0/0", R1, 1, kind=7), lsa(10, 1 << 24, ip(R1), OpaqueLsa(b"")),
        lsa(10, 4 << 24, ip(R1), OpaqueLsa(b"")), lsa(6, 1, ip(R1), UnknownLsa(b"")),
        lsa(1, ip(R2), ip(R2), UnknownLsa(b"")),
        lsa(3, 5, ip(R2), UnknownLsa(b"")),
    )  # fmt: skip
    assert list(found.routers) == [ip(R1)] and list(found.networks) == [(ip("10.5.0.1"), ip(R1))]
    assert [len(x) for x in (found.summaries, found.asbrs, found.externals, found.internals, found.traffic)] == [1] * 5
    assert found.network_bodies[ip("10.5.0.1"), ip(R1)] is lan.body and found.router_bodies[ip(R1)].links == ()


def test_max_age_is_absent_but_an_external_at_max_age_may_be_the_newest() -> None:
    found = read(
        *(
            replace(each, header=replace(each.header, age=age))
            for age in (MAX_AGE, MAX_AGE | 0x8000)
            for each in (router(R1), summary("10.0.0.0/8", R1, 1), external("0.0.0.0/0", R1, 1))
        )
    )
    assert not found.routers and not found.summaries and len(found.externals) == 2


def test_of_two_instances_the_newer_counts() -> None:
    old = router(R1)
    new = replace(router(R1, p2p(R2, 1, 1)), header=replace(old.header, sequence=5))
    assert read(old, new).routers[ip(R1)] is new and read(new, old).routers[ip(R1)] is new


def test_kind_of_the_area() -> None:
    assert read().kind == NORMAL and read(router(R1)).kind == NORMAL
    stub = [optioned(router(rid), 0) for rid in (R1, R2, R3)]
    assert read(*stub).kind == STUB_AREA and read(*stub, asbr_summary(R3, R1, 1)).asbrs == []
    assert read(*(optioned(each, 8) for each in stub)).kind == NSSA
    assert read(*stub, external("0.0.0.0/0", R1, 1, kind=7)).kind == NSSA
    assert read(*stub[:1], router(R2), router(R3)).kind == NORMAL  # one that errs does not decide
    assert read(*stub, area=0).kind == NORMAL  # RFC 2328 3.6: the backbone is never a stub


def test_the_same_lsas_are_not_sorted_again() -> None:
    before = read(router(R1), external("0.0.0.0/0", R1, 1))
    assert sort_lsas(AreaDatabase(1, list(before.given)), before=before) is before
    polled = sort_lsas(AreaDatabase(1, before.given, "polled"), before=before)
    assert polled.source == "polled" and polled.routers == before.routers
    assert sort_lsas(AreaDatabase(1, before.given[:1]), before=before).externals == []
    held = read(router(R3), restarting={ip(R1)}, before=before)
    assert ip(R1) in held.routers and ip(R1) not in sort_lsas(AreaDatabase(1, held.given), before=held).routers


def test_restarting_routers_are_as_before() -> None:
    before = read(router(R1, p2p(R2, 1, 1)), network("10.5.0.1", 24, R1, (R1, R2)), router(R2))
    now = [router(R1), network("10.5.0.9", 24, R1, (R1, R3)), router(R3)]
    found = read(*now, restarting={ip(R1), ip(R2), ip("9.9.9.9")}, before=before)
    assert found.routers[ip(R1)] is before.routers[ip(R1)] and found.routers[ip(R2)] is before.routers[ip(R2)]
    assert list(found.networks) == [(ip("10.5.0.1"), ip(R1))] and found.routers[ip(R3)] is now[2]
    assert read(*now, restarting={ip(R1)}).routers[ip(R1)] is now[0]
