import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from gateway.config import (
    Collect,
    ConfigError,
    Export,
    GatewayConfig,
    Http,
    Links,
    Snmp,
    StoreSection,
    View,
    dump,
    endpoint,
    load,
    notes,
    parse,
)
from ospf.config import AttachConfig

SMALLEST = """
state_dir = "/var/lib/anemone"
[[ospf.attach]]
interface = "lan"
mode = "burst"                        # passive | burst | full
[collect]
ipfix = ["udp://10.0.100.9:4739"]
[view]
bin_seconds = 10
l2_overhead_octets = 14               # added per packet, so that octets compare with ifHCOutOctets
[snmp]
listen = ["udp://127.0.0.1:1161"]
communities = { public = ["127.0.0.0/8"] }
[http]
listen = "127.0.0.1:8161"
[[export]]
to = "udp://127.0.0.1:9995"
format = "ipfix"
profile = "all-hops"
"""


def test_the_smallest_configuration_of_the_design(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(SMALLEST)
    config = load(file)
    assert config.ospf.attach[0].interface == "lan"
    assert config.export[0].profile == "all-hops"


def test_dump_is_toml_that_loads_to_the_same() -> None:
    tree = tomllib.loads(SMALLEST)
    tree["names"] = {"10.0.0.1": 'a "quoted" name'}
    tree["links"] = {"capacity": {"10.0.0.1:10.1.0.0/24": 1e9}}
    config = parse(tree)
    assert parse(tomllib.loads(dump(config))) == config
    assert parse(tomllib.loads(dump(GatewayConfig()))) == GatewayConfig()


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"bla": 1}, r"bla: unknown key; known here: state_dir"),
        ({"ospf": {"attach": [{"interface": "lan", "mod": "x"}]}}, r"ospf\.attach\[0\]\.mod: unknown key; .*mode"),
        ({"ospf": {"attach": [{"interface": "lan", "mode": "x"}]}}, r"attach\[0\]\.mode: .*'passive', 'burst', 'full'"),
        ({"ospf": {"attach": {"interface": "lan"}}}, r"ospf\.attach: Expected an array .* write \[\[ospf\.attach\]\]"),
        ({"export": {"to": "udp://127.0.0.1:1"}}, r"write \[\[export\]\]"),
        ({"snmp": {"communities": ["public"]}}, r"snmp\.communities: Expected a table, got an array"),
        ({"ospf": {"attach": [{"interface": ""}]}}, r"interface: empty"),
        ({"view": {"bin_seconds": 0}}, r"view\.bin_seconds: .*>= 1"),
        ({"snmp": {"listen": ["127.0.0.1"]}}, r"snmp\.listen: .*udp://ADDRESS:PORT"),
        ({"snmp": {"communities": {"public": ["127.0.0.0/99"]}}}, r"snmp\.communities\.public"),
        ({"collect": {"ipfix": ["udp://127.0.0.1:99999"]}}, r"collect\.ipfix"),
        ({"export": [{"to": "udp://127.0.0.1:1", "format": "netflow8"}]}, r"export\[0\]\.format"),
        ({"names": {"core": "x"}}, r"names\.core: .*router id"),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(tree: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(tree, "gateway.toml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("a = [")
    with pytest.raises(ConfigError, match="not TOML"):
        load(bad)


def test_safe_defaults() -> None:
    config = GatewayConfig()
    assert not config.snmp.communities
    listening = [*config.snmp.listen, *config.collect.ipfix, "tcp://" + config.http.listen]
    assert {endpoint(url)[1] for url in listening} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"collect": {"ipfix": ["udp://127.0.0.1:0"]}}, "PORT 1-65535"),
        ({"collect": {"ipfix": ["udp://127.0.0.1:4739?x=1"]}}, "expected udp"),
        ({"collect": {"ipfix": ["udp://me@127.0.0.1:4739"]}}, "expected udp"),
        ({"collect": {"ipfix": ["udp://127.0.0.1:4739"] * 2}}, "given twice"),
        ({"collect": {"ipfix": ["tcp://127.0.0.1:4739"]}}, "only udp"),
        ({"snmp": {"listen": ["tcp://127.0.0.1:161"]}}, "only udp"),
        ({"export": [{"to": "tcp://127.0.0.1:9995"}]}, "only udp"),
        ({"links": {"default_capacity_bits_per_second": float("inf")}}, "links.default_capacity_bits_per_second"),
        ({"links": {"capacity": {"10.0.0.1:if1": float("inf")}}}, "links.capacity"),
        ({"snmp": {"communities": {"a b": ["127.0.0.0/8"]}}}, "without blanks"),
        ({"snmp": {"communities": {"public": ["127.0.0.1/8"]}}}, "host bits"),
        ({"snmp": {"communities": {"": ["127.0.0.0/8"]}}}, "without blanks"),
        ({"snmp": {"communities": {"public": []}}}, "no prefix"),
        ({"snmp": {"name": "x" * 256}}, "snmp.name"),
        ({"state_dir": ""}, "state_dir"),
        ({"names": {"10.0.0.1": "a\nb"}}, "printable"),
        ({"ospf": {"attach": [{"interface": "a"}, {"interface": "a"}]}}, "given twice"),
        ({"ospf": {"attach": [{"interface": "a", "area": "0.0.0.1"}, {"interface": "a"}]}}, "twice: set area in each"),
        ({"ospf": {"vendor": "acme"}}, "ospf.vendor: .*'frr'"),
        ({"ospf": {"vendor_of": {"r1": "frr"}}}, "ospf.vendor_of.r1: .* no router id"),
        ({"ospf": {"max_paths_of": {"10.0.0.1": -1}}}, "ospf.max_paths_of"),
    ],
)
def test_what_cannot_work_is_refused_by_check(tree: dict, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        parse(tree)


def test_the_sample_is_sound_with_and_without_its_comments() -> None:
    sample = (Path(__file__).resolve().parents[2] / "packaging" / "gateway.toml").read_text(encoding="utf-8")
    parse(tomllib.loads(sample))
    full = parse(tomllib.loads(re.sub(r'^# (\[|[a-z_"0-9].* = )', r"\1", sample, flags=re.M)))
    assert full.links.capacity and full.names and full.ospf.attach[0].address


def test_the_sample_explains_every_key_and_shows_its_default() -> None:
    sample = (Path(__file__).resolve().parents[2] / "packaging" / "gateway.toml").read_text(encoding="utf-8")

    def keys(kind: type, path: str) -> list[tuple[str, object]]:
        return [(f"{path}{f.name}", f.default) for f in msgspec.structs.fields(kind)]

    tables = {"": GatewayConfig, "[[ospf.attach]]": AttachConfig, "[collect]": Collect, "[view]": View}
    tables |= {"[links]": Links, "[snmp]": Snmp, "[http]": Http, "[store]": StoreSection, "[[export]]": Export}
    sections = re.split(r"^(\[\[?[a-z.]+\]\]?)", sample, flags=re.M)
    texts = {"": sections[0], **dict(zip(sections[1::2], sections[2::2], strict=True))}
    for table, kind in tables.items():
        for name, default in keys(kind, ""):
            if isinstance(default, msgspec.Struct) or name in ("ospf", "export", "names", "capacity"):
                continue  # a table of its own
            found = re.search(rf"^(# )?{name} = (.*?)(?:  +#|$)", texts[table], flags=re.M)
            assert found, f"{table} {name} is not in the sample"
            if found[1] and default is not None and name != "address":
                shown = tomllib.loads(f"x = {found[2]}")["x"]
                assert shown == default, f"{table} {name}: the sample shows {shown}, the default is {default}"


def test_notes_on_what_is_hardly_meant() -> None:
    assert [n.split(":")[0] for n in notes(GatewayConfig())] == [
        "no [[ospf.attach]] and no [[ospf.poll]]",
        "snmp.communities is empty",
    ]
    tree = tomllib.loads(SMALLEST)
    assert notes(parse(tree)) == []
    tree["links"] = {"capacity": {"foo": 1e9, "10.0.0.1:10.0.0.1": 1e9}}
    assert "foo" in notes(parse(tree))[0]


def test_a_router_is_polled_once_and_its_secrets_are_hidden() -> None:
    v3 = {"router": "192.0.2.1", "user": "u", "auth_protocol": "sha", "auth_key": "sesame-1", "priv_protocol": "aes128"}
    v3 |= {"priv_key": "sesame-2"}
    shown = dump(parse({"ospf": {"poll": [{"router": "192.0.2.2", "community": "sesame-3"}, v3]}}))
    assert "sesame" not in shown
    with pytest.raises(ConfigError, match=r"ospf\.poll: '192\.0\.2\.1' is given twice"):
        parse({"ospf": {"poll": [v3, v3]}})


def test_dump_hides_keys() -> None:
    one = {"type": "md5", "key": "sesame"}
    for given in (one, [one, {"type": "none"}]):
        shown = dump(parse({"ospf": {"attach": [{"interface": "a", "authentication": given}]}}))
        assert "sesame" not in shown and 'key = "(hidden)"' in shown
        tomllib.loads(shown)


def test_a_secret_file_that_is_not_there_is_noted(tmp_path: Path) -> None:
    key = tmp_path / "key"
    attach = {"interface": "lan", "authentication": [{"type": "md5", "key_file": str(key)}]}
    poll = {"router": "192.0.2.1", "community_file": "/none"}
    tree = {"snmp": {"communities": {"x": ["::1/128"]}}, "ospf": {"attach": [attach], "poll": [poll]}}
    first, second = notes(parse(tree))
    assert first.startswith(f"ospf.attach[0].authentication.key_file: {key}: no such file")
    assert second.startswith("ospf.poll[0].community_file: /none: no such file")
    key.write_text("sesame\n")
    assert len(notes(parse(tree))) == 1
