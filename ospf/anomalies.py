"""What goes wrong in a routed network, told as it begins and as it ends (pure; time is an argument).

After the AT&T OSPF Monitor's LSAG: one `Anomalies` per instance watches

    every LSA heard     storms, repeats, refreshes too early or missed, MinLSInterval, lingering MaxAge,
                        two routers with one id, graceful restarts                     `ospf.lsawatch`
    topology versions   flaps, links announced by one end, prefixes nobody reaches, areas in pieces,
                        MaxLinkMetric                                                  `ospf.topologywatch`
    its attachments     mismatched parameters, adjacencies that do not form, bad packets, databases
                        that differ                                                    `ospf.segmentwatch`

and says `Anomaly(time, kind, subject, detail)`: once when it begins, once (kind + "_ended") when it is over
(`ospf.episodes`). The thresholds are `ospf.thresholds.AnomalyConfig`; `stats` counts how often each kind began.

All times are of one clock, the caller's choice. A clock set forward by half an hour looks like missed refreshes.

    anomalies = Anomalies(config, version=2, own={listener.router_id})
    listener.record_lsas = True
    anomalies.hear(event, "eth0")                   every event of every listener, LsaHeard among them
    anomalies.topology(old, new)                    every version cut
    anomalies.look({"eth0": listener}, now)         every second or so
    anomalies.polled(poll, now)                     every poll over SNMP (`ospf.polled`)
    anomalies.handle_timeout(now)                   when `next_timeout` says
    build_domain(..., restarting=anomalies.restarting(now))
    while (anomaly := anomalies.next_event()) is not None: ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from ospf.episodes import Anomaly, AnomalyStats, Episodes
from ospf.events import Complaint, Event, LsaHeard, NeighborLost, NeighborSeen, Synchronised
from ospf.history import TopologyEvent
from ospf.lsawatch import LsaWatch
from ospf.polled import Poll
from ospf.segmentwatch import Listening, SegmentWatch
from ospf.thresholds import AnomalyConfig
from ospf.topology import Topology
from ospf.topologywatch import TopologyWatch

__all__ = ["Anomalies", "Anomaly", "AnomalyConfig", "AnomalyStats"]

DEFAULT = AnomalyConfig()


class Anomalies:
    """One instance (of protocol `version` 2 or 3); `own` are the router ids of its listeners."""

    def __init__(self, config: AnomalyConfig = DEFAULT, *, version: int = 2, own: Set[int] = frozenset()) -> None:
        self.config = config
        self._episodes = Episodes(config.max_subjects)
        self._lsas = LsaWatch(config, self._episodes, version)
        self._topology = TopologyWatch(config, self._episodes, own)
        self._segments = SegmentWatch(config, self._episodes, version)

    @property
    def stats(self) -> AnomalyStats:
        return self._episodes.stats

    def hear(self, event: Event, attachment: str = "") -> None:
        """An event of the listener of `attachment`. Never raises on what the network sent."""
        if isinstance(event, LsaHeard):
            self._lsas.hear(event, attachment)
        elif isinstance(event, Synchronised):
            self._lsas.synchronised(attachment, event.time)
        elif isinstance(event, NeighborSeen | NeighborLost):
            self._lsas.neighbor(attachment, event.router_id, there=isinstance(event, NeighborSeen))
        elif isinstance(event, Complaint):
            self._segments.complaint(event, attachment)

    def topology(
        self,
        old: Topology | None,
        new: Topology,
        changes: Sequence[TopologyEvent] | None = None,
        now: float | None = None,
    ) -> None:
        """A new version; `changes`, if at hand, are those of `ospf.history.diff(old, new)`; `now` is `new.time`."""
        self._lsas.alive = self._topology.topology(old, new, changes, now)

    def look(self, listeners: Mapping[str, Listening], now: float) -> None:
        """The state of all attachments, by name: call it every second or so."""
        self._segments.look(listeners, now)

    def polled(self, poll: Poll, now: float) -> None:
        """What a poll of a router's databases showed besides them: flushed LSAs that it cannot get rid of."""
        self._lsas.polled(poll, now)

    def restarting(self, now: float) -> Mapping[int, float]:
        """Router id -> until when it restarts gracefully: `build_domain` keeps its links up."""
        return self._lsas.restarting(now)

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due next."""
        times = [t for t in (self._lsas.next_timeout(), self._episodes.next_timeout()) if t is not None]
        return min(times, default=None)

    def handle_timeout(self, now: float) -> None:
        """Tell what has lasted long enough and what is over; harmless when nothing is due."""
        self._lsas.handle_timeout(now)
        self._episodes.handle_timeout(now)

    def next_event(self) -> Anomaly | None:
        """The next thing to tell, None when there is none."""
        return self._episodes.next_event()

    def active(self) -> tuple[tuple[str, str, str], ...]:
        """(kind, subject, detail) of what is going on, sorted."""
        return self._episodes.active()
