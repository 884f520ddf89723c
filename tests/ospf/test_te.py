"""Traffic engineering TLVs: joined by local address, refused when their lengths lie, read as tshark reads them."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.lsa import Lsa, OpaqueLsa
from ospf.packets import LinkStateUpdate, decode_packet, ip_payload
from ospf.te import LINK_TLV, TeReadings, is_te, read_te, te_links
from ospf.topology import Topology, build_topology
from tests.ospf.lsas import ip, lsa, p2p, router, stub
from tests.require import require_programs

CAPTURE = Path(__file__).parents[1] / "captures" / "ospf2-tcpdump" / "ospf-gmpls.pcap"
R1, R2 = "1.1.1.1", "2.2.2.2"
AREA = [
    router(R1, p2p(R2, "10.0.0.1", 10), stub("10.0.0.0/30", 10), p2p(R2, 7, 10)),
    router(R2, p2p(R1, "10.0.0.2", 10), stub("10.0.0.0/30", 10), p2p(R1, 9, 10)),
]


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def words(*numbers: int) -> bytes:
    return struct.pack(f"!{len(numbers)}I", *numbers)


def octets(rate: float) -> bytes:
    return struct.pack("!f", rate)


def te_lsa(rid: str, *tlvs: bytes, instance: int = 1) -> Lsa:
    return lsa(10, 1 << 24 | instance, ip(rid), OpaqueLsa(b"".join(tlvs)))


def link(*subs: bytes) -> bytes:
    return tlv(2, b"".join(subs))


def full(local: str, remote: str = "10.0.0.2", metric: int = 5) -> bytes:
    return link(
        tlv(1, b"\1"), tlv(2, words(ip(R2))), tlv(3, words(ip(local))), tlv(4, words(ip(remote))),
        tlv(5, words(metric)), tlv(6, octets(125e6)), tlv(7, octets(62.5e6)), tlv(8, octets(1e6) * 8), tlv(9, words(3)),
        tlv(27, words(0x80000000 | 1500)), tlv(28, words(1000, 2000)), tlv(29, words(50)), tlv(99, b"abcde"),
    )  # fmt: skip


def build(*lsas: Lsa, previous: Topology | None = None) -> Topology:
    return build_topology([*AREA, *lsas], version=1, time=0.0, previous=previous)


def at(t: Topology, key: str) -> tuple[int, float, float, int, int]:
    row = next(row for row, each in enumerate(t.links.keys) if str(each) == key)
    c = t.links
    return (
        int(c.te_metric[row]), float(c.bandwidth[row]), float(c.reservable[row]), int(c.delay_us[row]),
        int(c.admin_group[row]),
    )  # fmt: skip


def test_all_that_a_link_tlv_says() -> None:
    (found,), refused = te_links(te_lsa(R1, tlv(1, words(ip(R1))), full("10.0.0.1")))
    assert refused == 0 and found.router == ip(R1) and found.type == 1 and found.link_id == ip(R2)
    assert found.local == (ip("10.0.0.1"),) and found.remote == (ip("10.0.0.2"),) and found.metric == 5
    assert (found.bandwidth, found.reservable, found.unreserved) == (1e9, 5e8, (8e6,) * 8)
    assert (found.admin_group, found.delay_us, found.delay_range_us, found.variation_us) == (3, 1500, (1000, 2000), 50)


def test_columns_in_bits_per_second_at_the_row_of_the_local_address() -> None:
    t = build(te_lsa(R1, full("10.0.0.1")))
    assert at(t, f"{R1}:10.0.0.1") == (5, 1e9, 5e8, 1500, 3)
    assert at(t, f"{R2}:10.0.0.2") == (0, 0.0, 0.0, 0, 0) and t.stats.te_unjoined == 0
    types = {"te_metric": np.uint32, "bandwidth": np.float64, "reservable": np.float64, "delay_us": np.uint32,
             "admin_group": np.uint32}  # fmt: skip
    for name, dtype in types.items():
        column = getattr(t.links, name)
        assert column.dtype == dtype and len(column) == len(t.links)


def test_a_wrong_remote_address_does_not_matter() -> None:
    t = build(te_lsa(R1, full("10.0.0.1", remote="192.0.2.77")))
    assert at(t, f"{R1}:10.0.0.1")[0] == 5


def test_unnumbered_links_join_by_identifier() -> None:  # RFC 4203 1.1
    t = build(te_lsa(R1, link(tlv(1, b"\1"), tlv(11, words(7, 9)), tlv(5, words(8)))))
    assert at(t, f"{R1}:if7")[0] == 8 and at(t, f"{R2}:if9")[0] == 0


def test_order_of_arrival_does_not_matter() -> None:
    te1, te2 = te_lsa(R1, full("10.0.0.1")), te_lsa(R2, full("10.0.0.2", metric=6))
    expected = build(te1, te2)
    for first, second in permutations((te1, te2)):
        early = build_topology([first], version=1, time=0.0)  # nothing to join it to yet
        assert early.stats.te_unjoined == 1 and len(early.links) == 0
        t = build_topology([*AREA, first], version=2, time=1.0, previous=early)
        t = build_topology([*AREA, first, second], version=3, time=2.0, previous=t)
        assert t.stats.te_unjoined == 0
        for key in (f"{R1}:10.0.0.1", f"{R2}:10.0.0.2"):
            assert at(t, key) == at(expected, key)


def test_tlvs_without_a_row_are_counted() -> None:
    t = build(te_lsa(R1, full("10.9.9.9")), te_lsa("8.8.8.8", full("10.0.0.1"), instance=2))
    assert t.stats.te_unjoined == 2 and not t.links.te_metric.any()


@pytest.mark.parametrize(
    "bad",
    [
        link(tlv(5, b"\0\0")),
        link(tlv(6, octets(float("nan")))),
        link(tlv(6, octets(float("inf")))),
        link(tlv(7, octets(-1.0))),
        link(tlv(8, octets(1.0) * 7)),
        link(tlv(3, b"abcde")),
        link(struct.pack("!HH", 5, 400)),
        link(b"\0\5"),
    ],
)
def test_a_broken_link_tlv_is_refused_alone(bad: bytes) -> None:
    found, refused = te_links(te_lsa(R1, bad, full("10.0.0.1")))
    assert len(found) == 1 and refused == 1
    assert build(te_lsa(R1, bad, full("10.0.0.1"))).stats.te_refused == 1


def test_a_tlv_that_runs_past_the_end_ends_the_lsa() -> None:
    found, refused = te_links(te_lsa(R1, full("10.0.0.1"), struct.pack("!HH", 2, 4000)))
    assert len(found) == 1 and refused == 1


def test_other_opaque_lsas_are_not_asked() -> None:
    assert is_te(te_lsa(R1)) and not is_te(lsa(10, 4 << 24, ip(R1), OpaqueLsa(b"")))
    assert not is_te(lsa(11, 1 << 24, ip(R1), OpaqueLsa(b""))) and te_links(AREA[0]) == ((), 1)


def test_an_lsa_that_stays_is_not_read_again() -> None:
    one, two = te_lsa(R1, full("10.0.0.1")), te_lsa(R2, full("10.0.0.2"))
    before = read_te([one], TeReadings())
    after = read_te([one, two], before)
    assert after.links[0] is before.links[0] and read_te([one, two], after) is after


some_tlv = st.builds(tlv, st.sampled_from([1, 2, 2, 3]), st.binary(max_size=80))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), some_tlv, st.lists(some_tlv, max_size=4).map(b"".join)))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    found, refused = te_links(lsa(10, 1 << 24, ip(R1), OpaqueLsa(data)))
    assert refused or len(found) == [kind for kind, _ in tlvs(data)].count(LINK_TLV)
    for each in found:
        assert all(rate >= 0 for rate in (each.bandwidth, each.reservable, *each.unreserved))


def tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        kind, length = struct.unpack_from("!HH", data)
        yield kind, data[4 : 4 + length]
        data = data[4 + length + -length % 4 :]


def captured() -> list[Lsa]:
    """TE LSAs of the capture, by our decoder."""
    data = CAPTURE.read_bytes()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    (network,) = struct.unpack_from(order + "I", data, 20)
    skip = {0: 4, 1: 14}[network]
    position, found = 24, []
    while position < len(data):
        _, _, length, _ = struct.unpack_from(order + "IIII", data, position)
        packet = decode_packet(ip_payload(data[position + 16 + skip : position + 16 + length])[-1])
        if isinstance(packet.body, LinkStateUpdate):
            found += [each for each in packet.body.lsas if is_te(each)]
        position += 16 + length
    return found


def test_tshark_reads_the_same_numbers() -> None:
    """The GMPLS capture (link TLVs of several routers), sub-TLV by sub-TLV, as tshark decodes it."""
    tshark = require_programs("tshark")["tshark"]
    command = [tshark, "-r", str(CAPTURE), "-T", "json", "-Y", "ospf.msg == 4"]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    seen: dict[str, list[str]] = {}
    capability = False  # what else tshark calls "pri": the switching capability's (RFC 4203 1.4)
    for name, value in re.findall(r'"ospf\.mpls\.(\w+)": "([^"]*)"', text):
        capability = name == "switching_type" or (capability and name != "linktype")
        if not capability:
            seen.setdefault(name, []).append(value)
    lsas = captured()
    links = [each for one in lsas for each in te_links(one)[0]]
    assert links and all(te_links(one)[1] == 0 for one in lsas)
    assert [each.type for each in links] == [int(value) for value in seen["linktype"]]
    assert [each.link_id for each in links] == [ip(value) for value in seen["linkid"]]
    assert [local for each in links for local in each.local] == [ip(value) for value in seen["local_addr"]]
    assert [remote for each in links for remote in each.remote] == [ip(value) for value in seen["remote_addr"]]
    assert [each.metric for each in links if each.metric] == [int(value) for value in seen["te_metric"]]
    assert {each.admin_group for each in links} == {int(value, 16) for value in seen["linkcolor"]} == {0}
    rates = [rate for each in links for rate in (each.bandwidth, each.reservable) if rate]
    assert rates == pytest.approx([8 * float(value) for value in seen["link_max_bw"]], rel=1e-4)
    unreserved = [rate for each in links for rate in each.unreserved]
    assert unreserved == pytest.approx([8 * float(value) for value in seen["pri"]], rel=1e-4)
