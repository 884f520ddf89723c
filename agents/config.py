"""The agent's configuration: TOML, typed, frozen, unknown keys refused by their dotted name.

The smallest one is two lines, see packaging/agent.toml where every key is explained.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from agents.attribution import Rule
from agents.errors import ConfigError

DEFAULT_STATE_DIR = "/var/lib/anemone"
Port = Annotated[int, Meta(ge=1, le=65535)]


class RuleConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[rule]]`: conditions and the application they mean."""

    application: Annotated[str, Meta(min_length=1, max_length=64)]
    process: str | None = None
    unit: str | None = None
    port: Port | None = None

    def rule(self) -> Rule:
        """As the attribution takes it."""
        return Rule(self.application, self.process, self.unit, self.port)


class AgentConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """All keys of agent.toml."""

    gateway: str
    interval_seconds: Annotated[float, Meta(ge=0.5, le=300)] = 5.0
    state_dir: str = DEFAULT_STATE_DIR
    host_name: str = ""
    user_names: Literal["off", "hash", "name"] = "off"
    datagrams: Literal["auto", "conntrack", "ring", "off"] = "auto"
    idle_timeout_seconds: Annotated[float, Meta(ge=1, le=3600)] = 15.0
    max_flows: Annotated[int, Meta(ge=64, le=4_000_000)] = 65_536
    max_applications: Annotated[int, Meta(ge=16, le=1_000_000)] = 4_096
    attribution_cpu_percent: Annotated[float, Meta(ge=0, le=100)] = 0.5
    observation_domain: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)] = 1
    mtu: Annotated[int, Meta(ge=512, le=65_000)] = 1_400
    template_refresh_seconds: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    rule: tuple[RuleConfig, ...] = ()

    def gateway_address(self) -> tuple[str, int]:
        """Host and port of the gateway."""
        return _endpoint(self.gateway)


def _endpoint(text: str) -> tuple[str, int]:
    allowed = 'allowed is "udp://HOST:PORT"'
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"gateway: {error}; {allowed}") from error
    if parts.scheme != "udp" or not host or not port or parts.path or parts.query:
        raise ConfigError(f"gateway: {text!r} is not usable; {allowed}")
    return host, port


def dump_config(config: AgentConfig) -> str:
    """The effective configuration as TOML, every key."""
    tree = msgspec.to_builtins(config)
    rules = tree.pop("rule")
    lines = [f"{key} = {_toml(value)}" for key, value in tree.items()]
    for rule in rules:
        lines += ["", "[[rule]]", *(f"{key} = {_toml(value)}" for key, value in rule.items() if value is not None)]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, str) else repr(value)


def state_directory(config: AgentConfig, given: str) -> AgentConfig:
    """With the directory that systemd made for the unit ($STATE_DIRECTORY), unless the file names another."""
    first = given.partition(":")[0]
    if not first or config.state_dir != DEFAULT_STATE_DIR:
        return config
    return msgspec.structs.replace(config, state_dir=first)


def parse_config(text: str) -> AgentConfig:
    """A configuration from TOML text.  Raises ConfigError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML: {error}") from error
    _refuse_unknown(data, AgentConfig, "")
    rules = data.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise ConfigError("rule: expected tables, [[rule]]")
    for place, rule in enumerate(rules):
        _refuse_unknown(rule, RuleConfig, f"rule[{place}].")
    try:
        config = msgspec.convert(data, AgentConfig)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise ConfigError(f"{where.strip('`.') or 'agent.toml'}: {what}") from error
    _endpoint(config.gateway)
    return config


def _refuse_unknown(data: Mapping[str, Any], kind: type[Struct], prefix: str) -> None:
    for key in data:
        if key not in kind.__struct_fields__:
            raise ConfigError(f"{prefix}{key}: unknown key; allowed are {', '.join(kind.__struct_fields__)}")


def load_config(path: Path) -> AgentConfig:
    """A configuration from a file.  Raises ConfigError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        return parse_config(text)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
