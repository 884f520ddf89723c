"""`/metrics`: Prometheus text exposition format 0.0.4, one page from one `Published`.

Counters carry `_total`; rates are gauges of the last closed bin.  Component counters of `Published.stats` appear as
`anemone_<component>_<counter>`.  Label values are escaped, metric names reduced to what the format allows; application
names come from hosts and may hold anything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from gateway.published import Published

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[str, float | int]


def render(published: Published, version: str) -> str:
    """The whole page, ends with a newline."""
    table, cells, apps = published.links, published.link_apps, published.apps
    links = [
        _labels(link=table.id[i], name=table.name[i], router=table.router[i], neighbor=table.neighbor[i])
        for i in range(len(table))
    ]
    lines: list[str] = []

    def family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> None:
        lines.append(f"# HELP {name} {text}")
        lines.append(f"# TYPE {name} {kind}")
        lines.extend(f"{name}{labels} {_number(value)}" for labels, value in samples)

    family("anemone_build_info", "gauge", "Version that runs.", [(_labels(version=version), 1)])
    family("anemone_start_time_seconds", "gauge", "When the gateway started.", [("", published.started)])
    family("anemone_watermark_seconds", "gauge", "The view is complete up to here.", [("", published.watermark)])
    family("anemone_topology_version", "counter", "Topologies seen.", [("", published.topology_version)])
    per_link: list[tuple[str, str, str, list[float] | list[int]]] = [
        (
            "octets_total",
            "counter",
            "Octets sent out of the interface, L2 overhead included.",
            table.octets.tolist(),
        ),
        ("packets_total", "counter", "Packets sent out of the interface.", table.packets.tolist()),
        ("in_octets_total", "counter", "Octets received by the interface.", table.in_octets.tolist()),
        ("in_packets_total", "counter", "Packets received by the interface.", table.in_packets.tolist()),
        ("bits_per_second", "gauge", "Rate out, last closed bin.", table.bits_per_second.tolist()),
        ("in_bits_per_second", "gauge", "Rate in, last closed bin.", table.in_bits_per_second.tolist()),
        ("up", "gauge", "1 when the interface is up.", table.up.astype(int).tolist()),
    ]
    for name, kind, text, values in per_link:
        family(f"anemone_link_{name}", kind, text, zip(links, values, strict=True))
    family(
        "anemone_link_capacity_bits_per_second",
        "gauge",
        "Capacity, where configured.",
        [(links[i], c) for i, c in enumerate(table.capacity.tolist()) if c],
    )
    cell_labels = [
        _labels(link=table.id[link], application=apps.name[app])
        for link, app in zip(cells.link.tolist(), cells.app.tolist(), strict=True)
    ]
    per_cell: list[tuple[str, str, str, list[float] | list[int]]] = [
        ("octets_total", "counter", "Octets of one application out of one interface.", cells.octets.tolist()),
        (
            "packets_total",
            "counter",
            "Packets of one application out of one interface.",
            cells.packets.tolist(),
        ),
        (
            "bits_per_second",
            "gauge",
            "Rate of one application, last closed bin.",
            cells.bits_per_second.tolist(),
        ),
    ]
    for name, kind, text, values in per_cell:
        family(f"anemone_link_application_{name}", kind, text, zip(cell_labels, values, strict=True))
    app_labels = [_labels(application=name) for name in apps.name]
    per_app: list[tuple[str, str, str, list[float] | list[int]]] = [
        ("octets_total", "counter", "Octets carried, each flow once.", apps.octets.tolist()),
        ("packets_total", "counter", "Packets carried, each flow once.", apps.packets.tolist()),
        ("bits_per_second", "gauge", "Rate, each flow once, last closed bin.", apps.bits_per_second.tolist()),
    ]
    for name, kind, text, values in per_app:
        family(f"anemone_application_{name}", kind, text, zip(app_labels, values, strict=True))
    agents = [_labels(agent=agent.id, host=agent.name) for agent in published.agents]
    family(
        "anemone_agent_live",
        "gauge",
        "1 when the agent reports.",
        [(labels, int(agent.live)) for labels, agent in zip(agents, published.agents, strict=True)],
    )
    family(
        "anemone_agent_records_lost_total",
        "counter",
        "Records lost on the way or in the host's kernel.",
        [(labels, agent.lost) for labels, agent in zip(agents, published.agents, strict=True)],
    )
    for component, counters in published.stats.items():
        for counter, value in counters.items():
            name = re.sub(r"[^a-zA-Z0-9_]", "_", f"anemone_{component}_{counter}")
            family(name, "untyped", f"{_help(counter)} of {_help(component)}.", [("", value)])
    return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", " ")


def _help(text: str) -> str:
    return re.sub(r"[^\w .:/-]", "_", text)


def _number(value: float | int) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
