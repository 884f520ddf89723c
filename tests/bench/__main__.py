"""`make bench`: every benchmark with its peer side by side, one table; speed is a ratio in one run."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def number(value: Any) -> str:
    """Three significant digits with thousands apart; text as it is."""
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def main() -> int:
    console = Console(width=max(Console().width, 120) if not sys.stdout.isatty() else None)
    modules = sorted(p.stem for p in Path(__file__).parent.glob("bench_*.py"))
    wanted = [m for m in modules if len(sys.argv) == 1 or any(a in m for a in sys.argv[1:])]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    table = Table(title=f"Anemone beside its peers: {machine}")
    table.add_column("benchmark")
    table.add_column("what")
    for name in ("ours", "peer", "unit", "ratio"):
        table.add_column(name, justify="right" if name != "unit" else "left")
    failed = 0
    for name in wanted:
        began = time.monotonic()
        console.print(f"running {name} ...", style="dim", end=" ")
        try:
            rows = importlib.import_module(f"tests.bench.{name}").run()
        except Exception as error:
            failed += 1
            console.print(f"failed: {error!r}", style="red")
            continue
        console.print(f"{time.monotonic() - began:.0f} s", style="dim")
        for row in rows:
            ratio = row.get("ratio")
            table.add_row(
                name.removeprefix("bench_"), row["what"], number(row["ours"]), number(row.get("peer", "")),
                row["unit"], f"{ratio:.2f}x" if isinstance(ratio, int | float) else str(ratio or ""),
            )  # fmt: skip
        table.add_section()
    console.print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
