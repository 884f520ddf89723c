"""What differs between OSPFv2 and OSPFv3 for one who only listens; everything else is the same listener.

The database, conversations, doubt, pace and the rules of what may be said do not depend on the version (RFC 5340 2
lists what does). A `Dialect` is what is left: how octets become packets and packets octets, the groups, who calls
itself designated (an address here, a router id there: that is the segment's), which LSA a DR originates for its
network, the options of a Database Description. `VERSION_2` is that of OSPFv2; `ospf.v3.dialect` has the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ospf.interface import Segment, check_octets
from ospf.lsa import NETWORK, OPTION_O, flooding_scope
from ospf.packets import (
    ALL_D_ROUTERS,
    ALL_SPF_ROUTERS,
    Packet,
    PacketBody,
    decode_packet,
    encode_packet,
    ip_payload,
)
from ospf.wire import Octets, address_text


class Heard(NamedTuple):
    """An intact OSPF packet and what carried it."""

    packet: Packet
    source: int
    destination: int
    payload: Octets
    instance_id: int


class Encode(Protocol):
    def __call__(self, body: PacketBody, *, router_id: int, area: int) -> bytes: ...


@dataclass(frozen=True)
class Dialect:
    """One version of OSPF, of one instance id."""

    version: int
    instance_id: int
    all_spf_routers: int
    all_d_routers: int
    flooding_scope: Callable[[int], int]  # how far an LSA type travels, as `ospf.lsa.flooding_scope`
    network_type: int  # of the LSA that a DR originates for its network; (link state id, router) is the segment's
    dd_options: int  # set in our Database Descriptions beside those of our Hello
    hear: Callable[[bytes], Heard]  # a whole IP packet; OspfDecodeError
    encode: Encode
    check_octets: Callable[[bytes], None]  # OspfForbiddenSend
    segment: Callable[[str], Segment]
    text: Callable[[int], str]  # an address for a person
    key_remedy: str  # what to do about a segment that uses authentication


def _hear(ip_packet: bytes) -> Heard:
    source, destination, payload = ip_payload(ip_packet)
    return Heard(decode_packet(payload), source, destination, payload, 0)


VERSION_2 = Dialect(
    version=2,
    instance_id=0,
    all_spf_routers=ALL_SPF_ROUTERS,
    all_d_routers=ALL_D_ROUTERS,
    flooding_scope=flooding_scope,
    network_type=NETWORK,
    dd_options=OPTION_O,  # RFC 5250 3: or no opaque LSA would be sent
    hear=_hear,
    encode=encode_packet,
    check_octets=check_octets,
    segment=Segment,
    text=address_text,
    key_remedy="give the key in [[ospf.attach]] authentication",
)
