import pytest

from mibs.access import ALLOWED, REMEMBERED_SOURCES, SOURCE_REFUSED, UNKNOWN_COMMUNITY, access_list

COMMUNITIES = {"public": ["127.0.0.0/8", "2001:db8::/32"], "lab": ["192.0.2.7/32"], "nobody": []}


@pytest.mark.parametrize(
    ("community", "source", "verdict"),
    [
        (b"public", "127.0.0.1", ALLOWED),
        (b"public", "127.255.0.9", ALLOWED),
        (b"public", "128.0.0.1", SOURCE_REFUSED),
        (b"public", "2001:db8::1", ALLOWED),
        (b"public", "::ffff:127.0.0.1", ALLOWED),
        (b"public", "fe80::1%lo", SOURCE_REFUSED),
        (b"public", "not an address", SOURCE_REFUSED),
        (b"lab", "192.0.2.7", ALLOWED),
        (b"lab", "192.0.2.8", SOURCE_REFUSED),
        (b"nobody", "127.0.0.1", SOURCE_REFUSED),
        (b"Public", "127.0.0.1", UNKNOWN_COMMUNITY),
        (b"", "127.0.0.1", UNKNOWN_COMMUNITY),
        (b"\xff\x00", "127.0.0.1", UNKNOWN_COMMUNITY),
    ],
)
def test_verdicts(community: bytes, source: str, verdict: str) -> None:
    access = access_list(COMMUNITIES)
    assert access.verdict(community, source) == verdict
    assert access.verdict(community, source) == verdict  # also when remembered


def test_memory_is_bounded() -> None:
    access = access_list({"public": ["10.0.0.0/8"]})
    for i in range(3 * REMEMBERED_SOURCES):
        access.verdict(b"public", f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
        access.verdict(b"guess %d" % i, "10.0.0.1")
    assert len(access._verdicts) <= REMEMBERED_SOURCES


def test_bad_prefix() -> None:
    with pytest.raises(ValueError):
        access_list({"public": ["10.0.0.1/8"]})
