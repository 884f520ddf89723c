"""FRR in a namespace: one zebra and one ospfd with directories of their own."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.namespaces import command

if TYPE_CHECKING:
    from tests.lab.network import Network

DAEMONS = Path("/usr/lib/frr")
# Without kernel nexthop groups: after an interface has been shut and opened again, FRR 8.4 leaves its member out
# of the kernel's group, and the forwarding would not be what the routing says.
ZEBRA_CONF = """\
hostname {router}
no zebra nexthop kernel enable
"""
LSA_LINE = re.compile(r"^(\d+\.\d+\.\d+\.\d+)\s+(\d+\.\d+\.\d+\.\d+)\s+(\d+)\s+0x([0-9a-f]{8})\s+0x([0-9a-f]{4})")
LSA_TYPE = re.compile(r"^\s+(\S.*) Link States")


def start_zebra(network: Network, router: str) -> None:
    """Start zebra, which carries the routes into the kernel."""
    directory = network.directory / router
    directory.mkdir(exist_ok=True)
    shutil.copy(network.plan.directory / f"{router}.conf", directory / "ospfd.conf")
    (directory / "zebra.conf").write_text(ZEBRA_CONF.format(router=router))
    command("chown", "-R", "frr:frr", str(directory))
    _start(network, router, "zebra")


def start_ospfd(network: Network, router: str, timeout: float = 60.0) -> None:
    """Start ospfd with the router's file once zebra's socket is there (else it retries after 10 s)."""
    deadline = time.monotonic() + timeout
    while not (network.directory / router / "zserv.api").exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"zebra of {router} does not start: see {network.log(f'{router}-zebra')}")
        time.sleep(0.02)
    _start(network, router, "ospfd")


def _start(network: Network, router: str, daemon: str) -> None:
    directory = network.directory / router
    network.start(
        router,
        str(DAEMONS / daemon),
        *("-f", str(directory / f"{daemon}.conf"), "-i", str(directory / f"{daemon}.pid")),
        *("-z", str(directory / "zserv.api"), "--vty_socket", str(directory)),
        *("--log", f"file:{directory / daemon}.log", "--log-level", "informational"),
        name=f"{router}-{daemon}",
    )


def vtysh(network: Network, router: str, *lines: str) -> str:
    """What vtysh answers to these lines."""
    words = [word for line in lines for word in ("-c", line)]
    return command("vtysh", "--vty_socket", str(network.directory / router), *words)


def show(network: Network, router: str, line: str) -> Any:
    return json.loads(vtysh(network, router, f"show {line} json") or "{}")


def configure(network: Network, router: str, *lines: str) -> None:
    vtysh(network, router, "configure terminal", *lines)


def full_neighbors(network: Network, router: str) -> int:
    try:
        neighbors = show(network, router, "ip ospf neighbor")["neighbors"]
    except (RuntimeError, KeyError, json.JSONDecodeError):
        return 0
    return sum(entry.get("nbrState", "").startswith("Full") for entries in neighbors.values() for entry in entries)


def database(network: Network, router: str) -> dict[tuple[str, str, str], tuple[int, int]]:
    """`show ip ospf database`: (kind, link state id, advertising router) -> (sequence, checksum)."""
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    kind = ""
    for line in vtysh(network, router, "show ip ospf database").splitlines():
        if match := LSA_TYPE.match(line):
            kind = match[1]
        elif match := LSA_LINE.match(line):
            found[kind, match[1], match[2]] = int(match[4], 16), int(match[5], 16)
    return found


def spf_runs(network: Network, router: str) -> int:
    """How often the router has run SPF in its first area."""
    match = re.search(r"SPF algorithm executed (\d+) times", vtysh(network, router, "show ip ospf"))
    return int(match[1]) if match else 0
