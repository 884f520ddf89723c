"""Fragments of IPv4 packets put together (RFC 791 3.2): an LSA bigger than the MTU comes in several packets.

For replays, whose packets no kernel has put together. Bounded in number, octets and time; fragments that overlap never
fit and are forgotten. Left out: IPv6 (no OSPFv3 router at hand fragments: RFC 5340 has it split its LSAs).
"""

from __future__ import annotations

from ospf.wire import internet_checksum

MAX_PACKETS = 64  # waiting for their other fragments; the oldest goes
MAX_AGE_SECONDS = 30.0  # RFC 1122 3.3.2 has 60 to 120, for the whole Internet
MAX_OCTETS = 0xFFFF

Name = tuple[bytes, int, int]  # addresses, identification, protocol


class Fragments:
    """Packets of which some fragments are here."""

    def __init__(self) -> None:
        self._waiting: dict[Name, tuple[float, dict[int, bytes]]] = {}
        self.forgotten = 0

    def add(self, packet: bytes, now: float) -> bytes | None:
        """Take a fragment (an IPv4 packet of at least 20 octets); the whole packet when it was the last one missing."""
        length = (packet[0] & 15) * 4
        field = int.from_bytes(packet[6:8], "big")
        total = int.from_bytes(packet[2:4], "big")
        if not 20 <= length < total <= len(packet):
            self.forgotten += 1
            return None
        name = (packet[12:20], int.from_bytes(packet[4:6], "big"), packet[9])
        self._forget(now)
        _, parts = self._waiting.setdefault(name, (now, {}))
        parts.setdefault((field & 0x1FFF) * 8, packet[:total])
        found = _joined(parts)
        if found is not None or sum(map(len, parts.values())) > 2 * MAX_OCTETS:
            self.forgotten += found is None
            del self._waiting[name]
        return found

    def _forget(self, now: float) -> None:
        old = [name for name, (since, _) in self._waiting.items() if now - since > MAX_AGE_SECONDS]
        if len(self._waiting) - len(old) >= MAX_PACKETS:
            old.append(next(name for name in self._waiting if name not in old))
        for name in old:
            del self._waiting[name]
        self.forgotten += len(old)


def _joined(parts: dict[int, bytes]) -> bytes | None:
    """The packet, if the fragments follow each other from the first to one without the MF flag."""
    body, end = bytearray(), 0
    for offset in sorted(parts):
        part = parts[offset]
        if offset != end:
            return None
        body += part[(part[0] & 15) * 4 :]
        end = len(body)
        if not part[6] & 0x20:
            break
    else:
        return None
    first = parts[0]
    head = first[: (first[0] & 15) * 4]
    total = len(head) + len(body)
    if total > MAX_OCTETS:
        return None
    head = head[:2] + total.to_bytes(2, "big") + head[4:6] + b"\0\0" + head[8:10] + b"\0\0" + head[12:]
    return head[:10] + internet_checksum(head).to_bytes(2, "big") + head[12:] + bytes(body)
