"""The templates this project speaks: agents to the gateway (256-261), the gateway to collectors (300-302).

Template ids are fixed, so that a capture can be read without its templates.  Applications travel as
`applicationId` (RFC 6759) of four octets: classification engine 6 (user defined) and a 24-bit selector; their
names travel in an options table.  Flow records are *deltas* for [start, end]; `source` is always the local end
of the reporting host, reverse elements (RFC 5103) carry what it received.

The shape of the two name tables is what real collectors can read.  nfdump (1.7.1 in Debian 12, and later ones)
looks for the key of a row only among the fields behind the scope, can only follow fixed-length fields there,
and needs room for a description no shorter than the name, both together under 254 octets.  So the key is in the
scope, where RFC 6759 wants it, and repeated as a field ("applicationId#2" when decoded; on encoding one column
serves both), and the interface's name is part of the scope.
"""

from __future__ import annotations

from typing import Final

from exporters.ipfix.elements import element
from exporters.ipfix.template import Field, Template
from exporters.ipfix.types import TYPES, VARIABLE

ENGINE_USER_DEFINED: Final = 6  # RFC 6759 4.1: USER-Defined, selector local to the exporter
MAX_SELECTOR: Final = (1 << 24) - 1
APPLICATION_NAME_OCTETS: Final = 96  # on the wire; a longer name is cut
INTERFACE_NAME_OCTETS: Final = 64


def application_id(selector: int) -> int:
    """applicationId of engine 6 for a 24-bit selector, as the uint32 a column holds."""
    return ENGINE_USER_DEFINED << 24 | (selector & MAX_SELECTOR)


def application_selector(identifier: int) -> int:
    """The 24-bit selector of an applicationId."""
    return identifier & MAX_SELECTOR


def template(template_id: int, *fields: str | tuple[str, int], scope_count: int = 0) -> Template:
    """A template from element names; (name, length) where the length is not the type's natural one.

    Strings and octet arrays are variable unless a length is given.
    """
    specifiers = []
    for field in fields:
        name, length = (field, None) if isinstance(field, str) else field
        found = element(name)
        specifiers.append(Field(found, length or TYPES[found.type][1] or VARIABLE))
    return Template(template_id, tuple(specifiers), scope_count)


_APPLICATION: Final = ("applicationId", 4)


def _agent_flow(template_id: int, family: str) -> Template:
    return template(
        template_id,
        "flowStartMilliseconds",
        "flowEndMilliseconds",
        f"source{family}Address",  # the local end
        f"destination{family}Address",  # the remote end
        "sourceTransportPort",
        "destinationTransportPort",
        "protocolIdentifier",
        "ipClassOfService",
        "octetDeltaCount",  # layer 3 octets sent by the local end
        "packetDeltaCount",
        "reverseOctetDeltaCount",  # received
        "reversePacketDeltaCount",
        "biflowDirection",  # 1 the local end opened it, 2 the remote end did, 0 unknown
        "flowEndReason",
        _APPLICATION,
        "attributionMethod",
        "processId",
        "smoothedRttMicroseconds",
        "minimumRttMicroseconds",
        "retransmittedOctetDeltaCount",
        "processName",
        "serviceUnit",
        "userName",
    )


def _agent_host(template_id: int, family: str) -> Template:
    return template(
        template_id,
        "observationDomainId",
        ("agentIdentifier", 16),
        f"source{family}Address",  # one record per own address
        f"source{family}PrefixLength",
        f"ipNextHop{family}Address",  # the default gateway used by that address, 0 = none
        "reportIntervalSeconds",
        "agentLayer",
        "hostName",
        scope_count=1,
    )


def _link_flow(template_id: int, family: str) -> Template:
    return template(
        template_id,
        "flowStartMilliseconds",
        "flowEndMilliseconds",
        f"source{family}Address",
        f"destination{family}Address",
        "sourceTransportPort",
        "destinationTransportPort",
        "protocolIdentifier",
        "ipClassOfService",
        "octetDeltaCount",  # layer 3
        "packetDeltaCount",
        "layer2OctetDeltaCount",
        "ingressInterface",
        "egressInterface",
        "flowDirection",  # 1 = egress
        _APPLICATION,
        "exporterIPv4Address",  # the OSPF router id
        "flowId",  # the same on every hop
        "samplingInterval",  # 1
    )


AGENT_FLOW_V4: Final = _agent_flow(256, "IPv4")
AGENT_FLOW_V6: Final = _agent_flow(257, "IPv6")
AGENT_HOST_V4: Final = _agent_host(258, "IPv4")
AGENT_HOST_V6: Final = _agent_host(259, "IPv6")
APPLICATION_NAMES: Final = template(
    260,
    _APPLICATION,
    _APPLICATION,
    ("applicationName", APPLICATION_NAME_OCTETS),
    ("applicationDescription", APPLICATION_NAME_OCTETS),
    scope_count=1,
)
AGENT_STATISTICS: Final = template(
    261,
    "observationDomainId",
    "exportedMessageTotalCount",
    "exportedFlowRecordTotalCount",
    "exportedOctetTotalCount",
    "kernelEventLostTotalCount",
    "ringDroppedTotalCount",
    "unownedFlowTotalCount",
    scope_count=1,
)
LINK_FLOW_V4: Final = _link_flow(300, "IPv4")
LINK_FLOW_V6: Final = _link_flow(301, "IPv6")
INTERFACE_NAMES: Final = template(
    302,
    "ingressInterface",
    ("interfaceName", INTERFACE_NAME_OCTETS),
    "ingressInterface",
    ("interfaceDescription", INTERFACE_NAME_OCTETS),
    scope_count=2,
)

AGENT_TEMPLATES: Final = (
    AGENT_FLOW_V4,
    AGENT_FLOW_V6,
    AGENT_HOST_V4,
    AGENT_HOST_V6,
    APPLICATION_NAMES,
    AGENT_STATISTICS,
)
LINK_TEMPLATES: Final = (LINK_FLOW_V4, LINK_FLOW_V6, APPLICATION_NAMES, INTERFACE_NAMES)
