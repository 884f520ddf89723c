"""When a router-LSA passed by on the gateway's LAN: an AF_PACKET socket of our own, so the clock is the test's."""

from __future__ import annotations

import socket
import struct
import threading
import time

from tests.lab.namespaces import inside
from tests.lab.network import Network
from tests.lab.plan import GATEWAY

ETH_P_IP = 0x0800
OSPF, LINK_STATE_UPDATE, ROUTER_LSA = 89, 4, 1


class UpdateWatch:
    """Records when each router's router-LSA was last flooded onto the LAN (time.monotonic)."""

    def __init__(self, network: Network) -> None:
        self.seen: dict[str, list[float]] = {}
        self._socket = inside(network.namespace(GATEWAY), self._open)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._stop = False
        self._thread.start()

    @staticmethod
    def _open() -> socket.socket:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        opened.bind(("lan", ETH_P_IP))
        opened.settimeout(0.2)
        return opened

    def _run(self) -> None:
        while not self._stop:
            try:
                packet = self._socket.recv(65536)
            except TimeoutError:
                continue
            now = time.monotonic()
            for router in advertised(packet):
                self.seen.setdefault(router, []).append(now)

    def first_after(self, router: str, moment: float, timeout: float = 15.0) -> float:
        """Time of the first update with the router's LSA after a moment; RuntimeError when none comes."""
        while time.monotonic() < moment + timeout:
            if times := [seen for seen in self.seen.get(router, ()) if seen >= moment]:
                return times[0]
            time.sleep(0.005)
        raise RuntimeError(f"no router-LSA of {router} on the LAN within {timeout:.0f} s")

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self._socket.close()


def advertised(packet: bytes) -> list[str]:
    """Routers whose router-LSA is in an IPv4 packet, if that is a link state update (RFC 2328 A.3.5)."""
    header = (packet[0] & 0x0F) * 4
    if packet[9] != OSPF or packet[header + 1] != LINK_STATE_UPDATE:
        return []
    (count,) = struct.unpack_from("!I", packet, header + 24)
    routers, position = [], header + 28
    for _ in range(count):
        kind, router, length = struct.unpack_from("!3xB4x4s6xH", packet, position)
        if kind == ROUTER_LSA:
            routers.append(socket.inet_ntoa(router))
        position += length
    return routers
