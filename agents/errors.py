"""What the agent may raise: one root, so that a caller needs one `except`."""

from __future__ import annotations


class AgentsError(Exception):
    """Root of everything raised on purpose by `agents`."""


class ConfigError(AgentsError):
    """A configuration that may not be used; the text names the dotted key and what is allowed."""


class NetlinkError(AgentsError):
    """The kernel refused a netlink request; `number` is its errno."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number
