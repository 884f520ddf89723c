"""The five minutes that the demo tells, over and over, as a pure function of the story's time.

A `Scene` says what is true from a moment on: what has failed, which costs were changed, and the words on
the screen. The words say what was *done* to the network; what came of it the screen reads back from the
gateway.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.demo.enterprise import BACKUP_BPS
from gateway.demo.network import Network
from gateway.demo.traffic import Windows

PERIOD = 300.0  # seconds of one telling
BACKUP_START, BACKUP_END = 40.0, 235.0
PARIS_LINE, PARIS_OTHER_LINE = "hq-core-1--br-paris", "hq-core-2--br-paris"
PARIS_FOCUS = (("br-paris", PARIS_LINE), ("br-paris", PARIS_OTHER_LINE))
CORE_FOCUS = tuple(
    (router, f"hq-core-1--{other}") for other in ("dc-core-1", "dc-core-2") for router in ("hq-core-1", other)
)


@dataclass(frozen=True, slots=True)
class Scene:
    """From `start` (seconds within the telling) until the next scene."""

    start: float
    title: str
    text: str
    watch: str  # what to look at, on the screen or with a command
    down: frozenset[str] = frozenset()
    costs: tuple[tuple[str, str, int], ...] = ()  # router, segment, cost
    focus: tuple[tuple[str, str], ...] = ()  # router, segment: the links to look at


SCENES = (
    Scene(
        0.0,
        "A normal day",
        "People work. Agents on their hosts report who sends what; OSPF says which way it goes.",
        "the fullest links below, and the applications that fill them",
    ),
    Scene(
        BACKUP_START,
        "The backup starts",
        f"files-paris begins to copy {BACKUP_BPS / 1e6:.0f} Mbit/s to backup-1 in the data centre, "
        "over a line of 100 Mbit/s.",
        "br-paris → hq-core-1 goes to 90 %, and the gateway names the application and the host",
        focus=PARIS_FOCUS,
    ),
    Scene(
        110.0,
        "The line breaks",
        "A digger cuts the line between br-paris and hq-core-1. OSPF finds the other line, by hq-core-2.",
        "link down in the events; the load moves to the line to hq-core-2 with the same LSA",
        down=frozenset((PARIS_LINE,)),
        focus=PARIS_FOCUS,
    ),
    Scene(
        165.0,
        "The line is repaired",
        "The line between br-paris and hq-core-1 works again, and OSPF prefers it.",
        "link up in the events; the load comes back",
        focus=PARIS_FOCUS,
    ),
    Scene(
        BACKUP_END,
        "The backup ends, maintenance begins",
        "Somebody raises the OSPF cost of hq-core-1 and dc-core-1 towards each other from 10 to 100.",
        "cost changed in the events; the two links by dc-core-2 now carry all that four carried",
        costs=(("hq-core-1", "hq-core-1--dc-core-1", 100), ("dc-core-1", "hq-core-1--dc-core-1", 100)),
        focus=CORE_FOCUS,
    ),
    Scene(
        275.0,
        "Maintenance is over",
        "The costs are 10 again, and both paths are equal.",
        "the halves are even again; soon the story starts anew",
        focus=CORE_FOCUS,
    ),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the story is: the scene, how far within it, and when the next one comes."""

    scene: Scene
    number: int
    telling: int
    elapsed: float
    remaining: float
    following: Scene


def moment(time: float) -> Moment:
    """The place of `time` (seconds since the demo began) in the story."""
    telling, within = divmod(max(time, 0.0), PERIOD)
    number = max(i for i, scene in enumerate(SCENES) if scene.start <= within)
    end = SCENES[number + 1].start if number + 1 < len(SCENES) else PERIOD
    following = SCENES[(number + 1) % len(SCENES)]
    return Moment(SCENES[number], number, int(telling), within - SCENES[number].start, end - within, following)


def stage(network: Network, scene: Scene) -> Network:
    """The network as it is during a scene."""
    changed = network.without(*scene.down) if scene.down else network
    for router, segment, cost in scene.costs:
        changed = changed.with_cost(router, segment, cost)
    return changed


def backup_windows(tellings: int) -> Windows:
    """When the backup runs, in seconds since the demo began."""
    return tuple((i * PERIOD + BACKUP_START, i * PERIOD + BACKUP_END) for i in range(tellings))


def next_change(time: float) -> float:
    """When the scene changes next, in seconds since the demo began."""
    return time + moment(time).remaining
