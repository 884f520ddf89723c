"""100,000 mutated packets for every decoder of both OSPF versions and for the listeners: what leaves, and how fast.

`python -m tests.bench.bench_ospf_fuzz [CASES]` prints the rows; `python -m tests.fuzz` goes on for longer.
"""

from __future__ import annotations

import sys
import time

from tests.fuzz.__main__ import Campaign
from tests.fuzz.mutation import BLOCK
from tests.fuzz.targets import TARGETS

CASES = 100_000  # per decoder


def run(cases: int = CASES) -> list[dict[str, object]]:
    """Rows what, ours, peer, unit, ratio; about 40 seconds."""
    campaign = Campaign(TARGETS, None)
    began = time.process_time()
    while campaign.cases < cases * len(TARGETS):
        campaign.step()
    rate = campaign.cases / (time.process_time() - began)
    tallies = campaign.tallies.values()
    numbers: list[tuple[str, float, str]] = [
        (f"{len(TARGETS)} decoders, mutated packets each", min(t.cases for t in tallies) // BLOCK * BLOCK, "cases"),
        ("all of them, mutation included", rate, "cases/CPU s"),
        ("accepted in spite of it", 100 * sum(t.accepted for t in tallies) / campaign.cases, "%"),
        ("errors other than OspfError", sum(t.escaped for t in tallies), ""),
        (
            f"step budgets exceeded, of {sum(t.counted for t in tallies):,} counted",
            sum(t.over_budget for t in tallies),
            "",
        ),
        ("most of a step budget", 100 * max(t.worst for t in tallies), "%"),
    ]
    for line in campaign.findings:
        print(line)
    return [{"what": f"OSPF fuzz: {w}", "ours": n, "peer": "", "unit": u, "ratio": ""} for w, n, u in numbers]


if __name__ == "__main__":
    for row in run(int(sys.argv[1]) if sys.argv[1:] else CASES):
        print(row)
