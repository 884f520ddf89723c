from dataclasses import fields

from mibs.stats import AgentStats
from mibs.system import SNMP_COUNTERS


def test_plain_integers_and_all_served_ones_exist() -> None:
    stats = AgentStats()
    names = {field.name for field in fields(stats)}
    assert all(getattr(stats, name) == 0 for name in names)
    assert set(SNMP_COUNTERS.values()) <= names
