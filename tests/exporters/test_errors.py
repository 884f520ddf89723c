"""exporters/errors.py"""

from __future__ import annotations

from exporters.errors import ExportersError, IpfixDecodeError, IpfixEncodeError


def test_one_root() -> None:
    assert issubclass(IpfixDecodeError, ExportersError)
    assert issubclass(IpfixEncodeError, ExportersError)


def test_a_decode_error_says_where() -> None:
    error = IpfixDecodeError("set length", 7, 256, 16)
    assert (error.reason, error.odid, error.set_id, error.offset) == ("set length", 7, 256, 16)
    assert str(error) == "set length (domain 7, set 256, octet 16)"
