from typing import Any

import pytest

from ospf.errors import OspfConfigError
from ospf.keys import AuthKey, check_keys, resolve


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "none", "key": "x"}, "takes no key"),
        ({"type": "md5"}, "a key or a key_file"),
        ({"type": "md5", "key": "x", "key_file": "y"}, "a key or a key_file"),
        ({"type": "simple", "key": "ninechars"}, "1 to 8 octets, this one 9"),
        ({"type": "simple", "key": "größere"}, "1 to 8 octets, this one 9"),
        ({"type": "md5", "key": "seventeen octets!"}, "1 to 16 octets"),
        ({"type": "md5", "key": ""}, "1 to 16 octets"),
        ({"type": "md5", "key": "x", "extended": True}, "extended"),
        ({"type": "md5", "key": "x", "key_id": 256}, "0 to 255 unless extended"),
    ],
)
def test_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(OspfConfigError, match=reason):
        AuthKey(**fields)


def test_what_a_key_is_on_the_wire() -> None:
    assert AuthKey("none").auth_type == 0 and AuthKey("simple", key="x").auth_type == 1
    assert AuthKey("md5", 255, "x").auth_type == 2 and AuthKey("md5", key="x").digest_octets == 16
    extended = AuthKey("hmac-sha-512", 0xFFFFFFFF, "x", extended=True)
    assert (extended.auth_type, extended.digest_octets, extended.secret) == (3, 64, b"x")


def test_a_secret_is_not_shown() -> None:
    assert "hunter2" not in repr(AuthKey("md5", 1, "hunter2"))
    assert "hunter2" not in str(AuthKey("md5", 1, "hunter2").__rich_repr__())


def test_two_keys_of_one_name_are_refused() -> None:
    check_keys((AuthKey("md5", 1, "x"), AuthKey("hmac-sha-1", 2, "x"), AuthKey("hmac-sha-1", 2, "x", extended=True)))
    for pair in (
        (AuthKey("md5", 1, "x"), AuthKey("hmac-sha-1", 1, "y")),
        (AuthKey("simple", 1, "x"), AuthKey("simple", 2, "y")),
        (AuthKey("none"), AuthKey("none", 7)),
    ):
        with pytest.raises(OspfConfigError, match="given twice"):
            check_keys(pair)


def test_keys_in_files() -> None:
    files = {"/k1": b"secret\n", "/k2": b"se cret\r\n", "/two": b"a\nb\n", "/bin": b"\xff\n", "/long": b"x" * 17}

    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory")
        return files[path]

    unread = AuthKey("md5", 3, key_file="/k1")
    with pytest.raises(OspfConfigError, match="has not been read"):
        _ = unread.secret
    keys = resolve((unread, AuthKey("hmac-sha-256", 4, key_file="/k2", extended=True), AuthKey("none")), read)
    assert keys == (AuthKey("md5", 3, "secret"), AuthKey("hmac-sha-256", 4, "se cret", extended=True), AuthKey("none"))
    for path, reason in (("/two", "more than one line"), ("/bin", "UTF-8"), ("/no", "No such file"), ("/long", "1 to")):
        with pytest.raises(OspfConfigError, match=reason):
            resolve((AuthKey("md5", key_file=path),), read)
