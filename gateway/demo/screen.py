"""The demo's screen: what is running, what to type, the story, and what the gateway sees.

Pure: documents of the gateway's own HTTP API in, rich renderables (or plain lines for a pipe) out.
Everything under "the gateway sees" comes from the API; the simulator adds only the story's words and the
names of addresses, as a DNS would.  Without side borders, so that the commands can be copied with the
mouse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gateway import units
from gateway.demo.story import SCENES, Moment

Document = Mapping[str, Any]

PALETTE = (
    "bright_blue", "bright_green", "bright_magenta", "bright_cyan", "bright_yellow", "bright_red", "blue",
    "green", "magenta", "cyan", "yellow", "orange3", "deep_pink3", "steel_blue1", "pale_green3",
)  # fmt: skip
BAR, HOT, WARM = 20, 0.85, 0.6
FULL, EMPTY = "▇", "·"  # leaves a line between two bars
LINK_ROWS, EVENT_ROWS = 9, 5
FIXED_ROWS = 16  # everything but links and events, on a screen 100 wide


@dataclass(frozen=True)
class Running:
    """What was started; `names` maps router ids, addresses and prefixes to words."""

    inventory: str
    parts: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]  # what it shows, what to type
    place: str = ""  # where to type it
    warnings: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (router, segment) to link id


@dataclass(frozen=True)
class Seen:
    """Answers of the gateway's API; `hottest` is the whole document of the fullest link."""

    status: Document = field(default_factory=dict)
    links: Sequence[Document] = ()
    apps: Sequence[Document] = ()
    events: Sequence[Document] = ()
    hottest: Document | None = None
    problem: str = ""


def clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes}:{rest:02d}"


def link_name(link: Document, names: Mapping[str, str]) -> str:
    """`router → neighbour` in words."""
    router = names.get(link["router"], link["router"])
    if link["kind"] == "external":
        return f"{router} → the Internet"
    neighbor = link["neighbor"] or link["interface"]
    return f"{router} → {names.get(neighbor, neighbor)}"


def utilisation(link: Document) -> float:
    """Load over capacity, 0 when the capacity is unknown."""
    return float(link.get("utilisation") or 0.0)


def hottest_link(links: Sequence[Document]) -> Document | None:
    """The fullest link with a known capacity."""
    known = [link for link in links if link.get("utilisation")]
    return max(known, key=utilisation, default=None)


def shown_links(links: Sequence[Document], rows: int, focus: Sequence[str] = ()) -> list[Document]:
    """What is down first, so that trouble is on top; then what the scene is about, then the fullest."""

    def place(link: Document) -> tuple[int, int, float, str]:
        if not link["up"]:
            return 0, 0, 0.0, link["id"]
        if link["id"] in focus:
            return 1, focus.index(link["id"]), 0.0, link["id"]
        return 2, 0, -utilisation(link), link["id"]

    return sorted((link for link in links if link["up"] or link["kind"] == "transit"), key=place)[:rows]


def _colour(app: str, colours: Mapping[str, str]) -> str:
    return colours.get(app, "white")


def app_colours(apps: Sequence[Document]) -> dict[str, str]:
    """A colour for every application; it stays, because gateway ids stay."""
    return {app["name"]: PALETTE[app["id"] % len(PALETTE)] for app in apps}


def stacked_bar(shares: Sequence[tuple[str, float]], width: int) -> Text:
    """A bar of `width` cells; shares are (style, part of the whole), the rest is empty."""
    bar = Text()
    done, total = 0, 0.0
    for style, share in shares:
        total += max(share, 0.0)
        upto = min(width, round(total * width))
        bar.append(FULL * (upto - done), style=style)
        done = max(done, upto)
    bar.append(EMPTY * (width - done), style="bright_black")
    return bar


def level(part: float) -> str:
    return "bold bright_red" if part >= HOT else "bright_yellow" if part >= WARM else "bright_green"


def render(
    running: Running, seen: Seen, moment: Moment, elapsed: float, size: tuple[int, int] = (100, 30)
) -> RenderableType:
    """The whole screen, for a terminal of `size` (columns, lines)."""
    width, height = size
    folded = sum(-(-len(command) // width) - 1 for _, command in running.commands)
    room = max(5, height - FIXED_ROWS - len(running.warnings) - folded - (width < 100))
    event_rows = max(2, room * EVENT_ROWS // (LINK_ROWS + EVENT_ROWS))
    link_rows = room - event_rows
    colours = app_colours(seen.apps)
    return Group(
        _title(running, elapsed),
        *_story(moment),
        _heading("The gateway sees", _status_words(seen)),
        _links(seen, running, moment, colours, link_rows),
        _applications(seen, colours),
        _finding(seen, running.names),
        _heading("Events", "as `anemone events` tells them"),
        _events(seen, running.names, event_rows),
        _heading("Type in another terminal", running.place),
        *_commands(running, width),
        _heading("Running", "Ctrl-C stops all of it"),
        _parts(running, width),
        *[Text(warning, style="bright_yellow", overflow="ellipsis", no_wrap=True) for warning in running.warnings],
    )


def _heading(title: str, remark: str) -> RenderableType:
    words = Text.assemble((title, "bold"), ("  " + remark if remark else "", "bright_black"))
    return Rule(words, align="left", style="bright_black")


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _title(running: Running, elapsed: float) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(
        Text.assemble((" Anemone demo ", "bold white on blue"), "  ", (running.inventory, "bright_black")),
        Text(clock(elapsed), style="bold"),
    )
    return grid


def _story(moment: Moment) -> list[RenderableType]:
    places = Text()
    for number in range(len(SCENES)):
        style = "bold bright_cyan" if number == moment.number else "bright_black"
        places.append("◆ " if number <= moment.number else "◇ ", style=style)
    grid = Table.grid(expand=True)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    following = f"next: {moment.following.title}, in {clock(moment.remaining + 0.99)}"
    grid.add_row(
        Text.assemble(places, ("The story: " + moment.scene.title, "bold bright_cyan")),
        Text(following, style="bright_black"),
    )
    return [grid, _line("  ", moment.scene.text), _line("  ", ("Watch ", "bright_black"), moment.scene.watch)]


def _status_words(seen: Seen) -> str:
    if seen.problem:
        return seen.problem
    if not seen.status:
        return "starting ..."
    status = seen.status
    return (
        f"topology version {status['topology_version']}, {status['links_up']} of {status['links']} links up, "
        f"{status['agents_live']} agents, {units.bits_per_second(status['bits_per_second'])} end to end"
    )


def _links(seen: Seen, running: Running, moment: Moment, colours: Mapping[str, str], rows: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=26, no_wrap=True, overflow="ellipsis")
    table.add_column(width=BAR, no_wrap=True)
    table.add_column(width=4, justify="right", no_wrap=True)
    table.add_column(width=11, justify="right", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    focus = [running.ids.get(place, "") for place in moment.scene.focus]
    shown = shown_links(seen.links, rows, focus)
    for link in shown:
        name = link_name(link, running.names)
        if not link["up"]:
            down = Text("✕" * BAR, style="red")
            table.add_row(Text(name, style="bold bright_red"), down, Text("DOWN", style="bold bright_red"))
            continue
        part, total = utilisation(link), float(link["bits_per_second"])
        apps = sorted(link["apps"].items(), key=lambda item: -item[1])
        bar = stacked_bar([(_colour(a, colours), part * b / total) for a, b in apps] if total else [], BAR)
        words = Text()
        for app, bits in apps[:3]:
            share = bits / total if total else 0.0
            if share < 0.005:
                break
            words.append(f"{app} ", style=_colour(app, colours))
            words.append(f"{share:.0%}  ", style="bright_black")
        table.add_row(
            Text(name, style="bold" if link["id"] in focus else ""),
            bar,
            Text(f"{part:.0%}", style=level(part)),
            units.bits_per_second(total),
            words,
        )
    for _ in range(rows - len(shown)):
        table.add_row("")
    return table


def _applications(seen: Seen, colours: Mapping[str, str]) -> RenderableType:
    words = Text("By application: ", style="bright_black", no_wrap=True, overflow="ellipsis")
    for app in seen.apps:
        if app["bits_per_second"] > 0:
            words.append(f"{app['name']} ", style=_colour(app["name"], colours))
            words.append(f"{units.bits_per_second(app['bits_per_second'])}  ", style="default")
    return words


def finding(seen: Seen, names: Mapping[str, str]) -> str:
    """What fills the fullest link: the application and the host, from the gateway's own answer."""
    link = seen.hottest
    if link is None:
        return ""
    text = f"Fullest: {link_name(link, names)} (ifIndex {link['ifindex']}), {utilisation(link):.0%}"
    talkers = link.get("talkers") or []
    if talkers:
        first = talkers[0]
        source, destination = (names.get(first[end], first[end]) for end in ("source", "destination"))
        share = first["bits_per_second"] / link["bits_per_second"] if link["bits_per_second"] else 0.0
        text += f": {first['app']} {source} → {destination} is {share:.0%} of it"
    return text


def _finding(seen: Seen, names: Mapping[str, str]) -> RenderableType:
    part = utilisation(seen.hottest) if seen.hottest else 0.0
    text = finding(seen, names)
    return _line(("▶ " + text, level(part)) if text else ("", ""))


def event_words(event: Document, names: Mapping[str, str]) -> str:
    """`19:40:33 link down br-paris → ...` with addresses put into words."""
    subject, detail = str(event["subject"]), str(event["detail"])
    if subject in names and detail.startswith("to "):  # a link's name says where it leads
        detail = ""
    words = [str(event["time"])[11:19], f"{str(event['kind']).replace('_', ' '):<14}"]
    for text in (subject, detail):
        words += [names.get(word, names.get(word.partition(":")[0], word)) for word in text.split()]
    return " ".join(words)


def _events(seen: Seen, names: Mapping[str, str], rows: int) -> RenderableType:
    lines: list[RenderableType] = []
    for event in list(seen.events)[-rows:]:
        bad = str(event["kind"]).endswith(("_down", "_lost", "_removed"))
        good = str(event["kind"]).endswith(("_up", "_added"))
        style = "bright_red" if bad else "bright_green" if good else "bright_yellow"
        lines.append(_line((event_words(event, names), style)))
    if not lines:
        lines.append(_line(("none yet", "bright_black")))
    lines += [Text("")] * (rows - len(lines))
    return Group(*lines)


def _commands(running: Running, width: int) -> list[RenderableType]:
    # the remark is a shell comment, so that a triple click takes a line that can be pasted
    lines: list[RenderableType] = []
    for remark, command in running.commands:
        line = Text(command, style="bold", overflow="fold")
        if len(command) + len(remark) + 4 <= width:
            line.append("  # " + remark, style="not bold bright_black")
        lines.append(line)
    return lines


def _parts(running: Running, width: int) -> RenderableType:
    """The parts on as few lines as they need, none broken in two."""
    lines = [Text()]
    for name, what in running.parts:
        if len(lines[-1]) and len(lines[-1]) + 3 + len(name) + 1 + len(what) > width:
            lines.append(Text())
        elif len(lines[-1]):
            lines[-1].append(" · ", style="bright_black")
        lines[-1].append(name + " ", style="bright_black").append(what)
    return Group(*lines)


def plain_opening(running: Running) -> list[str]:
    """What a pipe or a log file gets first."""
    lines = [f"Anemone demo: {running.inventory}"]
    lines += [f"  {name}: {what}" for name, what in running.parts]
    lines.append("Type in another terminal (Ctrl-C here stops everything):")
    for remark, command in running.commands:
        lines.append(f"  {command}" + (f"    # {remark}" if remark else ""))
    return lines + list(running.warnings)


def plain_scene(moment: Moment) -> list[str]:
    return [f"[{clock(moment.scene.start)}] {moment.scene.title}: {moment.scene.text}"]


def plain_report(running: Running, seen: Seen, elapsed: float) -> list[str]:
    """One line of figures and one about the fullest link."""
    lines = [f"{clock(elapsed)} {_status_words(seen)}"]
    found = finding(seen, running.names)
    return [*lines, f"{clock(elapsed)} {found}"] if found else lines


def plain_events(events: Sequence[Document], names: Mapping[str, str]) -> list[str]:
    return [event_words(event, names) for event in events]
