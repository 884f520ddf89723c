"""The HTTP side: a Twisted site that answers from the current `Published`, on the reactor's thread.

JSON API under /api/, Prometheus text at /metrics, /healthz, and one page at /.  Read-only: GET and HEAD.  A view is
immutable, so answers are kept per view and question; a new view drops them all.  Questions about the past and routing
tables may take a second: they are answered in a thread of the reactor's pool, and not kept.  Errors are JSON with the
field at fault and the remedy: 400 cannot be read, 404 the answer is no, 405 not GET, 503 nothing published yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any
from urllib.parse import unquote

import msgspec
import numpy as np
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory, Site
from twisted.web.server import Request as SiteRequest

from gateway import api, history_api, metrics, network_api, page, query
from gateway.errors import GatewayError
from gateway.past import MAX_EVENTS, Past
from gateway.published import Published
from gateway.query import NothingFound, QueryError
from ospf.paths import Paths
from ospf.topology import Topology

JSON = "application/json"
HTML = "text/html; charset=utf-8"
STALE_BINS, STALE_SECONDS = 6, 30.0  # /healthz says no when the view is older than both
MAX_KEPT_ANSWERS = 128
MAX_KEPT_OCTETS = 32 << 20
IDLE_SECONDS = 60
SHUT = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": page.CONTENT_SECURITY_POLICY,
}

Current = Callable[[], Published | None]
History = Callable[[float], list[dict[str, Any]]]
NO_PAST = Past(None)


@dataclass
class HttpStats:
    requests: int = 0
    answered_from_kept: int = 0
    refused: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Sources:
    """What the server reads; callables run on the reactor's thread and must not wait, `past` is asked in another."""

    current: Current
    history: History | None = None
    past: Past = NO_PAST
    names: Mapping[str, str] = field(default_factory=dict)  # router id -> name shown
    version: str = ""
    now: Callable[[], float] = time.time


def program_version() -> str:
    try:
        return installed_version("anemone")
    except PackageNotFoundError:
        return "development"


def make_site(
    current: Current,
    history: History | None = None,
    past: Past = NO_PAST,
    names: Mapping[str, str] | None = None,
) -> QuietSite:
    """The site to listen with.

    `current()` gives the newest view or None; `history(t)` the links (JSON of design.md) as they were at `t` seconds;
    `past` earlier topologies and events; `names` router id -> name shown.  `site.stats` counts.
    """
    answers = Answers(Sources(current, history, past, dict(names or {}), program_version()))
    resource = EncodingResourceWrapper(Door(answers), [GzipEncoderFactory()])
    return QuietSite(resource, answers.stats)


class QuietSite(Site):
    """A site that logs no line per request and shows no tracebacks."""

    displayTracebacks = False

    def __init__(self, resource: Any, stats: HttpStats) -> None:
        super().__init__(resource, timeout=IDLE_SECONDS)  # type: ignore[no-untyped-call]
        self.stats = stats

    def log(self, request: Request) -> None:
        """Nothing: requests are counted, not written down."""


class Door(Resource):
    """Every path; GET and HEAD."""

    isLeaf = True
    log = Logger(namespace="gateway.http")

    def __init__(self, answers: Answers) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._answers = answers

    def render(self, request: SiteRequest) -> bytes | int:
        stats = self._answers.stats
        stats.requests += 1
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader("Allow", "GET, HEAD")
            return self._headed(
                request, refusal(405, "method", "only GET is answered here", "ask with GET: the API is read-only")
            )
        arguments = _arguments(request)
        if self._answers.is_slow(request.path, arguments):
            gone: list[bool] = []
            request.notifyFinish().addErrback(lambda _: gone.append(True))
            deferToThread(self._try, request, arguments).addCallback(self._finish, request, gone)
            return NOT_DONE_YET
        return self._headed(request, self._try(request, arguments))

    def _try(self, request: SiteRequest, arguments: dict[str, str]) -> Answer:
        try:
            return self._answers.answer(request.path, arguments)
        except Exception:
            self._answers.stats.failed += 1
            self.log.failure("no answer for {uri!r}", uri=request.uri[:200])
            return refusal(500, "", "the gateway failed on this question", "its log says why; please report it")

    def _finish(self, answer: Answer, request: SiteRequest, gone: list[bool]) -> None:
        """What a thread found, unless nobody waits for it any more."""
        if not gone:
            request.write(self._headed(request, answer))
            request.finish()

    def _headed(self, request: SiteRequest, answer: Answer) -> bytes:
        stats = self._answers.stats
        if 400 <= answer.status < 500:
            stats.refused += 1
        request.setResponseCode(answer.status)
        request.setHeader("Content-Type", answer.content_type)
        for name, value in SHUT.items():
            request.setHeader(name, value)
        return answer.body


class Answers:
    """Questions to answers; keeps those of the current view."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.stats = HttpStats()
        self._view: Published | None = None
        self._kept: dict[tuple[bytes, tuple[tuple[str, str], ...]], Answer] = {}
        self._kept_octets = 0
        self._documents: dict[str, Callable[[Published, Arguments], Any]] = {
            "links": self._links,
            "routers": lambda published, given: api.routers(published, sources.names),
            "apps": lambda published, given: api.apps(published),
            "agents": lambda published, given: api.agents(published),
            "matrix": lambda published, given: api.matrix(published, sources.names),
            "path": self._path,
            "topology": self._topology,
            "topology/diff": self._topology_diff,
            "events": self._events,
            "routes": self._routes,
            "lsas": self._lsas,
            "status": lambda published, given: api.status(published, sources.version),
        }

    @staticmethod
    def is_slow(path: bytes, arguments: dict[str, str]) -> bool:
        """Whether a question is about the past, or needs every path of a topology."""
        if path in (b"/api/routes", b"/api/lsas", b"/api/topology/diff"):
            return True
        return (path == b"/api/topology" and "at" in arguments) or (
            path == b"/api/events" and not arguments.keys().isdisjoint(("since", "until", "kind"))
        )

    def answer(self, path: bytes, arguments: dict[str, str]) -> Answer:
        """The answer; in any thread when `is_slow`, else in the reactor's."""
        published = self._sources.current()
        if self.is_slow(path, arguments):
            return self._asked(path, published, arguments)
        if published is not self._view:
            self._view, self._kept, self._kept_octets = published, {}, 0
        key = (path, tuple(sorted(arguments.items())))
        kept = self._kept.get(key)
        if kept is not None:
            self.stats.answered_from_kept += 1
            return kept
        answer = self._asked(path, published, arguments)
        # History grows and health ages without a new view.
        past = "at" in arguments or path == b"/healthz"
        room = len(self._kept) < MAX_KEPT_ANSWERS and self._kept_octets + len(answer.body) <= MAX_KEPT_OCTETS
        if answer.status == 200 and room and not past:
            self._kept[key] = answer
            self._kept_octets += len(answer.body)
        return answer

    def _asked(self, path: bytes, published: Published | None, arguments: dict[str, str]) -> Answer:
        try:
            return self._fresh(unquote(path.decode("latin-1")), published, Arguments(arguments))
        except QueryError as error:
            return refusal(400, error.field, error.problem, error.remedy)
        except NothingFound as error:
            return refusal(404, error.field, error.problem, error.remedy)
        except GatewayError as error:
            return refusal(400, "", str(error), "")

    def _fresh(self, path: str, published: Published | None, given: Arguments) -> Answer:
        version = self._sources.version
        if published is None:
            if path == "/":
                return Answer(503, HTML, page.render_starting(version).encode())
            return refusal(503, "", "the gateway is starting: nothing is published yet", "ask again in a moment")
        if path == "/":
            given.none_left()
            return Answer(200, HTML, page.render(published, version, self._sources.names).encode())
        if path == "/metrics":
            given.none_left()
            return Answer(200, metrics.CONTENT_TYPE, metrics.render(published, version).encode())
        if path == "/healthz":
            return self._health(published)
        if path.startswith("/api/link/"):
            given.none_left()
            row = api.find_link(published, path.removeprefix("/api/link/"))
            return document(api.link(published, row, self._sources.names))
        make = self._documents.get(path.removeprefix("/api/")) if path.startswith("/api/") else None
        if make is None:
            known = ", ".join(f"/api/{name}" for name in [*self._documents, "link/ID"])
            raise NothingFound("path", f"nothing is at {path[:100]}", f"there are {known}, /metrics, /healthz and /")
        made = make(published, given)
        given.none_left()
        return document(made)

    def _health(self, published: Published) -> Answer:
        age = max(0.0, self._sources.now() - published.time)
        if age > max(STALE_SECONDS, STALE_BINS * published.bin_seconds):
            return refusal(503, "", f"the view is {age:.0f} s old", "see the gateway's log and /api/status")
        return document({"status": "ok", "view_age_seconds": age})

    def _links(self, published: Published, given: Arguments) -> Any:
        at, top = given.moment("at", published.time), given.text("top")
        app, router = given.text("app"), given.text("router")
        count = None if top is None else query.whole_number("top", top)
        wanted = None if router is None else self._router(router)
        by = query.choice("by", given.text("by") or api.RATE, api.ORDERS)
        if at is None:
            return api.links(published, self._sources.names, top=count, app=app, router=wanted, by=by)
        if self._sources.history is None:
            raise NothingFound("at", "this gateway keeps no history", "ask without `at`")
        then = api.with_names(published, self._sources.history(at), self._sources.names)
        return api.select(then, top=count, app=app, router=wanted, by=by)

    def _router(self, text: str) -> str:
        """The router id, given as that or as the name shown."""
        for router, name in self._sources.names.items():
            if name == text:
                return router
        return query.router_id("router", text)

    def _path(self, published: Published, given: Arguments) -> Any:
        source, destination = given.required("src"), given.required("dst")
        return network_api.path(
            published, query.address("src", source), query.address("dst", destination), self._sources.names
        )

    def _topology(self, published: Published, given: Arguments) -> Any:
        at, area = given.moment("at", published.time), given.text("area")
        held = _current(published) if at is None else self._sources.past.topologies(at)
        wanted = given.text("instance")
        if wanted is None and not held:
            return network_api.topology(None, self._sources.names)
        name, topology = history_api.choose(held, wanted, _main(published))
        chosen = None if area is None else history_api.area_id(area)
        made = network_api.topology(topology, self._sources.names, chosen)
        return made | {"instance": name, "instances": sorted(held)}

    def _topology_diff(self, published: Published, given: Arguments) -> Any:
        old, new = (query.moment(name, given.required(name), published.time) for name in ("from", "to"))
        wanted, main = given.text("instance"), _main(published)
        before, after = self._sources.past.pair(old, new)
        return network_api.changes(
            history_api.choose(before, wanted, main)[1],
            history_api.choose(after, wanted, main)[1],
            self._sources.names,
        )

    def _routes(self, published: Published, given: Arguments) -> Any:
        router, prefix = self._router(given.required("router")), given.text("prefix")
        at, wanted = given.moment("at", published.time), given.text("instance")
        chosen = None if prefix is None else query.prefix("prefix", prefix)
        held = _current(published) if at is None else self._sources.past.topologies(at)
        name, topology = history_api.choose(held, wanted, _main(published))
        made = history_api.routes(topology, Paths(topology), router, self._sources.names, chosen)
        return made | {"instance": name}

    def _lsas(self, published: Published, given: Arguments) -> Any:
        since = query.moment("since", given.text("since") or "now-1h", published.time)
        until = query.moment("until", given.text("until") or "now", published.time)
        return history_api.lsas(self._sources.past.traffic(since, until), self._sources.names)

    def _events(self, published: Published, given: Arguments) -> Any:
        since, until = given.moment("since", published.time), given.moment("until", published.time)
        kind, recent = given.text("kind"), published.events
        told: Any = recent
        if (since is not None or until is not None) and not (recent and since is not None and recent[0].time <= since):
            told = history_api.joined_events(self._sources.past.stored_events(since or 0.0, MAX_EVENTS), recent)
        chosen = history_api.select_events(told, since, until, kind)
        return [api.event_document(event, self._sources.names) for event in chosen]


def _current(published: Published) -> Mapping[str, Topology]:
    """The newest topology of every instance."""
    if published.topologies or published.topology is None:
        return published.topologies
    return {history_api.MAIN: published.topology}


def _main(published: Published) -> str | None:
    """The name of the instance that flows are joined with."""
    return next((name for name, each in published.topologies.items() if each is published.topology), None)


class Arguments:
    """The query string's parameters, each taken once; what is left over was not understood."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._left = dict(given)

    def text(self, name: str) -> str | None:
        return self._left.pop(name, None)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise QueryError(name, "is missing", f"add {name}=... to the question")
        return value

    def moment(self, name: str, now: float) -> float | None:
        value = self.text(name)
        return None if value is None else query.moment(name, value, now)

    def none_left(self) -> None:
        for name in self._left:
            raise QueryError(name[:40], "is not a parameter of this question", "leave it out")


def plain_number(value: Any) -> Any:
    """What numpy counted, as the number it is."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")


ENCODER = msgspec.json.Encoder(enc_hook=plain_number)


def document(made: Any, status: int = 200) -> Answer:
    """JSON, one document, newline at the end."""
    return Answer(status, JSON, ENCODER.encode(made) + b"\n")


def refusal(status: int, at: str, problem: str, remedy: str) -> Answer:
    """The one shape of every error."""
    return document({"error": problem, "field": at, "remedy": remedy}, status)


def _arguments(request: SiteRequest) -> dict[str, str]:
    """Query parameters as text; of a repeated one the last counts."""
    return {
        name.decode("utf-8", "replace"): values[-1].decode("utf-8", "replace") for name, values in request.args.items()
    }
