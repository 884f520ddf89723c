"""Stored captures: what real exporters (and we ourselves) once sent still decodes to the same values and counters."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporters.ipfix.batch import Column
from exporters.ipfix.decode import SessionDecoder
from tests.exporters.pcap import read_datagrams

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
CASES = sorted(path.name for path in CAPTURES.glob("ipfix-*"))


def digest(column: Column) -> dict[str, Any]:
    """A column as its dtype, first and last value, and a checksum over all values."""
    values = [value.hex() if isinstance(value, bytes) else value for value in column.tolist()]
    text = json.dumps(values)
    summary: dict[str, Any] = {"dtype": str(column.dtype), "first": values[0], "last": values[-1]}
    if column.dtype != object and column.ndim == 1:
        summary["sum"] = sum(int(value) for value in values)
    return summary | {"crc32": zlib.crc32(text.encode())}


def read(path: Path) -> dict[str, Any]:
    """Counters and batches of a capture, as expected.json holds them."""
    decoder = SessionDecoder()
    batches = decoder.receive(read_datagrams(path), 0.0)
    return {
        "stats": {name: value for name, value in asdict(decoder.stats).items() if value},
        "last_error": decoder.last_error,
        "batches": [
            {
                "domain": batch.odid,
                "template": batch.template.template_id,
                "scope_count": batch.template.scope_count,
                "records": len(batch),
                "export_time": [int(np.min(batch.export_time)), int(np.max(batch.export_time))],
                "columns": {name: digest(column) for name, column in batch.columns.items()},
            }
            for batch in batches
        ],
    }


def test_there_are_captures() -> None:
    assert CASES == ["ipfix-anemone", "ipfix-pmacct", "ipfix-softflowd"]


@pytest.mark.parametrize("case", CASES)
def test_capture(case: str) -> None:
    expected = json.loads((CAPTURES / case / "expected.json").read_text())
    assert read(CAPTURES / case / "in.pcap") == expected


@pytest.mark.parametrize("case", CASES)
def test_capture_says_where_it_comes_from(case: str) -> None:
    assert (CAPTURES / case / "README.md").read_text().startswith(f"# {case}\n")
