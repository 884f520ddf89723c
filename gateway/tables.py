"""API documents as tables for people: rich renderables, aligned, with units, readable in 100 columns.

Every text is printed as it is, never as markup, and unprintable characters are replaced: names come from other
hosts and must not write to a terminal what they like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway import units

Document = Mapping[str, Any]

BAR_CELLS = 8
EIGHTHS = " ▏▎▍▌▋▊▉█"
HOT, WARM = 0.9, 0.75
SHOWN_APPS = 3
TIMES = ("started", "created")  # ends of counters that are seconds since 1970
LEAST = 12  # cells an elastic column keeps


def plain(value: object, style: str = "") -> Text:
    """Text that cannot be markup or a terminal escape; None is a dash."""
    text = "-" if value is None else str(value)
    return Text("".join(c if c.isprintable() else "·" for c in text), style=style)


def elastic(value: object) -> Text:
    """Text of the column that gives way when the terminal is narrow: one line, cut with an ellipsis."""
    text = plain(value)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def when(text: str | None) -> str:
    """RFC 3339 text as whole seconds with a space."""
    return units.clock(datetime.fromisoformat(text).timestamp()) if text else "-"


def bar(share: float | None, cells: int = BAR_CELLS) -> Text:
    """A horizontal bar for a share of 1; unknown is empty."""
    if share is None:
        return Text("")
    eighths = round(min(1.0, max(0.0, share)) * cells * 8)
    full, rest = divmod(eighths, 8)
    style = "red" if share >= HOT else "yellow" if share >= WARM else "green"
    return Text("█" * full + (EIGHTHS[rest] if rest else ""), style=style)


def links(documents: Sequence[Document], app: str | None = None) -> RenderableType:
    """One line per link; with `app`, that application's rate comes first."""
    table = _table()
    table.add_column("link", no_wrap=True)
    table.add_column("towards", no_wrap=True)
    if app is not None:
        table.add_column(plain(app), justify="right", no_wrap=True)
    table.add_column("rate", justify="right", no_wrap=True)
    if app is None:
        table.add_column("of", justify="right", no_wrap=True)
    table.add_column("used", justify="right", no_wrap=True)
    table.add_column("", width=BAR_CELLS, no_wrap=True)
    table.add_column("applications", min_width=LEAST)
    for d in documents:
        table.add_row(
            plain(d.get("name") or d["id"]),
            plain(_towards(d)),
            *([plain(units.bits_per_second(d["apps"].get(app, 0.0)))] if app is not None else []),
            plain(units.bits_per_second(d["bits_per_second"])),
            *([plain(_capacity(d))] if app is None else []),
            plain(units.percent(d.get("utilisation"))) if d["up"] else Text("down", "red"),
            bar(d.get("utilisation")) if d["up"] else Text(""),
            elastic(", ".join(f"{n} {_short(r)}" for n, r in list(d["apps"].items())[:SHOWN_APPS])),
            style="" if d["up"] else "dim",
        )
    return table


def link(d: Document) -> RenderableType:
    """Everything about one link."""
    facts = _pairs(
        [
            ("link", d["id"]),
            *([("name", d["name"])] if d.get("name") else []),
            ("kind", d["kind"]),
            ("towards", _towards(d)),
            ("state", f"{'up' if d['up'] else 'down'} since {when(d['last_change'])}" if d.get("last_change")
             else "up" if d["up"] else "down"),
            ("ifIndex, area, cost", f"{d['ifindex']}, {d['area']}, {d['cost']}"),
            ("capacity", _capacity(d)),
            ("rate out", f"{units.bits_per_second(d['bits_per_second'])}  {_used(d)}".rstrip()),
            ("out", f"{d['octets']:,} octets, {d['packets']:,} packets"),
            *([("rate in", units.bits_per_second(d["in_bits_per_second"])),
               ("in", f"{d['in_octets']:,} octets, {d['in_packets']:,} packets")] if "in_octets" in d else []),
        ]
    )  # fmt: skip
    parts: list[RenderableType] = [facts]
    if d.get("applications"):
        table = _table()
        table.add_column("application", no_wrap=True)
        for name in ("rate", "octets", "packets"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("share of octets", justify="right", no_wrap=True)
        table.add_column("", width=BAR_CELLS)
        for app in d["applications"]:
            table.add_row(
                plain(app["name"]), plain(units.bits_per_second(app["bits_per_second"])), plain(f"{app['octets']:,}"),
                plain(f"{app['packets']:,}"), plain(units.percent(app["share_of_octets"])),
                _share_bar(app["share_of_octets"]),
            )  # fmt: skip
        parts += [table, Text("")]
    if d.get("talkers"):
        table = _table()
        for name in ("source", "destination", "application"):
            table.add_column(name, no_wrap=True)
        table.add_column("rate", justify="right", no_wrap=True)
        for talker in d["talkers"]:
            table.add_row(
                plain(talker["source"]), plain(talker["destination"]), plain(talker["app"]),
                plain(units.bits_per_second(talker["bits_per_second"])),
            )  # fmt: skip
        parts += [table, Text("")]
    return Group(*parts)


def routers(documents: Sequence[Document]) -> RenderableType:
    names = {d["router"]: d["name"] for d in documents}
    table = _table()
    table.add_column("router", no_wrap=True)
    table.add_column("name", no_wrap=True)
    for name in ("links up", "forwarded", "sourced", "sunk"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("neighbours", min_width=LEAST)
    for d in documents:
        table.add_row(
            plain(d["router"]), plain(d["name"] or "-"), plain(f"{d['links_up']} / {d['links']}"),
            *(plain(units.bits_per_second(d[f"{k}_bits_per_second"])) for k in ("forwarded", "sourced", "sunk")),
            elastic(", ".join(names.get(n) or n for n in d["neighbors"])), style="" if d["up"] else "dim",
        )  # fmt: skip
    return table


def apps(documents: Sequence[Document]) -> RenderableType:
    table = _table()
    table.add_column("id", justify="right", no_wrap=True)
    table.add_column("application", no_wrap=True)
    for name in ("rate", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", width=BAR_CELLS)
    for name in ("octets", "packets"):
        table.add_column(name, justify="right", no_wrap=True)
    for d in documents:
        table.add_row(
            plain(d["id"]), plain(d["name"]), plain(units.bits_per_second(d["bits_per_second"])),
            plain(units.percent(d["share"])), _share_bar(d["share"]), plain(f"{d['octets']:,}"),
            plain(f"{d['packets']:,}"),
        )  # fmt: skip
    return table


def agents(documents: Sequence[Document]) -> RenderableType:
    table = _table()
    table.add_column("host", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("addresses", min_width=LEAST)
    table.add_column("gateway", no_wrap=True)
    for name in ("last report", "records", "lost"):
        table.add_column(name, justify="right", no_wrap=True)
    for d in documents:
        table.add_row(
            plain(d["name"] or d["id"]), plain("live", "green") if d["live"] else plain("silent", "red"),
            elastic(", ".join(d["addresses"])), plain(d["gateway"] or "-"),
            plain(units.duration(d["age_seconds"]) + " ago"), plain(f"{d['records']:,}"),
            plain(f"{d['lost']:,}", "red" if d["lost"] else ""),
        )  # fmt: skip
    return table


def matrix(documents: Sequence[Document]) -> RenderableType:
    table = _table()
    table.add_column("from", no_wrap=True)
    table.add_column("to", no_wrap=True)
    table.add_column("rate", justify="right", no_wrap=True)
    table.add_column("", width=BAR_CELLS)
    table.add_column("applications", min_width=LEAST)
    most = max((d["bits_per_second"] for d in documents), default=0.0)
    for d in documents:
        table.add_row(
            plain(d["source_name"] or d["source"]), plain(d["destination_name"] or d["destination"]),
            plain(units.bits_per_second(d["bits_per_second"])),
            _share_bar(d["bits_per_second"] / most if most else 0.0),
            elastic(", ".join(f"{n} {_short(r)}" for n, r in list(d["apps"].items())[:SHOWN_APPS])),
        )  # fmt: skip
    return table


def path(d: Document) -> RenderableType:
    source, destination = d["source"], d["destination"]
    assumed = " (assumed: several routers could be its first)" if source["assumed"] else ""
    facts = _pairs(
        [
            (
                "from",
                f"{source['address']}, enters at {' '.join(filter(None, (source['at'], source['name'])))}{assumed}",
            ),
            ("to", f"{destination['address']} in {destination['prefix']} ({destination['type']})"),
            ("topology", f"version {d['topology_version']}"),
        ]
    )
    table = _table()
    table.add_column("router", no_wrap=True)
    table.add_column("in by", no_wrap=True)
    table.add_column("out by", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("", width=BAR_CELLS)
    table.add_column("cost so far", justify="right", no_wrap=True)
    for hop in d["hops"]:
        name = f"{hop['router']} {hop['name']}".rstrip()
        table.add_row(
            plain(name), plain(_interface(hop["ingress"])), plain(_interface(hop["egress"])),
            plain(units.percent(hop["share"])), _share_bar(hop["share"]), plain(f"{hop['cost']:g}"),
        )  # fmt: skip
    return Group(facts, table)


def topology(d: Document) -> RenderableType:
    """Routers with their links; prefixes are counted, --json lists them."""
    facts = _pairs(
        [
            ("version", f"{d['version']} of {when(d['time'])}"),
            *_area_facts(d),
            *_other_instances(d),
            ("routers, networks", f"{len(d['routers'])}, {len(d['networks'])}"),
            ("links, prefixes", f"{len(d['links'])}, {len(d['prefixes'])} (--json lists the prefixes)"),
        ]
    )
    names = {r["router"]: r["name"] for r in d["routers"]}
    several = len(d["areas"]) > 1
    table = _table()
    for name in ("router", "interface", "towards", *(["area"] if several else [])):
        table.add_column(name, no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("cost", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    last = ""
    for d_link in sorted(d["links"], key=lambda each: _dotted_order(each["router"])):
        first = d_link["router"] != last
        last = d_link["router"]
        table.add_row(
            plain(f"{last} {names.get(last, '')}".rstrip() if first else ""),
            plain(d_link["interface"]), plain(names.get(d_link["neighbor"]) or d_link["neighbor"] or "-"),
            *([plain(d_link["area"])] if several else []),
            plain(d_link["kind"]), plain(d_link["cost"]),
            plain("up", "green") if d_link["up"] else plain("down", "red"),
        )  # fmt: skip
    return Group(facts, table)


def _area_facts(d: Document) -> list[tuple[str, str]]:
    """Instance and areas; border and boundary routers; areas that nobody is attached to."""
    words = [
        f"{each['area']} {each['kind'] if each['kind'] != 'normal' else ''}".rstrip()
        + (" (polled)" if each["source"] == "polled" else "")
        for each in d["areas"]
    ]
    found = [("areas" if len(words) > 1 else "area", f"{', '.join(words) or d['area']} ({d['instance']})")]
    for flag, text in (("abr", "area borders"), ("asbr", "AS boundaries"), ("stub", "stub routers")):
        routers = [each["name"] or each["router"] for each in d["routers"] if each[flag]]
        if routers:
            found.append((text, ", ".join(routers[:8]) + (f" and {len(routers) - 8} more" if len(routers) > 8 else "")))
    if d["unseen_borders"]:
        borders = ", ".join(d["unseen_borders"][:8])
        found.append(("not seen", f"further areas of {borders}: nothing is attached there"))
    return found


def _other_instances(d: Document) -> list[tuple[str, str]]:
    others = [name for name in d.get("instances", ()) if name != d["instance"]]
    return [("also", f"{', '.join(others)}: ask with --instance")] if others else []


def events(documents: Sequence[Document]) -> RenderableType:
    table = _table()
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("event", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for d in documents:
        kind = d["kind"]
        bad = kind.endswith(("_down", "_lost", "_removed"))
        good = kind.endswith(("_up", "_added"))
        style = "red" if bad else "green" if good else ""
        table.add_row(
            plain(when(d["time"])),
            plain(kind.replace("_", " "), style),
            plain(d["subject_name"]),
            plain(d["detail_name"]),
        )
    return table


def status(d: Document) -> RenderableType:
    facts = _pairs(
        [
            ("version", d["version"]),
            ("running", f"{units.duration(d['uptime_seconds'])}, since {when(d['started'])}"),
            (
                "view",
                f"of {when(d['time'])}, complete to {when(d['watermark'])}, bins of {d['bin_seconds']:g} s",
            ),
            (
                "topology",
                f"version {d['topology_version']}: {d['routers']} routers, {d['links_up']} of {d['links']} links up",
            ),
            ("agents", f"{d['agents_live']} of {d['agents']} live"),
            ("carried", f"{units.bits_per_second(d['bits_per_second'])}, {d['applications']} applications"),
        ]
    )
    lost = {(each["component"], each["counter"]) for each in d["losses"]}
    table = _table()
    table.add_column("component", no_wrap=True)
    table.add_column("counter", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    rows = [(c, k, v) for c, counters in d["components"].items() for k, v in counters.items() if v]
    rows += [(x["component"], x["counter"], x["value"]) for x in d["losses"] if x["component"] not in d["components"]]
    last = ""
    for component, counter, value in rows:
        table.add_row(
            plain(component if component != last else ""), plain(counter.replace("_", " ")),
            plain(_counted(counter, value)),
            style="red" if (component, counter) in lost else "",
        )  # fmt: skip
        last = component
    note = plain("red counts something lost; counters at zero are left out (--json has all)", "dim")
    return Group(facts, table, note) if rows else facts


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))


def _pairs(pairs: Iterable[tuple[str, object]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in pairs:
        table.add_row(label, plain(value))
    table.add_row("", "")
    return table


def _towards(d: Document) -> str:
    return str(d.get("towards") or d["neighbor"] or (d["interface"] if d["kind"] == "stub" else d["kind"]))


def _capacity(d: Document) -> str:
    capacity = d.get("capacity_bits_per_second")
    return units.bits_per_second(capacity) if capacity else "unknown"


def _used(d: Document) -> str:
    return f"({units.percent(d['utilisation'])} of capacity)" if d.get("utilisation") is not None else ""


def _share_bar(share: float) -> Text:
    found = bar(share)
    found.style = "cyan"
    return found


def _counted(counter: str, value: float) -> str:
    if counter.endswith(TIMES):
        return units.clock(value)
    if counter == "pid":
        return f"{value:.0f}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"


def _short(rate: float) -> str:
    return units.scaled(rate, "").replace(" ", "")


def _interface(link_id: str | None) -> str:
    return "-" if link_id is None else link_id.partition(":")[2]


def _dotted_order(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
