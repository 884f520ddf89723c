"""What counts as an anomaly: thresholds of `ospf.anomalies`, which the gateway nests under `[ospf.anomalies]`.

The defaults keep quiet in a healthy network of routers with vendors' default timers. Times are seconds.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ospf.errors import OspfConfigError
from ospf.lsa import LS_REFRESH_TIME, MAX_AGE

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]
Grace = Annotated[float, msgspec.Meta(ge=0, le=86400)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class AnomalyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Thresholds; every anomaly that lasts is told when it begins and when it ends.

    flap_cycles, flap_seconds           a router, link or prefix flaps when it went down and came up again that often in
                                        that time; it stopped when it has not for that time
    storm_lsas, storm_area_lsas, storm_seconds   new instances from one router, and in one area, in that time (refreshes
                                        on schedule do not count)
    duplicate_share, duplicate_lsas, duplicate_seconds   share of LSAs that the same neighbor had sent before, out of
                                        at least so many in that time
    early_seconds, early_refreshes      so many refreshes in a row of one LSA, each sooner than that after the last
    refresh_margin_seconds              how late after LSRefreshTime (1800) a refresh may come before it is missed;
                                        above 900, so that a loss of our own is repaired first
    min_interval_seconds, min_interval_lsas, min_interval_within_seconds   so many instances of one router's LSAs in
                                        that time sooner than MinLSInterval (5) after the one before
    fight_strikes, fight_seconds        signs of two routers with one router id in that time
    failure_packets, failure_seconds    packets on one attachment with a wrong checksum, and as many with a wrong
                                        authentication, in that time
    mismatch_grace_seconds              how long a segment may have two designated routers
    adjacency_grace_seconds             how long routers that hear each other may take to become adjacent
    one_way_grace_seconds               how long one end of a link may announce it alone; above RouterDeadInterval
    unreachable_grace_seconds           how long prefixes may be announced by a router nobody reaches
    partition_grace_seconds             how long an area may be in pieces
    compare_seconds, compare_grace_seconds   how often databases of one area are compared; how long they may differ
    max_age_seconds                     how long an LSA may be flooded with MaxAge
    max_lsas                            LSAs remembered; what comes above is counted, not watched
    max_subjects                        anomalies and suspicions at a time; what comes above is counted
    """

    flap_cycles: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 3
    flap_seconds: Seconds = 300.0
    storm_lsas: Count = 100
    storm_area_lsas: Count = 1000
    storm_seconds: Seconds = 10.0
    duplicate_share: Share = 0.3
    duplicate_lsas: Count = 100
    duplicate_seconds: Seconds = 300.0
    early_seconds: Annotated[float, msgspec.Meta(gt=0, le=LS_REFRESH_TIME)] = 900.0
    early_refreshes: Count = 4
    refresh_margin_seconds: Annotated[float, msgspec.Meta(gt=0, lt=MAX_AGE - LS_REFRESH_TIME)] = 1200.0
    min_interval_seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 5.0
    min_interval_lsas: Count = 10
    min_interval_within_seconds: Seconds = 60.0
    fight_strikes: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 3
    fight_seconds: Seconds = 120.0
    failure_packets: Count = 5
    failure_seconds: Seconds = 60.0
    mismatch_grace_seconds: Grace = 30.0
    adjacency_grace_seconds: Grace = 120.0
    one_way_grace_seconds: Grace = 90.0
    unreachable_grace_seconds: Grace = 60.0
    partition_grace_seconds: Grace = 10.0
    compare_seconds: Seconds = 30.0
    compare_grace_seconds: Grace = 60.0
    max_age_seconds: Seconds = 120.0
    max_lsas: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 200_000
    max_subjects: Annotated[int, msgspec.Meta(ge=10, le=1_000_000)] = 10_000

    def __post_init__(self) -> None:
        if self.storm_area_lsas < self.storm_lsas:
            raise OspfConfigError("anomalies.storm_area_lsas: below storm_lsas; one router's storm is the area's too")
