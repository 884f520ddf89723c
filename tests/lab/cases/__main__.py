"""`python -m tests.lab.cases CASE [--check] [--model]`, or `--list`.

CASE alone brings it up, prints our table of every router beside the router's own and leaves it up until Ctrl-C;
--check goes through its steps and ends, its last line is JSON; --list names the cases.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys

from tests.lab.cases.casefile import case_names, load_case
from tests.lab.cases.compare import by_prefix, differences, text_of
from tests.lab.cases.run import CaseRun, run_case


def tables(run: CaseRun) -> str:
    """Our routes and the router's, aligned; a line that differs begins with an exclamation mark."""
    lines = []
    for router, ours, theirs in run.tables():
        program = run.case.routers[router].program
        rows = [
            (prefix, text_of(ours.get(prefix)), text_of(theirs.get(prefix)))
            for prefix in sorted(ours.keys() | theirs.keys(), key=by_prefix)
        ]
        width = max((len(row[1]) for row in rows), default=4)
        different = {difference.prefix for difference in differences(router, ours, theirs)}
        lines += ["", f"{router} ({program})", f"  {'prefix':18} {'ours':{width}} {program}"]
        lines += [
            f"{'!' if prefix in different else ' '} {prefix:18} {one:{width}} {other}" for prefix, one, other in rows
        ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.cases", description=__doc__)
    parser.add_argument("case", nargs="?")
    parser.add_argument("--check", action="store_true", help="go through the steps, compare, take it down")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--model", action="store_true", help="compare with tests/model/section16 in our place")
    arguments = parser.parse_args()
    if arguments.list or arguments.case not in case_names():
        for name in case_names():
            print(f"{name:16} {load_case(name).title}")
        return 0 if arguments.list else 2
    if arguments.check:
        run = run_case(arguments.case, say=lambda line: print(line, flush=True), model=arguments.model)
        print(json.dumps(run.summary()), flush=True)
        return 0 if run.equal else 1
    try:
        with CaseRun(load_case(arguments.case), model=arguments.model) as run:
            run.begin()
            print(tables(run))
            directory = run.network.directory
            print(f"\nnamespaces {run.network.namespace('*')}; vtysh --vty_socket {directory}/NAME,"
                  f" birdc -s {directory}/NAME/bird.ctl; Ctrl-C takes it down", flush=True)  # fmt: skip
            signal.pause()
    except KeyboardInterrupt:
        print("\ntaken down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
