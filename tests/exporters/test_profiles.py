"""exporters/profiles.py: the templates as they go over the wire."""

from __future__ import annotations

import pytest

from exporters import profiles
from exporters.ipfix.template import Template
from exporters.ipfix.types import VARIABLE
from tests.exporters.samples import assert_round_trip

ALL = tuple(dict.fromkeys((*profiles.AGENT_TEMPLATES, *profiles.LINK_TEMPLATES)))


@pytest.mark.parametrize("template", ALL, ids=lambda template: str(template.template_id))
@pytest.mark.parametrize("rows", [1, 7, 600])
def test_round_trip(template: Template, rows: int) -> None:
    assert_round_trip(template, rows)


def test_ids_never_change() -> None:
    ids = {name: value.template_id for name, value in vars(profiles).items() if isinstance(value, Template)}
    assert ids == {
        "AGENT_FLOW_V4": 256,
        "AGENT_FLOW_V6": 257,
        "AGENT_HOST_V4": 258,
        "AGENT_HOST_V6": 259,
        "APPLICATION_NAMES": 260,
        "AGENT_STATISTICS": 261,
        "LINK_FLOW_V4": 300,
        "LINK_FLOW_V6": 301,
        "INTERFACE_NAMES": 302,
    }


def test_flow_of_an_agent_is_readable_by_names() -> None:
    assert profiles.AGENT_FLOW_V4.names == (
        "flowStartMilliseconds", "flowEndMilliseconds", "sourceIPv4Address", "destinationIPv4Address",
        "sourceTransportPort", "destinationTransportPort", "protocolIdentifier", "ipClassOfService",
        "octetDeltaCount", "packetDeltaCount", "reverseOctetDeltaCount", "reversePacketDeltaCount",
        "biflowDirection", "flowEndReason", "applicationId", "attributionMethod", "processId",
        "smoothedRttMicroseconds", "minimumRttMicroseconds", "retransmittedOctetDeltaCount",
        "processName", "serviceUnit", "userName",
    )  # fmt: skip


def test_link_flow_is_of_fixed_length() -> None:
    assert profiles.LINK_FLOW_V4.fixed_length == 83
    assert profiles.LINK_FLOW_V6.fixed_length == 107


def test_options_have_a_scope_and_flows_have_none() -> None:
    scopes = {template.template_id: template.scope_count for template in ALL}
    assert scopes == {256: 0, 257: 0, 258: 1, 259: 1, 260: 1, 261: 1, 300: 0, 301: 0, 302: 2}


def test_name_tables_are_what_nfdump_can_follow() -> None:
    for template in (profiles.APPLICATION_NAMES, profiles.INTERFACE_NAMES):
        scope, fields = template.fields[: template.scope_count], template.fields[template.scope_count :]
        assert scope[0] == fields[0]  # the key behind the scope too
        assert all(field.length != VARIABLE for field in template.fields)
    name, description = profiles.APPLICATION_NAMES.fields[2:]
    assert name.length <= description.length
    assert name.length + description.length <= 253


def test_application_id() -> None:
    assert profiles.application_id(5) == 0x06000005
    assert profiles.application_selector(profiles.application_id(0xABCDEF)) == 0xABCDEF
    assert profiles.application_id(1 << 24) == 0x06000000
