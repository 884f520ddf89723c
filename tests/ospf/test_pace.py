from ospf.pace import ATTACH, CALM_SECONDS, POLL, RESYNC_SECONDS, RETRY_SECONDS, Pace


def test_retries_back_off_and_success_resets_them() -> None:
    pace = Pace(0.0)
    assert [pace.failed(1, 0.0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pace.failures(1) == 8 and pace.failures(2) == 0
    pace.succeeded(ATTACH, 100.0, pause=False)
    assert pace.failed(1, 100.0) == RETRY_SECONDS[0] and pace.failures(1) == 1
    assert not pace.ready(100.5) and pace.ready(101.0) and pace.wake_at == 101.0


def test_bursts_for_doubt_are_paused_longer_and_longer_until_calm() -> None:
    pace, now, pauses = Pace(0.0), 0.0, []
    pace.succeeded(ATTACH, now, pause=True)
    for _ in range(10):
        pace.doubt("gap", now)
        assert pace.wake_at is not None
        pauses.append(pace.wake_at - now)
        now = pace.wake_at
        assert pace.ready(now) and pace.begin() == "gap"
        pace.succeeded("gap", now, pause=True)
    assert pauses == [2, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    now += CALM_SECONDS + 1
    pace.doubt("gap", now)
    assert pace.wake_at == now
    pace.begin()
    pace.succeeded("gap", now, pause=True)
    assert not pace.ready(now + RESYNC_SECONDS[0] - 0.1) and pace.ready(now + RESYNC_SECONDS[0])


def test_the_sooner_wish_wins_and_polls_can_be_cancelled() -> None:
    pace = Pace(0.0)
    pace.want(POLL, 5.0)
    assert pace.wanted and not pace.ready(4.9) and pace.wake_at == 5.0
    pace.doubt("gap", 1.0)
    pace.want(POLL, 3.0)
    assert pace.reason == "gap" and pace.ready(1.0)
    pace.cancel()
    assert not pace.wanted and pace.begin() == ATTACH


def test_rest() -> None:
    pace = Pace(0.0)
    pace.rest(10.0)
    assert not pace.ready(60.0) and pace.ready(70.0)


def test_failures_of_a_router_that_is_gone_are_forgotten() -> None:
    pace = Pace(0.0)
    for _ in range(2):
        pace.failed(1, 0.0)
    pace.failed(2, 0.0)
    pace.forget(1)
    assert (pace.failures(1), pace.failures(2)) == (0, 1)
