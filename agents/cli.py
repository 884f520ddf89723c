"""`anemone-agent -c agent.toml`: the host agent's command line."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from agents.config import dump_config, load_config, state_directory
from agents.errors import AgentsError, ConfigError

DEFAULT_CONFIG = "/etc/anemone/agent.toml"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="anemone-agent", description="Reports this host's flows with the application that owns them."
    )
    parser.add_argument("-c", "--config", type=Path, default=Path(DEFAULT_CONFIG), metavar="FILE")
    parser.add_argument("--check", action="store_true", help="read the configuration, say what is wrong, exit")
    parser.add_argument("--dump", action="store_true", help="print every key with its value as TOML, exit")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the agent until SIGTERM or SIGINT.

    0 after a last report, 1 when the host cannot do it, 2 for a bad configuration.
    """
    arguments = _arguments(argv)
    try:
        config = state_directory(load_config(arguments.config), os.environ.get("STATE_DIRECTORY", ""))
    except ConfigError as error:
        print(f"anemone-agent: {error}", file=sys.stderr)
        return 2
    if arguments.check:
        print(f"{arguments.config}: ok")
        return 0
    if arguments.dump:
        print(dump_config(config), end="")
        return 0
    logging.basicConfig(
        level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    wake, signalled = os.pipe()
    os.set_blocking(signalled, False)
    stopping: list[int] = []
    signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: stopping.append(got))
    from agents.service import AgentService  # numpy only now: --check and errors answer at once

    try:
        AgentService(config).run(lambda: bool(stopping), wake)
    except (OSError, AgentsError) as error:
        print(f"anemone-agent: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
