"""Our listeners on a case's segments, on one thread; their sockets live in the namespace of node `gw`."""

from __future__ import annotations

import select
import threading
import time
from dataclasses import dataclass

from ospf.areas import AreaDatabase
from ospf.auth import next_boot_count
from ospf.config import AttachConfig
from ospf.domain import Source, area_databases
from ospf.events import SyncFailed
from ospf.keys import AuthKey
from ospf.listener import Listener
from ospf.rawsocket import RawAttachment, UdpAttachment, open_attachment
from ospf.wire import address_text
from tests.lab.cases.casefile import LISTENER, Segment
from tests.lab.cases.network import CaseNetwork
from tests.lab.namespaces import inside

POLL_SECONDS = 1.0
FIRST_ROUTER_ID = 201  # 0.0.0.201, one for each listener


@dataclass(frozen=True, eq=False)
class Ear:
    segment: Segment
    listener: Listener
    attachment: RawAttachment | UdpAttachment


class Listeners:
    """Listeners of the given mode ("burst" or "full") wherever the case wants one; more may be added."""

    def __init__(self, network: CaseNetwork) -> None:
        self.network = network
        self.ears: list[Ear] = []
        self.failures: list[str] = []
        self.lock = threading.Lock()
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._broken: BaseException | None = None
        self._thread.start()

    def attach(self, mode: str) -> None:
        for segment in self.network.case.segments:
            if segment.listen == mode:
                ear = self._open(segment, mode, len(self.ears))
                with self.lock:
                    self.ears.append(ear)

    def _open(self, segment: Segment, mode: str, place: int) -> Ear:
        config = AttachConfig(
            interface=segment.name,
            mode="burst" if mode == "burst" else "full",
            area=address_text(segment.area),
            router_id=address_text(FIRST_ROUTER_ID + place),
            poll_seconds=POLL_SECONDS,
            authentication=key_of(segment),
        )
        attachment = inside(self.network.namespace(LISTENER), lambda: open_attachment(config))
        listener = Listener(config, time.monotonic(), boot_count=next_boot_count(0, time.time()))
        listener.attached(address=attachment.address, point_to_point=attachment.point_to_point, mtu=attachment.mtu)
        return Ear(segment, listener, attachment)

    def _run(self) -> None:
        try:
            while not self._ending:
                with self.lock:
                    ears = list(self.ears)
                if ears:
                    select.select([ear.attachment for ear in ears], [], [], 0.05)
                else:
                    time.sleep(0.05)
                with self.lock:
                    for ear in ears:
                        self._serve(ear, time.monotonic())
        except BaseException as error:
            self._broken = error
            raise

    def _serve(self, ear: Ear, now: float) -> None:
        listener = ear.listener
        dropped = ear.attachment.stats.kernel_dropped
        for packet in ear.attachment.receive():
            listener.receive(packet, now)
        if ear.attachment.stats.kernel_dropped != dropped:
            listener.packets_lost(now)
        listener.handle_timeout(now)
        for destination, payload in listener.packets_to_send(now):
            ear.attachment.send(destination, payload)
        while (event := listener.next_event()) is not None:
            if isinstance(event, SyncFailed):
                self.failures.append(f"{ear.segment.name}: {event.reason}")

    def databases(self) -> list[AreaDatabase]:
        """What is held now, by area."""
        if self._broken is not None:
            raise RuntimeError("the listeners' thread ended") from self._broken
        with self.lock:
            return area_databases([Source(ear.listener.lsdb) for ear in self.ears], time.monotonic())

    @property
    def synchronised(self) -> bool:
        return all(ear.listener.synchronised for ear in self.ears)

    def close(self) -> None:
        """Leave every conversation and end the thread."""
        self._ending = True
        self._thread.join(10)
        now = time.monotonic()
        for ear in self.ears:
            ear.listener.leave(now)
            for destination, payload in ear.listener.packets_to_send(now):
                ear.attachment.send(destination, payload)
            ear.attachment.close()
        self.ears.clear()


def key_of(segment: Segment) -> AuthKey | None:
    """Our key on a segment."""
    if segment.auth is None:
        return None
    return AuthKey(**{"type": segment.auth.type, "key": segment.auth.key, "key_id": segment.auth.key_id})
