"""`python -m tests.fuzz --count 10_000_000 --state FILE`: mutated packets round all decoders.

To be interrupted at will: the state says which block of every decoder is next, so that the same command goes on where
it stopped; with a larger count it goes on beyond. Exit code 1 if anything but an OspfError left a decoder or a step
budget was exceeded; the octets are printed and kept in the state. A decoder that does not come back is shown after a
minute, with its stack.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.mutation import BLOCK
from tests.fuzz.run import Tally, Target, run_block

HANG_SECONDS = 60
PROGRESS_SECONDS = 10.0


class Campaign:
    """The tally and the next block of every target, kept in a file."""

    def __init__(self, targets: tuple[Target, ...], state: Path | None) -> None:
        self.targets = targets
        self.tallies = {target.name: Tally() for target in targets}
        self._state = state
        if state is not None and state.exists():
            for name, fields in json.loads(state.read_text()).items():
                self.tallies[name] = Tally(**fields)

    @property
    def cases(self) -> int:
        return sum(self.tallies[target.name].cases for target in self.targets)

    @property
    def findings(self) -> list[str]:
        return [line for tally in self.tallies.values() for line in tally.findings]

    def step(self) -> Target:
        """One block of the target that had fewest."""
        target = min(self.targets, key=lambda each: self.tallies[each.name].cases)
        tally = self.tallies[target.name]
        tally.add(run_block(target, tally.cases // BLOCK))
        return target

    def save(self) -> None:
        if self._state is None:
            return
        text = json.dumps({name: asdict(tally) for name, tally in self.tallies.items()}, indent=1)
        fresh = self._state.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self._state)


def run(campaign: Campaign, count: int) -> None:
    """Until `count` cases are done in all; progress and state every few seconds."""
    began = told = time.monotonic()
    before = campaign.cases
    shown = len(campaign.findings)
    while campaign.cases < count:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True, file=sys.__stderr__ or sys.stderr)
        campaign.step()
        for line in campaign.findings[shown:]:
            print(line, flush=True)
        shown = len(campaign.findings)
        now = time.monotonic()
        if now - told > PROGRESS_SECONDS or campaign.cases >= count:
            told = now
            campaign.save()
            rate = (campaign.cases - before) / (now - began)
            print(f"{campaign.cases:,} of {count:,} cases, {rate:,.0f}/s, {shown} findings", flush=True)
    faulthandler.cancel_dump_traceback_later()


def main(arguments: list[str] | None = None) -> int:
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--count", type=int, default=10_000_000, help="cases in all, those of earlier runs included")
    parser.add_argument("--state", type=Path, help="where to go on from and to keep how far it got")
    parser.add_argument("--only", help="decoders whose name contains this")
    options = parser.parse_args(arguments)
    targets = tuple(target for target in TARGETS if (options.only or "") in target.name)
    if not targets:
        parser.error(f"--only {options.only}: none of {', '.join(target.name for target in TARGETS)}")
    campaign = Campaign(targets, options.state)
    try:
        run(campaign, options.count)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on")
    finally:
        campaign.save()
    for name, tally in campaign.tallies.items():
        print(
            f"{name:28} {tally.cases:>11,} cases  {tally.accepted:>10,} accepted  {tally.worst:4.0%} of the step budget"
            f"  {tally.escaped} escaped  {tally.over_budget} over budget"
        )
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(main())
