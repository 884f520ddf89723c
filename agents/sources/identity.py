"""What of the host is asked of the system and the disk: the agent's id, the network namespace, user names."""

from __future__ import annotations

import hashlib
import os
import pwd
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

ID_OCTETS = 16
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE = 1, 2, 19


def namespace_key() -> str:
    """A name for this network namespace that holds until the next boot; "host" for init's, for ever."""
    inode = os.stat("/proc/self/ns/net").st_ino
    try:
        if inode == os.stat("/proc/1/ns/net").st_ino:
            return "host"
    except OSError:  # other users' namespaces may not be looked at
        return f"netns-{inode}"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8]
    return f"netns-{boot}-{inode}"


def agent_identifier(state_dir: Path) -> tuple[bytes, bool]:
    """The agent's random id, 16 octets, made at the first start; False when it could not be stored.

    One file per network namespace, so that several agents may share a state directory.
    """
    path = state_dir / f"agent-{namespace_key()}.id"
    try:
        known = bytes.fromhex(path.read_text("ascii").strip())
        if len(known) == ID_OCTETS:
            return known, True
    except (OSError, ValueError):
        known = b""  # not there yet, or not an id: a new one
    fresh = os.urandom(ID_OCTETS)
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        temporary.write_text(fresh.hex() + "\n", "ascii")
        temporary.replace(path)
    except OSError:
        return fresh, False
    return fresh, True


def user_names(mode: str) -> Callable[[int], str]:
    """uid -> what a record says of the user: nothing (off), a one-way short hash, or the name."""
    if mode == "off":
        return lambda uid: ""

    @lru_cache(maxsize=1024)
    def name(uid: int) -> str:
        try:
            text = pwd.getpwuid(uid).pw_name
        except KeyError:
            text = str(uid)
        return text if mode == "name" else hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    return name


def may_see_others(status: Path = Path("/proc/self/status")) -> bool:
    """Whether other users' open files may be looked at: CAP_SYS_PTRACE, and one that reads their directories."""
    for line in status.read_text("ascii", "replace").splitlines():
        if line.startswith("CapEff:"):
            effective = int(line.split()[1], 16)
            return bool(effective & 1 << CAP_SYS_PTRACE) and bool(
                effective & (1 << CAP_DAC_READ_SEARCH | 1 << CAP_DAC_OVERRIDE)
            )
    return False
