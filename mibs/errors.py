"""The exceptions of this package: one root, so that a caller can catch all of them by one name."""

from __future__ import annotations


class MibsError(Exception):
    """Root of every error raised by `mibs`."""


class BerDecodeError(MibsError):
    """Octets that are not the BER this package accepts."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(f"{reason} at octet {offset}")
        self.reason = reason
        self.offset = offset


class SnapshotError(MibsError):
    """A snapshot that is torn, foreign or of another version."""


class TableError(MibsError):
    """Input columns that do not fit together (lengths, order, range)."""
