"""The sockets. The raw one needs root and a network namespace; the UDP one nothing."""

import os
import select
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospf.config import AttachConfig
from ospf.errors import OspfAttachError, OspfForbiddenSend
from ospf.packets import (
    ALL_SPF_ROUTERS,
    Hello,
    LinkStateAck,
    LinkStateUpdate,
    build_ip_packet,
    decode_packet,
    encode_packet,
    ip_payload,
)
from ospf.rawsocket import BATCH_OCTETS, MAX_PEERS, UdpAttachment, open_attachment
from tests.require import require_programs, require_root

ADDRESS = 0x0A620001
MASK = 0xFFFFFF00
ACK = encode_packet(LinkStateAck(()), router_id=255, area=0)


def hello(address: int = ADDRESS, mask: int = MASK) -> bytes:
    body = Hello(mask, 10, 2, 1, 40, address, 0)
    return build_ip_packet(address, ALL_SPF_ROUTERS, encode_packet(body, router_id=1, area=0))


@pytest.fixture
def attachment() -> Iterator[UdpAttachment]:
    made = UdpAttachment("udp://127.0.0.1:0")
    yield made
    made.close()


@pytest.fixture
def peers() -> Iterator[list[socket.socket]]:
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for each in made:
        each.bind(("127.0.0.1", 0))
        each.settimeout(60)
    yield made
    for each in made:
        each.close()


def wait(attachment: UdpAttachment) -> list[bytes]:
    assert select.select([attachment], [], [], 60)[0]
    return attachment.receive()


def test_udp_carries_ip_packets_both_ways(attachment: UdpAttachment, peers: list[socket.socket]) -> None:
    assert attachment.receive() == []
    peers[0].sendto(hello(), ("127.0.0.1", attachment.port))
    assert wait(attachment) == [hello()]
    payload = encode_packet(Hello(MASK, 10, 2, 0, 40, 0, 0), router_id=255, area=0)
    assert attachment.send(ADDRESS, payload)
    source, destination, inner = ip_payload(peers[0].recv(2000))
    assert (source, destination, bytes(inner)) == (0x0A6200FE, ADDRESS, payload)
    assert (attachment.stats.received, attachment.stats.sent) == (1, 1)


def test_udp_multicast_goes_to_every_peer_and_unicast_to_one(
    attachment: UdpAttachment, peers: list[socket.socket]
) -> None:
    for number, peer in enumerate(peers):
        peer.sendto(hello(ADDRESS + number), ("127.0.0.1", attachment.port))
        wait(attachment)
    attachment.send(ALL_SPF_ROUTERS, ACK + b"all")
    attachment.send(ADDRESS + 1, ACK + b"one")
    assert [p.recv(100)[20:] for p in peers] == [ACK + b"all"] * 2
    assert peers[1].recv(100)[20:] == ACK + b"one"
    peers[0].setblocking(False)
    with pytest.raises(BlockingIOError):
        peers[0].recv(100)


def test_udp_own_address(peers: list[socket.socket]) -> None:
    for address, mask, expected in (
        (0x0A620001, MASK, 0x0A6200FE),
        (0x0A6200FE, MASK, 0x0A6200FD),
        (0x0A620001, 0xFFFFFFFC, 0x0A620002),
        (0x0A620000, 0xFFFFFFFE, 0x0A620001),
    ):
        attachment = UdpAttachment("udp://127.0.0.1:0")
        assert attachment.address == 0
        peers[0].sendto(hello(address, mask), ("127.0.0.1", attachment.port))
        wait(attachment)
        assert attachment.address == expected
        attachment.close()
    configured = open_attachment(AttachConfig("udp://127.0.0.1:0", address="10.98.0.77"))
    assert configured.address == 0x0A62004D
    configured.close()


def test_udp_junk_is_passed_on_for_the_listener_to_count(attachment: UdpAttachment, peers: list[socket.socket]) -> None:
    for junk in (b"", b"x", hello()[:-3]):
        peers[0].sendto(junk, ("127.0.0.1", attachment.port))
        assert wait(attachment) == [junk]
    assert not attachment.address


def test_the_rim_refuses_what_could_carry_an_lsa(attachment: UdpAttachment) -> None:
    for payload in (encode_packet(LinkStateUpdate(()), router_id=255, area=0), b"", b"\2\4", bytes(24)):
        with pytest.raises(OspfForbiddenSend):
            attachment.send(ADDRESS, payload)
    assert attachment.stats.sent == attachment.stats.send_failed == 0


def test_udp_nobody_heard_yet(attachment: UdpAttachment) -> None:
    assert not attachment.send(ALL_SPF_ROUTERS, ACK)
    assert attachment.stats.send_failed == 1


def test_udp_survives_a_peer_that_went_away(attachment: UdpAttachment) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        gone.sendto(hello(), ("127.0.0.1", attachment.port))
        wait(attachment)
    for _ in range(3):
        attachment.send(ADDRESS, ACK)
        assert attachment.receive() == []


def test_udp_peers_are_bounded(attachment: UdpAttachment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospf.rawsocket.MAX_PEERS", 1)
    assert MAX_PEERS > 1
    for _ in range(2):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(hello(), ("127.0.0.1", attachment.port))
            assert select.select([attachment], [], [], 60)[0]
            attachment.receive()
    assert attachment.stats.peers_refused >= 1


@pytest.mark.parametrize(
    "url", ["udp://0.0.0.0:5000", "udp://10.0.0.1:5000", "udp://127.0.0.1", "udp://127.0.0.1:70000", "udp://x:1"]
)
def test_udp_only_loopback(url: str) -> None:
    with pytest.raises(OspfAttachError):
        UdpAttachment(url)


def test_udp_port_in_use(attachment: UdpAttachment) -> None:
    with pytest.raises(OspfAttachError, match="in use"):
        UdpAttachment(f"udp://127.0.0.1:{attachment.port}")


def test_no_such_interface() -> None:
    with pytest.raises(OspfAttachError, match="no such interface"):
        open_attachment(AttachConfig("osp-nowhere0"))


# The raw socket: two interfaces of one veth in two namespaces

SCRIPT = """
import select, sys
from ospf.rawsocket import RawAttachment
attachment = RawAttachment(sys.argv[1])
print(attachment.address, flush=True)
for line in sys.stdin:
    verb, *arguments = line.split()
    if verb == "send":
        print(attachment.send(int(arguments[0]), bytes.fromhex(arguments[1])), flush=True)
    elif verb == "flood":
        to, count, octets = map(int, arguments)
        print(sum(attachment.send(to, bytes((2, 5)) + bytes(octets - 2)) for _ in range(count)), flush=True)
    elif verb == "describe":
        print(attachment.point_to_point, attachment.mtu, flush=True)
    elif verb == "receive":
        select.select([attachment], [], [], 60)
        print(*[packet.hex() for packet in attachment.receive()], flush=True)
    elif verb == "waiting":
        print(len(attachment.receive()), flush=True)
    elif verb == "current":
        print(attachment.is_current(), flush=True)
    elif verb == "count":
        print(attachment.stats.received, attachment.stats.kernel_dropped, flush=True)
"""


class Ends:
    """A veth whose ends are in two namespaces, a RawAttachment process on each."""

    def __init__(self) -> None:
        self.names = [f"ospr{os.getpid()}-{end}" for end in "ab"]
        self.processes: list[subprocess.Popen[str]] = []

    def run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def start(self) -> None:
        for name in self.names:
            self.run("ip", "netns", "add", name)
        self.wire()
        for number, name in enumerate(self.names):
            self.processes.append(self.spawn(name, "e0"))
            assert self.processes[-1].stdout is not None
            assert self.processes[-1].stdout.readline() == f"{ADDRESS + number}\n"

    def wire(self) -> None:
        """The veth and its addresses."""
        a, b = self.names
        self.run("ip", "link", "add", "e0", "netns", a, "type", "veth", "peer", "name", "e0", "netns", b)
        for number, name in enumerate(self.names):
            self.run("ip", "-n", name, "addr", "add", f"10.98.0.{number + 1}/24", "dev", "e0")
            self.run("ip", "-n", name, "link", "set", "e0", "up")

    def spawn(self, name: str, interface: str, *prefix: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ip", "netns", "exec", name, *prefix, sys.executable, "-c", textwrap.dedent(SCRIPT), interface],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def ask(self, end: int, line: str) -> str:
        process = self.processes[end]
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@pytest.fixture
def ends() -> Iterator[Ends]:
    require_root()
    require_programs("ip")
    made = Ends()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.mark.lab
def test_raw_socket_on_a_wire(ends: Ends) -> None:
    payload = encode_packet(Hello(MASK, 10, 2, 0, 40, 0, 0), router_id=255, area=0)
    for destination in (ALL_SPF_ROUTERS, ALL_SPF_ROUTERS + 1, ADDRESS + 1):
        assert ends.ask(0, f"send {destination} {payload.hex()}") == "True"
        (packet,) = [bytes.fromhex(text) for text in ends.ask(1, "receive").split()]
        source, to, inner = ip_payload(packet)
        assert (source, to, bytes(inner)) == (ADDRESS, destination, payload)
        assert packet[8] == 1 and packet[1] == 0xC0  # TTL, precedence
        assert decode_packet(inner).router_id == 255
    assert ends.ask(0, "waiting") == "0"  # nothing of our own comes back
    assert ends.ask(1, "count") == "3 0"


@pytest.mark.lab
def test_an_interface_that_is_made_anew_or_renumbered_is_noticed(ends: Ends) -> None:
    payload = encode_packet(Hello(MASK, 10, 2, 0, 40, 0, 0), router_id=255, area=0).hex()
    name = ends.names[0]
    for state in ("down", "up"):
        ends.run("ip", "-n", name, "link", "set", "e0", state)
        assert ends.ask(0, "current") == "True"
    ends.run("ip", "-n", name, "addr", "add", "10.98.0.77/24", "dev", "e0")  # a second one changes nothing
    assert ends.ask(0, "current") == "True"
    ends.run("ip", "-n", name, "addr", "flush", "dev", "e0")
    assert ends.ask(0, "current") == "False"
    ends.run("ip", "-n", name, "link", "del", "e0")
    assert ends.ask(0, "current") == "False"
    ends.wire()
    assert ends.ask(0, "current") == ends.ask(1, "current") == "False"
    assert ends.ask(0, f"send {ALL_SPF_ROUTERS} {payload}") == "False"
    ends.processes.append(ends.spawn(name, "e0"))  # one opened now
    assert ends.ask(2, "current") == str(ADDRESS) and ends.ask(2, "current") == "True"
    assert ends.ask(2, f"send {ALL_SPF_ROUTERS} {payload}") == "True"


@pytest.mark.lab
def test_raw_socket_counts_kernel_drops_and_reads_in_batches(ends: Ends) -> None:
    assert ends.ask(0, f"flood {ALL_SPF_ROUTERS} 20000 1400") == "20000"  # more than the buffer takes
    batches = []
    while not batches or batches[-1]:
        batches.append(int(ends.ask(1, "waiting")))
    assert batches[0] == batches[1] == max(batches) == BATCH_OCTETS // 1420 + 1  # with the IP header
    assert ends.ask(0, f"send {ALL_SPF_ROUTERS} {ACK.hex()}") == "True"
    assert len(ends.ask(1, "receive").split()) == 1  # brings the kernel's count along
    received, dropped = map(int, ends.ask(1, "count").split())
    assert received == sum(batches) + 1 and dropped > 0 and received + dropped == 20001


@pytest.mark.lab
def test_raw_socket_survives_its_interface_going_down(ends: Ends) -> None:
    ends.run("ip", "-n", ends.names[0], "link", "set", "e0", "down")
    ends.ask(0, f"send {ALL_SPF_ROUTERS} {ACK.hex()}")
    ends.ask(0, "waiting")
    ends.run("ip", "-n", ends.names[0], "link", "set", "e0", "up")
    for _ in range(600):
        if ends.ask(0, f"send {ALL_SPF_ROUTERS} {hello()[20:].hex()}") == "True":
            break
        time.sleep(0.05)
    assert ends.ask(1, "receive")


@pytest.mark.lab
def test_raw_socket_knows_its_interface(ends: Ends) -> None:
    assert ends.ask(0, "describe") == "False 1500"
    a, _ = ends.names
    ends.run("ip", "-n", a, "tuntap", "add", "t0", "mode", "tun")  # flagged as GRE is, which not every kernel has
    ends.run("ip", "-n", a, "addr", "add", "10.98.9.1/30", "dev", "t0")
    ends.run("ip", "-n", a, "link", "set", "t0", "mtu", "1476", "up")
    ends.processes.append(ends.spawn(a, "t0"))
    assert ends.processes[2].stdout is not None and ends.processes[2].stdout.readline()
    assert ends.ask(2, "describe") == "True 1476"


@pytest.mark.lab
def test_raw_socket_says_what_it_lacks(ends: Ends) -> None:
    require_programs("setpriv")
    drop = ("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", "--")
    process = ends.spawn(ends.names[0], "e0", *drop)
    out, _ = process.communicate(timeout=60)
    assert "needs CAP_NET_RAW" in out
    process = ends.spawn(ends.names[0], "lo")
    out, _ = process.communicate(timeout=60)
    assert "has no IPv4 address" in out


@pytest.mark.lab
def test_cap_net_raw_is_enough(ends: Ends) -> None:
    require_programs("setpriv")
    only_raw = (
        *("setpriv", "--bounding-set", "-all,+net_raw", "--inh-caps", "-all,+net_raw"),
        *("--ambient-caps", "-all,+net_raw", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"),
    )
    process = ends.spawn(ends.names[0], "e0", *only_raw)
    assert process.stdin is not None and process.stdout is not None
    first = process.stdout.readline()
    process.kill()
    process.communicate()
    assert first == f"{ADDRESS}\n"
