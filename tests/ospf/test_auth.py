"""Authentication against digests made here step by step from the RFCs' words (FRR's and BIRD's own: tests/lab)."""

import hashlib
import struct

import pytest

from ospf.auth import MAX_REMEMBERED, Authenticator, Cause, Refusal, describe, next_boot_count
from ospf.errors import OspfEncodeError
from ospf.keys import AuthKey
from ospf.packets import Hello, LinkStateAck, Packet, decode_packet, encode_packet
from ospf.wire import internet_checksum

ROUTER, SOURCE = 0x0A000001, 0xC0000201
HELLO = Hello(0xFFFFFF00, 10, 2, 1, 40, 0, 0, (7,))
PLAIN = encode_packet(HELLO, router_id=ROUTER, area=5)
SHA = {"hmac-sha-1": "sha1", "hmac-sha-256": "sha256", "hmac-sha-384": "sha384", "hmac-sha-512": "sha512"}


def hmac_by_hand(name: str, ko: bytes, text: bytes) -> bytes:
    """RFC 5709 3.3 (2)-(5): H(Ko xor Opad || H(Ko xor Ipad || text)), Ko zero padded (RFC 7474 6)."""
    block = hashlib.new(name).block_size
    ko = ko.ljust(block, b"\0")
    first = hashlib.new(name, bytes(o ^ 0x36 for o in ko) + text).digest()
    return hashlib.new(name, bytes(o ^ 0x5C for o in ko) + first).digest()


def router_packet(key: AuthKey, sequence: int, plain: bytes = PLAIN, source: int = SOURCE, ko: bytes = b"") -> bytes:
    """What a router sends with a key, by the RFCs."""
    secret = ko or key.secret
    kind = {"md5": 2, "simple": 1}.get(key.type, 3 if key.extended else 2)
    head = plain[:12] + b"\0\0" + struct.pack("!H", kind)
    if kind == 1:
        checksum = struct.pack("!H", internet_checksum(head + plain[24:]))
        return plain[:12] + checksum + b"\0\1" + secret.ljust(8, b"\0") + plain[24:]
    if kind == 2:
        data = head + struct.pack("!HBBI", 0, key.key_id, key.digest_octets, sequence) + plain[24:]
        if key.type == "md5":
            return data + hashlib.md5(data + secret.ljust(16, b"\0")).digest()
        return data + hmac_by_hand(SHA[key.type], secret, data + bytes.fromhex("878FE1F3") * (key.digest_octets // 4))
    data = head + struct.pack("!I", key.digest_octets) + struct.pack("!I", key.key_id) + plain[24:]
    data += struct.pack("!Q", sequence)
    apad = struct.pack("!I", source) + bytes.fromhex("878FE1F3") * (key.digest_octets // 4 - 1)
    return data + hmac_by_hand(SHA[key.type], secret + b"\0\3", data + apad)


KEYS = [
    AuthKey("simple", key="pass"),
    AuthKey("simple", key="password"),
    AuthKey("md5", 7, "secret"),
    AuthKey("md5", 255, "sixteen octets!!"),
    *(AuthKey(name, 9, "secret") for name in SHA),  # type: ignore[arg-type]
    *(AuthKey(name, 0x01020304, "secret", extended=True) for name in SHA),  # type: ignore[arg-type]
]

# Hellos of FRR 8.4.4 (10.77.200.1) and BIRD 2.0.12 (10.77.200.2), as heard in tests/lab/test_authentication.py
REAL = [
    (
        AuthKey("simple", key="pass"),
        "020100300a4dc80100000000438c00017061737300000000ffffff0000010201000000030a4d00020a4d00010a4dc802",
    ),
    (
        AuthKey("simple", key="pass"),
        "020100340a4dc80200000000428900017061737300000000ffffff0000010201000000030a4d00020a4d00010a4dc801000000ff",
    ),
    (
        AuthKey("md5", 7, "sixteen-octets-x"),
        "020100340a4dc8010000000000000002000007106b02240cffffff0000010201000000030a4d01020a4d01010a4dc802"
        "000000ff5ec0f23127a3cb69e913db9c38179e51",
    ),
    (
        AuthKey("md5", 7, "sixteen-octets-x"),
        "020100300a4dc8020000000000000002000007106b0223f8ffffff0000010201000000030a4d01020a4d01010a4dc801"
        "e3c2e067021a18dcdfb4e7cbdc6d7c3c",
    ),
    (
        AuthKey("hmac-sha-1", 3, "secret"),
        "020100300a4dc8020000000000000002000003146b0223f5ffffff0000010201000000030a4d03020a4d03010a4dc803"
        "11a0e181187ecb4b9ea604ca0b223093ad776cdc",
    ),
    (
        AuthKey("hmac-sha-256", 4, "secret"),
        "020100300a4dc8020000000000000002000004206b0223f5ffffff0000010201000000030a4d04020a4d04010a4dc803"
        "0cba18e39a0ac35aef1a22f98967b8758959c184b8b1fbc8ca2989135d768eeb",
    ),
    (
        AuthKey("hmac-sha-384", 5, "secret"),
        "020100300a4dc8020000000000000002000005306b0223f5ffffff0000010201000000030a4d05020a4d05010a4dc803"
        "9893378d7e48fc772025dd3ad58e23d024e53bb5016816e9c4f978d95c3a133260736a2baa22d362bcb0ac2ed51a4647",
    ),
    (
        AuthKey("hmac-sha-512", 255, "secret"),
        "020100300a4dc80200000000000000020000ff406b0223f5ffffff0000010201000000030a4d06020a4d06010a4dc803"
        "0fb74feecfd4a56f1809d8cad0fab49a06e93091d92a0a59b4f98bf1572b2ed85001a9046b72b2d3d80a86d162841f9b"
        "172ae5ca7d7ae41b97c8e3e4aa8d08d6",
    ),
    (
        AuthKey("hmac-sha-256", 7, "forty octets are longer than a digest..."),
        "020100300a4dc8020000000000000002000007206b0223f6ffffff0000010201000000030a4d07020a4d07010a4dc803"
        "0806d569104c99e9e23782fdca504e1f5be972fada40365d15ac235ad6b57064",
    ),
]


def refused(authenticator: Authenticator, packet: bytes, router: int = ROUTER, source: int = SOURCE) -> Refusal:
    with pytest.raises(Refusal) as caught:
        authenticator.check(packet, router, source)
    return caught.value


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_a_router_with_the_key_is_believed_and_answered_octet_by_octet(key: AuthKey) -> None:
    ours = Authenticator((key,), boot_count=3)
    heard = router_packet(key, 1)
    assert decode_packet(heard) == Packet(ROUTER, 5, key.auth_type, HELLO)
    ours.check(heard, ROUTER, SOURCE)
    said = ours.sign(PLAIN, ROUTER, SOURCE)
    assert said == router_packet(key, 3 << (32 if key.extended else 16) | 1)
    assert ours.sign(PLAIN, ROUTER, SOURCE) == router_packet(key, 3 << (32 if key.extended else 16) | 2)
    Authenticator((key,)).check(said, 99, SOURCE)


@pytest.mark.parametrize(("key", "text"), REAL, ids=repr)
def test_hellos_of_real_routers(key: AuthKey, text: str) -> None:
    heard = bytes.fromhex(text)
    packet = decode_packet(heard)
    Authenticator((key,)).check(heard, packet.router_id, SOURCE)
    broken = heard[:40] + bytes((heard[40] ^ 1,)) + heard[41:]
    if key.type != "simple":
        assert refused(Authenticator((key,)), broken).cause is Cause.BAD_DIGEST
    length = int.from_bytes(heard[2:4], "big")
    plain = heard[:12] + bytes(4) + bytes(8) + heard[24:length]
    sequence = int.from_bytes(heard[20:24], "big") if key.digest_octets else 0
    ours = Authenticator((key,), boot_count=sequence >> 16)
    ours._counter = (sequence & 0xFFFF) - 1
    assert ours.sign(plain, None, 0) == heard  # what we would have sent


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_every_flipped_bit_is_noticed(key: AuthKey) -> None:
    heard = router_packet(key, 0x01010101)
    for at in range(len(heard)):
        if key.type == "simple" and not 14 <= at < 24:
            continue  # the checksum's part
        if at in (2, 3):
            continue  # the length: decode_packet refuses it, or less is left for the digest
        broken = bytearray(heard)
        broken[at] ^= 1
        if broken[14:16] == heard[14:16] and key.extended and 16 <= at < 19:
            assert refused(Authenticator((key,)), bytes(broken)).cause is Cause.BAD_DIGEST
            continue
        assert refused(Authenticator((key,)), bytes(broken)).cause is not Cause.REPLAYED
    assert refused(Authenticator((key,)), heard[:-1]).cause is Cause.BAD_DIGEST if key.digest_octets else True


@pytest.mark.parametrize("key", [key for key in KEYS if key.extended], ids=repr)
def test_the_source_address_is_covered_by_type_3(key: AuthKey) -> None:
    heard = router_packet(key, 5)
    assert refused(Authenticator((key,)), heard, source=SOURCE + 1).cause is Cause.BAD_DIGEST
    counted = bytearray(heard)  # the length may count the sequence number's octets too
    counted[19] += 8
    cut = len(heard) - key.digest_octets
    apad = struct.pack("!I", SOURCE) + bytes.fromhex("878FE1F3") * (key.digest_octets // 4 - 1)
    digest = hmac_by_hand(SHA[key.type], key.secret + b"\0\3", bytes(counted[:cut]) + apad)
    Authenticator((key,)).check(bytes(counted[:cut]) + digest, ROUTER, SOURCE)


def test_keys_longer_than_the_digest_both_ways() -> None:
    """RFC 5709 hashes them, RFC 2104 only from the block size on: both accepted, what is heard is said."""
    key = AuthKey("hmac-sha-256", 9, "forty octets are longer than a digest...")
    plain_way, hashed_way = router_packet(key, 1), router_packet(key, 1, ko=hashlib.sha256(key.secret).digest())
    assert plain_way != hashed_way
    ours = Authenticator((key,))
    assert ours.sign(PLAIN, None, 0) == plain_way
    ours.check(hashed_way, ROUTER, SOURCE)
    assert ours.sign(PLAIN, ROUTER, 0) == router_packet(key, 2, ko=hashlib.sha256(key.secret).digest())
    ours.check(plain_way, ROUTER, SOURCE)
    assert ours.sign(PLAIN, ROUTER, 0) == router_packet(key, 3)


def test_a_wrong_key_names_the_remedy() -> None:
    ours = Authenticator((AuthKey("md5", 7, "secret"),))
    refusal = refused(ours, router_packet(AuthKey("md5", 7, "Secret"), 1))
    assert refusal.cause is Cause.BAD_DIGEST and "key_id 7 (md5)" in refusal.remedy
    refusal = refused(ours, router_packet(AuthKey("hmac-sha-256", 7, "secret"), 1))
    assert refusal.cause is Cause.BAD_DIGEST and "hmac-sha-256 by its length" in refusal.remedy
    refusal = refused(ours, router_packet(AuthKey("md5", 8, "secret"), 1))
    assert refusal.cause is Cause.UNKNOWN_KEY and "key_id 8" in refusal.remedy
    refusal = refused(ours, router_packet(AuthKey("simple", key="secret"), 1))
    assert refusal.cause is Cause.WRONG_TYPE and "simple" in refusal.remedy and "cryptographic" in refusal.remedy
    assert refused(ours, PLAIN).cause is Cause.WRONG_TYPE
    assert refused(
        Authenticator((AuthKey("simple", key="a"),)), router_packet(AuthKey("simple", key="b"), 1)
    ).cause is (Cause.BAD_DIGEST)


def test_a_number_that_goes_back_is_refused_until_the_neighbor_is_forgotten() -> None:
    key = AuthKey("md5", 7, "secret")
    ours = Authenticator((key,))
    ours.check(router_packet(key, 100), ROUTER, SOURCE)
    ours.check(router_packet(key, 100), ROUTER, SOURCE)  # RFC 2328 D.5.3: non-decreasing
    assert refused(ours, router_packet(key, 99)).cause is Cause.REPLAYED
    ours.check(router_packet(key, 1), ROUTER + 1, SOURCE)  # another neighbor's
    assert refused(ours, router_packet(AuthKey("md5", 7, "wrong"), 200)).cause is Cause.BAD_DIGEST
    ours.check(router_packet(key, 101), ROUTER, SOURCE)  # a forged number was not noted
    ours.forget(ROUTER)
    ours.check(router_packet(key, 1), ROUTER, SOURCE)


def test_type_3_numbers_grow_per_kind_of_packet() -> None:
    key = AuthKey("hmac-sha-256", 1, "secret", extended=True)
    ours = Authenticator((key,))
    ack = encode_packet(LinkStateAck(()), router_id=ROUTER, area=5)
    ours.check(router_packet(key, 1 << 32 | 9), ROUTER, SOURCE)
    assert refused(ours, router_packet(key, 1 << 32 | 9)).cause is Cause.REPLAYED
    ours.check(router_packet(key, 1 << 32 | 8, ack), ROUTER, SOURCE)
    ours.check(router_packet(key, 2 << 32), ROUTER, SOURCE)  # it restarted: its boot count grew
    assert refused(ours, router_packet(key, 1 << 32 | 10)).cause is Cause.REPLAYED


def test_a_rollover_is_followed() -> None:
    old, new = AuthKey("md5", 1, "old"), AuthKey("hmac-sha-256", 2, "new")
    ours = Authenticator((old, new))
    assert ours.sign(PLAIN, None, 0)[18] == 1  # nobody heard yet: the first
    ours.check(router_packet(new, 1), ROUTER, SOURCE)
    ours.check(router_packet(old, 1), ROUTER + 1, SOURCE)
    assert (ours.sign(PLAIN, ROUTER, 0)[18], ours.sign(PLAIN, ROUTER + 1, 0)[18]) == (2, 1)
    ours.check(router_packet(new, 2), ROUTER + 1, SOURCE)
    assert ours.sign(PLAIN, ROUTER + 1, 0)[18] == 2


def test_from_none_to_a_key() -> None:
    key = AuthKey("md5", 1, "new")
    ours = Authenticator((AuthKey("none"), key))
    ours.check(PLAIN, ROUTER, SOURCE)
    assert ours.sign(PLAIN, ROUTER, 0) == PLAIN
    ours.check(router_packet(key, 1), ROUTER, SOURCE)
    assert ours.sign(PLAIN, ROUTER, 0) == router_packet(key, 1)
    assert ours.speaks(0) and ours.speaks(2) and not ours.speaks(1)


def test_without_keys_everything_is_read_and_only_type_0_spoken() -> None:
    ours = Authenticator()
    for key in KEYS:
        ours.check(router_packet(key, 1), ROUTER, SOURCE)
        assert not ours.speaks(key.auth_type)
    assert ours.sign(PLAIN, ROUTER, 0) == PLAIN and ours.speaks(0)


def test_our_number_never_goes_back_over_restarts() -> None:
    key = AuthKey("md5", 1, "secret")
    last, boot = -1, 0
    for packets in (3, 70_000, 0, 1, 140_000):  # the counter is used up twice and more
        ours = Authenticator((key,), boot_count=boot)
        for _ in range(packets):
            number = int.from_bytes(ours.sign(PLAIN, None, 0)[20:24], "big")
            assert number > last
            last = number
        boot = next_boot_count(ours.boot_count, 0.0)
    assert boot == 8  # five boots and three times a counter used up
    used_up = Authenticator((key,), boot_count=0xFFFFFF)
    assert [used_up.sign(PLAIN, None, 0)[20:24] for _ in range(2)] == [b"\xff\xff\xff\xff"] * 2


def test_the_first_boot_count_comes_from_the_clock() -> None:
    assert next_boot_count(0, 1_800_000_000.0) == 1_800_000_000 >> 16
    assert next_boot_count(1_800_000_000 >> 16, 1_800_000_000.0) == (1_800_000_000 >> 16) + 1
    assert next_boot_count(5, 0.0) == 6  # a machine whose clock is lost


def test_type_3_needs_our_address() -> None:
    ours = Authenticator((AuthKey("hmac-sha-1", 1, "secret", extended=True),))
    with pytest.raises(OspfEncodeError, match="address"):
        ours.sign(PLAIN, None, 0)


def test_what_is_remembered_is_bounded() -> None:
    key = AuthKey("md5", 7, "secret")
    ours = Authenticator((key,))
    packet = router_packet(key, 5)
    for router in range(MAX_REMEMBERED + 10):
        ours.check(packet, router, SOURCE)
    assert len(ours._used) == len(ours._sequences) == MAX_REMEMBERED


def test_what_a_packet_shows_of_its_key() -> None:
    assert describe(PLAIN) == describe(router_packet(KEYS[0], 0)) == ""
    assert describe(router_packet(AuthKey("md5", 7, "x"), 0)) == " (key_id 7, 16 octets: md5)"
    assert describe(router_packet(AuthKey("hmac-sha-384", 1000, "x", extended=True), 0)) == (
        " (key_id 1000, 48 octets: hmac-sha-384)"
    )
