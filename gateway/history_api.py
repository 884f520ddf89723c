"""The JSON documents of `routes`, `lsas` and of replayed captures; pure like `gateway.api`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gateway.api import NO_NAMES, Document, Names, event_document, link_id
from gateway.published import Event
from gateway.query import NothingFound, QueryError
from gateway.units import rfc3339
from ospf.changes import prefix_row_text
from ospf.past import Traffic, TrafficKey, type_name
from ospf.paths import Paths, Route
from ospf.prefixes import EXT2, ROUTE_TYPE_NAMES
from ospf.topology import Topology
from ospf.v3.prefix import address6_text
from ospf.wire import address_number, address_text

MAIN = "default"
ALL = "ask without a prefix to see all it has"
SHOWN_INSIDE = 4  # prefixes within the one asked for


def choose(topologies: Mapping[str, Topology], wanted: str | None, main: str | None = None) -> tuple[str, Topology]:
    """(name, topology) of the instance asked for; unasked, the main one. NothingFound."""
    if wanted is None:
        for name in (main, MAIN, *sorted(topologies)):
            if name is not None and name in topologies:
                return name, topologies[name]
        raise NothingFound("instance", "no topology is known", "ask for another time")
    if wanted not in topologies:
        known = ", ".join(sorted(topologies)) or "none"
        raise NothingFound("instance", f"no topology of instance {wanted!r}", f"known then: {known}")
    return wanted, topologies[wanted]


def area_id(text: str) -> int:
    """An area id, dotted or as a number; QueryError."""
    try:
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else address_number(text)
        if number > 0xFFFFFFFF:
            raise ValueError
    except ValueError:
        raise QueryError("area", f"{text[:40]!r} is not an area", "give 0 or 0.0.0.0, 1 or 0.0.0.1, ...") from None
    return number


def prefix_texts(topology: Topology) -> list[str]:
    """The prefixes of a topology's table as text, IPv4 or IPv6."""
    return [prefix_row_text(topology.prefixes, row) for row in range(len(topology.prefixes))]


def routes(
    topology: Topology, paths: Paths, router: str, names: Names = NO_NAMES, prefix: str | None = None
) -> Document:
    """The routing table that a router computed: what it reaches, how, at what cost.

    `prefix` chooses one route; of an address without a route of its own (10.1.2.3/32) the one its packets take.
    """
    number = address_number(router)
    if number not in topology.router_vertex:
        when = rfc3339(topology.time)
        raise NothingFound("router", f"no router {router} in the topology of {when}", "`anemone topology` lists them")
    texts = dict(zip(_row_keys(topology), prefix_texts(topology), strict=True))
    table = {texts[_key(route.network), route.plen]: route for route in paths.table(number)}
    found = []
    for text, route in table.items() if prefix is None else [_chosen(router, table, prefix)]:
        found.append(
            {
                "prefix": text,
                "type": ROUTE_TYPE_NAMES[route.route_type],
                "cost": route.cost,
                "type2_cost": route.type2_cost if route.route_type == EXT2 else None,
                "area": None if route.area is None else address_text(route.area),
                "connected": route.connected,
                "next_hops": [_next_hop(topology, hop, names) for hop in route.next_hops],
            }
        )
    return {
        "router": router,
        "name": names.get(router, ""),
        "instance": topology.instance,
        "topology_version": topology.version,
        "time": rfc3339(topology.time),
        "routes": found,
    }


def _chosen(router: str, table: Mapping[str, Route], prefix: str) -> tuple[str, Route]:
    """The route to exactly this prefix; of an address, the longest one over it. NothingFound."""
    if prefix in table:
        return prefix, table[prefix]
    wanted = ipaddress.ip_network(prefix)
    held = [each for each in map(ipaddress.ip_network, table) if each.version == wanted.version]
    if wanted.prefixlen == wanted.max_prefixlen:
        over = [each for each in held if each.prefixlen <= wanted.prefixlen and wanted.network_address in each]
        if over:
            best = str(max(over, key=lambda each: each.prefixlen))
            return best, table[best]
        raise NothingFound("prefix", f"{router} has no route to {prefix}", ALL)
    first, last = int(wanted.network_address), int(wanted.broadcast_address)
    longer = (each for each in held if each.prefixlen > wanted.prefixlen)
    inside = [str(each) for each in longer if first <= int(each.network_address) <= last]
    more = f" and {len(inside) - SHOWN_INSIDE} more" if len(inside) > SHOWN_INSIDE else ""
    remedy = f"within it: {', '.join(inside[:SHOWN_INSIDE])}{more}" if inside else ALL
    raise NothingFound("prefix", f"{router} has no route to exactly {prefix}", remedy)


def _row_keys(topology: Topology) -> list[tuple[Any, int]]:
    table = topology.prefixes
    return [(_key(n), p) for n, p in zip(table.network.tolist(), table.plen.tolist(), strict=True)]


def _key(network: Any) -> Any:
    """One number, also of an IPv6 prefix that stands in two columns."""
    if isinstance(network, list):
        return network[0] << 64 | network[1]
    return int(network)


def _next_hop(topology: Topology, hop: Any, names: Names) -> Document:
    router = address_text(hop.router) if hop.router else None
    row = int(hop.link)
    return {
        "router": router,
        "name": names.get(router, "") if router else "",
        "address": _address_text(int(hop.address)) if hop.address else None,
        "link": link_id(topology.links.keys[row]) if row >= 0 else None,
    }


def _address_text(address: int) -> str:
    return address_text(address) if address <= 0xFFFFFFFF else address6_text(address)


def lsas(found: Mapping[TrafficKey, Traffic], names: Names = NO_NAMES) -> list[Document]:
    """LSA traffic by router and type, busiest first."""
    documents = [
        {
            "router": address_text(key.router),
            "name": names.get(address_text(key.router), ""),
            "type": type_name(key.domain.version, key.type),
            "area": address_text(key.area),
            "instance": key.domain.name,
            "lsas": row.total,
            **asdict(row),
        }
        for key, row in found.items()
    ]
    return sorted(
        documents, key=lambda d: (-d["lsas"], address_number(d["router"]), d["type"], d["instance"], d["area"])
    )


def select_events(
    events: Iterable[Event], since: float | None, until: float | None, kind: str | None
) -> Iterable[Event]:
    """since < time <= until, of one kind or several ("link_down,router_down")."""
    kinds = None if kind is None else {each.strip().replace(" ", "_") for each in kind.split(",")}
    return (
        event
        for event in events
        if (since is None or event.time > since)
        and (until is None or event.time <= until)
        and (kinds is None or event.kind in kinds)
    )


def joined_events(stored: Sequence[Event], recent: Sequence[Event]) -> list[Event]:
    """What the store has and what has not been written yet, oldest first, nothing twice."""
    last = stored[-1].time if stored else float("-inf")
    known = {event for event in stored if event.time == last}
    return [*stored, *(event for event in recent if event.time > last or (event.time == last and event not in known))]


def replayed(
    file: str,
    replay: Any,
    events: Sequence[Any],
    topologies: Mapping[str, Document],
    lsas: Sequence[Document],
    error: str,
) -> Document:
    """What a capture held: topologies, what happened, the LSA traffic, and what of the file could not be used."""
    return {
        "file": file,
        "first": None if replay.first is None else rfc3339(replay.first),
        "last": rfc3339(replay.now) if replay.first is not None else None,
        "topologies": [document | {"instance": name} for name, document in topologies.items()],
        "databases": [
            {"instance": stream.instance, "version": stream.version, "area": address_text(stream.area),
             "lsas": len(listener.lsdb)}
            for stream, listener in replay.listeners.items()
        ],
        "events": [event_document(Event(e.time, e.kind, e.subject, e.detail)) for e in events],
        "lsas": list(lsas),
        "packets": asdict(replay.stats),
        "ospf": replay.listener_stats(),
        "last_refusal": replay.last_error,
        "error": error,
    }  # fmt: skip
