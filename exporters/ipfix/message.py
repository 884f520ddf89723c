"""The frame of RFC 7011: message header, sets, template records, in both directions.

Covered: header (3.1), set headers (3.3.2), template records (3.4.1), options template records (3.4.2),
withdrawals (8.1), field specifiers with enterprise numbers (3.2), padding of any octets shorter than a
record (3.3.1).  A length field opens a window that must be used up: nothing here looks beyond the slice it
was given. Left out: stream framing of TCP (the caller cuts messages by the length in their header).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from exporters.errors import IpfixDecodeError, IpfixEncodeError
from exporters.ipfix.elements import by_id
from exporters.ipfix.template import FIRST_DATA_SET, OPTIONS_SET, TEMPLATE_SET, Field, Template

VERSION: Final = 10
HEADER: Final = struct.Struct(">HHIII")  # version, length, export time, sequence number, observation domain
SET_HEADER: Final = struct.Struct(">HH")  # set id, length including this header
ONE_SET: Final = struct.Struct(">HHIIIHH")  # both headers of a message that is one set
_PAIR: Final = struct.Struct(">HH")
_TRIPLE: Final = struct.Struct(">HHH")
_ENTERPRISE: Final = struct.Struct(">I")
_ENTERPRISE_BIT: Final = 0x8000
MAX_MESSAGE_OCTETS: Final = 65535


class Header(NamedTuple):
    """RFC 7011 3.1."""

    length: int
    export_time: int
    sequence: int
    odid: int


class RawSet(NamedTuple):
    """One set: its id and the octets after the set header."""

    set_id: int
    body: memoryview


class Withdrawal(NamedTuple):
    """A template record without fields (RFC 7011 8.1); id 2 or 3 means all templates or all options templates."""

    template_id: int


def split_message(octets: memoryview) -> tuple[Header, list[RawSet]]:
    """Header and sets of the message at the start of `octets`.

    Raises IpfixDecodeError when the version is not 10 or a length leaves its window: then nothing of the
    message may be used (RFC 7011 9).
    """
    if len(octets) < HEADER.size:
        raise IpfixDecodeError("shorter than a message header")
    version, length, export_time, sequence, odid = HEADER.unpack_from(octets)
    if version != VERSION:
        raise IpfixDecodeError(f"version {version}")
    if not HEADER.size <= length <= len(octets):
        raise IpfixDecodeError("message length", odid)
    sets = []
    position = HEADER.size
    while position < length:
        if length - position < SET_HEADER.size:
            raise IpfixDecodeError("octets after the last set", odid, 0, position)
        set_id, set_length = SET_HEADER.unpack_from(octets, position)
        if set_length < SET_HEADER.size or set_length > length - position:  # 0 would never advance
            raise IpfixDecodeError("set length", odid, set_id, position)
        sets.append(RawSet(set_id, octets[position + SET_HEADER.size : position + set_length]))
        position += set_length
    return Header(length, export_time, sequence, odid), sets


def parse_templates(
    body: memoryview, *, options: bool, odid: int = 0, max_fields: int = 1024
) -> list[Template | Withdrawal]:
    """Template records of one (options) template set. Raises IpfixDecodeError.

    Fewer than four octets left, or only zeros, are padding.
    """
    set_id = OPTIONS_SET if options else TEMPLATE_SET
    found: list[Template | Withdrawal] = []
    position = 0
    while len(body) - position >= _PAIR.size:
        template_id, count = _PAIR.unpack_from(body, position)
        if template_id == 0 and not any(body[position:]):
            break  # RFC 7011 3.3.1: padding
        if template_id < FIRST_DATA_SET and not (count == 0 and template_id == set_id):
            raise IpfixDecodeError("template id below 256", odid, set_id, position)
        position += _PAIR.size
        if count == 0:  # RFC 7011 8.1
            found.append(Withdrawal(template_id))
            continue
        if count > max_fields:
            raise IpfixDecodeError("too many fields in a template", odid, set_id, position)
        scope_count = 0
        if options:
            if len(body) - position < 2:
                raise IpfixDecodeError("options template cut off", odid, set_id, position)
            scope_count = int.from_bytes(body[position : position + 2], "big")
            position += 2
            if not 0 < scope_count <= count:  # RFC 7011 3.4.2.2: the scope field count must not be zero
                raise IpfixDecodeError("scope field count", odid, set_id, position)
        fields = []
        for _ in range(count):
            if len(body) - position < _PAIR.size:
                raise IpfixDecodeError("template cut off", odid, set_id, position)
            number, length = _PAIR.unpack_from(body, position)
            position += _PAIR.size
            enterprise = 0
            if number & _ENTERPRISE_BIT:  # RFC 7011 3.2
                if len(body) - position < _ENTERPRISE.size:
                    raise IpfixDecodeError("enterprise number cut off", odid, set_id, position)
                (enterprise,) = _ENTERPRISE.unpack_from(body, position)
                position += _ENTERPRISE.size
            fields.append(Field(by_id(enterprise, number & ~_ENTERPRISE_BIT), length))
        template = Template(template_id, tuple(fields), scope_count)
        if template.minimum_length == 0:  # a record of no octets would never advance
            raise IpfixDecodeError("template of no octets", odid, set_id, position)
        found.append(template)
    return found


def encode_template(template: Template) -> bytes:
    """One (options) template record."""
    if template.template_id < FIRST_DATA_SET or not template.fields:
        raise IpfixEncodeError(f"template {template.template_id} with {len(template.fields)} fields")
    if template.scope_count:
        octets = _TRIPLE.pack(template.template_id, len(template.fields), template.scope_count)
    else:
        octets = _PAIR.pack(template.template_id, len(template.fields))
    for field in template.fields:
        if field.element.pen:
            octets += _PAIR.pack(field.element.id | _ENTERPRISE_BIT, field.length)
            octets += _ENTERPRISE.pack(field.element.pen)
        else:
            octets += _PAIR.pack(field.element.id, field.length)
    return octets


def encode_withdrawal(template_id: int, *, options: bool = False) -> bytes:
    """The set that withdraws one template, or with id 2 / 3 all of a kind. Not for UDP (RFC 7011 8.1)."""
    return encode_set(OPTIONS_SET if options else TEMPLATE_SET, [_PAIR.pack(template_id, 0)])


def encode_set(set_id: int, records: Iterable[bytes], *, align: int = 1) -> bytes:
    """A set of ready records, padded with zeros to a multiple of `align` octets (only where a record is longer)."""
    body = b"".join(records)
    padding = -(len(body) + SET_HEADER.size) % align
    return SET_HEADER.pack(set_id, SET_HEADER.size + len(body) + padding) + body + bytes(padding)


def encode_message(odid: int, sequence: int, export_time: int, sets: Sequence[bytes]) -> bytes:
    """A whole message. `sequence`: data records of this domain sent before this message."""
    body = b"".join(sets)
    length = HEADER.size + len(body)
    if length > MAX_MESSAGE_OCTETS:
        raise IpfixEncodeError(f"message of {length} octets")
    return HEADER.pack(VERSION, length, export_time & 0xFFFFFFFF, sequence & 0xFFFFFFFF, odid) + body
