from __future__ import annotations

import hashlib
import os
import pwd
from pathlib import Path

from agents.sources.identity import agent_identifier, may_see_others, namespace_key, user_names


def test_the_id_lasts(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    first, stored = agent_identifier(folder)
    assert stored
    assert len(first) == 16
    assert agent_identifier(folder) == (first, True)
    (path,) = folder.iterdir()
    assert path.name == f"agent-{namespace_key()}.id"
    path.write_text("not an id")
    second, stored = agent_identifier(folder)
    assert stored
    assert second != first


def test_an_id_that_cannot_be_stored_still_serves() -> None:
    identifier, stored = agent_identifier(Path("/proc/nowhere"))
    assert (len(identifier), stored) == (16, False)


def test_user_names() -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    assert user_names("off")(os.getuid()) == ""
    assert user_names("name")(os.getuid()) == name
    assert user_names("hash")(os.getuid()) == hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    assert user_names("name")(4_000_000) == "4000000"


def test_rights(tmp_path: Path) -> None:
    status = tmp_path / "status"
    for effective, may in (
        ("0000000000080004", True),
        ("0000000000080002", True),
        ("0000000000000004", False),
        ("0", False),
    ):
        status.write_text(f"Name:\tx\nCapEff:\t{effective}\n")
        assert may_see_others(status) is may
