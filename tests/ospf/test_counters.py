from dataclasses import asdict

from ospf.counters import ListenerStats


def test_counters_are_numbers_from_zero() -> None:
    assert set(asdict(ListenerStats()).values()) == {0}
