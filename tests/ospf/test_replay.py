"""ospf.replay: captures and archives through passive listeners, beside what FRR held and what tshark reads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.archive import REMOVED, Record, Stream
from ospf.capture import read_capture
from ospf.domain import DomainKey
from ospf.episodes import MAX_LINK_METRIC, ONE_WAY_LINK
from ospf.events import AuthenticationFailed, Event, NeighborSeen, ParameterMismatch, SyncFailed, Synchronised
from ospf.lsa import INITIAL_SEQUENCE, Lsa, RouterLink, RouterLsa, encode_lsa
from ospf.packets import ALL_SPF_ROUTERS, Hello, LinkStateUpdate, build_ip_packet, encode_packet
from ospf.replay import SOURCE, Replay, packet_of, told
from ospf.thresholds import AnomalyConfig
from ospf.v3.ip6 import build_ip6_packet, ip6_payload
from ospf.v3.packets import with_checksum
from ospf.wire import address_number, address_text
from tests.ospf.archived import START, STREAM, Recorded, router_lsa
from tests.ospf.lsas import p2p, stub
from tests.ospf.test_fragments import fragments
from tests.ospf.test_past import ends
from tests.require import require_programs

CAPTURES = Path(__file__).parents[1] / "captures"
PUBLIC = CAPTURES / "ospf2-tcpdump"
T = 1_763_760_000.0
Instance = tuple[int, int, int, int, int]  # type, link state id, advertising router, sequence, checksum


def replayed(path: Path) -> Replay:
    replay = Replay(record_lsas=True)
    for frame in read_capture(path):
        replay.receive(frame.packet, frame.time)
    replay.finish()
    return replay


def identity(lsa: Lsa) -> Instance:
    h = lsa.header
    return (h.type, h.link_state_id, h.advertising_router, h.sequence & 0xFFFFFFFF, h.checksum)


def held(replay: Replay, area: int = 0) -> set[Instance]:
    listener = replay.listeners[Stream("default", 2, area, SOURCE)]
    return {identity(lsa) for lsa in listener.lsdb.lsas(replay.now)}


def update(*lsas: Lsa, router: int = 7, area: int = 0, to: int = ALL_SPF_ROUTERS) -> bytes:
    return build_ip_packet(router, to, encode_packet(LinkStateUpdate(lsas), router_id=router, area=area))


def test_the_capture_of_a_lan_leads_to_the_database_its_router_showed() -> None:
    expected = json.loads((CAPTURES / "ospf-lan" / "expected.json").read_text())["database"]
    replay = replayed(CAPTURES / "ospf-lan" / "in.pcap")
    assert held(replay) == {
        (kind, address_number(lsid), address_number(router), sequence, checksum)
        for kind, lsid, router, sequence, checksum in expected
    }
    (topology,) = replay.topologies.values()
    assert topology.n_routers == 3 and len(topology.prefixes) == 13
    kinds = []
    while (event := replay.next_event()) is not None:
        kinds.append((event.kind, event.subject, event.detail))
    assert ("neighbor_seen", "10.98.0.9", "at 10.98.0.9") not in kinds
    assert ("cost_changed", "10.98.0.2:10.98.0.2", "10 -> 77") in kinds
    assert ("prefix_removed", "172.16.3.0/24", "external-2") in kinds
    assert replay.stats.ospf == replay.stats.packets == 95


def tshark_lsas(path: Path) -> list[Instance]:
    """Every LSA of every update, as tshark reads them, in order; opaque ones without their id, as tshark says none."""
    fields = ("ospf.msg", "ospf.lsa", "ospf.lsa.id", "ospf.advrouter", "ospf.lsa.seqnum", "ospf.lsa.chksum")
    command = [require_programs("tshark")["tshark"], "-r", str(path), "-T", "fields"]
    for name in fields:
        command += ["-e", name]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found: list[Instance] = []
    for line in text.splitlines():
        kind, types, ids, routers, sequences, checksums = line.split("\t")
        if kind != "4":
            continue
        left = iter(ids.split(",") if ids else ())
        for t, r, s, c in zip(*(x.split(",") for x in (types, routers, sequences, checksums)), strict=True):
            lsid = 0 if int(t) >= 9 else address_number(next(left))
            found.append((int(t), lsid, address_number(r), int(s, 16), int(c, 16)))
    return found


@pytest.mark.peer
@pytest.mark.parametrize("name", ["OSPFv2_Capture_FINAL.pcapng", "ospf-gmpls.pcap", "ospf-nssa-bitnt.pcap"])
def test_public_captures_hold_what_tshark_reads(name: str) -> None:
    replay = replayed(PUBLIC / name)
    heard = []
    while (each := replay.next_heard()) is not None:
        event = each[1]
        if event.router_id:
            heard.append(identity(event.lsa))
    theirs = tshark_lsas(PUBLIC / name)
    assert [(t, 0 if t >= 9 else i, *rest) for t, i, *rest in heard] == theirs and theirs
    newest: dict[tuple[int, int, int], Instance] = {}
    for lsa in heard:  # in these files the sequence number alone decides
        known = newest.get(lsa[:3])
        if known is None or lsa[3] > known[3]:
            newest[lsa[:3]] = lsa
    assert set().union(*(held(replay, stream.area) for stream in replay.listeners)) == set(newest.values())


def test_broken_public_captures_are_counted() -> None:
    behind_ah = replayed(PUBLIC / "ospf-signed-integer-ubsan.pcap")  # OSPFv3 behind IPsec AH
    assert behind_ah.listener_stats()["malformed"] == 1 and behind_ah.last_error == "packet checksum"
    torn = replayed(PUBLIC / "ospf2-seg-fault-1.pcapng")
    assert torn.listener_stats()["malformed"] == 1 and torn.last_error == "packet checksum"
    lenient = replayed(PUBLIC / "ospf-sr-ri-sid.pcap")  # its IP header checksum is wrong, its OSPF checksum is not
    assert lenient.listener_stats()["lsas"] == 1 or lenient.last_error == "packet checksum"


def test_several_areas_in_one_file_are_several_databases() -> None:
    replay = Replay()
    replay.receive(update(router_lsa(1), router_lsa(2)), T)
    replay.receive(update(router_lsa(1), router_lsa(3), area=5), T + 1)
    assert {stream.area: len(one.lsdb) for stream, one in replay.listeners.items()} == {0: 2, 5: 2}


def test_no_hello_is_needed_and_unicast_counts() -> None:
    replay = Replay()
    replay.receive(update(router_lsa(1), to=0x0A000009), T)
    assert len(held(replay)) == 1 and replay.listener_stats()["strangers"] == 0


def test_versions_are_cut_as_time_goes_by_and_events_tell_the_difference() -> None:
    a, b = "1.1.1.1", "2.2.2.2"

    def line(cost: int, sequence: int) -> bytes:
        lsas = [
            encode_lsa(
                type=1, link_state_id=address_number(me), advertising_router=address_number(me), age=1,
                sequence=INITIAL_SEQUENCE + sequence,
                body=RouterLsa(0, (p2p(other, f"10.0.0.{n}", cost), stub("10.0.0.0/30", cost))),
            )
            for n, me, other in ((1, a, b), (2, b, a))
        ]  # fmt: skip
        return update(*lsas)

    replay = Replay()
    replay.receive(line(10, 0), T)
    assert not replay.topologies
    replay.receive(b"", T + 1)
    (first,) = replay.topologies.values()
    assert first.n_routers == 2 and replay.next_event() is None
    replay.receive(line(20, 1), T + 2)
    replay.finish()
    event = replay.next_event()
    assert event is not None
    assert (event.kind, event.subject, event.detail) == ("cost_changed", f"{a}:10.0.0.1", "10 -> 20")
    assert event.time == T + 2 and replay.topologies[DomainKey("default", 2)].version == 2
    replay.receive(b"", T + 2 + 7200)  # nothing refreshed: everything has come of age
    assert held(replay) == set() and replay.topologies[DomainKey("default", 2)].n_routers == 0
    kinds = set()
    while (event := replay.next_event()) is not None:
        kinds.add((event.kind, event.time))
    assert ("router_down", T + 2 + 3599.005) in kinds


def test_what_goes_wrong_is_told() -> None:
    def said(**more: AnomalyConfig) -> list[tuple[str, str]]:
        replay = Replay(**more)
        replay.receive(update(*ends(0xFFFF)), T)
        replay.receive(b"", T + 1)
        found = []
        while (event := replay.next_event()) is not None:
            found.append((event.kind, event.subject))
        assert replay.next_heard() is None
        return found

    assert said() == []
    assert said(anomalies=AnomalyConfig()) == [(MAX_LINK_METRIC, "1.1.1.1"), (MAX_LINK_METRIC, "2.2.2.2")]


def test_what_goes_on_for_long_is_told_without_a_packet() -> None:
    replay = Replay(anomalies=AnomalyConfig(one_way_grace_seconds=10))
    one_way = [
        anew("1.1.1.1", p2p("2.2.2.2", "10.0.0.1", 1), p2p("3.3.3.3", "10.0.0.5", 1)),
        anew("2.2.2.2", p2p("1.1.1.1", "10.0.0.2", 1)),
        anew("3.3.3.3"),
    ]
    replay.receive(update(*one_way), T)
    replay.receive(b"", T + 9)
    assert replay.next_event() is None
    replay.receive(b"", T + 11)
    event = replay.next_event()
    assert event is not None and (event.kind, event.subject) == (ONE_WAY_LINK, "1.1.1.1:10.0.0.5")


def anew(router: str, *links: RouterLink) -> Lsa:
    number = address_number(router)
    return encode_lsa(type=1, link_state_id=number, advertising_router=number, body=RouterLsa(0, links))


def test_instance_ids_of_version_3_are_instances_of_their_own() -> None:
    replay = Replay()
    for frame in read_capture(CAPTURES / "ospf3-tcpdump" / "OSPFv3_broadcast_adjacency.pcap"):
        replay.receive(frame.packet, frame.time)
        source, destination, payload = ip6_payload(frame.packet)
        other = bytearray(payload)
        other[12:15] = b"\0\0\x05"
        said = with_checksum(bytes(other), source, destination)
        replay.receive(build_ip6_packet(source, destination, said), frame.time)
    replay.finish()
    assert set(replay.topologies) == {DomainKey("default", 3), DomainKey("default.5", 3)}
    assert [topology.n_routers for topology in replay.topologies.values()] == [2, 2]
    event = replay.next_event()
    assert event is not None and event.detail == "at fe80::1"


def test_versions_can_be_left_out() -> None:
    replay = Replay(every_version=False)
    for number in range(5):
        replay.receive(update(router_lsa(1, number, metric=number)), T + number)
    assert not replay.topologies
    replay.finish()
    assert replay.topologies[DomainKey("default", 2)].version == 1 and replay.next_event() is None


def test_time_that_goes_back_is_counted() -> None:
    replay = Replay()
    for time in (T, T - 5, T + 1):
        replay.receive(update(router_lsa(1)), time)
    assert replay.stats.clock_back == 1 and replay.now == T + 1 and replay.first == T


def test_what_is_not_for_us_is_counted() -> None:
    replay = Replay()
    whole = update(router_lsa(1))
    tcp = whole[:9] + b"\x06" + whole[10:]
    fragment = whole[:6] + b"\x20\x00" + whole[8:]
    six = b"\x60" + bytes(5) + b"\x59\x01" + bytes(32) + b"\x03\x01" + bytes(40)
    for packet in (b"", b"\x00" * 40, tcp, fragment, whole[:24], build_ip_packet(1, 2, b"\x07" * 44)):
        replay.receive(packet, T)
    stats = replay.stats
    assert (stats.packets, stats.not_ip, stats.not_ospf, stats.fragments, stats.malformed) == (6, 2, 1, 1, 2)
    replay.receive(six, T)
    assert replay.stats.unread_version + len(replay.listeners) == 1
    replay.finish()


def test_an_lsa_bigger_than_the_mtu_comes_in_fragments() -> None:
    replay, big = Replay(), router_lsa(1, links=200)
    for part in reversed(fragments(update(big), [1480])):
        replay.receive(part, T)
    assert len(held(replay)) == 1 and replay.stats.fragments == 2 and replay.stats.ospf == 1


def test_neighbors_are_told() -> None:
    replay = Replay()
    hello = Hello(0xFFFFFF00, 10, 2, 1, 40, 0x0A000001, 0, ())
    replay.receive(build_ip_packet(0x0A000001, ALL_SPF_ROUTERS, encode_packet(hello, router_id=9, area=0)), T)
    replay.receive(b"", T + 100)
    events = [replay.next_event(), replay.next_event()]
    assert [(e.kind, e.subject, e.detail, e.time) for e in events if e] == [
        ("neighbor_seen", "0.0.0.9", "at 10.0.0.1", T), ("neighbor_lost", "0.0.0.9", "at 10.0.0.1", T + 40),
    ]  # fmt: skip


def test_areas_without_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ospf.replay.MAX_STREAMS", 3)
    replay = Replay()
    for area in range(9):
        replay.receive(update(router_lsa(1), area=area), T)
    assert len(replay.listeners) == 3 and replay.stats.streams_refused == 6


def test_an_attachment_that_begins_again_has_nothing() -> None:
    replay = Replay()
    replay.receive(update(router_lsa(1)), T)
    replay.begin(Stream("default", 2, 0, "other"))
    assert len(held(replay)) == 1
    replay.begin(Stream("default", 2, 0, SOURCE))
    replay.receive(b"", T + 4000)  # what it waited for is forgotten with it
    replay.receive(update(router_lsa(2)), T + 4001)
    assert [lsid for _, lsid, *_ in held(replay)] == [2]
    replay.finish()
    assert replay.topologies[DomainKey("default", 2)].routers.tolist() == [2]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(1, 4), st.integers(0, 5), st.integers(0, 3),
                  st.sampled_from([0, 1, 1800, 3590, 3600])),
        max_size=40,
    )
)  # fmt: skip
def test_an_archive_replayed_leads_to_the_database_recorded(stream: list[tuple[int, int, int, int, int]]) -> None:
    live, now = Recorded(), 0
    for step, number, sequence, metric, age in stream:
        now += step
        live.expire(now)
        live.offer(router_lsa(number, sequence, metric, age), now)
    replay = Replay()
    for record in live.records:
        packet = packet_of(record)
        assert packet is not None
        replay.receive(packet, record.time / 1000)
    listener = replay.listeners.get(STREAM._replace(source=SOURCE))
    raws = sorted(lsa.raw for lsa in listener.lsdb.lsas(START / 1000 + now)) if listener else []
    assert raws == live.raws(now)


def test_what_came_of_age_is_flushed_in_nobodys_name() -> None:
    replay = Replay(record_lsas=True)
    lsa = router_lsa(1)
    gone = packet_of(Record(START, STREAM, 0, REMOVED, lsa.raw))
    assert gone is not None
    replay.receive(update(lsa), T)
    replay.receive(gone, T + 1)
    assert held(replay) == set()
    assert packet_of(Record(START, STREAM, 7, 0, bytes(65_530))) is None
    assert packet_of(Record(START, STREAM._replace(version=4), 7, 0, lsa.raw)) is None
    assert address_text(7) == "0.0.0.7"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.binary(max_size=60).map(lambda b: build_ip_packet(1, 2, b)), max_size=8))
def test_any_packets_are_harmless(packets: list[bytes]) -> None:
    replay = Replay()
    for number, packet in enumerate(packets):
        replay.receive(packet, T + number)
    replay.finish()
    assert replay.stats.packets == len(packets)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (NeighborSeen(0x0A000001, 0x0A620001, 1.0), "neighbor_seen 10.0.0.1: at 10.98.0.1"),
        (NeighborSeen(1, 0xFE80 << 112 | 1, 1.0), "neighbor_seen 0.0.0.1: at fe80::1"),
        (Synchronised(4, 300, 0.123, 4.0, "attach"), "synchronised area 0.0.0.4: 300 LSAs in 0.12 s (attach)"),
        (SyncFailed(1, "no answer", 2.0, 3.0), "sync_failed 0.0.0.1: no answer; again in 2 s"),
        (
            ParameterMismatch(1, "mask", 0xFFFFFF00, 0xFFFFFE00, 1.0),
            "parameter_mismatch 0.0.0.1: mask is 255.255.255.0, elsewhere on the segment 255.255.254.0",
        ),
        (
            AuthenticationFailed(1, 0x0A620001, "bad digest", "compare the keys", 1.0),
            "authentication_failed 0.0.0.1: address 10.98.0.1, cause bad digest, remedy compare the keys",
        ),
    ],
)
def test_what_a_listener_tells_in_words(event: Event, line: str) -> None:
    found = told(event)
    assert f"{found.kind} {found.subject}: {found.detail}" == line
