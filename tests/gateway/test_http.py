"""gateway.http: every address of the API, its errors as JSON, and its manners on the wire."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import metrics
from gateway.http import Answer, Answers, Sources
from gateway.past import Past
from gateway.published import Event, Published
from ospf.domain import DomainKey
from ospf.history import TopologyHistory
from tests.gateway import face_server
from tests.gateway import published_fake as fake


def answers(published: Published | None = None, **more: Any) -> Answers:
    held = fake.small() if published is None else published
    return Answers(Sources(lambda: held, names=fake.NAMES, version="9.9", now=lambda: fake.NOW + 5, **more))


def remembering(*topologies: Any) -> Past:
    """What a gateway remembers that cut these versions."""
    history = TopologyHistory()
    for topology in topologies:
        history.append(topology)
    return Past(None, histories={DomainKey("default", 2): history})


def ask(path: str, given: Answers | None = None, **parameters: str) -> Any:
    answer = (given or answers()).answer(path.encode(), parameters)
    assert answer.content_type == "application/json"
    document = json.loads(answer.body)
    if answer.status != 200:
        assert set(document) == {"error", "field", "remedy"}
        return answer.status, document["field"], document["error"]
    return document


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/api/links", {}),
        ("/api/routers", {}),
        ("/api/apps", {}),
        ("/api/agents", {}),
        ("/api/matrix", {}),
        ("/api/events", {}),
        ("/api/events", {"since": "now-1h"}),
        ("/api/status", {}),
        ("/api/topology", {}),
        ("/api/topology", {"area": "0", "instance": "default"}),
        ("/api/routes", {"router": "10.255.0.3"}),
        ("/api/routes", {"router": "north", "prefix": "10.4.0.0/24"}),
        ("/api/events", {"kind": "link_up,link down"}),
        ("/api/path", {"src": "10.1.0.10", "dst": "10.4.0.20"}),
        ("/api/link/10.255.0.4%3A10.4.0.0%2F24", {}),
        ("/api/link/10.255.0.4:10.4.0.0/24", {}),
        ("/healthz", {}),
    ],
)
def test_every_address_answers(path: str, parameters: dict[str, str]) -> None:
    document = ask(path, **parameters)
    assert document
    assert not isinstance(document, tuple)


@pytest.mark.parametrize(
    ("path", "parameters", "status", "field"),
    [
        ("/api/links", {"top": "ten"}, 400, "top"),
        ("/api/links", {"by": "name"}, 400, "by"),
        ("/api/links", {"router": "core-1"}, 400, "router"),
        ("/api/links", {"at": "yesterday"}, 400, "at"),
        ("/api/links", {"at": "now"}, 404, "at"),
        ("/api/links", {"tpo": "5"}, 400, "tpo"),
        ("/api/events", {"since": "x"}, 400, "since"),
        ("/api/topology", {"area": "backbone"}, 400, "area"),
        ("/api/topology", {"area": "7"}, 404, "area"),
        ("/api/topology", {"instance": "vrf"}, 404, "instance"),
        ("/api/topology", {"at": "now-1h"}, 404, "at"),
        ("/api/routes", {}, 400, "router"),
        ("/api/routes", {"router": "10.255.0.9"}, 404, "router"),
        ("/api/routes", {"router": "10.255.0.1", "prefix": "10.99.0.0/16"}, 404, "prefix"),
        ("/api/routes", {"router": "10.255.0.1", "prefix": "10.1.0.1/24"}, 400, "prefix"),
        ("/api/lsas", {}, 400, ""),
        ("/api/lsas", {"since": "later"}, 400, "since"),
        ("/api/path", {"src": "10.1.0.10"}, 400, "dst"),
        ("/api/path", {"src": "web", "dst": "10.4.0.20"}, 400, "src"),
        ("/api/path", {"src": "10.1.0.10", "dst": "10.1.0.11"}, 404, "dst"),
        ("/api/topology/diff", {"from": "now-1h"}, 400, "to"),
        ("/api/link/nowhere", {}, 404, "link"),
        ("/api/nothing", {}, 404, "path"),
        ("/favicon.ico", {}, 404, "path"),
        ("/api/apps", {"top": "5"}, 400, "top"),
    ],
)
def test_errors_name_the_field(path: str, parameters: dict[str, str], status: int, field: str) -> None:
    assert ask(path, **parameters)[:2] == (status, field)


def test_links_filters_reach_the_api() -> None:
    assert len(ask("/api/links", top="2")) == 2
    assert {link["router"] for link in ask("/api/links", router="10.255.0.2")} == {"10.255.0.2"}
    assert all("backup" in link["apps"] for link in ask("/api/links", app="backup"))


def test_history_and_earlier_topologies() -> None:
    published = fake.small()
    old = fake.topology_of(fake.small_network().without("east"), 6, fake.NOW - 1200)
    given = answers(
        published,
        history=face_server.history(published),
        past=remembering(old, published.topology),
    )
    now, then = ask("/api/links", given, top="1"), ask("/api/links", given, top="1", at="now-5m")
    assert then[0]["bits_per_second"] == pytest.approx(now[0]["bits_per_second"] / 10)
    assert then[0]["name"] == now[0]["name"]
    assert then[0]["utilisation"] == pytest.approx(0.092)
    assert ask("/api/links", given, at="now-2h") == []
    assert ask("/api/topology", given, at="now-15m")["version"] == 6
    changes = ask("/api/topology/diff", given, **{"from": "now-15m", "to": "now"})
    assert ("router_up", "10.255.0.3") in {(c["kind"], c["subject"]) for c in changes}
    assert ask("/api/topology/diff", given, **{"from": "now-1m", "to": "now"}) == []


def test_the_store_is_asked_for_events_only_when_memory_does_not_reach_back() -> None:
    asked: list[float] = []

    class Stored(Past):
        def stored_events(self, since: float, most: int = 0) -> list[Event]:
            asked.append(since)
            return [Event(fake.NOW - 9000, "router_up", "10.255.0.1", "")]

    given = answers(past=Stored(None))
    assert len(ask("/api/events", given)) == 3 and len(ask("/api/events", given, since="-400s")) == 2
    assert asked == []
    assert [e["kind"] for e in ask("/api/events", given, since="-3h", until="-7m")] == ["router_up", "router_up"]
    assert asked == [fake.NOW - 3 * 3600]


def test_before_the_first_view() -> None:
    given = Answers(Sources(lambda: None, version="9.9"))
    assert ask("/api/links", given)[0] == 503
    assert ask("/healthz", given)[0] == 503
    page = given.answer(b"/", {})
    assert (page.status, b"starting" in page.body) == (503, True)


def test_health_turns_with_age() -> None:
    published = fake.small()

    def health(age: float) -> Any:
        return ask("/healthz", Answers(Sources(lambda: published, now=lambda: published.time + age)))

    assert health(59) == {"status": "ok", "view_age_seconds": 59}
    assert health(61)[0] == 503


def test_answers_are_kept_until_the_view_changes() -> None:
    views = [fake.small()]
    given = Answers(Sources(lambda: views[-1]))
    first = given.answer(b"/api/links", {})
    assert given.answer(b"/api/links", {}) is first
    assert given.stats.answered_from_kept == 1
    kept = len(given._kept)
    given.answer(b"/api/routes", {"router": "north"})  # another thread's: nothing of it is kept
    assert len(given._kept) == kept
    views.append(fake.empty())
    assert given.answer(b"/api/links", {}).body == b"[]\n"
    for number in range(500):
        given.answer(b"/api/links", {"top": str(number + 1)})
    assert len(given._kept) <= 128


def test_metrics_and_page() -> None:
    answer = answers().answer(b"/metrics", {})
    assert answer.content_type == metrics.CONTENT_TYPE
    assert b"\nanemone_link_octets_total{" in answer.body
    assert b"<svg" in answers().answer(b"/", {}).body


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([b"/api/links", b"/api/events", b"/api/path", b"/api/topology", b"/", b"/metrics"])
    | st.binary(max_size=30).map(lambda tail: b"/api/link/" + tail)
    | st.binary(max_size=40),
    st.dictionaries(st.sampled_from(["top", "app", "router", "at", "since", "src", "dst"]) | st.text(max_size=8),
                    st.text(max_size=12), max_size=3),
)  # fmt: skip
def test_any_question_gets_an_answer(path: bytes, parameters: dict[str, str]) -> None:
    answer: Answer = GIVEN.answer(path, parameters)
    assert answer.status in (200, 400, 404)


GIVEN = answers()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with face_server.serving() as at:
        yield at


def test_on_the_wire(url: str) -> None:
    with urlopen(f"{url}/api/link/10.255.0.4%3A10.4.0.0%2F24") as answer:
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "script-src 'sha256-" in answer.headers["Content-Security-Policy"]
        assert json.load(answer)["id"] == "10.255.0.4:10.4.0.0/24"
    with urlopen(Request(f"{url}/", method="HEAD")) as answer:
        assert answer.status == 200
        assert answer.read() == b""
    with urlopen(Request(f"{url}/api/links", headers={"Accept-Encoding": "gzip"})) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(json.loads(gzip.decompress(answer.read()))) == 15


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_read_only(url: str, method: str) -> None:
    with pytest.raises(HTTPError) as error:
        urlopen(Request(f"{url}/api/links", method=method, data=b"x" if method in ("POST", "PUT") else None))
    assert error.value.code == 405
    assert error.value.headers["Allow"] == "GET, HEAD"
    assert json.load(error.value)["field"] == "method"


def test_somebody_who_does_not_wait_for_a_slow_answer_harms_nobody(url: str) -> None:
    at = urlsplit(url)
    for _ in range(5):
        with socket.create_connection((at.hostname, at.port), timeout=5) as peer:
            peer.sendall(b"GET /api/routes?router=10.255.0.1 HTTP/1.0\r\n\r\n")
    with urlopen(f"{url}/api/routes?router=10.255.0.1") as answer:
        assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
        assert len(json.load(answer)["routes"]) > 5
    with urlopen(Request(f"{url}/api/routes?router=10.255.0.1", method="HEAD")) as answer:
        assert answer.status == 200 and answer.read() == b""


@pytest.mark.parametrize(
    "line",
    [b"GET /api/links?top=%ff%00 HTTP/1.0", b"GET //api//links HTTP/1.0", b"GET /api/link/%E2%82 HTTP/1.0",
     b"GET /../../etc/passwd HTTP/1.0", b"GET * HTTP/1.0", b"GET /" + b"a" * 4000 + b" HTTP/1.0"],
)  # fmt: skip
def test_odd_requests_are_refused_politely(url: str, line: bytes) -> None:
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port), timeout=5) as peer:
        peer.sendall(line + b"\r\n\r\n")
        status = int(peer.makefile("rb").readline().split()[1])
    assert 400 <= status < 500
    with urlopen(f"{url}/api/status") as answer:
        assert answer.status == 200
