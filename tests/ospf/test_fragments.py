"""ospf.fragments: whole packets out of any order of their fragments, and nothing without bound."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ospf.fragments import MAX_AGE_SECONDS, MAX_PACKETS, Fragments
from ospf.packets import build_ip_packet, ip_payload


def fragments(packet: bytes, sizes: list[int], number: int = 7) -> list[bytes]:
    """The packet in pieces of these sizes (rounded up to 8), the rest in the last."""
    head, body = packet[:20], packet[20:]
    found, at = [], 0
    for size in [*sizes, len(body)]:
        size = min((size + 7) // 8 * 8, len(body) - at)
        if not size:
            break
        more = at + size < len(body)
        field = (at // 8) | (0x2000 if more else 0)
        new = head[:2] + b"".join(word.to_bytes(2, "big") for word in (20 + size, number, field)) + head[8:]
        found.append(new + body[at : at + size])
        at += size
    return found


@settings(max_examples=80, deadline=None)
@given(st.binary(min_size=9, max_size=300), st.lists(st.integers(1, 80), min_size=1, max_size=6), st.randoms())
def test_any_order_gives_the_packet(payload: bytes, sizes: list[int], random: object) -> None:
    packet = build_ip_packet(1, 2, payload)
    parts = fragments(packet, sizes)
    if len(parts) < 2:
        return
    random.shuffle(parts)  # type: ignore[attr-defined]
    held = Fragments()
    for part in parts[:-1]:
        assert held.add(part, 1.0) is None
        assert held.add(part, 1.0) is None  # once more
    whole = held.add(parts[-1] + b"padding", 1.0)
    assert whole is not None and bytes(ip_payload(whole)[2]) == payload


def test_packets_are_told_apart_by_their_identification() -> None:
    a, b = build_ip_packet(1, 2, b"a" * 100), build_ip_packet(1, 2, b"b" * 100)
    held = Fragments()
    (a1, a2), (b1, b2) = fragments(a, [48], 1), fragments(b, [48], 2)
    assert held.add(a1, 0.0) is None and held.add(b2, 0.0) is None
    for last, payload in ((a2, b"a" * 100), (b1, b"b" * 100)):
        whole = held.add(last, 0.0)
        assert whole is not None and bytes(ip_payload(whole)[2]) == payload


def test_number_and_time_are_bounded() -> None:
    held = Fragments()
    packet = build_ip_packet(1, 2, bytes(100))
    for number in range(MAX_PACKETS + 5):
        held.add(fragments(packet, [48], number)[0], 1.0)
    assert held.forgotten == 5
    held.add(fragments(packet, [48], 9999)[0], 2.0 + MAX_AGE_SECONDS)
    assert held.forgotten == 5 + MAX_PACKETS
    assert held.add(fragments(packet, [48], MAX_PACKETS)[1], 2.0 + MAX_AGE_SECONDS) is None


def test_octets_are_bounded() -> None:
    held = Fragments()
    packet = build_ip_packet(1, 2, bytes(60_000))
    part = fragments(packet, [59_000])[0]
    for offset in (0, 1, 2):  # all overlap
        held.add(part[:6] + (0x2000 | offset).to_bytes(2, "big") + part[8:], 0.0)
    assert held.forgotten == 1


def test_what_does_not_fit_is_forgotten() -> None:
    held = Fragments()
    first, last = fragments(build_ip_packet(1, 2, bytes(100)), [48])
    overlapping = last[:6] + b"\x00\x05" + last[8:]
    assert held.add(first, 0.0) is None and held.add(overlapping, 0.0) is None
    assert held.add(first[:25], 0.0) is None and held.forgotten == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=20, max_size=60), max_size=10))
def test_any_octets_are_harmless(packets: list[bytes]) -> None:
    held = Fragments()
    for packet in packets:
        held.add(packet, 0.0)
