"""Tables for people of `routes`, `lsas` and replayed captures, as those of `gateway.tables`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table

from gateway import tables, units
from gateway.tables import plain, when

Document = Mapping[str, Any]
SHOWN_EVENTS = 40
FATES = ("added", "changed", "refreshed", "duplicate", "older", "removed")


def routes(d: Document) -> RenderableType:
    """One line per next hop; prefixes with several have their further ones below."""
    table = _table(("prefix", "type"))
    table.add_column("cost", justify="right", no_wrap=True)
    for name in ("area", "next hop", "towards", "out by"):
        table.add_column(name, no_wrap=True)
    for route in d["routes"]:
        cost = f"{route['cost']}" if route["type2_cost"] is None else f"{route['cost']}/{route['type2_cost']}"
        first = (route["prefix"], route["type"], cost, route["area"] or "-")
        hops = route["next_hops"] or [None]
        for number, hop in enumerate(hops):
            cells = first if number == 0 else ("", "", "", "")
            table.add_row(*(plain(cell) for cell in (*cells, *_hop(hop))))
    name = f" {d['name']}" if d["name"] else ""
    prefixes = units.counted(len(d["routes"]), "prefix", "prefixes")
    head = plain(f"{d['router']}{name}: {prefixes}, topology of {when(d['time'])} ({d['instance']})")
    return Group(head, plain(""), table)


def _hop(hop: Document | None) -> tuple[str, str, str]:
    if hop is None:
        return ("not seen", "", "")  # in an area nobody is attached to
    out = "-" if hop["link"] is None else hop["link"].partition(":")[2]
    if hop["router"] is None:
        return ("connected", "", out)
    return (hop["address"] or "unnumbered", hop["name"] or hop["router"], out)


def lsas(documents: Sequence[Document]) -> RenderableType:
    """LSA traffic by router and type (by instance too when there are several), with the whole at the end.

    Fates that no LSA had are left out.
    """
    several = len({d["instance"] for d in documents}) > 1
    table = _table(("router", "type", "area", *(["instance"] if several else [])))
    fates = [name for name in FATES if any(d[name] for d in documents)]
    for name in ("LSAs", *fates, "octets"):
        table.add_column(name, justify="right", no_wrap=True)
    for d in documents:
        numbers = [plain(f"{d[name]:,}" if d[name] else "-") for name in ("lsas", *fates)]
        table.add_row(
            plain(f"{d['router']} {d['name']}".rstrip()), plain(d["type"]), plain(d["area"]),
            *([plain(d["instance"])] if several else []), *numbers,
            plain(units.octets(d["octets"])),
        )  # fmt: skip
    return Group(table, plain(_shares(documents), "dim"))


def _shares(documents: Sequence[Document]) -> str:
    total = sum(d["lsas"] for d in documents)
    sums = {name: sum(d[name] for d in documents) for name in FATES}
    shares = ", ".join(f"{name} {units.percent(count / total)}" for name, count in sums.items() if count)
    return f"{units.counted(total, 'LSA')}: {shares}" if total else "no LSAs"


def replayed(d: Document) -> RenderableType:
    """A capture's topologies, the newest of what happened in it, and what of it could not be used."""
    parts: list[RenderableType] = []
    for topology in d["topologies"]:
        parts += [tables.topology(topology), plain("")]
    events = d["events"]
    if events:
        parts += [tables.events(events[-SHOWN_EVENTS:]), plain("")]
        if len(events) > SHOWN_EVENTS:
            parts.append(plain(f"{len(events) - SHOWN_EVENTS:,} earlier events: --json lists them", "dim"))
    packets, ospf = d["packets"], d["ospf"]
    held = ", ".join(
        f"area {each['area']}{'' if each['version'] == 2 else ' (v3)'}: {units.counted(each['lsas'], 'LSA')}"
        for each in d["databases"]
    )
    span = f"{when(d['first'])} to {when(d['last'])}" if d["first"] else ""
    parts.append(
        plain(f"{units.counted(packets['packets'], 'packet')}, {span}, {packets['ospf']:,} of OSPF; {held}", "dim")
    )
    parts.append(plain(_shares(d["lsas"]), "dim"))
    refused = ospf.get("malformed", 0) + ospf.get("lsas_refused", 0)
    if refused:
        what = "1 packet or LSA refused:" if refused == 1 else f"{refused:,} packets or LSAs refused, one for:"
        parts.append(plain(f"{what} {d['last_refusal']}", "yellow"))
    if packets["unread_version"]:
        parts.append(plain(f"{packets['unread_version']:,} packets of OSPFv3, which is not read yet", "yellow"))
    if not d["topologies"]:
        parts.append(plain("no LSA in it: no topology", "yellow"))
    return Group(*parts)


def event_line(event: Any) -> str:
    """One event as it happens."""
    words = f"{units.clock(event.time)}  {event.kind.replace('_', ' '):<16} {event.subject}  {event.detail}"
    return plain(words.rstrip()).plain


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table
