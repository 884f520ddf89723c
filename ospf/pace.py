"""When a listener may have its next conversation, and why: retries that back off, bursts for doubt that do too.

Routers must not be bothered by us: a conversation that failed is tried again after a second, then two, four, up
to a minute; doubt that goes on leads to a burst after two seconds, then four, up to five minutes, until ten minutes
have passed without any. Polls (see `ospf.listener`) come as configured.
"""

from __future__ import annotations

RETRY_SECONDS = (1.0, 60.0)  # after a failed conversation: first, ceiling
RESYNC_SECONDS = (2.0, 300.0)  # between bursts for doubt: first, ceiling
CALM_SECONDS = 600.0  # without doubt, after which the pause is the first one again
ATTACH, POLL = "attach", "poll"


class Pace:
    """The next conversation wanted (`reason`, "" for none besides the first) and the pauses between them."""

    def __init__(self, now: float) -> None:
        self.reason = ""
        self.wake_at: float | None = None  # when `ready` may become true without a packet
        self._at: float | None = None
        self._not_before = now
        self._retry = RETRY_SECONDS[0]
        self._pause = RESYNC_SECONDS[0]
        self._last_doubt = now
        self._failures: dict[int, int] = {}

    @property
    def wanted(self) -> bool:
        return self._at is not None

    def ready(self, now: float) -> bool:
        """Whether no pause forbids a conversation at `now`."""
        return now >= self._not_before and (self._at is None or now >= self._at)

    def want(self, reason: str, at: float) -> None:
        """A conversation at `at`, unless one is wanted sooner."""
        if self._at is None or at < self._at:
            self._at, self.reason = at, reason
            self.wake_at = max(at, self._not_before)

    def doubt(self, reason: str, now: float) -> None:
        if now - self._last_doubt > CALM_SECONDS:
            self._pause = RESYNC_SECONDS[0]
        self._last_doubt = now
        self.want(reason, now)

    def cancel(self) -> None:
        self._at, self.reason = None, ""

    def begin(self) -> str:
        """The conversation begins: why."""
        reason = self.reason or ATTACH
        self.cancel()
        return reason

    def succeeded(self, reason: str, now: float, *, pause: bool) -> None:
        self._retry = RETRY_SECONDS[0]
        self._failures.clear()
        self._not_before = now
        if pause:
            self._not_before += self._pause
            if reason != ATTACH:
                self._pause = min(self._pause * 2, RESYNC_SECONDS[1])

    def failed(self, router_id: int, now: float) -> float:
        """Seconds until the next try."""
        retry = self._retry
        self._failures[router_id] = self._failures.get(router_id, 0) + 1
        self._not_before = self.wake_at = now + retry
        self._retry = min(retry * 2, RETRY_SECONDS[1])
        return retry

    def failures(self, router_id: int) -> int:
        """How often a router failed us since the last success."""
        return self._failures.get(router_id, 0)

    def forget(self, router_id: int) -> None:
        """The router is gone."""
        self._failures.pop(router_id, None)

    def rest(self, now: float) -> None:
        """No conversation for a while: the listener is leaving."""
        self._not_before = now + RETRY_SECONDS[1]
