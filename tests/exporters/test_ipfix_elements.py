"""exporters/ipfix/elements.py"""

from __future__ import annotations

import pytest

from exporters.ipfix.elements import PEN, REVERSE_PEN, Element, by_id, element, own_elements


def test_own_elements_are_never_renumbered() -> None:
    assert [(e.id, e.name, e.type) for e in own_elements()] == [
        (1, "processName", "string"),
        (2, "processId", "unsigned32"),
        (3, "cgroupPath", "string"),
        (4, "serviceUnit", "string"),
        (5, "agentIdentifier", "octetArray"),
        (6, "hostName", "string"),
        (7, "agentLayer", "unsigned8"),
        (8, "attributionMethod", "unsigned8"),
        (9, "smoothedRttMicroseconds", "unsigned32"),
        (10, "minimumRttMicroseconds", "unsigned32"),
        (11, "retransmittedOctetDeltaCount", "unsigned64"),
        (12, "kernelEventLostTotalCount", "unsigned64"),
        (13, "unownedFlowTotalCount", "unsigned64"),
        (14, "reportIntervalSeconds", "unsigned32"),
        (15, "ringDroppedTotalCount", "unsigned64"),
    ]
    assert {e.pen for e in own_elements()} == {PEN} == {32473}


def test_by_name_and_by_number_agree() -> None:
    assert element("octetDeltaCount") is by_id(0, 1)
    assert element("processName") is by_id(PEN, 1)


def test_reverse_elements() -> None:
    # RFC 5103 6.1
    assert element("reverseOctetDeltaCount") == Element(1, REVERSE_PEN, "reverseOctetDeltaCount", "unsigned64")
    assert by_id(29305, 2).name == "reversePacketDeltaCount"
    assert by_id(29305, 60000).name == "29305/60000"


def test_unknown_is_octets_under_its_number() -> None:
    assert by_id(9, 12332) == Element(12332, 9, "9/12332", "octetArray")
    assert by_id(0, 20000).name == "0/20000"


def test_a_name_nobody_defined_is_our_own_mistake() -> None:
    with pytest.raises(KeyError):
        element("octetDeltaCnt")
