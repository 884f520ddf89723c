"""Cases through a decoder: what it may do with them, and how many steps it may take."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NamedTuple

from ospf.errors import OspfError
from tests.fuzz.mutation import Repair, cases

SAMPLE = 50  # of this many cases the steps of one are counted
STEPS = 200  # lines and calls, for anything at all
STEPS_PER_OCTET = 8


class Target(NamedTuple):
    """A decoder. `make` gives a fresh one (a function of octets that raises nothing but OspfError), `seeds` are real
    input, `repair` makes lengths and checksums right; it may take `steps`, and `steps_per_octet` for each octet."""

    name: str
    make: Callable[[], Callable[[bytes], object]]
    seeds: tuple[bytes, ...]
    repair: Repair
    steps: int = STEPS
    steps_per_octet: int = STEPS_PER_OCTET


class StepBudgetExceeded(BaseException):
    """No OspfError and no Exception, so that no decoder takes it for its own."""


@dataclass
class Tally:
    """What became of the cases; `worst` is the largest share of its step budget that a counted case took."""

    cases: int = 0
    accepted: int = 0
    counted: int = 0
    worst: float = 0.0
    over_budget: int = 0
    escaped: int = 0
    findings: list[str] = field(default_factory=list)  # the first few, with the octets

    def add(self, other: Tally) -> None:
        self.cases += other.cases
        self.accepted += other.accepted
        self.counted += other.counted
        self.worst = max(self.worst, other.worst)
        self.over_budget += other.over_budget
        self.escaped += other.escaped
        self.findings = (self.findings + other.findings)[:20]


def count_steps(decode: Callable[[bytes], object], data: bytes, most: int) -> int:
    """Lines and calls that `decode(data)` takes, whatever its end; StepBudgetExceeded as soon as there are too many."""
    taken = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken > most:
            raise StepBudgetExceeded(f"more than {most} steps for {len(data)} octets")
        return trace

    before, collecting = sys.gettrace(), gc.isenabled()
    gc.disable()  # others' callbacks of the collector are no steps of the decoder
    sys.settrace(trace)
    try:
        decode(data)
    except OspfError:
        pass
    finally:
        sys.settrace(before)
        if collecting:
            gc.enable()
    return taken


def run_case(target: Target, decode: Callable[[bytes], object], data: bytes, tally: Tally, *, count: bool) -> None:
    """One case: a value or an OspfError, within the budget; anything else is a finding."""
    tally.cases += 1
    try:
        decode(data)
        tally.accepted += 1
    except OspfError:
        pass
    except Exception as error:
        tally.escaped += 1
        tally.findings.append(f"{target.name}: {error!r} from {data.hex()}")
        return
    if not count:
        return
    most = target.steps + target.steps_per_octet * len(data)
    tally.counted += 1
    try:
        tally.worst = max(tally.worst, count_steps(decode, data, most) / most)
    except StepBudgetExceeded as error:
        tally.over_budget += 1
        tally.findings.append(f"{target.name}: {error}: {data.hex()}")


def run_block(target: Target, block: int, *, sample: int = SAMPLE) -> Tally:
    """All cases of a block; the steps of every `sample`-th are counted."""
    tally, decode = Tally(), target.make()
    for number, data in enumerate(cases(target.name, block, target.seeds, target.repair)):
        run_case(target, decode, data, tally, count=number % sample == 0)
    del tally.findings[20:]
    return tally
