"""Every decoder that octets from a network reach: another one is one line in `TARGETS`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import partial

from ospf.config import AttachConfig
from ospf.errors import OspfError
from ospf.graceful import grace_of
from ospf.listener import Listener
from ospf.lsa import Lsa, decode_header, decode_lsa
from ospf.packets import decode_packet, ip_payload
from ospf.te import te_links
from ospf.v3 import lsa as v3
from ospf.v3.dialect import listener3
from ospf.v3.ip6 import build_ip6_packet, ip6_payload, packet_checksum
from ospf.v3.packets import decode_packet as decode_packet3
from ospf.wire import internet_checksum, lsa_checksum
from tests.fuzz import seeds
from tests.fuzz.mutation import Repair
from tests.fuzz.run import Target

PACKETS = {1: "hello", 2: "description", 3: "request", 4: "update", 5: "ack"}
LSAS = {1: "router", 2: "network", 3: "summary", 4: "asbr-summary", 5: "external", 7: "nssa"}
LSAS |= {9: "opaque-link", 10: "opaque-area", 11: "opaque-as", 6: "unknown"}
LSAS3 = {v3.ROUTER: "router", v3.NETWORK: "network", v3.INTER_AREA_PREFIX: "inter-area-prefix"}
LSAS3 |= {v3.INTER_AREA_ROUTER: "inter-area-router", v3.AS_EXTERNAL: "external", v3.NSSA: "nssa", v3.LINK: "link"}
LSAS3 |= {v3.INTRA_AREA_PREFIX: "intra-area-prefix", 0xA00C: "unknown", 0x800B: "grace"}
HERE, GROUP3 = 0xFE80 << 112 | 1, 0xFF02 << 112 | 5
MAX_LSAS = 500  # a listener's database must not be what a block spends its time on

LISTENER_STEPS = 20 * MAX_LSAS, 100  # its timers go over the database, whatever the packet


def lsa_repair(kind: int, version: int) -> Repair:
    """Type, length and checksum right."""

    def repair(data: bytearray, rng: random.Random) -> None:
        if len(data) < 20:
            return
        if version == 2:
            data[3] = kind
        else:
            data[2:4] = kind.to_bytes(2, "big")
        if rng.getrandbits(3):
            del data[len(data) & ~3 :]
        right_checksum(data)

    return repair


def right_checksum(data: bytearray) -> None:
    data[18:20] = len(data).to_bytes(2, "big")
    data[16:18] = lsa_checksum(data).to_bytes(2, "big")


def packet_repair(kind: int, version: int) -> Repair:
    """Version, type, length and checksums right, those of the LSAs in an update too as far as their lengths go."""
    header = seeds.HEADER if version == 2 else seeds.HEADER3

    def repair(data: bytearray, rng: random.Random) -> None:
        if len(data) < header:
            return
        data[0], data[1] = version, kind
        data[2:4] = len(data).to_bytes(2, "big")
        if kind == seeds.UPDATE and rng.getrandbits(2):
            at = header + 4
            for raw in seeds.lsas_of(bytes(data), version=version):
                data[at + 16 : at + 18] = lsa_checksum(raw).to_bytes(2, "big")
                at += len(raw)
        data[12:14] = b"\0\0"
        if version == 2:
            data[14:16] = (rng.getrandbits(4) // 13).to_bytes(2, "big")  # mostly no authentication
            data[12:14] = internet_checksum(bytes(data[:16] + data[24:])).to_bytes(2, "big")
        else:
            data[12:14] = packet_checksum(bytes(data), HERE, GROUP3).to_bytes(2, "big")

    return repair


def ip_repair(data: bytearray, rng: random.Random) -> None:
    """A right IPv4 header around whatever follows, and a right OSPF packet in it."""
    if len(data) < 44:
        return
    data[0] = 0x45
    inner = data[20:]
    packet_repair(1 + inner[1] % 5, 2)(inner, rng)
    data[:] = seeds.as_ip(bytes(inner))


def ip6_repair(data: bytearray, rng: random.Random) -> None:
    if len(data) < 56:
        return
    if rng.getrandbits(2) == 0:  # leave extension headers as they are
        data[4:6] = (len(data) - 40).to_bytes(2, "big")
        return
    inner = data[40:]
    packet_repair(1 + inner[1] % 5, 3)(inner, rng)
    data[:] = build_ip6_packet(HERE, GROUP3, bytes(inner))


def no_repair(data: bytearray, rng: random.Random) -> None:
    return


def plainly(decode: Callable[[bytes], object]) -> Callable[[], Callable[[bytes], object]]:
    """A decoder without a state."""
    return lambda: decode


def fed(make: Callable[[], Listener]) -> Callable[[], Callable[[bytes], object]]:
    """A whole listener, to which packets come two seconds apart; it must not raise at all."""

    def fresh() -> Callable[[bytes], object]:
        listener, now = make(), 0.0
        listener.record_lsas = True

        def decode(data: bytes) -> None:
            nonlocal now
            now += 2.0
            try:
                listener.receive(data, now)
                listener.handle_timeout(now)
                listener.packets_to_send(now)
                while listener.next_event() is not None:
                    pass
            except OspfError as error:
                raise AssertionError("a listener raised") from error

        return decode

    return fresh


def header_and_back(data: bytes) -> object:
    return decode_header(data), v3.decode_header(data)


def of_lsa(read: Callable[[Lsa], object]) -> Callable[[bytes], object]:
    return lambda data: read(decode_lsa(data))


def some(found: Iterable[bytes]) -> tuple[bytes, ...]:
    """The first and the longest of `found`, none twice."""
    unique = list(dict.fromkeys(found))
    if len(unique) > seeds.MAX_SEEDS:
        half = seeds.MAX_SEEDS // 2
        unique = list(dict.fromkeys(unique[:half] + sorted(unique, key=len)[-half:]))
    return tuple(unique)


def make_targets() -> tuple[Target, ...]:
    four, six = seeds.captured()
    made = seeds.made_by_scapy()
    packets = made + list(seeds.payloads(four, version=2))
    packets3 = list(seeds.payloads(six, version=3))
    lsas = [raw for payload in packets for raw in seeds.lsas_of(payload, version=2)]
    lsas3 = seeds.made_for_version_3()
    lsas3 += [raw for payload in packets3 for raw in seeds.lsas_of(payload, version=3)]
    whole = [*map(seeds.as_ip, made), *four]
    whole3 = [build_ip6_packet(HERE, GROUP3, payload) for payload in packets3] + six
    opaque = [raw for raw in lsas if raw[3] in (9, 10, 11)]
    targets = [Target("v2 IP packet", plainly(ip_payload), some(whole), ip_repair)]
    for kind, name in PACKETS.items():
        found = some(payload for payload in packets if payload[1] == kind)
        targets.append(Target(f"v2 {name}", plainly(decode_packet), found, packet_repair(kind, 2)))
    for kind, name in LSAS.items():
        found = some(raw for raw in lsas if raw[3] == kind)
        targets.append(Target(f"v2 {name} LSA", plainly(decode_lsa), found, lsa_repair(kind, 2)))
    targets += [
        Target("v2 traffic engineering", plainly(of_lsa(te_links)), some(opaque), lsa_repair(10, 2)),
        Target("v2 grace", plainly(of_lsa(grace_of)), some(opaque), lsa_repair(9, 2)),
        Target("LSA headers", plainly(header_and_back), some([*lsas, *lsas3]), no_repair),
        Target("v3 IP packet", plainly(ip6_payload), some(whole3), ip6_repair),
    ]
    decode3 = partial(decode_packet3, source=HERE, destination=GROUP3)
    for kind, name in PACKETS.items():
        found = some(payload for payload in packets3 if payload[1] == kind)
        targets.append(Target(f"v3 {name}", plainly(decode3), found, packet_repair(kind, 3)))
    for kind, name in LSAS3.items():
        found = some(raw for raw in lsas3 if int.from_bytes(raw[2:4], "big") == kind)
        targets.append(Target(f"v3 {name} LSA", plainly(v3.decode_lsa), found, lsa_repair(kind, 3)))
    config = AttachConfig("fuzz", mode="burst", max_lsas=MAX_LSAS)
    config3 = AttachConfig("fuzz", mode="burst", max_lsas=MAX_LSAS, version=3)
    targets += [
        Target("v2 listener", fed(lambda: Listener(config, 0.0)), some(whole), ip_repair, *LISTENER_STEPS),
        Target("v3 listener", fed(lambda: listener3(config3, 0.0)), some(whole3), ip6_repair, *LISTENER_STEPS),
    ]
    return tuple(targets)


TARGETS = make_targets()
