from dataclasses import replace

import numpy as np
import pytest

from mibs.builder import MibBuilder
from mibs.errors import TableError
from mibs.tree import Tree, dump
from tests.mibs.sample import CREATED, sample_tables


def live(kind: int, value: float) -> bytes:
    return b"\x43\x01\x00"


def test_same_rows_are_laid_out_once() -> None:
    builder = MibBuilder()
    one = builder.build(*sample_tables(20, 5), now=CREATED)
    two = builder.build(*sample_tables(20, 5, seed=2), now=CREATED + 1)
    assert builder.stats.builds == 2 and builder.stats.layouts == 1
    assert two == MibBuilder().build(*sample_tables(20, 5, seed=2), now=CREATED + 1)  # and yet the values are new
    assert one != two
    builder.build(*sample_tables(21, 5), now=CREATED + 2)
    assert builder.stats.layouts == 2
    assert builder.stats.rows == len(Tree(builder.build(*sample_tables(21, 5), now=CREATED + 2)))


def test_order_of_input_rows_does_not_matter() -> None:
    tables = list(sample_tables(30, 4))
    expected = MibBuilder().build(*tables, now=CREATED)
    rng = np.random.default_rng(3)
    for place in (1, 2, 3, 4):
        order = rng.permutation(len(tables[place]))
        columns = {
            name: [column[i] for i in order] if isinstance(column, list) else column[order]
            for name, column in vars(tables[place]).items()
        }
        tables[place] = replace(tables[place], **columns)
    assert MibBuilder().build(*tables, now=CREATED) == expected


def test_plain_lists_do() -> None:
    tables = list(sample_tables(3, 2))
    expected = MibBuilder().build(*tables, now=CREATED)
    for place in (1, 2, 3, 4):
        columns = {name: list(column) for name, column in vars(tables[place]).items()}
        columns = {n: [v.item() if hasattr(v, "item") else v for v in c] for n, c in columns.items()}
        tables[place] = replace(tables[place], **columns)
    assert MibBuilder().build(*tables, now=CREATED) == expected


def test_empty_gateway() -> None:
    tree = Tree(MibBuilder().build(*sample_tables(0, 0), now=CREATED))
    assert len(dump(tree, live)) == len(tree) > 30


def test_bad_tables() -> None:
    tables = list(sample_tables(3, 1))
    for wrong in (
        replace(tables[1], ifindex=[1, 1, 2]),
        replace(tables[1], in_octets=[1, 2]),
        replace(tables[1], descr=["a"]),
    ):
        with pytest.raises(TableError):
            MibBuilder().build(tables[0], wrong, *tables[2:], now=CREATED)
