"""The listener's code has no way to an LSA of its own: read from the source, module by module.

Of everything the listeners and sockets of both versions import: nobody builds a Link State Update or an LSA, nobody
describes one, one function turns a packet into octets, and it asks the two guards; nothing else reaches the queue or a
socket.
What the running code says is judged in tests/properties/test_silence.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ospf.dialect import VERSION_2
from ospf.interface import check_octets
from ospf.packets import encode_packet
from ospf.v3.dialect import check_octets3, version_3
from tests.test_layout import imported

ROOT = Path(__file__).resolve().parents[2]
ENTRANCES = ("ospf/listener.py", "ospf/rawsocket.py", "ospf/v3/dialect.py", "ospf/v3/rawsocket.py")
CODECS = {
    "ospf/lsa.py",
    "ospf/packets.py",
    "ospf/v3/lsa.py",
    "ospf/v3/packets.py",
    "ospf/v3/announcements.py",
}  # they can encode anything, for tests and simulated routers
BUILDERS = {
    "LinkStateUpdate", "Lsa", "LsaHeader", "RouterLsa", "NetworkLsa", "SummaryLsa", "ExternalLsa", "OpaqueLsa",
    "UnknownLsa", "encode_lsa", "encode_header", "encode_body",
}  # fmt: skip


def modules() -> dict[str, ast.Module]:
    """The listener's modules and all of `ospf` they import, parsed."""
    waiting, found = list(ENTRANCES), {}
    while waiting:
        name = waiting.pop()
        if name not in found and (ROOT / name).exists():
            found[name] = ast.parse((ROOT / name).read_text())
            waiting += [f"{part.replace('.', '/')}.py" for part in imported(ROOT / name) if part.startswith("ospf.")]
    return {name: tree for name, tree in found.items() if name not in CODECS}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


def functions_that(tree: ast.AST, wanted: str) -> list[str]:
    """Functions in which a name or attribute occurs."""
    return [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Name | ast.Attribute) and f".{ast.unparse(node)}".endswith(f".{wanted}")
    ]


def test_the_modules_are_found() -> None:
    found = set(modules())
    assert {"ospf/listener.py", "ospf/neighbor.py", "ospf/interface.py", "ospf/auth.py", "ospf/lsdb.py"} <= found
    assert all(name.startswith("ospf/") for name in found) and len(found) >= 15


def test_nobody_builds_an_lsa_or_an_update() -> None:
    for name, tree in modules().items():
        built = {called for called, _ in calls(tree)} & BUILDERS
        assert not built, f"{name} builds {built}"


def test_nobody_describes_an_lsa() -> None:
    described = [call for tree in modules().values() for called, call in calls(tree) if called == "DatabaseDescription"]
    assert len(described) == 1
    for call in described:
        assert len(call.args) + len(call.keywords) == 4 and not any(word.arg == "headers" for word in call.keywords)


def test_one_function_makes_octets_and_asks_both_guards() -> None:
    parsed = modules()
    users = {name: functions_that(tree, "encode_packet") for name, tree in parsed.items()}
    assert {name: functions for name, functions in users.items() if functions} == {
        "ospf/v3/dialect.py": ["version_3", "encode"]  # the latter inside the former
    }
    encoders = {name: functions_that(tree, "_dialect.encode") for name, tree in parsed.items()}
    assert {name: functions for name, functions in encoders.items() if functions} == {"ospf/listener.py": ["_say"]}
    listener = parsed["ospf/listener.py"]
    (say,) = [node for node in ast.walk(listener) if isinstance(node, ast.FunctionDef) and node.name == "_say"]
    wanted = ("check_harmless", "encode", "check_octets", "sign")
    inside = sorted((call.lineno, call.col_offset, called) for called, call in calls(say) if called in wanted)
    assert [called for *_, called in inside] == list(wanted)
    assert sorted(set(functions_that(listener, "_out"))) == ["__init__", "_say", "packets_to_send"]
    (imports,) = [n for n in listener.body if isinstance(n, ast.ImportFrom) and n.module == "ospf.interface"]
    assert "check_harmless" in {alias.name for alias in imports.names}
    assert VERSION_2.encode is encode_packet
    assert VERSION_2.check_octets is check_octets and version_3().check_octets is check_octets3


def test_the_sockets_ask_once_more() -> None:
    sending = {"sendto", "send", "sendmsg", "sendall"}
    guards = {"ospf/rawsocket.py": ["check_octets"] * 2, "ospf/v3/rawsocket.py": ["check_octets3"]}
    for name, tree in modules().items():
        senders = [
            function
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef) and {called for called, _ in calls(function)} & sending
        ]
        firsts = []
        for function in senders:
            first = function.body[1]  # behind the docstring
            assert function.name == "send" and isinstance(first, ast.Expr) and isinstance(first.value, ast.Call)
            firsts.append(ast.unparse(first.value.func))
        assert firsts == guards.get(name, []), name
