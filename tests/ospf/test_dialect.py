"""The dialect of OSPFv2: what of the wire the listener is given, and what it gives."""

from __future__ import annotations

import pytest

from ospf.dialect import VERSION_2
from ospf.errors import OspfDecodeError, OspfForbiddenSend
from ospf.packets import DatabaseDescription, Hello, LinkStateUpdate, build_ip_packet

HELLO = Hello(0xFFFFFF00, 10, 2, 0, 40, 0, 0)


def test_what_is_said_is_heard() -> None:
    payload = VERSION_2.encode(HELLO, router_id=7, area=5)
    heard = VERSION_2.hear(build_ip_packet(1, VERSION_2.all_spf_routers, payload))
    assert (heard.source, heard.destination, heard.instance_id) == (1, 0xE0000005, 0)
    assert (heard.packet.router_id, heard.packet.area, heard.packet.body) == (7, 5, HELLO)
    assert bytes(heard.payload) == payload
    VERSION_2.check_octets(payload)
    with pytest.raises(OspfDecodeError):
        VERSION_2.hear(payload)


def test_the_last_gate_is_that_of_version_2() -> None:
    with pytest.raises(OspfForbiddenSend):
        VERSION_2.check_octets(VERSION_2.encode(LinkStateUpdate(()), router_id=7, area=5))
    VERSION_2.check_octets(VERSION_2.encode(DatabaseDescription(0, 0, 0, 1), router_id=7, area=5))


def test_addresses_are_dotted_quads() -> None:
    assert VERSION_2.text(0x0A000001) == "10.0.0.1"
