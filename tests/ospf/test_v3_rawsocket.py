"""The raw IPv6 socket: two interfaces of one veth in two namespaces (root), and the kernel's table of addresses."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospf.config import AttachConfig
from ospf.errors import OspfAttachError
from ospf.packets import LinkStateUpdate
from ospf.v3.ip6 import ALL_D_ROUTERS, ALL_SPF_ROUTERS, ip6_payload
from ospf.v3.packets import Hello, decode_packet, encode_packet
from ospf.v3.prefix import address6_number, address6_text, is_link_local
from ospf.v3.rawsocket import link_local_address, open_attachment3
from tests.require import require_programs, require_root

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


def test_udp_is_refused() -> None:
    with pytest.raises(OspfAttachError, match="OSPFv2 only"):
        open_attachment3(AttachConfig("udp://127.0.0.1:0", version=3))


class Ends:
    """A veth whose ends are in two namespaces, a process with an attachment on each."""

    def __init__(self) -> None:
        self.names = [f"osp6{os.getpid()}-{end}" for end in "ab"]
        self.processes: list[subprocess.Popen[str]] = []
        self.addresses: list[int] = []

    def run(self, *command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def start(self) -> None:
        a, b = self.names
        for name in self.names:
            self.run("ip", "netns", "add", name)
        self.run("ip", "link", "add", "e0", "netns", a, "type", "veth", "peer", "name", "e0", "netns", b)
        for name in self.names:
            self.run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.e0.accept_dad=0")
            self.run("ip", "-n", name, "link", "set", "e0", "up")
        for name in self.names:
            end = time.monotonic() + 60
            while "fe80" not in self.run("ip", "-n", name, "-6", "addr", "show", "dev", "e0"):
                assert time.monotonic() < end
                time.sleep(0.02)
            self.processes.append(self.spawn(name, "e0"))
            address, mtu, point_to_point = self._line(self.processes[-1]).split()
            assert (mtu, point_to_point) == ("1500", "False")
            self.addresses.append(int(address))

    def spawn(self, name: str, interface: str, *prefix: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ip", "netns", "exec", name, *prefix, sys.executable, "-c", textwrap.dedent(SCRIPT), interface],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def _line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def ask(self, end: int, line: str) -> str:
        process = self.processes[end]
        assert process.stdin is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return self._line(process)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@pytest.fixture
def ends() -> Iterator[Ends]:
    require_root()
    require_programs("ip", "sysctl")
    made = Ends()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.mark.lab
def test_raw_socket_on_a_wire(ends: Ends) -> None:
    ours, theirs = ends.addresses
    assert is_link_local(ours) and is_link_local(theirs)
    for destination in (ALL_SPF_ROUTERS, ALL_D_ROUTERS, theirs):
        assert ends.ask(0, f"send {destination} {HELLO.hex()}") == "True"
        (packet,) = [bytes.fromhex(text) for text in ends.ask(1, "receive").split()]
        source, to, payload = ip6_payload(packet)
        assert (source, to) == (ours, destination)
        assert decode_packet(payload, source, to).router_id == 255  # with a right checksum
    assert ends.ask(0, "waiting") == "0"  # nothing of our own comes back


@pytest.mark.lab
def test_raw_socket_says_what_it_lacks(ends: Ends) -> None:
    out, _ = ends.spawn(ends.names[0], "lo").communicate(timeout=60)
    assert "has no IPv6 link-local address" in out
    require_programs("setpriv")
    drop = ("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", "--")
    out, _ = ends.spawn(ends.names[0], "e0", *drop).communicate(timeout=60)
    assert "needs CAP_NET_RAW" in out


@pytest.mark.lab
def test_raw_socket_survives_its_interface_going_down_and_another_address(ends: Ends) -> None:
    name = ends.names[0]
    ends.run("ip", "-n", name, "link", "set", "e0", "down")
    ends.ask(0, f"send {ALL_SPF_ROUTERS} {HELLO.hex()}")
    ends.ask(0, "waiting")
    ends.run("ip", "-n", name, "link", "set", "e0", "address", "02:00:00:00:00:99")
    ends.run("ip", "-n", name, "link", "set", "e0", "up")
    end = time.monotonic() + 60
    while ends.ask(0, f"send {ALL_SPF_ROUTERS} {HELLO.hex()}") != "True":
        assert time.monotonic() < end
        time.sleep(0.05)
    packets = [bytes.fromhex(text) for text in ends.ask(1, "receive").split()]
    assert address6_text(ip6_payload(packets[-1])[0]).endswith("99")


@pytest.mark.lab
def test_the_rim_refuses_what_could_carry_an_lsa(ends: Ends) -> None:
    payload = encode_packet(LinkStateUpdate(()), router_id=255, area=0)
    process = ends.processes[0]
    assert process.stdin is not None
    out, _ = process.communicate(f"send {ALL_SPF_ROUTERS} {payload.hex()}\n", timeout=60)
    assert "OspfForbiddenSend" in out
    assert ends.ask(1, "waiting") == "0"
