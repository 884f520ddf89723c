"""Columns to data records of one template (the other way is `records.py`).

Fixed-length fields next to each other are written as one packed numpy record for all rows; variable-length
fields get their length octets (RFC 7011 7) row by row.  Values that do not fit are refused, never wrapped:
this is our own data.  Text always leaves as well-formed UTF-8 (RFC 7011 6.1.6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from exporters.errors import IpfixEncodeError
from exporters.ipfix.records import LONG_FORM, Column, Run, Variable, plan
from exporters.ipfix.template import Template
from exporters.ipfix.types import Kind, Layout

Columns = Mapping[str, Sequence[Any] | Column]
_MAX_VARIABLE: Final = 65535


def encode_records(template: Template, columns: Columns) -> list[bytes]:
    """One octet string per record. Raises IpfixEncodeError for missing, unequal or unfitting columns.

    Values as in `types.py`; ipv6Address and macAddress also as sequences of bytes, string also as bytes.
    Text in a fixed-length string field is cut at a character boundary and filled with NULs.  Where the
    template names an element again ("name#2"), the first column serves unless there is one for it.
    Columns that the template does not name are ignored.
    """
    chosen = {name: name if name in columns else name.partition("#")[0] for name in template.names}
    missing = [name for name, source in chosen.items() if source not in columns]
    if missing:
        raise IpfixEncodeError(f"template {template.template_id}: no column {', '.join(missing)}")
    lengths = {len(columns[source]) for source in chosen.values()}
    if len(lengths) != 1:
        raise IpfixEncodeError(f"template {template.template_id}: columns of lengths {sorted(lengths)}")
    (count,) = lengths
    chains = [
        _variable(part, columns[chosen[part.name]])
        if isinstance(part, Variable)
        else _run(part, {name: columns[chosen[name]] for name, _, _ in part.fields}, count)
        for part in plan(template).parts
    ]
    if len(chains) == 1:
        return chains[0]
    return [b"".join(record) for record in zip(*chains, strict=True)]


def _variable(part: Variable, values: Sequence[Any] | Column) -> list[bytes]:
    return [_counted(_octets(value, part.layout.kind, part.name), part.name) for value in values]


def _counted(octets: bytes, name: str) -> bytes:
    # RFC 7011 7
    if len(octets) < LONG_FORM:
        return bytes((len(octets),)) + octets
    if len(octets) > _MAX_VARIABLE:
        raise IpfixEncodeError(f"{name}: {len(octets)} octets in a variable-length field")
    return b"\xff" + len(octets).to_bytes(2, "big") + octets


def _run(part: Run, columns: Columns, count: int) -> list[bytes]:
    records = np.zeros(count, part.dtype)
    for name, form, key in part.fields:
        if form.kind in (Kind.STRING, Kind.OCTETS, Kind.ADDRESS):
            records[key] = _rows(name, form, columns[name], count)
        else:
            records[key] = _numbers(name, form, columns[name], count)
    joined = records.tobytes()
    width = part.length
    return [joined[index * width : (index + 1) * width] for index in range(count)]


def _rows(name: str, form: Layout, values: Sequence[Any] | Column, count: int) -> Column:
    width = form.length
    if isinstance(values, np.ndarray) and values.dtype == np.uint8 and values.shape == (count, width):
        return values
    rows = []
    for value in values:
        octets = _octets(value, form.kind, name)
        if form.kind is Kind.STRING:
            octets = octets[:width].decode("utf-8", "ignore").encode().ljust(width, b"\0")
        if len(octets) != width:
            raise IpfixEncodeError(f"{name}: {len(octets)} octets where {width} are due")
        rows.append(octets)
    return np.frombuffer(b"".join(rows), np.uint8).reshape(count, width)


def _numbers(name: str, form: Layout, values: Sequence[Any] | Column, count: int) -> Column:
    if form.kind is Kind.SKIP:
        raise IpfixEncodeError(f"{name}: length {form.length} does not fit its type")
    if form.kind is Kind.FLOAT:
        return np.asarray(values, np.float64)
    numbers = np.asarray(values)
    if count == 0:
        return np.zeros((0, form.length) if form.length not in (1, 2, 4, 8) else 0, np.uint8)
    if numbers.dtype.kind not in "ui" or numbers.shape != (count,):
        raise IpfixEncodeError(f"{name}: {numbers.dtype} {numbers.shape} where one integer a row is due")
    bits = 8 * form.length
    low, high = (0, (1 << bits) - 1) if form.kind is Kind.UNSIGNED else (-1 << bits - 1, (1 << bits - 1) - 1)
    if not low <= int(numbers.min()) <= int(numbers.max()) <= high:
        raise IpfixEncodeError(f"{name}: a value does not fit {form.length} octets")
    if form.length in (1, 2, 4, 8):
        return numbers
    # RFC 7011 6.2: the low octets of the natural width
    whole = numbers.astype(">i8" if form.kind is Kind.SIGNED else ">u8")
    return whole.view(np.uint8).reshape(count, 8)[:, 8 - form.length :]


def _octets(value: Any, kind: Kind, name: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, bytes | bytearray | memoryview):
        octets = bytes(value)
    elif isinstance(value, np.ndarray) and value.dtype == np.uint8:
        octets = value.tobytes()
    else:
        raise IpfixEncodeError(f"{name}: {type(value).__name__} where text or octets are due")
    return octets.decode("utf-8", "replace").encode() if kind is Kind.STRING else octets
