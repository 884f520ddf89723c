"""The model router of the listener's tests, speaking OSPFv3."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ospf.lsa import Lsa
from ospf.packets import Packet, PacketBody
from ospf.v3.ip6 import ALL_D_ROUTERS, ALL_SPF_ROUTERS, build_ip6_packet
from ospf.v3.packets import Hello, decode_packet, encode_packet, with_checksum
from tests.ospf.model_router import ModelRouter
from tests.ospf.v3_lsas import ip6

LISTENER = ip6("fe80::255")


class ModelRouter3(ModelRouter):
    """A DR (by default) with the given LSAs; its interface id is 7."""

    groups = (ALL_SPF_ROUTERS, ALL_D_ROUTERS)

    def __init__(
        self, router_id: int, address: int, lsas: Iterable[Lsa] = (), *, instance_id: int = 0, **fields: Any
    ) -> None:
        super().__init__(router_id, address, lsas, **{"designated": router_id} | fields)
        self.instance_id = instance_id
        self.options = 0x13

    def say(self, body: PacketBody, destination: int = ALL_SPF_ROUTERS) -> bytes:
        destination = LISTENER if destination == 1 else ALL_SPF_ROUTERS
        packet = encode_packet(body, router_id=self.router_id, area=self.area, instance_id=self.instance_id)
        return build_ip6_packet(self.address, destination, with_checksum(packet, self.address, destination))

    def hello(self) -> bytes:
        known = (self.peer_id,) if self.peer_id else ()
        return self.say(
            Hello(
                mask=0,
                hello_interval=self.hello_interval,
                options=self.options,
                priority=1,
                dead_interval=self.dead_interval,
                designated_router=self.designated,
                backup_designated_router=self.backup,
                neighbors=self.others + known,
                interface=7,
            )
        )

    def read(self, payload: bytes) -> Packet:
        packet = decode_packet(with_checksum(payload, LISTENER, ALL_SPF_ROUTERS), LISTENER, ALL_SPF_ROUTERS)
        assert packet.instance_id == self.instance_id
        return packet

    def _is_elected(self) -> bool:
        return self.router_id in (self.designated, self.backup)
