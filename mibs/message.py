"""SNMPv1 and v2c messages (RFC 1157, RFC 1901, RFC 3416) as far as a command responder needs them.

A message is read strictly: every length opens a window that its contents must fill, integers are 32 bits,
nothing may follow.  Values in a request are skipped, never decoded.  Left out: building requests, traps,
SNMPv3.
"""

from __future__ import annotations

from dataclasses import dataclass

from mibs import ber
from mibs.errors import BerDecodeError

VERSION_1 = 0
VERSION_2C = 1

GET = 0xA0
GET_NEXT = 0xA1
RESPONSE = 0xA2
SET = 0xA3
TRAP_V1 = 0xA4
GET_BULK = 0xA5
REQUESTS = frozenset((GET, GET_NEXT, SET, GET_BULK))

NO_ERROR = 0
TOO_BIG = 1
NO_SUCH_NAME = 2
GENERAL_ERROR = 5
NOT_WRITABLE = 17
SHORTEST_HEAD = 5  # octets of version and community besides the community itself
NO_ERRORS = b"\x02\x01\x00\x02\x01\x00"  # error-status and error-index


@dataclass(frozen=True, slots=True)
class Envelope:
    """Version and community, before anybody looked at the PDU."""

    version: int
    community: bytes
    head: bytes  # version and community elements; the response repeats them
    pdu_tag: int
    pdu_start: int
    pdu_end: int


@dataclass(frozen=True, slots=True)
class Request:
    """`first` is the error-status or non-repeaters field, `second` error-index or max-repetitions."""

    request_id: int
    first: int
    second: int
    names: list[bytes]  # BER contents of the names
    varbinds: bytes  # the variable bindings as they came (for errors, which repeat them)


def read_envelope(data: bytes) -> Envelope:
    """Raises BerDecodeError."""
    size = len(data)
    tag, start, end = ber.read_header(data, 0, size)
    if tag != ber.SEQUENCE:
        raise BerDecodeError("no sequence")
    if end != size:
        raise BerDecodeError("octets after the message", end)
    version, position = ber.read_integer(data, start, end)
    tag, community_start, community_end = ber.read_header(data, position, end)
    if tag != ber.OCTET_STRING:
        raise BerDecodeError("no community", position)
    pdu_tag, pdu_start, pdu_end = ber.read_header(data, community_end, end)
    if pdu_end != end:
        raise BerDecodeError("octets after the PDU", pdu_end)
    community = data[community_start:community_end]
    head = data[start:community_end]
    if len(head) != SHORTEST_HEAD + len(community):  # not the shortest encoding: do not repeat it
        head = ber.encode_integer(version) + ber.encode(ber.OCTET_STRING, community)
    return Envelope(version, community, head, pdu_tag, pdu_start, pdu_end)


def read_request(data: bytes, envelope: Envelope) -> Request:
    """Raises BerDecodeError."""
    end = envelope.pdu_end
    request_id, position = ber.read_integer(data, envelope.pdu_start, end)
    first, position = ber.read_integer(data, position, end)
    second, position = ber.read_integer(data, position, end)
    tag, list_start, list_end = ber.read_header(data, position, end)
    if tag != ber.SEQUENCE or list_end != end:
        raise BerDecodeError("variable bindings do not fill the PDU", position)
    names = []
    position = list_start
    while position < list_end:
        tag, start, stop = ber.read_header(data, position, list_end)
        if tag != ber.SEQUENCE:
            raise BerDecodeError("variable binding is no sequence", position)
        tag, name_start, name_stop = ber.read_header(data, start, stop)
        if tag != ber.OBJECT_IDENTIFIER:
            raise BerDecodeError("variable binding without a name", start)
        _, _, value_stop = ber.read_header(data, name_stop, stop)
        if value_stop != stop:
            raise BerDecodeError("octets after a value", value_stop)
        names.append(data[name_start:name_stop])
        position = stop
    return Request(request_id, first, second, names, data[list_start:list_end])


def encode_response(head: bytes, request_id: int, status: int, index: int, varbinds: bytes) -> bytes:
    errors = NO_ERRORS if not status else ber.encode_integer(status) + ber.encode_integer(index)
    body = ber.encode_integer(request_id) + errors + ber.encode(ber.SEQUENCE, varbinds)
    return ber.encode(ber.SEQUENCE, head + ber.encode(RESPONSE, body))


def overhead(head: bytes) -> int:
    """Octets of a response besides `head` and the variable bindings, at most, below 64 KiB."""
    return 3 * 4 + 6 + 5 + 5
