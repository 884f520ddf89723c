"""The story: one place for every moment, and a network for every scene."""

from __future__ import annotations

from gateway.demo.enterprise import enterprise
from gateway.demo.story import (
    BACKUP_END,
    BACKUP_START,
    PARIS_LINE,
    PERIOD,
    SCENES,
    backup_windows,
    moment,
    next_change,
    stage,
)


def test_scenes_follow_each_other() -> None:
    starts = [scene.start for scene in SCENES]
    assert starts == sorted(starts) and starts[0] == 0.0 and starts[-1] < PERIOD
    for number, start in enumerate(starts):
        at = moment(start)
        assert (at.number, at.elapsed, at.scene) == (number, 0.0, SCENES[number])
        assert moment(start + PERIOD).scene == SCENES[number]
        assert at.following == SCENES[(number + 1) % len(SCENES)]


def test_the_next_change_is_the_next_scene() -> None:
    time, seen = 0.0, []
    for _ in range(2 * len(SCENES)):
        seen.append(moment(time).scene)
        time = next_change(time)
    assert seen == [*SCENES, *SCENES]
    assert time == 2 * PERIOD
    assert moment(time).telling == 2


def test_the_story_has_a_backup_a_failure_a_repair_and_a_cost() -> None:
    network = enterprise()
    states = [stage(network, scene) for scene in SCENES]
    assert [PARIS_LINE in state.down for state in states] == [False, False, True, False, False, False]
    costs = [state.find("dc-core-1", "hq-core-1--dc-core-1").cost for state in states]
    assert costs == [10, 10, 10, 10, 100, 10]
    broken = next(scene for scene in SCENES if scene.down)
    assert BACKUP_START < broken.start < BACKUP_END  # it fails while the backup runs


def test_every_link_to_look_at_exists() -> None:
    network = enterprise()
    for scene in SCENES:
        for router, segment in scene.focus:
            assert network.find(router, segment).router == router


def test_the_backup_comes_again_in_every_telling() -> None:
    assert backup_windows(2) == (
        (BACKUP_START, BACKUP_END),
        (PERIOD + BACKUP_START, PERIOD + BACKUP_END),
    )
