"""What the LSAs of one OSPFv3 area say about prefixes (RFC 5340 4.8.1-4.8.5), read once and kept while they stay.

Covered: intra-area-prefix-LSAs (of routers and of networks), inter-area-prefix, inter-area-router, AS-external and NSSA
LSAs, and link-LSAs (the link-local address of an interface, and which prefixes lie on its link). Announcements that can
never be used are left out and counted: LSInfinity, MaxAge, a link-local prefix, a reference to another LSA than a
router's or a network's. A prefix with the NU-bit is no unicast route and is left out (A.4.1.1).

Left out: the referenced link state id of externals (nothing defines what to do with it), tags.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ospf.lsa import MAX_AGE, Key, Lsa, is_newer, plain_age
from ospf.v3.area import Interface, Network
from ospf.v3.lsa import (
    AS_EXTERNAL,
    LS_INFINITY,
    NETWORK,
    NSSA,
    ROUTER,
    ExternalLsa,
    InterAreaPrefixLsa,
    InterAreaRouterLsa,
    IntraAreaPrefixLsa,
    LinkLsa,
    body_of,
)
from ospf.v3.prefix import PREFIX_DN, PREFIX_NU, PREFIX_P, Prefix, is_link_local

PrefixKey = tuple[int, int]  # network, plen


class OfRouter(NamedTuple):
    """A prefix that a router has itself (stub network, point-to-point subnet, own address)."""

    prefix: PrefixKey
    router: int
    cost: int


class OfNetwork(NamedTuple):
    """A prefix of a transit network."""

    prefix: PrefixKey
    network: Network
    cost: int


class Summary(NamedTuple):
    """What a border router says of a prefix of another area."""

    prefix: PrefixKey
    border: int
    cost: int
    dn: bool


class SummaryAsbr(NamedTuple):
    """What a border router says of an AS boundary router of another area."""

    asbr: int
    border: int
    cost: int


class External(NamedTuple):
    """An AS-external-LSA or an NSSA-LSA; `metric` is the type-2 metric when `type2`."""

    prefix: PrefixKey
    asbr: int
    metric: int
    type2: bool
    forwarding: int
    propagate: bool
    dn: bool


@dataclass(slots=True)
class Announcements:
    """Everything one area's LSAs say about prefixes."""

    of_routers: list[OfRouter] = field(default_factory=list)
    of_networks: list[OfNetwork] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    asbrs: list[SummaryAsbr] = field(default_factory=list)
    nssa: list[External] = field(default_factory=list)
    link_local: dict[Interface, int] = field(default_factory=dict)
    on_link: dict[tuple[int, PrefixKey], int] = field(default_factory=dict)  # (router, prefix) -> interface id
    infinite: int = 0
    unusable: int = 0  # references and prefixes that mean nothing


def read_announcements(lsas: Iterable[Lsa]) -> Announcements:
    """Read the LSAs of one area; AS-external ones are passed over (`read_externals`)."""
    said = Announcements()
    for lsa in lsas:
        if plain_age(lsa.header) >= MAX_AGE:
            continue
        body, router = body_of(lsa), lsa.header.advertising_router
        if isinstance(body, IntraAreaPrefixLsa):
            _read_intra(said, body)
        elif isinstance(body, InterAreaPrefixLsa):
            if body.metric >= LS_INFINITY:
                said.infinite += 1
            elif _usable(body.prefix, said):
                dn = bool(body.prefix.options & PREFIX_DN)
                said.summaries.append(Summary(_key(body.prefix), router, body.metric, dn))
        elif isinstance(body, InterAreaRouterLsa):
            if body.metric >= LS_INFINITY:
                said.infinite += 1
            else:
                said.asbrs.append(SummaryAsbr(body.router, router, body.metric))
        elif isinstance(body, ExternalLsa):
            if lsa.header.type == NSSA:
                _read_external(said, said.nssa, body, router)
        elif isinstance(body, LinkLsa):
            interface = lsa.header.link_state_id
            said.link_local[Interface(router, interface)] = body.address
            for prefix in body.prefixes:
                if not is_link_local(prefix.network):
                    said.on_link[router, _key(prefix)] = interface
    return said


def read_externals(areas: Iterable[Iterable[Lsa]]) -> tuple[list[External], int, int]:
    """(AS-external routes, how many at LSInfinity, how many unusable); of several instances the newest counts."""
    newest: dict[Key, Lsa] = {}
    for lsas in areas:
        for lsa in lsas:
            if lsa.header.type != AS_EXTERNAL or plain_age(lsa.header) >= MAX_AGE:
                continue
            known = newest.setdefault(lsa.key, lsa)
            if known is not lsa and is_newer(lsa.header, known.header) > 0:
                newest[lsa.key] = lsa
    said = Announcements()
    found: list[External] = []
    for lsa in newest.values():
        body = body_of(lsa)
        if isinstance(body, ExternalLsa):
            _read_external(said, found, body, lsa.header.advertising_router)
    return found, said.infinite, said.unusable


def _read_intra(said: Announcements, body: IntraAreaPrefixLsa) -> None:
    # RFC 5340 4.8.1, stage two: the referenced LSA tells the vertex
    for prefix in body.prefixes:
        if not _usable(prefix, said):
            continue
        if body.referenced_type == ROUTER and body.referenced_id == 0:
            said.of_routers.append(OfRouter(_key(prefix), body.referenced_router, prefix.metric))
        elif body.referenced_type == NETWORK:
            network = Network(body.referenced_id, body.referenced_router)
            said.of_networks.append(OfNetwork(_key(prefix), network, prefix.metric))
        else:
            said.unusable += 1


def _read_external(said: Announcements, into: list[External], body: ExternalLsa, router: int) -> None:
    if body.metric >= LS_INFINITY:
        said.infinite += 1
    elif _usable(body.prefix, said):
        options = body.prefix.options
        propagate, dn = bool(options & PREFIX_P), bool(options & PREFIX_DN)
        into.append(
            External(_key(body.prefix), router, body.metric, body.type2, body.forwarding_address, propagate, dn)
        )


def _key(prefix: Prefix) -> PrefixKey:
    return prefix.network, prefix.plen


def _usable(prefix: Prefix, said: Announcements) -> bool:
    if prefix.options & PREFIX_NU:
        return False
    if prefix.plen >= 10 and is_link_local(prefix.network):  # RFC 5340 4.4.3.9 and its like: never advertised
        said.unusable += 1
        return False
    return True
