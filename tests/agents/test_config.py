from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.config import AgentConfig, RuleConfig, dump_config, load_config, parse_config, state_directory
from agents.errors import ConfigError

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
GATEWAY = 'gateway = "udp://10.0.100.9:4739"\n'


def test_the_smallest_configuration() -> None:
    config = parse_config(GATEWAY + "interval_seconds = 5\n")
    assert config.gateway_address() == ("10.0.100.9", 4739)
    assert (config.interval_seconds, config.user_names, config.datagrams) == (5, "off", "auto")
    assert parse_config('gateway = "udp://[fd00::9]:4739"').gateway_address() == ("fd00::9", 4739)


def test_the_unit_has_a_state_directory_of_its_own() -> None:
    """Two units must not share one: systemd moves that of a dynamic user to /var/lib/private and back."""
    plain, own = parse_config(GATEWAY), parse_config(GATEWAY + 'state_dir = "/srv/a"\n')
    assert state_directory(plain, "/var/lib/anemone-agent").state_dir == "/var/lib/anemone-agent"
    assert state_directory(own, "/var/lib/anemone-agent") == own
    assert state_directory(plain, "") == plain
    directories = [
        re.findall(r"^StateDirectory=(.*)$", (PACKAGING / "systemd" / f"anemone-{unit}.service").read_text(), re.M)
        for unit in ("agent", "gateway")
    ]
    assert directories == [["anemone-agent"], ["anemone"]]


def test_rules() -> None:
    config = parse_config(GATEWAY + '[[rule]]\napplication = "shop"\nprocess = "java*"\nport = 8443\n')
    assert [rule.rule().application for rule in config.rule] == ["shop"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "gateway"),
        ("gateway = 5", "gateway: Expected `str`"),
        ('gateway = "tcp://h:1"', 'allowed is "udp://HOST:PORT"'),
        ('gateway = "udp://h:99999"', "gateway"),
        ('gateway = "udp://h"', "udp://HOST:PORT"),
        (GATEWAY + "intervall = 5", "intervall: unknown key; allowed are gateway, interval_seconds"),
        (GATEWAY + "interval_seconds = 0.1", "interval_seconds: Expected `float` >= 0.5"),
        (GATEWAY + 'user_names = "yes"', "user_names"),
        (GATEWAY + '[[rule]]\napplication = "x"\nports = 5', "rule[0].ports: unknown key"),
        (GATEWAY + '[[rule]]\napplication = "x"\nport = 0', "rule[0].port: Expected `int` >= 1"),
        (GATEWAY + "rule = 5", "rule: expected tables"),
        ("gateway =", "not TOML"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        parse_config(text)


def test_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent"):
        load_config(tmp_path / "absent")
    (tmp_path / "bad.toml").write_text("colour = 1")
    with pytest.raises(ConfigError, match=r"bad\.toml: colour"):
        load_config(tmp_path / "bad.toml")


def test_the_sample_explains_every_key_with_its_default() -> None:
    sample = (PACKAGING / "agent.toml").read_text()
    assert load_config(PACKAGING / "agent.toml").interval_seconds == 5
    uncommented = re.sub(r"^# (\[\[|[a-z_]+ = )", r"\1", sample, flags=re.M)
    config = parse_config(uncommented)
    assert len(config.rule) == 1
    for key in AgentConfig.__struct_fields__:
        assert re.search(rf"^{key} = |^\[\[{key}\]\]", uncommented, re.M), key
        if key not in ("gateway", "rule"):
            assert getattr(config, key) == getattr(AgentConfig(gateway=""), key), key
    for key in RuleConfig.__struct_fields__:
        assert re.search(rf"^{key} = ", uncommented, re.M), key


def test_dump_is_toml_that_parses_to_the_same() -> None:
    text = 'gateway = "udp://10.0.0.1:4739"\n[[rule]]\napplication = "a \\"b\\""\nport = 80\n'
    config = parse_config(text)
    assert parse_config(dump_config(config)) == config
