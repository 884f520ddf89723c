"""Made-up columns for any template, and the one assertion of a round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exporters.ipfix.decode import SessionDecoder
from exporters.ipfix.template import Template
from exporters.ipfix.types import VARIABLE
from exporters.process import ExportingProcess

WORDS = ("nginx", "postgres", "", "backup-ü", "x" * 254, "y" * 255, "z" * 300)


def sample_columns(template: Template, rows: int, seed: int = 1) -> dict[str, Any]:
    """Columns of random values over the whole range of every field of the template."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for name, field in zip(template.names, template.fields, strict=True):
        kind = field.element.type
        if "#" in name:
            continue  # the first column serves both
        if kind == "string":
            limit = 300 if field.length == VARIABLE else field.length
            words = [WORDS[i] for i in random.integers(0, len(WORDS), rows)]
            columns[name] = [word if len(word.encode()) <= limit else word[:limit] for word in words]
        elif field.element.name == "applicationId" and field.length == 4:
            columns[name] = random.integers(0, 1 << 32, rows, dtype=np.uint64).astype(np.uint32)
        elif kind == "octetArray":
            sizes = random.integers(0, 300, rows) if field.length == VARIABLE else [field.length] * rows
            columns[name] = [random.bytes(int(size)) for size in sizes]
        elif kind in ("ipv6Address", "macAddress"):
            columns[name] = random.integers(0, 256, (rows, field.length)).astype(np.uint8)
        elif kind.startswith("signed"):
            bits = 8 * field.length - 1
            columns[name] = random.integers(-(1 << bits), (1 << bits) - 1, rows, dtype=np.int64, endpoint=True)
        elif kind.startswith("float"):
            columns[name] = random.normal(size=rows).astype(np.float32).astype(np.float64)
        else:
            top = (1 << 8 * field.length) - 1
            columns[name] = random.integers(0, top, rows, dtype=np.uint64, endpoint=True)
    return columns


def assert_columns(template: Template, got: Any, want: dict[str, Any]) -> None:
    """The decoded columns hold exactly the values that were given, under every name of the template."""
    assert tuple(got) == template.names
    for name, column in got.items():
        expected = want[name.partition("#")[0]]
        if column.dtype == object:
            assert list(column) == list(expected), name
        else:
            assert np.array_equal(column, np.asarray(expected).astype(column.dtype)), name


def assert_round_trip(template: Template, rows: int, seed: int = 1) -> None:
    """What our process sends, our decoder returns: values, order, and nothing counted as wrong."""
    want = sample_columns(template, rows, seed)
    process = ExportingProcess(9, [template])
    assert process.add(template, want, 0.0) == rows
    decoder = SessionDecoder()
    (batch,) = decoder.receive(process.datagrams_to_send(1000.0), 0.0)
    assert batch.template == template
    assert batch.odid == 9
    assert len(batch) == rows
    assert set(batch.export_time.tolist()) == {1000}
    assert_columns(template, batch.columns, want)
    assert decoder.stats.records == rows
    assert decoder.stats.malformed == decoder.stats.sequence_lost == decoder.stats.sequence_restarts == 0


def message(*sets: bytes, odid: int = 1, sequence: int = 0, time: int = 5) -> bytes:
    """A message put together by hand, so that decoder tests do not lean on our encoder."""
    body = b"".join(sets)
    return b"".join(
        (
            (10).to_bytes(2, "big"),
            (16 + len(body)).to_bytes(2, "big"),
            time.to_bytes(4, "big"),
            sequence.to_bytes(4, "big"),
            odid.to_bytes(4, "big"),
            body,
        )
    )


def raw_set(set_id: int, body: bytes, length: int | None = None) -> bytes:
    """A set by hand; `length` overrides the true one."""
    return set_id.to_bytes(2, "big") + (4 + len(body) if length is None else length).to_bytes(2, "big") + body


def words(*numbers: int) -> bytes:
    """16-bit numbers in network order."""
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def flow_template(template_id: int = 256, fields: Sequence[tuple[int, int]] = ((1, 4), (7, 2))) -> bytes:
    """A template set with one template of IANA elements: (number, length) each."""
    specifiers = b"".join(words(number, length) for number, length in fields)
    return raw_set(2, words(template_id, len(fields)) + specifiers)
