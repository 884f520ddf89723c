"""The house's law, enforced: package DAG, pure modules without IO, module size, banned names, a test per module."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gateway", "agents", "exporters", "ospf", "mibs")
MAY_IMPORT = {
    "gateway": {"gateway", "exporters", "ospf", "mibs"},
    "agents": {"agents", "exporters"},
    "exporters": {"exporters"},
    "ospf": {"ospf"},
    "mibs": {"mibs"},
}
# The rim. Everything else is pure: bytes and time come in as arguments.
IO_MODULES = {
    "agents/cli.py",
    "agents/service.py",
    "agents/sources/conntrack.py",
    "agents/sources/identity.py",
    "agents/sources/packetring.py",
    "agents/sources/procfs.py",
    "agents/sources/rtnetlink.py",
    "agents/sources/sockdiag.py",
    "exporters/udp.py",
    "ospf/archivefile.py",
    "ospf/archivereader.py",
    "ospf/capture.py",
    "ospf/rawsocket.py",
    "ospf/v3/rawsocket.py",
    "mibs/responder.py",
    "mibs/snapshotfile.py",
    "gateway/attachments.py",
    "gateway/clock.py",
    "gateway/demo/feed.py",
    "gateway/demo/run.py",
    "gateway/exports.py",
    "gateway/lsdbpoll.py",
    "gateway/polls.py",
    "gateway/service.py",
    "gateway/snmp.py",
    "gateway/store.py",
    "gateway/udp.py",
    "gateway/http.py",
    "gateway/client.py",
    "gateway/cli.py",
    "gateway/replaying.py",
}
FORBIDDEN_IN_PURE = {
    "socket", "time", "select", "selectors", "threading", "multiprocessing", "subprocess", "signal", "asyncio",
    "twisted", "sqlite3", "sqlite_utils", "scapy", "pysnmp", "urllib.request", "urllib.error", "http", "fcntl",
    "ctypes", "mmap",
}  # fmt: skip
BANNED = {"handler", "processor", "engine", "manager", "utils", "util", "helpers", "helper", "common", "misc"}
CEILING = 500

MODULES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if "__pycache__" not in p.parts)
NAMED = [p for p in MODULES if p.name != "__init__.py"]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Dotted names a module imports, and every package above them; relative imports are refused."""
    dotted: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            dotted.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}: relative import"
            dotted.add(node.module or "")
    parts = [name.split(".") for name in dotted]
    return {".".join(p[: n + 1]) for p in parts for n in range(len(p))}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_package_dag(path: Path) -> None:
    package = relative(path).split("/")[0]
    wrong = (imported(path) & set(PACKAGES) | imported(path) & {"tests"}) - MAY_IMPORT[package]
    assert not wrong, f"{relative(path)} imports {sorted(wrong)}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_pure_modules_import_no_io(path: Path) -> None:
    if relative(path) in IO_MODULES:
        return
    wrong = imported(path) & FORBIDDEN_IN_PURE
    assert not wrong, f"{relative(path)} is pure but imports {sorted(wrong)}"


def test_io_list_names_real_modules() -> None:
    missing = sorted(name for name in IO_MODULES if not (ROOT / name).exists())
    assert not missing


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_size(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= CEILING, f"{relative(path)} has {lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_init_is_docstring_and_all_only(path: Path) -> None:
    if path.name != "__init__.py":
        return
    for node in ast.parse(path.read_text()).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        exports = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        assert docstring or exports, relative(path)


@pytest.mark.parametrize("path", NAMED, ids=relative)
def test_every_module_has_its_test(path: Path) -> None:
    package, *folders, name = relative(path).split("/")
    if name == "__main__.py":
        return
    mirror = ROOT / "tests" / package / ("test_" + "_".join([*folders, name]))
    assert mirror.exists(), f"{relative(path)} has no {relative(mirror)}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_names_say_what_they_are(path: Path) -> None:
    defined = [path.stem]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            defined.append(node.name)
    for name in defined:
        words = {w.lower() for w in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}
        assert not words & BANNED, f"{relative(path)}: {name}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), relative(path)


def test_private_elements_and_mib_root_share_the_enterprise() -> None:
    from exporters.ipfix.elements import PEN
    from mibs.oid import ROOT as OID_ROOT

    assert OID_ROOT == (1, 3, 6, 1, 4, 1, PEN)
