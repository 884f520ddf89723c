import pytest

from ospf.errors import OspfForbiddenSend
from ospf.interface import MAX_NEIGHBORS, Segment, check_harmless, check_octets
from ospf.lsa import RouterLsa, encode_lsa
from ospf.packets import (
    DD_INIT,
    DD_MORE,
    DatabaseDescription,
    Hello,
    LinkStateAck,
    LinkStateRequest,
    LinkStateUpdate,
    PacketBody,
    encode_packet,
)

MASK = 0xFFFFFF00
LSA = encode_lsa(type=1, link_state_id=1, advertising_router=1, body=RouterLsa(0, ()))


def hello(dr: int = 0, bdr: int = 0, neighbors: tuple[int, ...] = (), options: int = 0x12) -> Hello:
    return Hello(MASK, 10, options, 1, 40, dr, bdr, neighbors)


def test_neighbors_come_and_go() -> None:
    segment = Segment("auto")
    first, new = segment.hear(1, 101, hello(), 0, 0.0)
    assert new and first is not None and first.lost_at == 40.0
    assert segment.hear(1, 101, hello(dr=101), 0, 30.0)[1] is False
    segment.hear(2, 102, hello(), 0, 30.0)
    assert segment.next_expiry() == 70.0
    assert segment.expire(69.9) == []
    assert [n.router_id for n in segment.expire(70.0)] == [1, 2]
    assert segment.next_expiry() is None


def test_the_neighbor_table_is_bounded() -> None:
    segment = Segment("auto")
    for router in range(1, MAX_NEIGHBORS + 1):
        segment.hear(router, router, hello(), 0, 0.0)
    assert segment.hear(0xFFFF, 1, hello(), 0, 0.0) == (None, False)
    assert len(segment.neighbors) == MAX_NEIGHBORS


def test_what_a_hello_lists_is_bounded() -> None:
    segment = Segment("auto")
    assert segment.hear(1, 101, hello(neighbors=tuple(range(MAX_NEIGHBORS + 1))), 0, 0.0) == (None, False)
    assert segment.hear(1, 101, hello(neighbors=tuple(range(MAX_NEIGHBORS))), 0, 0.0)[1]


def test_candidates_are_dr_then_bdr() -> None:
    segment = Segment("auto")
    segment.hear(1, 101, hello(dr=103, bdr=102), 0, 0.0)
    assert segment.candidates(0.0) == []
    segment.hear(2, 102, hello(dr=103, bdr=102), 0, 0.0)
    segment.hear(3, 103, hello(dr=103, bdr=102), 0, 0.0)
    assert [n.router_id for n in segment.candidates(0.0)] == [3, 2]


def test_a_segment_without_dr_becomes_point_to_point_after_the_wait_timer() -> None:
    segment = Segment("auto")
    assert segment.decided_at() is None and not segment.point_to_point(1e9)
    segment.hear(1, 101, hello(), 0, 100.0)
    decided = segment.decided_at()
    assert decided is not None and decided > 140.0
    assert not segment.point_to_point(decided - 0.1) and segment.candidates(decided - 0.1) == []
    assert segment.point_to_point(decided) and [n.router_id for n in segment.candidates(decided)] == [1]
    segment.hear(1, 101, hello(dr=101), 0, 200.0)
    assert not segment.point_to_point(300.0)


@pytest.mark.parametrize(("network", "expected"), [("point-to-point", True), ("broadcast", False)])
def test_a_configured_network_is_believed(network: str, expected: bool) -> None:
    segment = Segment(network)
    segment.hear(1, 101, hello(), 0, 0.0)
    assert segment.point_to_point(1e9) is expected and segment.decided_at() is None


def test_a_tunnel_is_point_to_point_at_once_unless_somebody_names_a_dr() -> None:
    segment = Segment("auto")
    segment.tunnel = True
    segment.hear(1, 101, hello(), 0, 0.0)
    assert segment.point_to_point(0.0) and segment.decided_at() is None
    segment.hear(1, 101, hello(dr=101), 0, 10.0)
    assert not segment.point_to_point(1000.0)
    believed = Segment("broadcast")
    believed.tunnel = True
    believed.hear(1, 101, hello(), 0, 0.0)
    assert not believed.point_to_point(1000.0)


def test_a_new_election_is_waited_for_anew() -> None:
    segment = Segment("auto")
    segment.hear(1, 101, hello(dr=101), 0, 0.0)
    segment.hear(1, 101, hello(), 0, 500.0)  # restarted, in Waiting
    assert segment.decided_at() == 561.0 and not segment.point_to_point(560.0)
    segment.expire(540.0)
    segment.hear(1, 101, hello(), 0, 900.0)
    assert segment.decided_at() == 961.0
    for now in range(910, 970, 10):
        segment.hear(1, 101, hello(), 0, float(now))
    assert not segment.point_to_point(960.0) and segment.point_to_point(961.0)  # this time it was no election
    for at in (1000.0, 1001.0, 1500.0):
        segment.expire(at)
    segment.hear(1, 101, hello(), 0, 2000.0)
    assert segment.point_to_point(2000.0)


def test_designated() -> None:
    segment = Segment("auto")
    segment.hear(1, 101, hello(dr=102), 0, 0.0)
    assert segment.designated() == []
    segment.hear(2, 102, hello(dr=102), 0, 0.0)
    assert segment.designated() == [(102, 2)]


def test_our_hello_is_the_neighbors_with_priority_0() -> None:
    segment = Segment("auto")
    peer, _ = segment.hear(1, 101, hello(dr=101, bdr=102, options=0xFF), 0, 0.0)
    assert peer is not None
    assert segment.own_hello(peer, (1,)) == Hello(MASK, 10, 0x0A, 0, 40, 101, 102, (1,))


def test_the_guard() -> None:
    check_harmless(hello() and Hello(MASK, 10, 2, 0, 40, 0, 0), burst=True)
    check_harmless(LinkStateRequest(((1, 1, 1),)), burst=True)
    check_harmless(LinkStateAck((LSA.header,)), burst=True)
    check_harmless(DatabaseDescription(0, 0, DD_INIT | DD_MORE, 1), burst=True)
    check_harmless(DatabaseDescription(0, 0, 0, 1), burst=False)
    for body, burst in (
        (LinkStateUpdate((LSA,)), False),
        (LinkStateUpdate(()), True),
        (hello(), True),
        (DatabaseDescription(0, 0, DD_MORE, 1, (LSA.header,)), False),
        (DatabaseDescription(0, 0, 0, 1), True),
    ):
        with pytest.raises(OspfForbiddenSend):
            check_harmless(body, burst=burst)  # type: ignore[arg-type]
    with pytest.raises(OspfForbiddenSend):
        check_harmless(b"raw", burst=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "harmless"),
    [
        (Hello(MASK, 10, 2, 0, 40, 0, 0, (1, 2)), True),
        (DatabaseDescription(1500, 0x42, 7, 1), True),
        (LinkStateRequest(((1, 1, 1),)), True),
        (LinkStateAck((LSA.header,)), True),
        (DatabaseDescription(1500, 0x42, 7, 1, (LSA.header,)), False),
        (LinkStateUpdate((LSA,)), False),
        (LinkStateUpdate(()), False),
    ],
)
def test_the_last_gate_reads_octets(body: PacketBody, harmless: bool) -> None:
    octets = encode_packet(body, router_id=1, area=0)
    if harmless:
        check_octets(octets)
        check_octets(octets + bytes(32))  # with a digest behind
        return
    with pytest.raises(OspfForbiddenSend):
        check_octets(octets)


@pytest.mark.parametrize("octets", [b"", bytes(23), b"\2\0" + bytes(30), b"\2\6" + bytes(30)])
def test_the_last_gate_refuses_what_is_no_packet(octets: bytes) -> None:
    with pytest.raises(OspfForbiddenSend):
        check_octets(octets)
