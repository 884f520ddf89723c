"""What a test may ask of the machine: skipped loudly when absent, a failure when REQUIRE_LAB=1 (CI)."""

from __future__ import annotations

import os
import shutil

import pytest

SBIN = ("/usr/sbin", "/sbin", "/usr/lib/frr")


def find_program(name: str) -> str | None:
    """Path of a program, also where root's PATH may not look (sbin, FRR's daemons)."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(SBIN))


def absent(what: str) -> None:
    """Skip the test, or fail it where nothing may be skipped."""
    message = f"SKIPPED FOR LACK OF {what}"
    if os.environ.get("REQUIRE_LAB") == "1":
        pytest.fail(f"{message} although REQUIRE_LAB=1", pytrace=False)
    pytest.skip(message)


def require_programs(*names: str) -> dict[str, str]:
    """Paths of the named programs, or skip/fail."""
    found = {name: find_program(name) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        absent("programs " + ", ".join(missing))
    return {name: path for name, path in found.items() if path is not None}


def require_root() -> None:
    """Root with network namespaces, or skip/fail."""
    if os.geteuid() != 0 or not os.path.isdir("/proc/self/ns"):
        absent("root and network namespaces")
