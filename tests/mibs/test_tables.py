from dataclasses import fields

from mibs import tables
from tests.mibs.sample import sample_tables


def test_tables_are_frozen_and_sized() -> None:
    for table in sample_tables(4, 2)[1:5]:
        assert type(table).__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert len(table) == len(getattr(table, fields(table)[0].name))


def test_defaults_say_what_is_unknown() -> None:
    scalars = tables.GatewayScalars()
    assert all(getattr(scalars, field.name) == 0 for field in fields(scalars))
    assert tables.SystemGroup().object_id[:7] == (1, 3, 6, 1, 4, 1, 32473)
