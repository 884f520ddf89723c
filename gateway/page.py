"""The one page at `/`: what an operator wants to know at a glance, as a model and as HTML.

`page_model` picks and sorts, `render` fills `templates/page.html.j2`.  Everything printed is escaped by jinja2
(application, host and interface names come from outside).  The page needs nothing from elsewhere and carries a
Content-Security-Policy that allows only its own inline script, by hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway import api, units
from gateway.drawing import Drawing, draw, level_of
from gateway.identity import RESERVED_APPLICATIONS
from gateway.published import Published

TOP_FAILED, TOP_LINKS, TOP_APPS, LAST_EVENTS, SHOWN_AGENTS = 4, 14, 10, 14, 12
SEGMENTS = 5  # applications told apart within one link's bar
COLOURS = 8  # application colours c0..c7 of the style sheet; "cx" is everything else
BAD_EVENTS = ("link_down", "router_down", "agent_lost", "prefix_removed")
GOOD_EVENTS = ("link_up", "router_up", "agent_up", "prefix_added")

# Replaces <main> with the one of a fresh page; not while text is selected. Static, so that its hash can be in the CSP.
SCRIPT = """
(function () {
  var every = 1000 * Number(document.body.dataset.refresh);
  function fresh() {
    if (document.hidden || String(getSelection())) return;
    fetch(location.pathname, {cache: 'no-store'}).then(function (answer) {
      if (!answer.ok) throw answer.status;
      return answer.text();
    }).then(function (text) {
      var main = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
      if (main) document.querySelector('main').replaceWith(main);
      document.body.classList.remove('stale');
    }).catch(function () { document.body.classList.add('stale'); });
  }
  setInterval(fresh, every);
})();
"""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    f"frame-ancestors 'none'; script-src 'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
)


@dataclass(frozen=True)
class Segment:
    """A coloured piece of a bar."""

    colour: str
    percent: float
    title: str


@dataclass(frozen=True)
class LinkRow:
    id: str
    name: str
    towards: str
    up: bool
    level: str
    rate: str
    capacity: str
    utilisation: str
    segments: tuple[Segment, ...]
    main_app: str


@dataclass(frozen=True)
class AppRow:
    name: str
    colour: str
    rate: str
    share: str
    octets: str
    width: float


@dataclass(frozen=True)
class Fact:
    label: str
    value: str
    note: str = ""
    bad: bool = False


@dataclass(frozen=True)
class LossRow:
    component: str
    counter: str
    value: str


@dataclass(frozen=True)
class EventRow:
    time: str
    mood: str  # bad | good | plain
    kind: str
    subject: str
    detail: str


@dataclass(frozen=True)
class AgentRow:
    name: str
    address: str
    live: bool
    seen: str
    records: str
    lost: str


@dataclass(frozen=True)
class PageModel:
    version: str
    time: str
    watermark: str
    refresh_seconds: float
    facts: tuple[Fact, ...]
    drawing: Drawing
    busiest_relative: str
    links: tuple[LinkRow, ...]
    more_links: int
    apps: tuple[AppRow, ...]
    more_apps: int
    losses: tuple[LossRow, ...]
    events: tuple[EventRow, ...]
    agents: tuple[AgentRow, ...]
    more_agents: int


def page_model(published: Published, version: str, names: Mapping[str, str]) -> PageModel:
    """All the page shows, formatted."""
    colours = app_colours(published)
    links = top_links(published, names)
    apps = api.apps(published)
    agents = sorted(published.agents, key=lambda agent: (agent.live, -agent.lost, agent.name))
    losses = sorted(api.losses(published), key=lambda loss: -loss["value"])
    drawing = draw(published, names)
    busiest = max((link["bits_per_second"] for link in links), default=0.0)
    return PageModel(
        version=version,
        time=units.clock(published.time),
        watermark=units.clock(published.watermark),
        refresh_seconds=min(10.0, max(2.0, published.bin_seconds / 2)),
        facts=_facts(published, len(losses)),
        drawing=drawing,
        busiest_relative=units.bits_per_second(drawing.busiest_relative),
        links=tuple(_link_row(link, colours, busiest) for link in links),
        more_links=len(published.links) - len(links),
        apps=tuple(_app_row(app, colours, apps[0]["bits_per_second"]) for app in apps[:TOP_APPS]),
        more_apps=max(0, len(apps) - TOP_APPS),
        losses=tuple(
            LossRow(
                loss["component"].removesuffix("_octets"),
                loss["counter"].replace("_", " "),
                units.octets(loss["value"]) if loss["unit"] == "octets" else f"{loss['value']:,.0f}",
            )
            for loss in losses
        ),
        events=tuple(
            EventRow(
                units.clock(event.time)[11:],
                "bad" if event.kind in BAD_EVENTS else "good" if event.kind in GOOD_EVENTS else "plain",
                event.kind.replace("_", " "),
                api.named(event.subject, names),
                api.named(event.detail, names),
            )
            for event in reversed(published.events[-LAST_EVENTS:])
        ),
        agents=tuple(
            AgentRow(
                agent.name or agent.id,
                ", ".join(agent.addresses[:2]) + (" …" if len(agent.addresses) > 2 else ""),
                agent.live,
                units.duration(published.time - agent.last_seen) + " ago",
                f"{agent.records:,}",
                f"{agent.lost:,}",
            )
            for agent in agents[:SHOWN_AGENTS]
        ),
        more_agents=max(0, len(agents) - SHOWN_AGENTS),
    )


def render(published: Published, version: str, names: Mapping[str, str]) -> str:
    """The page as HTML; `names` router id -> name shown."""
    page = page_model(published, version, names)
    return _environment().get_template("page.html.j2").render(page=page, script=SCRIPT)


def render_starting(version: str) -> str:
    """The page before there is anything to show."""
    return _environment().get_template("starting.html.j2").render(version=version)


def top_links(published: Published, names: Mapping[str, str]) -> list[api.Document]:
    """What an operator looks at first: links that are down, then the fullest, then the busiest of unknown capacity."""
    table = published.links
    capacity = np.where(table.capacity > 0, table.capacity, np.inf)
    used = table.bits_per_second / capacity
    failed = [row for row in range(len(table)) if not table.up[row] and table.kind[row] == "transit"]
    order = np.lexsort((-table.bits_per_second, -used))
    working = [int(row) for row in order if table.up[row] and table.bits_per_second[row] > 0]
    chosen = [*failed[:TOP_FAILED], *working][:TOP_LINKS]
    return [api.link_document(published, row, names) for row in chosen]


def app_colours(published: Published) -> dict[str, str]:
    """Colour class of the biggest applications, steady while the same ones lead; the rest and the unnamed get "cx"."""
    table = published.apps
    biggest = [int(row) for row in np.argsort(-table.octets.astype(np.float64), kind="stable")]
    named = [row for row in biggest if table.octets[row] and table.name[row] not in RESERVED_APPLICATIONS][:COLOURS]
    return {table.name[row]: f"c{place}" for place, row in enumerate(sorted(named, key=lambda r: int(table.id[r])))}


def _facts(published: Published, causes: int) -> tuple[Fact, ...]:
    table, agents = published.links, published.agents
    down = int((~table.up).sum())
    live = sum(agent.live for agent in agents)
    behind = max(0.0, published.time - published.watermark)
    routers = set(table.router)
    return (
        Fact("carried", units.bits_per_second(float(published.apps.bits_per_second.sum())), "end to end"),
        Fact("routers", str(len(routers)), f"topology version {published.topology_version}"),
        Fact("links", f"{len(table) - down} up", f"{down} down" if down else "none down", bad=down > 0),
        Fact("agents", f"{live} live", f"{len(agents) - live} silent" if live < len(agents) else "none silent",
             bad=live < len(agents)),
        Fact("applications", str(sum(1 for o in published.apps.octets.tolist() if o)), "seen so far"),
        Fact("lost", f"{causes} causes" if causes else "nothing", "counted below" if causes else "", bad=causes > 0),
        Fact("running", units.duration(published.time - published.started), f"view {units.duration(behind)} behind"),
    )  # fmt: skip


def _link_row(link: api.Document, colours: dict[str, str], busiest: float) -> LinkRow:
    rate, capacity = link["bits_per_second"], link["capacity_bits_per_second"]
    full = capacity or busiest or 1.0
    shown = list(link["apps"].items())[:SEGMENTS]
    rest = rate - sum(each for _, each in shown)
    pieces = [
        Segment(colours.get(name, "cx"), 100 * each / full, f"{name} {units.bits_per_second(each)}")
        for name, each in shown
    ]
    if rest > 0.001 * rate:
        pieces.append(Segment("cx", 100 * rest / full, f"others {units.bits_per_second(rest)}"))
    return LinkRow(
        id=link["id"],
        name=link["name"],
        towards=link["towards"],
        up=link["up"],
        level=level_of(rate, capacity or 0.0, busiest) if link["up"] else "down",
        rate=units.bits_per_second(rate),
        capacity=units.bits_per_second(capacity) if capacity else "unknown",
        utilisation=units.percent(link["utilisation"]) if link["up"] else "down",
        segments=tuple(pieces),
        main_app=shown[0][0] if shown else "",
    )


def _app_row(app: api.Document, colours: dict[str, str], biggest: float) -> AppRow:
    return AppRow(
        app["name"],
        colours.get(app["name"], "cx"),
        units.bits_per_second(app["bits_per_second"]),
        units.percent(app["share"]),
        units.octets(app["octets"]),
        100 * app["bits_per_second"] / biggest if biggest else 0.0,
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("gateway", "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
