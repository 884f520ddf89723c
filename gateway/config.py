"""gateway.toml: typed, frozen, unknown keys refused with the dotted key and what is allowed.

Every key has a default that is safe: nothing listens beyond loopback unless told to.  `load` reads and checks a
file, `dump` prints the effective configuration as TOML.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from gateway.errors import ConfigError
from gateway.pollconfig import PollConfig
from ospf.archivefile import DEFAULT_DAYS, DEFAULT_OCTETS
from ospf.areas import Options
from ospf.config import AttachConfig
from ospf.errors import OspfError
from ospf.thresholds import AnomalyConfig
from ospf.wire import address_number

Seconds = Annotated[float, Meta(gt=0, le=86400)]
Bits = Annotated[float, Meta(ge=0, le=1e15)]
Octets = Annotated[int, Meta(ge=0, le=1000)]
HIDDEN = "(hidden)"  # instead of a key in what `dump` prints
WORDS = {
    "object": "a table", "array": "an array [...]", "str": "a string", "int": "a whole number", "float": "a number",
}  # fmt: skip


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every table: frozen, keyword-only, closed."""


# Equal-cost next hops a router uses unless it is configured otherwise.
MAX_PATHS = {"frr": 64, "bird": 16, "ios": 4, "nx-os": 8, "junos": 16}
Paths = Annotated[int, Meta(ge=0, le=1024)]
Vendor = Literal["frr", "bird", "ios", "nx-os", "junos"]


class Ospf(Section, frozen=True):
    """How routers choose where vendors differ, and where to listen."""

    attach: tuple[AttachConfig, ...] = ()
    poll: tuple[PollConfig, ...] = ()  # databases read over SNMP, for areas nobody is attached to
    rfc1583_compatibility: bool = False  # RFC 2328 16.4.1: choose among paths to an ASBR by cost alone
    abr: Literal["rfc3509", "rfc2328"] = "rfc3509"  # what an ABR that lost the backbone does
    vendor: Vendor = "frr"  # how many equal-cost next hops a router uses: frr 64, bird 16, ios 4, nx-os 8, junos 16
    vendor_of: dict[str, Vendor] = {}  # router id -> vendor
    max_paths: Paths = 0  # 0: as the vendor does
    max_paths_of: dict[str, Paths] = {}  # router id -> next hops
    archive_octets: Annotated[int, Meta(ge=0, le=1 << 50)] = DEFAULT_OCTETS  # every LSA heard; 0: no archive
    archive_days: Annotated[float, Meta(gt=0, le=36600)] = DEFAULT_DAYS
    anomalies: AnomalyConfig = AnomalyConfig()

    def options(self) -> Options:
        """The same for the ospf package."""
        own = {address_number(router): MAX_PATHS[vendor] for router, vendor in self.vendor_of.items()}
        own |= {address_number(router): paths for router, paths in self.max_paths_of.items() if paths}
        return Options(
            rfc1583_compatibility=self.rfc1583_compatibility,
            abr=self.abr,
            max_paths=self.max_paths or MAX_PATHS[self.vendor],
            max_paths_of=own,
            listeners=frozenset(one.router_id_number for one in self.attach),
        )


class Collect(Section, frozen=True):
    ipfix: tuple[str, ...] = ("udp://127.0.0.1:4739",)
    queue_datagrams: Annotated[int, Meta(ge=64, le=1_000_000)] = 65536
    receive_buffer_octets: Annotated[int, Meta(ge=4096, le=1 << 30)] = 8 << 20
    sessions: Annotated[int, Meta(ge=1, le=1_000_000)] = 20_000
    late_seconds: Seconds = 600.0  # records older than this are counted and left out


class View(Section, frozen=True):
    bin_seconds: Annotated[float, Meta(ge=1, le=3600)] = 10.0
    l2_overhead_octets: Octets = 14
    agent_interval_seconds: Seconds = 5.0  # assumed until an agent states its own
    applications: Annotated[int, Meta(ge=8, le=65536)] = 4096


class Links(Section, frozen=True):
    """Capacities in bits per second, by link id ("router:interface"); 0 = unknown."""

    default_capacity_bits_per_second: Bits = 0.0
    capacity: dict[str, Bits] = {}


class Snmp(Section, frozen=True):
    listen: tuple[str, ...] = ("udp://127.0.0.1:1161",)
    communities: dict[str, tuple[str, ...]] = {}
    contact: Annotated[str, Meta(max_length=255)] = ""
    location: Annotated[str, Meta(max_length=255)] = ""
    name: Annotated[str, Meta(max_length=255)] = "anemone"
    interface_type: Annotated[int, Meta(ge=1, le=300)] = 6  # ifType served; 6 is found by every NMS


class Http(Section, frozen=True):
    listen: str = "127.0.0.1:8161"


class Export(Section, frozen=True):
    to: str
    format: Literal["ipfix"] = "ipfix"
    profile: Literal["all-hops"] = "all-hops"
    template_refresh_seconds: Annotated[float, Meta(ge=1, le=600)] = 60.0


class StoreSection(Section, frozen=True):
    flush_seconds: Annotated[float, Meta(ge=0.5, le=300)] = 5.0
    rollup_days: Annotated[float, Meta(gt=0, le=3660)] = 7.0


class GatewayConfig(Section, frozen=True):
    state_dir: Annotated[str, Meta(min_length=1)] = "/var/lib/anemone"
    run_dir: str = ""  # empty: /run/anemone when writable, else state_dir
    ospf: Ospf = Ospf()
    collect: Collect = Collect()
    view: View = View()
    links: Links = Links()
    names: dict[str, str] = {}  # router id -> name shown
    snmp: Snmp = Snmp()
    http: Http = Http()
    store: StoreSection = StoreSection()
    export: tuple[Export, ...] = ()


def load(path: str | Path) -> GatewayConfig:
    """Read and check a gateway.toml; ConfigError names the dotted key and the remedy."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    return parse(tree, str(path))


def parse(tree: dict[str, Any], where: str = "configuration") -> GatewayConfig:
    """Check a parsed TOML tree."""
    try:
        config = msgspec.convert(tree, GatewayConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_explain(str(error))}") from error
    except OspfError as error:
        raise ConfigError(f"{where}: ospf.attach: {error}") from error
    taken: set[tuple[str, str]] = set()
    for key, value in _endpoints(config):
        try:
            scheme, _, _ = endpoint(value)
        except ConfigError as error:
            raise ConfigError(f"{where}: {key}: {error}") from None
        if scheme != ("tcp" if key == "http.listen" else "udp"):
            raise ConfigError(f"{where}: {key}: {value}: only udp:// so far")
        if (key, value) in taken:
            raise ConfigError(f"{where}: {key}: {value} is given twice")
        taken.add((key, value))
    _attachments(where, config.ospf)
    for community, sources in config.snmp.communities.items():
        if not re.fullmatch(r"[!-~]{1,255}", community):
            known = "1 to 255 printable ASCII characters without blanks"
            raise ConfigError(f"{where}: snmp.communities: {community!r}: expected {known}")
        if not sources:
            raise ConfigError(f"{where}: snmp.communities.{community}: no prefix; expected one such as 127.0.0.0/8")
        for source in sources:
            _network(f"{where}: snmp.communities.{community}", source)
    for router, name in config.names.items():
        _address(f"{where}: names.{router}", router)
        if not name or not name.isprintable():
            raise ConfigError(f"{where}: names.{router}: {name!r}: expected a name of printable characters")
    return config


def _attachments(where: str, ospf: Ospf) -> None:
    """Each segment once, and router ids that are router ids."""
    segments = [(one.interface, one.version, one.instance_id) for one in ospf.attach]
    areas = [(*segment, one.area_number) for segment, one in zip(segments, ospf.attach, strict=True)]
    if len(set(areas)) < len(areas):
        raise ConfigError(f"{where}: ospf.attach: {max(areas, key=areas.count)[0]!r} is given twice")
    for segment, one in zip(segments, ospf.attach, strict=True):
        if segments.count(segment) > 1 and one.area is None:
            raise ConfigError(f"{where}: ospf.attach: {one.interface!r} is given twice: set area in each of them")
    polled = [(one.router, one.port, one.instance, one.context) for one in ospf.poll]
    if len(set(polled)) < len(polled):
        raise ConfigError(f"{where}: ospf.poll: {max(polled, key=polled.count)[0]!r} is given twice")
    for key in ("vendor_of", "max_paths_of"):
        for router in getattr(ospf, key):
            _address(f"{where}: ospf.{key}.{router}", router)


def _endpoints(config: GatewayConfig) -> list[tuple[str, str]]:
    pairs = [("collect.ipfix", url) for url in config.collect.ipfix]
    pairs += [("snmp.listen", url) for url in config.snmp.listen]
    pairs += [("export.to", export.to) for export in config.export]
    pairs += [("http.listen", "tcp://" + config.http.listen)]
    return pairs


def endpoint(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of udp://HOST:PORT; ConfigError with the expected form otherwise."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{url!r}: {error}; expected udp://ADDRESS:PORT") from None
    more = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("udp", "tcp") or not parts.hostname or not port or more:
        raise ConfigError(f"{url!r}: expected udp://ADDRESS:PORT, PORT 1-65535")
    return parts.scheme, parts.hostname, port


def _network(key: str, text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}; expected a prefix such as 127.0.0.0/8") from None


def _address(key: str, text: str) -> None:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        raise ConfigError(f"{key}: {text!r} is no router id; expected four octets such as 10.0.0.1") from None


def _explain(message: str) -> str:
    """msgspec's `... - at `$.ospf.attach[0].mode`` as `ospf.attach[0].mode: ...`, with the known keys."""
    match = re.search(r"(.*?) - at `\$\.?(.*?)`$", message)
    text, key = match.groups() if match else (message, "")
    unknown = re.search(r"contains unknown field `(.*?)`", text)
    if unknown:
        dotted = f"{key}.{unknown.group(1)}" if key else unknown.group(1)
        known = ", ".join(_known_keys(key))
        return f"{dotted}: unknown key; known here: {known}"
    if text.startswith("Invalid enum value"):
        text += "; allowed: " + ", ".join(map(repr, getattr(_type_at(key), "__args__", ())))
    elif text == "Expected `array`, got `object`" and _struct(_type_at(key)) is not None:
        text += f"; write [[{key}]], it may stand several times"
    text = re.sub("^Object missing required field (`.*?`)", r"the key \1 is missing", text)
    text = re.sub("`(object|array|str|int|float)`", lambda found: WORDS[found.group(1)], text)
    return f"{key}: {text}" if key else text


def _known_keys(dotted: str) -> list[str]:
    return [f.name for f in msgspec.structs.fields(_struct(_type_at(dotted)) or GatewayConfig)]


def _type_at(dotted: str) -> Any:
    """The type of the key at `dotted`."""
    kind: Any = GatewayConfig
    for part in re.sub(r"\[.*?\]", "", dotted).split("."):
        table = _struct(kind)
        kind = {f.name: f.type for f in msgspec.structs.fields(table)}.get(part, kind) if table else kind
    return kind


def _struct(kind: Any) -> Any:
    """The table `kind` is or holds; None: neither."""
    found = [a for a in (kind, *getattr(kind, "__args__", ())) if isinstance(a, type) and issubclass(a, msgspec.Struct)]
    return found[0] if found else None


def notes(config: GatewayConfig) -> list[str]:
    """What is allowed but hardly meant."""
    out = []
    if not config.ospf.attach and not config.ospf.poll:
        out.append("no [[ospf.attach]] and no [[ospf.poll]]: without a topology no flow is placed on a link")
    if not config.snmp.communities:
        out.append("snmp.communities is empty: SNMP is not served")
    strange = sorted(key for key in config.links.capacity if ":" not in key)
    if strange:
        allowed = '"ROUTER-ID:INTERFACE", as `anemone links` shows it'
        out.append(f"links.capacity: {', '.join(strange)}: no link id; expected {allowed}")
    missing = [f"{where}: {path}" for where, path in _secrets(config) if not Path(path).exists()]
    out.extend(f"{each}: no such file: the gateway will not start without it" for each in missing)
    return out


def _secrets(config: GatewayConfig) -> Iterator[tuple[str, str]]:
    """(key, file) of the secrets that stand in files."""
    for number, attach in enumerate(config.ospf.attach):
        given = attach.authentication
        for key in given if isinstance(given, tuple | list) else (given,):
            if key is not None and key.key_file is not None:
                yield f"ospf.attach[{number}].authentication.key_file", key.key_file
    for number, poll in enumerate(config.ospf.poll):
        for name in ("community_file", "auth_key_file", "priv_key_file"):
            if (path := getattr(poll, name)) is not None:
                yield f"ospf.poll[{number}].{name}", path


def dump(config: GatewayConfig) -> str:
    """The effective configuration as TOML; keys are not shown."""
    lines: list[str] = []
    tree = msgspec.to_builtins(config)
    for attach in tree["ospf"]["attach"]:
        given = attach["authentication"]
        for key in [given] if isinstance(given, dict) else given or ():
            key["key"] = key["key"] and HIDDEN
    for poll in tree["ospf"]["poll"]:
        for name in ("community", "auth_key", "priv_key"):
            poll[name] = poll[name] and HIDDEN
    _dump_table(tree, "", lines)
    return "\n".join(lines).strip() + "\n"


def _dump_table(tree: dict[str, Any], prefix: str, lines: list[str]) -> None:
    tables = {k: v for k, v in tree.items() if isinstance(v, dict)}
    arrays = {k: v for k, v in tree.items() if isinstance(v, list | tuple) and v and isinstance(v[0], dict)}
    for key, value in tree.items():
        if value is not None and key not in tables and key not in arrays:
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in tables.items():
        name = f"{prefix}{_key(key)}"
        lines += ["", f"[{name}]"]
        _dump_table(value, f"{name}.", lines)
    for key, rows in arrays.items():
        name = f"{prefix}{_key(key)}"
        for row in rows:
            lines += ["", f"[[{name}]]"]
            _dump_table(row, f"{name}.", lines)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return repr(value)
