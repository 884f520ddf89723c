"""Reading ctnetlink; that its counts are right is shown in test_service."""

from __future__ import annotations

import pytest

from agents.conntrack import Entry
from agents.sources.conntrack import ConntrackSource, accounting_is_on
from tests.require import require_root


@pytest.mark.lab
def test_dump_and_drain_answer() -> None:
    require_root()
    source = ConntrackSource()
    assert all(isinstance(entry, Entry) for entry in source.dump() + source.drain())
    assert source.stats.overflows == 0
    source.close()


def test_accounting_is_known_without_rights() -> None:
    assert accounting_is_on() in (True, False)
