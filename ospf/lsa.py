"""OSPFv2 link state advertisements (RFC 2328 appendix A.4)."""

from __future__ import annotations

from dataclasses import dataclass

ROUTER, NETWORK, SUMMARY_NETWORK, SUMMARY_ASBR, AS_EXTERNAL, NSSA_EXTERNAL = 1, 2, 3, 4, 5, 7
OPAQUE_LINK, OPAQUE_AREA, OPAQUE_AS = 9, 10, 11
LINK_P2P, LINK_TRANSIT, LINK_STUB, LINK_VIRTUAL = 1, 2, 3, 4
FLAG_B, FLAG_E, FLAG_V = 1, 2, 4
MAX_AGE = 3600
LS_INFINITY = 0xFFFFFF

Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class LsaHeader:
    """RFC 2328 A.4.1; addresses as host-order integers, `sequence` signed."""

    age: int
    options: int
    type: int
    link_state_id: int
    advertising_router: int
    sequence: int
    checksum: int
    length: int


@dataclass(frozen=True, slots=True)
class RouterLink:
    link_id: int
    link_data: int
    type: int
    metric: int


@dataclass(frozen=True, slots=True)
class RouterLsa:
    flags: int
    links: tuple[RouterLink, ...]


@dataclass(frozen=True, slots=True)
class NetworkLsa:
    mask: int
    attached: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SummaryLsa:
    mask: int
    metric: int


@dataclass(frozen=True, slots=True)
class ExternalLsa:
    mask: int
    metric: int
    type2: bool
    forwarding_address: int
    tag: int


@dataclass(frozen=True, slots=True)
class OpaqueLsa:
    data: bytes


@dataclass(frozen=True, slots=True)
class UnknownLsa:
    data: bytes


Body = RouterLsa | NetworkLsa | SummaryLsa | ExternalLsa | OpaqueLsa | UnknownLsa


@dataclass(frozen=True, slots=True)
class Lsa:
    header: LsaHeader
    body: Body
    raw: bytes

    @property
    def key(self) -> Key:
        h = self.header
        return (h.type, h.link_state_id, h.advertising_router)
