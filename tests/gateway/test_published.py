import dataclasses

import pytest

from gateway.config import parse
from gateway.pipeline import Pipeline
from tests.gateway.small import diamond


def test_one_immutable_value_with_equal_length_columns() -> None:
    pipeline = Pipeline(parse({"names": {"10.255.0.1": "core", "10.255.0.2": "core"}}), 0.0)
    pipeline.receive_topology(diamond())
    p = pipeline.published(1.0)
    for group in (p.links, p.apps, p.link_apps, p.matrix):
        lengths = {len(getattr(group, f.name)) for f in dataclasses.fields(group)}
        assert len(lengths) == 1
    assert len(p.links) == len(set(p.links.id)) == len(set(p.links.name)) == 13
    assert p.links.ifindex.tolist() == sorted(p.links.ifindex.tolist())
    with pytest.raises(dataclasses.FrozenInstanceError):
        p.time = 2.0  # type: ignore[misc]
