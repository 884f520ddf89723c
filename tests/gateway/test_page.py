"""gateway.page: what the page shows, and that nothing from outside gets out of its text."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gateway import page
from gateway.published import Event
from tests.gateway import published_fake as fake

EVIL = "<script>alert(1)</script>"


class Document(HTMLParser):
    """Elements with attributes, and all text; every element closed."""

    VOID = frozenset({"meta", "br", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_html_is_whole_and_needs_nothing_from_elsewhere() -> None:
    text = page.render(fake.small(), "9.9", fake.NAMES)
    document = Document(text)
    assert document.open == []
    for tag, attributes in document.elements:
        for name in ("src", "href", "xlink:href", "action"):
            assert (attributes.get(name) or "/").startswith("/"), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert "http://" not in text
    assert "@import" not in text
    assert sum(tag == "polygon" for tag, _ in document.elements) == 2 * 10


def test_names_from_outside_stay_text() -> None:
    network = fake.small_network()
    evil = fake.of_network(
        network,
        [fake.Flow("web", "pc", EVIL, 5e6), fake.Flow("web", "pc", '"><img src=x onerror=alert(1)>', 6e6)],
        names={"10.255.0.4": "<b>west</b>"},
        events=(Event(fake.NOW, EVIL, EVIL, EVIL),),
        stats={EVIL: {f"{EVIL}_lost": 1}},
    )
    agents = tuple(replace(agent, name=EVIL, addresses=(EVIL,), lost=1) for agent in evil.agents)
    text = page.render(replace(evil, agents=agents), EVIL, {"10.255.0.4": EVIL, "10.255.0.1": "'\"&"})
    document = Document(text)
    tags = [tag for tag, _ in document.elements]
    assert tags.count("script") == 1
    assert "img" not in tags
    assert "b" in tags
    assert "<b>west" not in text
    assert EVIL in "".join(document.text)


def test_the_policy_allows_exactly_the_pages_script() -> None:
    text = page.render(fake.small(), "9.9", fake.NAMES)
    script = text.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in page.CONTENT_SECURITY_POLICY


def test_fullest_links_come_first_and_failed_ones_before() -> None:
    network = fake.small_network()
    model = page.page_model(fake.of_network(network.without("north--east"), fake.SMALL_FLOWS), "9.9", fake.NAMES)
    assert [row.utilisation for row in model.links[:3]] == ["down", "down", "92 %"]
    assert not model.links[0].up
    full = model.links[2]
    assert (full.name, full.towards, full.rate, full.capacity) == (
        "west:10.4.0.0/24", "10.4.0.0/24", "92.0 Mbit/s", "100 Mbit/s",
    )  # fmt: skip
    assert [round(piece.percent) for piece in full.segments] == [70, 22]
    assert len({piece.colour for piece in full.segments}) == 2
    assert full.main_app == "https"


def test_a_bar_with_many_applications_still_adds_up() -> None:
    flows = [fake.Flow("web", "pc", f"app-{n}", 1e6 * (n + 1)) for n in range(9)]
    model = page.page_model(fake.of_network(fake.small_network(), flows), "9.9", fake.NAMES)
    full = next(row for row in model.links if row.name == "west:10.4.0.0/24")
    assert len(full.segments) == page.SEGMENTS + 1
    assert sum(piece.percent for piece in full.segments) == pytest.approx(45)
    assert full.segments[-1].colour == "cx"


def test_losses_events_agents_and_facts() -> None:
    model = page.page_model(fake.small(), "9.9", fake.NAMES)
    assert [(row.component, row.counter, row.value) for row in model.losses] == [
        ("join", "destination unknown", "12.3 kB"),
        ("agents", "records lost", "7"),
        ("decode", "sequence lost", "3"),
        ("udp", "kernel dropped", "2"),
    ]
    assert [row.kind for row in model.events] == ["link up", "link down", "router up"]  # newest first
    assert model.events[1].subject == "north:10.0.0.5"
    assert model.events[1].detail == "to south"
    assert [row.mood for row in model.events] == ["good", "bad", "good"]
    assert (model.agents[0].name, model.agents[0].live) == ("pc", False)  # the silent one first
    assert {fact.label: fact.value for fact in model.facts} == {
        "carried": "97.0 Mbit/s",
        "routers": "4",
        "links": "15 up",
        "agents": "2 live",
        "applications": "3",
        "lost": "4 causes",
        "running": "1 h 02 min",
    }


def test_empty_and_starting_pages() -> None:
    text = page.render(fake.empty(), "9.9", {})
    assert Document(text).open == []
    for words in ("No router heard yet", "no traffic reported yet", "nothing lost", "nothing happened yet"):
        assert words in text
    assert "starting" in page.render_starting("9.9")
