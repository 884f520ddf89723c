"""`anemone`: every verb people type.

Everything beyond the standard library is imported by the verb that needs it, so that `anemone agent` works where only
the agent is installed.  Query verbs ask the running gateway (`--gateway URL`) or read a store (`--store FILE`); tables
for people, `--json` for programs.  Exit codes: 0 ok, 1 the answer is no or nothing, 2 usage, configuration or no
gateway reachable (with the remedy).  `-10m` is short for `now-10m` wherever a time is given.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.client import DEFAULT_URL, AnswerIsNo, Client
from gateway.errors import GatewayError
from gateway.query import NothingFound

OK, NO, USAGE = 0, 1, 2
WATCH_SECONDS = 2.0
PROGRESS_SECONDS = 0.5
PIPE_COLUMNS = 160  # width of tables that do not go to a terminal
NOTHING = {  # what an empty answer means
    "events": ": nothing happened",
    "topology": ": nothing changed between these times",
    "lsas": ": no LSA was heard in that time",
    "agents": ": no agent has reported; do their gateway = \"udp://...\" and our collect.ipfix agree?",
}
NEEDS_GATEWAY = "a store holds links, topologies, routes, events and LSAs only: ask a running gateway"
AGO = re.compile(r"-\d+(?:\.\d+)?[smhd]")  # would look like an option

Document = Any
Fetch = Callable[[argparse.Namespace], Document]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    given = [f"now{text}" if AGO.fullmatch(text) else text for text in (sys.argv[1:] if argv is None else argv)]
    if given[:1] == ["agent"]:  # all that follows is the agent's own
        return exec_agent(given[1:])
    arguments = parser().parse_args(given)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except AnswerIsNo as error:
        return complain(str(error), NO)
    except GatewayError as error:
        return complain(str(error), NO if isinstance(error, NothingFound) else USAGE)
    except ModuleNotFoundError as error:
        return complain(
            f"{error.name} is not installed; pip install 'anemone[gateway]' brings all this verb needs", USAGE
        )
    except KeyboardInterrupt:
        return OK
    except BrokenPipeError:  # `anemone links | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def complain(text: str, code: int) -> int:
    print(f"anemone: {text}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """All verbs; options shared by the query verbs may stand before or after the verb's own."""
    top = argparse.ArgumentParser(
        prog="anemone", description="Per-link, per-application load from host agents and OSPF.",
        epilog="exit codes: 0 ok, 1 the answer is no or nothing, 2 usage, configuration or no gateway reachable",
    )  # fmt: skip
    top.add_argument("--version", action=ShowVersion, nargs=0, help="print the version and leave")
    verbs = top.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(name: str, text: str, run: Callable[[argparse.Namespace], int], **more: Any) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text, **more)
        made.set_defaults(run=run, verb=name)
        return made

    demo = verb("demo", "a simulated enterprise over the real wire formats, no root", run_demo)
    demo.add_argument("--for", dest="seconds", type=positive, metavar="SECONDS", help="stop by itself after so long")
    verb("gateway", "the appliance", run_gateway).add_argument("-c", "--config", required=True, metavar="FILE")
    verbs.add_parser("agent", help="the host agent (same as anemone-agent; agent --help tells more)", add_help=False)
    verb("check", "check a gateway.toml or agent.toml", run_check).add_argument("file", metavar="FILE")
    verb("dump", "print the effective configuration", run_dump).add_argument("file", metavar="FILE")

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--gateway", metavar="URL", default=DEFAULT_URL, help=f"the gateway to ask ({DEFAULT_URL})")
    shared.add_argument("--store", metavar="FILE", help="read the gateway's store instead of asking it")
    shared.add_argument("--json", action="store_true", help="print one JSON document")

    def question(name: str, text: str, fetch: Fetch) -> argparse.ArgumentParser:
        made = verb(name, text, ask, parents=[shared])
        made.set_defaults(fetch=fetch)
        return made

    moment = "RFC 3339, seconds since 1970, now-5m or -5m"
    links = question("links", "links, busiest first, with their applications", fetch_links)
    links.add_argument("--top", type=count, metavar="N", help="only the first N")
    links.add_argument("--by", choices=("rate", "used"), help="busiest first, or: down, then fullest")
    links.add_argument("--app", metavar="NAME", help="only links that carry this application, by its rate")
    links.add_argument("--router", metavar="RID", help="only links of this router (id; of a gateway also name)")
    links.add_argument("--at", metavar="TIME", help=f"as it was then: {moment}")
    links.add_argument("--watch", action="store_true", help=f"show again every {WATCH_SECONDS:g} s until Ctrl-C")
    question("link", "everything about one link", fetch_link).add_argument(
        "link", metavar="LINK", help="id (router:interface), name or ifIndex"
    )
    question("routers", "routers with what they forward, source and sink", lambda a: client(a).get("routers"))
    question("apps", "applications, each flow counted once", lambda a: client(a).get("apps"))
    question("agents", "host agents", lambda a: client(a).get("agents"))
    question("matrix", "traffic from router to router", lambda a: client(a).get("matrix"))
    path = question(
        "path", "the way from one address to another", lambda a: client(a).get("path", src=a.src, dst=a.dst)
    )
    path.add_argument("src", metavar="SRC")
    path.add_argument("dst", metavar="DST")
    topology = question("topology", "routers, links and prefixes", fetch_topology)
    either = topology.add_mutually_exclusive_group()
    either.add_argument("--at", metavar="T", help=f"as it was then: {moment}")
    either.add_argument("--diff", nargs=2, metavar=("T1", "T2"), help="what changed between two times")
    topology.add_argument("--area", metavar="A", help="only this area: 0, 0.0.0.1, ...")
    topology.add_argument("--instance", metavar="I", help="of this OSPF instance (default: the first; v3: NAME/v3)")
    topology.add_argument("--pcap", metavar="FILE", help="of a capture (pcap, pcapng) or an archive, instead of asking")
    topology.add_argument("--real-time", action="store_true", help="replay the capture as slowly as it was made")
    topology.add_argument("--no-events", action="store_true", help="of a capture only what it led to: faster")
    routes = question("routes", "the routing table a router computed", fetch_routes)
    routes.add_argument("router", metavar="ROUTER", help="router id (of a gateway also name)")
    routes.add_argument("--at", metavar="T", help=f"as it was then: {moment}")
    routes.add_argument("--prefix", metavar="P", help="only the route to this prefix, or that of an address")
    routes.add_argument("--instance", metavar="I", help="of this OSPF instance")
    events = question("events", "what happened", fetch_events)
    events.add_argument("--since", metavar="TIME", help=f"only later ones: {moment}")
    events.add_argument("--until", metavar="TIME", help="only up to then")
    events.add_argument("--kind", metavar="K", help="only of this kind, or of several: link_down,router_down")
    lsas = question("lsas", "LSAs heard, by router and type: refreshes, changes, repeats", fetch_lsas)
    lsas.add_argument("--since", metavar="TIME", help=f"heard later (default: an hour ago): {moment}")
    lsas.add_argument("--until", metavar="TIME", help="heard up to then")
    question("status", "the gateway itself: how far, how much, what was lost", lambda a: client(a).get("status"))
    return top


class ShowVersion(argparse.Action):
    """Looks the version up only when asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"anemone {version('anemone')}")
        parser.exit(OK)


def positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a time: give seconds above 0")
    return value


def count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count: give a whole number from 1")
    return int(text)


# -- programs -------------------------------------------------------------------------------------------------------


def run_demo(arguments: argparse.Namespace) -> int:
    run = importlib.import_module("gateway.demo.run")
    return int(run.main(arguments.seconds) or OK)


def run_gateway(arguments: argparse.Namespace) -> int:
    from gateway import config, service

    return int(service.run(config.load(arguments.config)) or OK)


def agent_command() -> list[str]:
    """The agent as another program: the installed script, else the module (the packages do not import each other)."""
    beside = Path(sys.executable).parent / "anemone-agent"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("anemone-agent")
    return [found] if found else [sys.executable, "-m", "agents.cli"]


def exec_agent(rest: Sequence[str]) -> int:
    """Become the agent."""
    command = [*agent_command(), *rest]
    try:
        os.execv(command[0], command)
    except OSError as error:
        return complain(f"{command[0]}: {error}; is the package installed?", USAGE)


def is_agent_file(path: str) -> bool:
    """An agent.toml names its `gateway`; what cannot be read is left to the gateway's own check to refuse."""
    try:
        return isinstance(tomllib.loads(Path(path).read_text(encoding="utf-8")).get("gateway"), str)
    except (OSError, ValueError):
        return False


def run_check(arguments: argparse.Namespace) -> int:
    if is_agent_file(arguments.file):
        return subprocess.run([*agent_command(), "-c", arguments.file, "--check"], check=False).returncode
    from gateway import config

    found = config.load(arguments.file)
    print(f"{arguments.file}: ok")
    for note in config.notes(found):
        print(f"note: {note}", file=sys.stderr)
    return OK


def run_dump(arguments: argparse.Namespace) -> int:
    if is_agent_file(arguments.file):
        return subprocess.run([*agent_command(), "-c", arguments.file, "--dump"], check=False).returncode
    from gateway import config

    print(config.dump(config.load(arguments.file)), end="")
    return OK


# -- questions ------------------------------------------------------------------------------------------------------


def client(arguments: argparse.Namespace) -> Client:
    if arguments.store is not None:
        raise GatewayError(f"`anemone {arguments.verb} --store`: {NEEDS_GATEWAY}")
    return Client(arguments.gateway)


def stored_links(arguments: argparse.Namespace, at: str | None) -> list[Document]:
    from gateway import query
    from gateway.store import read_links

    moment = None if at is None else query.moment("--at", at, time.time())
    return read_links(arguments.store, moment)


def fetch_links(arguments: argparse.Namespace) -> Document:
    choice = {"top": arguments.top, "app": arguments.app, "router": arguments.router}
    if arguments.store is None:
        return client(arguments).get("links", at=arguments.at, by=arguments.by, **choice)
    from gateway import api

    return api.select(stored_links(arguments, arguments.at), by=arguments.by or api.RATE, **choice)


def fetch_link(arguments: argparse.Namespace) -> Document:
    if arguments.store is None:
        return client(arguments).get_link(arguments.link)
    for document in stored_links(arguments, None):
        if arguments.link in (document["id"], str(document["ifindex"])):
            return document
    raise AnswerIsNo(f"no link {arguments.link!r}; `anemone links --store {arguments.store}` lists them")


def _offline() -> Any:
    """What answers from a store, imported when asked for."""
    return importlib.import_module("gateway.offline")


def fetch_topology(arguments: argparse.Namespace) -> Document:
    if arguments.pcap is not None:
        return replayed_topology(arguments)
    if arguments.real_time:
        raise GatewayError("--real-time: needs --pcap FILE")
    if arguments.diff is not None:
        if arguments.area is not None:
            raise GatewayError("--area: not together with --diff, whose events name their routers")
        if arguments.store is not None:
            return _offline().changes(arguments.store, arguments.diff, arguments.instance, time.time())
        first, second = arguments.diff
        return client(arguments).get("topology/diff", **{"from": first, "to": second, "instance": arguments.instance})
    choice = {"at": arguments.at, "area": arguments.area, "instance": arguments.instance}
    if arguments.store is not None:
        return _offline().topology(arguments.store, **choice, now=time.time())
    return client(arguments).get("topology", **choice)


def replayed_topology(arguments: argparse.Namespace) -> Document:
    """A capture's topology; in real time a human sees every event when it happens."""
    if arguments.store is not None:
        raise GatewayError("--store: not together with --pcap FILE, which is asked instead")
    from gateway import history_tables, replaying

    def tell(event: Any) -> None:
        print(history_tables.event_line(event), flush=True)

    made = replaying.topology(
        Path(arguments.pcap), at=arguments.at, diff=arguments.diff, area=arguments.area, instance=arguments.instance,
        events=not arguments.no_events, real_time=arguments.real_time,
        tell=tell if arguments.real_time and not arguments.json else None,
    )  # fmt: skip
    if arguments.diff is None and made["error"]:
        complain(made["error"], OK)
    return made


def fetch_routes(arguments: argparse.Namespace) -> Document:
    choice = {"at": arguments.at, "prefix": arguments.prefix, "instance": arguments.instance}
    if arguments.store is not None:
        return _offline().routes(arguments.store, arguments.router, **choice, now=time.time())
    return client(arguments).get("routes", router=arguments.router, **choice)


def fetch_events(arguments: argparse.Namespace) -> Document:
    choice = {"since": arguments.since, "until": arguments.until, "kind": arguments.kind}
    if arguments.store is not None:
        return _offline().events(arguments.store, **choice, now=time.time(), progress=how_far())
    return client(arguments).get("events", **choice)


def how_far() -> Callable[[float], None] | None:
    """A line that tells which time is being read, where somebody looks; a day may take minutes."""
    if not sys.stderr.isatty():
        return None
    from gateway import units

    shown = [time.monotonic()]

    def show(at: float) -> None:
        if time.monotonic() - shown[0] > PROGRESS_SECONDS:
            shown[0] = time.monotonic()
            print(f"\rreading the archive: {units.clock(at)} \x1b[K\r", end="", file=sys.stderr, flush=True)

    return show


def fetch_lsas(arguments: argparse.Namespace) -> Document:
    choice = {"since": arguments.since, "until": arguments.until}
    if arguments.store is not None:
        return _offline().lsas(arguments.store, **choice, now=time.time())
    return client(arguments).get("lsas", **choice)


def ask(arguments: argparse.Namespace) -> int:
    """Fetch and show; nothing found is exit code 1."""
    if getattr(arguments, "watch", False) and not arguments.json:
        return watch(arguments)
    document = arguments.fetch(arguments)
    if arguments.json:
        print(json.dumps(document, indent=2))
    elif document:
        show(picture(arguments, document))
    else:
        print(f"anemone: nothing found for `{arguments.verb}`{NOTHING.get(arguments.verb, '')}", file=sys.stderr)
    if getattr(arguments, "pcap", None) is not None and arguments.diff is None and not document["topologies"]:
        return NO
    return OK if document else NO


def watch(arguments: argparse.Namespace) -> int:
    """The table again and again on the whole screen, until Ctrl-C."""
    from rich.live import Live

    screen = console()
    with Live(console=screen, screen=screen.is_terminal, auto_refresh=False) as live:
        while True:
            live.update(picture(arguments, arguments.fetch(arguments)), refresh=True)
            time.sleep(WATCH_SECONDS)


def picture(arguments: argparse.Namespace, document: Document) -> Any:
    """The document as a rich renderable."""
    from gateway import history_tables, tables

    if arguments.verb == "links":
        return tables.links(document, arguments.app)
    if arguments.verb == "topology" and arguments.diff is not None:
        return tables.events(document)
    if arguments.verb == "topology" and arguments.pcap is not None:
        return history_tables.replayed(document)
    if arguments.verb in ("routes", "lsas"):
        return getattr(history_tables, arguments.verb)(document)
    return getattr(tables, arguments.verb)(document)


def show(shown: Any) -> None:
    """On a terminal as it is; in a pipe without the spaces that fill its columns up."""
    screen = console()
    if screen.is_terminal:
        screen.print(shown)
        return
    with screen.capture() as capture:
        screen.print(shown)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def console() -> Any:
    """As wide as the terminal or COLUMNS says; wide in a pipe."""
    from rich.console import Console

    made = Console(highlight=False)
    if made.is_terminal or "COLUMNS" in os.environ:
        return made
    return Console(width=PIPE_COLUMNS, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
