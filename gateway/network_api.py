"""The JSON documents that need the routed network itself: topology, its changes, and the path between two addresses.

Pure like `gateway.api`.  A source enters where its host's agent says (default gateway), else at the router that owns
the address, else at the best attachment of its prefix; `source.assumed` tells when that was a choice.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gateway.api import NO_NAMES, Document, event_document, link_id
from gateway.attachment import LongestPrefixMatch
from gateway.history_api import prefix_texts
from gateway.published import Event, Published
from gateway.query import NothingFound
from gateway.units import rfc3339
from ospf.areas import AREA_KIND_NAMES
from ospf.changes import TE_COLUMNS
from ospf.changes import diff as topology_diff
from ospf.links import KIND_NAMES, LinkKey, prefix_text
from ospf.lsa import FLAG_B, FLAG_E
from ospf.paths import Paths
from ospf.prefixes import EXT2, INTRA, ROUTE_TYPE_NAMES
from ospf.topology import Topology
from ospf.wire import address_text

NO_TOPOLOGY = "is an [[ospf.attach]] configured, and does `anemone status` show LSAs received?"


def topology(held: Topology | None, names: Mapping[str, str], area: int | None = None) -> Document:
    """One topology version: areas, routers, transit networks, links, prefixes; with `area`, what is in it."""
    held = known(held)
    inside = _vertices_of(held, area)
    links, prefixes = held.links, held.prefixes
    networks = [vertex for vertex in range(len(held.routers), held.n_vertices) if vertex in inside]
    lan_routers: dict[int, list[str]] = {vertex: [] for vertex in networks}
    for row, target in enumerate(links.target.tolist()):
        if target in lan_routers and links.up[row]:
            lan_routers[target].append(address_text(int(links.router[row])))
    texts, rows_of = prefix_texts(held), np.bincount(links.vertex, minlength=held.n_vertices)
    spans = zip(prefixes.start[:-1].tolist(), prefixes.start[1:].tolist(), strict=True)
    return {
        "version": held.version,
        "time": rfc3339(held.time),
        "area": held.area if area is None else address_text(area),
        "instance": held.instance,
        "areas": [
            {
                "area": address_text(each.area),
                "kind": AREA_KIND_NAMES[each.kind],
                "source": each.source,
                "routers": each.n_routers,
                "networks": len(each.vertices) - each.n_routers,
                "transit": each.transit,
            }
            for each in held.areas
        ],
        "unseen_borders": [address_text(border.router) for border in held.borders if not border.area_known],
        "routers": [
            _router(held, vertex, router, names) | {"links": int(rows_of[vertex])}
            for vertex, router in enumerate(held.routers.tolist())
            if vertex in inside
        ],
        "networks": [
            {
                "prefix": held.vertex_name(vertex),
                "designated_router": _designated(held, vertex),
                "area": address_text(held.areas[int(held.network_area[vertex - len(held.routers)])].area),
                "routers": lan_routers[vertex],
            }
            for vertex in networks
        ],
        "links": [
            _link(held, row, key) for row, key in enumerate(links.keys) if area is None or links.area[row] == area
        ],
        "prefixes": [
            {
                "prefix": text,
                "type": ROUTE_TYPE_NAMES[prefixes.route_type[row]],
                "at": sorted({held.vertex_name(v) for v in prefixes.vertex[first:last].tolist()}),
                "cost": int(prefixes.cost[first:last].min(initial=0xFFFFFFFF))
                if prefixes.route_type[row] != EXT2
                else int(prefixes.metric[row]),
            }
            for row, (text, (first, last)) in enumerate(zip(texts, spans, strict=True))
            if area is None or not inside.isdisjoint(prefixes.vertex[first:last].tolist())
        ],
    }


def _vertices_of(held: Topology, area: int | None) -> set[int]:
    """The vertices of an area, of all areas when none is asked for; NothingFound."""
    if area is None:
        return set(range(held.n_vertices))
    for each in held.areas:
        if each.area == area:
            return set(each.vertices.tolist())
    seen = ", ".join(address_text(each.area) for each in held.areas) or "none"
    raise NothingFound("area", f"area {address_text(area)} is not seen", f"seen: {seen}; each needs an [[ospf.attach]]")


def _router(held: Topology, vertex: int, router: int, names: Mapping[str, str]) -> Document:
    text = address_text(router)
    flags, areas = 0, []
    for each in held.areas:
        local = int(each.local[vertex])
        if local >= 0:
            areas.append(address_text(each.area))
            flags |= int(each.flags[local])
    return {
        "router": text,
        "name": names.get(text, ""),
        "up": bool(held.alive[vertex]),
        "areas": areas,
        "abr": bool(flags & FLAG_B),
        "asbr": bool(flags & FLAG_E),
        "stub": router in held.stub_routers,
    }


def _designated(held: Topology, vertex: int) -> str:
    """The DR's address; of OSPFv3, its interface id."""
    number = int(held.network_address[vertex - len(held.routers)])
    return address_text(number) if held.prefixes.network.ndim == 1 else f"interface {number}"


def _link(held: Topology, row: int, key: LinkKey) -> Document:
    links = held.links
    made = {
        "id": link_id(key),
        "kind": KIND_NAMES[links.kind[row]],
        "router": address_text(key.router),
        "interface": key.interface,
        "neighbor": links.neighbor[row],
        "area": address_text(int(links.area[row])),
        "cost": int(links.cost[row]),
        "up": bool(links.up[row]),
    }
    te = {
        name: value for name in TE_COLUMNS if (value := getattr(links, name)[row].item())
    }  # only what somebody announced
    return made | {"te": te} if te else made


def changes(old: Topology | None, new: Topology | None, names: Mapping[str, str] = NO_NAMES) -> list[Document]:
    """What happened between two versions."""
    old, new = known(old), known(new)
    if old is new:
        return []
    return [
        event_document(Event(event.time, event.kind, event.subject, event.detail), names)
        for event in topology_diff(old, new)
    ]


def path(published: Published, source: int, destination: int, names: Mapping[str, str]) -> Document:
    """The way from one address to another, router by router, with the share of the traffic that passes each hop."""
    held, paths = known(published.topology), published.paths
    assert paths is not None  # published together with the topology
    table = held.prefixes
    row = _prefix_row(held, "dst", destination)
    starts, assumed, source_prefix = _entries(published, held, source)
    if source_prefix == row and table.route_type[row] == INTRA and len(starts) == 1:
        both = f"{address_text(source)} and {address_text(destination)}"
        raise NothingFound("dst", f"{both} share a link", "no router is crossed")
    best = _best_start(paths, starts, row)
    if best is None:
        problem = f"no path from {address_text(source)} to {address_text(destination)}"
        raise NothingFound("dst", problem, "the network is split: see `anemone events`")
    vertex, entry = best
    hops = [
        {
            "router": address_text(int(router)),
            "name": names.get(address_text(int(router)), ""),
            "ingress": _link_id(held, ingress),
            "egress": _link_id(held, egress),
            "share": float(share),
            "cost": float(distance),
        }
        for router, ingress, egress, share, distance in paths.trace(vertex, row)
    ]
    for hop in hops:
        if hop["ingress"] is None and hop["router"] == hops[0]["router"]:
            hop["ingress"] = _link_id(held, entry)
    return {
        "source": {
            "address": address_text(source),
            "prefix": _prefix_text(held, source_prefix),
            "at": held.vertex_name(vertex),
            "name": names.get(held.vertex_name(vertex), ""),
            "assumed": assumed,
        },
        "destination": {
            "address": address_text(destination),
            "prefix": _prefix_text(held, row),
            "type": ROUTE_TYPE_NAMES[table.route_type[row]],
        },
        "topology_version": held.version,
        "hops": hops,
    }


def known(held: Topology | None) -> Topology:
    """The topology, or NothingFound while there is none."""
    if held is None:
        raise NothingFound("topology", "no topology is known yet", NO_TOPOLOGY)
    return held


def _prefix_row(held: Topology, field: str, address: int) -> int:
    table = held.prefixes
    row = -1
    if len(table):
        lookup = LongestPrefixMatch(table.network, table.plen)
        row = int(lookup.lookup(np.array([address], np.uint32))[0])
    if row < 0:
        remedy = "`anemone topology` lists the prefixes"
        raise NothingFound(field, f"{address_text(address)} is in no known prefix", remedy)
    return row


def _entries(published: Published, held: Topology, address: int) -> tuple[list[tuple[int, int]], bool, int]:
    """((vertex, link row entered by) candidates, whether the choice is assumed, row of the source prefix or -1)."""
    owner = held.interface_owner(address)
    row = -1
    try:
        row = _prefix_row(held, "src", address)
    except NothingFound:
        if owner is None:
            raise
    if owner is not None:
        return [(owner[0], -1)], False, -1
    text = address_text(address)
    for agent in published.agents:
        if text in agent.addresses and agent.gateway:
            gateway = sum(
                int(part) << shift for part, shift in zip(agent.gateway.split("."), (24, 16, 8, 0), strict=True)
            )
            found = held.interface_owner(gateway)
            if found is not None:
                return [found], False, row
    table = held.prefixes
    first, last = int(table.start[row]), int(table.start[row + 1])
    found_at = list(zip(table.vertex[first:last].tolist(), table.link[first:last].tolist(), strict=True))
    assumed = table.route_type[row] != INTRA or len(found_at) > 1 or found_at[0][0] >= len(held.routers)
    return found_at, bool(assumed), row


def _best_start(paths: Paths, starts: list[tuple[int, int]], row: int) -> tuple[int, int] | None:
    """The start nearest to the destination prefix; None when none reaches it."""
    costs = paths.costs(np.array([vertex for vertex, _ in starts]), np.full(len(starts), row))
    nearest = int(costs.argmin())
    return starts[nearest] if np.isfinite(costs[nearest]) else None


def _link_id(held: Topology, row: int) -> str | None:
    return link_id(held.links.keys[row]) if row >= 0 else None


def _prefix_text(held: Topology, row: int) -> str | None:
    return prefix_text(int(held.prefixes.network[row]), int(held.prefixes.plen[row])) if row >= 0 else None
