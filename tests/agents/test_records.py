from __future__ import annotations

import numpy as np

from agents.records import concatenate, no_rows


def test_no_rows() -> None:
    rows = no_rows()
    assert len(rows) == 0
    assert rows.local.shape == (0, 16)
    assert len(concatenate([])) == 0
    assert len(concatenate([rows, rows]).take(np.zeros(0, np.bool_))) == 0
