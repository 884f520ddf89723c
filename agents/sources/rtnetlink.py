"""rtnetlink: reads this namespace's links, addresses and default routes."""

from __future__ import annotations

import socket

from agents.hostaddresses import (
    AF_INET,
    AF_INET6,
    HostAddresses,
    address_request,
    decode_host,
    link_request,
    route_request,
)
from agents.sources.sockdiag import netlink_dump

NETLINK_ROUTE = 0


def read_host() -> HostAddresses:
    """The host as it is now.  Raises NetlinkError, OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE) as sock:
        sock.settimeout(5.0)
        links = netlink_dump(sock, link_request())
        addresses = netlink_dump(sock, address_request())
        routes = netlink_dump(sock, route_request(AF_INET)) + netlink_dump(sock, route_request(AF_INET6))
    return decode_host(links, addresses, routes)
