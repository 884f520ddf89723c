"""Batches: equal-length numpy columns named and typed by the schema; free functions act on them.

Four batch types, one per stage: `RecordBatch` (exporters.ipfix.batch: records as they came), `FlowBatch` (one
direction of one flow per row), `UsageBatch` (link x application per bin) and `HopBatch` (flow x router hop).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from gateway.schema import FLOW, HOP, USAGE, Column, dtypes

B = TypeVar("B", bound="Batch")


class Batch:
    """Equal-length columns of one schema table; `batch["octets"]` is a numpy array."""

    schema: ClassVar[tuple[Column, ...]] = ()
    __slots__ = ("columns",)

    def __init__(self, columns: Mapping[str, Any]) -> None:
        """`columns` must name exactly the schema's columns; scalars are broadcast.  ValueError otherwise."""
        types = dtypes(self.schema)
        if columns.keys() != types.keys():
            wrong = sorted(columns.keys() ^ types.keys())
            raise ValueError(f"{type(self).__name__}: columns {wrong} missing or unknown")
        sized = {k: np.asarray(v, dtype=types[k]) for k, v in columns.items()}
        length = max((len(v) for v in sized.values() if v.ndim), default=0)
        for name, column in sized.items():
            if column.ndim == 0:
                sized[name] = np.full(length, column)
            elif len(column) != length:
                raise ValueError(f"{type(self).__name__}: {name} has {len(column)} rows, expected {length}")
        self.columns: dict[str, NDArray[Any]] = sized

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


class FlowBatch(Batch):
    schema = FLOW


class UsageBatch(Batch):
    schema = USAGE


class HopBatch(Batch):
    schema = HOP


def empty(kind: type[B]) -> B:
    """A batch of no rows."""
    return kind({name: np.empty(0, dtype) for name, dtype in dtypes(kind.schema).items()})


def take(batch: B, rows: NDArray[Any]) -> B:
    """The rows named by a boolean mask or by indices, in that order."""
    return type(batch)({name: column[rows] for name, column in batch.columns.items()})


def concat(kind: type[B], batches: Iterable[B]) -> B:
    """All rows of the batches, in order."""
    parts = [b for b in batches if len(b)]
    if not parts:
        return empty(kind)
    if len(parts) == 1:
        return parts[0]
    return kind({name: np.concatenate([p[name] for p in parts]) for name in dtypes(kind.schema)})


def replace(batch: B, **columns: Any) -> B:
    """The same rows with some columns replaced."""
    return type(batch)({**batch.columns, **columns})
