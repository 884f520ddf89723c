"""Configuration of one router whose OSPF databases are read over SNMP: a `[[ospf.poll]]` table.

[[ospf.poll]]
router = "192.0.2.1"
community = "secret"                  # SNMPv2c; or, SNMPv3:
# user = "anemone"
# auth_protocol = "sha256"
# auth_key_file = "/etc/anemone/auth.key"
# priv_protocol = "aes128"
# priv_key_file = "/etc/anemone/priv.key"
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ospf.lsdb import MAX_LSAS
from ospf.wire import address_number

LEAST_KEY = 8  # octets of a passphrase (RFC 3414 11.2)


class PollConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which router, as whom, how often.

    router            its IPv4 or IPv6 address
    port              UDP port of its agent
    instance          name of the OSPF process or VRF its databases belong to, as in [[ospf.attach]]
    areas             area ids to take; none: all that the router is in
    community         SNMPv2c community; or community_file with it as its only line
    user              SNMPv3 user instead of a community; with auth_protocol and priv_protocol none: noAuthNoPriv
    auth_protocol     with auth_key, or auth_key_file, at least 8 characters
    priv_protocol     with priv_key, or priv_key_file; needs auth_protocol
    context           SNMPv3 context, where the router has one per VRF
    period_seconds    from the beginning of one poll to that of the next
    timeout_seconds, retries   for one request and how often it is repeated
    max_repetitions   rows asked for in one request
    max_lsas          ceiling of the databases; what comes above is refused and counted
    """

    router: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 161
    instance: Annotated[str, Meta(min_length=1)] = "default"
    areas: tuple[str, ...] = ()
    community: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    community_file: str | None = None
    user: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    auth_protocol: Literal["none", "md5", "sha", "sha224", "sha256", "sha384", "sha512"] = "none"
    auth_key: str | None = None
    auth_key_file: str | None = None
    priv_protocol: Literal["none", "des", "aes128", "aes192", "aes256"] = "none"
    priv_key: str | None = None
    priv_key_file: str | None = None
    context: Annotated[str, Meta(max_length=32)] = ""
    period_seconds: Annotated[float, Meta(ge=5, le=86400)] = 60.0
    timeout_seconds: Annotated[float, Meta(ge=0.5, le=60)] = 3.0
    retries: Annotated[int, Meta(ge=0, le=10)] = 2
    max_repetitions: Annotated[int, Meta(ge=1, le=100)] = 20
    max_lsas: Annotated[int, Meta(ge=1, le=10_000_000)] = MAX_LSAS

    def __post_init__(self) -> None:
        try:
            ipaddress.ip_address(self.router)
        except ValueError:
            raise ValueError(f"router: {self.router!r} is no address; expected one such as 192.0.2.1") from None
        for area in self.areas:
            try:
                address_number(area)
            except ValueError as error:
                raise ValueError(f"areas: {error}; expected area ids such as 0.0.0.1") from None
        self._one_of("community", self.user is None)
        if self.user is None and (self.auth_protocol != "none" or self.priv_protocol != "none" or self.context):
            raise ValueError("auth_protocol, priv_protocol and context are SNMPv3's: set user, not community")
        self._one_of("auth_key", self.auth_protocol != "none")
        self._one_of("priv_key", self.priv_protocol != "none")
        if self.priv_protocol != "none" and self.auth_protocol == "none":
            raise ValueError("priv_protocol: SNMPv3 knows no privacy without authentication: set auth_protocol")

    def _one_of(self, key: str, wanted: bool) -> None:
        text, file = getattr(self, key), getattr(self, f"{key}_file")
        given = (text is not None) + (file is not None)
        if not wanted and given:
            belongs = "user is SNMPv3's" if key == "community" else f"{key.split('_')[0]}_protocol is none"
            raise ValueError(f"{key}: not with this configuration: {belongs}")
        if wanted and given != 1:
            raise ValueError(f"{key}: give {key} or {key}_file, one of them")
        if key != "community" and text is not None and len(text.encode()) < LEAST_KEY:
            raise ValueError(f"{key}: at least {LEAST_KEY} characters (RFC 3414 11.2)")

    def secret(self, key: str, read: Callable[[str], str]) -> str | None:
        """The value of "community", "auth_key" or "priv_key", through `read(path)` where a file has it.

        ValueError with the remedy when the file's only line is not what it must be.
        """
        text, file = getattr(self, key), getattr(self, f"{key}_file")
        if file is None:
            return None if text is None else str(text)
        lines = read(file).splitlines()
        least = 1 if key == "community" else LEAST_KEY
        if len(lines) != 1 or len(lines[0].encode()) < least:
            raise ValueError(f"{key}_file: {file}: expected one line of at least {least} characters")
        return lines[0]

    @property
    def area_numbers(self) -> tuple[int, ...]:
        return tuple(address_number(area) for area in self.areas)

    @property
    def where(self) -> str:
        """ADDRESS:PORT."""
        return f"[{self.router}]:{self.port}" if ":" in self.router else f"{self.router}:{self.port}"

    def __repr__(self) -> str:  # a secret must not reach a log
        return f"PollConfig({self.where})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("router", self.router), ("port", self.port)]
