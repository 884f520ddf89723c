"""gateway.metrics: the text is what a Prometheus scraper reads."""

from __future__ import annotations

import re

from gateway import metrics
from tests.gateway import published_fake as fake

LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$')


def samples(text: str) -> dict[str, float]:
    """Every sample by name and labels; the format checked on the way (families together, TYPE before samples)."""
    found: dict[str, float] = {}
    typed: list[str] = []
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name = line.split(" ")[2]
            assert name not in typed, "a family comes once"
            typed.append(name)
        elif not line.startswith("# HELP "):
            match = LINE.match(line)
            assert match, line
            name, labels, value = match.groups()
            assert name == typed[-1], "samples follow their TYPE"
            key = f"{name}{{{labels}}}" if labels else name
            assert key not in found, "no sample twice"
            found[key] = float(value)
    return found


def test_links_applications_and_components() -> None:
    found = samples(metrics.render(fake.small(), "9.9"))
    office = 'link="10.255.0.4:10.4.0.0/24",name="west:10.4.0.0/24",router="10.255.0.4",neighbor=""'
    assert found[f"anemone_link_bits_per_second{{{office}}}"] == 92e6
    assert found[f"anemone_link_octets_total{{{office}}}"] == 92e6 * 600 / 8
    assert found[f"anemone_link_up{{{office}}}"] == 1
    assert found[f"anemone_link_capacity_bits_per_second{{{office}}}"] == 100e6
    cell = 'link="10.255.0.4:10.4.0.0/24",application="backup"'
    assert found[f"anemone_link_application_bits_per_second{{{cell}}}"] == 22e6
    assert found['anemone_application_bits_per_second{application="https"}'] == 74e6
    assert found["anemone_decode_sequence_lost"] == 3
    assert found["anemone_udp_kernel_dropped"] == 2
    assert found["anemone_watermark_seconds"] == fake.NOW - 12
    assert sum(v for k, v in found.items() if k.startswith("anemone_agent_live{")) == 2


def test_an_unknown_capacity_has_no_sample() -> None:
    found = samples(metrics.render(fake.small(), "9.9"))
    assert not [k for k in found if k.startswith("anemone_link_capacity") and "10.0.0.17" in k]


def test_names_from_outside_cannot_break_the_format() -> None:
    evil = 'a"} 1\nanemone_link_up{link="x\\'
    published = fake.of_network(
        fake.small_network(),
        [fake.Flow("web", "pc", evil, 1e6)],
        stats={"comp onent\n": {"count er\n# TYPE x": 1.0, "not_a_number": float("nan")}},
    )
    found = samples(metrics.render(published, "9.9"))
    assert 'anemone_application_bits_per_second{application="a\\"} 1\\nanemone_link_up{link=\\"x\\\\"}' in found


def test_empty() -> None:
    assert samples(metrics.render(fake.empty(), "9.9"))["anemone_topology_version"] == 0
