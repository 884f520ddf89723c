"""The query verbs about the past, answered from a store without a gateway: a state directory, or an archive of LSAs.

Times are read as by the HTTP API; `now` is the caller's clock. Without a time it is the newest the archive has.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway import api, history_api, network_api, query
from gateway.past import Past, Progress
from gateway.past import offline as past_of
from gateway.published import Event
from gateway.store import read_events
from ospf.paths import Paths

Document = Any
FOREVER = 253_402_300_800.0  # year 10000


def topology(
    store: str | Path, *, at: str | None, area: str | None, instance: str | None, now: float
) -> Document:
    """As `/api/topology`."""
    past = past_of(store)
    held = past.topologies(_moment(past, "--at", at, now))
    name, chosen = history_api.choose(held, instance)
    made = network_api.topology(chosen, api.NO_NAMES, None if area is None else history_api.area_id(area))
    return made | {"instance": name, "instances": sorted(held)}


def changes(store: str | Path, times: Sequence[str], instance: str | None, now: float) -> Document:
    """As `/api/topology/diff`."""
    past = past_of(store)
    old, new = past.pair(*(query.moment("--diff", text, now) for text in times))
    return network_api.changes(history_api.choose(old, instance)[1], history_api.choose(new, instance)[1])


def routes(
    store: str | Path, router: str, *, at: str | None, prefix: str | None, instance: str | None, now: float
) -> Document:
    """As `/api/routes`; the router goes by its id."""
    past = past_of(store)
    number = router_id(router)
    chosen = None if prefix is None else query.prefix("--prefix", prefix)
    name, found = history_api.choose(past.topologies(_moment(past, "--at", at, now)), instance)
    return history_api.routes(found, Paths(found), number, api.NO_NAMES, chosen) | {"instance": name}


def router_id(text: str) -> str:
    """A dotted router id; an archive has no names. QueryError."""
    try:
        return query.router_id("ROUTER", text)
    except query.QueryError as error:
        remedy = "a store has no names: `anemone topology --store` lists the ids"
        raise query.QueryError(error.field, f"{text[:40]!r} is no router id", remedy) from None


def events(
    store: str | Path,
    *,
    since: str | None,
    until: str | None,
    kind: str | None,
    now: float,
    progress: Progress | None = None,
) -> Document:
    """As `/api/events`, from the events stored, else from the archive; `progress` is told how far (a time)."""
    past = past_of(store, read_events)
    first = 0.0 if since is None else query.moment("--since", since, now)
    last = FOREVER if until is None else query.moment("--until", until, now)
    found: Sequence[Event] = past.events(first, last, progress)
    return [api.event_document(event) for event in history_api.select_events(found, None, None, kind)]


def lsas(store: str | Path, *, since: str | None, until: str | None, now: float) -> Document:
    """As `/api/lsas`; the hour counts from the newest record."""
    past = past_of(store)
    first = past.newest() - 3600 if since is None else query.moment("--since", since, now)
    last = FOREVER if until is None else query.moment("--until", until, now)
    return history_api.lsas(past.traffic(first, last))


def _moment(past: Past, name: str, text: str | None, now: float) -> float:
    return past.newest() if text is None else query.moment(name, text, now)
