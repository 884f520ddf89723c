"""[[ospf.poll]]: what is refused, with the key and the remedy; secrets from files and never in a log."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.pollconfig import PollConfig

V2 = {"router": "192.0.2.1", "community": "secret one"}
V3 = {"router": "192.0.2.1", "user": "anemone", "auth_protocol": "sha256", "auth_key": "authentic key"}
PRIVATE = {"priv_protocol": "aes128", "priv_key": "private key 1"}


def make(**tree: Any) -> PollConfig:
    return msgspec.convert(tree, PollConfig)


def test_defaults() -> None:
    config = make(**V2, areas=["0.0.0.1", "10.0.0.0"])
    assert config.where == "192.0.2.1:161" and config.area_numbers == (1, 0x0A000000)
    assert make(router="2001:db8::1", community="x").where == "[2001:db8::1]:161"
    assert make(**V3, **PRIVATE).secret("priv_key", str) == "private key 1"
    assert make(router="192.0.2.1", user="plain").secret("auth_key", str) is None


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"router": "r1", "community": "x"}, "router: 'r1' is no address"),
        ({"router": "192.0.2.1"}, "community: give community or community_file"),
        (V2 | {"community_file": "f"}, "community: give community or community_file, one of them"),
        (V2 | {"user": "u"}, "community: not with this configuration: user is SNMPv3's"),
        (V2 | {"auth_protocol": "sha"}, "set user, not community"),
        (V2 | {"context": "vrf1"}, "set user, not community"),
        (V2 | {"areas": ["0"]}, "areas: not a dotted quad"),
        (V2 | {"period_seconds": 1}, "period_seconds"),
        (V2 | {"port": 0}, "port"),
        (V2 | {"comunity": "x"}, "comunity"),
        (V3 | {"auth_key": "short"}, "auth_key: at least 8 characters"),
        (V3 | {"auth_key_file": "f"}, "auth_key: give auth_key or auth_key_file, one of them"),
        (V3 | {"auth_protocol": "none"}, "auth_key: not with this configuration: auth_protocol is none"),
        (V3 | {"priv_protocol": "aes128"}, "priv_key: give priv_key or priv_key_file"),
        ({"router": "192.0.2.1", "user": "u"} | PRIVATE, "no privacy without authentication"),
        (V3 | PRIVATE | {"priv_protocol": "rot13"}, "priv_protocol"),
    ],
)
def test_refused(tree: dict[str, Any], text: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=text.replace("(", r"\(")):
        make(**tree)


def test_secrets_from_files() -> None:
    config = make(router="192.0.2.1", community_file="/c")
    assert config.secret("community", {"/c": "from a file\n"}.__getitem__) == "from a file"
    for text in ("", "two\nlines\n", "\n"):
        with pytest.raises(ValueError, match="community_file: /c: expected one line"):
            config.secret("community", {"/c": text}.__getitem__)
    config = make(router="192.0.2.1", user="u", auth_protocol="sha", auth_key_file="/k")
    with pytest.raises(ValueError, match="auth_key_file: /k: expected one line of at least 8"):
        config.secret("auth_key", {"/k": "short"}.__getitem__)


def test_secrets_do_not_reach_a_log() -> None:
    for config in (make(**V2), make(**V3, **PRIVATE)):
        assert "secret" not in f"{config} {config!r}" and "key" not in repr(config)


def test_every_key_is_documented() -> None:
    text = PollConfig.__doc__ or ""
    names = {f.name.removesuffix("_file") for f in msgspec.structs.fields(PollConfig)}
    assert sorted(name for name in names if name not in text) == []
