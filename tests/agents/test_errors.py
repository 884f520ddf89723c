from __future__ import annotations

from agents.errors import AgentsError, ConfigError, NetlinkError


def test_one_root() -> None:
    assert issubclass(ConfigError, AgentsError)
    assert issubclass(NetlinkError, AgentsError)
    assert NetlinkError(13, "netlink: EACCES").number == 13
