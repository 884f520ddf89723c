"""The one exception root of this package."""

from __future__ import annotations


class ExportersError(Exception):
    """Root of everything this package raises."""


class IpfixDecodeError(ExportersError):
    """A message that breaks RFC 7011; raised inside the decoder, which counts it and goes on."""

    def __init__(self, reason: str, odid: int = 0, set_id: int = 0, offset: int = 0) -> None:
        super().__init__(f"{reason} (domain {odid}, set {set_id}, octet {offset})")
        self.reason = reason
        self.odid = odid
        self.set_id = set_id
        self.offset = offset


class IpfixEncodeError(ExportersError):
    """Our own caller asked for something that cannot be put on the wire."""
