"""`RecordBatch`: the records of one template as equal-length numpy columns, the type on every arrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.ipfix.template import Template

Column = NDArray[Any]


@dataclass(frozen=True, eq=False)
class RecordBatch:
    """Records that one observation domain sent under one template, in the order they arrived.

    `columns`: element name -> column, dtypes as in `types.py`; the second field of the same element is
    "name#2". A field whose length its type cannot have gives no column.  `export_time`: uint32 (n,),
    seconds since 1970, from the header of the message each record came in.  `template.scope_count > 0`
    marks options records.
    """

    template: Template
    odid: int
    columns: Mapping[str, Column]
    export_time: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.export_time)
