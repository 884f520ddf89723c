"""Names that must survive: ifIndex of every interface, id of every application (design: Identity).

ifIndex 1-65534, unique gateway-wide, allocated once, never reused.  An interface known only by its stub prefix that
turns out to hold an interface address keeps its ifIndex under the new name.  Application ids are 24-bit selectors,
0 unknown, 1 unattributed, 2 other.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from ospf.topology import LinkKey
from ospf.wire import address_number

MAX_IFINDEX = 65534
RESERVED_APPLICATIONS = ("unknown", "unattributed", "other")
UNKNOWN, UNATTRIBUTED, OTHER = range(3)
MAX_APPLICATIONS = 4096


class IfIndexMap:
    """LinkKey <-> ifIndex; `dirty` holds what the store has not seen yet."""

    def __init__(self, known: Mapping[LinkKey, int] = {}) -> None:
        self._index = dict(known)
        self._next = max(self._index.values(), default=0) + 1
        self._prefixes: dict[tuple[str, int], dict[LinkKey, ipaddress.IPv4Network]] = {}  # by router
        for key in self._index:
            self._note_prefix(key)
        self.dirty: dict[int, LinkKey] = {}
        self.refused: set[LinkKey] = set()
        self._ordered: tuple[tuple[int, LinkKey], ...] | None = None  # until a key is added
        self._addresses: dict[str, dict[int, set[int]]] | None = None

    def __len__(self) -> int:
        return len(self._index)

    def items(self) -> Iterable[tuple[LinkKey, int]]:
        return self._index.items()

    def ordered(self) -> tuple[tuple[int, LinkKey], ...]:
        """(ifIndex, key) in order of ifIndex; the same object until there is a new key."""
        if self._ordered is None:
            self._ordered = tuple(sorted((index, key) for key, index in self._index.items()))
        return self._ordered

    def get(self, key: LinkKey) -> int | None:
        return self._index.get(key)

    def allocate(self, keys: Iterable[LinkKey]) -> list[int]:
        """ifIndex of every key, new ones allocated; 0 for those that come after 65534 were given (`refused`)."""
        keys = list(keys)
        present = set(keys)
        return [self._index.get(key) or self._adopt(key, present) for key in keys]

    def _adopt(self, key: LinkKey, present: set[LinkKey]) -> int:
        former = self._former(key, present)
        if former is not None:
            index = self._index.pop(former)
            del self._prefixes[former.instance, former.router][former]
        elif self._next > MAX_IFINDEX:
            if len(self.refused) < MAX_IFINDEX:
                self.refused.add(key)
            return 0
        else:
            index = self._next
            self._next += 1
        self._index[key] = index
        self._ordered = self._addresses = None
        self._note_prefix(key)
        self.dirty[index] = key
        return index

    def _note_prefix(self, key: LinkKey) -> None:
        if "/" in key.interface and ":" not in key.interface:  # rows of IPv6 are never named by addresses
            network = ipaddress.IPv4Network(key.interface, strict=False)
            self._prefixes.setdefault((key.instance, key.router), {})[key] = network

    def _former(self, key: LinkKey, present: set[LinkKey]) -> LinkKey | None:
        """The row of the same router that was named by the longest prefix this interface address falls in."""
        try:
            address = ipaddress.IPv4Address(key.interface)
        except ValueError:
            return None
        prefixes = self._prefixes.get((key.instance, key.router), {})
        holding = [other for other, network in prefixes.items() if address in network and other not in present]
        return max(holding, key=lambda other: prefixes[other].prefixlen, default=None)

    def known_addresses(self, instance: str = "default") -> dict[int, set[int]]:
        """Router id -> interface addresses ever seen on it in that instance (for `ospf.topology.build_domain`).

        What was returned is not changed later: others may read it in another thread.
        """
        if self._addresses is None:
            found: dict[str, dict[int, set[int]]] = {}
            for key in self._index:
                if "." in key.interface and "/" not in key.interface:
                    try:
                        address = address_number(key.interface)
                    except ValueError:
                        continue
                    found.setdefault(key.instance, {}).setdefault(key.router, set()).add(address)
            self._addresses = found
        return self._addresses.get(instance, {})


class ApplicationIds:
    """Application name <-> gateway id; bounded: past `limit` names the tail becomes `other`, counted."""

    def __init__(self, known: Mapping[str, int] = {}, limit: int = MAX_APPLICATIONS) -> None:
        self._id = dict(known)
        for number, name in enumerate(RESERVED_APPLICATIONS):
            self._id.setdefault(name, number)
        self._next = max(self._id.values()) + 1
        self._limit = limit
        self.overflowed = 0
        self.dirty: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._id)

    @property
    def share(self) -> int:
        """New names one exporter may bring, so that one with names without end leaves room for the others."""
        return max(self._limit // 4, 16)

    def knows(self, name: str) -> bool:
        return name in self._id

    def refuse(self) -> int:
        self.overflowed += 1
        return OTHER

    def id(self, name: str) -> int:
        """Id of a name, allocated when new; OTHER when the table is full."""
        found = self._id.get(name)
        if found is not None:
            return found
        if len(self._id) >= self._limit:
            return self.refuse()
        self._id[name] = self._next
        self.dirty[name] = self._next
        self._next += 1
        return self._id[name]

    def names(self) -> dict[int, str]:
        return {number: name for name, number in self._id.items()}
