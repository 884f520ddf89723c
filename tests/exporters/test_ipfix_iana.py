"""exporters/ipfix/iana.py: spot checks by hand here; every name against tshark's own table below."""

from __future__ import annotations

import subprocess

import pytest

from exporters.ipfix.iana import IANA
from exporters.ipfix.types import TYPES
from tests.require import require_programs


def test_numbers_and_names_occur_once_in_order() -> None:
    numbers = [number for number, _, _ in IANA]
    assert numbers == sorted(set(numbers))
    assert len({name for _, name, _ in IANA}) == len(IANA)


def test_types_exist() -> None:
    assert {kind for _, _, kind in IANA} <= set(TYPES)


@pytest.mark.parametrize(
    "row",
    [
        (1, "octetDeltaCount", "unsigned64"),
        (34, "samplingInterval", "unsigned32"),
        (61, "flowDirection", "unsigned8"),
        (82, "interfaceName", "string"),
        (95, "applicationId", "octetArray"),
        (148, "flowId", "unsigned64"),
        (152, "flowStartMilliseconds", "dateTimeMilliseconds"),
        (239, "biflowDirection", "unsigned8"),
        (352, "layer2OctetDeltaCount", "unsigned64"),
        (371, "userName", "string"),
        (405, "originalObservationDomainId", "unsigned32"),
    ],
)
def test_the_elements_we_send(row: tuple[int, str, str]) -> None:
    assert row in IANA


@pytest.mark.peer
def test_names_are_those_of_wireshark_where_it_uses_ianas() -> None:
    """Wireshark keeps Cisco's names for the oldest numbers (capitals); the others are IANA's."""
    tshark = require_programs("tshark")["tshark"]
    lines = subprocess.run([tshark, "-G", "values"], capture_output=True, text=True, timeout=60).stdout.splitlines()
    prefix = "V\tcflow.template_ipfix_field_type\t"
    theirs = {int(line.split("\t")[2], 0): line.split("\t")[3] for line in lines if line.startswith(prefix)}
    pairs = [(number, name, theirs[number]) for number, name, _ in IANA if theirs.get(number, "A")[0].islower()]
    older = {213, 214, 215}  # Wireshark says collectorInterface, collectorProtocolVersion, ...TransportProtocol
    assert len(pairs) > 150
    assert [pair for pair in pairs if pair[1] != pair[2] and pair[0] not in older] == []
