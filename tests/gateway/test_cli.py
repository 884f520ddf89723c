"""gateway.cli: the verbs people type, their exit codes and their words."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway import cli, replaying, store
from gateway.errors import ConfigError, GatewayError
from tests.gateway import face_server, test_past

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., SimpleNamespace]
LAN = str(ROOT / "tests/captures/ospf-lan/in.pcap")
NO_LSA = str(ROOT / "tests/captures/ospf2-tcpdump/ospf2-seg-fault-1.pcapng")
state = test_past.state


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with face_server.serving() as at:
        yield at


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: str) -> SimpleNamespace:
        try:
            code = cli.main(argv)
        except SystemExit as leaving:
            code = leaving.code
        out = capsys.readouterr()
        return SimpleNamespace(code=code, out=out.out, err=out.err)

    return call


@pytest.mark.parametrize(
    ("verb", "word"),
    [
        (["links"], "west:10.4.0.0/24"),
        (["links", "--top", "2"], "92 %"),
        (["links", "--app", "backup"], "22.0 Mbit/s"),
        (["links", "--router", "10.255.0.4"], "100 Mbit/s"),
        (["links", "--at", "now-5m"], "9.20 Mbit/s"),
        (["link", "10.255.0.4:10.4.0.0/24"], "6,900,000,000 octets"),
        (["link", "west:10.4.0.0/24"], "talk"),
        (["routers"], "north"),
        (["apps"], "https"),
        (["agents"], "silent"),
        (["matrix"], "north"),
        (["path", "10.1.0.10", "10.4.0.20"], "33 %"),
        (["topology"], "10.255.0.3 east"),
        (["topology", "--at", "now-15m"], "version"),
        (["topology", "--diff", "now-15m", "now"], "router up"),
        (["topology", "--area", "0"], "10.255.0.3 east"),
        (["topology", "--diff", "-15m", "-0s"], "router up"),
        (["routes", "north"], "10.4.0.0/24"),
        (["routes", "10.255.0.3", "--prefix", "10.4.0.0/24"], "west"),
        (["routes", "10.255.0.1", "--at", "-15m"], "10.1.0.0/24"),
        (["events", "--kind", "link_up", "--until", "now"], "link up"),
        (["topology", "--pcap", LAN], "10.98.0.3:10.98.3.0/24"),
        (["topology", "--pcap", LAN, "--at", "-5s"], "10.98.0.2"),
        (["topology", "--pcap", LAN, "--diff", "-5s", "now"], "cost changed"),
        (["events"], "link down"),
        (["events"], "north:10.0.0.5"),
        (["links", "--top", "1", "--by", "used"], "92 %"),
        (["events", "--since", "now-250s"], "link up"),
        (["status"], "15 of 15 links up"),
    ],
)
def test_questions(run: Run, url: str, verb: list[str], word: str) -> None:
    shown = run(*verb, "--gateway", url)
    assert (shown.code, shown.err) == (0, "")
    assert word in shown.out if word != "talk" else "destination" in shown.out
    document = run(*verb, "--gateway", url, "--json")
    assert document.code == 0
    assert json.loads(document.out)


@pytest.mark.parametrize(
    ("verb", "word"),
    [
        (["link", "nowhere"], "no link 'nowhere'"),
        (["links", "--app", "no such"], "nothing found"),
        (["links", "--at", "now-2h"], "nothing found"),
        (["path", "10.1.0.10", "10.1.0.11"], "share a link"),
        (["events", "--since", "now"], "nothing found"),
        (["topology", "--diff", "now-1m", "now"], "nothing changed"),
        (["topology", "--at", "-3h"], "no topology is known as of"),
        (["topology", "--area", "9"], "area 0.0.0.9 is not seen"),
        (["routes", "10.9.9.9"], "no router 10.9.9.9"),
        (["routes", "north", "--prefix", "10.99.0.0/16"], "no route to"),
        (["events", "--kind", "no_such"], "nothing found"),
        (["topology", "--pcap", NO_LSA], "no topology"),
    ],
)
def test_the_answer_is_no(run: Run, url: str, verb: list[str], word: str) -> None:
    shown = run(*verb, "--gateway", url)
    assert shown.code == 1
    assert word in shown.err + shown.out
    assert shown.out == "" or NO_LSA in verb


def test_a_router_goes_by_id_or_name(run: Run, url: str) -> None:
    by_id = run("links", "--router", "10.255.0.1", "--json", "--gateway", url)
    assert by_id.code == 0
    assert json.loads(run("links", "--router", "north", "--json", "--gateway", url).out) == json.loads(by_id.out)
    refused = run("links", "--router", "nowhere", "--gateway", url)
    assert (refused.code, "neither a router id nor a router's name" in refused.err) == (2, True)


def test_nothing_as_json_is_still_a_document(run: Run, url: str) -> None:
    shown = run("links", "--app", "no such", "--json", "--gateway", url)
    assert (shown.code, json.loads(shown.out)) == (1, [])


@pytest.mark.parametrize(
    ("verb", "word"),
    [
        (["links", "--at", "yesterday"], "RFC 3339"),
        (["links", "--router", "core-1"], "neither a router id nor"),
        (["links", "--top", "0"], "not a count"),
        (["path", "a", "b"], "src"),
        (["topology", "--at", "now", "--diff", "now", "now"], "not allowed"),
        (["topology", "--real-time"], "needs --pcap"),
        (["topology", "--diff", "-1h", "now", "--area", "0"], "not together with --diff"),
        (["topology", "--pcap", __file__], "not a capture"),
        (["topology", "--pcap", "/none"], "No such file"),
        (["topology", "--pcap", LAN, "--store", "x"], "not together with --pcap"),
        (["topology", "--area", "x"], "not an area"),
        (["routes", "north", "--prefix", "10.1.0.1/8"], "not a prefix"),
        (["lsas", "--since", "-1h"], "no archive of LSAs"),
        (["nonsense"], "invalid choice"),
        ([], "VERB"),
    ],
)
def test_usage_errors(run: Run, url: str, verb: list[str], word: str) -> None:
    shown = run(*verb, *(["--gateway", url] if verb[1:] else []))
    assert shown.code == 2
    assert word in shown.err


def test_no_gateway_is_2_with_the_remedy(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    shown = run("links", "--gateway", f"http://127.0.0.1:{port}")
    assert shown.code == 2
    assert "anemone demo" in shown.err


def test_verbs_of_later_issues_are_not_offered(run: Run) -> None:
    offered = run("--help").out
    for verb in ("demo", "gateway", "agent", "check", "dump", "links", "link", "status"):
        assert f"    {verb} " in offered
    for verb in ("whatif", "engineer", "coverage", "place"):
        assert verb not in offered


STORED = [
    {"id": "10.0.0.1:10.9.0.1", "kind": "transit", "ifindex": 1, "router": "10.0.0.1", "interface": "10.9.0.1",
     "neighbor": "10.0.0.2", "area": "0.0.0.0", "cost": 10, "up": True, "octets": 1000, "packets": 10,
     "bits_per_second": 8e6, "apps": {"web": 8e6}},
    {"id": "10.0.0.2:10.9.0.2", "kind": "transit", "ifindex": 2, "router": "10.0.0.2", "interface": "10.9.0.2",
     "neighbor": "10.0.0.1", "area": "0.0.0.0", "cost": 10, "up": True, "octets": 5000, "packets": 50,
     "bits_per_second": 9e6, "apps": {"dns": 9e6}},
]  # fmt: skip


def test_a_store_is_read_without_a_gateway(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def read_links(path: Any, at: float | None) -> list[dict[str, Any]]:
        asked.append((path, at))
        return STORED

    monkeypatch.setattr(store, "read_links", read_links)
    shown = run("links", "--store", "anemone.sqlite", "--json")
    assert [link["ifindex"] for link in json.loads(shown.out)] == [2, 1]
    shown = run("links", "--store", "anemone.sqlite", "--at", "2026-11-21T19:50:00Z", "--app", "web")
    assert "8.00 Mbit/s" in shown.out
    assert asked == [("anemone.sqlite", None), ("anemone.sqlite", 1_795_290_600.0)]
    assert json.loads(run("link", "2", "--store", "x", "--json").out)["id"] == "10.0.0.2:10.9.0.2"
    assert run("link", "3", "--store", "x").code == 1
    refused = run("routers", "--store", "x")
    assert refused.code == 2
    assert "running gateway" in refused.err


def test_what_is_no_store_is_2(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no database\n" * 100)
    shown = run("links", "--store", str(file))
    assert shown.code == 2
    assert "not a database" in shown.err
    assert "state_dir" in shown.err


def test_a_missing_store_is_2(run: Run, tmp_path: Path) -> None:
    shown = run("links", "--store", str(tmp_path / "none.sqlite"))
    assert shown.code == 2
    assert "none.sqlite" in shown.err


def test_the_past_is_read_from_a_state_directory(run: Run, state: Path) -> None:
    store = ("--store", str(state))
    assert "10.0.0.0/30" in run("routes", "1.1.1.1", *store).out
    assert "a store has no names" in run("routes", "north", *store).err
    assert {link["cost"] for link in json.loads(run("topology", *store, "--json").out)["links"]} == {20}
    archive = next((state / "ospf-archive").iterdir())
    at = "2025-11-21T21:20:50Z"
    then = json.loads(run("topology", "--store", str(archive), "--at", at, "--json").out)
    assert {link["cost"] for link in then["links"]} == {10}
    assert "cost changed" in run("topology", "--diff", at, "2025-11-21T21:23:00Z", *store).out
    assert "10 -> 20" in run("events", *store).out and run("events", "--kind", "x", *store).code == 1
    assert "refreshed" in run("lsas", *store).out
    for verb in (["topology"], ["routes", "1.1.1.1"], ["events"], ["lsas"]):
        assert run(*verb, "--store", "/none").code == 2
    never = run("topology", "--at", "2020-01-01T00:00:00Z", *store)
    assert never.code == 1 and "the archive begins at 2025-11-21T21:20:00Z" in never.err


def test_how_far_reading_is_shown_where_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.how_far() is None
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(cli, "PROGRESS_SECONDS", 0.0)
    show = cli.how_far()
    assert show is not None
    show(1_763_760_000.0)
    assert "2025-11-21 21:20:00Z" in screen.getvalue()


def test_a_capture_in_real_time_tells_events_as_they_come(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried = replaying.run.__kwdefaults__ | {"pause": lambda seconds: None}
    monkeypatch.setattr("gateway.replaying.run.__kwdefaults__", unhurried)
    shown = run("topology", "--pcap", LAN, "--real-time")
    assert shown.out.startswith("2026-11-21 20:07:31Z  neighbor seen    10.98.0.1  at 10.98.0.1\n")


def test_a_pipe_gets_no_spaces_at_the_ends(run: Run) -> None:
    lines = run("topology", "--pcap", LAN).out.splitlines()
    assert len(lines) > 20 and not [line for line in lines if line != line.rstrip()]


def test_a_torn_capture_shows_what_is_whole_and_says_so(run: Run, tmp_path: Path) -> None:
    torn = tmp_path / "torn.pcap"
    torn.write_bytes(Path(LAN).read_bytes()[:-5])
    shown = run("topology", "--pcap", str(torn))
    assert shown.code == 0 and "damaged after packet 94" in shown.err and "10.98.0.3" in shown.out


def test_check_and_dump(run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "gateway.toml", tmp_path / "bad.toml"
    good.write_text('state_dir = "/tmp/x"\n')
    bad.write_text("[view]\nbin_secnds = 3\n")
    assert run("check", str(good)).out == f"{good}: ok\n"
    assert 'state_dir = "/tmp/x"' in run("dump", str(good)).out
    for verb in ("check", "dump"):
        shown = run(verb, str(bad))
        assert shown.code == 2
        assert "view.bin_secnds" in shown.err
        assert run(verb, str(tmp_path / "none.toml")).code == 2


def test_agent_files_are_known_by_their_gateway(tmp_path: Path) -> None:
    agent, gateway = tmp_path / "agent.toml", tmp_path / "gateway.toml"
    agent.write_text('gateway = "udp://10.0.100.9:4739"\n')
    gateway.write_text('state_dir = "/tmp/x"\n')
    assert cli.is_agent_file(str(agent))
    assert not cli.is_agent_file(str(gateway))
    assert not cli.is_agent_file(str(tmp_path / "none"))


def test_an_agent_file_is_checked_by_the_agent(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "anemone-agent"
    said = tmp_path / "said"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(said)!r}, 'w').write(str(sys.argv[1:]))\nsys.exit(2)\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(cli, "agent_command", lambda: [str(script)])
    file = tmp_path / "agent.toml"
    file.write_text('gateway = "udp://10.0.100.9:4739"\n')
    assert run("check", str(file)).code == 2
    assert said.read_text() == str(["-c", str(file), "--check"])


def test_agent_becomes_the_agent_with_all_that_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda path, command: became.append(command))
    cli.main(["agent", "-c", "agent.toml", "--once", "--json"])
    assert became[0][-4:] == ["-c", "agent.toml", "--once", "--json"]
    assert became[0][0].endswith("anemone-agent") or became[0][1:3] == ["-m", "agents.cli"]


def test_gateway_and_demo_start_what_they_name(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway import service
    from gateway.demo import run as demo

    seen: list[Any] = []
    monkeypatch.setattr(service, "run", lambda config: seen.append(config.state_dir) or 0)
    monkeypatch.setattr(demo, "main", lambda seconds: seen.append(seconds) or 0)
    file = tmp_path / "gateway.toml"
    file.write_text('state_dir = "/tmp/here"\n')
    assert run("gateway", "-c", str(file)).code == 0
    assert run("demo", "--for", "2.5").code == 0
    assert run("demo").code == 0
    assert seen == ["/tmp/here", 2.5, None]
    assert run("demo", "--for", "-1").code == 2

    def broken(config: Any) -> int:
        raise GatewayError("http.listen: address in use; choose another")

    monkeypatch.setattr(service, "run", broken)
    shown = run("gateway", "-c", str(file))
    assert (shown.code, shown.err) == (2, "anemone: http.listen: address in use; choose another\n")
    assert issubclass(ConfigError, GatewayError)


BASE_INSTALL = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import os
os.execv = lambda path, command: (print("became", command[-1]), os._exit(0))
from gateway.cli import main
sys.exit(main({argv!r}))
"""
EXTRA = ("twisted", "scipy", "rich", "jinja2", "sqlite_utils", "networkx")


def base_install(absent: tuple[str, ...], *argv: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process where these packages are not installed."""
    code = textwrap.dedent(BASE_INSTALL).format(absent=absent, argv=list(argv))
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_agent_starts_on_the_base_install() -> None:
    found = base_install((*EXTRA, "numpy", "msgspec"), "agent", "-c", "here.toml")
    assert (found.returncode, found.stdout) == (0, "became here.toml\n"), found.stderr


def test_what_the_gateway_extra_brings_is_named_when_missing(url: str) -> None:
    found = base_install(EXTRA, "links", "--gateway", url)
    assert found.returncode == 2
    assert "rich is not installed; pip install 'anemone[gateway]'" in found.stderr
    found = base_install(EXTRA, "links", "--json", "--gateway", url)  # --json needs nothing
    assert found.returncode == 0, found.stderr
    assert len(json.loads(found.stdout)) == 15


def test_a_closed_pipe_is_no_error(url: str) -> None:
    command = f"{sys.executable} -m gateway.cli links --json --gateway {url} | head -1"
    found = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "[\n", "")


def test_watch_shows_again_until_interrupted(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = []

    def sleep(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(cli.time, "sleep", sleep)
    shown = run("links", "--watch", "--gateway", url)
    assert shown.code == 0
    assert len(rounds) == 2
    assert "west:10.4.0.0/24" in shown.out
