import msgspec
import pytest

from ospf.config import AttachConfig
from ospf.errors import OspfConfigError
from ospf.keys import AuthKey


def test_the_smallest_configuration() -> None:
    config = msgspec.convert({"interface": "lan"}, AttachConfig)
    assert config == AttachConfig("lan")
    assert (config.mode, config.area, config.instance, config.network) == (None, None, "default", "auto")
    assert (config.version, config.instance_id, config.keys) == (2, 0, ())
    assert config.router_id_number == 255 and config.area_number is None and config.address_number is None
    assert not config.is_udp


def test_authentication_is_one_table_or_a_list() -> None:
    one = {"type": "md5", "key_id": 7, "key": "secret"}
    other = {"type": "hmac-sha-256", "key_id": 8, "key": "secret"}
    config = msgspec.convert({"interface": "lan", "authentication": one}, AttachConfig)
    assert config.keys == (AuthKey("md5", 7, "secret"),)
    config = msgspec.convert({"interface": "lan", "authentication": [one, other]}, AttachConfig)
    assert [key.key_id for key in config.keys] == [7, 8]
    with pytest.raises((msgspec.ValidationError, OspfConfigError), match="given twice"):
        msgspec.convert({"interface": "lan", "authentication": [one, one | {"type": "hmac-sha-1"}]}, AttachConfig)
    with pytest.raises(msgspec.ValidationError, match="authentication"):
        msgspec.convert({"interface": "lan", "authentication": one | {"keyid": 1}}, AttachConfig)


def test_numbers() -> None:
    config = AttachConfig("udp://127.0.0.1:5000", area="0.0.0.5", router_id="250.0.0.1", address="10.0.0.9")
    assert (config.area_number, config.router_id_number, config.address_number) == (5, 0xFA000001, 0x0A000009)
    assert config.is_udp


@pytest.mark.parametrize(
    "fields",
    [
        {"interface": ""},
        {"instance": ""},
        {"router_id": "0.0.0.0"},
        {"router_id": "255.255.255.255"},
        {"router_id": "one"},
        {"area": "0.0.0"},
        {"address": "10.0.0.256"},
    ],
)
def test_refused_by_reason(fields: dict[str, str]) -> None:
    with pytest.raises(OspfConfigError, match=next(iter(fields))):
        AttachConfig(**({"interface": "lan"} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"interface": "lan", "colour": 1},
        {"interface": "lan", "mode": "active"},
        {"interface": "lan", "poll_seconds": 0.1},
        {"interface": "lan", "max_lsas": 0},
        {"interface": "lan", "network": "nbma"},
        {"interface": "lan", "version": 4},
        {"interface": "lan", "instance_id": 256},
        {"interface": "lan", "router_id": "0.0.0.0"},
    ],
)
def test_refused_from_a_document(document: dict[str, object]) -> None:
    with pytest.raises((msgspec.ValidationError, OspfConfigError)):
        msgspec.convert(document, AttachConfig)


def test_frozen() -> None:
    with pytest.raises(AttributeError):
        AttachConfig("lan").mode = "full"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"interface": "udp://127.0.0.1:5089"}, "OSPFv2 only"),
        ({"interface": "a", "authentication": AuthKey("md5", key="k")}, "not with version = 3"),
    ],
)
def test_what_ospfv3_cannot_have_is_refused(more: dict, why: str) -> None:
    AttachConfig(**more)
    with pytest.raises(OspfConfigError, match=why):
        AttachConfig(**more, version=3)
