import pytest

from mibs import ber, message
from mibs.errors import BerDecodeError
from tests.mibs.ask import encode_request

SYS_UP_TIME = (1, 3, 6, 1, 2, 1, 1, 3, 0)
# As net-snmp 5.9.3 sent it: snmpget -v2c -c public HOST .1.3.6.1.2.1.1.3.0
CAPTURED = bytes.fromhex("302902010104067075626c6963a01c020465344246020100020100300e300c06082b060102010103000500")


def test_a_captured_request() -> None:
    envelope = message.read_envelope(CAPTURED)
    assert (envelope.version, envelope.community, envelope.pdu_tag) == (message.VERSION_2C, b"public", message.GET)
    request = message.read_request(CAPTURED, envelope)
    assert (request.request_id, request.first, request.second) == (1697923654, 0, 0)
    assert request.names == [bytes.fromhex("2b06010201010300")]
    assert encode_request(message.GET, [SYS_UP_TIME], request_id=1697923654) == CAPTURED


def test_response() -> None:
    envelope = message.read_envelope(CAPTURED)
    varbind = ber.encode_varbind(SYS_UP_TIME, ber.encode_integer(99, ber.TIME_TICKS))
    answer = message.encode_response(envelope.head, 1697923654, 0, 0, varbind)
    expected = "302a02010104067075626c6963a21d020465344246020100020100300f300d06082b06010201010300430163"
    assert answer.hex() == expected
    failed = message.encode_response(envelope.head, -2, message.NOT_WRITABLE, 3, b"")
    assert failed.hex() == "301802010104067075626c6963a20b0201fe0201110201033000"


def test_longer_encodings_are_read_and_not_repeated() -> None:
    long_head = bytes.fromhex("0202000104810670") + b"ublic"
    body = CAPTURED[13:]
    data = ber.encode(ber.SEQUENCE, long_head + body)
    envelope = message.read_envelope(data)
    assert envelope.head == bytes.fromhex("02010104067075626c6963")
    assert message.read_request(data, envelope).request_id == 1697923654


@pytest.mark.parametrize("cut", range(len(CAPTURED)))
def test_every_truncation_is_refused(cut: int) -> None:
    with pytest.raises(BerDecodeError):
        message.read_request(CAPTURED[:cut], message.read_envelope(CAPTURED[:cut]))


@pytest.mark.parametrize(
    ("place", "octets"),
    [
        (0, "31"),  # not a SEQUENCE
        (1, "28"),  # the message ends before its PDU
        (2, "04"),  # version is no integer
        (5, "02"),  # community is an integer
        (14, "1b"),  # PDU shorter than its contents
        (27, "31"),  # bindings are a SET
        (28, "0d"),  # bindings end early
        (29, "31"),  # a binding is a SET
        (30, "0b"),  # a binding ends early
        (31, "04"),  # the name is a string
        (32, "0a"),  # the name swallows the value
    ],
)
def test_wrong_octets_are_refused(place: int, octets: str) -> None:
    data = bytearray(CAPTURED)
    data[place] = int(octets, 16)
    with pytest.raises(BerDecodeError):
        message.read_request(bytes(data), message.read_envelope(bytes(data)))


def test_trailing_octets_are_refused() -> None:
    """After the message, after the PDU in it, after the bindings, after a value."""
    head, pdu = CAPTURED[2:13], CAPTURED[15:]
    fields, varbind = pdu[:12], pdu[14:]
    assert rebuilt(head, fields, varbind, b"", b"", b"", b"") == CAPTURED
    extra = b"\x05\x00"
    for place in range(4):
        pieces = [extra if i == place else b"" for i in range(4)]
        data = rebuilt(head, fields, varbind, *pieces)
        with pytest.raises(BerDecodeError):
            message.read_request(data, message.read_envelope(data))


def rebuilt(head: bytes, fields: bytes, varbind: bytes, *after: bytes) -> bytes:
    """`after`: what to add after the message, the PDU, the bindings, the value."""
    binding = ber.encode(ber.SEQUENCE, varbind[2:] + after[3])
    pdu = ber.encode(message.GET, fields + ber.encode(ber.SEQUENCE, binding) + after[2])
    return ber.encode(ber.SEQUENCE, head + pdu + after[1]) + after[0]
