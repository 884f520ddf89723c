"""From real packets to nearly real ones. Everything derives from (decoder, block number): a case is found again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

BLOCK = 1000  # cases that share one random generator
MAX_OCTETS = 4096  # what duplication may grow a case to
EDGES = bytes((0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, 20))
EDGES16 = (b"\0\0", b"\0\1", b"\x7f\xff", b"\x80\0", b"\xff\xff", b"\xff\xfc", b"\0\x13", b"\0\x14")

Repair = Callable[[bytearray, random.Random], None]


def cases(name: str, block: int, seeds: Sequence[bytes], repair: Repair) -> Iterator[bytes]:
    """The `BLOCK` cases of one block.

    Each is a seed with one to four changes, mostly with lengths and checksums made right again.
    """
    rng = random.Random(f"{name}/{block}")
    part, bits = rng.random, rng.getrandbits
    for _ in range(BLOCK):
        data = bytearray(seeds[int(part() * len(seeds))])
        for _ in range(1 + bits(2)):
            change(data, bits(3), seeds, rng)
        del data[MAX_OCTETS:]
        if bits(2):  # otherwise the door itself is tried
            repair(data, rng)
        yield bytes(data)


def change(data: bytearray, kind: int, seeds: Sequence[bytes], rng: random.Random) -> None:
    """One of eight kinds of change somewhere in `data`."""
    part, bits = rng.random, rng.getrandbits
    at = int(part() * len(data))
    if kind == 0 and data:
        data[at] ^= 1 << bits(3)
    elif kind == 1 and data:
        data[at] = EDGES[bits(3)]
    elif kind == 2:
        data[at : at + 2] = EDGES16[bits(3)]
    elif kind == 3:
        data[at : at + 4] = bits(32).to_bytes(4, "big")
    elif kind == 4:
        del data[at : at + 1 + bits(5)]
    elif kind == 5:  # a piece of itself again: one link more, one TLV more
        start = int(part() * len(data)) & ~3
        data[at & ~3 : at & ~3] = data[start : start + 4 * (1 + bits(4))]
    elif kind == 6:  # the rest from another packet
        data[at:] = seeds[int(part() * len(seeds))][at:]
    else:
        del data[at & ~3 :]
