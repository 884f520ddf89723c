import dataclasses
import typing

from ospf import events


def test_every_event_is_frozen_and_has_a_time() -> None:
    for event in typing.get_args(events.Event):
        assert event.__dataclass_params__.frozen
        assert "time" in {field.name for field in dataclasses.fields(event)}
