"""OSPFv2 authentication: RFC 2328 appendix D, RFC 5709 (HMAC-SHA) and RFC 7474 (AuType 3), sans-IO.

Where things stand (all behind octet 12 of the packet, all trailers outside the packet's own length):

    AuType  octets 12-13  octets 16-23                                  behind the packet
    0       checksum      ignored                                       -
    1       checksum      the password, zero padded                     -
    2       0             0, 0, key id, digest length, sequence (32)    digest
    3       0             0, 0, 0, digest length, key id (32)           sequence (64), digest

Digests: keyed MD5 is MD5(packet, key padded to 16 octets). HMAC-SHA runs over packet and Apad, Apad being
0x878FE1F3 repeated to the digest's length; for AuType 3 over packet, sequence and an Apad that begins with the IP
source address, under the key followed by the OSPFv2 Cryptographic Protocol ID (3).

Two points where the texts leave room. *A key longer than its digest*: RFC 5709 3.3 hashes it first, RFC 2104, which
FRR and BIRD follow, only when it is longer than the hash's block. Both are accepted, and what a segment was heard
to use is used. *Digest length of AuType 3*: RFC 7474 does not say whether it counts the eight octets of sequence;
both are accepted, the digest alone is said.

**Replay.** AuType 2: a neighbor's number never goes back (RFC 2328 D.5.3); AuType 3: per kind of packet it always
grows (RFC 7474 2). Numbers are forgotten with the neighbor, so that one that restarted from nothing is believed again
after its dead interval.

**Our own number must not go back either**, not even over a restart, or routers ignore us until they have forgotten
us. It is made of a boot count and a counter: 16 and 16 bits for AuType 2, 32 and 32 for AuType 3. Whoever owns the
listener keeps `boot_count` and begins with `next_boot_count` of it; the count also grows when the counter is used up,
so it is to be kept again whenever it changed. `next_boot_count` starts from the clock, so that a lost state file
is no catastrophe. Used up (65,535) the number stays where it is, which RFC 2328 allows.

Passive reading without keys: bodies are in the clear; an `Authenticator` without keys accepts everything and
speaks AuType 0 only. Left out: key lifetimes (see `ospf.keys`), the LLS block's own digest (RFC 5613 2.5).
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from enum import StrEnum

from ospf.errors import OspfEncodeError
from ospf.keys import DIGEST_OCTETS, SIMPLE_OCTETS, AuthKey
from ospf.packets import (
    AUTH_CRYPTOGRAPHIC,
    AUTH_EXTENDED,
    AUTH_NONE,
    AUTH_SIMPLE,
    PACKET_HEADER_LENGTH,
)
from ospf.wire import Octets, internet_checksum

APAD = bytes.fromhex("878FE1F3")  # RFC 5709 3.3
PROTOCOL_ID = b"\x00\x03"  # RFC 7474 6; IANA: Authentication Cryptographic Protocol ID 3 is OSPFv2
EXTENDED_SEQUENCE_OCTETS = 8
BOOT_SHIFT_SECONDS = 16  # next_boot_count: one boot per 2^16 s (18 h) is accounted for by the clock
MAX_REMEMBERED = 4096  # routers whose sequence numbers are kept
_HASHES = {"hmac-sha-1": "sha1", "hmac-sha-256": "sha256", "hmac-sha-384": "sha384", "hmac-sha-512": "sha512"}
_TYPE_NAMES = {AUTH_NONE: "none", AUTH_SIMPLE: "simple", AUTH_CRYPTOGRAPHIC: "cryptographic", AUTH_EXTENDED: "extended"}


class Cause(StrEnum):
    """Why a packet is refused."""

    WRONG_TYPE = "authentication type"
    UNKNOWN_KEY = "unknown key id"
    BAD_DIGEST = "bad digest"
    REPLAYED = "replayed sequence number"


class Refusal(Exception):
    """A packet that does not prove where it comes from; `remedy` is for a person."""

    def __init__(self, cause: Cause, remedy: str) -> None:
        super().__init__(f"{cause}: {remedy}")
        self.cause = cause
        self.remedy = remedy


def next_boot_count(kept: int, wall_seconds: float) -> int:
    """The boot count to begin with: above the one kept, and not below what the wall clock suggests."""
    return max(kept + 1, int(wall_seconds) >> BOOT_SHIFT_SECONDS)


def type_name(auth_type: int) -> str:
    """How a configuration calls an AuType."""
    return _TYPE_NAMES.get(auth_type, f"type {auth_type}")


class Authenticator:
    """The keys of one attachment: what is heard is checked, what is said is signed."""

    def __init__(self, keys: tuple[AuthKey, ...] = (), *, boot_count: int = 0) -> None:
        self.keys = keys
        self.boot_count = boot_count
        self._counter = 0
        self._by_name = {_name(key.auth_type, key.key_id): key for key in keys}
        self._secrets = {id(key): key.secret for key in keys}
        self._used: OrderedDict[int, AuthKey] = OrderedDict()  # router id -> the key of its last packet
        self._sequences: dict[int, dict[int, int]] = {}  # router id -> packet type (AuType 2: 0) -> last number
        self._hashes_long_keys = False

    def speaks(self, auth_type: int) -> bool:
        """Whether packets of this AuType could be sent."""
        if not self.keys:
            return auth_type == AUTH_NONE
        return any(key.auth_type == auth_type for key in self.keys)

    def forget(self, router_id: int) -> None:
        """The neighbor is gone, its sequence numbers with it."""
        self._used.pop(router_id, None)
        self._sequences.pop(router_id, None)

    # Verification, RFC 2328 D.5

    def check(self, payload: Octets, router_id: int, source: int) -> None:
        """Verify an OSPF packet with its trailer (`decode_packet` took it). Raises Refusal."""
        if not self.keys:
            return
        data = bytes(payload)
        auth_type = int.from_bytes(data[14:16], "big")
        key = self._key_of(data, auth_type)
        if auth_type == AUTH_SIMPLE:
            if not hmac.compare_digest(data[16:24], self._secrets[id(key)].ljust(SIMPLE_OCTETS, b"\0")):
                raise Refusal(Cause.BAD_DIGEST, "the password differs from the one in [[ospf.attach]] authentication")
        elif auth_type != AUTH_NONE:
            self._check_digest(data, key, router_id, source)
        self._remember(router_id, key)

    def _key_of(self, data: bytes, auth_type: int) -> AuthKey:
        if not self.speaks(auth_type):
            ours = ", ".join(sorted({type_name(key.auth_type) for key in self.keys}))
            raise Refusal(
                Cause.WRONG_TYPE,
                f"the router uses authentication {type_name(auth_type)}{describe(data)}, "
                f"[[ospf.attach]] authentication has {ours}",
            )
        key_id = _key_id(data, auth_type)
        key = self._by_name.get(_name(auth_type, key_id))
        if key is None:
            raise Refusal(
                Cause.UNKNOWN_KEY, f"the router uses key_id {key_id}: add it to [[ospf.attach]] authentication"
            )
        return key

    def _check_digest(self, data: bytes, key: AuthKey, router_id: int, source: int) -> None:
        extended = key.auth_type == AUTH_EXTENDED
        end = int.from_bytes(data[2:4], "big")
        begin = end + (EXTENDED_SEQUENCE_OCTETS if extended else 0)
        digest = data[begin : begin + key.digest_octets]
        lengths = (key.digest_octets, key.digest_octets + EXTENDED_SEQUENCE_OCTETS if extended else key.digest_octets)
        if data[19] not in lengths or len(digest) != key.digest_octets:
            names = [name for name, octets in DIGEST_OCTETS.items() if octets == data[19]]
            theirs = f"{names[0]} by its length" if names else "of unknown kind"
            raise Refusal(
                Cause.BAD_DIGEST, f"the digest has {data[19]} octets ({theirs}), key_id {key.key_id} is {key.type}"
            )
        if not self._matches(data[:begin], digest, key, source):
            raise Refusal(
                Cause.BAD_DIGEST,
                f"key_id {key.key_id} ({key.type}) in [[ospf.attach]] authentication is not the router's key",
            )
        if extended:
            kind, sequence = data[1], int.from_bytes(data[end:begin], "big")
        else:
            kind, sequence = 0, int.from_bytes(data[20:24], "big")
        last = self._sequences.setdefault(router_id, {}).get(kind, -1)
        if sequence < last or (extended and sequence == last):
            raise Refusal(
                Cause.REPLAYED,
                f"{sequence} after {last}: a repeated old packet, or the router restarted without keeping its number "
                "(believed again once its dead interval has passed)",
            )
        self._sequences[router_id][kind] = sequence

    def _matches(self, data: bytes, digest: bytes, key: AuthKey, source: int) -> bool:
        for hashed in (self._hashes_long_keys, not self._hashes_long_keys):
            if hmac.compare_digest(digest, self._digest(data, key, source, hashed)):
                self._hashes_long_keys = hashed
                return True
            if len(self._secrets[id(key)]) + len(PROTOCOL_ID) <= key.digest_octets:
                break  # both ways are the same
        return False

    def _digest(self, data: bytes, key: AuthKey, source: int, hash_long_key: bool) -> bytes:
        secret = self._secrets[id(key)]
        if key.type == "md5":  # RFC 2328 D.4.3 (6)
            return hashlib.md5(data + secret.ljust(key.digest_octets, b"\0"), usedforsecurity=False).digest()
        pad = APAD * (key.digest_octets // len(APAD))
        if key.auth_type == AUTH_EXTENDED:  # RFC 7474 5, 6
            pad = source.to_bytes(4, "big") + pad[4:]
            secret += PROTOCOL_ID
        name = _HASHES[key.type]
        if hash_long_key and len(secret) > key.digest_octets:  # RFC 5709 3.3 (1)
            secret = hashlib.new(name, secret).digest()
        return hmac.digest(secret, data + pad, name)

    def _remember(self, router_id: int, key: AuthKey) -> None:
        self._used[router_id] = key
        self._used.move_to_end(router_id)
        if len(self._used) > MAX_REMEMBERED:
            oldest, _ = self._used.popitem(last=False)
            self._sequences.pop(oldest, None)

    # Signing, RFC 2328 D.4

    def sign(self, packet: bytes, peer: int | None, source: int) -> bytes:
        """A packet of AuType 0 as `encode_packet` makes it, with the key `peer` uses (None or not heard: whoever
        was heard last, else the first configured). OspfEncodeError without a source address for AuType 3."""
        key = self._used.get(peer) if peer is not None else None
        if key is None:
            key = next(reversed(self._used.values()), None) or (self.keys[0] if self.keys else None)
        if key is None or key.auth_type == AUTH_NONE:
            return packet
        head = packet[:14] + key.auth_type.to_bytes(2, "big")
        body = packet[PACKET_HEADER_LENGTH:]
        if key.auth_type == AUTH_SIMPLE:  # RFC 2328 D.4.2
            head = head[:12] + b"\0\0" + head[14:]
            checksum = internet_checksum(head + body).to_bytes(2, "big")
            return head[:12] + checksum + head[14:] + self._secrets[id(key)].ljust(SIMPLE_OCTETS, b"\0") + body
        head = head[:12] + b"\0\0" + head[14:]
        if key.auth_type == AUTH_CRYPTOGRAPHIC:
            field = bytes((0, 0, key.key_id, key.digest_octets)) + self._next(16).to_bytes(4, "big")
            data = head + field + body
        else:
            if not source:
                raise OspfEncodeError("authentication type 3 needs our source address")
            field = bytes((0, 0, 0, key.digest_octets)) + key.key_id.to_bytes(4, "big")
            data = head + field + body + self._next(32).to_bytes(8, "big")
        return data + self._digest(data, key, source, self._hashes_long_keys)

    def _next(self, bits: int) -> int:
        """The next sequence number, the boot count above `bits` bits of counter."""
        self._counter += 1
        if self._counter >> bits:
            self._counter = 0
            self.boot_count += 1
        return min(self.boot_count << bits | self._counter, (1 << 2 * bits) - 1)


def describe(payload: Octets) -> str:
    """What a packet shows of its key, for a person who has to configure it: " (key_id 7, 16 octets: md5)" or ""."""
    auth_type = int.from_bytes(payload[14:16], "big")
    if auth_type not in (AUTH_CRYPTOGRAPHIC, AUTH_EXTENDED):
        return ""
    octets = payload[19]
    names = [name for name, length in DIGEST_OCTETS.items() if length == octets]
    return f" (key_id {_key_id(payload, auth_type)}, {octets} octets{': ' + names[0] if names else ''})"


def _key_id(data: Octets, auth_type: int) -> int:
    if auth_type == AUTH_CRYPTOGRAPHIC:
        return data[18]
    return int.from_bytes(data[20:24], "big") if auth_type == AUTH_EXTENDED else 0


def _name(auth_type: int, key_id: int) -> tuple[int, int]:
    return auth_type, key_id if auth_type >= AUTH_CRYPTOGRAPHIC else 0
