"""The raw IPv6 socket: two interfaces of one veth in two namespaces (root), and the kernel's table of addresses."""

from __future__ import annotations

import pytest

from ospf.config import AttachConfig
from ospf.errors import OspfAttachError
from ospf.v3.packets import Hello, encode_packet
from ospf.v3.prefix import address6_number
from ospf.v3.rawsocket import link_local_address, open_attachment3

TABLE = """\
00000000000000000000000000000001 01 80 10 80       lo
fe800000000000000000000000000001 05 40 20 c0      e0
20010db8000000000000000000000001 05 40 00 80      e0
fe800000000000000000000000000003 05 40 20 80      e0
fe800000000000000000000000000002 05 40 20 88      e0
fe800000000000000000000000000009 06 40 20 80      e1
"""
HELLO = encode_packet(Hello(0, 10, 0x13, 0, 40, 0, 0, (), 1), router_id=255, area=0)

SCRIPT = """
import select, sys
from ospf.config import AttachConfig
from ospf.v3.rawsocket import open_attachment3
attachment = open_attachment3(AttachConfig(sys.argv[1], version=3))
print(attachment.address, attachment.mtu, attachment.point_to_point, flush=True)
for line in sys.stdin:
    verb, *arguments = line.split()
    if verb == "send":
        print(attachment.send(int(arguments[0]), bytes.fromhex(arguments[1])), flush=True)
    elif verb == "receive":
        select.select([attachment], [], [], 60)
        print(*[packet.hex() for packet in attachment.receive()], flush=True)
    elif verb == "waiting":
        print(len(attachment.receive()), flush=True)
"""


def test_the_link_local_address_of_an_interface() -> None:
    assert link_local_address(TABLE, "e0") == address6_number("fe80::3")  # past its detection, not refused by it
    assert link_local_address(TABLE.replace("fe800000000000000000000000000003", "20" * 16), "e1") != 0
    assert link_local_address(TABLE, "lo") == link_local_address("", "e0") == 0
    tentative = "\n".join(TABLE.splitlines()[:3])
    assert link_local_address(tentative, "e0") == address6_number("fe80::1")


def test_no_such_interface() -> None:
    with pytest.raises(OspfAttachError, match="no such interface"):
        open_attachment3(AttachConfig("osp-nowhere0", version=3))
