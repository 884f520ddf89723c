"""LinkView: monotone counters per (ifIndex, application), fed by `UsageBatch`, read as columns.

Cells are kept sorted by key, so that reading is a slice and adding a batch is one search.  The number of cells is
bounded: past it the tail of new cells goes to application `other` of the same link, counted; link totals lose
nothing.  No rates, no history and no SNMP live here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.batch import UsageBatch
from gateway.identity import OTHER

MAX_CELLS = 4_000_000
FIELDS = ("octets", "packets", "in_octets", "in_packets")
WRAP = 2.0**64
ROUNDING = 1e-6  # octets: thirds add up to one
_SHIFT = 24


@dataclass(frozen=True)
class Counters:
    """Cells in (ifindex, app) order; integer counters, uint64."""

    ifindex: NDArray[np.int32]
    app: NDArray[np.int32]
    octets: NDArray[np.uint64]
    packets: NDArray[np.uint64]
    in_octets: NDArray[np.uint64]
    in_packets: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.ifindex)


class LinkView:
    """Cumulative usage: whole octets as Counter64, which wraps, and what ECMP leaves of an octet beside them."""

    def __init__(self, max_cells: int = MAX_CELLS) -> None:
        self._keys = np.zeros(0, dtype=np.int64)
        self._whole = np.zeros((0, len(FIELDS)), dtype=np.uint64)
        self._part = np.zeros((0, len(FIELDS)))
        self._max = max_cells
        self.cells_to_other = 0

    def add(self, usage: UsageBatch) -> None:
        """Add a batch; negative amounts are refused (ValueError): counters are monotone."""
        amounts = np.stack([usage[name] for name in FIELDS], axis=1)
        if (amounts < 0).any():
            raise ValueError("usage must not be negative")
        keys = (usage["ifindex"].astype(np.int64) << _SHIFT) | usage["app"].astype(np.int64)
        fresh = np.setdiff1d(keys, self._keys)
        if len(self._keys) + len(fresh) > self._max:
            spill = np.isin(keys, fresh)
            keys = np.where(spill, (keys >> _SHIFT << _SHIFT) | OTHER, keys)
            self.cells_to_other += int(spill.sum())
            fresh = np.setdiff1d(keys, self._keys)
        if len(fresh):
            keys_all = np.concatenate([self._keys, fresh])
            room = np.zeros((len(fresh), len(FIELDS)))
            order = np.argsort(keys_all, kind="stable")
            self._keys = keys_all[order]
            self._whole = np.concatenate([self._whole, room.astype(np.uint64)])[order]
            self._part = np.concatenate([self._part, room])[order]
        np.add.at(self._part, np.searchsorted(self._keys, keys), amounts)
        carry = np.floor(self._part + ROUNDING)
        self._part -= carry
        self._whole += np.fmod(carry, WRAP).astype(np.uint64)

    def restore(self, counters: Counters) -> None:
        """Continue from persisted counters (start-up only)."""
        self._keys = (counters.ifindex.astype(np.int64) << _SHIFT) | counters.app.astype(np.int64)
        order = np.argsort(self._keys)
        self._keys = self._keys[order]
        self._whole = np.stack([getattr(counters, name) for name in FIELDS], axis=1)[order]
        self._part = np.zeros(self._whole.shape)

    def counters(self) -> Counters:
        """All cells as integers."""
        whole = self._whole.copy()
        return Counters(
            (self._keys >> _SHIFT).astype(np.int32),
            (self._keys & ((1 << _SHIFT) - 1)).astype(np.int32),
            *(whole[:, i] for i in range(len(FIELDS))),
        )
