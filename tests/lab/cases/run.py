"""Bring a case up, attach our listeners, go through its steps and compare every router's table with ours after each.

Nothing is waited for by the clock alone. A step is over when the routers of each area hold one and the same database
and ours equals it, every adjacency that should exist is in the router-LSAs, neither a database nor a table has changed
for a while, something did change since the step before (where it should), and every table equals ours. What is still
different when the step's time is over is reported.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ospf.wire import address_text
from tests.lab.cases import compare, truth
from tests.lab.cases.casefile import Case, Known, Step, load_case
from tests.lab.cases.compare import Difference, ModelSide, OurSide, Side
from tests.lab.cases.listeners import Listeners
from tests.lab.cases.network import CaseNetwork
from tests.lab.cases.steps import perform

QUIET_SECONDS = 1.5  # longer than BIRD's tick and both SPF delays
UNCHANGED_SECONDS = 3.0  # how long nothing must happen where nothing is done
GIVE_UP_SECONDS = 9.0  # of quiet, while tables differ; BIRD may wait 5 s with an LSA it has to say
POLL_SECONDS = 0.25
START_SECONDS = 60.0


# FRR 8.4 routers may disagree for an hour: one that flushes an LSA and announces it again while its neighbour still
# keeps the flushed one (60 s) is not believed, and does not notice. A case that begins like that is started again.
STARTS = 3


Held = dict[truth.Key, truth.Instance]


class NotConverged(Exception):
    """The routers do not agree among themselves, without us."""


@dataclass(frozen=True)
class Observation:
    """What the living routers say at about one instant."""

    databases: dict[str, truth.Database]
    tables: dict[str, truth.Table]

    def without(self, dead: set[str]) -> Observation:
        return Observation(
            {router: held for router, held in self.databases.items() if router not in dead},
            {router: held for router, held in self.tables.items() if router not in dead},
        )


@dataclass
class Outcome:
    """Of one step."""

    step: str
    seconds: float
    routers: int
    prefixes: int  # routes compared, all routers together
    differences: list[Difference] = field(default_factory=list)
    lacking: str = ""
    explained: int = 0

    @property
    def equal(self) -> bool:
        return not self.differences and not self.lacking

    def __str__(self) -> str:
        verdict = "equal" if self.equal else "DIFFERENT"
        known = f", {self.explained} known exceptions" if self.explained else ""
        counts = f"{self.routers} routers {self.prefixes:4} routes"
        head = f"{self.step:48} {counts} {verdict} after {self.seconds:4.1f} s{known}"
        lines = [head] + [f"    {difference}" for difference in self.differences]
        return "\n".join(lines + ([f"    {self.lacking}"] if self.lacking else []))


class CaseRun:
    """`with CaseRun(load_case(name), say=print) as run: run.begin(); run.all_steps()`."""

    def __init__(self, case: Case, say: Callable[[str], None] = print, model: bool = False) -> None:
        self.case, self.model = case, model
        self.say = say
        self.outcomes: list[Outcome] = []
        self.sequence_changes: list[str] = []
        self.used: set[Known] = set()
        self.seconds = 0.0
        self.network = CaseNetwork(case)
        self.listeners: Listeners | None = None
        self._seen: Observation | None = None
        self._stack = contextlib.ExitStack()
        self._pool = ThreadPoolExecutor(4)
        self.heard_on = {each.area: each.name for each in reversed(case.segments) if each.listen}  # area -> segment
        self._side: Side | None = None

    def __enter__(self) -> CaseRun:
        self._stack.enter_context(self.network)
        self._side = ModelSide(self.network) if self.model else OurSide(self.network)
        return self

    def __exit__(self, *_: object) -> None:
        if self.listeners is not None:
            self.listeners.close()
        self._pool.shutdown()
        self._stack.close()

    @property
    def equal(self) -> bool:
        return not self.sequence_changes and all(outcome.equal for outcome in self.outcomes)

    def summary(self) -> dict[str, object]:
        """For whoever started this as a process of its own."""
        return {
            "case": self.case.name,
            "equal": self.equal,
            "sequence_changes": self.sequence_changes,
            "steps": len(self.case.steps),
            "routers": len(self.case.routers),
            "compared": sum(outcome.prefixes for outcome in self.outcomes[1:]),
            "seconds": self.seconds,
            "explained": sum(outcome.explained for outcome in self.outcomes),
            "unused": [each.why for each in self.case.known if each not in self.used],
            "failed": [str(outcome) for outcome in self.outcomes if not outcome.equal],
        }

    # -- the course of events

    def begin(self) -> None:
        """Wait for the routers, attach in burst mode and see that no LSA changes, then attach the full listeners."""
        self._settle(Step("the routers converge", (), timeout=START_SECONDS, changes=False), ours=False)
        if not self.outcomes[-1].equal:
            raise NotConverged(self.outcomes[-1].lacking)
        for attempt in range(2):  # a router that had something to say anyway must not be held against the burst
            before = self.router_sequences()
            self.listeners = Listeners(self.network)
            self.listeners.attach("burst")
            self._settle(Step("as it began", (), timeout=START_SECONDS, changes=False))
            self.sequence_changes = changed_sequences(before, self.router_sequences())
            if not self.sequence_changes or attempt:
                break
            self.say(f"once more: {self.sequence_changes}")
            self.listeners.close()
        self.say(f"sequence numbers changed by the burst: {self.sequence_changes or 'none'}")
        if any_of(self.case, "full"):
            self.listeners.attach("full")
            self.network.state.full_listeners = True
            self._settle(Step("full listeners attached", (), timeout=START_SECONDS))

    def all_steps(self) -> None:
        for step in self.case.steps:
            self.one_step(step)

    def one_step(self, step: Step) -> None:
        for action in step.do:
            perform(self.network, action)
        self._settle(step)

    def router_sequences(self) -> dict[str, Held]:
        """Router -> the router- and network-LSAs it holds, whatever their area."""
        assert self._seen is not None
        return {
            router: {key: value for held in database.values() for key, value in held.items() if key[0] in (1, 2)}
            for router, database in self._seen.databases.items()
        }

    # -- waiting

    def _settle(self, step: Step, ours: bool = True) -> None:
        begin = time.monotonic()
        before, last, since = self._seen, None, begin
        outcome = Outcome(step.name, 0.0, 0, 0)
        while True:
            now = time.monotonic()
            outcome.differences, outcome.lacking = [], ""
            try:
                seen = self._observe()
            except (RuntimeError, json.JSONDecodeError, OSError) as error:
                outcome.lacking = f"a router does not answer: {error}"
            else:
                if seen != last:
                    last, since = seen, now
                self._judge(step, seen, before, now - since, ours, outcome)
                if outcome.equal:
                    self._seen = seen
                    break
            if now - begin > step.timeout or (outcome.differences and now - since > GIVE_UP_SECONDS):
                self._seen = last
                break
            time.sleep(POLL_SECONDS)
        outcome.seconds = time.monotonic() - begin
        self.outcomes.append(outcome)
        self.say(str(outcome))

    def _judge(
        self, step: Step, seen: Observation, before: Observation | None, quiet: float, ours: bool, outcome: Outcome
    ) -> None:
        outcome.routers = len(seen.tables)
        outcome.prefixes = sum(map(len, seen.tables.values()))
        if quiet < (QUIET_SECONDS if step.changes else UNCHANGED_SECONDS):
            outcome.lacking = "still changing"
        elif step.changes and before is not None and seen == before.without(self.network.state.dead):
            outcome.lacking = "the step has changed nothing"
        elif missing := self._missing(seen):
            outcome.lacking = missing
        elif ours:
            outcome.lacking = self._database_differences(seen)
            if not outcome.lacking:
                found = self.compare(seen)
                outcome.differences, used = compare.unexplained(self.case, step.name, found)
                outcome.explained = len(used)
                if not outcome.differences:
                    self.used.update(used)

    def _observe(self) -> Observation:
        living = self.network.state.living()

        def one(router: str) -> tuple[truth.Database, truth.Table]:
            return truth.database(self.network, router), truth.table(self.network, router)

        both = dict(zip(living, self._pool.map(one, living), strict=True))
        return Observation({k: v[0] for k, v in both.items()}, {k: v[1] for k, v in both.items()})

    def _missing(self, seen: Observation) -> str:
        """What the routers have not agreed upon yet."""
        state = self.network.state
        for area in (*self.heard_on, truth.AS_SCOPE):
            holders = self._holders(area)
            for router in holders[1:]:
                one, other = holders[0], router
                if text := _unequal(one, seen.databases[one].get(area, {}), other, seen.databases[other].get(area, {})):
                    return f"area {area}: {text}"
        links = {r: truth.frr_links(self.network, r) for r in state.living() if self.case.routers[r].program == "frr"}
        for area in self.heard_on:
            holders = self._holders(area)
            teller = next((router for router in holders if router in links), "")
            for router in holders if teller else ():
                want = state.expected_links(router, area)
                have = links[teller].get(area, {}).get(self.case.routers[router].id)
                if want and (have is None or have[0] != want):
                    return f"{router} announces {have} links in area {area}, expected {want}"
                virtual = sum(router in each.ends for each in state.virtuals) if area == 0 else 0
                if have is not None and have[1] != virtual:
                    return f"{router} announces {have[1]} virtual links, expected {virtual}"
        return ""

    def _holders(self, area: int) -> list[str]:
        """Living routers that must hold the same LSAs of the area, or of AS scope, as we do."""
        state = self.network.state
        if area == truth.AS_SCOPE:
            normal = [each for each in self.heard_on if self.case.area(each).kind == "normal"]
            return sorted({router for each in normal for router in self._holders(each)})
        return sorted(state.connected(area, self.heard_on[area]))

    # -- comparing

    def _database_differences(self, seen: Observation) -> str:
        assert self.listeners is not None
        if not self.listeners.synchronised:
            return f"our listeners are not synchronised: {self.listeners.failures[-3:]}"
        for database in self.listeners.databases():
            area = database.area
            mine = {
                (h.type, address_text(h.link_state_id), address_text(h.advertising_router)): (
                    h.sequence & 0xFFFFFFFF,
                    h.checksum,
                )
                for h in (lsa.header for lsa in database.lsas)
                if h.type != 9
            }
            router = self._holders(area)[0]
            theirs = dict(seen.databases[router].get(area, {}))
            if self.case.area(area).kind == "normal":
                theirs |= seen.databases[router].get(truth.AS_SCOPE, {})
            if text := _unequal("our listener", mine, router, {k: v for k, v in theirs.items() if k[0] != 9}):
                return f"area {area}: {text}"
        return ""

    def compare(self, seen: Observation) -> list[Difference]:
        """Differences of all living routers."""
        assert self._side is not None and self.listeners is not None
        databases = self.listeners.databases()
        self._side.update(databases, self.network.state.rfc1583)
        found: list[Difference] = []
        for router, theirs in seen.tables.items():
            found += compare.differences(router, self._side.table(router), theirs)
        if found:
            model = ModelSide(self.network)
            model.update(databases, self.network.state.rfc1583)
            found = compare.with_model(found, model)
        return found

    def tables(self) -> Iterator[tuple[str, truth.Table, truth.Table]]:
        """Router, our table, its own, as they were last compared."""
        assert self._side is not None and self._seen is not None
        for router, theirs in self._seen.tables.items():
            yield router, self._side.table(router), theirs


def any_of(case: Case, mode: str) -> str | None:
    """The first segment a listener of this mode is on."""
    return next((segment.name for segment in case.segments if segment.listen == mode), None)


def changed_sequences(before: dict[str, Held], after: dict[str, Held]) -> list[str]:
    """Router- and network-LSAs that have another sequence number, or are new or gone, at any router."""
    return [
        f"{router} holds {key} {_instance(held.get(key))}, held {_instance(before[router].get(key))}"
        for router, held in after.items()
        for key in sorted(held.keys() | before[router].keys())
        if before[router].get(key) != held.get(key)
    ]


def _unequal(one: str, held: Held, other: str, beside: Held) -> str:
    if held == beside:
        return ""
    lines = [
        f"{key}: {one} {_instance(held.get(key))}, {other} {_instance(beside.get(key))}"
        for key in sorted(held.keys() | beside.keys())
        if held.get(key) != beside.get(key)
    ]
    return f"{len(lines)} LSAs differ, so " + "; ".join(lines[:3])


def _instance(instance: truth.Instance | None) -> str:
    return "has none" if instance is None else f"{instance[0]:08x}/{instance[1]:04x}"


def run_case(name: str, say: Callable[[str], None] = print, model: bool = False) -> CaseRun:
    """Everything a case has, to its end; the network is taken down again."""
    begin = time.monotonic()
    case = load_case(name)
    for attempt in range(STARTS):
        run = CaseRun(case, say, model)
        try:
            with run:
                run.begin()
                run.all_steps()
            break
        except NotConverged as error:
            say(f"{name} does not converge: {error}")
            if attempt == STARTS - 1:
                raise
    run.seconds = time.monotonic() - begin
    say(f"{name}: {len(run.outcomes)} comparisons in {run.seconds:.0f} s")
    return run
