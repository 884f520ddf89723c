"""Reads a router's OSPF databases over SNMP, every so often (IO: pysnmp on the reactor's asyncio loop).

A poll walks a handful of columns (`ospf.polled.COLUMNS`) with GETBULK, one request at a time, and hands the rows on as
they come, so that neither the reactor waits nor a big database is decoded at one go. A walk ends where its column
ends; it breaks off, and the poll with it, when the agent does not answer, when its OIDs do not increase (it would never
end), or above `max_lsas` rows. What broke off is told with the remedy, once a minute, and tried again at the next turn.

The reactor must be Twisted's asyncioreactor, as `gateway.service` installs it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from gateway.complaints import Complaints
from gateway.errors import GatewayError
from gateway.pollconfig import PollConfig
from ospf.lsdb import Lsdb
from ospf.polled import AREA_ID, COLUMNS, ROUTER_ID, Oid, Poll, PolledDatabases, Value
from ospf.wire import address_number, address_text

log = logging.getLogger("anemone.poll")

AUTH_PROTOCOLS = {
    "none": "USM_AUTH_NONE", "md5": "USM_AUTH_HMAC96_MD5", "sha": "USM_AUTH_HMAC96_SHA",
    "sha224": "USM_AUTH_HMAC128_SHA224", "sha256": "USM_AUTH_HMAC192_SHA256", "sha384": "USM_AUTH_HMAC256_SHA384",
    "sha512": "USM_AUTH_HMAC384_SHA512",
}  # fmt: skip
PRIV_PROTOCOLS = {
    "none": "USM_PRIV_NONE", "des": "USM_PRIV_CBC56_DES", "aes128": "USM_PRIV_CFB128_AES",
    "aes192": "USM_PRIV_CFB192_AES", "aes256": "USM_PRIV_CFB256_AES",
}  # fmt: skip
NO_MIB = (
    "it answers, but has no OSPF-MIB (1.3.6.1.2.1.14): is OSPF running there, does the SNMP view include it? "
    "FRR: `agentx` in its configuration, ospfd started with -M snmp, `master agentx` in snmpd.conf"
)
REMEDIES = {
    "RequestTimedOut": "is the community right, does the agent allow our address, is UDP let through?",
    "UnknownUserName": "the router does not know this user",
    "WrongDigest": "auth_key or auth_protocol differ from the router's",
    "DecryptionError": "priv_key or priv_protocol differ from the router's",
    "UnsupportedSecurityLevel": "the user has no auth_protocol or priv_protocol, or another one, on the router",
    "UnsupportedSecLevel": "the user has no auth_protocol or priv_protocol, or another one, on the router",
    "UnknownContextName": "the router has no such context",
    "EncryptionError": "is the Python package cryptography installed?",
}
NO_ACCESS_STATUS, AUTHORIZATION_ERROR = 6, 16  # RFC 3416 3
NO_ACCESS = "its access rules do not let us read 1.3.6.1.2.1.14 (view, or a security level too low)"
V3_TIMEOUT = "is priv_key right (a wrong one is not answered), does the agent allow our address, is UDP let through?"


class PollError(GatewayError):
    """A poll broke off; the text names the remedy."""


class LsdbPoller:
    """One router. `on_change(poller, poll)` after every poll that changed a database, has new ones, or shows LSAs
    that linger (and after the first that no longer does).

    `databases` (area id -> Lsdb) are the same objects for good, on the clock of `time.monotonic`.
    """

    def __init__(self, reactor: Any, config: PollConfig, on_change: Callable[[LsdbPoller, Poll], None]) -> None:
        self.config = config
        self.polled = PolledDatabases(config.area_numbers, config.max_lsas)
        self.failures = 0  # polls that broke off
        self.last_error = ""
        self.last_seconds = 0.0  # that the last whole poll took
        self.requests = 0
        self._reactor = reactor
        self._on_change = on_change
        self._complaints = Complaints()
        self._call: Any = None
        self._task: asyncio.Task[None] | None = None
        self._session: _Session | None = None
        self._answered = False
        self._lingered = False

    @property
    def databases(self) -> dict[int, Lsdb]:
        return self.polled.databases

    def start(self) -> None:
        """The first poll begins as soon as the reactor runs; GatewayError when pysnmp or a key is missing."""
        self._session = _Session(self.config)
        self._call = self._reactor.callLater(0.0, self._begin)

    def stop(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        if self._task is not None and not self._task.done():
            self._task.cancel()
        if self._session is not None:
            self._session.close()

    def stats(self) -> dict[str, float]:
        """Counters of polls, rows and LSAs."""
        told: dict[str, float] = {
            "failures": self.failures,
            "requests": self.requests,
            "last_seconds": self.last_seconds,
            "lsas": sum(map(len, self.databases.values())),
        }
        names = self.polled.stats.__slots__
        return told | {name: getattr(self.polled.stats, name) for name in names}

    def _begin(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            log.error("%s: polling needs Twisted's asyncioreactor", self.config.where)
            return
        self._task = loop.create_task(self._poll())

    async def _poll(self) -> None:
        begin = time.monotonic()
        complete = False
        self.polled.begin(begin)
        try:
            await self._walk_all()
            complete = True
        except PollError as error:
            self._failed(str(error))
        except Exception:  # a fault of ours or of pysnmp must not end the polling
            self._failed("failed, going on", fault=True)
        now = time.monotonic()
        try:
            self._tell(self.polled.finish(now, complete=complete), now - begin)
        except Exception:
            self._failed("failed, going on", fault=True)
        pause = max(begin + self.config.period_seconds - time.monotonic(), 1.0)
        self._call = self._reactor.callLater(pause, self._begin)

    def _tell(self, poll: Poll, seconds: float) -> None:
        if poll.complete:
            self.last_seconds, self.last_error = seconds, ""
            if not self._answered:
                areas = ", ".join(map(address_text, poll.areas)) or "none"
                log.info("%s: %d LSAs of areas %s in %.1f s", self.config.where, poll.lsas, areas, seconds)
                absent = ", ".join(area for area in self.config.areas if address_number(area) not in poll.areas)
                if absent:
                    log.warning("%s: the router has no database of area %s; is it in it?", self.config.where, absent)
            self._answered = True
        lingered, self._lingered = self._lingered, bool(poll.lingering)
        if poll.changes or poll.new or lingered or poll.lingering:
            self._on_change(self, poll)

    def _failed(self, reason: str, fault: bool = False) -> None:
        self.failures += 1
        self._answered = False
        self.last_error = reason
        where = self.config.where
        line = self._complaints.say(reason, f"{where}: {reason}", time.monotonic())
        if line and fault:
            log.exception(line)
        elif line:
            log.warning(line)

    async def _walk_all(self) -> None:
        session = self._session
        assert session is not None
        self.requests += 1
        rows = await session.get(ROUTER_ID)
        if not rows:
            raise PollError(NO_MIB)
        self.polled.add(rows)
        for column in COLUMNS:
            found = await self._walk(session, column)
            if column == AREA_ID and not found:
                raise PollError(f"the router is in no OSPF area; {NO_MIB}")

    async def _walk(self, session: _Session, column: Oid) -> int:
        """All rows of a column; how many."""
        last, count = column, 0
        while True:
            self.requests += 1
            rows = await session.bulk(last)
            if not rows:
                return count
            inside: list[tuple[Oid, Value]] = []
            for oid, value in rows:
                if oid[: len(column)] != column:
                    self.polled.add(inside)
                    return count + len(inside)
                if oid <= last:
                    raise PollError(f"its OIDs do not increase at {'.'.join(map(str, oid))}: a fault of its agent")
                last = oid
                inside.append((oid, value))
            self.polled.add(inside)
            count += len(inside)
            if count > self.config.max_lsas:
                raise PollError(f"more than max_lsas = {self.config.max_lsas} LSAs: the rest is left out")


@cache
def _pysnmp(user: tuple[str | None, ...]) -> Any:
    """pysnmp's engine: it takes a quarter of a second to make, best before the reactor runs, so pollers share it.

    Not those of one user with different keys, since an engine knows a user by the name alone.
    """
    from pysnmp.hlapi.v3arch.asyncio import SnmpEngine

    return SnmpEngine()


class _Session:
    """GET and GETBULK to one agent, with pysnmp."""

    def __init__(self, config: PollConfig) -> None:
        try:
            from pysnmp.hlapi.v3arch import asyncio as snmp
        except ImportError as error:
            raise GatewayError(f"ospf.poll: {error}: install the gateway extra, it has pysnmp") from error
        self._snmp: Any = snmp
        self._config = config
        self._target: Any = None
        try:
            self._who, user = self._credentials()
            self._engine = _pysnmp(user)
        except (OSError, ValueError, UnicodeDecodeError) as error:
            raise GatewayError(f"ospf.poll: {config.where}: {error}") from error
        self._context = snmp.ContextData(contextName=config.context.encode())

    def _credentials(self) -> tuple[Any, tuple[str | None, ...]]:
        """What pysnmp calls them, and what makes a user another one."""
        config, snmp = self._config, self._snmp

        def secret(key: str) -> str | None:
            return config.secret(key, lambda path: Path(path).read_text(encoding="utf-8"))

        if config.user is None:
            return snmp.CommunityData(secret("community"), mpModel=1), ()
        auth_key, priv_key = secret("auth_key"), secret("priv_key")
        who = snmp.UsmUserData(
            config.user,
            auth_key,
            priv_key,
            authProtocol=getattr(snmp, AUTH_PROTOCOLS[config.auth_protocol]),
            privProtocol=getattr(snmp, PRIV_PROTOCOLS[config.priv_protocol]),
        )
        return who, (config.user, config.auth_protocol, auth_key, config.priv_protocol, priv_key)

    async def _open(self) -> None:
        if self._target is None:
            config = self._config
            target = self._snmp.Udp6TransportTarget if ":" in config.router else self._snmp.UdpTransportTarget
            self._target = await target.create(
                (config.router, config.port), timeout=config.timeout_seconds, retries=config.retries
            )

    async def get(self, oid: Oid) -> list[tuple[Oid, Value]]:
        """The scalar; empty when the agent has none."""
        await self._open()
        name = self._snmp.ObjectType(self._snmp.ObjectIdentity(oid))
        return self._rows(
            await self._snmp.get_cmd(self._engine, self._who, self._target, self._context, name, lookupMib=False)
        )

    async def bulk(self, after: Oid) -> list[tuple[Oid, Value]]:
        """What follows `after`; empty at the end of everything the agent has."""
        await self._open()
        name = self._snmp.ObjectType(self._snmp.ObjectIdentity(after))
        return self._rows(
            await self._snmp.bulk_cmd(
                self._engine, self._who, self._target, self._context, 0, self._config.max_repetitions, name,
                lookupMib=False,
            )
        )  # fmt: skip

    def _rows(self, answer: Any) -> list[tuple[Oid, Value]]:
        indication, status, _, varbinds = answer
        if indication:
            raise PollError(self._remedy(indication))
        if int(status):
            text = NO_ACCESS if int(status) in (NO_ACCESS_STATUS, AUTHORIZATION_ERROR) else "a fault of the agent"
            raise PollError(f"the agent answers with {status.prettyPrint()}: {text}")
        rows: list[tuple[Oid, Value]] = []
        for name, value in varbinds:
            if value.tagSet in _EXCEPTIONS:
                break
            rows.append((tuple(name), _plain(value)))
        return rows

    def _remedy(self, indication: Any) -> str:
        kind = type(indication).__name__
        config = self._config
        if kind == "RequestTimedOut":
            text = V3_TIMEOUT if config.user is not None else REMEDIES[kind]
            return f"no answer in {config.timeout_seconds:g} s, asked {config.retries + 1} times: {text}"
        remedy = REMEDIES.get(kind, "")
        return f"{indication}: {remedy}" if remedy else str(indication)

    def close(self) -> None:
        """Let go of the engine's sockets (it is shared: every poller is stopped at the same time)."""
        if self._target is not None and self._engine.transport_dispatcher is not None:
            self._engine.close_dispatcher()
        self._target = None


def _plain(value: Any) -> Value:
    """Octets and addresses as bytes, numbers as int; anything else (an OID of another table) as its text."""
    if hasattr(value, "asOctets"):
        return bytes(value.asOctets())
    return int(value) if hasattr(value, "__int__") else str(value).encode()


def _exceptions() -> frozenset[Any]:
    """noSuchObject, noSuchInstance and endOfMibView (RFC 3416 3) by their tags; none where pysnmp is not installed."""
    try:
        from pysnmp.proto.rfc1905 import EndOfMibView, NoSuchInstance, NoSuchObject
    except ImportError:
        return frozenset()
    return frozenset((NoSuchObject.tagSet, NoSuchInstance.tagSet, EndOfMibView.tagSet))


_EXCEPTIONS = _exceptions()
