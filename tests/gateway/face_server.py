"""A gateway's HTTP side over a fake view, as a process of its own: `python -m tests.gateway.face_server`.

Prints the port it listens on (127.0.0.1, free one) and serves until its standard input closes.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from gateway import api
from gateway.http import make_site
from gateway.past import Past
from ospf.domain import DomainKey
from ospf.history import TopologyHistory
from tests.gateway import published_fake as fake


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a running one; stopped afterwards."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.face_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        assert child.stdin is not None
        child.stdin.close()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def history(published: fake.Published) -> Any:
    """Yesterday every link carried a tenth."""

    def links_at(at: float) -> list[dict[str, Any]]:
        if at < fake.STARTED:
            return []
        extra = ("name", "towards", "capacity_bits_per_second", "utilisation")
        return [
            {key: value for key, value in link.items() if key not in extra}
            | {"bits_per_second": link["bits_per_second"] / 10}
            for link in api.links(published)
        ]

    return links_at


def main() -> None:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    published = replace(fake.small(), time=fake.NOW)
    network = fake.small_network()
    first = fake.topology_of(network.without("east"), 6, fake.NOW - 1200)
    remembered = TopologyHistory()
    for topology in (first, published.topology):
        remembered.append(topology)
    site = make_site(
        lambda: published,
        history(published),
        Past(None, histories={DomainKey("default", 2): remembered}),
        fake.NAMES,
    )
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    print(port.getHost().port, flush=True)

    def until_closed() -> None:
        sys.stdin.read()
        reactor.callFromThread(reactor.stop)

    threading.Thread(target=until_closed, daemon=True).start()
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
