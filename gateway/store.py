"""The embedded store: SQLite (WAL) through sqlite-utils, written in one transaction per flush by one thread.

What must survive: ifIndex of every interface, application ids, counters.  What is kept to look back at: usage per
minute (link x application) and events.  After kill -9 at most one flush interval is missing, and everything in the
file is of one moment.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlite_utils import Database

from gateway.batch import UsageBatch
from gateway.errors import GatewayError
from gateway.pipeline import Pipeline, Remembered
from gateway.published import Event
from gateway.registry import AgentRegistry, KnownAgent
from gateway.schema import USAGE, stored
from gateway.view import Counters
from ospf.topology import LinkKey
from ospf.wire import address_text

SCHEMA_VERSION = 1
MINUTE = 60
MOST_OWED = 500_000  # rows of usage and of events each kept for a disk that refuses; the oldest go first, counted
log = logging.getLogger(__name__)


@dataclass
class Changes:
    """What one flush writes: plain values only, so that another thread may do it."""

    interfaces: list[tuple[Any, ...]] = field(default_factory=list)
    applications: list[tuple[int, str]] = field(default_factory=list)
    counters: list[tuple[int, ...]] = field(default_factory=list)
    app_totals: list[tuple[int, float, float]] = field(default_factory=list)
    usage: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    agents: list[tuple[str, str, float, str]] = field(default_factory=list)  # without addresses: not alive
    prune_before: float = 0.0


@dataclass
class StoreStats:
    flushes: int = 0
    rows: int = 0
    failures: int = 0
    dropped: int = 0  # rows of usage and events given up while the disk refused


class Store:
    """One file, `anemone.sqlite` in the state directory."""

    def __init__(self, directory: str | Path) -> None:
        self.path = Path(directory) / "anemone.sqlite"
        self.stats = StoreStats()
        self._written: Counters | None = None  # as of the last call of `changes`
        self._owed: Changes | None = None  # refused by the disk; goes with the next flush
        self._lock = threading.Lock()
        self._db: Database | None = None

    def open(self) -> Remembered:
        """Open or make the file; what a restart continues from."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._hold = open(self.path.with_name("lock"), "w")  # noqa: SIM115  (held until close)
            fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
            db = Database(sqlite3.connect(self.path, check_same_thread=False, timeout=10.0))
            db.enable_wal()
            db.conn.execute("PRAGMA synchronous=NORMAL")
            _create(db)
        except (OSError, sqlite3.Error) as error:
            raise GatewayError(
                f"state_dir: {self.path}: {error}; is it writable, and is no other gateway using it?"
            ) from error
        self._db = db
        return _remembered(db)

    def close(self) -> None:
        if self._db is not None:
            with self._lock:
                self._db.close()
            self._db = None
            self._hold.close()

    def write(self, changes: Changes) -> None:
        """One transaction; a failure is counted and logged, and what it held goes with the next flush."""
        if self._db is None:
            return
        with self._lock:
            conn = self._db.conn
            changes, self._owed = self._with_owed(changes), None
            try:
                with conn:
                    self._write(conn, changes)
                self.stats.flushes += 1
            except sqlite3.Error as error:
                self.stats.failures += 1
                self._owed = changes
                log.error("store: %s: flush failed: %s", self.path, error)
            except Exception:  # values no disk would take: given up, so that they do not fail every later flush
                self.stats.failures += 1
                log.exception("store: %s: flush failed, its rows are given up", self.path)

    def _with_owed(self, changes: Changes) -> Changes:
        """What is owed and then what is new; of what has one row per key the newer stands."""
        owed = self._owed
        if owed is None:
            return changes
        usage, events = owed.usage + changes.usage, owed.events + changes.events
        self.stats.dropped += max(len(usage) - MOST_OWED, 0) + max(len(events) - MOST_OWED, 0)
        return replace(
            changes,
            interfaces=list({row[0]: row for row in owed.interfaces + changes.interfaces}.values()),
            applications=list(dict(owed.applications + changes.applications).items()),
            counters=list({row[:2]: row for row in owed.counters + changes.counters}.values()),
            agents=list({row[0]: row for row in owed.agents + changes.agents}.values()),
            usage=usage[-MOST_OWED:],
            events=events[-MOST_OWED:],
        )

    def _write(self, conn: Any, c: Changes) -> None:
        conn.executemany("INSERT OR REPLACE INTO interfaces VALUES (?,?,?,?,?,?,?,?,?)", c.interfaces)
        conn.executemany("INSERT OR IGNORE INTO applications VALUES (?,?)", c.applications)
        conn.executemany("INSERT OR REPLACE INTO counters VALUES (?,?,?,?,?,?)", c.counters)
        conn.executemany("INSERT OR REPLACE INTO app_totals VALUES (?,?,?)", c.app_totals)
        sums = [n for n in stored(USAGE) if n not in ("time", "ifindex", "app")]
        conn.executemany(
            f"INSERT INTO usage_minute VALUES ({','.join('?' * len(stored(USAGE)))}) "
            f"ON CONFLICT DO UPDATE SET {', '.join(f'{n} = {n} + excluded.{n}' for n in sums)}",
            c.usage,
        )
        conn.executemany(
            "INSERT INTO events VALUES (?,?,?,?)", [(e.time, e.kind, e.subject, e.detail) for e in c.events]
        )
        conn.executemany("INSERT OR REPLACE INTO agents VALUES (?,?,?,?)", c.agents)
        if c.prune_before:
            conn.execute("DELETE FROM agents WHERE addresses = ''")
            conn.execute("DELETE FROM usage_minute WHERE time < ?", (c.prune_before,))
            conn.execute("DELETE FROM events WHERE time < ?", (c.prune_before,))
        self.stats.rows += len(c.counters) + len(c.usage) + len(c.interfaces) + len(c.events)

    def changes(
        self, pipeline: Pipeline, usage: Sequence[UsageBatch], now: float, keep_seconds: float
    ) -> Changes:
        """What is new since the last call, as plain values (called by the pipeline's thread)."""
        rows = {index: (key, row) for index, key, row in pipeline.rows.ordered()}
        touched = (pipeline.rows.dirty | pipeline.ifindex.dirty.keys()) & rows.keys()
        interfaces = []
        for index in sorted(touched):
            key, row = rows[index]
            interfaces.append(
                (
                    index,
                    key.instance,
                    key.router,
                    key.interface,
                    row.kind,
                    row.neighbor,
                    row.area,
                    row.cost,
                    row.up,
                )
            )
        applications = [(number, name) for name, number in pipeline.applications.dirty.items()]
        counters = pipeline.view.counters()
        moved = _moved(self._written, counters)
        self._written = counters
        changes = Changes(
            interfaces,
            applications,
            moved,
            [(number, t[0], t[1]) for number, t in pipeline.app_totals.items()],
            _minutes(usage),
            list(pipeline.new_events),
            [_agent_row(pipeline.agents, one) for one in pipeline.agents.dirty],
            now - keep_seconds if self.stats.flushes % 720 == 0 else 0.0,
        )
        pipeline.rows.dirty.clear()
        pipeline.ifindex.dirty.clear()
        pipeline.applications.dirty.clear()
        pipeline.new_events.clear()
        pipeline.agents.dirty.clear()
        return changes


def _agent_row(agents: AgentRegistry, identifier: bytes) -> tuple[str, str, float, str]:
    known = agents.known(identifier)
    if known is None:
        return (identifier.hex(), "", 0.0, "")
    addresses = json.dumps(list(known.gateways.items()))
    return (identifier.hex(), known.name, known.interval, addresses)


def _moved(before: Counters | None, now: Counters) -> list[tuple[int, ...]]:
    """Cells that differ from `before`; both are in (ifindex, app) order.  SQLite's integers are signed 64 bit."""
    names = ("octets", "packets", "in_octets", "in_packets")
    changed = np.ones(len(now), dtype=bool)
    if before is not None and len(before) and len(now):
        old_key, key = ((c.ifindex.astype(np.int64) << 24) | c.app for c in (before, now))
        where = np.minimum(np.searchsorted(old_key, key), len(old_key) - 1)
        same = old_key[where] == key
        for name in names:
            same &= getattr(before, name)[where] == getattr(now, name)
        changed = ~same
    columns = [now.ifindex, now.app, *(getattr(now, name).view(np.int64) for name in names)]
    return list(zip(*(column[changed].tolist() for column in columns), strict=True))


def _minutes(usage: Sequence[UsageBatch]) -> list[tuple[Any, ...]]:
    """Usage summed per minute, link and application."""
    names = list(stored(USAGE))
    rows: list[tuple[Any, ...]] = []
    for batch in usage:
        columns = {n: batch[n] for n in names}
        columns["time"] = (batch["time"] // MINUTE * MINUTE).astype(np.int64)
        rows += zip(*(columns[n].tolist() for n in names), strict=True)
    return rows


def _create(db: Database) -> None:
    found = db.conn.execute("PRAGMA user_version").fetchone()[0]
    if found > SCHEMA_VERSION:
        raise GatewayError(
            f"the store was written by a newer version (schema {found}, this one knows {SCHEMA_VERSION}); "
            "use that version, or another state_dir"
        )
    tables: dict[str, tuple[dict[str, Any], Any]] = {
        "interfaces": (
            {
                "ifindex": int,
                "instance": str,
                "router": int,
                "interface": str,
                "kind": str,
                "neighbor": str,
                "area": str,
                "cost": int,
                "up": int,
            },
            "ifindex",
        ),
        "applications": ({"id": int, "name": str}, "id"),
        "counters": (
            {"ifindex": int, "app": int, "octets": int, "packets": int, "in_octets": int, "in_packets": int},
            ("ifindex", "app"),
        ),
        "app_totals": ({"id": int, "octets": float, "packets": float}, "id"),
        "usage_minute": (
            {n: int if kind == "INTEGER" else float for n, kind in stored(USAGE).items()},
            ("time", "ifindex", "app"),
        ),
        "agents": ({"identifier": str, "name": str, "interval": float, "addresses": str}, "identifier"),
        "events": ({"time": float, "kind": str, "subject": str, "detail": str}, None),
    }
    for name, (columns, key) in tables.items():
        db[name].create(columns, pk=key, if_not_exists=True)  # type: ignore[union-attr]
    db["events"].create_index(["time"], if_not_exists=True)  # type: ignore[union-attr]
    db.conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.conn.commit()


def _remembered(db: Database) -> Remembered:
    ifindex: dict[LinkKey, int] = {}
    attributes: dict[LinkKey, tuple[str, str, str, int]] = {}
    for row in db["interfaces"].rows:
        key = LinkKey(row["instance"], row["router"], row["interface"])
        ifindex[key] = row["ifindex"]
        attributes[key] = (row["kind"], row["neighbor"], row["area"], row["cost"])
    applications = {row["name"]: row["id"] for row in db["applications"].rows}
    cells = np.array(
        db.conn.execute(
            "SELECT ifindex, app, octets, packets, in_octets, in_packets FROM counters ORDER BY ifindex, app"
        ).fetchall(),
        dtype=np.int64,
    ).reshape(-1, 6)
    counters = Counters(
        cells[:, 0].astype(np.int32),
        cells[:, 1].astype(np.int32),
        *(cells[:, i].astype(np.uint64) for i in range(2, 6)),  # two's complement: the upper half comes back
    )
    totals = {row["id"]: (row["octets"], row["packets"]) for row in db["app_totals"].rows}
    agents = [
        KnownAgent(bytes.fromhex(row["identifier"]), row["name"], row["interval"], dict(json.loads(row["addresses"])))
        for row in db["agents"].rows
        if row["addresses"]
    ]
    return Remembered(ifindex, attributes, applications, counters, totals, agents)


def read_links(path: str | Path, at: float | None = None) -> list[dict[str, Any]]:
    """Links as the store has them, in the link's JSON form, without a running gateway.

    Rates are those of the newest minute, or of the minute that holds `at` (seconds since the epoch).  Counters are
    the newest ones for `at=None` and sums up to and including that minute otherwise.
    """
    file = Path(path)
    file = file / "anemone.sqlite" if file.is_dir() else file
    if not file.exists():
        raise GatewayError(
            f"--store {path}: no such store; give the gateway's state_dir or its anemone.sqlite"
        )
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=2.0)) as conn:
            return _links_at(conn, at)
    except sqlite3.OperationalError as error:
        raise GatewayError(
            f"--store {path}: {error}; a running gateway holds it: ask that one with --gateway URL, or copy the file"
        ) from error
    except sqlite3.DatabaseError as error:
        raise GatewayError(
            f"--store {path}: {error}; give the gateway's state_dir or its anemone.sqlite"
        ) from error


def read_events(path: str | Path, since: float, until: float, most: int) -> list[Event]:
    """Events with since < time <= until (seconds since the epoch), oldest first; of too many the newest `most`."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)) as conn:
            query = (
                "SELECT time, kind, subject, detail FROM events WHERE time > ? AND time <= ?"
                " ORDER BY time DESC, rowid DESC LIMIT ?"
            )
            return [Event(*row) for row in conn.execute(query, (since, until, most))][::-1]
    except sqlite3.Error as error:
        raise GatewayError(f"{path}: {error}; is it the anemone.sqlite of a gateway's state_dir?") from error


def _links_at(conn: sqlite3.Connection, at: float | None) -> list[dict[str, Any]]:
    names = dict(conn.execute("SELECT id, name FROM applications").fetchall())
    names |= {0: "unknown", 1: "unattributed", 2: "other"}
    newest = conn.execute("SELECT max(time) FROM usage_minute").fetchone()[0] or 0
    minute = newest if at is None else int(at // MINUTE * MINUTE)
    rates: dict[int, dict[str, float]] = {}
    query = "SELECT ifindex, app, octets FROM usage_minute WHERE time = ?"
    for index, app, octets in conn.execute(query, (minute,)):
        rates.setdefault(index, {})[names.get(app, str(app))] = octets * 8 / MINUTE
    if at is None:
        cells: dict[int, tuple[int, int]] = {}
        for index, octets, packets in conn.execute("SELECT ifindex, octets, packets FROM counters"):
            known = cells.get(index, (0, 0))
            cells[index] = ((known[0] + octets) % 2**64, (known[1] + packets) % 2**64)
        rows: Iterable[tuple[int, float, float]] = ((index, *sums) for index, sums in cells.items())
    else:
        query = "SELECT ifindex, sum(octets), sum(packets) FROM usage_minute WHERE time <= ? GROUP BY ifindex"
        rows = conn.execute(query, (minute,))
    totals = {index: (int(octets), int(packets)) for index, octets, packets in rows}
    out = []
    for index, instance, router, interface, kind, neighbor, area, cost, up in conn.execute(
        "SELECT * FROM interfaces ORDER BY ifindex"
    ):
        name = address_text(router) if instance == "default" else f"{instance}/{address_text(router)}"
        octets, packets = totals.get(index, (0, 0))
        apps = rates.get(index, {})
        out.append(
            {
                "id": f"{name}:{interface}",
                "kind": kind,
                "ifindex": index,
                "router": address_text(router),
                "interface": interface,
                "neighbor": neighbor,
                "area": area,
                "cost": cost,
                "up": bool(up),
                "octets": octets,
                "packets": packets,
                "bits_per_second": sum(apps.values()),
                "apps": apps,
            }
        )
    return out
