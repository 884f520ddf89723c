"""The demo's screen: everything on it within 100 x 30, words from the gateway's documents."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from gateway.demo import run, screen
from gateway.demo.enterprise import enterprise
from gateway.demo.story import PARIS_OTHER_LINE, PERIOD, SCENES, moment

NETWORK = enterprise()
RUNNING = run.describe(NETWORK, run.Ports(5089, 4739, 1161, 8161), 4242)


def link(router: str, neighbor: str, rate: float, capacity: float | None = 1e8, **more: Any) -> dict[str, Any]:
    document = {
        "id": f"{router}:10.0.0.1", "kind": "transit", "ifindex": 17, "router": router, "interface": "10.0.0.1",
        "neighbor": neighbor, "up": True, "bits_per_second": rate, "capacity_bits_per_second": capacity,
        "utilisation": rate / capacity if capacity else None, "apps": {"backup": rate * 0.9, "web": rate * 0.1},
    }  # fmt: skip
    return {**document, **more}


LINKS = [
    link("10.255.0.11", "10.255.0.1", 9e7),
    link("10.255.0.1", "10.255.0.5", 5e8, 1e9),
    link("10.255.0.9", "", 1e6, None, kind="external", interface="external"),
    link("10.255.0.1", "10.255.0.11", 0.0, up=False, apps={}),
]
EVENTS = [
    {
        "time": "2026-11-21T19:40:33Z",
        "kind": "link_down",
        "subject": "10.255.0.11:10.0.0.66",
        "detail": "to 10.255.0.1",
    },
    {"time": "2026-11-21T19:40:34Z", "kind": "agent_up", "subject": "pc-anna", "detail": ""},
]
TALKER = {"source": "10.11.1.10", "destination": "10.2.20.31", "app": "backup", "bits_per_second": 8.1e7}
SEEN = screen.Seen(
    {"topology_version": 2, "links": 61, "links_up": 59, "agents_live": 34, "bits_per_second": 5e8},
    LINKS,
    [{"id": 7, "name": "backup", "bits_per_second": 9e7}, {"id": 4, "name": "web", "bits_per_second": 1e7}],
    EVENTS,
    {**LINKS[0], "talkers": [TALKER]},
)


def text_of(width: int = 100, height: int = 30, seen: screen.Seen = SEEN, time: float = 50.0) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(screen.render(RUNNING, seen, moment(time), time, (width, height)))
    out = console.file
    assert isinstance(out, io.StringIO)
    return out.getvalue().splitlines()


def test_everything_fits_into_100_by_30() -> None:
    for time in [scene.start for scene in SCENES]:
        lines = text_of(time=time)
        assert len(lines) <= 30
        assert max(map(len, lines)) <= 100
        told = "\n".join(lines)
        assert SCENES[moment(time).number].text in told and SCENES[moment(time).number].watch in told
        for _, command in RUNNING.commands:
            assert command in told  # whole, or it could not be pasted


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (200, 60)])
def test_other_sizes(width: int, height: int) -> None:
    lines = text_of(width, height)
    assert len(lines) <= height
    for _, command in RUNNING.commands:
        assert command in "".join(lines)  # whole, if on two lines


def test_what_is_down_and_what_is_full_is_on_top() -> None:
    lines = text_of()
    first = next(i for i, line in enumerate(lines) if "DOWN" in line)
    assert lines[first].startswith("hq-core-1 → br-paris")
    assert lines[first + 1].startswith("br-paris → hq-core-1") and "90%" in lines[first + 1]
    assert "backup 90%" in lines[first + 1] and lines[first + 1].count(screen.FULL) == 18
    assert any(line.startswith("edge-1 → the Internet") for line in lines)


def test_what_the_scene_is_about_comes_before_the_fullest() -> None:
    quiet = link("10.255.0.11", "10.255.0.2", 1e5, id="10.255.0.11:10.0.0.70")
    focus = [RUNNING.ids["br-paris", PARIS_OTHER_LINE]]
    assert focus == [quiet["id"]]
    shown = screen.shown_links([*LINKS, quiet], 3, focus)
    assert [each["id"] for each in shown] == ["10.255.0.1:10.0.0.1", quiet["id"], "10.255.0.11:10.0.0.1"]
    stub = link("10.255.0.1", "", 0.0, up=False, kind="stub")
    assert stub not in screen.shown_links([stub, quiet], 5)


def test_the_finding_names_link_application_and_host() -> None:
    assert screen.finding(SEEN, RUNNING.names) == (
        "Fullest: br-paris → hq-core-1 (ifIndex 17), 90%: backup files-paris → backup-1 is 90% of it"
    )
    assert screen.finding(screen.Seen(), {}) == ""
    assert len(screen.finding(SEEN, RUNNING.names)) <= 98


def test_events_speak_in_names() -> None:
    first, second = screen.plain_events(EVENTS, RUNNING.names)
    assert first == "19:40:33 link down      br-paris → hq-core-1"
    assert second == "19:40:34 agent up       pc-anna"


def test_before_the_gateway_answers() -> None:
    lines = text_of(seen=screen.Seen(problem="starting ..."))
    assert any("starting ..." in line for line in lines) and len(lines) <= 30


def test_a_bar_never_grows_over_its_width() -> None:
    for shares in ([("red", 0.5), ("blue", 0.25)], [("red", 0.9), ("blue", 0.9)], [("red", 0.004)], []):
        assert len(screen.stacked_bar(shares, 16).plain) == 16
    assert screen.stacked_bar([("red", 0.5), ("blue", 0.25)], 16).plain == screen.FULL * 12 + screen.EMPTY * 4


def test_plain_lines_for_a_pipe() -> None:
    opening = "\n".join(screen.plain_opening(RUNNING))
    assert "snmpbulkwalk -v2c -c public 127.0.0.1:1161" in opening and "anemone links" in opening
    assert screen.plain_scene(moment(0.0))[0].startswith("[0:00] A normal day: ")
    report = screen.plain_report(RUNNING, SEEN, 65.0)
    assert report[0].startswith("1:05 topology version 2, 59 of 61 links up") and "br-paris" in report[1]


def test_the_story_comes_round() -> None:
    assert text_of(time=PERIOD + 1.0)[1:3] == text_of(time=1.0)[1:3]
