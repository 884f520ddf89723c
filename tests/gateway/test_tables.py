"""gateway.tables: readable in 100 columns, and nothing a name can do to the terminal."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from gateway import api, network_api, tables
from tests.gateway import published_fake as fake


def shown(picture: RenderableType, width: int = 100) -> list[str]:
    out = StringIO()
    Console(file=out, width=width, highlight=False, force_terminal=False).print(picture)
    lines = out.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    return [line.rstrip() for line in lines]


def every_picture(published: fake.Published) -> dict[str, RenderableType]:
    row = api.find_link(published, "10.255.0.4:10.4.0.0/24")
    path: Any = network_api.path(published, 0x0A01000A, 0x0A040014, fake.NAMES)
    return {
        "links": tables.links(api.links(published)),
        "app": tables.links(api.links(published, app="backup"), "backup"),
        "link": tables.link(api.link(published, row)),
        "routers": tables.routers(api.routers(published, fake.NAMES)),
        "apps": tables.apps(api.apps(published)),
        "agents": tables.agents(api.agents(published)),
        "matrix": tables.matrix(api.matrix(published)),
        "path": tables.path(path),
        "topology": tables.topology(
            network_api.topology(published.topology, fake.NAMES) | {"instances": ["default", "default/v3"]}
        ),
        "events": tables.events(api.events(published)),
        "status": tables.status(api.status(published, "9.9")),
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("links", ["west:10.4.0.0/24", "92.0 Mbit/s", "100 Mbit/s", "92 %", "https 70.0"]),
        ("app", ["backup", "22.0 Mbit/s"]),
        ("link", ["10.255.0.4:10.4.0.0/24", "6,900,000,000 octets", "10.1.0.10", "up since 2026-11-21 19:40:00Z"]),
        ("routers", ["10.255.0.1", "north", "6 / 6"]),
        ("apps", ["https", "74.0 Mbit/s", "76 %"]),
        ("agents", ["silent", "6 min 40 s ago", "10.0.100.2"]),
        ("matrix", ["10.255.0.1", "10.255.0.4", "92.0 Mbit/s"]),
        ("path", ["enters at 10.255.0.1 north", "10.4.0.0/24 (intra)", "33 %", "10.255.0.4 west"]),
        ("topology", ["version", "7 of 2026-11-21 19:40:00Z", "10.255.0.3 east", "default/v3: ask with --instance"]),
        ("events", ["2026-11-21 19:45:00Z", "link down", "10.255.0.1:10.0.0.5"]),
        ("status", ["1 h 02 min", "15 of 15 links up", "2 of 3 live", "sequence lost", "kernel dropped"]),
    ],
)
def test_what_is_said(name: str, words: list[str]) -> None:
    text = "\n".join(shown(every_picture(fake.small())[name]))
    for word in words:
        assert word in text
    assert "e+" not in text


def test_rates_are_aligned() -> None:
    lines = shown(tables.apps(api.apps(fake.small())))
    ends = {line.index("bit/s") for line in lines if "bit/s" in line}
    assert len(ends) == 1


def test_hostile_names_are_printed_not_obeyed() -> None:
    evil = "[red]x[/red]\x1b]0;owned\x07\x1b[2J\u202e"
    published = fake.of_network(fake.small_network(), [fake.Flow("web", "pc", evil, 1e6)])
    text = "\n".join(line for picture in every_picture(published).values() for line in shown(picture, 160))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "[red]x" in text


@pytest.mark.parametrize(
    ("share", "text"), [(None, ""), (0.0, ""), (0.5, "████"), (1.0, "████████"), (3.0, "████████"), (0.016, "▏")]
)
def test_bar(share: float | None, text: str) -> None:
    assert tables.bar(share).plain.strip() == text


def test_links_of_a_store_have_fewer_keys() -> None:
    extra = ("name", "capacity_bits_per_second", "utilisation")
    stored = [{k: v for k, v in link.items() if k not in extra} for link in api.links(fake.small())]
    assert "10.255.0.4:10.4.0.0/24" in "\n".join(shown(tables.links(stored)))
    assert "out" in "\n".join(shown(tables.link(stored[0])))
