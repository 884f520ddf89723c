import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.attachment import LongestPrefixMatch
from tests.gateway.small import ip

prefixes = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
        lambda p: (p[0] >> (32 - p[1]) << (32 - p[1]) if p[1] else 0, p[1])
    ),
    max_size=30,
)


def slow(table: list[tuple[int, int]], address: int) -> int:
    best, length = -1, -1
    for row, (network, plen) in enumerate(table):
        if (address >> (32 - plen) if plen else 0) == (network >> (32 - plen) if plen else 0) and plen > length:
            best, length = row, plen
    return best


@given(prefixes, st.lists(st.integers(0, 2**32 - 1), max_size=20))
def test_equals_the_slow_oracle(table: list[tuple[int, int]], addresses: list[int]) -> None:
    networks = np.array([p[0] for p in table], dtype=np.uint32)
    lengths = np.array([p[1] for p in table], dtype=np.uint8)
    edges = [n + d & 0xFFFFFFFF for n, _ in table for d in (-1, 0, 1)]
    asked = addresses + edges + [0, 0xFFFFFFFF]
    found = LongestPrefixMatch(networks, lengths).lookup(np.array(asked, dtype=np.uint32))
    assert found.tolist() == [slow(table, a) for a in asked]


def test_nesting_and_default() -> None:
    table = [("0.0.0.0", 0), ("10.0.0.0", 8), ("10.1.0.0", 16), ("10.1.2.3", 32)]
    lpm = LongestPrefixMatch(
        np.array([ip(n) for n, _ in table], dtype=np.uint32), np.array([p for _, p in table], dtype=np.uint8)
    )
    asked = ["9.9.9.9", "10.9.9.9", "10.1.9.9", "10.1.2.3", "10.1.2.4", "11.0.0.0"]
    assert lpm.lookup(np.array([ip(a) for a in asked], dtype=np.uint32)).tolist() == [0, 1, 2, 3, 2, 0]
