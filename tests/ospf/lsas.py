"""LSAs built from a few words, for the topology tests."""

from __future__ import annotations

from collections.abc import Iterable

from ospf.lsa import ExternalLsa, Lsa, LsaHeader, NetworkLsa, RouterLink, RouterLsa, SummaryLsa

P2P, TRANSIT, STUB, VIRTUAL = 1, 2, 3, 4
B, E = 1, 2


def ip(text: str) -> int:
    a, b, c, d = (int(part) for part in text.split("."))
    return a << 24 | b << 16 | c << 8 | d


def mask(plen: int) -> int:
    return (0xFFFFFFFF << (32 - plen)) & 0xFFFFFFFF


def net(text: str) -> tuple[int, int]:
    address, plen = text.split("/")
    return ip(address), int(plen)


def lsa(kind: int, lsid: int, router: int, body: object, age: int = 1) -> Lsa:
    return Lsa(LsaHeader(age, 2, kind, lsid, router, -0x7FFFFFFF, 1, 36), body, b"")  # type: ignore[arg-type]


def router(rid: str, *links: RouterLink, flags: int = 0, age: int = 1) -> Lsa:
    return lsa(1, ip(rid), ip(rid), RouterLsa(flags, links), age)


def network(address: str, plen: int, dr: str, attached: Iterable[str]) -> Lsa:
    return lsa(2, ip(address), ip(dr), NetworkLsa(mask(plen), tuple(ip(a) for a in attached)))


def p2p(neighbor: str, address: str | int, metric: int) -> RouterLink:
    return RouterLink(ip(neighbor), address if isinstance(address, int) else ip(address), P2P, metric)


def transit(dr_address: str, address: str, metric: int) -> RouterLink:
    return RouterLink(ip(dr_address), ip(address), TRANSIT, metric)


def stub(prefix: str, metric: int) -> RouterLink:
    network_, plen = net(prefix)
    return RouterLink(network_, mask(plen), STUB, metric)


def virtual(neighbor: str, address: str, metric: int) -> RouterLink:
    return RouterLink(ip(neighbor), ip(address), VIRTUAL, metric)


def summary(prefix: str, abr: str, metric: int) -> Lsa:
    network_, plen = net(prefix)
    return lsa(3, network_, ip(abr), SummaryLsa(mask(plen), metric))


def asbr_summary(asbr: str, abr: str, metric: int) -> Lsa:
    return lsa(4, ip(asbr), ip(abr), SummaryLsa(0, metric))


def external(
    prefix: str, asbr: str, metric: int, *, type2: bool = True, forward: str = "0.0.0.0", kind: int = 5
) -> Lsa:
    network_, plen = net(prefix)
    return lsa(kind, network_, ip(asbr), ExternalLsa(mask(plen), metric, type2, ip(forward), 0))
