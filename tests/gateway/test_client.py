"""gateway.client: the three ways to fail, told apart."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from gateway.client import AnswerIsNo, Client, NotReachable, Refused
from tests.gateway import face_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with face_server.serving() as at:
        yield at


def answering(reply: bytes) -> str:
    """The URL of something that answers one connection with these octets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        with peer, listener:
            peer.recv(4096)
            peer.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_documents(url: str) -> None:
    assert len(Client(url).get("links", top=3, app=None)) == 3
    assert Client(url + "/").get("status")["links"] == 15
    assert Client(url).get_link("10.255.0.4:10.4.0.0/24")["kind"] == "stub"
    assert Client(url).get("events", since="2026-11-21T20:47:00+01:00") == []


def test_a_proxy_in_the_environment_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert Client(url).get("apps")


def test_no(url: str) -> None:
    with pytest.raises(AnswerIsNo, match="no link 'nowhere'; `anemone links` lists them"):
        Client(url).get_link("nowhere")


def test_refused(url: str) -> None:
    with pytest.raises(Refused, match="top: 'x' is not a count; give a whole number"):
        Client(url).get("links", top="x")
    for text in ("127.0.0.1:8161", "ftp://127.0.0.1/", ""):
        with pytest.raises(Refused, match="is not a URL"):
            Client(text)


def test_not_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotReachable, match=r"no gateway answers at .*start one with `anemone gateway"):
        Client(f"http://127.0.0.1:{port}").get("links")


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
        b"HTTP/1.0 404 Not Found\r\n\r\n<html>no such page",
        b"HTTP/1.0 404 Not Found\r\n\r\n[1]",
        b"\x00\x01\x02\x03garbage",
        b"",
    ],
)
def test_something_else_answers(reply: bytes) -> None:
    with pytest.raises(NotReachable, match=r"--gateway URL"):
        Client(answering(reply)).get("links")
