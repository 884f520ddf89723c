"""How often the gateway has started, kept in a file that is written ahead.

OSPF's cryptographic sequence numbers (RFC 2328 D.3, RFC 7474) are made of it: they must never go back, or routers
refuse what an attachment says until their neighbor times out.
"""

from __future__ import annotations

import os
from pathlib import Path

from gateway.errors import GatewayError
from ospf.auth import next_boot_count

FILE = "boots"


class Boots:
    """The count in `state_dir`; GatewayError when it cannot be kept."""

    def __init__(self, state_dir: str | Path) -> None:
        self._path = Path(state_dir) / FILE
        self._kept = 0

    def next(self, wall: float) -> int:
        """The count to start with, on disk before it is used; a lost or broken file is made good by the clock."""
        try:
            kept = int(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            kept = 0
        self.keep(next_boot_count(kept, wall))
        return self._kept

    def keep(self, count: int) -> None:
        """Remember a count that has grown meanwhile."""
        if count <= self._kept:
            return
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="ascii") as file:
                file.write(f"{count}\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise GatewayError(f"{self._path}: the count of starts cannot be kept: {error}") from error
        self._kept = count
