"""Keys for OSPF authentication as an operator writes them: `[ospf.attach.authentication]`, one table or a list.

    type      key                                  AuType   in packets
    none      -                                    0        nothing
    simple    at most 8 octets                     1        the password, in the clear (RFC 2328 D.2)
    md5       at most 16 octets                    2        keyed MD5 (RFC 2328 D.4.3)
    hmac-sha-1, -256, -384, -512, any length       2 or 3   HMAC (RFC 5709; with `extended` RFC 7474)

Several keys are for changing them while routers go on: all are accepted, and a router is answered with the key it
uses itself, so that the listener follows a rollover without lifetimes of its own. `none` in such a list accepts
packets without authentication beside the others.

A key stands in the configuration (`key`) or in a file (`key_file`, one line). Reading a file is not this module's:
`resolve` is given the reader.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from ospf.errors import OspfConfigError
from ospf.packets import AUTH_CRYPTOGRAPHIC, AUTH_EXTENDED, AUTH_NONE, AUTH_SIMPLE

SIMPLE_OCTETS = 8  # RFC 2328 D.2
MD5_OCTETS = 16  # RFC 2328 D.4.3
KEY_OCTETS = 1024  # ceiling for HMAC
# RFC 5709 3.1
DIGEST_OCTETS = {"md5": 16, "hmac-sha-1": 20, "hmac-sha-256": 32, "hmac-sha-384": 48, "hmac-sha-512": 64}


class AuthKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key.

    type        algorithm, as in the table above
    key_id      what packets call the key: 0..255, with `extended` up to 2^32 - 1; no meaning for none and simple
    key         the secret, as typed into the routers (UTF-8)
    key_file    instead of `key`: a file with the secret as its only line
    extended    RFC 7474 for HMAC: AuType 3, 64-bit sequence, source address in the digest
    """

    type: Literal["none", "simple", "md5", "hmac-sha-1", "hmac-sha-256", "hmac-sha-384", "hmac-sha-512"]
    key_id: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)] = 1
    key: str | None = None
    key_file: str | None = None
    extended: bool = False

    def __post_init__(self) -> None:
        where = "authentication"
        if self.type == "none":
            if self.key is not None or self.key_file is not None:
                raise OspfConfigError(f'{where}: type "none" takes no key')
        elif (self.key is None) == (self.key_file is None):
            raise OspfConfigError(f"{where}: {self.type} takes a key or a key_file")
        if self.extended and not self.type.startswith("hmac-"):
            raise OspfConfigError(f"{where}: extended (RFC 7474) goes with hmac-sha-1, -256, -384 and -512")
        if self.key_id > 255 and not self.extended:
            raise OspfConfigError(f"{where}: key_id {self.key_id}: 0 to 255 unless extended (RFC 7474)")
        if self.key is not None:
            self._check_secret(self.key)

    def _check_secret(self, text: str) -> None:
        most = {"simple": SIMPLE_OCTETS, "md5": MD5_OCTETS}.get(self.type, KEY_OCTETS)
        length = len(text.encode())
        if not 1 <= length <= most:
            raise OspfConfigError(f"authentication: a {self.type} key has 1 to {most} octets, this one {length}")

    def __repr__(self) -> str:  # a secret must not reach a log
        return f"AuthKey({self.type}, key_id={self.key_id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("type", self.type), ("key_id", self.key_id)]

    @property
    def auth_type(self) -> int:
        """AuType of packets that carry it."""
        if self.type == "none":
            return AUTH_NONE
        if self.type == "simple":
            return AUTH_SIMPLE
        return AUTH_EXTENDED if self.extended else AUTH_CRYPTOGRAPHIC

    @property
    def secret(self) -> bytes:
        """The key's octets; OspfConfigError while it is still in its file."""
        if self.key is None and self.type != "none":
            raise OspfConfigError(f"authentication: key_file {self.key_file} has not been read")
        return (self.key or "").encode()

    @property
    def digest_octets(self) -> int:
        """Length of the digest, 0 for none and simple."""
        return DIGEST_OCTETS.get(self.type, 0)


def check_keys(keys: tuple[AuthKey, ...]) -> None:
    """OspfConfigError if packets could not tell which of the keys they carry."""
    seen = set()
    for key in keys:
        name = (key.auth_type, key.key_id if key.auth_type >= AUTH_CRYPTOGRAPHIC else 0)
        if name in seen:
            raise OspfConfigError(f"authentication: {key.type} with key_id {key.key_id} is given twice")
        seen.add(name)


def resolve(keys: tuple[AuthKey, ...], read: Callable[[str], bytes]) -> tuple[AuthKey, ...]:
    """The keys with those of files filled in; `read` gives a file's octets. OspfConfigError names the file."""
    found = []
    for key in keys:
        if key.key_file is not None:
            found.append(AuthKey(key.type, key.key_id, _only_line(key.key_file, read), extended=key.extended))
        else:
            found.append(key)
    return tuple(found)


def _only_line(path: str, read: Callable[[str], bytes]) -> str:
    try:
        text = read(path).decode()
    except OSError as error:
        raise OspfConfigError(f"authentication: key_file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise OspfConfigError(f"authentication: key_file {path}: not UTF-8") from error
    line = text.removesuffix("\n").removesuffix("\r")
    if "\n" in line:
        raise OspfConfigError(f"authentication: key_file {path}: more than one line")
    return line
