"""The JSON documents: `Published` in, plain dicts and lists out (what HTTP serves and `--json` prints).

One function per question; each takes the immutable `Published` and already-read parameters, and never waits.  Names
and units are those of design.md: octets, packets, bits_per_second; times are RFC 3339 UTC text; an unknown capacity or
time is null.  A link is one router interface, its traffic the traffic *leaving* that router; the extra keys after
design.md's (`name`, `towards`, `capacity_bits_per_second`, `utilisation`) may grow, the others stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.published import F8, Agent, Event, Published
from gateway.query import NothingFound
from gateway.units import rfc3339
from ospf.links import LinkKey
from ospf.wire import address_text

Document = dict[str, Any]
Names = Mapping[str, str]  # router id -> name shown
NO_NAMES: Names = {}

LOSS_WORDS = {
    "lost", "dropped", "malformed", "missing", "unroutable", "unreachable", "evicted", "overflow", "overflowed",
    "errors", "failures", "failed", "refused", "discarded", "truncated", "rejected", "unusable",
}  # fmt: skip
LOSS_COUNTERS = {
    "no_topology", "source_unknown", "destination_unknown", "too_late_records", "too_late_octets", "future_records",
    "ipv6", "not_flows", "application_table_full",
}  # fmt: skip
RATE, USED = ORDERS = ("rate", "used")  # what links are put in order by
NO_LOSS_COMPONENTS = {"http"}  # a question refused loses nothing


def links(
    published: Published,
    names: Names = NO_NAMES,
    *,
    top: int | None = None,
    app: str | None = None,
    router: str | None = None,
    by: str = RATE,
) -> list[Document]:
    """Links, busiest first (with `app`: those that carry it, by its rate); ties in ifIndex order.

    By `used`: those that are down, then the fullest, then those of unknown capacity.
    """
    table = published.links
    rate = table.bits_per_second
    keep = np.ones(len(table), bool)
    if router is not None:
        keep &= np.array([r == router for r in table.router], bool)
    if app is not None:
        rate = np.zeros(len(table))
        carries = np.zeros(len(table), bool)
        if app in published.apps.name:
            cells = published.link_apps.app == published.apps.name.index(app)
            rows = published.link_apps.link[cells]
            rate[rows] = published.link_apps.bits_per_second[cells]
            carries[rows] = True
        keep &= carries
    rows = np.flatnonzero(keep)
    if by == USED:
        used = rate / np.where(table.capacity > 0, table.capacity, np.inf)
        rows = rows[np.lexsort((-rate[rows], -used[rows], table.up[rows]))]
    else:
        rows = rows[np.argsort(-rate[rows], kind="stable")]
    return [link_document(published, int(row), names) for row in (rows if top is None else rows[:top])]


def select(
    documents: Iterable[Document],
    *,
    top: int | None = None,
    app: str | None = None,
    router: str | None = None,
    by: str = RATE,
) -> list[Document]:
    """The same choice and order as `links`, over documents made earlier (history, store)."""
    kept = [d for d in documents if (router is None or d["router"] == router) and (app is None or app in d["apps"])]
    kept.sort(key=lambda d: -(d["bits_per_second"] if app is None else d["apps"][app]))
    if by == USED:
        capacity = "capacity_bits_per_second"
        kept.sort(
            key=lambda d: (
                d["up"],
                -(d["bits_per_second"] if app is None else d["apps"][app]) / (d.get(capacity) or float("inf")),
            )
        )
    return kept[:top]


def with_names(published: Published, documents: Iterable[Document], names: Names = NO_NAMES) -> list[Document]:
    """Links of another time with the names and capacities they have now."""
    row_of = {link: row for row, link in enumerate(published.links.id)}
    return [
        d | _words(published, row_of[d["id"]], names, d["bits_per_second"]) if d["id"] in row_of else d
        for d in documents
    ]


def find_link(published: Published, text: str) -> int:
    """Row of a link by id, by name or by ifIndex; NothingFound."""
    table = published.links
    for column in (table.id, table.name):
        if text in column:
            return column.index(text)
    if text.isascii() and text.isdigit() and len(text) <= 5:
        found = np.flatnonzero(table.ifindex == int(text))
        if len(found):
            return int(found[0])
    raise NothingFound("link", f"no link {text!r}", "`anemone links` lists them: give an id, a name or an ifIndex")


def link_document(published: Published, row: int, names: Names = NO_NAMES) -> Document:
    """One link in the shape of design.md; `apps` holds what flows now, biggest first."""
    table = published.links
    rate = float(table.bits_per_second[row])
    cells = cells_of_link(published, row)
    return {
        "id": table.id[row],
        "kind": table.kind[row],
        "ifindex": int(table.ifindex[row]),
        "router": table.router[row],
        "interface": table.interface[row],
        "neighbor": table.neighbor[row],
        "area": table.area[row],
        "cost": int(table.cost[row]),
        "up": bool(table.up[row]),
        "octets": int(table.octets[row]),
        "packets": int(table.packets[row]),
        "bits_per_second": rate,
        "apps": {
            published.apps.name[published.link_apps.app[cell]]: float(published.link_apps.bits_per_second[cell])
            for cell in cells
            if published.link_apps.bits_per_second[cell] > 0
        },
    } | _words(published, row, names, rate)


def _words(published: Published, row: int, names: Names, rate: float) -> Document:
    """What we add to design.md's keys of a link."""
    capacity = float(published.links.capacity[row])
    return {
        "name": published.links.name[row],
        "towards": towards(published, row, names),
        "capacity_bits_per_second": capacity or None,
        "utilisation": rate / capacity if capacity else None,
    }


def towards(published: Published, row: int, names: Names) -> str:
    """Where a link leads, in words: the neighbour's name or id, the LAN's or stub's prefix, or `external`."""
    table = published.links
    place = table.interface[row] if table.kind[row] == "stub" else table.kind[row]
    return names.get(table.neighbor[row]) or table.neighbor[row] or place


def cells_of_link(published: Published, row: int) -> NDArray[np.int64]:
    """Rows of `link_apps` that belong to a link, biggest rate first."""
    table = published.link_apps
    first, last = np.searchsorted(table.link, [row, row + 1])
    cells = np.arange(first, last)
    return cells[np.lexsort((-table.octets[cells].astype(np.float64), -table.bits_per_second[cells]))]


def link(published: Published, row: int, names: Names = NO_NAMES) -> Document:
    """Everything about one link: the list's keys, In counters, every application and the top talkers."""
    table, cell_table, apps = published.links, published.link_apps, published.apps
    octets = int(table.octets[row])
    changed = float(table.last_change[row])
    return link_document(published, row, names) | {
        "in_octets": int(table.in_octets[row]),
        "in_packets": int(table.in_packets[row]),
        "in_bits_per_second": float(table.in_bits_per_second[row]),
        "last_change": rfc3339(changed) if changed else None,
        "applications": [
            {
                "id": int(apps.id[cell_table.app[cell]]),
                "name": apps.name[cell_table.app[cell]],
                "octets": int(cell_table.octets[cell]),
                "packets": int(cell_table.packets[cell]),
                "bits_per_second": float(cell_table.bits_per_second[cell]),
                "share_of_octets": int(cell_table.octets[cell]) / octets if octets else 0.0,
            }
            for cell in cells_of_link(published, row)
        ],
        "talkers": [
            {
                "source": talker.source,
                "destination": talker.destination,
                "app": apps.name[talker.app],
                "bits_per_second": float(talker.bits_per_second),
            }
            for talker in sorted(published.talkers, key=lambda t: -t.bits_per_second)
            if talker.link == row
        ],
    }


def routers(published: Published, names: Names = NO_NAMES) -> list[Document]:
    """Every router seen, by router id, with the traffic of the last closed bin; `names` router id -> name shown.

    `forwarded` is all that leaves by the router's interfaces; `sourced` entered the network at it, `sunk` left the
    network at it.  What is sourced or sunk on a LAN is split over the LAN's routers by their In or Out rates there,
    which is exact when the LAN carries no transit.
    """
    table, matrix = published.links, published.matrix
    in_topology = _topology_routers(published)
    every = sorted(set(table.router) | in_topology, key=_router_order)
    rows_of: dict[str, list[int]] = {name: [] for name in every}
    for row, name in enumerate(table.router):
        rows_of[name].append(row)
    forwarded = _sums(table.router, table.bits_per_second)
    sourced = _at_routers(published, _sums(matrix.source, matrix.bits_per_second), table.in_bits_per_second)
    sunk = _at_routers(published, _sums(matrix.destination, matrix.bits_per_second), table.bits_per_second)
    return [
        {
            "router": name,
            "name": names.get(name, ""),
            "up": name in in_topology if published.topology is not None else bool(table.up[rows].any()),
            "links": len(rows),
            "links_up": int(table.up[rows].sum()),
            "neighbors": sorted(
                {table.neighbor[row] for row in rows if table.kind[row] == "transit" and table.up[row]}
            ),
            "forwarded_bits_per_second": forwarded.get(name, 0.0),
            "sourced_bits_per_second": sourced.get(name, 0.0),
            "sunk_bits_per_second": sunk.get(name, 0.0),
        }
        for name, rows in rows_of.items()
    ]


def _at_routers(published: Published, places: Mapping[str, float], rates: F8) -> dict[str, float]:
    """Sums by router; those of a LAN (a prefix) go to its routers by their `rates` on that LAN."""
    table = published.links
    found = {place: rate for place, rate in places.items() if "/" not in place}
    for place, rate in places.items():
        if "/" in place:
            rows = [i for i, each in enumerate(table.neighbor) if each == place and table.kind[i] == "transit"]
            total = float(rates[rows].sum()) if rows else 0.0
            for row in rows if total else []:
                router = table.router[row]
                found[router] = found.get(router, 0.0) + rate * float(rates[row]) / total
    return found


def apps(published: Published) -> list[Document]:
    """Applications that ever carried traffic, busiest first; octets count every flow once, not once per link."""
    table = published.apps
    rows = np.lexsort((-table.octets.astype(np.float64), -table.bits_per_second))
    total = float(table.bits_per_second.sum())
    return [
        {
            "id": int(table.id[row]),
            "name": table.name[row],
            "octets": int(table.octets[row]),
            "packets": int(table.packets[row]),
            "bits_per_second": float(table.bits_per_second[row]),
            "share": float(table.bits_per_second[row]) / total if total else 0.0,
        }
        for row in rows
        if table.octets[row] or table.bits_per_second[row]
    ]


def agents(published: Published) -> list[Document]:
    """Host agents by name; `age_seconds` since the last report."""
    return [agent_document(agent, published.time) for agent in sorted(published.agents, key=lambda a: (a.name, a.id))]


def agent_document(agent: Agent, now: float) -> Document:
    return {
        "id": agent.id,
        "name": agent.name,
        "live": agent.live,
        "exporter": agent.exporter,
        "addresses": list(agent.addresses),
        "gateway": agent.gateway,
        "layer": agent.layer,
        "interval_seconds": agent.interval_seconds,
        "last_seen": rfc3339(agent.last_seen),
        "age_seconds": max(0.0, now - agent.last_seen),
        "records": agent.records,
        "lost": agent.lost,
    }


def matrix(published: Published, names: Names = NO_NAMES) -> list[Document]:
    """Traffic from router to router (or LAN), biggest pair first, split by application."""
    table = published.matrix
    pairs: dict[tuple[str, str], dict[str, float]] = {}
    for source, destination, app, rate in zip(
        table.source, table.destination, table.app.tolist(), table.bits_per_second.tolist(), strict=True
    ):
        cell = pairs.setdefault((source, destination), {})
        cell[published.apps.name[app]] = cell.get(published.apps.name[app], 0.0) + rate
    documents = [
        {
            "source": source,
            "destination": destination,
            "source_name": names.get(source, ""),
            "destination_name": names.get(destination, ""),
            "bits_per_second": sum(split.values()),
            "apps": dict(sorted(split.items(), key=lambda item: -item[1])),
        }
        for (source, destination), split in pairs.items()
    ]
    return sorted(documents, key=lambda d: (-d["bits_per_second"], d["source"], d["destination"]))


def events(published: Published, since: float | None = None, names: Names = NO_NAMES) -> list[Document]:
    """What happened, oldest first; `since` (seconds) is exclusive, so that a reader can ask from its last event on."""
    return [event_document(event, names) for event in published.events if since is None or event.time > since]


def event_document(event: Event, names: Names = NO_NAMES) -> Document:
    """`subject` and `detail` with ids, and the same with the routers' names."""
    return {
        "time": rfc3339(event.time),
        "kind": event.kind,
        "subject": event.subject,
        "detail": event.detail,
        "subject_name": named(event.subject, names),
        "detail_name": named(event.detail, names),
    }


def named(text: str, names: Names) -> str:
    """Router ids in an event's words replaced by their names; `10.0.0.1:10.9.0.1` is a link of that router."""
    words = [word.partition(":") for word in text.split(" ")]
    return " ".join(names.get(head, head) + colon + tail for head, colon, tail in words)


def status(published: Published, version: str) -> Document:
    """The gateway itself: how long, how far, how much, what was lost."""
    live = sum(agent.live for agent in published.agents)
    return {
        "version": version,
        "time": rfc3339(published.time),
        "started": rfc3339(published.started),
        "uptime_seconds": max(0.0, published.time - published.started),
        "watermark": rfc3339(published.watermark),
        "bin_seconds": published.bin_seconds,
        "topology_version": published.topology_version,
        "routers": len(set(published.links.router) | _topology_routers(published)),
        "links": len(published.links),
        "links_up": int(published.links.up.sum()),
        "applications": sum(1 for octets in published.apps.octets.tolist() if octets),
        "agents": len(published.agents),
        "agents_live": live,
        "bits_per_second": float(published.apps.bits_per_second.sum()),
        "losses": losses(published),
        "components": {name: dict(counters) for name, counters in published.stats.items()},
    }


def losses(published: Published) -> list[Document]:
    """Every counter that counts something lost and is not zero, and the agents' own losses."""
    found: list[Document] = []
    for component, counters in published.stats.items():
        for counter, value in counters.items():
            words = set(counter.split("_"))
            lost = counter in LOSS_COUNTERS or words & LOSS_WORDS
            if value and lost and component not in NO_LOSS_COMPONENTS:
                unit = "octets" if "octets" in words or component.endswith("_octets") else "count"
                found.append({"component": component, "counter": counter, "value": value, "unit": unit})
    records = sum(agent.lost for agent in published.agents)
    if records:
        found.append({"component": "agents", "counter": "records_lost", "value": records, "unit": "count"})
    return found


def link_id(key: LinkKey) -> str:
    """The id of a topology's link, as in `LinkColumns.id`."""
    return str(key) if key.instance == "default" else f"{key.instance}/{key}"


def _sums(keys: Sequence[str], values: Iterable[float]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for key, value in zip(keys, values, strict=True):
        sums[key] = sums.get(key, 0.0) + float(value)
    return sums


def _topology_routers(published: Published) -> set[str]:
    """Router ids of the current topology that are not cut off."""
    held = published.topology
    if held is None:
        return set()
    return {address_text(router) for router, alive in zip(held.routers.tolist(), held.alive, strict=False) if alive}


def _router_order(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split("."))
