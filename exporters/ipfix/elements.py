"""Information elements by number and by name.

`iana.py` holds the subset of IANA's registry that flow exporters send; `_OWN` holds this project's own
elements under the documentation enterprise number.  **Own numbers are never renumbered or reused**: stored
captures and other people's collectors know them.  Reverse elements (RFC 5103) exist for every IANA element,
under their own enterprise number and the name "reverse" + Name.  An element nobody knows is not an error:
it is an octetArray called "PEN/ID".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from exporters.ipfix.iana import IANA

PEN: Final = 32473  # RFC 5612: the enterprise number for documentation
REVERSE_PEN: Final = 29305  # RFC 5103 6.1


@dataclass(frozen=True, slots=True)
class Element:
    """One information element: `pen` 0 is IANA's own registry; `type` is a key of `types.TYPES`."""

    id: int
    pen: int
    name: str
    type: str


_OWN: Final = (
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
)


def _reverse(element: Element) -> Element:
    # RFC 5103 6.1: same number and type, the name capitalised behind "reverse"
    return Element(element.id, REVERSE_PEN, f"reverse{element.name[0].upper()}{element.name[1:]}", element.type)


_BY_ID: Final[dict[tuple[int, int], Element]] = {}
_BY_NAME: Final[dict[str, Element]] = {}
for _element in (
    *(Element(number, 0, name, kind) for number, name, kind in IANA),
    *(Element(number, PEN, name, kind) for number, name, kind in _OWN),
):
    _BY_ID[_element.pen, _element.id] = _element
    _BY_NAME[_element.name] = _element
for _element in tuple(_BY_NAME.values()):
    if _element.pen == 0:
        _BY_ID[REVERSE_PEN, _element.id] = _BY_NAME[_reverse(_element).name] = _reverse(_element)


def element(name: str) -> Element:
    """The element of this name. Raises KeyError for a name nobody defined (a mistake in our own code)."""
    return _BY_NAME[name]


def by_id(pen: int, number: int) -> Element:
    """The element of this number; an unknown one is an octetArray named "PEN/ID"."""
    return _BY_ID.get((pen, number)) or _unknown(pen, number)


@lru_cache(maxsize=1024)  # bounded: the numbers come from the network
def _unknown(pen: int, number: int) -> Element:
    return Element(number, pen, f"{pen}/{number}", "octetArray")


def own_elements() -> tuple[Element, ...]:
    """This project's own elements, by number."""
    return tuple(_BY_ID[PEN, number] for number, _, _ in _OWN)
