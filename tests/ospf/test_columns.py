"""Numbers of many LSAs: kept by identity, whatever moves."""

from __future__ import annotations

import random

import numpy as np
from msgspec.structs import replace

from ospf.columns import (
    AGE,
    FORWARDING,
    LSID,
    METRIC,
    MOST_REPLACED,
    ORIGIN,
    TYPE2,
    LsaColumns,
    external_numbers,
    infinite,
    newest,
    prefix_lengths,
    read_columns,
    summary_numbers,
)
from ospf.lsa import LS_INFINITY, MAX_AGE, Lsa, SummaryLsa
from tests.ospf.lsas import external, ip, lsa, mask, summary

R1 = "1.1.1.1"


def some(count: int, metric: int = 5) -> list[Lsa]:
    return [external(f"10.{i // 256}.{i % 256}.0/24", R1, metric + i) for i in range(count)]


def unread(each: Lsa) -> tuple[int, ...]:
    raise AssertionError(f"read again: {each}")


def test_fields() -> None:
    columns = read_columns([external("10.7.0.0/16", R1, 9, forward="10.1.1.1")], external_numbers)
    (row,) = columns.numbers.tolist()
    assert (row[LSID], row[ORIGIN], row[METRIC], row[TYPE2], row[FORWARDING], row[AGE]) == (
        ip("10.7.0.0"), ip(R1), 9, 1, ip("10.1.1.1"), 1,
    )  # fmt: skip
    (row,) = read_columns([summary("10.7.0.0/16", R1, 9)], summary_numbers).numbers.tolist()
    assert row[METRIC] == 9 and row[FORWARDING] == 0


def test_masks_and_infinity() -> None:
    masks = [mask(n) for n in range(33)] + [0xFF00FF00, 0x000000FF, 0x7FFFFFFF, 0xFFFFFFFD]
    columns = read_columns([lsa(3, 0, 1, SummaryLsa(m, 1)) for m in masks], summary_numbers)
    assert prefix_lengths(columns.numbers).tolist() == [*range(33), -1, -1, -1, -1]
    far = read_columns(
        [summary("10.0.0.0/8", R1, LS_INFINITY), summary("10.0.0.0/8", R1, LS_INFINITY - 1)], summary_numbers
    )
    assert infinite(far.numbers).tolist() == [True, False]


def test_unchanged_lsas_are_not_read_again() -> None:
    lsas = some(500)
    before = read_columns(lsas, external_numbers)
    assert read_columns(list(lsas), unread, before) is before
    assert read_columns([], unread, before).numbers.shape == (0, 10)
    rng = random.Random(4)
    for _ in range(40):
        now = list(lsas)
        for _ in range(rng.choice((1, 3, MOST_REPLACED + 5))):
            now[rng.randrange(len(now))] = external("172.16.0.0/12", R1, rng.randrange(1000))
        for _ in range(rng.choice((0, 0, 2))):
            del now[rng.randrange(len(now))]
        if rng.random() < 0.3:
            rng.shuffle(now)
        fresh = {id(each) for each in now} - {id(each) for each in lsas}
        read: list[int] = []

        def reader(each: Lsa, read: list[int] = read) -> tuple[int, ...]:
            read.append(id(each))
            return external_numbers(each)

        after = read_columns(now, reader, before)
        assert set(read) == fresh and len(read) == len(fresh)
        assert np.array_equal(after.numbers, read_columns(now, external_numbers).numbers)
        lsas, before = now, after


def instance(each: Lsa, sequence: int, checksum: int = 1, age: int = 1) -> Lsa:
    return replace(each, header=replace(each.header, sequence=sequence, checksum=checksum, age=age))


def columns(*lsas: Lsa) -> LsaColumns:
    return read_columns(list(lsas), external_numbers)


def test_newest_instance_of_several_databases() -> None:
    """RFC 2328 13.1: sequence number, then checksum, then MaxAge."""
    a, b = external("10.1.0.0/16", R1, 1), external("10.2.0.0/16", R1, 2)
    high = external("200.1.0.0/16", "200.1.1.1", 7)
    found = newest([columns(instance(a, -5), b), columns(instance(external("10.1.0.0/16", R1, 3), 2), high), columns()])
    assert sorted(found[:, METRIC].tolist()) == [2, 3, 7]
    same = [columns(instance(a, 3, 9)), columns(instance(external("10.1.0.0/16", R1, 4), 3, 10))]
    assert newest(same)[:, METRIC].tolist() == [4]
    dying = instance(a, 3, 9, MAX_AGE)
    assert len(newest([columns(instance(a, 3, 9)), columns(dying)])) == 0
    assert newest([columns(instance(a, 4)), columns(dying)])[:, METRIC].tolist() == [1]
    assert len(newest([columns(dying)])) == 0 and len(newest([])) == 0
