"""Who may ask: communities, each with the source prefixes it is good for (RFC 3584 5.2.1 in spirit)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

REMEMBERED_SOURCES = 4096

ALLOWED = "allowed"
UNKNOWN_COMMUNITY = "unknown community"
SOURCE_REFUSED = "source outside the community's prefixes"


@dataclass
class AccessList:
    """Community -> prefixes.  An empty list of prefixes admits nobody."""

    communities: Mapping[bytes, tuple[Network, ...]]
    _verdicts: dict[tuple[bytes, str], str] = field(default_factory=dict)

    def verdict(self, community: bytes, source: str) -> str:
        known = self._verdicts.get((community, source))
        if known is not None:
            return known
        prefixes = self.communities.get(community)
        if prefixes is None:
            return UNKNOWN_COMMUNITY  # not remembered: communities are guessed without end
        verdict = ALLOWED if _inside(source, prefixes) else SOURCE_REFUSED
        if len(self._verdicts) >= REMEMBERED_SOURCES:
            self._verdicts.clear()
        self._verdicts[(community, source)] = verdict
        return verdict


def access_list(communities: Mapping[str, Sequence[str]]) -> AccessList:
    """From text, as in the configuration.  Raises ValueError."""
    return AccessList(
        {
            name.encode("utf-8"): tuple(ip_network(prefix) for prefix in prefixes)
            for name, prefixes in communities.items()
        }
    )


def _inside(source: str, prefixes: Sequence[Network]) -> bool:
    try:
        address = ip_address(source.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in prefix for prefix in prefixes)
