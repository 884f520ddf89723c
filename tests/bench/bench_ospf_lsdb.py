"""A database of 50,000 externals: memory and time; a storm of 500 LSAs a second for a minute, simulated and by socket.

`python -m tests.bench.bench_ospf_lsdb` prints the rows. CPU seconds throughout; the storm through a socket is sent at
six times its speed by another process, so that it takes ten seconds.
"""

from __future__ import annotations

import gc
import multiprocessing
import select
import socket
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from ospf.config import AttachConfig
from ospf.listener import Listener
from ospf.lsa import MAX_AGE, ExternalLsa, Lsa, encode_lsa
from ospf.lsdb import Lsdb
from ospf.packets import LinkStateUpdate, decode_packet, encode_packet
from ospf.rawsocket import UdpAttachment
from tests.ospf.storm import Storm, make_storm

EXTERNALS = 50_000
SOCKET_SPEED = 6.0
SENDER = 0x0A620001


def externals(sequence: int) -> list[bytes]:
    """Link State Updates of 30 externals each."""
    payloads = []
    for at in range(0, EXTERNALS, 30):
        lsas = tuple(
            encode_lsa(
                type=5,
                link_state_id=0x0B000000 + (n << 8),
                advertising_router=0x0A000001 + n % 20,
                body=ExternalLsa(0xFFFFFF00, 20 + n % 7, True, 0, n),
                sequence=sequence,
            )
            for n in range(at, min(at + 30, EXTERNALS))
        )
        payloads.append(encode_packet(LinkStateUpdate(lsas), router_id=1, area=0))
    return payloads


def decoded(payloads: list[bytes]) -> list[Lsa]:
    return [lsa for each in payloads for lsa in decode_packet(each).body.lsas]  # type: ignore[union-attr]


@contextmanager
def cpu(into: dict[str, float], name: str) -> Iterator[None]:
    gc.collect()
    began = time.process_time()
    yield
    into[name] = time.process_time() - began


def database_rows() -> list[dict[str, object]]:
    took: dict[str, float] = {}
    lsdb = Lsdb(0)
    first, second = externals(1), externals(2)
    tracemalloc.start()
    for lsa in decoded(first):
        lsdb.install(lsa, 0.0)
    del lsa
    octets = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(lsdb) == EXTERNALS
    lsdb = Lsdb(0)
    instances = decoded(first)
    with cpu(took, "install"):
        for each in instances:
            lsdb.install(each, 0.0)
    instances = decoded(second)
    with cpu(took, "refresh"):
        for each in instances:
            lsdb.install(each, 1800.0)
    assert lsdb.stats.refreshes == EXTERNALS
    with cpu(took, "first"):
        assert len(lsdb.lsas(1800.0)) == EXTERNALS
    body = instances[7].body
    assert isinstance(body, ExternalLsa)
    h = instances[7].header
    lsdb.install(
        encode_lsa(
            type=5,
            link_state_id=h.link_state_id,
            advertising_router=h.advertising_router,
            body=replace(body, metric=99),
            sequence=3,
        ),
        1800.0,
    )
    with cpu(took, "change"):
        assert len(lsdb.lsas(1800.0)) == EXTERNALS
    with cpu(took, "expire"):
        assert len(lsdb.expire(1800.0 + MAX_AGE)) == EXTERNALS
    what = f"LSDB of {EXTERNALS:,} externals:"
    return [
        {"what": f"{what} memory", "ours": octets / 1e6, "peer": "", "unit": "MB", "ratio": ""},
        {"what": f"{what} memory per LSA", "ours": octets / EXTERNALS, "peer": "", "unit": "octets", "ratio": ""},
        *(
            {"what": f"{what} {text}", "ours": took[name] * 1e3, "peer": "", "unit": "ms CPU", "ratio": ""}
            for name, text in (
                ("install", "install all"),
                ("refresh", "refresh all"),
                ("first", "all of them by key, timers put off"),
                ("change", "all of them by key after one change"),
                ("expire", "expire all"),
            )
        ),
    ]


def check(listener: Listener, storm: Storm) -> None:
    assert listener.lsdb.stats.changed == storm.lsas
    assert {lsa.key: lsa for lsa in listener.lsdb.lsas(0.0)} == storm.after


def fresh(storm: Storm) -> Listener:
    listener = Listener(AttachConfig("bench", mode="passive"), 0.0)
    for lsa in storm.before:
        listener.lsdb.install(lsa, 0.0)
    return listener


def simulated(storm: Storm) -> float:
    """CPU seconds for the minute."""
    listener = fresh(storm)
    began = time.process_time()
    for flood in storm.floods:
        listener.receive(flood.packet, flood.time)
        listener.handle_timeout(flood.time)
        while listener.next_event() is not None:
            pass
    spent = time.process_time() - began
    check(listener, storm)
    return spent


def send(port: int, floods: list[tuple[float, bytes]]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        began = time.monotonic()
        for at, packet in floods:
            pause = began + at / SOCKET_SPEED - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            out.sendto(packet, ("127.0.0.1", port))


def by_socket(storm: Storm) -> float:
    """CPU seconds for the minute, the socket's included."""
    listener, attachment = fresh(storm), UdpAttachment("udp://127.0.0.1:0", SENDER + 1)
    floods = [(flood.time, flood.packet) for flood in storm.floods]
    sender = multiprocessing.get_context("fork").Process(target=send, args=(attachment.port, floods), daemon=True)
    began, ends = time.process_time(), time.monotonic() + 60
    sender.start()
    while listener.stats.packets < len(floods) and time.monotonic() < ends:
        select.select([attachment], [], [], 1.0)
        for packet in attachment.receive():
            listener.receive(packet, 0.0)
        while listener.next_event() is not None:
            pass
    spent = time.process_time() - began
    sender.join(10)
    attachment.close()
    check(listener, storm)
    return spent


def run() -> list[dict[str, object]]:
    """Rows what, ours, peer, unit, ratio; about 20 seconds."""
    rows = database_rows()
    storm = make_storm(SENDER)
    for what, spent in (
        ("simulated time", simulated(storm)),
        ("through a socket, six times as fast", by_socket(storm)),
    ):
        rows.append(
            {
                "what": f"storm, {storm.lsas:,} LSAs of flapping adjacencies in 60 s, {what}: none lost",
                "ours": spent,
                "peer": "",
                "unit": "s CPU",
                "ratio": "",
            }
        )
    return rows


if __name__ == "__main__":
    for row in run():
        print(row)
