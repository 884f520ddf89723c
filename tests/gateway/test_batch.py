import numpy as np
import pytest

from gateway.batch import FlowBatch, UsageBatch, concat, empty, replace, take
from gateway.schema import FLOW, dtypes
from tests.gateway.small import flows


def test_columns_have_the_schemas_dtypes_and_one_length() -> None:
    batch = flows((0, 1, "10.1.1.1", "10.1.4.1", 3, 100, 2), (0, 1, "10.1.1.1", "10.1.4.2", 3, 50, 1))
    assert len(batch) == 2
    assert {name: column.dtype for name, column in batch.columns.items()} == dtypes(FLOW)


def test_a_missing_or_foreign_column_is_refused_by_name() -> None:
    good = flows((0, 1, "10.1.1.1", "10.1.4.1", 3, 100, 2)).columns
    with pytest.raises(ValueError, match="tos"):
        FlowBatch({k: v for k, v in good.items() if k != "tos"})
    with pytest.raises(ValueError, match="colour"):
        FlowBatch({**good, "colour": [1]})
    with pytest.raises(ValueError, match="rows, expected 2"):
        FlowBatch({**good, "octets": [1, 2]})


def test_concat_take_replace() -> None:
    one = flows((0, 1, "10.1.1.1", "10.1.4.1", 3, 100, 2))
    two = flows((1, 2, "10.1.1.1", "10.1.4.1", 4, 7, 1))
    both = concat(FlowBatch, [one, empty(FlowBatch), two])
    assert both["octets"].tolist() == [100, 7]
    assert take(both, np.array([False, True]))["app"].tolist() == [4]
    assert replace(both, app=9)["app"].tolist() == [9, 9]
    assert len(concat(UsageBatch, [])) == 0
