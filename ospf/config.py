"""Configuration of one attachment: a frozen, typed struct that the gateway nests under `[[ospf.attach]]`.

Only `interface` has no default. Unknown keys and values out of range are refused by msgspec with the dotted
key, by `AttachConfig.__post_init__` with the reason.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ospf.errors import OspfConfigError
from ospf.keys import AuthKey, check_keys
from ospf.lsdb import MAX_LSAS
from ospf.wire import address_number

DEFAULT_ROUTER_ID = "0.0.0.255"
UDP_SCHEME = "udp://"


class AttachConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where and how to listen.

    interface       network interface name, or "udp://127.0.0.1:PORT" (loopback only, one IP packet per
                    datagram)
    mode            "passive" sniff only; "burst" pull the whole database in Exchange, leave, then sniff (no
                    router changes an LSA); "full" a lasting adjacency with an empty database (hears
                    every flood on any link; routers re-originate once when it comes, once when it goes);
                    none: burst on a LAN, full on a point-to-point link or tunnel, whichever it turns out to be
    authentication  key or keys of the segment, see `ospf.keys`; none: packets are believed unverified, and a
                    segment that uses authentication is heard but not spoken to
    area            dotted area id; none: that of the first packet heard
    instance        name of the OSPF process or VRF, part of every link's identity
    version         2 (IPv4) or 3 (RFC 5340)
    instance_id     instance id in OSPFv3 packets (RFC 5340 2.4)
    router_id       the listener's own; no router may have it, two listeners on one LAN need two. The default
                    is one nobody derives from an interface address; it is low, so that routers lead
    network         "auto" takes a segment without DR for point-to-point once a dead interval has passed
    address         own address behind a udp:// attachment; none: the last free one of the Hello's subnet
    poll_seconds    how often burst mode looks again where no flooding can be heard: a LAN with a single
                    router, a point-to-point link
    max_lsas        ceiling of the database; what comes above is refused and counted
    receive_buffer_octets   asked of the kernel for the raw socket
    """

    interface: str
    mode: Literal["passive", "burst", "full"] | None = None
    authentication: AuthKey | tuple[AuthKey, ...] | None = None
    area: str | None = None
    instance: str = "default"
    router_id: str = DEFAULT_ROUTER_ID
    network: Literal["auto", "broadcast", "point-to-point"] = "auto"
    address: str | None = None
    poll_seconds: Annotated[float, msgspec.Meta(ge=0.5, le=1800.0)] = 5.0
    max_lsas: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = MAX_LSAS
    receive_buffer_octets: Annotated[int, msgspec.Meta(ge=65536, le=1 << 30)] = 8 << 20
    version: Literal[2, 3] = 2
    instance_id: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0

    def __post_init__(self) -> None:
        if not self.interface:
            raise OspfConfigError("interface: empty")
        if not self.instance:
            raise OspfConfigError("instance: empty")
        for key in ("router_id", "area", "address"):
            text = getattr(self, key)
            if text is None:
                continue
            try:
                number = address_number(text)
            except ValueError as error:
                raise OspfConfigError(f"{key}: {error}") from error
            if key != "area" and number in (0, 0xFFFFFFFF):
                raise OspfConfigError(f"{key}: {text} is reserved")
        check_keys(self.keys)
        if self.version == 3 and self.keys:
            raise OspfConfigError("authentication: not with version = 3 (OSPFv3 has IPsec or a trailer of its own)")
        if self.version == 3 and self.is_udp:
            raise OspfConfigError("interface: udp:// carries OSPFv2 only")

    @property
    def keys(self) -> tuple[AuthKey, ...]:
        """The keys of the segment, none if it has no authentication or none is known."""
        return (self.authentication,) if isinstance(self.authentication, AuthKey) else self.authentication or ()

    @property
    def router_id_number(self) -> int:
        return address_number(self.router_id)

    @property
    def area_number(self) -> int | None:
        return None if self.area is None else address_number(self.area)

    @property
    def address_number(self) -> int | None:
        return None if self.address is None else address_number(self.address)

    @property
    def is_udp(self) -> bool:
        return self.interface.startswith(UDP_SCHEME)
