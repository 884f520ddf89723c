"""OSPFv3 for the listener of `ospf.listener`: RFC 5340 4.2 (what is received and sent), 4.2.1 (Hellos).

Our Hello copies the intervals and the V6, E, N and AF bits of the neighbor's (E and N must agree, RFC 5340 4.2.1 as RFC
2328 10.5); it has priority 0, and its R-bit is clear: who only listens is no router to be crossed. Our interface id is
a constant, since there is one interface.

What is sent has no checksum yet: it covers the source address, which the attachment knows (`with_checksum`).
"""

from __future__ import annotations

from ospf.config import AttachConfig
from ospf.dialect import Dialect, Heard
from ospf.errors import OspfConfigError, OspfForbiddenSend
from ospf.interface import Neighbor, Segment
from ospf.listener import Listener
from ospf.packets import DATABASE_DESCRIPTION, HELLO, LINK_STATE_ACK, LINK_STATE_REQUEST, PacketBody
from ospf.packets import Hello as HelloOfVersion2
from ospf.v3.ip6 import ALL_D_ROUTERS, ALL_SPF_ROUTERS, ip6_payload
from ospf.v3.lsa import NETWORK, OPTION_AF, OPTION_E, OPTION_N, OPTION_V6, flooding_scope
from ospf.v3.packets import PACKET_HEADER_LENGTH, Hello, decode_packet, encode_packet
from ospf.v3.prefix import address6_text

OWN_INTERFACE_ID = 1
EMPTY_DD_LENGTH = PACKET_HEADER_LENGTH + 12  # RFC 5340 A.3.3 without LSA headers
COPIED_OPTIONS = OPTION_V6 | OPTION_E | OPTION_N | OPTION_AF


class Segment3(Segment):
    """A segment on which designated routers go by their router ids."""

    def identity(self, neighbor: Neighbor) -> int:
        return neighbor.router_id

    def designated(self) -> list[tuple[int, int]]:
        """(interface id, router id) of those that call themselves DR."""
        neighbors = self.neighbors.values()
        elected = [n for n in neighbors if n.router_id == n.hello.designated_router]
        return [(n.hello.interface, n.router_id) for n in elected if isinstance(n.hello, Hello)]

    def own_hello(self, model: Neighbor, listed: tuple[int, ...]) -> HelloOfVersion2:
        hello = model.hello
        return Hello(
            mask=0,
            hello_interval=hello.hello_interval,
            options=hello.options & COPIED_OPTIONS,
            priority=0,
            dead_interval=hello.dead_interval,
            designated_router=hello.designated_router,
            backup_designated_router=hello.backup_designated_router,
            neighbors=listed,
            interface=OWN_INTERFACE_ID,
        )


def check_octets3(packet: bytes) -> None:
    """The last gate, as `ospf.interface.check_octets`: OspfForbiddenSend for whatever could carry an LSA."""
    if len(packet) < PACKET_HEADER_LENGTH or packet[0] != 3:
        raise OspfForbiddenSend(f"no OSPFv3 packet: {len(packet)} octets")
    kind, length = packet[1], int.from_bytes(packet[2:4], "big")
    if kind not in (HELLO, DATABASE_DESCRIPTION, LINK_STATE_REQUEST, LINK_STATE_ACK):
        raise OspfForbiddenSend(f"packet of type {kind}")
    if kind == DATABASE_DESCRIPTION and length != EMPTY_DD_LENGTH:
        raise OspfForbiddenSend(f"Database Description of {length} octets")


def _hear(ip_packet: bytes) -> Heard:
    source, destination, payload = ip6_payload(ip_packet)
    packet = decode_packet(payload, source, destination)
    return Heard(packet, source, destination, payload, packet.instance_id)


def version_3(instance_id: int = 0) -> Dialect:
    """The dialect of one instance id (RFC 5340 2.4)."""

    def encode(body: PacketBody, *, router_id: int, area: int) -> bytes:
        return encode_packet(body, router_id=router_id, area=area, instance_id=instance_id)

    return Dialect(
        version=3,
        instance_id=instance_id,
        all_spf_routers=ALL_SPF_ROUTERS,
        all_d_routers=ALL_D_ROUTERS,
        flooding_scope=flooding_scope,
        network_type=NETWORK,
        dd_options=0,  # unknown LSAs come without asking (RFC 5340 4.5)
        hear=_hear,
        encode=encode,
        check_octets=check_octets3,
        segment=Segment3,
        text=address6_text,
        key_remedy="the keys of OSPFv3 (RFC 7166, RFC 4552) are not supported",
    )


def listener3(config: AttachConfig, now: float, *, boot_count: int = 0) -> Listener:
    """A listener for OSPFv3. OspfConfigError when keys are configured: there are none of this version."""
    if config.keys:
        raise OspfConfigError("authentication: not for version = 3")
    return Listener(config, now, boot_count=boot_count, dialect=version_3(config.instance_id))
