"""Bad input on every open port of the running gateway: counted, complained of once, and nothing stops."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable, Iterable

import pytest

from tests.lab import frr
from tests.lab.monitored import IF_NAME, Monitored
from tests.lab.namespaces import inside
from tests.lab.network import Network
from tests.lab.plan import GATEWAY

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

IPFIX_PORT, SNMP_PORT, OSPF = 4739, 1161, 89
LINES_ALLOWED = 20  # in the log, for thousands of bad datagrams
R2 = socket.inet_aton("10.255.0.2")


def garbage(seed: int, count: int) -> list[bytes]:
    """Random datagrams, some of no octets at all."""
    chance = random.Random(seed)
    return [chance.randbytes(chance.choice((0, 1, 3, 15, 16, 20, 24, 64, 500, 1400))) for _ in range(count)]


def ipfix(*sets: bytes, domain: int = 7) -> bytes:
    body = b"".join(sets)
    return struct.pack("!HHIII", 10, 16 + len(body), 1_700_000_000, 0, domain) + body


def bad_ipfix() -> list[bytes]:
    """Well-formed at the top and wrong inside (RFC 7011 3.3, 3.4)."""
    template = struct.pack("!HHHHHH", 2, 12, 256, 1, 8, 4)
    whole = ipfix(template, struct.pack("!HH4s", 256, 8, bytes(4)))
    return [
        ipfix(struct.pack("!HH", 256, 0)),  # a set of no length
        ipfix(struct.pack("!HH", 2, 3)),  # shorter than its own header
        ipfix(struct.pack("!HH", 2, 4000)),  # longer than the message
        ipfix(struct.pack("!HHHH", 2, 8, 256, 0), struct.pack("!HH4s", 256, 8, bytes(4))),  # no fields: withdrawn
        ipfix(struct.pack("!HHHHHH", 2, 12, 257, 1, 8, 0), struct.pack("!HH4s", 257, 8, bytes(4))),  # zero wide
        ipfix(struct.pack("!HHHH", 2, 8, 258, 65535)),  # more fields than octets
        *(whole[:length] for length in range(len(whole))),
    ]


def inet_checksum(octets: bytes) -> int:
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ospf(kind: int, body: bytes, length: int | None = None, checksum: int | None = None) -> bytes:
    """A packet of r2's with its right checksum unless told otherwise (RFC 2328 A.3.1)."""
    head = struct.pack("!BBH4sI", 2, kind, length or 24 + len(body), R2, 0)
    padded = head + bytes(4) + body + bytes(len(body) % 2)
    return head + struct.pack("!HH8x", inet_checksum(padded) if checksum is None else checksum, 0) + body


def bad_ospf() -> list[bytes]:
    """Updates whose LSAs have wrong checksums or lengths, packets cut short; all of them for the gateway alone."""
    links = struct.pack("!HH4sIBBH", 0, 1, R2, 0xFFFFFFFC, 3, 0, 10)
    header = struct.pack("!HBB4s4sI", 1, 2, 1, R2, R2, 0x80007000)
    broken = header + struct.pack("!HH", 0x1234, 20 + len(links)) + links
    short = header + struct.pack("!HH", 0x1234, 8) + links
    long = header + struct.pack("!HH", 0x1234, 4000) + links
    one = struct.pack("!I", 1)
    update = ospf(4, one + broken)
    return [
        update,
        ospf(4, one + short),
        ospf(4, one + long),
        ospf(4, struct.pack("!I", 0xFFFFFFFF) + broken),
        ospf(1, bytes(20), checksum=0xDEAD),
        ospf(4, one + broken, length=2000),
        ospf(9, bytes(8)),
        *(update[:length] for length in range(0, len(update), 3)),
    ]


def send(network: Network, node: str, datagrams: Iterable[bytes], port: int, address: str) -> None:
    """From a node's namespace; port 0 means raw OSPF."""

    def opened() -> socket.socket:
        if port:
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, OSPF)

    with inside(network.namespace(node), opened) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, (address, port))


Sender = Callable[[Network], None]


def to_the_collector(network: Network) -> None:
    send(network, "h1", garbage(1, 1500) + bad_ipfix() * 10, IPFIX_PORT, "10.0.100.9")


def to_the_listener(network: Network) -> None:
    send(network, "r2", garbage(2, 300) + bad_ospf() * 10, 0, "10.0.100.9")


def to_the_responder(network: Network) -> None:
    get = bytes.fromhex("302902010104067075626c6963a01c020400000001020100020100300e300c06082b060102010101000500")
    cut = [get[:length] for length in range(len(get))]
    send(network, GATEWAY, garbage(3, 1500) + cut * 10, SNMP_PORT, "127.0.0.1")


def counted(monitored: Monitored, component: str, *names: str) -> float:
    held = monitored.api("/api/status")["components"][component]
    return sum(held[name] for name in names)


@pytest.mark.parametrize(
    ("attack", "component", "names"),
    [
        (to_the_collector, "decode", ("malformed",)),
        (to_the_listener, "ospf", ("malformed", "lsas_refused")),
        (to_the_responder, "snmp", ("parse_errors", "bad_versions", "bad_community_names")),
    ],
    ids=["ipfix", "ospf", "snmp"],
)
def test_bad_input_is_counted_and_stops_nothing(
    network: Network, monitored: Monitored, attack: Sender, component: str, names: tuple[str, ...]
) -> None:
    assert monitored.gateway is not None
    before = counted(monitored, component, *names)
    walked, database = monitored.walk(IF_NAME), frr.database(network, "r1")
    lines = network.log("gateway").read_text().count("\n")
    attack(network)
    monitored.wait(f"{component} counts it", lambda: counted(monitored, component, *names) > before + 50, 60)
    assert monitored.gateway.poll() is None
    assert monitored.walk(IF_NAME) == walked
    assert monitored.knows_every_link()
    assert frr.database(network, "r1") == database
    assert network.log("gateway").read_text().count("\n") - lines <= LINES_ALLOWED
    monitored.wait("every agent still heard", monitored.hears_every_agent, 60)
