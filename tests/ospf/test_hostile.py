"""What hurt other implementations, from the wire to the topology: each by name."""

from __future__ import annotations

import struct

import pytest

from ospf.config import AttachConfig
from ospf.events import LsdbChanged
from ospf.listener import Listener
from ospf.lsa import (
    INITIAL_SEQUENCE,
    LINK_P2P,
    LINK_STUB,
    MAX_AGE,
    MAX_SEQUENCE,
    Body,
    Lsa,
    RouterLink,
    RouterLsa,
    encode_lsa,
    with_age,
)
from ospf.packets import ALL_SPF_ROUTERS, build_ip_packet
from ospf.topology import Topology, build_topology
from ospf.wire import internet_checksum, lsa_checksum
from tests.ospf.lsas import ip

A, B = ip("1.1.1.1"), ip("2.2.2.2")
LINK = RouterLink(B, ip("10.0.0.1"), LINK_P2P, 10)


def lsa(body: Body | None = None, router: int = A, **fields: int) -> Lsa:
    body = RouterLsa(0, (LINK,)) if body is None else body
    return encode_lsa(type=1, link_state_id=router, advertising_router=router, body=body, **fields)


def router_lsa(router: int, *links: RouterLink, **fields: int) -> Lsa:
    return lsa(RouterLsa(0, links), router, **fields)


def sealed(octets: bytes | bytearray, length: int | None = None) -> bytes:
    """An LSA with its length (or that one) and its checksum made right, so that only the rest can be wrong."""
    raw = bytearray(octets)
    raw[18:20] = (len(raw) if length is None else length).to_bytes(2, "big")
    raw[16:18] = lsa_checksum(raw).to_bytes(2, "big")
    return bytes(raw)


def update(*raws: bytes, count: int | None = None) -> bytes:
    """An IP packet with an OSPF Link State Update of these octets."""
    said = (len(raws) if count is None else count).to_bytes(4, "big") + b"".join(raws)
    head = struct.pack("!BBHIIHH", 2, 4, 24 + len(said), 9, 0, 0, 0)
    head = head[:12] + internet_checksum(head + said).to_bytes(2, "big") + head[14:] + bytes(8)
    return build_ip_packet(ip("10.0.0.9"), ALL_SPF_ROUTERS, head + said)


class Ear:
    """A passive listener on the segment."""

    def __init__(self) -> None:
        self.listener = Listener(AttachConfig("lan", mode="passive"), 0.0)

    def hear(self, *lsas: Lsa | bytes, now: float = 0.0, count: int | None = None) -> list[int]:
        """Router ids whose LSAs changed."""
        raws = [each if isinstance(each, bytes) else each.raw for each in lsas]
        self.listener.receive(update(*raws, count=count), now)
        changed: list[int] = []
        while (event := self.listener.next_event()) is not None:
            if isinstance(event, LsdbChanged):
                changed += [key[2] for key in event.keys]
        return changed

    @property
    def refused(self) -> tuple[int, str]:
        return self.listener.stats.lsas_refused, self.listener.last_error

    def held(self, now: float = 0.0) -> tuple[Lsa, ...]:
        return self.listener.lsdb.lsas(now)

    def topology(self) -> Topology:
        return build_topology(self.held(), version=1, time=0.0)


GOOD = router_lsa(B, RouterLink(A, ip("10.0.0.2"), LINK_P2P, 5))


@pytest.mark.parametrize("cut", [4, 8, 12, 16, 20])
def test_router_lsa_truncated_inside_a_link(cut: int) -> None:
    ear = Ear()
    whole = router_lsa(A, LINK, LINK).raw
    assert ear.hear(sealed(whole[:-cut]), GOOD) == [B]
    assert ear.refused[0] == 1 and "rout" in ear.refused[1]
    assert ear.hear(whole) == [A]


@pytest.mark.parametrize("given", [0, 4, 8])
def test_router_lsa_truncated_inside_a_tos_array(given: int) -> None:
    # RFC 2328 A.4.2: three TOS metrics promised
    ear = Ear()
    link = struct.pack("!IIBBH", B, ip("10.0.0.1"), LINK_P2P, 3, 10)
    head = router_lsa(A).raw[:20] + b"\0\0\0\1"
    assert ear.hear(sealed(head + link + bytes(given)), GOOD) == [B]
    assert "TOS metrics" in ear.refused[1]
    assert ear.hear(sealed(head + link + bytes(12))) == [A]


def test_router_lsa_whose_tos_array_eats_the_next_link() -> None:
    ear = Ear()
    raw = bytearray(router_lsa(A, LINK, LINK).raw)
    raw[24 + 9] = 3  # twelve octets: all of the second link
    assert ear.hear(sealed(raw), GOOD) == [B]
    raw[22:24] = b"\0\1"  # now the count agrees: one link with three TOS metrics
    assert ear.hear(sealed(raw)) == [A]
    assert ear.held()[0].body == RouterLsa(0, (LINK,))


@pytest.mark.parametrize("length", [21, 22, 23, 37, 38, 39])
def test_lsa_length_not_a_multiple_of_four(length: int) -> None:
    ear = Ear()
    assert ear.hear(GOOD, sealed((lsa().raw + bytes(8))[:length])) == [B]
    assert ear.refused == (1, f"LSA length {length} is not a multiple of 4")


@pytest.mark.parametrize("length", [0, 1, 16, 19])
def test_lsa_length_below_the_header(length: int) -> None:
    # A parser that steps on by the length would stand still at 0.
    ear = Ear()
    assert ear.hear(GOOD, sealed(lsa().raw, length), GOOD) == [B]
    assert ear.refused[0] == 1 and f"LSA length {length}, " in ear.refused[1]


@pytest.mark.parametrize("length", [40, 1000, 0xFFFC, 0xFFFF])
def test_lsa_length_beyond_the_packet(length: int) -> None:
    ear = Ear()
    assert ear.hear(GOOD, sealed(lsa().raw, length)) == [B]
    assert ear.refused == (1, f"LSA length {length}, 36 octets left")


def test_more_lsas_promised_than_there_are_octets() -> None:
    ear = Ear()
    assert ear.hear(GOOD, count=0xFFFFFFFF) == [B]
    assert ear.refused == (1, "LSA header: 0 octets left")


def test_max_age_without_a_copy() -> None:
    ear = Ear()
    assert ear.hear(lsa(age=MAX_AGE), lsa(age=0x7FFF, router=B)) == []
    assert ear.held() == () and ear.listener.lsdb.stats.max_age_unknown == 2
    assert ear.hear(lsa()) == [A]  # and nothing remembered that would be in its way


def test_the_last_sequence_number() -> None:
    # RFC 2328 12.1.6: 0x7fffffff is flushed before 0x80000001 comes; signed, or the order is upside down
    ear = Ear()
    last = lsa(sequence=MAX_SEQUENCE)
    assert ear.hear(lsa(sequence=MAX_SEQUENCE - 1)) == [A]
    assert ear.hear(last) == [] and ear.held() == (last,)  # a refresh
    assert ear.hear(lsa(sequence=INITIAL_SEQUENCE)) == [] and ear.held() == (last,)
    assert ear.hear(with_age(last, MAX_AGE)) == [A] and ear.held() == ()
    first = lsa(sequence=INITIAL_SEQUENCE)
    assert ear.hear(first) == [A] and ear.held() == (first,)


def test_the_reserved_sequence_number() -> None:
    ear = Ear()
    raw = bytearray(lsa().raw)
    raw[12:16] = b"\x80\0\0\0"
    assert ear.hear(sealed(raw), GOOD) == [B]
    assert ear.refused[0] == 1


@pytest.mark.parametrize(("first", "second"), [(1, 600), (600, 1), (0, 900), (0x8000 | 5, 5)])
def test_two_lsas_equal_but_for_age(first: int, second: int) -> None:
    # RFC 2328 13.1: within MaxAgeDiff they are one instance
    ear = Ear()
    assert ear.hear(lsa(age=first)) == [A]
    assert ear.hear(lsa(age=second)) == []
    assert [each.header.age for each in ear.held()] == [first]
    assert ear.listener.lsdb.stats.duplicates == 1


def test_two_lsas_equal_but_for_an_age_far_apart() -> None:
    ear = Ear()
    ear.hear(lsa(age=1000))
    assert ear.hear(lsa(age=1)) == [] and ear.held()[0].header.age == 1  # the younger one, and no change
    assert ear.hear(lsa(age=1000)) == [] and ear.held()[0].header.age == 1


def test_checksum_0() -> None:
    # RFC 2328 12.1.7: no LSA is without one; 0 must not mean "not used"
    ear = Ear()
    raw = bytearray(lsa().raw)
    raw[16:18] = b"\0\0"
    assert ear.hear(bytes(raw), GOOD) == [B]
    assert ear.refused == (1, "LSA checksum 0")


def test_checksum_0_that_would_be_right() -> None:
    # 0 and 255 are one number modulo 255: zeros in place of 0xffff leave both sums 0, and are refused all the same
    ear = Ear()
    for tag in range(70_000):
        raw = bytearray(lsa(RouterLsa(0, (RouterLink(tag, 7, LINK_STUB, 1),))).raw)
        if raw[16:18] == b"\xff\xff":
            break
    assert raw[16:18] == b"\xff\xff"
    assert ear.hear(bytes(raw)) == [A]
    raw[16:18] = b"\0\0"
    assert Ear().hear(bytes(raw)) == []


def test_refresh_without_change() -> None:
    ear = Ear()
    assert ear.hear(lsa(sequence=5)) == [A]
    before = ear.topology()
    for step in range(1, 4):
        refreshed = lsa(sequence=5 + step)
        assert ear.hear(refreshed, now=1800.0 * step) == []
        assert ear.held(1800.0 * step) == (refreshed,)
    assert ear.listener.lsdb.stats.refreshes == 3
    assert ear.topology().links.keys == before.links.keys


def test_one_way_link() -> None:
    # RFC 2328 16.1 2b: until B names A too there is no edge, only a row that is down
    ear = Ear()
    ear.hear(router_lsa(A, LINK), router_lsa(B))
    one_way = ear.topology()
    assert len(one_way.edges) == 0 and not one_way.links.up.any() and one_way.stats.one_way_links == 1
    assert ear.hear(router_lsa(B, RouterLink(A, ip("10.0.0.2"), LINK_P2P, 5), sequence=INITIAL_SEQUENCE + 1)) == [B]
    both = ear.topology()
    assert len(both.edges) == 2 and both.links.up.all() and both.stats.one_way_links == 0


def test_unnumbered_links_in_parallel() -> None:
    # Link data is the interface index of each side: A's 7 leads to B's 3, A's 9 to B's 4, in their order
    ear = Ear()
    ear.hear(
        router_lsa(A, *(RouterLink(B, index, LINK_P2P, 10 * index) for index in (9, 7))),
        router_lsa(B, *(RouterLink(A, index, LINK_P2P, 1) for index in (4, 3))),
    )
    links = ear.topology().links
    opposite = {str(key): str(links.keys[back]) for key, back in zip(links.keys, links.reverse, strict=True)}
    assert opposite == {
        "1.1.1.1:if7": "2.2.2.2:if3",
        "1.1.1.1:if9": "2.2.2.2:if4",
        "2.2.2.2:if3": "1.1.1.1:if7",
        "2.2.2.2:if4": "1.1.1.1:if9",
    }
    assert len(ear.topology().edges) == 4 and links.up.all()


def test_numbered_links_in_parallel() -> None:
    # One goes, one stays: the pair is not one link, and the row that stays keeps its name
    ear = Ear()
    nets = ("10.0.0.0", "10.0.0.4", "10.0.0.8")

    def side(own: int, other: int, first: int, which: tuple[int, ...], **fields: int) -> Lsa:
        rows = []
        for i in which:
            rows.append(RouterLink(other, ip(nets[i]) + first, LINK_P2P, 10))
            rows.append(RouterLink(ip(nets[i]), 0xFFFFFFFC, LINK_STUB, 10))
        return router_lsa(own, *rows, **fields)

    ear.hear(side(A, B, 1, (0, 1, 2)), side(B, A, 2, (2, 0, 1)))
    links = ear.topology().links
    assert len(ear.topology().edges) == 6 and links.up.all()
    assert all(links.network[row] == links.network[links.reverse[row]] for row in range(6))
    ear.hear(side(A, B, 1, (0, 2), sequence=INITIAL_SEQUENCE + 1), side(B, A, 2, (2, 0), sequence=INITIAL_SEQUENCE + 1))
    fewer = ear.topology()
    assert len(fewer.edges) == 4 and set(map(str, fewer.links.keys)) < set(map(str, links.keys))
    assert all(fewer.links.network[row] == fewer.links.network[fewer.links.reverse[row]] for row in range(4))
