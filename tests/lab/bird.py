"""BIRD in a namespace."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from tests.lab.namespaces import command
from tests.require import find_program

if TYPE_CHECKING:
    from tests.lab.network import Network

PROTOCOL = "campus"


def start(network: Network, router: str) -> None:
    """Start bird with the router's file from the plan."""
    directory = network.directory / router
    directory.mkdir(exist_ok=True)
    shutil.copy(network.plan.directory / f"{router}.conf", directory / "bird.conf")
    network.start(
        router,
        find_program("bird") or "bird",
        *("-f", "-c", str(directory / "bird.conf"), "-s", str(directory / "bird.ctl")),
        name=f"{router}-bird",
    )


def birdc(network: Network, router: str, *words: str) -> str:
    """What birdc answers to a command."""
    program = find_program("birdc") or "birdc"
    return command(program, "-s", str(network.directory / router / "bird.ctl"), *words)


def full_neighbors(network: Network, router: str) -> int:
    try:
        answer = birdc(network, router, "show", "ospf", "neighbors", PROTOCOL)
    except RuntimeError:
        return 0
    return len(re.findall(r"\bFull/", answer))
