from __future__ import annotations

import socket

from agents.sources.rtnetlink import read_host


def test_this_host() -> None:
    host = read_host()
    index = socket.if_nametoindex("lo")
    assert host.counted[index] is False
    assert set(host.counted) == {number for number, _ in socket.if_nameindex()}
    loopback = [a for a in host.addresses if a.interface == index and a.version == 4]
    assert (b"\x7f\0\0\x01" + bytes(12), 8) in [(a.address, a.prefix_length) for a in loopback]
    assert not any(a.address[0] == 127 for a in host.reportable(4))
