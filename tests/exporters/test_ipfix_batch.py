"""exporters/ipfix/batch.py"""

from __future__ import annotations

import numpy as np

from exporters.ipfix.batch import RecordBatch
from exporters.profiles import LINK_FLOW_V4


def test_length_is_the_number_of_records() -> None:
    batch = RecordBatch(LINK_FLOW_V4, 1, {"octetDeltaCount": np.arange(3)}, np.zeros(3, np.uint32))
    assert len(batch) == 3


def test_batches_are_compared_by_identity() -> None:
    one = RecordBatch(LINK_FLOW_V4, 1, {}, np.zeros(0, np.uint32))
    assert one == one
    assert one != RecordBatch(LINK_FLOW_V4, 1, {}, np.zeros(0, np.uint32))
