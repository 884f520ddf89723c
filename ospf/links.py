"""Link rows from router-LSAs (RFC 2328 12.4.1): a row is a router *interface*, traffic leaving that router through it.

Covered: point-to-point (numbered, unnumbered, parallel), transit networks, stub networks, point-to-multipoint (one
interface, several neighbours: one row, several edges), virtual links (no row), an interface that serves several areas
(RFC 5185: one row). `InterfaceRows` is what one router-LSA says, a matrix per kind of link that names everything by
number within itself, so that it can be kept as long as that LSA stays; `ospf.graph` joins the rows of an area to edges,
`link_table` the rows of all areas to one table. Within a router rows are ordered by number (ifIndex, address, network),
whatever the order in the LSA, so that row numbers hold while the set of interfaces does.

Left out: TOS metrics; RFC 8042 two-part metrics (network to router costs 0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ospf.lsa import LINK_P2P, LINK_TRANSIT, LINK_VIRTUAL, RouterLink, RouterLsa
from ospf.pairing import UNNUMBERED_BELOW, StubIndex
from ospf.wire import address_text

I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
U4 = NDArray[np.uint32]
U1 = NDArray[np.uint8]
F8 = NDArray[np.float64]

TRANSIT, STUB, EXTERNAL = 0, 1, 2
KIND_NAMES = ("transit", "stub", "external")
FIRST_HOSTLESS_LENGTH = 30  # a point-to-point subnet this long holds the two routers only
MAX_LINK_METRIC = 0xFFFF  # RFC 6987 2

# Columns of `InterfaceRows`.
COST, KIND, ADDRESS, UP, NETWORK, PLEN, TARGET, LAN = range(8)  # rows; TARGET: router id; LAN: position in `lans`
HALF_ROW, NEIGHBOR, DATA, METRIC, VIRTUAL = range(5)  # halves
LAN_ROW, DR_ADDRESS, ORIGIN, LAN_METRIC = range(4)  # lans
STUB_NETWORK, STUB_PLEN, STUB_COST, STUB_ROW = range(4)  # stubs


def same_objects(some: Sequence[object], others: Sequence[object]) -> bool:
    """Whether both hold the same objects in the same order."""
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def prefix_text(network: int, plen: int) -> str:
    return f"{address_text(network)}/{plen}"


class LinkKey(NamedTuple):
    """Identity of a link row, the same in every topology version.

    `interface` is the dotted interface address, `ifN` (unnumbered), a prefix (a stub whose interface address
    no LSA ever told) or `external`.
    """

    instance: str
    router: int
    interface: str

    def __str__(self) -> str:
        return f"{address_text(self.router)}:{self.interface}"


@dataclass(frozen=True, eq=False)
class LinkTable:
    """One row per router interface, plus one `external` row per ASBR; all columns have L rows."""

    keys: tuple[LinkKey, ...]
    router: U4  # router id
    vertex: I4  # its vertex
    target: I4  # neighbour's vertex (router or network), -1 none or unknown
    cost: U4
    kind: U1  # TRANSIT, STUB, EXTERNAL
    neighbor: tuple[str, ...]  # router id | LAN's prefix | ""
    address: U4  # interface address, 0 unknown or unnumbered
    up: NDArray[np.bool_]  # the router is not cut off, and if transit, both ends say so
    reverse: I4  # opposite row of a point-to-point link, else -1
    network: U4  # subnet of the interface; network 0 and plen 0 when unknown
    plen: U1
    area: U4  # area id; of several the lowest
    te_metric: U4  # traffic engineering (RFC 3630, 7471); 0 everywhere: not told
    bandwidth: F8  # maximum, bit/s
    reservable: F8  # maximum, bit/s
    delay_us: U4  # average one-way, microseconds
    admin_group: U4

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """Usable directed edges, ordered by source vertex; `start[v]:start[v + 1]` are those of vertex v."""

    src: I4
    dst: I4
    cost: I4
    out_link: I4  # row whose Out counts; -1 network -> router and virtual links
    in_link: I4  # row whose In counts; -1 router -> network, virtual links and p2p without an opposite row
    start: I4
    virtual: I4  # area index that a virtual link passes through; -1 no virtual link, -2 one through an area not seen

    def __len__(self) -> int:
        return len(self.src)


class Network(NamedTuple):
    """A transit network as its network-LSA names it."""

    address: int  # link state id: the DR's address
    origin: int  # advertising router
    network: int
    plen: int


class Reading(NamedTuple):
    """What a router-LSA says of its interfaces before networks are known."""

    transits: tuple[int, ...]  # DR address of each transit link, in order
    claims: frozenset[int]  # DR addresses that are its own
    live: frozenset[int]  # addresses of interfaces with a neighbour


def read_links(body: RouterLsa) -> Reading:
    """What can be said of a router-LSA by itself."""
    transits = [link for link in body.links if link.type == LINK_TRANSIT]
    live = {link.link_data for link in body.links if link.type == LINK_P2P and link.link_data >= UNNUMBERED_BELOW}
    return Reading(
        tuple(link.link_id for link in transits),
        frozenset(link.link_id for link in transits if link.link_id == link.link_data),
        frozenset(live.union(link.link_data for link in transits)),
    )


@dataclass(frozen=True, eq=False)
class InterfaceRows:
    """What one router-LSA says, ordered by row; all numbers are local to it."""

    body: RouterLsa
    reading: Reading
    networks: tuple[Network | None, ...]  # those its transit links were found to mean, in their order
    former: frozenset[int]  # addresses the router is known to have had and shows no more
    keys: tuple[LinkKey, ...]  # [n]
    neighbor: tuple[str, ...]  # [n]
    rows: I8  # [n, 8]
    halves: I8  # [h, 5] ends of point-to-point and virtual links; HALF_ROW -1 for virtual ones
    lans: I8  # [t, 4] usable transit links
    stubs: I8  # [s, 4] prefixes attached; STUB_ROW -1: no row
    one_way: int  # transit links whose network does not list the router
    index: StubIndex
    least_metric: int  # of its links to others, -1 when it has none (RFC 6987)

    def says(self, body: RouterLsa) -> bool:
        """Whether the given LSA says the same (a refresh does, in an object of its own)."""
        return self.body is body or self.body == body

    def holds(self, body: RouterLsa, networks: tuple[Network | None, ...], former: frozenset[int]) -> bool:
        """Whether these rows are what the given LSA makes."""
        return self.says(body) and self.networks == networks and self.former == former


@dataclass(slots=True)
class _Rows:
    """Rows of one router while they are being collected."""

    instance: str
    router: int
    text: list[str] = field(default_factory=list)
    neighbor: list[str] = field(default_factory=list)
    order: list[tuple[int, int]] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)

    def add(
        self, text: str, order: tuple[int, int], cost: int, kind: int, *, neighbor: str = "", address: int = 0,
        up: bool = True, network: int = 0, plen: int = 0, target: int = -1, lan: int = -1,
    ) -> int:  # fmt: skip
        """The row of this interface, made when new; a further description of the same interface joins it."""
        row = self.index.get(text)
        if row is not None:
            known = self.rows[row]
            known[COST] = min(known[COST], cost)
            known[UP] |= up
            return row
        row = self.index[text] = len(self.rows)
        self.text.append(text)
        self.neighbor.append(neighbor)
        self.order.append(order)
        self.rows.append([cost, kind, address, int(up), network, plen, target, lan])
        return row


def _interface_text(link_data: int) -> str:
    return f"if{link_data}" if link_data < UNNUMBERED_BELOW else address_text(link_data)


def interface_rows(
    instance: str, router: int, body: RouterLsa, reading: Reading, networks: tuple[Network | None, ...],
    former: frozenset[int],
) -> InterfaceRows:  # fmt: skip
    """The rows of one router-LSA.

    `networks` are what its transit links mean, in their order (None: no network-LSA lists this router); a stub prefix
    that contains one of the `former` addresses is that interface, with the same key (the lowest of several names it).
    """
    rows = _Rows(instance, router)
    halves: list[list[int]] = []
    lans: list[list[int]] = []
    loose: dict[int, int] = {}  # address -> row of interfaces whose subnet only a stub can tell
    which = iter(networks)
    least = -1
    for link in body.links:
        if link.type == LINK_TRANSIT:
            row = _add_transit(rows, lans, link, next(which))
            if not rows.rows[row][UP]:
                loose[link.link_data] = row
        elif link.type == LINK_P2P:
            row = _add_point_to_point(rows, link)
            halves.append([row, link.link_id, link.link_data, link.metric, 0])
            if link.link_data >= UNNUMBERED_BELOW:
                loose[link.link_data] = row
        elif link.type == LINK_VIRTUAL:
            halves.append([-1, link.link_id, link.link_data, link.metric, 1])
            continue
        else:
            continue
        least = link.metric if least < 0 else min(least, link.metric)
    index = StubIndex(body)
    stubs = _add_stubs(rows, index, loose, former)

    order = sorted(range(len(rows.rows)), key=rows.order.__getitem__)
    place = np.full(len(order) + 1, -1, dtype=np.int64)  # the last one for row -1
    place[order] = np.arange(len(order))
    found = InterfaceRows(
        body=body,
        reading=reading,
        networks=networks,
        former=former,
        keys=tuple(LinkKey(instance, router, rows.text[i]) for i in order),
        neighbor=tuple(rows.neighbor[i] for i in order),
        rows=_matrix([rows.rows[i] for i in order], 8),
        halves=_matrix(halves, 5),
        lans=_matrix(lans, 4),
        stubs=_matrix(stubs, 4),
        one_way=sum(network is None for network in networks),
        index=index,
        least_metric=least,
    )
    for matrix, column in ((found.halves, HALF_ROW), (found.lans, LAN_ROW), (found.stubs, STUB_ROW)):
        matrix[:, column] = place[matrix[:, column]]
    return found


def _matrix(rows: list[list[int]], width: int) -> I8:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)


def _add_transit(rows: _Rows, lans: list[list[int]], link: RouterLink, net: Network | None) -> int:
    text, order = _interface_text(link.link_data), (link.link_data, -1)
    if net is None:
        return rows.add(text, order, link.metric, TRANSIT, address=link.link_data, up=False)
    row = rows.add(
        text, order, link.metric, TRANSIT, neighbor=prefix_text(net.network, net.plen), address=link.link_data,
        lan=len(lans),
    )  # fmt: skip
    rows.rows[row][NETWORK], rows.rows[row][PLEN] = net.network, net.plen
    lans.append([row, net.address, net.origin, link.metric])
    return row


def _add_point_to_point(rows: _Rows, link: RouterLink) -> int:
    return rows.add(
        _interface_text(link.link_data), (link.link_data, -1), link.metric, TRANSIT, target=link.link_id,
        neighbor=address_text(link.link_id), address=link.link_data if link.link_data >= UNNUMBERED_BELOW else 0,
        up=False,
    )  # fmt: skip


def _add_stubs(rows: _Rows, index: StubIndex, loose: Mapping[int, int], former: Set[int]) -> list[list[int]]:
    """Stub prefixes: subnets of interfaces that have a row, former interfaces, and prefixes of their own."""
    owner: dict[tuple[int, int], tuple[int, int]] = {}  # (network, plen) -> (address, row or -1)
    for address in sorted(loose):
        stub = index.longest(address)
        if stub is not None:
            row = rows.rows[loose[address]]
            row[NETWORK], row[PLEN] = stub.network, stub.plen
            owner.setdefault(stub[:2], (address, loose[address]))
    for address in sorted(former):
        stub = index.longest(address)
        if stub is not None:
            owner.setdefault(stub[:2], (address, -1))
    found: list[list[int]] = []
    for network, plen, _, cost in index.stubs:
        at = -1
        if plen < 32:  # a host route or a loopback has no row
            address, at = owner.get((network, plen), (0, -1))
            if at < 0:
                text = address_text(address) if address else prefix_text(network, plen)
                order = (address, -1) if address else (network, plen)
                at = rows.add(text, order, cost, STUB, address=address)
                rows.rows[at][NETWORK], rows.rows[at][PLEN] = network, plen
            elif plen >= FIRST_HOSTLESS_LENGTH:
                at = -1
        found.append([network, plen, cost, at])
    return found


@dataclass(frozen=True, eq=False)
class Block:
    """The rows of one router over all its areas: an interface that several areas describe is one row."""

    parts: tuple[InterfaceRows, ...]  # in the order of the areas
    keys: tuple[LinkKey, ...]
    neighbor: tuple[str, ...]
    slots: tuple[I8, ...]  # [parts] row in this block of each part's rows
    chosen: tuple[NDArray[np.bool_], ...]  # [parts] whether a part's row is the one that describes the block's


def one_block(parts: Sequence[InterfaceRows], previous: Block | None = None) -> Block:
    """Join what a router's LSAs say; where two areas describe one interface, the first does."""
    if previous is not None and same_objects(parts, previous.parts):
        return previous
    best: dict[LinkKey, tuple[int, int]] = {}  # key -> (part, row)
    for number, part in enumerate(parts):
        for row, key in enumerate(part.keys):
            best.setdefault(key, (number, row))
    ordered = sorted(best, key=lambda key: _order(parts[best[key][0]], best[key][1]))
    slot = {key: i for i, key in enumerate(ordered)}
    return Block(
        parts=tuple(parts),
        keys=tuple(ordered),
        neighbor=tuple(parts[best[key][0]].neighbor[best[key][1]] for key in ordered),
        slots=tuple(np.array([slot[key] for key in part.keys], dtype=np.int64) for part in parts),
        chosen=tuple(
            np.array([best[key] == (number, row) for row, key in enumerate(part.keys)], dtype=np.bool_)
            for number, part in enumerate(parts)
        ),
    )


def _order(part: InterfaceRows, row: int) -> tuple[int, int, str]:
    """As within one router-LSA: by ifIndex, address or network."""
    text = part.keys[row].interface
    if text.startswith("if"):
        return int(text[2:]), -1, text
    if "/" in text:
        return int(part.rows[row, NETWORK]), int(part.rows[row, PLEN]), text
    return int(part.rows[row, ADDRESS]), -1, text
