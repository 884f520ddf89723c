from pathlib import Path

import pytest

from gateway.boots import FILE, Boots
from gateway.errors import GatewayError
from ospf.auth import BOOT_SHIFT_SECONDS

NOW = 100.0 * (1 << BOOT_SHIFT_SECONDS)


def test_every_start_counts_higher_and_is_on_disk_before_it_is_used(tmp_path: Path) -> None:
    first = Boots(tmp_path / "state").next(NOW)
    assert (tmp_path / "state" / FILE).read_text() == f"{first}\n"
    assert first == 100
    assert [Boots(tmp_path / "state").next(NOW) for _ in range(3)] == [101, 102, 103]


def test_a_clock_set_back_and_a_broken_file_do_not_lead_back(tmp_path: Path) -> None:
    boots = Boots(tmp_path)
    count = boots.next(NOW)
    boots.keep(count + 7)
    boots.keep(count)
    assert Boots(tmp_path).next(0.0) == count + 8
    (tmp_path / FILE).write_text("rubbish")
    assert Boots(tmp_path).next(NOW + (1 << BOOT_SHIFT_SECONDS)) == 101


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GatewayError, match="count of starts cannot be kept"):
        Boots(tmp_path / "file").next(NOW)
