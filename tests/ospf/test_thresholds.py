"""Anomaly thresholds: safe defaults, ranges, unknown keys refused, every key documented."""

from __future__ import annotations

import msgspec
import pytest

from ospf.errors import OspfConfigError
from ospf.thresholds import AnomalyConfig


def test_defaults_leave_room_for_our_own_repair() -> None:
    # doubt looks for missed refreshes at 1800 + 600 s and repairs within its own pauses; we speak later
    assert AnomalyConfig().refresh_margin_seconds > 600 + 300


@pytest.mark.parametrize(
    "tree",
    [
        {"flap_cycles": 1},
        {"flap_seconds": 0},
        {"duplicate_share": 1.5},
        {"refresh_margin_seconds": 1800},
        {"early_seconds": 1801},
        {"max_subjects": 1},
        {"flaps": 3},
    ],
)
def test_out_of_range(tree: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError, match=next(iter(tree))):
        msgspec.convert(tree, AnomalyConfig)


def test_an_area_storms_no_sooner_than_its_router() -> None:
    with pytest.raises(OspfConfigError, match="storm_area_lsas"):
        AnomalyConfig(storm_lsas=50, storm_area_lsas=10)


def test_every_key_is_documented() -> None:
    text = AnomalyConfig.__doc__ or ""
    assert [f.name for f in msgspec.structs.fields(AnomalyConfig) if f.name not in text] == []
