"""Grace-LSAs: how a router announces that it restarts while its neighbors keep forwarding (RFC 3623 B, RFC 5187 2.2).

Link-local opaque LSAs of opaque type 3 (OSPFv3: LSA type 0x000b) whose body is TLVs: the grace period, the reason, and
in OSPFv2 the address of the interface. Left out: whether a neighbor agrees to help (nobody announces that).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ospf.errors import OspfDecodeError
from ospf.lsa import OPAQUE_LINK, Lsa, OpaqueLsa, UnknownLsa
from ospf.wire import Cursor

OPAQUE_GRACE = 3  # opaque type, the first octet of the link state id
V3_GRACE = 0x000B
PERIOD, REASON, ADDRESS = 1, 2, 3  # TLV types
LONGEST_PERIOD = 1800  # seconds (RFC 3623 B.1); what claims more must not keep a dead router's links up
REASONS = ("unknown reason", "software restart", "software reload or upgrade", "switch to a redundant processor")

_TLV = struct.Struct("!HH")
_WORD = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Grace:
    """`period` in seconds from the LSA's age 0; `reason` an index of REASONS; `address` 0 when not given."""

    period: int
    reason: int = 0
    address: int = 0

    @property
    def reason_text(self) -> str:
        return REASONS[self.reason] if self.reason < len(REASONS) else f"reason {self.reason}"


def grace_of(lsa: Lsa, version: int = 2) -> Grace | None:
    """What a grace-LSA says; None when the LSA is none. OspfDecodeError when its TLVs do not fit."""
    body = lsa.body
    if version == 2:
        is_grace = lsa.header.type == OPAQUE_LINK and lsa.header.link_state_id >> 24 == OPAQUE_GRACE
    else:
        is_grace = lsa.header.type & 0x7FFF == V3_GRACE
    if not is_grace or not isinstance(body, OpaqueLsa | UnknownLsa):
        return None
    found: dict[int, int] = {}
    cursor = Cursor(body.data)
    while cursor.remaining:
        kind, length = cursor.pull(_TLV, "grace-LSA TLV")
        value = cursor.take(length, "grace-LSA TLV")
        cursor.take(-length % 4, "grace-LSA TLV padding")  # RFC 3623 B.1: the length does not count it
        if kind in (PERIOD, ADDRESS) and length == _WORD.size:
            found[kind] = _WORD.unpack(value)[0]
        elif kind == REASON and length == 1:
            found[kind] = value[0]
    if PERIOD not in found:
        raise OspfDecodeError("grace-LSA without a grace period")
    return Grace(min(found[PERIOD], LONGEST_PERIOD), found.get(REASON, 0), found.get(ADDRESS, 0))
